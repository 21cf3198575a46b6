//! In place of results files in a build without HDF5: every attempt is refused.

use std::path::Path;

use crate::StoreError;
use crate::data::{Results, Sink};

const REASON: &str = "this build has no HDF5 (cargo feature `hdf5`): its results are in memory only";

/// A results file, which this build cannot write.
#[derive(Debug)]
pub struct Writer(std::convert::Infallible);

impl Writer {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn new(path: &Path) -> Result<Self, StoreError> {
        Err(StoreError::Write { path: path.to_owned(), reason: REASON.to_owned() })
    }

    /// Never called: there is no writer.
    ///
    /// # Errors
    /// None.
    pub fn publish(self) -> Result<(), StoreError> {
        match self.0 {}
    }
}

impl Sink for Writer {
    fn begin(&mut self, _outline: Results) -> Result<(), StoreError> {
        match self.0 {}
    }

    fn append(&mut self, _variable: usize, _values: &[f64]) -> Result<(), StoreError> {
        match self.0 {}
    }
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn attribute(path: &Path, _name: &str) -> Result<Option<String>, StoreError> {
    Err(StoreError::Read { path: path.to_owned(), reason: REASON.to_owned() })
}
