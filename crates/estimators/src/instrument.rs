//! Effects of real converters and wiring on the perturbation and the output.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dynamics::Dynamics;
use crate::error::EstimatorError;

/// Resolution and range of a converter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConverterSettings {
    /// Number of bits.
    pub bits: u32,
    /// Lowest level (V for the DAC, nA for the ADC).
    pub low: f64,
    /// Highest level (V for the DAC, nA for the ADC).
    pub high: f64,
}

/// Deviations from an ideal instrument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InstrumentSettings {
    /// Converter of the voltages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dac: Option<ConverterSettings>,
    /// Converter of the current.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adc: Option<ConverterSettings>,
    /// Number of samples for which each voltage is held.
    pub hold_samples: usize,
    /// Delay of the output in samples.
    pub delay_samples: usize,
    /// Time over which sines rise to full amplitude and steps ramp linearly (s).
    pub ramp_s: f64,
}

impl InstrumentSettings {
    /// The instrument, for records of `samples` samples at `rate_hz`.
    ///
    /// # Errors
    /// Names the invalid field.
    pub fn build(&self, samples: usize, rate_hz: f64) -> Result<Instrument, EstimatorError> {
        let converter = |field: &'static str, s: &Option<ConverterSettings>| {
            s.as_ref().map(|s| Converter::new(field, s.bits, s.low, s.high)).transpose()
        };
        let instrument = Instrument {
            dac: converter("instrument.dac", &self.dac)?,
            adc: converter("instrument.adc", &self.adc)?,
            hold_samples: self.hold_samples,
            delay_samples: self.delay_samples,
            ramp_s: self.ramp_s,
            dynamics: None,
        };
        instrument.checked(samples, rate_hz)
    }
}

/// A converter with 2^bits equally spaced levels; values beyond its range are clipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Converter {
    low: f64,
    step: f64,
    levels: f64,
}

impl Converter {
    /// Converter with levels from `low` to `high`, inclusive.
    ///
    /// # Errors
    /// If the range is empty or `bits` is not 1 to 32.
    pub fn new(key: &'static str, bits: u32, low: f64, high: f64) -> Result<Self, EstimatorError> {
        if !(1..=32).contains(&bits) {
            return Err(EstimatorError::setting(key, format!("{bits} bits"), "must have 1 to 32 bits"));
        }
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(EstimatorError::setting(key, format!("{low} to {high}"), "must be a range from low to high"));
        }
        let levels = 2.0_f64.powi(bits as i32) - 1.0;
        Ok(Self { low, step: (high - low) / levels, levels })
    }

    /// The nearest level.
    #[must_use]
    pub fn convert(&self, value: f64) -> f64 {
        self.low + self.step * ((value - self.low) / self.step).round().clamp(0.0, self.levels)
    }

    /// Whether a value lies beyond the range and is clipped.
    #[must_use]
    pub fn clips(&self, value: f64) -> bool {
        !(self.low..=self.low + self.step * self.levels).contains(&value)
    }

    /// Expected level for a Gaussian value of given mean and standard deviation.
    #[must_use]
    pub fn expected(&self, mean: f64, standard_deviation: f64) -> f64 {
        if standard_deviation <= 0.0 {
            return self.convert(mean);
        }
        if standard_deviation < FINE * self.step {
            return self.summed(mean, standard_deviation);
        }
        let index = expected_when_fine((mean - self.low) / self.step, standard_deviation / self.step, self.levels);
        self.low + self.step * index
    }

    /// Sum of the probabilities of exceeding each threshold.
    fn summed(&self, mean: f64, standard_deviation: f64) -> f64 {
        let index = |value: f64| ((value - self.low) / self.step).round().clamp(0.0, self.levels);
        let first = index(mean - 10.0 * standard_deviation);
        let last = index(mean + 10.0 * standard_deviation);
        let mut sum = first;
        let mut k = first;
        while k < last {
            let threshold = self.low + (k + 0.5) * self.step;
            sum += tail((threshold - mean) / standard_deviation);
            k += 1.0;
        }
        self.low + self.step * sum
    }
}

/// Standard deviation in steps above which the sum over levels is replaced by an integral.
const FINE: f64 = 100.0;

/// Probability that a standard Gaussian exceeds `z`, and its density.
fn tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2)
}

/// Expected index of the level, with mean and deviation in steps: the sum over thresholds by the Euler-Maclaurin
/// formula, an integral with corrections at the two ends of the range. The error is of sixth order in 1/deviation; at
/// [`FINE`] it is below 1e-14 of a step.
fn expected_when_fine(mean: f64, deviation: f64, levels: f64) -> f64 {
    let [low, high] = [0.0, levels].map(|threshold| (threshold - mean) / deviation);
    // the integral of the tail is density(z) - z tail(z)
    let integral = |z: f64| deviation * (density(z) - z * tail(z));
    let slope = |z: f64| -density(z) / deviation;
    let third = |z: f64| -(z * z - 1.0) * density(z) / deviation.powi(3);
    let between = |of: &dyn Fn(f64) -> f64| of(high) - of(low);
    -between(&integral) - between(&slope) / 24.0 + 7.0 / 5760.0 * between(&third)
}

/// Deviations of the instrument from an ideal one. The default is ideal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Instrument {
    /// Resolution and range of the voltages applied \[V\].
    pub dac: Option<Converter>,
    /// Resolution and range of the current read \[nA\].
    pub adc: Option<Converter>,
    /// Number of samples for which each voltage is held (0 and 1: no hold).
    pub hold_samples: usize,
    /// Delay of the output in samples.
    pub delay_samples: usize,
    /// Time over which sines rise to full amplitude and steps ramp linearly \[s\].
    pub ramp_s: f64,
    /// Dynamics of what lies between the device's current and the noise, if it has any.
    pub dynamics: Option<Dynamics>,
}

impl Instrument {
    /// Checks the numbers for records of `samples` samples at `rate_hz`: no time may exceed the record.
    ///
    /// # Errors
    /// If the ramp is negative or not finite, or hold, delay or ramp are longer than the record.
    pub fn checked(self, samples: usize, rate_hz: f64) -> Result<Self, EstimatorError> {
        let whole = [("instrument.hold_samples", self.hold_samples), ("instrument.delay_samples", self.delay_samples)];
        if let Some((key, found)) = whole.into_iter().find(|(_, n)| *n > samples) {
            return Err(EstimatorError::setting(
                key,
                found,
                format!("must be 0 to {samples}, the samples of a record"),
            ));
        }
        let longest_s = samples as f64 / rate_hz;
        if !(0.0..=longest_s).contains(&self.ramp_s) {
            return Err(EstimatorError::setting(
                "instrument.ramp_s",
                self.ramp_s,
                format!("must be 0 to {longest_s}, the duration of a record"),
            ));
        }
        Ok(self)
    }

    /// Whether the applied perturbation is a linear function of the requested levels.
    #[must_use]
    pub fn applies_linearly(&self) -> bool {
        self.dac.is_none()
    }

    /// Whether every sample depends only on the levels of its own window.
    #[must_use]
    pub fn is_instantaneous(&self) -> bool {
        self.hold_samples <= 1 && self.delay_samples == 0 && self.ramp_s <= 0.0 && self.dynamics.is_none()
    }

    /// Replaces a device's currents \[nA\] of a record by what is read of them, after a rest at `rest_na`.
    pub fn let_pass(&self, current_na: &mut [f64], rest_na: f64, rate_hz: f64) {
        if let Some(dynamics) = self.dynamics {
            dynamics.act_on(current_na, rest_na, rate_hz);
        }
    }

    /// Converts the requested perturbation to the voltages that act on each sample of the output, shape (samples,
    /// parameters) \[V\].
    #[must_use]
    pub fn applied(&self, operating_point_volt: &[f64], perturbation_volt: Array2<f64>) -> Array2<f64> {
        let hold = self.hold_samples.max(1);
        let acting = if hold == 1 && self.delay_samples == 0 {
            perturbation_volt
        } else {
            Array2::from_shape_fn(perturbation_volt.raw_dim(), |(n, m)| match n.checked_sub(self.delay_samples) {
                Some(sent) => perturbation_volt[[sent - sent % hold, m]],
                None => 0.0,
            })
        };
        let mut applied = acting;
        for mut row in applied.rows_mut() {
            for (volt, w) in row.iter_mut().zip(operating_point_volt) {
                *volt += w;
                if let Some(dac) = &self.dac {
                    *volt = dac.convert(*volt);
                }
            }
        }
        applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_level_of_a_noisy_value_is_its_mean_inside_the_range() {
        let adc = Converter::new("adc", 8, -1.0, 1.0).unwrap();
        let step = 2.0 / 255.0;
        assert!((adc.expected(0.1234, 2.0 * step) - 0.1234).abs() < 1e-12);
        assert!((adc.expected(0.1234, 0.0) - adc.convert(0.1234)).abs() < 1e-15);
        assert!((adc.expected(5.0, 0.1) - 1.0).abs() < 1e-12);
    }

    /// The sum over levels and the integral agree at their boundary, also at the ends of the range and beyond.
    #[test]
    fn many_levels_need_not_be_counted() {
        let adc = Converter::new("adc", 12, 0.0, 4095.0).unwrap();
        for deviation in [100.0, 150.0, 400.0] {
            for mean in [-900.0, -100.0, -0.3, 0.0, 17.2, 100.0, 2047.3, 4000.9, 4095.0, 4200.0, 5000.0] {
                let (counted, found) = (adc.summed(mean, deviation), expected_when_fine(mean, deviation, 4095.0));
                // thousands of terms, each rounded, of up to 4095 in all
                assert!((counted - found).abs() < 1e-11, "{mean} ± {deviation}: {counted} and {found}");
            }
        }
        // 2³² levels take no longer than 2¹² a clipped Gaussian at its upper end: 1 - σ/√(2π), and half a level
        let finest = Converter::new("adc", 32, -1.0, 1.0).unwrap();
        let half = finest.expected(1.0, 0.2);
        assert!((half - (1.0 - 0.2 / (2.0 * std::f64::consts::PI).sqrt())).abs() < 2.0 * 2.0_f64.powi(-32), "{half}");
    }

    #[test]
    fn nothing_takes_longer_than_the_record() {
        let of = |hold_samples, delay_samples, ramp_s| Instrument {
            hold_samples,
            delay_samples,
            ramp_s,
            ..Instrument::default()
        };
        assert!(of(500, 500, 0.05).checked(500, 10_000.0).is_ok());
        for (instrument, words) in [
            (of(usize::MAX, 0, 0.0), ["hold_samples", "0 to 500"]),
            (of(0, 501, 0.0), ["delay_samples", "0 to 500"]),
            (of(0, 0, 0.0501), ["ramp_s", "0 to 0.05"]),
            (of(0, 0, f64::NAN), ["ramp_s", "0 to 0.05"]),
            (of(0, 0, -1.0), ["ramp_s", "0 to 0.05"]),
        ] {
            let message = instrument.checked(500, 10_000.0).unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{message}");
        }
    }

    #[test]
    fn hold_and_delay_shift_the_voltages() {
        let instrument = Instrument { hold_samples: 2, delay_samples: 1, ..Instrument::default() };
        let asked = Array2::from_shape_fn((6, 1), |(n, _)| n as f64 + 1.0);
        let got: Vec<f64> = instrument.applied(&[0.0], asked).into_iter().collect();
        assert_eq!(got, [0.0, 1.0, 1.0, 3.0, 3.0, 5.0]);
    }
}
