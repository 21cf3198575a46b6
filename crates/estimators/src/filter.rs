//! Low-pass filters of the readout: the digital Butterworth filter, and the plain mean.

use std::f64::consts::PI;

use num_complex::Complex64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{EstimatorError, positive};

/// Highest order of the Butterworth filter allowed.
pub const HIGHEST_ORDER: usize = 8;

/// One second-order section: `b₀ b₁ b₂ / 1 a₁ a₂`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Section {
    /// Numerator b₀, b₁, b₂.
    pub b: [f64; 3],
    /// Denominator a₁, a₂ (a₀ = 1).
    pub a: [f64; 2],
}

/// Left-half-plane poles of the analog prototype of cut-off 1 rad/s.
fn prototype_poles(order: usize) -> Vec<Complex64> {
    (0..order).map(|k| Complex64::from_polar(1.0, PI * (2 * k + order + 1) as f64 / (2 * order) as f64)).collect()
}

/// Digital Butterworth low-pass by bilinear transform with pre-warping: the sections, and their order, of
/// `scipy.signal.butter(order, cutoff_hz, fs=rate_hz, output="sos")`.
///
/// # Errors
/// If the order is not 1 to 8 or the cut-off is not between 0 and half the sampling rate.
pub fn butterworth(order: usize, cutoff_hz: f64, rate_hz: f64) -> Result<Vec<Section>, EstimatorError> {
    check_order(order)?;
    if !(cutoff_hz > 0.0 && cutoff_hz < 0.5 * rate_hz) {
        return Err(EstimatorError::setting(
            "filter.cutoff_hz",
            format!("{cutoff_hz} Hz"),
            format!(
                "must lie between 0 and half the sampling rate ({} Hz): a longer duration lowers it",
                0.5 * rate_hz
            ),
        ));
    }
    let warped = (PI * cutoff_hz / rate_hz).tan();
    let scaled: Vec<Complex64> = prototype_poles(order).into_iter().map(|p| p * warped).collect();
    let denominator: Complex64 = scaled.iter().map(|s| 1.0 - s).product();
    let gain = (warped.powi(order as i32) / denominator).re;
    let digital = |s: Complex64| (1.0 + s) / (1.0 - s);
    let mut pairs: Vec<Complex64> = scaled.iter().filter(|s| s.im > 1e-12 * warped).map(|&s| digital(s)).collect();
    pairs.sort_by(|p, q| p.norm().total_cmp(&q.norm()));
    let mut sections = Vec::with_capacity(order.div_ceil(2));
    if order % 2 == 1 {
        let pole = digital(Complex64::new(-warped, 0.0)).re;
        let b = if order == 1 { [1.0, 1.0, 0.0] } else { [1.0, 2.0, 1.0] };
        sections.push(Section { b, a: [-pole, 0.0] });
    }
    for p in pairs {
        sections.push(Section { b: [1.0, 2.0, 1.0], a: [-2.0 * p.re, p.norm_sqr()] });
    }
    if order % 2 == 1 && order > 1 {
        let last = sections.len() - 1;
        sections[last].b = [1.0, 1.0, 0.0];
    }
    for b in &mut sections[0].b {
        *b *= gain;
    }
    Ok(sections)
}

fn check_order(order: usize) -> Result<(), EstimatorError> {
    if (1..=HIGHEST_ORDER).contains(&order) {
        Ok(())
    } else {
        Err(EstimatorError::setting("filter.order", order, format!("must be a whole number from 1 to {HIGHEST_ORDER}")))
    }
}

/// `2π f_c T` for which the step response of the analog prototype stays within `1 − settled` of its final value after
/// T: 6.637448 for order 3 and 0.98.
///
/// # Errors
/// If the order is not 1 to 8 or `settled` does not lie between 0.5 and 1.
pub fn settling_product(order: usize, settled: f64) -> Result<f64, EstimatorError> {
    check_order(order)?;
    if !(0.5..1.0).contains(&settled) {
        return Err(EstimatorError::setting("filter.settled", settled, "must be at least 0.5 and below 1"));
    }
    let poles = prototype_poles(order);
    let residues: Vec<Complex64> = poles
        .iter()
        .enumerate()
        .map(|(k, p)| {
            let others: Complex64 = poles.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, q)| p - q).product();
            1.0 / (p * others)
        })
        .collect();
    let missing = |t: f64| -> f64 {
        let sum: Complex64 = residues.iter().zip(&poles).map(|(r, p)| r * (p * t).exp()).sum();
        sum.re.abs()
    };
    let tolerance = 1.0 - settled;
    let slowest = poles.iter().map(|p| -p.re).fold(f64::INFINITY, f64::min);
    let bound = residues.iter().map(|r| r.norm()).sum::<f64>();
    let end = ((bound / tolerance).ln() / slowest).max(1.0) + 1.0;
    let steps = 20_000;
    let step = end / f64::from(steps);
    let last = (0..steps).rev().find(|&k| missing(f64::from(k) * step) > tolerance).unwrap_or(0);
    let (mut low, mut high) = (f64::from(last) * step, f64::from(last + 1) * step);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if missing(middle) > tolerance {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(high)
}

/// |H(f)| of the analog Butterworth prototype.
#[must_use]
pub fn prototype_response(order: usize, cutoff_hz: f64, frequency_hz: f64) -> f64 {
    1.0 / (1.0 + (frequency_hz / cutoff_hz).powi(2 * order as i32)).sqrt()
}

/// Equivalent noise bandwidth \[Hz\] of the analog prototype: 1.0472 f_c for order 3.
#[must_use]
pub fn prototype_enbw_hz(order: usize, cutoff_hz: f64) -> f64 {
    let x = PI / (2 * order) as f64;
    cutoff_hz * x / x.sin()
}

/// Low-pass of the readout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterSettings {
    /// Order of the Butterworth filter, 1 to 8.
    pub order: usize,
    /// Fraction to which the analog prototype has settled at the end of the window.
    pub settled: f64,
    /// Cut-off (Hz), instead of the one derived from `settled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutoff_hz: Option<f64>,
    /// Divide the readout by the fraction to which the digital filter has settled.
    pub gain_corrected: bool,
}

impl Default for FilterSettings {
    fn default() -> Self {
        Self { order: 3, settled: 0.98, cutoff_hz: None, gain_corrected: false }
    }
}

impl FilterSettings {
    /// Cut-off \[Hz\] for a window of `window_s` seconds.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn cutoff_for(&self, window_s: f64) -> Result<f64, EstimatorError> {
        match self.cutoff_hz {
            Some(cutoff_hz) => positive("filter.cutoff_hz", cutoff_hz),
            None => Ok(settling_product(self.order, self.settled)? / (2.0 * PI * window_s)),
        }
    }

    pub(crate) fn low_pass(&self, window_samples: usize, rate_hz: f64) -> Result<LowPass, EstimatorError> {
        let cutoff_hz = self.cutoff_for(window_samples as f64 / rate_hz)?;
        let mut low_pass = LowPass::Butterworth { sections: butterworth(self.order, cutoff_hz, rate_hz)?, gain: 1.0 };
        if self.gain_corrected {
            let settled: f64 = low_pass.impulse_response(window_samples).iter().sum();
            if let LowPass::Butterworth { gain, .. } = &mut low_pass {
                *gain = 1.0 / settled;
            }
        }
        Ok(low_pass)
    }
}

/// A low-pass filter read once, at the end of a window.
#[derive(Clone, Debug, PartialEq)]
pub enum LowPass {
    /// Cascade of second-order sections, starting from rest, and a factor on its output.
    Butterworth {
        /// The sections.
        sections: Vec<Section>,
        /// Factor on the output.
        gain: f64,
    },
    /// Arithmetic mean over the window.
    Mean,
}

impl LowPass {
    /// Response to a unit impulse at its first sample, over a window of `samples` samples.
    #[must_use]
    pub fn impulse_response(&self, samples: usize) -> Vec<f64> {
        match self {
            Self::Mean => vec![1.0 / samples as f64; samples],
            Self::Butterworth { .. } => {
                let mut state = self.start(samples);
                (0..samples).map(|n| state.push(if n == 0 { 1.0 } else { 0.0 })).collect()
            }
        }
    }

    /// A filter at rest, for a window of `samples` samples.
    #[must_use]
    pub fn start(&self, samples: usize) -> LowPassState<'_> {
        match self {
            Self::Mean => LowPassState { sections: &[], delays: Vec::new(), mean: 0.0, factor: 1.0 / samples as f64 },
            Self::Butterworth { sections, gain } => {
                LowPassState { sections, delays: vec![[0.0; 2]; sections.len()], mean: 0.0, factor: *gain }
            }
        }
    }
}

/// A running filter: transposed direct form II, as `scipy.signal.sosfilt`.
#[derive(Clone, Debug)]
pub struct LowPassState<'a> {
    sections: &'a [Section],
    delays: Vec<[f64; 2]>,
    mean: f64,
    factor: f64,
}

impl LowPassState<'_> {
    /// Processes one sample and returns the output.
    pub fn push(&mut self, sample: f64) -> f64 {
        if self.sections.is_empty() {
            self.mean += sample * self.factor;
            return self.mean;
        }
        let mut x = sample;
        for (section, d) in self.sections.iter().zip(&mut self.delays) {
            let y = section.b[0] * x + d[0];
            d[0] = section.b[1] * x - section.a[0] * y + d[1];
            d[1] = section.b[2] * x - section.a[1] * y;
            x = y;
        }
        x * self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_constants() {
        assert!((settling_product(3, 0.98).unwrap() - 6.637_448).abs() < 5e-7);
        assert!((settling_product(1, 0.98).unwrap() - 50.0_f64.ln()).abs() < 1e-9);
        assert!((prototype_enbw_hz(3, 1.0) - std::f64::consts::FRAC_PI_3).abs() < 1e-6);
        assert!((prototype_enbw_hz(1, 1.0) - PI / 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_gain_at_zero_frequency_is_one() {
        for order in 1..=HIGHEST_ORDER {
            let low_pass = LowPass::Butterworth { sections: butterworth(order, 300.0, 10_000.0).unwrap(), gain: 1.0 };
            let sum: f64 = low_pass.impulse_response(20_000).iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "order {order}: {sum}");
        }
    }

    #[test]
    fn gain_correction_makes_a_constant_read_as_itself() {
        let settings = FilterSettings { gain_corrected: true, ..FilterSettings::default() };
        let low_pass = settings.low_pass(1000, 10_000.0).unwrap();
        let sum: f64 = low_pass.impulse_response(1000).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn impossible_filters_are_refused() {
        assert!(butterworth(0, 10.0, 100.0).is_err());
        assert!(butterworth(3, 50.0, 100.0).is_err());
        assert!(settling_product(3, 1.0).is_err());
    }
}
