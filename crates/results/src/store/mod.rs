//! Results as one HDF5 file with named dimensions, readable by xarray, netCDF and h5py, and an appended checksum.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::data::{Results, Sink};

#[cfg(feature = "hdf5")]
mod boxes;
#[cfg(feature = "hdf5")]
mod checksum;
#[cfg(feature = "hdf5")]
mod dimension_scales;
#[cfg(feature = "hdf5")]
mod read;
#[cfg(not(feature = "hdf5"))]
mod without_files;
#[cfg(feature = "hdf5")]
mod write;

#[cfg(feature = "hdf5")]
pub use read::{Part, attribute, copy_unverified, read, read_small, stream};
#[cfg(not(feature = "hdf5"))]
pub use without_files::{Writer, attribute};
#[cfg(feature = "hdf5")]
pub use write::Writer;

/// Largest number of values of a variable over `repetition` that figures and summaries read: 256 MB.
pub const MOST_SINGLE: usize = 1 << 25;

/// Temporary file next to `path`, renamed to it when complete: `.NAME.HOST-PROCESS.RANDOM.part`.
pub fn temporary(path: &Path) -> Result<tempfile::TempPath, StoreError> {
    let mut builder = tempfile::Builder::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.{}-{}.", host(), std::process::id());
    builder.prefix(&prefix).suffix(PART);
    // temporary files are private by default; results get the permissions of any new file (umask)
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
        .tempfile_in(folder_of(path))
        .map(tempfile::NamedTempFile::into_temp_path)
        .map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })
}

const PART: &str = ".part";

/// A short identifier of this host.
fn host() -> String {
    let name = gethostname::gethostname();
    format!("{:08x}", xxhash_rust::xxh3::xxh3_64(name.as_encoded_bytes()) as u32)
}

/// Owner of a temporary file: the file it belongs to, host and process.
fn maker(part: &str) -> Option<(&str, &str, u32)> {
    let mut fields = part.strip_prefix('.')?.strip_suffix(PART)?.rsplitn(3, '.').skip(1);
    let (maker, name) = (fields.next()?, fields.next()?);
    let (host, process) = maker.split_once('-')?;
    Some((name, host, process.parse().ok()?))
}

/// Whether a process of this host has ended; false if unknown.
fn has_ended(process: u32) -> bool {
    cfg!(target_os = "linux") && Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{process}")).exists()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Removes temporary files of `paths`, all in one folder, left by killed processes. The caller must hold the study's
/// lock.
pub fn remove_stale(paths: &[&Path]) {
    remove_parts(paths, |_, _| true);
}

/// Removes temporary files of `path` left by ended processes of this host.
pub fn remove_abandoned(path: &Path) {
    let here = host();
    remove_parts(&[path], |host, process| host == here && has_ended(process));
}

fn remove_parts(paths: &[&Path], is_unwanted: impl Fn(&str, u32) -> bool) {
    let names: HashSet<_> = paths.iter().filter_map(|p| p.file_name()?.to_str()).collect();
    let Some(folder) = paths.first().map(|p| folder_of(p)) else { return };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let part = entry.file_name();
        let made = part.to_str().and_then(maker);
        if made.is_some_and(|(name, host, process)| names.contains(name) && is_unwanted(host, process)) {
            // a file that cannot be removed now is tried again next time
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Syncs the folder of `path`, so that a new name survives a power failure.
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    std::fs::File::open(folder_of(path))
        .and_then(|f| f.sync_all())
        .map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })?;
    Ok(())
}

/// Checks before a long run what would fail after it: an existing file, or a folder that cannot be created or written.
///
/// # Errors
/// If `path` exists and `overwrite` is not set, or its folder cannot be written.
pub fn check_writable(path: &Path, overwrite: bool) -> Result<(), StoreError> {
    if path.exists() && !overwrite {
        return Err(StoreError::Exists(path.to_owned()));
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Write {
            path: path.to_owned(),
            reason: format!("the folder cannot be created ({e})"),
        })?;
    }
    remove_abandoned(path);
    temporary(path).map(drop)
}

/// Writes `results` to `path` under a temporary name, which is synced and then renamed.
///
/// # Errors
/// If the file exists and `overwrite` is not set, or it cannot be written; no incomplete file remains.
pub fn write(results: &Results, path: &Path, overwrite: bool) -> Result<(), StoreError> {
    check_writable(path, overwrite)?;
    let mut writer = Writer::new(path)?;
    writer.begin(results.clone())?;
    writer.publish()
}

/// Writes a small file atomically.
///
/// # Errors
/// If it cannot be written; an existing file is then left unchanged.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    remove_abandoned(path);
    let part = temporary(path)?;
    std::fs::write(&part, bytes).map_err(|e| StoreError::Write { path: path.to_owned(), reason: e.to_string() })?;
    publish(part, path)
}

/// Syncs a complete temporary file and renames it.
pub fn publish(part: tempfile::TempPath, path: &Path) -> Result<(), StoreError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files_tell_whose_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b.h5");
        let part = temporary(&path).unwrap();
        let name = part.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(maker(&name), Some(("a.b.h5", host().as_str(), std::process::id())));
        for other in [".a.h5.part", "a.h5", ".a.h5.0123-x.abc.part", ".part"] {
            assert_eq!(maker(other), None, "{other}");
        }
    }

    /// Files of running processes, of other hosts and of other results are not removed.
    #[test]
    fn only_what_nobody_will_finish_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let ended = std::process::Command::new("true").spawn().map(|mut c| (c.id(), c.wait())).unwrap().0;
        let (here, there) = (host(), "00000000");
        let abandoned = format!(".a.h5.{here}-{ended}.abcdef.part");
        let others = [
            format!(".a.h5.{here}-{}.abcdef.part", std::process::id()),
            format!(".a.h5.{there}-{ended}.abcdef.part"),
            format!(".b.h5.{here}-{ended}.abcdef.part"),
            format!(".x.a.h5.{here}-{ended}.abcdef.part"),
        ];
        for name in others.iter().chain([&abandoned]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let there_is = |name: &String| folder.path().join(name).exists();
        remove_abandoned(&path);
        assert_eq!(there_is(&abandoned), !cfg!(target_os = "linux"));
        assert!(others.iter().all(there_is));
        remove_stale(&[&path, &folder.path().join("b.h5")]);
        assert_eq!(others.iter().map(there_is).collect::<Vec<_>>(), [false, false, false, true]);
    }
}
