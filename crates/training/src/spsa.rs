//! Simultaneous perturbation of the loss: SPSA as published by Spall, without derivatives of the device.

use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::error::TrainingError;
use crate::gains::{Gains, difference};
use crate::optimiser::{Optimiser, OptimiserKind, Surroundings};
use crate::session::Session;
use crate::update::clip;

/// Simultaneous perturbation of the loss itself (Spall 1998), two losses per iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Spsa {
    /// Gains and steps.
    pub gains: Gains,
}

impl OptimiserKind for Spsa {
    fn build(&self, _around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError> {
        Ok(Box::new(Self { gains: self.gains.checked()? }))
    }
}

impl Optimiser for Spsa {
    /// Descends from random controls until the loss is low enough; restarts after the allowed number of iterations.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError> {
        let iterations = session.limits.max_iterations;
        while !session.is_over() {
            let mut controls = session.begin_attempt(rng)?;
            let c = self.gains.step_volt(session, &controls, rng)?;
            let a = self.gains.gain(session, &controls, c, rng)?;
            for k in 0..iterations {
                let (loss, gradient) = difference(session, &controls, self.gains.step_at(c, k), rng)?;
                session.note(loss);
                if session.is_over() {
                    break;
                }
                let gain = self.gains.gain_at(a, k, iterations);
                controls.iter_mut().zip(&gradient).for_each(|(w, g)| *w -= gain * g);
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
