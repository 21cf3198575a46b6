//! Gradient estimators as *perturbations* with *linear readouts*.
//!
//! Every estimator adds a known waveform to each parameter and reads each derivative with one weight per sample of the
//! output (or, as the instrument does it, with a streaming lock-in whose state is followed sample by sample):
//!
//! ```text
//! g[m] = sum_n W[m,n] y[n],   y[n] = h(w + dw[n]) + noise[n]
//! ```
//!
//! so that bias and variance are exact for any device and any stationary noise ([`exact`]). [`published`] holds the
//! expressions of Boon et al., Nat. Commun. 16, 10272 (2025) ("B25").
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
//! use device::Linear;
//! use estimators::Experiment;
//! use estimators::hge::Hge;
//! use noise::PowerLaw;
//!
//! // three derivatives at once, in 0.1 s at 10 kHz with 8 mV each, under 1/f^1.5 noise
//! let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
//! let hge = Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0, 960.0, 920.0]);
//! let device = Linear::new(vec![60.0, -20.0, 5.0], 0.0)?;
//! let exact = Experiment::on(device).with(hge).under(&law.noise()?).build()?.exact()?;
//! assert!((exact.mean_squared_error()[0] - 5.339).abs() < 1e-3); // (nA/V)²
//! # Ok::<(), estimators::EstimatorError>(())
//! ```

pub mod amplitude;
pub mod balance;
pub mod builder;
pub mod curve_fit;
pub mod demodulate;
pub mod differences;
pub mod dynamics;
mod error;
pub mod exact;
pub mod experiment;
pub mod filter;
mod harmonics;
pub mod hge;
pub mod instrument;
pub mod kind;
pub mod planner;
pub mod probe;
pub mod proposal;
pub mod published;
pub mod random;
pub mod readout;
pub mod scheme;
pub mod traces;
pub mod walsh;

pub use builder::{Setup, SetupWith};
pub use dynamics::Dynamics;
pub use error::EstimatorError;
pub use exact::ExactErrors;
pub use experiment::{Experiment, Route, Workspace};
pub use instrument::Instrument;
pub use kind::{Estimator, EstimatorKind, Surroundings};
pub use probe::Probe;
pub use scheme::{Measurement, Scheme};
pub use traces::Traces;
