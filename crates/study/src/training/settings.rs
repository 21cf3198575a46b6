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
    /// Iterations after which an attempt is given up and begun anew.
    pub max_iterations: usize,
    /// Loss at which training has succeeded.
    pub stop_below: f64,
    /// Which loss that is.
    pub judge: Judge,
    /// Further passes whose mean currents must give such a loss again before it counts; none as published.
    pub confirmations: usize,
    /// How far, without noise, every training current must lie from one threshold for a run to count as solved (nA).
    pub margin_na: f64,
    /// Part of the test patterns that, without noise, must lie on the right side of the threshold for a run to count as
    /// solved. At 1 every training pattern must, by `margin_na`.
    pub solved_accuracy: f64,
    /// Measurement time after which no new measurement is begun (s).
    pub budget_s: f64,
    /// Lowest and highest voltage of all controls, or of each (V); the device's own ranges if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<RangeChoice>,
    /// How the device's answer to the perturbation is computed.
    pub answer: Answer,
    /// What is made small.
    pub loss: LossSection,
    /// How the controls are found.
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

/// The rest of `[training]`, beside the tables in it.
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
