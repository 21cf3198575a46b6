//! Conductance of a dopant network against temperature.

use crate::axis::Scale;
use crate::error::FigureError;
use crate::plot::{Dash, GREY, Item, Marker, PALETTE, Plot, Series};
use crate::render::spanning;

/// Points of a fitted curve.
const POINTS: usize = 200;

/// Conductances and a law fitted to them.
pub struct Conductances<'a> {
    /// Title.
    pub title: String,
    /// Temperature \[K\], conductance and standard error \[nA/V\].
    pub found: Vec<(f64, f64, f64)>,
    /// Conductance \[nA/V\] by the law at a temperature \[K\], and what the law is called.
    pub law: Option<(&'a dyn Fn(f64) -> f64, String)>,
}

/// Conductance, logarithmic, over the inverse of temperature.
///
/// # Errors
/// If there is nothing to draw.
pub fn against_temperature(data: &Conductances<'_>) -> Result<Vec<Plot>, FigureError> {
    let inverse = |t: f64| 1e3 / t;
    let points = data.found.iter().filter(|(_, g, error)| *g > 0.0 && error.is_finite());
    let points: Vec<(f64, f64, f64)> = points.map(|&(t, g, error)| (inverse(t), g, error)).collect();
    let (xs, ys) = (points.iter().map(|p| p.0).collect::<Vec<f64>>(), points.iter().map(|p| p.1).collect());
    let (x, y) = (spanning("1000 K / T", Scale::Linear, xs.clone())?, spanning("conductance [nA/V]", Scale::Log, ys)?);
    let item = Item::Points { points, marker: Marker::Dot };
    let mut series = vec![Series { item, colour: PALETTE[0], legend: Some("events".to_owned()) }];
    if let Some((law, name)) = &data.law {
        let (low, high) = xs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
        let at = |k: usize| low + (high - low) * k as f64 / (POINTS - 1) as f64;
        let points = (0..POINTS).map(|k| (at(k), law(inverse(at(k))))).collect();
        let item = Item::Line { points, dash: Dash::Dashed, width: 2 };
        series.push(Series { item, colour: GREY, legend: Some(name.clone()) });
    }
    Ok(vec![Plot::new(data.title.clone(), x, y, series)])
}
