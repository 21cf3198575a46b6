//! The threshold current between two classes.

/// Currents that differ by no more than this fraction of the largest one count as equal, since rounding causes such
/// differences.
pub const RESOLUTION: f64 = 1e-9;

/// Difference below which currents always count as equal \[nA\]: its fourth power does not underflow.
const LEAST_DIFFERENCE_NA: f64 = 1e-60;

/// Largest difference of currents that count as equal \[nA\].
pub(crate) fn resolution_na(currents_na: &[f64]) -> f64 {
    currents_na.iter().fold(LEAST_DIFFERENCE_NA, |most, y| most.max(RESOLUTION * y.abs()))
}

/// Whether all currents are equal to within [`RESOLUTION`].
pub(crate) fn all_equal(currents_na: &[f64]) -> bool {
    let (low, high) =
        currents_na.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(*y), high.max(*y)));
    high - low <= resolution_na(currents_na)
}

/// A current with one class above it and the other below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The current \[nA\].
    pub current_na: f64,
    /// Fraction of the patterns used to find it that lie on the right side.
    pub accuracy: f64,
    /// Distance of the nearest of them on the right side \[nA\]: for two classes, half the distance between the lowest
    /// current of class 1 and the highest of class 0. Negative if these overlap, zero if they are equal.
    pub margin_na: f64,
}

impl Threshold {
    /// Finds the threshold with most patterns on the right side, class 1 above it: midway between two neighbours that
    /// are not [equal](RESOLUTION), or beyond all of them. If several are equally good, the lowest.
    ///
    /// # Panics
    /// If there is no current, or not a class for each.
    #[must_use]
    pub fn best(currents_na: &[f64], classes: &[bool]) -> Self {
        assert_eq!(currents_na.len(), classes.len(), "a class for each current");
        let resolution = resolution_na(currents_na);
        let mut order: Vec<(f64, bool)> = currents_na.iter().copied().zip(classes.iter().copied()).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (lowest, highest) = (order[0].0, order[order.len() - 1].0);
        let mut right = order.iter().filter(|(_, one)| *one).count();
        let mut best = (right, lowest - lowest.abs() - 1.0);
        for (k, (current, one)) in order.iter().enumerate() {
            if *one {
                right -= 1;
            } else {
                right += 1;
            }
            let cut = match order.get(k + 1) {
                Some((next, _)) if next - current <= resolution => continue,
                Some((next, _)) => 0.5 * current + 0.5 * next,
                None => highest + highest.abs() + 1.0,
            };
            if right > best.0 {
                best = (right, cut);
            }
        }
        let found = Self::at(best.1, currents_na, classes);
        let ends = |of: bool| order.iter().filter(move |(_, one)| *one == of).map(|(current, _)| *current);
        match (ends(true).reduce(f64::min), ends(false).reduce(f64::max)) {
            (Some(lowest), Some(highest)) if lowest - highest > resolution || lowest < highest => {
                Self { margin_na: 0.5 * lowest - 0.5 * highest, ..found }
            }
            (Some(_), Some(_)) => Self { margin_na: 0.0, ..found },
            _ => found,
        }
    }

    /// A given threshold.
    #[must_use]
    pub fn at(current_na: f64, currents_na: &[f64], classes: &[bool]) -> Self {
        let distances = distances_na(current_na, currents_na, classes);
        let margin_na = distances.fold(f64::INFINITY, f64::min);
        let mut threshold = Self { current_na, accuracy: f64::NAN, margin_na };
        threshold.accuracy = threshold.accuracy_on(currents_na, classes);
        threshold
    }

    /// Fraction of other patterns on the right side; a current equal to the threshold lies on neither side.
    #[must_use]
    pub fn accuracy_on(&self, currents_na: &[f64], classes: &[bool]) -> f64 {
        let right = distances_na(self.current_na, currents_na, classes).filter(|d| *d > 0.0).count();
        right as f64 / classes.len() as f64
    }

    /// Whether it separates the patterns used to find it, each by at least `margin_na`.
    #[must_use]
    pub fn divides(&self, margin_na: f64) -> bool {
        self.margin_na > 0.0 && self.margin_na >= margin_na
    }
}

/// Distance of each current from a threshold, positive on its right side \[nA\].
fn distances_na(threshold_na: f64, currents_na: &[f64], classes: &[bool]) -> impl Iterator<Item = f64> {
    currents_na.iter().zip(classes).map(move |(y, one)| if *one { y - threshold_na } else { threshold_na - y })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_threshold() {
        let t = Threshold::best(&[3.0, 1.0, 2.0, 0.0], &[true, false, true, false]);
        assert_eq!(t, Threshold { current_na: 1.5, accuracy: 1.0, margin_na: 0.5 });
        assert!(t.divides(0.5) && !t.divides(0.6));
        assert!((t.accuracy_on(&[1.4, 1.6], &[true, true]) - 0.5).abs() < 1e-12);
        let wrong = Threshold::best(&[1.0, 0.0], &[false, true]);
        assert!((wrong.accuracy - 0.5).abs() < 1e-12 && !wrong.divides(0.0));
        assert!((wrong.margin_na + 0.5).abs() < 1e-12);
    }

    /// A device with constant current has one class right and the other wrong, for any order of the patterns.
    #[test]
    fn equal_currents_are_not_cut() {
        for level in [0.0, 20.0, -1e-30, 1e17] {
            for (gate, accuracy) in [("0001", 0.75), ("0011", 0.5), ("0111", 0.75), ("1000", 0.75), ("1111", 1.0)] {
                let classes: Vec<bool> = gate.chars().map(|c| c == '1').collect();
                for rounding in [0.0, 1e-14] {
                    let currents: Vec<f64> = (0..4).map(|p| level * (1.0 + rounding * f64::from(p))).collect();
                    let found = Threshold::best(&currents, &classes);
                    assert!((found.accuracy - accuracy).abs() < 1e-12, "{gate} {level}: {found:?}");
                    assert_eq!(found.divides(0.0), gate == "1111", "{gate} {level}");
                    assert!(gate == "1111" || found.margin_na <= 0.0, "{gate} {level}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn a_current_on_a_given_threshold_is_on_neither_side() {
        for classes in [[true; 4], [false; 4]] {
            let on = Threshold::at(0.0, &[0.0; 4], &classes);
            assert!(on.accuracy.abs() < 1e-12 && !on.divides(0.0));
        }
        assert!(Threshold::at(0.0, &[2.0, 3.0], &[true, true]).divides(2.0));
    }
}
