use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use figures::{FigureError, FigureSection};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use results::{Results, store};
use study::KeyError;
use study::needs::{MOST_PROBED, Needs, estimated_cpu_s, total_repetitions};
use study::{Document, Job, PointOfKind, Study, StudyError};
use sweep::run::{Progress, Stage};
use sweep::text::shell_path;
use sweep::threads::check_threads;
use sweep::{Outcome, Program, Shard, SweepError};

use super::show;
use crate::failure::Failure;
use crate::signals::Listener;
use crate::{machine, say};

/// The study of a command.
#[derive(Clone, Debug, Args)]
pub(crate) struct StudyArguments {
    /// The scenario file.
    pub(crate) scenario: PathBuf,
    /// Folder for the results.
    #[arg(long, default_value = "results")]
    pub(crate) output: PathBuf,
    /// Override a key of the scenario (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl StudyArguments {
    pub(crate) fn read(&self) -> Result<Study, Failure> {
        let mut document = Document::read(&self.scenario)?;
        for assignment in &self.set {
            document.set(assignment)?;
        }
        let mut study = Study::new(document)?;
        // with its defaults filled in, so that results do not depend on how they were computed
        if let Some(figure) = FigureSection::of(&study).map_err(|e| study.document.locate(e))? {
            study.set_figure(figure.to_table()?);
        }
        Ok(study)
    }

    /// Reads the study, and refuses a `[figure]` that cannot be drawn before the computation starts.
    pub(crate) fn read_with_figure(&self) -> Result<Study, Failure> {
        let study = self.read()?;
        match figures::check(&study) {
            Ok(()) => Ok(study),
            // a scenario without [figure] need not sweep anything that can be drawn
            Err(_) if study.figure().is_none() => Ok(study),
            Err(FigureError::Setting { key, message }) => {
                Err(study.document.locate(KeyError::new(format!("figure.{key}"), message)).into())
            }
            Err(e) => Err(e.into()),
        }
    }
}

/// Run a scenario: one HDF5 file and its figure.
///
/// Finished work is saved about once a second next to the results. After any interruption, run the same command again:
/// it resumes and gives identical numbers. Ctrl-C saves and stops.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne run scenarios/error_vs_spacing.toml --output results
  homodyne run scenarios/fig2d.toml --set study.repetitions=100 --threads 4
  homodyne run my.toml --set 'estimator.frequencies_hz={top=900,spacing=50}' --dry-run
  homodyne run my.toml --shard 3/16                    a sixteenth of the work, here or on another machine")]
pub(crate) struct Run {
    #[command(flatten)]
    study: StudyArguments,
    /// Threads; one for each core if not given, at most 16 for each. Results do not depend on this.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Compute part I of N; `homodyne merge` combines the parts.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Run only the pilot of this shard, for studies with study.budget_repetitions.
    #[arg(long, requires = "shard")]
    pilot: bool,
    /// Start over: discard finished work, and replace results of the same name when the new ones are complete.
    #[arg(long)]
    fresh: bool,
    /// Refuse to run unless the study has this digest, which `submit` writes into its scripts.
    #[arg(long, value_name = "DIGEST", hide = true)]
    expect: Option<String>,
    /// Show what would be done, and how long it would take.
    #[arg(long)]
    dry_run: bool,
    /// Start even if the free memory seems too small.
    #[arg(long)]
    anyway: bool,
    /// Do not draw the figure.
    #[arg(long)]
    no_figure: bool,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

/// A progress bar for each stage; reports when a run resumes.
pub(crate) struct Bar {
    bar: ProgressBar,
    steps: &'static str,
}

impl Bar {
    pub(crate) fn new(quiet: bool, study: &Study) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let steps = study.section.kind.steps();
        Self { bar: ProgressBar::with_draw_target(None, target), steps }
    }
}

impl Progress for Bar {
    fn begin(&self, stage: Stage, done_steps: u64, all_steps: u64) {
        let name = if stage == Stage::Pilot { "pilot: " } else { "" };
        if done_steps > 0 && done_steps < all_steps {
            self.bar.suspend(|| say!("{name}resuming: {done_steps} of {all_steps} {} are done", self.steps));
        }
        self.bar.reset();
        self.bar.set_length(all_steps);
        self.bar.set_position(done_steps);
        self.bar.reset_eta();
        let style = format!(
            "{name}{{bar:30}} {{percent:>3}} %  {{human_pos}} of {{human_len}} {}  {{per_sec}}  {{eta}} left",
            self.steps
        );
        self.bar.set_style(ProgressStyle::with_template(&style).expect("the template is well-formed"));
    }

    fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }
}

impl Run {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        check_threads(self.threads)?;
        let study = self.study.read_with_figure()?;
        let folder = &self.study.output;
        let path = store::path_in(folder, &study.section.name);
        if self.dry_run {
            return self.describe(&study, &path);
        }
        if self.fresh || !path.exists() {
            self.check_needs(&study)?;
        }
        say_remarks(study.first());
        let program = program();
        if let Some(expected) = &self.expect {
            let found = study::identity::identity_of(&study, &program).map_err(Failure::from)?.digest();
            if *expected != found {
                return Err(Failure::BadInput(format!(
                    "`{}` or this program changed since it was submitted (digest {expected} then, {found} now): put the \
                     old one back, or submit again with --fresh",
                    self.study.scenario.display()
                )));
            }
        }
        let started = Instant::now();
        let listener = Listener::start()?;
        let bar = Bar::new(self.quiet, &study);
        let job = Job {
            folder,
            shard: self.shard.unwrap_or(Shard::WHOLE),
            threads: self.threads,
            fresh: self.fresh,
            pilot_only: self.pilot,
            stop: &listener.stop,
            progress: &bar,
            stamp: &stamp,
        };
        let outcome = study::run_in(&study, &program, &job);
        bar.bar.finish_and_clear();
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(Outcome::Finished(path)) => {
                say!("{} ({seconds:.1} s)", path.display());
                finish(&study, folder, !self.no_figure)
            }
            Ok(Outcome::WasFinished(_)) => was_finished(&study, folder, !self.no_figure, " (--fresh starts over)"),
            Ok(Outcome::ShardDone) => {
                say!("shard {} done ({seconds:.1} s)", self.shard.unwrap_or(Shard::WHOLE));
                Ok(())
            }
            Ok(Outcome::PilotDone) => {
                say!("pilot of shard {} done ({seconds:.1} s)", self.shard.unwrap_or(Shard::WHOLE));
                Ok(())
            }
            Err(StudyError::Sweep(SweepError::Stopped)) => {
                say!("stopped; finished work is saved. Run the same command again to resume");
                Err(Failure::Stopped(listener.exit_code()))
            }
            Err(e) => Err(e.into()),
        }
    }

    fn threads(&self) -> usize {
        if self.threads == 0 { machine::threads() } else { self.threads }
    }

    fn needs(&self, study: &Study) -> Result<Needs, Failure> {
        let shards = self.shard.map_or(1, |s| s.count());
        Ok(Needs::new(study, self.threads(), shards))
    }

    /// Reports the memory and disk needs of a large study beforehand, and refuses it if memory is insufficient.
    fn check_needs(&self, study: &Study) -> Result<(), Failure> {
        let needs = self.needs(study)?;
        let (memory, disk) = (human_bytes(needs.memory_bytes), human_bytes(needs.disk_bytes));
        let free_memory = machine::free_memory_bytes().unwrap_or(u64::MAX);
        if needs.memory_bytes > free_memory && !self.anyway {
            return Err(Failure::BadInput(format!(
                "`{}` ({} points) needs about {memory} of memory on {} threads, of which {} are free: sweep fewer points, take \
                 shorter records or fewer --threads, or start nevertheless with --anyway",
                self.study.scenario.display(),
                study.points(),
                self.threads(),
                human_bytes(free_memory),
            )));
        }
        let free_disk = machine::free_disk_bytes(&self.study.output).unwrap_or(u64::MAX);
        // part of a checkpoint may exist already
        let too_large = needs.disk_bytes > free_disk;
        if needs.are_large() || too_large {
            say!(
                "{} points: needs about {memory} of memory and {disk} of disk, and up to twice that for checkpoints while it runs",
                study.points()
            );
        }
        if too_large {
            let (free, folder) = (human_bytes(free_disk), self.study.output.display());
            say!(
                "only {free} are free in `{folder}`: the run stops when the disk is full, and can be resumed when there is space"
            );
        }
        if needs.are_large() {
            let seconds = estimated_cpu_s(study, PATIENCE)? / self.threads() as f64;
            say!("about {} on {} threads", human_time(seconds), self.threads());
        }
        Ok(())
    }

    fn describe(&self, study: &Study, path: &Path) -> Result<(), Failure> {
        let points = study.points();
        let repetitions = study.section.repetitions;
        let first = study.first();
        say!("study           {} ({})", study.section.name, self.study.scenario.display());
        for axis in &study.axes {
            let names: Vec<&str> = axis.keys.iter().map(|k| k.path.as_str()).collect();
            say!("axis            {} ({} values)", names.join(" with "), axis.len());
        }
        say!("points          {points}");
        match study.section.target_relative_error {
            None => say!("repetitions     {repetitions} each, {} in all", total_repetitions(study)),
            Some(target) => say!(
                "repetitions     {repetitions} each in the pilot, then as many as {:.3} % need{}",
                100.0 * target,
                study.section.budget_repetitions.map_or(String::new(), |b| format!(", at most {b} in all"))
            ),
        }
        let is_training = matches!(first.of_kind, PointOfKind::Training(_));
        match first.scenario.training.as_ref().filter(|_| is_training) {
            Some(training) => say!("measurement     {} s or less in each run", training.budget_s),
            None => {
                let (samples, about) = samples(study)?;
                // a study without records has none
                if samples > 0 {
                    say!("samples         {}{}", if about { "about " } else { "" }, samples * u128::from(repetitions));
                }
            }
        }
        let threads = self.threads();
        let needs = self.needs(study)?;
        say!(
            "disk            about {}, and up to twice that for checkpoints while it runs",
            human_bytes(needs.disk_bytes)
        );
        say!("memory          about {}", human_bytes(needs.memory_bytes));
        let seconds = estimated_cpu_s(study, PATIENCE_OF_DRY_RUN)? / threads as f64;
        let bound = if is_training { "at most " } else { "" };
        say!(
            "estimated time  {bound}{} on {threads} threads (measured at up to {MOST_PROBED} points)",
            human_time(seconds)
        );
        say_remarks(first);
        let remarks = match &first.of_kind {
            PointOfKind::Error(point) => point.findings()?,
            _ => Vec::new(),
        };
        if !remarks.is_empty() {
            say!("frequencies     {} remarks at the first point:", remarks.len());
            for remark in remarks.iter().take(5) {
                say!("                {}", remark.message);
            }
        }
        let state = if path.exists() { "exists already" } else { "would be written" };
        say!("results         {} {state}", path.display());
        match figures::check(study) {
            Ok(()) => {
                let layout = FigureSection::of(study).map_err(FigureError::from)?.unwrap_or_default().layout;
                let endings: Vec<&str> = layout.formats.iter().map(|f| f.ending()).collect();
                say!("figure          next to them, {}", endings.join(" and "));
            }
            Err(e) => say!("figure          none: {e}"),
        }
        Ok(())
    }
}

/// Longest time spent on estimating the duration of a study, before it runs and in a dry run, besides that of the first point.
const PATIENCE: Duration = Duration::from_millis(300);
const PATIENCE_OF_DRY_RUN: Duration = Duration::from_secs(10);

/// Prints remarks on input files at a point.
fn say_remarks(point: &study::point::Point) {
    point.remarks.iter().for_each(|remark| say!("{remark}"));
}

/// Largest number of points at which samples are counted.
const MOST_COUNTED: usize = 1000;

/// Samples of one repetition at all points, and whether this is estimated from some of them.
fn samples(study: &Study) -> Result<(u128, bool), Failure> {
    let points = study.points();
    let counted = points.min(MOST_COUNTED);
    let mut sum = 0;
    for k in 0..counted {
        let point = study.unbalanced_point(k * points / counted)?;
        sum += u128::from(point.of_kind.samples());
    }
    Ok((sum * points as u128 / counted as u128, counted < points))
}

/// Prints remarks on the results, and draws the figure.
pub(crate) fn finish(study: &Study, folder: &Path, figure: bool) -> Result<(), Failure> {
    let path = store::path_in(folder, &study.section.name);
    let results = store::read_small(&path)?;
    if let Some(gap) = results.attribute("exact_gap") {
        say!("no exact error at some points: {gap}");
    }
    if let Some(target) = study.section.target_relative_error {
        say_precision(&results, target);
    }
    // a point alone gives no curve
    if study.points() == 1
        && let Some(tables) = show::errors::tables(&results, None)
    {
        say::all(|out| show::errors::print_rows(&results, &tables, out));
        if !study.document.table.contains_key("figure") {
            return Ok(());
        }
    }
    if !figure {
        return Ok(());
    }
    let figure = FigureSection::of(study).map_err(FigureError::from)?;
    match figures::draw(&results, figure.as_ref(), &folder.join(&study.section.name)) {
        Ok(drawn) => drawn.iter().for_each(|p| say!("{}", p.display())),
        // a scenario without [figure] need not give anything that can be drawn
        Err(e @ (FigureError::Missing { .. } | FigureError::Setting { .. } | FigureError::Empty { .. }))
            if figure.is_none() =>
        {
            say!("no figure: {e}; see `homodyne show {}`", shell_path(&path));
        }
        Err(error) => return Err(Failure::FigureOf { file: path, error }),
    }
    Ok(())
}

fn say_precision(results: &Results, target: f64) {
    let Some(errors) = results.variable("relative_error") else { return };
    let above = errors.values.iter().filter(|e| **e > target).count();
    let largest = errors.values.iter().fold(0.0_f64, |a, e| a.max(*e));
    say!(
        "relative error of mse: {:.3} % at most, {above} of {} points above the target of {:.3} %{}",
        100.0 * largest,
        errors.values.len(),
        100.0 * target,
        if above > 0 { ": raise study.repetitions or study.budget_repetitions" } else { "" }
    );
}

/// Handles a study that was already finished: draws its figure if a killed run did not, or if `[figure]` is another one now.
pub(crate) fn was_finished(study: &Study, folder: &Path, figure: bool, hint: &str) -> Result<(), Failure> {
    let path = store::path_in(folder, &study.section.name);
    let layout = FigureSection::of(study).map_err(FigureError::from)?.unwrap_or_default().layout;
    let is_drawn = || has_figure(&path, &layout, &folder.join(&study.section.name)) && is_figure_kept(study, &path);
    if !figure || is_drawn() {
        say!("{} was already finished: nothing to do{hint}", path.display());
        return Ok(());
    }
    say!("{} was already finished; its figure was missing or outdated{hint}", path.display());
    finish(study, folder, true)
}

/// Whether `[figure]` is that of the results.
fn is_figure_kept(study: &Study, results: &Path) -> bool {
    let kept = store::read_small(results).ok().and_then(|results| figures::section_of(&results).ok());
    let asked = study.figure().map_or(Some(FigureSection::default()), |table| table.clone().try_into().ok());
    kept == asked
}

/// Whether all files of the figure exist, and none is older than the results.
fn has_figure(results: &Path, layout: &figures::Layout, stem: &Path) -> bool {
    let written = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let since = written(results);
    layout.files(stem).iter().all(|file| written(file).is_some_and(|drawn| Some(drawn) >= since))
}

fn human_bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

pub(super) fn human_time(seconds: f64) -> String {
    if seconds < 120.0 {
        return format!("{seconds:.1} s");
    }
    humantime::format_duration(Duration::from_secs(60 * (seconds.min(1e15) / 60.0).round() as u64)).to_string()
}

/// This program.
pub(crate) fn program() -> Program {
    Program { version: env!("CARGO_PKG_VERSION").to_owned(), revision: env!("HOMODYNE_GIT_REVISION").to_owned() }
}

/// Attributes for program, time and host. Nothing else in the file depends on them.
pub(crate) fn stamp() -> Vec<(String, String)> {
    let created = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let program = program();
    [
        ("program", "homodyne".to_owned()),
        ("program_version", program.version),
        ("git_revision", program.revision),
        ("created", created),
        ("host", host),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
