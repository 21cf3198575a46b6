//! A device that is a function in Python.

use ::device::{Device, DeviceError};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

/// A function of voltages \[V\], shape (points, parameters), that returns currents \[nA\], shape (points, outputs), in 64-bit floats; and
/// perhaps one that returns the gradient \[nA/V\], shape (outputs, parameters), at one point.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) function: Py<PyAny>,
    pub(crate) gradient: Option<Py<PyAny>>,
    pub(crate) parameters: usize,
    pub(crate) outputs: usize,
}

/// What a function raised, or returned instead of an array.
fn raised(py: Python<'_>, error: &PyErr) -> DeviceError {
    let place = error.traceback(py).and_then(|traceback| traceback.format().ok());
    DeviceError::Evaluation(format!("the device's function failed: {error}\n{}", place.unwrap_or_default()))
}

fn shaped<'py>(
    found: PyResult<Bound<'py, PyAny>>,
    py: Python<'py>,
    shape: [usize; 2],
) -> Result<PyReadonlyArray2<'py, f64>, DeviceError> {
    let array: PyReadonlyArray2<'py, f64> = found
        .and_then(|found| found.extract().map_err(|_| crate::wrong("it must return a 2-dimensional array of float64")))
        .map_err(|e| raised(py, &e))?;
    if array.as_array().shape() != shape {
        let message = format!("the device's function returned the shape {:?}, not {shape:?}", array.as_array().shape());
        return Err(DeviceError::Evaluation(message));
    }
    Ok(array)
}

impl Device for Callable {
    fn parameters(&self) -> usize {
        self.parameters
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn evaluate(&self, volt: ArrayView2<f64>, mut currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        Python::attach(|py| {
            let voltages: Bound<'_, PyArray2<f64>> = volt.to_pyarray(py);
            let found = shaped(self.function.bind(py).call1((voltages,)), py, [volt.nrows(), self.outputs])?;
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
        Python::attach(|py| {
            let at = PyArray1::from_slice(py, volt);
            let found = shaped(gradient.bind(py).call1((at,)), py, [self.outputs, self.parameters])?;
            Ok(Some(found.to_owned_array()))
        })
    }
}
