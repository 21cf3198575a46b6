//! The sweep engine: work at many points with many repetitions, on all cores or in many shards, resumable after any
//! interruption, with bit-identical results.
//!
//! It is independent of physics and scenario files. A [`Work`] defines the computation and an [`Order`] its size and
//! identity; [`run()`] computes it in memory, [`run_in`] with checkpoints next to the results, [`merge()`] combines
//! shards, and [`slurm`] submits them to a cluster.
//!
//! ```
//! use sweep::identity::{Identity, Program};
//! use sweep::run::Silent;
//! use sweep::work::{Saved, Step, Work};
//! use sweep::{Order, Schedule, Finished, SweepError};
//! use results::{Coordinate, Dimension, Results, Sink, Variable};
//!
//! /// The square of the number of each point.
//! struct Squares;
//!
//! impl Work for Squares {
//!     type Point = f64;
//!     type State = f64;
//!     type Error = std::convert::Infallible;
//!     const STEPS_OF_UNIT: u64 = 1;
//!     fn steps(&self) -> u64 { 1 }
//!     fn prepare(&self, point: usize) -> Result<f64, Self::Error> { Ok(point as f64) }
//!     fn head(&self, _: &f64) -> Result<Saved, Self::Error> { Ok(Saved::default()) }
//!     fn begin(&self, _: &f64, _: Option<&[f64]>) -> f64 { 0.0 }
//!     fn step(&self, point: &f64, state: &mut f64, _: Step) -> Result<(), Self::Error> { *state = point * point; Ok(()) }
//!     fn numbers(&self, state: &f64) -> Vec<f64> { vec![*state] }
//!     fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
//!         let points = Coordinate::Numbers((0..schedule.points()).map(|p| p as f64).collect());
//!         let dimension = Dimension { name: "point".into(), coordinate: points, units: "1".into() };
//!         let square = Variable {
//!             name: "square".into(), dimensions: vec![0], values: Vec::new(), units: "1".into(),
//!             long_name: "square of the number".into(),
//!         };
//!         sink.begin(Results { dimensions: vec![dimension], variables: vec![square], attributes: Vec::new() })?;
//!         for unit in (0..schedule.points()).flat_map(|p| schedule.units_at(p)) {
//!             sink.append(0, &finished.unit(unit)?.numbers)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let order = Order {
//!     name: "squares".into(), points: 4, seed: 1, repetitions: 1, target_relative_error: None, budget_repetitions: None,
//!     identity: Identity::new(Default::default(), &Program::unnamed()), attributes: Vec::new(),
//! };
//! let results = sweep::run(&order, &Squares, 2, &Silent)?;
//! assert_eq!(results.variable("square").unwrap().values, [0.0, 1.0, 4.0, 9.0]);
//! # Ok::<(), SweepError>(())
//! ```

mod adaptive;
mod checkpoint;
mod engine;
mod error;
mod finished;
pub mod identity;
pub mod merge;
mod panics;
mod reporter;
pub mod run;
mod saver;
pub mod schedule;
pub mod slurm;
pub mod status;
pub mod stop;
pub mod text;
pub mod threads;
pub mod work;

pub use error::SweepError;
pub use finished::Finished;
pub use identity::Program;
pub use merge::merge;
pub use run::{Job, Order, Outcome, Progress, run, run_in, run_until};
pub use schedule::{MOST_SHARDS, Schedule, Shard, Unit};
pub use stop::Stop;
pub use work::Work;
