//! Measured traces.

use std::path::Path;

use num_complex::Complex64;
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};

use crate::kind::{NoiseKind, Surroundings};
use crate::{Autocovariance, NoiseError, NoiseModel, transform, welch};

/// Relative difference of two rates that are the same.
const SAME_RATE: f64 = 1e-6;

/// A measured trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceNoise {
    /// Text (`.csv`, `.txt`, `.tsv`, `.dat`, `.asc`), `.npy` or `.npz`; a relative path refers to the scenario's folder.
    pub file: InputFile,
    /// Rate at which it was recorded (Hz), which must be the sampling rate; taken as that if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<f64>,
}

impl NoiseKind for TraceNoise {
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        let rate_hz = around.rate_hz;
        match self.rate_hz {
            Some(recorded_hz) if (recorded_hz - rate_hz).abs() > SAME_RATE * rate_hz => {
                let allowed =
                    format!("must be the sampling rate, which is {rate_hz} Hz: sample at the rate of the trace");
                return Err(SettingError::found("rate_hz", recorded_hz, allowed));
            }
            Some(_) => {}
            None => around.remarks.push(format!(
                "`{}` is taken as recorded at the sampling rate, {rate_hz} Hz: give its `rate_hz` to have that checked",
                self.file.0.display()
            )),
        }
        Ok(NoiseModel::Trace(around.read(&self.file, |path| Trace::from_file(path, rate_hz))?))
    }

    fn files(&self) -> Vec<InputFile> {
        vec![self.file.clone()]
    }
}

/// A measured noise trace without its mean, repeated cyclically from random starting points.
///
/// This noise is exactly stationary, and its autocovariance is the circular one of the trace. The jump from end to
/// start is one artificial step per trace length.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    samples_na: Vec<f64>,
    rate_hz: f64,
    spectrum: welch::WelchEstimate,
}

impl Trace {
    /// A trace \[nA\] recorded at `rate_hz`.
    ///
    /// # Errors
    /// If it has fewer than 16 samples or one of them is not finite.
    pub fn new(mut samples_na: Vec<f64>, rate_hz: f64) -> Result<Self, NoiseError> {
        if samples_na.len() < 16 {
            return Err(NoiseError::BadTable {
                what: format!("a noise trace needs at least 16 samples, found {}", samples_na.len()),
            });
        }
        if let Some(at) = samples_na.iter().position(|x| !x.is_finite()) {
            return Err(NoiseError::BadTable {
                what: format!("sample {at} of the noise trace is {}: all must be finite", samples_na[at]),
            });
        }
        let mean = samples_na.iter().sum::<f64>() / samples_na.len() as f64;
        samples_na.iter_mut().for_each(|x| *x -= mean);
        let segment = (samples_na.len() / 8).clamp(16, 1 << 16);
        let spectrum = welch::estimate(&samples_na, rate_hz, segment);
        Ok(Self { samples_na, rate_hz, spectrum })
    }

    /// Reads one column \[nA\] from a text table, `.npy` or `.npz` ([`tables::read_columns`]). Returns remarks on the
    /// reading as well, one sentence each.
    ///
    /// # Errors
    /// If the file cannot be read or [`Trace::new`] refuses its numbers.
    pub fn from_file(path: &Path, rate_hz: f64) -> Result<(Self, Vec<String>), NoiseError> {
        let mut read = read_columns(path, 1)?;
        let trace = Self::new(read.values.swap_remove(0), rate_hz).map_err(|e| e.in_file(path))?;
        Ok((trace, read.remarks))
    }

    /// Samples in the trace.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples_na.len()
    }

    /// Always false: a trace has at least 16 samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples_na.is_empty()
    }

    /// Rate at which it was recorded \[Hz\].
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Sample `at` \[nA\], counted cyclically.
    pub(crate) fn sample(&self, at: usize) -> f64 {
        self.samples_na[at % self.samples_na.len()]
    }

    /// A random starting point.
    pub(crate) fn start<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        rng.random_range(0..self.samples_na.len())
    }

    /// Welch estimate of the density \[nA²/Hz\], linear between its frequencies.
    #[must_use]
    pub fn density(&self, frequency_hz: f64) -> f64 {
        let (f, s) = (&self.spectrum.frequency_hz, &self.spectrum.psd);
        let at = f.partition_point(|&x| x <= frequency_hz.abs()).clamp(1, f.len() - 1);
        let t = ((frequency_hz.abs() - f[at - 1]) / (f[at] - f[at - 1])).clamp(0.0, 1.0);
        s[at - 1] * (1.0 - t) + s[at] * t
    }

    /// Exact circular autocovariance at `lags` lags (continued cyclically if the trace is shorter).
    #[must_use]
    pub fn autocovariance(&self, lags: usize) -> Autocovariance {
        let period = self.samples_na.len();
        let forward = transform::forward(period);
        let mut lines = forward.make_output_vec();
        forward.process(&mut self.samples_na.clone(), &mut lines).expect("lengths match the plan");
        for line in &mut lines {
            *line = Complex64::new(line.norm_sqr(), 0.0);
        }
        let mut r = vec![0.0; period];
        transform::inverse(period).process(&mut lines, &mut r).expect("lengths match the plan");
        let scale = (period as f64).powi(2);
        let variance = r[0] / scale;
        let structure = (0..lags).map(|k| variance - r[k % period] / scale).collect();
        Autocovariance { variance, structure }
    }
}

/// Reads `columns` columns of finite numbers.
pub(crate) fn read_columns(path: &Path, columns: usize) -> Result<tables::Columns, NoiseError> {
    tables::read_columns(path, columns)
        .map_err(|e| NoiseError::Unreadable { path: path.to_owned(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circular_autocovariance_is_the_mean_over_all_starts() {
        let samples: Vec<f64> = (0..50).map(|n| ((n * n) as f64 * 0.13).sin()).collect();
        let trace = Trace::new(samples, 1000.0).unwrap();
        let r = trace.autocovariance(10);
        for lag in 0..10 {
            let mean: f64 = (0..50).map(|s| trace.sample(s) * trace.sample(s + lag)).sum::<f64>() / 50.0;
            assert!((r.at(lag) - mean).abs() < 1e-14);
        }
    }
}
