//! Samples of a device: how its currents are distributed, and how much each parameter moves them; and how a model of it compares.

use results::{Coordinate, Results};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::name_of;
use crate::plot::{Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::settings::FigureSection;

/// The distribution of the currents, and the root mean square of each derivative.
pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let title = figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned());
    let current = crate::variable(results, "sampled_current")?;
    let gradient = crate::variable(results, "sampled_gradient")?;
    let swept: Vec<usize> =
        current.dimensions.iter().copied().filter(|&d| results.dimensions[d].name != "sample").collect();
    let (mut distributions, mut sizes) = (Vec::new(), Vec::new());
    for (k, at) in results.positions(&swept).iter().enumerate() {
        let (colour, legend) = (
            PALETTE[k % PALETTE.len()],
            match at[..] {
                [(axis, own)] => Some(name_of(&results.dimensions[axis], own)),
                _ => None,
            },
        );
        let mut currents = results.part(current, at).values;
        currents.retain(|i| i.is_finite());
        currents.sort_by(f64::total_cmp);
        let count = currents.len() as f64;
        let points = currents.into_iter().enumerate().map(|(n, i)| (i, (n as f64 + 0.5) / count)).collect();
        let item = Item::Line { points, dash: Dash::Solid, width: 2 };
        distributions.push(Series { item, colour, legend: legend.clone() });
        let part = results.part(gradient, at);
        let parameters = part.shape.last().copied().unwrap_or(1);
        let size = |m: usize| {
            let known: Vec<f64> =
                part.values.iter().skip(m).step_by(parameters).copied().filter(|g| g.is_finite()).collect();
            (known.iter().map(|g| g * g).sum::<f64>() / known.len() as f64).sqrt()
        };
        let points = (0..parameters).map(|m| (m as f64 + 1.0, size(m), f64::NAN)).collect();
        sizes.push(Series { item: Item::Points { points, marker: Marker::Disc }, colour, legend });
    }
    let numbers = match results.dimension("parameter").map(|d| &results.dimensions[d].coordinate) {
        Some(Coordinate::Numbers(numbers)) => numbers.clone(),
        _ => Vec::new(),
    };
    let heights: Vec<f64> = sizes
        .iter()
        .flat_map(|series| match &series.item {
            Item::Points { points, .. } => points.iter().map(|p| p.1).collect(),
            _ => Vec::new(),
        })
        .chain([0.0])
        .collect();
    Ok(vec![
        Plot::new(
            title.clone(),
            spanning("output current [nA]", Scale::Linear, current.values.clone())?,
            spanning("part of the samples below", Scale::Linear, vec![0.0, 1.0])?,
            distributions,
        ),
        Plot::new(
            title,
            spanning("parameter", Scale::Linear, numbers)?,
            spanning("r.m.s. derivative [nA/V]", Scale::Linear, heights)?,
            sizes,
        ),
    ])
}

/// Values of a model against those of the device, with the line on which they are equal.
///
/// # Errors
/// If there is none.
pub fn parity(title: &str, quantity: &str, pairs: &[(f64, f64)], notes: Vec<String>) -> Result<Plot, FigureError> {
    let all: Vec<f64> = pairs.iter().flat_map(|p| [p.0, p.1]).collect();
    let axis = |of: &str| spanning(&format!("{quantity}, {of}"), Scale::Linear, all.clone());
    let x = axis("device")?;
    let ends = vec![(x.low, x.low), (x.high, x.high)];
    let points = pairs.iter().map(|(device, model)| (*device, *model, f64::NAN)).collect();
    Ok(Plot::new(
        title.to_owned(),
        x,
        axis("model")?,
        vec![
            Series { item: Item::Points { points, marker: Marker::Dot }, colour: PALETTE[0], legend: None },
            Series { item: Item::Line { points: ends, dash: Dash::Dashed, width: 1 }, colour: GREY, legend: None },
        ],
    )
    .noted(notes))
}
