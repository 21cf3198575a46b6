use std::path::{Path, PathBuf};

use clap::Args;
use figures::network::{Spectrum, noise_spectrum};
use noise::fit::{Band, Measured, NoiseFit, fit};
use serde_json::json;

use super::record::RecordArguments;
use crate::failure::Failure;

/// Fit the noise of a measured record: white, a power law with a corner, and lines of the mains.
///
/// Prints the `[noise]` table of a scenario. The record is one without drive, or its lines are taken for noise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne noise record.npy --rate 25000
  homodyne noise scope.csv --column 2 --unit A --figure noise
  homodyne noise record.csv --mains 60 --json

A text table may hold the time (s) in its first column, evenly spaced; the sampling rate is then the table's.")]
pub(crate) struct NoiseOfRecord {
    #[command(flatten)]
    record: RecordArguments,
    /// Length of the segments whose spectra are averaged (s); an eighth of the record if not given, at most 65536 samples, or longer for the mains.
    #[arg(long)]
    segment_s: Option<f64>,
    /// Frequency of the mains (Hz), or `none`.
    #[arg(long, default_value = "50", value_parser = mains_hz)]
    mains: Mains,
    /// Draw spectrum and fit, to FIGURE.svg and .png, or to the one format of its ending (.svg, .png, .pdf, .csv).
    #[arg(long)]
    figure: Option<PathBuf>,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

impl NoiseOfRecord {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let record = self.record.read()?;
        let file = self.record.file.display();
        let bad = |message: String| Failure::BadInput(format!("`{file}`: {message}"));
        let Some(rate_hz) = self.record.rate.or(record.rate_hz) else {
            return Err(bad("it holds no time: say with --rate how many samples a second it has".to_owned()));
        };
        if !(1e-6..=1e12).contains(&rate_hz) {
            return Err(Failure::BadInput(format!("--rate {rate_hz}: must be 1e-6 to 1e12 Hz")));
        }
        let segment = self.segment_s.map(|seconds| (seconds * rate_hz).round() as usize);
        let found = fit(&record.samples_na, rate_hz, segment, self.mains.0).map_err(|e| bad(e.to_string()))?;
        let mut remarks = record.remarks;
        remarks.extend(found.remarks());
        let figures = self.figure.as_ref().map_or(Ok(Vec::new()), |path| self.draw(&found, path))?;
        if self.json {
            say!("{:#}", as_json(&found, rate_hz, &remarks, &figures));
        } else {
            print(&found, &remarks);
            // a comment too: all that is printed can be pasted
            figures.iter().for_each(|path| say!("# figure     {}", path.display()));
        }
        Ok(())
    }

    /// The record's spectrum, averaged over bands, with its 95 % confidence band, and the fit.
    fn draw(&self, found: &NoiseFit, path: &Path) -> Result<Vec<PathBuf>, Failure> {
        let bands = found.bands(BANDS_PER_DECADE);
        let column = |of: fn(&Band) -> f64| bands.iter().map(of).collect::<Vec<f64>>();
        let curves = [
            Spectrum {
                name: "record, 95 %".to_owned(),
                densities: column(|b| b.density.value),
                bands: Some(bands.iter().map(|b| b.interval_na2_per_hz).collect()),
            },
            Spectrum { name: "fit".to_owned(), densities: column(|b| b.expected), bands: None },
        ];
        let title = self.record.file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let panels = noise_spectrum(&title, &column(|b| b.frequency_hz), &curves, None)?;
        super::device::drawn(&panels, path)
    }
}

/// Frequency of the mains \[Hz\], if lines are to be looked for.
#[derive(Clone, Copy, Debug)]
struct Mains(Option<f64>);

fn mains_hz(text: &str) -> Result<Mains, String> {
    match text {
        "none" | "0" => Ok(Mains(None)),
        _ => text.parse().map(|hz| Mains(Some(hz))).map_err(|_| "must be a frequency (Hz) or `none`".to_owned()),
    }
}

/// Bands of the figure.
const BANDS_PER_DECADE: usize = 40;

/// Rounds to digits that are known, and one more.
fn known(m: Measured) -> f64 {
    if !(m.standard_error > 0.0 && m.standard_error.is_finite()) {
        return m.value;
    }
    let digits = (m.value.abs() / m.standard_error).log10().ceil().clamp(0.0, 12.0) as usize + 1;
    format!("{:.*e}", digits, m.value).parse().unwrap_or(m.value)
}

/// A table for each source, as in a scenario.
fn tables(found: &NoiseFit) -> Vec<String> {
    let mut tables = Vec::new();
    if let Some(white) = found.white_na2_per_hz {
        tables.push(format!("kind = \"white\"\npsd_na2_per_hz = {:e}\n", known(white)));
    }
    if let Some(law) = &found.law {
        let corner_hz = law.corner_hz.map_or(law.lowest_hz, known);
        tables.push(format!(
            "kind = \"power-law\"\npsd_na2_per_hz = {:e}\nat_hz = {}\nexponent = {}\ncorner_hz = {corner_hz}\n",
            known(law.psd_na2_per_hz),
            law.at_hz,
            known(law.exponent),
        ));
    }
    if let Some(mains) = found.lines() {
        let rms: Vec<String> = mains.rms_na.iter().map(|rms| format!("{rms:.3e}")).collect();
        tables.push(format!("kind = \"mains\"\nbase_hz = {}\nrms_na = [{}]\n", mains.base_hz, rms.join(", ")));
    }
    tables
}

fn print(found: &NoiseFit, remarks: &[String]) {
    match &tables(found)[..] {
        [one] => say!("[noise]\n{one}"),
        several => {
            let sources: Vec<String> = several.iter().map(|table| format!("[[noise.terms]]\n{table}")).collect();
            say!("[noise]\nkind = \"sum\"\n\n{}", sources.join("\n"));
        }
    }
    let number = |m: Measured| format!("{:.4e} ± {:.1e}", m.value, m.standard_error);
    if let Some(white) = found.white_na2_per_hz {
        say!("# white      {} nA²/Hz", number(white));
    }
    if let Some(law) = &found.law {
        say!("# power law  {} nA²/Hz at {} Hz", number(law.psd_na2_per_hz), law.at_hz);
        say!("# exponent   {:.4} ± {:.4}", law.exponent.value, law.exponent.standard_error);
        if let Some(corner) = law.corner_hz {
            say!("# corner     {:.4} ± {:.4} Hz", corner.value, corner.standard_error);
        }
    }
    if let Some((base_hz, lines)) = &found.mains {
        for line in lines {
            say!("# line       {} nA r.m.s. at {} Hz", number(line.rms_na), base_hz * line.multiple as f64);
        }
    }
    let Measured { value, standard_error } = found.mean_square;
    say!("# deviations of the spectrum from it: mean square {value:.3}, expected 1 ± {standard_error:.3}");
    say!("# each line of the spectrum has {:.1} degrees of freedom", found.spectrum.degrees_of_freedom);
    remarks.iter().for_each(|remark| say!("# {remark}"));
}

fn as_json(found: &NoiseFit, rate_hz: f64, remarks: &[String], figures: &[PathBuf]) -> serde_json::Value {
    let measured = |m: Measured| json!({ "value": m.value, "standard_error": m.standard_error });
    let law = found.law.as_ref().map(|law| {
        json!({
            "psd_na2_per_hz": measured(law.psd_na2_per_hz),
            "at_hz": law.at_hz,
            "exponent": measured(law.exponent),
            "corner_hz": law.corner_hz.map(measured),
            "lowest_hz": law.lowest_hz,
        })
    });
    let lines = found.mains.iter().flat_map(|(base_hz, lines)| lines.iter().map(move |line| (base_hz, line)));
    json!({
        "rate_hz": rate_hz,
        "white_na2_per_hz": found.white_na2_per_hz.map(measured),
        "power_law": law,
        "lines": lines
            .map(|(base_hz, line)| json!({ "frequency_hz": base_hz * line.multiple as f64, "rms_na": measured(line.rms_na) }))
            .collect::<Vec<_>>(),
        "mean_square": measured(found.mean_square),
        "degrees_of_freedom": found.spectrum.degrees_of_freedom,
        "frequency_hz": found.spectrum.frequency_hz,
        "psd_na2_per_hz": found.spectrum.psd,
        "expected_na2_per_hz": found.expected,
        "figures": figures,
        "remarks": remarks,
    })
}
