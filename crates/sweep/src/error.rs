use std::path::PathBuf;

/// A scenario that cannot be run, with the place to look at.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map_or(String::new(), |line| format!(":{line}")))]
pub struct ScenarioError {
    /// The scenario file.
    pub file: PathBuf,
    /// Line of the offending key, if it stands in the file.
    pub line: Option<usize>,
    /// Key, what was found, what is allowed.
    pub message: String,
}

/// A results file that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file exists already.
    #[error("`{}` exists already: give --overwrite to replace it, or another --output", .0.display())]
    Exists(PathBuf),
    /// The file or its folder cannot be written.
    #[error("cannot write `{}`: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file cannot be read as results.
    #[error("cannot read results from `{}`: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Anything that stops a sweep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The scenario is at fault.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The results file is at fault.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A point failed while it ran.
    #[error("point {point} of the sweep ({at}) failed: {source}")]
    Point {
        /// Its number, from 0.
        point: usize,
        /// Its coordinates.
        at: String,
        /// Why.
        source: estimators::EstimatorError,
    },
    /// The worker threads could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// Why.
        reason: String,
    },
}
