//! Worker threads.

use crate::error::SweepError;

/// Largest number of threads for each hardware thread.
pub const MOST_THREADS_OF_ONE: usize = 16;

/// Largest number of threads on this machine.
#[must_use]
pub fn most_threads() -> usize {
    MOST_THREADS_OF_ONE * std::thread::available_parallelism().map_or(1, usize::from)
}

/// Refuses too many threads.
///
/// # Errors
/// If there are more than [`most_threads`].
pub fn check_threads(threads: usize) -> Result<(), SweepError> {
    let most = most_threads();
    if threads <= most { Ok(()) } else { Err(SweepError::TooManyThreads { threads, most }) }
}

pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, SweepError> {
    check_threads(threads)?;
    // not rayon's default, which an environment variable can set without a limit
    let threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| SweepError::Threads { threads, reason: e.to_string() })
}
