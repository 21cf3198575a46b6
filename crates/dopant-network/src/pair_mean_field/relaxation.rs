//! Iteration to the fixed point: Newton's method in pseudo-time.

use faer::Mat;
use faer::linalg::solvers::Solve;

use super::closure::{Closure, Equations};
use crate::error::NetworkError;
use crate::mean_field::largest;

/// Largest number of steps.
const MOST_STEPS: usize = 200;
/// Rate of change of a probability, as a fraction of its gross rate, at which the iteration ends.
const SETTLED: f64 = 1e-13;
/// Newton step (kT, or probability) at which it ends, and the pseudo-time from which steps are Newton's.
const SETTLED_STEP: f64 = 1e-9;
const LONG_TIME: f64 = 1e8;
/// First, shortest and longest step in pseudo-time.
const FIRST_TIME: f64 = 1e-1;
const SHORTEST_TIME: f64 = 1e-8;
const LONGEST_TIME: f64 = 1e14;
/// Largest change of an energy \[kT\] and of a probability in one step.
const LONGEST_STEPS: [f64; 2] = [2.0, 0.2];
/// Gross rates below this are not resolved \[ν₀\].
const LEAST_RATE: f64 = 1e-300;

pub(super) const NOT_SETTLED: NetworkError = NetworkError::NotSettled { what: "the mean field with pair correlations" };

impl Equations {
    fn scale(&self) -> Vec<f64> {
        self.gross.iter().map(|g| g.max(LEAST_RATE)).collect()
    }

    fn imbalance(&self) -> f64 {
        largest(self.off.iter().zip(self.scale()).map(|(x, s)| x / s))
    }

    /// Right-hand side of the linear equations of a step.
    fn right(&self, scale: &[f64]) -> Mat<f64> {
        Mat::from_fn(scale.len(), 1, |i, _| -self.off[i] / scale[i])
    }
}

/// The equations where they hold, and the number of steps: Newton's method in pseudo-time (Kelley and Keyes, SIAM J. Numer. Anal. 35, 508
/// (1998)). Besides the imbalance, the step that would follow with the same matrix tells how well one went (Deuflhard, Newton Methods for
/// Nonlinear Problems, Springer 2004, section 3.3): where holes hop to and fro often, the imbalance rises in good steps, too, since slow
/// processes are followed along a straight line.
pub(super) fn relaxed(closure: &Closure<'_>) -> Result<(Equations, usize), NetworkError> {
    let size = closure.unknowns;
    let limit = |i: usize| LONGEST_STEPS[usize::from(!closure.is_energy(i))];
    let length = |change: &Mat<f64>| largest((0..size).map(|i| change[(i, 0)] / limit(i)));
    let mut x = closure.start();
    let mut now = closure.at(&x);
    let mut pseudo_time = FIRST_TIME;
    for steps in 0..MOST_STEPS {
        if now.imbalance() < SETTLED {
            return Ok((now, steps));
        }
        let scale = now.scale();
        let unit = |i, k| f64::from(u8::from(i == k));
        let matrix = Mat::from_fn(size, size, |i, k| now.jacobian[(i, k)] / scale[i] + unit(i, k) / pseudo_time);
        let factors = matrix.partial_piv_lu();
        let change = factors.solve(&now.right(&scale));
        let before = length(&change);
        if before < SETTLED_STEP && pseudo_time >= LONG_TIME {
            return Ok((now, steps));
        }
        let shortened = 1.0 / before.max(1.0);
        let moved = |i: usize| x[i] + shortened * change[(i, 0)];
        let limited = |i: usize| if closure.is_energy(i) { moved(i) } else { moved(i).clamp(0.0, 1.0) };
        let trial: Vec<f64> = (0..size).map(limited).collect();
        let next = closure.at(&trial);
        let after = length(&factors.solve(&next.right(&scale)));
        let shrinking = (before / after).max(now.imbalance() / next.imbalance());
        if !before.is_finite() || shrinking.is_nan() || shrinking <= 0.5 {
            if pseudo_time < SHORTEST_TIME {
                break;
            }
            pseudo_time *= 0.3;
            continue;
        }
        pseudo_time = (pseudo_time * 1.1 * shrinking.clamp(0.5, 3.0)).min(LONGEST_TIME);
        (x, now) = (trial, next);
    }
    Err(NOT_SETTLED)
}
