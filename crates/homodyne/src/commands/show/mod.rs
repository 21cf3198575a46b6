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
    let Some((_, axes)) = mse.dimensions.split_last() else { return Ok(()) };
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
    let parameters = results.shape(mse).last().copied().unwrap_or(0);
    let points = results.positions(axes);
    squares_of_point.resize(points.len(), Vec::new());
    for (at, squares) in points.iter().zip(squares_of_point) {
        let whole = |name: &str| results.variable(name).map_or(Vec::new(), |v| results.part(v, at).values);
        let of = |name: &str| whole(&format!("{}{name}", quantity.prefix));
        let deviations = |name: &str| {
            let columns = ["", "_exact", "_standard_error"].map(|suffix| of(&format!("{name}{suffix}")));
            move |parameter: usize| {
                let [found, exact, standard_error] = columns.each_ref().map(|column| number(column, parameter));
                (found - exact) / standard_error
            }
        };
        let (of_mse, of_bias, of_variance) = (deviations("mse"), deviations("bias"), deviations("variance"));
        let time = whole("measurement_time_s").first().map_or(String::new(), |t| format!("{t:.4}"));
        let truth = whole(quantity.truth);
        let columns = ["mse", "mse_standard_error", "mse_exact", "mse_published", "bias_exact"].map(of);
        for parameter in 0..parameters {
            let both = [of_bias(parameter), of_variance(parameter)].map(|deviation| deviation.powi(2));
            squares.extend(both.into_iter().filter(|d| d.is_finite()));
            if only.is_some_and(|p| parameter + 1 != p) {
                continue;
            }
            for own in at {
                write!(out, "{:>14} ", coordinate(results, *own))?;
            }
            let [value, standard_error, exact, published, bias] =
                columns.each_ref().map(|column| short(number(column, parameter)));
            writeln!(
                out,
                "{:>5} {time:>9} {:>12} {value:>12} {standard_error:>10} {exact:>12} {:>7.2} {published:>12} {bias:>12} {:>7.2}",
                parameter + 1,
                short(number(&truth, parameter)),
                of_mse(parameter),
                of_bias(parameter),
            )?;
        }
    }
    Ok(())
}

/// A value of a column; not a number where there is none.
fn number(column: &[f64], at: usize) -> f64 {
    column.get(at).copied().unwrap_or(f64::NAN)
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
