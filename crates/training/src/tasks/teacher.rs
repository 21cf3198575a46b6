//! The task `teacher`: currents of the device itself at hidden controls. It can be learned to zero loss on every device
//! and in any number of dimensions, and so serves to compare the number of measurements that methods need.

use ndarray::Array2;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::seed::{self, Purpose};
use settings::{PerParameter, SettingError, within};

use super::{Surroundings, TaskKind, Trained, input_ranges};
use crate::table::MOST_PATTERNS;
use crate::{Loss, Patterns, Targets};

/// Fraction of the range of a control, around its middle, from which the hidden value is drawn.
const HIDDEN_PART: f64 = 0.5;

/// Currents of the device at hidden controls and random inputs; needs the loss "mean-square".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeacherTask {
    /// The parameters used as inputs, counted from 1, or the number n of inputs (then the first n parameters).
    pub inputs: TeacherInputs,
    /// Number of patterns.
    pub patterns: usize,
    /// Lowest voltage of the inputs (V), for all or for each.
    pub low_volt: PerParameter,
    /// Highest voltage of the inputs (V), for all or for each.
    pub high_volt: PerParameter,
    /// Seed of the inputs and of the hidden controls, which lie in the inner half of their ranges.
    #[serde(default)]
    pub seed: u64,
    /// Duration of a pattern when only its current is read (s).
    #[serde(default = "super::default_hold_s")]
    pub hold_s: f64,
    /// Duration of the ramp to each pattern (s).
    #[serde(default = "super::default_ramp_s")]
    pub ramp_s: f64,
}

/// Inputs: a list of parameters or a count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a list of parameters, from 1, or how many of the first ones are inputs")]
pub enum TeacherInputs {
    /// The first parameters up to this count.
    First(usize),
    /// These parameters, counted from 1.
    Each(Vec<usize>),
}

impl TeacherInputs {
    /// The parameters, counted from 1.
    fn numbers(&self, parameters: usize) -> Result<Vec<usize>, SettingError> {
        match self {
            Self::First(count) => {
                within("inputs", *count, 1..=parameters)?;
                Ok((1..=*count).collect())
            }
            Self::Each(each) => Ok(each.clone()),
        }
    }
}

impl TeacherTask {
    /// Random inputs, and the currents at hidden controls.
    fn currents(&self, trained: Trained<'_>, loss: Loss) -> Result<Patterns, SettingError> {
        let Trained { device, wiring, range_volt } = trained;
        if loss != Loss::MeanSquare {
            let message = "found \"teacher\", whose targets are currents: needs the loss \"mean-square\"";
            return Err(SettingError::new("kind", message));
        }
        within("patterns", self.patterns, 1..=MOST_PATTERNS)?;
        let inputs = input_ranges(wiring.inputs.len(), &self.low_volt, &self.high_volt)?;
        let mut rng = seed::stream(self.seed, Purpose::Task);
        let hidden: Vec<f64> = range_volt
            .iter()
            .map(|(low, high)| 0.5 * (low + high) + HIDDEN_PART * (high - low) * (rng.random::<f64>() - 0.5))
            .collect();
        let inputs_volt = Array2::from_shape_fn((self.patterns, inputs.len()), |(_, k)| {
            let [low, high] = inputs[k];
            low + (high - low) * rng.random::<f64>()
        });
        let all = wiring.rows(inputs_volt.view(), &hidden);
        let currents_na = device::currents_na(device, all.view())?;
        if let Some(bad) = currents_na.iter().find(|current| !current.is_finite()) {
            return Err(SettingError::whole(format!("a current of the device is {bad} nA: nothing to learn from")));
        }
        Ok(Patterns { inputs_volt, targets: Targets::currents_of(currents_na), radii: Vec::new() })
    }
}

impl TaskKind for TeacherTask {
    fn inputs(&self, parameters: usize) -> Result<Vec<usize>, SettingError> {
        self.inputs.numbers(parameters)
    }

    fn hold_s(&self) -> f64 {
        self.hold_s
    }

    fn ramp_s(&self) -> f64 {
        self.ramp_s
    }

    fn patterns(&self, around: &mut Surroundings) -> Result<(Patterns, Patterns), SettingError> {
        let patterns = self.currents(around.trained, around.loss)?;
        Ok((patterns.clone(), patterns))
    }
}
