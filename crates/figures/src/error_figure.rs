//! An error against a swept quantity: Monte Carlo as points with error bars, the exact and the published error as lines.

use results::{Coordinate, Dimension};
use results::{Results, Variable};
use study::scenario::{ErrorVariable, FigureSection};

use crate::axis::{Scale, plain};
use crate::error::FigureError;
use crate::plot::{Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;

/// Most series that one panel shows.
pub(crate) const MOST_SERIES: usize = 8;

/// Marks of series, in the order of use.
pub(crate) const MARKERS: [Marker; 4] = [Marker::Disc, Marker::Square, Marker::Triangle, Marker::Diamond];

/// Every choice of one value of each dimension, as (dimension, index).
pub(crate) fn combinations(results: &Results, dimensions: &[usize]) -> Vec<Vec<(usize, usize)>> {
    let mut all = vec![Vec::new()];
    for &d in dimensions {
        let values = || 0..results.dimensions[d].coordinate.len();
        let with = |fixed: Vec<(usize, usize)>| values().map(move |k| fixed.iter().copied().chain([(d, k)]).collect());
        all = all.into_iter().flat_map(with).collect();
    }
    all
}

/// Name of a coordinate value in legends.
pub(crate) fn name_of(dimension: &Dimension, index: usize) -> String {
    match &dimension.coordinate {
        Coordinate::Labels(labels) => labels[index].clone(),
        Coordinate::Numbers(x) => {
            let name = dimension.name.rsplit('.').next().unwrap_or_default();
            let value = if x[index].abs() > 0.0 && (x[index].abs() < 1e-3 || x[index].abs() >= 1e5) {
                format!("{:e}", x[index])
            } else {
                plain(x[index])
            };
            let unit = if dimension.units == "1" { String::new() } else { format!(" {}", dimension.units) };
            format!("{name} = {value}{unit}")
        }
    }
}

/// Label of an axis: the last part of a path without its unit suffix, and the unit.
pub(crate) fn axis_label(name: &str, units: &str) -> String {
    let last = match name.rsplit('.').next().unwrap_or_default() {
        "spacing" => "frequency spacing",
        "top" => "perturbation frequency",
        last => last,
    };
    let suffix = ["_na2_per_hz", "_na_per_volt", "_volt", "_hz", "_na", "_s"];
    let bare = suffix.iter().find_map(|s| last.strip_suffix(s)).unwrap_or(last).replace('_', " ");
    let bare = if bare == "psd" { "noise density".to_owned() } else { bare };
    if units == "1" || units.is_empty() { bare } else { format!("{bare} [{}]", pretty_units(units)) }
}

/// Units with raised powers.
pub(crate) fn pretty_units(units: &str) -> String {
    units.replace("^2", "²").replace("^3", "³")
}

/// Value of a variable at the index that `index_of` gives along each of its dimensions.
pub(crate) fn value_at(results: &Results, variable: &Variable, index_of: &dyn Fn(usize) -> usize) -> f64 {
    let flat =
        variable.dimensions.iter().fold(0, |flat, &d| flat * results.dimensions[d].coordinate.len() + index_of(d));
    variable.values[flat]
}

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let quantity = match figure.variable {
        ErrorVariable::Mse => "mse",
        ErrorVariable::Variance => "variance",
        ErrorVariable::Bias => "bias",
        ErrorVariable::CurvatureMse => "curvature_mse",
        ErrorVariable::CurvatureVariance => "curvature_variance",
        ErrorVariable::CurvatureBias => "curvature_bias",
    };
    let second = is_second(figure.variable);
    let biases = matches!(figure.variable, ErrorVariable::Bias | ErrorVariable::CurvatureBias);
    if second && results.variable(quantity).is_none() {
        let found = quantity.replace('_', "-");
        let message = format!("found \"{found}\", which needs estimator.readout = \"curvature\"");
        return Err(FigureError::setting("variable", message));
    }
    let monte_carlo = variable(results, quantity)?;
    let standard_error = variable(results, &format!("{quantity}_standard_error"))?;
    let exact = variable(results, &format!("{quantity}_exact"))?;
    let published = results.variable("mse_published").filter(|_| !biases && !second);
    let swept: Vec<usize> = monte_carlo.dimensions[..monte_carlo.dimensions.len() - 1].to_vec();
    let parameter_dimension = monte_carlo.dimensions[monte_carlo.dimensions.len() - 1];
    let x_dimension = x_axis(results, &swept, figure.x.as_deref())?;
    let band = figure.band.as_deref().map(|path| axis_named(results, &swept, "band", path)).transpose()?;
    if band == Some(x_dimension) {
        let message = "is the axis drawn along x: give another one, or `x` beside it";
        return Err(FigureError::setting("band", message));
    }
    let Coordinate::Numbers(xs) = &results.dimensions[x_dimension].coordinate else {
        unreachable!("an axis of numbers")
    };
    let every = markers_every(figure)?;
    let parameters = results.dimensions[parameter_dimension].coordinate.len();
    let shown = shown_parameters(results, parameter_dimension, figure)?;
    let others: Vec<usize> = swept.iter().copied().filter(|&d| d != x_dimension && Some(d) != band).collect();
    let combinations = combinations(results, &others);
    let absolute = |v: f64| if biases { v.abs() } else { v };
    let time = results.variable("measurement_time_s");
    let value_of_time = |k: usize, fixed: &[(usize, usize)]| {
        time.map_or(f64::NAN, |time| {
            value_at(results, time, &|d| {
                if d == x_dimension { k } else { fixed.iter().find(|(f, _)| *f == d).map_or(0, |(_, i)| *i) }
            })
        })
    };
    let mut series = Vec::new();
    let show_published = figure.published.unwrap_or(true);
    let (mut any_published, mut ys) = (false, Vec::new());
    for (combination, fixed) in combinations.iter().take(MOST_SERIES).enumerate() {
        let (colour, marker) = (PALETTE[combination], MARKERS[combination % MARKERS.len()]);
        let values = |v: &Variable, k: usize, b: usize| -> Vec<f64> {
            let at = |parameter: usize| {
                value_at(results, v, &|d| {
                    if d == x_dimension {
                        k
                    } else if d == parameter_dimension {
                        parameter
                    } else if Some(d) == band {
                        b
                    } else {
                        fixed.iter().find(|(f, _)| *f == d).map_or(0, |(_, i)| *i)
                    }
                })
            };
            // points of fewer parameters are padded
            shown.iter().map(|p| at(*p)).filter(|x| x.is_finite()).collect()
        };
        let value = |v: &Variable, k: usize, b: usize| mean(&values(v, k, b));
        let uncertainty = |k: usize| {
            let each = values(standard_error, k, middle_of(band, results));
            each.iter().map(|e| e * e).sum::<f64>().sqrt() / each.len() as f64
        };
        let name = fixed.iter().map(|&(d, i)| name_of(&results.dimensions[d], i)).collect::<Vec<_>>().join(", ");
        let middle = middle_of(band, results);
        let mut order: Vec<usize> = (0..xs.len()).collect();
        order.sort_by(|&a, &b| xs[a].total_cmp(&xs[b]));
        if let Some(b) = band {
            let levels = results.dimensions[b].coordinate.len();
            let edges = |of: &Variable| -> Vec<(f64, f64, f64)> {
                let edge = |k: usize, pick: fn(f64, f64) -> f64| {
                    (0..levels).map(|level| absolute(value(of, k, level))).reduce(pick).unwrap_or(f64::NAN)
                };
                order.iter().map(|&k| (xs[k], edge(k, f64::min), edge(k, f64::max))).collect()
            };
            let theirs = published.filter(|_| show_published).map(edges);
            let (points, colour) = match theirs.filter(|band| band.iter().any(|p| p.1.is_finite())) {
                Some(band) => (band, GREY),
                None => (edges(exact), colour),
            };
            ys.extend(points.iter().flat_map(|p| [p.1, p.2]));
            series.push(Series { item: Item::Band(points), colour, legend: None });
        }
        let line = |v: &Variable| -> Vec<(f64, f64)> {
            order.iter().map(|&k| (xs[k], absolute(value(v, k, middle)))).collect()
        };
        let exact_line = line(exact);
        ys.extend(exact_line.iter().map(|p| p.1));
        series.push(Series {
            item: Item::Line { points: exact_line, dash: Dash::Solid, width: 2 },
            colour,
            legend: None,
        });
        if let Some(published) = published.filter(|_| show_published) {
            let points = line(published);
            if points.iter().any(|p| p.1.is_finite()) {
                any_published = true;
                ys.extend(points.iter().map(|p| p.1));
                series.push(Series { item: Item::Line { points, dash: Dash::Dashed, width: 1 }, colour, legend: None });
            }
        }
        let points: Vec<(f64, f64, f64)> = order
            .iter()
            .step_by(every)
            .map(|&k| (xs[k], absolute(value(monte_carlo, k, middle)), uncertainty(k)))
            .collect();
        ys.extend(points.iter().map(|p| p.1));
        let name = if name.is_empty() { "Monte Carlo".to_owned() } else { name };
        let times: Vec<f64> = order.iter().map(|&k| value_of_time(k, fixed)).collect();
        let legend = format!("{name}{}", time_note(&times));
        series.push(Series { item: Item::Points { points, marker }, colour, legend: Some(legend) });
    }
    let key = |item: Item, legend: &str| Series { item, colour: GREY, legend: Some(legend.to_owned()) };
    let line = |dash, width| Item::Line { points: Vec::new(), dash, width };
    series.push(key(line(Dash::Solid, 2), "exact"));
    if any_published {
        series.push(key(line(Dash::Dashed, 1), "published, Eqs. (8), (10)"));
    }
    series.push(key(Item::Points { points: Vec::new(), marker: Marker::Disc }, "Monte Carlo ± 1 s.e."));
    if let Some(b) = band {
        let dimension = &results.dimensions[b];
        let ends = format!("{} to {}", name_of(dimension, 0), name_of(dimension, dimension.coordinate.len() - 1));
        let whose = if any_published { "published" } else { "exact" };
        series.push(key(Item::Band(Vec::new()), &format!("{whose}, {ends}")));
    }
    let x_scale = scale_of(xs);
    let positive: Vec<f64> = ys.iter().copied().filter(|y| *y > 0.0 && y.is_finite()).collect();
    let y_scale = if positive.is_empty() { Scale::Linear } else { Scale::Log };
    let x_info = &results.dimensions[x_dimension];
    let x_label = figure.x_label.clone().unwrap_or_else(|| axis_label(&x_info.name, &x_info.units));
    let symbol = match figure.variable {
        ErrorVariable::Mse | ErrorVariable::CurvatureMse => "mean squared error",
        ErrorVariable::Variance | ErrorVariable::CurvatureVariance => "variance",
        ErrorVariable::Bias | ErrorVariable::CurvatureBias => "|bias|",
    };
    let symbol = if second { format!("{symbol} of the second derivative") } else { symbol.to_owned() };
    let unit = match (second, biases) {
        (false, true) => "nA/V",
        (false, false) => "(nA/V)²",
        (true, true) => "nA/V²",
        (true, false) => "(nA/V²)²",
    };
    let title =
        figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().replace('-', " "));
    let mut notes = Vec::new();
    if combinations.len() > MOST_SERIES {
        notes.push(format!("the first {MOST_SERIES} of {} series", combinations.len()));
    }
    let title = match shown[..] {
        [parameter] if parameters > 1 => format!("{title}: parameter {}", parameter + 1),
        _ => title,
    };
    Ok(vec![Plot {
        title,
        x: spanning(&x_label, x_scale, xs.clone())?,
        y: spanning(&format!("{symbol} [{unit}]"), y_scale, ys)?,
        series,
        notes,
    }])
}

/// Whether an error is that of second derivatives.
fn is_second(variable: ErrorVariable) -> bool {
    use ErrorVariable::{CurvatureBias, CurvatureMse, CurvatureVariance};
    matches!(variable, CurvatureBias | CurvatureMse | CurvatureVariance)
}

/// The swept dimension that `[figure]` names under `key`.
pub(crate) fn axis_named(results: &Results, swept: &[usize], key: &str, path: &str) -> Result<usize, FigureError> {
    let names: Vec<&str> = swept.iter().map(|&d| results.dimensions[d].name.as_str()).collect();
    match names.iter().position(|name| *name == path) {
        Some(position) => Ok(swept[position]),
        None => {
            let listed: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            let allowed = if listed.is_empty() { "there are none".to_owned() } else { listed.join(", ") };
            Err(FigureError::setting(key, format!("found \"{path}\", must be an axis of the sweep: {allowed}")))
        }
    }
}

/// The axis of numbers that is drawn along x.
pub(crate) fn x_axis(results: &Results, swept: &[usize], asked: Option<&str>) -> Result<usize, FigureError> {
    let is_number = |d: &usize| matches!(results.dimensions[*d].coordinate, Coordinate::Numbers(_));
    match asked {
        Some(path) => {
            let named = axis_named(results, swept, "x", path)?;
            if is_number(&named) {
                Ok(named)
            } else {
                let message = format!("found \"{path}\", whose values are names: along x must be numbers");
                Err(FigureError::setting("x", message))
            }
        }
        None => swept.iter().copied().find(is_number).ok_or_else(|| {
            FigureError::setting("x", "there is no swept number to draw along x: name another `kind`, or sweep one")
        }),
    }
}

/// At every how many values of x the Monte Carlo is drawn.
pub(crate) fn markers_every(figure: &FigureSection) -> Result<usize, FigureError> {
    match figure.markers_every {
        Some(0) => Err(FigureError::setting("markers_every", "found 0: must be at least 1")),
        other => Ok(other.unwrap_or(1)),
    }
}

/// The parameters of which the mean is drawn: usually one.
pub(crate) fn shown_parameters(
    results: &Results,
    dimension: usize,
    figure: &FigureSection,
) -> Result<Vec<usize>, FigureError> {
    let parameters = results.dimensions[dimension].coordinate.len();
    match (figure.parameter, figure.mean_over_parameters) {
        (Some(_), true) => {
            Err(FigureError::setting("mean_over_parameters", "stands beside `parameter`: give one of the two"))
        }
        (Some(p), false) if (1..=parameters).contains(&p) => Ok(vec![p - 1]),
        (Some(p), false) => Err(FigureError::setting("parameter", format!("found {p}: must be 1 to {parameters}"))),
        (None, true) => Ok((0..parameters).collect()),
        (None, false) => {
            let second = is_second(figure.variable);
            let truth = if second { "true_curvature" } else { "true_gradient" };
            Ok(vec![weakest(results, truth, dimension)?])
        }
    }
}

/// The value of the band axis that is drawn as a line.
fn middle_of(band: Option<usize>, results: &Results) -> usize {
    band.map_or(0, |b| results.dimensions[b].coordinate.len() / 2)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The time that one estimate of the whole gradient takes, for the legend: a range where it changes along x.
fn time_note(times: &[f64]) -> String {
    let (low, high) = times.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &t| (l.min(t), h.max(t)));
    if !(low.is_finite() && high.is_finite()) {
        String::new()
    } else if high - low < 1e-9 {
        format!(" ({} s)", plain(low))
    } else {
        format!(" ({}–{} s)", plain(low), plain(high))
    }
}

/// Logarithmic if the values span more than a factor of eight and are positive.
pub(crate) fn scale_of(xs: &[f64]) -> Scale {
    let (low, high) = xs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    if low > 0.0 && high > 8.0 * low { Scale::Log } else { Scale::Linear }
}

/// The parameter whose derivative in the variable `truth` is the weakest in the mean.
pub(crate) fn weakest(results: &Results, truth: &str, parameter_dimension: usize) -> Result<usize, FigureError> {
    let gradient = variable(results, truth)?;
    let parameters = results.dimensions[parameter_dimension].coordinate.len();
    let mut sums = vec![0.0; parameters];
    for (k, g) in gradient.values.iter().enumerate() {
        sums[k % parameters] += if g.is_finite() { g.abs() } else { 0.0 };
    }
    Ok((0..parameters).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0))
}
