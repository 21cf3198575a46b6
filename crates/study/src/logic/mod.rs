//! Boolean logic of a device with two inputs: which gates occur at random control voltages, and how nonlinear it is.
//!
//! After Tertilt et al., Phys. Rev. Applied 17, 064025 (2022): the output currents for the inputs (00, 10, 01, 11) form a
//! vector, written as mean, response to the left and to the right input, and cross term,
//! I = c + M_l s_l + M_r s_r + X s_l s_r with s = ±1. From all points of the sweep follow the covariance of the vectors and
//! three indicators, each 0 for a linear device with positive responses: Q_l = ½(1 − ⟨M_l⟩/√⟨M_l²⟩), likewise Q_r, and
//! Q_lr = √⟨X²⟩ / (√⟨M_l²⟩ + √⟨M_r²⟩). The fitness of a gate is that of Chen et al., Nature 577, 341 (2020):
//! F = m/(√RSS + k|c|), with the least-squares fit I = m·gate + c, its residual sum of squares RSS and the offset weight k.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::from_zero;

use crate::PointError;
use crate::Study;
use crate::columns::{Column, KindColumns, Outline};
use crate::kind::StudyWork;
use crate::language::document::KeyError;
use crate::point::{Given, OperatedDevice, StudyPoint, needed};
use results::{Coordinate, Dimension, Sink};
use sweep::Finished;
use sweep::SweepError;
use sweep::schedule::{Schedule, Stage, Unit};
use sweep::work::{Step, Work};

/// Inputs (left, right) in the order of the vectors.
const CASES: [(&str, [bool; 2]); 4] =
    [("00", [false, false]), ("10", [true, false]), ("01", [false, true]), ("11", [true, true])];

/// The two-input gates that depend on both inputs, with their outputs for the cases.
const GATES: [(&str, [bool; 4]); 6] = [
    ("AND", [false, false, false, true]),
    ("OR", [false, true, true, true]),
    ("NAND", [true, true, true, false]),
    ("NOR", [true, false, false, false]),
    ("XOR", [false, true, true, false]),
    ("XNOR", [true, false, false, true]),
];

/// Fitness thresholds of the abundances.
const THRESHOLDS: usize = 61;
const LOWEST_THRESHOLD: f64 = 0.1;
const HIGHEST_THRESHOLD: f64 = 100.0;

/// Fitness of a gate.
fn fitness(currents: &[f64; 4], gate: &[bool; 4], offset_weight: f64) -> f64 {
    let level = |g: bool| f64::from(u8::from(g));
    let (mean_x, mean_y) = (gate.iter().map(|&g| level(g)).sum::<f64>() / 4.0, currents.iter().sum::<f64>() / 4.0);
    let pairs = || gate.iter().zip(currents).map(|(&g, y)| (level(g) - mean_x, y - mean_y));
    let slope = pairs().map(|(x, y)| x * y).sum::<f64>() / pairs().map(|(x, _)| x * x).sum::<f64>();
    let offset = mean_y - slope * mean_x;
    let largest = currents.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
    if slope <= training::threshold::RESOLUTION * largest {
        // equal currents, to rounding, are no gate however small their residuals are
        return 0.0;
    }
    let residual: f64 = pairs().map(|(x, y)| (y - slope * x).powi(2)).sum();
    let denominator = residual.sqrt() + offset_weight * offset.abs();
    slope / denominator.max(1e-12 * slope)
}

/// Mean, left, right and cross term.
fn components(i: &[f64; 4]) -> [f64; 4] {
    let [i00, i10, i01, i11] = *i;
    [
        0.25 * (i00 + i10 + i01 + i11),
        0.25 * (i10 + i11 - i00 - i01),
        0.25 * (i01 + i11 - i00 - i10),
        0.25 * (i00 + i11 - i10 - i01),
    ]
}

/// Eigenvalues of a symmetric matrix, the largest first (Jacobi rotations; four by four here).
fn eigenvalues(mut a: [[f64; 4]; 4]) -> [f64; 4] {
    for _ in 0..60 {
        for p in 0..4 {
            for q in p + 1..4 {
                if a[p][q].abs() < f64::MIN_POSITIVE {
                    continue;
                }
                let theta = 0.5 * (a[q][q] - a[p][p]) / a[p][q];
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (upper, lower) = a.split_at_mut(q);
                for (x, y) in upper[p].iter_mut().zip(&mut lower[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    let mut values = [a[0][0], a[1][1], a[2][2], a[3][3]];
    values.sort_by(|x, y| y.total_cmp(x));
    values
}

/// `[logic]`: the two inputs of a logic study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogicSection {
    /// The two input parameters, left and right, counted from 1.
    pub inputs: [usize; 2],
    /// Voltage of a logic 0 (V).
    pub low_volt: f64,
    /// Voltage of a logic 1 (V).
    pub high_volt: f64,
    /// Weight of the offset in the fitness.
    #[serde(default = "default_offset_weight")]
    pub offset_weight: f64,
}

fn default_offset_weight() -> f64 {
    0.01
}

/// Memory of each point in bytes while the results are combined: currents and weight, fitnesses, components, and the same three lists as
/// columns.
const BYTES_OF_POINT: u64 = 8 * (5 + 6 + 4 + 2 * (4 + 6 + 4));

const COLUMNS: &[Column] = &[
    Column::new("current", &["case"], "nA", "output current for the inputs"),
    Column::new("fitness", &["gate"], "1", "fitness of each gate"),
    Column::new("response", &["component"], "nA", "mean, left, right and cross term of the output"),
    Column::new("abundance", &["gate", "least_fitness"], "1", "fraction of points with at least this fitness")
        .of_all_points(),
    Column::new("covariance", &["case", "other_case"], "nA^2", "covariance of the output vectors over all points")
        .of_all_points(),
    Column::new("principal_variance", &["order"], "nA^2", "eigenvalues of the covariance").of_all_points(),
    Column::new("nonlinearity", &["indicator"], "1", "nonlinearity indicators over all points").of_all_points(),
];

const COMPONENTS: [&str; 4] = ["mean", "left", "right", "cross"];
const INDICATORS: [&str; 3] = ["Q_l", "Q_r", "Q_lr"];

/// The logic study; a step is all four cases of a point.
pub(crate) struct Logic<'s>(&'s Study);

/// A point of a logic study: the device, and its inputs.
#[derive(Debug)]
pub struct LogicPoint {
    operated: OperatedDevice,
    section: LogicSection,
}

impl StudyPoint for LogicPoint {
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError> {
        let operated = given.operated()?;
        let section = needed(&given.scenario.logic, "logic")?.clone();
        from_zero("inputs", &section.inputs, operated.device.parameters()).map_err(|e| KeyError::at("logic", e))?;
        let LogicSection { low_volt, high_volt, offset_weight, .. } = section;
        if low_volt >= high_volt {
            let message = format!("found {high_volt}: must lie above low_volt ({low_volt})");
            return Err(KeyError::new("logic.high_volt", message));
        }
        if offset_weight < 0.0 {
            let message = format!("found {offset_weight}: must not be negative");
            return Err(KeyError::new("logic.offset_weight", message));
        }
        Ok(Self { operated, section })
    }
}

impl<'s> StudyWork<'s> for Logic<'s> {
    type Checked = LogicPoint;
    const COLUMNS: KindColumns = KindColumns { main: "fitness", groups: &[COLUMNS] };
    const SHARED: &'static [&'static str] = &[];
    const IS_REPEATED: bool = false;
    const BYTES_OF_COLLECTED_POINT: u64 = BYTES_OF_POINT;

    fn of(study: &'s Study, _first: &'s LogicPoint) -> Self {
        Self(study)
    }

    fn foreseen(&self) -> Outline {
        Outline::new(self.0, dimensions(), COLUMNS)
    }

    fn length(&self, dimension: &str) -> usize {
        match dimension {
            "gate" => GATES.len(),
            "component" => COMPONENTS.len(),
            _ => CASES.len(),
        }
    }
}

impl Work for Logic<'_> {
    type Point = LogicPoint;
    type State = Vec<f64>;
    type Error = PointError;
    const STEPS_OF_UNIT: u64 = 1;

    fn steps(&self) -> u64 {
        1
    }

    fn prepare(&self, point: usize) -> Result<LogicPoint, PointError> {
        Ok(self.0.point_of(point)?)
    }

    fn begin(&self, _point: &LogicPoint, saved: Option<&[f64]>) -> Vec<f64> {
        saved.unwrap_or_default().to_vec()
    }

    /// The four currents, then the offset weight.
    fn step(&self, point: &LogicPoint, state: &mut Vec<f64>, _step: Step) -> Result<(), PointError> {
        let LogicPoint { operated: OperatedDevice { device, operating_point_volt }, section: logic } = point;
        let level = |high: bool| if high { logic.high_volt } else { logic.low_volt };
        let voltages = Array2::from_shape_fn((4, device.parameters()), |(case, m)| {
            let inputs = CASES[case].1;
            match logic.inputs.iter().position(|&k| k == m + 1) {
                Some(side) => level(inputs[side]),
                None => operating_point_volt[m],
            }
        });
        state.extend(device::currents_na(device.as_ref(), voltages.view())?);
        state.push(logic.offset_weight);
        Ok(())
    }

    fn numbers(&self, state: &Vec<f64>) -> Vec<f64> {
        state.clone()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.0.failure(point, error)
    }

    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let mut rows = Vec::with_capacity(schedule.points());
        for point in 0..schedule.points() {
            let saved = finished.unit(Unit { stage: Stage::Main, point, block: 0 })?;
            let &[i00, i10, i01, i11, offset_weight] = &saved.numbers[..] else {
                return Err(finished.damaged(point).into());
            };
            rows.push(([i00, i10, i01, i11], offset_weight));
        }
        let columns = self.foreseen().begin(sink)?;
        for (column, values) in columns_of(&rows) {
            columns.append(sink, column, &values)?;
        }
        Ok(())
    }
}

/// The dimensions of the columns.
fn dimensions() -> Vec<Dimension> {
    let names = |name: &str, list: &[&str]| Dimension {
        name: name.to_owned(),
        coordinate: Coordinate::Labels(list.iter().map(|n| (*n).to_owned()).collect()),
        units: String::new(),
    };
    let numbers = |name: &str, list: Vec<f64>| Dimension {
        name: name.to_owned(),
        coordinate: Coordinate::Numbers(list),
        units: "1".to_owned(),
    };
    let cases = CASES.map(|c| c.0);
    vec![
        names("case", &cases),
        names("other_case", &cases),
        names("gate", &GATES.map(|g| g.0)),
        names("component", &COMPONENTS),
        names("indicator", &INDICATORS),
        numbers("order", vec![1.0, 2.0, 3.0, 4.0]),
        numbers("least_fitness", thresholds()),
    ]
}

fn thresholds() -> Vec<f64> {
    (0..THRESHOLDS)
        .map(|k| LOWEST_THRESHOLD * (HIGHEST_THRESHOLD / LOWEST_THRESHOLD).powf(k as f64 / (THRESHOLDS - 1) as f64))
        .collect()
}

/// The values of all columns, from the currents and offset weights of all points.
fn columns_of(rows: &[([f64; 4], f64)]) -> [(&'static str, Vec<f64>); 7] {
    let fitnesses: Vec<[f64; 6]> = rows.iter().map(|(i, k)| GATES.map(|(_, gate)| fitness(i, &gate, *k))).collect();
    let parts: Vec<[f64; 4]> = rows.iter().map(|(i, _)| components(i)).collect();
    let count = rows.len() as f64;
    let thresholds = thresholds();
    let abundance = (0..GATES.len()).flat_map(|g| {
        let fitnesses = &fitnesses;
        thresholds.iter().map(move |t| fitnesses.iter().filter(|f| f[g] >= *t).count() as f64 / count)
    });
    let mean: [f64; 4] = std::array::from_fn(|a| rows.iter().map(|r| r.0[a]).sum::<f64>() / count);
    let covariance: [[f64; 4]; 4] = std::array::from_fn(|a| {
        std::array::from_fn(|b| {
            rows.iter().map(|r| (r.0[a] - mean[a]) * (r.0[b] - mean[b])).sum::<f64>() / (count - 1.0).max(1.0)
        })
    });
    let average = |of: &dyn Fn(&[f64; 4]) -> f64| parts.iter().map(of).sum::<f64>() / count;
    let size = |k: usize| average(&|p| p[k] * p[k]).sqrt();
    let side = |k: usize| 0.5 * (1.0 - average(&|p| p[k]) / size(k));
    [
        ("current", rows.iter().flat_map(|r| r.0).collect()),
        ("fitness", fitnesses.iter().flatten().copied().collect()),
        ("response", parts.iter().flatten().copied().collect()),
        ("abundance", abundance.collect()),
        ("covariance", covariance.iter().flatten().copied().collect()),
        ("principal_variance", eigenvalues(covariance).to_vec()),
        ("nonlinearity", vec![side(1), side(2), size(3) / (size(1) + size(2))]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_gate_is_fit_and_a_linear_device_has_no_cross_term() {
        assert!(fitness(&[0.0, 1.0, 1.0, 0.0], &GATES[4].1, 0.01) > 1e6);
        assert!(fitness(&[0.0, 1.0, 1.0, 2.0], &GATES[4].1, 0.01) < 1e-9);
        // I = 3 + 2 s_l − s_r
        for (found, exact) in components(&[2.0, 6.0, 0.0, 4.0]).into_iter().zip([3.0, 2.0, -1.0, 0.0]) {
            assert!((found - exact).abs() < 1e-14);
        }
    }

    #[test]
    fn a_dead_device_is_no_gate() {
        for level in [0.0, 20.0, -3e-12] {
            for (name, gate) in &GATES {
                let rounded: Vec<f64> = (0..4).map(|k| level * (1.0 + 1e-14 * f64::from(u8::from(gate[k])))).collect();
                for offset_weight in [0.0, 0.01] {
                    let found = fitness(&[rounded[0], rounded[1], rounded[2], rounded[3]], gate, offset_weight);
                    assert!(found.abs() < 1e-12, "{name} at {level} nA: {found}");
                }
            }
        }
    }

    #[test]
    fn eigenvalues_of_a_known_matrix() {
        let a = [[2.0, 1.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.5]];
        for (found, exact) in eigenvalues(a).into_iter().zip([5.0, 3.0, 1.0, 0.5]) {
            assert!((found - exact).abs() < 1e-14);
        }
    }
}
