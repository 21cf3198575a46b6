//! Gradient estimators as *perturbation plans* and *linear readouts*.
//!
//! Every estimator adds a known waveform to each parameter and reads each derivative with one weight per sample of the
//! output (or, as the instrument does it, with a streaming lock-in whose state is followed sample by sample):
//!
//! ```text
//! g[m] = sum_n W[m,n] y[n],   y[n] = h(w + dw[n]) + noise[n]
//! ```
//!
//! so that bias and variance are exact for any device and any stationary noise ([`exact`]). The published expressions
//! of Boon et al., Nat. Commun. 16, 10272 (2025) ("B25") stand beside them ([`published`]).
//!
//! | kind | built by |
//! |---|---|
//! | homodyne gradient extraction, sequential and parallel, X and R | [`hge::Hge`] |
//! | finite differences, forward and central | [`differences::FiniteDifferences`] |
//! | simultaneous perturbation, one- and two-sided, averaged | [`random::Spsa`] |
//! | polynomial fit to a current-voltage curve | [`curve_fit::CurveFit`] |
//! | Walsh codes | [`walsh::Walsh`] |
//! | random codes | [`random::RandomCode`] |
//!
//! ```
//! use std::sync::Arc;
//! use device::Linear;
//! use estimators::{Experiment, Instrument, Route, Scheme};
//! use estimators::filter::FilterSettings;
//! use estimators::hge::{Hge, LockInReadout, Mode};
//! use noise::{NoiseModel, PowerLaw, RecordGenerator, Spectrum};
//!
//! // one derivative at 1 kHz in 0.1 s with 8 mV, under 1/f^1.5 noise
//! let hge = Hge {
//!     rate_hz: 10_000.0,
//!     duration_s: 0.1,
//!     amplitude_volt: vec![8e-3],
//!     frequencies_hz: vec![1000.0],
//!     phases_rad: vec![0.0],
//!     mode: Mode::Parallel,
//!     readout: LockInReadout::X,
//!     filter: FilterSettings::default(),
//! };
//! let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
//! let noise = NoiseModel::Gaussian(Spectrum::PowerLaw(law));
//! let experiment = Experiment::new(
//!     Scheme::Fixed(hge.build(1)?),
//!     Arc::new(Linear::new(vec![60.0], 0.0)?),
//!     vec![0.0],
//!     Instrument::default(),
//!     Arc::new(RecordGenerator::new(&noise, 10_000.0, 1000)?),
//!     true,
//!     Route::Folded,
//! )?;
//! let exact = experiment.exact(&[60.0])?;
//! assert!((exact.variance[0] - 3.4783).abs() < 1e-4); // (nA/V)²
//! # Ok::<(), estimators::EstimatorError>(())
//! ```

pub mod amplitude;
pub mod balance;
pub mod curve_fit;
pub mod differences;
mod error;
pub mod exact;
pub mod experiment;
pub mod filter;
mod harmonics;
pub mod hge;
pub mod instrument;
pub mod kind;
pub mod plan;
pub mod planner;
pub mod published;
pub mod random;
pub mod readout;
pub mod walsh;

pub use error::EstimatorError;
pub use exact::ExactErrors;
pub use experiment::{Experiment, Route, Workspace};
pub use instrument::Instrument;
pub use kind::{EstimatorKind, Surroundings};
pub use plan::{Measurement, Scheme};
