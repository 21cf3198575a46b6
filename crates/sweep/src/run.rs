//! Runs studies: in memory, or with checkpoints so that no finished work is lost; whole, or in shards.
//!
//! The results are bit-identical for any number of threads and shards, any order, and any number of interruptions:
//! units are fixed by the scenario, each repetition has its own random stream, and units are combined in order.

use std::path::{Path, PathBuf};

use results::{Results, Sink, StoreError, store};

use crate::adaptive::{self, Needs};
use crate::checkpoint::{self, Checkpoint};
use crate::engine::Engine;
use crate::error::SweepError;
use crate::finished::Finished;
use crate::identity::Identity;
use crate::reporter::Reporter;
pub use crate::schedule::Stage;
use crate::schedule::{Deal, Schedule, Shard};
use crate::status::{self, State};
use crate::stop::Stop;
use crate::threads::pool;
use crate::work::Work;

/// Receives the progress of a run.
pub trait Progress: Sync {
    /// A stage begins, with some steps done in earlier runs.
    fn begin(&self, stage: Stage, done_steps: u64, all_steps: u64);

    /// Further steps are done.
    fn advance(&self, steps: u64);
}

/// No report of progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: Stage, _done_steps: u64, _all_steps: u64) {}
    fn advance(&self, _steps: u64) {}
}

/// Description of a study for the engine.
#[derive(Clone, Debug)]
pub struct Order {
    /// Name of the study and of its files.
    pub name: String,
    /// Number of points of the sweep.
    pub points: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Repetitions at each point, or of its pilot if there is a target.
    pub repetitions: u64,
    /// Target of the relative error at every point.
    pub target_relative_error: Option<f64>,
    /// Largest number of repetitions over all points, if there is a target.
    pub budget_repetitions: Option<u64>,
    /// Identity, so that it is not mixed with other studies.
    pub identity: Identity,
    /// Attributes of its results file.
    pub attributes: Vec<(String, String)>,
}

/// Where and how an order, or a shard of it, is carried out.
pub struct Job<'a> {
    /// Folder of the results.
    pub folder: &'a Path,
    /// The part of it.
    pub shard: Shard,
    /// Threads; 0 for one on each core.
    pub threads: usize,
    /// Whether finished work is discarded first.
    pub fresh: bool,
    /// Whether to run only the pilot of an adaptive study.
    pub pilot_only: bool,
    /// Receives requests to stop.
    pub stop: &'a Stop,
    /// Receives progress.
    pub progress: &'a dyn Progress,
    /// Attributes of the results file that depend on when and where it is written.
    pub stamp: &'a (dyn Fn() -> Vec<(String, String)> + Sync),
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("folder", &self.folder).field("shard", &self.shard).finish()
    }
}

/// Outcome of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The results are written.
    Finished(PathBuf),
    /// The results of this study already existed and are unchanged.
    WasFinished(PathBuf),
    /// All units of the shard are done.
    ShardDone,
    /// The pilot of the shard is done.
    PilotDone,
}

/// Computes work in memory on `threads` threads (0: one for each core).
///
/// # Errors
/// If the threads cannot be started or a point fails.
pub fn run<W: Work>(order: &Order, work: &W, threads: usize, progress: &dyn Progress) -> Result<Results, SweepError> {
    run_until(order, work, threads, progress, &Stop::default())
}

/// The same, until it is asked to stop.
///
/// # Errors
/// As [`run`], or [`SweepError::Stopped`].
pub fn run_until<W: Work>(
    order: &Order,
    work: &W,
    threads: usize,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Results, SweepError> {
    let checkpoint = Checkpoint::in_memory()?;
    let job = Job {
        folder: Path::new(""),
        shard: Shard::WHOLE,
        threads,
        fresh: false,
        pilot_only: false,
        stop,
        progress,
        stamp: &Vec::new,
    };
    let mut results = Results::default();
    let runner = Runner { order, job: &job, work, checkpoint: &checkpoint };
    let (schedule, deal) = pool(threads)?.install(|| runner.compute(&mut Reporter::without_file()))?;
    collect(order, &job, work, &schedule, &deal, &[&checkpoint], &mut results)?;
    Ok(results)
}

/// Computes work, or the unfinished part of it, with checkpoints next to the results.
///
/// # Errors
/// If it is at odds with what is there, points fail, it is stopped, or files cannot be written. What was finished is kept.
pub fn run_in<W: Work>(order: &Order, job: &Job, work: &W) -> Result<Outcome, SweepError> {
    let Order { name, identity, .. } = order;
    let results = store::path_in(job.folder, name);
    let path = checkpoint::path_in(job.folder, name, job.shard);
    if !job.fresh && !path.exists() && is_finished(&results, identity)? {
        store::remove_abandoned(&path);
        return Ok(Outcome::WasFinished(results));
    }
    store::check_writable(&path, true)?;
    if job.fresh {
        discard(&path)?;
    }
    let checkpoint = Checkpoint::open_or_make(&path, identity, job.shard)?;
    let status_path = status::path_in(job.folder, name, job.shard);
    store::remove_stale(&[&results, &status_path, &adaptive::path_in(job.folder, name, job.shard)]);
    if !job.fresh && results.exists() && is_finished(&results, identity).unwrap_or(false) {
        // killed after it had published its results, or another process finished first
        drop(std::fs::remove_file(status_path));
        checkpoint.remove()?;
        return Ok(Outcome::WasFinished(results));
    }
    let mut reporter = Reporter::new(order, job, status_path.clone());
    let outcome = Runner { order, job, work, checkpoint: &checkpoint }.run(&mut reporter, &results);
    match &outcome {
        Ok(Outcome::Finished(_)) => {
            drop(std::fs::remove_file(status_path));
            checkpoint.remove()?;
        }
        Ok(_) => reporter.end(State::Done, None),
        Err(SweepError::Points { failures, .. }) => reporter.end(State::Failed, failures.first().cloned()),
        Err(e) => reporter.end(State::Stopped, Some(e.to_string()).filter(|_| !matches!(e, SweepError::Stopped))),
    }
    outcome
}

/// Whether `results` are those of this study.
pub(crate) fn is_finished(results: &Path, identity: &Identity) -> Result<bool, StoreError> {
    if !results.exists() {
        return Ok(false);
    }
    let differences = match store::attribute(results, "identity") {
        Ok(text) => match text.and_then(|text| Identity::from_json(&text)) {
            Some(stored) => identity.differences(&stored),
            None => vec!["  it does not say which program wrote it".to_owned()],
        },
        Err(StoreError::NoChecksum(_)) => {
            vec!["  it has no checksum: an earlier version wrote it, or something else changed it".to_owned()]
        }
        Err(e) => return Err(e),
    };
    if differences.is_empty() {
        return Ok(true);
    }
    Err(StoreError::Different { path: results.to_owned(), differences })
}

/// Discards finished work, unless another process uses it.
fn discard(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    match Checkpoint::open(path) {
        Ok(checkpoint) => checkpoint.remove(),
        Err(StoreError::Damaged { path, .. }) => {
            std::fs::remove_file(&path).map_err(|e| StoreError::Write { path, reason: e.to_string() })
        }
        Err(e) => Err(e),
    }
}

/// A job with its order, its work and its open checkpoint.
struct Runner<'a, 'j, W> {
    order: &'a Order,
    job: &'a Job<'j>,
    work: &'a W,
    checkpoint: &'a Checkpoint,
}

impl<W: Work> Runner<'_, '_, W> {
    fn run(&self, reporter: &mut Reporter, results: &Path) -> Result<Outcome, SweepError> {
        let job = self.job;
        let (schedule, deal) = pool(job.threads)?.install(|| self.compute(reporter))?;
        if job.pilot_only {
            return Ok(Outcome::PilotDone);
        }
        if job.shard != Shard::WHOLE {
            return Ok(Outcome::ShardDone);
        }
        publish(self.order, job, self.work, &schedule, &deal, &[self.checkpoint], results)?;
        Ok(Outcome::Finished(results.to_owned()))
    }

    /// Computes what is missing, and returns the schedule of the main stage.
    fn compute(&self, reporter: &mut Reporter) -> Result<(Schedule, Deal), SweepError> {
        let order = self.order;
        let (schedule, deal) = match order.target_relative_error {
            None => {
                let schedule = Schedule::same(Stage::Main, W::STEPS_OF_UNIT, order.points, self.work.steps());
                let deal = self.deal(&schedule);
                (schedule, deal)
            }
            Some(target) => {
                let schedule = pilot_schedule::<W>(order);
                let deal = self.deal(&schedule);
                self.stage(&schedule, &deal, reporter)?;
                reporter.next_stage();
                let steps = self.repetitions(&schedule, &deal, target)?;
                check_need::<W>(target, &steps)?;
                if self.job.pilot_only {
                    return Ok((schedule, deal));
                }
                (Schedule::each(Stage::Main, W::STEPS_OF_UNIT, steps), deal)
            }
        };
        self.stage(&schedule, &deal, reporter)?;
        Ok((schedule, deal))
    }

    fn deal(&self, schedule: &Schedule) -> Deal {
        deal(self.order, schedule, self.job.shard.count())
    }

    fn stage(&self, schedule: &Schedule, deal: &Deal, reporter: &mut Reporter) -> Result<(), SweepError> {
        let Job { shard, stop, progress, .. } = *self.job;
        let engine = Engine { work: self.work, schedule, deal, shard, checkpoint: self.checkpoint, stop, progress };
        engine.run(|counts| reporter.update(counts))
    }

    /// Repetitions of each point in the main stage; `None` for points of other shards with unknown need.
    fn repetitions(&self, pilot: &Schedule, deal: &Deal, target: f64) -> Result<Vec<u64>, SweepError> {
        let order = self.order;
        let Job { shard, folder, .. } = *self.job;
        let finished = Finished::new(pilot, deal, vec![self.checkpoint.reader()?], shard.index() - 1);
        let mut needed = vec![0; pilot.points()];
        let own: Vec<usize> = (0..pilot.points())
            .filter(|&p| pilot.units_at(p).next().is_some_and(|u| deal.shard_of(pilot, u) == shard.index()))
            .collect();
        for &point in &own {
            needed[point] = need(self.work, &finished, pilot, point, target)?;
        }
        if shard == Shard::WHOLE || order.budget_repetitions.is_none() {
            return Ok(adaptive::deal(&needed, order.repetitions, order.budget_repetitions));
        }
        let identity = order.identity.digest();
        let needs = Needs { identity: identity.clone(), needed: own.iter().map(|&p| (p, needed[p])).collect() };
        needs.publish(&adaptive::path_in(folder, &order.name, shard))?;
        if self.job.pilot_only {
            return Ok(needed);
        }
        let all = Needs::of_all(folder, &order.name, shard.count(), pilot.points(), &identity)?;
        Ok(adaptive::deal(&all, order.repetitions, order.budget_repetitions))
    }
}

pub(crate) fn pilot_schedule<W: Work>(order: &Order) -> Schedule {
    Schedule::same(Stage::Pilot, W::STEPS_OF_UNIT, order.points, order.repetitions)
}

pub(crate) fn deal(order: &Order, schedule: &Schedule, shards: usize) -> Deal {
    Deal::new(schedule, shards, order.seed, order.target_relative_error.is_some())
}

pub(crate) fn need<W: Work>(
    work: &W,
    finished: &Finished,
    pilot: &Schedule,
    point: usize,
    target: f64,
) -> Result<u64, SweepError> {
    let relative_error = work.relative_error(finished, pilot, point)?;
    Ok(adaptive::needed(relative_error, pilot.steps_at(point), target))
}

/// Largest number of units of a study; each takes a byte of memory.
pub const MOST_UNITS: u64 = 100_000_000;

/// Refuses a main stage of too many units.
pub(crate) fn check_need<W: Work>(target: f64, steps: &[u64]) -> Result<(), SweepError> {
    let units = steps.iter().map(|n| n.div_ceil(W::STEPS_OF_UNIT)).fold(0, u64::saturating_add);
    if units <= MOST_UNITS {
        return Ok(());
    }
    let repetitions = steps.iter().copied().fold(0, u64::saturating_add);
    Err(SweepError::TooManyRepetitions { target, repetitions, most: MOST_UNITS * W::STEPS_OF_UNIT })
}

/// Refuses unfinished shards.
pub(crate) fn complete<W: Work>(
    job: &Job,
    work: &W,
    schedule: &Schedule,
    deal: &Deal,
    shards: &[Shard],
    stores: &[&Checkpoint],
) -> Result<(), SweepError> {
    let mut unfinished = Vec::new();
    for (shard, checkpoint) in shards.iter().zip(stores) {
        let Job { stop, progress, .. } = *job;
        let engine = Engine { work, schedule, deal, shard: *shard, checkpoint, stop, progress };
        let (missing, (total, _)) = (engine.missing()?, engine.total());
        if missing > 0 {
            unfinished.push(format!("  shard {shard} has done {} of {total} units", total - missing));
        }
    }
    if unfinished.is_empty() { Ok(()) } else { Err(StoreError::Incomplete { shards: unfinished }.into()) }
}

/// Writes the results file.
pub(crate) fn publish<W: Work>(
    order: &Order,
    job: &Job,
    work: &W,
    schedule: &Schedule,
    deal: &Deal,
    stores: &[&Checkpoint],
    results: &Path,
) -> Result<(), SweepError> {
    let mut writer = store::Writer::new(results)?;
    collect(order, job, work, schedule, deal, stores, &mut writer)?;
    writer.publish()?;
    Ok(())
}

/// Writes all finished work to a sink, with the attributes of the study.
fn collect<W: Work>(
    order: &Order,
    job: &Job,
    work: &W,
    schedule: &Schedule,
    deal: &Deal,
    stores: &[&Checkpoint],
    sink: &mut dyn Sink,
) -> Result<(), SweepError> {
    let readers = stores.iter().map(|s| s.reader()).collect::<Result<_, _>>()?;
    let finished = Finished::new(schedule, deal, readers, 0);
    let mut attributes = order.attributes.clone();
    attributes.extend((job.stamp)());
    work.collect(&finished, schedule, &mut Attributed { sink, attributes, stop: job.stop })
}

/// Sink that adds the study's attributes and aborts when the study is asked to stop.
struct Attributed<'s> {
    sink: &'s mut dyn Sink,
    attributes: Vec<(String, String)>,
    stop: &'s Stop,
}

impl Sink for Attributed<'_> {
    fn begin(&mut self, mut outline: Results) -> Result<(), StoreError> {
        let own = std::mem::take(&mut outline.attributes);
        outline.attributes = std::mem::take(&mut self.attributes);
        outline.attributes.extend(own);
        self.sink.begin(outline)
    }

    fn append(&mut self, variable: usize, values: &[f64]) -> Result<(), StoreError> {
        if self.stop.is_requested() {
            return Err(StoreError::Stopped);
        }
        self.sink.append(variable, values)
    }
}
