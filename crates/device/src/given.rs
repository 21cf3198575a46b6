//! A device that comes from the program which runs the study, not from the scenario.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::Device;
use crate::kind::{DeviceKind, Surroundings};

/// The device that the calling program brings, such as a function in Python.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenSettings {
    /// Operating point (V); that of the device if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

impl DeviceKind for GivenSettings {
    fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        around.shelf.given().ok_or_else(|| {
            SettingError::new(
                "kind",
                "found \"given\": this device comes from a program that runs the study, such as a function in Python, and none was given",
            )
        })
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Shelf};

    #[test]
    fn the_device_is_the_one_that_was_given() {
        let device = Arc::new(Linear::new(vec![1.0, 2.0], 0.0).unwrap());
        let build = |shelf: &Shelf| GivenSettings::default().build(&Surroundings { folder: "".as_ref(), shelf });
        assert_eq!(build(&Shelf::holding(device)).unwrap().parameters(), 2);
        assert!(build(&Shelf::default()).unwrap_err().to_string().contains("none was given"));
    }
}
