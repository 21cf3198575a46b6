use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sweep::run::{Progress, estimated_cpu_s, total_repetitions};
use sweep::{Document, Results, Study, store};

use crate::failure::Failure;

/// Run a scenario: one HDF5 file and its figure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne run scenarios/error_vs_spacing.toml --output results
  homodyne run scenarios/fig2d.toml --set study.repetitions=100 --threads 4
  homodyne run my.toml --set 'estimator.frequencies_hz={top=900,spacing=50}' --dry-run")]
pub(crate) struct Run {
    /// The scenario file.
    scenario: PathBuf,
    /// Folder for the results.
    #[arg(long, default_value = "results")]
    output: PathBuf,
    /// Change a key before anything is read from it (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Threads; one for each core if not given. Results do not depend on it.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Replace results of the same name.
    #[arg(long)]
    overwrite: bool,
    /// Say what would be done, and how long it would take.
    #[arg(long)]
    dry_run: bool,
    /// Do not draw the figure.
    #[arg(long)]
    no_figure: bool,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

struct Bar(ProgressBar);

impl Progress for Bar {
    fn advance(&self, repetitions: u64) {
        self.0.inc(repetitions);
    }
}

impl Run {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let mut document = Document::read(&self.scenario)?;
        for assignment in &self.set {
            document.set(assignment)?;
        }
        let study = Study::new(document)?;
        let path = store::path_in(&self.output, &study.section.name);
        if self.dry_run {
            return self.describe(&study, &path);
        }
        store::check_writable(&path, self.overwrite)?;
        let started = Instant::now();
        let bar = ProgressBar::with_draw_target(
            Some(total_repetitions(&study)),
            if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = "{bar:30} {percent:>3} %  {human_pos} of {human_len} repetitions  {per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
        let results = sweep::run(&study, self.threads, &Bar(bar.clone()));
        bar.finish_and_clear();
        let mut results = results?;
        stamp(&mut results);
        store::write(&results, &path, self.overwrite)?;
        println!("{} ({:.1} s)", path.display(), started.elapsed().as_secs_f64());
        if let Some(gap) = results.attribute("exact_gap") {
            println!("no exact error at some points: {gap}");
        }
        if self.no_figure {
            return Ok(());
        }
        let stem = self.output.join(&study.section.name);
        match figures::draw(&results, study.figure.as_ref(), &stem) {
            Ok(drawn) => drawn.iter().for_each(|p| println!("{}", p.display())),
            // without a [figure] of its own, a scenario may sweep nothing that could be drawn
            Err(figures::FigureError::Missing { what }) if study.figure.is_none() => {
                println!("no figure: the results do not hold {what}; see `homodyne show {}`", path.display());
            }
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    fn describe(&self, study: &Study, path: &Path) -> Result<(), Failure> {
        let points = study.points();
        let repetitions = study.section.repetitions;
        let first = study.point(0);
        let parameters = first.true_gradient().len().max(1);
        println!("study           {} ({})", study.section.name, self.scenario.display());
        for axis in &study.axes {
            let names: Vec<&str> = axis.keys.iter().map(|k| k.path.as_str()).collect();
            println!("axis            {} ({} values)", names.join(" with "), axis.len());
        }
        println!("points          {points}");
        println!("repetitions     {repetitions} each, {} in all", total_repetitions(study));
        let samples: u128 = (0..points)
            .map(|p| study.point(p))
            .filter_map(|p| p.scheme.map(|s| s.samples() as u128 * s.records() as u128))
            .sum::<u128>()
            * u128::from(repetitions);
        println!("samples         {samples}");
        let estimates = if study.section.store_estimates { repetitions as usize * points * parameters } else { 0 };
        let bytes = 8 * (points * parameters * 11 + estimates) + 16_384;
        println!("disk            about {}", human_bytes(bytes));
        println!("memory          about {}", human_bytes(3 * bytes + 40_000_000));
        let threads =
            if self.threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { self.threads };
        let seconds = estimated_cpu_s(study)? / threads as f64;
        println!("estimated time  {:.1} s on {threads} threads (measured at up to three points)", seconds);
        let remarks = first.findings();
        if !remarks.is_empty() {
            println!("frequencies     {} remarks at the first point:", remarks.len());
            for remark in remarks.iter().take(5) {
                println!("                {}", remark.message);
            }
        }
        let state = if path.exists() { "exists already" } else { "would be written" };
        println!("results         {} {state}", path.display());
        Ok(())
    }
}

fn human_bytes(bytes: usize) -> String {
    indicatif::HumanBytes(bytes as u64).to_string()
}

/// Adds what names the program, the time and the host. Nothing else in the file depends on them.
fn stamp(results: &mut Results) {
    let created = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    for (name, value) in [
        ("program", "homodyne".to_owned()),
        ("program_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("git_revision", env!("HOMODYNE_GIT_REVISION").to_owned()),
        ("created", created),
        ("host", host),
    ] {
        results.attributes.push((name.to_owned(), value));
    }
}
