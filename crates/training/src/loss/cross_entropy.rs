//! Cross-entropy of the optimal linear read-out.

use super::{LossValue, logistic, softplus};
use crate::threshold::all_equal;

/// Steps of Newton's method; it converges in a handful.
const MOST_STEPS: usize = 100;

pub(super) fn loss(currents: &[f64], classes: &[bool], penalty: f64) -> LossValue {
    let n = currents.len() as f64;
    let mean = currents.iter().sum::<f64>() / n;
    // for equal currents, only the fraction of each class is known, and the derivative is zero
    let equal = all_equal(currents);
    let spread = if equal { 1.0 } else { (currents.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt() };
    let x: Vec<f64> = currents.iter().map(|y| if equal { 0.0 } else { (y - mean) / spread }).collect();
    let class: Vec<f64> = classes.iter().map(|one| f64::from(u8::from(*one))).collect();
    let value = |a: f64, b: f64| {
        let terms = x.iter().zip(&class).map(|(x, t)| softplus(a * x + b) - t * (a * x + b));
        terms.sum::<f64>() / n + 0.5 * penalty * (a * a + b * b)
    };
    let minimum = |fixed_a: Option<f64>| {
        let (mut a, mut b) = (fixed_a.unwrap_or(0.0), 0.0);
        for _ in 0..MOST_STEPS {
            let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (penalty * a, penalty * b, penalty, 0.0, penalty);
            for (x, t) in x.iter().zip(&class) {
                let p = logistic(a * x + b);
                let (e, w) = ((p - t) / n, p * (1.0 - p) / n);
                ga += e * x;
                gb += e;
                haa += w * x * x;
                hab += w * x;
                hbb += w;
            }
            let (da, db) = if fixed_a.is_some() {
                (0.0, -gb / hbb)
            } else {
                // lower bound: rounding must not go below it
                let determinant = (haa * hbb - hab * hab).max(penalty * penalty);
                ((hab * gb - hbb * ga) / determinant, (hab * ga - haa * gb) / determinant)
            };
            let here = value(a, b);
            let mut step = 1.0;
            while step > 1e-10 && value(a + step * da, b + step * db) > here {
                step *= 0.5;
            }
            (a, b) = (a + step * da, b + step * db);
            if da.abs() + db.abs() < 1e-13 * (1.0 + a.abs() + b.abs()) {
                break;
            }
        }
        (a, b)
    };
    let (mut a, mut b) = minimum(None);
    if a < 0.0 {
        (a, b) = minimum(Some(0.0));
    }
    // at the minimum, a and b do not contribute; the derivative acts through x, its mean and its spread
    let by_x: Vec<f64> = x.iter().zip(&class).map(|(x, t)| (logistic(a * x + b) - t) * a / n).collect();
    let sum: f64 = by_x.iter().sum();
    let along: f64 = by_x.iter().zip(&x).map(|(g, x)| g * x).sum();
    let derivative_per_na = by_x.iter().zip(&x).map(|(g, x)| (g - sum / n - x * along / n) / spread).collect();
    LossValue { value: value(a, b), derivative_per_na }
}
