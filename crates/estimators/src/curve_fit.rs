//! Derivative of a polynomial fitted to a measured current-voltage curve (B25 Figs. 2b and 2e fit cubics to 50 of them).
//!
//! A least-squares fit is linear in the currents, so it is a linear readout: one weight for each point of the curve.
//! The basis polynomials are orthogonal over the voltages (G. E. Forsythe, J. SIAM 5, 74 (1957)), which keeps the fit
//! well-conditioned up to the highest degree allowed.

use device::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{PerParameter, SettingError};

use crate::error::EstimatorError;
use crate::filter::LowPass;
use crate::instrument::InstrumentSettings;
use crate::kind::{Estimator, EstimatorKind, Surroundings};
use crate::readout::{Channel, Reference, Window};
use crate::scheme::{Combination, Measurement, Perturbation, RecordScheme, Scheme, Waveform, samples_in};

/// Highest degree allowed.
pub const HIGHEST_DEGREE: usize = 9;

/// A measurement by polynomials fitted to current-voltage curves, for one parameter after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurveFit {
    /// Sampling rate (Hz); that of `[sampling]` in a scenario.
    #[serde(skip)]
    pub rate_hz: f64,
    /// Degree of the polynomial.
    #[serde(default = "cubic")]
    pub degree: usize,
    /// Number of voltages, each held equally long.
    pub points: usize,
    /// Lowest and highest voltage (V); the range of the device if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<[f64; 2]>,
    /// Duration of a curve (s).
    pub duration_s: f64,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSettings,
}

fn cubic() -> usize {
    3
}

/// Weights of the currents at `x` whose weighted sum is the derivative at `at` of the least-squares polynomial.
fn derivative_weights(x: &[f64], degree: usize, at: f64) -> Vec<f64> {
    let mut weights = vec![0.0; x.len()];
    let (mut before, mut here) = (vec![0.0; x.len()], vec![1.0; x.len()]);
    // value and slope at the operating point of the last two polynomials
    let ((mut value_before, mut slope_before), (mut value, mut slope)) = ((0.0, 0.0), (1.0, 0.0));
    let mut norm_before = 1.0;
    for order in 0..=degree {
        let norm: f64 = here.iter().map(|p| p * p).sum();
        for (w, p) in weights.iter_mut().zip(&here) {
            *w += slope * p / norm;
        }
        let centre = here.iter().zip(x).map(|(p, x)| x * p * p).sum::<f64>() / norm;
        let coupling = if order == 0 { 0.0 } else { norm / norm_before };
        let next: Vec<f64> =
            here.iter().zip(&before).zip(x).map(|((p, q), x)| (x - centre) * p - coupling * q).collect();
        (before, here) = (here, next);
        let next_value = (at - centre) * value - coupling * value_before;
        let next_slope = value + (at - centre) * slope - coupling * slope_before;
        (value_before, slope_before, value, slope) = (value, slope, next_value, next_slope);
        norm_before = norm;
    }
    weights
}

impl CurveFit {
    /// Cubics fitted to curves of `points` voltages each, over the range of the device.
    #[must_use]
    pub fn new(rate_hz: f64, duration_s: f64, points: usize) -> Self {
        let instrument = InstrumentSettings::default();
        Self { rate_hz, degree: cubic(), points, range_volt: None, duration_s, instrument }
    }

    /// The measurement of the derivatives of `device` at an operating point \[V\], one curve after the other, in which
    /// one parameter takes all voltages in increasing order and the others stay. The current at a voltage is the mean
    /// of its samples.
    ///
    /// # Errors
    /// If a setting is out of range, there is no range of voltages, or an operating point lies outside its curve.
    pub fn build(&self, device: &dyn Device, operating_point_volt: &[f64]) -> Result<Measurement, EstimatorError> {
        let ranges_volt = match (self.range_volt, device.range_volt()) {
            (Some([low, high]), _) => vec![(low, high); operating_point_volt.len()],
            (None, Some((low, high))) => low.into_iter().zip(high).collect(),
            (None, None) => {
                let reason = "and the device has no ranges of its own: give [lowest, highest] voltage of the curve";
                return Err(EstimatorError::Missing { field: "range_volt", reason });
            }
        };
        let samples = samples_in(self.duration_s, self.rate_hz, 2)?;
        if !(1..=HIGHEST_DEGREE).contains(&self.degree) {
            let allowed = format!("must be 1 to {HIGHEST_DEGREE}");
            return Err(EstimatorError::setting("degree", self.degree, allowed));
        }
        if self.points <= self.degree || self.points > samples {
            let allowed = format!("must be above the degree ({}) and at most the samples ({samples})", self.degree);
            return Err(EstimatorError::setting("points", self.points, allowed));
        }
        let parameters = operating_point_volt.len();
        let hold = samples / self.points;
        let curves = ranges_volt.into_iter().zip(operating_point_volt).enumerate();
        let records = curves.map(|(m, (range_volt, at))| self.record(m, range_volt, *at, hold));
        let records = records.collect::<Result<_, _>>()?;
        Ok(Measurement {
            rate_hz: self.rate_hz,
            samples,
            parameters,
            derivatives: parameters,
            filter: LowPass::Mean,
            records,
            combination: Combination::Linear,
        })
    }

    /// The curve of parameter `m` between two voltages, with the operating point `at` \[V\] and `hold` samples at each.
    fn record(&self, m: usize, (low, high): (f64, f64), at: f64, hold: usize) -> Result<RecordScheme, EstimatorError> {
        const KEY: &str = "range_volt";
        let found = format!("[{low}, {high}]");
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(EstimatorError::setting(KEY, found, "must be two voltages, the lower one first"));
        }
        if !(low..=high).contains(&at) {
            let allowed = format!("must hold the operating point of parameter {} ({at} V)", m + 1);
            return Err(EstimatorError::setting(KEY, found, allowed));
        }
        // from -1 to 1 over the curve
        let half = 0.5 * (high - low);
        let place = |k: usize| 2.0 * k as f64 / (self.points - 1) as f64 - 1.0;
        let places: Vec<f64> = (0..self.points).map(place).collect();
        let weights = derivative_weights(&places, self.degree, (at - low) / half - 1.0);
        let levels = places.iter().enumerate().map(|(k, x)| (k * hold, low + half * (x + 1.0) - at)).collect();
        let window = |(k, w): (usize, &f64)| Window { start: k * hold, length: hold, factor: w / half };
        Ok(RecordScheme {
            perturbations: vec![Perturbation { parameter: m, waveform: Waveform::Levels(levels) }],
            channels: vec![Channel {
                reference: Reference::One,
                windows: weights.iter().enumerate().map(window).collect(),
            }],
            derivative_of_channel: vec![m],
        })
    }
}

impl Estimator for CurveFit {
    fn scheme(&self, device: &dyn Device, operating_point_volt: &[f64]) -> Result<Scheme, EstimatorError> {
        self.build(device, operating_point_volt).map(Scheme::from)
    }

    fn instrument(&self) -> InstrumentSettings {
        self.instrument.clone()
    }
}

impl EstimatorKind for CurveFit {
    fn build(&self, around: &Surroundings) -> Result<Scheme, SettingError> {
        let Some((device, operating_point_volt)) = around.operating_point else {
            let message = "found \"curve-fit\": it fits a curve around a fixed operating point, but training moves it";
            return Err(SettingError::new("kind", message));
        };
        let sampled = Self { rate_hz: around.rate_hz, ..self.clone() };
        Ok(sampled.build(device, operating_point_volt)?.into())
    }

    fn amplitude_volt(&self) -> Option<&PerParameter> {
        None
    }

    fn instrument(&self) -> &InstrumentSettings {
        &self.instrument
    }
}

#[cfg(test)]
mod tests {
    use device::Linear;

    use super::*;

    fn fit(degree: usize, points: usize) -> CurveFit {
        CurveFit { degree, range_volt: Some([-0.6, 0.6]), ..CurveFit::new(10_000.0, 0.121, points) }
    }

    fn device() -> Linear {
        Linear::new(vec![1.0], 0.0).unwrap()
    }

    /// The reading for a known curve I(V).
    fn reading(fit: &CurveFit, at: f64, current: impl Fn(f64) -> f64) -> f64 {
        let measurement = fit.build(&device(), &[at]).unwrap();
        let volt = measurement.perturbation_volt(0, 0.0);
        let weights = measurement.weights(0);
        weights.iter().zip(&volt).map(|(w, v)| w * current(v + at)).sum()
    }

    #[test]
    fn the_derivative_of_a_polynomial_up_to_the_degree_is_exact() {
        let cubic = |v: f64| 20.0 + 60.0 * v + 45.0 * v * v - 110.0 * v * v * v;
        for at in [-0.6, -0.2, 0.1, 0.6] {
            let slope = 60.0 + 90.0 * at - 330.0 * at * at;
            for (degree, points) in [(3, 4), (3, 121), (5, 121), (9, 121)] {
                let found = reading(&fit(degree, points), at, cubic);
                assert!((found - slope).abs() < 1e-9, "degree {degree}, {points} points at {at} V: {found} {slope}");
            }
        }
        let ninth = reading(&fit(9, 121), 0.5, |v| v.powi(9));
        assert!((ninth / (9.0 * 0.5_f64.powi(8)) - 1.0).abs() < 1e-9, "{ninth}");
    }

    /// A straight line fitted to equally spaced points: the slope Σ (x − x̄) y / Σ (x − x̄)², for any curve.
    #[test]
    fn a_straight_line_is_the_regression_line() {
        let curve = |v: f64| (3.0 * v).sin() + v.powi(4);
        let volts: Vec<f64> = (0..11).map(|k| -0.6 + 0.12 * f64::from(k)).collect();
        let slope = volts.iter().map(|v| v * curve(*v)).sum::<f64>() / volts.iter().map(|v| v * v).sum::<f64>();
        for at in [-0.3, 0.4] {
            assert!((reading(&fit(1, 11), at, curve) - slope).abs() < 1e-12);
        }
    }

    #[test]
    fn curves_that_cannot_be_fitted_are_refused() {
        for (fit, at, key) in [
            (fit(0, 121), 0.1, "degree"),
            (fit(10, 121), 0.1, "degree"),
            (fit(3, 3), 0.1, "points"),
            (fit(3, 1211), 0.1, "points"),
            (fit(3, 121), 0.7, "range_volt"),
            (CurveFit { range_volt: Some([0.6, -0.6]), ..fit(3, 121) }, 0.1, "range_volt"),
            (CurveFit { range_volt: None, ..fit(3, 121) }, 0.1, "range_volt` is missing"),
        ] {
            let message = fit.build(&device(), &[at]).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
