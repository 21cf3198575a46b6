use std::f64::consts::PI;
use std::path::{Path, PathBuf};

use clap::Args;
use estimators::demodulate::{Demodulated, Derivative, demodulate};
use estimators::hge::{Frequencies, Hge};
use serde_json::json;
use study::Document;
use study::language::scenario::Scenario;
use tables::read_all_columns;

use super::record::{RecordArguments, time_column};
use crate::failure::Failure;

/// Largest number of parameters.
const MOST_PARAMETERS: usize = 10_000;

/// Read derivatives, with standard errors, from a measured record.
///
/// The lock-ins are those of the plan, a scenario with [estimator] kind = "hge" in parallel, and [sampling]; the rest of it is not
/// looked at. Offset and slow drift are subtracted; the standard error is that of the noise of the record around each line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne demodulate record.npy --plan plan.toml
  homodyne demodulate scope.csv --plan plan.toml --column 2 --unit A --drive drive.npy

A text table may hold the time (s) in its first column, evenly spaced; the sampling rate is then the table's.")]
pub(crate) struct Demodulate {
    #[command(flatten)]
    record: RecordArguments,
    /// Scenario with the lock-ins.
    #[arg(long)]
    plan: PathBuf,
    /// Recorded drive (V), one column for each parameter and as many rows as the record; amplitudes and phases are then those
    /// of the drive instead of the plan's.
    #[arg(long)]
    drive: Option<PathBuf>,
    /// Number of parameters, if the plan does not list its frequencies.
    #[arg(long)]
    parameters: Option<usize>,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

impl Demodulate {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let record = self.record.read()?;
        let (mut plan, mut remarks) = self.plan(record.rate_hz)?;
        remarks.splice(0..0, record.remarks);
        let parameters = plan.frequencies_hz.len();
        if let Some(drive) = &self.drive {
            remarks.extend(self.follow(&mut plan, drive, record.samples_na.len())?);
        }
        let read = demodulate(&plan, parameters, &record.samples_na)?;
        self.print(&plan, &read, &remarks);
        Ok(())
    }

    /// The lock-ins of the plan at the rate of the record.
    fn plan(&self, recorded_hz: Option<f64>) -> Result<(Hge, Vec<String>), Failure> {
        let document = Document::read(&self.plan)?;
        let (settings, sampling) = Scenario::lock_ins_of(&document.table).map_err(|e| document.locate(e))?;
        let refuse = |key: &str, message: &str| Failure::from(document.locate(study::KeyError::new(key, message)));
        if settings.amplitude_volt.given().is_none() {
            let message = "must be numbers: `homodyne run --dry-run` prints those that are balanced";
            return Err(refuse("estimator.amplitude_volt", message));
        }
        let parameters = match (&settings.frequencies_hz, self.parameters) {
            (Frequencies::List(list), None) => list.len(),
            (Frequencies::List(list), Some(given)) if given == list.len() => given,
            (Frequencies::List(_), Some(_)) => {
                return Err(refuse("estimator.frequencies_hz", "must have as many entries as --parameters says"));
            }
            (Frequencies::Ladder(_), Some(given)) => given,
            (Frequencies::Ladder(_), None) => {
                return Err(refuse(
                    "estimator.frequencies_hz",
                    "is not a list: say with --parameters how many there are",
                ));
            }
        };
        let rate_hz = self.record.rate.or(recorded_hz).unwrap_or(sampling.rate_hz);
        let mut remarks = Vec::new();
        if let (Some(given), Some(recorded)) = (self.record.rate, recorded_hz)
            && (given / recorded - 1.0).abs() > 1e-4
        {
            remarks.push(format!("the time in the first column is that of {recorded} Hz, not of --rate {given}"));
        }
        if (rate_hz / sampling.rate_hz - 1.0).abs() > 1e-4 {
            remarks.push(format!(
                "the record was sampled at {rate_hz} Hz, and the plan says {} Hz: it is read at its own rate",
                sampling.rate_hz
            ));
        }
        if document.table.contains_key("sweep") {
            remarks.push("the sweep of the plan is not looked at".to_owned());
        }
        if parameters == 0 || parameters > MOST_PARAMETERS {
            return Err(Failure::BadInput(format!("--parameters {parameters}: must be 1 to {MOST_PARAMETERS}")));
        }
        let plan =
            settings.hge(rate_hz, parameters).map_err(|e| document.locate(study::KeyError::at("estimator", e)))?;
        Ok((plan, remarks))
    }

    /// Puts amplitudes and phases of the recorded drive in the place of those of the plan.
    fn follow(&self, plan: &mut Hge, drive: &Path, samples: usize) -> Result<Vec<String>, Failure> {
        let bad = |message: String| Failure::BadInput(format!("`{}`: {message}", drive.display()));
        let table = read_all_columns(drive).map_err(|e| bad(e.to_string()))?;
        let parameters = plan.frequencies_hz.len();
        let skipped = usize::from(table.values.len() == parameters + 1 && time_column(&table.values[0]).is_some());
        let columns = &table.values[skipped..];
        let rows = columns.first().map_or(0, Vec::len);
        if columns.len() != parameters || rows != samples {
            let found = format!("it has {rows} rows of {} columns", columns.len());
            return Err(bad(format!("{found}, needed are {samples} rows, as the record has, of {parameters}")));
        }
        let found = estimators::demodulate::drive(plan, columns)?;
        let mut remarks = Vec::new();
        let mut amplitude_volt = Vec::with_capacity(parameters);
        for (m, (measured_volt, phase_rad)) in found.into_iter().enumerate() {
            let planned_volt = plan.amplitude_of(m);
            if measured_volt < 1e-3 * planned_volt {
                return Err(bad(format!("column {} holds no line at {} Hz", m + 1, plan.frequencies_hz[m])));
            }
            let turned_rad = (phase_rad - plan.phases_rad[m] + PI).rem_euclid(2.0 * PI) - PI;
            if (measured_volt / planned_volt - 1.0).abs() > 0.01 || turned_rad.abs() > 0.02 {
                remarks.push(format!(
                    "the drive of parameter {} is {measured_volt:.4e} V at {turned_rad:+.3} rad from the plan's, {planned_volt:.4e} V",
                    m + 1
                ));
            }
            amplitude_volt.push(measured_volt);
            plan.phases_rad[m] = phase_rad;
        }
        plan.amplitude_volt = amplitude_volt;
        Ok(remarks)
    }

    fn print(&self, plan: &Hge, read: &Demodulated, remarks: &[String]) {
        if self.json {
            let of_record = read.remarks.iter().map(|r| json!({ "kind": r.kind.name(), "message": r.message }));
            let of_reading = remarks.iter().map(|r| json!({ "kind": "reading", "message": r }));
            let text = json!({
                "rate_hz": plan.rate_hz,
                "gain": read.gain,
                "derivatives": read.derivatives.iter().map(derivative_json).collect::<Vec<_>>(),
                "remarks": of_reading.chain(of_record).collect::<Vec<_>>(),
            });
            say!("{text:#}");
            return;
        }
        say!(
            "{:>5} {:>14} {:>14} {:>14} {:>5} {:>4} {:>15} {:>16}",
            "param",
            "frequency [Hz]",
            "derivative",
            "standard error",
            "ν",
            "sign",
            "phase [rad]",
            "noise [nA²/Hz]"
        );
        for one in &read.derivatives {
            if one.order == 2 && one.parameter == 0 {
                say!("second derivatives [nA/V²]:");
            }
            let sign = ["-", "?", "+"][(one.sign() + 1) as usize];
            let phase = one.phase_rad.map_or_else(
                || "not known".to_owned(),
                |phase| format!("{phase:.3} ± {:.3}", one.phase_standard_error_rad),
            );
            say!(
                "{:>5} {:>14.3} {:>14.5} {:>14.5} {:>5.0} {sign:>4} {phase:>15} {:>16.4e}",
                one.parameter + 1,
                one.frequency_hz,
                one.value,
                one.standard_error,
                one.degrees_of_freedom,
                one.psd_na2_per_hz
            );
        }
        say!("derivatives in nA/V, ν degrees of freedom of the standard errors; sign ? where 95 % do not tell it");
        if (read.gain - 1.0).abs() > 1e-3 {
            say!(
                "the plan's filter has settled to {:.4}, by which the derivatives are too large: `filter.gain_corrected` divides by it",
                read.gain
            );
        }
        for remark in remarks {
            say!("remark: {remark}");
        }
        for remark in &read.remarks {
            say!("warning ({}): {}", remark.kind.name(), remark.message);
        }
    }
}

fn derivative_json(one: &Derivative) -> serde_json::Value {
    json!({
        "parameter": one.parameter + 1,
        "order": one.order,
        "frequency_hz": one.frequency_hz,
        "derivative": one.value,
        "standard_error": one.standard_error,
        "degrees_of_freedom": one.degrees_of_freedom,
        "sign": one.sign(),
        "phase_rad": one.phase_rad,
        "phase_standard_error_rad": one.phase_standard_error_rad,
        "psd_na2_per_hz": one.psd_na2_per_hz,
        "as_recorded": one.as_recorded,
    })
}
