//! Readout channels of one record, as weights and as a streaming lock-in.

use std::f64::consts::{FRAC_PI_2, TAU};

use crate::filter::LowPass;

/// Reference with which the output is multiplied before filtering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reference {
    /// None: the level itself is read.
    One,
    /// `sin(2π f t + φ)`, t counted from the start of the record.
    Sine {
        /// Frequency f \[Hz\], of either sign.
        frequency_hz: f64,
        /// Phase φ \[rad\].
        phase_rad: f64,
    },
}

impl Reference {
    /// Its value at sample `n`.
    #[must_use]
    pub fn value(&self, n: usize, rate_hz: f64) -> f64 {
        match *self {
            Self::One => 1.0,
            Self::Sine { frequency_hz, phase_rad } => sine(frequency_hz, phase_rad, n, rate_hz),
        }
    }

    /// The reference of the Y component.
    #[must_use]
    pub fn quarter_ahead(self) -> Self {
        match self {
            Self::One => Self::One,
            Self::Sine { frequency_hz, phase_rad } => Self::Sine { frequency_hz, phase_rad: phase_rad + FRAC_PI_2 },
        }
    }
}

/// `sin(2π f n / fs + φ)`, with whole periods subtracted before the sine.
pub(crate) fn sine(frequency_hz: f64, phase_rad: f64, n: usize, rate_hz: f64) -> f64 {
    (TAU * (frequency_hz * n as f64 / rate_hz).fract() + phase_rad).sin()
}

/// A window of the record: multiplied, filtered from rest, and read at its last sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// First sample.
    pub start: usize,
    /// Number of samples.
    pub length: usize,
    /// Factor of the reading.
    pub factor: f64,
}

/// One number read from a record: the sum of the readings of its windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Reference.
    pub reference: Reference,
    /// Its windows.
    pub windows: Vec<Window>,
}

impl Channel {
    /// One weight for each of `samples` samples, so that the reading is a scalar product.
    #[must_use]
    pub fn weights(&self, filter: &LowPass, rate_hz: f64, samples: usize) -> Vec<f64> {
        let mut weights = vec![0.0; samples];
        let mut response: Vec<f64> = Vec::new();
        for window in &self.windows {
            if response.len() != window.length {
                response = filter.impulse_response(window.length);
            }
            for (k, h) in response.iter().rev().enumerate() {
                let n = window.start + k;
                weights[n] += window.factor * h * self.reference.value(n, rate_hz);
            }
        }
        weights
    }

    /// The reference at each of `samples` samples, for [`Channel::stream`].
    #[must_use]
    pub fn reference_samples(&self, rate_hz: f64, samples: usize) -> Vec<f64> {
        (0..samples).map(|n| self.reference.value(n, rate_hz)).collect()
    }

    /// The same number by a streaming lock-in: multiply with the reference, filter sample by sample, read at the end of each
    /// window.
    #[must_use]
    pub fn stream(&self, filter: &LowPass, reference: &[f64], record_na: &[f64]) -> f64 {
        self.windows
            .iter()
            .map(|window| {
                let span = window.start..window.start + window.length;
                let mut state = filter.start(window.length);
                let mut reading = 0.0;
                for (y, r) in record_na[span.clone()].iter().zip(&reference[span]) {
                    reading = state.push(y * r);
                }
                window.factor * reading
            })
            .sum()
    }
}
