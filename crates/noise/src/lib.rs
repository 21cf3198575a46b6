//! Coloured noise with absolute calibration.
//!
//! Spectra are one-sided and absolute: a [`Spectrum`] is a value in nA²/Hz at every frequency from zero to half the
//! sampling rate. From it follow the [`Autocovariance`] of the sampled noise (in closed form), generators that are
//! exact in law ([`RecordGenerator`], [`folding`]), endless streams ([`stream`]) and, to check them, the Welch estimate
//! ([`welch`]).
//!
//! The crate knows nothing of devices or estimators.

pub mod autocovariance;
mod circulant;
pub mod dot;
mod error;
pub mod folding;
pub mod model;
pub mod relaxation;
pub mod spectrum;
pub mod stream;
pub mod trace;
pub mod welch;

pub use autocovariance::Autocovariance;
pub use circulant::{CirculantGenerator, CirculantScratch};
pub use error::NoiseError;
pub use model::{NoiseModel, RecordGenerator};
pub use relaxation::RelaxationEnsemble;
pub use spectrum::{PowerLaw, Spectrum, TabulatedSpectrum};
pub use trace::Trace;
