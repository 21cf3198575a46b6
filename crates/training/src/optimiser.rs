//! What every optimiser can do, and what every kind of settings of one is asked for.

use rand_pcg::Pcg64;
use settings::SettingError;

use crate::descent::GradientSource;
use crate::error::TrainingError;
use crate::session::Session;

/// A way to find the controls.
pub trait Optimiser: std::fmt::Debug + Send + Sync {
    /// Trains until the loss is low enough or the session's time is spent.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError>;

    /// Whether it reads derivatives from the device, so that its meter needs a scheme.
    fn measures_gradient(&self) -> bool {
        false
    }

    /// Where it takes second derivatives from, if it needs them.
    fn second_derivatives(&self) -> Option<GradientSource> {
        None
    }
}

/// What the building of an optimiser is told of its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Parameters of the device.
    pub parameters: usize,
    /// Those of them that are trained.
    pub controls: usize,
    /// Iterations that an attempt may take.
    pub max_iterations: usize,
}

/// The settings of a kind of optimiser.
pub trait OptimiserKind {
    /// The optimiser.
    ///
    /// # Errors
    /// At the field that is at fault.
    fn build(&self, around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError>;
}

/// Most numbers that a run holds at once: derivatives of all patterns, a generation of controls, points of a fit.
const MOST_HELD: usize = 100_000_000;

/// Refuses `count` rows of `width` numbers, before any is made, if they are more than a run may hold.
///
/// # Errors
/// With the field, what was found and what is allowed.
pub fn check_held(field: &str, count: usize, width: usize, what: &str) -> Result<(), SettingError> {
    if count.saturating_mul(width) <= MOST_HELD {
        return Ok(());
    }
    let most = MOST_HELD / width;
    Err(SettingError::found(field, count, format!("must be at most {most}, for each has a number for {width} {what}")))
}
