//! Settings of a randomly generated device.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Domain, Generate};

/// Outline of a generated network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `width_nm` by `height_nm`.
    #[default]
    Rectangle,
    /// Of `radius_nm`.
    Disc,
}

/// A randomly generated dopant network; the defaults describe boron in silicon at 77 K.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateSettings {
    /// Outline.
    pub shape: Shape,
    /// Width of a rectangle (nm).
    pub width_nm: f64,
    /// Height of a rectangle (nm).
    pub height_nm: f64,
    /// Radius of a disc (nm).
    pub radius_nm: f64,
    /// Thickness of the layer of dopants (nm); 0 for a plane.
    pub thickness_nm: f64,
    /// Number of acceptors.
    pub acceptors: usize,
    /// Number of donors.
    pub donors: usize,
    /// Number of electrodes, evenly spaced along the boundary.
    pub electrodes: usize,
    /// Smallest distance between two dopants (nm).
    pub least_distance_nm: f64,
    /// Temperature (K).
    pub temperature_kelvin: f64,
    /// Relative permittivity.
    pub relative_permittivity: f64,
    /// Attempt frequency (Hz).
    pub attempt_frequency_hz: f64,
    /// Localization radius (nm); a quarter of the mean distance between acceptors if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub localization_radius_nm: Option<f64>,
    /// Seed of the positions.
    pub seed: u64,
}

impl Default for GenerateSettings {
    fn default() -> Self {
        let d = Generate::default();
        Self {
            shape: Shape::Rectangle,
            width_nm: d.domain.size_nm(),
            height_nm: d.domain.size_nm(),
            radius_nm: 0.5 * d.domain.size_nm(),
            thickness_nm: d.domain.thickness_nm(),
            acceptors: d.acceptors,
            donors: d.donors,
            electrodes: d.electrodes,
            least_distance_nm: d.least_distance_nm,
            temperature_kelvin: d.temperature_kelvin,
            relative_permittivity: d.relative_permittivity,
            attempt_frequency_hz: d.attempt_frequency_hz,
            localization_radius_nm: d.localization_radius_nm,
            seed: d.seed,
        }
    }
}

impl GenerateSettings {
    /// The input of the generator.
    #[must_use]
    pub fn generate(&self) -> Generate {
        let thickness_nm = self.thickness_nm;
        Generate {
            domain: match self.shape {
                Shape::Rectangle => {
                    Domain::Rectangle { width_nm: self.width_nm, height_nm: self.height_nm, thickness_nm }
                }
                Shape::Disc => Domain::Disc { radius_nm: self.radius_nm, thickness_nm },
            },
            acceptors: self.acceptors,
            donors: self.donors,
            electrodes: self.electrodes,
            least_distance_nm: self.least_distance_nm,
            temperature_kelvin: self.temperature_kelvin,
            relative_permittivity: self.relative_permittivity,
            attempt_frequency_hz: self.attempt_frequency_hz,
            localization_radius_nm: self.localization_radius_nm,
            seed: self.seed,
            ..Generate::default()
        }
    }
}
