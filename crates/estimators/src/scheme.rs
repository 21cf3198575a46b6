//! Schemes of measurement: the perturbation of each parameter at each sample, and the readout of each record.

use ndarray::Array2;

use crate::error::{EstimatorError, positive};
use crate::filter::LowPass;
use crate::random::RandomMeasurement;
use crate::readout::{Channel, sine};

/// Perturbation of one parameter during a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Perturbation {
    /// Which parameter.
    pub parameter: usize,
    /// Its waveform \[V\].
    pub waveform: Waveform,
}

/// A perturbation in time \[V\].
#[derive(Clone, Debug, PartialEq)]
pub enum Waveform {
    /// `α sin(2π f t + φ)`, with an envelope that rises linearly over the ramp.
    Sine {
        /// Amplitude α \[V\].
        amplitude_volt: f64,
        /// Frequency f \[Hz\].
        frequency_hz: f64,
        /// Phase φ \[rad\].
        phase_rad: f64,
    },
    /// Steps: pairs of a first sample and the level \[V\] from there on; zero before the first.
    Levels(Vec<(usize, f64)>),
}

impl Waveform {
    /// Its first `samples` samples \[V\] at `rate_hz`, with steps and onsets ramped linearly over `ramp_samples`.
    #[must_use]
    pub fn samples(&self, samples: usize, rate_hz: f64, ramp_samples: usize) -> Vec<f64> {
        match self {
            Self::Sine { amplitude_volt, frequency_hz, phase_rad } => (0..samples)
                .map(|n| {
                    let envelope = if n < ramp_samples { n as f64 / ramp_samples as f64 } else { 1.0 };
                    envelope * amplitude_volt * sine(*frequency_hz, *phase_rad, n, rate_hz)
                })
                .collect(),
            Self::Levels(levels) => {
                let mut out = vec![0.0; samples];
                let mut before = 0.0;
                for (k, &(start, level)) in levels.iter().enumerate() {
                    let end = levels.get(k + 1).map_or(samples, |next| next.0.min(samples));
                    for (n, volt) in out[start..end].iter_mut().enumerate() {
                        *volt = if n < ramp_samples {
                            before + (n + 1) as f64 / (ramp_samples + 1) as f64 * (level - before)
                        } else {
                            level
                        };
                    }
                    if end > start {
                        before = out[end - 1];
                    }
                }
                out
            }
        }
    }
}

/// One record: perturbations and readouts.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordScheme {
    /// Perturbed parameters.
    pub perturbations: Vec<Perturbation>,
    /// Readout channels.
    pub channels: Vec<Channel>,
    /// The derivative that each channel measures: m for ∂I/∂w_m, M + m for ∂²I/∂w_m², of M parameters.
    pub derivative_of_channel: Vec<usize>,
}

/// How channel readings become derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combination {
    /// Each channel is a derivative.
    Linear,
    /// Channels come in pairs X, Y; the derivative is `sign(X) √(X² + Y²)` (R mode).
    Amplitude,
}

/// A measurement with a fixed perturbation.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Samples in each record.
    pub samples: usize,
    /// Number of parameters M.
    pub parameters: usize,
    /// Number of derivatives: M, or 2 M if the diagonal second derivatives are read as well; they follow the first
    /// derivatives.
    pub derivatives: usize,
    /// The filter of every channel.
    pub filter: LowPass,
    /// Records: one if all parameters are measured at once, otherwise one for each parameter. The noise of different
    /// records is independent.
    pub records: Vec<RecordScheme>,
    /// How readings become derivatives.
    pub combination: Combination,
}

impl Measurement {
    /// Requested perturbation in record `record`, shape (samples, parameters) \[V\].
    #[must_use]
    pub fn perturbation_volt(&self, record: usize, ramp_s: f64) -> Array2<f64> {
        let ramp_samples = (ramp_s * self.rate_hz).round() as usize;
        let mut out = Array2::zeros((self.samples, self.parameters));
        for perturbation in &self.records[record].perturbations {
            let wave = perturbation.waveform.samples(self.samples, self.rate_hz, ramp_samples);
            out.column_mut(perturbation.parameter).assign(&ndarray::aview1(&wave));
        }
        out
    }

    /// Weights of record `record`, channels × samples, row by row.
    #[must_use]
    pub fn weights(&self, record: usize) -> Vec<f64> {
        self.records[record]
            .channels
            .iter()
            .flat_map(|channel| channel.weights(&self.filter, self.rate_hz, self.samples))
            .collect()
    }

    /// Turns the readings of record `record` into those derivatives that it measures; the others stay.
    pub fn combine(&self, record: usize, readings: &[f64], derivatives: &mut [f64]) {
        let derivative_of_channel = &self.records[record].derivative_of_channel;
        match self.combination {
            Combination::Linear => {
                for (&m, reading) in derivative_of_channel.iter().zip(readings) {
                    derivatives[m] = *reading;
                }
            }
            Combination::Amplitude => {
                for (parameters, xy) in derivative_of_channel.chunks_exact(2).zip(readings.chunks_exact(2)) {
                    let sign = if xy[0] >= 0.0 { 1.0 } else { -1.0 };
                    derivatives[parameters[0]] = sign * xy[0].hypot(xy[1]);
                }
            }
        }
    }

    /// Duration of the whole measurement \[s\].
    #[must_use]
    pub fn total_time_s(&self) -> f64 {
        self.records.len() as f64 * self.samples as f64 / self.rate_hz
    }
}

/// A way to measure a gradient.
#[derive(Clone, Debug, PartialEq)]
pub enum Scheme {
    /// The same perturbation every time: HGE, finite differences, Walsh codes.
    Fixed(Measurement),
    /// A perturbation drawn again for every estimate: SPSA, random codes.
    Random(RandomMeasurement),
}

impl From<Measurement> for Scheme {
    fn from(measurement: Measurement) -> Self {
        Self::Fixed(measurement)
    }
}

impl From<RandomMeasurement> for Scheme {
    fn from(measurement: RandomMeasurement) -> Self {
        Self::Random(measurement)
    }
}

impl Scheme {
    /// Samples in each record.
    #[must_use]
    pub fn samples(&self) -> usize {
        match self {
            Self::Fixed(m) => m.samples,
            Self::Random(m) => m.samples,
        }
    }

    /// Sampling rate \[Hz\].
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        match self {
            Self::Fixed(m) => m.rate_hz,
            Self::Random(m) => m.rate_hz,
        }
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> usize {
        match self {
            Self::Fixed(m) => m.records.len(),
            Self::Random(_) => 1,
        }
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match self {
            Self::Fixed(m) => m.parameters,
            Self::Random(m) => m.parameters(),
        }
    }

    /// Number of derivatives of one estimate: first derivatives, then second derivatives if they are read.
    #[must_use]
    pub fn derivatives(&self) -> usize {
        match self {
            Self::Fixed(m) => m.derivatives,
            Self::Random(m) => m.parameters(),
        }
    }

    /// Duration of one estimate of the whole gradient \[s\].
    #[must_use]
    pub fn total_time_s(&self) -> f64 {
        match self {
            Self::Fixed(m) => m.total_time_s(),
            Self::Random(m) => m.samples as f64 / m.rate_hz,
        }
    }
}

/// Largest number of samples in a record: 1000 s at 10 kHz.
pub const MOST_SAMPLES: usize = 10_000_000;

/// Largest number of weights of a measurement, samples times channels: 0.8 GB, of which preparation takes about ten
/// times as much.
pub const MOST_WEIGHTS: usize = 100_000_000;

/// Number of samples in `duration_s`, at least `least`.
pub(crate) fn samples_in(duration_s: f64, rate_hz: f64, least: usize) -> Result<usize, EstimatorError> {
    let duration_s = positive("duration_s", duration_s)?;
    let rate_hz = positive("rate_hz", rate_hz)?;
    let samples = (duration_s * rate_hz).round();
    if samples < least as f64 || samples > MOST_SAMPLES as f64 {
        return Err(EstimatorError::setting(
            "duration_s",
            duration_s,
            format!("gives {samples} samples at {rate_hz} Hz: {least} to {MOST_SAMPLES} are allowed here"),
        ));
    }
    Ok(samples as usize)
}

/// Refuses more weights than [`MOST_WEIGHTS`] before allocating them: `samples` for each of `readings`; `what` names
/// the readings and `key` the setting that determines their number.
pub(crate) fn check_weights(
    key: &'static str,
    found: impl std::fmt::Display,
    samples: usize,
    readings: usize,
    what: &str,
) -> Result<(), EstimatorError> {
    match samples.checked_mul(readings) {
        Some(weights) if weights <= MOST_WEIGHTS => Ok(()),
        _ => Err(EstimatorError::setting(
            key,
            found,
            format!("gives {samples} samples for each of {readings} {what}: at most {MOST_WEIGHTS} in all are allowed"),
        )),
    }
}
