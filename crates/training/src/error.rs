use std::path::PathBuf;

use device::DeviceError;
use estimators::EstimatorError;

/// Why something cannot be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A setting that makes no sense.
    #[error("{field}: found {found}: {allowed}")]
    Setting {
        /// The field.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// A file of inputs and targets that cannot be read.
    #[error("`{}`: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        what: String,
    },
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The estimator.
    #[error(transparent)]
    Estimator(#[from] EstimatorError),
    /// The fit of a network to the device.
    #[cfg(feature = "fitted-network")]
    #[error("the fit failed: {0}")]
    Fit(#[from] candle_core::Error),
    /// A fit that ended with weights that are no numbers.
    #[error("the fit did not converge: its weights are not finite; lower `learning_rate` of the optimiser")]
    Diverged,
    /// A number that is not finite, and so nothing can be learned from.
    #[error("{what} is {found} at the voltages {volt:?}: training goes by finite numbers")]
    NotFinite {
        /// Which number.
        what: String,
        /// What it is.
        found: f64,
        /// Voltages of the controls, or of all parameters \[V\].
        volt: Vec<f64>,
    },
    /// An estimate of the Hessian whose eigenvalues could not be found.
    #[error("the eigenvalues of the estimate of the Hessian could not be found")]
    Hessian,
    /// The ADC's range is too narrow for the device.
    #[error(
        "the output left the range of the ADC at each of {draws} random draws of the controls: widen \
         `instrument.adc` of the estimator, or narrow `range_volt` of the training"
    )]
    AlwaysClipped {
        /// How many were tried.
        draws: usize,
    },
    /// The exact gradient was asked of a device that has none.
    #[error("this device has no exact gradient: measure it")]
    NoGradient,
    /// Second derivatives were asked for where none are known or read.
    #[error("there are no second derivatives: measure them by readout \"curvature\" of homodyne gradient extraction")]
    NoCurvature,
}

impl TrainingError {
    pub(crate) fn setting(field: &'static str, found: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Setting { field, found: found.to_string(), allowed: allowed.into() }
    }
}

impl From<TrainingError> for settings::SettingError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Setting { field, found, allowed } => Self::found(field, found, allowed),
            other => Self::whole(other.to_string()),
        }
    }
}
