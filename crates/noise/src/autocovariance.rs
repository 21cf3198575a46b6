//! Autocovariance of sampled noise from its one-sided spectrum.
//!
//! `r_k = ∫₀^{fs/2} S(f) cos(2π f k / fs) df`. For a power law `c f^−β` with β between 0 and 2 the integral is a power
//! series (small argument) and a generalised exponential integral (large argument, continued fraction; Abramowitz &
//! Stegun 5.1.22); measured tables, whose pieces have any slope, are integrated by quadrature (`lines`). The structure
//! function `D_k = r_0 − r_k` is computed directly, without subtraction, so that the variance of a readout that rejects
//! low frequencies stays accurate even if the noise power at low frequencies is larger by many orders of magnitude.

use num_complex::Complex64;

use crate::lines::Lines;
use crate::spectrum::{PowerLawSegment, Spectrum};

/// Argument `2π f k / fs` above which the continued fraction replaces the power series.
const SERIES_LIMIT: f64 = 5.0;

/// Autocovariance of a stationary noise at lags 0, 1, … in samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Autocovariance {
    /// Variance r₀ \[nA²\].
    pub variance: f64,
    /// Structure function D_k = r₀ − r_k \[nA²\]; D₀ = 0.
    pub structure: Vec<f64>,
}

impl Autocovariance {
    /// Zero noise, for `lags` lags.
    #[must_use]
    pub fn zero(lags: usize) -> Self {
        Self { variance: 0.0, structure: vec![0.0; lags] }
    }

    /// Autocovariance of `spectrum` sampled at `rate_hz`, at lags 0 to `lags` − 1.
    #[must_use]
    pub fn of(spectrum: &Spectrum, rate_hz: f64, lags: usize) -> Self {
        match spectrum {
            Spectrum::White(psd) => {
                let variance = 0.5 * psd * rate_hz;
                let structure = (0..lags).map(|k| if k == 0 { 0.0 } else { variance }).collect();
                Self { variance, structure }
            }
            Spectrum::Relaxation(ensemble) => ensemble.autocovariance(lags),
            Spectrum::Sum(terms) => {
                let mut total = Self::zero(lags);
                for term in terms {
                    total.add(&Self::of(term, rate_hz, lags));
                }
                total
            }
            Spectrum::Tabulated(table) => {
                let lines = Lines::new(&table.stretches(0.5 * rate_hz), rate_hz, lags);
                Self { variance: lines.variance(), structure: lines.structure(lags) }
            }
            Spectrum::PowerLaw(law) => {
                let segments = law.segments(0.5 * rate_hz);
                let variance = segments.iter().map(PowerLawSegment::power).sum();
                let structure = (0..lags)
                    .map(|k| {
                        let angle_s = 2.0 * std::f64::consts::PI * k as f64 / rate_hz;
                        if k == 0 { 0.0 } else { segments.iter().map(|s| s.structure(angle_s)).sum() }
                    })
                    .collect();
                Self { variance, structure }
            }
        }
    }

    /// Adds the autocovariance of an independent source with the same number of lags.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.structure.len(), other.structure.len(), "autocovariances of different lengths");
        self.variance += other.variance;
        for (mine, theirs) in self.structure.iter_mut().zip(&other.structure) {
            *mine += theirs;
        }
    }

    /// r_k \[nA²\].
    #[must_use]
    pub fn at(&self, lag: usize) -> f64 {
        self.variance - self.structure[lag]
    }

    /// Largest difference of the covariances at any lag \[nA²\].
    pub(crate) fn largest_difference(&self, other: &Self) -> f64 {
        (0..self.lags().min(other.lags())).map(|k| (self.at(k) - other.at(k)).abs()).fold(0.0, f64::max)
    }

    /// Number of lags.
    #[must_use]
    pub fn lags(&self) -> usize {
        self.structure.len()
    }
}

impl PowerLawSegment {
    /// ∫ S df over the piece.
    fn power(&self) -> f64 {
        self.factor * power_integral(self.from_hz, self.to_hz, -self.exponent)
    }

    /// ∫ S(f) (1 − cos(a f)) df over the piece, with a in seconds.
    fn structure(&self, angle_s: f64) -> f64 {
        let split_hz = (SERIES_LIMIT / angle_s).clamp(self.from_hz, self.to_hz);
        let mut sum = 0.0;
        if split_hz > self.from_hz {
            let reference_hz = split_hz;
            let x2 = (angle_s * reference_hz).powi(2);
            let mut factor = 1.0;
            for n in 1..60 {
                let two_n = 2.0 * f64::from(n);
                factor *= -x2 / (two_n * (two_n - 1.0));
                let term = -factor * moment(self.from_hz, split_hz, two_n - self.exponent, two_n);
                sum += term;
                if factor.abs() < 1e-18 {
                    break;
                }
            }
        }
        if split_hz < self.to_hz {
            let plain = power_integral(split_hz, self.to_hz, -self.exponent);
            let tail = |f: f64| f.powf(1.0 - self.exponent) * exponential_integral(self.exponent, angle_s * f).re;
            sum += plain - (tail(split_hz) - tail(self.to_hz));
        }
        self.factor * sum
    }
}

/// ∫ f^power df between two frequencies (`from` may be 0 where that converges).
fn power_integral(from: f64, to: f64, power: f64) -> f64 {
    let p = power + 1.0;
    if from <= 0.0 {
        return to.powf(p) / p;
    }
    let log = (to / from).ln();
    let x = p * log;
    from.powf(p) * log * if x.abs() < 1e-8 { 1.0 + 0.5 * x } else { x.exp_m1() / x }
}

/// ∫ f^power df / to^two_n: scaled so that high powers do not overflow.
fn moment(from: f64, to: f64, power: f64, two_n: f64) -> f64 {
    let p = power + 1.0;
    let scale = to.powf(p - two_n) / p;
    if from <= 0.0 { scale } else { -scale * (p * (from / to).ln()).exp_m1() }
}

/// `E_p(−i x) = ∫₁^∞ u^−p e^{i x u} du` for x ≥ [`SERIES_LIMIT`], by the modified Lentz continued fraction.
fn exponential_integral(p: f64, x: f64) -> Complex64 {
    let z = Complex64::new(0.0, -x);
    let mut b = z + p;
    let mut c = Complex64::new(1e300, 0.0);
    let mut d = 1.0 / b;
    let mut h = d;
    for n in 1..2000 {
        let n = f64::from(n);
        let a = -n * (p - 1.0 + n);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        let delta = c * d;
        h *= delta;
        if (delta - 1.0).norm() < 1e-16 {
            break;
        }
    }
    h * (-z).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PowerLaw, TabulatedSpectrum};

    /// Composite Simpson rule, fine enough to resolve every oscillation and the corner.
    fn by_quadrature(spectrum: &Spectrum, rate_hz: f64, lag: usize) -> (f64, f64) {
        let (mut power, mut structure) = (0.0, 0.0);
        let mut edges = vec![0.0, 1e-3];
        while *edges.last().unwrap() < rate_hz / 2.0 {
            let last: f64 = *edges.last().unwrap();
            edges.push((last * 1.02).min(last + 2.0).min(rate_hz / 2.0));
        }
        for pair in edges.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            for (f, w) in [(a, 1.0), (0.5 * (a + b), 4.0), (b, 1.0)] {
                let f: f64 = f;
                let s = spectrum.density(f) * w * (b - a) / 6.0;
                power += s;
                structure += s * (1.0 - (std::f64::consts::TAU * f * lag as f64 / rate_hz).cos());
            }
        }
        (power, structure)
    }

    #[test]
    fn closed_forms_equal_quadrature() {
        let rate_hz = 10_000.0;
        for exponent in [0.0, 0.5, 1.0, 1.5, 2.0] {
            let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent, corner_hz: 0.1 };
            let spectrum = Spectrum::PowerLaw(law.checked().unwrap());
            let r = Autocovariance::of(&spectrum, rate_hz, 1001);
            for lag in [1, 2, 7, 50, 333, 1000] {
                let (power, structure) = by_quadrature(&spectrum, rate_hz, lag);
                assert!((r.variance / power - 1.0).abs() < 1e-4, "variance for {exponent}");
                let ratio = r.structure[lag] / structure;
                assert!((ratio - 1.0).abs() < 1e-4, "exponent {exponent}, lag {lag}: ratio {ratio}");
            }
        }
    }

    #[test]
    fn white_noise_of_exponent_zero_is_uncorrelated() {
        let law = PowerLaw { psd_na2_per_hz: 2e-5, at_hz: 1000.0, exponent: 0.0, corner_hz: 0.0 };
        let r = Autocovariance::of(&Spectrum::PowerLaw(law), 10_000.0, 500);
        assert!((r.variance - 0.1).abs() < 1e-15);
        for lag in 1..500 {
            assert!(r.at(lag).abs() < 1e-13, "r_{lag} = {}", r.at(lag));
        }
    }

    /// A corner above half the sampling rate gives white noise, as do relaxation processes faster than that.
    #[test]
    fn what_lies_above_half_the_sampling_rate_is_white() {
        let law = PowerLaw { psd_na2_per_hz: 2e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 8000.0 };
        let white = 2e-5 * (1000.0_f64 / 8000.0).powf(1.5) * 5000.0;
        let r = Autocovariance::of(&Spectrum::PowerLaw(law.clone()), 10_000.0, 200);
        assert!((r.variance / white - 1.0).abs() < 1e-12);
        assert!((1..200).all(|lag| r.at(lag).abs() < 1e-13 * white));
        let fast = crate::RelaxationEnsemble::power_law(&PowerLaw { corner_hz: 1e6, ..law }, 10_000.0, 3).unwrap();
        let white = 2e-5 * (1000.0_f64 / 1e6).powf(1.5);
        let r = fast.autocovariance(200);
        assert!(
            (fast.density(1000.0) / white - 1.0).abs() < 1e-12 && (r.variance / (white * 5000.0) - 1.0).abs() < 1e-9
        );
        assert!((1..200).all(|lag| r.at(lag).abs() < 1e-9 * r.variance));
    }

    #[test]
    fn a_table_gives_the_same_as_the_law_it_was_made_from() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.2, corner_hz: 1.0 };
        let spectrum = Spectrum::PowerLaw(law);
        let f: Vec<f64> = (0..=37).map(|k| 10.0_f64.powf(f64::from(k) / 10.0)).collect();
        let s = f.iter().map(|&f| spectrum.density(f)).collect();
        let table = Spectrum::Tabulated(TabulatedSpectrum::new(f, s).unwrap());
        let (a, b) = (Autocovariance::of(&spectrum, 10_000.0, 300), Autocovariance::of(&table, 10_000.0, 300));
        for lag in 1..300 {
            assert!((a.structure[lag] / b.structure[lag] - 1.0).abs() < 1e-9, "lag {lag}");
        }
    }
}
