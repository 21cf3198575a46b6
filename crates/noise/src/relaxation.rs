//! Sampled relaxation processes: exponentially correlated sources whose sum is 1/f-like.
//!
//! The same ensemble of rates and variances is made Gaussian (autoregressive processes) or two-level (random telegraph
//! signals, as single traps make them; Machlup 1954) by [`crate::stream`]. Both have the same exact spectrum,
//! the sum of sampled Lorentzians, which falls short of an ideal power law near half the sampling rate because the
//! sampling folds the part above it back.

use std::f64::consts::PI;

use crate::autocovariance::Autocovariance;
use crate::spectrum::PowerLaw;

/// One source of variance σ² and correlation ρ from sample to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelaxationProcess {
    /// Variance σ² \[nA²\].
    pub variance: f64,
    /// Correlation of neighbouring samples, exp(−2π f_c / fs), in \[0, 1).
    pub correlation: f64,
}

/// Independent relaxation processes, sampled at one rate.
#[derive(Clone, Debug, PartialEq)]
pub struct RelaxationEnsemble {
    rate_hz: f64,
    processes: Vec<RelaxationProcess>,
}

impl RelaxationEnsemble {
    /// An ensemble of given processes, sampled at `rate_hz`.
    #[must_use]
    pub fn new(rate_hz: f64, processes: Vec<RelaxationProcess>) -> Self {
        Self { rate_hz, processes }
    }

    /// The ensemble that follows `law`: corner frequencies from the law's corner to half the sampling rate (higher ones
    /// would only fold a white floor back into the band), `per_decade` of them in each decade, with variances ∝ f_c^(1−β), scaled so that the sampled ensemble has exactly
    /// the law's density at its reference frequency. Its slope is the law's well inside the band of corners; near
    /// the ends, and for exponents near 0 and 2 for decades inside, it is the ensemble's own, as
    /// [`RelaxationEnsemble::density`] states.
    ///
    /// One process at the corner for β = 2, uncorrelated samples for β = 0. The law must have a positive corner
    /// unless β = 0.
    #[must_use]
    pub fn power_law(law: &PowerLaw, rate_hz: f64, per_decade: usize) -> Self {
        let process = |corner_hz: f64, plateau: f64| RelaxationProcess {
            variance: 0.5 * PI * corner_hz * plateau,
            correlation: (-2.0 * PI * corner_hz / rate_hz).exp(),
        };
        let processes = if law.exponent <= 0.0 {
            vec![RelaxationProcess { variance: 1.0, correlation: 0.0 }]
        } else if law.exponent >= 2.0 {
            vec![process(law.corner_hz, 1.0)]
        } else {
            let log_step = std::f64::consts::LN_10 / per_decade as f64;
            let log_span = (0.5 * rate_hz / law.corner_hz).ln().max(0.0);
            let count = (log_span / log_step).ceil() as usize + 1;
            (0..count)
                .map(|k| {
                    let corner_hz = law.corner_hz * (k as f64 * log_step).exp();
                    process(corner_hz, corner_hz.powf(-law.exponent))
                })
                .collect()
        };
        let mut ensemble = Self { rate_hz, processes };
        let stated = ensemble.density(law.at_hz);
        for process in &mut ensemble.processes {
            process.variance *= law.psd_na2_per_hz / stated;
        }
        ensemble
    }

    /// The processes.
    #[must_use]
    pub fn processes(&self) -> &[RelaxationProcess] {
        &self.processes
    }

    /// Exact one-sided density \[nA²/Hz\] of the sampled ensemble.
    #[must_use]
    pub fn density(&self, frequency_hz: f64) -> f64 {
        let half_angle = PI * frequency_hz / self.rate_hz;
        let sin2 = half_angle.sin().powi(2);
        self.processes
            .iter()
            .map(|p| {
                let gap = 1.0 - p.correlation;
                let denominator = gap * gap + 4.0 * p.correlation * sin2;
                2.0 * p.variance * gap * (1.0 + p.correlation) / (self.rate_hz * denominator)
            })
            .sum()
    }

    pub(crate) fn autocovariance(&self, lags: usize) -> Autocovariance {
        let variance = self.processes.iter().map(|p| p.variance).sum();
        let structure = (0..lags)
            .map(|k| {
                self.processes
                    .iter()
                    .map(|p| match k {
                        0 => 0.0,
                        _ if p.correlation <= 0.0 => p.variance,
                        _ => -p.variance * (k as f64 * p.correlation.ln()).exp_m1(),
                    })
                    .sum()
            })
            .collect();
        Autocovariance { variance, structure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_power_law_well_inside_its_band() {
        for (exponent, tolerance_db) in [(0.0, 1e-9), (0.8, 0.5), (1.0, 0.2), (1.2, 0.2), (2.0, 0.2)] {
            let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 30.0, exponent, corner_hz: 0.001 };
            let ensemble = RelaxationEnsemble::power_law(&law, 10_000.0, 3);
            assert!((ensemble.density(30.0) / 1e-5 - 1.0).abs() < 1e-12);
            for f in [1.0_f64, 10.0, 100.0] {
                let ideal = 1e-5 * (30.0 / f).powf(exponent);
                let db = 10.0 * (ensemble.density(f) / ideal).log10();
                assert!(db.abs() < tolerance_db, "exponent {exponent} at {f} Hz: {db} dB");
            }
        }
    }

    #[test]
    fn density_integrates_to_the_variance() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.0, corner_hz: 20.0 };
        let ensemble = RelaxationEnsemble::power_law(&law, 10_000.0, 3);
        let power: f64 = (0..100_000).map(|k| ensemble.density((f64::from(k) + 0.5) * 0.05) * 0.05).sum();
        assert!((power / ensemble.autocovariance(1).variance - 1.0).abs() < 1e-6);
    }
}
