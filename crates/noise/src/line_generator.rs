//! Records of Gaussian noise as sums of spectral lines with random amplitudes, for spectra that no circulant embedding
//! can represent.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::lines::{Lines, NonUniformFourier};
use crate::{Autocovariance, NoiseError, Spectrum};

/// Generates `x_n = Σ_j √P_j (a_j cos θ_j n + b_j sin θ_j n)`, a and b independent standard Gaussian numbers, for the
/// lines of the spectrum's quadrature. The noise is stationary and has the covariance of the spectrum at every lag
/// within a record.
///
/// It draws about twelve Gaussian numbers per sample and spreads each over 16 cells, so that a record takes about a
/// hundred times as long as with [`crate::CirculantGenerator`]; simulations with folded weights need neither.
#[derive(Debug)]
pub(crate) struct LineGenerator {
    samples: usize,
    angle: Vec<f64>,
    amplitude: Vec<f64>,
    fourier: NonUniformFourier,
    autocovariance: Autocovariance,
}

/// Largest allowed deviation of the total power of the lines from the integral of the spectrum.
const LARGEST_DEVIATION: f64 = 1e-6;

impl LineGenerator {
    /// Generator of records of `samples` samples at `rate_hz`.
    ///
    /// # Errors
    /// If the spectrum is not made of power-law pieces, or the lines' power is not its integral.
    pub(crate) fn new(spectrum: &Spectrum, rate_hz: f64, samples: usize) -> Result<Self, NoiseError> {
        let refused = |asked_na2, made_na2| Err(NoiseError::NotRepresentable { samples, asked_na2, made_na2 });
        let Some(stretches) = spectrum.stretches(0.5 * rate_hz) else {
            return refused(Autocovariance::of(spectrum, rate_hz, 1).variance, f64::NAN);
        };
        let lines = Lines::new(&stretches, rate_hz, samples);
        let (asked_na2, variance): (f64, f64) = (stretches.iter().map(|s| s.power()).sum(), lines.variance());
        if (variance - asked_na2).abs() > LARGEST_DEVIATION * asked_na2 {
            return refused(asked_na2, variance);
        }
        Ok(Self {
            samples,
            amplitude: lines.power.iter().map(|p| p.sqrt()).collect(),
            autocovariance: Autocovariance { variance, structure: lines.structure(samples) },
            angle: lines.angle,
            fourier: NonUniformFourier::new(samples),
        })
    }

    /// Exact autocovariance of the generated records.
    pub(crate) fn autocovariance(&self) -> &Autocovariance {
        &self.autocovariance
    }

    /// Adds one new record \[nA\] to `record`, which must have the generator's length.
    pub(crate) fn add_to<R: Rng + ?Sized>(&self, rng: &mut R, record: &mut [f64]) {
        assert_eq!(record.len(), self.samples, "record of another length");
        let mut draw = || -> Vec<f64> {
            self.amplitude.iter().map(|a| a * Distribution::<f64>::sample(&StandardNormal, rng)).collect()
        };
        let (a, b) = (draw(), draw());
        for (sample, noise) in record.iter_mut().zip(self.fourier.wave_sums(&self.angle, &a, &b)) {
            *sample += noise;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CirculantGenerator, TabulatedSpectrum};
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    /// A mains line of 60 dB in 0.5 Hz, in records of 20 ms: covariances from 20 000 records at five pairs of samples.
    /// Each is a mean of products of known variance (Isserlis); a correct generator exceeds 4.9 standard errors for one
    /// seed in 10⁵ (10 comparisons), and a standard error is 1 %, so that a 5 % error in the covariance fails.
    #[test]
    fn a_strong_narrow_line_has_the_covariance_of_its_table() {
        let table = TabulatedSpectrum::new(vec![49.5, 50.0, 50.5], vec![1e-5, 10.0, 1e-5]).unwrap();
        let spectrum = Spectrum::Tabulated(table);
        let samples = 200;
        assert!(CirculantGenerator::new(&spectrum, 10_000.0, samples).is_none(), "an embedding exists after all");
        let generator = LineGenerator::new(&spectrum, 10_000.0, samples).unwrap();
        let r = generator.autocovariance();
        let pairs = [(0, 0), (0, 7), (20, 120), (0, 199), (100, 199)];
        let (mut sums, mut rng, records) = ([0.0; 5], Pcg64::seed_from_u64(3), 20_000);
        for _ in 0..records {
            let mut x = vec![0.0; samples];
            generator.add_to(&mut rng, &mut x);
            for (sum, (i, j)) in sums.iter_mut().zip(pairs) {
                *sum += x[i] * x[j];
            }
        }
        for (sum, (i, j)) in sums.iter().zip(pairs) {
            let of_lag = r.at(j - i);
            let standard_error = ((r.variance.powi(2) + of_lag.powi(2)) / f64::from(records)).sqrt();
            let deviation = (sum / f64::from(records) - of_lag) / standard_error;
            assert!(deviation.abs() < 4.9, "samples {i} and {j}: {deviation} standard errors");
        }
    }
}
