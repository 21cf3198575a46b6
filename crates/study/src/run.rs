//! Studies are run: in memory, or beside their results.

use results::Results;
use sweep::identity::{Identity, Program};
use sweep::stop::Stop;
use sweep::{Job, Order, Outcome, Progress, SweepError};

use crate::identity::identity_of;
use crate::kind::{self, Action, Done};
use crate::language::document::KeyError;
use crate::{Study, StudyError};

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
    run_until(study, threads, progress, &Stop::default())
}

/// The same, until it is asked to stop.
///
/// # Errors
/// As [`run`], or that it was stopped.
pub fn run_until(study: &Study, threads: usize, progress: &dyn Progress, stop: &Stop) -> Result<Results, StudyError> {
    let order = order_of(study, identity_of(study, &Program::unnamed())?);
    match kind::carry_out(study, &order, Action::InMemory { threads, progress, stop }) {
        Ok(Done::Results(results)) => Ok(results),
        Ok(Done::Outcome(_)) => Ok(Results::default()),
        Err(e) => Err(located(study, e)),
    }
}

/// Runs a study, or what is left of it, beside its results. Work of other versions of `program` is not mixed with its own.
///
/// # Errors
/// If it is at odds with what is there, points fail, it is stopped, or files cannot be written. What was finished is kept.
pub fn run_in(study: &Study, program: &Program, job: &Job) -> Result<Outcome, StudyError> {
    outcome(study, program, Action::Beside(job))
}

/// Puts the shards of a study together into its results file, and removes them unless `keep` is set.
///
/// # Errors
/// If a shard is missing, unfinished, in use, damaged, or of another study; then nothing is written or removed.
pub fn merge(study: &Study, program: &Program, job: &Job, shards: usize, keep: bool) -> Result<Outcome, StudyError> {
    outcome(study, program, Action::Merge { job, shards, keep })
}

fn outcome(study: &Study, program: &Program, action: Action<'_>) -> Result<Outcome, StudyError> {
    let order = order_of(study, identity_of(study, program)?);
    match kind::carry_out(study, &order, action) {
        Ok(Done::Outcome(outcome)) => Ok(outcome),
        Ok(Done::Results(_)) => Ok(Outcome::ShardDone),
        Err(e) => Err(located(study, e)),
    }
}
