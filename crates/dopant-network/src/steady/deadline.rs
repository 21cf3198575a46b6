//! When a computation is to be given up.

use std::time::Instant;

/// Time that a computation may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Instant,
    most_seconds: Option<f64>,
}

/// The time is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late;

impl Deadline {
    /// From now on.
    pub(crate) fn within(most_seconds: Option<f64>) -> Self {
        Self { started: Instant::now(), most_seconds }
    }

    pub(crate) fn check(self) -> Result<(), Late> {
        match self.most_seconds {
            Some(most) if self.started.elapsed().as_secs_f64() > most => Err(Late),
            _ => Ok(()),
        }
    }
}
