//! A ReLU network near a point, reduced to the units that switch there.
//!
//! Within a small box of parameters, most rectifiers (ReLU units) are either always on or always off. Those that are on
//! are linear, those that are off give zero; only the few of uncertain sign have to be computed individually, and
//! everything else combines into one affine function of the displacements and of their outputs. Bounds come from
//! interval arithmetic on these affine functions, so that a rectifier is left out only if it cannot switch anywhere in
//! the box.

use ndarray::{Array2, ArrayView2, ArrayViewMut1};

use crate::surrogate::NeuralSurrogate;

/// Relative margin added to the bounds for rounding.
const ROUNDING: f64 = 1e-12;

/// A ReLU network near a point.
#[derive(Clone, Debug)]
pub(crate) struct Kinks {
    centre_volt: Vec<f64>,
    /// Parameters that vary.
    moving: Vec<usize>,
    /// Rows of a constant, coefficients of the displacements and coefficients of the preceding kinks; the last row is
    /// the output.
    rows: Vec<(f64, Vec<f64>)>,
}

impl Kinks {
    /// Reduces `network`, which has rectifiers after every layer except the last; `None` if this needs more than `most`
    /// coefficients.
    pub(crate) fn of(network: &NeuralSurrogate, centre_volt: &[f64], reach_volt: &[f64], most: usize) -> Option<Self> {
        let moving: Vec<usize> = (0..centre_volt.len()).filter(|&m| reach_volt[m] > 0.0).collect();
        let mut bounds: Vec<(f64, f64)> = moving.iter().map(|&m| (-reach_volt[m], reach_volt[m])).collect();
        let mut rows: Vec<(f64, Vec<f64>)> = Vec::new();
        // activations as affine functions: constant, then displacements, then kinks
        let mut activations = Array2::zeros((centre_volt.len(), 1 + moving.len()));
        activations.column_mut(0).assign(&ndarray::aview1(centre_volt));
        for (k, &m) in moving.iter().enumerate() {
            activations[[m, 1 + k]] = 1.0;
        }
        let last = network.layers.len() - 1;
        for layer in &network.layers[..last] {
            let mut sums = layer.weight.dot(&activations);
            let mut constants = sums.column_mut(0);
            constants += &layer.bias;
            let mut kinks = Vec::new();
            for (unit, mut row) in sums.rows_mut().into_iter().enumerate() {
                let (mut low, mut high) = (row[0], row[0]);
                for (c, (a, b)) in row.iter().skip(1).zip(&bounds) {
                    low += (c * a).min(c * b);
                    high += (c * a).max(c * b);
                }
                let margin = ROUNDING * (low.abs() + high.abs());
                if high + margin <= 0.0 {
                    row.fill(0.0);
                } else if low - margin < 0.0 {
                    kinks.push((unit, high + margin));
                }
            }
            let width = sums.ncols();
            let mut next = Array2::zeros((sums.nrows(), width + kinks.len()));
            next.slice_mut(ndarray::s![.., ..width]).assign(&sums);
            for (k, (unit, high)) in kinks.into_iter().enumerate() {
                rows.push((sums[[unit, 0]], sums.row(unit).iter().skip(1).copied().collect()));
                next.row_mut(unit).fill(0.0);
                next[[unit, width + k]] = 1.0;
                bounds.push((0.0, high));
            }
            activations = next;
            if rows.iter().map(|(_, c)| c.len()).sum::<usize>() > most {
                return None;
            }
        }
        let output = network.layers[last].weight.dot(&activations) * network.output_scale_na;
        let constant = output[[0, 0]] + network.layers[last].bias[0] * network.output_scale_na;
        rows.push((constant, output.row(0).iter().skip(1).copied().collect()));
        Some(Self { centre_volt: centre_volt.to_vec(), moving, rows })
    }
}

impl Kinks {
    /// Currents \[nA\] at points within the box.
    pub(crate) fn evaluate(&self, points_volt: ArrayView2<f64>, currents_na: ArrayViewMut1<f64>) {
        let mut known = vec![0.0; self.moving.len() + self.rows.len() - 1];
        for (point, out) in points_volt.rows().into_iter().zip(currents_na) {
            for (x, &m) in known.iter_mut().zip(&self.moving) {
                *x = point[m] - self.centre_volt[m];
            }
            for (k, (constant, coefficients)) in self.rows.iter().enumerate() {
                let sum = constant + coefficients.iter().zip(&known).map(|(c, x)| c * x).sum::<f64>();
                match known.get_mut(self.moving.len() + k) {
                    Some(kink) => *kink = sum.max(0.0),
                    None => *out = sum,
                }
            }
        }
    }
}
