//! Figures of training studies: currents over time (B25 Fig. 4a), points coloured by their current (4b), current
//! against radius (4c), loss against iteration (4d), comparison of methods over measurement time, and success rates.

use crate::settings::FigureSection;
use results::{Coordinate, Dimension};
use results::{Results, Variable};

use crate::axis::{Axis, Scale, Tick};
use crate::error::FigureError;
use crate::error_figure::name_of;
use crate::plot::{ColourBar, Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;
use ::training::task::gate_name;

/// Colours from low to high values (viridis, eight steps).
const MAP: [[u8; 3]; 8] = [
    [68, 1, 84],
    [70, 50, 127],
    [54, 92, 141],
    [39, 127, 142],
    [31, 161, 135],
    [74, 194, 109],
    [159, 218, 58],
    [253, 231, 37],
];

/// Lowest loss on a logarithmic axis: everything below is solved.
const LOWEST_LOSS: f64 = 1e-3;

/// Axes of the sweep: all dimensions of `solved` except the repetitions.
pub(crate) fn axes_of(results: &Results) -> Result<Vec<usize>, FigureError> {
    let solved = variable(results, "solved")?;
    Ok(solved.dimensions[..solved.dimensions.len() - 1].to_vec())
}

fn length(results: &Results, dimension: usize) -> usize {
    results.dimensions[dimension].coordinate.len()
}

pub(crate) fn title_of(results: &Results, figure: &FigureSection) -> String {
    figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned())
}

/// All points of the sweep as (name, index along each axis).
fn points_of(results: &Results, axes: &[usize]) -> Vec<(String, Vec<(usize, usize)>)> {
    let named = |at: Vec<(usize, usize)>| {
        let names: Vec<String> = at.iter().map(|&(axis, k)| name_of(&results.dimensions[axis], k)).collect();
        (names.join(", "), at)
    };
    results.positions(axes).into_iter().map(named).collect()
}

/// Values of a variable at a point of the sweep, in the order of its other dimensions.
pub(crate) fn values_at(results: &Results, of: &Variable, at: &[(usize, usize)]) -> Vec<f64> {
    results.part(of, at).values
}

/// The same, one row for each choice of all but the last dimension.
fn rows_at(results: &Results, of: &Variable, at: &[(usize, usize)]) -> Vec<Vec<f64>> {
    let is_left = |d: &usize| at.iter().all(|(axis, _)| axis != d);
    let left: Vec<usize> = of.dimensions.iter().copied().filter(is_left).collect();
    let others = &left[..left.len().saturating_sub(1)];
    results.positions(others).iter().map(|own| values_at(results, of, &[at, own].concat())).collect()
}

/// The repetition shown: the one of lowest noiseless loss among the solved ones, or among all if none was solved. The
/// lowest measured loss would select the luckiest noise.
fn shown_repetition(results: &Results, at: &[(usize, usize)]) -> Result<(usize, usize), FigureError> {
    let solved = variable(results, "solved")?;
    let repetition = solved.dimensions[solved.dimensions.len() - 1];
    let losses = values_at(results, variable(results, "noiseless_loss")?, at);
    let unsolved = values_at(results, solved, at).into_iter().map(|s| s < 0.5);
    let ranked = unsolved.zip(losses).enumerate();
    let shown = ranked.min_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    Ok((repetition, shown.map_or(0, |(k, _)| k)))
}

pub(crate) fn line(points: Vec<(f64, f64)>, dash: Dash, width: u32, colour: [u8; 3]) -> Series {
    Series { item: Item::Line { points, dash, width }, colour, legend: None }
}

/// Current over time while the patterns are applied: one panel for each point of the sweep.
pub(crate) fn traces(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let (trace, target, threshold) =
        (variable(results, "trace")?, variable(results, "target")?, variable(results, "threshold")?);
    let along = trace.dimensions[trace.dimensions.len() - 1];
    let Coordinate::Numbers(times) = &results.dimensions[along].coordinate else {
        return Err(FigureError::Missing { what: "the times of `trace`".to_owned() });
    };
    if times.is_empty() {
        let message =
            "found \"traces\": none are kept of tasks of more than 16 patterns, \"classification\" shows these";
        return Err(FigureError::setting("kind", message));
    }
    let axes = axes_of(results)?;
    let mut panels = Vec::new();
    for (name, at) in points_of(results, &axes) {
        let mut chosen = at.clone();
        chosen.push(shown_repetition(results, &at)?);
        let currents = values_at(results, trace, &chosen);
        let level = values_at(results, threshold, &chosen)[0];
        let targets: Vec<f64> = values_at(results, target, &at).into_iter().filter(|t| t.is_finite()).collect();
        let points: Vec<(f64, f64)> = times.iter().copied().zip(currents).filter(|p| p.1.is_finite()).collect();
        let end = points.last().map_or(1.0, |p| p.0);
        let mut values: Vec<f64> = points.iter().map(|p| p.1).collect();
        values.extend(Some(level).filter(|level| level.is_finite()));
        let mut y = spanning("current [nA]", Scale::Linear, values)?;
        y.high += 0.14 * (y.high - y.low);
        let top = y.high - 0.06 * (y.high - y.low);
        let x = spanning("time [s]", Scale::Linear, vec![0.0, end])?;
        let width = end / targets.len().max(1) as f64;
        let mut series = vec![line(points, Dash::Solid, 2, PALETTE[0])];
        // targets that are currents have no threshold
        if level.is_finite() {
            series.push(line(vec![(x.low, level), (x.high, level)], Dash::Dashed, 1, PALETTE[1]));
        }
        for (p, t) in targets.iter().enumerate() {
            let text = if !level.is_finite() {
                format!("{t} nA").replace('-', "−")
            } else if *t > 0.5 {
                "1".to_owned()
            } else {
                "0".to_owned()
            };
            let at = ((p as f64 + 0.5) * width, top);
            series.push(Series { item: Item::Label { at, text }, colour: [0, 0, 0], legend: None });
        }
        let title = match gate_name(&name) {
            _ if name.is_empty() => title_of(results, figure),
            Some(gate) if gate != name => format!("{name} ({gate})"),
            _ => name,
        };
        panels.push(Plot::new(title, x, y, series));
    }
    Ok(panels)
}

/// Test points of the shown run: voltages, targets, currents, and the threshold.
struct Tested {
    inputs: Vec<Vec<f64>>,
    targets: Vec<f64>,
    /// Radii; NaN if the task is not a ball.
    radii: Vec<f64>,
    currents: Vec<f64>,
    threshold: f64,
    accuracy: f64,
}

fn tested(results: &Results, at: &[(usize, usize)]) -> Result<Tested, FigureError> {
    let mut chosen = at.to_vec();
    chosen.push(shown_repetition(results, at)?);
    let input = variable(results, "test_input_voltage")?;
    let rows = rows_at(results, input, at);
    Ok(Tested {
        radii: results.variable("test_radius").map_or(Vec::new(), |r| values_at(results, r, at)),
        inputs: rows,
        targets: values_at(results, variable(results, "test_target")?, at),
        currents: values_at(results, variable(results, "test_current")?, &chosen),
        threshold: values_at(results, variable(results, "threshold")?, &chosen)[0],
        accuracy: values_at(results, variable(results, "test_accuracy")?, &chosen)[0],
    })
}

/// Test points coloured by current, current against radius (of a ball), and loss against iteration.
pub(crate) fn classification(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let axes = axes_of(results)?;
    let (_, at) = points_of(results, &axes).remove(0);
    let tested = tested(results, &at)?;
    let title = title_of(results, figure);
    let mut panels = vec![cloud(&tested, &title)?];
    if tested.radii.iter().any(|r| r.is_finite()) {
        panels.push(against_radius(&tested)?);
    }
    let curves = against_iteration(results, figure)?;
    // the figure uses the legend of its first panel
    let legend: Vec<Series> = curves.series.iter().filter(|s| s.legend.is_some()).cloned().collect();
    panels.push(curves);
    panels[0].series.extend(legend.into_iter().map(|s| Series { item: emptied(s.item), ..s }));
    Ok(panels)
}

fn emptied(item: Item) -> Item {
    match item {
        Item::Line { dash, width, .. } => Item::Line { points: Vec::new(), dash, width },
        Item::Points { marker, .. } => Item::Points { points: Vec::new(), marker },
        other => other,
    }
}

fn cloud(tested: &Tested, title: &str) -> Result<Plot, FigureError> {
    let dimensions = tested.inputs.first().map_or(0, Vec::len);
    let project = |v: &[f64]| -> (f64, f64) {
        match *v {
            [x, y] => (x, y),
            [x, y, z] => oblique(x, y, z),
            _ => (f64::NAN, f64::NAN),
        }
    };
    if !(2..=3).contains(&dimensions) {
        let message =
            format!("\"classification\" draws tasks of 2 or 3 inputs, not of {dimensions}: \"learning\" draws any");
        return Err(FigureError::setting("kind", message));
    }
    let mut sorted: Vec<f64> = tested.currents.iter().copied().filter(|c| c.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return Err(FigureError::Empty { what: "`test_current` holds no number".to_owned() });
    }
    let (low, high) = (sorted[sorted.len() / 50], sorted[sorted.len() - 1 - sorted.len() / 50]);
    let step =
        |current: f64| ((current - low) / (high - low) * MAP.len() as f64).clamp(0.0, MAP.len() as f64 - 1.0) as usize;
    let mut series = Vec::new();
    let edge = |k: usize| tested.inputs.iter().map(move |v| v[k]);
    let bounds: Vec<(f64, f64)> = (0..dimensions)
        .map(|k| (edge(k).fold(f64::INFINITY, f64::min), edge(k).fold(f64::NEG_INFINITY, f64::max)))
        .collect();
    let corner = |bits: usize| -> Vec<f64> {
        bounds.iter().enumerate().map(|(k, (a, b))| if bits >> k & 1 == 1 { *b } else { *a }).collect()
    };
    if dimensions == 3 {
        for from in 0..8_usize {
            for k in (0..3).filter(|k| from >> k & 1 == 0) {
                let ends = vec![project(&corner(from)), project(&corner(from | 1 << k))];
                series.push(line(ends, Dash::Dotted, 1, GREY));
            }
        }
    }
    // nearer points are drawn later
    let mut order: Vec<usize> = (0..tested.inputs.len()).collect();
    if dimensions == 3 {
        order.sort_by(|a, b| tested.inputs[*b][1].total_cmp(&tested.inputs[*a][1]));
    }
    // targets that are currents have neither classes nor a threshold
    let classes = tested.threshold.is_finite();
    for p in order {
        let (x, y) = project(&tested.inputs[p]);
        let marker = if !classes || tested.targets[p] > 0.5 { Marker::Disc } else { Marker::Diamond };
        let item = Item::Points { points: vec![(x, y, f64::NAN)], marker };
        series.push(Series { item, colour: MAP[step(tested.currents[p])], legend: None });
    }
    let names: &[_] = if classes { &[(Marker::Disc, "class 1"), (Marker::Diamond, "class 0")] } else { &[] };
    for &(marker, name) in names {
        let item = Item::Points { points: Vec::new(), marker };
        series.push(Series { item, colour: GREY, legend: Some(name.to_owned()) });
    }
    let corners: Vec<(f64, f64)> = (0..1 << dimensions).map(|bits| project(&corner(bits))).collect();
    let mut x = spanning("input 1 [V]", Scale::Linear, corners.iter().map(|c| c.0).collect())?;
    let mut y = spanning("input 2 [V]", Scale::Linear, corners.iter().map(|c| c.1).collect())?;
    if dimensions == 3 {
        (x.label, x.named) = ("input 1, and input 2 into the page".to_owned(), Some(Vec::new()));
        (y.label, y.named) = ("input 3".to_owned(), Some(Vec::new()));
    }
    let y = below_notes(y);
    let values = Axis { label: "current [nA]".to_owned(), scale: Scale::Linear, low, high, named: None };
    let currents = ColourBar { axis: values, colours: MAP.to_vec() };
    let mut note = "run of the lowest noise-free loss".to_owned();
    if classes {
        note.push_str(&format!("; test accuracy {:.1} %", 100.0 * tested.accuracy));
    }
    let notes = vec![note];
    Ok(Plot::new(title.to_owned(), x, y, series).noted(notes).with_colour_bar(currents).to_scale())
}

/// The axis with space at its upper end, so that notes cover no points.
fn below_notes(axis: Axis) -> Axis {
    Axis { high: axis.high + 0.1 * (axis.high - axis.low), ..axis }
}

/// Oblique projection with the second coordinate into the page.
fn oblique(x: f64, y: f64, z: f64) -> (f64, f64) {
    (x + 0.45 * y, z + 0.35 * y)
}

fn against_radius(tested: &Tested) -> Result<Plot, FigureError> {
    let x =
        spanning("radius, 1 at the outer edge", Scale::Linear, tested.radii.iter().copied().chain([0.0]).collect())?;
    let y = below_notes(spanning("current [nA]", Scale::Linear, tested.currents.clone())?);
    let mut series: Vec<Series> = [(true, PALETTE[1]), (false, PALETTE[0])]
        .into_iter()
        .map(|(one, colour)| {
            let members = (0..tested.inputs.len()).filter(|p| (tested.targets[*p] > 0.5) == one);
            let points = members.map(|p| (tested.radii[p], tested.currents[p], f64::NAN)).collect();
            Series { item: Item::Points { points, marker: Marker::Dot }, colour, legend: None }
        })
        .collect();
    let level = vec![(x.low, tested.threshold), (x.high, tested.threshold)];
    series.push(line(level, Dash::Dashed, 1, [0, 0, 0]));
    let notes = vec!["orange: class 1; dashed: threshold".to_owned()];
    Ok(Plot::new("test points".to_owned(), x, y, series).noted(notes))
}

/// Quantile of finite `values`.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = part * (values.len() - 1) as f64;
    let (low, rest) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(values.len() - 1);
    values[low] + rest * (values[high] - values[low])
}

/// Median and quartiles over the repetitions, one row each; runs that have ended keep their last value, and the curve starts
/// when more than half of the runs have begun.
fn spread(rows: Vec<Vec<f64>>, xs: &[f64]) -> Vec<(f64, [f64; 3])> {
    let ended = rows.iter().filter_map(|r| r.iter().rposition(|v| v.is_finite())).max().unwrap_or(0);
    let mut held = rows;
    for row in &mut held {
        for k in 1..row.len() {
            if row[k].is_nan() {
                row[k] = row[k - 1];
            }
        }
    }
    (0..=ended)
        .filter_map(|k| {
            let mut column: Vec<f64> = held.iter().map(|r| r[k]).filter(|v| v.is_finite()).collect();
            (2 * column.len() > held.len()).then(|| {
                let q = [0.25, 0.5, 0.75].map(|part| quantile(&mut column, part).max(LOWEST_LOSS));
                (xs[k], q)
            })
        })
        .collect()
}

/// Losses that are drawn, relative to the largest median at the end: the first ones, of random controls, may be larger by any factor.
const MOST_LOSS: f64 = 1e3;

/// Losses of every point of the sweep, median and quartiles over the repetitions.
fn losses(
    results: &Results,
    figure: &FigureSection,
    name: &str,
    label: &str,
    scale: Scale,
) -> Result<Plot, FigureError> {
    let loss = variable(results, name)?;
    let along = loss.dimensions[loss.dimensions.len() - 1];
    let Coordinate::Numbers(xs) = &results.dimensions[along].coordinate else {
        return Err(FigureError::Missing { what: format!("the coordinate of `{name}`") });
    };
    let mut series = Vec::new();
    let (mut seen_x, mut seen) = (Vec::new(), Vec::new());
    let mut end = 0.0_f64;
    for (k, (legend, at)) in points_of(results, &axes_of(results)?).into_iter().enumerate() {
        let bands = spread(rows_at(results, loss, &at), xs);
        let colour = PALETTE[k % PALETTE.len()];
        seen_x.extend(bands.iter().map(|b| b.0));
        seen.extend(bands.iter().flat_map(|b| b.1));
        end = bands.last().map_or(end, |(_, q)| end.max(q[1]));
        series.push(Series {
            item: Item::Band(bands.iter().map(|(x, q)| (*x, q[0], q[2])).collect()),
            colour,
            legend: None,
        });
        series.push(Series {
            item: Item::Line { points: bands.iter().map(|(x, q)| (*x, q[1])).collect(), dash: Dash::Solid, width: 2 },
            colour,
            legend: Some(if legend.is_empty() { "median and quartiles".to_owned() } else { legend }),
        });
    }
    let mut y = spanning("loss E", Scale::Log, seen)?;
    if end > 0.0 {
        y.high = y.high.min(MOST_LOSS * end);
    }
    Ok(Plot::new(title_of(results, figure), spanning(label, scale, seen_x)?, y, series))
}

/// Loss against iteration.
pub(crate) fn learning(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    Ok(vec![against_iteration(results, figure)?])
}

fn against_iteration(results: &Results, figure: &FigureSection) -> Result<Plot, FigureError> {
    losses(results, figure, "loss", "iteration", Scale::Linear)
}

/// Lowest loss, and fraction of solved runs, against measurement time; accuracy of each run at its end.
pub(crate) fn comparison(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let first = losses(results, figure, "lowest_loss", "measurement time [s]", Scale::Log)?;
    let (solved, ended) = (variable(results, "solved")?, variable(results, "measurement_time_s")?);
    let accuracy = variable(results, "test_accuracy")?;
    let (mut fractions, mut accuracies) = (Vec::new(), Vec::new());
    for (k, (_, at)) in points_of(results, &axes_of(results)?).into_iter().enumerate() {
        let colour = PALETTE[k % PALETTE.len()];
        let runs = values_at(results, solved, &at);
        let times = values_at(results, ended, &at);
        let mut solved_at: Vec<f64> = runs.iter().zip(&times).filter(|(s, _)| **s > 0.5).map(|(_, t)| *t).collect();
        solved_at.sort_by(f64::total_cmp);
        let mut points = vec![(first.x.low, 0.0)];
        for (n, time) in solved_at.iter().enumerate() {
            points.push((*time, n as f64 / runs.len() as f64));
            points.push((*time, (n + 1) as f64 / runs.len() as f64));
        }
        points.push((first.x.high, solved_at.len() as f64 / runs.len() as f64));
        fractions.push(line(points, Dash::Solid, 2, colour));
        let ends = times.iter().zip(values_at(results, accuracy, &at)).map(|(t, a)| (*t, a, f64::NAN)).collect();
        accuracies.push(Series { item: Item::Points { points: ends, marker: Marker::Disc }, colour, legend: None });
    }
    let panel = |label: &str, values: Vec<f64>, series: Vec<Series>| -> Result<Plot, FigureError> {
        Ok(Plot::new(String::new(), first.x.clone(), spanning(label, Scale::Linear, values)?, series))
    };
    let second = panel("fraction of runs solved", vec![0.0, 1.0], fractions)?;
    let mut panels = vec![first.clone(), second];
    if accuracy.values.iter().any(|a| a.is_finite()) {
        panels.push(panel("test accuracy at the end of each run", accuracy.values.clone(), accuracies)?);
    }
    Ok(panels)
}

/// Fraction of solved runs for each pair of values of the first two axes, as a table.
pub(crate) fn success(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let axes = axes_of(results)?;
    let [rows, columns] = axes[..] else {
        let message = format!("found \"success\", a table for a sweep of two axes: here are {}", axes.len());
        return Err(FigureError::setting("kind", message));
    };
    let solved = variable(results, "solved")?;
    let (height, width) = (length(results, rows), length(results, columns));
    let edges = |n: usize| (0..=n).map(|k| k as f64).collect::<Vec<f64>>();
    let (mut colours, mut labels) = (Vec::new(), Vec::new());
    for j in 0..height {
        for i in 0..width {
            // the first row is at the top
            let runs = values_at(results, solved, &[(rows, height - 1 - j), (columns, i)]);
            let rate = runs.iter().sum::<f64>() / runs.len().max(1) as f64;
            colours.push(Some(shade(rate)));
            let at = (i as f64 + 0.5, j as f64 + 0.5);
            let text = format!("{:.0} %", 100.0 * rate);
            let colour = if rate > 0.6 { [255, 255, 255] } else { [0, 0, 0] };
            labels.push(Series { item: Item::Label { at, text }, colour, legend: None });
        }
    }
    let mut series = vec![Series {
        item: Item::Cells { x_edges: edges(width), y_edges: edges(height), colours },
        colour: PALETTE[0],
        legend: None,
    }];
    series.extend(labels);
    let axis = |dimension: &Dimension, from_top: bool| {
        let count = dimension.coordinate.len();
        let place = |k: usize| if from_top { count - 1 - k } else { k } as f64 + 0.5;
        let ticks = (0..count).map(|k| Tick { value: place(k), label: Some(short_name(dimension, k)) });
        Axis {
            label: match dimension.coordinate {
                Coordinate::Numbers(_) => dimension.name.clone(),
                // the cells explain themselves
                Coordinate::Labels(_) => String::new(),
            },
            scale: Scale::Linear,
            low: 0.0,
            high: count as f64,
            named: Some(ticks.collect()),
        }
    };
    let runs = length(results, solved.dimensions[2]);
    Ok(vec![Plot::new(
        match title_of(results, figure) {
            title if title.is_empty() => title,
            title => format!("{title}, {runs} runs each"),
        },
        axis(&results.dimensions[columns], false),
        axis(&results.dimensions[rows], true),
        series,
    )])
}

fn short_name(dimension: &Dimension, index: usize) -> String {
    let name = name_of(dimension, index);
    name.split_once(" = ").map_or(name.clone(), |(_, value)| value.to_owned())
}

/// White for none, deep blue for all.
fn shade(part: f64) -> [u8; 3] {
    let mix = |full: u8| (255.0 + part * (f64::from(full) - 255.0)).round() as u8;
    [mix(8), mix(69), mix(148)]
}

#[cfg(test)]
mod tests {
    use super::{quantile, spread};

    #[test]
    fn runs_that_have_ended_keep_their_last_loss() {
        let nan = f64::NAN;
        let rows = [4.0, 2.0, nan, 3.0, nan, nan, 5.0, 4.0, 3.0];
        let found = spread(rows.chunks(3).map(<[f64]>::to_vec).collect(), &[1.0, 2.0, 3.0]);
        assert_eq!(found.len(), 3);
        // medians of (4, 3, 5), (2, 3, 4), (2, 3, 3)
        for (k, median) in [4.0, 3.0, 3.0].into_iter().enumerate() {
            assert!((found[k].1[1] - median).abs() < 1e-12);
        }
    }

    #[test]
    fn quantiles_interpolate() {
        assert!((quantile(&mut [3.0, 1.0, 2.0, 4.0], 0.5) - 2.5).abs() < 1e-12);
    }
}
