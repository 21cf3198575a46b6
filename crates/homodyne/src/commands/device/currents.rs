use std::time::Instant;

use clap::{Args, ValueEnum};
use dopant_network::events::{self, EventOptions, Sampler};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{Conversion, DopantNetwork, mean_field, pair_mean_field};
use serde_json::{Value, json};

use super::{DeviceFile, Method, Steady, foretold, limits, warn_if_apart};
use crate::failure::Failure;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SamplerChoice {
    /// Whatever is fastest.
    Automatic,
    /// Remember visited states.
    Recurring,
    /// Update rates after each hop.
    Incremental,
    /// Compute every rate anew.
    Direct,
    /// Pass states that recur again and again in one step.
    Trapping,
}

/// Mean currents into all electrodes.
#[derive(Debug, Args)]
pub(super) struct Currents {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Method.
    #[arg(long, value_enum, default_value = "steady-state")]
    method: Method,
    /// Events: hops to count, at most; of steps where recurring states are passed in one.
    #[arg(long, default_value_t = 10_000_000)]
    hops: u64,
    /// Events: stop when no standard error exceeds this fraction of the largest current.
    #[arg(long)]
    relative_error: Option<f64>,
    /// Events: seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Events: how they are drawn; the law is the same.
    #[arg(long, value_enum, default_value = "automatic")]
    sampler: SamplerChoice,
    #[command(flatten)]
    steady: Steady,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

/// What a method found, in eν₀ and 1/ν₀.
#[derive(Default)]
struct Found {
    currents: Vec<f64>,
    standard_errors: Option<Vec<f64>>,
    occupations: Vec<f64>,
    states: Option<usize>,
    left_out: Option<f64>,
    /// As in [`dopant_network::steady::SteadyState`].
    walks_apart: Option<usize>,
    rounding: Vec<f64>,
    none_counted: Vec<bool>,
    relative_error: Option<f64>,
    hops: Option<u64>,
    hops_with_passed: Option<f64>,
    all_hops: u64,
    time: Option<f64>,
}

impl Currents {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        limits::within("--hops", self.hops, &limits::HOPS)?;
        if self.relative_error.is_some_and(|e| !(e > 0.0 && e.is_finite())) {
            return Err(Failure::BadInput("--relative-error: must be a positive number".to_owned()));
        }
        let options = self.steady.options()?;
        let voltages_kt = device.voltages_kt(&voltages);
        let started = Instant::now();
        let found = match self.method {
            Method::SteadyState => Found::by_steady_state(&device, &voltages_kt, options)?,
            Method::Events => self.by_events(&device, &voltages_kt),
            Method::MeanField => Found::by_mean_field(&device, &voltages_kt)?,
            Method::PairMeanField => Found::by_pair_mean_field(&device, &voltages_kt)?,
        };
        let wall_time_s = started.elapsed().as_secs_f64();
        warn_if_apart(found.walks_apart.unwrap_or(0));
        let report = Report::new(self.method, &device.conversion, &voltages, &found, wall_time_s);
        if self.json {
            say!("{}", report.json());
        } else {
            report.say_table();
        }
        self.reached(found.relative_error)
    }

    fn by_events(&self, device: &DopantNetwork, voltages_kt: &[f64]) -> Found {
        let landscape = device.network.landscape(voltages_kt);
        if self.relative_error.is_none() {
            foretold::hops(&landscape, device.initial, self.hops, 1);
        }
        let options = EventOptions {
            hops: self.hops,
            relative_error: self.relative_error,
            seed: self.seed,
            sampler: match self.sampler {
                SamplerChoice::Automatic => Sampler::Automatic,
                SamplerChoice::Recurring => Sampler::Recurring,
                SamplerChoice::Incremental => Sampler::Incremental,
                SamplerChoice::Direct => Sampler::Direct,
                SamplerChoice::Trapping => Sampler::Trapping,
            },
            ..EventOptions::default()
        };
        let found = events::currents(&landscape, device.initial, &options);
        Found {
            currents: found.currents,
            standard_errors: Some(found.standard_errors),
            occupations: found.occupations,
            states: found.states,
            none_counted: found.none_counted,
            relative_error: Some(found.relative_error),
            hops: Some(found.hops),
            hops_with_passed: found.hops_with_passed,
            all_hops: found.hops + found.equilibration_hops,
            time: Some(found.time),
            ..Found::default()
        }
    }

    /// Whether the error that was asked for was reached within the hops that were allowed.
    fn reached(&self, relative_error: Option<f64>) -> Result<(), Failure> {
        match (self.relative_error, relative_error) {
            (Some(wanted), Some(found)) if found > wanted => {
                Err(Failure::NotReached { wanted, found, hops: self.hops })
            }
            _ => Ok(()),
        }
    }
}

impl Found {
    fn by_steady_state(device: &DopantNetwork, voltages_kt: &[f64], options: SteadyOptions) -> Result<Self, Failure> {
        let state = SteadySolver::new(&device.network, options).solve(voltages_kt)?;
        Ok(Self {
            currents: state.currents,
            occupations: state.occupations,
            states: Some(state.states),
            left_out: Some(state.left_out),
            walks_apart: Some(state.walks_apart),
            rounding: state.rounding,
            ..Self::default()
        })
    }

    fn by_mean_field(device: &DopantNetwork, voltages_kt: &[f64]) -> Result<Self, Failure> {
        let found = mean_field(&device.network, voltages_kt, None)?;
        Ok(Self { currents: found.currents, occupations: found.occupations, ..Self::default() })
    }

    fn by_pair_mean_field(device: &DopantNetwork, voltages_kt: &[f64]) -> Result<Self, Failure> {
        let found = pair_mean_field(&device.network, voltages_kt)?;
        Ok(Self { currents: found.currents, occupations: found.occupations, ..Self::default() })
    }
}

/// What was found, with currents and their standard errors in nA.
struct Report<'a> {
    method: Method,
    conversion: &'a Conversion,
    voltages: &'a [f64],
    found: &'a Found,
    currents: Vec<f64>,
    standard_errors: Option<Vec<f64>>,
    wall_time_s: f64,
}

impl<'a> Report<'a> {
    fn new(
        method: Method,
        conversion: &'a Conversion,
        voltages: &'a [f64],
        found: &'a Found,
        wall_time_s: f64,
    ) -> Self {
        let scaled = |list: &Vec<f64>| list.iter().map(|i| i * conversion.na_per_charge_rate).collect::<Vec<f64>>();
        let currents = scaled(&found.currents);
        let standard_errors = found.standard_errors.as_ref().map(scaled);
        Self { method, conversion, voltages, found, currents, standard_errors, wall_time_s }
    }

    fn json(&self) -> Value {
        let (found, scale) = (self.found, self.conversion.na_per_charge_rate);
        let mut report = json!({
            "method": self.method.name(),
            "currents": self.currents,
            "standard_errors": self.standard_errors,
            "units": "nA",
            "voltages": self.voltages,
            "occupations": found.occupations,
            "states": found.states,
            "left_out_bound": found.left_out.map(|l| l * scale),
            "walks_apart": found.walks_apart,
            "rounding_bounds": found.rounding.iter().map(|r| r * scale).collect::<Vec<f64>>(),
            "none_counted": found.none_counted,
            "relative_error": found.relative_error.filter(|e| e.is_finite()),
            "hops": found.hops,
            "simulated_time": found.time.map(|t| t / self.conversion.attempt_frequency_hz),
            "simulated_time_units": "s",
            "wall_time_s": self.wall_time_s,
            "hops_per_second": found.hops.map(|_| found.all_hops as f64 / self.wall_time_s),
        });
        if let Some(hops) = found.hops_with_passed {
            report["hops_with_passed"] = json!(hops);
        }
        report
    }

    fn say_table(&self) {
        let found = self.found;
        say!("{:>9} {:>14} {:>18} {:>24}", "electrode", "voltage [V]", "current [nA]", self.method.uncertainty());
        for (k, (volt, current)) in self.voltages.iter().zip(&self.currents).enumerate() {
            let error = self.uncertainty(k);
            say!("{k:>9} {volt:>14.5} {current:>18.8e} {error:>24}");
        }
        if let Some(left_out) = found.left_out {
            let states = found.states.unwrap_or(0);
            let flow = left_out * self.conversion.na_per_charge_rate;
            say!("\n{states} states, a probability flow of {flow:.3e} nA leaves them");
        }
        if let (Some(hops), Some(time)) = (found.hops, found.time) {
            let seconds = time / self.conversion.attempt_frequency_hz;
            let (what, passed) = match found.hops_with_passed {
                Some(passed) => ("steps", format!(", of {passed:.3e} hops with those in recurring states,")),
                None => ("hops", String::new()),
            };
            say!("\n{hops} {what}{passed} in {seconds:.4e} s of simulated time");
            say!("{:.1} million {what} per second", found.all_hops as f64 / self.wall_time_s / 1e6);
        }
    }

    /// How well the current into an electrode is known, in words.
    fn uncertainty(&self, electrode: usize) -> String {
        let (found, scale) = (self.found, self.conversion.na_per_charge_rate);
        let current = self.currents[electrode];
        match (self.method, &self.standard_errors) {
            (method, _) if method.is_approximate() => "approximate".to_owned(),
            (_, Some(errors)) if found.none_counted[electrode] => format!("none counted, {:.1e}", errors[electrode]),
            (_, Some(errors)) => format!("{:.3e}", errors[electrode]),
            // a current that rounding, or what is not followed, could make as well has no known sign
            (_, None) if current.abs() <= found.rounding[electrode] * scale => {
                format!("within rounding {:.1e}", found.rounding[electrode] * scale)
            }
            (_, None) => match found.left_out.map_or(0.0, |flow| flow * scale) {
                flow if current.abs() <= flow => format!("within left-out {flow:.1e}"),
                flow if flow > found.rounding[electrode] * scale => format!("left out {flow:.1e}"),
                _ => format!("rounding {:.1e}", found.rounding[electrode] * scale),
            },
        }
    }
}
