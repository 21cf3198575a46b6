use std::time::Instant;

use clap::Args;
use dopant_network::events::{ResponseOptions, response};
use dopant_network::steady::SteadySolver;
use dopant_network::{DopantNetwork, mean_field_gradient};
use serde_json::json;

use super::{DeviceFile, Method, Steady, check_electrode, limits, warn_if_apart};
use crate::failure::Failure;

/// Derivatives of one electrode's current with respect to every voltage.
#[derive(Debug, Args)]
pub(super) struct Gradient {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Electrode whose current is differentiated, counted from 0.
    #[arg(long)]
    electrode: usize,
    /// Method.
    #[arg(long, value_enum, default_value = "steady-state")]
    method: Method,
    #[command(flatten)]
    steady: Steady,
    /// By events: standard error that every derivative is to reach, as a fraction of the largest.
    #[arg(long, default_value_t = 0.05)]
    relative_error: f64,
    /// By events: most hops.
    #[arg(long, default_value_t = ResponseOptions::default().most_hops)]
    most_hops: u64,
    /// By events: seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

impl Gradient {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        check_electrode(&device, "--electrode", self.electrode)?;
        let options = self.steady.options()?;
        let voltages_kt = device.voltages_kt(&voltages);
        let started = Instant::now();
        let mut found = match self.method {
            Method::SteadyState => {
                let mut solver = SteadySolver::new(&device.network, options);
                let state = solver.solve(&voltages_kt)?;
                let rows = solver.gradient()?;
                Derivatives {
                    states: Some(state.states as u64),
                    left_out: Some(state.left_out),
                    walks_apart: Some(state.walks_apart),
                    ..Derivatives::of(rows)
                }
            }
            Method::MeanField => Derivatives::of(mean_field_gradient(&device.network, &voltages_kt)?),
            Method::PairMeanField => {
                let what = "--method pair-mean-field: gives currents, no derivatives; use steady-state or events";
                return Err(Failure::BadInput(what.to_owned()));
            }
            Method::Events => self.by_events(&device, &voltages_kt)?,
        };
        let wall_time_s = started.elapsed().as_secs_f64();
        let scale = device.conversion.na_per_charge_rate * device.conversion.kt_per_volt;
        let mut row = |rows: &mut Vec<Vec<f64>>| -> Vec<f64> {
            rows.swap_remove(self.electrode).into_iter().map(|g| g * scale).collect()
        };
        let gradient = row(&mut found.rows);
        let errors = found.standard_errors.as_mut().map(&mut row);
        self.warn(&found);
        if self.json {
            let text = json!({
                "method": self.method.name(),
                "electrode": self.electrode,
                "gradient": gradient,
                "standard_errors": errors,
                "units": "nA/V",
                "voltages": voltages,
                "states": found.states,
                "hops": found.hops,
                "relative_error": found.relative_error.filter(|e| e.is_finite()),
                "walks_apart": found.walks_apart,
                "left_out_bound": found.left_out.map(|l| l * device.conversion.na_per_charge_rate),
                "wall_time_s": wall_time_s,
            });
            say!("{text}");
            return Ok(());
        }
        let last = if errors.is_some() { "standard error" } else { "" };
        say!("{:>9} {:>14} {:>24} {last:>16}", "voltage of", "voltage [V]", "derivative [nA/V]");
        for (k, (volt, derivative)) in voltages.iter().zip(&gradient).enumerate() {
            let error = errors.as_ref().map_or(String::new(), |errors| format!("{:.2e}", errors[k]));
            say!("{}", format!("{k:>9} {volt:>14.5} {derivative:>24.8e} {error:>16}").trim_end());
        }
        if let Some(hops) = found.hops {
            say!("{hops} hops, {wall_time_s:.1} s");
        }
        Ok(())
    }

    /// Warns if the derivatives do not have the requested precision.
    fn warn(&self, found: &Derivatives) {
        warn_if_apart(found.walks_apart.unwrap_or(0));
        let (Some(hops), Some(reached)) = (found.hops, found.relative_error) else { return };
        if reached.is_infinite() {
            eprintln!(
                "warning: the errors are not to be trusted: the network was trapped among few states for most of the time, or \
                 nothing has flowed; raise --most-hops, or leave --method events out for the steady state"
            );
        } else if reached > self.relative_error {
            eprintln!(
                "warning: the largest standard error is {reached:.2} of the largest derivative after {hops} hops, {} was asked \
                 for: raise --most-hops",
                self.relative_error
            );
        }
    }

    fn by_events(&self, device: &DopantNetwork, voltages_kt: &[f64]) -> Result<Derivatives, Failure> {
        limits::within("--relative-error", self.relative_error, &limits::RELATIVE_ERROR)?;
        limits::within("--most-hops", self.most_hops, &limits::HOPS)?;
        let options = ResponseOptions {
            relative_error: self.relative_error,
            electrode: Some(self.electrode),
            most_hops: self.most_hops,
            seed: self.seed,
            ..ResponseOptions::default()
        };
        let found = response(&device.network.landscape(voltages_kt), device.initial, &options);
        Ok(Derivatives {
            standard_errors: Some(found.gradient_standard_errors),
            hops: Some(found.hops),
            relative_error: Some(found.relative_error),
            ..Derivatives::of(found.gradient)
        })
    }
}

/// Derivatives of all currents \[eν₀/kT\], with their errors and bounds.
#[derive(Default)]
struct Derivatives {
    rows: Vec<Vec<f64>>,
    standard_errors: Option<Vec<Vec<f64>>>,
    states: Option<u64>,
    hops: Option<u64>,
    /// As [`response`] states it.
    relative_error: Option<f64>,
    left_out: Option<f64>,
    /// As in [`dopant_network::steady::SteadyState`].
    walks_apart: Option<usize>,
}

impl Derivatives {
    fn of(rows: Vec<Vec<f64>>) -> Self {
        Self { rows, ..Self::default() }
    }
}
