//! The sweep engine: a scenario file becomes a grid of points, each point blocks of repetitions, and those one HDF5 file.
//!
//! Data goes one way: [`document`] (TOML with its lines) → [`study`] (validated, defaults filled in, axes resolved)
//! → [`point`] (one experiment, ready to repeat) → [`mod@run`] (all cores or many shards, resumed after any interruption,
//! bit-identical all the same) → [`results`] → [`store`] (HDF5). It knows nothing of figures.
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

mod adaptive;
pub mod axes;
pub mod balanced;
mod checkpoint;
pub mod document;
mod engine;
mod error;
pub mod export;
mod foreseen;
mod hash;
pub mod identity;
mod input_file;
pub mod kinds;
pub mod layered;
mod layout;
pub mod limits;
pub mod moments;
pub mod needs;
mod panics;
mod plan;
pub mod point;
pub mod results;
pub mod run;
mod saver;
pub mod scenario;
pub use settings::seed;
pub mod slurm;
mod source;
pub mod status;
pub mod stop;
pub mod store;
pub mod study;
pub mod text;
mod training_point;
pub mod training_sections;
mod work;

pub use document::Document;
pub use error::{PointError, ScenarioError, StoreError, SweepError};
pub use foreseen::foreseen;
pub use identity::Program;
pub use plan::{MOST_SHARDS, Shard};
pub use results::{Coordinate, Dimension, Results, Variable};
pub use run::{Job, Outcome, Progress, merge, run, run_in};
pub use settings::InputFile;
pub use stop::Stop;
pub use study::{Library, Study};
