use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use dopant_network::DopantNetwork;
use dopant_network::events::{self, EventOptions};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{mean_field, pair_mean_field};
use figures::network::{DevicePicture, Grid, device_map, stability_map};

use super::{DeviceFile, Method, Steady, check_electrode, draw, foretold, grid, limits, title};
use crate::failure::Failure;

/// Cells of the potential along each axis.
const POTENTIAL_CELLS: usize = 90;
/// Net flow of a steady state relative to the hops both ways, below which it is rounding.
const ROUNDING: f64 = 1e-9;

/// Draw the device as a map, or with `--over` the derivative dI/dV over two voltages (a stability map).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne device map device.json --output results/map
  homodyne device map device.json --over 0,3 --electrode 7 --from -0.5 --to 0.5 --points 60 --output results/stability")]
pub(super) struct Map {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Method for occupations and currents.
    #[arg(long, value_enum, default_value = "steady-state")]
    method: Method,
    /// Events: hops.
    #[arg(long, default_value_t = 10_000_000)]
    hops: u64,
    /// Events: seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Stability map: the two electrodes whose voltages are varied, from 0; the derivative is by the first.
    #[arg(long, value_delimiter = ',')]
    over: Option<Vec<usize>>,
    /// Stability map: electrode whose current it is, from 0; the last one if not given.
    #[arg(long)]
    electrode: Option<usize>,
    /// Stability map: lowest voltage (V).
    #[arg(long, allow_hyphen_values = true, default_value_t = -1.0)]
    from: f64,
    /// Stability map: highest voltage (V).
    #[arg(long, allow_hyphen_values = true, default_value_t = 1.0)]
    to: f64,
    /// Stability map: voltages along each axis.
    #[arg(long, default_value_t = 41)]
    points: usize,
    #[command(flatten)]
    steady: Steady,
    /// Path of the figure, without ending.
    #[arg(long, short, default_value = "results/map")]
    output: PathBuf,
}

impl Map {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        limits::within("--hops", self.hops, &limits::HOPS)?;
        let options = self.steady.options()?;
        match &self.over {
            Some(over) => self.stability(&device, &voltages, options, over),
            None => self.device(&device, &voltages, options),
        }
    }

    fn device(&self, device: &DopantNetwork, voltages: &[f64], options: SteadyOptions) -> Result<(), Failure> {
        let voltages_kt = device.voltages_kt(voltages);
        let network = &device.network;
        let (n, sites) = (network.acceptors(), network.sites());
        // net flows below these are rounding, or what Poisson's law gives without a current
        let mut least: Box<dyn Fn(f64) -> f64> = Box::new(|both_ways| ROUNDING * both_ways);
        let (occupations, traffic) = match self.method {
            Method::SteadyState => {
                let found = SteadySolver::new(network, options).solve(&voltages_kt)?;
                (found.occupations, found.traffic)
            }
            Method::Events => {
                let options = EventOptions { hops: self.hops, seed: self.seed, ..EventOptions::default() };
                let landscape = network.landscape(&voltages_kt);
                foretold::hops(&landscape, device.initial, self.hops, 1);
                let found = events::currents(&landscape, device.initial, &options);
                least = Box::new(move |both_ways| 3.0 * (both_ways / found.time).sqrt());
                (found.occupations, found.traffic)
            }
            Method::MeanField => (mean_field(network, &voltages_kt, None)?.occupations, vec![0.0; sites * sites]),
            Method::PairMeanField => (pair_mean_field(network, &voltages_kt)?.occupations, vec![0.0; sites * sites]),
        };
        let edges = |[low, high]: [f64; 2]| -> Vec<f64> {
            (0..=POTENTIAL_CELLS).map(|k| low + (high - low) * k as f64 / POTENTIAL_CELLS as f64).collect()
        };
        let [x, y] = device.domain.bounds_nm();
        let (x_edges, y_edges) = (edges(x), edges(y));
        let middles = |e: &[f64]| e.windows(2).map(|p| 0.5 * (p[0] + p[1])).collect::<Vec<f64>>();
        let points: Vec<[f64; 2]> =
            middles(&y_edges).iter().flat_map(|&y| middles(&x_edges).into_iter().map(move |x| [x, y])).collect();
        let mut values = device.potential_volt(voltages, &points)?;
        for (value, point) in values.iter_mut().zip(&points) {
            if device.domain.depth_inside_nm(*point) < 0.0 {
                *value = f64::NAN;
            }
        }
        let na_per_charge_rate = device.conversion.na_per_charge_rate;
        let picture = DevicePicture {
            title: title(device, &self.device_file.file),
            outline: device.domain.outline(),
            acceptors: (0..n).map(|i| (device.place(i), occupations[i])).collect(),
            donors: device.donors.iter().map(|d| [d[0], d[1]]).collect(),
            electrodes: device
                .electrodes
                .iter()
                .zip(voltages)
                .enumerate()
                .map(|(k, ((position, width), volt))| {
                    (device.domain.covered(*position, *width), format!("{k}: {volt:.3} V"))
                })
                .collect(),
            paths: (0..sites)
                .flat_map(|i| (0..i).map(move |j| (i, j)))
                .map(|(i, j)| (i, j, traffic[i * sites + j], traffic[j * sites + i]))
                .filter(|(_, _, there, back)| (there - back).abs() > least(there + back))
                .map(|(i, j, there, back)| (device.place(i), device.place(j), (there - back) * na_per_charge_rate))
                .collect(),
            potential: Grid { x_edges, y_edges, values },
        };
        draw(&device_map(&picture)?, &self.output)
    }

    fn stability(
        &self,
        device: &DopantNetwork,
        voltages: &[f64],
        options: SteadyOptions,
        over: &[usize],
    ) -> Result<(), Failure> {
        let electrode = self.electrode.unwrap_or(device.network.electrodes() - 1);
        check_electrode(device, "--electrode", electrode)?;
        if over.len() != 2 {
            return Err(Failure::BadInput(format!("--over has {} electrodes: must be two, such as 0,3", over.len())));
        }
        for &k in over {
            check_electrode(device, "--over", k)?;
        }
        if self.method != Method::SteadyState {
            return Err(Failure::BadInput(
                "--over: the derivative is exact, which only --method steady-state gives".to_owned(),
            ));
        }
        let axis = grid(self.from, self.to, self.points, &limits::MAP_POINTS)?;
        let mut solver = SteadySolver::new(&device.network, options);
        let scale = device.conversion.na_per_charge_rate * device.conversion.kt_per_volt;
        let mut values = Vec::with_capacity(axis.len() * axis.len());
        let started = Instant::now();
        for &y in &axis {
            for &x in &axis {
                let mut at = voltages.to_vec();
                at[over[0]] = x;
                at[over[1]] = y;
                solver.solve(&device.voltages_kt(&at))?;
                values.push(scale * solver.gradient()?[electrode][over[0]]);
                if values.len() == 1 {
                    foretold::points(axis.len() * axis.len(), started);
                }
            }
            // states of one row seldom help in the next
            solver = SteadySolver::new(&device.network, options);
        }
        let half = 0.5 * (axis[1] - axis[0]);
        let edges: Vec<f64> = axis.iter().map(|v| v - half).chain([self.to + half]).collect();
        let labels = over.iter().map(|k| format!("voltage of electrode {k} [V]")).collect::<Vec<_>>();
        let panels = stability_map(
            &format!("dI{electrode}/dV{} of {}", over[0], title(device, &self.device_file.file)),
            [&labels[0], &labels[1]],
            &Grid { x_edges: edges.clone(), y_edges: edges, values },
        )?;
        draw(&panels, &self.output)
    }
}
