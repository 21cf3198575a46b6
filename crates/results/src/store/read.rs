//! Reads results files in a stream: memory does not depend on the size of the file.

use std::fs::TryLockError;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use ndarray::IxDyn;

use super::boxes::boxes;
use super::checksum::{self, Verdict};
use super::{MOST_SINGLE, dimension_scales};
use crate::StoreError;
use crate::data::{Coordinate, Dimension, Results, Sink, Variable};

/// Largest number of values of one variable read at once.
const BUFFER: usize = 1 << 16;

/// Largest number of coordinates along one dimension.
const MOST_COORDINATES: usize = 1 << 28;

/// Largest compression ratio: the limit of the deflate filter, which h5repack may have applied.
const MOST_PACKED: u64 = 1100;

/// Part of a file to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Everything except variables over `repetition` with more than 2²⁵ values: sufficient for figures and summaries.
    Small,
}

/// Reads a results file with a valid checksum.
///
/// # Errors
/// If it is missing, damaged, open in another program, or not written by [`write()`](super::write());
/// [`StoreError::NoChecksum`] if it has none.
pub fn read(path: &Path) -> Result<Results, StoreError> {
    read_part(path, Part::All)
}

/// Reads [`Part::Small`] of a results file with a valid checksum.
///
/// # Errors
/// As [`read`].
pub fn read_small(path: &Path) -> Result<Results, StoreError> {
    read_part(path, Part::Small)
}

fn read_part(path: &Path, part: Part) -> Result<Results, StoreError> {
    let mut results = Results::default();
    stream(path, part, &mut results)?;
    Ok(results)
}

/// An attribute of a results file with a valid checksum, if it exists.
///
/// # Errors
/// As [`read`].
pub fn attribute(path: &Path, name: &str) -> Result<Option<String>, StoreError> {
    verify(path)?;
    let file = open(path)?;
    Ok(read_text(&file, name))
}

/// Copies a results file that may lack a checksum, and adds one.
///
/// libhdf5 reads unverified bytes here: if they are damaged, it may crash, hang or exhaust memory. Call this in a
/// separate process with limits.
///
/// # Errors
/// If `from` is damaged, open in another program or not a results file, or `to` cannot be written; no incomplete file
/// remains.
pub fn copy_unverified(from: &Path, to: &Path, part: Part) -> Result<(), StoreError> {
    let mut writer = super::Writer::new(to)?;
    stream_unverified(from, part, &mut writer)?;
    writer.publish()
}

/// Reads a results file with a valid checksum into a sink.
pub fn stream(path: &Path, part: Part, sink: &mut dyn Sink) -> Result<(), StoreError> {
    verify(path)?;
    stream_unverified(path, part, sink)
}

fn verify(path: &Path) -> Result<(), StoreError> {
    let fail = |reason: String| StoreError::Read { path: path.to_owned(), reason };
    let metadata = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?;
    if !metadata.is_file() {
        return Err(fail("it is not a file".to_owned()));
    }
    if metadata.len() == 0 {
        return Err(fail("the file is empty".to_owned()));
    }
    // otherwise a file that another program is writing would be considered damaged
    let file = std::fs::File::open(path).map_err(|e| fail(e.to_string()))?;
    if locks_count() && matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Err(fail(OPEN_ELSEWHERE.to_owned()));
    }
    match checksum::verify(&file).map_err(|e| fail(e.to_string()))? {
        Verdict::Whole => Ok(()),
        Verdict::None => Err(StoreError::NoChecksum(path.to_owned())),
        Verdict::Damaged => Err(fail(
            "the file is damaged: its content does not match its checksum. Restore it from a copy, or compute it again with \
             `homodyne run SCENARIO --fresh`"
                .to_owned(),
        )),
    }
}

const OPEN_ELSEWHERE: &str =
    "another program has it open for writing (it holds HDF5's lock): close it there, and try again";

/// libhdf5's own setting, for file systems without locks.
fn locks_count() -> bool {
    !std::env::var("HDF5_USE_FILE_LOCKING").is_ok_and(|v| v == "FALSE" || v == "0")
}

fn first_line(error: &hdf5::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn open(path: &Path) -> Result<File, StoreError> {
    File::open(path).map_err(|e| {
        let text = e.to_string();
        let reason = if text.contains("unable to lock file") && text.contains("Resource temporarily unavailable") {
            OPEN_ELSEWHERE.to_owned()
        } else if text.contains("unable to lock file") {
            "its file system does not support locks: set HDF5_USE_FILE_LOCKING=FALSE, and try again".to_owned()
        } else {
            format!("not a complete HDF5 file ({})", first_line(&e))
        };
        StoreError::Read { path: path.to_owned(), reason }
    })
}

fn stream_unverified(path: &Path, part: Part, sink: &mut dyn Sink) -> Result<(), StoreError> {
    let fail = |reason: String| StoreError::Read { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    let file = open(path)?;
    let damaged = |reason: String| fail(format!("the file is damaged or not from this program ({reason})"));
    let (outline, datasets) = outline(&file, length, part).map_err(damaged)?;
    let shapes: Vec<Vec<usize>> = outline.variables.iter().map(|v| outline.shape(v)).collect();
    let names: Vec<String> = outline.variables.iter().map(|v| v.name.clone()).collect();
    sink.begin(outline)?;
    for (k, dataset) in datasets.iter().enumerate() {
        let damaged = |e: hdf5::Error| damaged(format!("variable `{}`: {}", names[k], first_line(&e)));
        let total: usize = shapes[k].iter().product();
        for start in (0..total).step_by(BUFFER) {
            for (offset, extent) in boxes(&shapes[k], start, BUFFER.min(total - start)) {
                sink.append(k, &read_box(dataset, &offset, &extent).map_err(damaged)?)?;
            }
        }
    }
    Ok(())
}

fn read_box(dataset: &Dataset, offset: &[usize], extent: &[usize]) -> hdf5::Result<Vec<f64>> {
    if extent.is_empty() {
        return dataset.read_raw();
    }
    let slices: Vec<SliceOrIndex> = offset
        .iter()
        .zip(extent)
        .map(|(&start, &count)| SliceOrIndex::SliceCount { start, step: 1, count, block: 1 })
        .collect();
    Ok(dataset.read_slice::<f64, _, IxDyn>(Hyperslab::from(slices))?.into_raw_vec_and_offset().0)
}

fn read_text(at: &hdf5::Location, name: &str) -> Option<String> {
    at.attr(name).ok()?.read_scalar::<VarLenUnicode>().ok().map(|t| t.as_str().to_owned())
}

fn name_of(dataset: &Dataset) -> String {
    dataset.name().trim_start_matches('/').to_owned()
}

/// Refuses a shape that a file of `length` bytes cannot hold.
fn plausible(what: &str, shape: &[usize], length: u64) -> Result<(), String> {
    let bytes = shape.iter().try_fold(8_u64, |product, &n| product.checked_mul(n as u64));
    if bytes.is_some_and(|bytes| bytes <= length.saturating_mul(MOST_PACKED)) {
        return Ok(());
    }
    Err(format!("{what} claims to be of shape {shape:?}, more than a file of {length} bytes can hold"))
}

/// Everything except the values of the variables, and their datasets.
fn outline(file: &File, length: u64, part: Part) -> Result<(Results, Vec<Dataset>), String> {
    let general = |e: hdf5::Error| first_line(&e);
    let mut results = Results::default();
    for name in file.attr_names().map_err(general)? {
        if let Some(text) = read_text(file, &name) {
            results.attributes.push((name, text));
        }
    }
    let (scales, others): (Vec<Dataset>, Vec<Dataset>) =
        file.datasets().map_err(general)?.into_iter().partition(dimension_scales::is_scale);
    if scales.is_empty() && others.is_empty() {
        return Err("it holds no variables".to_owned());
    }
    for scale in &scales {
        results.dimensions.push(dimension(scale, length)?);
    }
    let mut datasets = Vec::new();
    for dataset in others {
        let name = name_of(&dataset);
        let shape = dataset.get_shape().map_err(|e| format!("variable `{name}`: {}", first_line(&e)))?;
        plausible(&format!("variable `{name}`"), &shape, length)?;
        let mut dimensions = Vec::new();
        for (axis, &found) in shape.iter().enumerate() {
            let Some(position) = scales.iter().position(|s| dimension_scales::is_attached(&dataset, s, axis)) else {
                return Err(format!("variable `{name}` has no dimension scale along its axis {axis}"));
            };
            let of: &Dimension = &results.dimensions[position];
            if of.coordinate.len() != found {
                let (dimension, expected) = (&of.name, of.coordinate.len());
                return Err(format!("variable `{name}` has {found} entries along `{dimension}`, which has {expected}"));
            }
            dimensions.push(position);
        }
        let single = dimensions.iter().any(|&d| results.dimensions[d].name == "repetition");
        if single && part == Part::Small && dataset.size() > MOST_SINGLE {
            continue;
        }
        results.variables.push(Variable {
            units: read_text(&dataset, "units").unwrap_or_default(),
            long_name: read_text(&dataset, "long_name").unwrap_or_default(),
            values: Vec::new(),
            name,
            dimensions,
        });
        datasets.push(dataset);
    }
    Ok((results, datasets))
}

fn dimension(scale: &Dataset, length: u64) -> Result<Dimension, String> {
    let name = name_of(scale);
    let fail = |e: hdf5::Error| format!("dimension `{name}`: {}", first_line(&e));
    let what = format!("dimension `{name}`");
    let shape = scale.get_shape().map_err(fail)?;
    plausible(&what, &shape, length)?;
    if shape.len() != 1 || shape[0] > MOST_COORDINATES {
        return Err(format!("{what} is of shape {shape:?}: it must be a list of at most {MOST_COORDINATES} entries"));
    }
    let coordinate = match scale.read_1d::<f64>() {
        Ok(numbers) => Coordinate::Numbers(numbers.to_vec()),
        Err(_) => {
            let labels = scale.read_1d::<VarLenUnicode>().map_err(fail)?;
            Coordinate::Labels(labels.iter().map(|t| t.as_str().to_owned()).collect())
        }
    };
    Ok(Dimension { name, coordinate, units: read_text(scale, "units").unwrap_or_default() })
}
