//! Finite differences: two levels for each parameter, each low-pass filtered over half the record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::PerParameter;

use crate::error::{EstimatorError, amplitudes};
use crate::filter::FilterSettings;
use crate::instrument::InstrumentSettings;
use crate::kind::estimator;
use crate::readout::{Channel, Reference, Window};
use crate::scheme::{Combination, Measurement, Perturbation, RecordScheme, Waveform, check_weights, samples_in};

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

/// A measurement by finite differences: the two levels of each parameter, one parameter after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiniteDifferences {
    /// Sampling rate (Hz); that of `[sampling]` in a scenario.
    #[serde(skip)]
    pub rate_hz: f64,
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

impl FiniteDifferences {
    /// Central differences with one step \[V\]. Override fields as in `FiniteDifferences { difference:
    /// Difference::Forward, ..FiniteDifferences::new(…) }`.
    #[must_use]
    pub fn new(rate_hz: f64, duration_s: f64, amplitude_volt: f64) -> Self {
        Self {
            rate_hz,
            difference: Difference::Central,
            duration_s,
            amplitude_volt: PerParameter::All(amplitude_volt),
            filter: FilterSettings::default(),
            instrument: InstrumentSettings::default(),
        }
    }

    /// The measurement of `parameters` derivatives, one after the other.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn build(&self, parameters: usize) -> Result<Measurement, EstimatorError> {
        let samples = samples_in(self.duration_s, self.rate_hz, 16)?;
        check_weights("duration_s", self.duration_s, samples, parameters, "parameters")?;
        let amplitude_volt = amplitudes(&self.amplitude_volt.to_vec(), parameters)?;
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

estimator!(FiniteDifferences);
