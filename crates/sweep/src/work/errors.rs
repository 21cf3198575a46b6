//! Bias, variance and mean squared error of an estimator: Monte Carlo beside the exact and the published expressions.

use estimators::{Experiment, Workspace};

use super::{Record, Step, Work, counting, outline, sweep_dimensions, variable};
use crate::error::{PointError, SweepError};
use crate::moments::{self, Estimated, Moments};
use crate::plan::{Plan, Stage};
use crate::point::Point;
use crate::results::{Results, Sink};
use crate::seed::{self, Purpose};
use crate::source::Source;
use crate::study::Study;

/// Numbers in the results for each parameter of a point, without the estimates themselves.
pub(crate) const NUMBERS_OF_PARAMETER: u64 = 12;

/// The error study.
pub(crate) struct Errors<'s>(pub(crate) &'s Study);

/// A point of it, ready to be repeated.
pub(crate) struct ReadyPoint {
    setup: Point,
    experiment: Experiment,
    true_gradient: Vec<f64>,
}

/// Moments of one unit, and its estimates if they are kept.
pub(crate) struct Tally {
    moments: Vec<Moments>,
    estimates: Vec<f64>,
    gradient: Vec<f64>,
    workspace: Workspace,
}

/// What is known of a point without Monte Carlo.
struct Head<'r> {
    measurement_time_s: f64,
    true_gradient: &'r [f64],
    bias_exact: &'r [f64],
    variance_exact: &'r [f64],
    mse_exact: &'r [f64],
    mse_published: &'r [f64],
    amplitude_volt: &'r [f64],
}

impl<'r> Head<'r> {
    fn of(record: &'r Record) -> Self {
        let (time, rest) = record.numbers.split_first().map_or((f64::NAN, &[][..]), |(t, rest)| (*t, rest));
        let parameters = rest.len() / 6;
        let part = |k: usize| &rest[k * parameters..(k + 1) * parameters];
        Self {
            measurement_time_s: time,
            true_gradient: part(0),
            bias_exact: part(1),
            variance_exact: part(2),
            mse_exact: part(3),
            mse_published: part(4),
            amplitude_volt: part(5),
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
fn moments_of(numbers: &[f64], parameters: usize) -> (impl Iterator<Item = Moments>, &[f64]) {
    let (sums, estimates) = numbers.split_at(moments::NUMBERS * parameters);
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

/// Standard error of the mean squared error (of the variance where the true gradient is not known), as a fraction of
/// itself, of the parameter where it is largest.
fn relative_error(moments: &[Moments], true_gradient: &[f64]) -> f64 {
    let fraction = |e: Estimated| if e.value > 0.0 { e.standard_error / e.value } else { 0.0 };
    let each = moments.iter().zip(true_gradient).map(|(m, &g)| {
        let mse = m.mean_squared_error(g);
        fraction(if mse.value.is_finite() { mse } else { m.variance() })
    });
    each.fold(0.0, f64::max)
}

/// Positions of variables that are appended to.
pub(crate) struct Places {
    /// The first of those over parameters.
    first: usize,
    time: usize,
    /// `repetitions`, then `relative_error`, of studies with a target.
    repetitions: usize,
    /// `estimate`, then `measured_response_ratio`, where estimates are stored.
    estimate: usize,
}

impl Errors<'_> {
    /// Dimensions and variables.
    pub(crate) fn outline(&self, parameters: usize, stored_repetitions: usize) -> (Results, Places) {
        let study = self.0;
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
        let time = variables.len();
        let long_name = "time that one estimate of the whole gradient takes";
        variables.push(variable("measurement_time_s", swept.clone(), Vec::new(), "s", long_name));
        let repetitions = variables.len();
        let adaptive = study.section.target_relative_error.is_some();
        if adaptive {
            let long_name = "repetitions made";
            variables.push(variable("repetitions", swept.clone(), Vec::new(), "1", long_name));
            let long_name = "standard error of mse as a fraction of mse, of the parameter where it is largest";
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
            variables.push(variable("measured_response_ratio", over, Vec::new(), "1", long_name));
        }
        (outline(dimensions, variables, Vec::new()), Places { first, time, repetitions, estimate })
    }

    /// Relative error after all units of a point.
    pub(crate) fn relative_error(&self, source: &Source, plan: &Plan, point: usize) -> Result<f64, SweepError> {
        let head = source.head(point)?;
        let head = Head::of(&head);
        let mut moments = vec![Moments::default(); head.true_gradient.len()];
        for unit in plan.units_at(point) {
            merge(&mut moments, &source.unit(unit)?);
        }
        Ok(relative_error(&moments, head.true_gradient))
    }
}

impl Work for Errors<'_> {
    type Point = ReadyPoint;
    type State = Tally;
    const STEPS_OF_UNIT: u64 = 512;

    fn steps(&self) -> u64 {
        self.0.section.repetitions
    }

    fn prepare(&self, point: usize) -> Result<ReadyPoint, PointError> {
        let setup = self.0.point(point)?;
        let true_gradient = setup.true_gradient()?;
        let experiment = setup.experiment(self.0.library())?;
        Ok(ReadyPoint { setup, experiment, true_gradient })
    }

    fn head(&self, point: &ReadyPoint) -> Result<Record, PointError> {
        let exact = point.experiment.exact(&point.true_gradient)?;
        let mut numbers = vec![point.setup.scheme.as_ref().map_or(f64::NAN, estimators::Scheme::total_time_s)];
        numbers.extend(&point.true_gradient);
        numbers.extend(&exact.bias);
        numbers.extend(&exact.variance);
        numbers.extend(exact.mean_squared_error());
        numbers.extend(point.setup.published(&point.true_gradient));
        numbers.extend(point.setup.amplitude_volt());
        Ok(Record { steps: 0, numbers, text: point.experiment.exact_gap().unwrap_or_default().to_owned() })
    }

    fn begin(&self, point: &ReadyPoint, saved: Option<&[f64]>) -> Tally {
        let parameters = point.experiment.parameters();
        let (moments, estimates) = match saved {
            None => (vec![Moments::default(); parameters], Vec::new()),
            Some(numbers) => {
                let (moments, estimates) = moments_of(numbers, parameters);
                (moments.collect(), estimates.to_vec())
            }
        };
        Tally { moments, estimates, gradient: vec![0.0; parameters], workspace: Workspace::default() }
    }

    fn step(&self, at: &ReadyPoint, state: &mut Tally, step: Step) -> Result<(), PointError> {
        let (point, repetition) = (step.point as u64, step.number);
        let (purpose, keep) = match step.stage {
            Stage::Pilot => (Purpose::Pilot { point, repetition }, false),
            Stage::Main => (Purpose::Trial { point, repetition }, self.0.section.store_estimates),
        };
        let mut rng = seed::stream(self.0.section.seed, purpose);
        at.experiment.trial(&mut rng, &mut state.workspace, &mut state.gradient)?;
        for (m, g) in state.moments.iter_mut().zip(&state.gradient) {
            m.push(*g);
        }
        if keep {
            state.estimates.extend_from_slice(&state.gradient);
        }
        Ok(())
    }

    fn numbers(&self, state: &Tally) -> Vec<f64> {
        state.moments.iter().flat_map(|m| m.to_numbers()).chain(state.estimates.iter().copied()).collect()
    }

    fn collect(&self, source: &Source, plan: &Plan, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let study = self.0;
        let (mut parameters, mut gaps) = (0, std::collections::BTreeSet::new());
        for point in 0..plan.points() {
            let head = source.head(point)?;
            parameters = parameters.max(Head::of(&head).true_gradient.len());
            if !head.text.is_empty() {
                gaps.insert(head.text);
            }
        }
        let (mut begun, Places { first, time, repetitions, estimate }) =
            self.outline(parameters, study.section.repetitions as usize);
        let adaptive = study.section.target_relative_error.is_some();
        if !gaps.is_empty() {
            begun.attributes.push(("exact_gap".to_owned(), gaps.into_iter().collect::<Vec<_>>().join("; ")));
        }
        sink.begin(begun)?;

        let pad = |row: &mut Vec<f64>| row.resize(parameters, f64::NAN);
        for point in 0..plan.points() {
            let head = source.head(point)?;
            let head = Head::of(&head);
            let own = head.true_gradient.len();
            let mut moments = vec![Moments::default(); own];
            for unit in plan.units_at(point) {
                let record = source.unit(unit)?;
                let estimates = merge(&mut moments, &record);
                if study.section.store_estimates {
                    let (mut padded, mut ratios) = (Vec::new(), Vec::new());
                    for row in estimates.chunks_exact(own.max(1)) {
                        let mut own_ratios = head.response_ratios(row);
                        pad(&mut own_ratios);
                        ratios.extend(own_ratios);
                        padded.extend_from_slice(row);
                        padded.resize(ratios.len(), f64::NAN);
                    }
                    sink.append(estimate, &padded)?;
                    sink.append(estimate + 1, &ratios)?;
                }
            }
            let found = |estimate: fn(&Moments, f64) -> Estimated| -> Vec<Estimated> {
                moments.iter().zip(head.true_gradient).map(|(m, &g)| estimate(m, g)).collect()
            };
            let (bias, variance) = (found(Moments::bias), found(|m, _| m.variance()));
            let mse = found(Moments::mean_squared_error);
            let values = |list: &[Estimated]| list.iter().map(|e| e.value).collect::<Vec<f64>>();
            let errors = |list: &[Estimated]| list.iter().map(|e| e.standard_error).collect::<Vec<f64>>();
            let rows = [
                head.true_gradient.to_vec(),
                values(&bias),
                errors(&bias),
                values(&variance),
                errors(&variance),
                values(&mse),
                errors(&mse),
                head.bias_exact.to_vec(),
                head.variance_exact.to_vec(),
                head.mse_exact.to_vec(),
                head.mse_published.to_vec(),
                head.response_ratios(head.true_gradient),
            ];
            for (k, mut row) in rows.into_iter().enumerate() {
                pad(&mut row);
                sink.append(first + k, &row)?;
            }
            sink.append(time, &[head.measurement_time_s])?;
            if adaptive {
                sink.append(repetitions, &[plan.steps_at(point) as f64])?;
                sink.append(repetitions + 1, &[relative_error(&moments, head.true_gradient)])?;
            }
        }
        Ok(())
    }
}
