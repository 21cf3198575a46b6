//! `homodyne device`: simulated dopant networks.

mod conductance;
mod currents;
mod density_of_states;
#[cfg(feature = "fitted-network")]
mod fit;
mod foretold;
mod generate;
mod gradient;
mod iv;
mod limits;
mod lock_in;
mod map;
mod noise;
mod show;
mod trajectory;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use dopant_network::steady::SteadyOptions;
use dopant_network::{DopantNetwork, NetworkError};

use crate::failure::Failure;

/// Simulated dopant networks: generate and draw them, compute currents, derivatives and noise.
///
/// Files are JSON, in SI units or those of kmc_dn, which are dimensionless and read as of devices at 77 K (`show` prints how), or device
/// files of MCNetwork, read with the settings that are its defaults. Voltages are in V, currents in nA. Electrodes are numbered from 0, in the file's order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne device generate --acceptors 30 --seed 7 --output device.json
  homodyne device generate --like mcnetwork --seed 7 --output large.json
  homodyne device currents device.json --method steady-state --voltages 0.5,0,0,0.2,0,0,-0.3,0
  homodyne device gradient device.json --electrode 7
  homodyne device iv device.json --vary 0 --from -1 --to 1 --electrode 7 --output results/iv
  homodyne device noise device.json --electrode 7 --output results/noise
  homodyne device noise large.json --method events --output results/large-noise
  homodyne device density-of-states large.json
  homodyne device conductance large.json --electrode 0
  homodyne device map device.json --output results/map
  homodyne device fit results/network-samples.h5 --output results/network-model.npz")]
pub(crate) struct Device {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(Box<generate::GenerateDevice>),
    Show(show::ShowDevice),
    Currents(currents::Currents),
    Gradient(gradient::Gradient),
    Iv(iv::Iv),
    Noise(noise::Noise),
    DensityOfStates(density_of_states::DensityOfStates),
    Conductance(conductance::Conductance),
    Map(map::Map),
    LockIn(lock_in::LockIn),
    Trajectory(trajectory::Record),
    #[cfg(feature = "fitted-network")]
    Fit(fit::Fit),
}

impl Device {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        match self.command {
            Command::Generate(c) => c.execute(),
            Command::Show(c) => c.execute(),
            Command::Currents(c) => c.execute(),
            Command::Gradient(c) => c.execute(),
            Command::Iv(c) => c.execute(),
            Command::Noise(c) => c.execute(),
            Command::DensityOfStates(c) => c.execute(),
            Command::Conductance(c) => c.execute(),
            Command::Map(c) => c.execute(),
            Command::LockIn(c) => c.execute(),
            Command::Trajectory(c) => c.execute(),
            #[cfg(feature = "fitted-network")]
            Command::Fit(c) => c.execute(),
        }
    }
}

/// Method of computing currents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// The Markov chain on the states that carry the probability: no sampling noise.
    SteadyState,
    /// Kinetic Monte Carlo: exact in law, with standard errors.
    Events,
    /// Mean field, an approximation.
    MeanField,
    /// Mean field with correlations between pairs of acceptors, a closer approximation, for up to some tens of acceptors.
    PairMeanField,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::SteadyState => "steady-state",
            Self::Events => "events",
            Self::MeanField => "mean-field",
            Self::PairMeanField => "pair-mean-field",
        }
    }

    /// Whether it is an approximation of unknown error.
    fn is_approximate(self) -> bool {
        matches!(self, Self::MeanField | Self::PairMeanField)
    }

    /// Name of the errors of its currents: for a steady state, omitted flow and rounding are bounds, not standard errors.
    fn uncertainty(self) -> &'static str {
        match self {
            Self::SteadyState | Self::MeanField | Self::PairMeanField => "uncertainty",
            Self::Events => "standard error",
        }
    }
}

/// A device file and the voltages it is used at.
#[derive(Debug, Args)]
struct DeviceFile {
    /// Device file (JSON, or of MCNetwork).
    file: PathBuf,
    /// Voltages of all electrodes (V), in the file's order; those of the file if not given.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    voltages: Option<Vec<f64>>,
}

impl DeviceFile {
    fn read(&self) -> Result<(DopantNetwork, Vec<f64>), Failure> {
        let device = DopantNetwork::from_file(&self.file)?;
        let voltages = self.voltages.clone().unwrap_or_else(|| device.voltages_volt.clone());
        let electrodes = device.electrodes.len();
        if voltages.len() != electrodes {
            let message = format!(
                "--voltages has {} values, `{}` has {electrodes} electrodes: give one for each, in the file's order",
                voltages.len(),
                self.file.display()
            );
            return Err(Failure::BadInput(message));
        }
        limits::voltages("--voltages", &voltages)?;
        Ok((device, voltages))
    }
}

/// Settings of the steady state.
#[derive(Debug, Args)]
struct Steady {
    /// Probability flow that may leave the states, as a fraction of the largest current.
    #[arg(long, default_value_t = SteadyOptions::default().tolerance)]
    tolerance: f64,
    /// Most states.
    #[arg(long, default_value_t = SteadyOptions::default().most_states)]
    most_states: usize,
    /// Memory that states may take (MB).
    #[arg(long, default_value_t = SteadyOptions::default().most_megabytes)]
    most_megabytes: f64,
    /// Give up after this time (s).
    #[arg(long)]
    most_seconds: Option<f64>,
}

impl Steady {
    fn options(&self) -> Result<SteadyOptions, Failure> {
        let options = SteadyOptions {
            tolerance: self.tolerance,
            most_states: self.most_states,
            most_megabytes: self.most_megabytes,
            most_seconds: self.most_seconds,
            ..SteadyOptions::default()
        };
        options.checked().map_err(|e| match e {
            NetworkError::Entry { entry, what } => Failure::BadInput(format!("--{} {what}", entry.replace('_', "-"))),
            other => other.into(),
        })
    }
}

/// Warns if a steady state is one of several.
fn warn_if_apart(walks_apart: usize) {
    if walks_apart > 0 {
        eprintln!(
            "warning: {walks_apart} of 16 walks from arbitrary states are held by other states for longer than 10¹⁵/ν₀: the results are of one \
             steady state of several, and a device may be in another"
        );
    }
}

/// Checks that an electrode exists.
fn check_electrode(device: &DopantNetwork, option: &str, electrode: usize) -> Result<(), Failure> {
    let electrodes = device.electrodes.len();
    if electrode < electrodes {
        return Ok(());
    }
    Err(Failure::BadInput(format!("{option} {electrode}: must be 0 to {} (numbered from 0)", electrodes - 1)))
}

/// A finite range with at least two points.
fn grid(from: f64, to: f64, points: usize, allowed: &RangeInclusive<usize>) -> Result<Vec<f64>, Failure> {
    limits::voltages("--from", [&from])?;
    limits::voltages("--to", [&to])?;
    if from >= to {
        return Err(Failure::BadInput(format!("--from {from} --to {to}: must be two voltages, the lower one first")));
    }
    limits::within("--points", points, allowed)?;
    Ok((0..points).map(|k| from + (to - from) * k as f64 / (points - 1) as f64).collect())
}

/// Draws panels to a file of the format of its ending, or of the default formats without one, and prints the paths of the files.
fn draw(panels: &[figures::Plot], path: &Path) -> Result<(), Failure> {
    drawn(panels, path)?.iter().for_each(|path| say!("{}", path.display()));
    Ok(())
}

/// The same without printing.
pub(super) fn drawn(panels: &[figures::Plot], path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (layout, stem) = figures::Layout::default().for_path(path.to_owned());
    if let Some(folder) = stem.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(figures::write(panels, &layout, &stem)?)
}

/// A title: the device's name, or that of its file.
fn title(device: &DopantNetwork, file: &Path) -> String {
    if device.name.is_empty() { file.display().to_string() } else { device.name.clone() }
}

/// A table of numbers with a header, beside a figure.
fn write_csv(figure: &Path, header: &[String], rows: &[Vec<f64>]) -> Result<(), Failure> {
    let (_, stem) = figures::Layout::default().for_path(figure.to_owned());
    if let Some(folder) = stem.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let path = PathBuf::from(format!("{}.csv", stem.display()));
    let mut text = header.join(",");
    text.push('\n');
    for row in rows {
        text.push_str(&row.iter().map(|x| format!("{x:e}")).collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    std::fs::write(&path, text)?;
    say!("{}", path.display());
    Ok(())
}
