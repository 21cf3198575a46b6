//! A device that is a function in Python.

use std::sync::{Arc, Mutex, PoisonError};

use ::device::{Device, DeviceError};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

/// What a device's function raised first. The device is not asked again until the caller has been told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    fn keep(&self, error: PyErr) {
        self.0.lock().expect("no thread panics here").get_or_insert(error);
    }

    fn is_there(&self) -> bool {
        self.0.lock().expect("no thread panics here").is_some()
    }

    /// What was raised, or another error if nothing was.
    pub(crate) fn or(&self, other: PyErr) -> PyErr {
        self.0.lock().expect("no thread panics here").take().unwrap_or(other)
    }
}

/// A function of voltages \[V\], shape (points, parameters), that returns currents \[nA\], shape (points, outputs), in 64-bit floats; and
/// perhaps one that returns the gradient \[nA/V\], shape (outputs, parameters), at one point.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) function: Py<PyAny>,
    pub(crate) gradient: Option<Py<PyAny>>,
    pub(crate) parameters: usize,
    pub(crate) outputs: usize,
    pub(crate) raised: Raised,
    /// One thread at a time: the function may set voltages, wait, and read.
    pub(crate) turn: Mutex<()>,
}

fn shaped<'py>(
    found: PyResult<Bound<'py, PyAny>>,
    raised: &Raised,
    shape: [usize; 2],
) -> Result<PyReadonlyArray2<'py, f64>, DeviceError> {
    let array: PyReadonlyArray2<'py, f64> = found
        .and_then(|found| found.extract().map_err(|_| crate::wrong("it must return a 2-dimensional array of float64")))
        .map_err(|error| {
            let told = DeviceError::Evaluation(format!("the device's function failed: {error}"));
            raised.keep(error);
            told
        })?;
    if array.as_array().shape() != shape {
        let message = format!("the device's function returned the shape {:?}, not {shape:?}", array.as_array().shape());
        return Err(DeviceError::Evaluation(message));
    }
    Ok(array)
}

impl Callable {
    /// Waits for its turn, without the interpreter's lock.
    fn turn(&self) -> Result<std::sync::MutexGuard<'_, ()>, DeviceError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.raised.is_there() {
            return Err(DeviceError::Evaluation("the device's function has failed before".to_owned()));
        }
        Ok(turn)
    }
}

impl Device for Callable {
    fn parameters(&self) -> usize {
        self.parameters
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn evaluate(&self, volt: ArrayView2<f64>, mut currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        let _turn = self.turn()?;
        Python::attach(|py| {
            let voltages: Bound<'_, PyArray2<f64>> = volt.to_pyarray(py);
            let found = shaped(self.function.bind(py).call1((voltages,)), &self.raised, [volt.nrows(), self.outputs])?;
            currents_na.assign(&found.as_array());
            Ok::<_, DeviceError>(())
        })?;
        if let Some(((row, _), bad)) = currents_na.indexed_iter().find(|(_, current)| !current.is_finite()) {
            let message = format!("the device's function returned {bad} nA at {} V", volt.row(row));
            return Err(DeviceError::Evaluation(message));
        }
        Ok(())
    }

    fn gradient(&self, volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let Some(gradient) = &self.gradient else { return Ok(None) };
        let _turn = self.turn()?;
        Python::attach(|py| {
            let at = PyArray1::from_slice(py, volt);
            let found = shaped(gradient.bind(py).call1((at,)), &self.raised, [self.outputs, self.parameters])?;
            Ok(Some(found.to_owned_array()))
        })
    }
}
