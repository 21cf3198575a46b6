//! Bias, variance and mean squared error of an estimator: Monte Carlo beside the exact and the published expressions.

use std::ops::Range;

use estimators::{Experiment, Workspace};

use crate::PointError;
use crate::Study;
use crate::axis_columns::counting;
use crate::columns::{Column, KindColumns, Outline, Places};
use crate::error::columns::{CURVATURE, CURVATURE_ESTIMATES, ESTIMATES, GRADIENT, TARGET, TIME};
use crate::error::point::ErrorPoint;
use crate::kind::StudyWork;
use crate::needs;
use results::Sink;
use results::moments::{self, Estimated, Moments};
use settings::seed::{self, Purpose};
use sweep::Finished;
use sweep::SweepError;
use sweep::schedule::{Schedule, Stage};
use sweep::work::{Saved, Step, Work};

mod columns;
pub mod point;

/// The error study.
pub(crate) struct Errors<'s> {
    study: &'s Study,
    first: &'s ErrorPoint,
}

/// A point of an error study, ready to be repeated.
pub(crate) struct ReadyPoint {
    setup: ErrorPoint,
    experiment: Experiment,
    /// For each derivative: the gradient, then the second derivatives if measured.
    truth: Vec<f64>,
}

/// Moments of one unit, and its estimates if these are stored.
pub(crate) struct Repeated {
    moments: Vec<Moments>,
    estimates: Vec<f64>,
    derivatives: Vec<f64>,
    workspace: Workspace,
}

/// Values at a point that need no Monte Carlo, one for each derivative: the gradient, then second derivatives.
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
    fn of(saved: &'r Saved) -> Self {
        let (time, parameters, rest) = match &saved.numbers[..] {
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
fn merge<'r>(total: &mut [Moments], unit: &'r Saved) -> &'r [f64] {
    let (moments, estimates) = moments_of(&unit.numbers, total.len());
    for (sum, more) in total.iter_mut().zip(moments) {
        *sum = sum.merged(&more);
    }
    estimates
}

/// Relative standard error of the mean squared error (of the variance if the true derivative is unknown), for the derivative for which it
/// is largest.
fn relative_error(moments: &[Moments], truth: &[f64]) -> f64 {
    let fraction = |e: Estimated| if e.value > 0.0 { e.standard_error / e.value } else { 0.0 };
    let each = moments.iter().zip(truth).map(|(m, &g)| {
        let mse = m.mean_squared_error(g);
        fraction(if mse.value.is_finite() { mse } else { m.variance() })
    });
    each.fold(0.0, f64::max)
}

impl Errors<'_> {
    /// Columns of the results, with or without second derivatives.
    fn columns_with(&self, curvature: bool) -> Vec<&'static Column> {
        let section = &self.study.section;
        let groups = [
            (GRADIENT, true),
            (CURVATURE, curvature),
            (TIME, true),
            (TARGET, section.target_relative_error.is_some()),
            (ESTIMATES, section.store_estimates),
            (CURVATURE_ESTIMATES, section.store_estimates && curvature),
        ];
        groups.into_iter().filter(|(_, present)| *present).flat_map(|(group, _)| group).collect()
    }

    fn outline(&self, parameters: usize, curvature: bool, stored_repetitions: usize) -> Outline {
        let mut dimensions = vec![counting("parameter", parameters, 1)];
        if self.study.section.store_estimates {
            dimensions.push(counting("repetition", stored_repetitions, 0));
        }
        Outline::new(self.study, dimensions, self.columns_with(curvature))
    }
}

/// Number of trials whose time is measured.
const TRIALS_PROBED: u64 = 20;

impl<'s> StudyWork<'s> for Errors<'s> {
    type Checked = ErrorPoint;
    const COLUMNS: KindColumns =
        KindColumns { main: "mse", groups: &[GRADIENT, CURVATURE, TIME, TARGET, ESTIMATES, CURVATURE_ESTIMATES] };
    const SHARED: &'static [&'static str] = &[];
    const IS_REPEATED: bool = true;
    const STEPS: &'static str = "repetitions";

    fn of(study: &'s Study, first: &'s ErrorPoint) -> Self {
        Self { study, first }
    }

    fn foreseen(&self) -> Outline {
        let extent = self.study.extent();
        self.outline(extent.parameters, extent.curvature, 1)
    }

    fn columns(&self) -> Vec<&'static Column> {
        self.columns_with(self.study.extent().curvature)
    }

    fn length(&self, dimension: &str) -> usize {
        match dimension {
            "repetition" => self.study.section.repetitions as usize,
            _ => self.first.operated.device.parameters(),
        }
    }

    fn bytes_at_work(&self) -> u64 {
        needs::scheme_bytes(&self.first.scheme)
    }

    fn step_s(&self, ready: &mut ReadyPoint, point: usize) -> Result<f64, PointError> {
        let trials = self.study.section.repetitions.min(TRIALS_PROBED);
        Ok(needs::timed_s(self, ready, point, trials)? / trials as f64)
    }
}

impl Work for Errors<'_> {
    type Point = ReadyPoint;
    type State = Repeated;
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

    fn head(&self, point: &ReadyPoint) -> Result<Saved, PointError> {
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
        Ok(Saved { steps: 0, numbers, text: point.experiment.exact_gap().unwrap_or_default().to_owned() })
    }

    fn begin(&self, point: &ReadyPoint, saved: Option<&[f64]>) -> Repeated {
        let derivatives = point.experiment.derivatives();
        let (moments, estimates) = match saved {
            None => (vec![Moments::default(); derivatives], Vec::new()),
            Some(numbers) => {
                let (moments, estimates) = moments_of(numbers, derivatives);
                (moments.collect(), estimates.to_vec())
            }
        };
        Repeated { moments, estimates, derivatives: vec![0.0; derivatives], workspace: Workspace::default() }
    }

    fn step(&self, at: &ReadyPoint, state: &mut Repeated, step: Step) -> Result<(), PointError> {
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

    fn numbers(&self, state: &Repeated) -> Vec<f64> {
        state.moments.iter().flat_map(|m| m.to_numbers()).chain(state.estimates.iter().copied()).collect()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.study.failure(point, error)
    }

    /// Relative error from all units of a point.
    fn relative_error(&self, finished: &Finished, schedule: &Schedule, point: usize) -> Result<f64, SweepError> {
        let head = finished.head(point)?;
        let head = Head::of(&head);
        let mut moments = vec![Moments::default(); head.truth.len()];
        for unit in schedule.units_at(point) {
            merge(&mut moments, &finished.unit(unit)?);
        }
        Ok(relative_error(&moments, head.truth))
    }

    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let study = self.study;
        let (mut parameters, mut curvature, mut gaps) = (0, false, std::collections::BTreeSet::new());
        for point in 0..schedule.points() {
            let head = finished.head(point)?;
            let own = Head::of(&head);
            parameters = parameters.max(own.parameters);
            curvature |= own.truth.len() > own.parameters;
            if !head.text.is_empty() {
                gaps.insert(head.text);
            }
        }
        let mut outline = self.outline(parameters, curvature, study.section.repetitions as usize);
        if !gaps.is_empty() {
            outline.results.attributes.push(("exact_gap".to_owned(), gaps.into_iter().collect::<Vec<_>>().join("; ")));
        }
        let columns = outline.begin(sink)?;
        for point in 0..schedule.points() {
            let head = finished.head(point)?;
            let head = Head::of(&head);
            let mut moments = vec![Moments::default(); head.truth.len()];
            for unit in schedule.units_at(point) {
                let saved = finished.unit(unit)?;
                let estimates = merge(&mut moments, &saved);
                if study.section.store_estimates {
                    append_estimates(&head, estimates, parameters, curvature, &columns, sink)?;
                }
            }
            append_errors(&head, &moments, parameters, curvature, &columns, sink)?;
            columns.append(sink, "measurement_time_s", &[head.measurement_time_s])?;
            if study.section.target_relative_error.is_some() {
                columns.append(sink, "repetitions", &[schedule.steps_at(point) as f64])?;
                columns.append(sink, "relative_error", &[relative_error(&moments, head.truth)])?;
            }
        }
        Ok(())
    }
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

/// Appends the errors at a point, padded to `parameters`.
fn append_errors(
    head: &Head,
    moments: &[Moments],
    parameters: usize,
    curvature: bool,
    columns: &Places,
    sink: &mut dyn Sink,
) -> Result<(), SweepError> {
    let gradient = 0..head.parameters;
    let mut rows = rows_of(head, moments, gradient.clone());
    rows.push(head.mse_published[gradient.clone()].to_vec());
    rows.push(head.response_ratios(&head.truth[gradient]));
    let mut named: Vec<(&Column, Vec<f64>)> = GRADIENT.iter().zip(rows).collect();
    if curvature {
        // points that measure none of them are padded
        named.extend(CURVATURE.iter().zip(rows_of(head, moments, head.parameters..head.truth.len())));
    }
    for (column, row) in named {
        columns.append_padded(sink, column.name, &row, parameters)?;
    }
    Ok(())
}

/// Appends the estimates of one unit, padded to `parameters`.
fn append_estimates(
    head: &Head,
    estimates: &[f64],
    parameters: usize,
    curvature: bool,
    columns: &Places,
    sink: &mut dyn Sink,
) -> Result<(), SweepError> {
    let (mut gradients, mut ratios, mut second) = (Vec::new(), Vec::new(), Vec::new());
    for row in estimates.chunks_exact(head.truth.len().max(1)) {
        let (gradient, of_second) = row.split_at(head.parameters);
        let end = ratios.len() + parameters;
        gradients.extend_from_slice(gradient);
        ratios.extend(head.response_ratios(gradient));
        second.extend_from_slice(of_second);
        for list in [&mut gradients, &mut ratios, &mut second] {
            list.resize(end, f64::NAN);
        }
    }
    columns.append(sink, "estimate", &gradients)?;
    columns.append(sink, "measured_response_ratio", &ratios)?;
    if curvature {
        columns.append(sink, "curvature_estimate", &second)?;
    }
    Ok(())
}
