//! Power-law noise and white noise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::kind::{NoiseKind, Surroundings};
use crate::lines::Stretch;
use crate::spectrum::PowerLawSegment;
use crate::{NoiseError, NoiseModel, Spectrum};

/// `S(f) = S₀ (f₀ / max(f, f_corner))^β`, one-sided, up to half the sampling rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerLaw {
    /// Density S₀ at the reference frequency \[nA²/Hz\].
    pub psd_na2_per_hz: f64,
    /// Reference frequency f₀ \[Hz\].
    pub at_hz: f64,
    /// Exponent β in \[0, 2\].
    pub exponent: f64,
    /// Below this frequency the spectrum is flat \[Hz\].
    pub corner_hz: f64,
}

/// Densities above this would overflow when squared.
const DENSEST: f64 = 1e100;

impl PowerLaw {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If the density is negative, the reference frequency is not positive, the exponent lies outside \[0, 2\], or the
    /// corner is zero for an exponent of 1 or more (the variance would be infinite).
    pub fn checked(self) -> Result<Self, NoiseError> {
        let out = |name, found, allowed| Err(NoiseError::OutOfRange { name, found, allowed });
        if !(self.psd_na2_per_hz >= 0.0 && self.psd_na2_per_hz.is_finite()) {
            return out("psd_na2_per_hz", self.psd_na2_per_hz, "must be a finite density, zero or more");
        }
        if !(self.at_hz > 0.0 && self.at_hz.is_finite()) {
            return out("at_hz", self.at_hz, "must be a positive frequency");
        }
        if !(0.0..=2.0).contains(&self.exponent) {
            return out("exponent", self.exponent, "must lie between 0 and 2");
        }
        if !(self.corner_hz >= 0.0 && self.corner_hz.is_finite()) {
            return out("corner_hz", self.corner_hz, "must be a frequency, zero or more");
        }
        if self.corner_hz <= 0.0 && self.exponent >= 1.0 {
            return out(
                "corner_hz",
                self.corner_hz,
                "must be positive for an exponent of 1 or more: the variance is infinite otherwise",
            );
        }
        // without a corner the density diverges at 0; its integral converges for exponents below 1
        let lowest_hz = if self.corner_hz > 0.0 { 0.0 } else { self.at_hz };
        if self.density(lowest_hz) > DENSEST || self.density(lowest_hz).is_nan() {
            return out("psd_na2_per_hz", self.psd_na2_per_hz, "gives a density above 1e100 nA²/Hz at the corner");
        }
        Ok(self)
    }

    /// Gaussian noise of this law.
    ///
    /// # Errors
    /// As [`PowerLaw::checked`].
    pub fn noise(self) -> Result<NoiseModel, NoiseError> {
        Ok(NoiseModel::Gaussian(Spectrum::PowerLaw(self.checked()?)))
    }

    pub(crate) fn density(&self, frequency_hz: f64) -> f64 {
        if self.exponent <= 0.0 {
            return self.psd_na2_per_hz;
        }
        self.psd_na2_per_hz * (self.at_hz / frequency_hz.max(self.corner_hz)).powf(self.exponent)
    }

    pub(crate) fn stretches(&self, top_hz: f64) -> Vec<Stretch> {
        let corner_hz = if self.exponent > 0.0 { self.corner_hz.min(top_hz) } else { top_hz };
        let at_corner = self.density(corner_hz);
        vec![
            Stretch { from_hz: 0.0, to_hz: corner_hz, at_from: at_corner, exponent: 0.0 },
            Stretch { from_hz: corner_hz, to_hz: top_hz, at_from: at_corner, exponent: self.exponent },
        ]
    }

    /// Its stretches up to `top_hz`: flat below the corner, falling above.
    pub(crate) fn segments(&self, top_hz: f64) -> Vec<PowerLawSegment> {
        let corner = if self.exponent > 0.0 { self.corner_hz.min(top_hz) } else { 0.0 };
        let mut out = Vec::with_capacity(2);
        if corner > 0.0 {
            out.push(PowerLawSegment { from_hz: 0.0, to_hz: corner, factor: self.density(0.0), exponent: 0.0 });
        }
        if corner < top_hz {
            out.push(PowerLawSegment {
                from_hz: corner,
                to_hz: top_hz,
                factor: self.psd_na2_per_hz * self.at_hz.powf(self.exponent),
                exponent: self.exponent,
            });
        }
        out
    }
}

impl NoiseKind for PowerLaw {
    fn build(&self, _around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        Ok(NoiseModel::Gaussian(Spectrum::PowerLaw(self.clone().checked()?)))
    }
}

/// White noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhiteNoise {
    /// One-sided density (nA²/Hz).
    pub psd_na2_per_hz: f64,
}

impl NoiseKind for WhiteNoise {
    fn build(&self, _around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        let law = PowerLaw { psd_na2_per_hz: self.psd_na2_per_hz, at_hz: 1.0, exponent: 0.0, corner_hz: 0.0 };
        Ok(NoiseModel::Gaussian(Spectrum::White(law.checked()?.psd_na2_per_hz)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_variance_is_refused() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.0, corner_hz: 0.0 };
        let error = law.build(&mut Surroundings::in_folder(std::path::Path::new(""), 1e4)).unwrap_err();
        assert_eq!(error.field, "corner_hz");
    }
}
