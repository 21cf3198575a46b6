//! Results of a study: named dimensions with coordinates, variables over them, and the one HDF5 file that holds them.
//!
//! A [`Results`] holds the results of a study; it is written by [`store::write`], and read by `store::read` and exported as NumPy arrays by
//! `export::npz`, if the crate is built with the feature `hdf5`. Values are selected by names and coordinates, not by indices:
//!
//! ```
//! use results::{Coordinate, Dimension, Results, Variable};
//!
//! let modes = Coordinate::Labels(vec!["sequential".to_owned(), "parallel".to_owned()]);
//! let results = Results {
//!     dimensions: vec![
//!         Dimension { name: "estimator.mode".to_owned(), coordinate: modes, units: String::new() },
//!         Dimension { name: "parameter".to_owned(), coordinate: Coordinate::Numbers(vec![1.0, 2.0]), units: "1".to_owned() },
//!     ],
//!     variables: vec![Variable {
//!         name: "mse".to_owned(),
//!         dimensions: vec![0, 1],
//!         values: vec![1.0, 2.0, 3.0, 4.0],
//!         units: "nA^2/V^2".to_owned(),
//!         long_name: "mean squared error of the estimate".to_owned(),
//!     }],
//!     attributes: Vec::new(),
//! };
//! let parallel = results.select("mse", &[("estimator.mode", "parallel".into())])?;
//! assert_eq!((parallel.dimensions, parallel.values), (vec!["parameter".to_owned()], vec![3.0, 4.0]));
//! # Ok::<(), results::SelectError>(())
//! ```

pub mod data;
mod error;
#[cfg(feature = "hdf5")]
pub mod export;
pub mod hash;
pub mod moments;
mod select;
pub mod store;

pub use data::{Coordinate, Dimension, Results, Sink, Variable, units_of};
pub use error::{StoreError, few};
pub use select::{At, SelectError, Selection};
