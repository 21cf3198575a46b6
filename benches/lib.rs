//! What the benchmarks share: the parallel HGE measurement of `baselines/numpy_hge.py`.
//!
//! fs = 10 kHz, T = 0.1 s, so N = 1000 samples; 1/f^1.5 noise with 1e-5 nA²/Hz at 1 kHz; 8 mV; M = 7 frequencies 40 Hz apart
//! from 1 kHz down; order-3 Butterworth settled to 2 %; X component.

use std::sync::Arc;

use device::Linear;
use estimators::filter::FilterSettings;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::{Experiment, Instrument, Route, Scheme};
use noise::{NoiseModel, PowerLaw, RecordGenerator, Spectrum};

/// Parameters M.
pub const PARAMETERS: usize = 7;

/// Sampling rate \[Hz\].
pub const RATE_HZ: f64 = 10_000.0;

/// Samples N.
pub const SAMPLES: usize = 1000;

/// The noise.
///
/// # Panics
/// Never: its numbers are allowed ones.
#[must_use]
pub fn noise_model() -> NoiseModel {
    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
    NoiseModel::Gaussian(Spectrum::PowerLaw(law.checked().expect("allowed numbers")))
}

/// The gradient \[nA/V\].
#[must_use]
pub fn gradient() -> Vec<f64> {
    (0..PARAMETERS).map(|m| 20.0 + 70.0 * m as f64 / (PARAMETERS - 1) as f64).collect()
}

/// The estimator.
#[must_use]
pub fn hge(parameters: usize) -> Hge {
    let (frequencies_hz, phases_rad) = Hge::ladder(1000.0, 40.0, parameters);
    Hge {
        rate_hz: RATE_HZ,
        duration_s: 0.1,
        amplitude_volt: vec![8e-3],
        frequencies_hz,
        phases_rad,
        mode: Mode::Parallel,
        readout: LockInReadout::X,
        filter: FilterSettings::default(),
        corrected_for: None,
    }
}

/// The measurement, by one of the three equivalent routes.
///
/// # Panics
/// Never: its settings are allowed ones.
#[must_use]
pub fn parallel_hge(route: Route) -> Experiment {
    Experiment::new(
        Scheme::Fixed(hge(PARAMETERS).build(PARAMETERS).expect("allowed settings")),
        Arc::new(Linear::new(gradient(), 0.0).expect("allowed numbers")),
        vec![0.0; PARAMETERS],
        Instrument::default(),
        Arc::new(RecordGenerator::new(&noise_model(), RATE_HZ, SAMPLES).expect("an allowed spectrum")),
        true,
        route,
    )
    .expect("allowed settings")
}
