//! Draws panels as SVG.

use std::collections::HashMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axis::Axis;
use crate::error::FigureError;
use crate::layout::{Arrangement, Layout, LegendPlace, LegendSize};
use crate::plot::{ColourBar, Dash, GREY, Item, Marker, Plot, Series};

/// The font of all figures, included in the binary (licence next to the file).
#[cfg(feature = "png")]
pub(crate) static FONT: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
pub(crate) const FAMILY: &str = "DejaVu Sans";

/// Layout units per pixel of the figure: plotters only supports whole units, which are too coarse for curves.
pub(crate) const FINE: i32 = 8;
const LEFT: i32 = 92 * FINE;
const RIGHT: i32 = 18 * FINE;
const BOTTOM: i32 = 66 * FINE;
const BAR: i32 = LegendSize::COLOUR_BAR as i32 * FINE;
const LEGEND_STEP: i32 = LegendSize::STEP as i32 * FINE;
/// Narrowest legend to the right \[px\].
const LEGEND_WIDTH: f64 = 250.0;

/// PNG pixels per SVG pixel.
#[cfg(feature = "png")]
pub(crate) const PNG_SCALE: f32 = 2.0;

/// What is drawn on, and the width of its lines relative to that of the design.
struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    line_width: f64,
}

fn rgb(c: [u8; 3]) -> RGBColor {
    RGBColor(c[0], c[1], c[2])
}

fn refused<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> FigureError {
    FigureError::Drawing(error.to_string())
}

/// Position of a panel's frame.
struct Frame {
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    /// From the upper edge of the panel to the frame.
    above: i32,
    plot: Plot,
}

impl Frame {
    fn x(&self, value: f64) -> Option<f64> {
        self.plot.x.position(value).map(|t| f64::from(self.left) + t * f64::from(self.width))
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.plot.y.position(value).map(|t| f64::from(self.top + self.height) - t * f64::from(self.height))
    }

    fn pixel(&self, x: f64, y: f64) -> Option<(i32, i32)> {
        let far = 4.0 * f64::from(self.width + self.height);
        let near = |v: f64| v.clamp(-far, far).round() as i32;
        Some((near(self.x(x)?), near(self.y(y)?)))
    }

    /// Points on what is drawn of a series, a few pixels apart.
    fn trace(&self, series: &Series) -> Vec<(i32, i32)> {
        let corners: Vec<(i32, i32)> = series.corners().into_iter().filter_map(|p| self.pixel(p.0, p.1)).collect();
        if !matches!(series.item, Item::Line { .. }) {
            return corners;
        }
        let between = |pair: &[(i32, i32)]| {
            let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
            let steps = ((to_x - x).abs().max((to_y - y).abs()) / (4 * FINE)).clamp(1, 1000);
            (0..steps).map(move |k| (x + (to_x - x) * k / steps, y + (to_y - y) * k / steps)).collect::<Vec<_>>()
        };
        corners.windows(2).flat_map(between).collect()
    }

    fn holds(&self, (x, y): (i32, i32)) -> bool {
        (self.left..=self.left + self.width).contains(&x) && (self.top..=self.top + self.height).contains(&y)
    }
}

/// Entries of the legend: those of the first panel.
fn entries(panels: &[Plot]) -> Vec<&Series> {
    panels.first().map_or(Vec::new(), |p| p.series.iter().filter(|s| s.legend.is_some()).collect())
}

/// Where the parts of a figure of these panels are.
///
/// # Errors
/// If they do not fit into the layout.
pub(crate) fn arranged(panels: &[Plot], layout: &Layout) -> Result<Arrangement, FigureError> {
    let entries = entries(panels);
    let letters = entries.iter().filter_map(|s| s.legend.as_ref()).map(|l| l.chars().count()).max().unwrap_or(0);
    let own_width = 60.0 + 8.0 * letters as f64;
    let least = if layout.width_mm.is_none() && layout.legend == LegendPlace::Right { LEGEND_WIDTH } else { 0.0 };
    layout.arrange(panels, LegendSize { entries: entries.len(), width: own_width.max(least) })
}

/// Draws panels in rows, with their legend.
pub(crate) fn svg(panels: &[Plot], layout: &Layout) -> Result<String, FigureError> {
    let Arrangement { width, height, panel_width, panel_height, columns, top, place, legend_columns } =
        arranged(panels, layout)?;
    let fine = |px: f64| (px * f64::from(FINE)).round() as i32;
    let (panel_width, panel_height, above) = (fine(panel_width), fine(panel_height), fine(top));
    let rows = panels.len().div_ceil(columns) as i32;
    let legend = entries(panels);
    let mut text = String::new();
    {
        let size = (fine(width) as u32, fine(height) as u32);
        let root = Canvas {
            area: SVGBackend::with_string(&mut text, size).into_drawing_area(),
            line_width: layout.line_width,
        };
        root.area.fill(&WHITE).map_err(refused)?;
        let mut frames = Vec::new();
        for (k, plot) in labelled_once(panels, columns).into_iter().enumerate() {
            let beside = if plot.colour_bar.is_some() { BAR } else { 0 };
            let (width, height) = (panel_width - LEFT - RIGHT - beside, panel_height - above - BOTTOM);
            let frame = Frame {
                left: panel_width * (k % columns) as i32 + LEFT,
                top: panel_height * (k / columns) as i32 + above,
                width,
                height,
                above,
                plot: plot.in_frame(width, height),
            };
            draw_panel(&root, &frame)?;
            if let Some(letter) = layout.letter(k) {
                let at = (frame.left - LEFT + 6 * FINE, frame.top - above + 6 * FINE);
                write(&root, &letter, at, style(19, [0, 0, 0], HPos::Left, VPos::Top))?;
            }
            frames.push(frame);
        }
        let entry_width = (panel_width * columns as i32) / legend_columns as i32;
        let corner = match (place, frames.first()) {
            (LegendPlace::Inside, Some(frame)) => emptiest_corner(&root, frame, &legend)?,
            _ => (0, 0),
        };
        for (k, series) in legend.iter().enumerate() {
            let k_th = |k: usize| LEGEND_STEP * k as i32;
            let (x, y) = match place {
                LegendPlace::None => continue,
                LegendPlace::Right => (panel_width * columns as i32 + 8 * FINE, above + 12 * FINE + k_th(k)),
                LegendPlace::Below => {
                    let x = 12 * FINE + entry_width * (k % legend_columns) as i32;
                    (x, panel_height * rows + 10 * FINE + k_th(k / legend_columns))
                }
                LegendPlace::Inside => (corner.0, corner.1 + k_th(k)),
            };
            draw_legend_entry(&root, series, x, y)?;
        }
        root.area.present().map_err(refused)?;
    }
    Ok(text)
}

/// Clears the corner of a frame in which least is drawn, and returns where the first entry of the legend stands there.
fn emptiest_corner(root: &Canvas<'_>, frame: &Frame, legend: &[&Series]) -> Result<(i32, i32), FigureError> {
    let letters = legend.iter().filter_map(|s| s.legend.as_ref()).map(|l| l.chars().count()).max().unwrap_or(0) as i32;
    let (width, height) = ((56 + 8 * letters) * FINE, LEGEND_STEP * legend.len() as i32 + 4 * FINE);
    let margin = 10 * FINE;
    let (left, top) = (frame.left + margin, frame.top + margin);
    let right = (frame.left + frame.width - margin - width).max(left);
    let bottom = (frame.top + frame.height - margin - height).max(top);
    let notes = if frame.plot.notes.is_empty() { 0 } else { frame.plot.notes.len() as i32 * 20 * FINE + margin };
    let corners = [(right, top), (left, top + notes), (right, bottom), (left, bottom)];
    let drawn: Vec<(i32, i32)> = frame.plot.series.iter().flat_map(|series| frame.trace(series)).collect();
    let inside = |corner: (i32, i32)| {
        let holds = |p: &&(i32, i32)| {
            (corner.0..=corner.0 + width).contains(&p.0) && (corner.1..=corner.1 + height).contains(&p.1)
        };
        drawn.iter().filter(holds).count()
    };
    let corner = corners.into_iter().min_by_key(|corner| inside(*corner)).expect("there are four");
    let ends = [corner, (corner.0 + width, corner.1 + height)];
    root.area.draw(&Rectangle::new(ends, WHITE.mix(0.85).filled())).map_err(refused)?;
    Ok((corner.0 + 6 * FINE, corner.1 + LEGEND_STEP / 2 + 2 * FINE))
}

/// Panels whose axes have the same label all over have it in the lowest row and in the first column only.
fn labelled_once(panels: &[Plot], columns: usize) -> Vec<Plot> {
    let mut panels = panels.to_vec();
    let is_same = |of: fn(&Plot) -> &str| panels.windows(2).all(|pair| of(&pair[0]) == of(&pair[1]));
    let (same_x, same_y) = (is_same(|p| &p.x.label), is_same(|p| &p.y.label));
    let count = panels.len();
    for (k, plot) in panels.iter_mut().enumerate() {
        if same_x && k + columns < count {
            plot.x.label.clear();
        }
        if same_y && k % columns > 0 {
            plot.y.label.clear();
        }
    }
    panels
}

/// The scale of colours to the right of a frame.
fn draw_colour_bar(root: &Canvas<'_>, frame: &Frame, bar: &ColourBar) -> Result<(), FigureError> {
    let black = [0, 0, 0];
    let (left, right) = (frame.left + frame.width + 14 * FINE, frame.left + frame.width + 30 * FINE);
    let (top, bottom) = (frame.top, frame.top + frame.height);
    let steps = bar.colours.len().max(1) as i32;
    for (k, colour) in bar.colours.iter().enumerate() {
        let height = |k: usize| bottom - frame.height * k as i32 / steps;
        let ends = [(left, height(k + 1)), (right, height(k))];
        root.area.draw(&Rectangle::new(ends, rgb(*colour).filled())).map_err(refused)?;
    }
    path(root, vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], black, 1)?;
    for tick in bar.axis.ticks() {
        let (Some(part), Some(label)) = (bar.axis.position(tick.value), tick.label) else { continue };
        let y = bottom - (part * f64::from(frame.height)).round() as i32;
        path(root, vec![(right, y), (right + 4 * FINE, y)], black, 1)?;
        write(root, &label, (right + 8 * FINE, y), style(14, black, HPos::Left, VPos::Center))?;
    }
    let sideways = TextStyle::from((FAMILY, 15 * FINE).into_font().transform(FontTransform::Rotate270))
        .color(&BLACK)
        .pos(Pos::new(HPos::Center, VPos::Top));
    write(root, &bar.axis.label, (right + 62 * FINE, top + frame.height / 2), sideways)
}

fn style(size: i32, colour: [u8; 3], h: HPos, v: VPos) -> TextStyle<'static> {
    TextStyle { font: (FAMILY, size * FINE).into_font(), color: rgb(colour).to_backend_color(), pos: Pos::new(h, v) }
}

fn write(root: &Canvas<'_>, text: &str, at: (i32, i32), style: TextStyle<'_>) -> Result<(), FigureError> {
    root.area.draw(&Text::new(text.to_owned(), at, style)).map_err(refused)
}

fn path(root: &Canvas<'_>, points: Vec<(i32, i32)>, colour: [u8; 3], width: u32) -> Result<(), FigureError> {
    root.area
        .draw(&PathElement::new(
            points,
            rgb(colour).stroke_width((f64::from(width * FINE as u32) * root.line_width).round() as u32),
        ))
        .map_err(refused)
}

/// No tick marks for names, since they would cross the cells of a table.
fn tick_length(axis: &Axis, labelled: bool) -> i32 {
    match (axis.named.is_some(), labelled) {
        (true, _) => 0,
        (false, true) => 7 * FINE,
        (false, false) => 4 * FINE,
    }
}

fn draw_panel(root: &Canvas<'_>, frame: &Frame) -> Result<(), FigureError> {
    let black = [0, 0, 0];
    let (left, top, right, bottom) = (frame.left, frame.top, frame.left + frame.width, frame.top + frame.height);
    for series in &frame.plot.series {
        draw_series(root, frame, series)?;
    }
    // items beyond the frame are covered, then the frame and its ticks are drawn on top
    let white = |a: (i32, i32), b: (i32, i32)| root.area.draw(&Rectangle::new([a, b], WHITE.filled())).map_err(refused);
    let beside = if frame.plot.colour_bar.is_some() { BAR } else { 0 };
    let (outer_left, outer_right) = (left - LEFT, right + RIGHT + beside);
    white((outer_left, top - frame.above), (outer_right, top - 1))?;
    white((outer_left, bottom + 1), (outer_right, bottom + BOTTOM))?;
    white((outer_left, top), (left - 1, bottom))?;
    white((right + 1, top), (outer_right, bottom))?;
    path(root, vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], black, 1)?;
    for tick in frame.plot.x.ticks() {
        let Some(x) = frame.x(tick.value).map(|x| x.round() as i32) else { continue };
        let length = tick_length(&frame.plot.x, tick.label.is_some());
        path(root, vec![(x, bottom), (x, bottom - length)], black, 1)?;
        path(root, vec![(x, top), (x, top + length)], black, 1)?;
        if let Some(label) = tick.label {
            write(root, &label, (x, bottom + 8 * FINE), style(15, black, HPos::Center, VPos::Top))?;
        }
    }
    for tick in frame.plot.y.ticks() {
        let Some(y) = frame.y(tick.value).map(|y| y.round() as i32) else { continue };
        let length = tick_length(&frame.plot.y, tick.label.is_some());
        path(root, vec![(left, y), (left + length, y)], black, 1)?;
        path(root, vec![(right, y), (right - length, y)], black, 1)?;
        if let Some(label) = tick.label {
            write(root, &label, (left - 8 * FINE, y), style(15, black, HPos::Right, VPos::Center))?;
        }
    }
    let middle = left + frame.width / 2;
    write(root, &frame.plot.x.label, (middle, bottom + 34 * FINE), style(17, black, HPos::Center, VPos::Top))?;
    let sideways = TextStyle::from((FAMILY, 17 * FINE).into_font().transform(FontTransform::Rotate270))
        .color(&BLACK)
        .pos(Pos::new(HPos::Center, VPos::Top));
    write(root, &frame.plot.y.label, (outer_left + 8 * FINE, top + frame.height / 2), sideways)?;
    write(root, &frame.plot.title, (middle, top - frame.above + 12 * FINE), style(17, black, HPos::Center, VPos::Top))?;
    if let Some(bar) = &frame.plot.colour_bar {
        draw_colour_bar(root, frame, bar)?;
    }
    for (k, note) in frame.plot.notes.iter().enumerate() {
        let at = (left + 14 * FINE, top + (14 + 20 * k as i32) * FINE);
        write(root, note, at, style(14, GREY, HPos::Left, VPos::Top))?;
    }
    Ok(())
}

fn draw_series(root: &Canvas<'_>, frame: &Frame, series: &Series) -> Result<(), FigureError> {
    match &series.item {
        Item::Line { points, dash, width } => {
            for run in points.split(|p| frame.pixel(p.0, p.1).is_none()) {
                let pixels: Vec<(f64, f64)> = run.iter().filter_map(|p| Some((frame.x(p.0)?, frame.y(p.1)?))).collect();
                dashed(root, &thinned(pixels), *dash, series.colour, *width)?;
            }
        }
        Item::Points { points, marker } => {
            let mut crowd = Crowd::of(points.len());
            for &(x, y, error) in points {
                let Some(at) = frame.pixel(x, y).filter(|at| frame.holds(*at)) else { continue };
                if crowd.hides(at) {
                    continue;
                }
                if error > 0.0 {
                    let bottom = frame.top + frame.height;
                    let high = frame.pixel(x, y + error).map_or(frame.top, |p| p.1.max(frame.top));
                    let low = frame.pixel(x, y - error).map_or(bottom, |p| p.1.min(bottom));
                    path(root, vec![(at.0, low), (at.0, high)], series.colour, 1)?;
                    for end in [low, high] {
                        path(root, vec![(at.0 - 3 * FINE, end), (at.0 + 3 * FINE, end)], series.colour, 1)?;
                    }
                }
                mark(root, at, *marker, series.colour)?;
            }
        }
        Item::Band(points) => {
            let mut outline: Vec<(i32, i32)> = points.iter().filter_map(|p| frame.pixel(p.0, p.2)).collect();
            outline.extend(points.iter().rev().filter_map(|p| frame.pixel(p.0, p.1)));
            root.area.draw(&Polygon::new(outline, rgb(series.colour).mix(0.18).filled())).map_err(refused)?;
        }
        Item::Cells { x_edges, y_edges, colours } => {
            let columns = x_edges.len().saturating_sub(1).max(1);
            for (k, colour) in colours.iter().enumerate() {
                let (Some(colour), i, j) = (colour, k % columns, k / columns) else { continue };
                let corners = (frame.pixel(x_edges[i], y_edges[j + 1]), frame.pixel(x_edges[i + 1], y_edges[j]));
                if let (Some(a), Some(b)) = corners {
                    root.area.draw(&Rectangle::new([a, b], rgb(*colour).filled())).map_err(refused)?;
                }
            }
        }
        Item::Label { at, text } => {
            if let Some(at) = frame.pixel(at.0, at.1) {
                write(root, text, at, style(13, series.colour, HPos::Center, VPos::Center))?;
            }
        }
    }
    Ok(())
}

/// Points of a line or markers above which those that cannot be seen are left out.
const MANY: usize = 20_000;
/// Markers within a pixel above which no more are drawn there.
const CROWDED: u8 = 8;

/// Markers drawn so far within each pixel, where there are many.
struct Crowd(Option<HashMap<(i32, i32), u8>>);

impl Crowd {
    fn of(points: usize) -> Self {
        Self((points > MANY).then(HashMap::new))
    }

    /// Whether a marker there would lie on a pixel of many already; counts it otherwise.
    fn hides(&mut self, (x, y): (i32, i32)) -> bool {
        let Some(drawn) = &mut self.0 else { return false };
        let drawn = drawn.entry((x / FINE, y / FINE)).or_default();
        *drawn = drawn.saturating_add(1);
        *drawn > CROWDED
    }
}

/// A line of many points without those that cannot be seen: within a column of pixels, its first, lowest, highest and last point are kept.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= MANY {
        return points;
    }
    let column = |p: &(f64, f64)| (p.0 / f64::from(FINE)).floor() as i64;
    let extremes = |run: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let by_height = |a: &usize, b: &usize| run[*a].1.total_cmp(&run[*b].1);
        let lowest = (0..run.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..run.len()).max_by(by_height).unwrap_or(0);
        let mut kept = vec![0, lowest, highest, run.len() - 1];
        kept.sort_unstable();
        kept.dedup();
        kept.into_iter().map(|k| run[k]).collect()
    };
    points.chunk_by(|a, b| column(a) == column(b)).flat_map(extremes).collect()
}

/// Draws a line with dashes of fixed length along it.
fn dashed(
    root: &Canvas<'_>,
    points: &[(f64, f64)],
    dash: Dash,
    colour: [u8; 3],
    width: u32,
) -> Result<(), FigureError> {
    let round = |p: (f64, f64)| (p.0.round() as i32, p.1.round() as i32);
    let pattern: &[f64] = match dash {
        Dash::Solid => return path(root, points.iter().map(|&p| round(p)).collect(), colour, width),
        Dash::Dashed => &[9.0 * FINE as f64, 6.0 * FINE as f64],
        Dash::Dotted => &[2.0 * FINE as f64, 5.0 * FINE as f64],
    };
    let (mut left, mut part) = (pattern[0], 0);
    let mut run = Vec::new();
    for pair in points.windows(2) {
        let (mut here, there) = (pair[0], pair[1]);
        loop {
            let distance = (there.0 - here.0).hypot(there.1 - here.1);
            if part % 2 == 0 && run.is_empty() {
                run.push(round(here));
            }
            if distance <= left {
                left -= distance;
                if part % 2 == 0 {
                    run.push(round(there));
                }
                break;
            }
            let t = left / distance;
            here = (here.0 + t * (there.0 - here.0), here.1 + t * (there.1 - here.1));
            if part % 2 == 0 {
                run.push(round(here));
                path(root, std::mem::take(&mut run), colour, width)?;
            }
            part += 1;
            left = pattern[part % 2];
        }
    }
    if run.len() > 1 { path(root, run, colour, width) } else { Ok(()) }
}

fn mark(root: &Canvas<'_>, (x, y): (i32, i32), marker: Marker, colour: [u8; 3]) -> Result<(), FigureError> {
    let fill = rgb(colour).filled();
    let polygon = |corners: &[(i32, i32)]| {
        root.area
            .draw(&Polygon::new(corners.iter().map(|(a, b)| (x + a * FINE, y + b * FINE)).collect::<Vec<_>>(), fill))
            .map_err(refused)
    };
    match marker {
        Marker::Disc => root.area.draw(&Circle::new((x, y), 4 * FINE, fill)).map_err(refused),
        Marker::Dot => root.area.draw(&Circle::new((x, y), 2 * FINE, rgb(colour).mix(0.35).filled())).map_err(refused),
        Marker::Square => {
            let r = 4 * FINE;
            root.area.draw(&Rectangle::new([(x - r, y - r), (x + r, y + r)], WHITE.filled())).map_err(refused)?;
            let corners = vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r), (x - r, y - r)];
            path(root, corners, colour, 1)
        }
        Marker::Site { radius } => {
            let radius = radius as i32;
            root.area.draw(&Circle::new((x, y), radius * FINE, BLACK.filled())).map_err(refused)?;
            root.area.draw(&Circle::new((x, y), (radius - 1) * FINE, fill)).map_err(refused)
        }
        Marker::Triangle => polygon(&[(0, -5), (5, 4), (-5, 4)]),
        Marker::Diamond => polygon(&[(0, -5), (5, 0), (0, 5), (-5, 0)]),
    }
}

fn draw_legend_entry(root: &Canvas<'_>, series: &Series, x: i32, y: i32) -> Result<(), FigureError> {
    match &series.item {
        Item::Line { dash, width, .. } => {
            let ends = [(f64::from(x), f64::from(y)), (f64::from(x + 34 * FINE), f64::from(y))];
            dashed(root, &ends, *dash, series.colour, *width)?;
        }
        Item::Points { marker, .. } => mark(root, (x + 17 * FINE, y), *marker, series.colour)?,
        Item::Band(_) => {
            let fill = rgb(series.colour).mix(0.18).filled();
            root.area
                .draw(&Rectangle::new([(x, y - 6 * FINE), (x + 34 * FINE, y + 6 * FINE)], fill))
                .map_err(refused)?;
        }
        Item::Cells { .. } => {
            let fill = rgb(series.colour).filled();
            root.area
                .draw(&Rectangle::new([(x, y - 8 * FINE), (x + 34 * FINE, y + 8 * FINE)], fill))
                .map_err(refused)?;
        }
        Item::Label { .. } => {}
    }
    let label = series.legend.as_deref().unwrap_or_default();
    write(root, label, (x + 44 * FINE, y), style(14, [0, 0, 0], HPos::Left, VPos::Center))
}

/// Axis that spans the given values. It is linear if all of them are zero, which a logarithmic axis cannot show.
pub(crate) fn spanning(label: &str, scale: crate::axis::Scale, values: Vec<f64>) -> Result<Axis, FigureError> {
    let around = |scale| Axis::around(label.to_owned(), scale, values.iter().copied());
    let zero = values.iter().all(|v| v.abs() <= 0.0 || v.is_nan());
    around(scale)
        .or_else(|| zero.then(|| around(crate::axis::Scale::Linear)).flatten())
        .ok_or_else(|| FigureError::Empty { what: format!("\"{label}\" has no value that its axis can show") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_line_looks_the_same() {
        let fine = f64::from(FINE);
        let all: Vec<(f64, f64)> =
            (0..200_000).map(|k| (f64::from(k) * 1e-2, 100.0 * (f64::from(k * k % 9973) * 0.7).sin())).collect();
        let kept = thinned(all.clone());
        assert!(kept.len() < 5 * 2000 / FINE as usize, "{}", kept.len());
        let ends = |points: &[(f64, f64)], column: usize| {
            let inside = points.iter().filter(|p| (p.0 / fine).floor() as usize == column);
            inside.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p.1), high.max(p.1)))
        };
        for column in [0, 17, 100, 249] {
            assert_eq!(ends(&kept, column), ends(&all, column));
        }
        assert_eq!((kept[0], kept[kept.len() - 1]), (all[0], all[199_999]));
        assert_eq!(thinned(all[..1000].to_vec()), all[..1000]);
    }

    #[test]
    fn markers_on_top_of_many_are_left_out() {
        let mut crowd = Crowd::of(MANY + 1);
        let drawn = (0..100).filter(|_| !crowd.hides((80, 80))).count();
        assert_eq!((drawn, crowd.hides((800, 80))), (8, false));
        let mut few = Crowd::of(100);
        assert!((0..100).all(|_| !few.hides((80, 80))));
    }
}
