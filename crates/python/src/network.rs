//! Dopant networks: currents and derivatives of all electrodes.

use std::path::PathBuf;

use dopant_network::events::{EventOptions, ResponseOptions, currents, response};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{DopantNetwork, Generate, NetworkError, mean_field, mean_field_gradient, pair_mean_field};
use ndarray::{Array1, Array2};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::interrupt::interruptible;
use crate::{failed, wrong};

/// A dopant network.
#[pyclass(name = "Network", module = "hge._hge", frozen)]
pub(crate) struct PyNetwork {
    network: DopantNetwork,
    /// The device file, as JSON.
    #[pyo3(get)]
    description: Option<String>,
}

/// Found at one set of voltages, in eν₀ and kT/e.
struct Found {
    values: Array2<f64>,
    errors: Option<Array2<f64>>,
    occupations: Option<Vec<f64>>,
}

impl Found {
    fn currents(currents: Vec<f64>, errors: Option<Vec<f64>>, occupations: Vec<f64>) -> Self {
        Self { values: row(currents), errors: errors.map(row), occupations: Some(occupations) }
    }
}

fn rows(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows.first().map_or(0, Vec::len)), |(k, m)| rows[k][m])
}

fn row(values: Vec<f64>) -> Array2<f64> {
    Array2::from_shape_fn((1, values.len()), |(_, k)| values[k])
}

#[pymethods]
impl PyNetwork {
    /// From a device file.
    #[staticmethod]
    fn of_file(path: PathBuf) -> PyResult<Self> {
        Ok(Self { network: DopantNetwork::from_file(&path).map_err(wrong)?, description: None })
    }

    /// Made at random from settings of `[device.generate]`, as JSON.
    #[staticmethod]
    fn generated(settings: &str) -> PyResult<Self> {
        let given = serde_json::from_str(settings).map_err(wrong)?;
        let description = Generate::from_given(given).map_err(wrong)?.describe().map_err(wrong)?;
        let network = DopantNetwork::from_description(&description).map_err(wrong)?;
        Ok(Self { network, description: Some(serde_json::to_string_pretty(&description).map_err(failed)?) })
    }

    #[getter]
    fn acceptors_nm<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        let places = &self.network.acceptors;
        Array2::from_shape_fn((places.len(), 3), |(k, axis)| places[k][axis]).into_pyarray(py)
    }

    #[getter]
    fn electrodes_nm<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        let places = &self.network.electrodes;
        Array2::from_shape_fn((places.len(), 2), |(k, axis)| places[k].0[axis]).into_pyarray(py)
    }

    /// Currents into all electrodes \[nA\], their standard errors, and occupations.
    fn currents<'py>(
        &self,
        py: Python<'py>,
        volt: PyReadonlyArray1<'py, f64>,
        method: &str,
        relative_error: f64,
        hops: u64,
        seed: u64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (network, volt_kt) = (&self.network.network, self.volt_kt(&volt)?);
        let found = match method {
            "steady-state" => self.waited_for(py, || {
                let state = SteadySolver::new(network, SteadyOptions::default()).solve(&volt_kt)?;
                Ok(Found::currents(state.currents, None, state.occupations))
            }),
            "events" => self.waited_for(py, || {
                let options =
                    EventOptions { hops, relative_error: Some(relative_error), seed, ..EventOptions::default() };
                let found = currents(&network.landscape(&volt_kt), self.network.initial, &options);
                Ok(Found::currents(found.currents, Some(found.standard_errors), found.occupations))
            }),
            "mean-field" => self.waited_for(py, || {
                let found = mean_field(network, &volt_kt, None)?;
                Ok(Found::currents(found.currents, None, found.occupations))
            }),
            "pair-mean-field" => self.waited_for(py, || {
                let found = pair_mean_field(network, &volt_kt)?;
                Ok(Found::currents(found.currents, None, found.occupations))
            }),
            other => Err(unknown(other, "\"steady-state\", \"events\", \"mean-field\" or \"pair-mean-field\"")),
        }?;
        self.in_python(py, found, self.network.conversion.na_per_charge_rate)
    }

    /// Derivatives of all currents by all voltages \[nA/V\], shape (electrodes, electrodes), and their standard errors.
    fn gradient<'py>(
        &self,
        py: Python<'py>,
        volt: PyReadonlyArray1<'py, f64>,
        method: &str,
        relative_error: f64,
        hops: u64,
        seed: u64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (network, volt_kt) = (&self.network.network, self.volt_kt(&volt)?);
        let exact = |values: Vec<Vec<f64>>| Found { values: rows(&values), errors: None, occupations: None };
        let found = match method {
            "steady-state" => self.waited_for(py, || {
                let mut solver = SteadySolver::new(network, SteadyOptions::default());
                solver.solve(&volt_kt)?;
                solver.gradient().map(exact)
            }),
            "mean-field" => self.waited_for(py, || mean_field_gradient(network, &volt_kt).map(exact)),
            "events" => self.waited_for(py, || {
                let options = ResponseOptions { relative_error, most_hops: hops, seed, ..ResponseOptions::default() };
                let found = response(&network.landscape(&volt_kt), self.network.initial, &options);
                let errors = Some(rows(&found.gradient_standard_errors));
                Ok(Found { values: rows(&found.gradient), errors, occupations: None })
            }),
            other => Err(unknown(other, "\"steady-state\", \"events\" or \"mean-field\"")),
        }?;
        let conversion = self.network.conversion;
        self.in_python(py, found, conversion.na_per_charge_rate * conversion.kt_per_volt)
    }
}

fn unknown(method: &str, allowed: &str) -> PyErr {
    wrong(format!("method: found \"{method}\", must be {allowed}"))
}

impl PyNetwork {
    fn volt_kt(&self, volt: &PyReadonlyArray1<'_, f64>) -> PyResult<Vec<f64>> {
        let volt = volt.as_array().to_vec();
        let electrodes = self.network.network.electrodes();
        if volt.len() != electrodes {
            return Err(wrong(format!(
                "voltages: found {volt:?}, must be {electrodes} numbers, one for each electrode"
            )));
        }
        Ok(self.network.voltages_kt(&volt))
    }

    fn waited_for(&self, py: Python<'_>, work: impl FnOnce() -> Result<Found, NetworkError> + Send) -> PyResult<Found> {
        interruptible(py, |_| work())?.map_err(failed)
    }

    fn in_python<'py>(&self, py: Python<'py>, found: Found, scale: f64) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        all.set_item("values", (found.values * scale).into_pyarray(py))?;
        all.set_item("standard_errors", found.errors.map(|errors| (errors * scale).into_pyarray(py)))?;
        let occupations: Option<Bound<'py, PyArray1<f64>>> =
            found.occupations.map(|occupations| Array1::from(occupations).into_pyarray(py));
        all.set_item("occupations", occupations)?;
        Ok(all)
    }
}
