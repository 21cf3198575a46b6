//! Histogram of response ratios over all points of a sweep (B25 Suppl. 2): for each derivative, the mean response of
//! the others divided by its own, exact and, if estimates are stored, measured.

use crate::settings::FigureSection;
use results::{Results, Variable};

use crate::axis::{Axis, Scale, plain};
use crate::error::FigureError;
use crate::plot::{Dash, GREY, Item, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;

/// Bins per decade.
const BINS_OF_DECADE: f64 = 10.0;
/// Ratios outside this range are counted in a note.
const SHOWN: (f64, f64) = (1e-4, 1e5);

/// Counts in logarithmic bins.
struct Histogram {
    /// Lower end of each bin, and the upper end of the last.
    edges: Vec<f64>,
    counts: Vec<f64>,
    /// Number of values outside.
    outside: usize,
    median: f64,
    all: usize,
}

impl Histogram {
    /// Histogram of all values that are not NaN.
    fn of(values: &[f64]) -> Self {
        let (first, last) = (SHOWN.0.log10(), SHOWN.1.log10());
        let bins = ((last - first) * BINS_OF_DECADE).round() as usize;
        let edges = (0..=bins).map(|k| 10.0_f64.powf(first + k as f64 / BINS_OF_DECADE)).collect();
        let mut counts = vec![0.0; bins];
        let mut sorted: Vec<f64> = values.iter().copied().filter(|r| !r.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let mut outside = 0;
        for ratio in &sorted {
            let bin = ((ratio.log10() - first) * BINS_OF_DECADE).floor();
            match (0.0..bins as f64).contains(&bin) {
                true => counts[bin as usize] += 1.0,
                false => outside += 1,
            }
        }
        Self { edges, counts, outside, median: median(&sorted), all: sorted.len() }
    }

    /// Outline, without empty bins at both ends.
    fn steps(&self) -> Vec<(f64, f64)> {
        let filled = |count: &f64| *count > 0.0;
        let first = self.counts.iter().position(filled).unwrap_or(0);
        let last = self.counts.iter().rposition(filled).unwrap_or(0);
        let mut steps = vec![(self.edges[first], 0.0)];
        for k in first..=last {
            steps.extend([(self.edges[k], self.counts[k]), (self.edges[k + 1], self.counts[k])]);
        }
        steps.push((self.edges[last + 1], 0.0));
        steps
    }
}

/// Median of sorted values; NaN if there are none.
fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
        n => sorted[n / 2],
    }
}

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let exact = variable(results, "response_ratio")?;
    let parameters = results.shape(exact).last().copied().unwrap_or(0);
    if parameters < 2 {
        let message = "found \"ratios\", which needs a device of two parameters or more";
        return Err(FigureError::setting("kind", message));
    }
    let mut shown = vec![Shown::new("exact", exact, Dash::Solid, PALETTE[0])];
    shown.extend(
        results.variable("measured_response_ratio").map(|m| Shown::new("measured", m, Dash::Dashed, PALETTE[1])),
    );
    let corners = || shown.iter().flat_map(|s| &s.steps);
    let label = figure.x_label.clone().unwrap_or_else(|| "mean response of the others / own response".to_owned());
    let x = spanning(&label, Scale::Log, corners().map(|c| c.0).collect())?;
    let counts = spanning("number of derivatives", Scale::Linear, corners().map(|c| c.1).collect())?;
    // space for the notes above the bars
    let y = Axis { low: 0.0, high: counts.high + 0.12 * (counts.high - counts.low), ..counts };
    let mut notes = vec![format!("{} ratios", shown[0].histogram.all)];
    let mut series = vec![Series {
        item: Item::Band(shown[0].steps.iter().map(|(x, count)| (*x, 0.0, *count)).collect()),
        colour: shown[0].colour,
        legend: None,
    }];
    for Shown { name, histogram, steps, dash, colour } in shown {
        if histogram.outside > 0 {
            let (low, high) = (plain(SHOWN.0), plain(SHOWN.1));
            notes.push(format!("{name}: {} outside {low} to {high}", histogram.outside));
        }
        let line = |points, dash, legend| Series { item: Item::Line { points, dash, width: 2 }, colour, legend };
        let legend = format!("{name}, median {:.2}", histogram.median);
        series.push(line(steps, dash, Some(legend)));
        series.push(line(vec![(histogram.median, 0.0), (histogram.median, y.high)], Dash::Dotted, None));
    }
    let key = Item::Line { points: Vec::new(), dash: Dash::Dotted, width: 2 };
    series.push(Series { item: key, colour: GREY, legend: Some("medians".to_owned()) });
    let title = figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned());
    Ok(vec![Plot::new(title, x, y, series).noted(notes)])
}

/// A drawn histogram.
struct Shown {
    name: &'static str,
    histogram: Histogram,
    steps: Vec<(f64, f64)>,
    dash: Dash,
    colour: [u8; 3],
}

impl Shown {
    fn new(name: &'static str, of: &Variable, dash: Dash, colour: [u8; 3]) -> Self {
        let histogram = Histogram::of(&of.values);
        Self { name, steps: histogram.steps(), histogram, dash, colour }
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn ratios_are_counted_in_bins_of_a_tenth_of_a_decade() {
        let histogram = Histogram::of(&[1.01, 1.2, 1.3, 2.05, f64::INFINITY, 1e-9, f64::NAN]);
        assert_eq!((histogram.all, histogram.outside), (6, 2));
        assert!((histogram.median - 1.25).abs() < 1e-12);
        let filled: Vec<(usize, f64)> =
            histogram.counts.iter().copied().enumerate().filter(|(_, n)| *n > 0.0).collect();
        assert_eq!(filled.iter().map(|(_, n)| *n as usize).collect::<Vec<_>>(), [2, 1, 1]);
        assert!((histogram.edges[filled[0].0] - 1.0).abs() < 1e-12);
        assert_eq!(histogram.steps().len(), 2 + 2 * (filled[2].0 - filled[0].0 + 1));
    }
}
