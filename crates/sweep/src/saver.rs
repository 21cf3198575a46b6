//! Writes finished work to the checkpoint, about once a second and more often at first, without blocking the workers.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::{Checkpoint, Save};
use crate::stop::Stop;
use results::StoreError;

/// Longest time between two commits: the largest loss in a power failure, besides the steps in progress.
const BETWEEN_COMMITS: Duration = Duration::from_millis(1000);

/// At first, a commit follows when a tenth of the elapsed time has passed since the last one.
const PART_BETWEEN_COMMITS: u32 = 10;

/// Interval of checks whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Size in bytes that triggers an early commit.
const MANY_BYTES: usize = 8 << 20;

/// Size in bytes at which workers wait for the disk.
const MOST_BYTES: usize = 64 << 20;

/// A queue in front of a checkpoint.
pub(crate) struct Saver<'c> {
    checkpoint: &'c Checkpoint,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Save>,
    bytes: usize,
    ended: bool,
    failure: Option<StoreError>,
}

impl<'c> Saver<'c> {
    pub(crate) fn new(checkpoint: &'c Checkpoint) -> Self {
        Self { checkpoint, queue: Mutex::default(), changed: Condvar::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a result for saving; waits while the disk is far behind.
    pub(crate) fn take(&self, item: Save) {
        let mut queue = self.queue();
        while queue.bytes > MOST_BYTES && queue.failure.is_none() {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.bytes += item.bytes();
        queue.waiting.push(item);
        if queue.bytes > MANY_BYTES {
            self.changed.notify_all();
        }
    }

    /// Ends the queue.
    pub(crate) fn end(&self) {
        self.queue().ended = true;
        self.changed.notify_all();
    }

    /// Runs the saving thread until [`end`](Self::end) or a failure, in which case the study is asked to stop.
    /// `committed` receives what every commit has saved.
    pub(crate) fn run(&self, stop: &Stop, mut committed: impl FnMut(&[Save])) {
        let started = Instant::now();
        let mut last = started;
        loop {
            let at_once = stop.is_at_once();
            let mut queue = self.queue();
            let between = BETWEEN_COMMITS.min(started.elapsed() / PART_BETWEEN_COMMITS);
            let due = queue.ended || at_once || queue.bytes > MANY_BYTES || last.elapsed() >= between;
            if !due {
                drop(self.changed.wait_timeout(queue, LOOK));
                continue;
            }
            let (batch, ended) = (std::mem::take(&mut queue.waiting), queue.ended);
            drop(queue);
            let outcome = if batch.is_empty() { self.checkpoint.still_there() } else { self.checkpoint.save(&batch) };
            last = Instant::now();
            let mut queue = self.queue();
            queue.bytes = queue.waiting.iter().map(Save::bytes).sum();
            self.changed.notify_all();
            if let Err(e) = outcome {
                queue.failure = Some(e);
                stop.request();
                stop.saved();
                return;
            }
            drop(queue);
            committed(&batch);
            if at_once {
                stop.saved();
            }
            if ended {
                return;
            }
        }
    }

    /// Error of the last commit, if it failed.
    pub(crate) fn into_failure(self) -> Option<StoreError> {
        self.queue.into_inner().unwrap_or_else(PoisonError::into_inner).failure
    }
}
