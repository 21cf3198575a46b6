//! Results as NumPy arrays.

use std::path::Path;

use ndarray::{Array1, ArrayD, IxDyn};
use ndarray_npy::NpzWriter;

use crate::error::StoreError;
use crate::results::{Coordinate, Results};

/// Writes all variables and numeric coordinates to an `.npz`, each under its name.
///
/// # Errors
/// If the file exists and `overwrite` is not set, or it cannot be written.
pub fn npz(results: &Results, path: &Path, overwrite: bool) -> Result<(), StoreError> {
    crate::store::check_writable(path, overwrite)?;
    let fail = |reason: String| StoreError::Write { path: path.to_owned(), reason };
    let part = crate::store::temporary(path)?;
    let mut npz = NpzWriter::new(std::fs::File::create(&part).map_err(|e| fail(e.to_string()))?);
    for dimension in &results.dimensions {
        if let Coordinate::Numbers(x) = &dimension.coordinate {
            npz.add_array(dimension.name.as_str(), &Array1::from(x.clone())).map_err(|e| fail(e.to_string()))?;
        }
    }
    for variable in &results.variables {
        let array = ArrayD::from_shape_vec(IxDyn(&results.shape(variable)), variable.values.clone())
            .map_err(|e| fail(e.to_string()))?;
        npz.add_array(variable.name.as_str(), &array).map_err(|e| fail(e.to_string()))?;
    }
    npz.finish().map_err(|e| fail(e.to_string()))?;
    crate::store::publish(part, path)
}
