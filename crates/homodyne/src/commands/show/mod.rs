pub(crate) mod errors;
mod training;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use results::{Coordinate, Results};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::{reading, say};

/// Print what a results file holds: errors (Monte Carlo, exact, published, deviation in standard errors), or how training went.
///
/// Of many errors, a summary and those that deviate most are printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne show results/error-vs-spacing.h5
  homodyne show results/error-vs-spacing.h5 --parameter 4 --all
  homodyne show results/fig4a.h5 --json")]
pub(crate) struct Show {
    /// The results file.
    results: PathBuf,
    /// Only this parameter, from 1.
    #[arg(long)]
    parameter: Option<usize>,
    /// Print all rows, in the order of the sweep.
    #[arg(long)]
    all: bool,
    /// Print all rows as JSON.
    #[arg(long, conflicts_with = "all")]
    json: bool,
}

/// Attributes that are printed first.
const HEAD: [&str; 8] =
    ["study", "seed", "repetitions", "program_version", "git_revision", "created", "host", "exact_gap"];

impl Show {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let results = reading::read_small(&self.results)?;
        if self.json {
            say!("{:#}", self.as_json(&results));
            return Ok(());
        }
        say::all(|out| self.print(&results, out));
        Ok(())
    }

    fn print(&self, results: &Results, out: &mut impl Write) -> std::io::Result<()> {
        for name in HEAD {
            if let Some(value) = results.attribute(name) {
                writeln!(out, "{name:16}{value}")?;
            }
        }
        if let Some(solved) = results.variable("solved") {
            return training::print(results, solved, out);
        }
        if let Some(tables) = errors::tables(results, self.parameter) {
            return errors::print(results, &tables, self.all, out);
        }
        writeln!(out, "\nvariables:")?;
        for v in &results.variables {
            writeln!(out, "  {:24} {:?} [{}] {}", v.name, results.shape(v), v.units, v.long_name)?;
        }
        Ok(())
    }

    fn as_json(&self, results: &Results) -> Value {
        let mut all = Map::new();
        for name in HEAD {
            if let Some(value) = results.attribute(name) {
                // numbers as numbers
                let value =
                    serde_json::from_str::<serde_json::Number>(value).map_or_else(|_| json!(value), Value::Number);
                all.insert(name.to_owned(), value);
            }
        }
        let variable = |v: &results::Variable| json!({ "name": v.name, "shape": results.shape(v), "units": v.units, "long_name": v.long_name });
        let (key, rows) = match (results.variable("solved"), errors::tables(results, self.parameter)) {
            (Some(solved), _) => ("points", training::as_json(results, solved)),
            (None, Some(tables)) => ("errors", errors::as_json(&tables)),
            (None, None) => ("variables", results.variables.iter().map(variable).collect()),
        };
        all.insert(key.to_owned(), rows);
        Value::Object(all)
    }
}

/// The place of a point in the sweep: names of the axes and their values.
fn place(results: &Results, at: &[(usize, usize)]) -> Map<String, Value> {
    let value = |&(dimension, position): &(usize, usize)| match &results.dimensions[dimension].coordinate {
        Coordinate::Numbers(x) => json!(x[position]),
        Coordinate::Labels(x) => json!(x[position]),
    };
    at.iter().map(|own| (results.dimensions[own.0].name.clone(), value(own))).collect()
}

/// The coordinate at a position along a dimension.
fn coordinate(results: &Results, (dimension, position): (usize, usize)) -> String {
    match &results.dimensions[dimension].coordinate {
        Coordinate::Numbers(x) if x[position].abs() < 1e6 && x[position].fract().abs() <= 0.0 => {
            x[position].to_string()
        }
        Coordinate::Numbers(x) => short(x[position]),
        Coordinate::Labels(x) => x[position].clone(),
    }
}

fn short(x: f64) -> String {
    match x.abs() {
        a if x.is_nan() || a <= 0.0 => format!("{x}"),
        a if (1e-3..1e6).contains(&a) => {
            let digits = (5 - a.log10().floor() as i32).clamp(0, 8) as usize;
            format!("{x:.digits$}")
        }
        _ => format!("{x:.4e}"),
    }
}
