use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use dopant_network::DopantNetwork;
use dopant_network::events::{EventNoise, NoiseOptions, Sampler, noise};
use dopant_network::noise_law::{Density, NoiseLaw};
use dopant_network::steady::{SteadySolver, TerminalCurrent};
use figures::network::{Spectrum, noise_spectrum};
use serde_json::{Value, json};

use super::{DeviceFile, Steady, check_electrode, draw, foretold, limits, title, write_csv};
use crate::failure::Failure;

/// Points of a spectrum by events.
const POINTS_BY_EVENTS: std::ops::RangeInclusive<usize> = limits::MAP_POINTS;
/// Decades above the lowest frequency to which an exponent is fitted if nothing else is said.
const FITTED_DECADES: f64 = 2.0;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CurrentChoice {
    /// Current in the wire: holes that enter, and the charge that moving holes induce.
    Induced,
    /// Holes that enter, nothing else.
    Particle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NoiseMethod {
    /// From the steady state: exact, for networks whose states can be enumerated.
    SteadyState,
    /// Kinetic Monte Carlo: any network, with standard errors; the simulated time limits the lowest frequency.
    Events,
}

/// Intrinsic noise of the currents: one-sided spectral densities, exact or by events; a table (CSV) and a figure.
///
/// By events, 32 trajectories are followed with exponential waiting times, and the differences between them give standard errors.
/// Frequencies for which the simulated time is too short are left out, and the lowest that was reached is printed, with the relative noise
/// S/I² and the exponent β of S ~ f^−β.
#[derive(Debug, Args)]
pub(super) struct Noise {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Electrodes whose noise is drawn, from 0; all if not given.
    #[arg(long, value_delimiter = ',')]
    electrode: Vec<usize>,
    /// Method.
    #[arg(long, value_enum, default_value = "steady-state")]
    method: NoiseMethod,
    /// Which current.
    #[arg(long, value_enum, default_value = "induced")]
    current: CurrentChoice,
    /// Lowest frequency (Hz); a billionth of the attempt frequency if not given.
    #[arg(long)]
    from: Option<f64>,
    /// Highest frequency (Hz); the attempt frequency if not given, by events an eighth of the rate of all hops.
    #[arg(long)]
    to: Option<f64>,
    /// Number of frequencies, evenly spaced in the logarithm.
    #[arg(long, default_value_t = 46)]
    points: usize,
    /// Events: hops, about.
    #[arg(long, default_value_t = 30_000_000)]
    hops: u64,
    /// Events: stop when no standard error exceeds this fraction of the density.
    #[arg(long)]
    relative_error: Option<f64>,
    /// Events: seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Events: lowest and highest frequency to which the exponent is fitted (Hz); the lowest two decades if not given.
    #[arg(long, value_delimiter = ',', num_args = 1, value_names = ["LOWEST,HIGHEST"])]
    fit: Option<Vec<f64>>,
    #[command(flatten)]
    steady: Steady,
    /// Print what was found machine-readably.
    #[arg(long)]
    json: bool,
    /// Path of the files, without ending.
    #[arg(long, short, default_value = "results/noise")]
    output: PathBuf,
}

/// Densities [nA²/Hz] of all electrodes.
struct Found {
    frequencies_hz: Vec<f64>,
    densities: Vec<Vec<f64>>,
    /// Empty where exact.
    standard_errors: Vec<Vec<f64>>,
    currents_na: Vec<f64>,
    /// Exponents fitted, by electrode.
    laws: Vec<Option<NoiseLaw>>,
    about: Value,
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
        let allowed = if self.method == NoiseMethod::Events { POINTS_BY_EVENTS } else { limits::POINTS };
        limits::within("--points", self.points, &allowed)?;
        let frequencies: Vec<f64> =
            (0..self.points).map(|k| from * (to / from).powf(k as f64 / (self.points - 1) as f64)).collect();
        if self.fit.as_ref().is_some_and(|fit| fit.len() != 2 || fit[0].is_nan() || fit[1].is_nan() || fit[0] >= fit[1])
        {
            return Err(Failure::BadInput("--fit: must be two frequencies, the lower one first".to_owned()));
        }
        let voltages_kt = device.voltages_kt(&voltages);
        let found = match self.method {
            NoiseMethod::SteadyState => self.exact(&device, &voltages_kt, frequencies)?,
            NoiseMethod::Events => self.by_events(&device, &voltages_kt, &frequencies, &shown)?,
        };
        if self.json {
            say!("{}", found.about);
        } else if self.method == NoiseMethod::Events {
            found.say(&shown);
        }
        self.write(&device, &found, &shown)
    }

    fn terminal_current(&self) -> TerminalCurrent {
        match self.current {
            CurrentChoice::Induced => TerminalCurrent::Induced,
            CurrentChoice::Particle => TerminalCurrent::Particle,
        }
    }

    fn exact(&self, device: &DopantNetwork, voltages_kt: &[f64], frequencies: Vec<f64>) -> Result<Found, Failure> {
        let (attempt, scale) = (device.conversion.attempt_frequency_hz, density_scale(device));
        let mut solver = SteadySolver::new(&device.network, self.steady.options()?);
        let state = solver.solve(voltages_kt)?;
        let mut densities = vec![Vec::new(); device.network.electrodes()];
        let started = Instant::now();
        for (k, frequency) in frequencies.iter().enumerate() {
            let found = solver.noise_density(std::f64::consts::TAU * frequency / attempt, self.terminal_current())?;
            if k == 0 {
                foretold::points(self.points, started);
            }
            densities.iter_mut().zip(found).for_each(|(list, s)| list.push(s * scale));
        }
        let currents_na: Vec<f64> = state.currents.iter().map(|i| i * device.conversion.na_per_charge_rate).collect();
        let about = json!({ "method": "steady-state", "currents": currents_na, "states": state.states });
        let laws = vec![None; densities.len()];
        Ok(Found { frequencies_hz: frequencies, densities, standard_errors: Vec::new(), currents_na, laws, about })
    }

    fn by_events(
        &self,
        device: &DopantNetwork,
        voltages_kt: &[f64],
        frequencies: &[f64],
        shown: &[usize],
    ) -> Result<Found, Failure> {
        limits::within("--hops", self.hops, &limits::HOPS)?;
        if let Some(wanted) = self.relative_error {
            limits::within("--relative-error", wanted, &limits::RELATIVE_ERROR)?;
        }
        let attempt = device.conversion.attempt_frequency_hz;
        let landscape = device.network.landscape(voltages_kt);
        if self.relative_error.is_none() {
            foretold::hops(&landscape, device.initial, self.hops, 1);
        }
        let options = NoiseOptions {
            frequencies: frequencies.iter().map(|f| f / attempt).collect(),
            followed_always: self.to.is_none(),
            current: self.terminal_current(),
            hops: self.hops,
            relative_error: self.relative_error.map(|wanted| (wanted, shown.to_vec())),
            seed: self.seed,
            sampler: Sampler::Automatic,
        };
        let started = Instant::now();
        let made = noise(&landscape, &options);
        let (scale, to_na) = (density_scale(device), device.conversion.na_per_charge_rate);
        let scaled = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row.iter().map(|s| s * scale).collect()).collect()
        };
        let mut found = Found {
            frequencies_hz: made.frequencies.iter().map(|f| f * attempt).collect(),
            densities: scaled(&made.densities),
            standard_errors: scaled(&made.standard_errors),
            currents_na: made.currents.iter().map(|(i, _)| i * to_na).collect(),
            laws: Vec::new(),
            about: Value::Null,
        };
        self.warn(&found, &made)?;
        found.laws =
            (0..found.densities.len()).map(|k| NoiseLaw::fitted(&found.fitted_range(k, self.fit_hz(&found)))).collect();
        let law = |law: &Option<NoiseLaw>| {
            law.map(|law| {
                json!({ "exponent": law.exponent, "standard_error": law.exponent_error, "range": law.range,
                    "holds": law.holds(), "chi_squared": law.chi_squared, "density_at_1_khz": law.at(1e3) })
            })
        };
        found.about = json!({
            "method": "events",
            "frequencies": found.frequencies_hz,
            "frequency_units": "Hz",
            "densities": found.densities,
            "standard_errors": found.standard_errors,
            "units": "nA²/Hz",
            "currents": found.currents_na,
            "current_standard_errors": made.currents.iter().map(|(_, e)| e * to_na).collect::<Vec<f64>>(),
            "current_units": "nA",
            "exponents": found.laws.iter().map(law).collect::<Vec<_>>(),
            "hops": made.hops,
            "simulated_time": made.time / attempt,
            "simulated_time_units": "s",
            "cut_short": made.cut_short,
            "relative_error": Some(made.relative_error).filter(|e| e.is_finite()),
            "wall_time_s": started.elapsed().as_secs_f64(),
        });
        Ok(found)
    }

    /// Says where the spectrum is not what was asked for.
    fn warn(&self, found: &Found, made: &EventNoise) -> Result<(), Failure> {
        let EventNoise { cut_short, relative_error, .. } = *made;
        if found.frequencies_hz.is_empty() {
            let message =
                format!("--hops {}: too few for any of the frequencies; allow more, or raise --to", self.hops);
            return Err(Failure::BadInput(message));
        }
        if cut_short > 0 {
            eprintln!(
                "warning: {cut_short} of 32 trajectories are in far busier states than the others and were followed for less time: \
                 the states exchange too seldom for these hops"
            );
        }
        if self.relative_error.is_some_and(|wanted| relative_error > wanted) {
            let reached = if relative_error.is_finite() {
                format!("{relative_error:.2}")
            } else {
                "not known at all frequencies".to_owned()
            };
            eprintln!("warning: --relative-error was not reached, the largest is {reached}: raise --hops, or --from");
        }
        if made.is_sampled {
            eprintln!(
                "warning: above an eighth of the rate of all hops, a part of the time is looked at, the smaller the higher: where rare hops \
                 carry the noise, errors there are larger than stated"
            );
        }
        Ok(())
    }

    fn fit_hz(&self, found: &Found) -> [f64; 2] {
        match (self.fit.as_deref(), found.frequencies_hz.first()) {
            (Some([low, high]), _) => [*low, *high],
            (_, Some(lowest)) => [*lowest, lowest * 10.0_f64.powf(FITTED_DECADES) * (1.0 + 1e-9)],
            _ => [0.0; 2],
        }
    }

    fn write(&self, device: &DopantNetwork, found: &Found, shown: &[usize]) -> Result<(), Failure> {
        let errors_known = !found.standard_errors.is_empty();
        let mut header = vec!["frequency [Hz]".to_owned()];
        for k in shown {
            header.push(format!("density {k} [nA²/Hz]"));
            if errors_known {
                header.push(format!("standard error {k} [nA²/Hz]"));
            }
        }
        let table: Vec<Vec<f64>> = found
            .frequencies_hz
            .iter()
            .enumerate()
            .map(|(i, f)| {
                let mut row = vec![*f];
                for &k in shown {
                    row.push(found.densities[k][i]);
                    row.extend(found.standard_errors.get(k).map(|errors| errors[i]));
                }
                row
            })
            .collect();
        write_csv(&self.output, &header, &table)?;
        let strongest = shown.iter().map(|&k| found.currents_na[k].abs()).fold(0.0, f64::max);
        let named: Vec<Spectrum> = shown
            .iter()
            .map(|&k| Spectrum {
                name: match found.laws[k] {
                    Some(law) if law.holds() => {
                        format!("electrode {k}, β = {:.2} ± {:.2}", law.exponent, law.exponent_error)
                    }
                    _ => format!("electrode {k}"),
                },
                densities: found.densities[k].clone(),
                bands: found.standard_errors.get(k).map(|errors| {
                    found.densities[k].iter().zip(errors).map(|(density, e)| (density - e, density + e)).collect()
                }),
            })
            .collect();
        // 2eI, with I in nA
        let shot =
            (strongest > 0.0).then_some(2.0 * strongest / device.conversion.na_per_charge_rate * density_scale(device));
        draw(
            &noise_spectrum(&title(device, &self.device_file.file), &found.frequencies_hz, &named, shot)?,
            &self.output,
        )
    }
}

impl Found {
    fn fitted_range(&self, electrode: usize, [low, high]: [f64; 2]) -> Vec<Density> {
        let errors = &self.standard_errors[electrode];
        let all = self.frequencies_hz.iter().zip(&self.densities[electrode]).zip(errors);
        all.filter(|((f, _), _)| (low..=high).contains(*f))
            .map(|((&frequency, &density), &standard_error)| Density { frequency, density, standard_error })
            .collect()
    }

    fn say(&self, shown: &[usize]) {
        let lowest = self.frequencies_hz[0];
        say!("{:>9} {:>14} {:>16} {:>10} {:>16}", "electrode", "current [nA]", "S/I² [1/Hz]", "error", "β");
        for &k in shown {
            let (density, error, current) = (self.densities[k][0], self.standard_errors[k][0], self.currents_na[k]);
            let relative = density / current.powi(2);
            let beta =
                self.laws[k].map_or(String::new(), |law| format!("{:.3} ± {:.3}", law.exponent, law.exponent_error));
            say!("{k:>9} {current:>14.4e} {relative:>16.3e} {:>10.2} {beta:>16}", error / density);
        }
        say!("\nS/I² and its relative error at {lowest:.3e} Hz, the lowest frequency that was reached");
        if let Some(law) = shown.iter().find_map(|&k| self.laws[k]) {
            let [low, high] = law.range;
            let decades = (high / low).log10();
            say!("β of S ~ f^−β from {low:.3e} to {high:.3e} Hz, {decades:.1} decades");
        }
        for &k in shown {
            let Some(law) = self.laws[k] else { continue };
            if !law.holds() {
                say!("electrode {k}: no power law, χ² {:.1} a degree of freedom", law.chi_squared);
            }
        }
        let of = |name: &str| self.about[name].as_f64().unwrap_or(f64::NAN);
        let (hops, time, wall) = (of("hops"), of("simulated_time"), of("wall_time_s"));
        say!("{hops:.2e} hops in {time:.3e} s of simulated time, {wall:.1} s");
    }
}

/// (eν₀)²/ν₀ in nA²/Hz.
fn density_scale(device: &DopantNetwork) -> f64 {
    device.conversion.na_per_charge_rate.powi(2) / device.conversion.attempt_frequency_hz
}
