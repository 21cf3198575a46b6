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

/// At each x, the part of all other points whose fitness is that or more, with the standard error of a fraction of independent points.
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
        let points: Vec<(f64, f64, f64)> = xs
            .iter()
            .enumerate()
            .map(|(k, at)| {
                let values = results.part(fitness, &[(gate, g), (x, k)]).values;
                let count = values.len() as f64;
                let part = values.iter().filter(|f| **f >= LEAST_FITNESS).count() as f64 / count;
                (*at, part, (part * (1.0 - part) / count).sqrt())
            })
            .collect();
        shown.extend(points.iter().map(|p| p.1 + p.2));
        let line = points.iter().map(|p| (p.0, p.1)).collect();
        series.push(Series {
            item: Item::Line { points: line, dash: Dash::Solid, width: 1 },
            colour,
            legend: Some(name.clone()),
        });
        series.push(Series { item: Item::Points { points, marker: Marker::Dot }, colour, legend: None });
    }
    shown.push(0.0);
    Ok(vec![Plot {
        title: title_of(results, figure),
        x: spanning(&label, scale_of(xs), xs.clone())?,
        y: spanning(
            &format!("part of control voltages with a fitness of {LEAST_FITNESS} or more"),
            Scale::Linear,
            shown,
        )?,
        series,
        notes: Vec::new(),
    }])
}
