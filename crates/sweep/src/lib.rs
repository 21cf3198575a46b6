//! The sweep engine: a scenario file becomes a grid of points, each point blocks of repetitions, and those one HDF5 file.
//!
//! Data goes one way: [`document`] (TOML with its lines) → [`study`] (validated, defaults filled in, axes resolved)
//! → [`point`] (one experiment, ready to repeat) → [`mod@run`] (all cores, bit-identical for any number of them) →
//! [`results`] → [`store`] (HDF5). It knows nothing of figures.

pub mod axes;
pub mod document;
mod error;
pub mod export;
pub mod moments;
pub mod point;
pub mod results;
pub mod run;
pub mod scenario;
pub mod seed;
pub mod store;
pub mod study;

pub use document::Document;
pub use error::{ScenarioError, StoreError, SweepError};
pub use results::{Coordinate, Dimension, Results, Variable};
pub use run::{Progress, run};
pub use study::Study;
