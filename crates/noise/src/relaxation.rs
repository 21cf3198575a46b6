//! Sampled relaxation processes: exponentially correlated sources whose sum is 1/f-like.
//!
//! From the same ensemble of rates and variances, [`crate::stream`] generates Gaussian noise (autoregressive processes)
//! or two-level noise (random telegraph signals, as from single traps; Machlup 1954). Both have the same exact
//! spectrum, the sum of sampled Lorentzians, which deviates from an ideal power law near half the sampling rate because
//! of aliasing.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{SettingError, within};

use crate::autocovariance::Autocovariance;
use crate::error::NoiseError;
use crate::kind::{NoiseKind, Surroundings};
use crate::power_law::PowerLaw;
use crate::{NoiseModel, Spectrum};

/// Most processes of an ensemble.
const MOST_PROCESSES: f64 = 1000.0;

/// An ensemble of relaxation processes with a power-law spectrum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnsembleSettings {
    /// One-sided density at `at_hz` (nA²/Hz).
    pub psd_na2_per_hz: f64,
    /// Reference frequency (Hz).
    pub at_hz: f64,
    /// Exponent, 0 to 2.
    pub exponent: f64,
    /// Lowest corner frequency of the ensemble (Hz).
    pub corner_hz: f64,
    /// Processes in each decade of corner frequencies.
    #[serde(default = "default_per_decade")]
    pub per_decade: usize,
}

fn default_per_decade() -> usize {
    3
}

impl EnsembleSettings {
    /// The ensemble, sampled at `rate_hz`.
    ///
    /// # Errors
    /// Names the invalid field.
    pub fn build(&self, rate_hz: f64) -> Result<RelaxationEnsemble, SettingError> {
        let Self { psd_na2_per_hz, at_hz, exponent, corner_hz, per_decade } = *self;
        let law = PowerLaw { psd_na2_per_hz, at_hz, exponent, corner_hz }.checked()?;
        if law.exponent > 0.0 && law.corner_hz <= 0.0 {
            return Err(SettingError::found("corner_hz", 0, "an ensemble needs a positive lowest corner"));
        }
        within("per_decade", per_decade, 1..=100)?;
        let processes = (0.5 * rate_hz / law.corner_hz).log10() * per_decade as f64;
        if law.exponent > 0.0 && law.exponent < 2.0 && processes > MOST_PROCESSES {
            let message = format!(
                "gives {processes:.0} processes between it and half the sampling rate: at most {MOST_PROCESSES} are allowed"
            );
            return Err(SettingError::found("corner_hz", law.corner_hz, message));
        }
        Ok(RelaxationEnsemble::power_law(&law, rate_hz, per_decade)?)
    }
}

/// Gaussian relaxation processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RelaxationNoise(pub EnsembleSettings);

impl NoiseKind for RelaxationNoise {
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        Ok(NoiseModel::Gaussian(Spectrum::Relaxation(self.0.build(around.rate_hz)?)))
    }
}

/// Random telegraph signals, with the spectrum of [`RelaxationNoise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TelegraphNoise(pub EnsembleSettings);

impl NoiseKind for TelegraphNoise {
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        Ok(NoiseModel::Telegraph(self.0.build(around.rate_hz)?))
    }
}

/// One source of variance σ² and correlation ρ = exp(−d) from sample to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelaxationProcess {
    /// Variance σ² \[nA²\].
    pub variance: f64,
    /// d = 2π f_c / fs, positive; infinite for uncorrelated samples.
    pub decay: f64,
}

impl RelaxationProcess {
    /// Correlation ρ of consecutive samples.
    #[must_use]
    pub fn correlation(&self) -> f64 {
        (-self.decay).exp()
    }

    /// 1 − ρ, to full precision even if ρ is close to 1.
    #[must_use]
    pub fn forgotten(&self) -> f64 {
        -(-self.decay).exp_m1()
    }
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
    /// would only add an aliased white floor), `per_decade` of them in each decade, with variances ∝ f_c^(1−β), scaled
    /// so that the sampled ensemble has exactly the law's density at its reference frequency. Well inside the band of
    /// corners, the slope is that of the law. Near the ends (for exponents near 0 and 2 even decades away from them) it
    /// deviates; [`RelaxationEnsemble::density`] gives the actual density.
    ///
    /// One process at the corner for β = 2, uncorrelated samples for β = 0. The law must have a positive corner
    /// unless β = 0.
    ///
    /// # Errors
    /// If the law's reference frequency lies above half the sampling rate, where sampled noise has no density.
    pub fn power_law(law: &PowerLaw, rate_hz: f64, per_decade: usize) -> Result<Self, NoiseError> {
        if law.at_hz > 0.5 * rate_hz {
            let allowed = "must be at most half the sampling rate, for an ensemble of sampled processes";
            return Err(NoiseError::OutOfRange { name: "at_hz", found: law.at_hz, allowed });
        }
        let process = |corner_hz: f64, plateau: f64| RelaxationProcess {
            variance: 0.5 * PI * corner_hz * plateau,
            decay: 2.0 * PI * corner_hz / rate_hz,
        };
        let processes = if law.exponent <= 0.0 {
            vec![RelaxationProcess { variance: 1.0, decay: f64::INFINITY }]
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
        let scale = law.density(law.at_hz) / ensemble.density(law.at_hz);
        for process in &mut ensemble.processes {
            process.variance *= scale;
        }
        Ok(ensemble)
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
                let (rho, forgotten) = (p.correlation(), p.forgotten());
                let denominator = forgotten * forgotten + 4.0 * rho * sin2;
                2.0 * p.variance * forgotten * (1.0 + rho) / (self.rate_hz * denominator)
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
                        _ => -p.variance * (-(k as f64) * p.decay).exp_m1(),
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
            let ensemble = RelaxationEnsemble::power_law(&law, 10_000.0, 3).unwrap();
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
        let ensemble = RelaxationEnsemble::power_law(&law, 10_000.0, 3).unwrap();
        let power: f64 = (0..100_000).map(|k| ensemble.density((f64::from(k) + 0.5) * 0.05) * 0.05).sum();
        assert!((power / ensemble.autocovariance(1).variance - 1.0).abs() < 1e-6);
    }

    /// Compared with the integral of the density over the logarithm of the frequency, for processes as slow as 1e-14 of
    /// the sampling rate, whose correlation of consecutive samples equals 1 except in the last two digits.
    #[test]
    fn slow_processes_keep_their_power_and_density() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1.0, exponent: 1.2, corner_hz: 1e-8 };
        let ensemble = RelaxationEnsemble::power_law(&law, 1e6, 3).unwrap();
        let variance = ensemble.autocovariance(1).variance;
        let step = 1e-3;
        let top = (0.5e6_f64).ln();
        let power: f64 = (0..60_000)
            .map(|k| (top - (f64::from(k) + 0.5) * step).exp())
            .map(|f| ensemble.density(f) * f * step)
            .sum();
        assert!((power / variance - 1.0).abs() < 1e-5, "{power} {variance}");
        let slowest = ensemble.processes()[0];
        let alone = RelaxationEnsemble::new(1e6, vec![slowest]);
        // a Lorentzian: σ² / (π f_c / 2) at 0 Hz
        assert!((alone.density(0.0) / (2.0 * slowest.variance / (PI * 1e-8)) - 1.0).abs() < 1e-12);
    }

    /// The ensemble has the law's density at the reference frequency, even if that lies below the corner; above half
    /// the sampling rate it is refused.
    #[test]
    fn the_reference_frequency_may_lie_below_the_corner_but_not_above_half_the_sampling_rate() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1.0, exponent: 1.5, corner_hz: 100.0 };
        let ensemble = RelaxationEnsemble::power_law(&law, 10_000.0, 3).unwrap();
        assert!((ensemble.density(1.0) / 1e-8 - 1.0).abs() < 1e-12);
        let beyond = PowerLaw { at_hz: 5001.0, ..law };
        let message = RelaxationEnsemble::power_law(&beyond, 10_000.0, 3).unwrap_err().to_string();
        assert!(message.contains("`at_hz` = 5001") && message.contains("half the sampling rate"), "{message}");
    }
}
