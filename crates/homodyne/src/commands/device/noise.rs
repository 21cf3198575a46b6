use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use dopant_network::steady::{SteadySolver, TerminalCurrent};
use figures::network::noise_spectrum;

use super::{DeviceFile, Steady, check_electrode, draw, foretold, limits, title, write_csv};
use crate::failure::Failure;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CurrentChoice {
    /// Current in the wire: holes that enter, and the charge that moving holes induce.
    Induced,
    /// Holes that enter, nothing else.
    Particle,
}

/// Intrinsic noise of the currents: exact one-sided spectral densities of the steady state; a table (CSV) and a figure.
#[derive(Debug, Args)]
pub(super) struct Noise {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Electrodes whose noise is drawn, from 0; all if not given.
    #[arg(long, value_delimiter = ',')]
    electrode: Vec<usize>,
    /// Which current.
    #[arg(long, value_enum, default_value = "induced")]
    current: CurrentChoice,
    /// Lowest frequency (Hz); a billionth of the attempt frequency if not given.
    #[arg(long)]
    from: Option<f64>,
    /// Highest frequency (Hz); the attempt frequency if not given.
    #[arg(long)]
    to: Option<f64>,
    /// Number of frequencies, evenly spaced in the logarithm.
    #[arg(long, default_value_t = 46)]
    points: usize,
    #[command(flatten)]
    steady: Steady,
    /// Path of the files, without ending.
    #[arg(long, short, default_value = "results/noise")]
    output: PathBuf,
}

impl Noise {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        let electrodes = device.network.electrodes();
        let shown: Vec<usize> =
            if self.electrode.is_empty() { (0..electrodes).collect() } else { self.electrode.clone() };
        for &electrode in &shown {
            check_electrode(&device, "--electrode", electrode)?;
        }
        let attempt = device.conversion.attempt_frequency_hz;
        let (from, to) = (self.from.unwrap_or(1e-9 * attempt), self.to.unwrap_or(attempt));
        if !(from > 0.0 && to > from && to.is_finite()) {
            let message = format!("--from {from} --to {to}: must be two positive frequencies, the lower one first");
            return Err(Failure::BadInput(message));
        }
        limits::within("--points", self.points, &limits::POINTS)?;
        let current = match self.current {
            CurrentChoice::Induced => TerminalCurrent::Induced,
            CurrentChoice::Particle => TerminalCurrent::Particle,
        };
        let mut solver = SteadySolver::new(&device.network, self.steady.options()?);
        let state = solver.solve(&device.voltages_kt(&voltages))?;
        let frequencies: Vec<f64> =
            (0..self.points).map(|k| from * (to / from).powf(k as f64 / (self.points - 1) as f64)).collect();
        // (eν₀)²/ν₀ to nA²/Hz
        let scale = device.conversion.na_per_charge_rate.powi(2) / attempt;
        let mut densities = vec![Vec::new(); electrodes];
        let started = Instant::now();
        for (k, frequency) in frequencies.iter().enumerate() {
            let found = solver.noise_density(std::f64::consts::TAU * frequency / attempt, current)?;
            if k == 0 {
                foretold::points(self.points, started);
            }
            densities.iter_mut().zip(found).for_each(|(list, s)| list.push(s * scale));
        }
        let mut header = vec!["frequency [Hz]".to_owned()];
        header.extend(shown.iter().map(|k| format!("density {k} [nA²/Hz]")));
        let table: Vec<Vec<f64>> = frequencies
            .iter()
            .enumerate()
            .map(|(i, f)| std::iter::once(*f).chain(shown.iter().map(|&k| densities[k][i])).collect())
            .collect();
        write_csv(&self.output, &header, &table)?;
        let strongest = shown.iter().map(|&k| state.currents[k].abs()).fold(0.0, f64::max);
        let named: Vec<(String, Vec<f64>)> =
            shown.iter().map(|&k| (format!("electrode {k}"), densities[k].clone())).collect();
        let shot = (strongest > 0.0).then_some(2.0 * strongest * scale);
        draw(&noise_spectrum(&title(&device, &self.device_file.file), &frequencies, &named, shot)?, &self.output)
    }
}
