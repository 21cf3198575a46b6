//! Which parameters of the device carry the inputs of a task, and which are its controls.

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::error::TrainingError;

/// Which of the device's parameters are inputs, and which are trained; counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// Parameters that carry the inputs.
    pub inputs: Vec<usize>,
    /// Parameters that are trained.
    pub controls: Vec<usize>,
}

impl Wiring {
    /// Inputs as given, counted from 0, all other parameters as controls.
    ///
    /// # Errors
    /// If an input is not a parameter, stands there twice, or nothing is left to be trained.
    pub fn new(inputs: Vec<usize>, parameters: usize) -> Result<Self, TrainingError> {
        let shown = || format!("{inputs:?}, counted from 0");
        if inputs.iter().any(|k| *k >= parameters) {
            return Err(TrainingError::setting("inputs", shown(), format!("must be parameters below {parameters}")));
        }
        if inputs.iter().enumerate().any(|(i, k)| inputs[..i].contains(k)) {
            return Err(TrainingError::setting("inputs", shown(), "must be different parameters"));
        }
        let controls: Vec<usize> = (0..parameters).filter(|m| !inputs.contains(m)).collect();
        if controls.is_empty() {
            return Err(TrainingError::setting("inputs", shown(), "leaves no parameter to be trained"));
        }
        Ok(Self { inputs, controls })
    }

    /// All parameters \[V\] of each row of inputs, at the same controls.
    #[must_use]
    pub fn rows(&self, inputs_volt: ArrayView2<f64>, controls_volt: &[f64]) -> Array2<f64> {
        let rows: Vec<f64> = inputs_volt.rows().into_iter().flat_map(|x| self.join(x, controls_volt)).collect();
        let width = self.inputs.len() + self.controls.len();
        Array2::from_shape_vec((inputs_volt.nrows(), width), rows).expect("whole rows")
    }

    /// All parameters \[V\].
    #[must_use]
    pub fn join(&self, inputs_volt: ArrayView1<f64>, controls_volt: &[f64]) -> Vec<f64> {
        let mut all = vec![0.0; self.inputs.len() + self.controls.len()];
        for (k, x) in self.inputs.iter().zip(inputs_volt) {
            all[*k] = *x;
        }
        for (m, w) in self.controls.iter().zip(controls_volt) {
            all[*m] = *w;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_refused_as_the_program_counts_them() {
        let refused = |inputs: Vec<usize>| Wiring::new(inputs, 7).unwrap_err().to_string();
        let message = refused(vec![0, 7]);
        assert!(message.contains("[0, 7], counted from 0") && message.contains("below 7"), "{message}");
        let message = refused(vec![3, 3]);
        assert!(message.contains("[3, 3], counted from 0") && message.contains("different"), "{message}");
        assert_eq!(Wiring::new(vec![1, 6], 7).unwrap().controls, [0, 2, 3, 4, 5]);
    }
}
