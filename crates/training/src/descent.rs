//! Gradient descent with derivatives measured on the device itself (B25, Fig. 4).

use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{SettingError, positive};

use crate::error::TrainingError;
use crate::optimiser::{Optimiser, OptimiserKind, Surroundings};
use crate::session::Session;
use crate::update::{Update, UpdateChoice, UpdateState, clip};

/// Where the derivatives come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GradientFrom {
    /// Measured by the `[estimator]`: HGE, finite differences, SPSA, codes.
    #[default]
    Measured,
    /// The exact gradient of the device, without noise and measurement time: an upper bound of performance.
    Exact,
}

/// Gradient descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescentSettings {
    /// η (V² for a loss without unit; V for Adam).
    pub learning_rate: f64,
    /// Update rule.
    #[serde(default)]
    pub update: UpdateChoice,
    /// Where the derivatives come from.
    #[serde(default)]
    pub gradient: GradientFrom,
}

impl OptimiserKind for DescentSettings {
    fn build(&self, _around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError> {
        Ok(Box::new(Descent {
            gradient: self.gradient,
            update: self.update.update(),
            learning_rate: positive("learning_rate", self.learning_rate)?,
        }))
    }
}

/// A descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// Where the derivatives come from.
    pub gradient: GradientFrom,
    /// Update rule.
    pub update: Update,
    /// η \[V²\] (in V for Adam).
    pub learning_rate: f64,
}

impl Optimiser for Descent {
    /// Descends from random controls until the loss is low enough; restarts after the allowed number of iterations.
    ///
    /// # Errors
    /// If the device cannot be evaluated, has no exact derivatives although these are asked for, or second derivatives
    /// are needed but not read.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError> {
        while !session.is_over() {
            let mut controls = session.begin_attempt(rng)?;
            let mut state = UpdateState::new(self.update, controls.len());
            for _ in 0..session.limits.max_iterations {
                let second = self.update == Update::Curvature;
                let (loss, slopes) = match self.gradient {
                    GradientFrom::Measured => session.measure_slopes(&controls, second, rng)?,
                    GradientFrom::Exact => session.exact_slopes(&controls, second, rng)?,
                };
                session.note(loss);
                if session.is_over() {
                    break;
                }
                state.step(self.learning_rate, &slopes, &mut controls);
                clip(&mut controls, session.range_volt);
            }
        }
        Ok(())
    }

    fn measures_gradient(&self) -> bool {
        self.gradient == GradientFrom::Measured
    }

    fn second_derivatives(&self) -> Option<GradientFrom> {
        (self.update == Update::Curvature).then_some(self.gradient)
    }
}
