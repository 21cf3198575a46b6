//! Estimators with random perturbations: simultaneous perturbation (Spall 1992) and random codes.
//!
//! The record is divided into blocks. In block k all parameters move along one random direction, by ±c Δ_k or by 0 and
//! c Δ_k; the reading of the block divided by c_m Δ_mk is an estimate of derivative m, which is averaged over blocks.

use ndarray::Array2;
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::PerParameter;

use crate::error::{EstimatorError, amplitudes};
use crate::filter::{FilterSettings, LowPass};
use crate::instrument::InstrumentSettings;
use crate::kind::estimator;
use crate::readout::{Channel, Reference, Window};
use crate::scheme::{Waveform, check_weights, samples_in};

/// Distribution of the components of a random direction: symmetric, of unit variance, bounded away from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// ±1 with equal probability: asymptotically optimal (Sadegh & Spall 1998).
    #[default]
    Rademacher,
    /// Uniform on ±[(19 − 3√13)/20, (19 + 3√13)/20] (Cao 2011).
    SegmentedUniform,
}

impl Distribution {
    fn segment() -> (f64, f64) {
        let root = 13.0_f64.sqrt();
        ((19.0 - 3.0 * root) / 20.0, (19.0 + 3.0 * root) / 20.0)
    }

    /// One component.
    pub fn draw<R: Rng + ?Sized>(self, rng: &mut R) -> f64 {
        let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
        match self {
            Self::Rademacher => sign,
            Self::SegmentedUniform => {
                let (low, high) = Self::segment();
                sign * rng.random_range(low..high)
            }
        }
    }

    /// Mean of 1/Δ²: 1, or 1/0.61. (The mean of Δ² is 1 for both.)
    #[must_use]
    pub fn mean_inverse_square(self) -> f64 {
        match self {
            Self::Rademacher => 1.0,
            Self::SegmentedUniform => {
                let (low, high) = Self::segment();
                1.0 / (low * high)
            }
        }
    }
}

/// One- or two-sided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// Levels 0 and cΔ.
    One,
    /// Levels −cΔ and cΔ.
    #[default]
    Two,
}

/// A measurement by simultaneous perturbation, averaged over directions within the duration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spsa {
    /// Sampling rate (Hz); that of `[sampling]` in a scenario.
    #[serde(skip)]
    pub rate_hz: f64,
    /// One- or two-sided.
    #[serde(default)]
    pub sides: Sides,
    /// Number of directions, which share the duration.
    #[serde(default = "one")]
    pub directions: usize,
    /// Distribution of the directions.
    #[serde(default)]
    pub distribution: Distribution,
    /// Duration of the record, for all parameters and directions (s).
    pub duration_s: f64,
    /// Step c (V).
    pub amplitude_volt: PerParameter,
    /// Low-pass of each level.
    #[serde(default)]
    pub filter: FilterSettings,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSettings,
}

fn one() -> usize {
    1
}

/// A measurement with a random code: a random direction for each chip, with which the output is correlated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomCode {
    /// Sampling rate (Hz); that of `[sampling]` in a scenario.
    #[serde(skip)]
    pub rate_hz: f64,
    /// Number of chips (time slots), each with a random direction.
    pub chips: usize,
    /// Distribution of the code.
    #[serde(default)]
    pub distribution: Distribution,
    /// Duration of the record, for all parameters (s).
    pub duration_s: f64,
    /// Amplitude (V).
    pub amplitude_volt: PerParameter,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSettings,
}

/// A measurement whose perturbation is drawn again for every estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomMeasurement {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Samples in the record.
    pub samples: usize,
    /// Step c of each parameter \[V\].
    pub step_volt: Vec<f64>,
    /// Distribution of the directions.
    pub distribution: Distribution,
    /// Level of each window of a block, in units of cΔ.
    pub levels: Vec<f64>,
    /// The filter of every window.
    pub filter: LowPass,
    /// One channel for each block; its windows are those of the block, in order.
    pub blocks: Vec<Channel>,
}

/// Blocks of consecutive windows of `window` samples, read with `factors` and averaged.
fn averaged_blocks(factors: &[f64], blocks: usize, window: usize) -> Vec<Channel> {
    let block = |k: usize| Channel {
        reference: Reference::One,
        windows: factors
            .iter()
            .enumerate()
            .map(|(i, factor)| Window {
                start: (k * factors.len() + i) * window,
                length: window,
                factor: factor / blocks as f64,
            })
            .collect(),
    };
    (0..blocks).map(block).collect()
}

impl RandomMeasurement {
    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.step_volt.len()
    }

    /// Draws the directions of one estimate, blocks × parameters, row by row.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Vec<f64> {
        (0..self.blocks.len() * self.parameters()).map(|_| self.distribution.draw(rng)).collect()
    }

    /// Perturbation asked for along `directions` ([`draw`](Self::draw)), steps spread linearly over `ramp_s`; shape
    /// (samples, parameters) \[V\].
    #[must_use]
    pub fn perturbation_volt(&self, directions: &[f64], ramp_s: f64) -> Array2<f64> {
        let parameters = self.parameters();
        let ramp_samples = (ramp_s * self.rate_hz).round() as usize;
        let mut out = Array2::zeros((self.samples, parameters));
        for (m, mut column) in out.columns_mut().into_iter().enumerate() {
            let blocks = self.blocks.iter().zip(directions.chunks_exact(parameters));
            let steps = blocks.flat_map(|(block, direction)| {
                let levels = block.windows.iter().zip(&self.levels);
                levels.map(move |(window, s)| (window.start, s * self.step_volt[m] * direction[m]))
            });
            let wave = Waveform::Levels(steps.collect()).samples(self.samples, self.rate_hz, ramp_samples);
            column.assign(&ndarray::aview1(&wave));
        }
        out
    }

    /// Weights, blocks × samples, row by row; reading k is still to be divided by c_m Δ_mk.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        self.blocks.iter().flat_map(|b| b.weights(&self.filter, self.rate_hz, self.samples)).collect()
    }

    /// Converts the readings of the blocks to derivatives \[nA/V\].
    pub fn combine(&self, readings: &[f64], directions: &[f64], gradient: &mut [f64]) {
        let parameters = self.parameters();
        gradient.fill(0.0);
        for (reading, direction) in readings.iter().zip(directions.chunks_exact(parameters)) {
            for ((g, delta), c) in gradient.iter_mut().zip(direction).zip(&self.step_volt) {
                *g += reading / (c * delta);
            }
        }
    }
}

fn at_least_one(key: &'static str, value: usize) -> Result<usize, EstimatorError> {
    if value == 0 { Err(EstimatorError::setting(key, value, "must be at least 1")) } else { Ok(value) }
}

impl Spsa {
    /// One direction, two-sided, of components ±1, with one step \[V\]. Override fields as in `Spsa { directions: 5,
    /// ..Spsa::new(…) }`.
    #[must_use]
    pub fn new(rate_hz: f64, duration_s: f64, amplitude_volt: f64) -> Self {
        Self {
            rate_hz,
            sides: Sides::Two,
            directions: 1,
            distribution: Distribution::Rademacher,
            duration_s,
            amplitude_volt: PerParameter::All(amplitude_volt),
            filter: FilterSettings::default(),
            instrument: InstrumentSettings::default(),
        }
    }

    /// The measurement of `parameters` derivatives.
    ///
    /// # Errors
    /// If a setting is out of range or a window would be shorter than 8 samples.
    pub fn build(&self, parameters: usize) -> Result<RandomMeasurement, EstimatorError> {
        let samples = samples_in(self.duration_s, self.rate_hz, 16)?;
        let step_volt = amplitudes(&self.amplitude_volt.to_vec(), parameters)?;
        let directions = at_least_one("directions", self.directions)?;
        let most = samples / 16;
        if directions > most {
            return Err(EstimatorError::setting(
                "directions",
                directions,
                format!("must be 1 to {most}, so that each level has at least 8 of the {samples} samples"),
            ));
        }
        check_weights("directions", directions, samples, directions, "directions")?;
        check_weights("duration_s", self.duration_s, samples, parameters, "parameters")?;
        let window = samples / (2 * directions);
        let (levels, factors) = match self.sides {
            Sides::One => (vec![0.0, 1.0], [-1.0, 1.0]),
            Sides::Two => (vec![-1.0, 1.0], [-0.5, 0.5]),
        };
        Ok(RandomMeasurement {
            rate_hz: self.rate_hz,
            samples,
            step_volt,
            distribution: self.distribution,
            levels,
            filter: self.filter.low_pass(window, self.rate_hz)?,
            blocks: averaged_blocks(&factors, directions, window),
        })
    }
}

estimator!(Spsa);

impl RandomCode {
    /// A code of `chips` chips ±1, with one amplitude \[V\].
    #[must_use]
    pub fn new(rate_hz: f64, duration_s: f64, amplitude_volt: f64, chips: usize) -> Self {
        Self {
            rate_hz,
            chips,
            distribution: Distribution::Rademacher,
            duration_s,
            amplitude_volt: PerParameter::All(amplitude_volt),
            instrument: InstrumentSettings::default(),
        }
    }

    /// The measurement of `parameters` derivatives.
    ///
    /// # Errors
    /// If a setting is out of range or a chip would be shorter than one sample.
    pub fn build(&self, parameters: usize) -> Result<RandomMeasurement, EstimatorError> {
        let samples = samples_in(self.duration_s, self.rate_hz, 2)?;
        let step_volt = amplitudes(&self.amplitude_volt.to_vec(), parameters)?;
        let chips = at_least_one("chips", self.chips)?;
        if chips > samples {
            return Err(EstimatorError::setting(
                "chips",
                chips,
                format!("must be at most the number of samples ({samples})"),
            ));
        }
        check_weights("chips", chips, samples, chips, "chips")?;
        check_weights("duration_s", self.duration_s, samples, parameters, "parameters")?;
        let chip = samples / chips;
        Ok(RandomMeasurement {
            rate_hz: self.rate_hz,
            samples,
            step_volt,
            distribution: self.distribution,
            levels: vec![1.0],
            filter: LowPass::Mean,
            blocks: averaged_blocks(&[1.0], chips, chip),
        })
    }
}

estimator!(RandomCode);
