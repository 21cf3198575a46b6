use std::path::PathBuf;

use device::DeviceError;
use estimators::EstimatorError;

/// Errors of training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// An invalid setting.
    #[error("{field}: found {found}: {allowed}")]
    Setting {
        /// The field.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// An invalid file of inputs and targets.
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
    /// A setting of the fit of a model to samples of the device.
    #[error(transparent)]
    FitSetting(settings::SettingError),
    /// A fit that ended with weights that are not finite.
    #[error("the fit did not converge: its weights are not finite; lower its `learning_rate`")]
    Diverged,
    /// A number that is not finite.
    #[error("{what} is {found} at the voltages {volt:?}: training needs finite numbers")]
    NotFinite {
        /// Name of the number.
        what: String,
        /// Its value.
        found: f64,
        /// Voltages of the controls, or of all parameters \[V\].
        volt: Vec<f64>,
    },
    /// The eigenvalues of an estimate of the Hessian could not be computed.
    #[error("the eigenvalues of the estimate of the Hessian could not be computed")]
    Hessian,
    /// The ADC's range is too narrow for the device.
    #[error(
        "the output left the range of the ADC at each of {draws} random draws of the controls: widen \
         `instrument.adc` of the estimator, or narrow `range_volt` of the training"
    )]
    AlwaysClipped {
        /// Number of draws.
        draws: usize,
    },
    /// The exact gradient was requested of a device that has none.
    #[error("this device has no exact gradient: measure it")]
    NoGradient,
    /// Second derivatives were requested but are neither known nor read.
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
