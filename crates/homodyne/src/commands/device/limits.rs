//! Largest numbers that may be asked of a device command, checked before anything is computed.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::failure::Failure;

/// Points along an axis.
pub(super) const POINTS: RangeInclusive<usize> = 2..=100_000;
/// Points along each of the two axes of a map.
pub(super) const MAP_POINTS: RangeInclusive<usize> = 2..=2_000;
/// Parts of a measurement.
pub(super) const BLOCKS: RangeInclusive<usize> = 2..=100_000;
/// Hops to count, at least two in each of the 32 blocks; the most take a day.
pub(super) const HOPS: RangeInclusive<u64> = 64..=10_000_000_000_000;
/// Candidate events, or hops before a record.
pub(super) const EVENTS: RangeInclusive<u64> = 1..=10_000_000_000_000;
/// Hops in a record.
pub(super) const RECORDED: RangeInclusive<usize> = 1..=200_000_000;
/// Relative standard errors.
pub(super) const RELATIVE_ERROR: RangeInclusive<f64> = 1e-4..=1.0;
/// Temperatures \[K\].
pub(super) const KELVIN: RangeInclusive<f64> = 1e-3..=1e4;
/// Sizes of voltages \[V\].
pub(super) const LARGEST_VOLT: f64 = 1e6;

/// Refuses a number outside of a range.
pub(super) fn within<T: PartialOrd + Display>(
    option: &str,
    found: T,
    allowed: &RangeInclusive<T>,
) -> Result<(), Failure> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(Failure::BadInput(format!("{option} {found}: must be {} to {}", allowed.start(), allowed.end())))
}

/// Refuses voltages that are no numbers, or too large.
pub(super) fn voltages<'a>(option: &str, volt: impl IntoIterator<Item = &'a f64>) -> Result<(), Failure> {
    match volt.into_iter().find(|v| v.is_nan() || v.abs() > LARGEST_VOLT) {
        Some(bad) => Err(Failure::BadInput(format!(
            "{option} {bad}: must be finite numbers from {} to {LARGEST_VOLT}",
            -LARGEST_VOLT
        ))),
        None => Ok(()),
    }
}
