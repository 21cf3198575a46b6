//! Estimates of the memory, disk and time that a study needs, before it runs.

use std::time::{Duration, Instant};

use estimators::Scheme;

use crate::PointError;
use crate::Study;
use crate::kind::StudyWork;
use sweep::SweepError;
use sweep::schedule::Stage;
use sweep::work::{Step, Work};

/// Memory and disk that a study needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Numbers in the results.
    pub numbers: u64,
    /// Bytes of the results file; its checkpoint takes up to twice as many while the study runs.
    pub disk_bytes: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

/// The program, the cache of its checkpoint, and work that waits to be saved.
const BASE_BYTES: u64 = 250_000_000;
/// Bytes of a point in the list of points; of a unit in the list of units, in the distribution among shards, and at a point that is being
/// computed.
const BYTES_OF_POINT: u64 = 16;
const BYTES_OF_UNIT: u64 = 1;
const BYTES_OF_DEALT_UNIT: u64 = 4;
const BYTES_OF_UNIT_AT_WORK: u64 = 24;
/// Bytes of a value of a swept key: in the scenario, and as a coordinate of the results.
const BYTES_OF_VALUE: u64 = 72 + 16;

impl Needs {
    /// Needs of a study on `threads` threads, as one of `shards` shards, assuming that all points are like the first.
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

    /// Whether they exceed 2 GB of memory or disk, which a user is told before the study runs.
    #[must_use]
    pub fn are_large(&self) -> bool {
        self.memory_bytes.max(self.disk_bytes) > 2_000_000_000
    }
}

/// Bytes of the values of swept keys, and of their components.
fn axes_bytes(study: &Study) -> u64 {
    let keys = study.axes.iter().flat_map(|a| &a.keys);
    let bytes = keys.map(|key| {
        let width = key.values.first().and_then(toml::Value::as_array).map_or(0, Vec::len);
        key.values.len() as u64 * BYTES_OF_VALUE * (1 + width as u64)
    });
    bytes.sum()
}

/// Bytes of a scheme in use: weights, plain and folded, and their spectra while the exact error is computed; a record of perturbations,
/// requested, applied, and their differences; the noise of a record, its covariance, and its generator.
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

/// Bytes of noise for each sample of a record: covariance, eigenvalues, and work space of the Fourier transform.
pub(crate) const NOISE_BYTES_OF_SAMPLE: u64 = 160;

/// Number of units of a study, or of its pilot.
pub(crate) fn planned_units(study: &Study) -> u64 {
    (study.points() as u64).saturating_mul(study.about().units_of_point())
}

/// Number of repetitions over all points, or of the pilot of an adaptive study.
#[must_use]
pub fn total_repetitions(study: &Study) -> u64 {
    (study.points() as u64).saturating_mul(study.section.repetitions)
}

/// Number of values in the results of a study, assuming that all points are like the first.
pub(crate) fn stored_numbers(study: &Study) -> u64 {
    study.about().stored_numbers().saturating_mul(study.points() as u64)
}

/// Largest number of points at which the time is measured.
pub const MOST_PROBED: usize = 5;

/// Estimate of the processor time of a study \[s\], from up to [`MOST_PROBED`] of its points; no further point is tried after
/// `patience`. For training studies an upper limit, as if every run used its whole budget.
///
/// # Errors
/// If a point cannot be computed.
pub fn estimated_cpu_s(study: &Study, patience: Duration) -> Result<f64, SweepError> {
    study.about().estimated_cpu_s(study, patience)
}

/// Times \[s\] at which the first `steps` steps of a point end, since their start.
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
