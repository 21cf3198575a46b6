//! Interface of the kinds of estimator.

use device::Device;
use settings::{PerParameter, SettingError};

use crate::hge::HgeSettings;
use crate::instrument::InstrumentSettings;
use crate::{EstimatorError, Scheme};

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

/// An estimator: defines the perturbation and the readout.
pub trait Estimator {
    /// The scheme for the derivatives of `device` at an operating point \[V\].
    ///
    /// # Errors
    /// If a setting is out of range.
    fn scheme(&self, device: &dyn Device, operating_point_volt: &[f64]) -> Result<Scheme, EstimatorError>;

    /// The instrument that is part of it; by default an ideal one.
    fn instrument(&self) -> InstrumentSettings {
        InstrumentSettings::default()
    }
}

impl Estimator for Scheme {
    fn scheme(&self, _: &dyn Device, _: &[f64]) -> Result<Scheme, EstimatorError> {
        Ok(self.clone())
    }
}

/// The settings of a kind of estimator in a scenario, which gives the sampling rate elsewhere.
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

/// Makes settings an estimator and a kind of estimator: settings with `rate_hz`, `amplitude_volt` and `instrument`,
/// whose `build(parameters)` gives a measurement.
macro_rules! estimator {
    ($settings:ty) => {
        impl $crate::kind::Estimator for $settings {
            fn scheme(&self, device: &dyn device::Device, _: &[f64]) -> Result<$crate::Scheme, EstimatorError> {
                self.build(device.parameters()).map($crate::Scheme::from)
            }

            fn instrument(&self) -> InstrumentSettings {
                self.instrument.clone()
            }
        }

        impl $crate::kind::EstimatorKind for $settings {
            fn build(&self, around: &$crate::kind::Surroundings) -> Result<$crate::Scheme, settings::SettingError> {
                let sampled = Self { rate_hz: around.rate_hz, ..self.clone() };
                Ok(sampled.build(around.parameters)?.into())
            }

            fn amplitude_volt(&self) -> Option<&PerParameter> {
                Some(&self.amplitude_volt)
            }

            fn instrument(&self) -> &InstrumentSettings {
                &self.instrument
            }
        }
    };
}

pub(crate) use estimator;
