//! `[figure.layout]`: size, letters, legend and files of a figure, whatever it shows.
//!
//! Figures are designed in pixels, at an axis label of 17 px. For paper, this design keeps its letters and changes the size of its panels:
//! a figure of 86 mm with letters of 8 pt is 518 px wide in the design and is scaled as a whole.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::FigureError;
use crate::plot::Plot;

/// Size of axis labels in the design \[px\].
pub(crate) const LABEL_PX: f64 = 17.0;
const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// Panels of the design and small ones, of which there are many \[px\].
const PANEL: (f64, f64) = (560.0, 460.0);
const SMALL_PANEL: (f64, f64) = (380.0, 300.0);
/// Narrowest panel that is put beside another one on paper \[px\].
const NARROWEST: f64 = 250.0;
/// Largest number of panels in a row; with more panels, they are small, so that the text is relatively large.
const MOST_IN_A_ROW: usize = 4;

/// Place of the legend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LegendPlace {
    /// To the right of the first row of panels.
    #[default]
    Right,
    /// Below the panels.
    Below,
    /// In the corner of the first panel that holds least.
    Inside,
    /// No legend.
    None,
}

/// Letters of panels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PanelLetters {
    /// None.
    #[default]
    #[serde(rename = "none")]
    None,
    /// a, b, c.
    #[serde(rename = "a")]
    Lower,
    /// (a), (b), (c).
    #[serde(rename = "(a)")]
    LowerInBrackets,
    /// A, B, C.
    #[serde(rename = "A")]
    Upper,
}

/// A file of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Scalable Vector Graphics.
    Svg,
    /// Pixels.
    Png,
    /// Portable Document Format.
    Pdf,
    /// The drawn numbers: panel, series, x, y, and the ends of error bars or of a band.
    Csv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Svg, Self::Png, Self::Pdf, Self::Csv];

    /// Ending of the file.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Svg => ".svg",
            Self::Png => ".png",
            Self::Pdf => ".pdf",
            Self::Csv => ".csv",
        }
    }

    /// Whether this program can write it.
    fn is_built(self) -> bool {
        match self {
            Self::Svg | Self::Csv => true,
            Self::Png => cfg!(feature = "png"),
            Self::Pdf => cfg!(feature = "pdf"),
        }
    }
}

/// How a figure is drawn. Without a width, panels have 560 × 460 px.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// Width of the figure (mm): in many journals 86 for one column, 178 for two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_mm: Option<f64>,
    /// Height of the figure (mm), in proportion if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_mm: Option<f64>,
    /// Size of axis labels and titles (pt), with `width_mm`; tick labels have 0.88 of it, legends 0.82.
    pub font_size_pt: f64,
    /// TrueType or OpenType font; DejaVu Sans if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font_file: Option<PathBuf>,
    /// Width of lines relative to that of the design, which is 0.5 pt for frames and 1 to 1.5 pt for curves at 8 pt letters.
    pub line_width: f64,
    /// Letters of the panels.
    pub panel_letters: PanelLetters,
    /// Panels beside each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panels_in_a_row: Option<usize>,
    /// Place of the legend.
    pub legend: LegendPlace,
    /// Files that are written.
    pub formats: Vec<Format>,
    /// Resolution of the PNG (dots per inch), with `width_mm`.
    pub png_dpi: f64,
    /// Write text in the SVG as text, which can be edited but needs the font, instead of outlines.
    pub svg_text: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            width_mm: None,
            height_mm: None,
            font_size_pt: 8.0,
            font_file: None,
            line_width: 1.0,
            panel_letters: PanelLetters::default(),
            panels_in_a_row: None,
            legend: LegendPlace::default(),
            formats: [Format::Svg, Format::Png].into_iter().filter(|f| f.is_built()).collect(),
            png_dpi: 300.0,
            svg_text: false,
        }
    }
}

impl Layout {
    /// Whether it is the default one, which is not written to files.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The layout and the name without ending for a figure that is to be written to `path`: an ending of a [`Format`] asks for that one alone.
    #[must_use]
    pub fn for_path(mut self, path: PathBuf) -> (Self, PathBuf) {
        let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
        match Format::ALL.into_iter().find(|format| ending.as_deref() == Some(format.ending())) {
            Some(format) => {
                self.formats = vec![format];
                (self, path.with_extension(""))
            }
            None => (self, path),
        }
    }

    /// The files of a figure.
    #[must_use]
    pub fn files(&self, stem: &Path) -> Vec<PathBuf> {
        // not Path::with_extension: a study's name may contain a dot
        let named = |format: &Format| {
            let mut name = stem.as_os_str().to_owned();
            name.push(format.ending());
            PathBuf::from(name)
        };
        self.formats.iter().map(named).collect()
    }

    /// # Errors
    /// Names the setting that is out of range, or needs another one.
    pub(crate) fn check(&self) -> Result<(), FigureError> {
        let refused = |key: &str, message: String| Err(FigureError::setting(format!("layout.{key}"), message));
        let lengths = [
            ("width_mm", self.width_mm, 20.0..=2000.0),
            ("height_mm", self.height_mm, 20.0..=2000.0),
            ("font_size_pt", Some(self.font_size_pt), 2.0..=72.0),
            ("line_width", Some(self.line_width), 0.1..=10.0),
            ("png_dpi", Some(self.png_dpi), 36.0..=2400.0),
        ];
        for (key, value, allowed) in lengths {
            if let Some(value) = value.filter(|v| !allowed.contains(v)) {
                return refused(key, format!("found {value}, must be {} to {}", allowed.start(), allowed.end()));
            }
        }
        let default = Self::default();
        let changes_paper = self.height_mm.is_some()
            || self.font_size_pt.to_bits() != default.font_size_pt.to_bits()
            || self.png_dpi.to_bits() != default.png_dpi.to_bits();
        if self.width_mm.is_none() && changes_paper {
            let message = "is needed for `height_mm`, `font_size_pt` and `png_dpi`: 86 for one column, 178 for two";
            return refused("width_mm", message.to_owned());
        }
        if self.panels_in_a_row == Some(0) {
            return refused("panels_in_a_row", "found 0, must be 1 or more".to_owned());
        }
        if self.formats.is_empty() {
            return refused("formats", "is empty: must hold some of \"svg\", \"png\", \"pdf\", \"csv\"".to_owned());
        }
        if let Some(format) = self.formats.iter().find(|f| !f.is_built()) {
            return refused(
                "formats",
                format!("this program was built without {}", format.ending().trim_start_matches('.')),
            );
        }
        if let Some(file) = &self.font_file
            && let Err(e) = std::fs::metadata(file)
        {
            return refused("font_file", format!("`{}`: {e}", file.display()));
        }
        if let Some(width_px) = self.width_px()
            && width_px < NARROWEST
        {
            let least = NARROWEST / width_px * self.width_mm.unwrap_or_default();
            return refused(
                "width_mm",
                format!("too narrow for letters of {} pt, which need {least:.0} mm", self.font_size_pt),
            );
        }
        Ok(())
    }

    /// Length of a pixel of the design \[mm\].
    pub(crate) fn pixel_mm(&self) -> f64 {
        self.font_size_pt / LABEL_PX / POINTS_PER_MM
    }

    /// Width on paper \[px of the design\].
    fn width_px(&self) -> Option<f64> {
        self.width_mm.map(|mm| mm / self.pixel_mm())
    }

    /// Letter of a panel.
    pub(crate) fn letter(&self, panel: usize) -> Option<String> {
        let mut number = panel;
        let mut letters = String::new();
        loop {
            letters.insert(0, char::from(b'a' + (number % 26) as u8));
            if number < 26 {
                break;
            }
            number = number / 26 - 1;
        }
        match self.panel_letters {
            PanelLetters::None => None,
            PanelLetters::Lower => Some(letters),
            PanelLetters::LowerInBrackets => Some(format!("({letters})")),
            PanelLetters::Upper => Some(letters.to_uppercase()),
        }
    }

    /// Sizes and places of the parts of a figure of these panels, whose legend has entries of a width and a height \[px\].
    ///
    /// # Errors
    /// If the panels do not fit into the height.
    pub(crate) fn arrange(&self, panels: &[Plot], legend: LegendSize) -> Result<Arrangement, FigureError> {
        let place = if legend.entries == 0 { LegendPlace::None } else { self.legend };
        let beside = if place == LegendPlace::Right { legend.width } else { 0.0 };
        let is_titled = self.width_px().is_none() || panels.iter().any(|p| !p.title.is_empty());
        let top = match (is_titled, self.panel_letters) {
            (true, _) => 44.0,
            (false, PanelLetters::None) => 14.0,
            (false, _) => 32.0,
        };
        let fitting = self.width_px().map_or(MOST_IN_A_ROW, |width| ((width - beside) / NARROWEST) as usize);
        let columns = self.panels_in_a_row.unwrap_or(fitting.clamp(1, MOST_IN_A_ROW)).min(panels.len()).max(1);
        let rows = panels.len().div_ceil(columns) as f64;
        let (own_width, own_height) = if panels.len() > MOST_IN_A_ROW { SMALL_PANEL } else { PANEL };
        let bar = if panels.iter().any(|p| p.colour_bar.is_some()) { LegendSize::COLOUR_BAR } else { 0.0 };
        let panel_width = self.width_px().map_or(own_width + bar, |width| (width - beside) / columns as f64);
        let legend_columns = ((panel_width * columns as f64 / legend.width) as usize).clamp(1, legend.entries.max(1));
        let below = match place {
            LegendPlace::Below => 10.0 + LegendSize::STEP * legend.entries.div_ceil(legend_columns) as f64,
            _ => 0.0,
        };
        let panel_height = match self.height_mm {
            None => ((panel_width - bar) * own_height / own_width).max(LEAST_HEIGHT),
            Some(mm) => (mm / self.pixel_mm() - below) / rows,
        };
        if panel_height < LEAST_HEIGHT {
            let least_mm = (LEAST_HEIGHT * rows + below) * self.pixel_mm();
            return Err(FigureError::setting(
                "layout.height_mm",
                format!("too low, the figure needs {least_mm:.0} mm"),
            ));
        }
        if panel_width < LEAST_HEIGHT {
            let least_mm = (LEAST_HEIGHT * columns as f64 + beside) * self.pixel_mm();
            let message = format!(
                "too narrow, the figure needs {least_mm:.0} mm: or put the legend elsewhere, or fewer panels in a row"
            );
            return Err(FigureError::setting("layout.width_mm", message));
        }
        let height = match place {
            LegendPlace::Right => (panel_height * rows).max(top + 10.0 + LegendSize::STEP * legend.entries as f64),
            _ => panel_height * rows + below,
        };
        let width = panel_width * columns as f64 + beside;
        Ok(Arrangement { width, height, panel_width, panel_height, columns, top, place, legend_columns })
    }
}

/// Lowest panel, with its labels \[px\].
const LEAST_HEIGHT: f64 = 150.0;

/// Size of a legend \[px\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LegendSize {
    pub(crate) entries: usize,
    /// Of its widest entry.
    pub(crate) width: f64,
}

impl LegendSize {
    /// Height of an entry.
    pub(crate) const STEP: f64 = 22.0;
    /// Width of a scale of colours beside a panel.
    pub(crate) const COLOUR_BAR: f64 = 96.0;
}

/// Where the parts of a figure are \[px\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrangement {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) panel_width: f64,
    pub(crate) panel_height: f64,
    pub(crate) columns: usize,
    /// From the upper edge of a panel to its frame.
    pub(crate) top: f64,
    pub(crate) place: LegendPlace,
    /// Of a legend below.
    pub(crate) legend_columns: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_lettered() {
        let letters = |panel_letters| Layout { panel_letters, ..Layout::default() };
        let of = |kind, k| letters(kind).letter(k).unwrap_or_default();
        assert_eq!(of(PanelLetters::LowerInBrackets, 0), "(a)");
        assert_eq!(
            [of(PanelLetters::Upper, 25), of(PanelLetters::Lower, 26), of(PanelLetters::Lower, 53)],
            ["Z", "aa", "bb"]
        );
        assert_eq!(of(PanelLetters::None, 3), "");
    }

    #[test]
    fn a_figure_on_paper_is_as_wide_as_asked_for_with_letters_of_its_size() {
        let axis =
            || crate::axis::Axis::around(String::new(), crate::axis::Scale::Linear, [0.0, 1.0].into_iter()).unwrap();
        let panel = Plot::new(String::new(), axis(), axis(), Vec::new());
        for (width_mm, panels, legend, columns) in [
            (86.0, 1, LegendPlace::Inside, 1),
            (86.0, 3, LegendPlace::Below, 2),
            (178.0, 3, LegendPlace::Right, 3),
            (178.0, 16, LegendPlace::None, 4),
        ] {
            let layout = Layout { width_mm: Some(width_mm), legend, ..Layout::default() };
            let size = LegendSize { entries: 5, width: 230.0 };
            let found = layout.arrange(&vec![panel.clone(); panels], size).unwrap();
            assert!((found.width * layout.pixel_mm() - width_mm).abs() < 1e-9, "{found:?}");
            assert_eq!(found.columns, columns, "{found:?}");
            // an axis label of 8 pt
            assert!((LABEL_PX * layout.pixel_mm() * POINTS_PER_MM - 8.0).abs() < 1e-12);
        }
    }
}
