//! Figures from results files: points for Monte Carlo, lines for theory, in the manner of a physics journal.
//!
//! A figure is laid out once, as SVG through plotters, with a font that is part of the binary. From that SVG come a file
//! whose text is outlines (no font is needed to view it) and a PNG.

mod advantage;
pub mod axis;
mod error;
mod error_figure;
mod gates;
pub mod network;
pub mod plot;
mod render;
mod response;
mod scatter;
mod spectrum;
mod training;

use std::path::{Path, PathBuf};

use sweep::scenario::{FigureKind, FigureSection};
use sweep::{Results, Variable};
use toml::Table;

pub use error::FigureError;
pub use plot::Plot;

/// The panels of the figure that belongs to `results`.
///
/// `figure` overrides the scenario's own `[figure]`.
///
/// # Errors
/// If the results do not hold what the figure shows.
pub fn panels(results: &Results, figure: Option<&FigureSection>) -> Result<Vec<Plot>, FigureError> {
    let own = section_of(results)?;
    let figure = figure.unwrap_or(&own);
    let follows = if results.variable("mse").is_some() {
        FigureKind::Error
    } else if results.variable("psd_welch").is_some() {
        FigureKind::Spectrum
    } else if results.variable("abundance").is_some() {
        FigureKind::Gates
    } else if results.variable("solved").is_some() {
        let traced = results.dimension("trace_time_s").is_some_and(|d| !results.dimensions[d].coordinate.is_empty());
        if traced { FigureKind::Traces } else { FigureKind::Classification }
    } else {
        FigureKind::Response
    };
    match figure.kind.unwrap_or(follows) {
        FigureKind::Error => error_figure::panels(results, figure),
        FigureKind::Scatter => scatter::panels(results, figure),
        FigureKind::Response => response::panels(results, figure),
        FigureKind::Spectrum => spectrum::panels(results, figure),
        FigureKind::Gates => gates::panels(results, figure),
        FigureKind::Traces => training::traces(results, figure),
        FigureKind::Classification => training::classification(results, figure),
        FigureKind::Learning => training::learning(results, figure),
        FigureKind::Comparison => training::comparison(results, figure),
        FigureKind::Advantage => advantage::panels(results, figure),
        FigureKind::Success => training::success(results, figure),
    }
}

/// A variable that a figure cannot do without.
fn variable<'r>(results: &'r Results, name: &str) -> Result<&'r Variable, FigureError> {
    results.variable(name).ok_or_else(|| FigureError::Missing { what: format!("the variable `{name}`") })
}

fn section_of(results: &Results) -> Result<FigureSection, FigureError> {
    let missing = |what: &str| FigureError::Missing { what: what.to_owned() };
    let text = results.attribute("scenario_resolved").ok_or_else(|| missing("attribute `scenario_resolved`"))?;
    let mut table: Table = toml::from_str(text).map_err(|_| missing("a readable scenario"))?;
    match table.remove("figure") {
        None => Ok(FigureSection::default()),
        Some(section) => section.try_into().map_err(|_| missing("a readable `[figure]`")),
    }
}

/// Draws the figure of `results` to `stem.svg` and `stem.png` and returns their paths.
///
/// # Errors
/// If the results do not hold what the figure shows or a file cannot be written.
pub fn draw(results: &Results, figure: Option<&FigureSection>, stem: &Path) -> Result<[PathBuf; 2], FigureError> {
    write(&panels(results, figure)?, stem)
}

/// Draws panels side by side to `stem.svg` and `stem.png` and returns their paths.
///
/// # Errors
/// If a file cannot be written.
pub fn write(panels: &[Plot], stem: &Path) -> Result<[PathBuf; 2], FigureError> {
    let svg = render::svg(panels)?;
    let rendered = render::outlines_and_pixels(&svg)?;
    // not Path::with_extension: a study's name may hold a dot
    let with = |ending: &str| PathBuf::from(format!("{}.{ending}", stem.display()));
    let paths = [with("svg"), with("png")];
    for (path, bytes) in paths.iter().zip([rendered.outlines_svg.as_bytes(), &rendered.png]) {
        sweep::store::write_whole(path, bytes)?;
    }
    Ok(paths)
}
