//! Homodyne gradient extraction: a sine on each parameter, a lock-in for each on the output (B25).

use std::collections::HashMap;
use std::f64::consts::FRAC_PI_2;

use crate::error::{EstimatorError, amplitudes};
use crate::filter::FilterSettings;
use crate::plan::{Combination, Drive, Measurement, RecordPlan, Waveform, check_weights, samples_in};
use crate::readout::{Channel, Reference, Window};

/// One parameter after the other, or all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One record for each parameter.
    Sequential,
    /// One record for all parameters.
    Parallel,
}

/// Which number of the lock-in is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockInReadout {
    /// The in-phase component, dh/dw = 2X/α.
    X,
    /// The amplitude with the sign of the in-phase component, dh/dw = ±2√(X²+Y²)/α.
    R,
}

/// Settings of homodyne gradient extraction.
#[derive(Clone, Debug, PartialEq)]
pub struct Hge {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Duration of a record \[s\].
    pub duration_s: f64,
    /// Amplitude α of each sine \[V\]; one for all, or one for each parameter.
    pub amplitude_volt: Vec<f64>,
    /// Frequency of each parameter \[Hz\].
    pub frequencies_hz: Vec<f64>,
    /// Phase of each parameter's sine \[rad\].
    pub phases_rad: Vec<f64>,
    /// One after the other or all at once.
    pub mode: Mode,
    /// X or R.
    pub readout: LockInReadout,
    /// Low-pass of the lock-ins.
    pub filter: FilterSettings,
}

impl Hge {
    /// Frequencies `top − m · spacing` for M parameters, all in phase.
    #[must_use]
    pub fn ladder(top_hz: f64, spacing_hz: f64, parameters: usize) -> (Vec<f64>, Vec<f64>) {
        ((0..parameters).map(|m| top_hz - m as f64 * spacing_hz).collect(), vec![0.0; parameters])
    }

    /// The ladder with two parameters on each frequency, a quarter period apart.
    #[must_use]
    pub fn quadrature_ladder(top_hz: f64, spacing_hz: f64, parameters: usize) -> (Vec<f64>, Vec<f64>) {
        let frequency = |m: usize| top_hz - (m / 2) as f64 * spacing_hz;
        let phase = |m: usize| if m % 2 == 1 { FRAC_PI_2 } else { 0.0 };
        ((0..parameters).map(frequency).collect(), (0..parameters).map(phase).collect())
    }

    /// Amplitude of parameter `m` \[V\].
    #[must_use]
    pub fn amplitude_of(&self, m: usize) -> f64 {
        self.amplitude_volt[if self.amplitude_volt.len() == 1 { 0 } else { m }]
    }

    /// The measurement of `parameters` derivatives.
    ///
    /// # Errors
    /// If a setting is out of range, a frequency exceeds half the sampling rate, or R mode is asked for on a shared
    /// frequency.
    pub fn build(&self, parameters: usize) -> Result<Measurement, EstimatorError> {
        let samples = samples_in(self.duration_s, self.rate_hz, 8)?;
        let readings = if self.readout == LockInReadout::R { parameters.saturating_mul(2) } else { parameters };
        check_weights("estimator.duration_s", self.duration_s, samples, readings, "readings")?;
        let amplitude_volt = amplitudes(&self.amplitude_volt, parameters)?;
        const FREQUENCIES: &str = "estimator.frequencies_hz";
        if self.frequencies_hz.len() != parameters || self.phases_rad.len() != parameters {
            return Err(EstimatorError::setting(
                FREQUENCIES,
                format!("{} frequencies and {} phases", self.frequencies_hz.len(), self.phases_rad.len()),
                format!("must be one for each of the {parameters} parameters"),
            ));
        }
        let nyquist_hz = 0.5 * self.rate_hz;
        for (m, &f) in self.frequencies_hz.iter().enumerate() {
            if f.is_nan() || f.abs() >= nyquist_hz {
                return Err(EstimatorError::setting(
                    FREQUENCIES,
                    format!("{f} Hz for parameter {}", m + 1),
                    format!("must lie below half of sampling.rate_hz ({nyquist_hz} Hz)"),
                ));
            }
            if !self.phases_rad[m].is_finite() {
                return Err(EstimatorError::setting("estimator.phases_rad", self.phases_rad[m], "must be finite"));
            }
        }
        if self.readout == LockInReadout::R && self.mode == Mode::Parallel {
            let mut first_with = HashMap::with_capacity(parameters);
            for (m, frequency_hz) in self.frequencies_hz.iter().enumerate() {
                if let Some(n) = first_with.insert(frequency_hz.to_bits(), m) {
                    return Err(EstimatorError::setting(
                        "estimator.readout",
                        "r",
                        format!(
                            "parameters {} and {} share {frequency_hz} Hz, where only readout \"x\" tells them apart",
                            n + 1,
                            m + 1,
                        ),
                    ));
                }
            }
        }
        let channels = |m: usize| -> Vec<Channel> {
            let windows = vec![Window { start: 0, length: samples, factor: 2.0 / amplitude_volt[m] }];
            let reference = Reference::Sine { frequency_hz: self.frequencies_hz[m], phase_rad: self.phases_rad[m] };
            let x = Channel { reference, windows: windows.clone() };
            match self.readout {
                LockInReadout::X => vec![x],
                LockInReadout::R => {
                    vec![x, Channel { reference: reference.quarter_ahead(), windows }]
                }
            }
        };
        let drive = |m: usize| Drive {
            parameter: m,
            waveform: Waveform::Sine {
                amplitude_volt: amplitude_volt[m],
                frequency_hz: self.frequencies_hz[m],
                phase_rad: self.phases_rad[m],
            },
        };
        let record = |which: Vec<usize>| {
            let channels_of: Vec<Vec<Channel>> = which.iter().map(|&m| channels(m)).collect();
            let parameter_of_channel =
                which.iter().zip(&channels_of).flat_map(|(&m, c)| std::iter::repeat_n(m, c.len())).collect();
            RecordPlan {
                drives: which.iter().map(|&m| drive(m)).collect(),
                channels: channels_of.into_iter().flatten().collect(),
                parameter_of_channel,
            }
        };
        let records = match self.mode {
            Mode::Parallel => vec![record((0..parameters).collect())],
            Mode::Sequential => (0..parameters).map(|m| record(vec![m])).collect(),
        };
        Ok(Measurement {
            rate_hz: self.rate_hz,
            samples,
            parameters,
            filter: self.filter.low_pass(samples, self.rate_hz)?,
            records,
            combination: match self.readout {
                LockInReadout::X => Combination::Linear,
                LockInReadout::R => Combination::Amplitude,
            },
        })
    }
}
