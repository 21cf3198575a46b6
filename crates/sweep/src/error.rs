use results::StoreError;

/// Anything that stops a sweep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The results file, or finished work beside it, is at fault.
    #[error(transparent)]
    Store(StoreError),
    /// Points failed while they ran.
    #[error("{}", say_failures(failures, *count))]
    Points {
        /// How many.
        count: usize,
        /// The first of them: which point, where, and why.
        failures: Vec<String>,
    },
    /// The study was asked to stop; what it finished is saved.
    #[error("stopped")]
    Stopped,
    /// More threads than the machine can be asked for.
    #[error(
        "{threads} threads: at most {most} are started on this machine, {} for each that it can run at once; more would only \
         wait for each other",
        crate::threads::MOST_THREADS_OF_ONE
    )]
    TooManyThreads {
        /// How many were asked for.
        threads: usize,
        /// How many there may be.
        most: usize,
    },
    /// The worker threads could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// Why.
        reason: String,
    },
    /// A relative error that takes more repetitions than there may be.
    #[error("a relative error of {target} needs {repetitions} repetitions in all, at most {most} are allowed")]
    TooManyRepetitions {
        /// The relative error that was asked for.
        target: f64,
        /// Repetitions that it needs over all points.
        repetitions: u64,
        /// How many there may be.
        most: u64,
    },
    /// What was found cannot be put together.
    #[error(transparent)]
    Work(Box<dyn std::error::Error + Send + Sync>),
}

impl SweepError {
    /// That the work itself cannot put together what was found.
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
