//! Simultaneous perturbation of the loss in `[training.optimiser]`: `spsa` and `second-order-spsa`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use training::Optimiser;
use training::gains::{GainRule, Gains};
use training::second_order::{MOST_CONTROLS, SecondOrder};
use training::simultaneous::Simultaneous;

use crate::document::KeyError;

/// How a and c are chosen where they are not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GainsChoice {
    /// By a few measurements at the start, which are counted: c so large that the difference of two losses is about as large as
    /// its noise, within 1 to 10 % of the range; a so that the first moves are 5 % of the range.
    #[default]
    Tuned,
    /// As Spall (1998) publishes them, by measurements that are counted: c the standard deviation of the measured loss, its number
    /// taken for volts, within 1 to 50 % of the range; a so that the first moves are 5 % of the range.
    Spall,
}

/// Simultaneous perturbation of the loss itself (Spall 1998), two losses an iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpsaOptimiser {
    /// How `gain` and `step_volt` are chosen where they are not given.
    pub gains: GainsChoice,
    /// a of the gains a/(k + 1 + A)^α (V²), A a tenth of `max_iterations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// c of the steps c/(k + 1)^γ (V).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_volt: Option<f64>,
    /// α, 0 to 1.
    pub gain_exponent: f64,
    /// γ, 0 to 1.
    pub step_exponent: f64,
}

impl Default for SpsaOptimiser {
    fn default() -> Self {
        let Gains { gain, step_volt, gain_exponent, step_exponent, .. } = Gains::default();
        Self { gains: GainsChoice::default(), gain, step_volt, gain_exponent, step_exponent }
    }
}

/// Second-order simultaneous perturbation, 2-SPSA (Spall 2000), four losses an iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecondOrderSpsaOptimiser {
    /// How `step_volt` is chosen where it is not given, and `gain`: 1 as published, or such that the first step is Newton's,
    /// divided by the number of controls.
    pub gains: GainsChoice,
    /// a of the gains a/(k + 1 + A)^α, without unit: a gain of 1 is a whole step of Newton's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// c of the steps c/(k + 1)^γ (V).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_volt: Option<f64>,
    /// c̃/c, 0.01 to 100.
    pub second_step_ratio: f64,
    /// δ of (H² + δ²)^½, as a part of the root mean square of the eigenvalues of H, 10⁻⁶ to 10.
    pub floor: f64,
    /// α, 0 to 1.
    pub gain_exponent: f64,
    /// γ, 0 to 1.
    pub step_exponent: f64,
}

impl Default for SecondOrderSpsaOptimiser {
    fn default() -> Self {
        let SecondOrder { gains, second_step_ratio, floor } = SecondOrder::default();
        let Gains { gain, step_volt, gain_exponent, step_exponent, .. } = gains;
        let gains = GainsChoice::default();
        Self { gains, gain, step_volt, second_step_ratio, floor, gain_exponent, step_exponent }
    }
}

/// Gains and steps lie from its reciprocal to this.
const MOST: f64 = 1e9;

fn within(key: &'static str, found: f64, low: f64, high: f64) -> Result<f64, KeyError> {
    match (low..=high).contains(&found) {
        true => Ok(found),
        false => Err(KeyError::new(key, format!("found {found}: must be {low:?} to {high:?}"))),
    }
}

fn gains(
    rule: GainsChoice,
    gain: Option<f64>,
    step_volt: Option<f64>,
    gain_exponent: f64,
    step_exponent: f64,
) -> Result<Gains, KeyError> {
    let size = |key, x: Option<f64>| x.map(|x| within(key, x, 1.0 / MOST, MOST)).transpose();
    Ok(Gains {
        rule: match rule {
            GainsChoice::Tuned => GainRule::Tuned,
            GainsChoice::Spall => GainRule::Spall,
        },
        gain: size("training.optimiser.gain", gain)?,
        step_volt: size("training.optimiser.step_volt", step_volt)?,
        gain_exponent: within("training.optimiser.gain_exponent", gain_exponent, 0.0, 1.0)?,
        step_exponent: within("training.optimiser.step_exponent", step_exponent, 0.0, 1.0)?,
    })
}

impl SpsaOptimiser {
    pub(crate) fn build(&self) -> Result<Optimiser, KeyError> {
        let gains = gains(self.gains, self.gain, self.step_volt, self.gain_exponent, self.step_exponent)?;
        Ok(Optimiser::Simultaneous(Simultaneous { gains }))
    }
}

impl SecondOrderSpsaOptimiser {
    /// For a device of as many `controls`.
    pub(crate) fn build(&self, controls: usize) -> Result<Optimiser, KeyError> {
        if controls > MOST_CONTROLS {
            let message =
                format!("found \"second-order-spsa\" for {controls} controls: it takes {MOST_CONTROLS} at most");
            return Err(KeyError::new("training.optimiser.kind", message));
        }
        let gains = gains(self.gains, self.gain, self.step_volt, self.gain_exponent, self.step_exponent)?;
        Ok(Optimiser::SecondOrder(SecondOrder {
            gains,
            second_step_ratio: within("training.optimiser.second_step_ratio", self.second_step_ratio, 0.01, 100.0)?,
            floor: within("training.optimiser.floor", self.floor, 1e-6, 10.0)?,
        }))
    }
}
