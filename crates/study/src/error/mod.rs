//! Bias, variance and mean squared error of an estimator: Monte Carlo beside the exact and the published expressions.

use std::ops::Range;
use std::time::Duration;

use estimators::{Experiment, Workspace};

use crate::PointError;
use crate::Study;
use crate::axis_columns::{counting, sweep_dimensions};
use crate::kind::StudyWork;
use crate::needs;
use crate::error::point::ErrorPoint;
use results::moments::{self, Estimated, Moments};
use results::{Results, Sink, Variable};
use settings::seed::{self, Purpose};
use sweep::Source;
use sweep::SweepError;
use sweep::plan::{Plan, Stage};
use sweep::work::{Record, Step, Work, outline, variable};

pub mod point;

/// Numbers in the results for each parameter of a point, without the estimates themselves.
const NUMBERS_OF_PARAMETER: u64 = 12;
/// And where second derivatives are measured, those of each of them.
const NUMBERS_OF_CURVATURE: u64 = 10;

/// The error study.
pub(crate) struct Errors<'s> {
    study: &'s Study,
    first: &'s ErrorPoint,
}

/// A point of it, ready to be repeated.
pub(crate) struct ReadyPoint {
    setup: ErrorPoint,
    experiment: Experiment,
    /// Of each derivative: the gradient, then the second derivatives where they are measured.
    truth: Vec<f64>,
}

/// Moments of one unit, and its estimates if they are kept.
pub(crate) struct Tally {
    moments: Vec<Moments>,
    estimates: Vec<f64>,
    derivatives: Vec<f64>,
    workspace: Workspace,
}

/// What is known of a point without Monte Carlo, each list over the derivatives: the gradient, then second derivatives.
struct Head<'r> {
    measurement_time_s: f64,
    parameters: usize,
    truth: &'r [f64],
    bias_exact: &'r [f64],
    variance_exact: &'r [f64],
    mse_exact: &'r [f64],
    mse_published: &'r [f64],
    amplitude_volt: &'r [f64],
}

impl<'r> Head<'r> {
    fn of(record: &'r Record) -> Self {
        let (time, parameters, rest) = match &record.numbers[..] {
            [time, parameters, rest @ ..] => (*time, *parameters as usize, rest),
            _ => (f64::NAN, 0, &[][..]),
        };
        let (amplitude_volt, rest) = rest.split_at(parameters.min(rest.len()));
        let derivatives = rest.len() / 5;
        let part = |k: usize| &rest[k * derivatives..(k + 1) * derivatives];
        Self {
            measurement_time_s: time,
            parameters,
            truth: part(0),
            bias_exact: part(1),
            variance_exact: part(2),
            mse_exact: part(3),
            mse_published: part(4),
            amplitude_volt,
        }
    }
}

impl Head<'_> {
    /// Response ratios of a gradient, measured or not.
    fn response_ratios(&self, gradient: &[f64]) -> Vec<f64> {
        let responses: Vec<f64> = gradient.iter().zip(self.amplitude_volt).map(|(g, a)| g * a).collect();
        estimators::planner::response_ratios(&responses)
    }
}

/// Splits the numbers of a unit into moments and estimates.
fn moments_of(numbers: &[f64], derivatives: usize) -> (impl Iterator<Item = Moments>, &[f64]) {
    let (sums, estimates) = numbers.split_at(moments::NUMBERS * derivatives);
    let (sums, _) = sums.as_chunks::<{ moments::NUMBERS }>();
    (sums.iter().map(|m| Moments::from_numbers(*m)), estimates)
}

/// Adds the moments of a unit, and returns its estimates.
fn merge<'r>(total: &mut [Moments], unit: &'r Record) -> &'r [f64] {
    let (moments, estimates) = moments_of(&unit.numbers, total.len());
    for (sum, more) in total.iter_mut().zip(moments) {
        *sum = sum.merged(&more);
    }
    estimates
}

/// Standard error of the mean squared error (of the variance where the true derivative is not known), as a fraction of
/// itself, of the derivative where it is largest.
fn relative_error(moments: &[Moments], truth: &[f64]) -> f64 {
    let fraction = |e: Estimated| if e.value > 0.0 { e.standard_error / e.value } else { 0.0 };
    let each = moments.iter().zip(truth).map(|(m, &g)| {
        let mse = m.mean_squared_error(g);
        fraction(if mse.value.is_finite() { mse } else { m.variance() })
    });
    each.fold(0.0, f64::max)
}

/// Positions of variables that are appended to.
struct Places {
    /// The first of those over parameters.
    first: usize,
    /// The first of those of second derivatives, if they are measured.
    curvature: Option<usize>,
    time: usize,
    /// `repetitions`, then `relative_error`, of studies with a target.
    repetitions: usize,
    /// `estimate`, `measured_response_ratio`, then `curvature_estimate`, where estimates are stored.
    estimate: usize,
}

impl Errors<'_> {
    /// Dimensions and variables.
    fn outline(&self, parameters: usize, curvature: bool, stored_repetitions: usize) -> (Results, Places) {
        let study = self.study;
        let (mut dimensions, mut variables) = sweep_dimensions(study);
        let swept: Vec<usize> = (0..study.axes.len()).collect();
        let parameter = dimensions.len();
        dimensions.push(counting("parameter", parameters, 1));
        let over_parameters: Vec<usize> = swept.iter().copied().chain([parameter]).collect();
        let (linear, square) = ("nA/V", "nA^2/V^2");
        let first = variables.len();
        let mut declare = |name: &str, units: &str, long_name: &str| {
            variables.push(variable(name, over_parameters.clone(), Vec::new(), units, long_name));
        };
        declare("true_gradient", linear, "exact gradient of the device");
        for (name, units, long_name) in [
            ("bias", linear, "bias of the estimate"),
            ("variance", square, "variance of the estimate"),
            ("mse", square, "mean squared error of the estimate"),
        ] {
            declare(name, units, &format!("{long_name}, Monte Carlo"));
            declare(&format!("{name}_standard_error"), units, &format!("standard error of the Monte Carlo {name}"));
        }
        declare("bias_exact", linear, "bias of the estimate, exact");
        declare("variance_exact", square, "variance of the estimate, exact");
        declare("mse_exact", square, "mean squared error of the estimate, exact");
        declare("mse_published", square, "mean squared error as published, B25 Eqs. (8) and (10)");
        declare("response_ratio", "1", "mean response of the other parameters over the own one, exact");
        let curvature = curvature.then(|| {
            let first = variables.len();
            variables.extend(curvature_variables(&over_parameters));
            first
        });
        let time = variables.len();
        let long_name = "time that one estimate of the whole gradient takes";
        variables.push(variable("measurement_time_s", swept.clone(), Vec::new(), "s", long_name));
        let repetitions = variables.len();
        let adaptive = study.section.target_relative_error.is_some();
        if adaptive {
            let long_name = "repetitions made";
            variables.push(variable("repetitions", swept.clone(), Vec::new(), "1", long_name));
            let long_name = "standard error of mse as a fraction of mse, of the derivative where it is largest";
            variables.push(variable("relative_error", swept.clone(), Vec::new(), "1", long_name));
        }
        let estimate = variables.len();
        if study.section.store_estimates {
            let repetition = dimensions.len();
            dimensions.push(counting("repetition", stored_repetitions, 0));
            let over: Vec<usize> = swept.iter().copied().chain([repetition, parameter]).collect();
            let long_name = "estimate of the gradient, each repetition";
            variables.push(variable("estimate", Vec::clone(&over), Vec::new(), linear, long_name));
            let long_name = "mean response of the other parameters over the own one, of each estimate";
            variables.push(variable("measured_response_ratio", over.clone(), Vec::new(), "1", long_name));
            if curvature.is_some() {
                let long_name = "estimate of the second derivatives, each repetition";
                variables.push(variable("curvature_estimate", over, Vec::new(), "nA/V^2", long_name));
            }
        }
        (outline(dimensions, variables, Vec::new()), Places { first, curvature, time, repetitions, estimate })
    }
}

/// Trials whose time is measured.
const TRIALS_PROBED: u64 = 20;

impl<'s> StudyWork<'s> for Errors<'s> {
    type Checked = ErrorPoint;
    const SHARED: &'static [&'static str] = &[];
    const IS_REPEATED: bool = true;
    const STEPS: &'static str = "repetitions";

    fn of(study: &'s Study, first: &'s ErrorPoint) -> Self {
        Self { study, first }
    }

    fn foreseen(&self) -> Result<Results, SweepError> {
        let extent = self.study.extent();
        Ok(self.outline(extent.parameters, extent.curvature, 1).0)
    }

    fn stored_numbers(&self) -> u64 {
        let estimates = if self.study.section.store_estimates { 2 * self.study.section.repetitions } else { 0 };
        let parameters = self.first.operated.device.parameters().max(1) as u64;
        let curvature = if self.first.reads_curvature() { NUMBERS_OF_CURVATURE.saturating_add(estimates / 2) } else { 0 };
        let numbers = NUMBERS_OF_PARAMETER.saturating_add(estimates).saturating_add(curvature);
        parameters.saturating_mul(numbers).saturating_add(3)
    }

    fn stored_repetitions(&self) -> u64 {
        if self.study.section.store_estimates { self.study.section.repetitions } else { 0 }
    }

    fn bytes_at_work(&self) -> u64 {
        needs::scheme_bytes(&self.first.scheme)
    }

    fn estimated_cpu_s(&self, patience: Duration) -> Result<f64, SweepError> {
        needs::probed_cpu_s(self.study, self, patience, |work, ready, point| {
            let trials = self.study.section.repetitions.min(TRIALS_PROBED);
            Ok(needs::timed_s(work, ready, point, trials)? / trials as f64)
        })
    }
}

impl Work for Errors<'_> {
    type Point = ReadyPoint;
    type State = Tally;
    type Error = PointError;
    const STEPS_OF_UNIT: u64 = 512;

    fn steps(&self) -> u64 {
        self.study.section.repetitions
    }

    fn prepare(&self, point: usize) -> Result<ReadyPoint, PointError> {
        let setup: ErrorPoint = self.study.point_of(point)?;
        let mut truth = setup.true_gradient()?;
        if setup.reads_curvature() {
            truth.extend(setup.true_curvature()?);
        }
        let experiment = setup.experiment(self.study.library())?;
        Ok(ReadyPoint { setup, experiment, truth })
    }

    fn head(&self, point: &ReadyPoint) -> Result<Record, PointError> {
        let exact = point.experiment.exact_against(&point.truth)?;
        let amplitude_volt = &point.setup.amplitude_volt;
        let mut numbers = vec![point.setup.scheme.total_time_s(), amplitude_volt.len() as f64];
        numbers.extend(amplitude_volt);
        numbers.extend(&point.truth);
        numbers.extend(&exact.bias);
        numbers.extend(&exact.variance);
        numbers.extend(exact.mean_squared_error());
        let published = point.setup.published(&point.truth[..amplitude_volt.len()]);
        let unpublished = vec![f64::NAN; point.truth.len() - published.len()];
        numbers.extend(published.iter().chain(&unpublished));
        Ok(Record { steps: 0, numbers, text: point.experiment.exact_gap().unwrap_or_default().to_owned() })
    }

    fn begin(&self, point: &ReadyPoint, saved: Option<&[f64]>) -> Tally {
        let derivatives = point.experiment.derivatives();
        let (moments, estimates) = match saved {
            None => (vec![Moments::default(); derivatives], Vec::new()),
            Some(numbers) => {
                let (moments, estimates) = moments_of(numbers, derivatives);
                (moments.collect(), estimates.to_vec())
            }
        };
        Tally { moments, estimates, derivatives: vec![0.0; derivatives], workspace: Workspace::default() }
    }

    fn step(&self, at: &ReadyPoint, state: &mut Tally, step: Step) -> Result<(), PointError> {
        let (point, repetition) = (step.point as u64, step.number);
        let (purpose, keep) = match step.stage {
            Stage::Pilot => (Purpose::Pilot { point, repetition }, false),
            Stage::Main => (Purpose::Trial { point, repetition }, self.study.section.store_estimates),
        };
        let mut rng = seed::stream(self.study.section.seed, purpose);
        at.experiment.trial_into(&mut rng, &mut state.workspace, &mut state.derivatives)?;
        for (m, g) in state.moments.iter_mut().zip(&state.derivatives) {
            m.push(*g);
        }
        if keep {
            state.estimates.extend_from_slice(&state.derivatives);
        }
        Ok(())
    }

    fn numbers(&self, state: &Tally) -> Vec<f64> {
        state.moments.iter().flat_map(|m| m.to_numbers()).chain(state.estimates.iter().copied()).collect()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.study.failure(point, error)
    }

    /// Relative error after all units of a point.
    fn relative_error(&self, source: &Source, plan: &Plan, point: usize) -> Result<f64, SweepError> {
        let head = source.head(point)?;
        let head = Head::of(&head);
        let mut moments = vec![Moments::default(); head.truth.len()];
        for unit in plan.units_at(point) {
            merge(&mut moments, &source.unit(unit)?);
        }
        Ok(relative_error(&moments, head.truth))
    }

    fn collect(&self, source: &Source, plan: &Plan, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let study = self.study;
        let (mut parameters, mut curvature, mut gaps) = (0, false, std::collections::BTreeSet::new());
        for point in 0..plan.points() {
            let head = source.head(point)?;
            let own = Head::of(&head);
            parameters = parameters.max(own.parameters);
            curvature |= own.truth.len() > own.parameters;
            if !head.text.is_empty() {
                gaps.insert(head.text);
            }
        }
        let (mut begun, places) = self.outline(parameters, curvature, study.section.repetitions as usize);
        if !gaps.is_empty() {
            begun.attributes.push(("exact_gap".to_owned(), gaps.into_iter().collect::<Vec<_>>().join("; ")));
        }
        sink.begin(begun)?;
        for point in 0..plan.points() {
            let head = source.head(point)?;
            let head = Head::of(&head);
            let mut moments = vec![Moments::default(); head.truth.len()];
            for unit in plan.units_at(point) {
                let record = source.unit(unit)?;
                let estimates = merge(&mut moments, &record);
                if study.section.store_estimates {
                    append_estimates(&head, estimates, parameters, &places, sink)?;
                }
            }
            append_errors(&head, &moments, parameters, &places, sink)?;
            sink.append(places.time, &[head.measurement_time_s])?;
            if study.section.target_relative_error.is_some() {
                sink.append(places.repetitions, &[plan.steps_at(point) as f64])?;
                sink.append(places.repetitions + 1, &[relative_error(&moments, head.truth)])?;
            }
        }
        Ok(())
    }
}

/// Variables of second derivatives, in the order of [`rows_of`].
fn curvature_variables(over_parameters: &[usize]) -> Vec<Variable> {
    let (linear, square) = ("nA/V^2", "nA^2/V^4");
    let mut all = Vec::new();
    let mut declare = |name: &str, units: &str, long_name: &str| {
        all.push(variable(name, over_parameters.to_vec(), Vec::new(), units, long_name));
    };
    declare("true_curvature", linear, "exact second derivative of the device by each parameter");
    let named = [
        ("bias", linear, "bias of the second derivative"),
        ("variance", square, "variance of the second derivative"),
        ("mse", square, "mean squared error of the second derivative"),
    ];
    for (name, units, long_name) in named {
        declare(&format!("curvature_{name}"), units, &format!("{long_name}, Monte Carlo"));
        let of_error = format!("standard error of the Monte Carlo {long_name}");
        declare(&format!("curvature_{name}_standard_error"), units, &of_error);
    }
    for (name, units, long_name) in named {
        declare(&format!("curvature_{name}_exact"), units, &format!("{long_name}, exact"));
    }
    all
}

/// Truth, then bias, variance and mean squared error with their standard errors, then the exact ones, of the derivatives in
/// `which`.
fn rows_of(head: &Head, moments: &[Moments], which: Range<usize>) -> Vec<Vec<f64>> {
    let truth = &head.truth[which.clone()];
    let mut rows = vec![truth.to_vec()];
    let found: [fn(&Moments, f64) -> Estimated; 3] = [Moments::bias, |m, _| m.variance(), Moments::mean_squared_error];
    for estimate in found {
        let all: Vec<Estimated> = moments[which.clone()].iter().zip(truth).map(|(m, &g)| estimate(m, g)).collect();
        rows.push(all.iter().map(|e| e.value).collect());
        rows.push(all.iter().map(|e| e.standard_error).collect());
    }
    rows.extend([head.bias_exact, head.variance_exact, head.mse_exact].map(|exact| exact[which.clone()].to_vec()));
    rows
}

/// Appends what is known of the errors of a point, padded to `parameters`.
fn append_errors(
    head: &Head,
    moments: &[Moments],
    parameters: usize,
    places: &Places,
    sink: &mut dyn Sink,
) -> Result<(), SweepError> {
    let gradient = 0..head.parameters;
    let mut rows = rows_of(head, moments, gradient.clone());
    rows.push(head.mse_published[gradient.clone()].to_vec());
    rows.push(head.response_ratios(&head.truth[gradient]));
    let mut placed: Vec<(usize, Vec<f64>)> = (places.first..).zip(rows).collect();
    if let Some(first) = places.curvature {
        // points that measure none of them are padded
        let rows = rows_of(head, moments, head.parameters..head.truth.len());
        placed.extend((first..).zip(rows));
    }
    for (variable, mut row) in placed {
        row.resize(parameters, f64::NAN);
        sink.append(variable, &row)?;
    }
    Ok(())
}

/// Appends the estimates of one unit, padded to `parameters`.
fn append_estimates(
    head: &Head,
    estimates: &[f64],
    parameters: usize,
    places: &Places,
    sink: &mut dyn Sink,
) -> Result<(), SweepError> {
    let (mut gradients, mut ratios, mut curvatures) = (Vec::new(), Vec::new(), Vec::new());
    for row in estimates.chunks_exact(head.truth.len().max(1)) {
        let (gradient, curvature) = row.split_at(head.parameters);
        let end = ratios.len() + parameters;
        gradients.extend_from_slice(gradient);
        ratios.extend(head.response_ratios(gradient));
        curvatures.extend_from_slice(curvature);
        for list in [&mut gradients, &mut ratios, &mut curvatures] {
            list.resize(end, f64::NAN);
        }
    }
    sink.append(places.estimate, &gradients)?;
    sink.append(places.estimate + 1, &ratios)?;
    if places.curvature.is_some() {
        sink.append(places.estimate + 2, &curvatures)?;
    }
    Ok(())
}
