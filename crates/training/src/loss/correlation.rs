//! Loss from the correlation of currents with classes and the separation of the classes.

use super::{LossValue, Separation, logistic, softplus};
use crate::threshold::all_equal;

/// Number of scales on the wrong side up to which 1/σ is exact (there it is 10¹³); beyond, its tangent is used.
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

/// y_sep, and its derivative with respect to each current.
fn separation(currents: &[f64], classes: &[bool], of: Separation) -> (f64, Vec<f64>) {
    let patterns = 0..currents.len();
    let (ones, zeros) = (|p: &usize| classes[*p], |p: &usize| !classes[*p]);
    let mut slope = vec![0.0; currents.len()];
    match of {
        Separation::Mean => {
            let high = patterns.clone().filter(ones).count() as f64;
            let low = currents.len() as f64 - high;
            for (slope, one) in slope.iter_mut().zip(classes) {
                *slope = if *one { 1.0 / high } else { -1.0 / low };
            }
        }
        Separation::Worst => {
            slope[least(patterns.clone().filter(ones), |p| currents[p])] += 1.0;
            slope[least(patterns.filter(zeros), |p| -currents[p])] -= 1.0;
        }
    }
    (currents.iter().zip(&slope).map(|(y, s)| y * s).sum(), slope)
}

pub(super) fn over_separation(
    currents: &[f64],
    classes: &[bool],
    of: Separation,
    scale: f64,
    offset: f64,
) -> LossValue {
    let (rho, slope_of_rho) = correlation(currents, classes);
    let (y_sep, slope_of_y_sep) = separation(currents, classes, of);
    let (inverse, slope) = inverse_logistic((y_sep - offset) / scale);
    let by_separation = (1.0 - rho) * slope / scale;
    let derivative_per_na =
        slope_of_rho.iter().zip(&slope_of_y_sep).map(|(r, y)| by_separation * y - r * inverse).collect();
    LossValue { value: (1.0 - rho) * inverse, derivative_per_na }
}

/// Pearson's correlation ρ of currents and classes, and its derivative with respect to each current; −1 and 0 for equal
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
    // rounding must not make the loss negative
    (rho.clamp(-1.0, 1.0), y.iter().zip(&t).map(|(y, t)| t / norm - slope * y).collect())
}
