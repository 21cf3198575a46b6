//! Training runs: one for each repetition, from its own random controls and with its own noise.

use training::{Session, Targets, Threshold, TrainingError};

use crate::PointError;
use crate::Study;
use crate::axis_columns::counting;
use crate::columns::{Column, KindColumns, Outline};
use crate::kind::StudyWork;
use crate::needs;
use crate::training::columns::{LISTS, SCALARS, TASK};
use crate::training::point::TrainingPoint;
use ::settings::seed::{self, Purpose};
use results::{Coordinate, Dimension, Sink};
use sweep::Finished;
use sweep::SweepError;
use sweep::schedule::Schedule;
use sweep::work::{Saved, Step, Work};

mod columns;
pub(crate) mod point;
pub mod settings;

/// Number of times, equally spaced up to the budget, at which the lowest loss so far is recorded.
const TIMES: usize = 200;
/// Largest number of patterns for which a trace over time is kept.
const MOST_TRACED: usize = 16;
/// One of this many samples of the trace is kept.
const TRACE_STRIDE: usize = 10;

/// The training study; a step is a run.
pub(crate) struct Training<'s> {
    study: &'s Study,
    first: &'s TrainingPoint,
}

/// Lengths of dimensions, which may differ between points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    inputs: usize,
    controls: usize,
    training: usize,
    test: usize,
    trace: usize,
}

impl Lengths {
    pub(crate) fn of_point(point: &TrainingPoint) -> Self {
        Self {
            inputs: point.training.inputs_volt.ncols(),
            controls: point.range_volt.len(),
            training: point.training.targets.len(),
            test: point.test.targets.len(),
            trace: trace_length(point),
        }
    }

    fn of(numbers: &[f64]) -> Option<Self> {
        let &[inputs, controls, training, test, trace, ..] = numbers else { return None };
        let [inputs, controls, training, test, trace] = [inputs, controls, training, test, trace].map(|x| x as usize);
        Some(Self { inputs, controls, training, test, trace })
    }

    pub(crate) fn most(self, other: Self) -> Self {
        Self {
            inputs: self.inputs.max(other.inputs),
            controls: self.controls.max(other.controls),
            training: self.training.max(other.training),
            test: self.test.max(other.test),
            trace: self.trace.max(other.trace),
        }
    }
}

fn traced(point: &TrainingPoint) -> bool {
    point.training.targets.len() <= MOST_TRACED
}

fn trace_length(point: &TrainingPoint) -> usize {
    if traced(point) {
        (point.training.targets.len() * point.meter.samples_of_pattern()).div_ceil(TRACE_STRIDE)
    } else {
        0
    }
}

/// Threshold between the classes of the training patterns; none if their targets are currents.
fn threshold(point: &TrainingPoint, currents_na: &[f64]) -> Option<Threshold> {
    let targets: &Targets = &point.training.targets;
    let classes = targets.classes()?;
    Some(match point.loss.single_class_threshold_na(targets) {
        Some(current_na) => Threshold::at(current_na, currents_na, classes),
        None => Threshold::best(currents_na, classes),
    })
}

/// Trains once and returns the numbers of [`SCALARS`], then losses over iterations and times, controls, currents and trace.
fn train(point: &TrainingPoint, rng: &mut rand_pcg::Pcg64) -> Result<Vec<f64>, TrainingError> {
    let mut session = Session::new(&point.meter, &point.training, point.loss, point.limits, &point.range_volt);
    session.judge = point.judge;
    point.optimiser.train(&mut session, rng)?;
    let (best_loss, controls) = session.best();
    let noiseless = point.meter.true_currents_na(point.training.inputs_volt.view(), controls)?;
    let noiseless_loss = point.loss.of(&noiseless, &point.training.targets).value;
    let clean = threshold(point, &noiseless);
    let clean_tested = point.meter.true_currents_na(point.test.inputs_volt.view(), controls)?;
    let accuracy_of = |t: Option<Threshold>, tested: &[f64]| {
        t.zip(point.test.targets.classes()).map(|(t, classes)| t.accuracy_on(tested, classes))
    };
    let clean_test_accuracy = accuracy_of(clean, &clean_tested);
    let solved = session.has_succeeded()
        && match clean.zip(clean_test_accuracy) {
            Some((threshold, accuracy)) => point.solved.by(&threshold, accuracy),
            None => noiseless_loss < point.limits.stop_below,
        };
    // the threshold is read anew in the pass that is judged: slow noise moves all currents from pass to pass
    let (inputs, test_inputs) = (point.training.inputs_volt.view(), point.test.inputs_volt.view());
    let (currents, tested, trace) = if traced(point) {
        let trace = point.meter.waveform(inputs, controls, rng)?;
        let tested = point.meter.currents(test_inputs, controls, rng)?.currents_na;
        (point.meter.currents_of(&trace), tested, trace)
    } else {
        let [currents, tested] = point.meter.interleaved_currents_na([inputs, test_inputs], controls, rng)?;
        (currents, tested, Vec::new())
    };
    let measured = threshold(point, &currents);
    let test_accuracy = accuracy_of(measured, &tested);
    let known = |number: Option<f64>| number.unwrap_or(f64::NAN);
    let mut numbers = vec![
        f64::from(u8::from(solved)),
        f64::from(u8::from(session.has_succeeded())),
        best_loss,
        noiseless_loss,
        known(clean.map(|t| t.accuracy)),
        known(clean_test_accuracy),
        known(clean.map(|t| t.margin_na)),
        known(measured.map(|t| t.accuracy)),
        known(test_accuracy),
        session.history.len() as f64,
        session.attempts as f64,
        session.seconds,
        session.samples as f64,
        known(measured.map(|t| t.current_na)),
    ];
    let first_attempt = session.history.iter().take_while(|e| e.attempt == 0).map(|e| e.loss);
    let iterations = point.limits.max_iterations;
    numbers.extend(first_attempt.chain(std::iter::repeat(f64::NAN)).take(iterations));
    let (mut lowest, mut entries) = (f64::NAN, session.history.iter().peekable());
    for time in times_s(point.limits.budget_s) {
        while let Some(entry) = entries.next_if(|e| e.time_s <= time) {
            lowest = lowest.min(entry.loss);
        }
        numbers.push(lowest);
    }
    numbers.extend(controls);
    numbers.extend(currents);
    numbers.extend(tested);
    numbers.extend(trace.iter().step_by(TRACE_STRIDE));
    Ok(numbers)
}

/// Length of a dimension of the columns at a point.
fn length(point: &TrainingPoint, dimension: &str, repetitions: u64) -> usize {
    let lengths = Lengths::of_point(point);
    match dimension {
        "repetition" => repetitions as usize,
        "iteration" => point.limits.max_iterations,
        "time_s" => TIMES,
        "input" => lengths.inputs,
        "control" => lengths.controls,
        "pattern" => lengths.training,
        "test_pattern" => lengths.test,
        _ => lengths.trace,
    }
}

/// Memory of a run in bytes: records and weights of the gradient, noise of a stretch of patterns, currents and derivatives of all patterns,
/// and results.
fn bytes_at_work(point: &TrainingPoint) -> u64 {
    let Lengths { controls, training, test, .. } = Lengths::of_point(point);
    let patterns = training.max(test) as u64;
    let scheme = point.meter.scheme().map_or(0, needs::scheme_bytes);
    let noise = needs::NOISE_BYTES_OF_SAMPLE * point.meter.samples_of_stretch() as u64;
    let of_column = |column: &Column| column.values_of_point(|dimension| length(point, dimension, 1) as u64);
    let numbers: u64 = [TASK, SCALARS, LISTS].into_iter().flatten().map(of_column).sum();
    scheme + noise + 8 * patterns * (controls as u64 + 8) + 8 * numbers
}

fn times_s(budget_s: f64) -> impl Iterator<Item = f64> {
    (1..=TIMES).map(move |k| budget_s * k as f64 / TIMES as f64)
}

impl Training<'_> {
    fn outline(&self, most: Lengths, repetitions: usize) -> Outline {
        let limits = self.first.limits;
        let seconds = |name: &str, times_s: Vec<f64>| Dimension {
            name: name.to_owned(),
            coordinate: Coordinate::Numbers(times_s),
            units: "s".to_owned(),
        };
        let trace_s = (0..most.trace).map(|k| (k * TRACE_STRIDE) as f64 / self.first.rate_hz).collect();
        let dimensions = vec![
            counting("repetition", repetitions, 0),
            counting("iteration", limits.max_iterations, 1),
            seconds("time_s", times_s(limits.budget_s).collect()),
            counting("input", most.inputs, 1),
            counting("control", most.controls, 1),
            counting("pattern", most.training, 1),
            counting("test_pattern", most.test, 1),
            seconds("trace_time_s", trace_s),
        ];
        Outline::new(self.study, dimensions, self.columns())
    }
}

/// Passes over the patterns of a task in a shorter and in a longer run whose time is measured.
const PASSES_PROBED: [f64; 2] = [10.0, 40.0];

impl<'s> StudyWork<'s> for Training<'s> {
    type Checked = TrainingPoint;
    const COLUMNS: KindColumns = KindColumns { main: "solved", groups: &[TASK, SCALARS, LISTS] };
    const SHARED: &'static [&'static str] = &["training", "training.budget_s", "training.max_iterations"];
    const IS_REPEATED: bool = true;

    fn of(study: &'s Study, first: &'s TrainingPoint) -> Self {
        Self { study, first }
    }

    fn foreseen(&self) -> Outline {
        self.outline(self.study.extent().training, 1)
    }

    fn length(&self, dimension: &str) -> usize {
        length(self.first, dimension, self.study.section.repetitions)
    }

    fn bytes_at_work(&self) -> u64 {
        bytes_at_work(self.first)
    }

    /// At most that, as if every run used its whole budget.
    fn step_s(&self, ready: &mut Self::Point, point: usize) -> Result<f64, PointError> {
        let budget_s = ready.limits.budget_s;
        let pass_s = ready.meter.gradient_pass_s(ready.training.targets.len());
        let [short_s, long_s] = PASSES_PROBED.map(|passes| budget_s.min(passes * pass_s));
        let mut took_s = |part_s: f64| {
            ready.limits.budget_s = part_s;
            needs::timed_s(self, ready, point, 1)
        };
        let short_took_s = took_s(short_s)?;
        if budget_s <= short_s {
            return Ok(short_took_s);
        }
        // what does not depend on the budget (a fit, the passes at the end) is in both and leaves the slope alone
        let slope = (took_s(long_s)? - short_took_s).max(0.0) / (long_s - short_s);
        Ok(short_took_s + slope * (budget_s - short_s))
    }
}

impl Work for Training<'_> {
    type Point = TrainingPoint;
    type State = Vec<f64>;
    type Error = PointError;
    const STEPS_OF_UNIT: u64 = 1;

    fn steps(&self) -> u64 {
        self.study.section.repetitions
    }

    fn prepare(&self, point: usize) -> Result<TrainingPoint, PointError> {
        Ok(self.study.point_of(point)?)
    }

    /// Lengths, then inputs and targets of training and test, and radii of the test.
    fn head(&self, point: &TrainingPoint) -> Result<Saved, PointError> {
        let Lengths { inputs, controls, training, test, trace } = Lengths::of_point(point);
        let mut numbers = [inputs, controls, training, test, trace].map(|n| n as f64).to_vec();
        for patterns in [&point.training, &point.test] {
            numbers.extend(&patterns.inputs_volt);
            numbers.extend(patterns.targets.numbers());
        }
        let radii = point.test.radii.iter().copied();
        numbers.extend(radii.chain(std::iter::repeat(f64::NAN)).take(test));
        Ok(Saved { steps: 0, numbers, text: String::new() })
    }

    fn begin(&self, _point: &TrainingPoint, saved: Option<&[f64]>) -> Vec<f64> {
        saved.unwrap_or_default().to_vec()
    }

    fn step(&self, point: &TrainingPoint, state: &mut Vec<f64>, step: Step) -> Result<(), PointError> {
        let purpose = Purpose::Trial { point: step.point as u64, repetition: step.number };
        let mut rng = seed::stream(self.study.section.seed, purpose);
        state.extend(train(point, &mut rng)?);
        Ok(())
    }

    fn numbers(&self, state: &Vec<f64>) -> Vec<f64> {
        state.clone()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.study.failure(point, error)
    }

    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let (study, limits) = (self.study, self.first.limits);
        let mut most = Lengths::default();
        for point in 0..schedule.points() {
            let own = Lengths::of(&finished.head(point)?.numbers).ok_or_else(|| finished.damaged(point))?;
            most = most.most(own);
        }
        let columns = self.outline(most, study.section.repetitions as usize).begin(sink)?;
        for point in 0..schedule.points() {
            let head = finished.head(point)?;
            let own = Lengths::of(&head.numbers).ok_or_else(|| finished.damaged(point))?;
            let mut rest = &head.numbers[5..];
            let rows = |count: usize| (count, own.inputs, most.inputs);
            let sizes = [
                (rows(own.training), most.training),
                ((own.training, 1, 1), most.training),
                (rows(own.test), most.test),
                ((own.test, 1, 1), most.test),
                ((own.test, 1, 1), most.test),
            ];
            for (column, ((count, width, widest), longest)) in TASK.iter().zip(sizes) {
                let (part, after) = rest.split_at_checked(count * width).ok_or_else(|| finished.damaged(point))?;
                rest = after;
                for row in part.chunks_exact(width.max(1)) {
                    columns.append_padded(sink, column.name, row, widest)?;
                }
                columns.append_padded(sink, column.name, &[], (longest - count) * widest)?;
            }
            for unit in schedule.units_at(point) {
                let saved = finished.unit(unit)?;
                let mut rest = &saved.numbers[..];
                let lists = [
                    (limits.max_iterations, limits.max_iterations),
                    (TIMES, TIMES),
                    (own.controls, most.controls),
                    (own.training, most.training),
                    (own.test, most.test),
                    (own.trace, most.trace),
                ];
                let scalars = SCALARS.iter().map(|column| (column, (1, 1)));
                for (column, (length, longest)) in scalars.chain(LISTS.iter().zip(lists)) {
                    let (part, after) = rest.split_at_checked(length).ok_or_else(|| finished.damaged(point))?;
                    columns.append_padded(sink, column.name, part, longest)?;
                    rest = after;
                }
            }
        }
        Ok(())
    }
}
