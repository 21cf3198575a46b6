//! Interfaces of optimisers and of their settings.

use rand_pcg::Pcg64;
use settings::SettingError;

use crate::descent::GradientFrom;
use crate::error::TrainingError;
use crate::session::Session;

/// An optimiser of the controls.
pub trait Optimiser: std::fmt::Debug + Send + Sync {
    /// Trains until the loss is low enough or the session's time is used up.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError>;

    /// Whether it measures derivatives of the device, so that its meter needs a scheme.
    fn measures_gradient(&self) -> bool {
        false
    }

    /// Where its second derivatives come from, if it needs them.
    fn second_derivatives(&self) -> Option<GradientFrom> {
        None
    }
}

/// Context in which an optimiser is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Number of parameters of the device.
    pub parameters: usize,
    /// Number of parameters that are trained.
    pub controls: usize,
    /// Largest number of iterations of an attempt.
    pub max_iterations: usize,
}

/// The settings of a kind of optimiser.
pub trait OptimiserKind {
    /// The optimiser.
    ///
    /// # Errors
    /// Names the invalid field.
    fn build(&self, around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError>;
}

/// Largest array of numbers in a run: derivatives of all patterns, a generation of controls, points of a fit.
const MOST_HELD: usize = 100_000_000;

/// Refuses `count` rows of `width` numbers before allocation, if they exceed what a run may hold.
///
/// # Errors
/// With the field, what was found and what is allowed.
pub fn check_held(field: &str, count: usize, width: usize, what: &str) -> Result<(), SettingError> {
    if count.saturating_mul(width) <= MOST_HELD {
        return Ok(());
    }
    let most = MOST_HELD / width;
    Err(SettingError::found(
        field,
        count,
        format!("must be at most {most}, since each holds {width} numbers, one for each of the {what}"),
    ))
}
