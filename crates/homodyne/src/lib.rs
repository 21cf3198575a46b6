//! Simulates physical systems that learn by measuring their own gradient: homodyne gradient extraction and other
//! methods, on model devices, measured devices and simulated dopant networks, with coloured noise.
//!
//! This crate re-exports all parts; [`prelude`] holds the items for a first program. The program `homodyne` runs the
//! same parts from scenario files.
//!
//! | part | content |
//! |---|---|
//! | [`device`] | parameters \[V\] in, current \[nA\] out, with exact gradients; [`device::conformance`] tests your own |
//! | [`dopant_network`] | hopping conduction: events, steady state, mean field |
//! | [`noise`] | absolute one-sided spectra, exact generators, traces, Welch's estimate |
//! | [`estimators`] | homodyne gradient extraction, finite differences, SPSA, codes; exact and published errors; a planner |
//! | [`training`] | tasks, losses, optimisers, and the account of measurement time |
//! | [`results`] | dimensions, variables, HDF5, selection by names |
//! | [`sweep`] | work on all cores or in shards, resumable after any interruption |
//! | [`study`] | scenario files and the six kinds of studies |
//! | [`figures`] | results to SVG and PNG |
//!
//! # A tour
//!
//! **One derivative.** From a device, an estimator and noise, an [`Experiment`](estimators::Experiment) computes its
//! exact error and simulates measurements.
//!
//! ```
//! use homodyne::prelude::*;
//!
//! // 1/f^1.5 noise of 1e-5 nA²/Hz at 1 kHz, and sines of 8 mV at three frequencies for 0.1 s
//! let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
//! let noise = law.noise()?;
//! let hge = Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0, 960.0, 920.0]);
//! let device = Linear::new(vec![60.0, -20.0, 5.0], 0.0)?;
//! let experiment = Experiment::on(device).with(hge.clone()).under(&noise).build()?;
//!
//! let exact = experiment.exact()?;
//! let mut rng = Pcg64::seed_from_u64(1);
//! let estimate = experiment.trial(&mut rng)?;
//! // each derivative within five standard deviations of what it should be
//! let truth = experiment.truth()?;
//! for m in 0..3 {
//!     assert!((estimate[m] - truth[m] - exact.bias[m]).abs() < 5.0 * exact.variance[m].sqrt());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Another estimator**: finite differences need a record for each parameter, and suffer from the low-frequency noise
//! that homodyne gradient extraction avoids.
//!
//! ```
//! # use homodyne::prelude::*;
//! # let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
//! # let noise = law.noise()?;
//! # let hge = Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0, 960.0, 920.0]);
//! let device = || Linear::new(vec![60.0, -20.0, 5.0], 0.0);
//! let fd = FiniteDifferences::new(10_000.0, 0.1, 8e-3);
//! let by_hge = Experiment::on(device()?).with(hge).under(&noise).build()?.exact()?;
//! let by_fd = Experiment::on(device()?).with(fd).under(&noise).build()?.exact()?;
//! assert!(by_fd.variance[0] > 100.0 * by_hge.variance[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Your own device** is a type with three functions; [`device::conformance`] tests the properties that every device
//! must have (`examples/02_your_own_device.rs`).
//!
//! **A scenario** from Rust, without the program:
//!
//! ```
//! # use homodyne::prelude::*;
//! let scenario = r#"
//! [study]
//! name = "spacing"
//! repetitions = 20
//! [device]
//! kind = "linear"
//! gradient_na_per_volt = [60, -20, 5]
//! [estimator]
//! kind = "hge"
//! duration_s = 0.1
//! amplitude_volt = 8e-3
//! frequencies_hz = { top = 1000, spacing = 40 }
//! [sweep]
//! "estimator.mode" = ["parallel", "sequential"]
//! "#;
//! let study = Study::new(Document::parse("spacing.toml".as_ref(), scenario.to_owned())?)?;
//! let results = study::run(&study, 0, &Silent)?;
//! let parallel = results.select("bias_exact", &[("estimator.mode", "parallel".into())])?;
//! assert_eq!(parallel.dimensions, ["parameter"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use {
    device, dopant_network, estimators, figures, ndarray, noise, rand, rand_pcg, results, settings, study, sweep,
    training,
};

/// The most common items.
pub mod prelude {
    pub use crate::study;
    pub use device::{Device, DeviceError, Linear, NetworkDevice, NeuralSurrogate, Polynomial};
    pub use estimators::differences::{Difference, FiniteDifferences};
    pub use estimators::filter::FilterSettings;
    pub use estimators::hge::{Hge, LockInReadout, Mode};
    pub use estimators::random::{Distribution, Sides, Spsa};
    pub use estimators::{Estimator, EstimatorError, ExactErrors, Experiment, Instrument};
    pub use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
    pub use noise::{NoiseModel, PowerLaw, Spectrum};
    pub use rand::SeedableRng;
    pub use rand_pcg::Pcg64;
    pub use results::{Coordinate, Dimension, Results, Variable};
    pub use study::{Document, Silent, Study};
}
