//! Losses of measured currents, with their exact derivatives with respect to each current.

use crate::error::TrainingError;

/// What training makes small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// E = (1 − ρ)/σ((y_sep − offset)/scale): ρ is Pearson's correlation of currents and classes, y_sep the lowest current
    /// of class 1 minus the highest of class 0, σ the logistic function (B25, Methods, with a scale of 1 nA and no offset;
    /// brains-py's `corrsig` has 3 and 5, and 1.1 in place of 1).
    ///
    /// Where all patterns are of one class, ρ is undefined. Then E = ln(1 + exp(−d)), d the distance \[scale\] of the worst
    /// pattern from `threshold_na`, to the right side: above for class 1, below for class 0.
    CorrelationOverSeparation {
        /// Scale of the separation \[nA\].
        scale_na: f64,
        /// Separation at which the logistic function is one half \[nA\].
        offset_na: f64,
        /// On which side of this current a single class has to be \[nA\].
        threshold_na: f64,
    },
    /// Mean of (I − target)², targets in nA \[nA²\].
    MeanSquare,
    /// (s₀² + s₁²)/(μ₁ − μ₀)²: variances within the classes over the squared distance of their means, the inverse of
    /// Fisher's criterion. It does not tell which class lies above.
    Fisher,
    /// Mean cross-entropy of p = σ(a (I − m)/s + b), m and s mean and standard deviation of the currents, with the a ≥ 0 and
    /// b that make it smallest; `penalty` · (a² + b²)/2 keeps a finite for separable classes.
    CrossEntropy {
        /// Weight of (a² + b²)/2.
        penalty: f64,
    },
}

/// A loss and its derivative with respect to each current.
#[derive(Clone, Debug, PartialEq)]
pub struct LossValue {
    /// The loss.
    pub value: f64,
    /// ∂E/∂I \[1/nA\], one for each pattern.
    pub derivative_per_na: Vec<f64>,
}

/// Whether a target means class 1.
#[must_use]
pub fn is_one(target: f64) -> bool {
    target > 0.5
}

fn logistic(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// ln(1 + eˣ).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Loss {
    /// Refuses scales and penalties that make no sense.
    ///
    /// # Errors
    /// If one is not positive.
    pub fn checked(self) -> Result<Self, TrainingError> {
        let (key, found) = match self {
            Self::CorrelationOverSeparation { scale_na, .. } => ("training.loss.scale_na", scale_na),
            Self::CrossEntropy { penalty } => ("training.loss.penalty", penalty),
            Self::MeanSquare | Self::Fisher => return Ok(self),
        };
        if found > 0.0 && found.is_finite() {
            return Ok(self);
        }
        Err(TrainingError::setting(key, found, "must be a positive number"))
    }

    /// Where all `targets` are of one class: the current on whose right side they shall be \[nA\].
    #[must_use]
    pub fn single_class_threshold_na(&self, targets: &[f64]) -> Option<f64> {
        match *self {
            Self::CorrelationOverSeparation { threshold_na, .. }
                if targets.iter().all(|t| is_one(*t) == is_one(targets[0])) =>
            {
                Some(threshold_na)
            }
            _ => None,
        }
    }

    /// The loss of `currents_na`, one for each pattern, whose targets are `targets` (classes 0 and 1, or nA for
    /// [`Loss::MeanSquare`]).
    ///
    /// # Panics
    /// If there are not as many targets as currents.
    #[must_use]
    pub fn of(&self, currents_na: &[f64], targets: &[f64]) -> LossValue {
        assert_eq!(currents_na.len(), targets.len(), "a target for each current");
        match *self {
            Self::CorrelationOverSeparation { scale_na, offset_na, threshold_na } => {
                if targets.iter().all(|t| is_one(*t) == is_one(targets[0])) {
                    one_class(currents_na, is_one(targets[0]), threshold_na, scale_na)
                } else {
                    correlation_over_separation(currents_na, targets, scale_na, offset_na)
                }
            }
            Self::MeanSquare => mean_square(currents_na, targets),
            Self::Fisher => fisher(currents_na, targets),
            Self::CrossEntropy { penalty } => cross_entropy(currents_na, targets, penalty),
        }
    }
}

/// Index of the pattern for which `key` is smallest.
fn least(patterns: impl Iterator<Item = usize>, key: impl Fn(usize) -> f64) -> usize {
    patterns.min_by(|a, b| key(*a).total_cmp(&key(*b))).expect("a class is not empty")
}

fn one_class(currents: &[f64], class: bool, threshold: f64, scale: f64) -> LossValue {
    let sign = if class { 1.0 } else { -1.0 };
    let distance = |p: usize| sign * (currents[p] - threshold) / scale;
    let worst = least(0..currents.len(), distance);
    let d = distance(worst);
    let mut derivative_per_na = vec![0.0; currents.len()];
    derivative_per_na[worst] = -logistic(-d) * sign / scale;
    LossValue { value: softplus(-d), derivative_per_na }
}

fn correlation_over_separation(currents: &[f64], targets: &[f64], scale: f64, offset: f64) -> LossValue {
    let n = currents.len() as f64;
    let class: Vec<f64> = targets.iter().map(|t| f64::from(u8::from(is_one(*t)))).collect();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let (mean_y, mean_t) = (mean(currents), mean(&class));
    let y: Vec<f64> = currents.iter().map(|x| x - mean_y).collect();
    let t: Vec<f64> = class.iter().map(|x| x - mean_t).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (yy, tt, yt) = (dot(&y, &y), dot(&t, &t), dot(&y, &t));
    // equal currents are not correlated with anything
    let (rho, norm) = if yy > 0.0 { (yt / (yy * tt).sqrt(), (yy * tt).sqrt()) } else { (0.0, f64::INFINITY) };
    let lowest = least((0..y.len()).filter(|&p| is_one(targets[p])), |p| currents[p]);
    let highest = least((0..y.len()).filter(|&p| !is_one(targets[p])), |p| -currents[p]);
    let s = (currents[lowest] - currents[highest] - offset) / scale;
    // 1/σ(s) = 1 + exp(−s)
    let inverse = 1.0 + (-s).exp();
    let slope = if yy > 0.0 { rho / yy } else { 0.0 };
    let mut derivative_per_na: Vec<f64> = y.iter().zip(&t).map(|(y, t)| -(t / norm - slope * y) * inverse).collect();
    let by_separation = -(1.0 - rho) * (-s).exp() / scale;
    derivative_per_na[lowest] += by_separation;
    derivative_per_na[highest] -= by_separation;
    LossValue { value: (1.0 - rho) * inverse, derivative_per_na }
}

fn mean_square(currents: &[f64], targets: &[f64]) -> LossValue {
    let n = currents.len() as f64;
    let error = || currents.iter().zip(targets).map(|(y, t)| y - t);
    LossValue {
        value: error().map(|e| e * e).sum::<f64>() / n,
        derivative_per_na: error().map(|e| 2.0 * e / n).collect(),
    }
}

/// Distance of means below which they are taken for equal \[nA\]: its third power is still a number.
const SMALLEST_DISTANCE: f64 = 1e-100;

fn fisher(currents: &[f64], targets: &[f64]) -> LossValue {
    let count = |one: bool| targets.iter().filter(|t| is_one(**t) == one).count().max(1) as f64;
    let members = |one: bool| currents.iter().zip(targets).filter(move |(_, t)| is_one(**t) == one).map(|(y, _)| *y);
    let mean = [members(false).sum::<f64>() / count(false), members(true).sum::<f64>() / count(true)];
    let variance = |one: bool| members(one).map(|y| (y - mean[usize::from(one)]).powi(2)).sum::<f64>() / count(one);
    let within = variance(false) + variance(true);
    let distance = mean[1] - mean[0];
    let distance = if distance.abs() < SMALLEST_DISTANCE { SMALLEST_DISTANCE } else { distance };
    let square = distance * distance;
    let derivative_per_na = currents
        .iter()
        .zip(targets)
        .map(|(y, t)| {
            let one = is_one(*t);
            let sign = if one { 1.0 } else { -1.0 };
            2.0 * (y - mean[usize::from(one)]) / count(one) / square
                - 2.0 * within / (square * distance) * sign / count(one)
        })
        .collect();
    LossValue { value: within / square, derivative_per_na }
}

/// Steps of Newton's method; it converges in a handful.
const MOST_STEPS: usize = 100;

fn cross_entropy(currents: &[f64], targets: &[f64], penalty: f64) -> LossValue {
    let n = currents.len() as f64;
    let mean = currents.iter().sum::<f64>() / n;
    let spread = (currents.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt().max(f64::MIN_POSITIVE.sqrt());
    let x: Vec<f64> = currents.iter().map(|y| (y - mean) / spread).collect();
    let class: Vec<f64> = targets.iter().map(|t| f64::from(u8::from(is_one(*t)))).collect();
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
                let determinant = haa * hbb - hab * hab;
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
    // at the minimum, a and b do not contribute; what is left goes through x, its mean and its spread
    let by_x: Vec<f64> = x.iter().zip(&class).map(|(x, t)| (logistic(a * x + b) - t) * a / n).collect();
    let sum: f64 = by_x.iter().sum();
    let along: f64 = by_x.iter().zip(&x).map(|(g, x)| g * x).sum();
    let derivative_per_na = by_x.iter().zip(&x).map(|(g, x)| (g - sum / n - x * along / n) / spread).collect();
    LossValue { value: value(a, b), derivative_per_na }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENTS: [f64; 6] = [0.3, -1.2, 2.5, 0.9, -0.4, 1.7];
    const TARGETS: [f64; 6] = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0];

    fn losses() -> [Loss; 5] {
        [
            Loss::CorrelationOverSeparation { scale_na: 1.0, offset_na: 0.0, threshold_na: 0.0 },
            Loss::CorrelationOverSeparation { scale_na: 3.0, offset_na: 5.0, threshold_na: 0.0 },
            Loss::MeanSquare,
            Loss::Fisher,
            Loss::CrossEntropy { penalty: 1e-2 },
        ]
    }

    #[test]
    fn derivatives_equal_differences() {
        let mixed = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        for loss in losses() {
            for targets in [TARGETS, mixed, [1.0; 6], [0.0; 6]] {
                let one_class = targets.iter().all(|t| (t - targets[0]).abs() < 0.5);
                if one_class && matches!(loss, Loss::Fisher | Loss::CrossEntropy { .. }) {
                    continue;
                }
                let exact = loss.of(&CURRENTS, &targets);
                let scale = exact.derivative_per_na.iter().fold(1e-3_f64, |a, d| a.max(d.abs()));
                for p in 0..6 {
                    // a fourth-order difference: its own error is below 1e-11 here
                    let step = 1e-3;
                    let at = |k: f64| {
                        let mut moved = CURRENTS;
                        moved[p] += k * step;
                        loss.of(&moved, &targets).value
                    };
                    let difference = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step);
                    let found = exact.derivative_per_na[p];
                    assert!((found - difference).abs() < 1e-7 * scale, "{loss:?} {p}: {found} {difference}");
                }
            }
        }
    }

    #[test]
    fn the_published_loss_of_known_currents() {
        // two and two: ρ = 1, so E = 0 however small the separation
        let loss = losses()[0];
        assert!(loss.of(&[0.0, 0.1, 0.1, 0.0], &[0.0, 1.0, 1.0, 0.0]).value.abs() < 1e-12);
        // ρ = −1 and y_sep = −1: E = 2 (1 + e)
        let wrong = loss.of(&[1.0, 0.0, 0.0, 1.0], &[0.0, 1.0, 1.0, 0.0]).value;
        assert!((wrong - 2.0 * (1.0 + 1.0_f64.exp())).abs() < 1e-12);
        // a single class: ln(1 + e⁻³) for a worst pattern 3 nA above the threshold
        let single = loss.of(&[3.0, 8.0], &[1.0, 1.0]).value;
        assert!((single - (-3.0_f64).exp().ln_1p()).abs() < 1e-12);
    }

    #[test]
    fn equal_currents_are_no_trouble() {
        for loss in losses() {
            let flat = loss.of(&[1.0; 4], &[0.0, 1.0, 1.0, 0.0]);
            assert!(!flat.value.is_nan() && flat.derivative_per_na.iter().all(|d| !d.is_nan()), "{loss:?} {flat:?}");
        }
    }
}
