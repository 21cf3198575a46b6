//! Studies of scenario files, in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::device::Device;
use ndarray::{ArrayD, IxDyn};
use numpy::IntoPyArray;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use results::{Coordinate, Results};
use study::language::kinds::EstimatorSection;
use study::{Document, ScenarioError, Silent, Study};
use toml::{Table, Value};

use crate::device::PyDevice;
use crate::interrupt::interruptible;
use crate::settings_text::table;
use crate::{failed, wrong};

/// A scenario that is read but not yet checked, with the device that it runs on, if that is not its own.
pub(crate) struct Unchecked {
    document: Document,
    device: Option<Arc<dyn Device>>,
}

impl Unchecked {
    /// Checked.
    pub(crate) fn understood(self) -> Result<Study, ScenarioError> {
        match self.device {
            Some(device) => Study::on_device(self.document, device),
            None => Study::new(self.document),
        }
    }

    fn of(mut document: Document, set: Vec<(String, String)>, device: Option<Arc<dyn Device>>) -> Result<Self, PyErr> {
        for (key, json) in set {
            document.set(&format!("{key}={}", table(&json)?)).map_err(wrong)?;
        }
        if device.is_some() {
            let at = document.table.get("device").and_then(|d| d.get("operating_point_volt")).cloned();
            let mut given = Table::from_iter([("kind".to_owned(), Value::String("given".to_owned()))]);
            given.extend(at.map(|at| ("operating_point_volt".to_owned(), at)));
            document.table.insert("device".to_owned(), Value::Table(given));
        }
        Ok(Self { document, device })
    }
}

/// A study from tables as JSON; paths start in `folder`.
pub(crate) fn study_of(
    settings: &str,
    folder: &Path,
    set: Vec<(String, String)>,
    device: Option<Arc<dyn Device>>,
) -> PyResult<Unchecked> {
    let text = toml::to_string(&table(settings)?).map_err(wrong)?;
    Unchecked::of(Document::parse(&folder.join("scenario"), text).map_err(wrong)?, set, device)
}

/// Runs a study in memory: a scenario file, or its tables as JSON, with changes (dotted keys and JSON), on a device of its own or the
/// given one. Returns dimensions, variables and attributes.
#[pyfunction]
#[pyo3(signature = (file, settings, folder, set, device, threads))]
pub(crate) fn run<'py>(
    py: Python<'py>,
    file: Option<PathBuf>,
    settings: &str,
    folder: PathBuf,
    set: Vec<(String, String)>,
    device: Option<&PyDevice>,
    threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (raised, device) = device.map(|d| (d.raised.clone(), d.device.clone())).unzip();
    let raised = raised.unwrap_or_default();
    let from_file = file.is_some();
    let unchecked = match file {
        Some(file) => Unchecked::of(Document::read(&file).map_err(wrong)?, set, device)?,
        None => study_of(settings, &folder, set, device)?,
    };
    let found = interruptible(py, |stop| {
        let told = |e: ScenarioError| if from_file { e.to_string() } else { e.message };
        let study = unchecked.understood().map_err(|e| raised.or(wrong(told(e))))?;
        match study::run_until(&study, threads, &Silent, stop) {
            Ok(results) => Ok(results),
            Err(_) if stop.is_requested() => Err(PyKeyboardInterrupt::new_err(())),
            Err(e) => Err(raised.or(failed(e))),
        }
    })??;
    in_python(py, found)
}

/// Checks the settings of an estimator.
#[pyfunction]
pub(crate) fn check_estimator(settings: &str) -> PyResult<()> {
    EstimatorSection::parse(table(settings)?, "estimator")
        .map(drop)
        .map_err(|e| wrong(format!("{}: {}", e.key, e.message)))
}

fn in_python(py: Python<'_>, found: Results) -> PyResult<Bound<'_, PyDict>> {
    let shapes: Vec<Vec<usize>> = found.variables.iter().map(|v| found.shape(v)).collect();
    let names: Vec<String> = found.dimensions.iter().map(|d| d.name.clone()).collect();
    let dimensions = PyList::empty(py);
    for dimension in found.dimensions {
        match dimension.coordinate {
            Coordinate::Numbers(x) => dimensions.append((dimension.name, x.into_pyarray(py), dimension.units))?,
            Coordinate::Labels(x) => dimensions.append((dimension.name, x, dimension.units))?,
        }
    }
    let variables = PyList::empty(py);
    for (variable, shape) in found.variables.into_iter().zip(shapes) {
        let over: Vec<&String> = variable.dimensions.iter().map(|&d| &names[d]).collect();
        let values = ArrayD::from_shape_vec(IxDyn(&shape), variable.values).map_err(failed)?;
        variables.append((variable.name, over, values.into_pyarray(py), variable.units, variable.long_name))?;
    }
    let all = PyDict::new(py);
    all.set_item("dimensions", dimensions)?;
    all.set_item("variables", variables)?;
    all.set_item("attributes", found.attributes)?;
    Ok(all)
}
