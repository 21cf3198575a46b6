use clap::Args;
use dopant_network::events::{Drive, Sine, driven_currents};
use dopant_network::steady::SteadySolver;
use serde_json::json;

use super::{Source, Steady, check_electrode, foretold, limits};
use crate::failure::Failure;

/// Homodyne gradient extraction inside the event simulation: sines on electrodes, lock-in on the hops themselves.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  homodyne device lock-in device.json --electrode 7 --drive 0,1,2 --amplitude 0.005 --frequencies 1e6,1.1e6,1.2e6 --time 1e-4")]
pub(super) struct LockIn {
    #[command(flatten)]
    source: Source,
    /// Electrode whose current is detected, from 0.
    #[arg(long)]
    electrode: usize,
    /// Electrodes that are driven, from 0.
    #[arg(long, value_delimiter = ',')]
    drive: Vec<usize>,
    /// Amplitude of the sines, in the file's unit of voltage.
    #[arg(long)]
    amplitude: f64,
    /// Frequencies, one for each driven electrode (Hz, or attempt rates).
    #[arg(long, value_delimiter = ',')]
    frequencies: Vec<f64>,
    /// Time of the measurement (s, or attempt times): whole periods of every frequency.
    #[arg(long)]
    time: f64,
    /// Most candidate events.
    #[arg(long, default_value_t = 1_000_000_000)]
    most_events: u64,
    /// Parts from which standard errors are computed.
    #[arg(long, default_value_t = 20)]
    blocks: usize,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    steady: Steady,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

impl LockIn {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.source.read()?;
        check_electrode(&device, "--electrode", self.electrode)?;
        for &k in &self.drive {
            check_electrode(&device, "--drive", k)?;
        }
        if self.frequencies.len() != self.drive.len() || self.drive.is_empty() {
            let message = format!(
                "--frequencies has {} values for {} driven electrodes",
                self.frequencies.len(),
                self.drive.len()
            );
            return Err(Failure::BadInput(message));
        }
        let positive = |x: f64| x > 0.0 && x.is_finite();
        if !positive(self.time) || !positive(self.amplitude) || !self.frequencies.iter().all(|f| positive(*f)) {
            return Err(Failure::BadInput(
                "--time, --amplitude and --frequencies: must be positive numbers".to_owned(),
            ));
        }
        limits::within("--blocks", self.blocks, &limits::BLOCKS)?;
        limits::within("--most-events", self.most_events, &limits::EVENTS)?;
        limits::voltages("--amplitude", [&self.amplitude])?;
        let scales = &device.scales;
        let attempt = scales.attempt_frequency_hz;
        let voltages_kt = device.voltages_kt(&voltages);
        let drive = Drive {
            sines: self
                .drive
                .iter()
                .zip(&self.frequencies)
                .map(|(&electrode, f)| Sine {
                    electrode,
                    amplitude_kt: self.amplitude * scales.kt_per_volt,
                    frequency: f / attempt,
                    phase_rad: 0.0,
                })
                .collect(),
            settling_time: 0.1 * self.time * attempt,
            time: self.time * attempt,
            most_events: self.most_events,
            blocks: self.blocks,
            seed: self.seed,
        };
        let landscape = device.network.landscape(&voltages_kt);
        foretold::drive(&landscape, device.initial, &drive);
        let found = driven_currents(&landscape, device.initial, &drive);
        let mut solver = SteadySolver::new(&device.network, self.steady.options()?);
        let exact = solver.solve(&voltages_kt).and_then(|_| solver.gradient());
        let scale = scales.na_per_charge_rate;
        let slope = |x: f64| scale * x / self.amplitude;
        let exact_slope = |m: usize| exact.as_ref().ok().map(|g| g[self.electrode][m] * scale * scales.kt_per_volt);
        let is_complete = found.time >= drive.time * (1.0 - 1e-12);
        let ran_out = Failure::EventsRanOut {
            simulated: found.time / attempt,
            wanted: self.time,
            unit: scales.time_unit(),
            most_events: self.most_events,
        };
        if self.json {
            let text = json!({
                "electrode": self.electrode,
                "driven": self.drive,
                "frequencies": self.frequencies,
                "derivatives": found.in_phase[self.electrode].iter().map(|x| slope(*x)).collect::<Vec<_>>(),
                "standard_errors":
                    found.in_phase_standard_errors[self.electrode].iter().map(|x| slope(*x)).collect::<Vec<_>>(),
                "quadrature": found.quadrature[self.electrode].iter().map(|x| slope(*x)).collect::<Vec<_>>(),
                "static_derivatives": self.drive.iter().map(|&m| exact_slope(m)).collect::<Vec<_>>(),
                "no_static_derivatives": exact.as_ref().err().map(ToString::to_string),
                "units": scales.derivative_unit(),
                "current": found.currents[self.electrode] * scale,
                "hops": found.hops,
                "simulated_time": found.time / attempt,
                "complete": is_complete,
            });
            say!("{text}");
            return if is_complete { Ok(()) } else { Err(ran_out) };
        }
        say!("dI{}/dV [{}] from {} hops", self.electrode, scales.derivative_unit(), found.hops);
        say!(
            "{:>6} {:>14} {:>14} {:>14} {:>14} {:>14}",
            "of",
            "frequency",
            "in phase",
            "std. error",
            "quadrature",
            "static, exact"
        );
        for (s, (&m, f)) in self.drive.iter().zip(&self.frequencies).enumerate() {
            let at_rest = exact_slope(m).map_or("-".to_owned(), |g| format!("{g:.5e}"));
            say!(
                "{m:>6} {f:>14.5e} {:>14.5e} {:>14.2e} {:>14.5e} {at_rest:>14}",
                slope(found.in_phase[self.electrode][s]),
                slope(found.in_phase_standard_errors[self.electrode][s]),
                slope(found.quadrature[self.electrode][s]),
            );
        }
        if let Err(error) = &exact {
            say!("no static derivatives: {error}");
        }
        if is_complete { Ok(()) } else { Err(ran_out) }
    }
}
