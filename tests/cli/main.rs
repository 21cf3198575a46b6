//! The program as its user runs it: outputs, exit codes, messages.
#![allow(missing_docs, reason = "test names say what they test")]

mod bad_input;
mod bench;
mod demodulate;
mod device;
mod divisions;
mod faults;
mod figures;
mod first_day;
mod good_runs;
mod help;
mod input_files;
mod interruptions;
mod laboratory_files;
mod limits;
mod memory;

mod python;
mod results_files;
#[cfg(feature = "fitted-network")]
mod samples;
mod slurm;
mod submission;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tests::Scenario;

/// A small sound scenario.
const SCENARIO: &str = r#"[study]
name = "small"
seed = 1
repetitions = 200

[device]
kind = "linear"
gradient_na_per_volt = [123, 60]

[noise]
kind = "power-law"
psd_na2_per_hz = 1e-5
at_hz = 1000.0
exponent = 1.5
corner_hz = 0.1

[estimator]
kind = "hge"
duration_s = 0.05
amplitude_volt = 8e-3
frequencies_hz = { top = 1000.0, spacing = 40.0 }

[sweep]
"estimator.frequencies_hz.spacing" = [20.0, 40.0, 80.0]
"estimator.mode" = ["parallel", "sequential"]
"#;

/// A second or two of work on two cores, and 13 MB of results to write at the end.
const LONG_SCENARIO: &str = r#"[study]
name = "long"
seed = 3
repetitions = 5000
store_estimates = true

[device]
kind = "linear"
gradient_na_per_volt = [123, 60, 40, 20]

[noise]
kind = "power-law"
psd_na2_per_hz = 1e-5
at_hz = 1000.0
exponent = 1.5
corner_hz = 0.1

[estimator]
kind = "hge"
duration_s = 0.05
amplitude_volt = 8e-3
frequencies_hz = { top = 1000.0, spacing = 40.0 }

[sweep]
"estimator.frequencies_hz.spacing" = { from = 20.0, to = 200.0, points = 20, scale = "linear" }
"estimator.amplitude_volt" = [4e-3, 8e-3]
"estimator.mode" = ["parallel", "sequential"]
"#;

/// The long scenario with five times the work and few results, for tests that must meet a process in the middle of it.
fn longer_scenario() -> String {
    Scenario::new(LONG_SCENARIO).set("study.repetitions", 25_000).set("study.store_estimates", false).to_string()
}

/// A small sound training study.
const TRAINING: &str = r#"[study]
name = "small"
seed = 1
repetitions = 3
kind = "training"

[device]
kind = "polynomial"
coefficients = [[20.0, 15.0], [10.0, -25.0], [30.0, 5.0], [-20.0, 12.0]]

[noise]
kind = "power-law"
psd_na2_per_hz = 1e-6
at_hz = 1000.0
exponent = 1.5
corner_hz = 0.1

[estimator]
kind = "hge"
duration_s = 0.05
amplitude_volt = 8e-3
frequencies_hz = { top = 1000.0, spacing = 40.0 }

[task]
kind = "truth-table"
gate = "AND"
inputs = [1, 2]
low_volt = -0.3
high_volt = [0.3, 0.4]
hold_s = 0.05

[training]
stop_below = 0.05
confirmations = 2
budget_s = 5.0
max_iterations = 10
range_volt = [-0.5, 0.5]
optimiser = { kind = "descent", learning_rate = 0.02 }

[sweep]
"task.gate" = ["AND", "0011"]
"#;

/// A folder of its own, removed afterwards.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The program, to be started in this folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homodyne"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Starts the program and does not wait for it.
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    fn homodyne(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs the scenario into `out`.
    fn run(&self, scenario: &Path, more: &[&str]) -> Output {
        let scenario = scenario.display().to_string();
        let mut arguments = vec!["run", &scenario, "--output", "out", "--quiet"];
        arguments.extend(more);
        self.homodyne(&arguments)
    }
}

/// Longest wait for anything that must come: no test is about how long it takes.
const PATIENCE: Duration = Duration::from_secs(900);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What `attempt` meets in the end. Processes do not wait to be met, and on a busy machine they may be over before: then
/// another attempt is made.
fn until_met<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    (0..1000).find_map(|_| attempt()).unwrap_or_else(|| panic!("did not meet {what}"))
}

/// Units that a process says it has done and saved.
fn units_done(status: &Path) -> Option<usize> {
    sweep::status::Status::read(status).ok().map(|s| s.done)
}

/// A process that is at work; killed, should the test end before it.
struct AtWork(Option<Child>);

impl AtWork {
    /// Waits until the process has done and saved `units` or more; none if it ended before.
    fn with_units(child: Child, status: &Path, units: usize) -> Option<Self> {
        Self::when(child, || units_done(status).is_some_and(|done| done >= units))
    }

    /// Waits until something is so; none if the process ended before.
    fn when(mut child: Child, mut is_so: impl FnMut() -> bool) -> Option<Self> {
        let mut ended = false;
        wait_until("a process to be at work", || {
            ended = child.try_wait().expect("a child").is_some();
            ended || is_so()
        });
        (!ended).then_some(Self(Some(child)))
    }

    fn id(&self) -> u32 {
        self.0.as_ref().expect("a child").id()
    }

    /// Stops it; none if it ended before. [`AtWork::end`] lets it go on.
    #[cfg(target_os = "linux")]
    fn stopped(self) -> Option<Self> {
        signal(self.id(), "STOP");
        let state = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
            stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
        };
        wait_until("a process to stand still", || matches!(state(), Some('T' | 'Z') | None));
        (state() == Some('T')).then_some(self)
    }

    /// Kills it; its output so far.
    fn kill(mut self) -> Output {
        let mut child = self.0.take().expect("a child");
        child.kill().expect("killed");
        child.wait_with_output().expect("a child")
    }

    /// Its output, after it has ended by itself.
    fn end(mut self) -> Output {
        signal(self.id(), "CONT");
        self.0.take().expect("a child").wait_with_output().expect("a child")
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Sends a signal to a process.
fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.expect("kill starts").success(), "{name} to {process}");
}

/// A results file without the checksum behind it.
fn without_checksum(bytes: &[u8]) -> &[u8] {
    let line = b"\nhomodyne checksum: ";
    let at = bytes.windows(line.len()).rposition(|w| w == line).expect("results end with their checksum");
    &bytes[..at]
}

/// A results file without the time at which it was written, the one thing in which equal studies on one host differ, and
/// the checksum, which covers it.
fn bytes_without_time(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut bytes = without_checksum(&bytes).to_vec();
    let is_time = |window: &[u8]| {
        window.iter().zip(b"0000-00-00T00:00:00Z").all(|(b, p)| if *p == b'0' { b.is_ascii_digit() } else { b == p })
    };
    let places: Vec<usize> = bytes.windows(20).enumerate().filter(|(_, w)| is_time(w)).map(|(k, _)| k).collect();
    assert_eq!(places.len(), 1, "{} says when it was made once", path.display());
    places.into_iter().for_each(|k| bytes[k..k + 20].fill(b'T'));
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
