//! The table of a training study: how many runs succeeded at each point of the sweep, when, and how good they are.

use std::io::Write;

use results::{Results, Variable};
use serde_json::{Value, json};
use statrs::distribution::{Beta, ContinuousCDF};

use super::{coordinate, place, short};

/// Probability that a rate lies beyond one end of its confidence interval.
const BEYOND: f64 = 0.025;

/// One line for each point: runs that were solved with the 95 % interval of their rate, and medians over the runs.
pub(super) fn print(results: &Results, solved: &Variable, out: &mut impl Write) -> std::io::Result<()> {
    let (&runs_dimension, axes) = solved.dimensions.split_last().expect("a dimension for the runs");
    let runs = results.dimensions[runs_dimension].coordinate.len();
    let name = |d: usize| results.dimensions[d].name.rsplit('.').next().unwrap_or_default();
    writeln!(out)?;
    for &axis in axes {
        write!(out, "{:>16} ", name(axis))?;
    }
    writeln!(
        out,
        "{:>9} {:>11} {:>12} {:>11} {:>11} {:>11} {:>11}",
        "solved", "95 % [%]", "time [s]", "attempts", "loss", "noiseless", "accuracy"
    )?;
    let (mut all, mut found) = (0.0, 0);
    let points = results.positions(axes);
    for at in &points {
        for own in at {
            write!(out, "{:>16} ", coordinate(results, *own))?;
        }
        let of_point = |variable: &str| results.variable(variable).map_or(Vec::new(), |v| results.part(v, at).values);
        let count: f64 = of_point("solved").iter().sum();
        let (low, high) = interval(count, runs as f64);
        let middle = |variable: &str| short(median(of_point(variable)));
        writeln!(
            out,
            "{:>9} {:>11} {:>12} {:>11} {:>11} {:>11} {:>11}",
            format!("{count:.0}/{runs}"),
            format!("{:.0} to {:.0}", 100.0 * low, 100.0 * high),
            middle("measurement_time_s"),
            middle("attempts"),
            middle("final_loss"),
            middle("noiseless_loss"),
            middle("test_accuracy"),
        )?;
        all += count;
        found += usize::from(count > 0.0);
    }
    writeln!(
        out,
        "\nsolved at least once at {found} of {} points, in {all:.0} of {} runs; time, attempts, losses and test \
         accuracy are medians over the runs of a point. A run is \
         solved if its loss fell below `training.stop_below` in time and its currents without noise separate the classes: an \
         accuracy of 1 alone is not enough",
        points.len(),
        solved.values.len()
    )
}

/// An object for each point; `null` where there is no number.
pub(super) fn as_json(results: &Results, solved: &Variable) -> Value {
    let axes = solved.dimensions.split_last().map_or(&[][..], |(_, axes)| axes);
    let point = |(k, at): (usize, Vec<(usize, usize)>)| {
        let of_point = |name: &str| results.variable(name).map_or(Vec::new(), |v| results.part(v, &at).values);
        let (runs, count) = (of_point("solved").len(), of_point("solved").iter().sum::<f64>());
        let (low, high) = interval(count, runs as f64);
        let middle = |name: &str| median(of_point(name));
        json!({
            "point": k,
            "at": place(results, &at),
            "runs": runs,
            "solved": count,
            "solved_rate_95_percent": [low, high],
            "median_measurement_time_s": middle("measurement_time_s"),
            "median_attempts": middle("attempts"),
            "median_final_loss": middle("final_loss"),
            "median_noiseless_loss": middle("noiseless_loss"),
            "median_test_accuracy": middle("test_accuracy"),
        })
    };
    results.positions(axes).into_iter().enumerate().map(point).collect()
}

/// Interval of the rate of `count` successes in `runs` (Clopper & Pearson, Biometrika 26, 404 (1934)).
fn interval(count: f64, runs: f64) -> (f64, f64) {
    let quantile = |a: f64, b: f64, part: f64| Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(part));
    let low = if count > 0.0 { quantile(count, runs - count + 1.0, BEYOND) } else { 0.0 };
    let high = if count < runs { quantile(count + 1.0, runs - count, 1.0 - BEYOND) } else { 1.0 };
    (low, high)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::{interval, median};

    /// scipy.stats.binomtest(13, 20).proportion_ci(): 0.4078115, 0.8460908; and its rule at the ends.
    #[test]
    fn intervals_of_rates() {
        let (low, high) = interval(13.0, 20.0);
        assert!((low - 0.407_811_5).abs() < 1e-6 && (high - 0.846_090_8).abs() < 1e-6, "{low} {high}");
        let (low, high) = interval(0.0, 20.0);
        assert!(low.abs() < 1e-12 && (high - (1.0 - 0.025_f64.powf(0.05))).abs() < 1e-9, "{low} {high}");
        assert!((interval(20.0, 20.0).1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn medians_leave_out_what_is_missing() {
        assert!((median(vec![3.0, f64::NAN, 1.0, 2.0, 5.0]) - 2.5).abs() < 1e-12);
    }
}
