//! Studies are run: in memory, or beside their results.

use std::path::Path;

use results::Results;
use sweep::identity::{Identity, Program};
use sweep::{Order, Outcome, Progress, Shard, Stop, SweepError};

use crate::identity::identity_of;
use crate::kind::{self, Action, Done};
use crate::language::document::KeyError;
use crate::{Study, StudyError};

/// A study, or a shard of it, that is run beside its results.
pub struct Job<'a> {
    /// The study.
    pub study: &'a Study,
    /// Folder of the results.
    pub folder: &'a Path,
    /// Which part of it.
    pub shard: Shard,
    /// The program, whose other versions' work is not mixed with this one's.
    pub program: &'a Program,
    /// Threads; 0 for one on each core.
    pub threads: usize,
    /// Whether finished work is thrown away first.
    pub fresh: bool,
    /// Whether only the pilot of an adaptive study is run.
    pub pilot_only: bool,
    /// How it is asked to stop.
    pub stop: &'a Stop,
    /// Who is told how far it is.
    pub progress: &'a dyn Progress,
    /// Attributes of the results file that depend on when and where it is written.
    pub stamp: &'a (dyn Fn() -> Vec<(String, String)> + Sync),
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("study", &self.study.section.name).field("shard", &self.shard).finish()
    }
}

impl Job<'_> {
    fn of_order<'o>(&'o self, order: &'o Order) -> sweep::Job<'o> {
        let Job { folder, shard, threads, fresh, pilot_only, stop, progress, stamp, .. } = *self;
        sweep::Job { order, folder, shard, threads, fresh, pilot_only, stop, progress, stamp }
    }
}

fn order_of(study: &Study, identity: Identity) -> Order {
    let section = &study.section;
    let attributes = [
        ("study", section.name.clone()),
        ("kind", section.kind.name().to_owned()),
        ("scenario", study.document.text.clone()),
        ("scenario_resolved", study.resolved_text()),
        ("seed", section.seed.to_string()),
        ("repetitions", section.repetitions.to_string()),
        ("identity", identity.to_json()),
    ];
    Order {
        name: section.name.clone(),
        points: study.points(),
        seed: section.seed,
        repetitions: section.repetitions,
        target_relative_error: section.target_relative_error,
        budget_repetitions: section.budget_repetitions,
        identity,
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

/// What the sweep cannot know: where in the scenario the setting stands that is at fault.
fn located(study: &Study, error: SweepError) -> StudyError {
    match error {
        SweepError::TooManyRepetitions { target, repetitions, most } => {
            let message = format!(
                "found {target}: needs {repetitions} repetitions in all, at most {most} are allowed. Raise it, or set \
                 study.budget_repetitions"
            );
            study.document.locate(KeyError::new("study.target_relative_error", message)).into()
        }
        other => other.into(),
    }
}

/// Runs a study in memory on `threads` threads (0: one for each core).
///
/// # Errors
/// If the threads cannot be started or a point fails.
pub fn run(study: &Study, threads: usize, progress: &dyn Progress) -> Result<Results, StudyError> {
    let order = order_of(study, identity_of(study, &Program::unnamed())?);
    match kind::carry_out(study, &order, Action::InMemory { threads, progress }) {
        Ok(Done::Results(results)) => Ok(results),
        Ok(Done::Outcome(_)) => Ok(Results::default()),
        Err(e) => Err(located(study, e)),
    }
}

/// Runs a study, or what is left of it, beside its results.
///
/// # Errors
/// If it is at odds with what is there, points fail, it is stopped, or files cannot be written. What was finished is kept.
pub fn run_in(job: &Job) -> Result<Outcome, StudyError> {
    let order = order_of(job.study, identity_of(job.study, job.program)?);
    outcome(job, &order, Action::Beside(&job.of_order(&order)))
}

/// Puts the shards of a study together into its results file, and removes them unless `keep` is set.
///
/// # Errors
/// If a shard is missing, unfinished, in use, damaged, or of another study; then nothing is written or removed.
pub fn merge(job: &Job, shards: usize, keep: bool) -> Result<Outcome, StudyError> {
    let order = order_of(job.study, identity_of(job.study, job.program)?);
    outcome(job, &order, Action::Merge { job: &job.of_order(&order), shards, keep })
}

fn outcome(job: &Job, order: &Order, action: Action<'_>) -> Result<Outcome, StudyError> {
    match kind::carry_out(job.study, order, action) {
        Ok(Done::Outcome(outcome)) => Ok(outcome),
        Ok(Done::Results(_)) => Ok(Outcome::ShardDone),
        Err(e) => Err(located(job.study, e)),
    }
}
