//! One-sided absolute power spectral densities.

use crate::lines::Stretch;
use crate::{PowerLaw, RelaxationEnsemble, TabulatedSpectrum};

/// A one-sided power spectral density \[nA²/Hz\] on 0 to half the sampling rate.
#[derive(Clone, Debug, PartialEq)]
pub enum Spectrum {
    /// The same density \[nA²/Hz\] at all frequencies.
    White(f64),
    /// A power law with a corner.
    PowerLaw(PowerLaw),
    /// A measured table.
    Tabulated(TabulatedSpectrum),
    /// Sampled relaxation (Lorentzian) processes; the density includes the aliasing of the sampling.
    Relaxation(RelaxationEnsemble),
    /// Sum of independent sources.
    Sum(Vec<Spectrum>),
}

/// `S(f) = factor · f^−exponent` between two frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PowerLawSegment {
    pub(crate) from_hz: f64,
    pub(crate) to_hz: f64,
    pub(crate) factor: f64,
    pub(crate) exponent: f64,
}

impl Spectrum {
    /// Density \[nA²/Hz\] at `frequency_hz` (of either sign).
    #[must_use]
    pub fn density(&self, frequency_hz: f64) -> f64 {
        let f = frequency_hz.abs();
        match self {
            Self::White(psd) => *psd,
            Self::PowerLaw(law) => law.density(f),
            Self::Tabulated(table) => table.density(f),
            Self::Relaxation(ensemble) => ensemble.density(f),
            Self::Sum(terms) => terms.iter().map(|term| term.density(f)).sum(),
        }
    }

    /// Its [`Stretch`]es up to `top_hz`, if it consists of stretches.
    pub(crate) fn stretches(&self, top_hz: f64) -> Option<Vec<Stretch>> {
        match self {
            Self::Tabulated(table) => Some(table.stretches(top_hz)),
            Self::PowerLaw(law) if law.corner_hz > 0.0 || law.exponent <= 0.0 => Some(law.stretches(top_hz)),
            Self::White(_) | Self::PowerLaw(_) | Self::Relaxation(_) | Self::Sum(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_flat_below_its_corner_and_falls_above() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
        let s = Spectrum::PowerLaw(law);
        assert!((s.density(1000.0) - 1e-5).abs() < 1e-20);
        assert!((s.density(10.0) / 1e-2 - 1.0).abs() < 1e-12);
        assert!((s.density(0.0) / 10.0 - 1.0).abs() < 1e-12);
        assert!((s.density(-10.0) - s.density(10.0)).abs() < 1e-20);
    }

    #[test]
    fn a_table_sampled_from_a_power_law_is_that_power_law() {
        let f: Vec<f64> = (0..20).map(|k| 10.0_f64.powf(f64::from(k) / 5.0)).collect();
        let s = f.iter().map(|f| 3.0 * f.powf(-1.3)).collect();
        let table = Spectrum::Tabulated(TabulatedSpectrum::new(f, s).unwrap());
        assert!((table.density(123.4) / (3.0 * 123.4_f64.powf(-1.3)) - 1.0).abs() < 1e-12);
    }
}
