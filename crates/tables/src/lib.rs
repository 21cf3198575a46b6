//! Reads numbers from laboratory files: text tables, NumPy's `.npy`, and `.npz` archives, compressed or not.
//!
//! An entry that is not a number is refused with its line or array and what was found there; numbers are never guessed,
//! and a remark reports what is left out (a heading). A header that claims more data than the file holds is refused
//! before memory of that size is allocated.

mod archive;
mod columns;
mod npy;
mod plain;
mod text;

pub use archive::{Archive, archive_of};
pub use columns::{Columns, read_all_columns, read_columns};
pub use npy::{MOST_NUMBERS, read_npy};
pub use plain::plain;
pub use text::read_text;

/// Errors in a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be read.
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
