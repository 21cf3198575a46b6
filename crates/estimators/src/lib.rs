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
//! | Walsh codes | [`walsh::Walsh`] |
//! | random codes | [`random::RandomCode`] |

pub mod amplitude;
pub mod differences;
mod error;
pub mod exact;
pub mod experiment;
pub mod filter;
pub mod hge;
pub mod instrument;
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
pub use plan::{Measurement, Scheme};
