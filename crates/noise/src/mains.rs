//! Hum: lines at the mains frequency and its multiples.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::kind::{NoiseKind, Surroundings};
use crate::stream::NoiseStream;
use crate::{Autocovariance, NoiseModel};

/// Lines at multiples of a frequency, each a sine of a fixed amplitude and, in every record, a random phase. Stationary, but not Gaussian;
/// phases of different multiples are independent.
///
/// A line has no density; its power is that of [`Autocovariance`], from which exact errors follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mains {
    /// Frequency of the mains (Hz).
    pub base_hz: f64,
    /// Root mean square of the lines (nA): at the frequency itself, at twice it, and so on; zero for none.
    pub rms_na: Vec<f64>,
    /// Sampling rate \[Hz\].
    #[serde(skip)]
    #[schemars(skip)]
    pub rate_hz: f64,
}

impl Mains {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Names the field that is out of range.
    pub fn checked(self) -> Result<Self, SettingError> {
        if !(self.base_hz > 0.0 && self.base_hz.is_finite()) {
            return Err(SettingError::found("base_hz", self.base_hz, "must be a positive frequency"));
        }
        if let Some(found) = self.rms_na.iter().find(|rms| !(**rms >= 0.0 && **rms < LARGEST_NA)) {
            return Err(SettingError::found("rms_na", found, "must be zero or more, and below 1e50 nA"));
        }
        if self.rms_na.is_empty() || self.rms_na.len() > MOST_LINES {
            let allowed = format!("must be one for each multiple, 1 to {MOST_LINES}");
            return Err(SettingError::found("rms_na", format!("a list of {}", self.rms_na.len()), allowed));
        }
        Ok(self)
    }

    /// Angle per sample and r.m.s. of each line.
    fn lines(&self) -> impl Iterator<Item = (f64, f64)> {
        let angle = move |k: usize| TAU * (((k + 1) as f64 * self.base_hz / self.rate_hz) % 1.0);
        self.rms_na.iter().enumerate().filter(|(_, rms)| **rms > 0.0).map(move |(k, rms)| (angle(k), *rms))
    }

    /// Its autocovariance, `Σ rms² cos θ k`.
    #[must_use]
    pub fn autocovariance(&self, lags: usize) -> Autocovariance {
        let mut found = Autocovariance::zero(lags);
        for (angle, rms) in self.lines() {
            found.variance += rms * rms;
            for (k, structure) in found.structure.iter_mut().enumerate() {
                // 1 − cos x without cancellation
                *structure += 2.0 * (rms * (0.5 * angle * k as f64).sin()).powi(2);
            }
        }
        found
    }
}

const MOST_LINES: usize = 1000;
const LARGEST_NA: f64 = 1e50;

impl NoiseKind for Mains {
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        let mains = Self { rate_hz: around.rate_hz, ..self.clone() }.checked()?;
        let top_hz = mains.base_hz * mains.rms_na.len() as f64;
        if top_hz > 0.5 * mains.rate_hz {
            around.remarks.push(format!(
                "the line at {top_hz} Hz lies above half of the sampling rate, {} Hz, and appears at another frequency",
                0.5 * mains.rate_hz
            ));
        }
        Ok(NoiseModel::Mains(mains))
    }
}

/// Continuous hum.
#[derive(Clone, Debug)]
pub struct MainsStream {
    /// Angle per sample, amplitude \[nA\] and phase of each line.
    lines: Vec<(f64, f64, f64)>,
    at: u64,
}

impl MainsStream {
    /// Draws the phases.
    pub fn new<R: Rng + ?Sized>(mains: &Mains, rng: &mut R) -> Self {
        let line = |(angle, rms): (f64, f64)| (angle, std::f64::consts::SQRT_2 * rms, TAU * rng.random::<f64>());
        Self { lines: mains.lines().map(line).collect(), at: 0 }
    }
}

impl NoiseStream for MainsStream {
    fn add_next<R: Rng + ?Sized>(&mut self, _rng: &mut R, block: &mut [f64]) {
        for x in block {
            for (angle, amplitude, phase) in &self.lines {
                *x += amplitude * (angle * self.at as f64 + phase).sin();
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::{CirculantScratch, RecordGenerator};

    /// The autocovariance of 4000 records at three lags. The standard error of each is below 1.2 % of the variance, by the scatter of the
    /// records; five of it are exceeded for less than one seed in 10⁵.
    #[test]
    fn records_have_the_autocovariance() {
        let mains = Mains { base_hz: 50.0, rms_na: vec![1.0, 0.0, 0.5], rate_hz: 10_000.0 };
        let model = NoiseModel::Mains(mains.clone());
        let generator = RecordGenerator::new(&model, 10_000.0, 200).unwrap();
        assert_eq!(generator.autocovariance(), &mains.autocovariance(200));
        let (mut rng, mut scratch) = (Pcg64::seed_from_u64(4), CirculantScratch::default());
        let lags = [0, 33, 100];
        let mut products = [const { Vec::new() }; 3];
        for _ in 0..4000 {
            let mut record = vec![0.0; 200];
            generator.add_to(&mut rng, &mut scratch, &mut record);
            lags.iter().zip(&mut products).for_each(|(lag, all)| all.push(record[7] * record[7 + lag]));
        }
        for (lag, all) in lags.iter().zip(products) {
            let n = all.len() as f64;
            let mean = all.iter().sum::<f64>() / n;
            let error = (all.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt();
            let exact = generator.autocovariance().at(*lag);
            assert!(error < 0.02 && (mean - exact).abs() < 5.0 * error, "lag {lag}: {mean} ± {error}, {exact}");
        }
        assert!((generator.autocovariance().variance - 1.25).abs() < 1e-12);
    }

    #[test]
    fn lines_that_cannot_be_are_refused() {
        for (base_hz, rms_na, field) in [
            (0.0, vec![1.0], "base_hz"),
            (50.0, vec![-1.0], "rms_na"),
            (50.0, Vec::new(), "rms_na"),
            (50.0, vec![f64::NAN], "rms_na"),
        ] {
            assert_eq!(Mains { base_hz, rms_na, rate_hz: 1e4 }.checked().unwrap_err().field, field);
        }
    }
}
