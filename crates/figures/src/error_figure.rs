//! Error against a swept quantity: Monte Carlo as points with error bars, the exact and the published error as lines.

use results::{Coordinate, Dimension, Results, Variable};

use crate::axis::{Scale, plain, short};
use crate::error::FigureError;
use crate::plot::{Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::settings::{ErrorVariable, FigureSection};
use crate::variable;

/// Largest number of series in one panel.
pub(crate) const MOST_SERIES: usize = 8;

/// Markers of the series, in order of use.
pub(crate) const MARKERS: [Marker; 4] = [Marker::Disc, Marker::Square, Marker::Triangle, Marker::Diamond];

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

/// Units with superscripts.
pub(crate) fn pretty_units(units: &str) -> String {
    units.replace("^2", "²").replace("^3", "³")
}

/// Value of a variable at the index that `index_of` gives along each of its dimensions.
pub(crate) fn value_at(results: &Results, variable: &Variable, index_of: &dyn Fn(usize) -> usize) -> f64 {
    let at: Vec<(usize, usize)> = variable.dimensions.iter().map(|&d| (d, index_of(d))).collect();
    results.part(variable, &at).values.first().copied().unwrap_or(f64::NAN)
}

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let drawing = Drawing::of(results, figure)?;
    let combinations = results.positions(&drawing.axes.others);
    let curves: Vec<Curves> = combinations
        .iter()
        .take(MOST_SERIES)
        .enumerate()
        .map(|(k, fixed)| Combination { drawing: &drawing, fixed }.curves(PALETTE[k], MARKERS[k % MARKERS.len()]))
        .collect();
    let has_published = curves.iter().any(|c| c.published.is_some());
    let mut series: Vec<Series> = curves.into_iter().flat_map(Curves::into_series).collect();
    let ys = heights(&series);
    series.extend(drawing.key(has_published));
    let y_scale = if ys.iter().any(|y| *y > 0.0 && y.is_finite()) { Scale::Log } else { Scale::Linear };
    let mut notes = Vec::new();
    if combinations.len() > MOST_SERIES {
        notes.push(format!("the first {MOST_SERIES} of {} series", combinations.len()));
    }
    let xs = drawing.axes.xs;
    let x = &results.dimensions[drawing.axes.x];
    let x_label = figure.x_label.clone().unwrap_or_else(|| axis_label(&x.name, &x.units));
    Ok(vec![
        Plot::new(
            drawing.title(figure),
            spanning(&x_label, scale_of(xs), xs.to_vec())?,
            spanning(&error_label(figure.variable), y_scale, ys)?,
            series,
        )
        .noted(notes),
    ])
}

/// Selection of the data to draw.
struct Drawing<'a> {
    results: &'a Results,
    errors: Errors<'a>,
    axes: Axes<'a>,
    /// Step between the values of x at which the Monte Carlo is drawn.
    markers_every: usize,
    marks_lowest: bool,
    /// Parameters whose mean is drawn.
    parameters: Vec<usize>,
    is_bias: bool,
}

impl<'a> Drawing<'a> {
    fn of(results: &'a Results, figure: &FigureSection) -> Result<Self, FigureError> {
        let errors = Errors::of(results, figure)?;
        let axes = Axes::of(results, &errors.monte_carlo.dimensions, figure)?;
        let markers_every = markers_every(figure)?;
        let parameters = shown_parameters(results, axes.parameter, figure)?;
        let marks_lowest = figure.mark_lowest.unwrap_or(false);
        Ok(Self { results, errors, axes, markers_every, marks_lowest, parameters, is_bias: is_bias(figure.variable) })
    }

    fn absolute(&self, error: f64) -> f64 {
        if self.is_bias { error.abs() } else { error }
    }

    /// Legend of lines, points and shades.
    fn key(&self, has_published: bool) -> Vec<Series> {
        let entry = |item: Item, legend: &str| Series { item, colour: GREY, legend: Some(legend.to_owned()) };
        let line = |dash, width| Item::Line { points: Vec::new(), dash, width };
        let mut key = vec![entry(line(Dash::Solid, 2), "exact")];
        if has_published {
            key.push(entry(line(Dash::Dashed, 1), "published, Eqs. (8), (10)"));
        }
        key.push(entry(Item::Points { points: Vec::new(), marker: Marker::Disc }, "Monte Carlo ± 1 s.e."));
        if let Some(band) = self.axes.band {
            let dimension = &self.results.dimensions[band];
            let ends = format!("{} to {}", name_of(dimension, 0), name_of(dimension, dimension.coordinate.len() - 1));
            let whose = if has_published { "published" } else { "exact" };
            key.push(entry(Item::Band(Vec::new()), &format!("{whose}, {ends}")));
        }
        key
    }

    fn title(&self, figure: &FigureSection) -> String {
        let study = || self.results.attribute("study").unwrap_or_default().replace('-', " ");
        let title = figure.title.clone().unwrap_or_else(study);
        let all = self.results.dimensions[self.axes.parameter].coordinate.len();
        match self.parameters[..] {
            [parameter] if all > 1 && !title.is_empty() => format!("{title}: parameter {}", parameter + 1),
            _ => title,
        }
    }
}

/// The error: Monte Carlo, exact and published.
struct Errors<'a> {
    monte_carlo: &'a Variable,
    standard_error: &'a Variable,
    exact: &'a Variable,
    published: Option<&'a Variable>,
}

impl<'a> Errors<'a> {
    fn of(results: &'a Results, figure: &FigureSection) -> Result<Self, FigureError> {
        let name = variable_name(figure.variable);
        let is_second = is_second(figure.variable);
        if is_second && results.variable(name).is_none() {
            let found = name.replace('_', "-");
            let message = format!("found \"{found}\", which needs estimator.readout = \"curvature\"");
            return Err(FigureError::setting("variable", message));
        }
        let is_published = figure.published.unwrap_or(true) && !is_bias(figure.variable) && !is_second;
        Ok(Self {
            monte_carlo: variable(results, name)?,
            standard_error: variable(results, &format!("{name}_standard_error"))?,
            exact: variable(results, &format!("{name}_exact"))?,
            published: results.variable("mse_published").filter(|_| is_published),
        })
    }
}

/// Role of each dimension of the errors in the figure.
struct Axes<'a> {
    /// Dimension along x.
    x: usize,
    xs: &'a [f64],
    /// Indices along x, by ascending value.
    order: Vec<usize>,
    /// Dimension of the parameters.
    parameter: usize,
    /// Dimension whose extremes are drawn as a band.
    band: Option<usize>,
    /// Dimensions whose combinations have separate curves.
    others: Vec<usize>,
}

impl<'a> Axes<'a> {
    fn of(results: &'a Results, dimensions: &[usize], figure: &FigureSection) -> Result<Self, FigureError> {
        let swept = &dimensions[..dimensions.len() - 1];
        let parameter = dimensions[dimensions.len() - 1];
        let x = x_axis(results, swept, figure.x.as_deref())?;
        let band = figure.band.as_deref().map(|path| axis_named(results, swept, "band", path)).transpose()?;
        if band == Some(x) {
            let message = "is the axis drawn along x: give another one, or give `x` as well";
            return Err(FigureError::setting("band", message));
        }
        let Coordinate::Numbers(xs) = &results.dimensions[x].coordinate else { unreachable!("an axis of numbers") };
        let mut order: Vec<usize> = (0..xs.len()).collect();
        order.sort_by(|&a, &b| xs[a].total_cmp(&xs[b]));
        let others = swept.iter().copied().filter(|&d| d != x && Some(d) != band).collect();
        Ok(Self { x, xs, order, parameter, band, others })
    }
}

/// One combination of the swept values other than x and the band.
struct Combination<'a> {
    drawing: &'a Drawing<'a>,
    /// Dimensions and chosen indices.
    fixed: &'a [(usize, usize)],
}

impl Combination<'_> {
    fn curves(&self, colour: [u8; 3], marker: Marker) -> Curves {
        let errors = &self.drawing.errors;
        let line = |points, dash, width| Series { item: Item::Line { points, dash, width }, colour, legend: None };
        let published = errors.published.map(|published| self.line(published));
        let exact = self.line(errors.exact);
        let lowest = || exact.iter().copied().filter(|p| p.1.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
        let lowest = if self.drawing.marks_lowest { lowest() } else { None };
        let place = lowest.map_or_else(String::new, |(x, _)| format!(", lowest at {}", short(x)));
        Curves {
            band: self.drawing.axes.band.map(|band| self.band(band, colour)),
            exact: line(exact, Dash::Solid, 2),
            lowest: lowest.map(|(x, y)| Series {
                item: Item::Points { points: vec![(x, y, f64::NAN)], marker: Marker::Diamond },
                colour: [0, 0, 0],
                legend: None,
            }),
            published: published
                .filter(|points| points.iter().any(|p| p.1.is_finite()))
                .map(|points| line(points, Dash::Dashed, 1)),
            monte_carlo: Series {
                item: Item::Points { points: self.points(), marker },
                colour,
                legend: Some(self.legend() + &place),
            },
        }
    }

    /// Band between the extremes along the band's dimension: of the published error, or of the exact error if there is
    /// none.
    fn band(&self, band: usize, colour: [u8; 3]) -> Series {
        let Drawing { results, errors, axes, .. } = self.drawing;
        let levels = results.dimensions[band].coordinate.len();
        let edges = |of: &Variable| -> Vec<(f64, f64, f64)> {
            let edge = |k: usize, pick: fn(f64, f64) -> f64| {
                (0..levels).map(|level| self.value(of, k, level)).reduce(pick).unwrap_or(f64::NAN)
            };
            axes.order.iter().map(|&k| (axes.xs[k], edge(k, f64::min), edge(k, f64::max))).collect()
        };
        let published = errors.published.map(edges);
        let (points, colour) = match published.filter(|points| points.iter().any(|p| p.1.is_finite())) {
            Some(points) => (points, GREY),
            None => (edges(errors.exact), colour),
        };
        Series { item: Item::Band(points), colour, legend: None }
    }

    fn line(&self, of: &Variable) -> Vec<(f64, f64)> {
        let axes = &self.drawing.axes;
        let middle = self.middle();
        axes.order.iter().map(|&k| (axes.xs[k], self.value(of, k, middle))).collect()
    }

    /// The Monte Carlo with its standard errors.
    fn points(&self) -> Vec<(f64, f64, f64)> {
        let Drawing { errors, axes, markers_every, .. } = self.drawing;
        let middle = self.middle();
        axes.order
            .iter()
            .step_by(*markers_every)
            .map(|&k| (axes.xs[k], self.value(errors.monte_carlo, k, middle), self.standard_error(k)))
            .collect()
    }

    fn legend(&self) -> String {
        let Drawing { results, axes, .. } = self.drawing;
        let names: Vec<String> = self.fixed.iter().map(|&(d, i)| name_of(&results.dimensions[d], i)).collect();
        let name = names.join(", ");
        let name = if name.is_empty() { "Monte Carlo".to_owned() } else { name };
        let times: Vec<f64> = axes.order.iter().map(|&k| self.measurement_time_s(k)).collect();
        format!("{name}{}", time_note(&times))
    }

    fn measurement_time_s(&self, k: usize) -> f64 {
        let Drawing { results, axes, .. } = self.drawing;
        results
            .variable("measurement_time_s")
            .map_or(f64::NAN, |time| value_at(results, time, &|d| if d == axes.x { k } else { self.fixed_index(d) }))
    }

    /// Mean over the parameters shown.
    fn value(&self, of: &Variable, k: usize, level: usize) -> f64 {
        self.drawing.absolute(mean(&self.values(of, k, level)))
    }

    /// Standard error of that mean.
    fn standard_error(&self, k: usize) -> f64 {
        let each = self.values(self.drawing.errors.standard_error, k, self.middle());
        each.iter().map(|e| e * e).sum::<f64>().sqrt() / each.len() as f64
    }

    fn values(&self, of: &Variable, k: usize, level: usize) -> Vec<f64> {
        let Drawing { results, axes, parameters, .. } = self.drawing;
        let at = |parameter: usize| {
            value_at(results, of, &|d| {
                if d == axes.x {
                    k
                } else if d == axes.parameter {
                    parameter
                } else if Some(d) == axes.band {
                    level
                } else {
                    self.fixed_index(d)
                }
            })
        };
        // points with fewer parameters are padded
        parameters.iter().map(|p| at(*p)).filter(|x| x.is_finite()).collect()
    }

    fn fixed_index(&self, dimension: usize) -> usize {
        self.fixed.iter().find(|(d, _)| *d == dimension).map_or(0, |(_, index)| *index)
    }

    /// The value of the band's dimension that is drawn as a line.
    fn middle(&self) -> usize {
        let Drawing { results, axes, .. } = self.drawing;
        axes.band.map_or(0, |band| results.dimensions[band].coordinate.len() / 2)
    }
}

/// The curves of one combination.
struct Curves {
    band: Option<Series>,
    exact: Series,
    published: Option<Series>,
    monte_carlo: Series,
    lowest: Option<Series>,
}

impl Curves {
    /// In drawing order: later items lie above.
    fn into_series(self) -> impl Iterator<Item = Series> {
        self.band.into_iter().chain([self.exact]).chain(self.published).chain([self.monte_carlo]).chain(self.lowest)
    }
}

/// Values of y that the axis has to include.
fn heights(series: &[Series]) -> Vec<f64> {
    let of_one = |series: &Series| -> Vec<f64> {
        match &series.item {
            Item::Band(points) => points.iter().flat_map(|p| [p.1, p.2]).collect(),
            Item::Line { points, .. } => points.iter().map(|p| p.1).collect(),
            Item::Points { points, .. } => points.iter().map(|p| p.1).collect(),
            Item::Cells { .. } | Item::Label { .. } => Vec::new(),
        }
    };
    series.iter().flat_map(of_one).collect()
}

/// Label of the axis of errors.
fn error_label(variable: ErrorVariable) -> String {
    let symbol = match variable {
        ErrorVariable::Mse | ErrorVariable::CurvatureMse => "mean squared error",
        ErrorVariable::Variance | ErrorVariable::CurvatureVariance => "variance",
        ErrorVariable::Bias | ErrorVariable::CurvatureBias => "|bias|",
    };
    let is_second = is_second(variable);
    let symbol = if is_second { format!("{symbol} of the second derivative") } else { symbol.to_owned() };
    let unit = match (is_second, is_bias(variable)) {
        (false, true) => "nA/V",
        (false, false) => "(nA/V)²",
        (true, true) => "nA/V²",
        (true, false) => "(nA/V²)²",
    };
    format!("{symbol} [{unit}]")
}

/// Name of an error in the results.
fn variable_name(variable: ErrorVariable) -> &'static str {
    match variable {
        ErrorVariable::Mse => "mse",
        ErrorVariable::Variance => "variance",
        ErrorVariable::Bias => "bias",
        ErrorVariable::CurvatureMse => "curvature_mse",
        ErrorVariable::CurvatureVariance => "curvature_variance",
        ErrorVariable::CurvatureBias => "curvature_bias",
    }
}

fn is_bias(variable: ErrorVariable) -> bool {
    matches!(variable, ErrorVariable::Bias | ErrorVariable::CurvatureBias)
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

/// Step between the values of x at which the Monte Carlo is drawn.
pub(crate) fn markers_every(figure: &FigureSection) -> Result<usize, FigureError> {
    match figure.markers_every {
        Some(0) => Err(FigureError::setting("markers_every", "found 0: must be at least 1")),
        other => Ok(other.unwrap_or(1)),
    }
}

/// The parameters whose mean is drawn: usually one.
pub(crate) fn shown_parameters(
    results: &Results,
    dimension: usize,
    figure: &FigureSection,
) -> Result<Vec<usize>, FigureError> {
    let parameters = results.dimensions[dimension].coordinate.len();
    match (figure.parameter, figure.mean_over_parameters) {
        (Some(_), true) => Err(FigureError::setting(
            "mean_over_parameters",
            "cannot be combined with `parameter`: give one of the two",
        )),
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

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Duration of one estimate of the whole gradient, for the legend: a range if it changes along x.
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

/// The parameter whose derivative in the variable `truth` is the weakest on average.
pub(crate) fn weakest(results: &Results, truth: &str, parameter_dimension: usize) -> Result<usize, FigureError> {
    let gradient = variable(results, truth)?;
    let parameters = results.dimensions[parameter_dimension].coordinate.len();
    let strength = |parameter: usize| -> f64 {
        let own = results.part(gradient, &[(parameter_dimension, parameter)]);
        own.values.into_iter().filter(|g| g.is_finite()).map(f64::abs).sum()
    };
    let sums: Vec<f64> = (0..parameters).map(strength).collect();
    Ok((0..parameters).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0))
}
