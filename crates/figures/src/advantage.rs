//! Map of the exact mean squared error of the first estimator divided by that of the best other one, over two swept
//! numbers; the boundary is where both are equal.

use crate::settings::FigureSection;
use results::{Coordinate, Results, Variable};

use crate::axis::{Axis, Scale};
use crate::error::FigureError;
use crate::error_figure::{axis_label, axis_named, scale_of, value_at};
use crate::plot::{ColourBar, Dash, Item, Plot, Series};
use crate::render::spanning;
use crate::variable;

/// Decades of the ratio at which colours saturate.
const MOST_DECADES: f64 = 3.0;

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let compared = Compared::of(results, figure)?;
    let (xs, ys) = (&compared.xs, &compared.ys);
    let ratios = compared.log_ratios();
    let (x_scale, y_scale) = (scale_of(xs), scale_of(ys));
    let (x_edges, y_edges) = (edges(xs, x_scale), edges(ys, y_scale));
    let colours = ratios.iter().flatten().map(|r| Some(shade(*r))).collect();
    let mut series = vec![Series {
        item: Item::Cells { x_edges: x_edges.clone(), y_edges: y_edges.clone(), colours },
        colour: [0, 0, 0],
        legend: None,
    }];
    series.extend(boundary(xs, ys, &ratios, x_scale, y_scale).into_iter().map(|piece| boundary_line(piece, None)));
    series.push(boundary_line(Vec::new(), Some("boundary, exact theory".to_owned())));
    let label = |d: usize| axis_label(&results.dimensions[d].name, &results.dimensions[d].units);
    let title = figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned());
    let x_label = figure.x_label.clone().unwrap_or_else(|| label(compared.x));
    let mut x_axis = spanning(&x_label, x_scale, xs.clone())?;
    let mut y_axis = spanning(&label(compared.y), y_scale, ys.clone())?;
    (x_axis.low, x_axis.high) = (x_edges[0], x_edges[x_edges.len() - 1]);
    (y_axis.low, y_axis.high) = (y_edges[0], y_edges[y_edges.len() - 1]);
    Ok(vec![Plot::new(title, x_axis, y_axis, series).with_colour_bar(shades_explained(&compared.estimators[0]))])
}

/// Errors of several estimators over two swept numbers.
struct Compared<'a> {
    results: &'a Results,
    exact: &'a Variable,
    estimators: &'a [String],
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// Dimension along x.
    x: usize,
    /// Dimension along y.
    y: usize,
    /// Dimension of the estimators.
    estimator: usize,
    /// Dimension of the parameters.
    parameter: usize,
}

impl<'a> Compared<'a> {
    fn of(results: &'a Results, figure: &FigureSection) -> Result<Self, FigureError> {
        let unsuited = |what: &str| FigureError::setting("kind", format!("found \"advantage\", which needs {what}"));
        let exact = variable(results, "mse_exact")?;
        let parameter = exact.dimensions[exact.dimensions.len() - 1];
        let swept = &exact.dimensions[..exact.dimensions.len() - 1];
        let is_number = |d: &usize| matches!(results.dimensions[*d].coordinate, Coordinate::Numbers(_));
        let (numbers, names): (Vec<usize>, Vec<usize>) = swept.iter().copied().partition(is_number);
        let ([first, second], &[estimator]) = (&numbers[..], &names[..]) else {
            return Err(unsuited("a sweep of two numbers and of named estimators"));
        };
        let (x, y) = match &figure.x {
            Some(path) if axis_named(results, &numbers, "x", path)? == *second => (*second, *first),
            _ => (*first, *second),
        };
        let coordinates = |d: usize| match &results.dimensions[d].coordinate {
            Coordinate::Numbers(values) => values.clone(),
            Coordinate::Labels(_) => Vec::new(),
        };
        let (xs, ys) = (coordinates(x), coordinates(y));
        let Coordinate::Labels(estimators) = &results.dimensions[estimator].coordinate else {
            return Err(unsuited("names of estimators"));
        };
        if estimators.len() < 2 || xs.len() < 2 || ys.len() < 2 {
            return Err(unsuited("two estimators, and two values of each number"));
        }
        Ok(Self { results, exact, estimators, xs, ys, x, y, estimator, parameter })
    }

    /// Decades by which the error of the first estimator exceeds that of the best other one, `[y][x]`.
    fn log_ratios(&self) -> Vec<Vec<f64>> {
        (0..self.ys.len()).map(|j| (0..self.xs.len()).map(|i| self.log_ratio(i, j)).collect()).collect()
    }

    fn log_ratio(&self, i: usize, j: usize) -> f64 {
        let best = (1..self.estimators.len()).map(|e| self.mean_error(i, j, e)).fold(f64::INFINITY, f64::min);
        (self.mean_error(i, j, 0) / best).log10()
    }

    /// Mean over all parameters.
    fn mean_error(&self, i: usize, j: usize, estimator: usize) -> f64 {
        let at = |parameter: usize| {
            value_at(self.results, self.exact, &|d| {
                if d == self.x {
                    i
                } else if d == self.y {
                    j
                } else if d == self.estimator {
                    estimator
                } else {
                    parameter
                }
            })
        };
        let parameters = self.results.dimensions[self.parameter].coordinate.len();
        let each: Vec<f64> = (0..parameters).map(at).filter(|v| v.is_finite()).collect();
        each.iter().sum::<f64>() / each.len() as f64
    }
}

fn boundary_line(points: Vec<(f64, f64)>, legend: Option<String>) -> Series {
    Series { item: Item::Line { points, dash: Dash::Solid, width: 3 }, colour: [0, 0, 0], legend }
}

/// Scale of the shades.
fn shades_explained(estimator: &str) -> ColourBar {
    let most = 10.0_f64.powf(MOST_DECADES);
    let label = format!("error of {estimator} over that of the best other");
    let axis = Axis { label, scale: Scale::Log, low: 1.0 / most, high: most, named: None };
    ColourBar::continuous(axis, |ratio| shade(ratio.log10()))
}

/// Blue below zero, orange above, white at zero.
fn shade(log_ratio: f64) -> [u8; 3] {
    let part = (log_ratio.abs() / MOST_DECADES).min(1.0).sqrt();
    let full: [f64; 3] = if log_ratio < 0.0 { [0.0, 114.0, 178.0] } else { [213.0, 94.0, 0.0] };
    full.map(|c| (255.0 + part * (c - 255.0)).round() as u8)
}

fn forward(scale: Scale, value: f64) -> f64 {
    if scale == Scale::Log { value.ln() } else { value }
}

fn back(scale: Scale, value: f64) -> f64 {
    if scale == Scale::Log { value.exp() } else { value }
}

/// Cell edges half-way between neighbours.
fn edges(values: &[f64], scale: Scale) -> Vec<f64> {
    let v: Vec<f64> = values.iter().map(|x| forward(scale, *x)).collect();
    let last = v.len() - 1;
    let mut edges = vec![v[0] - 0.5 * (v[1] - v[0])];
    edges.extend(v.windows(2).map(|w| 0.5 * (w[0] + w[1])));
    edges.push(v[last] + 0.5 * (v[last] - v[last - 1]));
    edges.into_iter().map(|e| back(scale, e)).collect()
}

/// Segments of the contour `ratios` = 0 (marching squares).
fn boundary(xs: &[f64], ys: &[f64], ratios: &[Vec<f64>], x_scale: Scale, y_scale: Scale) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    for j in 0..ys.len() - 1 {
        for i in 0..xs.len() - 1 {
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let mut crossings = Vec::new();
            for k in 0..4 {
                let (a, b) = (corners[k], corners[(k + 1) % 4]);
                let (va, vb) = (ratios[a.1][a.0], ratios[b.1][b.0]);
                if (va < 0.0) == (vb < 0.0) || !va.is_finite() || !vb.is_finite() {
                    continue;
                }
                let t = va / (va - vb);
                let between = |scale: Scale, from: f64, to: f64| {
                    let (from, to) = (forward(scale, from), forward(scale, to));
                    back(scale, from + t * (to - from))
                };
                crossings.push((between(x_scale, xs[a.0], xs[b.0]), between(y_scale, ys[a.1], ys[b.1])));
            }
            pieces.extend(crossings.chunks_exact(2).map(<[(f64, f64)]>::to_vec));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_of_a_plane() {
        let (xs, ys) = (vec![0.0, 1.0, 2.0], vec![0.0, 1.0]);
        let ratios: Vec<Vec<f64>> = ys.iter().map(|y| xs.iter().map(|x| x + y - 1.5).collect()).collect();
        let pieces = boundary(&xs, &ys, &ratios, Scale::Linear, Scale::Linear);
        assert_eq!(pieces.len(), 2);
        for (x, y) in pieces.into_iter().flatten() {
            assert!((x + y - 1.5).abs() < 1e-12, "{x} {y}");
        }
    }
}
