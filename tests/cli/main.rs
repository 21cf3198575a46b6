//! The program as its user runs it: outputs, exit codes, messages.
#![allow(missing_docs, reason = "test names say what they test")]

mod bad_input;
mod device;
mod good_runs;
mod memory;
mod python;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A small sound scenario; line numbers in tests refer to it.
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

    fn homodyne(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_homodyne"))
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .expect("the program starts")
    }

    /// Runs the scenario into `out`.
    fn run(&self, scenario: &Path, more: &[&str]) -> Output {
        let scenario = scenario.display().to_string();
        let mut arguments = vec!["run", &scenario, "--output", "out", "--quiet"];
        arguments.extend(more);
        self.homodyne(&arguments)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
