//! A point of a training study: the task, the meter that measures it, and what finds the controls.

use std::path::Path;
use std::sync::Arc;

use device::Device;
use estimators::Scheme;
use noise::NoiseModel;
use training::cma_es::CmaEs;
use training::descent::{Descent, GradientSource};
use training::fitted::Fitted;
use training::genetic::Genetic;
use training::table::{self, MOST_PATTERNS};
use training::{
    Answer, Judge, Limits, Loss, Meter, Optimiser, Patterns, Separation, Threshold, Timing, TrainingError, Update,
    Wiring, task,
};

use crate::balanced::{self, Balancing, Surroundings};
use crate::document::KeyError;
use crate::input_file::InputFile;
use crate::limits::{number_within, within};
use crate::point::{build_hge, build_instrument, build_scheme, from_device, from_estimator, from_zero};
use crate::scenario::{EstimatorSection, PerParameter, Scenario};
use crate::seed::{self, Purpose};
use crate::study::Library;
use crate::training_sections::{
    AnswerChoice, BallTask, GradientChoice, JudgeChoice, LossSection, OptimiserSection, RangeChoice, SeparationChoice,
    TaskSection, TrainingSection, UpdateChoice,
};

/// Everything that a training run needs.
#[derive(Debug)]
pub(crate) struct TrainingPoint {
    pub(crate) meter: Meter,
    pub(crate) training: Patterns,
    pub(crate) test: Patterns,
    pub(crate) loss: Loss,
    pub(crate) limits: Limits,
    pub(crate) solved: Solved,
    pub(crate) judge: Judge,
    pub(crate) range_volt: Vec<(f64, f64)>,
    pub(crate) optimiser: Optimiser,
}

/// What a run whose measured loss is low enough must reach without noise to count as solved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solved {
    /// Least distance of every training current from the threshold \[nA\], where all must be right.
    margin_na: f64,
    /// Part of the test patterns that must be right.
    accuracy: f64,
}

impl Solved {
    /// Whether a threshold that was found from training currents without noise, and the part of the test patterns on its
    /// right side, are good enough.
    pub(crate) fn by(&self, threshold: &Threshold, test_accuracy: f64) -> bool {
        if self.accuracy < 1.0 { test_accuracy >= self.accuracy } else { threshold.divides(self.margin_na) }
    }
}

/// Voltages lie between minus and plus this \[V\]: no device bears more, and their powers are still numbers.
const MOST_VOLT: f64 = 1e6;
/// Longest measurement of a run \[s\]: four months.
const LONGEST_S: f64 = 1e7;
/// Most numbers that a run holds at once: derivatives of all patterns, a generation of controls, points of a fit.
const MOST_HELD: usize = 100_000_000;
/// Most controls of CMA-ES, whose covariance matrix has as many rows and columns.
const MOST_CMA_ES_CONTROLS: usize = 1000;

/// Refuses `count` rows of `width` numbers, before any is made, if they are more than a run may hold.
fn check_held(key: &str, count: usize, width: usize, what: &str) -> Result<(), KeyError> {
    if count.saturating_mul(width) <= MOST_HELD {
        return Ok(());
    }
    let most = MOST_HELD / width;
    Err(KeyError::new(key, format!("found {count}: must be at most {most}, for each has a number for {width} {what}")))
}

fn from_training(error: TrainingError) -> KeyError {
    match error {
        TrainingError::Setting { key, found, allowed } => KeyError::new(key, format!("found {found}: {allowed}")),
        TrainingError::Device(e) => from_device(e),
        TrainingError::Estimator(e) => from_estimator(e),
        other => KeyError::new("training", other.to_string()),
    }
}

impl TrainingPoint {
    /// Builds and checks it.
    pub(crate) fn build(
        scenario: &Scenario,
        device: &Arc<dyn Device>,
        noise: &NoiseModel,
        folder: &Path,
        (library, balancing): (&Library, Balancing),
        remarks: &mut Vec<String>,
    ) -> Result<Self, KeyError> {
        let (Some(task), Some(section)) = (&scenario.task, &scenario.training) else {
            return Err(KeyError::new("", "the tables `[task]` and `[training]` are needed"));
        };
        let parameters = device.parameters();
        let (inputs, hold_s, ramp_s) = match task {
            TaskSection::TruthTable(t) => (t.inputs.clone(), t.hold_s, t.ramp_s),
            TaskSection::Ball(t) => (t.inputs.clone(), t.hold_s, t.ramp_s),
            TaskSection::Teacher(t) => (t.inputs.numbers(parameters)?, t.hold_s, t.ramp_s),
            TaskSection::Csv(t) => (t.inputs.clone(), t.hold_s, t.ramp_s),
        };
        let numbers = from_zero("task.inputs", &inputs, parameters)?;
        if inputs.len() == parameters {
            let message = format!("found {inputs:?}: leaves none of {parameters} parameters to be trained");
            return Err(KeyError::new("task.inputs", message));
        }
        let wiring = Wiring::new(numbers, parameters).map_err(from_training)?;
        let loss = loss(&section.loss)?;
        let range_volt = ranges(section, &wiring, device.as_ref())?;
        let trained = Trained { device: device.as_ref(), wiring: &wiring, range_volt: &range_volt };
        let (training, test) = patterns(task, trained, folder, loss, remarks)?;
        loss.check_targets(&training.targets).map_err(from_training)?;
        check_held("task.training_points", training.targets.len(), parameters, "parameters")?;
        check_held("task.test_points", test.targets.len(), parameters, "parameters")?;
        let optimiser = optimiser(section, parameters, wiring.controls.len())?;
        let rate_hz = scenario.sampling.rate_hz;
        let scheme = match (&scenario.estimator, optimiser.measures_gradient()) {
            (_, false) => None,
            (None, true) => {
                let message = "the table `[estimator]` is missing: it measures the gradient of the descent";
                return Err(KeyError::new("", message));
            }
            (Some(estimator), true) => {
                let controls = wiring.controls.len();
                let hge = match estimator {
                    EstimatorSection::Hge(h) => {
                        let mut hge = build_hge(h, rate_hz, controls)?;
                        if h.amplitude_volt.given().is_none() {
                            if section.answer == AnswerChoice::LinearResponse {
                                let message = "found \"balanced\": it is harmonics that bound amplitudes, and \
                                               `training.answer = \"linear-response\"` leaves them out; give a number or a list";
                                return Err(KeyError::new("estimator.amplitude_volt", message));
                            }
                            let instrument =
                                build_instrument(estimator, hge.samples().map_err(from_estimator)?, rate_hz)?;
                            let around = Surroundings { scenario, instrument, noise, library, balancing };
                            hge.amplitude_volt = balanced::for_training(&hge, device, trained, &training, around)?;
                            remarks.push(balanced::remark(&hge.amplitude_volt));
                        }
                        Some(hge)
                    }
                    _ => None,
                };
                Some(build_scheme(estimator, hge.as_ref(), rate_hz, controls).map_err(from_estimator)?)
            }
        };
        let answer = match section.answer {
            AnswerChoice::Sampled => Answer::Sampled,
            AnswerChoice::LinearResponse => Answer::LinearResponse,
        };
        let timing = Timing { rate_hz, ramp_s, hold_s };
        let patterns = training.targets.len();
        let mut meter =
            Meter::new(Arc::clone(device), wiring, scheme, answer, noise, timing, patterns).map_err(from_training)?;
        if let Some(estimator) = &scenario.estimator {
            // a record, or the reading of a current where no derivative is measured
            let samples = meter.scheme().map_or(meter.samples_of_pattern(), Scheme::samples);
            meter = meter.with_instrument(build_instrument(estimator, samples, rate_hz)?);
        }
        if let Optimiser::Descent(Descent { source, update: Update::Curvature, .. }) = &optimiser {
            check_second_derivatives(*source, &meter, answer)?;
        }
        let solved = Solved {
            margin_na: margin_na(section)?,
            accuracy: number_within("training.solved_accuracy", section.solved_accuracy, 0.0..=1.0)?,
        };
        let (limits, judge) = (limits(section)?, judge(section)?);
        Ok(Self { meter, training, test, loss, limits, judge, solved, range_volt, optimiser })
    }
}

/// Whether anything tells the second derivatives of the currents.
fn check_second_derivatives(source: GradientSource, meter: &Meter, answer: Answer) -> Result<(), KeyError> {
    let refused = |why: &str| Err(KeyError::new("training.optimiser.update", format!("found \"curvature\": {why}")));
    match source {
        GradientSource::Exact if !meter.knows_curvature() => {
            refused("this device does not know its second derivatives")
        }
        GradientSource::Measured if !meter.reads_curvature() => {
            refused("needs second derivatives, which `estimator.kind = \"hge\"` with `readout = \"curvature\"` reads")
        }
        GradientSource::Measured if answer == Answer::LinearResponse => {
            refused("`training.answer = \"linear-response\"` has no second harmonic to read: leave it out")
        }
        _ => Ok(()),
    }
}

/// What is trained: a device, which of its parameters are trained, and in which ranges \[V\].
#[derive(Clone, Copy)]
pub(crate) struct Trained<'t> {
    pub(crate) device: &'t dyn Device,
    pub(crate) wiring: &'t Wiring,
    pub(crate) range_volt: &'t [(f64, f64)],
}

fn patterns(
    task: &TaskSection,
    trained: Trained<'_>,
    folder: &Path,
    loss: Loss,
    remarks: &mut Vec<String>,
) -> Result<(Patterns, Patterns), KeyError> {
    match task {
        TaskSection::TruthTable(t) => {
            if t.inputs.len() != 2 {
                let message = format!("found {:?}: a truth table has two inputs", t.inputs);
                return Err(KeyError::new("task.inputs", message));
            }
            let ranges = input_ranges(2, &t.low_volt, &t.high_volt)?;
            let table = task::truth_table(&t.gate, [ranges[0], ranges[1]]).map_err(from_training)?;
            Ok((table.clone(), table))
        }
        TaskSection::Ball(t) => {
            for (key, points) in [("task.training_points", t.training_points), ("task.test_points", t.test_points)] {
                within(key, points, 2..=MOST_PATTERNS)?;
            }
            let mut rng = seed::stream(t.seed, Purpose::Task);
            let mut draw = |points: usize| ball(t, points, &mut rng);
            Ok((draw(t.training_points)?, draw(t.test_points)?))
        }
        TaskSection::Teacher(t) => {
            let patterns = t.patterns(trained, loss)?;
            Ok((patterns.clone(), patterns))
        }
        TaskSection::Csv(t) => {
            let mut read = |key: &str, file: &InputFile| {
                let path = folder.join(file);
                let (patterns, of_file) = table::read_patterns(&path, t.inputs.len(), loss.needs_classes())
                    .map_err(|e| KeyError::new(key, e.to_string()))?;
                remarks.extend(of_file.iter().map(|remark| format!("`{}`: {remark}", path.display())));
                Ok(patterns)
            };
            let training = read("task.file", &t.file)?;
            let test = match &t.test_file {
                Some(file) => read("task.test_file", file)?,
                None => training.clone(),
            };
            Ok((training, test))
        }
    }
}

/// Lowest and highest voltage of each input.
pub(crate) fn input_ranges(
    inputs: usize,
    low_volt: &PerParameter,
    high_volt: &PerParameter,
) -> Result<Vec<[f64; 2]>, KeyError> {
    let each = |key: &'static str, volt: &PerParameter| match volt.to_vec() {
        one if one.len() == 1 => Ok(vec![one[0]; inputs]),
        each if each.len() == inputs => Ok(each),
        other => Err(KeyError::new(key, format!("found {} voltages: there are {inputs} inputs", other.len()))),
    };
    let (low, high) = (each("task.low_volt", low_volt)?, each("task.high_volt", high_volt)?);
    for (key, each) in [("task.low_volt", &low), ("task.high_volt", &high)] {
        if let Some(volt) = each.iter().find(|volt| volt.abs() > MOST_VOLT) {
            return Err(KeyError::new(key, format!("found {volt}: must lie from {} to {MOST_VOLT}", -MOST_VOLT)));
        }
    }
    if let Some((low, high)) = low.iter().zip(&high).find(|(low, high)| low >= high) {
        let message = format!("found {high}: must lie above low_volt ({low})");
        return Err(KeyError::new("task.high_volt", message));
    }
    Ok(low.iter().zip(&high).map(|(low, high)| [*low, *high]).collect())
}

fn ball(t: &BallTask, points: usize, rng: &mut rand_pcg::Pcg64) -> Result<Patterns, KeyError> {
    let range_volt = input_ranges(t.inputs.len(), &t.low_volt, &t.high_volt)?;
    let mut made = task::ball(points, t.inner_radius, t.gap, &range_volt, rng).map_err(from_training)?;
    if t.outer_is_one {
        made.targets = made.targets.exchanged().expect("a ball has classes");
    }
    Ok(made)
}

fn ranges(section: &TrainingSection, wiring: &Wiring, device: &dyn Device) -> Result<Vec<(f64, f64)>, KeyError> {
    let controls = wiring.controls.len();
    let key = "training.range_volt";
    let ranges: Vec<(f64, f64)> = match (&section.range_volt, device.range_volt()) {
        (Some(RangeChoice::All([low, high])), _) => vec![(*low, *high); controls],
        (Some(RangeChoice::Each(each)), _) if each.len() == controls => each.iter().map(|r| (r[0], r[1])).collect(),
        (Some(RangeChoice::Each(each)), _) => {
            let message = format!("found {} ranges: there are {controls} controls", each.len());
            return Err(KeyError::new(key, message));
        }
        (None, Some((low, high))) => wiring.controls.iter().map(|&m| (low[m], high[m])).collect(),
        (None, None) => return Err(KeyError::new(key, "is missing: this device has no ranges of its own")),
    };
    match ranges.iter().find(|(low, high)| low >= high || *low < -MOST_VOLT || *high > MOST_VOLT) {
        Some((low, high)) => {
            let message = format!(
                "found [{low}, {high}]: must be two voltages from {} to {MOST_VOLT}, the lower one first",
                -MOST_VOLT
            );
            Err(KeyError::new(key, message))
        }
        None => Ok(ranges),
    }
}

fn positive(key: &'static str, x: f64) -> Result<f64, KeyError> {
    if x > 0.0 { Ok(x) } else { Err(KeyError::new(key, format!("found {x}: must be a positive number"))) }
}

fn judge(section: &TrainingSection) -> Result<Judge, KeyError> {
    match section.judge {
        JudgeChoice::Measured => Ok(Judge::Measured),
        JudgeChoice::NoiseFree if section.confirmations == 0 => Ok(Judge::NoiseFree),
        JudgeChoice::NoiseFree => {
            let message =
                "found \"noise-free\" beside `confirmations`: a loss without noise needs none, leave them out";
            Err(KeyError::new("training.judge", message))
        }
    }
}

fn limits(section: &TrainingSection) -> Result<Limits, KeyError> {
    within("training.max_iterations", section.max_iterations, 1..=1_000_000)?;
    let budget_s = positive("training.budget_s", section.budget_s)?;
    if budget_s > LONGEST_S {
        let message =
            format!("found {budget_s}: must be at most {LONGEST_S}, or a run that does not succeed never ends");
        return Err(KeyError::new("training.budget_s", message));
    }
    let TrainingSection { stop_below, confirmations, max_iterations, .. } = *section;
    within("training.confirmations", confirmations, 0..=1000)?;
    Ok(Limits { stop_below, confirmations, budget_s, max_iterations })
}

fn margin_na(section: &TrainingSection) -> Result<f64, KeyError> {
    match section.margin_na {
        margin if margin >= 0.0 => Ok(margin),
        margin => Err(KeyError::new("training.margin_na", format!("found {margin}: must be 0 or more"))),
    }
}

fn loss(section: &LossSection) -> Result<Loss, KeyError> {
    let loss = match section {
        LossSection::Correlation(l) => Loss::CorrelationOverSeparation {
            separation: match l.separation {
                SeparationChoice::Mean => Separation::Mean,
                SeparationChoice::Worst => Separation::Worst,
            },
            scale_na: l.scale_na,
            offset_na: l.offset_na,
            threshold_na: l.threshold_na,
        },
        LossSection::MeanSquare {} => Loss::MeanSquare,
        LossSection::Fisher {} => Loss::Fisher,
        LossSection::CrossEntropy(l) => Loss::CrossEntropy { penalty: l.penalty },
    };
    loss.checked().map_err(from_training)
}

fn optimiser(section: &TrainingSection, parameters: usize, controls: usize) -> Result<Optimiser, KeyError> {
    Ok(match &section.optimiser {
        OptimiserSection::Descent(o) => Optimiser::Descent(Descent {
            source: match o.gradient {
                GradientChoice::Measured => GradientSource::Measured,
                GradientChoice::Exact => GradientSource::Exact,
            },
            update: match o.update {
                UpdateChoice::Plain => Update::Plain,
                UpdateChoice::Momentum => Update::Momentum { momentum: 0.9 },
                UpdateChoice::Adam => Update::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
                UpdateChoice::Curvature => Update::Curvature,
            },
            learning_rate: positive("training.optimiser.learning_rate", o.learning_rate)?,
        }),
        OptimiserSection::Spsa(o) => o.build()?,
        OptimiserSection::SecondOrderSpsa(o) => o.build(controls)?,
        OptimiserSection::Genetic(o) => {
            within("training.optimiser.genomes", o.genomes, 4..=100_000)?;
            check_held("training.optimiser.genomes", o.genomes, controls, "controls")?;
            within("training.optimiser.elite", o.elite, 1..=o.genomes - 1)?;
            if let Some(generations) = o.generations {
                within("training.optimiser.generations", generations, 1..=section.max_iterations)?;
            }
            Optimiser::Genetic(Genetic { genomes: o.genomes, elite: o.elite, generations: o.generations })
        }
        OptimiserSection::CmaEs(o) => {
            if controls > MOST_CMA_ES_CONTROLS {
                let message = format!(
                    "found \"cma-es\" for {controls} controls: it keeps a matrix over them, {MOST_CMA_ES_CONTROLS} are allowed"
                );
                return Err(KeyError::new("training.optimiser.kind", message));
            }
            Optimiser::CmaEs(CmaEs { sigma_volt: positive("training.optimiser.sigma_volt", o.sigma_volt)? })
        }
        OptimiserSection::Surrogate(o) => {
            let count = |key: &'static str, n: usize, most: usize| within(key, n, 1..=most);
            let fitted = Fitted {
                points: count("training.optimiser.points", o.points, 1_000_000)?,
                hidden: count("training.optimiser.hidden", o.hidden, 4096)?,
                epochs: count("training.optimiser.epochs", o.epochs, 100_000)?,
                learning_rate: positive("training.optimiser.learning_rate", o.learning_rate)?,
                candidates: count("training.optimiser.candidates", o.candidates, 10_000)?,
            };
            check_held("training.optimiser.points", o.points, parameters, "parameters")?;
            check_held("training.optimiser.hidden", o.hidden, parameters, "parameters")?;
            Optimiser::Fitted(fitted)
        }
    })
}
