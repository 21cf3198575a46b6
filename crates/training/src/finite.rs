//! Checks for NaN and infinity, which stop a run where they first appear.

use crate::error::TrainingError;

/// Refuses the first of `numbers` that is not finite; `name` and `volt` give its name and its voltages from its index.
pub(crate) fn check<'a>(
    numbers: impl IntoIterator<Item = &'a f64>,
    name: impl Fn(usize) -> String,
    volt: impl Fn(usize) -> Vec<f64>,
) -> Result<(), TrainingError> {
    match numbers.into_iter().enumerate().find(|(_, x)| !x.is_finite()) {
        Some((k, found)) => Err(TrainingError::NotFinite { what: name(k), found: *found, volt: volt(k) }),
        None => Ok(()),
    }
}

/// Refuses currents of patterns at the same controls.
pub(crate) fn check_currents(currents_na: &[f64], controls_volt: &[f64]) -> Result<(), TrainingError> {
    check(currents_na, |p| format!("the current of pattern {}", p + 1), |_| controls_volt.to_vec())
}

/// Refuses derivatives, shape (patterns, controls).
pub(crate) fn check_derivatives(
    derivatives: &ndarray::Array2<f64>,
    controls_volt: &[f64],
) -> Result<(), TrainingError> {
    let controls = controls_volt.len();
    let columns = derivatives.ncols();
    let name = |k: usize| {
        let (pattern, column) = (k / columns + 1, k % columns);
        let which = if column < controls { "derivative" } else { "second derivative" };
        format!("the {which} of pattern {pattern} by control {}", column % controls + 1)
    };
    check(derivatives, name, |_| controls_volt.to_vec())
}
