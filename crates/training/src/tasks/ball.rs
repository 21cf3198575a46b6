//! Points in and around a ball.

use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::seed::{self, Purpose};
use settings::{PerParameter, SettingError, within};

use super::{Surroundings, TaskKind, input_ranges};
use crate::table::MOST_PATTERNS;
use crate::{Patterns, task};

/// Points within a ball against points around it: a ring for two inputs, a spherical shell for three.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BallTask {
    /// The parameters used as inputs, counted from 1; their number is the dimension.
    pub inputs: Vec<usize>,
    /// Radius of the inner class; the outer class ends at radius 1.
    pub inner_radius: f64,
    /// Width of the empty shell between the classes.
    #[serde(default)]
    pub gap: f64,
    /// Make the outer class class 1, which has the higher current.
    #[serde(default)]
    pub outer_is_one: bool,
    /// Voltage at coordinate −1 (V), for all inputs or for each.
    pub low_volt: PerParameter,
    /// Voltage at coordinate 1 (V), for all inputs or for each.
    pub high_volt: PerParameter,
    /// Number of training points.
    #[serde(default = "default_training_points")]
    pub training_points: usize,
    /// Number of test points.
    #[serde(default = "default_test_points")]
    pub test_points: usize,
    /// Seed of the points.
    #[serde(default)]
    pub seed: u64,
    /// Duration of a pattern when only its current is read (s).
    #[serde(default = "super::default_hold_s")]
    pub hold_s: f64,
    /// Duration of the ramp to each pattern (s).
    #[serde(default = "super::default_ramp_s")]
    pub ramp_s: f64,
}

fn default_training_points() -> usize {
    300
}

fn default_test_points() -> usize {
    1000
}

impl BallTask {
    fn draw(&self, points: usize, rng: &mut Pcg64) -> Result<Patterns, SettingError> {
        let range_volt = input_ranges(self.inputs.len(), &self.low_volt, &self.high_volt)?;
        let mut made = task::ball(points, self.inner_radius, self.gap, &range_volt, rng)?;
        if self.outer_is_one {
            made.targets = made.targets.exchanged().expect("a ball has classes");
        }
        Ok(made)
    }
}

impl TaskKind for BallTask {
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
        for (field, points) in [("training_points", self.training_points), ("test_points", self.test_points)] {
            within(field, points, 2..=MOST_PATTERNS)?;
        }
        let mut rng = seed::stream(self.seed, Purpose::Task);
        Ok((self.draw(self.training_points, &mut rng)?, self.draw(self.test_points, &mut rng)?))
    }
}
