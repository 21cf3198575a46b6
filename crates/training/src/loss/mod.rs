//! Losses of measured currents, with their exact derivatives with respect to each current.
//!
//! A loss and its derivatives are finite for all currents of a device: where the published expression diverges or is
//! 0/0, the type documents the replacement. Equal currents never have the lowest loss.

mod correlation;
mod cross_entropy;
mod fisher;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::error::TrainingError;
use crate::targets::Targets;

pub use correlation::STEEPEST;
pub use fisher::LARGEST_FISHER;

/// Separation of two classes of currents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Separation {
    /// The mean of class 1 minus the mean of class 0 ("the average separation between the high and low labelled data",
    /// B25, Methods).
    #[default]
    Mean,
    /// The lowest current of class 1 minus the highest of class 0 (brains-py's `corrsig`): every single pattern has to
    /// be right, so that a few wrong ones among hundreds dominate.
    Worst,
}

/// The settings of a kind of loss.
pub trait LossKind {
    /// The loss.
    ///
    /// # Errors
    /// Names the invalid field.
    fn build(&self) -> Result<Loss, SettingError>;
}

/// E = (1 − ρ)/σ((y_sep − offset)/scale).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelationLoss {
    /// Definition of y_sep, the separation of the classes.
    pub separation: Separation,
    /// Scale of the separation of the classes (nA).
    pub scale_na: f64,
    /// Separation at which the logistic function is one half (nA).
    pub offset_na: f64,
    /// Threshold if all patterns are of one class: class 1 has to lie above, class 0 below (nA).
    pub threshold_na: f64,
}

impl Default for CorrelationLoss {
    fn default() -> Self {
        Self { separation: Separation::Mean, scale_na: 1.0, offset_na: 0.0, threshold_na: 0.0 }
    }
}

impl LossKind for CorrelationLoss {
    fn build(&self) -> Result<Loss, SettingError> {
        Ok(Loss::CorrelationOverSeparation {
            separation: self.separation,
            scale_na: self.scale_na,
            offset_na: self.offset_na,
            threshold_na: self.threshold_na,
        }
        .checked()?)
    }
}

/// Cross-entropy of a linear read-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrossEntropyLoss {
    /// Weight of the squared coefficients of the read-out.
    pub penalty: f64,
}

impl Default for CrossEntropyLoss {
    fn default() -> Self {
        Self { penalty: 1e-3 }
    }
}

impl LossKind for CrossEntropyLoss {
    fn build(&self) -> Result<Loss, SettingError> {
        Ok(Loss::CrossEntropy { penalty: self.penalty }.checked()?)
    }
}

/// Mean squared error of the currents (nA²).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanSquareLoss {}

impl LossKind for MeanSquareLoss {
    fn build(&self) -> Result<Loss, SettingError> {
        Ok(Loss::MeanSquare.checked()?)
    }
}

/// Variance within the classes over the squared distance of their means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FisherLoss {}

impl LossKind for FisherLoss {
    fn build(&self) -> Result<Loss, SettingError> {
        Ok(Loss::Fisher.checked()?)
    }
}

/// The quantity that training minimises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// E = (1 − ρ)/σ((y_sep − offset)/scale): ρ is Pearson's correlation of currents and classes, y_sep their
    /// [`Separation`], σ the logistic function (B25, Methods, with the mean separation, a scale of 1 nA and no offset;
    /// brains-py's `corrsig` has the worst, 3 and 5, and 1.1 in place of 1).
    ///
    /// 1/σ(s) = 1 + e⁻ˢ is exact down to s = −[`STEEPEST`] and replaced by its tangent below, so that classes far on
    /// the wrong sides still have a finite loss and slope. For equal currents the correlation is undefined: ρ is set to
    /// −1 and its slope to 0.
    ///
    /// If all patterns are of one class, ρ is undefined. Then E = ln(1 + exp(−d)), d the distance of the worst pattern
    /// from `threshold_na` in units of the scale, positive on the right side: above for class 1, below for class 0.
    CorrelationOverSeparation {
        /// y_sep.
        separation: Separation,
        /// Scale of the separation \[nA\].
        scale_na: f64,
        /// Separation at which the logistic function is one half \[nA\].
        offset_na: f64,
        /// Threshold of a single class \[nA\].
        threshold_na: f64,
    },
    /// Mean of (I − target)², targets in nA \[nA²\].
    MeanSquare,
    /// (s₀² + s₁²)/(μ₁ − μ₀)²: variances within the classes over the squared distance of their means, the inverse of
    /// Fisher's criterion; at most [`LARGEST_FISHER`], which equal currents have. It does not distinguish which class
    /// lies above.
    Fisher,
    /// Mean cross-entropy of p = σ(a (I − m)/s + b), m and s mean and standard deviation of the currents, with the a ≥
    /// 0 and b that minimise it; `penalty` · (a² + b²)/2 keeps a finite for separable classes. Equal currents have a =
    /// 0.
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

/// Lowest and highest scale of a separation \[nA\]; the latter also limits its offset and the threshold \[nA\].
const SCALES_NA: (f64, f64) = (1e-12, 1e9);
/// Smallest and largest penalty of the cross-entropy.
const PENALTIES: (f64, f64) = (1e-12, 1e6);

fn logistic(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// ln(1 + eˣ).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Loss {
    /// Refuses scales and penalties out of range.
    ///
    /// # Errors
    /// If one is out of its range.
    pub fn checked(self) -> Result<Self, TrainingError> {
        let within = |key, found: f64, low: f64, high: f64| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(TrainingError::setting(key, found, format!("must be a number from {low:e} to {high:e}")))
        };
        let (least, most) = SCALES_NA;
        match self {
            Self::CorrelationOverSeparation { scale_na, offset_na, threshold_na, .. } => {
                within("scale_na", scale_na, least, most)?;
                within("offset_na", offset_na, -most, most)?;
                within("threshold_na", threshold_na, -most, most)?;
            }
            Self::CrossEntropy { penalty } => within("penalty", penalty, PENALTIES.0, PENALTIES.1)?,
            Self::MeanSquare | Self::Fisher => {}
        }
        Ok(self)
    }

    /// Whether it compares classes instead of currents with targets in nA.
    #[must_use]
    pub fn needs_classes(&self) -> bool {
        !matches!(self, Self::MeanSquare)
    }

    /// Refuses targets for which the loss is undefined.
    ///
    /// # Errors
    /// If it needs classes and there are none, or needs two and there is one.
    pub fn check_targets(&self, targets: &Targets) -> Result<(), TrainingError> {
        let refuse = |found: &str, allowed: &str| Err(TrainingError::setting("kind", found, allowed.to_owned()));
        if self.needs_classes() && targets.classes().is_none() {
            return refuse("targets that are not classes", "this loss compares two classes: use \"mean-square\"");
        }
        if matches!(self, Self::Fisher | Self::CrossEntropy { .. }) && targets.single_class().is_some() {
            return refuse(
                "a task of a single class",
                "this loss compares two: use \"correlation\" or \"mean-square\"",
            );
        }
        Ok(())
    }

    /// If all `targets` are of one class: the threshold current \[nA\].
    #[must_use]
    pub fn single_class_threshold_na(&self, targets: &Targets) -> Option<f64> {
        match *self {
            Self::CorrelationOverSeparation { threshold_na, .. } => targets.single_class().map(|_| threshold_na),
            _ => None,
        }
    }

    /// Second derivative of E(I + t v) with respect to t at t = 0, with v = `direction_na`: vᵀ ∇∇E v. It is a central
    /// difference of the exact first derivatives over 10⁻⁵ of the spread of the currents: exact up to rounding for the
    /// mean square, to about 10⁻⁶ for the others. At a kink of a loss (at the worst pattern, at equal currents), the
    /// difference extends across it.
    ///
    /// # Panics
    /// As [`Loss::of`].
    #[must_use]
    pub fn second_derivative_along(&self, currents_na: &[f64], targets: &Targets, direction_na: &[f64]) -> f64 {
        let largest = direction_na.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        if largest <= 0.0 {
            return 0.0;
        }
        let (low, high) =
            currents_na.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &y| (l.min(y), h.max(y)));
        let scale_na = if high > low { high - low } else { high.abs().max(1e-12) };
        let step = 1e-5 * scale_na / largest;
        let slope = |t: f64| -> f64 {
            let moved: Vec<f64> = currents_na.iter().zip(direction_na).map(|(y, v)| y + t * v).collect();
            self.of(&moved, targets).derivative_per_na.iter().zip(direction_na).map(|(d, v)| d * v).sum()
        };
        (slope(step) - slope(-step)) / (2.0 * step)
    }

    /// The loss of `currents_na`, one for each pattern.
    ///
    /// # Panics
    /// If there are not as many targets as currents, or [`Loss::check_targets`] refuses the targets.
    #[must_use]
    pub fn of(&self, currents_na: &[f64], targets: &Targets) -> LossValue {
        assert_eq!(currents_na.len(), targets.len(), "a target for each current");
        let classes = || targets.classes().expect("targets that were checked");
        match *self {
            Self::CorrelationOverSeparation { separation, scale_na, offset_na, threshold_na } => {
                match targets.single_class() {
                    Some(class) => correlation::of_one_class(currents_na, class, threshold_na, scale_na),
                    None => correlation::over_separation(currents_na, classes(), separation, scale_na, offset_na),
                }
            }
            Self::MeanSquare => mean_square(currents_na, targets.numbers()),
            Self::Fisher => fisher::loss(currents_na, classes()),
            Self::CrossEntropy { penalty } => cross_entropy::loss(currents_na, classes(), penalty),
        }
    }
}

fn mean_square(currents: &[f64], targets: &[f64]) -> LossValue {
    let n = currents.len() as f64;
    let error = || currents.iter().zip(targets).map(|(y, t)| y - t);
    LossValue {
        value: error().map(|e| e * e).sum::<f64>() / n,
        derivative_per_na: error().map(|e| 2.0 * e / n).collect(),
    }
}

#[cfg(test)]
mod tests;
