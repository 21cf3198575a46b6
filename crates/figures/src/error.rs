/// Errors of drawing a figure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
    /// A setting of `[figure]` that does not apply to the figure.
    #[error("`figure.{key}`: {message}")]
    Setting {
        /// Its key within `[figure]`.
        key: String,
        /// What was found, and what is allowed.
        message: String,
    },
    /// A change of `[figure]` that is none.
    #[error("{0}")]
    Change(String),
    /// The results lack something.
    #[error("the results do not hold {what}")]
    Missing {
        /// What.
        what: String,
    },
    /// A variable of the results does not stand over the dimensions that it should.
    #[error("the results are damaged or not from this program ({0})")]
    Damaged(String),
    /// Nothing to draw, for instance only NaN or only zeros on a logarithmic axis.
    #[error("there is nothing to draw: {what}")]
    Empty {
        /// Why.
        what: String,
    },
    /// An error of the drawing library.
    #[error("cannot draw: {0}")]
    Drawing(String),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] results::StoreError),
}

impl FigureError {
    /// A setting of `[figure]` that does not apply.
    pub(crate) fn setting(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Setting { key: key.into(), message: message.into() }
    }
}

impl From<study::KeyError> for FigureError {
    /// Of a key of `[figure]`.
    fn from(error: study::KeyError) -> Self {
        let key = error.key.strip_prefix("figure").unwrap_or(&error.key).trim_start_matches('.').to_owned();
        Self::Setting { key, message: error.message }
    }
}
