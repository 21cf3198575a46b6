//! The exponent of a noise spectrum: S = S₁ f^−β, fitted.

use crate::straight_line::StraightLine;

/// A density at a frequency with its standard error, in any units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Density {
    /// Frequency.
    pub frequency: f64,
    /// One-sided density.
    pub density: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// ln S = ln S₁ − β ln f, by least squares weighted with the errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseLaw {
    /// β.
    pub exponent: f64,
    /// Its standard error, larger by the root of χ² for each degree of freedom if that is above 1: the law then does not hold to within the
    /// errors.
    pub exponent_error: f64,
    /// Lowest and highest frequency that were fitted.
    pub range: [f64; 2],
    /// χ² for each degree of freedom.
    pub chi_squared: f64,
    /// ln S against ln f.
    line: StraightLine,
}

impl NoiseLaw {
    /// Fits all densities that are known to better than a half; `None` if these are fewer than three.
    #[must_use]
    pub fn fitted(densities: &[Density]) -> Option<Self> {
        let known: Vec<[f64; 3]> = densities
            .iter()
            .filter(|d| d.standard_error > 0.0 && d.standard_error < 0.5 * d.density)
            .map(|d| [d.frequency.ln(), d.density.ln(), d.standard_error / d.density])
            .collect();
        if known.len() < 3 {
            return None;
        }
        let line = StraightLine::through(&known);
        let chi_squared = line.chi_squared / (known.len() - 2) as f64;
        let outer = |pick: fn(f64, f64) -> f64| known.iter().map(|k| k[0]).reduce(pick).map(f64::exp);
        line.slope_error.is_finite().then_some(Self {
            exponent: -line.slope,
            exponent_error: line.slope_error * chi_squared.max(1.0).sqrt(),
            range: [outer(f64::min)?, outer(f64::max)?],
            chi_squared,
            line,
        })
    }

    /// Whether the densities follow a power law, to within their errors: χ² is at most 2 for each degree of freedom.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.chi_squared <= 2.0
    }

    /// The density at a frequency.
    #[must_use]
    pub fn at(&self, frequency: f64) -> f64 {
        self.line.at(frequency.ln()).exp()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;
    use rand_pcg::Pcg64Dxsm;

    use super::*;

    /// 2000 spectra f^−1.2 with errors of 10 % at 11 frequencies: β is off by its standard error. The mean square of deviations in standard
    /// errors is 1 within 0.12, or more as errors are never made smaller; a false alarm in 10⁴.
    #[test]
    fn the_exponent_is_off_by_its_standard_error() {
        let mut rng = Pcg64Dxsm::seed_from_u64(1);
        let (mut plain, mut stated) = (0.0, 0.0);
        for _ in 0..2000 {
            let made: Vec<Density> = (0..11)
                .map(|k| {
                    let frequency = 10.0_f64.powf(0.2 * f64::from(k));
                    let right = 3.0 * frequency.powf(-1.2);
                    let density = right * (1.0 + 0.1 * rng.sample::<f64, _>(StandardNormal));
                    Density { frequency, density, standard_error: 0.1 * right }
                })
                .collect();
            let law = NoiseLaw::fitted(&made).unwrap();
            let own = law.exponent_error / law.chi_squared.max(1.0).sqrt();
            plain += ((law.exponent - 1.2) / own).powi(2) / 2000.0;
            stated += ((law.exponent - 1.2) / law.exponent_error).powi(2) / 2000.0;
            assert!((law.range[1] / law.range[0] - 100.0).abs() < 1e-9);
        }
        assert!((plain - 1.0).abs() < 0.12 && stated < plain && stated > 0.6, "{plain} {stated}");
    }

    #[test]
    fn a_law_is_found_from_its_own_values_and_not_from_two_points() {
        let made = |frequency: f64| {
            let density = 5.0 / frequency;
            Density { frequency, density, standard_error: 0.01 * density }
        };
        let law = NoiseLaw::fitted(&[made(1.0), made(2.0), made(8.0)]).unwrap();
        assert!((law.exponent - 1.0).abs() < 1e-12 && (law.at(100.0) - 0.05).abs() < 1e-12, "{law:?}");
        let unknown = Density { standard_error: 5.0, ..made(1.0) };
        assert_eq!(NoiseLaw::fitted(&[unknown, made(2.0), made(8.0)]), None);
        assert_eq!(NoiseLaw::fitted(&[made(2.0); 3]), None);
    }
}
