//! `I = I₀ + g · w`: the device for which every formula is exact.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::seed::{self, Purpose};
use settings::{SettingError, within};

use crate::kind::{DeviceKind, Surroundings};
use crate::{Device, DeviceError};

/// A linear device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearSettings {
    /// Gradient (nA/V).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_na_per_volt: Option<Vec<f64>>,
    /// Instead of `gradient_na_per_volt`: a random Gaussian gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<RandomGradient>,
    /// Current at zero voltage (nA).
    #[serde(default)]
    pub offset_na: f64,
    /// Operating point (V); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// Largest number of parameters of a random linear device.
const MOST_PARAMETERS: usize = 100_000;

/// Independent Gaussian derivatives with zero mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomGradient {
    /// Number of parameters.
    pub parameters: usize,
    /// Standard deviation of the derivatives (nA/V).
    pub deviation_na_per_volt: f64,
    /// Seed.
    #[serde(default)]
    pub seed: u64,
}

impl LinearSettings {
    /// The gradient, as given or drawn.
    fn gradient(&self) -> Result<Vec<f64>, SettingError> {
        match (&self.gradient_na_per_volt, &self.random) {
            (Some(gradient), None) => Ok(gradient.clone()),
            (None, Some(random)) => random.draw().map_err(|e| e.within("random")),
            (Some(_), Some(_)) => {
                Err(SettingError::new("random", "cannot be combined with `gradient_na_per_volt`: give one of the two"))
            }
            (None, None) => Err(SettingError::whole("needs `gradient_na_per_volt` (a list) or `random` (a table)")),
        }
    }
}

impl RandomGradient {
    fn draw(&self) -> Result<Vec<f64>, SettingError> {
        let deviation = self.deviation_na_per_volt;
        within("parameters", self.parameters, 1..=MOST_PARAMETERS)?;
        if deviation <= 0.0 {
            return Err(SettingError::found("deviation_na_per_volt", deviation, "must be a positive number"));
        }
        let mut rng = seed::stream(self.seed, Purpose::Gradient);
        let draw = |_| -> f64 { StandardNormal.sample(&mut rng) };
        Ok((0..self.parameters).map(draw).map(|g| deviation * g).collect())
    }
}

impl DeviceKind for LinearSettings {
    fn build(&self, _around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        Ok(Arc::new(Linear::new(self.gradient()?, self.offset_na)?))
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }
}

/// A linear device.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    gradient_na_per_volt: Array1<f64>,
    offset_na: f64,
}

impl Linear {
    /// Device with the given gradient \[nA/V\] and current at zero parameters \[nA\].
    ///
    /// # Errors
    /// If there is no parameter, or a number is not finite.
    pub fn new(gradient_na_per_volt: Vec<f64>, offset_na: f64) -> Result<Self, DeviceError> {
        let bad = |name, what| Err(DeviceError::Description { name, what });
        if gradient_na_per_volt.is_empty() {
            return bad("gradient_na_per_volt", "is empty: a device needs at least one parameter".to_owned());
        }
        if let Some(at) = gradient_na_per_volt.iter().position(|g| !g.is_finite()) {
            return bad("gradient_na_per_volt", format!("entry {at} is {}: must be finite", gradient_na_per_volt[at]));
        }
        if !offset_na.is_finite() {
            return bad("offset_na", format!("is {offset_na}: must be finite"));
        }
        Ok(Self { gradient_na_per_volt: gradient_na_per_volt.into(), offset_na })
    }
}

impl Device for Linear {
    fn parameters(&self) -> usize {
        self.gradient_na_per_volt.len()
    }

    fn evaluate(
        &self,
        parameters_volt: ArrayView2<f64>,
        mut currents_na: ArrayViewMut2<f64>,
    ) -> Result<(), DeviceError> {
        check_width(self, &parameters_volt)?;
        currents_na.column_mut(0).assign(&(parameters_volt.dot(&self.gradient_na_per_volt) + self.offset_na));
        Ok(())
    }

    fn gradient(&self, _parameters_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        Ok(Some(self.gradient_na_per_volt.clone().insert_axis(ndarray::Axis(0))))
    }

    fn curvature_along(&self, _parameters_volt: &[f64], _direction: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        Ok(Some(vec![0.0]))
    }

    fn is_affine(&self) -> bool {
        true
    }
}

pub(crate) fn check_width(device: &dyn Device, parameters_volt: &ArrayView2<f64>) -> Result<(), DeviceError> {
    let (expected, found) = (device.parameters(), parameters_volt.ncols());
    if expected == found { Ok(()) } else { Err(DeviceError::WrongParameters { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        let device = Linear::new(vec![1.0, -2.5, 30.0], 4.0).unwrap();
        crate::conformance::gradient_equals_differences(&device, &[0.1, 0.2, 0.3], 1e-9);
        assert!(device.curvature(&[0.1, 0.2, 0.3]).unwrap().unwrap().iter().all(|c| c.abs() <= 0.0));
    }

    #[test]
    fn refuses_nan_and_wrong_widths() {
        assert!(Linear::new(vec![1.0, f64::NAN], 0.0).unwrap_err().to_string().contains("entry 1"));
        let device = Linear::new(vec![1.0], 0.0).unwrap();
        assert!(crate::currents_na(&device, Array2::zeros((1, 2)).view()).is_err());
    }
}
