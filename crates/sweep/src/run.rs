//! The executor: every point of the grid, every block of repetitions, on all cores.
//!
//! Blocks have a fixed size and are merged in order, and each repetition has its own stream of random numbers, so the
//! results are the same to the last bit for any number of threads.

use std::sync::Arc;

use estimators::{EstimatorError, Experiment, Workspace};
use noise::RecordGenerator;
use noise::welch::Welch;
use rayon::prelude::*;
use toml::Value;

use crate::axes::{self, AxisKey};
use crate::error::SweepError;
use crate::moments::{Estimated, Moments};
use crate::results::{Coordinate, Dimension, Results, Variable, units_of};
use crate::scenario::StudyKind;
use crate::seed::{self, Purpose};
use crate::study::Study;

/// Repetitions in a block.
const BLOCK: u64 = 512;

/// Told how far a run has come.
pub trait Progress: Sync {
    /// So many more repetitions are done.
    fn advance(&self, repetitions: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn advance(&self, _repetitions: u64) {}
}

/// Runs a study on `threads` threads (0: one for each core).
///
/// # Errors
/// If the threads cannot be started or a point fails.
pub fn run(study: &Study, threads: usize, progress: &dyn Progress) -> Result<Results, SweepError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| SweepError::Threads { threads, reason: e.to_string() })?;
    let mut results = pool.install(|| match study.section.kind {
        StudyKind::Error => error_study(study, progress),
        StudyKind::Response => response_study(study, progress),
        StudyKind::Spectrum => spectrum_study(study, progress),
        StudyKind::Logic => crate::logic::study(study, progress),
    })?;
    let text = &mut results.attributes;
    text.insert(0, ("study".to_owned(), study.section.name.clone()));
    text.insert(1, ("scenario".to_owned(), study.document.text.clone()));
    text.insert(2, ("scenario_resolved".to_owned(), study.resolved_text()));
    text.insert(3, ("seed".to_owned(), study.section.seed.to_string()));
    text.insert(4, ("repetitions".to_owned(), study.section.repetitions.to_string()));
    Ok(results)
}

/// Axes of the sweep as dimensions, then the components of vector-valued keys; and the values of vector-valued, named and
/// zipped keys as variables over them.
pub(crate) fn sweep_dimensions(study: &Study) -> (Vec<Dimension>, Vec<Variable>) {
    let (mut dimensions, mut components, mut variables) = (Vec::new(), Vec::new(), Vec::new());
    for (position, axis) in study.axes.iter().enumerate() {
        for (k, key) in axis.keys.iter().enumerate() {
            let scalars: Option<Vec<f64>> = key.values.iter().map(as_number).collect();
            let vectors: Option<Vec<Vec<f64>>> = key.values.iter().map(as_numbers).collect();
            if k == 0 {
                dimensions.push(axis_dimension(key, scalars.as_deref(), vectors.is_some()));
            }
            let (name, over, values) = match (scalars, vectors) {
                (Some(x), _) if k > 0 => (key.path.clone(), vec![position], x),
                (Some(x), _) if key.labels.is_some() => (format!("{}.values", key.path), vec![position], x),
                (None, Some(rows)) => {
                    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
                    let component = study.axes.len() + components.len();
                    components.push(counting(&format!("{}.component", key.path), width, 1));
                    let padded = |row: &Vec<f64>| -> Vec<f64> {
                        (0..width).map(|i| row.get(i).copied().unwrap_or(f64::NAN)).collect()
                    };
                    let flat = rows.iter().flat_map(padded).collect();
                    (format!("{}.values", key.path), vec![position, component], flat)
                }
                _ => continue,
            };
            variables.push(Variable {
                name,
                dimensions: over,
                values,
                units: units_of(&key.path).to_owned(),
                long_name: format!("values of {} along its axis", key.path),
            });
        }
    }
    dimensions.extend(components);
    (dimensions, variables)
}

/// The dimension of an axis: its names, its numbers, or, for vectors, their numbers in order.
fn axis_dimension(key: &AxisKey, scalars: Option<&[f64]>, vectors: bool) -> Dimension {
    let (coordinate, units) = match (&key.labels, scalars) {
        (Some(labels), _) => (Coordinate::Labels(labels.clone()), ""),
        (None, Some(x)) => (Coordinate::Numbers(x.to_vec()), units_of(&key.path)),
        (None, None) if vectors => (Coordinate::Numbers((0..key.values.len()).map(|i| i as f64).collect()), "1"),
        (None, None) => (Coordinate::Labels(key.values.iter().map(label).collect()), ""),
    };
    Dimension { name: key.path.clone(), coordinate, units: units.to_owned() }
}

fn as_numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(as_number).collect()
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(x) => Some(*x),
        Value::Integer(n) => Some(*n as f64),
        _ => None,
    }
}

fn label(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Table(table) => match table.get("kind").and_then(Value::as_str) {
            Some(kind) => kind.to_owned(),
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

fn counting(name: &str, count: usize, first: usize) -> Dimension {
    Dimension {
        name: name.to_owned(),
        coordinate: Coordinate::Numbers((first..first + count).map(|i| i as f64).collect()),
        units: "1".to_owned(),
    }
}

/// What an error study finds at one point.
struct PointErrors {
    true_gradient: Vec<f64>,
    moments: Vec<Moments>,
    bias_exact: Vec<f64>,
    variance_exact: Vec<f64>,
    mse_exact: Vec<f64>,
    mse_published: Vec<f64>,
    measurement_time_s: f64,
    estimates: Vec<f64>,
    gap: Option<&'static str>,
}

fn error_study(study: &Study, progress: &dyn Progress) -> Result<Results, SweepError> {
    let points: Vec<PointErrors> = (0..study.points())
        .into_par_iter()
        .map(|point| {
            point_errors(study, point, progress).map_err(|source| SweepError::Point {
                point,
                at: study.coordinates(point),
                source,
            })
        })
        .collect::<Result<_, _>>()?;
    let parameters = points.iter().map(|p| p.true_gradient.len()).max().unwrap_or(0);
    let (mut dimensions, mut variables) = sweep_dimensions(study);
    let swept: Vec<usize> = (0..study.axes.len()).collect();
    let parameter = dimensions.len();
    dimensions.push(counting("parameter", parameters, 1));
    let over_parameters: Vec<usize> = swept.iter().copied().chain([parameter]).collect();
    let pad = |x: &[f64]| -> Vec<f64> { (0..parameters).map(|m| x.get(m).copied().unwrap_or(f64::NAN)).collect() };
    let mut add = |name: &str, units: &str, long_name: &str, of: &dyn Fn(&PointErrors) -> Vec<f64>| {
        variables.push(Variable {
            name: name.to_owned(),
            dimensions: over_parameters.clone(),
            values: points.iter().flat_map(|p| pad(&of(p))).collect(),
            units: units.to_owned(),
            long_name: long_name.to_owned(),
        });
    };
    let (linear, square) = ("nA/V", "nA^2/V^2");
    add("true_gradient", linear, "exact gradient of the device", &|p| p.true_gradient.clone());
    type Estimator = fn(&Moments, f64) -> Estimated;
    let found: [(&str, &str, &str, Estimator); 3] = [
        ("bias", linear, "bias of the estimate", |m, g| m.bias(g)),
        ("variance", square, "variance of the estimate", |m, _| m.variance()),
        ("mse", square, "mean squared error of the estimate", |m, g| m.mean_squared_error(g)),
    ];
    for (name, units, long_name, estimate) in found {
        let each = |p: &PointErrors, part: fn(Estimated) -> f64| -> Vec<f64> {
            p.moments.iter().zip(&p.true_gradient).map(|(m, &g)| part(estimate(m, g))).collect()
        };
        add(name, units, &format!("{long_name}, Monte Carlo"), &|p| each(p, |e| e.value));
        add(&format!("{name}_standard_error"), units, &format!("standard error of the Monte Carlo {name}"), &|p| {
            each(p, |e| e.standard_error)
        });
    }
    add("bias_exact", linear, "bias of the estimate, exact", &|p| p.bias_exact.clone());
    add("variance_exact", square, "variance of the estimate, exact", &|p| p.variance_exact.clone());
    add("mse_exact", square, "mean squared error of the estimate, exact", &|p| p.mse_exact.clone());
    let published = "mean squared error as published, B25 Eqs. (8) and (10)";
    add("mse_published", square, published, &|p| p.mse_published.clone());
    variables.push(Variable {
        name: "measurement_time_s".to_owned(),
        dimensions: swept.clone(),
        values: points.iter().map(|p| p.measurement_time_s).collect(),
        units: "s".to_owned(),
        long_name: "time that one estimate of the whole gradient takes".to_owned(),
    });
    if study.section.store_estimates {
        let repetition = dimensions.len();
        let repetitions = study.section.repetitions as usize;
        dimensions.push(counting("repetition", repetitions, 0));
        variables.push(Variable {
            name: "estimate".to_owned(),
            dimensions: swept.iter().copied().chain([repetition, parameter]).collect(),
            values: points
                .iter()
                .flat_map(|p| p.estimates.chunks_exact(p.true_gradient.len().max(1)).flat_map(&pad))
                .collect(),
            units: linear.to_owned(),
            long_name: "estimate of the gradient, each repetition".to_owned(),
        });
    }
    let mut attributes = Vec::new();
    let mut gaps: Vec<&str> = points.iter().filter_map(|p| p.gap).collect();
    gaps.sort_unstable();
    gaps.dedup();
    if !gaps.is_empty() {
        attributes.push(("exact_gap".to_owned(), gaps.join("; ")));
    }
    Ok(Results { dimensions, variables, attributes })
}

fn point_errors(study: &Study, point: usize, progress: &dyn Progress) -> Result<PointErrors, EstimatorError> {
    let setup = study.point(point);
    let true_gradient = setup.true_gradient();
    let experiment = setup.experiment(study.library())?;
    let exact = experiment.exact(&true_gradient)?;
    let repetitions = study.section.repetitions;
    let keep = study.section.store_estimates;
    let blocks: Vec<(Vec<Moments>, Vec<f64>)> = (0..repetitions.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let span = block * BLOCK..((block + 1) * BLOCK).min(repetitions);
            let done = span.end - span.start;
            let result = run_block(&experiment, study.section.seed, point as u64, span, keep);
            progress.advance(done);
            result
        })
        .collect::<Result<_, _>>()?;
    let mut moments = vec![Moments::default(); true_gradient.len()];
    let mut estimates = Vec::new();
    for (part, kept) in blocks {
        for (total, more) in moments.iter_mut().zip(&part) {
            *total = total.merged(more);
        }
        estimates.extend(kept);
    }
    Ok(PointErrors {
        mse_published: setup.published(&true_gradient),
        mse_exact: exact.mean_squared_error(),
        bias_exact: exact.bias,
        variance_exact: exact.variance,
        measurement_time_s: setup.scheme.as_ref().map_or(f64::NAN, estimators::Scheme::total_time_s),
        true_gradient,
        moments,
        estimates,
        gap: experiment.exact_gap(),
    })
}

fn run_block(
    experiment: &Experiment,
    seed: u64,
    point: u64,
    repetitions: std::ops::Range<u64>,
    keep: bool,
) -> Result<(Vec<Moments>, Vec<f64>), EstimatorError> {
    let parameters = experiment.parameters();
    let mut moments = vec![Moments::default(); parameters];
    let mut gradient = vec![0.0; parameters];
    let mut kept = Vec::new();
    let mut workspace = Workspace::default();
    for repetition in repetitions {
        let mut rng = seed::stream(seed, Purpose::Trial { point, repetition });
        experiment.trial(&mut rng, &mut workspace, &mut gradient)?;
        for (m, g) in moments.iter_mut().zip(&gradient) {
            m.push(*g);
        }
        if keep {
            kept.extend_from_slice(&gradient);
        }
    }
    Ok((moments, kept))
}

/// Seconds that the trials of a study will take on one thread, measured at a few of its points.
///
/// # Errors
/// If one of these points fails.
pub fn estimated_cpu_s(study: &Study) -> Result<f64, SweepError> {
    if study.section.kind != StudyKind::Error {
        return Ok(0.0);
    }
    let points = study.points();
    let mut probes = vec![0, points / 2, points - 1];
    probes.dedup();
    let mut total = 0.0;
    for &point in &probes {
        let fail = |source| SweepError::Point { point, at: study.coordinates(point), source };
        let started = std::time::Instant::now();
        let setup = study.point(point);
        let experiment = setup.experiment(study.library()).map_err(fail)?;
        experiment.exact(&setup.true_gradient()).map_err(fail)?;
        let preparation = started.elapsed().as_secs_f64();
        let trials = study.section.repetitions.min(20);
        let started = std::time::Instant::now();
        run_block(&experiment, study.section.seed, point as u64, 0..trials, false).map_err(fail)?;
        let trial = started.elapsed().as_secs_f64() / trials as f64;
        total += preparation + trial * study.section.repetitions as f64;
    }
    Ok(total / probes.len() as f64 * points as f64)
}

fn response_study(study: &Study, progress: &dyn Progress) -> Result<Results, SweepError> {
    let rows: Vec<(Vec<f64>, Vec<f64>, Vec<f64>)> = (0..study.points())
        .into_par_iter()
        .map(|point| {
            let setup = study.point(point);
            let fail = |source: device::DeviceError| SweepError::Point {
                point,
                at: study.coordinates(point),
                source: source.into(),
            };
            let response = setup.scenario.response.as_ref().expect("checked with the study");
            let device = setup.device.as_ref().expect("checked with the study");
            let varied = response.parameter - 1;
            let step = (response.to_volt - response.from_volt) / (response.points - 1) as f64;
            let volts: Vec<f64> = (0..response.points).map(|k| response.from_volt + k as f64 * step).collect();
            let at = |volt: f64| {
                let mut w = setup.operating_point_volt.clone();
                w[varied] = volt;
                w
            };
            let grid = ndarray::Array2::from_shape_fn((volts.len(), device.parameters()), |(k, m)| at(volts[k])[m]);
            let currents = device::currents_na(device.as_ref(), grid.view()).map_err(fail)?;
            let gradient =
                volts.iter().map(|&volt| device.gradient(&at(volt)).map_or(f64::NAN, |g| g[[0, varied]])).collect();
            progress.advance(study.section.repetitions);
            Ok((volts, currents, gradient))
        })
        .collect::<Result<_, SweepError>>()?;
    let (mut dimensions, mut variables) = sweep_dimensions(study);
    let mut over: Vec<usize> = (0..study.axes.len()).collect();
    over.push(dimensions.len());
    dimensions.push(Dimension {
        name: "parameter_volt".to_owned(),
        coordinate: Coordinate::Numbers(rows[0].0.clone()),
        units: "V".to_owned(),
    });
    for (name, units, long_name, values) in [
        ("current", "nA", "output current", rows.iter().flat_map(|r| r.1.clone()).collect::<Vec<f64>>()),
        ("gradient", "nA/V", "exact derivative of the output current", rows.iter().flat_map(|r| r.2.clone()).collect()),
    ] {
        variables.push(Variable {
            name: name.to_owned(),
            dimensions: over.clone(),
            values,
            units: units.to_owned(),
            long_name: long_name.to_owned(),
        });
    }
    Ok(Results { dimensions, variables, attributes: Vec::new() })
}

fn spectrum_study(study: &Study, progress: &dyn Progress) -> Result<Results, SweepError> {
    let mut columns: [Vec<f64>; 4] = Default::default();
    let mut frequency_hz = Vec::new();
    for point in 0..study.points() {
        let setup = study.point(point);
        let spectrum = setup.scenario.spectrum.as_ref().expect("checked with the study");
        let rate_hz = setup.scenario.sampling.rate_hz;
        let segment = (spectrum.segment_s * rate_hz).round() as usize;
        let samples = (spectrum.duration_s * rate_hz).round() as usize;
        let generator: Arc<RecordGenerator> = study.library().generator(&setup.noise, rate_hz, samples);
        let mut welch = Welch::new(rate_hz, segment);
        let mut scratch = noise::CirculantScratch::default();
        let mut record = vec![0.0; samples];
        for repetition in 0..study.section.repetitions {
            let mut rng = seed::stream(study.section.seed, Purpose::Trial { point: point as u64, repetition });
            record.fill(0.0);
            generator.add_to(&mut rng, &mut scratch, &mut record);
            welch.add(&record);
            progress.advance(1);
        }
        let estimate = welch.estimate();
        let (low, high) = estimate.confidence_factors(spectrum.confidence);
        columns[0].extend(&estimate.psd);
        columns[1].extend(estimate.psd.iter().map(|s| s * low));
        columns[2].extend(estimate.psd.iter().map(|s| s * high));
        columns[3].extend(estimate.frequency_hz.iter().map(|&f| setup.noise.density(f)));
        frequency_hz = estimate.frequency_hz;
    }
    let (mut dimensions, mut variables) = sweep_dimensions(study);
    let mut over: Vec<usize> = (0..study.axes.len()).collect();
    over.push(dimensions.len());
    dimensions.push(Dimension {
        name: "frequency_hz".to_owned(),
        coordinate: Coordinate::Numbers(frequency_hz),
        units: "Hz".to_owned(),
    });
    let names = [
        ("psd_welch", "Welch estimate of the one-sided density"),
        ("psd_low", "lower end of the confidence band"),
        ("psd_high", "upper end of the confidence band"),
        ("psd_stated", "density that the generator states"),
    ];
    for ((name, long_name), values) in names.into_iter().zip(columns) {
        variables.push(Variable {
            name: name.to_owned(),
            dimensions: over.clone(),
            values,
            units: "nA^2/Hz".to_owned(),
            long_name: long_name.to_owned(),
        });
    }
    Ok(Results { dimensions, variables, attributes: Vec::new() })
}

/// Repetitions that a study makes in all.
#[must_use]
pub fn total_repetitions(study: &Study) -> u64 {
    axes::points(&study.axes) as u64 * study.section.repetitions
}
