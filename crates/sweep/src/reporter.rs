//! Updates the status file while a study runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::engine::Counts;
use crate::run::{Job, Order};
use crate::status::{State, Status};

/// Longest time between two updates of the status file (a cluster may write a thousand such files); more frequent at
/// first.
const BETWEEN_STATUS: Duration = Duration::from_secs(3);
const PART_BETWEEN_STATUS: u32 = 2;

/// Updates the status file.
pub(crate) struct Reporter {
    status: Option<(Status, PathBuf)>,
    started: Instant,
    published: Option<Instant>,
    done_before: Option<usize>,
    done_in_stages: usize,
    total_in_stages: usize,
}

impl Reporter {
    pub(crate) fn without_file() -> Self {
        Self {
            status: None,
            started: Instant::now(),
            published: None,
            done_before: None,
            done_in_stages: 0,
            total_in_stages: 0,
        }
    }

    pub(crate) fn new(order: &Order, job: &Job, path: PathBuf) -> Self {
        let status = Status::new(&order.name, job.shard, &order.identity.digest(), 0);
        Self { status: Some((status, path)), ..Self::without_file() }
    }

    pub(crate) fn update(&mut self, counts: &Counts) {
        let Some((status, path)) = &mut self.status else { return };
        status.done = self.done_in_stages + counts.done;
        status.total = self.total_in_stages + counts.total;
        status.failed = counts.failed;
        let before = *self.done_before.get_or_insert(status.done);
        let seconds = self.started.elapsed().as_secs_f64();
        status.units_per_s = status.done.saturating_sub(before) as f64 / seconds.max(1e-3);
        let between = BETWEEN_STATUS.min(self.started.elapsed() / PART_BETWEEN_STATUS);
        if self.published.is_none_or(|then| then.elapsed() >= between) {
            // the status is only informative; work continues without it
            drop(status.publish(path));
            self.published = Some(Instant::now());
        }
    }

    pub(crate) fn next_stage(&mut self) {
        if let Some((status, _)) = &self.status {
            (self.done_in_stages, self.total_in_stages) = (status.done, status.total);
        }
    }

    pub(crate) fn end(&mut self, state: State, failure: Option<String>) {
        if let Some((status, path)) = &mut self.status {
            status.state = state;
            status.first_failure = failure;
            drop(status.publish(path));
        }
    }
}
