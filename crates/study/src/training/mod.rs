//! Training runs: one for each repetition, from its own random controls and with its own noise.

use std::time::Duration;

use training::{Session, Targets, Threshold, TrainingError};

use crate::PointError;
use crate::Study;
use crate::axis_columns::{counting, sweep_dimensions};
use crate::kind::StudyWork;
use crate::needs;
use crate::training::point::TrainingPoint;
use ::settings::seed::{self, Purpose};
use results::{Coordinate, Dimension, Results, Sink};
use sweep::Source;
use sweep::SweepError;
use sweep::plan::Plan;
use sweep::work::{Record, Step, Work, outline, variable};

pub(crate) mod point;
pub mod settings;

/// Times at which the lowest loss so far is noted, evenly up to the budget.
const TIMES: usize = 200;
/// Patterns of which a trace over time is kept, at most.
const MOST_TRACED: usize = 16;
/// Every this many samples of the trace are kept.
const TRACE_STRIDE: usize = 10;

/// Single numbers of a run: name, unit, what it is.
const SCALARS: [(&str, &str, &str); 14] = [
    (
        "solved",
        "1",
        "1 where it succeeded, and without noise every training current lies beyond the margin on its side of one threshold, or, with a solved_accuracy below 1, that part of the test patterns does; of targets that are currents, where the loss without noise is below the limit too",
    ),
    ("succeeded", "1", "1 where the loss that judges came below the limit within the budget"),
    ("final_loss", "1", "lowest loss that judges, measured or without noise: that of the controls that were kept"),
    ("noiseless_loss", "1", "loss of the kept controls without noise"),
    ("noiseless_accuracy", "1", "part of the training patterns on the right side of the best threshold, without noise"),
    ("noiseless_test_accuracy", "1", "part of the test patterns on the right side of that threshold, without noise"),
    (
        "margin",
        "nA",
        "half the distance of the lowest training current of class 1 from the highest of class 0, without noise; of a single class its distance from the threshold",
    ),
    ("training_accuracy", "1", "part of the training patterns on the right side of the threshold, measured"),
    ("test_accuracy", "1", "part of the test patterns on the right side of the threshold, measured"),
    ("iterations", "1", "iterations or generations of all attempts"),
    ("attempts", "1", "attempts, each from new random controls"),
    ("measurement_time_s", "s", "measurement time of the training"),
    ("samples", "1", "samples that were taken of the output while training"),
    ("threshold", "nA", "current that divides the measured training patterns best"),
];

/// The training study; a step is a run.
pub(crate) struct Training<'s> {
    study: &'s Study,
    first: &'s TrainingPoint,
}

/// Lengths of what varies from point to point.
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

/// What divides the classes of the training patterns; nothing where their targets are currents.
fn threshold(point: &TrainingPoint, currents_na: &[f64]) -> Option<Threshold> {
    let targets: &Targets = &point.training.targets;
    let classes = targets.classes()?;
    Some(match point.loss.single_class_threshold_na(targets) {
        Some(current_na) => Threshold::at(current_na, currents_na, classes),
        None => Threshold::best(currents_na, classes),
    })
}

/// Trains once: the numbers of [`SCALARS`], then losses over iterations and times, controls, currents and trace.
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

/// Numbers in the results for a point.
fn stored_numbers(point: &TrainingPoint, repetitions: u64) -> u64 {
    let Lengths { inputs, controls, training, test, trace } = Lengths::of_point(point);
    let run = SCALARS.len() + point.limits.max_iterations + TIMES + controls + training + test + trace;
    let task = training * (inputs + 1) + test * (inputs + 2);
    repetitions.saturating_mul(run as u64).saturating_add(task as u64)
}

/// Bytes that a run works with: records and weights of the gradient, the noise of a stretch of patterns, the currents and
/// derivatives of all of them, and the numbers that it gives.
fn bytes_at_work(point: &TrainingPoint) -> u64 {
    let Lengths { controls, training, test, .. } = Lengths::of_point(point);
    let patterns = training.max(test) as u64;
    let scheme = point.meter.scheme().map_or(0, needs::scheme_bytes);
    let noise = needs::NOISE_BYTES_OF_SAMPLE * point.meter.samples_of_stretch() as u64;
    scheme + noise + 8 * patterns * (controls as u64 + 8) + 8 * stored_numbers(point, 1)
}

fn times_s(budget_s: f64) -> impl Iterator<Item = f64> {
    (1..=TIMES).map(move |k| budget_s * k as f64 / TIMES as f64)
}

impl Training<'_> {
    /// Dimensions and variables, and the position of the first variable that is appended to.
    pub(crate) fn outline(&self, most: Lengths, repetitions: usize) -> (Results, usize) {
        let study = self.study;
        let limits = self.first.limits;
        let (mut dimensions, mut variables) = sweep_dimensions(study);
        let swept: Vec<usize> = (0..study.axes.len()).collect();
        let mut dimension = |dimension: Dimension| {
            dimensions.push(dimension);
            dimensions.len() - 1
        };
        let repetition = dimension(counting("repetition", repetitions, 0));
        let iteration = dimension(counting("iteration", limits.max_iterations, 1));
        let time = dimension(Dimension {
            name: "time_s".to_owned(),
            coordinate: Coordinate::Numbers(times_s(limits.budget_s).collect()),
            units: "s".to_owned(),
        });
        let input = dimension(counting("input", most.inputs, 1));
        let control = dimension(counting("control", most.controls, 1));
        let pattern = dimension(counting("pattern", most.training, 1));
        let test_pattern = dimension(counting("test_pattern", most.test, 1));
        let instant = dimension(Dimension {
            name: "trace_time_s".to_owned(),
            coordinate: Coordinate::Numbers(
                (0..most.trace).map(|k| (k * TRACE_STRIDE) as f64 / self.first.rate_hz).collect(),
            ),
            units: "s".to_owned(),
        });
        let over = |more: &[usize]| swept.iter().chain(more).copied().collect::<Vec<usize>>();
        let first = variables.len();
        let mut declare = |name: &str, dimensions: Vec<usize>, units: &str, long_name: &str| {
            variables.push(variable(name, dimensions, Vec::new(), units, long_name));
        };
        declare("input_voltage", over(&[pattern, input]), "V", "input voltages of the training patterns");
        declare("target", over(&[pattern]), "1", "targets of the training patterns: a class, or a current [nA]");
        declare("test_input_voltage", over(&[test_pattern, input]), "V", "input voltages of the test patterns");
        declare("test_target", over(&[test_pattern]), "1", "targets of the test patterns: a class, or a current [nA]");
        let long_name = "distance of the test patterns from the centre of the ball, whose surface lies at 1";
        declare("test_radius", over(&[test_pattern]), "1", long_name);
        for (name, units, long_name) in SCALARS {
            declare(name, over(&[repetition]), units, long_name);
        }
        declare("loss", over(&[repetition, iteration]), "1", "measured loss over the iterations of the first attempt");
        let long_name = "lowest measured loss up to a measurement time, over all attempts";
        declare("lowest_loss", over(&[repetition, time]), "1", long_name);
        declare("control_voltage", over(&[repetition, control]), "V", "kept controls");
        let long_name = "measured currents of the training patterns at the kept controls";
        declare("current", over(&[repetition, pattern]), "nA", long_name);
        let long_name = "measured currents of the test patterns at the kept controls";
        declare("test_current", over(&[repetition, test_pattern]), "nA", long_name);
        let long_name = "current over time while the training patterns are applied one after the other";
        declare("trace", over(&[repetition, instant]), "nA", long_name);
        (outline(dimensions, variables, Vec::new()), first)
    }
}

/// Passes over the patterns of a task in a shorter and in a longer run whose time is measured.
const PASSES_PROBED: [f64; 2] = [10.0, 40.0];

impl<'s> StudyWork<'s> for Training<'s> {
    type Checked = TrainingPoint;
    const SHARED: &'static [&'static str] = &["training", "training.budget_s", "training.max_iterations"];
    const IS_REPEATED: bool = true;

    fn of(study: &'s Study, first: &'s TrainingPoint) -> Self {
        Self { study, first }
    }

    fn foreseen(&self) -> Result<Results, SweepError> {
        Ok(self.outline(self.study.extent().training, 1).0)
    }

    fn stored_numbers(&self) -> u64 {
        stored_numbers(self.first, self.study.section.repetitions)
    }

    fn stored_repetitions(&self) -> u64 {
        self.study.section.repetitions
    }

    fn bytes_at_work(&self) -> u64 {
        bytes_at_work(self.first)
    }

    /// At most that, as if every run used its whole budget.
    fn estimated_cpu_s(&self, patience: Duration) -> Result<f64, SweepError> {
        needs::probed_cpu_s(self.study, self, patience, |work, ready, point| {
            let budget_s = ready.limits.budget_s;
            let pass_s = ready.meter.gradient_pass_s(ready.training.targets.len());
            let [short_s, long_s] = PASSES_PROBED.map(|passes| budget_s.min(passes * pass_s));
            let mut took_s = |part_s: f64| {
                ready.limits.budget_s = part_s;
                needs::timed_s(work, ready, point, 1)
            };
            let short_took_s = took_s(short_s)?;
            if budget_s <= short_s {
                return Ok(short_took_s);
            }
            // what does not depend on the budget (a fit, the passes at the end) is in both and leaves the slope alone
            let slope = (took_s(long_s)? - short_took_s).max(0.0) / (long_s - short_s);
            Ok(short_took_s + slope * (budget_s - short_s))
        })
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
    fn head(&self, point: &TrainingPoint) -> Result<Record, PointError> {
        let Lengths { inputs, controls, training, test, trace } = Lengths::of_point(point);
        let mut numbers = [inputs, controls, training, test, trace].map(|n| n as f64).to_vec();
        for patterns in [&point.training, &point.test] {
            numbers.extend(&patterns.inputs_volt);
            numbers.extend(patterns.targets.numbers());
        }
        let radii = point.test.radii.iter().copied();
        numbers.extend(radii.chain(std::iter::repeat(f64::NAN)).take(test));
        Ok(Record { steps: 0, numbers, text: String::new() })
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

    fn collect(&self, source: &Source, plan: &Plan, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let (study, limits) = (self.study, self.first.limits);
        let mut most = Lengths::default();
        for point in 0..plan.points() {
            let own = Lengths::of(&source.head(point)?.numbers).ok_or_else(|| source.damaged(point))?;
            most = most.most(own);
        }
        let (begun, first) = self.outline(most, study.section.repetitions as usize);
        sink.begin(begun)?;

        for point in 0..plan.points() {
            let head = source.head(point)?;
            let own = Lengths::of(&head.numbers).ok_or_else(|| source.damaged(point))?;
            let mut rest = &head.numbers[5..];
            let rows = |count: usize| (count, own.inputs, most.inputs);
            let sizes = [
                (rows(own.training), most.training),
                ((own.training, 1, 1), most.training),
                (rows(own.test), most.test),
                ((own.test, 1, 1), most.test),
                ((own.test, 1, 1), most.test),
            ];
            for (k, ((count, width, widest), longest)) in sizes.into_iter().enumerate() {
                let (part, after) = rest.split_at_checked(count * width).ok_or_else(|| source.damaged(point))?;
                rest = after;
                for row in part.chunks_exact(width.max(1)) {
                    append_padded(sink, first + k, row, widest)?;
                }
                append_padded(sink, first + k, &[], (longest - count) * widest)?;
            }
            for unit in plan.units_at(point) {
                let record = source.unit(unit)?;
                let mut rest = &record.numbers[..];
                let mut place = first + sizes.len();
                let blocks = [
                    (limits.max_iterations, limits.max_iterations),
                    (TIMES, TIMES),
                    (own.controls, most.controls),
                    (own.training, most.training),
                    (own.test, most.test),
                    (own.trace, most.trace),
                ];
                for (length, longest) in SCALARS.iter().map(|_| (1, 1)).chain(blocks) {
                    let (part, after) = rest.split_at_checked(length).ok_or_else(|| source.damaged(point))?;
                    append_padded(sink, place, part, longest)?;
                    (rest, place) = (after, place + 1);
                }
            }
        }
        Ok(())
    }
}

/// Appends `values` and, up to `length`, nothing.
fn append_padded(sink: &mut dyn Sink, variable: usize, values: &[f64], length: usize) -> Result<(), SweepError> {
    let mut row = values.to_vec();
    row.resize(length, f64::NAN);
    Ok(sink.append(variable, &row)?)
}
