//! `[figure]` of a scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use study::scenario::section;
use study::{KeyError, Study};
use toml::{Table, Value};

use crate::error::FigureError;
use crate::kinds::FigureKind;

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
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Label of the x axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
}

impl FigureSection {
    /// The `[figure]` of a study with defaults filled in, if it has one.
    ///
    /// # Errors
    /// At the first key that is unknown or of the wrong type.
    pub fn of(study: &Study) -> Result<Option<Self>, KeyError> {
        study.figure().map(|table| section(Value::Table(table.clone()), "figure")).transpose()
    }

    /// As a table with defaults filled in.
    ///
    /// # Errors
    /// If it cannot be written as one.
    pub fn to_table(&self) -> Result<Table, FigureError> {
        Table::try_from(self).map_err(|e| FigureError::Drawing(e.to_string()))
    }
}

/// The JSON Schema of scenario files, `[figure]` included.
#[must_use]
pub fn schema() -> serde_json::Value {
    study::scenario::schema::<FigureSection>()
}
