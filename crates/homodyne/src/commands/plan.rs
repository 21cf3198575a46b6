use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use device::{Device, Linear};
use estimators::filter::FilterSettings;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::planner::{Requirements, Severity};
use estimators::proposal::{Predicted, Proposal, Wanted};
use estimators::{EstimatorError, Experiment, Instrument, Route, Scheme, published};
use noise::{NoiseModel, PowerLaw, RecordGenerator, Spectrum};
use results::store;
use serde_json::json;
use study::Document;
use study::wanted::{refused, scenario_of, wanted_of};

use crate::failure::Failure;

/// Plan frequencies for parallel homodyne gradient extraction, or check given ones; or, with `--for`, the shortest measurement of a
/// wanted error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne plan --parameters 7 --band 100,1000 --duration 0.1 --ratio 2.05 --avoid 50
  homodyne plan --for scenarios/plans/day.toml --scenario day_measurement.toml
  homodyne plan --check 1000,960,920,880,840,800,760 --duration 0.1 --ratio 2.05")]
pub(crate) struct Plan {
    /// Number of parameters.
    #[arg(long, default_value_t = 7)]
    parameters: usize,
    /// Lowest and highest frequency (Hz).
    #[arg(long, value_delimiter = ',', num_args = 1.., default_value = "100,1000")]
    band: Vec<f64>,
    /// Check these frequencies (Hz) instead of proposing new ones.
    #[arg(long, value_delimiter = ',', num_args = 1..)]
    check: Vec<f64>,
    /// Phases of the frequencies to check (rad).
    #[arg(long, value_delimiter = ',', num_args = 1.., requires = "check")]
    phases: Vec<f64>,
    /// Duration of the measurement (s).
    #[arg(long, default_value_t = 0.1)]
    duration: f64,
    /// Largest ratio of the responses of two parameters.
    #[arg(long, default_value_t = 2.05)]
    ratio: f64,
    /// Tolerated crosstalk of one line, as a fraction of the weaker derivative.
    #[arg(long, default_value_t = 0.04)]
    crosstalk: f64,
    /// Keep 1/T away from multiples of this frequency (Hz), that of the mains: 50 or 60 (repeatable).
    #[arg(long)]
    avoid: Vec<f64>,
    /// Check for the readout of second derivatives as well: largest ratio of a line to a second harmonic, 4
    /// I'/(amplitude I'').
    #[arg(long)]
    curvature: Option<f64>,
    /// Sampling rate (Hz).
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
    /// Amplitude of the perturbations (V).
    #[arg(long, default_value_t = 8e-3)]
    amplitude: f64,
    /// Response of the stronger parameters (nA/V).
    #[arg(long, default_value_t = 123.0)]
    gradient: f64,
    /// Noise density at 1 kHz (nA²/Hz).
    #[arg(long, default_value_t = 1e-5)]
    noise: f64,
    /// Exponent of the noise, 0 to 2.
    #[arg(long, default_value_t = 1.5)]
    exponent: f64,
    /// Find the shortest measurement for what this file knows and wants: tables `[wanted]`, `[noise]` and, if not 10 kHz, `[sampling]`.
    #[arg(long = "for", value_name = "FILE", conflicts_with_all = ["parameters", "band", "check", "duration", "ratio", "crosstalk", "curvature", "rate", "amplitude", "gradient", "noise", "exponent", "avoid"])]
    wanted: Option<PathBuf>,
    /// With --for: write a scenario of the measurement, for `homodyne run`.
    #[arg(long, value_name = "FILE", requires = "wanted")]
    scenario: Option<PathBuf>,
    /// Replace the scenario if it exists.
    #[arg(long, requires = "scenario")]
    overwrite: bool,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

/// Predicted error of one parameter if it is the weak one.
struct Prediction {
    exact: f64,
    published: f64,
}

impl Plan {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        if let Some(file) = &self.wanted {
            return self.for_wanted(file);
        }
        let requirements = Requirements {
            rate_hz: self.rate,
            duration_s: self.duration,
            response_ratio: self.ratio,
            tolerated_crosstalk: self.crosstalk,
            filter: FilterSettings::default(),
            avoided_hz: self.avoid.clone(),
        };
        let frequencies_hz = if self.check.is_empty() {
            let [low, high] = self.band[..] else {
                return Err(Failure::BadInput(format!("--band {:?}: must be two frequencies, low,high", self.band)));
            };
            requirements.propose(self.parameters, low, high)?
        } else {
            self.check.clone()
        };
        let phases_rad = if self.phases.is_empty() { vec![0.0; frequencies_hz.len()] } else { self.phases.clone() };
        if phases_rad.len() != frequencies_hz.len() {
            return Err(Failure::BadInput(format!(
                "--phases has {} values for {} frequencies",
                phases_rad.len(),
                frequencies_hz.len()
            )));
        }
        let mut findings = requirements.check(&frequencies_hz, &phases_rad)?;
        if self.curvature.is_some() {
            findings.extend(requirements.check_curvature(&frequencies_hz, self.curvature)?);
        }
        let broken = findings.iter().any(|f| f.severity == Severity::Error);
        let predictions = if broken { Vec::new() } else { self.predict(&requirements, &frequencies_hz, &phases_rad)? };
        if self.json {
            let text = json!({
                "frequencies_hz": frequencies_hz,
                "guard_hz": requirements.guard_hz()?,
                "mse_exact": predictions.iter().map(|p| p.exact).collect::<Vec<_>>(),
                "mse_published": predictions.iter().map(|p| p.published).collect::<Vec<_>>(),
                "findings": findings.iter().map(|f| f.message.as_str()).collect::<Vec<_>>(),
            });
            say!("{text:#}");
        } else {
            say!("guard {:.1} Hz around each frequency", requirements.guard_hz()?);
            if !predictions.is_empty() {
                say!(
                    "\nif the parameter is the weak one ({:.4} nA/V, the others {}):",
                    self.gradient / self.ratio,
                    self.gradient
                );
                say!("{:>5} {:>14} {:>18} {:>18}", "param", "frequency [Hz]", "MSE exact", "MSE published");
            }
            for (m, (f, p)) in frequencies_hz.iter().zip(&predictions).enumerate() {
                say!("{:>5} {f:>14.3} {:>18.4} {:>18.4}", m + 1, p.exact, p.published);
            }
            for finding in &findings {
                let kind = if finding.severity == Severity::Error { "error" } else { "warning" };
                say!("{kind}: {}", finding.message);
            }
            if findings.is_empty() {
                let list = frequencies_hz.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
                say!("\nfrequencies_hz = [{list}]");
            }
        }
        if broken { Err(Failure::BadInput("these frequencies cannot work".to_owned())) } else { Ok(()) }
    }

    /// The shortest measurement for a file's wishes.
    fn for_wanted(&self, file: &Path) -> Result<(), Failure> {
        let document = Document::read(file)?;
        let wanted = wanted_of(&document)?;
        if let Some(scenario) = &self.scenario {
            store::check_writable(scenario, self.overwrite)?;
        }
        let proposal = wanted.propose().map_err(|e| refused(&document, e))?;
        if self.json {
            say!("{:#}", proposal_json(&wanted, &proposal));
        } else {
            print_proposal(&wanted, &proposal);
        }
        if let Some(scenario) = &self.scenario {
            store::write_whole(scenario, scenario_of(&document, &wanted, &proposal).as_bytes())?;
            if !self.json {
                say!("{}", scenario.display());
            }
        }
        Ok(())
    }

    fn predict(
        &self,
        requirements: &Requirements,
        frequencies_hz: &[f64],
        phases_rad: &[f64],
    ) -> Result<Vec<Prediction>, Failure> {
        let parameters = frequencies_hz.len();
        let law = PowerLaw { psd_na2_per_hz: self.noise, at_hz: 1000.0, exponent: self.exponent, corner_hz: 0.1 };
        let law = law.checked().map_err(|e| Failure::BadInput(e.to_string()))?;
        let model = NoiseModel::Gaussian(Spectrum::PowerLaw(law));
        let hge = Hge {
            rate_hz: self.rate,
            duration_s: self.duration,
            amplitude_volt: vec![self.amplitude],
            frequencies_hz: frequencies_hz.to_vec(),
            phases_rad: phases_rad.to_vec(),
            mode: Mode::Parallel,
            readout: LockInReadout::X,
            filter: requirements.filter,
            corrected_for: None,
        };
        let measurement = hge.build(parameters)?;
        let generator =
            Arc::new(RecordGenerator::new(&model, self.rate, measurement.samples).map_err(EstimatorError::from)?);
        let cutoff_hz = requirements.cutoff_hz()?;
        (0..parameters)
            .map(|weak| {
                let gradient: Vec<f64> = (0..parameters)
                    .map(|m| if m == weak { self.gradient / self.ratio } else { self.gradient })
                    .collect();
                let device: Arc<dyn Device> =
                    Arc::new(Linear::new(gradient.clone(), 0.0).map_err(|e| Failure::BadInput(e.to_string()))?);
                let experiment = Experiment::new(
                    Scheme::Fixed(measurement.clone()),
                    device,
                    vec![0.0; parameters],
                    Instrument::default(),
                    Arc::clone(&generator),
                    true,
                    Route::Weights,
                )?;
                Ok(Prediction {
                    exact: experiment.exact_against(&gradient)?.mean_squared_error()[weak],
                    published: published::mean_squared_error(&hge, cutoff_hz, &gradient, |f| model.density(f))[weak],
                })
            })
            .collect()
    }
}

fn print_proposal(wanted: &Wanted, proposal: &Proposal) {
    let hge = &proposal.hge;
    say!("{} s of measurement at {} Hz, all parameters at once\n", hge.duration_s, hge.rate_hz);
    say!(
        "{:>5} {:>14} {:>13} {:>18} {:>9} {:>7} {:>9} {:>9} {:>9}  limited by",
        "param",
        "frequency [Hz]",
        "amplitude [V]",
        "√MSE [nA/V]",
        "wanted",
        "[%]",
        "noise",
        "third",
        "crosstalk"
    );
    for (m, one) in proposal.predicted.iter().enumerate() {
        let error = one.mean_squared_error.sqrt();
        say!(
            "{:>5} {:>14.3} {:>13.4e} {:>18.4} {:>9.4} {:>7.2} {:>9.2e} {:>9.2e} {:>9.2e}  {}",
            m + 1,
            hge.frequencies_hz[m],
            hge.amplitude_volt[m],
            error,
            wanted.error_na_per_volt[m],
            100.0 * error / wanted.gradient_na_per_volt[m].abs(),
            one.variance.sqrt(),
            one.own_bias.abs(),
            one.leakage.abs(),
            one.limit()
        );
    }
    say!(
        "\nroot mean square errors are exact for the device of these derivatives, filter = {{ gain_corrected = true }}"
    );
}

fn proposal_json(wanted: &Wanted, proposal: &Proposal) -> serde_json::Value {
    let hge = &proposal.hge;
    let column = |of: fn(&Predicted) -> f64| proposal.predicted.iter().map(of).collect::<Vec<f64>>();
    json!({
        "duration_s": hge.duration_s,
        "rate_hz": hge.rate_hz,
        "frequencies_hz": hge.frequencies_hz,
        "amplitude_volt": hge.amplitude_volt,
        "mse_exact": column(|p| p.mean_squared_error),
        "mse_wanted": wanted.error_na_per_volt.iter().map(|e| e * e).collect::<Vec<_>>(),
        "variance": column(|p| p.variance),
        "bias_third_derivative": column(|p| p.own_bias),
        "bias_crosstalk": column(|p| p.leakage),
        "limited_by": proposal.predicted.iter().map(Predicted::limit).collect::<Vec<_>>(),
    })
}
