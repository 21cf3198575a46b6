//! Noise: densities and records; and Welch's estimate.

use std::path::PathBuf;

use ::noise::{CirculantScratch, NoiseModel, RecordGenerator, Surroundings};
use ndarray::{Array1, Array2};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use rayon::prelude::*;
use settings::seed::{self, Purpose};
use study::language::kinds::NoiseSection;

use crate::interrupt::interruptible;
use crate::settings_text::table;
use crate::{failed, wrong};

/// A source of noise.
#[pyclass(name = "Noise", module = "hge._hge", frozen)]
pub(crate) struct PyNoise {
    model: NoiseModel,
    rate_hz: f64,
}

#[pymethods]
impl PyNoise {
    /// Noise from the table `[noise]` of a scenario, as JSON, sampled at `rate_hz`; paths start in `folder`.
    #[new]
    fn new(settings: &str, rate_hz: f64, folder: PathBuf) -> PyResult<Self> {
        if !(rate_hz > 0.0 && rate_hz.is_finite()) {
            return Err(wrong(format!("rate_hz: found {rate_hz}, must be a positive number")));
        }
        let section = NoiseSection::parse(table(settings)?, "noise").map_err(|e| wrong(e.message))?;
        let mut around = Surroundings::in_folder(&folder, rate_hz);
        let model = section.settings().build(&mut around).map_err(wrong)?;
        Ok(Self { model, rate_hz })
    }

    fn density<'py>(&self, py: Python<'py>, frequency_hz: PyReadonlyArray1<'py, f64>) -> Bound<'py, PyArray1<f64>> {
        frequency_hz.as_array().mapv(|f| self.model.density(f)).into_pyarray(py)
    }

    /// `count` independent records; those of a seed are the same on any number of cores, and the first ones do not depend on `count`.
    fn records<'py>(
        &self,
        py: Python<'py>,
        samples: usize,
        count: usize,
        seed: u64,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let made = interruptible(py, |stop| {
            let generator = RecordGenerator::new(&self.model, self.rate_hz, samples)?;
            let mut records = Array2::zeros((count, samples));
            let rows: Vec<_> = records.rows_mut().into_iter().collect();
            rows.into_par_iter().enumerate().for_each(|(repetition, mut record)| {
                if !stop.is_requested() {
                    let mut rng = seed::stream(seed, Purpose::Trial { point: 0, repetition: repetition as u64 });
                    let row = record.as_slice_mut().expect("rows are contiguous");
                    generator.add_to(&mut rng, &mut CirculantScratch::default(), row);
                }
            });
            Ok::<_, ::noise::NoiseError>(records)
        })?;
        Ok(made.map_err(failed)?.into_pyarray(py))
    }
}

/// Welch's estimate of the one-sided density of a record \[units²/Hz\]: frequencies, densities, and the factors below and above by which
/// the true density may differ with a probability.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub(crate) fn welch<'py>(
    py: Python<'py>,
    record: PyReadonlyArray1<'py, f64>,
    rate_hz: f64,
    segment: usize,
    confidence: f64,
) -> PyResult<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>)> {
    let record = record.as_array().to_vec();
    if segment < 2 || segment > record.len() {
        return Err(wrong(format!("segment: found {segment}, must be 2 to the record's length, {}", record.len())));
    }
    if !(rate_hz > 0.0 && rate_hz.is_finite() && confidence > 0.0 && confidence < 1.0) {
        return Err(wrong("rate_hz must be a positive number, and confidence between 0 and 1"));
    }
    let found = interruptible(py, |_| ::noise::welch::estimate(&record, rate_hz, segment))?;
    let band = found.confidence_factors(confidence);
    let band = Array2::from_shape_fn((band.len(), 2), |(k, side)| if side == 0 { band[k].0 } else { band[k].1 });
    let (frequencies, densities) = (Array1::from(found.frequency_hz), Array1::from(found.psd));
    Ok((frequencies.into_pyarray(py), densities.into_pyarray(py), band.into_pyarray(py)))
}
