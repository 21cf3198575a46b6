//! Figures from results files in the style of a physics journal: points for Monte Carlo, lines for theory.
//!
//! A figure is drawn as SVG by plotters, with a font included in the binary. This SVG is converted to an SVG with text
//! as outlines, which needs no font, and a PNG.

mod abundance;
mod advantage;
pub mod axis;
pub mod conductance;
mod derivative;
mod effort;
mod error;
mod error_figure;
mod gates;
mod kinds;
mod layout;
pub mod levels;
pub mod network;
mod numbers;
mod outlines;
pub mod plot;
mod ratios;
mod render;
mod response;
pub mod samples;
mod scatter;
mod settings;
mod spectrum;
mod training;

use std::path::{Path, PathBuf};

use results::{Results, Variable};
use study::Study;
use toml::{Table, Value};

use kinds::Kind;

pub use error::FigureError;
pub use kinds::FigureKind;
pub use layout::{Format, Layout, LegendPlace, PanelLetters};
pub use plot::Plot;
pub use settings::{ErrorVariable, FigureSection, schema};

/// The panels of the figure that belongs to `results`.
///
/// `figure` overrides the scenario's own `[figure]`.
///
/// # Errors
/// If the results lack the data of the figure.
pub fn panels(results: &Results, figure: Option<&FigureSection>) -> Result<Vec<Plot>, FigureError> {
    let own = match figure {
        Some(_) => FigureSection::default(),
        None => section_of(results)?,
    };
    let figure = figure.unwrap_or(&own);
    study::columns::check(results).map_err(FigureError::Damaged)?;
    figure.adjusted((Kind::of(results, figure)?.panels)(results, figure)?)
}

/// Checks before a study is computed whether its figure can be drawn, using placeholder results.
///
/// # Errors
/// If it cannot, or `[figure]` holds a setting that the figure does not use. A figure may still be empty, if the
/// results are only zeros or NaN.
pub fn check(study: &Study) -> Result<(), FigureError> {
    let given = study.document.table.get("figure").and_then(Value::as_table).cloned().unwrap_or_default();
    let figure = FigureSection::of(study)?.unwrap_or_default();
    let results = study::foreseen(study);
    let kind = Kind::of(&results, &figure)?;
    let used = |key: &str| settings::COMMON.contains(&key) || kind.uses.contains(&key);
    if let Some(key) = given.keys().find(|key| !used(key)) {
        let keys: Vec<String> = settings::COMMON[1..].iter().chain(kind.uses).map(|k| format!("`{k}`")).collect();
        let message = format!("a figure of kind \"{}\" does not use it, only {}", kind.name, keys.join(", "));
        return Err(FigureError::setting(key.as_str(), message));
    }
    figure.check()?;
    match (kind.panels)(&results, &figure) {
        // the scale and the limits of an axis depend on the results
        Ok(panels) => render::arranged(&panels, &figure.layout).map(drop),
        Err(FigureError::Missing { what }) => {
            let message =
                format!("a figure of kind \"{}\" cannot be drawn, as the results will not hold {what}", kind.name);
            Err(FigureError::setting("kind", message))
        }
        Err(e) => Err(e),
    }
}

/// A required variable.
fn variable<'r>(results: &'r Results, name: &str) -> Result<&'r Variable, FigureError> {
    results.variable(name).ok_or_else(|| FigureError::Missing { what: format!("the variable `{name}`") })
}

/// The `[figure]` of the scenario that `results` came from.
///
/// # Errors
/// If they do not hold it, for instance in a damaged file.
pub fn section_of(results: &Results) -> Result<FigureSection, FigureError> {
    let missing = |what: &str| FigureError::Missing { what: what.to_owned() };
    let text = results.attribute("scenario_resolved").ok_or_else(|| missing("attribute `scenario_resolved`"))?;
    let mut table: Table = toml::from_str(text).map_err(|_| missing("a readable scenario"))?;
    match table.remove("figure") {
        None => Ok(FigureSection::default()),
        Some(section) => section.try_into().map_err(|_| missing("a readable `[figure]`")),
    }
}

/// Draws the figure of `results` to the files of its layout, `stem.svg` and `stem.png` if it says nothing else, and returns their paths.
///
/// # Errors
/// If the results lack the data of the figure or a file cannot be written.
pub fn draw(results: &Results, figure: Option<&FigureSection>, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let layout = match figure {
        Some(figure) => figure.layout.clone(),
        None => section_of(results)?.layout,
    };
    write(&panels(results, figure)?, &layout, stem)
}

/// Draws panels to the files of a layout and returns their paths.
///
/// # Errors
/// If the layout has no room for them or a file cannot be written.
pub fn write(panels: &[Plot], layout: &Layout, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    layout.check()?;
    let rendered = outlines::Rendered::of(&render::svg(panels, layout)?, layout)?;
    let paths = layout.files(stem);
    for (path, format) in paths.iter().zip(&layout.formats) {
        let bytes = match format {
            Format::Svg => rendered.svg()?,
            Format::Png => rendered.png()?,
            Format::Pdf => rendered.pdf()?,
            Format::Csv => numbers::csv(panels)?,
        };
        results::store::write_whole(path, &bytes)?;
    }
    Ok(paths)
}
