//! Measured derivatives, mean ± standard deviation, against a swept number (B25 Figs. 2b and 2e).

use crate::settings::FigureSection;
use results::Coordinate;
use results::{Results, Variable};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::{
    MARKERS, MOST_SERIES, axis_label, markers_every, name_of, scale_of, shown_parameters, value_at, weakest, x_axis,
};
use crate::plot::{Dash, GREY, Item, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;

/// Mean and standard deviation of an estimate from its bias and variance, for each value along x.
struct Law {
    x: Vec<f64>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Law {
    fn points(&self) -> Vec<(f64, f64, f64)> {
        let deviations = self.mean.iter().zip(&self.deviation);
        self.x.iter().zip(deviations).map(|(x, (mean, deviation))| (*x, *mean, *deviation)).collect()
    }

    fn band(&self) -> Vec<(f64, f64, f64)> {
        self.points().into_iter().map(|(x, mean, deviation)| (x, mean - deviation, mean + deviation)).collect()
    }

    fn line(&self) -> Vec<(f64, f64)> {
        self.x.iter().copied().zip(self.mean.iter().copied()).collect()
    }
}

/// Which derivatives are drawn: variable of the true values, prefix of the other variables, and texts.
struct Quantity {
    truth: &'static str,
    prefix: &'static str,
    name: &'static str,
    units: &'static str,
}

const FIRST: Quantity = Quantity { truth: "true_gradient", prefix: "", name: "derivative", units: "nA/V" };
const SECOND: Quantity =
    Quantity { truth: "true_curvature", prefix: "curvature_", name: "second derivative", units: "nA/V²" };

/// Panels of the derivatives and of their deviations from the true values, which show small differences.
pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    Ok(vec![panel(results, figure, &FIRST, false)?, panel(results, figure, &FIRST, true)?])
}

/// The same for second derivatives.
pub(crate) fn curvature_panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    Ok(vec![panel(results, figure, &SECOND, false)?, panel(results, figure, &SECOND, true)?])
}

fn panel(
    results: &Results,
    figure: &FigureSection,
    quantity: &Quantity,
    deviations: bool,
) -> Result<Plot, FigureError> {
    let get = |name: &str| variable(results, &format!("{}{name}", quantity.prefix));
    let (truth, bias, variance) = (variable(results, quantity.truth)?, get("bias")?, get("variance")?);
    let (bias_exact, variance_exact) = (get("bias_exact")?, get("variance_exact")?);
    let Some((&parameter_dimension, swept)) = truth.dimensions.split_last() else {
        return Err(FigureError::Missing { what: format!("the dimensions of `{}`", quantity.truth) });
    };
    let x_dimension = x_axis(results, swept, figure.x.as_deref())?;
    let Coordinate::Numbers(xs) = &results.dimensions[x_dimension].coordinate else {
        unreachable!("an axis of numbers")
    };
    let parameter = match figure.parameter {
        None => weakest(results, quantity.truth, parameter_dimension)?,
        Some(_) => shown_parameters(results, parameter_dimension, figure)?[0],
    };
    let every = markers_every(figure)?;
    let mut order: Vec<usize> = (0..xs.len()).collect();
    order.sort_by(|&a, &b| xs[a].total_cmp(&xs[b]));
    let others: Vec<usize> = swept.iter().copied().filter(|&d| d != x_dimension).collect();
    let combinations = results.positions(&others);

    let (mut series, mut ys) = (Vec::new(), Vec::new());
    for (k, fixed) in combinations.iter().take(MOST_SERIES).enumerate() {
        let value = |of: &Variable, i: usize| {
            value_at(results, of, &|d| match d {
                d if d == x_dimension => i,
                d if d == parameter_dimension => parameter,
                d => fixed.iter().find(|(f, _)| *f == d).map_or(0, |(_, index)| *index),
            })
        };
        let base = |i: usize| if deviations { 0.0 } else { value(truth, i) };
        let law = |bias: &Variable, variance: &Variable| Law {
            x: order.iter().map(|&i| xs[i]).collect(),
            mean: order.iter().map(|&i| base(i) + value(bias, i)).collect(),
            deviation: order.iter().map(|&i| value(variance, i).sqrt()).collect(),
        };
        let (exact, found) = (law(bias_exact, variance_exact), law(bias, variance));
        let colour = PALETTE[k];
        ys.extend(exact.band().into_iter().chain(found.band()).flat_map(|p| [p.1, p.2]));
        let name = fixed.iter().map(|&(d, i)| name_of(&results.dimensions[d], i)).collect::<Vec<_>>().join(", ");
        let legend = Some(if name.is_empty() { "measured".to_owned() } else { name });
        let points = found.points().into_iter().step_by(every).collect();
        let line = Item::Line { points: exact.line(), dash: Dash::Solid, width: 2 };
        series.push(Series { item: Item::Band(exact.band()), colour, legend: None });
        series.push(Series { item: line, colour, legend: None });
        series.push(Series { item: Item::Points { points, marker: MARKERS[k % MARKERS.len()] }, colour, legend });
        if k == 0 {
            let points = order.iter().map(|&i| (xs[i], base(i))).collect();
            let item = Item::Line { points, dash: Dash::Dashed, width: 2 };
            series.push(Series { item, colour: [0, 0, 0], legend: None });
        }
    }
    let key = |item: Item, colour, legend: &str| Series { item, colour, legend: Some(legend.to_owned()) };
    let line = |dash| Item::Line { points: Vec::new(), dash, width: 2 };
    series.push(key(Item::Points { points: Vec::new(), marker: MARKERS[0] }, GREY, "Monte Carlo, mean ± 1 s.d."));
    series.push(key(line(Dash::Solid), GREY, "exact mean"));
    series.push(key(Item::Band(Vec::new()), GREY, "exact, ± 1 s.d."));
    series.push(key(line(Dash::Dashed), [0, 0, 0], &format!("true {}", quantity.name)));
    let mut notes = Vec::new();
    if combinations.len() > MOST_SERIES {
        notes.push(format!("the first {MOST_SERIES} of {} series", combinations.len()));
    }
    let info = &results.dimensions[x_dimension];
    let label = figure.x_label.clone().unwrap_or_else(|| axis_label(&info.name, &info.units));
    let title = match deviations {
        true => String::new(),
        false => figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned()),
    };
    let of = if deviations { "measured − true " } else { "" };
    let y = spanning(&format!("{of}{} [{}]", quantity.name, quantity.units), Scale::Linear, ys)?;
    Ok(Plot::new(title, spanning(&label, scale_of(xs), xs.clone())?, y, series).noted(notes))
}
