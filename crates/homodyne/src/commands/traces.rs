use clap::Args;
use estimators::Traces as Measured;
use results::{Coordinate, Dimension, Results, Variable, store};
use settings::seed::{self, Purpose};
use study::{PointOfKind, Study};

use super::run::StudyArguments;
use crate::failure::Failure;
use crate::reading;

/// Write one measurement of an error study sample by sample: voltages at the device, output without noise, noise, and what is recorded.
///
/// The same seed, point and repetition give the same traces. Their noise is other noise than that of the repetition of this number in the
/// results of the study, where colours are folded into weights.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne traces scenarios/error_vs_spacing.toml --point 12      writes results/error-vs-spacing.traces.h5
  homodyne traces my.toml --set estimator.duration_s=0.5 --npz    writes results/NAME.traces.npz")]
pub(crate) struct Traces {
    #[command(flatten)]
    study: StudyArguments,
    /// Point of the sweep, from 0; the last axis of the file changes fastest.
    #[arg(long, default_value_t = 0)]
    point: usize,
    /// Number of the measurement, from 0.
    #[arg(long, default_value_t = 0)]
    repetition: u64,
    /// NumPy's .npz instead of HDF5.
    #[arg(long)]
    npz: bool,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
}

impl Traces {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let study = self.study.read()?;
        if self.point >= study.points() {
            let message = format!("--point {}: must be 0 to {}", self.point, study.points() - 1);
            return Err(Failure::BadInput(message));
        }
        let point = study.point(self.point)?;
        let PointOfKind::Error(error) = &point.of_kind else {
            let message =
                format!("a study of kind \"{}\" has no traces, only one of kind \"error\"", study.section.kind.name());
            return Err(Failure::BadInput(message));
        };
        let bad = |e: estimators::EstimatorError| Failure::BadInput(e.to_string());
        let experiment = error.experiment(study.library()).map_err(bad)?;
        let purpose = Purpose::Trial { point: self.point as u64, repetition: self.repetition };
        let measured = experiment.traces(&mut seed::stream(study.section.seed, purpose)).map_err(bad)?;
        let results = self.results(&study, experiment.probe().scheme().rate_hz(), measured);
        let path = self.study.output.join(format!("{}.traces.h5", study.section.name));
        if !self.npz {
            store::write(&results, &path, self.overwrite)?;
            say!("{}", path.display());
            return Ok(());
        }
        let archive = path.with_extension("npz");
        store::check_writable(&archive, self.overwrite)?;
        let folder = tempfile::tempdir()?;
        let between = folder.path().join("traces.h5");
        store::write(&results, &between, false)?;
        reading::export_npz(&between, &archive, self.overwrite)?;
        say!("{}", archive.display());
        Ok(())
    }

    fn results(&self, study: &Study, rate_hz: f64, measured: Measured) -> Results {
        let samples = measured.output_na[0].len();
        let counted = |name: &str, first: usize, length: usize| Dimension {
            name: name.to_owned(),
            coordinate: Coordinate::Numbers((first..first + length).map(|k| k as f64).collect()),
            units: "1".to_owned(),
        };
        let time = Coordinate::Numbers((0..samples).map(|n| n as f64 / rate_hz).collect());
        let dimensions = vec![
            counted("record", 0, measured.output_na.len()),
            Dimension { name: "time".to_owned(), coordinate: time, units: "s".to_owned() },
            counted("parameter", 1, measured.drive_volt[0].ncols()),
            counted("derivative", 1, measured.derivatives.len()),
        ];
        let variable = |name: &str, over: &[usize], values: Vec<f64>, units: &str, long_name: &str| Variable {
            name: name.to_owned(),
            dimensions: over.to_vec(),
            values,
            units: units.to_owned(),
            long_name: long_name.to_owned(),
        };
        let drive = measured.drive_volt.iter().flatten().copied().collect();
        let variables = vec![
            variable("drive", &[0, 1, 2], drive, "V", "voltages at the device"),
            variable("clean", &[0, 1], measured.clean_na.concat(), "nA", "output without noise"),
            variable("noise", &[0, 1], measured.noise_na.concat(), "nA", "noise"),
            variable("output", &[0, 1], measured.output_na.concat(), "nA", "what is recorded"),
            variable(
                "estimate",
                &[3],
                measured.derivatives,
                "nA/V",
                "derivatives that are read from it, second ones last, in nA/V²",
            ),
        ];
        let attributes = [
            ("study", study.section.name.clone()),
            ("scenario", study.document.text.clone()),
            ("set", self.study.set.join("\n")),
            ("seed", study.section.seed.to_string()),
            ("point", self.point.to_string()),
            ("repetition", self.repetition.to_string()),
            ("program_version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
        Results { dimensions, variables, attributes }
    }
}
