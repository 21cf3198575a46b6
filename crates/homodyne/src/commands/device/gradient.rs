use std::time::Instant;

use clap::Args;
use dopant_network::mean_field_gradient;
use dopant_network::steady::SteadySolver;
use serde_json::json;

use super::{DeviceFile, Method, Steady, check_electrode};
use crate::failure::Failure;

/// Derivatives of one electrode's current with respect to every voltage.
#[derive(Debug, Args)]
pub(super) struct Gradient {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Electrode whose current it is, from 0.
    #[arg(long)]
    electrode: usize,
    /// Method.
    #[arg(long, value_enum, default_value = "steady-state")]
    method: Method,
    #[command(flatten)]
    steady: Steady,
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
        let (rows, states, left_out) = match self.method {
            Method::SteadyState => {
                let mut solver = SteadySolver::new(&device.network, options);
                let state = solver.solve(&voltages_kt)?;
                (solver.gradient()?, Some(state.states), Some(state.left_out))
            }
            Method::MeanField => (mean_field_gradient(&device.network, &voltages_kt)?, None, None),
            Method::Events => {
                return Err(Failure::BadInput(
                    "--method events: has no exact derivative, use steady-state, or `homodyne device lock-in` to measure it"
                        .to_owned(),
                ));
            }
        };
        let wall_time_s = started.elapsed().as_secs_f64();
        let scale = device.conversion.na_per_charge_rate * device.conversion.kt_per_volt;
        let gradient: Vec<f64> = rows[self.electrode].iter().map(|g| g * scale).collect();
        if self.json {
            let text = json!({
                "method": self.method.name(),
                "electrode": self.electrode,
                "gradient": gradient,
                "units": "nA/V",
                "voltages": voltages,
                "states": states,
                "left_out_bound": left_out.map(|l| l * device.conversion.na_per_charge_rate),
                "wall_time_s": wall_time_s,
            });
            say!("{text}");
            return Ok(());
        }
        say!("{:>9} {:>14} {:>24}", "voltage of", "voltage [V]", "derivative [nA/V]");
        for (k, (volt, derivative)) in voltages.iter().zip(&gradient).enumerate() {
            say!("{k:>9} {volt:>14.5} {derivative:>24.8e}");
        }
        Ok(())
    }
}
