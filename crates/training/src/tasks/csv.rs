//! Inputs and targets from files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};

use super::{Surroundings, TaskKind};
use crate::{Patterns, table};

/// Inputs and targets from files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvTask {
    /// Text file of rows of input voltages (V), with the target in the last column: a class, 0 or 1 (or −1 or 1), or for the
    /// loss "mean-square" any current (nA). A relative path refers to the scenario's folder.
    pub file: InputFile,
    /// Test file of the same format; the training file if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<InputFile>,
    /// The parameters used as inputs, counted from 1.
    pub inputs: Vec<usize>,
    /// Duration of a pattern when only its current is read (s).
    #[serde(default = "super::default_hold_s")]
    pub hold_s: f64,
    /// Duration of the ramp to each pattern (s).
    #[serde(default = "super::default_ramp_s")]
    pub ramp_s: f64,
}

impl TaskKind for CsvTask {
    fn inputs(&self, _parameters: usize) -> Result<Vec<usize>, SettingError> {
        Ok(self.inputs.clone())
    }

    fn hold_s(&self) -> f64 {
        self.hold_s
    }

    fn ramp_s(&self) -> f64 {
        self.ramp_s
    }

    fn patterns(&self, around: &mut Surroundings) -> Result<(Patterns, Patterns), SettingError> {
        let mut read = |field: &str, file: &InputFile| {
            let path = around.folder.join(file);
            let (patterns, of_file) = table::read_patterns(&path, self.inputs.len(), around.loss.needs_classes())
                .map_err(|e| SettingError::new(field, e.to_string()))?;
            around.remarks.extend(of_file.iter().map(|remark| format!("`{}`: {remark}", path.display())));
            Ok::<Patterns, SettingError>(patterns)
        };
        let training = read("file", &self.file)?;
        let test = match &self.test_file {
            Some(file) => read("test_file", file)?,
            None => training.clone(),
        };
        Ok((training, test))
    }

    fn files(&self) -> Vec<InputFile> {
        [&self.file].into_iter().chain(&self.test_file).cloned().collect()
    }
}
