//! The table of an error study: each error, and by how many standard errors it deviates from the exact one.

use std::io::Write;

use results::{Results, Variable};
use serde_json::{Value, json};

use super::{coordinate, place, short};

/// The derivatives whose errors a table holds: the title of their column, the variable of the true ones, and what the names of
/// the others begin with.
struct Quantity {
    title: &'static str,
    truth: &'static str,
    prefix: &'static str,
}

const FIRST: Quantity = Quantity { title: "gradient", truth: "true_gradient", prefix: "" };
const SECOND: Quantity = Quantity { title: "curvature", truth: "true_curvature", prefix: "curvature_" };

/// Errors of one parameter at one point.
struct Row {
    /// Index of the point, and its place in the sweep.
    point: usize,
    at: Vec<(usize, usize)>,
    place: serde_json::Map<String, Value>,
    /// From 1.
    parameter: usize,
    time_s: f64,
    truth: f64,
    mse: f64,
    mse_standard_error: f64,
    mse_exact: f64,
    mse_published: f64,
    bias_exact: f64,
    /// Deviations from exact, in standard errors.
    mse_deviation: f64,
    bias_deviation: f64,
    variance_deviation: f64,
}

impl Row {
    /// Squares of the deviations that are independent of each other: of bias and variance.
    fn squares(&self) -> impl Iterator<Item = f64> {
        [self.bias_deviation, self.variance_deviation].map(|d| d.powi(2)).into_iter().filter(|d| d.is_finite())
    }

    fn largest(&self) -> f64 {
        [self.mse_deviation, self.bias_deviation, self.variance_deviation].iter().fold(0.0_f64, |a, d| a.max(d.abs()))
    }
}

/// Errors of first or second derivatives.
pub(crate) struct Table {
    quantity: &'static Quantity,
    rows: Vec<Row>,
    /// Of all parameters, also of those that are not asked for.
    squares_of_point: Vec<Vec<f64>>,
}

/// The tables of an error study, of one parameter (from 1) or of all; `None` if it is none.
pub(crate) fn tables(results: &Results, only: Option<usize>) -> Option<Vec<Table>> {
    let first = table(results, results.variable("mse")?, &FIRST, only);
    let second = results.variable("curvature_mse").map(|mse| table(results, mse, &SECOND, only));
    Some(std::iter::once(first).chain(second).collect())
}

fn table(results: &Results, mse: &Variable, quantity: &'static Quantity, only: Option<usize>) -> Table {
    let axes = mse.dimensions.split_last().map_or(&[][..], |(_, axes)| axes);
    let parameters = results.shape(mse).last().copied().unwrap_or(0);
    let mut rows = Vec::new();
    let mut squares_of_point = Vec::new();
    for (point, at) in results.positions(axes).into_iter().enumerate() {
        let whole = |name: &str| results.variable(name).map_or(Vec::new(), |v| results.part(v, &at).values);
        let of = |name: &str| whole(&format!("{}{name}", quantity.prefix));
        let deviations = |name: &str| {
            let columns = ["", "_exact", "_standard_error"].map(|suffix| of(&format!("{name}{suffix}")));
            move |parameter: usize| {
                let [found, exact, standard_error] = columns.each_ref().map(|column| number(column, parameter));
                (found - exact) / standard_error
            }
        };
        let (of_mse, of_bias, of_variance) = (deviations("mse"), deviations("bias"), deviations("variance"));
        let (time, truth) = (whole("measurement_time_s"), whole(quantity.truth));
        let columns = ["mse", "mse_standard_error", "mse_exact", "mse_published", "bias_exact"].map(of);
        let row = |k: usize| {
            let [mse, mse_standard_error, mse_exact, mse_published, bias_exact] =
                columns.each_ref().map(|column| number(column, k));
            Row {
                point,
                at: at.clone(),
                place: place(results, &at),
                parameter: k + 1,
                time_s: number(&time, 0),
                truth: number(&truth, k),
                mse,
                mse_standard_error,
                mse_exact,
                mse_published,
                bias_exact,
                mse_deviation: of_mse(k),
                bias_deviation: of_bias(k),
                variance_deviation: of_variance(k),
            }
        };
        let all: Vec<Row> = (0..parameters).map(row).collect();
        squares_of_point.push(all.iter().flat_map(Row::squares).collect());
        rows.extend(all.into_iter().filter(|row| only.is_none_or(|p| row.parameter == p)));
    }
    Table { quantity, rows, squares_of_point }
}

/// A value of a column; not a number where there is none.
fn number(column: &[f64], at: usize) -> f64 {
    column.get(at).copied().unwrap_or(f64::NAN)
}

/// Rows up to which all are printed, and rows printed of more.
const FEW: usize = 40;
const WORST: usize = 10;
/// Fewer repetitions than this leave the estimated standard errors more than 10 % uncertain.
const FEW_REPETITIONS: u64 = 100;

/// A summary, and the rows: all, or of many those that deviate most.
pub(super) fn print(results: &Results, tables: &[Table], all: bool, out: &mut impl Write) -> std::io::Result<()> {
    let points = tables.first().map_or(0, |t| t.squares_of_point.len());
    let mut squares_of_point = vec![Vec::new(); points];
    for table in tables {
        squares_of_point.iter_mut().zip(&table.squares_of_point).for_each(|(all, own)| all.extend(own));
    }
    summarize(&squares_of_point, out)?;
    let repetitions: Option<u64> = results.attribute("repetitions").and_then(|n| n.parse().ok());
    if repetitions.is_some_and(|n| n < FEW_REPETITIONS) {
        writeln!(
            out,
            "with fewer than {FEW_REPETITIONS} repetitions, standard errors are themselves too uncertain to judge by"
        )?;
    }
    for table in tables {
        let mut rows: Vec<&Row> = table.rows.iter().collect();
        if !all && rows.len() > FEW {
            // equal ones, such as those without an exact error, in the order of the sweep
            rows.sort_by(|a, b| b.largest().total_cmp(&a.largest()));
            rows.truncate(WORST);
            writeln!(out, "\nthe {WORST} rows of {} that deviate most (--all prints all):", table.rows.len())?;
        } else {
            writeln!(out)?;
        }
        write_rows(results, table.quantity, &rows, out)?;
    }
    Ok(())
}

/// All rows of small results.
pub(crate) fn print_rows(results: &Results, tables: &[Table], out: &mut impl Write) -> std::io::Result<()> {
    for table in tables {
        write_rows(results, table.quantity, &table.rows.iter().collect::<Vec<_>>(), out)?;
    }
    Ok(())
}

fn write_rows(results: &Results, quantity: &Quantity, rows: &[&Row], out: &mut impl Write) -> std::io::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    for (dimension, _) in &first.at {
        let title = results.dimensions[*dimension].name.rsplit('.').next().unwrap_or_default();
        write!(out, "{title:>14} ")?;
    }
    let unit = if quantity.prefix.is_empty() { "nA/V" } else { "nA/V²" };
    writeln!(
        out,
        "{:>5} {:>9} {:>17} {:>17} {:>10} {:>12} {:>7} {:>12} {:>12} {:>7} {:>11}",
        "param",
        "time [s]",
        format!("{} [{unit}]", quantity.title),
        format!("MSE [({unit})²]"),
        "± s.e.",
        "exact",
        "dev.",
        "published",
        "bias exact",
        "dev.",
        "√MSE [%]"
    )?;
    for row in rows {
        for own in &row.at {
            write!(out, "{:>14} ", coordinate(results, *own))?;
        }
        writeln!(
            out,
            "{:>5} {:>9.4} {:>17} {:>17} {:>10} {:>12} {:>7.2} {:>12} {:>12} {:>7.2} {:>11}",
            row.parameter,
            row.time_s,
            short(row.truth),
            short(row.mse),
            short(row.mse_standard_error),
            short(row.mse_exact),
            row.mse_deviation,
            short(row.mse_published),
            short(row.bias_exact),
            row.bias_deviation,
            format!("{:.3}", 100.0 * row.mse.sqrt() / row.truth.abs()),
        )?;
    }
    Ok(())
}

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

/// An object for each row; `null` where there is no number.
pub(super) fn as_json(tables: &[Table]) -> Value {
    let row = |quantity: &'static Quantity, row: &Row| {
        json!({
            "point": row.point,
            "at": row.place,
            "parameter": row.parameter,
            "derivative": quantity.title,
            "measurement_time_s": row.time_s,
            "truth": row.truth,
            "mse": row.mse,
            "mse_standard_error": row.mse_standard_error,
            "mse_exact": row.mse_exact,
            "mse_published": row.mse_published,
            "bias_exact": row.bias_exact,
            "mse_deviation": row.mse_deviation,
            "bias_deviation": row.bias_deviation,
            "variance_deviation": row.variance_deviation,
        })
    };
    tables.iter().flat_map(|table| table.rows.iter().map(|r| row(table.quantity, r))).collect()
}
