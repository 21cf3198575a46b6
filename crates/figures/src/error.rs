/// Why a figure cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
    /// The results lack something.
    #[error("the results do not hold {what}")]
    Missing {
        /// What.
        what: String,
    },
    /// Nothing that could be drawn, for instance only NaN or only zeros on a logarithmic axis.
    #[error("there is nothing to draw: {what}")]
    Empty {
        /// Why.
        what: String,
    },
    /// The drawing library refused.
    #[error("cannot draw: {0}")]
    Drawing(String),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] sweep::StoreError),
}
