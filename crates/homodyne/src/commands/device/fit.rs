use std::path::PathBuf;

use clap::Args;
use figures::samples::parity;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;
use results::{Results, Variable, store};
use sweep::identity::Identity;
use training::device_fit::{DeviceFit, FitSamples, FitTest};

use super::draw;
use crate::failure::Failure;
use crate::reading;

/// Fit a network of tangents to the samples of a device, for scenarios with the device "neural-surrogate".
///
/// The samples are the results of a study of kind "samples": currents and derivatives, which are fitted at once, each number with the
/// weight that its standard error leaves it. The last tenth of the samples is not shown to the fit; what the model is off there is printed
/// and drawn.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  homodyne run scenarios/network_samples.toml
  homodyne device fit results/network-samples.h5 --output results/network-model.npz

then, in a scenario:
  [device]
  kind = \"neural-surrogate\"
  file = \"../results/network-model.npz\"
  activation = \"tanh\"")]
pub(super) struct Fit {
    /// Results of a study of kind "samples"; more samples of the same device are those of further runs with another `study.seed`.
    #[arg(required = true)]
    results: Vec<PathBuf>,
    /// The model (.npz); its figure gets the same name.
    #[arg(long, short)]
    output: PathBuf,
    /// Units in each hidden layer, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "64,64")]
    hidden: Vec<usize>,
    /// Passes over the samples.
    #[arg(long, default_value_t = DeviceFit::default().epochs)]
    epochs: usize,
    /// Learning rate.
    #[arg(long, default_value_t = DeviceFit::default().learning_rate)]
    learning_rate: f64,
    /// Weight of all derivatives relative to the currents; 0 fits currents alone.
    #[arg(long, allow_negative_numbers = true, default_value_t = DeviceFit::default().gradient_weight)]
    gradient_weight: f64,
    /// Seed of the fit.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace an existing model and its figure.
    #[arg(long)]
    overwrite: bool,
}

impl Fit {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let settings = DeviceFit {
            hidden: self.hidden.clone(),
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            gradient_weight: self.gradient_weight,
            seed: self.seed,
        };
        settings.check().map_err(|e| Failure::BadInput(format!("--{}: {}", e.field.replace('_', "-"), e.message)))?;
        if self.output.extension().is_none_or(|e| e != "npz") {
            return Err(Failure::BadInput(format!("--output {}: must end in .npz", self.output.display())));
        }
        let stem = self.output.with_extension("");
        store::check_writable(&self.output, self.overwrite)?;
        figures::Layout::default()
            .files(&stem)
            .iter()
            .try_for_each(|file| store::check_writable(file, self.overwrite))?;
        let first = &self.results[0];
        let unfit = |what: String| Failure::BadInput(format!("`{}`: {what}", first.display()));
        let results = self.results.iter().map(|path| reading::read_small(path)).collect::<Result<Vec<_>, _>>()?;
        let (samples, range_volt) = self.joined(&results)?;
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} passes, {eta} left").expect("a sound template");
        let bar = ProgressBar::new(self.epochs as u64).with_style(style);
        let fitted = settings.fit(&samples, range_volt, |epoch| bar.set_position(epoch as u64));
        bar.finish_and_clear();
        let (model, test) = fitted.map_err(|e| unfit(e.to_string()))?;
        let bytes = tables::archive_of(&model.arrays()).map_err(|e| unfit(e.to_string()))?;
        store::write_whole(&self.output, &bytes)?;
        say!("{}", self.output.display());
        report(&test);
        draw(&panels(&results[0], &test)?, &stem)
    }

    /// The samples of all files, one after the other, and the ranges that they fill.
    fn joined(&self, results: &[Results]) -> Result<(FitSamples, Ranges), Failure> {
        let mut all: Option<(FitSamples, Ranges)> = None;
        for (k, (path, own)) in self.results.iter().zip(results).enumerate() {
            let unfit = |what: String| Failure::BadInput(format!("`{}`: {what}", path.display()));
            let (samples, range_volt) = samples_of(own).map_err(unfit)?;
            for (earlier, other) in self.results.iter().zip(&results[..k]) {
                check_joinable(own, other).map_err(|what| unfit(format!("{what} `{}`", earlier.display())))?;
            }
            all = Some(match all {
                None => (samples, range_volt),
                Some((before, (low, high))) => {
                    let ends = |a: Vec<f64>, b: Vec<f64>, of: fn(f64, f64) -> f64| {
                        a.into_iter().zip(b).map(|(a, b)| of(a, b)).collect::<Vec<f64>>()
                    };
                    let range = (ends(low, range_volt.0, f64::min), ends(high, range_volt.1, f64::max));
                    (before.followed_by(&samples), range)
                }
            });
        }
        Ok(all.expect("clap asks for a file"))
    }
}

fn report(test: &FitTest) {
    say!("at {} samples that the fit has not seen:", test.samples);
    say!(
        "  current    {:.4e} nA r.m.s. off ({:.2} % of the spread, {:.3e} nA); standard error of the samples {:.3e} nA",
        test.current_rmse_na,
        100.0 * test.current_rmse_na / test.current_spread_na,
        test.current_spread_na,
        test.current_noise_na
    );
    if test.derivatives.is_empty() {
        say!("  derivative: none is known");
        return;
    }
    say!(
        "  derivative {:.4e} nA/V r.m.s. off ({:.2} % of the size, {:.3e} nA/V); standard error of the samples {:.3e} nA/V",
        test.gradient_rmse,
        100.0 * test.gradient_rmse / test.gradient_size,
        test.gradient_size,
        test.gradient_noise
    );
}

fn panels(results: &Results, test: &FitTest) -> Result<Vec<figures::Plot>, Failure> {
    let title = results.attribute("study").unwrap_or_default();
    let note = |off: f64, of: f64| vec![format!("{:.2} % r.m.s. off", 100.0 * off / of)];
    let currents =
        parity(title, "output current [nA]", &test.currents, note(test.current_rmse_na, test.current_spread_na))?;
    if test.derivatives.is_empty() {
        return Ok(vec![currents]);
    }
    let derivatives =
        parity(title, "derivative [nA/V]", &test.derivatives, note(test.gradient_rmse, test.gradient_size))?;
    Ok(vec![currents, derivatives])
}

/// Refuses samples of another device, and the same samples twice.
fn check_joinable(own: &Results, other: &Results) -> Result<(), String> {
    let identity = |results: &Results| results.attribute("identity").and_then(Identity::from_json);
    let (Some(own), Some(other)) = (identity(own), identity(other)) else {
        return Err("does not say of which study it is, so that it cannot be joined with".to_owned());
    };
    // events of another error or seed are of the same device
    let of_device = |identity: &Identity| identity.part("device");
    let differences = of_device(&own).differences(&of_device(&other));
    if let Some(difference) = differences.iter().find(|line| !line.trim_start().starts_with("device.events")) {
        return Err(format!("holds samples of another device ({}) than", difference.trim()));
    }
    if own.part("study.seed") == other.part("study.seed") {
        return Err("has the same `study.seed`, so the same voltages, as".to_owned());
    }
    Ok(())
}

/// Lowest and highest voltage of each parameter.
type Ranges = (Vec<f64>, Vec<f64>);

/// The samples of a study without a sweep, and the ranges that they fill.
fn samples_of(results: &Results) -> Result<(FitSamples, Ranges), String> {
    let variable = |name: &str| -> Result<&Variable, String> {
        results.variable(name).ok_or_else(|| {
            let kind = results.attribute("kind").unwrap_or("unknown");
            format!("has no variable `{name}` (a study of kind \"{kind}\"): a fit needs results of a study of kind \"samples\"")
        })
    };
    let currents = variable("sampled_current")?;
    let &[samples] = &currents.dimensions[..] else {
        let swept = &results.dimensions[currents.dimensions[0]].name;
        return Err(format!("holds samples of several devices, along `{swept}`: a fit needs a study without a sweep"));
    };
    let count = results.dimensions[samples].coordinate.len();
    let table = |name: &str| -> Result<Array2<f64>, String> {
        let values = &variable(name)?.values;
        let width = values.len() / count.max(1);
        Array2::from_shape_vec((count, width), values.clone()).map_err(|e| format!("variable `{name}`: {e}"))
    };
    let end = |name: &str| variable(name).map(|v| v.values.clone());
    let range_volt = (end("range_low_volt")?, end("range_high_volt")?);
    let samples = FitSamples {
        voltages_volt: table("sampled_volt")?,
        currents_na: currents.values.clone(),
        current_errors_na: variable("sampled_current_error")?.values.clone(),
        gradients: table("sampled_gradient")?,
        gradient_errors: table("sampled_gradient_error")?,
    };
    Ok((samples, range_volt))
}
