//! An estimator on a device under noise: exact errors, trials, traces.

use std::path::PathBuf;

use estimators::{EstimatorError, Experiment, Workspace};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;
use settings::seed::{self, Purpose};
use study::PointOfKind;
use study::error::point::ErrorPoint;
use sweep::Stop;

use crate::callable::Raised;
use crate::device::PyDevice;
use crate::interrupt::interruptible;
use crate::studies::study_of;
use crate::{failed, wrong};

/// Trials of a thread between looks at whether to stop.
const TRIALS: usize = 64;

/// An estimator on a device at an operating point under noise.
#[pyclass(name = "Experiment", module = "hge._hge", frozen)]
pub(crate) struct PyExperiment {
    experiment: Experiment,
    /// What published errors, remarks and amplitudes follow from.
    study: std::sync::Arc<study::Study>,
    /// What the device's function raised.
    raised: Raised,
}

impl PyExperiment {
    fn point(&self) -> &ErrorPoint {
        match &self.study.first().of_kind {
            PointOfKind::Error(point) => point,
            _ => unreachable!("checked when it was built"),
        }
    }

    fn estimates(&self, count: usize, seed: u64, first: usize, stop: &Stop) -> Result<Array2<f64>, EstimatorError> {
        let derivatives = self.experiment.derivatives();
        let mut estimates = Array2::zeros((count, derivatives));
        let chunks: Vec<_> = estimates.axis_chunks_iter_mut(Axis(0), TRIALS).collect();
        chunks.into_par_iter().enumerate().try_for_each(|(chunk, mut rows)| {
            if stop.is_requested() {
                return Ok(());
            }
            let (mut workspace, mut estimate) = (Workspace::default(), vec![0.0; derivatives]);
            for (row, mut found) in rows.rows_mut().into_iter().enumerate() {
                let mut rng = Self::rng(seed, first + chunk * TRIALS + row);
                self.experiment.trial_into(&mut rng, &mut workspace, &mut estimate)?;
                found.iter_mut().zip(&estimate).for_each(|(a, b)| *a = *b);
            }
            Ok::<_, EstimatorError>(())
        })?;
        Ok(estimates)
    }

    fn rng(seed: u64, repetition: usize) -> rand_pcg::Pcg64 {
        seed::stream(seed, Purpose::Trial { point: 0, repetition: repetition as u64 })
    }
}

#[pymethods]
impl PyExperiment {
    /// From the tables of a scenario, as JSON; paths start in `folder`.
    #[new]
    #[pyo3(signature = (settings, folder, device=None))]
    fn new(py: Python<'_>, settings: &str, folder: PathBuf, device: Option<&PyDevice>) -> PyResult<Self> {
        let (raised, device) = device.map(|d| (d.raised.clone(), d.device.clone())).unzip();
        let raised = raised.unwrap_or_default();
        let unchecked = study_of(settings, &folder, Vec::new(), device)?;
        let made = py.detach(|| {
            let study = unchecked.understood().map_err(|e| e.message)?;
            let PointOfKind::Error(point) = &study.first().of_kind else {
                return Err("the scenario is no error study".to_owned());
            };
            let experiment = point.experiment(study.library()).map_err(|e| e.to_string())?;
            Ok((experiment, study))
        });
        let (experiment, study) = made.map_err(|e| raised.or(wrong(e)))?;
        Ok(Self { experiment, study: study.into(), raised })
    }

    /// The same at another operating point.
    fn at(&self, py: Python<'_>, volt: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let volt = volt.as_array().to_vec();
        let experiment = py.detach(|| self.experiment.moved_to(&volt)).map_err(|e| self.raised.or(wrong(e)))?;
        Ok(Self { experiment, study: self.study.clone(), raised: self.raised.clone() })
    }

    #[getter]
    fn operating_point_volt<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        Array1::from(self.experiment.operating_point_volt().to_vec()).into_pyarray(py)
    }

    #[getter]
    fn rate_hz(&self) -> f64 {
        self.experiment.probe().scheme().rate_hz()
    }

    #[getter]
    fn samples(&self) -> usize {
        self.experiment.probe().scheme().samples()
    }

    #[getter]
    fn records(&self) -> usize {
        self.experiment.probe().scheme().records()
    }

    #[getter]
    fn derivatives(&self) -> usize {
        self.experiment.derivatives()
    }

    #[getter]
    fn amplitude_volt<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        Array1::from(self.point().amplitude_volt.clone()).into_pyarray(py)
    }

    /// Remarks on files, and of the frequency planner at the first operating point.
    fn remarks(&self) -> PyResult<Vec<String>> {
        let mut remarks = self.study.first().remarks.clone();
        remarks.extend(
            self.point().findings().map_err(|e| self.raised.or(failed(e)))?.into_iter().map(|finding| finding.message),
        );
        Ok(remarks)
    }

    fn current(&self, py: Python<'_>) -> PyResult<f64> {
        py.detach(|| self.experiment.current_na()).map_err(|e| self.raised.or(failed(e)))
    }

    fn truth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let truth = py.detach(|| self.experiment.truth()).map_err(|e| self.raised.or(failed(e)))?;
        Ok(Array1::from(truth).into_pyarray(py))
    }

    /// Bias and variance, against the given derivatives or those of the device; and why there are none, if there are none.
    #[allow(clippy::type_complexity)]
    #[pyo3(signature = (truth=None))]
    fn exact<'py>(
        &self,
        py: Python<'py>,
        truth: Option<PyReadonlyArray1<'py, f64>>,
    ) -> PyResult<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Option<&'static str>)> {
        let truth = truth.map(|t| t.as_array().to_vec());
        if truth.as_ref().is_some_and(|t| t.len() != self.experiment.derivatives()) {
            return Err(wrong(format!("truth: must be {} numbers", self.experiment.derivatives())));
        }
        let errors = py
            .detach(|| match truth {
                Some(truth) => self.experiment.exact_against(&truth),
                None => self.experiment.exact(),
            })
            .map_err(|e| self.raised.or(failed(e)))?;
        let (bias, variance) = (Array1::from(errors.bias), Array1::from(errors.variance));
        Ok((bias.into_pyarray(py), variance.into_pyarray(py), self.experiment.exact_gap()))
    }

    /// Published mean squared error.
    fn published<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let mut truth = py.detach(|| self.experiment.truth()).map_err(|e| self.raised.or(failed(e)))?;
        // without second derivatives
        truth.truncate(self.experiment.probe().scheme().parameters());
        Ok(Array1::from(self.point().published(&truth)).into_pyarray(py))
    }

    /// Estimates, shape (count, derivatives): those that a study of this seed has at its first point, on any number of cores.
    fn trials<'py>(
        &self,
        py: Python<'py>,
        count: usize,
        seed: u64,
        first: usize,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        // a thread of its own takes longer than a few trials
        let made = if count <= TRIALS {
            py.detach(|| self.estimates(count, seed, first, &Stop::default()))
        } else {
            interruptible(py, |stop| self.estimates(count, seed, first, stop))?
        };
        Ok(made.map_err(|e| self.raised.or(failed(e)))?.into_pyarray(py))
    }

    /// One measurement, sample by sample: arrays over records first.
    fn traces<'py>(&self, py: Python<'py>, seed: u64, number: usize) -> PyResult<Bound<'py, PyDict>> {
        let traces = py
            .detach(|| self.experiment.traces(&mut Self::rng(seed, number)))
            .map_err(|e| self.raised.or(failed(e)))?;
        let rows = |rows: &[Vec<f64>]| {
            Array2::from_shape_fn((rows.len(), rows[0].len()), |(record, n)| rows[record][n]).into_pyarray(py)
        };
        let views: Vec<ArrayView2<f64>> = traces.drive_volt.iter().map(|drive| drive.view()).collect();
        let drive: Array3<f64> = ndarray::stack(Axis(0), &views).map_err(failed)?;
        let drive: Bound<'_, PyArray3<f64>> = drive.into_pyarray(py);
        let found = PyDict::new(py);
        found.set_item("drive_volt", drive)?;
        found.set_item("clean_na", rows(&traces.clean_na))?;
        found.set_item("noise_na", rows(&traces.noise_na))?;
        found.set_item("output_na", rows(&traces.output_na))?;
        found.set_item("directions", Array1::from(traces.directions).into_pyarray(py))?;
        found.set_item("derivatives", Array1::from(traces.derivatives).into_pyarray(py))?;
        Ok(found)
    }

    /// The derivatives that records of the output tell of.
    fn read<'py>(
        &self,
        py: Python<'py>,
        output_na: PyReadonlyArray2<'py, f64>,
        directions: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let outputs: Vec<Vec<f64>> = output_na.as_array().rows().into_iter().map(|row| row.to_vec()).collect();
        let found = self.experiment.read(&outputs, &directions.as_array().to_vec()).map_err(wrong)?;
        Ok(Array1::from(found).into_pyarray(py))
    }

    /// Weights of a record, shape (readings, samples).
    fn weights<'py>(&self, py: Python<'py>, record: usize) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let probe = self.experiment.probe();
        if record >= probe.scheme().records() {
            return Err(wrong(format!("record: found {record}, must be 0 to {}", probe.scheme().records() - 1)));
        }
        let shape = (probe.readings(record), probe.scheme().samples());
        Ok(Array2::from_shape_vec(shape, probe.weights(record).to_vec()).map_err(failed)?.into_pyarray(py))
    }
}
