//! The extension module of the Python package `hge`. Settings come as JSON with the names of scenario files, arrays as NumPy arrays;
//! `hge/__init__.py` is what users see.

mod bench;
mod callable;
mod device;
mod experiment;
mod interrupt;
mod network;
mod noise;
mod settings_text;
mod studies;

use pyo3::prelude::*;

/// The part of `hge` that is written in Rust.
#[pymodule]
mod _hge {
    #[pymodule_export]
    use crate::bench::{demodulate, fit_noise, propose};
    #[pymodule_export]
    use crate::device::PyDevice;
    #[pymodule_export]
    use crate::experiment::PyExperiment;
    #[pymodule_export]
    use crate::network::PyNetwork;
    #[pymodule_export]
    use crate::noise::{PyNoise, welch};
    #[pymodule_export]
    use crate::studies::{check_estimator, run};
}

use pyo3::exceptions::{PyRuntimeError, PyValueError};

/// What the caller gave is wrong.
fn wrong(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// It could not be computed.
fn failed(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
