//! Reads results files so that damage gives an error message.
//!
//! libhdf5 does not validate what it reads; a wrong byte can make it crash, hang or exhaust memory. A file with a valid
//! checksum is read directly. A file without one (written by an earlier version, changed by h5py or h5repack,
//! truncated) is first copied by a separate process of this program with limits of time and memory; a failure there
//! gives an error message.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use results::{Results, StoreError, export, store};

use crate::failure::Failure;

/// Time limit for an empty file \[s\], and for each additional byte (10 MB/s).
const PATIENCE_S: f64 = 20.0;
const PATIENCE_S_PER_BYTE: f64 = 1e-7;

/// Memory limit of the copying process, which holds a part of the file at a time.
#[cfg(unix)]
const MOST_MEMORY: u64 = 4 << 30;

/// Longest message passed on.
const MOST_MESSAGE: u64 = 4096;

/// Reads the part of a results file needed for figures and summaries.
pub(crate) fn read_small(path: &Path) -> Result<Results, Failure> {
    let results = guarded(path, store::Part::Small, store::read_small)?;
    check(path, &results)?;
    Ok(results)
}

/// Exports a results file to `.npz`.
pub(crate) fn export_npz(from: &Path, to: &Path, overwrite: bool) -> Result<(), Failure> {
    guarded(from, store::Part::All, |file| export::npz(file, to, overwrite, &|outline| check(from, outline)))
}

/// Refuses a results file whose variables do not stand over the dimensions of their kind of study.
fn check(path: &Path, results: &Results) -> Result<(), StoreError> {
    study::columns::check(results).map_err(|reason| StoreError::Read {
        path: path.to_owned(),
        reason: format!("the file is damaged or not from this program ({reason})"),
    })
}

/// Calls a function with a results file, or with a verified copy if it has no checksum.
fn guarded<T>(path: &Path, part: store::Part, with: impl Fn(&Path) -> Result<T, StoreError>) -> Result<T, Failure> {
    match with(path) {
        Err(StoreError::NoChecksum(_)) => {
            let folder = tempfile::tempdir()?;
            let copy = folder.path().join("results.h5");
            copy_guarded(path, &copy, part)?;
            Ok(with(&copy)?)
        }
        other => Ok(other?),
    }
}

fn copy_guarded(from: &Path, to: &Path, part: store::Part) -> Result<(), Failure> {
    let fail = |reason: String| Failure::from(StoreError::Read { path: from.to_owned(), reason });
    let seconds = patience_s(from)?;
    let said = to.with_extension("said");
    let mut command = Command::new(program()?);
    command.arg("copy-results");
    if part == store::Part::Small {
        command.arg("--small");
    }
    command.arg("--").arg(from).arg(to);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said)?).spawn()?;
    let Some(status) = wait(child, Duration::from_secs_f64(seconds))? else {
        return Err(fail(format!(
            "it has no checksum, and libhdf5 was not done with it after {seconds:.0} s: it is damaged. {WAY_OUT}"
        )));
    };
    if status.success() {
        return Ok(());
    }
    let mut message = String::new();
    // the last output of a crashing process may not be text
    drop(File::open(&said)?.take(MOST_MESSAGE).read_to_string(&mut message));
    match message.trim_end().strip_prefix("error: ") {
        Some(reason) if status.code().is_some() && reason.contains(&from.display().to_string()) => {
            Err(Failure::BadInput(reason.to_owned()))
        }
        // content of a damaged file may not be writable, and the copy's folder may be full
        Some(reason) if status.code().is_some() => {
            Err(fail(format!("it has no checksum, and cannot be copied: {reason}")))
        }
        _ => Err(fail(format!(
            "it has no checksum, and libhdf5 {} on reading it: it is damaged. {WAY_OUT}",
            end(status)
        ))),
    }
}

const WAY_OUT: &str = "Restore it from a copy, or compute it again with `homodyne run SCENARIO --fresh`";

/// How a process ended without a message.
fn end(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("crashed (signal {signal})");
    }
    format!("failed ({status})")
}

/// This program, even if its file was replaced while it runs.
fn program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Waits for a process, and ends it after a time limit.
fn wait(mut child: Child, at_most: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > at_most {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(50));
    }
}

/// Time limit for a file \[s\].
fn patience_s(path: &Path) -> std::io::Result<f64> {
    Ok(PATIENCE_S + PATIENCE_S_PER_BYTE * std::fs::metadata(path)?.len() as f64)
}

#[cfg(unix)]
/// Limits the memory of this process for copying a file, and its time in case its parent process has ended.
pub(crate) fn limit_own_resources(path: &Path) -> Result<(), Failure> {
    use rlimit::Resource;
    let cannot = |e: std::io::Error| StoreError::Read { path: path.to_owned(), reason: e.to_string() };
    let seconds = patience_s(path).map_err(cannot)?.ceil() as u64;
    for (resource, most) in [(Resource::AS, MOST_MEMORY), (Resource::CPU, seconds), (Resource::CORE, 0)] {
        let (_, hard) = resource.get()?;
        resource.set(most.min(hard), hard)?;
    }
    Ok(())
}

/// Limits the resources of this process for copying a file.
#[cfg(not(unix))]
pub(crate) fn limit_own_resources(_path: &Path) -> Result<(), Failure> {
    Ok(())
}
