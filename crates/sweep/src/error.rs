use results::StoreError;

/// Errors of a sweep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// An error of the results file or a checkpoint.
    #[error(transparent)]
    Store(StoreError),
    /// Some points failed.
    #[error("{}", say_failures(failures, *count))]
    Points {
        /// Number of failures.
        count: usize,
        /// The first of them: point, coordinates, and reason.
        failures: Vec<String>,
    },
    /// The study was asked to stop; finished work is saved.
    #[error("stopped")]
    Stopped,
    /// More threads than allowed on this machine.
    #[error(
        "{threads} threads: at most {most} are started on this machine, {} for each that it can run at once; more would only \
         wait for each other",
        crate::threads::MOST_THREADS_OF_ONE
    )]
    TooManyThreads {
        /// Number requested.
        threads: usize,
        /// Largest number allowed.
        most: usize,
    },
    /// The worker threads could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Number requested.
        threads: usize,
        /// Why.
        reason: String,
    },
    /// A relative error that needs more repetitions than allowed.
    #[error("a relative error of {target} needs {repetitions} repetitions in all, at most {most} are allowed")]
    TooManyRepetitions {
        /// The requested relative error.
        target: f64,
        /// Repetitions needed over all points.
        repetitions: u64,
        /// Largest number allowed.
        most: u64,
    },
    /// The results cannot be combined.
    #[error(transparent)]
    Work(Box<dyn std::error::Error + Send + Sync>),
}

impl SweepError {
    /// An error from combining results.
    pub fn work(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Work(Box::new(error))
    }
}

impl From<StoreError> for SweepError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::Stopped,
            other => Self::Store(other),
        }
    }
}

fn say_failures(failures: &[String], count: usize) -> String {
    let mut text = failures.join("\n");
    if count > failures.len() {
        text.push_str(&format!("\nand {} more", count - failures.len()));
    }
    text
}
