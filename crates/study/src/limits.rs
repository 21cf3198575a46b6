//! Limits of a study. They are checked before anything is allocated, computed or written, so that a typing error gives a message with its
//! key instead of exhausting the memory.

use std::fmt::Display;
use std::ops::RangeInclusive;

use sweep::run::MOST_UNITS;

use crate::Study;
use crate::language::document::KeyError;
use crate::needs;

/// Largest number of repetitions at a point.
pub const MOST_REPETITIONS: u64 = 10_000_000_000;

/// Largest number of repetitions of an adaptive study over all points.
pub const MOST_BUDGET: u64 = 1_000_000_000_000;

/// Largest number of values in the results of a study: 800 GB.
pub const MOST_NUMBERS: u64 = 100_000_000_000;

/// Allowed sampling rates \[Hz\].
pub const RATES_HZ: RangeInclusive<f64> = 1e-6..=1e12;

/// A whole number within `allowed`.
///
/// # Errors
/// If it is not: with the key, what was found and what is allowed.
pub(crate) fn within<T: Ord + Display>(key: &str, found: T, allowed: RangeInclusive<T>) -> Result<T, KeyError> {
    settings::within(key, found, allowed).map_err(|e| KeyError::at("", e))
}

/// A number within `allowed`.
///
/// # Errors
/// As [`within`].
pub(crate) fn number_within(key: &str, found: f64, allowed: RangeInclusive<f64>) -> Result<f64, KeyError> {
    settings::number_within(key, found, allowed).map_err(|e| KeyError::at("", e))
}

/// Refuses a study with too many units or values.
pub(crate) fn check_sizes(study: &Study, numbers: u64) -> Result<(), KeyError> {
    let points = study.points();
    let repeated = study.section.kind.is_repeated();
    let key = if repeated { "study.repetitions" } else { "sweep" };
    let at = if repeated {
        format!("found {} at each of {points} points", study.section.repetitions)
    } else {
        format!("spans {points} points")
    };
    let units = needs::planned_units(study);
    if units > MOST_UNITS {
        return Err(KeyError::new(key, format!("{at}: makes {units} units of work, at most {MOST_UNITS} are allowed")));
    }
    if numbers > MOST_NUMBERS {
        return Err(KeyError::new(
            key,
            format!(
                "{at}: the results would hold {numbers} numbers ({:.1e} GB), at most {MOST_NUMBERS} are allowed",
                8e-9 * numbers as f64
            ),
        ));
    }
    Ok(())
}
