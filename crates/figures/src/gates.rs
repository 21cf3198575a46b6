//! Abundance of Boolean gates against the minimum fitness, and the distribution of responses.

use crate::settings::FigureSection;
use results::{Coordinate, Results};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::plot::{Dash, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let title = figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned());
    let abundance = variable(results, "abundance")?;
    let [gates, thresholds] = abundance.dimensions[..] else {
        return Err(FigureError::Missing { what: "the dimensions of `abundance`".to_owned() });
    };
    let (Coordinate::Labels(names), Coordinate::Numbers(thresholds)) =
        (&results.dimensions[gates].coordinate, &results.dimensions[thresholds].coordinate)
    else {
        return Err(FigureError::Missing { what: "gates and thresholds".to_owned() });
    };
    let series = names
        .iter()
        .enumerate()
        .zip(PALETTE)
        .map(|((gate, name), colour)| Series {
            item: Item::Line {
                points: thresholds
                    .iter()
                    .copied()
                    .zip(results.part(abundance, &[(gates, gate)]).values)
                    .filter(|p| p.1 > 0.0)
                    .collect(),
                dash: Dash::Solid,
                width: 2,
            },
            colour,
            legend: Some(name.clone()),
        })
        .collect();
    let shown: Vec<f64> = abundance.values.iter().copied().filter(|a| *a > 0.0).collect();
    let response = variable(results, "response")?;
    let Some(&component) = response.dimensions.last() else {
        return Err(FigureError::Missing { what: "the dimensions of `response`".to_owned() });
    };
    // mean, left, right, and cross term
    let [left, right] = [1, 2].map(|part| results.part(response, &[(component, part)]).values);
    let cloud = left.iter().zip(&right).map(|(x, y)| (*x, *y, f64::NAN)).collect();
    let nonlinearity = variable(results, "nonlinearity")?;
    let notes = ["Q_l", "Q_r", "Q_lr"].iter().zip(&nonlinearity.values).map(|(n, q)| format!("{n} = {q:.3}")).collect();
    Ok(vec![
        Plot::new(
            title.clone(),
            spanning("least fitness", Scale::Log, thresholds.clone())?,
            spanning("fraction of control voltages", Scale::Log, shown)?,
            series,
        ),
        Plot::new(
            title,
            spanning("response to the left input [nA]", Scale::Linear, left)?,
            spanning("response to the right input [nA]", Scale::Linear, right)?,
            vec![Series {
                item: Item::Points { points: cloud, marker: Marker::Dot },
                colour: PALETTE[0],
                legend: None,
            }],
        )
        .noted(notes),
    ])
}
