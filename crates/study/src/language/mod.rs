//! The language of scenario files: the document with its lines, the axes of the sweep, the tables, and the lists of kinds.

pub mod axes;
pub mod document;
pub(crate) mod input_files;
pub mod kinds;
pub mod layered;
pub mod scenario;
pub mod wanted;
