//! Errors of commands, and their exit codes.

use std::path::PathBuf;

use device::DeviceError;
use dopant_network::NetworkError;
use estimators::EstimatorError;
use figures::FigureError;
use results::StoreError;
use study::{ScenarioError, StudyError};
use sweep::SweepError;
use sweep::slurm::queue::SlurmError;

/// Exit code for invalid input.
const BAD_INPUT: u8 = 2;

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// An error of the figure of this results file.
    #[error("`{}`: {error}", file.display())]
    FigureOf { file: PathBuf, error: FigureError },
    #[error(transparent)]
    Estimator(#[from] EstimatorError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    #[error("{0}")]
    BadInput(String),
    /// Stopped by a signal, already reported; with this exit code.
    #[error("stopped by a signal")]
    Stopped(u8),
    /// Currents were computed with less than the requested precision.
    #[error(
        "--relative-error {wanted} was not reached: the largest standard error is {found:.3} of the largest current after \
         --hops {hops}; allow more hops"
    )]
    NotReached { wanted: f64, found: f64, hops: u64 },
    /// A simulated measurement was cut short.
    #[error(
        "--time {wanted} was not reached: --most-events {most_events} were used up after {simulated:.4e} s, and what is \
         printed is of that time alone; allow more events"
    )]
    EventsRanOut { simulated: f64, wanted: f64, most_events: u64 },
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::Study(error.into())
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        Self::Study(error.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Study(error.into())
    }
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Stopped(code) => *code,
            Self::Study(StudyError::Scenario(_))
            | Self::Study(StudyError::Sweep(SweepError::Store(_) | SweepError::TooManyThreads { .. }))
            | Self::BadInput(_)
            | Self::Slurm(SlurmError::Unfit { .. } | SlurmError::Store(_))
            | Self::Estimator(_)
            | Self::Network(NetworkError::Entry { .. } | NetworkError::File { .. }) => BAD_INPUT,
            Self::Figure(error) | Self::FigureOf { error, .. } => match error {
                FigureError::Setting { .. }
                | FigureError::Missing { .. }
                | FigureError::Empty { .. }
                | FigureError::Write(_) => BAD_INPUT,
                _ => 1,
            },
            _ => 1,
        }
    }
}
