use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One number for all parameters, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a number or a list of numbers")]
pub enum PerParameter {
    /// The same for all.
    All(f64),
    /// One for each.
    Each(Vec<f64>),
}

impl PerParameter {
    /// The number for parameter `m`, counted from 0.
    #[must_use]
    pub fn of(&self, m: usize) -> Option<f64> {
        match self {
            Self::All(x) => Some(*x),
            Self::Each(xs) => xs.get(if xs.len() == 1 { 0 } else { m }).copied(),
        }
    }

    /// As a list, of one number or one for each.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f64> {
        match self {
            Self::All(x) => vec![*x],
            Self::Each(xs) => xs.clone(),
        }
    }
}
