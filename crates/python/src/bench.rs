//! Measured records, read by the lock-ins of a plan.

use estimators::demodulate::Derivative;
use estimators::hge::Frequencies;
use ndarray::Array1;
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use study::language::scenario::Scenario;

use crate::interrupt::interruptible;
use crate::settings_text::table;
use crate::wrong;

/// Derivatives of a record [nA] with the plan's lock-ins; the tables `estimator` and `sampling` come as JSON.
#[pyfunction]
#[pyo3(signature = (settings, record_na, parameters=None))]
pub(crate) fn demodulate<'py>(
    py: Python<'py>,
    settings: &str,
    record_na: PyReadonlyArray1<'py, f64>,
    parameters: Option<usize>,
) -> PyResult<Bound<'py, PyDict>> {
    let toml::Value::Table(tables) = table(settings)? else { return Err(wrong("settings: must be tables")) };
    let refuse = |error: study::KeyError| wrong(format!("`{}`: {}", error.key, error.message));
    let (lock_ins, sampling) = Scenario::lock_ins_of(&tables).map_err(refuse)?;
    if lock_ins.amplitude_volt.given().is_none() {
        return Err(wrong("`estimator.amplitude_volt`: must be numbers"));
    }
    let parameters = match (&lock_ins.frequencies_hz, parameters) {
        (Frequencies::List(list), Some(parameters)) if parameters != list.len() => {
            return Err(wrong(format!("parameters: found {parameters}, but the plan has {} frequencies", list.len())));
        }
        (Frequencies::List(list), _) => list.len(),
        (Frequencies::Ladder(_), Some(parameters)) if parameters <= 10_000 => parameters,
        (Frequencies::Ladder(_), _) => {
            return Err(wrong("`estimator.frequencies_hz`: is not a list: give `parameters`, at most 10000"));
        }
    };
    let plan = lock_ins.hge(sampling.rate_hz, parameters).map_err(wrong)?;
    let record_na = record_na.as_array().to_vec();
    let read =
        interruptible(py, |_| estimators::demodulate::demodulate(&plan, parameters, &record_na))?.map_err(wrong)?;
    let found = PyDict::new(py);
    let column =
        |of: &dyn Fn(&Derivative) -> f64| read.derivatives.iter().map(of).collect::<Array1<f64>>().into_pyarray(py);
    found.set_item("derivatives", column(&|d| d.value))?;
    found.set_item("standard_errors", column(&|d| d.standard_error))?;
    found.set_item("degrees_of_freedom", column(&|d| d.degrees_of_freedom))?;
    found.set_item("signs", column(&|d| f64::from(d.sign())))?;
    found.set_item("phases_rad", column(&|d| d.phase_rad.unwrap_or(f64::NAN)))?;
    found.set_item("phase_standard_errors_rad", column(&|d| d.phase_standard_error_rad))?;
    found.set_item("psd_na2_per_hz", column(&|d| d.psd_na2_per_hz))?;
    found.set_item("gain", read.gain)?;
    let remarks: Vec<(&str, String)> = read.remarks.into_iter().map(|r| (r.kind.name(), r.message)).collect();
    found.set_item("remarks", remarks)?;
    Ok(found)
}
