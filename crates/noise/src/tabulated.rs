//! Measured spectra.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};

use crate::kind::{NoiseKind, Surroundings};
use crate::lines::Stretch;
use crate::{NoiseError, NoiseModel, Spectrum, trace};

/// Gaussian noise of a measured spectrum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TabulatedNoise {
    /// Text (`.csv`, `.txt`, `.tsv`, `.dat`, `.asc`), `.npy` or `.npz`; a relative path refers to the scenario's folder.
    pub file: InputFile,
}

impl NoiseKind for TabulatedNoise {
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        let table = around.read(&self.file, TabulatedSpectrum::from_file)?;
        Ok(NoiseModel::Gaussian(Spectrum::Tabulated(table)))
    }

    fn files(&self) -> Vec<InputFile> {
        vec![self.file.clone()]
    }
}

/// A spectrum measured at increasing frequencies: linear in log-log scale between them, constant outside.
#[derive(Clone, Debug, PartialEq)]
pub struct TabulatedSpectrum {
    frequency_hz: Vec<f64>,
    psd_na2_per_hz: Vec<f64>,
}

impl TabulatedSpectrum {
    /// A table of positive, increasing frequencies \[Hz\] and as many positive densities \[nA²/Hz\].
    ///
    /// # Errors
    /// If the columns differ in length, are empty, hold a number that is not finite and positive, or the frequencies do
    /// not increase.
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
                    "row {row} of the tabulated spectrum: {f} Hz does not lie above the previous row ({} Hz)",
                    frequency_hz[row - 1]
                ));
            }
        }
        Ok(Self { frequency_hz, psd_na2_per_hz })
    }

    /// Reads two columns, frequency \[Hz\] and density \[nA²/Hz\], from a text table, `.npy` or `.npz`
    /// ([`tables::read_columns`]). Returns remarks on the reading as well, one sentence each.
    ///
    /// A row at 0 Hz, the first row of every Welch estimate, is left out: it holds the residue after subtracting the
    /// mean, is half of the one-sided density by SciPy's convention, and cannot be placed on a logarithmic scale. The
    /// density of the first row above applies down to 0 Hz.
    ///
    /// # Errors
    /// If the file cannot be read or [`TabulatedSpectrum::new`] refuses its numbers: the message names the line.
    pub fn from_file(path: &Path) -> Result<(Self, Vec<String>), NoiseError> {
        let mut read = trace::read_columns(path, 2)?;
        if read.values[0].first().is_some_and(|f| f.abs() <= 0.0) {
            let (place, density) = (read.place(0), read.values[1][0]);
            read.remarks.push(format!(
                "{place} is at 0 Hz and left out ({density:e} nA²/Hz): below the next row, the density of that row is used"
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
                    format!("found {} Hz after {} Hz: frequencies must increase from row to row", f[row], f[row - 1]),
                ));
            }
        }
        let remarks = read.remarks.clone();
        let [f, s] = [read.values.swap_remove(0), read.values.swap_remove(0)];
        Ok((Self::new(f, s).map_err(|e| e.in_file(path))?, remarks))
    }

    pub(crate) fn density(&self, f: f64) -> f64 {
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

    /// Its stretches up to `top_hz`.
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
