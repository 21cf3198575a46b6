//! Progress of a study or shard, in a small file next to its checkpoint that can be read at any time from any machine:
//! each update replaces the file atomically.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::checkpoint::shard_name;
use crate::schedule::Shard;
use results::StoreError;
use results::store;

/// State of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is computing, or was killed while computing.
    Running,
    /// It was asked to stop, and saved its work.
    Stopped,
    /// Some units failed; all others are done.
    Failed,
    /// All its units are done.
    Done,
}

/// State of a study or a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the study.
    pub study: String,
    /// Number of the shard, from 1.
    pub shard: usize,
    /// Number of shards.
    pub shards: usize,
    /// State of the process.
    pub state: State,
    /// Digest of the scenario and program.
    pub identity: String,
    /// Units that are done.
    pub done: usize,
    /// All units of this shard.
    pub total: usize,
    /// Units that failed.
    pub failed: usize,
    /// Message of the first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// Units per second in the run that wrote this.
    pub units_per_s: f64,
    /// Host that wrote this.
    pub host: String,
    /// Its process.
    pub process: u32,
    /// Time of writing (RFC 3339).
    pub updated: String,
}

impl Status {
    /// Status of a study or shard that has just begun.
    #[must_use]
    pub fn new(study: &str, shard: Shard, identity: &str, total: usize) -> Self {
        Self {
            study: study.to_owned(),
            shard: shard.index(),
            shards: shard.count(),
            state: State::Running,
            identity: identity.to_owned(),
            done: 0,
            total,
            failed: 0,
            first_failure: None,
            units_per_s: 0.0,
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            process: std::process::id(),
            updated: String::new(),
        }
    }

    /// Remaining seconds at the current rate.
    #[must_use]
    pub fn left_s(&self) -> Option<f64> {
        (self.units_per_s > 0.0).then(|| (self.total - self.done.min(self.total)) as f64 / self.units_per_s)
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn publish(&mut self, path: &Path) -> Result<(), StoreError> {
        self.updated = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let fail = |reason: String| StoreError::Write { path: path.to_owned(), reason };
        let part = store::temporary(path)?;
        let text = serde_json::to_string_pretty(self).map_err(|e| fail(e.to_string()))?;
        std::fs::File::create(&part).and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| fail(e.to_string()))?;
        part.persist(path).map_err(|e| fail(e.error.to_string()))
    }

    /// Reads one.
    ///
    /// # Errors
    /// If it is missing or invalid.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let fail = |reason: String| StoreError::Read { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| fail(e.to_string()))
    }
}

/// Name of the file of a study or a shard.
#[must_use]
pub fn path_in(folder: &Path, study: &str, shard: Shard) -> PathBuf {
    folder.join(format!("{}.status.json", shard_name(study, shard)))
}

/// Every state in a folder, by study and shard.
///
/// # Errors
/// If the folder or one of the files cannot be read.
pub fn all_in(folder: &Path) -> Result<Vec<Status>, StoreError> {
    let fail = |e: std::io::Error| StoreError::Read { path: folder.to_owned(), reason: e.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.to_string_lossy().ends_with(".status.json") && !is_hidden(&path) {
            found.push(Status::read(&path)?);
        }
    }
    found.sort_by(|a, b| (&a.study, a.shards, a.shard).cmp(&(&b.study, b.shards, b.shard)));
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
