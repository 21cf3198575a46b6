//! Abundance of Boolean gates against a swept number, such as that of acceptors.

use crate::settings::FigureSection;
use results::{Coordinate, Dimension, Results};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::{axis_label, scale_of, x_axis};
use crate::plot::{Dash, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::training::title_of;
use crate::variable;

/// Fitness from which on a gate counts: its step is at least twice what is left over of the four currents.
const LEAST_FITNESS: f64 = 2.0;

/// At each x, the part of all other points whose fitness is that or more, with Wilson's interval of one standard deviation (J. Am. Stat. Assoc. 22,
/// 209 (1927)) of independent points: those that share a device are not, so that it is too small where devices differ.
pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let fitness = variable(results, "fitness")?;
    let Some((&gate, axes)) = fitness.dimensions.split_last() else {
        return Err(FigureError::Missing { what: "the dimensions of `fitness`".to_owned() });
    };
    let x = x_axis(results, axes, figure.x.as_deref())?;
    let Coordinate::Labels(names) = &results.dimensions[gate].coordinate else {
        return Err(FigureError::Missing { what: "gates".to_owned() });
    };
    let Coordinate::Numbers(xs) = &results.dimensions[x].coordinate else { unreachable!("an axis of numbers") };
    let Dimension { name, units, .. } = &results.dimensions[x];
    let label = figure.x_label.clone().unwrap_or_else(|| axis_label(name, units));
    let (mut series, mut shown) = (Vec::new(), Vec::new());
    for (g, name) in names.iter().enumerate() {
        let colour = PALETTE[g % PALETTE.len()];
        let mut points: Vec<(f64, f64, [f64; 2])> = xs
            .iter()
            .enumerate()
            .map(|(k, at)| {
                let values = results.part(fitness, &[(gate, g), (x, k)]).values;
                let found = values.iter().filter(|f| **f >= LEAST_FITNESS).count();
                (*at, found as f64 / values.len() as f64, interval(found, values.len()))
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        shown.extend(points.iter().map(|p| p.2[1]));
        let line = |points: Vec<(f64, f64)>, legend| Series {
            item: Item::Line { points, dash: Dash::Solid, width: 1 },
            colour,
            legend,
        };
        series.push(line(points.iter().map(|p| (p.0, p.1)).collect(), Some(name.clone())));
        series.extend(points.iter().map(|(at, _, [low, high])| line(vec![(*at, *low), (*at, *high)], None)));
        let dots = points.iter().map(|p| (p.0, p.1, f64::NAN)).collect();
        series.push(Series { item: Item::Points { points: dots, marker: Marker::Disc }, colour, legend: None });
    }
    shown.push(0.0);
    Ok(vec![Plot::new(
        title_of(results, figure),
        spanning(&label, scale_of(xs), xs.clone())?,
        spanning(
            &format!("part of devices and voltages with a fitness of {LEAST_FITNESS} or more"),
            Scale::Linear,
            shown,
        )?,
        series,
    )])
}

/// Wilson's interval of one standard deviation of a part of independent points.
fn interval(found: usize, count: usize) -> [f64; 2] {
    let (found, count) = (found as f64, count as f64);
    let middle = (found + 0.5) / (count + 1.0);
    let half = (found * (count - found) / count + 0.25).sqrt() / (count + 1.0);
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn the_interval_is_that_of_wilson() {
        // the ends p solve (p̂ − p)² = p (1 − p)/n
        for (found, count) in [(0, 64), (3, 64), (64, 64), (5, 10)] {
            let part = found as f64 / count as f64;
            for end in interval(found, count) {
                assert!(((part - end).powi(2) - end * (1.0 - end) / count as f64).abs() < 1e-12, "{found} of {count}");
            }
        }
    }
}
