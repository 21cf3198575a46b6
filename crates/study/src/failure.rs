use std::path::PathBuf;

use results::StoreError;
use sweep::SweepError;

/// An error in a scenario, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map_or(String::new(), |line| format!(":{line}")))]
pub struct ScenarioError {
    /// The scenario file.
    pub file: PathBuf,
    /// Line of the key, if it is in the file.
    pub line: Option<usize>,
    /// The key, what was found and what is allowed.
    pub message: String,
}

/// Why a point of a sweep could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// Its scenario is invalid.
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

/// Errors of a study.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// An error in the scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// An error of the sweep.
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

impl From<StoreError> for StudyError {
    fn from(error: StoreError) -> Self {
        Self::Sweep(error.into())
    }
}
