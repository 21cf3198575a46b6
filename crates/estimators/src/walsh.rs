//! Walsh (Hadamard) codes: each parameter switches between ±α in its own row of a Hadamard matrix, and the output is
//! correlated with that row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::PerParameter;

use crate::error::{EstimatorError, amplitudes};
use crate::filter::LowPass;
use crate::instrument::InstrumentSettings;
use crate::kind::estimator;
use crate::readout::{Channel, Reference, Window};
use crate::scheme::{Combination, Measurement, Perturbation, RecordScheme, Waveform, check_weights, samples_in};

/// A measurement with Walsh (Hadamard) codes, of all parameters at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Walsh {
    /// Sampling rate (Hz); that of `[sampling]` in a scenario.
    #[serde(skip)]
    pub rate_hz: f64,
    /// Chips (time slots) in a period, a power of two above the number of parameters; the smallest possible if not
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chips: Option<usize>,
    /// Periods of the code in the record.
    #[serde(default = "one")]
    pub periods: usize,
    /// Duration of the record, for all parameters (s).
    pub duration_s: f64,
    /// Amplitude (V).
    pub amplitude_volt: PerParameter,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSettings,
}

fn one() -> usize {
    1
}

/// Entry of the Hadamard matrix in natural order.
#[must_use]
pub fn walsh(row: usize, chip: usize) -> f64 {
    if (row & chip).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}

impl Walsh {
    /// One period of the shortest code, with one amplitude \[V\].
    #[must_use]
    pub fn new(rate_hz: f64, duration_s: f64, amplitude_volt: f64) -> Self {
        Self {
            rate_hz,
            chips: None,
            periods: 1,
            duration_s,
            amplitude_volt: PerParameter::All(amplitude_volt),
            instrument: InstrumentSettings::default(),
        }
    }

    /// The measurement of `parameters` derivatives, all at once.
    ///
    /// # Errors
    /// If a setting is out of range or a chip would be shorter than one sample.
    pub fn build(&self, parameters: usize) -> Result<Measurement, EstimatorError> {
        let samples = samples_in(self.duration_s, self.rate_hz, 2)?;
        check_weights("duration_s", self.duration_s, samples, parameters, "parameters")?;
        let amplitude_volt = amplitudes(&self.amplitude_volt.to_vec(), parameters)?;
        let chips = self.chips.unwrap_or_else(|| (parameters + 1).next_power_of_two());
        if !chips.is_power_of_two() || chips <= parameters {
            return Err(EstimatorError::setting(
                "chips",
                chips,
                format!("must be a power of two above the number of parameters ({parameters})"),
            ));
        }
        if chips > samples {
            return Err(EstimatorError::setting(
                "chips",
                chips,
                format!("must be at most the number of samples ({samples})"),
            ));
        }
        if self.periods == 0 {
            return Err(EstimatorError::setting("periods", 0, "must be at least 1"));
        }
        let fits = |total: &usize| *total <= samples;
        let Some(total) = chips.checked_mul(self.periods).filter(fits) else {
            return Err(EstimatorError::setting(
                "periods",
                self.periods,
                format!("{chips} chips in each do not fit into {samples} samples: must be 1 to {}", samples / chips),
            ));
        };
        let chip_samples = samples / total;
        let code = |m: usize, c: usize| walsh(m + 1, c % chips);
        let perturbations = (0..parameters)
            .map(|m| Perturbation {
                parameter: m,
                waveform: Waveform::Levels(
                    (0..total).map(|c| (c * chip_samples, amplitude_volt[m] * code(m, c))).collect(),
                ),
            })
            .collect();
        let channels = (0..parameters)
            .map(|m| Channel {
                reference: Reference::One,
                windows: (0..total)
                    .map(|c| Window {
                        start: c * chip_samples,
                        length: chip_samples,
                        factor: code(m, c) / (total as f64 * amplitude_volt[m]),
                    })
                    .collect(),
            })
            .collect();
        Ok(Measurement {
            rate_hz: self.rate_hz,
            samples,
            parameters,
            derivatives: parameters,
            filter: LowPass::Mean,
            records: vec![RecordScheme { perturbations, channels, derivative_of_channel: (0..parameters).collect() }],
            combination: Combination::Linear,
        })
    }
}

estimator!(Walsh);
