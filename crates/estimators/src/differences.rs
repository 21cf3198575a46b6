//! Finite differences: two levels for each parameter, each low-pass filtered over half the record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{PerParameter, SettingError};

use crate::error::{EstimatorError, amplitudes};
use crate::filter::FilterSettings;
use crate::instrument::InstrumentSettings;
use crate::kind::{EstimatorKind, Surroundings};
use crate::readout::{Channel, Reference, Window};
use crate::scheme::{
    Combination, Measurement, Perturbation, RecordScheme, Scheme, Waveform, check_weights, samples_in,
};

/// The two levels compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// 0 and α.
    Forward,
    /// −α and α.
    #[default]
    Central,
}

/// Finite differences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FdSettings {
    /// Central or forward.
    #[serde(default)]
    pub difference: Difference,
    /// Duration of a record, for one parameter (s).
    pub duration_s: f64,
    /// Step (V).
    pub amplitude_volt: PerParameter,
    /// Low-pass of each level.
    #[serde(default)]
    pub filter: FilterSettings,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSettings,
}

impl EstimatorKind for FdSettings {
    fn build(&self, around: &Surroundings) -> Result<Scheme, SettingError> {
        let differences = FiniteDifferences {
            rate_hz: around.rate_hz,
            duration_s: self.duration_s,
            amplitude_volt: self.amplitude_volt.to_vec(),
            difference: self.difference,
            filter: self.filter,
        };
        Ok(Scheme::Fixed(differences.build(around.parameters)?))
    }

    fn amplitude_volt(&self) -> Option<&PerParameter> {
        Some(&self.amplitude_volt)
    }

    fn instrument(&self) -> &InstrumentSettings {
        &self.instrument
    }
}

/// A measurement by finite differences.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteDifferences {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Duration of a record, for one parameter \[s\].
    pub duration_s: f64,
    /// Step α \[V\]; one for all, or one for each parameter.
    pub amplitude_volt: Vec<f64>,
    /// Forward or central.
    pub difference: Difference,
    /// Low-pass of each level, settled at half the duration.
    pub filter: FilterSettings,
}

impl FiniteDifferences {
    /// The measurement of `parameters` derivatives, one after the other.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn build(&self, parameters: usize) -> Result<Measurement, EstimatorError> {
        let samples = samples_in(self.duration_s, self.rate_hz, 16)?;
        check_weights("duration_s", self.duration_s, samples, parameters, "parameters")?;
        let amplitude_volt = amplitudes(&self.amplitude_volt, parameters)?;
        let half = samples / 2;
        let records = (0..parameters)
            .map(|m| {
                let alpha = amplitude_volt[m];
                let (low, scale) = match self.difference {
                    Difference::Forward => (0.0, 1.0 / alpha),
                    Difference::Central => (-alpha, 0.5 / alpha),
                };
                let windows = vec![
                    Window { start: 0, length: half, factor: -scale },
                    Window { start: half, length: half, factor: scale },
                ];
                RecordScheme {
                    perturbations: vec![Perturbation {
                        parameter: m,
                        waveform: Waveform::Levels(vec![(0, low), (half, alpha)]),
                    }],
                    channels: vec![Channel { reference: Reference::One, windows }],
                    derivative_of_channel: vec![m],
                }
            })
            .collect();
        Ok(Measurement {
            rate_hz: self.rate_hz,
            samples,
            parameters,
            derivatives: parameters,
            filter: self.filter.low_pass(half, self.rate_hz)?,
            records,
            combination: Combination::Linear,
        })
    }
}
