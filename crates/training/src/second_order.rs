//! Second-order simultaneous perturbation of the loss, 2-SPSA (Spall, IEEE Trans. Autom. Control 45, 1839 (2000)): four
//! losses per iteration, independent of the number of controls, give the gradient and an estimate of the Hessian.
//!
//! ```text
//! g  = (E(w + cΔ) − E(w − cΔ)) / 2c · Δ
//! D  = ((E(w + cΔ + c̃Δ̃) − E(w + cΔ)) − (E(w − cΔ + c̃Δ̃) − E(w − cΔ))) / (2c c̃)
//! Ĥ  = D/2 (Δ̃ Δᵀ + Δ Δ̃ᵀ)
//! H̄_k = k/(k + 1) H̄_(k−1) + 1/(k + 1) Ĥ_k
//! w  ← w − a_k f(H̄_k)⁻¹ g
//! ```
//!
//! Δ and Δ̃ are independent, each component ±1. For a quadratic loss the mean of Ĥ is the Hessian, for any c and c̃. f
//! makes it positive definite: (H̄² + δ²)^½, each eigenvalue λ replaced by √(λ² + δ²). Spall's δ is small and falls to
//! zero; here it is [`SecondOrder::floor`] times the root mean square of all eigenvalues, because H̄ is of rank 2k
//! while k is small, and a small δ would allow steps of any length along directions of still unknown curvature. No
//! control moves by more than [`MOST_MOVE`] of its range in one iteration: longer steps are shortened as a whole,
//! whereas Spall proposes to skip them.

use faer::{Mat, Side};
use ndarray::Array2;
use rand::Rng;
use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::error::TrainingError;
use crate::finite;
use crate::gains::{GainRule, Gains, loss_at, signs, within};
use crate::optimiser::{Optimiser, OptimiserKind, Surroundings};
use crate::session::Session;
use crate::update::clip;

/// Largest move of a control in one iteration, as a fraction of its range.
pub const MOST_MOVE: f64 = 0.1;
/// Largest number of controls: each iteration diagonalises a matrix of this size.
pub const MOST_CONTROLS: usize = 1000;

/// Second-order simultaneous perturbation, 2-SPSA (Spall 2000), four losses per iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecondOrderSettings {
    /// How `step_volt` and `gain` are chosen if not given. `gain`: 1 as published, or tuned such that the first step is
    /// Newton's divided by the number of controls.
    pub gains: GainRule,
    /// a of the gains a/(k + 1 + A)^α, dimensionless: a gain of 1 is a full Newton step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// c of the steps c/(k + 1)^γ (V).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_volt: Option<f64>,
    /// c̃/c, 0.01 to 100.
    pub second_step_ratio: f64,
    /// δ of (H² + δ²)^½, as a fraction of the root mean square of the eigenvalues of H, 10⁻⁶ to 10.
    pub floor: f64,
    /// α, 0 to 1.
    pub gain_exponent: f64,
    /// γ, 0 to 1.
    pub step_exponent: f64,
}

impl Default for SecondOrderSettings {
    fn default() -> Self {
        let SecondOrder { gains, second_step_ratio, floor } = SecondOrder::default();
        let Gains { gain, step_volt, gain_exponent, step_exponent, .. } = gains;
        let gains = GainRule::default();
        Self { gains, gain, step_volt, second_step_ratio, floor, gain_exponent, step_exponent }
    }
}

impl OptimiserKind for SecondOrderSettings {
    fn build(&self, around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError> {
        let controls = around.controls;
        if controls > MOST_CONTROLS {
            let message =
                format!("found \"second-order-spsa\" for {controls} controls: at most {MOST_CONTROLS} are allowed");
            return Err(SettingError::new("kind", message));
        }
        let Self { gains: rule, gain, step_volt, second_step_ratio, floor, gain_exponent, step_exponent } = *self;
        Ok(Box::new(SecondOrder {
            gains: Gains { rule, gain, step_volt, gain_exponent, step_exponent }.checked()?,
            second_step_ratio: within("second_step_ratio", second_step_ratio, 0.01, 100.0)?,
            floor: within("floor", floor, 1e-6, 10.0)?,
        }))
    }
}

/// 2-SPSA on the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SecondOrder {
    /// How c is chosen, and how a_k and c_k decrease. Here a is dimensionless: a_k = 1 is a full Newton step. The
    /// default is 1 by the published rule, which is best asymptotically. By the tuned rule a_0 is the reciprocal of the
    /// number of controls M: with the Hessian known and without noise, a step along a random direction changes the mean
    /// squared distance from the minimum by a factor of 1 − 2a + M a², smallest for a = 1/M, and steps beyond 2/M
    /// diverge.
    pub gains: Gains,
    /// c̃ over c.
    pub second_step_ratio: f64,
    /// δ as a fraction of the root mean square of the eigenvalues of H̄.
    pub floor: f64,
}

impl Default for SecondOrder {
    fn default() -> Self {
        Self { gains: Gains::default(), second_step_ratio: 1.0, floor: 0.1 }
    }
}

/// Result of four losses.
pub(crate) struct Estimate {
    /// The lowest of them.
    pub(crate) loss: f64,
    /// Gradient \[1/V\].
    pub(crate) gradient: Vec<f64>,
    /// D \[1/V²\].
    pub(crate) curvature: f64,
    /// Δ and Δ̃.
    pub(crate) directions: [Vec<f64>; 2],
}

impl Estimate {
    /// Measures at `controls_volt`, with the steps c and c̃ \[V\].
    pub(crate) fn measure<R: Rng + ?Sized>(
        session: &mut Session<'_>,
        controls_volt: &[f64],
        [c, second]: [f64; 2],
        rng: &mut R,
    ) -> Result<Self, TrainingError> {
        let directions = [signs(controls_volt.len(), rng), signs(controls_volt.len(), rng)];
        let [first, other] = &directions;
        let above = loss_at(session, controls_volt, &[(c, first)], rng)?;
        let below = loss_at(session, controls_volt, &[(-c, first)], rng)?;
        let above_moved = loss_at(session, controls_volt, &[(c, first), (second, other)], rng)?;
        let below_moved = loss_at(session, controls_volt, &[(-c, first), (second, other)], rng)?;
        let slope = (above - below) / (2.0 * c);
        Ok(Self {
            loss: above.min(below).min(above_moved).min(below_moved),
            gradient: first.iter().map(|d| slope * d).collect(),
            curvature: ((above_moved - above) - (below_moved - below)) / (2.0 * c * second),
            directions,
        })
    }

    /// Ĥ, element by element.
    pub(crate) fn hessian(&self, m: usize, n: usize) -> f64 {
        let [first, other] = &self.directions;
        0.5 * self.curvature * (other[m] * first[n] + first[m] * other[n])
    }
}

/// (H² + δ²)^(−½) g.
///
/// # Errors
/// If H holds a number that is not finite, from an overflow of the difference of losses.
fn newton_step(
    hessian: &Array2<f64>,
    gradient: &[f64],
    floor: f64,
    controls_volt: &[f64],
) -> Result<Vec<f64>, TrainingError> {
    let size = gradient.len();
    finite::check(hessian, |k| format!("element {k} of the estimate of the Hessian"), |_| controls_volt.to_vec())?;
    let matrix = Mat::from_fn(size, size, |m, n| hessian[[m, n]]);
    let decomposed = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| TrainingError::Hessian)?;
    let (vectors, values) = (decomposed.U(), decomposed.S().column_vector());
    let square: f64 = values.iter().map(|v| v * v).sum();
    let delta = floor * (square / size as f64).sqrt();
    let mut step = vec![0.0; size];
    for (k, value) in values.iter().enumerate() {
        let stiffness = value.hypot(delta);
        // a loss without curvature so far gives no step length
        if stiffness > 0.0 {
            let along: f64 = gradient.iter().enumerate().map(|(m, g)| g * vectors[(m, k)]).sum();
            step.iter_mut().enumerate().for_each(|(m, s)| *s += along / stiffness * vectors[(m, k)]);
        }
    }
    Ok(step)
}

impl Optimiser for SecondOrder {
    /// Descends from random controls until the loss is low enough; restarts after the allowed number of iterations.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError> {
        let iterations = session.limits.max_iterations;
        while !session.is_over() {
            let mut controls = session.begin_attempt(rng)?;
            let a = self.gains.gain.unwrap_or_else(|| match self.gains.rule {
                GainRule::Spall => 1.0,
                GainRule::Tuned => 1.0 / (controls.len() as f64 * self.gains.gain_at(1.0, 0, iterations)),
            });
            let c = self.gains.step_volt(session, &controls, rng)?;
            let mut hessian = Array2::zeros((controls.len(), controls.len()));
            for k in 0..iterations {
                let step_volt = self.gains.step_at(c, k);
                let steps_volt = [step_volt, self.second_step_ratio * step_volt];
                let estimate = Estimate::measure(session, &controls, steps_volt, rng)?;
                session.note(estimate.loss);
                if session.is_over() {
                    break;
                }
                let weight = 1.0 / (k as f64 + 1.0);
                hessian.indexed_iter_mut().for_each(|((m, n), h)| *h += weight * (estimate.hessian(m, n) - *h));
                let mut step = newton_step(&hessian, &estimate.gradient, self.floor, &controls)?;
                let gain = self.gains.gain_at(a, k, iterations);
                step.iter_mut().for_each(|s| *s *= gain);
                shorten(&mut step, session.range_volt);
                controls.iter_mut().zip(&step).for_each(|(w, s)| *w -= s);
                clip(&mut controls, session.range_volt);
                session.arrive(&controls)?;
                if session.is_over() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Shortens a step \[V\] so that no control moves by more than [`MOST_MOVE`] of its range.
fn shorten(step_volt: &mut [f64], range_volt: &[(f64, f64)]) {
    let moves = step_volt.iter().zip(range_volt).map(|(s, (low, high))| s.abs() / (MOST_MOVE * (high - low)));
    let most = moves.fold(0.0_f64, f64::max);
    if most > 1.0 {
        step_volt.iter_mut().for_each(|s| *s /= most);
    }
}

#[cfg(test)]
mod tests;
