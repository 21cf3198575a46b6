//! What real converters and wires do to the perturbation and to the output.

use ndarray::Array2;

use crate::error::EstimatorError;

/// A converter of 2^bits equally spaced levels; values beyond its range clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Converter {
    low: f64,
    step: f64,
    levels: f64,
}

impl Converter {
    /// With levels from `low` to `high`, both included.
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

    /// Expected level for a Gaussian value of given mean and standard deviation.
    #[must_use]
    pub fn expected(&self, mean: f64, standard_deviation: f64) -> f64 {
        if standard_deviation <= 0.0 {
            return self.convert(mean);
        }
        let index = |value: f64| ((value - self.low) / self.step).round().clamp(0.0, self.levels);
        let first = index(mean - 10.0 * standard_deviation);
        let last = index(mean + 10.0 * standard_deviation);
        let mut sum = first;
        let mut k = first;
        while k < last {
            let threshold = self.low + (k + 0.5) * self.step;
            sum +=
                0.5 * statrs::function::erf::erfc((threshold - mean) / (standard_deviation * std::f64::consts::SQRT_2));
            k += 1.0;
        }
        self.low + self.step * sum
    }
}

/// Departures of the instrument from the ideal one. The default is ideal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Instrument {
    /// Resolution and range of the voltages applied \[V\].
    pub dac: Option<Converter>,
    /// Resolution and range of the current read \[nA\].
    pub adc: Option<Converter>,
    /// The voltages change only at every this many samples (0 and 1: at every sample).
    pub hold_samples: usize,
    /// The output answers this many samples late.
    pub delay_samples: usize,
    /// Sines grow to full amplitude, and steps are linear, over this time \[s\].
    pub ramp_s: f64,
}

impl Instrument {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If the ramp is negative or not finite.
    pub fn checked(self) -> Result<Self, EstimatorError> {
        if self.ramp_s.is_finite() && self.ramp_s >= 0.0 {
            Ok(self)
        } else {
            Err(EstimatorError::setting("estimator.instrument.ramp_s", self.ramp_s, "must be zero or positive"))
        }
    }

    /// Whether the perturbation is a linear function of the levels that an estimator asks for.
    #[must_use]
    pub fn drives_linearly(&self) -> bool {
        self.dac.is_none()
    }

    /// Whether every sample depends on the levels of its own window only.
    #[must_use]
    pub fn is_instantaneous(&self) -> bool {
        self.hold_samples <= 1 && self.delay_samples == 0 && self.ramp_s <= 0.0
    }

    /// Turns the perturbation asked for into the voltages that act on each sample of the output, shape
    /// (samples, parameters) \[V\].
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

    #[test]
    fn hold_and_delay_shift_the_drive() {
        let instrument = Instrument { hold_samples: 2, delay_samples: 1, ..Instrument::default() };
        let asked = Array2::from_shape_fn((6, 1), |(n, _)| n as f64 + 1.0);
        let got: Vec<f64> = instrument.applied(&[0.0], asked).into_iter().collect();
        assert_eq!(got, [0.0, 1.0, 1.0, 3.0, 3.0, 5.0]);
    }
}
