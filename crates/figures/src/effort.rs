//! Samples and time needed to reach a loss, against a swept number: median and quartiles of the runs; runs that do not
//! reach it within the budget count as infinitely long.

use crate::settings::FigureSection;
use results::{Coordinate, Results, Variable};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::{MARKERS, axis_label, name_of, scale_of, x_axis};
use crate::plot::{Dash, Item, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::training::{axes_of, line, title_of, values_at};
use crate::variable;

/// Spacing, as a ratio, between the rows of marks for medians beyond the budget.
const LINE_HEIGHT: f64 = 1.6;

/// Samples or seconds until success for each run, infinite without success; sorted.
#[derive(Clone, Debug, PartialEq)]
struct Effort(Vec<f64>);

impl Effort {
    fn new(amounts: &[f64], succeeded: &[f64]) -> Self {
        let counted = |(amount, success): (&f64, &f64)| if *success > 0.5 { *amount } else { f64::INFINITY };
        let mut all: Vec<f64> = amounts.iter().zip(succeeded).map(counted).collect();
        all.sort_by(f64::total_cmp);
        Self(all)
    }

    /// The lowest amount that at least this fraction of the runs does not exceed: an order statistic, since there is no
    /// interpolation to infinity.
    fn quantile(&self, part: f64) -> f64 {
        let rank = (part * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied().unwrap_or(f64::INFINITY)
    }

    fn reached(&self) -> usize {
        self.0.iter().filter(|x| x.is_finite()).count()
    }

    /// Whether these settings of a method are better than others: by the median, then by the number of runs that reach
    /// the loss.
    fn is_better_than(&self, other: &Self) -> bool {
        let order = self.quantile(0.5).total_cmp(&other.quantile(0.5)).then(other.reached().cmp(&self.reached()));
        order.is_lt()
    }
}

/// A method: its name, and the effort with its best settings at each x.
struct Method {
    name: String,
    efforts: Vec<Effort>,
}

impl Method {
    fn legend(&self) -> String {
        if self.name.is_empty() { "median and quartiles".to_owned() } else { self.name.clone() }
    }
}

/// The method: the part of a name before the first semicolon, common to all settings of a method.
fn method_of(name: &str) -> &str {
    name.split(';').next().unwrap_or_default().trim_end()
}

fn methods(results: &Results, amount: &Variable, x: usize) -> Result<Vec<Method>, FigureError> {
    let succeeded = variable(results, "succeeded")?;
    let others: Vec<usize> = axes_of(results)?.into_iter().filter(|d| *d != x).collect();
    let mut methods: Vec<Method> = Vec::new();
    for fixed in results.positions(&others) {
        let effort = |k: usize| {
            let at: Vec<(usize, usize)> = fixed.iter().copied().chain([(x, k)]).collect();
            Effort::new(&values_at(results, amount, &at), &values_at(results, succeeded, &at))
        };
        let efforts: Vec<Effort> = (0..results.dimensions[x].coordinate.len()).map(effort).collect();
        let names: Vec<String> = fixed.iter().map(|(d, k)| name_of(&results.dimensions[*d], *k)).collect();
        let name = names.iter().map(|n| method_of(n)).collect::<Vec<_>>().join(", ");
        match methods.iter_mut().find(|m| m.name == name) {
            None => methods.push(Method { name, efforts }),
            Some(method) => {
                for (best, own) in method.efforts.iter_mut().zip(efforts) {
                    if own.is_better_than(best) {
                        *best = own;
                    }
                }
            }
        }
    }
    Ok(methods)
}

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let x = x_axis(results, &axes_of(results)?, figure.x.as_deref())?;
    let title = title_of(results, figure);
    let samples = panel(results, figure, x, ("samples", "samples until the loss is reached"), title)?;
    let seconds = panel(results, figure, x, ("measurement_time_s", "measurement time until then [s]"), String::new())?;
    Ok(vec![samples, seconds])
}

fn panel(
    results: &Results,
    figure: &FigureSection,
    x: usize,
    (name, label): (&str, &str),
    title: String,
) -> Result<Plot, FigureError> {
    let Coordinate::Numbers(xs) = &results.dimensions[x].coordinate else { unreachable!("an axis of numbers") };
    let amount = variable(results, name)?;
    let methods = methods(results, amount, x)?;
    let longest = amount.values.iter().copied().filter(|a| a.is_finite()).fold(0.0, f64::max);
    let mut series = Vec::new();
    let mut ys = vec![longest];
    for (m, method) in methods.iter().enumerate() {
        let (colour, marker) = (PALETTE[m % PALETTE.len()], MARKERS[m % MARKERS.len()]);
        let mut piece = Vec::new();
        for (at, effort) in xs.iter().zip(&method.efforts) {
            let [low, median, high] = [0.25, 0.5, 0.75].map(|part| effort.quantile(part));
            ys.extend([low, median, high].into_iter().filter(|y| y.is_finite()));
            if low.is_finite() {
                let points = vec![(*at, low), (*at, high.min(longest))];
                series.push(line(points, Dash::Solid, 1, colour));
            }
            if median.is_finite() {
                piece.push((*at, median));
                continue;
            }
            finish(&mut piece, colour, &mut series);
            // beyond the budget, a row of marks for each method
            let y = longest * LINE_HEIGHT.powi(m as i32 + 1);
            ys.push(y * LINE_HEIGHT);
            let text = format!("{}/{}", effort.reached(), effort.0.len());
            series.push(Series { item: Item::Label { at: (*at, y), text }, colour, legend: None });
        }
        finish(&mut piece, colour, &mut series);
        let medians = xs.iter().zip(&method.efforts).map(|(at, e)| (*at, e.quantile(0.5), f64::NAN));
        let points = medians.filter(|p| p.1.is_finite()).collect();
        series.push(Series { item: Item::Points { points, marker }, colour, legend: Some(method.legend()) });
    }
    let label_of_x = || axis_label(&results.dimensions[x].name, &results.dimensions[x].units);
    let x_axis = spanning(&figure.x_label.clone().unwrap_or_else(label_of_x), scale_of(xs), xs.clone())?;
    let budget =
        Item::Line { points: vec![(x_axis.low, longest), (x_axis.high, longest)], dash: Dash::Dotted, width: 1 };
    series.push(Series {
        item: budget,
        colour: [0, 0, 0],
        legend: Some("longest run; above it: runs that reach the loss, of all".to_owned()),
    });
    Ok(Plot::new(title, x_axis, spanning(label, Scale::Log, ys)?, series))
}

/// Line segments through adjacent finite medians.
fn finish(piece: &mut Vec<(f64, f64)>, colour: [u8; 3], series: &mut Vec<Series>) {
    let points = std::mem::take(piece);
    if points.len() > 1 {
        series.push(line(points, Dash::Solid, 2, colour));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_do_not_arrive_are_longer_than_all_others() {
        let effort = Effort::new(&[5.0, 9.0, 1.0, 3.0], &[1.0, 0.0, 1.0, 1.0]);
        let is = |of: &Effort, part: f64, expected: f64| of.quantile(part).total_cmp(&expected).is_eq();
        assert!(is(&effort, 0.25, 1.0) && is(&effort, 0.5, 3.0) && is(&effort, 0.75, 5.0), "{effort:?}");
        assert!(is(&effort, 1.0, f64::INFINITY) && effort.reached() == 3);
        let never = Effort::new(&[5.0, 9.0, 1.0, 3.0], &[0.0, 1.0, 0.0, 0.0]);
        assert!(is(&never, 0.5, f64::INFINITY));
        assert!(effort.is_better_than(&never) && !never.is_better_than(&effort));
        let not_once = Effort::new(&[5.0, 9.0, 1.0, 3.0], &[0.0; 4]);
        assert!(never.is_better_than(&not_once) && !not_once.is_better_than(&never));
    }

    #[test]
    fn settings_of_a_method_agree_up_to_a_semicolon() {
        assert_eq!(method_of("SPSA; c = 30 mV"), "SPSA");
        assert_eq!(method_of("HGE"), "HGE");
    }
}
