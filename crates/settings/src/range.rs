use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::SettingError;

/// A whole number within `allowed`.
///
/// # Errors
/// If it is not: with the field, what was found and what is allowed.
pub fn within<T: Ord + Display>(field: &str, found: T, allowed: RangeInclusive<T>) -> Result<T, SettingError> {
    if allowed.contains(&found) {
        return Ok(found);
    }
    Err(SettingError::found(field, found, format!("must be {} to {}", allowed.start(), allowed.end())))
}

/// A number within `allowed`.
///
/// # Errors
/// As [`within`].
pub fn number_within(field: &str, found: f64, allowed: RangeInclusive<f64>) -> Result<f64, SettingError> {
    if allowed.contains(&found) {
        return Ok(found);
    }
    let message = format!("found {found:e}: must be {:e} to {:e}", allowed.start(), allowed.end());
    Err(SettingError::new(field, message))
}

/// A positive number.
///
/// # Errors
/// As [`within`].
pub fn positive(field: &str, found: f64) -> Result<f64, SettingError> {
    if found > 0.0 && found.is_finite() {
        return Ok(found);
    }
    Err(SettingError::found(field, found, "must be a positive number"))
}

/// Converts parameters counted from 1, as in settings, to indices from 0.
///
/// # Errors
/// If the list is empty, or a number is out of range or appears twice.
pub fn from_zero(field: &str, from_one: &[usize], parameters: usize) -> Result<Vec<usize>, SettingError> {
    let twice = from_one.iter().enumerate().any(|(i, k)| from_one[..i].contains(k));
    if from_one.is_empty() || twice || from_one.iter().any(|k| *k == 0 || *k > parameters) {
        let message = format!("found {from_one:?}: must be different parameters from 1 to {parameters}");
        return Err(SettingError::new(field, message));
    }
    Ok(from_one.iter().map(|k| k - 1).collect())
}
