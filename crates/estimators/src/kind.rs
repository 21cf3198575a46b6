//! What every kind of estimator is asked for.

use device::Device;
use settings::{PerParameter, SettingError};

use crate::Scheme;
use crate::hge::HgeSettings;
use crate::instrument::InstrumentSettings;

/// What the building of an estimator is told of its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Number of derivatives.
    pub parameters: usize,
    /// Amplitudes that were sought for it \[V\], where the settings leave them open.
    pub balanced_volt: Option<&'s [f64]>,
    /// The device, and the one place where its derivatives are measured \[V\]; nothing in training, which moves about.
    pub operating_point: Option<(&'s dyn Device, &'s [f64])>,
}

/// The settings of a kind of estimator.
pub trait EstimatorKind {
    /// What is done and read.
    ///
    /// # Errors
    /// At the field that is at fault.
    fn build(&self, around: &Surroundings) -> Result<Scheme, SettingError>;

    /// By how much it moves the parameters \[V\], if it has an amplitude and that is given.
    fn amplitude_volt(&self) -> Option<&PerParameter>;

    /// Its instrument.
    fn instrument(&self) -> &InstrumentSettings;

    /// Its settings, if it is homodyne gradient extraction, for which alone there are published errors and a planner.
    fn as_hge(&self) -> Option<&HgeSettings> {
        None
    }
}
