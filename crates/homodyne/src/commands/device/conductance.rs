use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use dopant_network::Description;
use dopant_network::conductance::{Conductance as Found, HoppingLaw, conductance};
use dopant_network::events::ResponseOptions;
use figures::conductance::{Conductances, against_temperature};

use super::{check_electrode, draw, foretold, limits, title, write_csv};
use crate::failure::Failure;

/// Conductance of an electrode against temperature, by events, and the exponent p of ln G = ln G₀ − (T₀/T)^p; a table (CSV) and a figure.
///
/// All electrodes are at 0 V. The device is as in its file but for the temperature.
#[derive(Debug, Args)]
pub(super) struct Conductance {
    /// Device file (JSON in SI units, or of MCNetwork).
    file: PathBuf,
    /// Electrode, counted from 0. Its conductance is minus the derivative of its current with respect to its own voltage.
    #[arg(long)]
    electrode: usize,
    /// Temperatures (K).
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true, default_values_t = [50.0, 60.0, 77.0, 100.0, 130.0, 170.0, 220.0, 290.0])]
    temperatures: Vec<f64>,
    /// Target of the standard error of derivatives with respect to the other voltages, as a fraction of the largest.
    #[arg(long, default_value_t = 0.05)]
    relative_error: f64,
    /// Largest number of hops at each temperature.
    #[arg(long, default_value_t = 50_000_000)]
    most_hops: u64,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Path of the files, without ending.
    #[arg(long, short, default_value = "results/conductance")]
    output: PathBuf,
}

impl Conductance {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let description = Description::from_file(&self.file)?;
        let device = dopant_network::DopantNetwork::from_description(&description)?;
        check_electrode(&device, "--electrode", self.electrode)?;
        limits::within("--relative-error", self.relative_error, &limits::RELATIVE_ERROR)?;
        limits::within("--most-hops", self.most_hops, &limits::HOPS)?;
        for kelvin in &self.temperatures {
            limits::within("--temperatures", *kelvin, &limits::KELVIN)?;
        }
        if let Some(k) = (1..self.temperatures.len()).find(|&k| self.temperatures[..k].contains(&self.temperatures[k]))
        {
            return Err(Failure::BadInput(format!("--temperatures: {} stands there twice", self.temperatures[k])));
        }
        let options = ResponseOptions {
            relative_error: self.relative_error,
            most_hops: self.most_hops,
            seed: self.seed,
            ..ResponseOptions::default()
        };
        let started = Instant::now();
        let mut found: Vec<Found> = Vec::new();
        for (k, &kelvin) in self.temperatures.iter().enumerate() {
            let own = conductance(&description, &device, self.electrode, kelvin, &options)?;
            if !own.standard_error.is_finite() {
                eprintln!(
                    "warning: at {kelvin} K the network was trapped among few states for most of the time, or nothing has flowed: its \
                     conductance is not known; raise --most-hops"
                );
            }
            found.push(own);
            if k == 0 {
                foretold::points(self.temperatures.len(), started);
            }
        }
        let header = ["temperature [K]", "conductance [nA/V]", "standard error [nA/V]"].map(str::to_owned);
        let row = |c: &Found| vec![c.temperature_kelvin, c.na_per_volt, c.standard_error];
        for c in &found {
            say!("{:>8} K  {:>12.5e} ± {:.1e} nA/V", c.temperature_kelvin, c.na_per_volt, c.standard_error);
        }
        let law = HoppingLaw::fitted(&found);
        let named = law.map(|law| {
            let [low, high] = law.exponent_range;
            let text = format!("p = {:.2} ({low:.2} to {high:.2})", law.exponent);
            let HoppingLaw { temperature_kelvin, prefactor_na_per_volt, chi_squared, .. } = law;
            say!("ln G = ln G₀ − (T₀/T)^p: {text}, T₀ = {temperature_kelvin:.4e} K, G₀ = {prefactor_na_per_volt:.4e} nA/V, χ² {chi_squared:.2} a degree of freedom");
            text
        });
        if named.is_none() {
            say!(
                "no law: it takes conductances at four temperatures that are known to a half and grow, and an exponent from 0.05 to 2"
            );
        }
        write_csv(&self.output, &header, &found.iter().map(row).collect::<Vec<_>>())?;
        let by_law = |kelvin: f64| law.map_or(f64::NAN, |law| law.at(kelvin));
        let picture = Conductances {
            title: format!("{}, electrode {}", title(&device, &self.file), self.electrode),
            found: found.iter().map(|c| (c.temperature_kelvin, c.na_per_volt, c.standard_error)).collect(),
            law: named.map(|text| (&by_law as &dyn Fn(f64) -> f64, text)),
        };
        if found.iter().all(|c| c.na_per_volt <= 0.0 || !c.standard_error.is_finite()) {
            say!("no figure: no conductance is known");
            return Ok(());
        }
        draw(&against_temperature(&picture)?, &self.output)
    }
}
