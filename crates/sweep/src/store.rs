//! Results as one HDF5 file that xarray, netCDF and h5py read with named dimensions.

use std::path::{Path, PathBuf};

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File};

use crate::error::StoreError;
use crate::results::{Coordinate, Dimension, Results, Variable};

mod dimension_scales;

/// The temporary file beside `path` under which results are written before they take its name.
pub(crate) fn temporary(path: &Path) -> Result<tempfile::TempPath, StoreError> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".homodyne-").suffix(".part");
    // temporary files are private by default, results are not: as any new file, they get what the umask leaves
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
        .tempfile_in(folder)
        .map(tempfile::NamedTempFile::into_temp_path)
        .map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })
}

/// Refuses before a long run what would fail after it: an existing file, or a folder that cannot be made or written.
///
/// # Errors
/// If `path` exists and `overwrite` is not set, or nothing can be written beside it.
pub fn check_writable(path: &Path, overwrite: bool) -> Result<(), StoreError> {
    if path.exists() && !overwrite {
        return Err(StoreError::Exists(path.to_owned()));
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Write {
            path: path.to_owned(),
            reason: format!("the folder cannot be made ({e})"),
        })?;
    }
    temporary(path).map(drop)
}

/// Writes `results` to `path`: completely under another name, synced, then renamed.
///
/// # Errors
/// If the file exists and `overwrite` is not set, or it cannot be written; then nothing of that name is left.
pub fn write(results: &Results, path: &Path, overwrite: bool) -> Result<(), StoreError> {
    check_writable(path, overwrite)?;
    let part = temporary(path)?;
    let fail = |reason: String| StoreError::Write { path: path.to_owned(), reason };
    write_file(results, &part).map_err(|e| fail(e.to_string()))?;
    publish(part, path)
}

/// Syncs a complete temporary file and gives it its name.
pub(crate) fn publish(part: tempfile::TempPath, path: &Path) -> Result<(), StoreError> {
    let fail = |reason: String| StoreError::Write { path: path.to_owned(), reason };
    std::fs::File::open(&part).and_then(|f| f.sync_all()).map_err(|e| fail(e.to_string()))?;
    part.persist(path).map_err(|e| fail(e.error.to_string()))
}

fn write_file(results: &Results, path: &Path) -> hdf5::Result<()> {
    let file = File::create(path)?;
    for (name, value) in &results.attributes {
        write_text(&file, name, value)?;
    }
    write_text(&file, "Conventions", "CF-1.10")?;
    let scales: Vec<Dataset> =
        results.dimensions.iter().map(|d| write_dimension(&file, d)).collect::<hdf5::Result<_>>()?;
    for variable in &results.variables {
        let shape = results.shape(variable);
        let view = ndarray::ArrayViewD::from_shape(shape, &variable.values).map_err(|e| e.to_string())?;
        let dataset = file.new_dataset_builder().with_data(view).create(variable.name.as_str())?;
        write_text(&dataset, "units", &variable.units)?;
        write_text(&dataset, "long_name", &variable.long_name)?;
        for (axis, &d) in variable.dimensions.iter().enumerate() {
            dimension_scales::attach(&dataset, &scales[d], axis)?;
        }
    }
    file.flush()
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

fn read_text(at: &hdf5::Location, name: &str) -> Option<String> {
    at.attr(name).ok()?.read_scalar::<VarLenUnicode>().ok().map(|t| t.as_str().to_owned())
}

/// Reads a results file.
///
/// # Errors
/// If it is missing, truncated, or not one that [`write()`] made.
pub fn read(path: &Path) -> Result<Results, StoreError> {
    let fail = |reason: String| StoreError::Read { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if length == 0 {
        return Err(fail("the file is empty".to_owned()));
    }
    let file = File::open(path).map_err(|e| fail(format!("not a complete HDF5 file ({})", first_line(&e))))?;
    read_file(&file).map_err(|e| fail(format!("the file is damaged or not from this program ({})", first_line(&e))))
}

fn first_line(error: &hdf5::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn read_file(file: &File) -> hdf5::Result<Results> {
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

/// Name of the results file of a study in a folder.
#[must_use]
pub fn path_in(folder: &Path, study: &str) -> PathBuf {
    folder.join(format!("{study}.h5"))
}
