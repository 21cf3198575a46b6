use std::path::PathBuf;

use results::StoreError;
use sweep::SweepError;

/// A scenario that cannot be run, with the place to look at.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map_or(String::new(), |line| format!(":{line}")))]
pub struct ScenarioError {
    /// The scenario file.
    pub file: PathBuf,
    /// Line of the offending key, if it stands in the file.
    pub line: Option<usize>,
    /// Key, what was found, what is allowed.
    pub message: String,
}

/// Why a point of a sweep could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// Its scenario is not sound.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Its experiment failed.
    #[error(transparent)]
    Estimator(#[from] estimators::EstimatorError),
    /// Its training failed.
    #[error(transparent)]
    Training(#[from] training::TrainingError),
}

impl From<device::DeviceError> for PointError {
    fn from(error: device::DeviceError) -> Self {
        Self::Estimator(estimators::EstimatorError::Device(error))
    }
}

/// Anything that stops a study.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The scenario is at fault.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The sweep could not be finished.
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

impl From<StoreError> for StudyError {
    fn from(error: StoreError) -> Self {
        Self::Sweep(error.into())
    }
}
