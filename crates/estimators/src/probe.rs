//! A scheme that is prepared once and then used as often as needed: what it adds to the parameters, with which weights the
//! output is read, and how readings become derivatives. [`Experiment`](crate::Experiment) measures one gradient with it again
//! and again; a training run measures the gradient at each of its patterns.

use device::{Device, DeviceError};
use ndarray::{Array2, ArrayView2, Axis};
use rand::Rng;

use crate::scheme::Scheme;

/// A scheme with its weights.
#[derive(Clone, Debug)]
pub struct Probe {
    scheme: Scheme,
    weights: Vec<Vec<f64>>,
}

impl Probe {
    /// Prepares a scheme.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        let weights = match &scheme {
            Scheme::Fixed(m) => (0..m.records.len()).map(|record| m.weights(record)).collect(),
            Scheme::Random(m) => vec![m.weights()],
        };
        Self { scheme, weights }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Weights of a record, readings × samples, row by row.
    #[must_use]
    pub fn weights(&self, record: usize) -> &[f64] {
        &self.weights[record]
    }

    /// Numbers that are read from a record.
    #[must_use]
    pub fn readings(&self, record: usize) -> usize {
        match &self.scheme {
            Scheme::Fixed(m) => m.records[record].channels.len(),
            Scheme::Random(m) => m.blocks.len(),
        }
    }

    /// Draws the directions of one estimate; none where the perturbation is the same every time.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Vec<f64> {
        match &self.scheme {
            Scheme::Fixed(_) => Vec::new(),
            Scheme::Random(m) => m.draw(rng),
        }
    }

    /// Perturbation asked for in a record along the directions that were drawn, with steps and onsets spread over `ramp_s`;
    /// shape (samples, parameters) \[V\].
    #[must_use]
    pub fn perturbation_volt(&self, record: usize, directions: &[f64], ramp_s: f64) -> Array2<f64> {
        match &self.scheme {
            Scheme::Fixed(m) => m.perturbation_volt(record, ramp_s),
            Scheme::Random(m) => m.perturbation_volt(directions, ramp_s),
        }
    }

    /// Turns the readings of a record into those derivatives that it measures \[nA/V, nA/V²\]; the others stay.
    pub fn combine(&self, record: usize, readings: &[f64], directions: &[f64], derivatives: &mut [f64]) {
        match &self.scheme {
            Scheme::Fixed(m) => m.combine(record, readings, derivatives),
            Scheme::Random(m) => m.combine(readings, directions, derivatives),
        }
    }
}

/// Runs of equal rows: levels that are held need to be computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// First row of each run.
    pub first_row: Vec<usize>,
    /// The run in which each row lies.
    pub of_row: Vec<usize>,
}

impl Runs {
    /// Of rows, each compared with the one before.
    #[must_use]
    pub fn of(rows: ArrayView2<f64>) -> Self {
        let mut runs = Self { first_row: Vec::new(), of_row: Vec::with_capacity(rows.nrows()) };
        for (n, row) in rows.rows().into_iter().enumerate() {
            if n == 0 || row != rows.row(n - 1) {
                runs.first_row.push(n);
            }
            runs.of_row.push(runs.first_row.len() - 1);
        }
        runs
    }
}

/// Currents of a device at each row of parameters \[nA\]; rows equal to the one before are not computed again.
///
/// # Errors
/// If the device cannot be evaluated.
pub fn held_currents_na(device: &dyn Device, parameters_volt: ArrayView2<f64>) -> Result<Vec<f64>, DeviceError> {
    let runs = Runs::of(parameters_volt);
    let distinct = parameters_volt.select(Axis(0), &runs.first_row);
    let currents = device::currents_na(device, distinct.view())?;
    Ok(runs.of_row.into_iter().map(|run| currents[run]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Spsa;
    use rand::SeedableRng;
    use settings::PerParameter;

    #[test]
    fn rows_that_repeat_the_one_before_are_one_run() {
        let rows = ndarray::array![[1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [1.0, 2.0]];
        assert_eq!(Runs::of(rows.view()), Runs { first_row: vec![0, 2, 3], of_row: vec![0, 0, 1, 2] });
    }

    /// The perturbation of drawn directions holds each level for its window, and a ramp only smooths its steps.
    #[test]
    fn directions_are_held_window_by_window() {
        let amplitude_volt = PerParameter::Each(vec![0.01, 0.02]);
        let spsa = Spsa { amplitude_volt, directions: 2, ..Spsa::new(1000.0, 0.08, 0.01) };
        let probe = Probe::new(Scheme::Random(spsa.build(2).unwrap()));
        let directions = probe.draw(&mut rand_pcg::Pcg64::seed_from_u64(3));
        assert_eq!(directions.len(), 4);
        let sharp = probe.perturbation_volt(0, &directions, 0.0);
        let ramped = probe.perturbation_volt(0, &directions, 0.005);
        for n in 0..80 {
            let (block, level) = (n / 40, if n / 20 % 2 == 0 { -1.0 } else { 1.0 });
            for (m, step) in [0.01, 0.02].into_iter().enumerate() {
                let expected = level * step * directions[2 * block + m];
                assert!((sharp[[n, m]] - expected).abs() < 1e-15);
                // settled after the ramp of five samples
                assert!(n % 20 < 5 || (ramped[[n, m]] - expected).abs() < 1e-15);
            }
        }
    }
}
