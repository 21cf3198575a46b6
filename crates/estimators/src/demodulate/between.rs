//! The density of the noise near a frequency, from what the same lock-in reads at frequencies around it that hold no line.
//!
//! Such a lock-in reads `Z_k = Σ_n h[N−1−n] r[n] e^{−i 2π k n/N}` of the residual r, k cycles in a record. Where the noise
//! is white around it, `⟨|Z_k|²⟩ = σ² (Σ h² − Σ_j |B_jk|²)`, where the B_jk are the same readings of the orthonormal
//! columns that the fit has removed; the mean of several such powers over their expectation, each divided by `(f_k/f)^b`, is
//! the variance σ² near f. The slope b is that of greatest likelihood. Degrees of freedom follow from the covariances of
//! the readings (Satterthwaite 1946), and from the uncertainty of the slope where the frequencies lie on one side.

use std::sync::Arc;

use num_complex::Complex64;
use realfft::{RealFftPlanner, RealToComplex};

use super::known::Known;

/// Frequencies on each side that are used, if there are so many.
const SIDE: usize = 20;
/// Fewest frequencies in all.
pub(crate) const FEWEST: usize = 6;
/// Frequencies tried on each side before the search ends.
const REACH: usize = 400;
/// Below this many cycles in a record, the fit of the drift leaves little.
const LOWEST: usize = 5;
/// Least part of a reading's variance that the fit may leave.
const LEAST_LEFT: f64 = 0.5;
/// Distance [cycles in a record] that is kept from weak lines that are not fitted, of which the filter then lets 2 % of
/// the power through, and from strong ones (0.01 %).
pub(super) const OFF_WEAK: f64 = 2.0;
pub(super) const OFF_STRONG: f64 = 5.0;
/// Slopes b that are considered, in absolute value.
const STEEPEST: f64 = 4.0;

/// What the lock-in's window reads at every multiple of the inverse duration.
pub(crate) struct Readings {
    samples: usize,
    /// Weights of the window: the impulse response, last sample first.
    pub(crate) window: Vec<f64>,
    transform: Arc<dyn RealToComplex<f64>>,
    squared: Vec<Complex64>,
    removed: Vec<Vec<Complex64>>,
}

impl std::fmt::Debug for Readings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readings").field("samples", &self.samples).finish_non_exhaustive()
    }
}

/// A line that stands out of the noise.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) amplitude_na: f64,
    /// Root of its power over that of the noise.
    pub(crate) above_noise: f64,
}

/// Frequencies around a centre, and the statistics of what is read there.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    bins: Vec<usize>,
    /// Variance of each reading for noise of variance 1.
    variances: Vec<f64>,
    /// Logarithm of each frequency over that of the centre.
    ln_ratios: Vec<f64>,
    /// Degrees of freedom of the estimate.
    pub(crate) degrees_of_freedom: f64,
}

impl Readings {
    pub(crate) fn new(mut window: Vec<f64>, known: &Known) -> Self {
        window.reverse();
        let samples = window.len();
        let transform = RealFftPlanner::new().plan_fft_forward(samples);
        let mut readings = Self { samples, window, transform, squared: Vec::new(), removed: Vec::new() };
        readings.squared = readings.transformed(readings.window.iter().map(|h| h * h).collect());
        readings.removed = known.orthonormal.iter().map(|q| readings.of(q)).collect();
        readings
    }

    fn transformed(&self, mut numbers: Vec<f64>) -> Vec<Complex64> {
        let mut out = self.transform.make_output_vec();
        self.transform.process(&mut numbers, &mut out).expect("lengths match the plan");
        out
    }

    /// Z_k of a record, k from 0 to N/2.
    pub(crate) fn of(&self, record: &[f64]) -> Vec<Complex64> {
        self.transformed(record.iter().zip(&self.window).map(|(x, h)| x * h).collect())
    }

    /// Largest k that is used: half the sampling rate lies three beyond.
    pub(crate) fn highest(&self) -> usize {
        (self.samples / 2).saturating_sub(3)
    }

    fn squared_at(&self, k: usize) -> Complex64 {
        match self.squared.get(k) {
            Some(h) => *h,
            None => self.squared[self.samples - k].conj(),
        }
    }

    /// ⟨Z_k Z_l*⟩ and ⟨Z_k Z_l⟩ for white noise of variance 1, less what the fit removes.
    fn covariances(&self, k: usize, l: usize) -> (Complex64, Complex64) {
        let difference = self.squared_at(k.abs_diff(l));
        let mut conjugate = if k >= l { difference } else { difference.conj() };
        let mut plain = self.squared_at(k + l);
        for b in &self.removed {
            conjugate -= b[k] * b[l].conj();
            plain -= b[k] * b[l];
        }
        (conjugate, plain)
    }

    /// ⟨|Z_k|²⟩ for white noise of variance 1.
    pub(crate) fn variance(&self, k: usize) -> f64 {
        self.covariances(k, k).0.re
    }

    /// Whether the fit leaves enough of the noise at k to tell its density.
    pub(crate) fn is_left(&self, k: usize) -> bool {
        (LOWEST..=self.highest()).contains(&k) && self.variance(k) >= LEAST_LEFT * self.squared[0].re
    }

    /// The frequencies around `centre` \[cycles in a record\], at least `distance` away, if there are enough. Those near
    /// `avoided` lines, given with the distance to keep, are left out where enough others exist.
    pub(crate) fn around(&self, centre: f64, distance: f64, avoided: &[(f64, f64)]) -> Option<Surroundings> {
        let is_free = |k: usize| avoided.iter().all(|(line, off)| (line - k as f64).abs() >= *off);
        let found = self.bins(centre, distance, &is_free);
        let found = if found.len() < 2 * FEWEST { self.bins(centre, distance, &|_| true) } else { found };
        (found.len() >= FEWEST).then(|| self.surroundings(centre, found))
    }

    /// The line at `k` in the readings of a residual, if by noise alone it has a chance below `false_alarm`.
    pub(crate) fn line(&self, k: usize, around: &Surroundings, rest: &[Complex64], false_alarm: f64) -> Option<Found> {
        let ratio = rest[k].norm_sqr() / (around.sample_variance_na2(rest) * self.variance(k));
        // the tail of F of 2 and ν degrees of freedom
        let chance = (1.0 + 2.0 * ratio / around.degrees_of_freedom).powf(-0.5 * around.degrees_of_freedom);
        let gain: f64 = self.window.iter().sum();
        let found = Found { amplitude_na: 2.0 * rest[k].norm() / gain, above_noise: ratio.sqrt() };
        (chance < false_alarm).then_some(found)
    }

    fn bins(&self, centre: f64, distance: f64, is_free: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let fits = |k: &usize| (*k as f64 - centre).abs() >= distance && is_free(*k) && self.is_left(*k);
        let (below, above) = (centre.floor() as usize, centre.floor() as usize + 1);
        let down = (LOWEST..=below.min(self.highest())).rev().take(REACH).filter(fits).take(SIDE);
        let up = (above..=self.highest()).take(REACH).filter(fits).take(SIDE);
        down.chain(up).collect()
    }

    fn surroundings(&self, centre: f64, bins: Vec<usize>) -> Surroundings {
        let variances: Vec<f64> = bins.iter().map(|&k| self.variance(k)).collect();
        let count = bins.len() as f64;
        let mut relative_variance = 0.0;
        for (i, &k) in bins.iter().enumerate() {
            for (j, &l) in bins.iter().enumerate() {
                let (conjugate, plain) = self.covariances(k, l);
                relative_variance += (conjugate.norm_sqr() + plain.norm_sqr()) / (variances[i] * variances[j]);
            }
        }
        relative_variance /= count * count;
        let ln_ratios: Vec<f64> = bins.iter().map(|&k| (k as f64 / centre).ln()).collect();
        let mean = ln_ratios.iter().sum::<f64>() / count;
        let spread: f64 = ln_ratios.iter().map(|x| (x - mean).powi(2)).sum();
        let by_slope = mean * mean * relative_variance * count / spread;
        Surroundings { bins, variances, ln_ratios, degrees_of_freedom: 2.0 / (relative_variance + by_slope) }
    }
}

impl Surroundings {
    /// Variance of one sample \[nA²\] of white noise that is as dense as the noise at the centre.
    pub(crate) fn sample_variance_na2(&self, readings: &[Complex64]) -> f64 {
        let powers: Vec<f64> =
            self.bins.iter().zip(&self.variances).map(|(&k, v)| readings[k].norm_sqr() / v).collect();
        let count = powers.len() as f64;
        let mean_ratio = self.ln_ratios.iter().sum::<f64>() / count;
        // sums of the powers divided by (f_k/f)^slope: alone, with ln(f_k/f), and with its square
        let sums = |slope: f64| {
            powers.iter().zip(&self.ln_ratios).fold([0.0; 3], |sums, (p, x)| {
                let p = p * (-slope * x).exp();
                [sums[0] + p, sums[1] + p * x, sums[2] + p * x * x]
            })
        };
        if powers.iter().sum::<f64>() <= 0.0 {
            return 0.0;
        }
        // minus the logarithm of the likelihood, ln sums[0] + slope · mean_ratio, is convex: Newton's steps within a bracket
        let (mut low, mut high, mut slope) = (-STEEPEST, STEEPEST, 0.0);
        for _ in 0..60 {
            let [power, first, second] = sums(slope);
            let (mean, square) = (first / power, second / power);
            let rise = mean_ratio - mean;
            if rise > 0.0 {
                high = slope;
            } else {
                low = slope;
            }
            let newton = slope - rise / (square - mean * mean);
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            let step = (next - slope).abs();
            slope = next;
            if step < 1e-9 {
                break;
            }
        }
        sums(slope)[0] / count
    }
}
