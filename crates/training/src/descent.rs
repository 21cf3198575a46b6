//! Gradient descent with derivatives that the device has measured itself (B25, Fig. 4).

use rand::Rng;

use crate::error::TrainingError;
use crate::session::Session;
use crate::update::{Update, UpdateState, clip};

/// Where the derivatives come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GradientSource {
    /// The meter's scheme: HGE, finite differences, SPSA, codes.
    #[default]
    Measured,
    /// The device's exact gradient, without noise and without time: an upper bound.
    Exact,
}

/// Gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// Where the derivatives come from.
    pub source: GradientSource,
    /// How a gradient becomes a step.
    pub update: Update,
    /// η \[V²\] (in V for Adam).
    pub learning_rate: f64,
}

impl Descent {
    /// Descends from random controls until the loss is low enough; after as many iterations as are allowed, begins anew.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or has no exact derivatives where they are the source, or second derivatives are
    /// wanted and the meter's scheme reads none.
    pub fn train<R: Rng + ?Sized>(&self, session: &mut Session<'_>, rng: &mut R) -> Result<(), TrainingError> {
        while !session.is_over() {
            let mut controls = session.begin_attempt(rng)?;
            let mut state = UpdateState::new(self.update, controls.len());
            for _ in 0..session.limits.max_iterations {
                let second = self.update == Update::Curvature;
                let (loss, slopes) = match self.source {
                    GradientSource::Measured => session.measure_slopes(&controls, second, rng)?,
                    GradientSource::Exact => session.exact_slopes(&controls, second, rng)?,
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
}
