//! Interface of the kinds of estimator.

use device::Device;
use settings::{PerParameter, SettingError};

use crate::Scheme;
use crate::hge::HgeSettings;
use crate::instrument::InstrumentSettings;

/// Context in which an estimator is built.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Number of derivatives.
    pub parameters: usize,
    /// Optimised amplitudes \[V\], if the settings do not give any.
    pub balanced_volt: Option<&'s [f64]>,
    /// The device and its fixed operating point \[V\]; `None` in training, which moves it.
    pub operating_point: Option<(&'s dyn Device, &'s [f64])>,
}

/// The settings of a kind of estimator.
pub trait EstimatorKind {
    /// The perturbation and readout.
    ///
    /// # Errors
    /// Names the invalid field.
    fn build(&self, around: &Surroundings) -> Result<Scheme, SettingError>;

    /// Its perturbation amplitude \[V\], if it has one and that is given.
    fn amplitude_volt(&self) -> Option<&PerParameter>;

    /// Its instrument.
    fn instrument(&self) -> &InstrumentSettings;

    /// Its settings, if it is homodyne gradient extraction, the only kind with published errors and a frequency
    /// planner.
    fn as_hge(&self) -> Option<&HgeSettings> {
        None
    }
}
