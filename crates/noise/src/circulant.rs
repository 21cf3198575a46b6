//! Records of Gaussian noise, exact in law, by circulant embedding (Davies & Harte 1987; Dietrich & Newsam 1997).

use std::sync::Arc;

use num_complex::Complex64;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use realfft::ComplexToReal;

use crate::autocovariance::Autocovariance;
use crate::spectrum::Spectrum;
use crate::transform;

/// How many times the embedding may be lengthened to avoid negative eigenvalues.
const LENGTHENINGS: usize = 4;

/// Largest allowed deviation of the generated covariance from the requested one, as a fraction of the variance.
const LARGEST_DEVIATION: f64 = 1e-9;

/// Generates independent records of stationary Gaussian noise.
///
/// The covariance of the record is embedded in that of a periodic one of at least twice the length, which a Fourier
/// transform diagonalises; only the first part is used, so that the two ends of a record have the correct correlation.
/// The shortest embedding continues the covariance itself; where that has negative eigenvalues (exponents near 2),
/// longer ones continue it by a parabola with zero slope at its end, as in the cut-off embedding of Stein (2002): the
/// covariance beyond the record is arbitrary. An eigenvalue that is still negative is set to zero, and
/// [`CirculantGenerator::autocovariance`] gives the covariance that results. If this differs from the requested one (a
/// strong line much narrower than the inverse record duration), the construction fails; [`crate::RecordGenerator`] then
/// sums lines instead.
pub struct CirculantGenerator {
    samples: usize,
    amplitude: Vec<f64>,
    autocovariance: Autocovariance,
    transform: Arc<dyn ComplexToReal<f64>>,
}

impl std::fmt::Debug for CirculantGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CirculantGenerator").field("samples", &self.samples).field("period", &self.period()).finish()
    }
}

/// Buffers for [`CirculantGenerator::add_to`], reused from record to record.
#[derive(Clone, Debug, Default)]
pub struct CirculantScratch {
    spectrum: Vec<Complex64>,
    periodic: Vec<f64>,
    transform: Vec<Complex64>,
}

impl CirculantGenerator {
    /// Generator of records of `samples` samples at `rate_hz`; `None` if no embedding reproduces the covariance of
    /// `spectrum` to 1e-9 of its variance.
    #[must_use]
    pub fn new(spectrum: &Spectrum, rate_hz: f64, samples: usize) -> Option<Self> {
        let mut period = fast_length(2 * samples.max(2));
        let mut lengthenings = 0;
        let r = Autocovariance::of(spectrum, rate_hz, period / 2 + 1);
        let mut autocovariance = Autocovariance { variance: r.variance, structure: r.structure[..samples].to_vec() };
        let mut eigenvalues = loop {
            let half = period / 2;
            let mut circle = vec![0.0; period];
            for j in 0..=half {
                circle[j] = if lengthenings == 0 { r.at(j) } else { continued(&r, samples, half, j) };
                circle[(period - j) % period] = circle[j];
            }
            let forward = transform::forward(period);
            let mut lines = forward.make_output_vec();
            forward.process(&mut circle, &mut lines).expect("lengths match the plan");
            let eigenvalues: Vec<f64> = lines.iter().map(|line| line.re).collect();
            let rounding = 1e-14 * period as f64 * r.variance;
            if eigenvalues.iter().all(|&e| e >= -rounding) || lengthenings == LENGTHENINGS {
                break eigenvalues;
            }
            lengthenings += 1;
            period = fast_length(period * 2);
        };
        let rounding = 1e-14 * period as f64 * r.variance;
        let negative = eigenvalues.iter().any(|&e| e < -rounding);
        for e in &mut eigenvalues {
            *e = e.max(0.0);
        }
        if negative {
            let asked = autocovariance;
            autocovariance = of_eigenvalues(&eigenvalues, period, samples);
            if autocovariance.largest_difference(&asked) > LARGEST_DEVIATION * asked.variance {
                return None;
            }
        }
        let amplitude = eigenvalues
            .iter()
            .enumerate()
            .map(|(k, e)| {
                let real_line = k == 0 || 2 * k == period;
                (e / period as f64 * if real_line { 1.0 } else { 0.5 }).sqrt()
            })
            .collect();
        Some(Self { samples, amplitude, autocovariance, transform: transform::inverse(period) })
    }

    fn period(&self) -> usize {
        self.transform.len()
    }

    /// Samples in a record.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Exact autocovariance of the generated records.
    #[must_use]
    pub fn autocovariance(&self) -> &Autocovariance {
        &self.autocovariance
    }

    /// Adds one new record \[nA\] to `record`, which must have the generator's length.
    pub fn add_to<R: Rng + ?Sized>(&self, rng: &mut R, scratch: &mut CirculantScratch, record: &mut [f64]) {
        assert_eq!(record.len(), self.samples, "record of another length");
        scratch.spectrum.resize(self.amplitude.len(), Complex64::default());
        for (line, amplitude) in scratch.spectrum.iter_mut().zip(&self.amplitude) {
            let (re, im): (f64, f64) = (StandardNormal.sample(rng), StandardNormal.sample(rng));
            *line = Complex64::new(amplitude * re, amplitude * im);
        }
        // the lines at 0 and at half the sampling rate are real
        let last = self.amplitude.len() - 1;
        scratch.spectrum[0].im = 0.0;
        scratch.spectrum[last].im = 0.0;
        scratch.periodic.resize(self.period(), 0.0);
        scratch.transform.resize(self.transform.get_scratch_len(), Complex64::default());
        self.transform
            .process_with_scratch(&mut scratch.spectrum, &mut scratch.periodic, &mut scratch.transform)
            .expect("lengths match the plan");
        for (sample, noise) in record.iter_mut().zip(&scratch.periodic) {
            *sample += noise;
        }
    }
}

/// The covariance at lag `j`, continued beyond the record by a parabola with zero slope at lag `half`.
fn continued(r: &Autocovariance, samples: usize, half: usize, j: usize) -> f64 {
    let edge = samples - 1;
    if j <= edge || edge < 2 {
        return r.at(j.min(edge));
    }
    let slope = 0.5 * (r.structure[edge - 2] - r.structure[edge]);
    let (t, span) = ((j - edge) as f64, (half - edge) as f64);
    r.at(edge) + slope * (t - 0.5 * t * t / span)
}

/// Autocovariance of the periodic noise with these eigenvalues.
fn of_eigenvalues(eigenvalues: &[f64], period: usize, lags: usize) -> Autocovariance {
    let inverse = transform::inverse(period);
    let mut input: Vec<Complex64> = eigenvalues.iter().map(|&e| Complex64::new(e, 0.0)).collect();
    let mut r = vec![0.0; period];
    inverse.process(&mut input, &mut r).expect("lengths match the plan");
    let variance = r[0] / period as f64;
    let structure = r.iter().take(lags).map(|x| variance - x / period as f64).collect();
    Autocovariance { variance, structure }
}

/// The smallest even number of the form 2^a 3^b or 2^a 3^b 5 that is at least `length`: with more factors of five, the
/// transform is slower than a slightly longer one (5.3 µs for 2000 samples, 3.7 µs for 2048).
fn fast_length(length: usize) -> usize {
    let smooth = |mut n: usize| {
        for p in [2, 3] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1 || n == 5
    };
    (length..).find(|n| n.is_multiple_of(2) && smooth(*n)).expect("there is always a next power of two")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PowerLaw;
    use rand_pcg::Pcg64;

    /// Sample covariances at several lags over 20 000 records. Each is a mean of products with known variance
    /// (Isserlis); a correct generator exceeds the bound of 4.9 standard errors for one seed in 10⁵ (10 comparisons),
    /// and the standard error is 1 %, so a 5 % error in the covariance fails.
    #[test]
    fn sample_covariances_are_the_stated_ones() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 5.0 };
        let generator = CirculantGenerator::new(&Spectrum::PowerLaw(law), 10_000.0, 200).unwrap();
        let r = generator.autocovariance();
        let mut rng = Pcg64::new(7, 1);
        let mut scratch = CirculantScratch::default();
        let records = 20_000;
        let lags = [0, 1, 10, 100, 199];
        let (mut from_start, mut from_end) = ([0.0; 5], [0.0; 5]);
        for _ in 0..records {
            let mut x = vec![0.0; 200];
            generator.add_to(&mut rng, &mut scratch, &mut x);
            for (i, lag) in lags.into_iter().enumerate() {
                from_start[i] += x[0] * x[lag];
                from_end[i] += x[199] * x[199 - lag];
            }
        }
        for (i, lag) in lags.into_iter().enumerate() {
            let se = ((r.at(0).powi(2) + r.at(lag).powi(2)) / f64::from(records)).sqrt();
            for sum in [from_start[i], from_end[i]] {
                let deviation = (sum / f64::from(records) - r.at(lag)) / se;
                assert!(deviation.abs() < 4.9, "lag {lag}: {deviation} standard errors");
            }
        }
    }

    #[test]
    fn the_stated_law_is_the_ideal_one_for_all_exponents() {
        for exponent in [0.0, 0.7, 1.0, 1.5, 2.0] {
            let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent, corner_hz: 0.1 };
            let spectrum = Spectrum::PowerLaw(law);
            let made = CirculantGenerator::new(&spectrum, 10_000.0, 1000).unwrap();
            let ideal = Autocovariance::of(&spectrum, 10_000.0, 1000);
            for lag in 0..1000 {
                let error = (made.autocovariance().at(lag) - ideal.at(lag)).abs();
                assert!(error < 1e-11 * ideal.variance, "exponent {exponent}, lag {lag}: {error}");
            }
        }
    }
}
