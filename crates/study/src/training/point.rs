//! A point of a training study: the task, the meter that measures it, and what finds the controls.

use std::sync::Arc;

use device::Device;
use estimators::hge::Hge;
use estimators::{Instrument, Scheme};
use settings::{SettingError, from_zero, positive};
use training::descent::GradientFrom;
use training::optimiser::{self, Optimiser, check_held};
use training::tasks::{self, MOST_VOLT, Trained};
use training::{Answer, Judge, Limits, Loss, Meter, Patterns, Threshold, Timing, TrainingError, Wiring};

use crate::balanced::{self, Surroundings};
use crate::language::document::KeyError;
use crate::language::kinds::EstimatorSection;
use crate::language::scenario::Scenario;
use crate::limits::{number_within, within};
use crate::point::{Extent, Given, StudyPoint, from_device, from_estimator, instrument_of, needed};
use crate::training::Lengths;
use crate::training::settings::{RangeChoice, TrainingSection};

/// Everything that a training run needs.
#[derive(Debug)]
pub struct TrainingPoint {
    pub(crate) rate_hz: f64,
    pub(crate) meter: Meter,
    pub(crate) training: Patterns,
    pub(crate) test: Patterns,
    pub(crate) loss: Loss,
    pub(crate) limits: Limits,
    pub(crate) solved: Solved,
    pub(crate) judge: Judge,
    pub(crate) range_volt: Vec<(f64, f64)>,
    pub(crate) optimiser: Box<dyn Optimiser>,
}

/// What a run must reach without noise to count as solved, once its measured loss is low enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solved {
    /// Smallest distance of every training current from the threshold \[nA\], if all must be classified correctly.
    margin_na: f64,
    /// Fraction of the test patterns that must be classified correctly.
    accuracy: f64,
}

impl Solved {
    /// Whether a threshold found from training currents without noise, and the fraction of test patterns that it classifies correctly,
    /// are good enough.
    pub(crate) fn by(&self, threshold: &Threshold, test_accuracy: f64) -> bool {
        if self.accuracy < 1.0 { test_accuracy >= self.accuracy } else { threshold.divides(self.margin_na) }
    }
}

/// Longest measurement of a run \[s\]: four months.
const LONGEST_S: f64 = 1e7;

/// Adds the place of the setting that a meter's error is about.
fn from_meter(error: TrainingError) -> KeyError {
    match error {
        TrainingError::Setting { field: "duration_s", .. } => KeyError::at("estimator", error.into()),
        TrainingError::Setting { .. } => KeyError::at("task", error.into()),
        TrainingError::Device(e) => from_device(e),
        TrainingError::Estimator(e) => from_estimator(e),
        other => KeyError::at("training", other.into()),
    }
}

impl StudyPoint for TrainingPoint {
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError> {
        let device = &given.operated()?.device;
        let Given { scenario, noise, folder, library, balancing, remarks, .. } = given;
        let task = needed(&scenario.task, "task")?;
        let section = needed(&scenario.training, "training")?;
        let parameters = device.parameters();
        let of_task = |e: SettingError| KeyError::at("task", e);
        let of_loss = |e: SettingError| KeyError::at("training.loss", e);
        let task = task.settings();
        let inputs = task.inputs(parameters).map_err(of_task)?;
        let numbers = from_zero("inputs", &inputs, parameters).map_err(of_task)?;
        if inputs.len() == parameters {
            let message = format!("found {inputs:?}: leaves none of {parameters} parameters to be trained");
            return Err(KeyError::new("task.inputs", message));
        }
        let wiring = Wiring::new(numbers, parameters).map_err(from_meter)?;
        let loss = section.loss.settings().build().map_err(of_loss)?;
        let range_volt = ranges(section, &wiring, device.as_ref())?;
        let trained = Trained { device: device.as_ref(), wiring: &wiring, range_volt: &range_volt };
        let mut around = tasks::Surroundings { trained, loss, folder, remarks: Vec::new() };
        let (training, test) = task.patterns(&mut around).map_err(of_task)?;
        remarks.append(&mut around.remarks);
        loss.check_targets(&training.targets).map_err(|e| of_loss(e.into()))?;
        check_held("training_points", training.targets.len(), parameters, "parameters").map_err(of_task)?;
        check_held("test_points", test.targets.len(), parameters, "parameters").map_err(of_task)?;
        let controls = wiring.controls.len();
        let around = optimiser::Surroundings { parameters, controls, max_iterations: section.max_iterations };
        let optimiser = section.optimiser.settings().build(&around);
        let optimiser = optimiser.map_err(|e| KeyError::at("training.optimiser", e))?;
        let scheme = match (&scenario.estimator, optimiser.measures_gradient()) {
            (_, false) => None,
            (None, true) => {
                let message = "the table `[estimator]` is missing: it measures the gradient of the descent";
                return Err(KeyError::new("", message));
            }
            (Some(estimator), true) => {
                let seek = |hge: &Hge, instrument| {
                    let around = Surroundings { scenario, instrument, noise, library, balancing: *balancing };
                    balanced::for_training(hge, device, trained, &training, around)
                };
                Some(scheme_of(estimator, scenario, controls, remarks, seek)?)
            }
        };
        let rate_hz = scenario.sampling.rate_hz;
        let answer = section.answer;
        let timing = Timing { rate_hz, ramp_s: task.ramp_s(), hold_s: task.hold_s() };
        let patterns = training.targets.len();
        let mut meter =
            Meter::new(Arc::clone(device), wiring, scheme, answer, noise, timing, patterns).map_err(from_meter)?;
        if let Some(estimator) = &scenario.estimator {
            // a record, or the reading of a current where no derivative is measured
            let samples = meter.scheme().map_or(meter.samples_of_pattern(), Scheme::samples);
            meter = meter.with_instrument(instrument_of(scenario, estimator.settings(), samples)?);
        }
        if let Some(from) = optimiser.second_derivatives() {
            check_second_derivatives(from, &meter, answer)?;
        }
        let solved = Solved {
            margin_na: margin_na(section)?,
            accuracy: number_within("training.solved_accuracy", section.solved_accuracy, 0.0..=1.0)?,
        };
        let (limits, judge) = (limits(section)?, judge(section)?);
        Ok(Self { rate_hz, meter, training, test, loss, limits, judge, solved, range_volt, optimiser })
    }

    fn extent(&self) -> Extent {
        Extent { training: Lengths::of_point(self), ..Extent::default() }
    }
}

/// Perturbation and readout at each pattern; `seek` finds the amplitudes if they are to be balanced.
fn scheme_of(
    estimator: &EstimatorSection,
    scenario: &Scenario,
    controls: usize,
    remarks: &mut Vec<String>,
    seek: impl FnOnce(&Hge, Instrument) -> Result<Vec<f64>, KeyError>,
) -> Result<Scheme, KeyError> {
    let rate_hz = scenario.sampling.rate_hz;
    let settings = estimator.settings();
    let is_linear = scenario.training.as_ref().is_some_and(|t| t.answer == Answer::LinearResponse);
    let seek = |hge: &Hge, instrument| {
        if is_linear {
            let message = "found \"balanced\": it is harmonics that bound amplitudes, and \
                           `training.answer = \"linear-response\"` leaves them out; give a number or a list";
            return Err(KeyError::new("estimator.amplitude_volt", message));
        }
        seek(hge, instrument)
    };
    let hge = settings.as_hge().map(|h| balanced::hge_of(h, rate_hz, controls, remarks, seek)).transpose()?;
    let around = estimators::Surroundings {
        rate_hz,
        parameters: controls,
        balanced_volt: hge.as_ref().map(|hge| hge.amplitude_volt.as_slice()),
        operating_point: None,
    };
    settings.build(&around).map_err(|e| KeyError::at("estimator", e))
}

/// Refuses an optimiser that needs second derivatives of the currents which are neither measured nor known.
fn check_second_derivatives(from: GradientFrom, meter: &Meter, answer: Answer) -> Result<(), KeyError> {
    let refused = |why: &str| Err(KeyError::new("training.optimiser.update", format!("found \"curvature\": {why}")));
    match from {
        GradientFrom::Exact if !meter.knows_curvature() => refused("this device does not know its second derivatives"),
        GradientFrom::Measured if !meter.reads_curvature() => {
            refused("needs second derivatives, which `estimator.kind = \"hge\"` with `readout = \"curvature\"` reads")
        }
        GradientFrom::Measured if answer == Answer::LinearResponse => {
            refused("`training.answer = \"linear-response\"` has no second harmonic to read: leave it out")
        }
        _ => Ok(()),
    }
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

fn judge(section: &TrainingSection) -> Result<Judge, KeyError> {
    if section.judge == Judge::NoiseFree && section.confirmations > 0 {
        let message = "found \"noise-free\" beside `confirmations`: a loss without noise needs none, leave them out";
        return Err(KeyError::new("training.judge", message));
    }
    Ok(section.judge)
}

fn limits(section: &TrainingSection) -> Result<Limits, KeyError> {
    within("training.max_iterations", section.max_iterations, 1..=1_000_000)?;
    let budget_s = positive("budget_s", section.budget_s).map_err(|e| KeyError::at("training", e))?;
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
