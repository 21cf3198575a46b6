use std::path::PathBuf;

use clap::Args;
use dopant_network::events::{Event, Trajectory};
use dopant_network::{DopantNetwork, Occupation};
use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;
use results::{Coordinate, Dimension};
use results::{Results, Variable, store};

use super::{DeviceFile, foretold, limits, title};
use crate::failure::Failure;
use crate::machine::free_memory_bytes;

/// Memory of a recorded hop: as it is recorded, and as the four numbers that are written.
const BYTES_OF_EVENT: u64 = 16 + 4 * 8;

/// Record single hops, with true waiting times, in an HDF5 file.
#[derive(Debug, Args)]
pub(super) struct Record {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Hops to record.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Hops before.
    #[arg(long, default_value_t = 10_000)]
    equilibration: u64,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
    /// File to write.
    #[arg(long, short, default_value = "results/trajectory.h5")]
    output: PathBuf,
}

/// A recorded part of a trajectory.
struct Recording {
    /// Holes before the first hop.
    begins: Occupation,
    /// When it begins, in attempt times.
    start: f64,
    events: Vec<Event>,
}

impl Record {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        self.check()?;
        let recording = self.simulate(&device, &voltages);
        let results = self.results(&device, voltages, &recording);
        if let Some(folder) = self.output.parent() {
            std::fs::create_dir_all(folder)?;
        }
        store::write(&results, &self.output, self.overwrite)?;
        say!("{}", self.output.display());
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        limits::within("--events", self.events, &limits::RECORDED)?;
        limits::within("--equilibration", self.equilibration, &(0..=*limits::EVENTS.end()))?;
        if let Some(free) = free_memory_bytes().filter(|free| self.events as u64 * BYTES_OF_EVENT > *free) {
            let needed = self.events as f64 * BYTES_OF_EVENT as f64;
            return Err(Failure::BadInput(format!(
                "--events {}: would take {:.1} GB of memory, {:.1} GB are free",
                self.events,
                1e-9 * needed,
                1e-9 * free as f64
            )));
        }
        store::check_writable(&self.output, self.overwrite)?;
        Ok(())
    }

    fn simulate(&self, device: &DopantNetwork, voltages: &[f64]) -> Recording {
        let landscape = device.network.landscape(&device.voltages_kt(voltages));
        let bytes = self.events as u64 * BYTES_OF_EVENT;
        foretold::record(&landscape, device.initial, self.equilibration + self.events as u64, bytes);
        let mut rng = Pcg64Dxsm::seed_from_u64(self.seed);
        let mut trajectory = Trajectory::new(&landscape, device.initial);
        let mut start = 0.0;
        for _ in 0..self.equilibration {
            start = trajectory.next(&mut rng).time;
        }
        let begins = trajectory.state();
        let events = (0..self.events).map(|_| trajectory.next(&mut rng)).collect();
        Recording { begins, start, events }
    }

    fn results(&self, device: &DopantNetwork, voltages: Vec<f64>, recording: &Recording) -> Results {
        Results {
            dimensions: vec![
                dimension("event", self.events),
                dimension("acceptor", device.network.acceptors()),
                dimension("electrode", voltages.len()),
            ],
            variables: recording.variables(device, voltages),
            attributes: vec![
                ("device".to_owned(), title(device, &self.device_file.file)),
                ("seed".to_owned(), self.seed.to_string()),
                ("program_version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                ("git_revision".to_owned(), env!("HOMODYNE_GIT_REVISION").to_owned()),
            ],
        }
    }
}

impl Recording {
    fn variables(&self, device: &DopantNetwork, voltages: Vec<f64>) -> Vec<Variable> {
        let attempt = device.conversion.attempt_frequency_hz;
        let sites = "acceptors first, then electrodes";
        vec![
            Variable {
                name: "time".to_owned(),
                dimensions: vec![0],
                values: self.events.iter().map(|e| (e.time - self.start) / attempt).collect(),
                units: "s".to_owned(),
                long_name: "time of the hop".to_owned(),
            },
            Variable {
                name: "from".to_owned(),
                dimensions: vec![0],
                values: self.events.iter().map(|e| f64::from(e.from)).collect(),
                units: "1".to_owned(),
                long_name: format!("site the hole left, {sites}"),
            },
            Variable {
                name: "to".to_owned(),
                dimensions: vec![0],
                values: self.events.iter().map(|e| f64::from(e.to)).collect(),
                units: "1".to_owned(),
                long_name: format!("site it entered, {sites}"),
            },
            Variable {
                name: "occupied_at_start".to_owned(),
                dimensions: vec![1],
                values: self.occupied_at_start(device.network.acceptors()),
                units: "1".to_owned(),
                long_name: "holes before the first hop".to_owned(),
            },
            Variable {
                name: "voltage".to_owned(),
                dimensions: vec![2],
                values: voltages,
                units: "V".to_owned(),
                long_name: "voltage of each electrode".to_owned(),
            },
        ]
    }

    fn occupied_at_start(&self, acceptors: usize) -> Vec<f64> {
        (0..acceptors).map(|i| f64::from(u8::from(self.begins.contains(i)))).collect()
    }
}

fn dimension(name: &str, count: usize) -> Dimension {
    Dimension {
        name: name.to_owned(),
        coordinate: Coordinate::Numbers((0..count).map(|i| i as f64).collect()),
        units: "1".to_owned(),
    }
}
