//! Simultaneous perturbation of the loss: SPSA as Spall publishes it, without any derivative of the device. Each iteration
//! measures two losses.

use rand::Rng;

use crate::error::TrainingError;
use crate::gains::{Gains, difference};
use crate::session::Session;
use crate::update::clip;

/// SPSA on the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Simultaneous {
    /// How far it moves and reaches.
    pub gains: Gains,
}

impl Simultaneous {
    /// Descends from random controls until the loss is low enough; after as many iterations as are allowed, begins anew.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn train<R: Rng + ?Sized>(&self, session: &mut Session<'_>, rng: &mut R) -> Result<(), TrainingError> {
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
