use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dopant_network::{Domain, DopantNetwork, Generate, RateLawEntry};

use crate::failure::Failure;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    Rectangle,
    Disc,
}

/// Make a device at random and write its file. Defaults: boron in silicon at 77 K, eight electrodes.
#[derive(Debug, Args)]
pub(super) struct GenerateDevice {
    /// Outline.
    #[arg(long, value_enum, default_value = "rectangle")]
    shape: Shape,
    /// Width of a rectangle (nm).
    #[arg(long, default_value_t = 60.0)]
    width: f64,
    /// Height of a rectangle (nm).
    #[arg(long, default_value_t = 60.0)]
    height: f64,
    /// Radius of a disc (nm).
    #[arg(long, default_value_t = 30.0)]
    radius: f64,
    /// Depth in which dopants lie (nm); 0 for a plane.
    #[arg(long, default_value_t = 0.0)]
    thickness: f64,
    /// Number of acceptors.
    #[arg(long, default_value_t = 30)]
    acceptors: usize,
    /// Number of donors.
    #[arg(long, default_value_t = 3)]
    donors: usize,
    /// Number of electrodes.
    #[arg(long, default_value_t = 8)]
    electrodes: usize,
    /// Width of the electrodes (nm); a twentieth of the boundary if not given, but at most half of what there is for each.
    #[arg(long)]
    electrode_width: Option<f64>,
    /// Least distance of two dopants (nm).
    #[arg(long, default_value_t = 1.0)]
    least_distance: f64,
    /// Temperature (K).
    #[arg(long, default_value_t = 77.0)]
    temperature: f64,
    /// Relative permittivity.
    #[arg(long, default_value_t = 11.7)]
    permittivity: f64,
    /// Attempt frequency (Hz).
    #[arg(long, default_value_t = 1e12)]
    attempt_frequency: f64,
    /// Localization radius (nm); a quarter of the mean distance of acceptors if not given.
    #[arg(long)]
    localization_radius: Option<f64>,
    /// Reorganization energy (eV): Marcus rates instead of Miller-Abrahams.
    #[arg(long)]
    reorganization: Option<f64>,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File to write; printed if not given.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

impl GenerateDevice {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let thickness_nm = self.thickness;
        let description = Generate {
            domain: match self.shape {
                Shape::Rectangle => Domain::Rectangle { width_nm: self.width, height_nm: self.height, thickness_nm },
                Shape::Disc => Domain::Disc { radius_nm: self.radius, thickness_nm },
            },
            acceptors: self.acceptors,
            donors: self.donors,
            electrodes: self.electrodes,
            electrode_width_nm: self.electrode_width,
            least_distance_nm: self.least_distance,
            temperature_kelvin: self.temperature,
            relative_permittivity: self.permittivity,
            attempt_frequency_hz: self.attempt_frequency,
            localization_radius_nm: self.localization_radius,
            rate_law: match self.reorganization {
                None => RateLawEntry::MillerAbrahams,
                Some(reorganization_ev) => RateLawEntry::Marcus { reorganization_ev },
            },
            seed: self.seed,
        }
        .describe()?;
        // what cannot be simulated is not written
        DopantNetwork::from_description(&description)?;
        let text = serde_json::to_string_pretty(&description).expect("plain data");
        match self.output {
            None => say!("{text}"),
            Some(path) => {
                std::fs::write(&path, text + "\n")
                    .map_err(|e| Failure::BadInput(format!("cannot write `{}`: {e}", path.display())))?;
                say!("{}", path.display());
            }
        }
        Ok(())
    }
}
