use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use dopant_network::events::{LevelOptions, levels};
use figures::levels::{DensityOfStates as Picture, density_of_states};
use serde_json::json;

use super::{DeviceFile, draw, limits, title, write_csv};
use crate::failure::Failure;

/// Single-particle density of states, by events: energies of acceptors with a hole and without one; a table (CSV) and a figure.
///
/// The energy of an acceptor is that of a hole on it while all others stay, above the Fermi level of an electrode at 0 V. Without bias the
/// distribution shows the Coulomb gap: all voltages are 0 if `--voltages` is not given. The repulsion at the typical distance, I₀, is printed in kT.
#[derive(Debug, Args)]
pub(super) struct DensityOfStates {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Lowest energy (V).
    #[arg(long, default_value_t = -0.3, allow_hyphen_values = true)]
    from: f64,
    /// Highest energy (V).
    #[arg(long, default_value_t = 0.3, allow_hyphen_values = true)]
    to: f64,
    /// Intervals of energy.
    #[arg(long, default_value_t = 60)]
    points: usize,
    /// States that are looked at.
    #[arg(long, default_value_t = 50_000)]
    states: usize,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print I₀ and what lies outside machine-readably.
    #[arg(long)]
    json: bool,
    /// Path of the files, without ending.
    #[arg(long, short, default_value = "results/density-of-states")]
    output: PathBuf,
}

/// States that may be looked at.
const STATES: std::ops::RangeInclusive<usize> = 1_000..=100_000_000;

impl DensityOfStates {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        // the equilibrium, not the voltages of the file
        let voltages = if self.device_file.voltages.is_some() { voltages } else { vec![0.0; voltages.len()] };
        super::grid(self.from, self.to, self.points, &limits::MAP_POINTS)?;
        limits::within("--states", self.states, &STATES)?;
        let per_volt = device.conversion.kt_per_volt;
        let landscape = device.network.landscape(&device.voltages_kt(&voltages));
        let options = LevelOptions {
            energies_kt: [self.from * per_volt, self.to * per_volt],
            intervals: self.points,
            states: self.states,
            seed: self.seed,
        };
        let started = Instant::now();
        let found = levels(&landscape, &options);
        let wall_time_s = started.elapsed().as_secs_f64();
        let to_mev = 1e3 / per_volt;
        let scaled = |values: &[f64]| values.iter().map(|g| g / to_mev).collect::<Vec<f64>>();
        let picture = Picture {
            title: title(&device, &self.device_file.file),
            energies_mev: found.energies_kt.iter().map(|e| e * to_mev).collect(),
            occupied: scaled(&found.occupied),
            empty: scaled(&found.empty),
            standard_errors: scaled(&found.standard_errors),
        };
        let header =
            ["energy [meV]", "with a hole [1/meV]", "without a hole [1/meV]", "standard error of the sum [1/meV]"];
        let rows: Vec<Vec<f64>> = (0..self.points)
            .map(|k| vec![picture.energies_mev[k], picture.occupied[k], picture.empty[k], picture.standard_errors[k]])
            .collect();
        let interaction_kt = device.interaction_kt();
        if self.json {
            let about =
                json!({ "interaction_kt": interaction_kt, "outside": found.outside, "wall_time_s": wall_time_s });
            say!("{about:#}");
        } else {
            say!("repulsion at the typical distance I₀: {interaction_kt:.2} kT");
            say!("{:.1} % of all acceptors lie outside of these energies ({wall_time_s:.1} s)", 100.0 * found.outside);
            let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, x| most.max(*x));
            let all: Vec<f64> = found.occupied.iter().zip(&found.empty).map(|(a, b)| a + b).collect();
            say!(
                "largest standard error {:.2} of the largest density",
                largest(&found.standard_errors) / largest(&all)
            );
        }
        write_csv(&self.output, &header.map(str::to_owned), &rows)?;
        draw(&density_of_states(&picture)?, &self.output)
    }
}
