//! Results as one HDF5 file that xarray, netCDF and h5py read with named dimensions.

use std::path::{Path, PathBuf};

use crate::error::{StoreError, SweepError};
use crate::results::{Results, Sink};

mod boxes;
mod dimension_scales;
mod read;
mod write;

pub(crate) use read::MOST_SINGLE;
pub use read::{attribute, read, read_small};
pub(crate) use write::Writer;

/// The temporary file beside `path` under which it is written before it takes its name.
pub(crate) fn temporary(path: &Path) -> Result<tempfile::TempPath, StoreError> {
    let mut builder = tempfile::Builder::new();
    let prefix = part_prefix(path);
    builder.prefix(&prefix).suffix(PART);
    // temporary files are private by default, results are not: as any new file, they get what the umask leaves
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
        .tempfile_in(folder_of(path))
        .map(tempfile::NamedTempFile::into_temp_path)
        .map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })
}

const PART: &str = ".part";

fn part_prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Removes what a killed process left of `path` under temporary names. Only for whoever holds the study's lock.
pub(crate) fn remove_stale(path: &Path) {
    let prefix = part_prefix(path);
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with(PART) {
            // a file that cannot be removed now is tried again next time
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Makes a new name in the folder of `path` outlive a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    std::fs::File::open(folder_of(path))
        .and_then(|f| f.sync_all())
        .map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })?;
    Ok(())
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
pub fn write(results: &Results, path: &Path, overwrite: bool) -> Result<(), SweepError> {
    check_writable(path, overwrite)?;
    let mut writer = Writer::new(path)?;
    writer.begin(results.clone())?;
    Ok(writer.publish()?)
}

/// Writes a small file so that it is never seen half-written.
///
/// # Errors
/// If it cannot be written; then what was there is left.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let part = temporary(path)?;
    std::fs::write(&part, bytes).map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })?;
    publish(part, path)
}

/// Syncs a complete temporary file and gives it its name.
pub(crate) fn publish(part: tempfile::TempPath, path: &Path) -> Result<(), StoreError> {
    let fail = |reason: String| StoreError::Write { path: path.to_owned(), reason };
    std::fs::File::open(&part).and_then(|f| f.sync_all()).map_err(|e| fail(e.to_string()))?;
    part.persist(path).map_err(|e| fail(e.error.to_string()))?;
    sync_folder(path)
}

/// Name of the results file of a study in a folder.
#[must_use]
pub fn path_in(folder: &Path, study: &str) -> PathBuf {
    folder.join(format!("{study}.h5"))
}
