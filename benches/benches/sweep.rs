//! What checkpoints and engine add to units of 50 ms: the bare loop of trials beside the same trials run as a study on disk.
//! And how soon a plan of a million points, or of a million units at one point, begins: within 2 s, it should be.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use estimators::Workspace;
use rand_pcg::Pcg64;
use study::{Document, Job, PointOfKind, Study};
use sweep::run::{Progress, Silent, Stage};
use sweep::{Program, Shard, Stop, SweepError};

/// Trials of a unit, which the sweep fixes.
const TRIALS_OF_UNIT: u64 = 512;

const UNITS: u64 = 40;

/// Trials of about 0.1 ms, so that a unit takes about 50 ms.
fn study() -> Study {
    let scenario = format!(
        r#"
        [study]
        name = "overhead"
        repetitions = {}
        route = "streaming"
        [device]
        kind = "linear"
        gradient_na_per_volt = [123, 98, 82, 62, 31, 25, 60]
        [noise]
        kind = "power-law"
        psd_na2_per_hz = 1e-5
        at_hz = 1000.0
        exponent = 1.0
        corner_hz = 0.1
        [estimator]
        kind = "hge"
        duration_s = 0.15
        amplitude_volt = 8e-3
        frequencies_hz = {{ top = 1000.0, spacing = 40.0 }}
        "#,
        TRIALS_OF_UNIT * UNITS
    );
    let document = Document::parse(std::path::Path::new("overhead.toml"), scenario).expect("TOML");
    Study::new(document).expect("a study")
}

/// The trials in a bare loop, with what a point needs before the first.
fn bare(study: &Study) -> Duration {
    let started = Instant::now();
    let point = study.point(0).expect("a point");
    let PointOfKind::Error(setup) = &point.of_kind else { unreachable!("an error study") };
    let experiment = setup.experiment(study.library()).expect("an experiment");
    let mut workspace = Workspace::default();
    let mut gradient = [0.0; 7];
    for repetition in 0..TRIALS_OF_UNIT * UNITS {
        let mut rng = Pcg64::new(1, u128::from(repetition));
        experiment.trial_into(&mut rng, &mut workspace, &mut gradient).expect("a linear device");
        std::hint::black_box(&gradient);
    }
    started.elapsed()
}

/// The same as a study, with its exact errors, checkpoints and results file.
fn on_disk(study: &Study) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let outcome = study::run_in(
        study,
        &Program::unnamed(),
        &Job {
            folder: folder.path(),
            shard: Shard::WHOLE,
            threads: 1,
            fresh: false,
            pilot_only: false,
            stop: &Stop::default(),
            progress: &Silent,
            stamp: &Vec::new,
        },
    );
    let elapsed = started.elapsed();
    outcome.expect("a study that finishes");
    elapsed
}

fn overhead(c: &mut Criterion) {
    let study = study();
    let mut group = c.benchmark_group("units_of_50_ms");
    group.throughput(Throughput::Elements(UNITS)).sample_size(10).measurement_time(Duration::from_secs(20));
    group.bench_function("bare_loop", |b| b.iter_custom(|n| (0..n).map(|_| bare(&study)).sum()));
    group.bench_function("study_on_disk", |b| b.iter_custom(|n| (0..n).map(|_| on_disk(&study)).sum()));
    group.finish();
}

/// Both in turn, because the speed of a machine drifts by more than what is asked for.
fn paired(_: &mut Criterion) {
    let study = study();
    let mut ratios: Vec<f64> = (0..21).map(|_| on_disk(&study).as_secs_f64() / bare(&study).as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "study on disk / bare loop, 21 pairs: median {:.4}, quartiles {:.4} and {:.4}",
        ratios[10], ratios[5], ratios[15]
    );
}

/// Asks the study to stop as soon as its plan is made.
#[derive(Default)]
struct StopAtOnce(Stop);

impl Progress for StopAtOnce {
    fn begin(&self, _stage: Stage, _done_steps: u64, _all_steps: u64) {
        self.0.request();
    }

    fn advance(&self, _steps: u64) {}
}

/// Reads and checks a scenario, makes its plan, and stops: no unit is begun.
fn begin(scenario: &str) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let document = Document::parse(std::path::Path::new("large.toml"), scenario.to_owned()).expect("TOML");
    let study = Study::new(document).expect("a study");
    let progress = StopAtOnce::default();
    let outcome = study::run_in(
        &study,
        &Program::unnamed(),
        &Job {
            folder: folder.path(),
            shard: Shard::WHOLE,
            threads: 0,
            fresh: false,
            pilot_only: false,
            stop: &progress.0,
            progress: &progress,
            stamp: &Vec::new,
        },
    );
    let elapsed = started.elapsed();
    assert!(matches!(outcome, Err(study::StudyError::Sweep(SweepError::Stopped))), "{outcome:?}");
    elapsed
}

fn beginning(c: &mut Criterion) {
    let scenario = |repetitions: u64, sweep: &str| {
        format!(
            "[study]\nname = \"large\"\nrepetitions = {repetitions}\n\
             [device]\nkind = \"linear\"\ngradient_na_per_volt = [123, 60]\n\
             [noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n\
             [estimator]\nkind = \"hge\"\nduration_s = 0.05\namplitude_volt = 8e-3\nfrequencies_hz = [1000, 960]\n\
             [sweep]\n{sweep}"
        )
    };
    let axis = "{ from = 1e-3, to = 9e-3, points = 1000 }";
    let grid = scenario(2, &format!("\"estimator.amplitude_volt\" = {axis}\n\"noise.psd_na2_per_hz\" = {axis}\n"));
    let line = scenario(2, "\"estimator.amplitude_volt\" = { from = 1e-3, to = 9e-3, points = 1000000 }\n");
    let units = scenario(512_000_000, "");
    let mut group = c.benchmark_group("beginning");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, scenario) in
        [("grid_of_1e6_points", grid), ("axis_of_1e6_points", line), ("1e6_units_at_a_point", units)]
    {
        group.bench_function(name, |b| b.iter_custom(|n| (0..n).map(|_| begin(&scenario)).sum()));
    }
    group.finish();
}

criterion_group!(benches, overhead, paired, beginning);
criterion_main!(benches);
