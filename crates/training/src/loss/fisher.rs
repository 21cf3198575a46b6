//! The inverse of Fisher's criterion.

use super::LossValue;
use crate::threshold::all_equal;

/// Largest value of the loss, for classes with equal means.
pub const LARGEST_FISHER: f64 = 1e20;

/// w/(d² + w/[`LARGEST_FISHER`]), w the sum of the variances within the classes, d the distance of their means: w/d² up
/// to a relative difference of order 10⁻²⁰, and finite for d = 0.
pub(super) fn loss(currents: &[f64], classes: &[bool]) -> LossValue {
    if all_equal(currents) {
        return LossValue { value: LARGEST_FISHER, derivative_per_na: vec![0.0; currents.len()] };
    }
    let count = |one: bool| classes.iter().filter(|class| **class == one).count().max(1) as f64;
    let members = |one: bool| currents.iter().zip(classes).filter(move |(_, class)| **class == one).map(|(y, _)| *y);
    let mean = [members(false).sum::<f64>() / count(false), members(true).sum::<f64>() / count(true)];
    let variance = |one: bool| members(one).map(|y| (y - mean[usize::from(one)]).powi(2)).sum::<f64>() / count(one);
    let within = variance(false) + variance(true);
    let distance = mean[1] - mean[0];
    let square = distance * distance;
    let limited = square + within / LARGEST_FISHER;
    let by_within = square / limited / limited;
    let by_distance = -2.0 * within / limited * distance / limited;
    let derivative_per_na = currents
        .iter()
        .zip(classes)
        .map(|(y, class)| {
            let sign = if *class { 1.0 } else { -1.0 };
            (2.0 * (y - mean[usize::from(*class)]) * by_within + sign * by_distance) / count(*class)
        })
        .collect();
    LossValue { value: within / limited, derivative_per_na }
}
