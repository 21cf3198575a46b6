//! Two-input Boolean gates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{PerParameter, SettingError};

use super::{Surroundings, TaskKind, input_ranges};
use crate::{Patterns, task};

/// A two-input Boolean gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TruthTableTask {
    /// Outputs for the inputs 00, 01, 10, 11 as four digits, or AND, OR, NAND, NOR, XOR, XNOR, TRUE, FALSE.
    pub gate: String,
    /// The two parameters used as inputs, counted from 1.
    pub inputs: Vec<usize>,
    /// Voltage of a logic 0 (V), for both inputs or for each.
    pub low_volt: PerParameter,
    /// Voltage of a logic 1 (V), for both inputs or for each.
    pub high_volt: PerParameter,
    /// Duration of a pattern when only its current is read (s).
    #[serde(default = "super::default_hold_s")]
    pub hold_s: f64,
    /// Duration of the ramp to each pattern (s).
    #[serde(default = "super::default_ramp_s")]
    pub ramp_s: f64,
}

impl TaskKind for TruthTableTask {
    fn inputs(&self, _parameters: usize) -> Result<Vec<usize>, SettingError> {
        Ok(self.inputs.clone())
    }

    fn hold_s(&self) -> f64 {
        self.hold_s
    }

    fn ramp_s(&self) -> f64 {
        self.ramp_s
    }

    fn patterns(&self, _around: &mut Surroundings) -> Result<(Patterns, Patterns), SettingError> {
        if self.inputs.len() != 2 {
            let message = format!("found {:?}: a truth table has two inputs", self.inputs);
            return Err(SettingError::new("inputs", message));
        }
        let ranges = input_ranges(2, &self.low_volt, &self.high_volt)?;
        let table = task::truth_table(&self.gate, [ranges[0], ranges[1]])?;
        Ok((table.clone(), table))
    }
}
