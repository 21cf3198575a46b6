//! Numbers from files as laboratories write them: text tables, NumPy's `.npy`, and `.npz` archives, compressed or not.
//!
//! What is not a number is refused with its line, or its array, and what was found there; nothing is guessed that would
//! change a number, and what is left out (a heading) is remarked on. A header that claims more than its file holds is
//! refused before anything of that size is asked of the system.

mod archive;
mod columns;
mod npy;
mod plain;
mod text;

pub use archive::Archive;
pub use columns::{Columns, read_columns};
pub use npy::{MOST_NUMBERS, read_npy};
pub use plain::{plain, plain_toml};
pub use text::read_text;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The system cannot read it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line of a text table.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What was found there, and what is needed.
        what: String,
    },
    /// An array.
    #[error("array `{name}`: {what}")]
    Array {
        /// Its name in the archive.
        name: String,
        /// What was found, and what is needed.
        what: String,
    },
    /// The file as a whole.
    #[error("{0}")]
    File(String),
}
