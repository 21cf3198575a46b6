use std::path::PathBuf;

/// Errors in the description of a noise source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// A number lies outside its allowed range.
    #[error("`{name}` = {found}: {allowed}")]
    OutOfRange {
        /// The quantity, by its name in scenarios.
        name: &'static str,
        /// Its value.
        found: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A table of frequencies or samples is invalid.
    #[error("{what}")]
    BadTable {
        /// What is wrong, where, and what is allowed.
        what: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error message of the reader.
        reason: String,
    },
    /// No generator can produce noise of this spectrum.
    #[error(
        "noise of this spectrum cannot be made in records of {samples} samples: power {made_na2:e} nA² instead of \
         {asked_na2:e} nA²"
    )]
    NotRepresentable {
        /// Samples in a record.
        samples: usize,
        /// The integral of the spectrum up to half the sampling rate.
        asked_na2: f64,
        /// The variance of the noise that would result.
        made_na2: f64,
    },
    /// The autocovariance is not positive definite to working precision.
    #[error(
        "the noise's covariance matrix of {samples} samples is not positive definite to working precision \
         (at sample {at}): use `study.route = \"weights\"`"
    )]
    NotPositiveDefinite {
        /// Size of the matrix.
        samples: usize,
        /// Row at which the factorisation broke down.
        at: usize,
    },
}

impl NoiseError {
    /// Adds the name of the file that holds the table.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::BadTable { what } => Self::Unreadable { path: path.to_owned(), reason: what },
            other => other,
        }
    }
}

impl From<NoiseError> for settings::SettingError {
    /// The invalid field; `file` for errors in a file.
    fn from(error: NoiseError) -> Self {
        match error {
            NoiseError::OutOfRange { name, found, allowed } => Self::found(name, found, allowed),
            other => Self::new("file", other.to_string()),
        }
    }
}
