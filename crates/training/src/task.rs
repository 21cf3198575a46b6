//! What is to be learned: input patterns and their targets.

use std::path::Path;

use ndarray::Array2;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::error::TrainingError;
use crate::loss::is_one;

/// Inputs and what they should give.
#[derive(Clone, Debug, PartialEq)]
pub struct Patterns {
    /// Input voltages \[V\], shape (patterns, inputs).
    pub inputs_volt: Array2<f64>,
    /// A target for each pattern: a class, 0 or 1, or a current \[nA\].
    pub targets: Vec<f64>,
    /// Distance of each pattern from the centre of a [`ball`], whose surface lies at 1; empty for other tasks.
    pub radii: Vec<f64>,
}

impl Patterns {
    /// Whether all targets mean the same class.
    #[must_use]
    pub fn is_of_one_class(&self) -> bool {
        self.targets.iter().all(|t| is_one(*t) == is_one(self.targets[0]))
    }
}

/// Names of two-input truth tables that have one, and their outputs for the inputs 00, 01, 10, 11.
const NAMED: [(&str, &str); 8] = [
    ("FALSE", "0000"),
    ("AND", "0001"),
    ("XOR", "0110"),
    ("OR", "0111"),
    ("NOR", "1000"),
    ("XNOR", "1001"),
    ("NAND", "1110"),
    ("TRUE", "1111"),
];

/// The two-input truth table called `gate`: its outputs for the inputs 00, 01, 10, 11 as four digits, or AND, OR, NAND,
/// NOR, XOR, XNOR, TRUE, FALSE. `levels_volt` are the voltages of a logic 0 and of a logic 1, for each input.
///
/// # Errors
/// If there is no such table.
pub fn truth_table(gate: &str, levels_volt: [[f64; 2]; 2]) -> Result<Patterns, TrainingError> {
    let digits = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(gate)).map_or(gate, |(_, digits)| digits);
    if digits.len() != 4 || !digits.chars().all(|c| c == '0' || c == '1') {
        let allowed =
            "four digits 0 or 1 (the outputs for 00, 01, 10, 11), or AND, OR, NAND, NOR, XOR, XNOR, TRUE, FALSE";
        return Err(TrainingError::setting("task.gate", format!("\"{gate}\""), allowed));
    }
    Ok(Patterns {
        inputs_volt: Array2::from_shape_fn((4, 2), |(p, k)| levels_volt[k][usize::from(p & (2 >> k) != 0)]),
        targets: digits.chars().map(|c| if c == '1' { 1.0 } else { 0.0 }).collect(),
        radii: Vec::new(),
    })
}

/// Points in and around a ball (a disc in two dimensions, which makes a ring of the rest): class 1 uniformly within
/// `inner` of the centre, class 0 uniformly between `inner + gap` and 1, as many of each. The unit ball touches
/// both ends of `range_volt`, of which there is one for each input.
///
/// # Errors
/// If the radii leave no room for one of the classes.
pub fn ball<R: Rng + ?Sized>(
    points: usize,
    inner: f64,
    gap: f64,
    range_volt: &[[f64; 2]],
    rng: &mut R,
) -> Result<Patterns, TrainingError> {
    if !(inner > 0.0 && inner < 1.0) {
        return Err(TrainingError::setting("task.inner_radius", inner, "must lie between 0 and 1"));
    }
    if !(gap >= 0.0 && inner + gap < 1.0) {
        let allowed = format!("must be 0 to {:.3}, so that the outer class has room", 1.0 - inner);
        return Err(TrainingError::setting("task.gap", gap, allowed));
    }
    let dimensions = range_volt.len();
    let power = dimensions as f64;
    let mut inputs_volt = Array2::zeros((points, dimensions));
    let (mut targets, mut radii) = (Vec::with_capacity(points), Vec::with_capacity(points));
    for (p, mut row) in inputs_volt.rows_mut().into_iter().enumerate() {
        let one = p % 2 == 0;
        let (from, to) = if one { (0.0_f64, inner) } else { (inner + gap, 1.0) };
        let volume = rng.random_range(from.powf(power)..to.powf(power));
        let radius = volume.powf(1.0 / power);
        let direction: Vec<f64> = (0..dimensions).map(|_| StandardNormal.sample(rng)).collect();
        let length = direction.iter().map(|x: &f64| x * x).sum::<f64>().sqrt();
        for ((x, d), [low, high]) in row.iter_mut().zip(&direction).zip(range_volt) {
            *x = low + 0.5 * (high - low) * (1.0 + radius * d / length);
        }
        targets.push(if one { 1.0 } else { 0.0 });
        radii.push(radius);
    }
    Ok(Patterns { inputs_volt, targets, radii })
}

/// Patterns from a CSV file: a header, then rows of input voltages \[V\] with the target in the last column.
///
/// # Errors
/// If the file cannot be read, a row has other than `inputs` + 1 numbers, or there are fewer than two rows.
pub fn from_csv(path: &Path, inputs: usize) -> Result<Patterns, TrainingError> {
    let fail = |what: String| TrainingError::File { path: path.to_owned(), what };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| fail(e.to_string()))?;
    let (mut voltages, mut targets) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|e| fail(e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != inputs + 1 {
            let expected = inputs + 1;
            return Err(fail(format!(
                "line {line} has {} columns, {expected} are needed: inputs, target",
                record.len()
            )));
        }
        for (column, field) in record.iter().enumerate() {
            let number = field.parse::<f64>().ok().filter(|x| x.is_finite());
            let number = number.ok_or_else(|| fail(format!("line {line}: found \"{field}\", a number is needed")))?;
            if column < inputs { voltages.push(number) } else { targets.push(number) }
        }
    }
    if targets.len() < 2 {
        return Err(fail(format!("has {} rows of numbers, at least two are needed", targets.len())));
    }
    let inputs_volt = Array2::from_shape_vec((targets.len(), inputs), voltages).expect("whole rows");
    Ok(Patterns { inputs_volt, targets, radii: Vec::new() })
}

/// The current that divides the classes best, class 1 above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The current \[nA\].
    pub current_na: f64,
    /// The part of the patterns from which it was found that lies on the right side.
    pub accuracy: f64,
}

impl Threshold {
    /// The best of all, in the middle between two neighbours.
    #[must_use]
    pub fn best(currents_na: &[f64], targets: &[f64]) -> Self {
        let mut order: Vec<(f64, bool)> = currents_na.iter().zip(targets).map(|(y, t)| (*y, is_one(*t))).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ones = order.iter().filter(|(_, one)| *one).count();
        let (mut right, mut best) = (ones, (ones, 0));
        for (k, (_, one)) in order.iter().enumerate() {
            if *one {
                right -= 1
            } else {
                right += 1
            }
            if right > best.0 {
                best = (right, k + 1);
            }
        }
        let at = |k: usize| order[k].0;
        let current_na = match best.1 {
            0 => at(0) - 1.0,
            k if k == order.len() => at(k - 1) + 1.0,
            k => 0.5 * (at(k - 1) + at(k)),
        };
        Self { current_na, accuracy: best.0 as f64 / order.len() as f64 }
    }

    /// One that is given.
    #[must_use]
    pub fn at(current_na: f64, currents_na: &[f64], targets: &[f64]) -> Self {
        let threshold = Self { current_na, accuracy: f64::NAN };
        Self { accuracy: threshold.accuracy_on(currents_na, targets), ..threshold }
    }

    /// Part of other patterns that lies on the right side.
    #[must_use]
    pub fn accuracy_on(&self, currents_na: &[f64], targets: &[f64]) -> f64 {
        let right = currents_na.iter().zip(targets).filter(|(y, t)| (**y > self.current_na) == is_one(**t)).count();
        right as f64 / targets.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    #[test]
    fn truth_tables_are_read_from_the_left() {
        let levels = [[-0.7, 0.7], [0.0, 0.3]];
        let xor = truth_table("xor", levels).unwrap();
        assert_eq!(xor.targets, [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(xor.inputs_volt, ndarray::array![[-0.7, 0.0], [-0.7, 0.3], [0.7, 0.0], [0.7, 0.3]]);
        assert_eq!(truth_table("0100", levels).unwrap().targets, [0.0, 1.0, 0.0, 0.0]);
        for bad in ["", "01", "01100", "0120", "ANDY"] {
            assert!(truth_table(bad, levels).is_err(), "{bad}");
        }
    }

    /// Radii: r^d is uniform within each class.
    #[test]
    fn balls_are_filled_evenly() {
        let mut rng = Pcg64::seed_from_u64(4);
        let (points, inner, gap) = (20_000, 0.6, 0.1);
        let made = ball(points, inner, gap, &[[-0.5, 1.5]; 3], &mut rng).unwrap();
        let radius = |p: usize| made.inputs_volt.row(p).iter().map(|x| (x - 0.5).powi(2)).sum::<f64>().sqrt();
        let mut cubes = [Vec::new(), Vec::new()];
        for p in 0..points {
            let one = is_one(made.targets[p]);
            assert!((radius(p) - made.radii[p]).abs() < 1e-12);
            let (from, to) = if one { (0.0_f64, inner) } else { (inner + gap, 1.0) };
            let volume = (radius(p).powi(3) - from.powi(3)) / (to.powi(3) - from.powi(3));
            assert!((-1e-9..=1.0 + 1e-9).contains(&volume), "{volume}");
            cubes[usize::from(one)].push(volume);
        }
        for volumes in cubes {
            assert_eq!(volumes.len(), points / 2);
            let mean = volumes.iter().sum::<f64>() / volumes.len() as f64;
            // standard deviation of the mean 0.0029; five of them, once in 1.7 million
            assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0_f64 / volumes.len() as f64).sqrt(), "{mean}");
        }
        assert!(ball(10, 1.2, 0.0, &[[0.0, 1.0]; 3], &mut rng).is_err());
        assert!(ball(10, 0.6, 0.5, &[[0.0, 1.0]; 3], &mut rng).is_err());
    }

    #[test]
    fn the_best_threshold() {
        let t = Threshold::best(&[3.0, 1.0, 2.0, 0.0], &[1.0, 0.0, 1.0, 0.0]);
        assert_eq!(t, Threshold { current_na: 1.5, accuracy: 1.0 });
        assert!((t.accuracy_on(&[1.4, 1.6], &[1.0, 1.0]) - 0.5).abs() < 1e-12);
        let wrong = Threshold::best(&[1.0, 0.0], &[0.0, 1.0]);
        assert!((wrong.accuracy - 0.5).abs() < 1e-12);
    }

    #[test]
    fn csv_files_say_where_they_are_wrong() {
        let path = std::env::temp_dir().join(format!("patterns-{}.csv", std::process::id()));
        std::fs::write(&path, "a,b,target\n0.1,0.2,1\n0.3, -0.4 ,0\n").unwrap();
        let read = from_csv(&path, 2).unwrap();
        assert_eq!((read.inputs_volt[[1, 1]], read.targets), (-0.4, vec![1.0, 0.0]));
        std::fs::write(&path, "a,b,target\n0.1,0.2,1\n0.3,x,0\n").unwrap();
        assert!(from_csv(&path, 2).unwrap_err().to_string().contains("line 3: found \"x\""));
        assert!(from_csv(&path, 3).unwrap_err().to_string().contains("line 2 has 3 columns, 4 are needed"));
        std::fs::remove_file(&path).unwrap();
    }
}
