mod training;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use results::Coordinate;
use results::{Results, Variable};

use crate::failure::Failure;
use crate::{reading, say};

/// Print a results file as a table: errors (Monte Carlo, exact, published, deviation in standard errors), or how training went.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne show results/error-vs-spacing.h5
  homodyne show results/error-vs-spacing.h5 --parameter 4
  homodyne show results/fig4a.h5")]
pub(crate) struct Show {
    /// The results file.
    results: PathBuf,
    /// Only this parameter, from 1.
    #[arg(long)]
    parameter: Option<usize>,
}

impl Show {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let results = reading::read_small(&self.results)?;
        say::all(|out| print(&results, self.parameter, out));
        Ok(())
    }
}

fn print(results: &Results, only: Option<usize>, out: &mut impl Write) -> std::io::Result<()> {
    for name in ["study", "seed", "repetitions", "program_version", "git_revision", "created", "host", "exact_gap"] {
        if let Some(value) = results.attribute(name) {
            writeln!(out, "{name:16}{value}")?;
        }
    }
    if let Some(solved) = results.variable("solved") {
        return training::print(results, solved, out);
    }
    let Some(mse) = results.variable("mse") else {
        writeln!(out, "\nvariables:")?;
        for v in &results.variables {
            writeln!(out, "  {:24} {:?} [{}] {}", v.name, results.shape(v), v.units, v.long_name)?;
        }
        return Ok(());
    };
    let mut squares_of_point = Vec::new();
    errors(results, mse, &FIRST, only, &mut squares_of_point, out)?;
    if let Some(mse) = results.variable("curvature_mse") {
        errors(results, mse, &SECOND, only, &mut squares_of_point, out)?;
    }
    summarize(&squares_of_point, out)?;
    let repetitions: Option<u64> = results.attribute("repetitions").and_then(|n| n.parse().ok());
    if repetitions.is_some_and(|n| n < FEW_REPETITIONS) {
        writeln!(
            out,
            "with fewer than {FEW_REPETITIONS} repetitions, standard errors are themselves too uncertain to judge by"
        )?;
    }
    Ok(())
}

/// The derivatives whose errors a table holds: the title of their column, the variable of the true ones, and what the names of
/// the others begin with.
struct Quantity {
    title: &'static str,
    truth: &'static str,
    prefix: &'static str,
}

const FIRST: Quantity = Quantity { title: "gradient", truth: "true_gradient", prefix: "" };
const SECOND: Quantity = Quantity { title: "curvature", truth: "true_curvature", prefix: "curvature_" };

/// One line for each parameter of each point; its deviations are added to those of its point.
fn errors(
    results: &Results,
    mse: &Variable,
    quantity: &Quantity,
    only: Option<usize>,
    squares_of_point: &mut Vec<Vec<f64>>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let axes = &mse.dimensions[..mse.dimensions.len() - 1];
    let parameters = results.shape(mse).last().copied().unwrap_or(0);
    let whole = |name: &str| results.variable(name).map(|v| &v.values);
    let column = |name: &str| whole(&format!("{}{name}", quantity.prefix));
    let titles: Vec<String> =
        axes.iter().map(|&d| results.dimensions[d].name.rsplit('.').next().unwrap_or_default().to_owned()).collect();
    writeln!(out)?;
    for title in &titles {
        write!(out, "{title:>14} ")?;
    }
    writeln!(
        out,
        "{:>5} {:>9} {:>12} {:>12} {:>10} {:>12} {:>7} {:>12} {:>12} {:>7}",
        "param", "time [s]", quantity.title, "MSE", "± s.e.", "exact", "dev.", "published", "bias exact", "dev."
    )?;
    let deviation = |name: &str, k: usize| -> f64 {
        let get = |suffix: &str| column(&format!("{name}{suffix}")).map_or(f64::NAN, |v| v[k]);
        (get("") - get("_exact")) / get("_standard_error")
    };
    squares_of_point.resize(mse.values.len() / parameters.max(1), Vec::new());
    for (k, value) in mse.values.iter().enumerate() {
        let both = ["bias", "variance"].map(|name| deviation(name, k).powi(2));
        squares_of_point[k / parameters].extend(both.into_iter().filter(|d| d.is_finite()));
        if only.is_some_and(|p| k % parameters + 1 != p) {
            continue;
        }
        for (position, &d) in axes.iter().enumerate() {
            write!(out, "{:>14} ", coordinate(results, mse, position, d, k))?;
        }
        let get = |name: &str| column(name).map_or(f64::NAN, |v| v[k]);
        writeln!(
            out,
            "{:>5} {:>9} {:>12} {:>12} {:>10} {:>12} {:>7.2} {:>12} {:>12} {:>7.2}",
            k % parameters + 1,
            whole("measurement_time_s").map_or(String::new(), |t| format!("{:.4}", t[k / parameters])),
            short(whole(quantity.truth).map_or(f64::NAN, |v| v[k])),
            short(*value),
            short(get("mse_standard_error")),
            short(get("mse_exact")),
            deviation("mse", k),
            short(get("mse_published")),
            short(get("bias_exact")),
            deviation("bias", k),
        )?;
    }
    Ok(())
}

/// Fewer repetitions than this leave the estimated standard errors more than 10 % uncertain.
const FEW_REPETITIONS: u64 = 100;

/// Mean square of all deviations, with its standard error between points: parameters measured in one record are correlated.
fn summarize(squares_of_point: &[Vec<f64>], out: &mut impl Write) -> std::io::Result<()> {
    let squares: Vec<f64> = squares_of_point.iter().flatten().copied().collect();
    if squares.is_empty() {
        return Ok(());
    }
    let n = squares.len() as f64;
    let mean_square = squares.iter().sum::<f64>() / n;
    let spread: f64 = squares_of_point.iter().map(|p| p.iter().map(|d| d - mean_square).sum::<f64>().powi(2)).sum();
    let largest = squares.iter().fold(0.0_f64, |a, d| a.max(d.sqrt()));
    writeln!(
        out,
        "\n{n} deviations of bias and variance from exact, in standard errors: mean square {mean_square:.3} ± {:.3} \
         (expected 1), largest {largest:.2}",
        spread.sqrt() / n
    )
}

fn coordinate(results: &Results, variable: &Variable, position: usize, dimension: usize, flat: usize) -> String {
    let shape = results.shape(variable);
    let stride: usize = shape[position + 1..].iter().product();
    let index = flat / stride % shape[position];
    match &results.dimensions[dimension].coordinate {
        Coordinate::Numbers(x) if x[index].abs() < 1e6 && x[index].fract().abs() <= 0.0 => format!("{}", x[index]),
        Coordinate::Numbers(x) => short(x[index]),
        Coordinate::Labels(x) => x[index].clone(),
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
