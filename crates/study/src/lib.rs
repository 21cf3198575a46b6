//! Studies: a scenario file becomes a grid of points, each point blocks of repetitions, and those one results file.
//!
//! Data goes one way: [`language`] (TOML with its lines; tables, axes) → [`Study`] (checked, defaults filled in) → [`point`] (one
//! experiment, ready to repeat) → one of six kinds of work ([`StudyKind`]) → the [`sweep`] engine (all cores or many shards,
//! resumed after any interruption, bit-identical all the same) → [`results`]. It only carries `[figure]` along.
//!
//! ```
//! use std::path::Path;
//! use study::{Document, Silent, Study};
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
//! let results = study::run(&study, 0, &Silent)?;
//! let variance = &results.variable("variance_exact").unwrap().values;
//! assert!((variance[0] / variance[1] - 4.0).abs() < 1e-9); // twice the step, a quarter of the variance
//! # Ok::<(), study::StudyError>(())
//! ```

mod axis_columns;
pub mod balanced;
pub mod columns;
pub mod error;
mod failure;
mod foreseen;
pub mod identity;
mod kind;
pub mod language;
pub mod limits;
pub mod logic;
pub mod needs;
pub mod point;
pub mod response;
pub mod run;
pub mod samples;
pub mod spectrum;
mod study;
pub mod training;

pub use failure::{PointError, ScenarioError, StudyError};
pub use foreseen::foreseen;
pub use kind::{PointOfKind, StudyKind};
pub use language::document::{Document, KeyError};
pub use language::{axes, scenario, wanted};
pub use run::{merge, run, run_in, run_until};
pub use study::{Library, Study};
pub use sweep::Job;
pub use sweep::run::Silent;
