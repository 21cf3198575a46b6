//! Estimates in parallel mode against estimates in sequential mode, one panel for each value of another axis.

use crate::settings::FigureSection;
use results::Coordinate;
use results::Results;

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::{axis_named, name_of};
use crate::plot::{Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;

/// Slope of the least-squares line through the origin, and root mean square of what it leaves.
#[must_use]
pub(crate) fn fit_through_origin(points: &[(f64, f64)]) -> (f64, f64) {
    let (xy, xx) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x * y, b + x * x));
    let slope = xy / xx;
    let rest = points.iter().map(|(x, y)| (y - slope * x).powi(2)).sum::<f64>() / points.len() as f64;
    (slope, rest.sqrt())
}

/// Whether a dimension of the estimates is none of the sweep.
fn is_within_point(name: &str) -> bool {
    ["parameter", "repetition"].contains(&name)
}

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let estimate = variable(results, "estimate")?;
    let of_modes = || {
        let mode = results.dimension("estimator.mode").filter(|mode| estimate.dimensions.contains(mode))?;
        let Coordinate::Labels(modes) = &results.dimensions[mode].coordinate else { return None };
        let index_of = |name: &str| modes.iter().position(|m| m == name);
        Some((mode, index_of("parallel")?, index_of("sequential")?))
    };
    let (mode, parallel, sequential) = of_modes().ok_or_else(|| {
        let axis = "\"estimator.mode\" = [\"parallel\", \"sequential\"] in [sweep]";
        FigureError::setting("kind", format!("found \"scatter\", which needs {axis}"))
    })?;
    let swept: Vec<usize> =
        estimate.dimensions.iter().copied().filter(|&d| !is_within_point(&results.dimensions[d].name)).collect();
    if let Some(path) = &figure.x {
        let named = axis_named(results, &swept, "x", path)?;
        if named == mode {
            return Err(FigureError::setting("x", "found \"estimator.mode\", which is what the panels compare"));
        }
    }
    let panel_axis = estimate.dimensions.iter().copied().find(|&d| {
        let name = results.dimensions[d].name.as_str();
        figure
            .x
            .as_deref()
            .map_or_else(|| d != mode && !is_within_point(name) && name != "device.operating_point_volt", |x| x == name)
    });
    let of_panel = |at: &Vec<(usize, usize)>| -> Vec<(f64, f64)> {
        let of_mode = |own: usize| results.part(estimate, &[&at[..], &[(mode, own)]].concat()).values;
        of_mode(sequential).into_iter().zip(of_mode(parallel)).collect()
    };
    let clouds: Vec<Vec<(f64, f64)>> = results.positions(panel_axis.as_slice()).iter().map(of_panel).collect();
    let all: Vec<f64> = clouds.iter().flatten().flat_map(|p| [p.0, p.1]).collect();
    let axis = |label: &str| spanning(label, Scale::Linear, all.clone());
    let title = figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned());
    let mut panels = Vec::new();
    for (k, cloud) in clouds.into_iter().enumerate() {
        let (slope, rest) = fit_through_origin(&cloud);
        let x = axis("sequential estimate [nA/V]")?;
        let ends = vec![(x.low, x.low), (x.high, x.high)];
        let name = panel_axis.map_or(String::new(), |d| name_of(&results.dimensions[d], k));
        let notes = vec![
            format!("{} derivatives", cloud.len()),
            format!("slope {slope:.4}"),
            format!("r.m.s. residual {rest:.2} nA/V"),
        ];
        panels.push(
            Plot::new(
                [&title, &name].into_iter().filter(|s| !s.is_empty()).cloned().collect::<Vec<_>>().join(", "),
                x,
                axis("parallel estimate [nA/V]")?,
                vec![
                    Series {
                        item: Item::Line { points: ends, dash: Dash::Dashed, width: 1 },
                        colour: GREY,
                        legend: None,
                    },
                    Series {
                        item: Item::Points {
                            points: cloud.into_iter().map(|(x, y)| (x, y, f64::NAN)).collect(),
                            marker: Marker::Dot,
                        },
                        colour: PALETTE[k % PALETTE.len()],
                        legend: None,
                    },
                ],
            )
            .noted(notes),
        );
    }
    Ok(panels)
}

#[cfg(test)]
mod tests {
    use super::fit_through_origin;

    #[test]
    fn a_line_is_fitted_by_itself() {
        let (slope, rest) = fit_through_origin(&[(1.0, 2.0), (-3.0, -6.0)]);
        assert!((slope - 2.0).abs() < 1e-12 && rest < 1e-12);
    }
}
