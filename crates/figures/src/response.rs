//! Current and gradient of a device along one parameter.

use crate::settings::FigureSection;
use results::{Coordinate, Results};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::name_of;
use crate::plot::{Dash, Item, PALETTE, Plot, Series};
use crate::render::spanning;

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let title = figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned());
    let x_label = figure.x_label.clone().unwrap_or_else(|| "parameter [V]".to_owned());
    [("current", "output current [nA]"), ("gradient", "gradient [nA/V]")]
        .into_iter()
        .map(|(name, label)| {
            let missing = || FigureError::Missing { what: format!("the variable `{name}`") };
            let variable = crate::variable(results, name)?;
            let (&along, swept) = variable.dimensions.split_last().ok_or_else(missing)?;
            let Coordinate::Numbers(xs) = &results.dimensions[along].coordinate else { return Err(missing()) };
            let series = results
                .positions(swept)
                .iter()
                .enumerate()
                .map(|(k, at)| Series {
                    item: Item::Line {
                        points: xs.iter().copied().zip(results.part(variable, at).values).collect(),
                        dash: Dash::Solid,
                        width: 2,
                    },
                    colour: PALETTE[k % PALETTE.len()],
                    legend: match at[..] {
                        [(swept, own)] => Some(name_of(&results.dimensions[swept], own)),
                        _ => None,
                    },
                })
                .collect();
            Ok(Plot::new(
                title.clone(),
                spanning(&x_label, Scale::Linear, xs.clone())?,
                spanning(label, Scale::Linear, variable.values.clone())?,
                series,
            ))
        })
        .collect()
}
