//! What a study takes of the machine, told before it takes it: memory, disk, time.

use std::time::{Duration, Instant};

use estimators::Scheme;

use crate::PointError;
use crate::Study;
use crate::kind::StudyWork;
use sweep::SweepError;
use sweep::schedule::Stage;
use sweep::work::{Step, Work};

/// Memory and disk that a study takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Numbers in the results.
    pub numbers: u64,
    /// Bytes of the results file; its checkpoint takes up to twice as many while the study runs.
    pub disk_bytes: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

/// The program, its store's cache, and what waits in front of it to be saved.
const BASE_BYTES: u64 = 250_000_000;
/// Bytes of a point in the list of points, of a unit in the list of units, of one that is dealt to shards, and of one at a
/// point that is being worked on.
const BYTES_OF_POINT: u64 = 16;
const BYTES_OF_UNIT: u64 = 1;
const BYTES_OF_DEALT_UNIT: u64 = 4;
const BYTES_OF_UNIT_AT_WORK: u64 = 24;
/// Bytes of a value of a swept key: as it stands in the scenario, and as a coordinate of the results.
const BYTES_OF_VALUE: u64 = 72 + 16;

impl Needs {
    /// Those of a study on `threads` threads, in one of `shards` parts, if every point is like the first one.
    #[must_use]
    pub fn new(study: &Study, threads: usize, shards: usize) -> Self {
        let numbers = stored_numbers(study);
        let (points, units) = (study.points() as u64, planned_units(study));
        let of_unit = if shards > 1 { BYTES_OF_UNIT + BYTES_OF_DEALT_UNIT } else { BYTES_OF_UNIT };
        let about = study.about();
        let at_work = (threads as u64).min(units).saturating_mul(about.bytes_at_work());
        let memory = [
            at_work,
            points.saturating_mul(BYTES_OF_POINT + about.bytes_of_collected_point()),
            units.saturating_mul(of_unit),
            units.div_ceil(points.max(1)).saturating_mul(BYTES_OF_UNIT_AT_WORK * threads.min(study.points()) as u64),
            about.stored_repetitions().saturating_mul(16),
            axes_bytes(study),
        ];
        Self {
            numbers,
            disk_bytes: numbers.saturating_mul(8).saturating_add(16_384),
            memory_bytes: memory.into_iter().fold(BASE_BYTES, u64::saturating_add),
        }
    }

    /// Whether a user would want to know of them beforehand: more than 2 GB of memory or disk.
    #[must_use]
    pub fn are_large(&self) -> bool {
        self.memory_bytes.max(self.disk_bytes) > 2_000_000_000
    }
}

/// Bytes of the values of swept keys, and of what they consist of.
fn axes_bytes(study: &Study) -> u64 {
    let keys = study.axes.iter().flat_map(|a| &a.keys);
    let bytes = keys.map(|key| {
        let width = key.values.first().and_then(toml::Value::as_array).map_or(0, Vec::len);
        key.values.len() as u64 * BYTES_OF_VALUE * (1 + width as u64)
    });
    bytes.sum()
}

/// Weights as they are and folded, with their spectra while the exact error is computed; a record of perturbations, asked for,
/// applied, and where they differ; the noise of a record, its covariance, and what makes it.
pub(crate) fn scheme_bytes(scheme: &Scheme) -> u64 {
    let samples = scheme.samples() as u64;
    let parameters = scheme.parameters() as u64;
    let (all, at_once, perturbed) = match scheme {
        Scheme::Fixed(m) => {
            let channels = m.records.iter().map(|r| r.channels.len() as u64);
            (channels.clone().sum(), channels.max().unwrap_or(0), parameters)
        }
        Scheme::Random(m) => (m.blocks.len() as u64, m.blocks.len() as u64, 0),
    };
    let spectra = 16 * (2 * samples).next_power_of_two() / 2 * at_once;
    8 * samples * (2 * all + 3 * perturbed + scheme.records() as u64) + spectra + NOISE_BYTES_OF_SAMPLE * samples
}

/// Bytes that noise takes for each sample of a record: its covariance and eigenvalues, and the work space of a transform.
pub(crate) const NOISE_BYTES_OF_SAMPLE: u64 = 160;

/// Units of work of a study, or of its pilot.
pub(crate) fn planned_units(study: &Study) -> u64 {
    (study.points() as u64).saturating_mul(study.about().units_of_point())
}

/// Repetitions that a study makes in all, or its pilot, if the need for more is not known yet.
#[must_use]
pub fn total_repetitions(study: &Study) -> u64 {
    (study.points() as u64).saturating_mul(study.section.repetitions)
}

/// Numbers that the results of a study hold, if every point is like the first one.
pub(crate) fn stored_numbers(study: &Study) -> u64 {
    study.about().stored_numbers().saturating_mul(study.points() as u64)
}

/// Points of which the time is measured, at most.
pub const MOST_PROBED: usize = 5;

/// Processor time that a study will take \[s\], measured at up to [`MOST_PROBED`] of its points, after `patience` at no further
/// ones; for training studies at most that, as if every run used its whole budget.
///
/// # Errors
/// If a point cannot be computed.
pub fn estimated_cpu_s(study: &Study, patience: Duration) -> Result<f64, SweepError> {
    study.about().estimated_cpu_s(study, patience)
}

/// Times \[s\] at which each of the first `steps` of a point has ended, from their beginning.
pub(crate) fn ended_s<W: Work>(work: &W, ready: &W::Point, point: usize, steps: u64) -> Result<Vec<f64>, W::Error> {
    let mut state = work.begin(ready, None);
    let started = Instant::now();
    let ended = |number| {
        work.step(ready, &mut state, Step { stage: Stage::Main, point, number })?;
        Ok(started.elapsed().as_secs_f64())
    };
    (0..steps).map(ended).collect()
}

/// Time \[s\] of the first `steps` of a point.
pub(crate) fn timed_s<W: Work>(work: &W, ready: &W::Point, point: usize, steps: u64) -> Result<f64, W::Error> {
    Ok(ended_s(work, ready, point, steps)?.last().copied().unwrap_or(0.0))
}

/// As [`estimated_cpu_s`].
pub(crate) fn probed_cpu_s<'s, W: StudyWork<'s>>(
    study: &Study,
    work: &W,
    patience: Duration,
) -> Result<f64, SweepError> {
    let steps = work.steps() as f64;
    // processor time is wanted, and a step may use all threads
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|e| SweepError::Threads { threads: 1, reason: e.to_string() })?;
    let points = study.points();
    let probes = points.min(MOST_PROBED);
    let begun = Instant::now();
    let (mut total, mut probed) = (0.0, 0);
    for point in (0..probes).map(|k| k * (points - 1) / (probes - 1).max(1)) {
        if probed > 0 && begun.elapsed() > patience {
            break;
        }
        let seconds = || -> Result<f64, PointError> {
            let started = Instant::now();
            let mut ready = work.prepare(point)?;
            work.head(&ready)?;
            let preparation = started.elapsed().as_secs_f64();
            Ok(preparation + work.step_s(&mut ready, point)? * steps)
        };
        total += alone
            .install(seconds)
            .map_err(|e| SweepError::Points { count: 1, failures: vec![study.failure(point, &e)] })?;
        probed += 1;
    }
    Ok(total / probed.max(1) as f64 * points as f64)
}
