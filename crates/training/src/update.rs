//! Update rules of gradient descent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Update rule of gradient descent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateChoice {
    /// Plain gradient descent, as published.
    #[default]
    Plain,
    /// Momentum 0.9.
    Momentum,
    /// Adam with 0.9, 0.999 and 10⁻⁸; its learning rate is in V.
    Adam,
    /// Each step divided by 1 + η|∂²E/∂w²|: for `readout = "curvature"`, or for exact derivatives of a device with
    /// known second derivatives.
    Curvature,
}

impl UpdateChoice {
    pub(crate) fn update(self) -> Update {
        match self {
            Self::Plain => Update::Plain,
            Self::Momentum => Update::Momentum { momentum: 0.9 },
            Self::Adam => Update::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
            Self::Curvature => Update::Curvature,
        }
    }
}

/// An update rule. η is passed with each step, in V² for a dimensionless loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Update {
    /// w ← w − η g, as published.
    #[default]
    Plain,
    /// v ← μ v + g, w ← w − η v (Polyak 1964, in the form of PyTorch's SGD).
    Momentum {
        /// μ.
        momentum: f64,
    },
    /// Adam (Kingma & Ba 2015, Algorithm 1), η in V.
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Keeps the quotient finite \[1/V\].
        epsilon: f64,
    },
    /// w ← w − η g/(1 + η|h|), h the diagonal second derivatives of the loss: plain descent for small η|h|, Newton's
    /// method along each axis for large η|h|, but away from maxima and saddle points.
    Curvature,
}

/// Derivatives of the loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Slopes {
    /// ∂E/∂w \[1/V\].
    pub gradient_per_volt: Vec<f64>,
    /// ∂²E/∂w_m² \[1/V²\], if requested.
    pub curvature_per_volt2: Option<Vec<f64>>,
}

/// Running state of an update.
#[derive(Clone, Debug)]
pub struct UpdateState {
    update: Update,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

impl UpdateState {
    /// At rest, for `parameters` parameters.
    #[must_use]
    pub fn new(update: Update, parameters: usize) -> Self {
        Self { update, first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    /// Moves `controls_volt` against the gradient, with the learning rate `eta`.
    ///
    /// # Panics
    /// If the update needs the curvature and `slopes` holds none.
    pub fn step(&mut self, eta: f64, slopes: &Slopes, controls_volt: &mut [f64]) {
        let gradient_per_volt = &slopes.gradient_per_volt;
        self.steps = self.steps.saturating_add(1);
        match self.update {
            Update::Plain => {
                for (w, g) in controls_volt.iter_mut().zip(gradient_per_volt) {
                    *w -= eta * g;
                }
            }
            Update::Curvature => {
                let curvature = slopes.curvature_per_volt2.as_ref().expect("second derivatives for this update");
                for ((w, g), h) in controls_volt.iter_mut().zip(gradient_per_volt).zip(curvature) {
                    *w -= eta * g / (1.0 + eta * h.abs());
                }
            }
            Update::Momentum { momentum } => {
                for ((w, g), v) in controls_volt.iter_mut().zip(gradient_per_volt).zip(&mut self.first) {
                    *v = momentum * *v + g;
                    *w -= eta * *v;
                }
            }
            Update::Adam { beta1, beta2, epsilon } => {
                let (whole1, whole2) = (1.0 - beta1.powi(self.steps), 1.0 - beta2.powi(self.steps));
                let moments = self.first.iter_mut().zip(&mut self.second);
                for ((w, g), (m, v)) in controls_volt.iter_mut().zip(gradient_per_volt).zip(moments) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *w -= eta * (*m / whole1) / ((*v / whole2).sqrt() + epsilon);
                }
            }
        }
    }
}

/// Brings `controls_volt` back into their range, lowest and highest each.
pub fn clip(controls_volt: &mut [f64], range_volt: &[(f64, f64)]) {
    for (w, (low, high)) in controls_volt.iter_mut().zip(range_volt) {
        *w = w.clamp(*low, *high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_steps(update: Update) -> f64 {
        let mut state = UpdateState::new(update, 1);
        let mut w = [1.0];
        for g in [2.0, -1.0, 0.5] {
            let slopes = Slopes { gradient_per_volt: vec![g], curvature_per_volt2: Some(vec![-20.0]) };
            state.step(0.1, &slopes, &mut w);
        }
        w[0]
    }

    /// Calculated by hand; Adam agrees with torch.optim.Adam(lr=0.1) to single precision.
    #[test]
    fn steps_are_those_of_the_textbooks() {
        assert!((three_steps(Update::Plain) - 0.85).abs() < 1e-14);
        // a third of plain steps: 1 + 0.1 · 20 = 3, for either sign
        assert!((three_steps(Update::Curvature) - 0.95).abs() < 1e-14);
        // v = 2, 0.8, 1.22
        assert!((three_steps(Update::Momentum { momentum: 0.9 }) - (1.0 - 0.402)).abs() < 1e-14);
        let adam = three_steps(Update::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
        let expected = {
            let m: [f64; 3] = [0.2, 0.08, 0.122];
            let v: [f64; 3] = [0.004, 0.004_996, 0.005_241_004];
            let w1: [f64; 3] = [0.1, 0.19, 0.271];
            let w2: [f64; 3] = [0.001, 0.001_999, 0.002_997_001];
            1.0 - (0..3).map(|k| 0.1 * (m[k] / w1[k]) / ((v[k] / w2[k]).sqrt() + 1e-8)).sum::<f64>()
        };
        assert!((adam - expected).abs() < 1e-12, "{adam} {expected}");
    }

    #[test]
    fn clipping() {
        let mut w = [-2.0, 0.3, 9.0];
        clip(&mut w, &[(-1.0, 1.0), (-1.0, 1.0), (0.0, 0.5)]);
        assert!(w.iter().zip([-1.0, 0.3, 0.5]).all(|(a, b)| (a - b).abs() < 1e-15), "{w:?}");
    }
}
