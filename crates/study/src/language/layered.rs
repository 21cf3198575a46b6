//! Devices in layers: settings that contain settings of other devices of any kind.

use std::sync::Arc;

use device::{Device, DeviceKind, Interface, Layer, LayeredDevice, Surroundings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError, from_zero};
use toml::{Table, Value};

use crate::language::document::KeyError;
use crate::language::kinds::{DeviceSection, FromTable};
use crate::language::scenario::section;

/// A network of devices: parameters are the inputs of the first layer, then all others of its devices, in order.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LayeredSettings {
    /// Layers; the last one has one device.
    pub layers: Vec<LayerSettings>,
    /// Operating point (V); by default the middle of the devices' ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// Devices side by side.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LayerSettings {
    /// The devices, each like a `[device]` table.
    pub devices: Vec<DeviceSection>,
    /// Parameters of each device, counted from 1, that receive the first input of the layer, the second, …
    pub inputs: Vec<usize>,
    /// Conversion of the previous layer's currents to voltages; not in the first layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
}

/// The keys of a layer other than its devices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainLayer {
    inputs: Vec<usize>,
    interface: Option<Interface>,
}

/// The keys of a network of devices other than its layers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainLayered {
    operating_point_volt: Option<Vec<f64>>,
}

fn tables(table: &mut Table, key: &str, at: &str) -> Result<Vec<Value>, KeyError> {
    match table.remove(key) {
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(KeyError::new(format!("{at}.{key}"), format!("found {other}, must be a list of tables"))),
        None => Err(KeyError::new(at, format!("`{key}` is missing"))),
    }
}

impl FromTable for LayeredSettings {
    fn from_table(value: Value, at: &str) -> Result<Self, KeyError> {
        let Value::Table(mut table) = value else { return Err(KeyError::new(at, "must be a table")) };
        let layers = tables(&mut table, "layers", at)?.into_iter().enumerate().map(|(l, layer)| {
            let at = format!("{at}.layers.{l}");
            let Value::Table(mut layer) = layer else { return Err(KeyError::new(at, "must be a table")) };
            let devices = tables(&mut layer, "devices", &at)?.into_iter().enumerate();
            let devices = devices.map(|(k, device)| DeviceSection::parse(device, &format!("{at}.devices.{k}")));
            let devices = devices.collect::<Result<_, _>>()?;
            let PlainLayer { inputs, interface } = section(Value::Table(layer), &at)?;
            Ok(LayerSettings { devices, inputs, interface })
        });
        let layers = layers.collect::<Result<_, _>>()?;
        let PlainLayered { operating_point_volt } = section(Value::Table(table), at)?;
        Ok(Self { layers, operating_point_volt })
    }
}

impl DeviceKind for LayeredSettings {
    fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        let (mut layers, mut interfaces) = (Vec::new(), Vec::new());
        for (l, layer) in self.layers.iter().enumerate() {
            let build = |(k, device): (usize, &DeviceSection)| {
                let at = |e: SettingError| e.within(&format!("layers.{l}.devices.{k}"));
                if device.settings().operating_point_volt().is_some() {
                    let message =
                        "stands in a device of a network, whose own operating point it would have to be part of";
                    return Err(at(SettingError::new("operating_point_volt", message)));
                }
                device.build(around).map_err(at)
            };
            let devices = layer.devices.iter().enumerate().map(build).collect::<Result<Vec<_>, _>>()?;
            let parameters = devices.iter().map(|d| d.parameters()).min().unwrap_or(usize::MAX);
            let inputs = from_zero(&format!("layers.{l}.inputs"), &layer.inputs, parameters)?;
            layers.push(Layer { devices, inputs });
            match (&layer.interface, l) {
                (None, 0) => {}
                (Some(interface), 1..) => interfaces.push(*interface),
                (Some(_), 0) => {
                    let message = "the first layer takes the inputs as they are";
                    return Err(SettingError::new("layers.0.interface", message));
                }
                (None, _) => {
                    let message = "`interface` is missing: gain, offset, limits";
                    return Err(SettingError::new(format!("layers.{l}"), message));
                }
            }
        }
        Ok(Arc::new(LayeredDevice::new(layers, interfaces)?))
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }

    fn files(&self) -> Vec<InputFile> {
        self.layers.iter().flat_map(|layer| &layer.devices).flat_map(|device| device.settings().files()).collect()
    }
}
