//! One-sided absolute power spectral densities as values.

use std::path::Path;

use crate::lines::Stretch;
use crate::relaxation::RelaxationEnsemble;
use crate::{NoiseError, trace};

/// `S(f) = S₀ (f₀ / max(f, f_corner))^β`, one-sided, up to half the sampling rate.
#[derive(Clone, Debug, PartialEq)]
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

/// Densities above this would overflow when they are squared.
const DENSEST: f64 = 1e100;

impl PowerLaw {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If the density is negative, the reference frequency not positive, the exponent outside \[0, 2\], or the corner
    /// zero although the exponent is 1 or more (the variance would be infinite).
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
        // without a corner the density diverges at 0, but for exponents below 1 its integral does not
        let lowest_hz = if self.corner_hz > 0.0 { 0.0 } else { self.at_hz };
        if self.density(lowest_hz) > DENSEST || self.density(lowest_hz).is_nan() {
            return out("psd_na2_per_hz", self.psd_na2_per_hz, "makes a density above 1e100 nA²/Hz at the corner");
        }
        Ok(self)
    }

    pub(crate) fn density(&self, frequency_hz: f64) -> f64 {
        if self.exponent <= 0.0 {
            return self.psd_na2_per_hz;
        }
        self.psd_na2_per_hz * (self.at_hz / frequency_hz.max(self.corner_hz)).powf(self.exponent)
    }

    fn stretches(&self, top_hz: f64) -> Vec<Stretch> {
        let corner_hz = if self.exponent > 0.0 { self.corner_hz.min(top_hz) } else { top_hz };
        let at_corner = self.density(corner_hz);
        vec![
            Stretch { from_hz: 0.0, to_hz: corner_hz, at_from: at_corner, exponent: 0.0 },
            Stretch { from_hz: corner_hz, to_hz: top_hz, at_from: at_corner, exponent: self.exponent },
        ]
    }

    /// Its pieces up to `top_hz`: flat below the corner, falling above.
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

/// A spectrum measured at rising frequencies; a straight line in log-log scale between them, constant outside.
#[derive(Clone, Debug, PartialEq)]
pub struct TabulatedSpectrum {
    frequency_hz: Vec<f64>,
    psd_na2_per_hz: Vec<f64>,
}

impl TabulatedSpectrum {
    /// A table of frequencies \[Hz\], positive and rising, and positive densities \[nA²/Hz\], of the same length.
    ///
    /// # Errors
    /// If the columns differ in length, are empty, not finite, not positive, or the frequencies do not rise.
    pub fn new(frequency_hz: Vec<f64>, psd_na2_per_hz: Vec<f64>) -> Result<Self, NoiseError> {
        let bad = |what: String| Err(NoiseError::BadTable { what });
        if frequency_hz.len() != psd_na2_per_hz.len() || frequency_hz.is_empty() {
            return bad(format!(
                "a tabulated spectrum has {} frequencies and {} densities: equally many, at least one, are needed",
                frequency_hz.len(),
                psd_na2_per_hz.len()
            ));
        }
        for (row, (&f, &s)) in frequency_hz.iter().zip(&psd_na2_per_hz).enumerate() {
            if !(f.is_finite() && f > 0.0 && s.is_finite() && s > 0.0) {
                return bad(format!(
                    "row {row} of the tabulated spectrum is ({f} Hz, {s} nA²/Hz): both must be positive and finite"
                ));
            }
            if row > 0 && f <= frequency_hz[row - 1] {
                return bad(format!(
                    "row {row} of the tabulated spectrum: {f} Hz does not lie above the row before ({} Hz)",
                    frequency_hz[row - 1]
                ));
            }
        }
        Ok(Self { frequency_hz, psd_na2_per_hz })
    }

    /// Reads two columns, frequency \[Hz\] and density \[nA²/Hz\], from a text table, `.npy` or `.npz`
    /// ([`tables::read_columns`]), and what should be remarked on the reading, one sentence each.
    ///
    /// A row at 0 Hz, with which every Welch estimate begins, is left out: it is what the removal of the mean left, half of
    /// the one-sided density by SciPy's convention, and has no place on a logarithmic scale. The density of the first
    /// row above holds down to 0.
    ///
    /// # Errors
    /// If the file cannot be read or [`TabulatedSpectrum::new`] refuses its numbers: with their line.
    pub fn from_file(path: &Path) -> Result<(Self, Vec<String>), NoiseError> {
        let mut read = trace::read_columns(path, 2)?;
        if read.values[0].first().is_some_and(|f| f.abs() <= 0.0) {
            let (place, density) = (read.place(0), read.values[1][0]);
            read.remarks.push(format!(
                "{place} is at 0 Hz and left out ({density:e} nA²/Hz): below the next row, its density is taken"
            ));
            for column in &mut read.values {
                column.remove(0);
            }
            if !read.places.is_empty() {
                read.places.remove(0);
            }
        }
        let refused = |row: usize, what: String| NoiseError::Unreadable {
            path: path.to_owned(),
            reason: format!("{}: {what}", read.place(row)),
        };
        let [f, s] = [&read.values[0], &read.values[1]];
        for row in 0..f.len() {
            if f[row] <= 0.0 || s[row] <= 0.0 {
                let what = "frequency and density must be positive; leave out rows without power, or give them the floor \
                            of the measurement";
                return Err(refused(row, format!("found {} Hz and {:e} nA²/Hz: {what}", f[row], s[row])));
            }
            if row > 0 && f[row] <= f[row - 1] {
                return Err(refused(
                    row,
                    format!("found {} Hz after {} Hz: frequencies must rise from row to row", f[row], f[row - 1]),
                ));
            }
        }
        let remarks = read.remarks.clone();
        let [f, s] = [read.values.swap_remove(0), read.values.swap_remove(0)];
        Ok((Self::new(f, s).map_err(|e| e.in_file(path))?, remarks))
    }

    fn density(&self, f: f64) -> f64 {
        let (fs, s) = (&self.frequency_hz, &self.psd_na2_per_hz);
        let above = fs.partition_point(|&x| x <= f);
        match above {
            0 => s[0],
            n if n == fs.len() => s[n - 1],
            n => {
                let t = (f / fs[n - 1]).ln() / (fs[n] / fs[n - 1]).ln();
                s[n - 1] * (s[n] / s[n - 1]).powf(t)
            }
        }
    }

    /// Its pieces up to `top_hz`.
    pub(crate) fn stretches(&self, top_hz: f64) -> Vec<Stretch> {
        let (fs, s) = (&self.frequency_hz, &self.psd_na2_per_hz);
        let flat = |from_hz, to_hz, at_from| Stretch { from_hz, to_hz, at_from, exponent: 0.0 };
        let mut out = vec![flat(0.0, fs[0].min(top_hz), s[0])];
        for n in 1..fs.len() {
            if fs[n - 1] >= top_hz {
                break;
            }
            let exponent = -(s[n] / s[n - 1]).ln() / (fs[n] / fs[n - 1]).ln();
            out.push(Stretch { from_hz: fs[n - 1], to_hz: fs[n].min(top_hz), at_from: s[n - 1], exponent });
        }
        if fs[fs.len() - 1] < top_hz {
            out.push(flat(fs[fs.len() - 1], top_hz, s[s.len() - 1]));
        }
        out
    }
}

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
    /// Independent sources added up.
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
    /// Density \[nA²/Hz\] at `frequency_hz` (its sign does not matter).
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

    /// Its pieces up to `top_hz` as [`Stretch`]es, where it is made of such.
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

    #[test]
    fn infinite_variance_is_refused() {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.0, corner_hz: 0.0 };
        assert!(law.checked().unwrap_err().to_string().contains("corner_hz"));
    }
}
