//! Requests to stop a running study.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

const GO_ON: u8 = 0;
const AFTER_THIS_STEP: u8 = 1;
const AT_ONCE: u8 = 2;

/// A request to stop, shared with signal handlers.
#[derive(Debug, Default)]
pub struct Stop {
    level: AtomicU8,
    saved: Mutex<bool>,
    saving: Condvar,
}

impl Stop {
    /// Asks to interrupt units after their current step, save them, and return.
    pub fn request(&self) {
        self.level.fetch_max(AFTER_THIS_STEP, Ordering::Relaxed);
    }

    /// Asks to save finished work now and waits for that, at most `patience`; the caller then ends the process.
    pub fn at_once(&self, patience: Duration) {
        self.level.store(AT_ONCE, Ordering::Relaxed);
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.saving.wait_timeout_while(saved, patience, |saved| !*saved));
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.level.load(Ordering::Relaxed) != GO_ON
    }

    pub(crate) fn is_at_once(&self) -> bool {
        self.level.load(Ordering::Relaxed) == AT_ONCE
    }

    /// Confirms that all work finished when [`at_once`](Self::at_once) was called is saved.
    pub(crate) fn saved(&self) {
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.saving.notify_all();
    }
}
