//! The sweep engine: a scenario file becomes a grid of points, each point blocks of repetitions, and those one HDF5 file.
//!
//! Data goes one way: [`document`] (TOML with its lines) → [`study`] (validated, defaults filled in, axes resolved)
//! → [`point`] (one experiment, ready to repeat) → [`mod@run`] (all cores, bit-identical for any number of them) →
//! [`results`] → [`store`] (HDF5). It knows nothing of figures.
//!
//! ```
//! use std::path::Path;
//! use sweep::{Document, Study, run::Silent};
//!
//! let scenario = r#"
//! [study]
//! name = "forward-differences"
//! repetitions = 50
//! [device]
//! kind = "linear"
//! gradient_na_per_volt = [60]
//! [noise]
//! kind = "white"
//! psd_na2_per_hz = 1e-5
//! [estimator]
//! kind = "fd"
//! duration_s = 0.1
//! [sweep]
//! "estimator.amplitude_volt" = [4e-3, 8e-3]
//! "#;
//! let study = Study::new(Document::parse(Path::new("example.toml"), scenario.to_owned())?)?;
//! let results = sweep::run(&study, 0, &Silent)?;
//! let variance = &results.variable("variance_exact").unwrap().values;
//! assert!((variance[0] / variance[1] - 4.0).abs() < 1e-9); // twice the step, a quarter of the variance
//! # Ok::<(), sweep::SweepError>(())
//! ```

pub mod axes;
pub mod document;
mod error;
pub mod export;
mod logic;
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
