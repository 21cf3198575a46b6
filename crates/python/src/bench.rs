//! Plans of measurements, and measured records.

use std::path::Path;

use ::noise::fit::{FittedLaw, FittedLine, Measured};
use estimators::demodulate::Derivative;
use estimators::hge::Frequencies;
use estimators::proposal::Predicted;
use ndarray::Array1;
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use study::Document;
use study::language::scenario::Scenario;
use study::wanted::{refused, wanted_of};

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

/// Fit of the noise of a record [nA]; the table `noise` of a scenario in it comes as JSON.
#[pyfunction]
#[pyo3(signature = (record_na, rate_hz, segment=None, mains_hz=None))]
pub(crate) fn fit_noise<'py>(
    py: Python<'py>,
    record_na: PyReadonlyArray1<'py, f64>,
    rate_hz: f64,
    segment: Option<usize>,
    mains_hz: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let record_na = record_na.as_array().to_vec();
    let fitted = interruptible(py, |_| ::noise::fit::fit(&record_na, rate_hz, segment, mains_hz))?.map_err(wrong)?;
    let pair = |m: Measured| (m.value, m.standard_error);
    let mut terms = Vec::new();
    if let Some(white) = fitted.white_na2_per_hz {
        terms.push(json!({ "kind": "white", "psd_na2_per_hz": white.value }));
    }
    if let Some(law) = fitted.law.as_ref().map(FittedLaw::power_law) {
        terms.push(json!({
            "kind": "power-law",
            "psd_na2_per_hz": law.psd_na2_per_hz,
            "at_hz": law.at_hz,
            "exponent": law.exponent,
            "corner_hz": law.corner_hz,
        }));
    }
    if let Some(mains) = fitted.lines() {
        terms.push(json!({ "kind": "mains", "base_hz": mains.base_hz, "rms_na": mains.rms_na }));
    }
    let table = if terms.len() == 1 { terms.remove(0) } else { json!({ "kind": "sum", "terms": terms }) };
    let found = PyDict::new(py);
    found.set_item("table", table.to_string())?;
    found.set_item("white_na2_per_hz", fitted.white_na2_per_hz.map(pair))?;
    found.set_item("psd_na2_per_hz", fitted.law.as_ref().map(|law| pair(law.psd_na2_per_hz)))?;
    found.set_item("at_hz", fitted.law.as_ref().map(|law| law.at_hz))?;
    found.set_item("exponent", fitted.law.as_ref().map(|law| pair(law.exponent)))?;
    found.set_item("corner_hz", fitted.law.as_ref().and_then(|law| law.corner_hz).map(pair))?;
    let of_line = |base_hz: f64, line: &FittedLine| (base_hz * line.multiple as f64, pair(line.rms_na));
    let lines = fitted.mains.iter().flat_map(|(base_hz, lines)| lines.iter().map(|line| of_line(*base_hz, line)));
    found.set_item("lines", lines.collect::<Vec<_>>())?;
    found.set_item("mean_square", pair(fitted.mean_square))?;
    found.set_item("remarks", fitted.remarks())?;
    found.set_item("frequency_hz", Array1::from_vec(fitted.spectrum.frequency_hz).into_pyarray(py))?;
    found.set_item("spectrum_na2_per_hz", Array1::from_vec(fitted.spectrum.psd).into_pyarray(py))?;
    found.set_item("expected_na2_per_hz", Array1::from_vec(fitted.expected).into_pyarray(py))?;
    Ok(found)
}

/// The shortest measurement of a wanted error; the tables `wanted`, `noise` and `sampling` come as JSON.
#[pyfunction]
pub(crate) fn propose<'py>(py: Python<'py>, settings: &str) -> PyResult<Bound<'py, PyDict>> {
    let toml::Value::Table(tables) = table(settings)? else { return Err(wrong("settings: must be tables")) };
    let mut document = Document::parse(Path::new("plan"), String::new()).map_err(wrong)?;
    document.table = tables;
    let wanted = wanted_of(&document).map_err(|e| wrong(e.message))?;
    let proposal = interruptible(py, |_| wanted.propose())?.map_err(|e| wrong(refused(&document, e).message))?;
    let found = PyDict::new(py);
    let column =
        |of: fn(&Predicted) -> f64| proposal.predicted.iter().map(of).collect::<Array1<f64>>().into_pyarray(py);
    found.set_item("duration_s", proposal.hge.duration_s)?;
    found.set_item("frequencies_hz", Array1::from_vec(proposal.hge.frequencies_hz.clone()).into_pyarray(py))?;
    found.set_item("amplitude_volt", Array1::from_vec(proposal.hge.amplitude_volt.clone()).into_pyarray(py))?;
    found.set_item("mean_squared_error", column(|p| p.mean_squared_error))?;
    found.set_item("variance", column(|p| p.variance))?;
    found.set_item("bias_third_derivative", column(|p| p.own_bias))?;
    found.set_item("bias_crosstalk", column(|p| p.leakage))?;
    found.set_item("limited_by", proposal.predicted.iter().map(Predicted::limit).collect::<Vec<_>>())?;
    Ok(found)
}
