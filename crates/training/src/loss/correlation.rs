//! Correlation of currents and classes over the separation of the classes.

use super::{LossValue, logistic, softplus};
use crate::threshold::all_equal;

/// How many scales on the wrong side 1/σ is followed exactly. It is 10¹³ there; below, its tangent stands in its place.
pub const STEEPEST: f64 = 30.0;

/// 1/σ(s) = 1 + e⁻ˢ and its derivative.
fn inverse_logistic(s: f64) -> (f64, f64) {
    let followed = s.max(-STEEPEST);
    let exponential = (-followed).exp();
    (1.0 + exponential * (1.0 + (followed - s)), -exponential)
}

/// Index of the pattern for which `key` is smallest.
fn least(patterns: impl Iterator<Item = usize>, key: impl Fn(usize) -> f64) -> usize {
    patterns.min_by(|a, b| key(*a).total_cmp(&key(*b))).expect("a class is not empty")
}

pub(super) fn of_one_class(currents: &[f64], class: bool, threshold: f64, scale: f64) -> LossValue {
    let sign = if class { 1.0 } else { -1.0 };
    let distance = |p: usize| sign * (currents[p] - threshold) / scale;
    let worst = least(0..currents.len(), distance);
    let d = distance(worst);
    let mut derivative_per_na = vec![0.0; currents.len()];
    derivative_per_na[worst] = -logistic(-d) * sign / scale;
    LossValue { value: softplus(-d), derivative_per_na }
}

pub(super) fn over_separation(currents: &[f64], classes: &[bool], scale: f64, offset: f64) -> LossValue {
    let (rho, slope_of_rho) = correlation(currents, classes);
    let lowest = least((0..currents.len()).filter(|&p| classes[p]), |p| currents[p]);
    let highest = least((0..currents.len()).filter(|&p| !classes[p]), |p| -currents[p]);
    let (inverse, slope) = inverse_logistic((currents[lowest] - currents[highest] - offset) / scale);
    let mut derivative_per_na: Vec<f64> = slope_of_rho.iter().map(|d| -d * inverse).collect();
    let by_separation = (1.0 - rho) * slope / scale;
    derivative_per_na[lowest] += by_separation;
    derivative_per_na[highest] -= by_separation;
    LossValue { value: (1.0 - rho) * inverse, derivative_per_na }
}

/// Pearson's correlation ρ of currents and classes, and its derivative with respect to each current; −1 and 0 of equal
/// currents.
fn correlation(currents: &[f64], classes: &[bool]) -> (f64, Vec<f64>) {
    if all_equal(currents) {
        return (-1.0, vec![0.0; currents.len()]);
    }
    let n = currents.len() as f64;
    let class: Vec<f64> = classes.iter().map(|one| f64::from(u8::from(*one))).collect();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let (mean_y, mean_t) = (mean(currents), mean(&class));
    let y: Vec<f64> = currents.iter().map(|x| x - mean_y).collect();
    let t: Vec<f64> = class.iter().map(|x| x - mean_t).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (yy, tt, yt) = (dot(&y, &y), dot(&t, &t), dot(&y, &t));
    let norm = (yy * tt).sqrt();
    let (rho, slope) = (yt / norm, yt / norm / yy);
    // rounding must not make a loss negative
    (rho.clamp(-1.0, 1.0), y.iter().zip(&t).map(|(y, t)| t / norm - slope * y).collect())
}
