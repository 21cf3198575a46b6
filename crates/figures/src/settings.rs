//! `[figure]` of a scenario.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use study::scenario::section;
use study::{Document, KeyError, ScenarioError, Study};
use toml::{Table, Value};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::kinds::FigureKind;
use crate::layout::Layout;
use crate::plot::{Plot, Series};

/// The error shown in a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorVariable {
    /// Mean squared error.
    #[default]
    Mse,
    /// Variance.
    Variance,
    /// Absolute value of the bias.
    Bias,
    /// Mean squared error of the second derivative.
    CurvatureMse,
    /// Variance of the second derivative.
    CurvatureVariance,
    /// Absolute value of the bias of the second derivative.
    CurvatureBias,
}

/// `[figure]`: content of the study's figure; all keys have defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FigureSection {
    /// Kind of figure; determined by the kind of study if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<FigureKind>,
    /// Dotted path of the axis drawn along x; the first numeric axis if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Error to draw.
    pub variable: ErrorVariable,
    /// Parameter to draw, counted from 1; the one with the weakest response if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<usize>,
    /// Draw the mean over all parameters instead of one.
    pub mean_over_parameters: bool,
    /// Axis whose extremes are drawn as a shaded band instead of separate series: of the published error if drawn, else
    /// of the exact error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<String>,
    /// Draw the published error where it is defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
    /// Draw the Monte Carlo only at every n-th value of x, to keep a fine theory curve visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markers_every: Option<usize>,
    /// Mark the lowest point of each exact curve, and say in the legend where it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark_lowest: Option<bool>,
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Label of the x axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
    /// Label of the y axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y_label: Option<String>,
    /// Ends of the x axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_limits: Option<[f64; 2]>,
    /// Ends of the y axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y_limits: Option<[f64; 2]>,
    /// Scale of the x axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_scale: Option<Scale>,
    /// Scale of the y axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y_scale: Option<Scale>,
    /// Size, letters, legend and files.
    #[serde(skip_serializing_if = "Layout::is_default")]
    pub layout: Layout,
}

impl FigureSection {
    /// The `[figure]` of a study with defaults filled in, if it has one.
    ///
    /// # Errors
    /// At the first key that is unknown or of the wrong type.
    pub fn of(study: &Study) -> Result<Option<Self>, KeyError> {
        let read = |table: &Table| -> Result<Self, KeyError> {
            let mut figure: Self = section(Value::Table(table.clone()), "figure")?;
            let font_file = figure.layout.font_file.take();
            figure.layout.font_file = font_file.map(|file| study.document.folder().join(file));
            Ok(figure)
        };
        study.figure().map(read).transpose()
    }

    /// # Errors
    /// Names the setting that no figure can have.
    pub(crate) fn check(&self) -> Result<(), FigureError> {
        for (key, limits) in [("x_limits", self.x_limits), ("y_limits", self.y_limits)] {
            if let Some([low, high]) = limits.filter(|[low, high]| !(low.is_finite() && high.is_finite() && low < high))
            {
                return Err(FigureError::setting(key, format!("found [{low}, {high}], must be [low, high]")));
            }
        }
        self.layout.check()
    }

    /// The panels with the axes and labels that are asked for.
    ///
    /// # Errors
    /// If an axis cannot have its limits or its scale.
    pub(crate) fn adjusted(&self, mut panels: Vec<Plot>) -> Result<Vec<Plot>, FigureError> {
        let own = |plot: &Plot, of: fn(&Series) -> Vec<(f64, f64)>, which: usize| -> Vec<f64> {
            plot.series.iter().flat_map(of).map(|p| [p.0, p.1][which]).collect()
        };
        for plot in &mut panels {
            let (xs, ys) = (own(plot, Series::corners, 0), own(plot, Series::corners, 1));
            plot.x
                .adjust(self.x_scale, self.x_limits, &xs)
                .map_err(|(key, e)| FigureError::setting(format!("x_{key}"), e))?;
            plot.y
                .adjust(self.y_scale, self.y_limits, &ys)
                .map_err(|(key, e)| FigureError::setting(format!("y_{key}"), e))?;
            if let Some(label) = &self.y_label {
                plot.y.label.clone_from(label);
            }
        }
        Ok(panels)
    }

    /// With changes `key=value`, with key and value in TOML syntax, of keys that begin with `figure.`.
    ///
    /// # Errors
    /// If one is no such change, or its key or its value is not allowed.
    pub fn changed(&self, changes: &[String]) -> Result<Self, FigureError> {
        let unfit = |e: ScenarioError| FigureError::Change(e.message);
        let mut document = Document::parse(Path::new(""), String::new()).map_err(unfit)?;
        document.table.insert("figure".to_owned(), Value::Table(self.to_table()?));
        changes.iter().try_for_each(|change| document.set(change)).map_err(unfit)?;
        if let Some(other) = document.table.keys().find(|key| *key != "figure") {
            let message =
                format!("`{other}` cannot be changed when a study is computed already, only keys of `figure`");
            return Err(FigureError::Change(message));
        }
        let table = document.table.remove("figure").unwrap_or_else(|| Value::Table(Table::new()));
        Ok(section(table, "figure")?)
    }

    /// As a table with defaults filled in.
    ///
    /// # Errors
    /// If it cannot be written as one.
    pub fn to_table(&self) -> Result<Table, FigureError> {
        Table::try_from(self).map_err(|e| FigureError::Drawing(e.to_string()))
    }
}

/// Keys of `[figure]` that every kind of figure uses.
pub(crate) const COMMON: &[&str] =
    &["kind", "title", "y_label", "x_limits", "y_limits", "x_scale", "y_scale", "layout"];

/// The JSON Schema of scenario files, `[figure]` included.
#[must_use]
pub fn schema() -> serde_json::Value {
    study::scenario::schema::<FigureSection>()
}
