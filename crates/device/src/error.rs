use std::path::PathBuf;

/// Errors of a device or its use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A parameter vector of the wrong length.
    #[error("the device has {expected} parameters, but {found} values were given")]
    WrongParameters {
        /// Parameters of the device.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// More than one output, or none.
    #[error("the device has {found} outputs: exactly one is needed")]
    Outputs {
        /// Outputs of the device.
        found: usize,
    },
    /// The description of a device is inconsistent.
    #[error("`{name}`: {what}")]
    Description {
        /// The entry, by its name in scenarios.
        name: &'static str,
        /// What is wrong, and what is allowed.
        what: String,
    },
    /// A device file cannot be used.
    #[error("device file `{}`: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Which array, what was found, what is allowed.
        what: String,
    },
    /// The currents could not be computed.
    #[error("{0}")]
    Evaluation(String),
}

impl From<DeviceError> for settings::SettingError {
    /// The invalid field; `file` for errors in a file.
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Description { name, what } => Self::new(name, what),
            DeviceError::WrongParameters { expected, found } => Self::new(
                "operating_point_volt",
                format!("found {found} voltages: the device has {expected} parameters"),
            ),
            DeviceError::Evaluation(what) => Self::whole(what),
            outputs @ DeviceError::Outputs { .. } => Self::whole(outputs.to_string()),
            other => Self::new("file", other.to_string()),
        }
    }
}
