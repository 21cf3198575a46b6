//! Devices: those of scenario files, and functions.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ::device::{Device, Shelf, Surroundings};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use study::language::kinds::DeviceSection;

use crate::callable::{Callable, Raised};
use crate::settings_text::table;
use crate::{failed, wrong};

/// A device: voltages in, currents out.
#[pyclass(name = "Device", module = "hge._hge", frozen)]
pub(crate) struct PyDevice {
    pub(crate) device: Arc<dyn Device>,
    pub(crate) raised: Raised,
}

#[pymethods]
impl PyDevice {
    /// A device from the table `[device]` of a scenario, as JSON; paths start in `folder`.
    #[staticmethod]
    fn of_settings(settings: &str, folder: PathBuf) -> PyResult<Self> {
        let section = DeviceSection::parse(table(settings)?, "device").map_err(|e| wrong(e.message))?;
        let around = Surroundings { folder: &folder, shelf: &Shelf::default() };
        Ok(Self { device: section.settings().build(&around).map_err(wrong)?, raised: Raised::default() })
    }

    /// A device from a function, and perhaps that of its gradient.
    #[staticmethod]
    fn of_function(function: Py<PyAny>, gradient: Option<Py<PyAny>>, parameters: usize, outputs: usize) -> Self {
        let (raised, turn) = (Raised::default(), Mutex::default());
        let callable = Callable { function, gradient, parameters, outputs, raised: raised.clone(), turn };
        Self { device: Arc::new(callable), raised }
    }

    #[getter]
    fn parameters(&self) -> usize {
        self.device.parameters()
    }

    #[getter]
    fn outputs(&self) -> usize {
        self.device.outputs()
    }

    fn currents<'py>(&self, py: Python<'py>, volt: PyReadonlyArray2<'py, f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let volt = volt.as_array();
        let (expected, found) = (self.device.parameters(), volt.ncols());
        if expected != found {
            return Err(wrong(::device::DeviceError::WrongParameters { expected, found }));
        }
        let volt = volt.to_owned();
        let currents_na = py.detach(|| {
            let mut currents_na = Array2::zeros((volt.nrows(), self.device.outputs()));
            self.device.evaluate(volt.view(), currents_na.view_mut()).map(|()| currents_na)
        });
        Ok(currents_na.map_err(|e| self.raised.or(failed(e)))?.into_pyarray(py))
    }

    fn gradient<'py>(
        &self,
        py: Python<'py>,
        volt: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
        let at =
            ::device::operating_point_volt(self.device.as_ref(), Some(&volt.as_array().to_vec())).map_err(wrong)?;
        let gradient = py.detach(|| self.device.gradient(&at)).map_err(|e| self.raised.or(failed(e)))?;
        Ok(gradient.map(|g| g.into_pyarray(py)))
    }
}
