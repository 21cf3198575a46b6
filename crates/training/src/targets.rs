//! Targets of the patterns.

use std::cmp::Ordering;

/// A target for each pattern: numbers, and classes if the numbers are labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    numbers: Vec<f64>,
    classes: Option<Vec<bool>>,
}

/// Accepted labels of class 0 and of class 1.
const LABELS: [[f64; 2]; 2] = [[0.0, 1.0], [-1.0, 1.0]];

impl Targets {
    /// Classes: true for class 1, which has to have the higher current. Their numbers are 1 and 0.
    #[must_use]
    pub fn classes_of(classes: Vec<bool>) -> Self {
        Self { numbers: classes.iter().map(|one| f64::from(u8::from(*one))).collect(), classes: Some(classes) }
    }

    /// Numbers, in nA for a loss that compares currents with them. If all are 0 or 1, or all −1 or 1, they are classes
    /// as well.
    #[must_use]
    pub fn of_numbers(numbers: Vec<f64>) -> Self {
        let classes =
            Self::first_that_is_no_label(&numbers).is_none().then(|| numbers.iter().map(|x| *x > 0.5).collect());
        Self { numbers, classes }
    }

    /// Currents \[nA\], never classes.
    #[must_use]
    pub fn currents_of(currents_na: Vec<f64>) -> Self {
        Self { numbers: currents_na, classes: None }
    }

    /// Index of the first number that is not a label of two classes.
    #[must_use]
    pub fn first_that_is_no_label(numbers: &[f64]) -> Option<usize> {
        let is = |x: &f64, label: &f64| x.partial_cmp(label).is_some_and(Ordering::is_eq);
        let breaks = |labels: &[f64; 2]| numbers.iter().position(|x| !labels.iter().any(|label| is(x, label)));
        let places = LABELS.iter().map(breaks);
        // neither set of labels fits: assume the one that fits more numbers from the start
        places.into_iter().reduce(|a, b| a.and_then(|a| b.map(|b| a.max(b)))).flatten()
    }

    /// Number of targets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The numbers.
    #[must_use]
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// The classes, true for class 1; `None` if the numbers are not labels.
    #[must_use]
    pub fn classes(&self) -> Option<&[bool]> {
        self.classes.as_deref()
    }

    /// The common class of all patterns, if there is one.
    #[must_use]
    pub fn single_class(&self) -> Option<bool> {
        let classes = self.classes()?;
        classes.iter().all(|one| *one == classes[0]).then(|| classes[0])
    }

    /// The same with classes exchanged.
    #[must_use]
    pub fn exchanged(&self) -> Option<Self> {
        self.classes().map(|classes| Self::classes_of(classes.iter().map(|one| !one).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pairs_of_labels_are_classes_and_nothing_else_is() {
        assert_eq!(Targets::of_numbers(vec![0.0, 1.0, 1.0]).classes(), Some(&[false, true, true][..]));
        assert_eq!(Targets::of_numbers(vec![-1.0, 1.0]).classes(), Some(&[false, true][..]));
        assert_eq!(Targets::of_numbers(vec![1.0, 1.0]).single_class(), Some(true));
        for (numbers, bad) in [
            (vec![1.0, 2.0, 1.0], 1),
            (vec![0.0, 1.0, 2.0, 3.0], 2),
            (vec![0.0, 1.0, -1.0], 2),
            (vec![-1.0, 1.0, 0.0], 2),
            (vec![2e-9, 8e-9], 0),
            (vec![0.0, 0.999], 1),
        ] {
            assert_eq!(Targets::first_that_is_no_label(&numbers), Some(bad), "{numbers:?}");
            assert_eq!(Targets::of_numbers(numbers).classes(), None);
        }
    }

    #[test]
    fn classes_are_exchanged() {
        let targets = Targets::classes_of(vec![true, false, false]);
        assert_eq!(targets.exchanged().unwrap().numbers(), [0.0, 1.0, 1.0]);
        assert_eq!(Targets::of_numbers(vec![3.0, 4.0]).exchanged(), None);
    }
}
