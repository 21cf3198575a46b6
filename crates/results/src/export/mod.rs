//! Results as NumPy arrays.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::StoreError;
use crate::data::{Coordinate, Results, Sink};
use crate::store::{self, Part};

mod npy;

/// Size in bytes above which an entry needs the zip64 format.
const LARGE: u64 = 1 << 31;

/// Exports a results file with a valid checksum to an `.npz`, with memory independent of its size, if `check` accepts its
/// outline.
///
/// It holds each variable and each coordinate under its name (texts as arrays of unicode), and for each variable `NAME.dims`,
/// the names of its dimensions in order, and for each variable and coordinate `NAME.units`.
///
/// # Errors
/// If `from` cannot be read ([`store::read`]), `check` refuses it, `to` exists and `overwrite` is not set, or it cannot be written; an
/// existing file is then left unchanged.
pub fn npz(
    from: &Path,
    to: &Path,
    overwrite: bool,
    check: &dyn Fn(&Results) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    store::check_writable(to, overwrite)?;
    let part = store::temporary(to)?;
    let fail = |e: std::io::Error| StoreError::Write { path: to.to_owned(), reason: e.to_string() };
    let file = BufWriter::new(File::create(&part).map_err(fail)?);
    let zip = ZipWriter::new(file);
    let mut archive = Archive { path: to.to_owned(), zip, check, variables: Vec::new(), open: None };
    store::stream(from, Part::All, &mut archive)?;
    archive.finish()?;
    store::publish(part, to)
}

/// An `.npz` being written.
struct Archive<'c> {
    path: PathBuf,
    zip: ZipWriter<BufWriter<File>>,
    check: &'c dyn Fn(&Results) -> Result<(), StoreError>,
    variables: Vec<Pending>,
    open: Option<usize>,
}

/// A variable still to be written.
struct Pending {
    name: String,
    shape: Vec<usize>,
    missing: usize,
}

impl Archive<'_> {
    fn failed(&self, reason: impl ToString) -> StoreError {
        StoreError::Write { path: self.path.clone(), reason: reason.to_string() }
    }

    /// Begins an array of the given size in bytes.
    fn begin(&mut self, name: &str, header: &[u8], bytes: u64) -> Result<(), StoreError> {
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(bytes >= LARGE);
        self.zip.start_file(format!("{name}.npy"), options).map_err(|e| self.failed(e))?;
        self.put(header)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.zip.write_all(bytes).map_err(|e| self.failed(e))
    }

    fn numbers(&mut self, name: &str, numbers: &[f64]) -> Result<(), StoreError> {
        self.begin(name, &npy::header("<f8", &[numbers.len()]), 8 * numbers.len() as u64)?;
        self.put(&npy::numbers(numbers))
    }

    fn texts(&mut self, name: &str, texts: &[&str], shape: &[usize]) -> Result<(), StoreError> {
        let (kind, bytes) = npy::texts(texts);
        self.begin(name, &npy::header(&kind, shape), bytes.len() as u64)?;
        self.put(&bytes)
    }

    /// Begins the variable, after empty ones before it.
    fn begin_variable(&mut self, variable: usize) -> Result<(), StoreError> {
        let first = self.open.map_or(0, |open| open + 1);
        for k in first..=variable {
            let Pending { name, shape, missing } = &self.variables[k];
            let (name, header, bytes) = (name.clone(), npy::header("<f8", shape), 8 * *missing as u64);
            self.begin(&name, &header, bytes)?;
        }
        self.open = Some(variable);
        Ok(())
    }

    fn finish(mut self) -> Result<(), StoreError> {
        if let Some(last) = self.variables.len().checked_sub(1).filter(|last| self.open != Some(*last)) {
            self.begin_variable(last)?;
        }
        if let Some(short) = self.variables.iter().find(|v| v.missing > 0) {
            return Err(self.failed(format!("`{}` lacks {} numbers", short.name, short.missing)));
        }
        let path = self.path;
        let fail = |reason: String| StoreError::Write { path: path.clone(), reason };
        let file = self.zip.finish().map_err(|e| fail(e.to_string()))?;
        file.into_inner().map(drop).map_err(|e| fail(e.to_string()))
    }
}

impl Sink for Archive<'_> {
    fn begin(&mut self, outline: Results) -> Result<(), StoreError> {
        (self.check)(&outline)?;
        for dimension in &outline.dimensions {
            match &dimension.coordinate {
                Coordinate::Numbers(x) => self.numbers(&dimension.name, x)?,
                Coordinate::Labels(labels) => {
                    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                    self.texts(&dimension.name, &labels, &[labels.len()])?;
                }
            }
            self.texts(&format!("{}.units", dimension.name), &[&dimension.units], &[])?;
        }
        for variable in &outline.variables {
            let over: Vec<&str> = variable.dimensions.iter().map(|&d| outline.dimensions[d].name.as_str()).collect();
            self.texts(&format!("{}.dims", variable.name), &over, &[over.len()])?;
            self.texts(&format!("{}.units", variable.name), &[&variable.units], &[])?;
        }
        self.variables = outline
            .variables
            .iter()
            .map(|v| {
                let shape = outline.shape(v);
                Pending { name: v.name.clone(), missing: shape.iter().product(), shape }
            })
            .collect();
        Ok(())
    }

    fn append(&mut self, variable: usize, values: &[f64]) -> Result<(), StoreError> {
        if self.open != Some(variable) {
            self.begin_variable(variable)?;
        }
        let pending = &mut self.variables[variable];
        let Some(missing) = pending.missing.checked_sub(values.len()) else {
            let name = pending.name.clone();
            return Err(self.failed(format!("`{name}` has too many numbers")));
        };
        pending.missing = missing;
        self.put(&npy::numbers(values))
    }
}
