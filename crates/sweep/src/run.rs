//! Runs studies: in memory, or beside their results so that nothing finished is ever lost; whole, or in shards.
//!
//! The results are the same to the last bit for any number of threads and shards, any order, and any number of
//! interruptions: units are fixed by the scenario, each repetition has its own stream of random numbers, and units are
//! put together in their order.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::adaptive::{self, Needs};
use crate::checkpoint::{self, Checkpoint};
use crate::document::KeyError;
use crate::engine::{Counts, Engine};
use crate::error::{StoreError, SweepError};
use crate::identity::{Identity, Program};
use crate::limits;
pub use crate::plan::Stage;
use crate::plan::{Deal, Plan, Shard};
use crate::results::{Results, Sink};
use crate::scenario::StudyKind;
use crate::source::Source;
use crate::status::{self, State, Status};
use crate::stop::Stop;
use crate::store;
use crate::study::Study;
use crate::work::Work;
use crate::work::errors::Errors;
use crate::work::logic::Logic;
use crate::work::response::Response;
use crate::work::spectrum::NoiseSpectrum;
use crate::work::training::Training;

/// Told how far a run has come.
pub trait Progress: Sync {
    /// A stage begins, of which some steps were done in earlier runs.
    fn begin(&self, stage: Stage, done_steps: u64, all_steps: u64);

    /// So many more steps are done.
    fn advance(&self, steps: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: Stage, _done_steps: u64, _all_steps: u64) {}
    fn advance(&self, _steps: u64) {}
}

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

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The results are written.
    Finished(PathBuf),
    /// The results of this very study were there already, and are untouched.
    WasFinished(PathBuf),
    /// All units of the shard are done.
    ShardDone,
    /// The pilot of the shard is done.
    PilotDone,
}

/// Calls `$body` with `$work` bound to the kind of work of a study.
macro_rules! with_work {
    ($study:expr, $work:ident => $body:expr) => {
        match $study.section.kind {
            StudyKind::Error => {
                let $work = Errors($study);
                $body
            }
            StudyKind::Response => {
                let $work = Response::new($study);
                $body
            }
            StudyKind::Spectrum => {
                let $work = NoiseSpectrum($study);
                $body
            }
            StudyKind::Logic => {
                let $work = Logic($study);
                $body
            }
            StudyKind::Training => {
                let $work = Training($study);
                $body
            }
        }
    };
}

/// Refuses more threads than the machine can be asked for.
///
/// # Errors
/// If they are more than [`limits::most_threads`].
pub fn check_threads(threads: usize) -> Result<(), SweepError> {
    let most = limits::most_threads();
    if threads <= most { Ok(()) } else { Err(SweepError::TooManyThreads { threads, most }) }
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, SweepError> {
    check_threads(threads)?;
    // not rayon's own default, which an environment variable sets without a limit
    let threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| SweepError::Threads { threads, reason: e.to_string() })
}

/// Runs a study in memory on `threads` threads (0: one for each core).
///
/// # Errors
/// If the threads cannot be started or a point fails.
pub fn run(study: &Study, threads: usize, progress: &dyn Progress) -> Result<Results, SweepError> {
    let checkpoint = Checkpoint::in_memory()?;
    let stop = Stop::default();
    let identity = Identity::new(study, &Program::unnamed())?;
    let job = Job {
        study,
        folder: Path::new(""),
        shard: Shard::WHOLE,
        program: &Program::unnamed(),
        threads,
        fresh: false,
        pilot_only: false,
        stop: &stop,
        progress,
        stamp: &Vec::new,
    };
    let mut results = Results::default();
    with_work!(study, work => {
        let runner = Runner { job: &job, work: &work, identity: &identity, checkpoint: &checkpoint };
        let (plan, deal) = pool(threads)?.install(|| runner.compute(&mut Reporter::nobody()))?;
        collect(&job, &work, &identity, &plan, &deal, &[&checkpoint], &mut results)?;
    });
    Ok(results)
}

/// Runs a study, or what is left of it, beside its results.
///
/// # Errors
/// If it is at odds with what is there, points fail, it is stopped, or files cannot be written. What was finished is kept.
pub fn run_in(job: &Job) -> Result<Outcome, SweepError> {
    let study = job.study;
    let name = &study.section.name;
    let results = store::path_in(job.folder, name);
    let identity = Identity::new(study, job.program)?;
    let path = checkpoint::path_in(job.folder, name, job.shard);
    if !job.fresh && !path.exists() && is_finished(&results, &identity)? {
        store::remove_abandoned(&path);
        return Ok(Outcome::WasFinished(results));
    }
    store::check_writable(&path, true)?;
    if job.fresh {
        discard(&path)?;
    }
    let checkpoint = Checkpoint::open_or_make(&path, &identity, job.shard)?;
    let status_path = status::path_in(job.folder, name, job.shard);
    store::remove_stale(&[&results, &status_path, &adaptive::path_in(job.folder, name, job.shard)]);
    if !job.fresh && results.exists() && is_finished(&results, &identity).unwrap_or(false) {
        // killed after it had published its results, or another process was faster
        drop(std::fs::remove_file(status_path));
        checkpoint.remove()?;
        return Ok(Outcome::WasFinished(results));
    }
    let mut reporter = Reporter::new(job, &identity, status_path.clone());
    let outcome = with_work!(study, work => {
        let runner = Runner { job, work: &work, identity: &identity, checkpoint: &checkpoint };
        runner.run(&mut reporter, &results)
    });
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
fn is_finished(results: &Path, identity: &Identity) -> Result<bool, StoreError> {
    if !results.exists() {
        return Ok(false);
    }
    let differences = match store::attribute(results, "identity") {
        Ok(text) => match text.and_then(|text| Identity::from_json(&text)) {
            Some(stored) => identity.differences(&stored),
            None => vec!["  it does not say which program made it".to_owned()],
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

/// Throws finished work away, unless another process is at it.
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

/// Longest time between two states of the status file, of which a cluster may keep a thousand; a young study says more often
/// how it does.
const BETWEEN_STATUS: Duration = Duration::from_secs(3);
const PART_BETWEEN_STATUS: u32 = 2;

/// Keeps the status file.
struct Reporter {
    status: Option<(Status, PathBuf)>,
    started: Instant,
    published: Option<Instant>,
    done_before: Option<usize>,
    done_in_stages: usize,
    total_in_stages: usize,
}

impl Reporter {
    fn nobody() -> Self {
        Self {
            status: None,
            started: Instant::now(),
            published: None,
            done_before: None,
            done_in_stages: 0,
            total_in_stages: 0,
        }
    }

    fn new(job: &Job, identity: &Identity, path: PathBuf) -> Self {
        let status = Status::new(&job.study.section.name, job.shard, &identity.digest(), 0);
        Self { status: Some((status, path)), ..Self::nobody() }
    }

    fn update(&mut self, counts: &Counts) {
        let Some((status, path)) = &mut self.status else { return };
        status.done = self.done_in_stages + counts.done.load(Ordering::Relaxed);
        status.total = self.total_in_stages + counts.total.load(Ordering::Relaxed);
        status.failed = counts.failed.load(Ordering::Relaxed);
        let before = *self.done_before.get_or_insert(status.done);
        let seconds = self.started.elapsed().as_secs_f64();
        status.units_per_s = status.done.saturating_sub(before) as f64 / seconds.max(1e-3);
        let between = BETWEEN_STATUS.min(self.started.elapsed() / PART_BETWEEN_STATUS);
        if self.published.is_none_or(|then| then.elapsed() >= between) {
            // the status is for people; the work goes on without it
            drop(status.publish(path));
            self.published = Some(Instant::now());
        }
    }

    fn next_stage(&mut self) {
        if let Some((status, _)) = &self.status {
            (self.done_in_stages, self.total_in_stages) = (status.done, status.total);
        }
    }

    fn end(&mut self, state: State, failure: Option<String>) {
        if let Some((status, path)) = &mut self.status {
            status.state = state;
            status.first_failure = failure;
            drop(status.publish(path));
        }
    }
}

/// A job with its kind of work and its open checkpoint.
struct Runner<'a, 'j, W> {
    job: &'a Job<'j>,
    work: &'a W,
    identity: &'a Identity,
    checkpoint: &'a Checkpoint,
}

impl<W: Work> Runner<'_, '_, W> {
    fn run(&self, reporter: &mut Reporter, results: &Path) -> Result<Outcome, SweepError> {
        let job = self.job;
        let (plan, deal) = pool(job.threads)?.install(|| self.compute(reporter))?;
        if job.pilot_only {
            return Ok(Outcome::PilotDone);
        }
        if job.shard != Shard::WHOLE {
            return Ok(Outcome::ShardDone);
        }
        publish(job, self.work, self.identity, &plan, &deal, &[self.checkpoint], results)?;
        Ok(Outcome::Finished(results.to_owned()))
    }

    /// Computes what is missing, and returns the plan of the main stage.
    fn compute(&self, reporter: &mut Reporter) -> Result<(Plan, Deal), SweepError> {
        let study = self.job.study;
        let points = study.points();
        let (plan, deal) = match study.section.target_relative_error {
            None => {
                let plan = Plan::same(Stage::Main, W::STEPS_OF_UNIT, points, self.work.steps());
                let deal = self.deal(&plan);
                (plan, deal)
            }
            Some(target) => {
                let plan = pilot_plan(study);
                let deal = self.deal(&plan);
                self.stage(&plan, &deal, reporter)?;
                reporter.next_stage();
                let steps = self.repetitions(&plan, &deal, target)?;
                check_need(study, &steps)?;
                if self.job.pilot_only {
                    return Ok((plan, deal));
                }
                (Plan::each(Stage::Main, W::STEPS_OF_UNIT, steps), deal)
            }
        };
        self.stage(&plan, &deal, reporter)?;
        Ok((plan, deal))
    }

    fn deal(&self, plan: &Plan) -> Deal {
        deal(self.job.study, plan, self.job.shard.count())
    }

    fn stage(&self, plan: &Plan, deal: &Deal, reporter: &mut Reporter) -> Result<(), SweepError> {
        let Job { study, shard, stop, progress, .. } = *self.job;
        let engine = Engine { work: self.work, study, plan, deal, shard, checkpoint: self.checkpoint, stop, progress };
        engine.run(|counts| reporter.update(counts))
    }

    /// Repetitions that each point gets in the main stage; none for points of other shards whose need is not known.
    fn repetitions(&self, pilot: &Plan, deal: &Deal, target: f64) -> Result<Vec<u64>, SweepError> {
        let Job { study, shard, folder, .. } = *self.job;
        let section = &study.section;
        let source = Source::new(pilot, deal, vec![self.checkpoint.reader()?], shard.index() - 1);
        let mut needed = vec![0; pilot.points()];
        let own: Vec<usize> = (0..pilot.points())
            .filter(|&p| pilot.units_at(p).next().is_some_and(|u| deal.shard_of(pilot, u) == shard.index()))
            .collect();
        for &point in &own {
            needed[point] = need(study, &source, pilot, point, target)?;
        }
        if shard == Shard::WHOLE || section.budget_repetitions.is_none() {
            return Ok(adaptive::deal(&needed, section.repetitions, section.budget_repetitions));
        }
        let identity = self.identity.digest();
        let needs = Needs { identity: identity.clone(), needed: own.iter().map(|&p| (p, needed[p])).collect() };
        needs.publish(&adaptive::path_in(folder, &section.name, shard))?;
        if self.job.pilot_only {
            return Ok(needed);
        }
        let all = Needs::of_all(folder, &section.name, shard.count(), pilot.points(), &identity)?;
        Ok(adaptive::deal(&all, section.repetitions, section.budget_repetitions))
    }
}

fn pilot_plan(study: &Study) -> Plan {
    Plan::same(Stage::Pilot, Errors::STEPS_OF_UNIT, study.points(), study.section.repetitions)
}

fn deal(study: &Study, plan: &Plan, shards: usize) -> Deal {
    Deal::new(plan, shards, study.section.seed, study.section.target_relative_error.is_some())
}

fn need(study: &Study, source: &Source, pilot: &Plan, point: usize, target: f64) -> Result<u64, SweepError> {
    let relative_error = Errors(study).relative_error(source, pilot, point)?;
    Ok(adaptive::needed(relative_error, pilot.steps_at(point), target))
}

/// Refuses to begin a main stage of more units than there may be.
fn check_need(study: &Study, steps: &[u64]) -> Result<(), SweepError> {
    let units = steps.iter().map(|n| n.div_ceil(Errors::STEPS_OF_UNIT)).fold(0, u64::saturating_add);
    if units <= limits::MOST_UNITS {
        return Ok(());
    }
    let (target, most) = (study.section.target_relative_error.unwrap_or_default(), limits::MOST_UNITS);
    let message = format!(
        "found {target}: needs {} repetitions in all, at most {} are allowed. Raise it, or set study.budget_repetitions",
        steps.iter().copied().fold(0, u64::saturating_add),
        most * Errors::STEPS_OF_UNIT
    );
    Err(study.document.locate(KeyError::new("study.target_relative_error", message)).into())
}

/// Puts the shards of a study together into its results file, and removes them unless `keep` is set.
///
/// # Errors
/// If a shard is missing, unfinished, in use, damaged, or of another study; then nothing is written or removed.
pub fn merge(job: &Job, shards: usize, keep: bool) -> Result<Outcome, SweepError> {
    let study = job.study;
    let name = &study.section.name;
    let results = store::path_in(job.folder, name);
    let identity = Identity::new(study, job.program)?;
    let of = |index: usize| Shard::new(index, shards);
    let shards: Vec<Shard> = (1..=shards).filter_map(of).collect();
    let paths: Vec<PathBuf> = shards.iter().map(|s| checkpoint::path_in(job.folder, name, *s)).collect();
    if !job.fresh && is_finished(&results, &identity)? {
        return Ok(Outcome::WasFinished(results));
    }
    if paths.iter().any(|p| !p.exists()) {
        let say = |(shard, path): (&Shard, &PathBuf)| say_unfinished(job.folder, name, *shard, path);
        return Err(StoreError::Incomplete { shards: shards.iter().zip(&paths).filter_map(say).collect() }.into());
    }
    let mut stores = Vec::with_capacity(shards.len());
    for (shard, path) in shards.iter().zip(&paths) {
        let store = Checkpoint::open_one_of(path, shards.len())?;
        store.check(&identity, *shard)?;
        stores.push(store);
    }
    let beside =
        |shard: &Shard| [status::path_in(job.folder, name, *shard), adaptive::path_in(job.folder, name, *shard)];
    let written: Vec<PathBuf> = shards.iter().flat_map(beside).chain([results.clone()]).chain(paths).collect();
    store::remove_stale(&written.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let stores_in_order: Vec<&Checkpoint> = stores.iter().collect();
    with_work!(study, work => {
        let (plan, deal) = merged_plan(job, &work, &shards, &stores_in_order)?;
        complete(job, &work, &plan, &deal, &shards, &stores_in_order)?;
        publish(job, &work, &identity, &plan, &deal, &stores_in_order, &results)?;
    });
    if !keep {
        for (shard, store) in shards.iter().zip(stores) {
            drop(std::fs::remove_file(status::path_in(job.folder, name, *shard)));
            drop(std::fs::remove_file(adaptive::path_in(job.folder, name, *shard)));
            store.remove()?;
        }
    }
    Ok(Outcome::Finished(results))
}

/// A shard that is missing, or by its own account not done.
fn say_unfinished(folder: &Path, study: &str, shard: Shard, path: &Path) -> Option<String> {
    if !path.exists() {
        return Some(format!("  shard {shard} is missing (`{}` is not there)", path.display()));
    }
    let status = Status::read(&status::path_in(folder, study, shard)).ok()?;
    let (done, total) = (status.done, status.total);
    (status.state != State::Done).then(|| format!("  shard {shard} has done {done} of {total} units"))
}

/// Into how many shards a study is divided, by the files in a folder; several numbers if it was divided more than once.
///
/// # Errors
/// If the folder cannot be read.
pub fn shard_counts(folder: &Path, study: &str) -> Result<Vec<usize>, StoreError> {
    let entries =
        std::fs::read_dir(folder).map_err(|e| StoreError::Read { path: folder.to_owned(), reason: e.to_string() })?;
    let count = |name: &str| -> Option<usize> {
        let rest = name.strip_prefix(study)?.strip_prefix(".shard-")?.strip_suffix(".checkpoint")?;
        rest.split_once("-of-")?.1.parse().ok()
    };
    let mut counts: Vec<usize> = entries.flatten().filter_map(|e| count(&e.file_name().to_string_lossy())).collect();
    counts.sort_unstable();
    counts.dedup();
    Ok(counts)
}

/// The plan of the main stage, from all shards.
fn merged_plan<W: Work>(
    job: &Job,
    work: &W,
    shards: &[Shard],
    stores: &[&Checkpoint],
) -> Result<(Plan, Deal), SweepError> {
    let study = job.study;
    let section = &study.section;
    let Some(target) = section.target_relative_error else {
        let plan = Plan::same(Stage::Main, W::STEPS_OF_UNIT, study.points(), work.steps());
        let deal = deal(study, &plan, shards.len());
        return Ok((plan, deal));
    };
    let pilot = pilot_plan(study);
    let deal = deal(study, &pilot, shards.len());
    complete(job, work, &pilot, &deal, shards, stores)?;
    let readers = stores.iter().map(|s| s.reader()).collect::<Result<_, _>>()?;
    let source = Source::new(&pilot, &deal, readers, 0);
    let needed = (0..pilot.points())
        .map(|point| need(study, &source, &pilot, point, target))
        .collect::<Result<Vec<u64>, SweepError>>()?;
    let steps = adaptive::deal(&needed, section.repetitions, section.budget_repetitions);
    check_need(study, &steps)?;
    Ok((Plan::each(Stage::Main, W::STEPS_OF_UNIT, steps), deal))
}

/// Refuses shards that have not done all their units.
fn complete<W: Work>(
    job: &Job,
    work: &W,
    plan: &Plan,
    deal: &Deal,
    shards: &[Shard],
    stores: &[&Checkpoint],
) -> Result<(), SweepError> {
    let mut unfinished = Vec::new();
    for (shard, checkpoint) in shards.iter().zip(stores) {
        let Job { study, stop, progress, .. } = *job;
        let engine = Engine { work, study, plan, deal, shard: *shard, checkpoint, stop, progress };
        let (missing, (total, _)) = (engine.missing()?, engine.total());
        if missing > 0 {
            unfinished.push(format!("  shard {shard} has done {} of {total} units", total - missing));
        }
    }
    if unfinished.is_empty() { Ok(()) } else { Err(StoreError::Incomplete { shards: unfinished }.into()) }
}

/// Writes the results file.
fn publish<W: Work>(
    job: &Job,
    work: &W,
    identity: &Identity,
    plan: &Plan,
    deal: &Deal,
    stores: &[&Checkpoint],
    results: &Path,
) -> Result<(), SweepError> {
    let mut writer = store::Writer::new(results)?;
    collect(job, work, identity, plan, deal, stores, &mut writer)?;
    writer.publish()?;
    Ok(())
}

/// Brings all records into a sink, with the attributes of the study.
fn collect<W: Work>(
    job: &Job,
    work: &W,
    identity: &Identity,
    plan: &Plan,
    deal: &Deal,
    stores: &[&Checkpoint],
    sink: &mut dyn Sink,
) -> Result<(), SweepError> {
    let study = job.study;
    let readers = stores.iter().map(|s| s.reader()).collect::<Result<_, _>>()?;
    let source = Source::new(plan, deal, readers, 0);
    let mut attributes = vec![
        ("study".to_owned(), study.section.name.clone()),
        ("scenario".to_owned(), study.document.text.clone()),
        ("scenario_resolved".to_owned(), study.resolved_text()),
        ("seed".to_owned(), study.section.seed.to_string()),
        ("repetitions".to_owned(), study.section.repetitions.to_string()),
        ("identity".to_owned(), identity.to_json()),
    ];
    attributes.extend((job.stamp)());
    work.collect(&source, plan, &mut Attributed { sink, attributes, stop: job.stop })
}

/// Adds the study's attributes to whatever is begun, and gives up when the study is to stop.
struct Attributed<'s> {
    sink: &'s mut dyn Sink,
    attributes: Vec<(String, String)>,
    stop: &'s Stop,
}

impl Sink for Attributed<'_> {
    fn begin(&mut self, mut outline: Results) -> Result<(), SweepError> {
        let own = std::mem::take(&mut outline.attributes);
        outline.attributes = std::mem::take(&mut self.attributes);
        outline.attributes.extend(own);
        self.sink.begin(outline)
    }

    fn append(&mut self, variable: usize, values: &[f64]) -> Result<(), SweepError> {
        if self.stop.is_requested() {
            return Err(SweepError::Stopped);
        }
        self.sink.append(variable, values)
    }
}
