//! Runs a command within limits, and judges how it ended.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::trials::{Call, Trial};

/// Processor time of a command \[s\]: what takes longer on files this small hangs.
const MOST_CPU_S: u64 = 30;
/// Memory of a command \[KiB\].
const MOST_MEMORY_KIB: u64 = 4 << 20;
/// Size of a file that it writes \[512 bytes\].
const MOST_WRITTEN: u64 = 4 << 20;
/// After this, what may take long is asked to stop; that it stops then is what counts.
const ASKED_TO_STOP_AFTER: Duration = Duration::from_secs(2);
/// Whatever has not ended by then waits for nothing.
const PATIENCE: Duration = Duration::from_secs(180);

/// Exit codes that are documented: done, failed, bad input; and after SIGTERM.
const DONE: i32 = 0;
const DOCUMENTED: [i32; 3] = [DONE, 1, 2];
const STOPPED: i32 = 143;

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) message: String,
    pub(crate) was_stopped: bool,
    pub(crate) is_done: bool,
    /// What is wrong with that, if anything is.
    pub(crate) fault: Option<String>,
}

/// Runs a command of a trial in a folder.
pub(crate) fn run(binary: &Path, folder: &Path, trial: &Trial, call: &Call) -> std::io::Result<Ended> {
    let before = files(folder);
    let said = folder.join("said");
    let limits = format!(
        "ulimit -c 0; ulimit -t {MOST_CPU_S}; ulimit -v {MOST_MEMORY_KIB}; ulimit -f {MOST_WRITTEN}; exec \"$0\" \"$@\""
    );
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(limits)
        .arg(binary)
        .args(&call.arguments)
        .current_dir(folder)
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&said)?)
        .spawn()?;
    let started = Instant::now();
    let mut was_stopped = false;
    let mut pause = Duration::from_micros(500);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if call.may_be_long && !was_stopped && started.elapsed() > ASKED_TO_STOP_AFTER {
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
            was_stopped = true;
        }
        if started.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(20));
    };
    let message = String::from_utf8_lossy(&std::fs::read(&said)?).into_owned();
    std::fs::remove_file(said)?;
    let fault = match status {
        None => Some(format!("hang: not ended after {} s", PATIENCE.as_secs())),
        Some(status) => fault_of(status, was_stopped, &message, trial).or_else(|| {
            let new = files(folder).into_iter().filter(|f| !before.contains(f));
            half_written(status, new)
        }),
    };
    Ok(Ended { message, was_stopped, is_done: status.is_some_and(|s| s.success()), fault })
}

fn fault_of(status: ExitStatus, was_stopped: bool, message: &str, trial: &Trial) -> Option<String> {
    const SIGTERM: i32 = 15;
    const SIGXCPU: i32 = 24;
    match (status.signal(), status.code()) {
        // not every command saves before it stops
        (Some(SIGTERM), _) if was_stopped => return None,
        (Some(SIGXCPU), _) => return Some(format!("hang: over {MOST_CPU_S} s of processor time")),
        (Some(signal), _) => return Some(format!("crash: signal {signal}")),
        (None, Some(STOPPED)) if was_stopped => return None,
        (None, Some(code)) if !DOCUMENTED.contains(&code) => return Some(format!("exit code {code}")),
        _ => {}
    }
    if message.contains("panicked at") {
        return Some("panic".to_owned());
    }
    if status.code() == Some(DONE) {
        return None;
    }
    if !message.contains("error: ") {
        return Some("no message".to_owned());
    }
    let names_file = trial.files.keys().any(|f| message.contains(f.trim_start_matches("out/")));
    (!names_file && !names_key(message)).then(|| "the message names neither file nor key".to_owned())
}

/// Whether something like `` `estimator.duration_s` `` or `--hops` is in a message.
fn names_key(message: &str) -> bool {
    let is_key = |word: &str| {
        word.contains(['.', '_'])
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
    };
    message.split('`').skip(1).step_by(2).any(is_key) || message.contains(" --")
}

/// Files that a command which was refused left behind.
fn half_written(status: ExitStatus, mut new: impl Iterator<Item = String>) -> Option<String> {
    let is_left_over = |file: &String| {
        let whole = ["h5", "png", "svg", "npz"].iter().any(|end| file.ends_with(&format!(".{end}")));
        file.ends_with(".part") || (status.code() == Some(2) && whole)
    };
    new.find(is_left_over).map(|file| format!("`{file}` is left behind"))
}

fn files(folder: &Path) -> Vec<String> {
    let folders = [folder.to_owned(), folder.join("out")];
    folders
        .iter()
        .filter_map(|f| std::fs::read_dir(f).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path().strip_prefix(folder).unwrap_or(&entry.path()).display().to_string())
        .collect()
}
