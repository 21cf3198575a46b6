//! `[training]` of a scenario file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;
use training::{Answer, Judge};

use crate::language::document::KeyError;
use crate::language::kinds::{LossSection, OptimiserSection};
use crate::language::scenario::section;

/// `[training]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TrainingSection {
    /// Iterations after which training restarts from new random controls.
    pub max_iterations: usize,
    /// Loss below which training has succeeded.
    pub stop_below: f64,
    /// Whether that is the measured loss or the one without noise.
    pub judge: Judge,
    /// Number of further passes whose mean currents must confirm this loss; none in the publication.
    pub confirmations: usize,
    /// Smallest distance of every training current, without noise, from one threshold for a run to count as solved (nA).
    pub margin_na: f64,
    /// Fraction of the test patterns that must be classified correctly, without noise, for a run to count as solved. If it
    /// is 1, every training pattern must be, by `margin_na`.
    pub solved_accuracy: f64,
    /// Measurement time after which no new measurement starts (s).
    pub budget_s: f64,
    /// Lowest and highest voltage of all controls, or of each (V); the device's own ranges if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<RangeChoice>,
    /// How the response of the device to the perturbation is computed.
    pub answer: Answer,
    /// Loss that is minimised.
    pub loss: LossSection,
    /// Optimiser of the controls.
    pub optimiser: OptimiserSection,
}

/// One range for all controls, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be two voltages, the lower one first, or such a pair for each control")]
pub enum RangeChoice {
    /// The same for all.
    All([f64; 2]),
    /// One for each.
    Each(Vec<[f64; 2]>),
}

/// The keys of `[training]` that are not tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(default = "default_max_iterations")]
    max_iterations: usize,
    stop_below: f64,
    #[serde(default)]
    judge: Judge,
    #[serde(default)]
    confirmations: usize,
    #[serde(default)]
    margin_na: f64,
    #[serde(default = "all")]
    solved_accuracy: f64,
    budget_s: f64,
    range_volt: Option<RangeChoice>,
    #[serde(default)]
    answer: Answer,
}

fn default_max_iterations() -> usize {
    300
}

fn all() -> f64 {
    1.0
}

impl TrainingSection {
    pub(crate) fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let Value::Table(mut table) = value else {
            return Err(KeyError::new(at, format!("found a {}, must be a table", value.type_str())));
        };
        let loss = match table.remove("loss") {
            Some(value) => LossSection::parse(value, &format!("{at}.loss"))?,
            None => LossSection::Correlation(Default::default()),
        };
        let optimiser = table.remove("optimiser").ok_or_else(|| KeyError::new(at, "`optimiser` is missing"))?;
        let optimiser = OptimiserSection::parse(optimiser, &format!("{at}.optimiser"))?;
        let plain: Plain = section(Value::Table(table), at)?;
        Ok(Self {
            max_iterations: plain.max_iterations,
            stop_below: plain.stop_below,
            judge: plain.judge,
            confirmations: plain.confirmations,
            margin_na: plain.margin_na,
            solved_accuracy: plain.solved_accuracy,
            budget_s: plain.budget_s,
            range_volt: plain.range_volt,
            answer: plain.answer,
            loss,
            optimiser,
        })
    }
}
