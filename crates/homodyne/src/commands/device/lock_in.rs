use clap::Args;
use dopant_network::events::{DrivenCurrents, DrivenOptions, Sine, driven_currents};
use dopant_network::steady::SteadySolver;
use dopant_network::{Conversion, DopantNetwork, NetworkError};
use serde_json::{Value, json};

use super::{DeviceFile, Steady, check_electrode, foretold, limits};
use crate::failure::Failure;

/// Homodyne gradient extraction inside the event simulation: sines on electrodes, lock-in on the hops themselves.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  homodyne device lock-in device.json --electrode 7 --drive 0,1,2 --amplitude 0.005 --frequencies 1e6,1.1e6,1.2e6 --time 1e-4")]
pub(super) struct LockIn {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Electrode whose current is detected, from 0.
    #[arg(long)]
    electrode: usize,
    /// Electrodes that are driven, from 0.
    #[arg(long, value_delimiter = ',')]
    drive: Vec<usize>,
    /// Amplitude of the sines (V).
    #[arg(long)]
    amplitude: f64,
    /// Frequencies, one for each driven electrode (Hz).
    #[arg(long, value_delimiter = ',')]
    frequencies: Vec<f64>,
    /// Time of the measurement (s): whole periods of every frequency.
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
        let (device, voltages) = self.device_file.read()?;
        self.check(&device)?;
        let conversion = &device.conversion;
        let voltages_kt = device.voltages_kt(&voltages);
        let options = self.in_attempt_units(conversion);
        let landscape = device.network.landscape(&voltages_kt);
        foretold::driven(&landscape, device.initial, &options);
        let found = driven_currents(&landscape, device.initial, &options);
        let mut solver = SteadySolver::new(&device.network, self.steady.options()?);
        let exact = solver.solve(&voltages_kt).and_then(|_| solver.gradient());
        let is_complete = found.time >= options.time * (1.0 - 1e-12);
        let simulated = found.time / conversion.attempt_frequency_hz;
        let report = Report { command: &self, conversion, found, exact };
        if self.json {
            say!("{}", report.json(is_complete));
        } else {
            report.say_table();
        }
        if is_complete {
            return Ok(());
        }
        Err(Failure::EventsRanOut { simulated, wanted: self.time, most_events: self.most_events })
    }

    fn check(&self, device: &DopantNetwork) -> Result<(), Failure> {
        check_electrode(device, "--electrode", self.electrode)?;
        for &k in &self.drive {
            check_electrode(device, "--drive", k)?;
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
        limits::voltages("--amplitude", [&self.amplitude])
    }

    /// The sines in kT, attempt times and attempt rates.
    fn in_attempt_units(&self, conversion: &Conversion) -> DrivenOptions {
        let attempt = conversion.attempt_frequency_hz;
        DrivenOptions {
            sines: self
                .drive
                .iter()
                .zip(&self.frequencies)
                .map(|(&electrode, f)| Sine {
                    electrode,
                    amplitude_kt: self.amplitude * conversion.kt_per_volt,
                    frequency: f / attempt,
                    phase_rad: 0.0,
                })
                .collect(),
            settling_time: 0.1 * self.time * attempt,
            time: self.time * attempt,
            most_events: self.most_events,
            blocks: self.blocks,
            seed: self.seed,
        }
    }
}

/// What was measured, beside the static derivatives.
struct Report<'a> {
    command: &'a LockIn,
    conversion: &'a Conversion,
    found: DrivenCurrents,
    exact: Result<Vec<Vec<f64>>, NetworkError>,
}

impl Report<'_> {
    fn json(&self, is_complete: bool) -> Value {
        let (command, found) = (self.command, &self.found);
        let detected = command.electrode;
        let slopes = |components: &[f64]| components.iter().map(|x| self.slope(*x)).collect::<Vec<_>>();
        json!({
            "electrode": detected,
            "driven": command.drive,
            "frequencies": command.frequencies,
            "derivatives": slopes(&found.in_phase[detected]),
            "standard_errors": slopes(&found.in_phase_standard_errors[detected]),
            "quadrature": slopes(&found.quadrature[detected]),
            "static_derivatives": command.drive.iter().map(|&m| self.static_slope(m)).collect::<Vec<_>>(),
            "no_static_derivatives": self.exact.as_ref().err().map(ToString::to_string),
            "units": "nA/V",
            "current": found.currents[detected] * self.conversion.na_per_charge_rate,
            "hops": found.hops,
            "simulated_time": found.time / self.conversion.attempt_frequency_hz,
            "complete": is_complete,
        })
    }

    fn say_table(&self) {
        let (command, found) = (self.command, &self.found);
        let detected = command.electrode;
        say!("dI{detected}/dV [nA/V] from {} hops", found.hops);
        say!(
            "{:>6} {:>14} {:>14} {:>14} {:>14} {:>14}",
            "of",
            "frequency [Hz]",
            "in phase",
            "std. error",
            "quadrature",
            "static, exact"
        );
        for (s, (&m, f)) in command.drive.iter().zip(&command.frequencies).enumerate() {
            let at_rest = self.static_slope(m).map_or("-".to_owned(), |g| format!("{g:.5e}"));
            say!(
                "{m:>6} {f:>14.5e} {:>14.5e} {:>14.2e} {:>14.5e} {at_rest:>14}",
                self.slope(found.in_phase[detected][s]),
                self.slope(found.in_phase_standard_errors[detected][s]),
                self.slope(found.quadrature[detected][s]),
            );
        }
        if let Err(error) = &self.exact {
            say!("no static derivatives: {error}");
        }
    }

    /// The derivative that a component of the detected current stands for.
    fn slope(&self, component: f64) -> f64 {
        self.conversion.na_per_charge_rate * component / self.command.amplitude
    }

    fn static_slope(&self, driven: usize) -> Option<f64> {
        let gradient = self.exact.as_ref().ok()?;
        Some(
            gradient[self.command.electrode][driven] * self.conversion.na_per_charge_rate * self.conversion.kt_per_volt,
        )
    }
}
