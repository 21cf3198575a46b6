//! Exact bias and variance of every estimator.
//!
//! A reading is a scalar product of weights with the output, so its mean is that of the noiseless output and its
//! variance `Σ_nk W_n W_k r_{n−k} = ∫ S(f) |W(f)|² df`. It is computed in the time domain from the structure function,
//! so that noise rejected by the readout causes no loss of precision.

use noise::{Autocovariance, transform};
use num_complex::Complex64;

use crate::amplitude::{Gaussian2, signed_amplitude_moments};
use crate::experiment::Experiment;
use crate::random::{Distribution, RandomMeasurement};
use crate::scheme::{Combination, Measurement, Scheme};

/// Largest number of parameters for which all directions of a random estimator on a nonlinear device are enumerated.
pub const MOST_ENUMERATED_PARAMETERS: usize = 14;

/// Bias and variance of each derivative; NaN if no exact expression is available ([`Experiment::exact_gap`]).
#[derive(Clone, Debug, PartialEq)]
pub struct ExactErrors {
    /// Bias \[nA/V; nA/V² of second derivatives\].
    pub bias: Vec<f64>,
    /// Variance \[(nA/V)²; (nA/V²)² of second derivatives\].
    pub variance: Vec<f64>,
}

impl ExactErrors {
    /// Mean squared error \[(nA/V)²; (nA/V²)² of second derivatives\].
    #[must_use]
    pub fn mean_squared_error(&self) -> Vec<f64> {
        self.bias.iter().zip(&self.variance).map(|(b, v)| b * b + v).collect()
    }
}

/// Covariances of readings of one noise record.
pub(crate) struct Covariances<'a> {
    r: &'a Autocovariance,
    sums: Vec<f64>,
    spectra: Vec<Vec<Complex64>>,
    inverse: std::sync::Arc<dyn realfft::ComplexToReal<f64>>,
}

impl<'a> Covariances<'a> {
    /// For weights of shape channels × samples.
    pub(crate) fn new(weights: &[f64], r: &'a Autocovariance) -> Self {
        let samples = r.lags();
        let length = (2 * samples).next_power_of_two();
        let forward = transform::forward(length);
        let spectra = weights
            .chunks_exact(samples)
            .map(|row| {
                let mut padded = vec![0.0; length];
                padded[..samples].copy_from_slice(row);
                let mut out = forward.make_output_vec();
                forward.process(&mut padded, &mut out).expect("lengths match the plan");
                out
            })
            .collect();
        let sums = weights.chunks_exact(samples).map(|row| row.iter().sum()).collect();
        Self { r, sums, spectra, inverse: transform::inverse(length) }
    }

    /// Covariance of channels `a` and `b`.
    pub(crate) fn of(&self, a: usize, b: usize) -> f64 {
        let length = self.inverse.len();
        let mut product: Vec<Complex64> =
            self.spectra[a].iter().zip(&self.spectra[b]).map(|(x, y)| x.conj() * y).collect();
        product[0].im = 0.0;
        product[length / 2].im = 0.0;
        let mut correlation = vec![0.0; length];
        self.inverse.process(&mut product, &mut correlation).expect("lengths match the plan");
        let structure: f64 =
            (1..self.r.lags()).map(|k| self.r.structure[k] * (correlation[k] + correlation[length - k])).sum::<f64>()
                / length as f64;
        self.r.variance * self.sums[a] * self.sums[b] - structure
    }
}

impl Experiment {
    /// Exact bias and variance relative to `truth`, which holds the gradient \[nA/V\] and, if they are read, the second
    /// derivatives \[nA/V²\].
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn exact_against(&self, truth: &[f64]) -> Result<ExactErrors, crate::EstimatorError> {
        let (mean, variance) = match self.probe.scheme() {
            Scheme::Fixed(measurement) => self.exact_fixed(measurement),
            Scheme::Random(measurement) => self.exact_random(measurement)?,
        };
        let bias = mean.iter().zip(truth).map(|(m, g)| m - g).collect();
        Ok(ExactErrors { bias, variance })
    }

    fn exact_fixed(&self, measurement: &Measurement) -> (Vec<f64>, Vec<f64>) {
        let r = self.generator.autocovariance();
        let mut mean = vec![f64::NAN; measurement.derivatives];
        let mut variance = vec![f64::NAN; measurement.derivatives];
        for (record, scheme) in measurement.records.iter().enumerate() {
            let covariances = Covariances::new(self.probe.weights(record), r);
            let readings = self.mean_readings(record);
            let digital = self.instrument.adc.is_some();
            match measurement.combination {
                Combination::Linear => {
                    for (c, &m) in scheme.derivative_of_channel.iter().enumerate() {
                        mean[m] = readings[c];
                        variance[m] = if digital { f64::NAN } else { covariances.of(c, c).max(0.0) };
                    }
                }
                Combination::Amplitude => {
                    for (pair, parameters) in scheme.derivative_of_channel.chunks_exact(2).enumerate() {
                        let (x, y) = (2 * pair, 2 * pair + 1);
                        if digital || !self.gaussian {
                            continue;
                        }
                        let law = Gaussian2 {
                            mean: [readings[x], readings[y]],
                            covariance: [covariances.of(x, x), covariances.of(x, y), covariances.of(y, y)],
                        };
                        (mean[parameters[0]], variance[parameters[0]]) = signed_amplitude_moments(&law);
                    }
                }
            }
        }
        (mean, variance)
    }

    /// Mean readings of a record, including the ADC if there is one.
    fn mean_readings(&self, index: usize) -> Vec<f64> {
        let record = &self.records[index];
        let Some(adc) = &self.instrument.adc else {
            return record.clean_readings.clone();
        };
        if !self.gaussian {
            return vec![f64::NAN; record.clean_readings.len()];
        }
        let standard_deviation = self.generator.autocovariance().variance.sqrt();
        let expected: Vec<f64> = record.clean_na.iter().map(|&y| adc.expected(y, standard_deviation)).collect();
        let mut readings = vec![0.0; record.clean_readings.len()];
        noise::dot::project(self.probe.weights(index), &expected, &mut readings);
        readings
    }

    /// Why an exact expression is missing, if one is.
    #[must_use]
    pub fn exact_gap(&self) -> Option<&'static str> {
        let digital = self.instrument.adc.is_some();
        match self.probe.scheme() {
            Scheme::Fixed(measurement) if measurement.combination == Combination::Amplitude => {
                if digital || !self.gaussian {
                    Some("the amplitude of a lock-in has exact moments for Gaussian noise and no ADC only")
                } else {
                    None
                }
            }
            Scheme::Fixed(_) if digital => Some("the variance behind an ADC has no exact expression here"),
            Scheme::Fixed(_) => None,
            Scheme::Random(_) if digital => Some("behind an ADC, random directions have no exact expression here"),
            Scheme::Random(_) if self.device.is_affine() && self.instrument.applies_linearly() => None,
            Scheme::Random(measurement) => {
                if self.enumerates(measurement) {
                    None
                } else {
                    Some(
                        "random directions on a nonlinear device are averaged exactly for Rademacher directions of up to \
                         14 parameters and an instrument without hold, delay, ramp and dynamics only",
                    )
                }
            }
        }
    }

    fn enumerates(&self, measurement: &RandomMeasurement) -> bool {
        measurement.distribution == Distribution::Rademacher
            && measurement.parameters() <= MOST_ENUMERATED_PARAMETERS
            && self.instrument.is_instantaneous()
    }

    fn exact_random(&self, measurement: &RandomMeasurement) -> Result<(Vec<f64>, Vec<f64>), crate::EstimatorError> {
        let (parameters, weights) = (measurement.parameters(), self.probe.weights(0));
        if self.exact_gap().is_some() {
            return Ok((vec![f64::NAN; parameters], vec![f64::NAN; parameters]));
        }
        let covariances = Covariances::new(weights, self.generator.autocovariance());
        let inverse_square = measurement.distribution.mean_inverse_square();
        let noise: f64 = (0..measurement.blocks.len()).map(|k| covariances.of(k, k)).sum::<f64>() * inverse_square;
        let (mean, mut variance) = if self.device.is_affine() && self.instrument.applies_linearly() {
            self.directions_on_affine_device(measurement, weights)?
        } else {
            self.directions_enumerated(measurement)?
        };
        for (v, c) in variance.iter_mut().zip(&measurement.step_volt) {
            *v += noise / (c * c);
        }
        Ok((mean, variance))
    }

    /// Mean and variance over the directions for an affine device: `reading_k = T_k I₀ + Σ_l A_kl Σ_j g_j c_j Δ_jl`.
    fn directions_on_affine_device(
        &self,
        measurement: &RandomMeasurement,
        weights: &[f64],
    ) -> Result<(Vec<f64>, Vec<f64>), crate::EstimatorError> {
        let (samples, blocks, parameters) = (measurement.samples, measurement.blocks.len(), measurement.parameters());
        let offset_na = self.currents_at(&[vec![0.0; parameters]])?[0];
        let gradient = self.device.gradient(&self.operating_point_volt)?.expect("an affine device has a gradient");
        let inverse_square = measurement.distribution.mean_inverse_square();
        let totals: f64 = weights.chunks_exact(samples).map(|row| row.iter().sum::<f64>().powi(2)).sum();
        let mut coupling = vec![0.0; blocks * blocks];
        for l in 0..blocks {
            let wave = self.block_waveform(measurement, l);
            let first = wave.iter().position(|x| x.abs() > 0.0).unwrap_or(0);
            let last = wave.iter().rposition(|x| x.abs() > 0.0).map_or(0, |n| n + 1);
            for k in 0..blocks {
                let row = &weights[k * samples + first..k * samples + last.max(first)];
                coupling[k * blocks + l] = row.iter().zip(&wave[first..]).map(|(w, a)| w * a).sum();
            }
        }
        let trace: f64 = (0..blocks).map(|k| coupling[k * blocks + k]).sum();
        let squares: f64 = coupling.iter().map(|a| a * a).sum();
        let mut between = 0.0;
        for k in 0..blocks {
            for l in 0..blocks {
                if k != l {
                    let a = coupling[k * blocks + l];
                    between += a * a * inverse_square + a * coupling[l * blocks + k];
                }
            }
        }
        let mean = (0..parameters).map(|m| gradient[[0, m]] * trace).collect();
        let variance = (0..parameters)
            .map(|m| {
                let own = measurement.step_volt[m];
                let others: f64 = (0..parameters)
                    .filter(|&j| j != m)
                    .map(|j| (gradient[[0, j]] * measurement.step_volt[j] / own).powi(2))
                    .sum();
                (offset_na / own).powi(2) * totals * inverse_square
                    + others * squares * inverse_square
                    + gradient[[0, m]].powi(2) * between
            })
            .collect();
        Ok((mean, variance))
    }

    /// Mean and variance over all 2^M directions of a block; blocks are independent and identically distributed.
    fn directions_enumerated(
        &self,
        measurement: &RandomMeasurement,
    ) -> Result<(Vec<f64>, Vec<f64>), crate::EstimatorError> {
        let (parameters, blocks) = (measurement.parameters(), measurement.blocks.len() as f64);
        let gains: Vec<f64> = measurement.blocks[0]
            .windows
            .iter()
            .map(|w| w.factor * measurement.filter.impulse_response(w.length).iter().sum::<f64>())
            .collect();
        let outcomes = 1_usize << parameters;
        let (mut first, mut second) = (vec![0.0; parameters], vec![0.0; parameters]);
        for outcome in 0..outcomes {
            let direction: Vec<f64> = (0..parameters).map(|m| if outcome >> m & 1 == 1 { 1.0 } else { -1.0 }).collect();
            let points: Vec<Vec<f64>> = measurement
                .levels
                .iter()
                .map(|s| direction.iter().zip(&measurement.step_volt).map(|(d, c)| s * c * d).collect())
                .collect();
            let reading: f64 = self.currents_at(&points)?.iter().zip(&gains).map(|(y, g)| y * g).sum();
            for m in 0..parameters {
                let estimate = reading / (measurement.step_volt[m] * direction[m]);
                first[m] += estimate / outcomes as f64;
                second[m] += estimate * estimate / outcomes as f64;
            }
        }
        let variance = first.iter().zip(&second).map(|(m1, m2)| blocks * (m2 - m1 * m1)).collect();
        Ok((first.iter().map(|m1| blocks * m1).collect(), variance))
    }
}
