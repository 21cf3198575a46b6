use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use dopant_network::events::{self, EventOptions};
use dopant_network::steady::SteadySolver;
use dopant_network::{DopantNetwork, Occupation, mean_field, pair_mean_field};
use figures::Plot;
use figures::network::{CurrentVoltage, current_voltage};

use super::{DeviceFile, Method, Steady, check_electrode, draw, foretold, grid, limits, title, write_csv};
use crate::failure::Failure;

/// Currents and derivatives at one voltage.
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
    device_file: DeviceFile,
    /// Electrode whose voltage is varied, from 0.
    #[arg(long)]
    vary: usize,
    /// Electrodes whose currents are drawn, from 0; all if not given.
    #[arg(long, value_delimiter = ',')]
    electrode: Vec<usize>,
    /// Lowest voltage (V).
    #[arg(long, allow_hyphen_values = true)]
    from: f64,
    /// Highest voltage (V).
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
        let (device, base) = self.device_file.read()?;
        check_electrode(&device, "--vary", self.vary)?;
        let shown = self.shown(&device)?;
        limits::within("--hops", self.hops, &limits::HOPS)?;
        let voltages = grid(self.from, self.to, self.points, &limits::POINTS)?;
        let rows = self.rows(&device, &base, &voltages)?;
        let curves = Curves { command: &self, device: &device, shown, voltages, rows };
        write_csv(&self.output, &curves.header(), &curves.table())?;
        draw(&curves.panels()?, &self.output)
    }

    /// Electrodes whose currents are shown.
    fn shown(&self, device: &DopantNetwork) -> Result<Vec<usize>, Failure> {
        let electrodes = device.network.electrodes();
        let shown: Vec<usize> =
            if self.electrode.is_empty() { (0..electrodes).collect() } else { self.electrode.clone() };
        for &electrode in &shown {
            check_electrode(device, "--electrode", electrode)?;
        }
        Ok(shown)
    }

    fn rows(&self, device: &DopantNetwork, base: &[f64], voltages: &[f64]) -> Result<Vec<Row>, Failure> {
        let mut sweep = Sweep {
            command: self,
            device,
            solver: SteadySolver::new(&device.network, self.steady.options()?),
            state: device.initial,
            occupations: None,
        };
        let mut rows = Vec::new();
        let started = Instant::now();
        if self.method == Method::Events {
            let landscape = device.network.landscape(&device.voltages_kt(base));
            foretold::hops(&landscape, device.initial, self.hops, voltages.len());
        }
        for (k, &volt) in voltages.iter().enumerate() {
            if k == 1 && self.method != Method::Events {
                foretold::points(voltages.len(), started);
            }
            let mut at = base.to_vec();
            at[self.vary] = volt;
            rows.push(sweep.row(k, &device.voltages_kt(&at))?);
        }
        Ok(rows)
    }
}

/// The voltages one after the other, each starting from the last state at the previous one.
struct Sweep<'a> {
    command: &'a Iv,
    device: &'a DopantNetwork,
    solver: SteadySolver<'a>,
    /// Last state of the events.
    state: Occupation,
    /// Last occupations in mean field.
    occupations: Option<Vec<f64>>,
}

impl Sweep<'_> {
    fn row(&mut self, k: usize, voltages_kt: &[f64]) -> Result<Row, Failure> {
        let row = match self.command.method {
            Method::SteadyState => self.by_steady_state(voltages_kt)?,
            Method::Events => self.by_events(k, voltages_kt),
            Method::MeanField => self.by_mean_field(voltages_kt)?,
            Method::PairMeanField => {
                let currents = pair_mean_field(&self.device.network, voltages_kt)?.currents;
                Row { currents, uncertainties: Vec::new(), derivatives: Vec::new() }
            }
        };
        let (to_na, per_volt) = (self.device.conversion.na_per_charge_rate, self.device.conversion.kt_per_volt);
        let scaled = |list: Vec<f64>, factor: f64| list.into_iter().map(|x| x * factor).collect::<Vec<f64>>();
        Ok(Row {
            currents: scaled(row.currents, to_na),
            uncertainties: scaled(row.uncertainties, to_na),
            derivatives: scaled(row.derivatives, to_na * per_volt),
        })
    }

    fn by_steady_state(&mut self, voltages_kt: &[f64]) -> Result<Row, Failure> {
        let found = self.solver.solve(voltages_kt)?;
        let gradient = self.solver.gradient()?;
        Ok(Row {
            uncertainties: found.rounding.iter().map(|rounding| rounding + found.left_out).collect(),
            currents: found.currents,
            derivatives: gradient.iter().map(|row| row[self.command.vary]).collect(),
        })
    }

    fn by_events(&mut self, k: usize, voltages_kt: &[f64]) -> Row {
        let seed = self.command.seed.wrapping_add(k as u64);
        let options = EventOptions { hops: self.command.hops, seed, ..EventOptions::default() };
        let found = events::currents(&self.device.network.landscape(voltages_kt), self.state, &options);
        self.state = found.last;
        Row { currents: found.currents, uncertainties: found.standard_errors, derivatives: Vec::new() }
    }

    fn by_mean_field(&mut self, voltages_kt: &[f64]) -> Result<Row, Failure> {
        let found = mean_field(&self.device.network, voltages_kt, self.occupations.as_deref())?;
        self.occupations = Some(found.occupations);
        Ok(Row { currents: found.currents, uncertainties: Vec::new(), derivatives: Vec::new() })
    }
}

/// The curves of the electrodes that are shown.
struct Curves<'a> {
    command: &'a Iv,
    device: &'a DopantNetwork,
    shown: Vec<usize>,
    voltages: Vec<f64>,
    rows: Vec<Row>,
}

impl Curves<'_> {
    fn header(&self) -> Vec<String> {
        let method = self.command.method;
        let mut header = vec!["voltage [V]".to_owned()];
        header.extend(self.shown.iter().map(|k| format!("current {k} [nA]")));
        if !method.is_approximate() {
            header.extend(self.shown.iter().map(|k| format!("{} {k} [nA]", method.uncertainty())));
        }
        if self.has_derivatives() {
            header.extend(self.shown.iter().map(|k| format!("derivative {k} [nA/V]")));
        }
        header
    }

    fn has_derivatives(&self) -> bool {
        self.command.method == Method::SteadyState
    }

    fn table(&self) -> Vec<Vec<f64>> {
        let pick = |list: &Vec<f64>| self.shown.iter().filter_map(|&k| list.get(k).copied()).collect::<Vec<f64>>();
        self.voltages
            .iter()
            .zip(&self.rows)
            .map(|(v, row)| [vec![*v], pick(&row.currents), pick(&row.uncertainties), pick(&row.derivatives)].concat())
            .collect()
    }

    fn panels(&self) -> Result<Vec<Plot>, Failure> {
        let command = self.command;
        let curve = |&k: &usize| (format!("electrode {k}"), self.column(k, |r| &r.currents), self.bars(k));
        Ok(current_voltage(&CurrentVoltage {
            title: format!("{} ({})", title(self.device, &command.device_file.file), command.method.name()),
            voltage_label: format!("voltage of electrode {} [V]", command.vary),
            voltages: self.voltages.clone(),
            curves: self.shown.iter().map(curve).collect(),
            derivatives: if self.has_derivatives() {
                self.shown.iter().map(|&k| self.column(k, |r| &r.derivatives)).collect()
            } else {
                Vec::new()
            },
        })?)
    }

    /// Standard errors; bounds do not count as such.
    fn bars(&self, electrode: usize) -> Vec<f64> {
        match self.command.method {
            Method::Events => self.column(electrode, |r| &r.uncertainties),
            Method::SteadyState | Method::MeanField | Method::PairMeanField => vec![0.0; self.rows.len()],
        }
    }

    fn column(&self, electrode: usize, of: fn(&Row) -> &Vec<f64>) -> Vec<f64> {
        self.rows.iter().map(|row| of(row)[electrode]).collect()
    }
}
