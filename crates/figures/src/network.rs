//! Pictures of dopant networks: the device as a map, I-V curves, stability maps, intrinsic noise.

use crate::axis::{Axis, Scale, short};
use crate::error::FigureError;
use crate::plot::{ColourBar, Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;

/// Widest current path \[pixels\].
const WIDEST_PATH: f64 = 9.0;
/// Radius of an acceptor \[pixels\].
const SITE: f64 = 6.0;
/// Acceptors up to which both are as large; with more, they shrink with the distance between acceptors.
const UNCROWDED: f64 = 40.0;
/// Paths weaker than this fraction of the strongest are not drawn.
const WEAKEST_PATH: f64 = 0.01;

/// Values on a grid, row by row from the lowest y; NaN for empty cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Edges along x.
    pub x_edges: Vec<f64>,
    /// Edges along y.
    pub y_edges: Vec<f64>,
    /// Values.
    pub values: Vec<f64>,
}

/// Drawing of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DevicePicture {
    /// Title.
    pub title: String,
    /// Outline of the domain, closed \[nm\].
    pub outline: Vec<[f64; 2]>,
    /// Acceptors and their occupation probability.
    pub acceptors: Vec<([f64; 2], f64)>,
    /// Donors.
    pub donors: Vec<[f64; 2]>,
    /// Electrodes: the boundary covered and a label.
    pub electrodes: Vec<(Vec<[f64; 2]>, String)>,
    /// Net current between two points \[nA\].
    pub paths: Vec<([f64; 2], [f64; 2], f64)>,
    /// Potential \[V\].
    pub potential: Grid,
}

/// Blue over white to red, for −1 to 1.
fn diverging(t: f64) -> [u8; 3] {
    let t = t.clamp(-1.0, 1.0);
    let (end, weight) = if t < 0.0 { ([70.0, 130.0, 200.0], -t) } else { ([220.0, 90.0, 70.0], t) };
    end.map(|c| (255.0 + (c - 255.0) * weight).round() as u8)
}

/// Cells coloured by value, with zero as the central colour, and their scale.
fn coloured(grid: &Grid, label: &str) -> (Series, ColourBar) {
    let largest = grid.values.iter().filter(|v| v.is_finite()).fold(0.0_f64, |a, v| a.max(v.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let cells = Series {
        item: Item::Cells {
            x_edges: grid.x_edges.clone(),
            y_edges: grid.y_edges.clone(),
            colours: grid.values.iter().map(|v| v.is_finite().then(|| diverging(v / scale))).collect(),
        },
        colour: [255; 3],
        legend: None,
    };
    let axis = Axis { label: label.to_owned(), scale: Scale::Linear, low: -scale, high: scale, named: None };
    (cells, ColourBar::continuous(axis, |value| diverging(value / scale)))
}

/// The device as a map.
///
/// # Errors
/// If there is nothing to draw.
pub fn device_map(picture: &DevicePicture) -> Result<Vec<Plot>, FigureError> {
    let line = |points: &[[f64; 2]], width, colour| Series {
        item: Item::Line { points: points.iter().map(|p| (p[0], p[1])).collect(), dash: Dash::Solid, width },
        colour,
        legend: None,
    };
    let point = |at: [f64; 2], marker, colour| Series {
        item: Item::Points { points: vec![(at[0], at[1], f64::NAN)], marker },
        colour,
        legend: None,
    };
    let (cells, colour_bar) = coloured(&picture.potential, "potential [V]");
    let mut series = vec![cells];
    series.push(line(&picture.outline, 1, [0; 3]));
    let shrink = (UNCROWDED / picture.acceptors.len().max(1) as f64).sqrt().min(1.0);
    let site = Marker::Site { radius: (SITE * shrink).round().max(2.0) as u32 };
    let strongest = picture.paths.iter().fold(0.0_f64, |a, p| a.max(p.2.abs()));
    for (from, to, flow) in picture.paths.iter().filter(|p| p.2.abs() >= WEAKEST_PATH * strongest && strongest > 0.0) {
        let width = (WIDEST_PATH * shrink * (flow.abs() / strongest).sqrt()).round().max(1.0) as u32;
        series.push(line(&[*from, *to], width, PALETTE[2]));
    }
    let shade = |p: f64| [(255.0 * (1.0 - p)).round() as u8; 3];
    series.extend(picture.acceptors.iter().map(|&(at, p)| point(at, site, shade(p))));
    series.extend(picture.donors.iter().map(|&at| point(at, Marker::Diamond, PALETTE[3])));
    let centre = {
        let n = picture.outline.len().max(1) as f64;
        let sum = picture.outline.iter().fold([0.0, 0.0], |s, p| [s[0] + p[0], s[1] + p[1]]);
        [sum[0] / n, sum[1] / n]
    };
    for (covered, label) in &picture.electrodes {
        series.push(line(covered, 6, [60; 3]));
        if let Some(middle) = covered.get(covered.len() / 2) {
            // horizontally a label needs more space
            let outward = [middle[0] + 0.36 * (middle[0] - centre[0]), middle[1] + 0.14 * (middle[1] - centre[1])];
            let item = Item::Label { at: (outward[0], outward[1]), text: label.clone() };
            series.push(Series { item, colour: [0; 3], legend: None });
        }
    }
    let current = match strongest > 0.0 {
        true => format!("net current, widest {} nA", short(strongest)),
        false => "no net current".to_owned(),
    };
    let key = |item, colour, text: &str| Series { item, colour, legend: Some(text.to_owned()) };
    let marker = |marker| Item::Points { points: Vec::new(), marker };
    series.push(key(marker(site), [255; 3], "acceptor without hole"));
    series.push(key(marker(site), [0; 3], "acceptor with hole"));
    series.push(key(marker(Marker::Diamond), PALETTE[3], "donor"));
    series.push(key(Item::Line { points: Vec::new(), dash: Dash::Solid, width: 5 }, PALETTE[2], &current));
    let extent = |k: usize| {
        let (low, high) =
            picture.outline.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p[k]), h.max(p[k])));
        (0.5 * (low + high), 0.5 * (high - low))
    };
    // room for the labels of the electrodes
    let ((x, half_width), (y, half_height)) = (extent(0), extent(1));
    let (wide, high) = (1.57 * half_width, 1.22 * half_height);
    let label = |axis: &str| format!("{axis} [nm]");
    Ok(vec![
        Plot::new(
            picture.title.clone(),
            spanning(&label("x"), Scale::Linear, vec![x - wide, x + wide])?,
            spanning(&label("y"), Scale::Linear, vec![y - high, y + high])?,
            series,
        )
        .with_colour_bar(colour_bar)
        .to_scale(),
    ])
}

/// Currents of all electrodes against a voltage, and their derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentVoltage {
    /// Title.
    pub title: String,
    /// Label of the voltage.
    pub voltage_label: String,
    /// Voltages \[V\].
    pub voltages: Vec<f64>,
    /// For each curve: name, currents, standard errors (0 where exact) \[nA\].
    pub curves: Vec<(String, Vec<f64>, Vec<f64>)>,
    /// For each curve: derivatives \[nA/V\]; empty if they are not known.
    pub derivatives: Vec<Vec<f64>>,
}

/// I-V curves and, if known, their exact derivatives.
///
/// # Errors
/// If there is nothing to draw.
pub fn current_voltage(data: &CurrentVoltage) -> Result<Vec<Plot>, FigureError> {
    let curve = |(k, values): (usize, &Vec<f64>)| Series {
        item: Item::Line {
            points: data.voltages.iter().copied().zip(values.iter().copied()).collect(),
            dash: Dash::Solid,
            width: 2,
        },
        colour: PALETTE[k % PALETTE.len()],
        legend: Some(data.curves[k].0.clone()),
    };
    let mut series: Vec<Series> = data.curves.iter().map(|c| &c.1).enumerate().map(curve).collect();
    for (k, (_, values, errors)) in data.curves.iter().enumerate().filter(|(_, c)| c.2.iter().any(|e| *e > 0.0)) {
        let points = data.voltages.iter().zip(values).zip(errors).map(|((&v, &i), &e)| (v, i, e)).collect();
        let item = Item::Points { points, marker: Marker::Dot };
        series.push(Series { item, colour: PALETTE[k % PALETTE.len()], legend: None });
    }
    let x = || spanning(&data.voltage_label, Scale::Linear, data.voltages.clone());
    let currents = data.curves.iter().flat_map(|c| c.1.clone()).collect();
    let mut panels =
        vec![Plot::new(data.title.clone(), x()?, spanning("current [nA]", Scale::Linear, currents)?, series)];
    if !data.derivatives.is_empty() {
        panels.push(Plot::new(
            "exact derivatives".to_owned(),
            x()?,
            spanning("dI/dV [nA/V]", Scale::Linear, data.derivatives.iter().flatten().copied().collect())?,
            data.derivatives.iter().enumerate().map(curve).collect(),
        ));
    }
    Ok(panels)
}

/// dI/dV \[nA/V\] over two voltages.
///
/// # Errors
/// If there is nothing to draw.
pub fn stability_map(title: &str, labels: [&str; 2], derivative: &Grid) -> Result<Vec<Plot>, FigureError> {
    let (cells, colour_bar) = coloured(derivative, "dI/dV [nA/V]");
    let x = spanning(labels[0], Scale::Linear, derivative.x_edges.clone())?;
    let y = spanning(labels[1], Scale::Linear, derivative.y_edges.clone())?;
    Ok(vec![Plot::new(title.to_owned(), x, y, vec![cells]).with_colour_bar(colour_bar)])
}

/// Noise of one electrode.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Name.
    pub name: String,
    /// Spectral densities \[nA²/Hz\].
    pub densities: Vec<f64>,
    /// Low and high end of the band in which each may lie \[nA²/Hz\]; none where exact.
    pub bands: Option<Vec<(f64, f64)>>,
}

/// Least part of a density to which its band of errors goes down, so that it has a place on a logarithmic axis.
const LEAST_PART: f64 = 0.1;

/// Spectral densities against frequency \[Hz\], with bands, and with the full shot noise 2eI of a reference
/// current as a dashed line.
///
/// # Errors
/// If there is nothing to draw.
pub fn noise_spectrum(
    title: &str,
    frequencies: &[f64],
    spectra: &[Spectrum],
    shot: Option<f64>,
) -> Result<Vec<Plot>, FigureError> {
    let mut series: Vec<Series> = Vec::new();
    for (k, spectrum) in spectra.iter().enumerate() {
        let colour = PALETTE[k % PALETTE.len()];
        let points: Vec<(f64, f64)> = frequencies.iter().copied().zip(spectrum.densities.iter().copied()).collect();
        if let Some(bands) = &spectrum.bands {
            let known = points.iter().zip(bands).filter(|((_, s), (low, high))| *s > 0.0 && (high - low).is_finite());
            let band = known.map(|(&(f, s), (low, high))| (f, low.max(LEAST_PART * s), *high)).collect();
            series.push(Series { item: Item::Band(band), colour, legend: None });
        }
        let points = points.into_iter().filter(|(_, s)| *s > 0.0).collect();
        let item = Item::Line { points, dash: Dash::Solid, width: 2 };
        series.push(Series { item, colour, legend: Some(spectrum.name.clone()) });
    }
    if let (Some(level), Some(first), Some(last)) = (shot, frequencies.first(), frequencies.last()) {
        let points = vec![(*first, level), (*last, level)];
        let item = Item::Line { points, dash: Dash::Dashed, width: 2 };
        series.push(Series { item, colour: GREY, legend: Some(format!("2eI = {} nA²/Hz", short(level))) });
    }
    let drawn = series.iter().flat_map(|series| match &series.item {
        Item::Band(band) => band.iter().flat_map(|(_, low, high)| [*low, *high]).collect(),
        _ => Vec::new(),
    });
    let densities = spectra.iter().flat_map(|s| s.densities.clone());
    let values = densities.chain(shot).chain(drawn).filter(|s| *s > 0.0).collect();
    Ok(vec![Plot::new(
        title.to_owned(),
        spanning("frequency [Hz]", Scale::Log, frequencies.to_vec())?,
        spanning("noise density [nA²/Hz]", Scale::Log, values)?,
        series,
    )])
}
