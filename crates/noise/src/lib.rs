//! Coloured noise with absolute calibration.
//!
//! Spectra are one-sided and absolute: a [`Spectrum`] is a value in nA²/Hz at every frequency from zero to half the
//! sampling rate. From it follow the [`Autocovariance`] of the sampled noise (in closed form), generators that are
//! exact in law ([`RecordGenerator`], [`folding`]), endless streams ([`stream`]) and, to check them, the Welch estimate
//! ([`welch`]).
//!
//! The crate knows nothing of devices or estimators.
//!
//! ```
//! use noise::{Autocovariance, PowerLaw, Spectrum};
//!
//! // 1/f^1.5 noise with 1e-5 nA²/Hz at 1 kHz, flat below 0.1 Hz, sampled at 10 kHz
//! let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 }.checked()?;
//! let spectrum = Spectrum::PowerLaw(law);
//! assert!((spectrum.density(10.0) - 1e-2).abs() < 1e-12);
//! // its standard deviation, 1.7 nA, is almost all below 10 Hz: samples 1 ms apart differ by 0.33 nA r.m.s.
//! let r = Autocovariance::of(&spectrum, 10_000.0, 11);
//! assert!((r.variance.sqrt() - 1.73).abs() < 0.01);
//! assert!(((2.0 * r.structure[10]).sqrt() - 0.328).abs() < 0.001);
//! # Ok::<(), noise::NoiseError>(())
//! ```

pub mod autocovariance;
mod circulant;
pub mod dot;
mod error;
pub mod fit;
pub mod folding;
pub mod kind;
mod line_generator;
mod lines;
pub mod mains;
pub mod model;
pub mod power_law;
pub mod relaxation;
pub mod spectrum;
pub mod stream;
pub mod tabulated;
pub mod trace;
pub mod transform;
pub mod welch;

pub use autocovariance::Autocovariance;
pub use circulant::{CirculantGenerator, CirculantScratch};
pub use error::NoiseError;
pub use kind::{NoNoise, NoiseKind, Surroundings};
pub use mains::Mains;
pub use model::{NoiseModel, RecordGenerator};
pub use power_law::{PowerLaw, WhiteNoise};
pub use relaxation::{EnsembleSettings, RelaxationEnsemble, RelaxationNoise, TelegraphNoise};
pub use spectrum::Spectrum;
pub use tabulated::{TabulatedNoise, TabulatedSpectrum};
pub use trace::{Trace, TraceNoise};
