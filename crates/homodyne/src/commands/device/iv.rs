use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use dopant_network::events::{self, EventOptions};
use dopant_network::mean_field;
use dopant_network::steady::SteadySolver;
use figures::network::{CurrentVoltage, current_voltage};

use super::{Method, Source, Steady, check_electrode, draw, foretold, grid, limits, title, write_csv};
use crate::failure::Failure;

/// What is found at one voltage.
struct Row {
    currents: Vec<f64>,
    /// Standard errors of events, left-out flow and rounding of a steady state, nothing in mean field.
    uncertainties: Vec<f64>,
    derivatives: Vec<f64>,
}

/// I-V curve: currents against the voltage of one electrode, with exact derivatives; a table (CSV) and a figure.
#[derive(Debug, Args)]
pub(super) struct Iv {
    #[command(flatten)]
    source: Source,
    /// Electrode whose voltage is varied, from 0.
    #[arg(long)]
    vary: usize,
    /// Electrodes whose currents are drawn, from 0; all if not given.
    #[arg(long, value_delimiter = ',')]
    electrode: Vec<usize>,
    /// Lowest voltage.
    #[arg(long, allow_hyphen_values = true)]
    from: f64,
    /// Highest voltage.
    #[arg(long, allow_hyphen_values = true)]
    to: f64,
    /// Number of voltages.
    #[arg(long, default_value_t = 101)]
    points: usize,
    /// Method.
    #[arg(long, value_enum, default_value = "steady-state")]
    method: Method,
    /// Events: hops at each voltage.
    #[arg(long, default_value_t = 1_000_000)]
    hops: u64,
    /// Events: seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    steady: Steady,
    /// Path of the files, without ending.
    #[arg(long, short, default_value = "results/iv")]
    output: PathBuf,
}

impl Iv {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, base) = self.source.read()?;
        check_electrode(&device, "--vary", self.vary)?;
        let electrodes = device.network.electrodes();
        let shown: Vec<usize> =
            if self.electrode.is_empty() { (0..electrodes).collect() } else { self.electrode.clone() };
        for &electrode in &shown {
            check_electrode(&device, "--electrode", electrode)?;
        }
        limits::within("--hops", self.hops, &limits::HOPS)?;
        let voltages = grid(self.from, self.to, self.points, &limits::POINTS)?;
        let (to_na, per_volt) = (device.scales.na_per_charge_rate, device.scales.kt_per_volt);
        let mut solver = SteadySolver::new(&device.network, self.steady.options()?);
        let mut state = device.initial;
        let mut occupations: Option<Vec<f64>> = None;
        let mut rows: Vec<Row> = Vec::new();
        let started = Instant::now();
        if self.method == Method::Events {
            foretold::hops(&device.network.landscape(&device.voltages_kt(&base)), state, self.hops, voltages.len());
        }
        for (k, &volt) in voltages.iter().enumerate() {
            if k == 1 && self.method != Method::Events {
                foretold::points(voltages.len(), started);
            }
            let mut at = base.clone();
            at[self.vary] = volt;
            let at = device.voltages_kt(&at);
            let (currents, uncertainties, derivatives) = match self.method {
                Method::SteadyState => {
                    let found = solver.solve(&at)?;
                    let gradient = solver.gradient()?;
                    let bounds = found.rounding.iter().map(|rounding| rounding + found.left_out).collect();
                    (found.currents, bounds, gradient.iter().map(|row| row[self.vary]).collect())
                }
                Method::Events => {
                    let seed = self.seed.wrapping_add(k as u64);
                    let options = EventOptions { hops: self.hops, seed, ..EventOptions::default() };
                    let found = events::currents(&device.network.landscape(&at), state, &options);
                    state = found.last;
                    (found.currents, found.standard_errors, Vec::new())
                }
                Method::MeanField => {
                    let found = mean_field(&device.network, &at, occupations.as_deref())?;
                    occupations = Some(found.occupations);
                    (found.currents, Vec::new(), Vec::new())
                }
            };
            let scaled = |list: Vec<f64>, factor: f64| list.into_iter().map(|x| x * factor).collect::<Vec<f64>>();
            rows.push(Row {
                currents: scaled(currents, to_na),
                uncertainties: scaled(uncertainties, to_na),
                derivatives: scaled(derivatives, to_na * per_volt),
            });
        }
        let (amount, volt) = (device.scales.current_unit(), device.scales.voltage_unit());
        let exact = self.method == Method::SteadyState;
        let mut header = vec![format!("voltage [{volt}]")];
        header.extend(shown.iter().map(|k| format!("current {k} [{amount}]")));
        if self.method != Method::MeanField {
            header.extend(shown.iter().map(|k| format!("{} {k} [{amount}]", self.method.uncertainty())));
        }
        if exact {
            header.extend(shown.iter().map(|k| format!("derivative {k} [{}]", device.scales.derivative_unit())));
        }
        let table: Vec<Vec<f64>> = voltages
            .iter()
            .zip(&rows)
            .map(|(v, row)| {
                let pick = |list: &Vec<f64>| shown.iter().filter_map(|&k| list.get(k).copied()).collect::<Vec<f64>>();
                [vec![*v], pick(&row.currents), pick(&row.uncertainties), pick(&row.derivatives)].concat()
            })
            .collect();
        write_csv(&self.output, &header, &table)?;
        let column = |k: usize, of: fn(&Row) -> &Vec<f64>| rows.iter().map(|row| of(row)[k]).collect::<Vec<f64>>();
        // bars are of standard errors
        let bars = |k: usize| match self.method {
            Method::Events => column(k, |r| &r.uncertainties),
            Method::SteadyState | Method::MeanField => vec![0.0; rows.len()],
        };
        let panels = current_voltage(&CurrentVoltage {
            title: format!("{} ({})", title(&device, &self.source.file), self.method.name()),
            voltage_label: format!("voltage of electrode {} [{volt}]", self.vary),
            current_unit: amount.to_owned(),
            derivative_unit: device.scales.derivative_unit().to_owned(),
            voltages: voltages.clone(),
            curves: shown.iter().map(|&k| (format!("electrode {k}"), column(k, |r| &r.currents), bars(k))).collect(),
            derivatives: if exact {
                shown.iter().map(|&k| column(k, |r| &r.derivatives)).collect()
            } else {
                Vec::new()
            },
        })?;
        draw(&panels, &self.output)
    }
}
