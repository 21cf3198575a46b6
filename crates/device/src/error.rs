use std::path::PathBuf;

/// What can be wrong with a device or its use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A parameter vector of another length.
    #[error("the device has {expected} parameters, but {found} values were given")]
    WrongParameters {
        /// Parameters of the device.
        expected: usize,
        /// Values that were given.
        found: usize,
    },
    /// More than one output, or none.
    #[error("the device has {found} outputs: one current is read, and none is left out unsaid")]
    Outputs {
        /// Outputs of the device.
        found: usize,
    },
    /// The description of a device does not fit together.
    #[error("`{name}`: {what}")]
    Description {
        /// The entry, as it is called in scenarios.
        name: &'static str,
        /// What is wrong and what is allowed.
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
    /// The currents cannot be found there.
    #[error("{0}")]
    Evaluation(String),
}

impl From<DeviceError> for settings::SettingError {
    /// The field that is at fault; a file's is called `file`.
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Description { name, what } => Self::new(name, what),
            DeviceError::WrongParameters { expected, found } => Self::new(
                "operating_point_volt",
                format!("found {found} voltages: the device has {expected} parameters"),
            ),
            DeviceError::Evaluation(what) => Self::whole(what),
            other => Self::new("file", other.to_string()),
        }
    }
}
