//! Reading results files.

use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File};

use super::dimension_scales;
use crate::error::StoreError;
use crate::results::{Coordinate, Dimension, Results, Variable};

fn read_text(at: &hdf5::Location, name: &str) -> Option<String> {
    at.attr(name).ok()?.read_scalar::<VarLenUnicode>().ok().map(|t| t.as_str().to_owned())
}

/// Reads a results file.
///
/// # Errors
/// If it is missing, truncated, or not one that [`write()`](super::write()) made.
pub fn read(path: &Path) -> Result<Results, StoreError> {
    read_with(path, |file| read_file(file, true))
}

/// Numbers of a variable over `repetition` that figures and summaries still read: 256 MB.
pub(crate) const MOST_SINGLE: usize = 1 << 25;

/// Reads a results file, but for what single repetitions gave where that is more than 2²⁵ numbers.
///
/// # Errors
/// As [`read`].
pub fn read_small(path: &Path) -> Result<Results, StoreError> {
    read_with(path, |file| read_file(file, false))
}

/// An attribute of a results file, if it has it.
///
/// # Errors
/// As [`read`].
pub fn attribute(path: &Path, name: &str) -> Result<Option<String>, StoreError> {
    read_with(path, |file| Ok(read_text(file, name)))
}

fn read_with<T>(path: &Path, what: impl FnOnce(&File) -> hdf5::Result<T>) -> Result<T, StoreError> {
    let fail = |reason: String| StoreError::Read { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if length == 0 {
        return Err(fail("the file is empty".to_owned()));
    }
    let file = File::open(path).map_err(|e| fail(format!("not a complete HDF5 file ({})", first_line(&e))))?;
    what(&file).map_err(|e| fail(format!("the file is damaged or not from this program ({})", first_line(&e))))
}

fn first_line(error: &hdf5::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn read_file(file: &File, estimates: bool) -> hdf5::Result<Results> {
    let mut results = Results::default();
    for name in file.attr_names()? {
        if let Some(text) = read_text(file, &name) {
            results.attributes.push((name, text));
        }
    }
    if results.attribute("study").is_none() {
        return Err("attribute `study` is missing".into());
    }
    let datasets = file.datasets()?;
    let short = |d: &Dataset| d.name().trim_start_matches('/').to_owned();
    let (scales, others): (Vec<&Dataset>, Vec<&Dataset>) = datasets.iter().partition(|d| dimension_scales::is_scale(d));
    for scale in &scales {
        let coordinate = match scale.read_1d::<f64>() {
            Ok(numbers) => Coordinate::Numbers(numbers.to_vec()),
            Err(_) => {
                Coordinate::Labels(scale.read_1d::<VarLenUnicode>()?.iter().map(|t| t.as_str().to_owned()).collect())
            }
        };
        let units = read_text(scale, "units").unwrap_or_default();
        results.dimensions.push(Dimension { name: short(scale), coordinate, units });
    }
    for dataset in others {
        let mut dimensions = Vec::new();
        for axis in 0..dataset.ndim() {
            let position = scales.iter().position(|s| dimension_scales::is_attached(dataset, s, axis));
            dimensions
                .push(position.ok_or_else(|| hdf5::Error::from(format!("`{}` lacks a dimension", dataset.name())))?);
        }
        let single = dimensions.iter().any(|&d| results.dimensions[d].name == "repetition");
        if single && !estimates && dataset.size() > MOST_SINGLE {
            continue;
        }
        results.variables.push(Variable {
            name: short(dataset),
            dimensions,
            values: dataset.read_raw::<f64>()?,
            units: read_text(dataset, "units").unwrap_or_default(),
            long_name: read_text(dataset, "long_name").unwrap_or_default(),
        });
    }
    Ok(results)
}
