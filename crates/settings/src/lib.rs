//! Types and checks common to the settings of noise, devices, estimators and training.
//!
//! Settings are defined next to the type that they build, in its crate. Invalid settings give a [`SettingError`], which
//! names the *field*; the caller adds the place of the settings in the document ([`SettingError::within`]).
//!
//! ```
//! use settings::within;
//!
//! let error = within("per_decade", 0, 1..=100).unwrap_err().within("noise");
//! assert_eq!(error.to_string(), "`noise.per_decade`: found 0: must be 1 to 100");
//! ```

mod error;
mod input_file;
mod per_parameter;
mod range;
pub mod seed;

pub use error::SettingError;
pub use input_file::InputFile;
pub use per_parameter::PerParameter;
pub use range::{from_zero, number_within, positive, within};
