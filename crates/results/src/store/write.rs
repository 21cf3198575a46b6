//! Writes results files in a stream: memory does not depend on the size of the file.

use std::path::{Path, PathBuf};

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use ndarray::{ArrayViewD, IxDyn};

use super::boxes::boxes;
use super::{checksum, dimension_scales};
use crate::StoreError;
use crate::data::{Coordinate, Dimension, Results, Sink};

/// Largest number of values of one variable written at once.
const BUFFER: usize = 1 << 16;

/// The attribute that tells netCDF tools the meaning of the others.
const CONVENTIONS: (&str, &str) = ("Conventions", "CF-1.10");

/// A results file being written. It has a temporary name until it is published, and is removed if it is not.
pub struct Writer {
    path: PathBuf,
    part: tempfile::TempPath,
    file: File,
    columns: Vec<Column>,
}

/// A variable of the file.
struct Column {
    dataset: Dataset,
    shape: Vec<usize>,
    written: usize,
    waiting: Vec<f64>,
}

impl Column {
    fn flush(&mut self) -> hdf5::Result<()> {
        let mut values = &self.waiting[..];
        for (offset, extent) in boxes(&self.shape, self.written, self.waiting.len()) {
            let (now, later) = values.split_at(extent.iter().product());
            let slices: Vec<SliceOrIndex> = offset
                .iter()
                .zip(&extent)
                .map(|(&start, &count)| SliceOrIndex::SliceCount { start, step: 1, count, block: 1 })
                .collect();
            let view = ArrayViewD::from_shape(IxDyn(&extent), now).map_err(|e| e.to_string())?;
            if self.shape.is_empty() {
                self.dataset.write(view)?;
            } else {
                self.dataset.write_slice(view, Hyperslab::from(slices))?;
            }
            values = later;
        }
        self.written += self.waiting.len();
        self.waiting.clear();
        Ok(())
    }
}

impl Writer {
    /// Begins a file with the final name `path`.
    ///
    /// # Errors
    /// If its folder cannot be written.
    pub fn new(path: &Path) -> Result<Self, StoreError> {
        super::remove_abandoned(path);
        let part = super::temporary(path)?;
        let file = File::create(&part).map_err(|e| write_error(path, &e))?;
        Ok(Self { path: path.to_owned(), part, file, columns: Vec::new() })
    }

    fn fail(&self, error: &hdf5::Error) -> StoreError {
        write_error(&self.path, error)
    }

    fn declare(&mut self, outline: Results) -> hdf5::Result<()> {
        // a copy has read it among the others
        for (name, value) in outline.attributes.iter().filter(|(name, _)| name != CONVENTIONS.0) {
            write_text(&self.file, name, value)?;
        }
        write_text(&self.file, CONVENTIONS.0, CONVENTIONS.1)?;
        let scales: Vec<Dataset> =
            outline.dimensions.iter().map(|d| write_dimension(&self.file, d)).collect::<hdf5::Result<_>>()?;
        for variable in &outline.variables {
            let shape = outline.shape(variable);
            let dataset = self.file.new_dataset::<f64>().shape(&shape[..]).create(variable.name.as_str())?;
            write_text(&dataset, "units", &variable.units)?;
            write_text(&dataset, "long_name", &variable.long_name)?;
            for (axis, &d) in variable.dimensions.iter().enumerate() {
                dimension_scales::attach(&dataset, &scales[d], axis)?;
            }
            self.columns.push(Column { dataset, shape, written: 0, waiting: Vec::new() });
        }
        Ok(())
    }

    /// Writes remaining values, checks completeness, adds the checksum, syncs the file, and renames it.
    ///
    /// # Errors
    /// If a variable is incomplete or the file cannot be written.
    pub fn publish(mut self) -> Result<(), StoreError> {
        for column in &mut self.columns {
            column.flush().map_err(|e| write_error(&self.path, &e))?;
            let expected = column.shape.iter().product::<usize>();
            if column.written != expected {
                let reason = format!("`{}` has {} of {expected} numbers", column.dataset.name(), column.written);
                return Err(StoreError::Write { path: self.path, reason });
            }
        }
        self.columns.clear();
        self.file.flush().map_err(|e| self.fail(&e))?;
        self.file.close().map_err(|e| write_error(&self.path, &e))?;
        checksum::append(&self.part)
            .map_err(|e| StoreError::Write { path: self.path.clone(), reason: e.to_string() })?;
        super::publish(self.part, &self.path)
    }
}

impl Sink for Writer {
    fn begin(&mut self, mut outline: Results) -> Result<(), StoreError> {
        let values: Vec<Vec<f64>> = outline.variables.iter_mut().map(|v| std::mem::take(&mut v.values)).collect();
        self.declare(outline).map_err(|e| self.fail(&e))?;
        values.into_iter().enumerate().try_for_each(|(variable, values)| self.append(variable, &values))
    }

    fn append(&mut self, variable: usize, values: &[f64]) -> Result<(), StoreError> {
        let column = &mut self.columns[variable];
        column.waiting.extend_from_slice(values);
        if column.waiting.len() < BUFFER {
            return Ok(());
        }
        column.flush().map_err(|e| write_error(&self.path, &e))
    }
}

/// Extracts the system's message, for instance for a full disk, from libhdf5's error stack.
fn write_error(path: &Path, error: &hdf5::Error) -> StoreError {
    let text = error.to_string();
    let cause = text.split("error message = '").nth(1).and_then(|rest| rest.split('\'').next());
    let reason = cause.or_else(|| text.lines().next()).unwrap_or_default().to_owned();
    StoreError::Write { path: path.to_owned(), reason }
}

fn write_dimension(file: &File, dimension: &Dimension) -> hdf5::Result<Dataset> {
    let name = dimension.name.as_str();
    let dataset = match &dimension.coordinate {
        Coordinate::Numbers(x) => file.new_dataset_builder().with_data(x).create(name)?,
        Coordinate::Labels(labels) => {
            let text: Vec<VarLenUnicode> = labels.iter().map(|l| unicode(l)).collect::<hdf5::Result<_>>()?;
            file.new_dataset_builder().with_data(&text).create(name)?
        }
    };
    if !dimension.units.is_empty() {
        write_text(&dataset, "units", &dimension.units)?;
    }
    dimension_scales::make(&dataset, name)?;
    Ok(dataset)
}

fn unicode(text: &str) -> hdf5::Result<VarLenUnicode> {
    text.parse().map_err(|_| hdf5::Error::from("text holds a NUL character"))
}

fn write_text(at: &hdf5::Location, name: &str, text: &str) -> hdf5::Result<()> {
    at.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&unicode(text)?)
}
