//! Tasks: input patterns and their targets.

use ndarray::Array2;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::error::TrainingError;
use crate::targets::Targets;

/// Inputs and their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Patterns {
    /// Input voltages \[V\], shape (patterns, inputs).
    pub inputs_volt: Array2<f64>,
    /// A target for each pattern.
    pub targets: Targets,
    /// Distance of each pattern from the centre of a [`ball`], whose surface lies at 1; empty for other tasks.
    pub radii: Vec<f64>,
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

/// Name of the two-input truth table with these outputs for the inputs 00, 01, 10, 11, if it has one.
#[must_use]
pub fn gate_name(digits: &str) -> Option<&'static str> {
    NAMED.iter().find(|(_, outputs)| *outputs == digits).map(|(name, _)| *name)
}

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
        return Err(TrainingError::setting("gate", format!("\"{gate}\""), allowed));
    }
    Ok(Patterns {
        inputs_volt: Array2::from_shape_fn((4, 2), |(p, k)| levels_volt[k][usize::from(p & (2 >> k) != 0)]),
        targets: Targets::classes_of(digits.chars().map(|c| c == '1').collect()),
        radii: Vec::new(),
    })
}

/// Points in and around a ball (in two dimensions a disc surrounded by a ring): class 1 uniformly within `inner` of the
/// centre, class 0 uniformly between `inner + gap` and 1, equally many of each. The unit ball touches both ends of
/// `range_volt`, given for each input.
///
/// # Errors
/// If the radii leave no space for one of the classes.
pub fn ball<R: Rng + ?Sized>(
    points: usize,
    inner: f64,
    gap: f64,
    range_volt: &[[f64; 2]],
    rng: &mut R,
) -> Result<Patterns, TrainingError> {
    if !(inner > 0.0 && inner < 1.0) {
        return Err(TrainingError::setting("inner_radius", inner, "must lie between 0 and 1"));
    }
    if !(gap >= 0.0 && inner + gap < 1.0) {
        let allowed = format!("must be 0 to {:.3}, so that there is space for the outer class", 1.0 - inner);
        return Err(TrainingError::setting("gap", gap, allowed));
    }
    let dimensions = range_volt.len();
    let power = dimensions as f64;
    let mut inputs_volt = Array2::zeros((points, dimensions));
    let (mut classes, mut radii) = (Vec::with_capacity(points), Vec::with_capacity(points));
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
        classes.push(one);
        radii.push(radius);
    }
    Ok(Patterns { inputs_volt, targets: Targets::classes_of(classes), radii })
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
        assert_eq!(xor.targets.numbers(), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(xor.inputs_volt, ndarray::array![[-0.7, 0.0], [-0.7, 0.3], [0.7, 0.0], [0.7, 0.3]]);
        assert_eq!(truth_table("0100", levels).unwrap().targets.numbers(), [0.0, 1.0, 0.0, 0.0]);
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
            let one = made.targets.classes().unwrap()[p];
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
}
