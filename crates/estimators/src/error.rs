/// Errors of an estimator's settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EstimatorError {
    /// A setting lies outside its allowed range.
    #[error("`{field}` = {found}: {allowed}")]
    Setting {
        /// The field, as a dotted path if nested.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// A setting is needed that is not given.
    #[error("`{field}` is missing, {reason}")]
    Missing {
        /// The field.
        field: &'static str,
        /// Why it is needed.
        reason: &'static str,
    },
    /// The device could not be evaluated.
    #[error(transparent)]
    Device(#[from] device::DeviceError),
    /// The noise could not be prepared.
    #[error(transparent)]
    Noise(#[from] noise::NoiseError),
}

impl EstimatorError {
    pub(crate) fn setting(field: &'static str, found: impl std::fmt::Display, allowed: impl Into<String>) -> Self {
        Self::Setting { field, found: found.to_string(), allowed: allowed.into() }
    }
}

impl From<EstimatorError> for settings::SettingError {
    fn from(error: EstimatorError) -> Self {
        match error {
            EstimatorError::Setting { field, found, allowed } => Self::found(field, found, allowed),
            EstimatorError::Missing { field, reason } => Self::new(field, format!("is missing, {reason}")),
            other => Self::whole(other.to_string()),
        }
    }
}

/// `value` if it is positive and finite.
pub(crate) fn positive(field: &'static str, value: f64) -> Result<f64, EstimatorError> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(EstimatorError::setting(field, value, "must be a positive number"))
    }
}

/// One amplitude for each parameter from one number or one for each.
pub(crate) fn amplitudes(amplitude_volt: &[f64], parameters: usize) -> Result<Vec<f64>, EstimatorError> {
    const KEY: &str = "amplitude_volt";
    for &a in amplitude_volt {
        positive(KEY, a)?;
    }
    match amplitude_volt.len() {
        1 => Ok(vec![amplitude_volt[0]; parameters]),
        n if n == parameters => Ok(amplitude_volt.to_vec()),
        n => Err(EstimatorError::setting(
            KEY,
            format!("{n} numbers"),
            format!("must be one number, or one for each of the {parameters} parameters"),
        )),
    }
}
