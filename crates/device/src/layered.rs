//! Networks of devices: the currents of one layer, amplified and converted to voltages, are inputs of the next (B25,
//! Supplementary 5).

use std::sync::Arc;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::linear::check_width;
use crate::{Device, DeviceError};

/// A layer of parallel devices with common inputs: those of the whole network, or the outputs of the previous layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The devices; each has one output.
    pub devices: Vec<Arc<dyn Device>>,
    /// The parameter of each device, from 0, that takes the first input, the second, …
    pub inputs: Vec<usize>,
}

/// Converts the currents of a layer to voltages: V = gain (I − offset), clipped to the limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Gain (V/nA).
    pub gain_volt_per_na: f64,
    /// Current that gives 0 V (nA).
    #[serde(default)]
    pub offset_na: f64,
    /// Lowest and highest voltage (V).
    pub limit_volt: [f64; 2],
}

impl Interface {
    fn volt(&self, current_na: f64) -> f64 {
        (self.gain_volt_per_na * (current_na - self.offset_na)).clamp(self.limit_volt[0], self.limit_volt[1])
    }

    fn slope(&self, current_na: f64) -> f64 {
        let free = self.gain_volt_per_na * (current_na - self.offset_na);
        if free > self.limit_volt[0] && free < self.limit_volt[1] { self.gain_volt_per_na } else { 0.0 }
    }
}

/// A network of devices. Its parameters are the inputs of the first layer, followed by all other parameters of its
/// devices in order.
#[derive(Clone, Debug)]
pub struct LayeredDevice {
    layers: Vec<Layer>,
    interfaces: Vec<Interface>,
    parameters: usize,
}

/// Currents \[nA\] and their derivatives with respect to all parameters \[nA/V\].
type Chained = (Vec<f64>, Array2<f64>);

impl LayeredDevice {
    /// Builds a network from layers and the interfaces between them.
    ///
    /// # Errors
    /// If there is no layer, a layer is empty, a device has several outputs, an input is not one of its parameters or
    /// appears twice, a layer does not have one input for each device of the previous layer, the last layer has more
    /// than one device, or there is not exactly one valid interface between two layers.
    pub fn new(layers: Vec<Layer>, interfaces: Vec<Interface>) -> Result<Self, DeviceError> {
        let bad = |what: String| Err(DeviceError::Description { name: "layers", what });
        let Some(first) = layers.first() else { return bad("is empty: a network needs at least one layer".to_owned()) };
        let mut parameters = first.inputs.len();
        for (l, layer) in layers.iter().enumerate() {
            let number = l + 1;
            if layer.devices.is_empty() || layer.inputs.is_empty() {
                return bad(format!("layer {number} needs at least one device and one input"));
            }
            for device in &layer.devices {
                if let Err(e) = crate::check_single_output(device.as_ref()) {
                    return bad(format!("layer {number}: {e}"));
                }
                let twice = layer.inputs.iter().enumerate().any(|(k, m)| layer.inputs[..k].contains(m));
                if twice || layer.inputs.iter().any(|m| *m >= device.parameters()) {
                    let allowed = device.parameters();
                    return bad(format!(
                        "inputs of layer {number}, counted from 0, must be different ones below {allowed}"
                    ));
                }
                parameters += device.parameters() - layer.inputs.len();
            }
            if l > 0 && layer.inputs.len() != layers[l - 1].devices.len() {
                let (found, needed) = (layer.inputs.len(), layers[l - 1].devices.len());
                return bad(format!("layer {number} has {found} inputs: the previous layer has {needed} devices"));
            }
        }
        let last = layers[layers.len() - 1].devices.len();
        if last != 1 {
            return bad(format!(
                "the last layer has {last} devices: it needs exactly one, whose current is the output"
            ));
        }
        if interfaces.len() + 1 != layers.len() {
            return bad(format!(
                "{} layers need {} interfaces, found {}",
                layers.len(),
                layers.len() - 1,
                interfaces.len()
            ));
        }
        for i in &interfaces {
            let finite = i.gain_volt_per_na.is_finite() && i.offset_na.is_finite();
            if !finite || i.limit_volt[0] >= i.limit_volt[1] {
                let what = format!(
                    "found limits {:?}: the lower one first, all numbers finite",
                    (i.limit_volt[0], i.limit_volt[1])
                );
                return Err(DeviceError::Description { name: "interfaces", what });
            }
        }
        Ok(Self { layers, interfaces, parameters })
    }

    /// Currents and derivatives by the chain rule, layer by layer; `None` if a device does not know its derivatives.
    fn chained(&self, parameters_volt: &[f64]) -> Result<Option<Chained>, DeviceError> {
        let width = self.layers[0].inputs.len();
        let mut inputs = parameters_volt[..width].to_vec();
        let mut slopes = Array2::from_shape_fn((width, self.parameters), |(i, p)| f64::from(u8::from(i == p)));
        let mut last = Vec::new();
        for (l, (layer, feeds)) in self.layers.iter().zip(self.feeds()).enumerate() {
            let mut currents = Vec::with_capacity(layer.devices.len());
            let mut next = Array2::zeros((layer.devices.len(), self.parameters));
            for (k, (device, feeds)) in layer.devices.iter().zip(&feeds).enumerate() {
                let value = |feed: &Feed| match *feed {
                    Feed::Input(i) => inputs[i],
                    Feed::Parameter(p) => parameters_volt[p],
                };
                let own: Vec<f64> = feeds.iter().map(value).collect();
                let (current, gradient) = device.linearised(&own)?;
                let Some(gradient) = gradient else { return Ok(None) };
                currents.push(current[0]);
                for (m, feed) in feeds.iter().enumerate() {
                    match *feed {
                        Feed::Input(i) => next.row_mut(k).scaled_add(gradient[[0, m]], &slopes.row(i)),
                        Feed::Parameter(p) => next[[k, p]] += gradient[[0, m]],
                    }
                }
            }
            slopes = next;
            last = currents;
            if let Some(interface) = self.interfaces.get(l) {
                inputs = last.iter().map(|i| interface.volt(*i)).collect();
                for (mut row, current) in slopes.rows_mut().into_iter().zip(&last) {
                    row *= interface.slope(*current);
                }
            }
        }
        Ok(Some((last, slopes)))
    }

    /// For each device, layer by layer: what feeds its parameters.
    fn feeds(&self) -> Vec<Vec<Vec<Feed>>> {
        let mut next = self.layers[0].inputs.len();
        self.layers
            .iter()
            .map(|layer| {
                let of_device = |device: &Arc<dyn Device>| {
                    (0..device.parameters())
                        .map(|m| match layer.inputs.iter().position(|k| *k == m) {
                            Some(input) => Feed::Input(input),
                            None => {
                                next += 1;
                                Feed::Parameter(next - 1)
                            }
                        })
                        .collect()
                };
                layer.devices.iter().map(of_device).collect()
            })
            .collect()
    }
}

/// A quantity and its first two derivatives along a line.
#[derive(Clone, Copy, Debug)]
struct Along {
    value: f64,
    slope: f64,
    bent: f64,
}

/// The current of a device whose parameters move along a line; `None` if it does not know its derivatives.
fn along_device(device: &dyn Device, parameters: &[Along]) -> Result<Option<Along>, DeviceError> {
    let at: Vec<f64> = parameters.iter().map(|p| p.value).collect();
    let direction: Vec<f64> = parameters.iter().map(|p| p.slope).collect();
    let (current, Some(gradient)) = device.linearised(&at)? else { return Ok(None) };
    let Some(own) = device.curvature_along(&at, &direction)? else { return Ok(None) };
    let chain = |of: fn(&Along) -> f64| gradient.row(0).iter().zip(parameters).map(|(g, p)| g * of(p)).sum::<f64>();
    Ok(Some(Along { value: current[0], slope: chain(|p| p.slope), bent: own[0] + chain(|p| p.bent) }))
}

/// What feeds a parameter of a device.
#[derive(Clone, Copy, Debug)]
enum Feed {
    /// An input of its layer.
    Input(usize),
    /// A parameter of the whole network.
    Parameter(usize),
}

impl Device for LayeredDevice {
    fn parameters(&self) -> usize {
        self.parameters
    }

    fn evaluate(
        &self,
        parameters_volt: ArrayView2<f64>,
        mut currents_na: ArrayViewMut2<f64>,
    ) -> Result<(), DeviceError> {
        check_width(self, &parameters_volt)?;
        let points = parameters_volt.nrows();
        let mut inputs = parameters_volt.slice(ndarray::s![.., ..self.layers[0].inputs.len()]).to_owned();
        for (l, (layer, feeds)) in self.layers.iter().zip(self.feeds()).enumerate() {
            let mut currents = Array2::zeros((points, layer.devices.len()));
            for (k, (device, feeds)) in layer.devices.iter().zip(&feeds).enumerate() {
                let own = Array2::from_shape_fn((points, feeds.len()), |(n, m)| match feeds[m] {
                    Feed::Input(i) => inputs[[n, i]],
                    Feed::Parameter(p) => parameters_volt[[n, p]],
                });
                device.evaluate(own.view(), currents.slice_mut(ndarray::s![.., k..=k]))?;
            }
            match self.interfaces.get(l) {
                Some(interface) => inputs = currents.mapv(|i| interface.volt(i)),
                None => currents_na.assign(&currents),
            }
        }
        Ok(())
    }

    fn gradient(&self, parameters_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        Ok(self.chained(parameters_volt)?.map(|(_, slopes)| slopes))
    }

    /// Propagates currents, first and second derivatives along the direction layer by layer; at the limits of an
    /// interface its voltage has a kink, where the gradient jumps.
    fn curvature_along(&self, parameters_volt: &[f64], direction: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        let width = self.layers[0].inputs.len();
        let mut inputs: Vec<Along> =
            (0..width).map(|i| Along { value: parameters_volt[i], slope: direction[i], bent: 0.0 }).collect();
        let mut last = Vec::new();
        for (l, (layer, feeds)) in self.layers.iter().zip(self.feeds()).enumerate() {
            last.clear();
            for (device, feeds) in layer.devices.iter().zip(&feeds) {
                let own: Vec<Along> = feeds
                    .iter()
                    .map(|feed| match *feed {
                        Feed::Input(i) => inputs[i],
                        Feed::Parameter(p) => Along { value: parameters_volt[p], slope: direction[p], bent: 0.0 },
                    })
                    .collect();
                let Some(along) = along_device(device.as_ref(), &own)? else { return Ok(None) };
                last.push(along);
            }
            if let Some(interface) = self.interfaces.get(l) {
                let through = |current: &Along| {
                    let gain = interface.slope(current.value);
                    Along {
                        value: interface.volt(current.value),
                        slope: gain * current.slope,
                        bent: gain * current.bent,
                    }
                };
                inputs = last.iter().map(through).collect();
            }
        }
        Ok(Some(last.iter().map(|current| current.bent).collect()))
    }

    fn linearised(&self, parameters_volt: &[f64]) -> Result<(Vec<f64>, Option<Array2<f64>>), DeviceError> {
        if let Some((currents_na, slopes)) = self.chained(parameters_volt)? {
            return Ok((currents_na, Some(slopes)));
        }
        Ok((crate::currents_na(self, ndarray::aview1(parameters_volt).insert_axis(ndarray::Axis(0)))?, None))
    }

    fn range_volt(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let (mut low, mut high) = (vec![f64::NAN; self.parameters], vec![f64::NAN; self.parameters]);
        for (l, (layer, feeds)) in self.layers.iter().zip(self.feeds()).enumerate() {
            for (device, feeds) in layer.devices.iter().zip(&feeds) {
                let (lows, highs) = device.range_volt()?;
                for (m, feed) in feeds.iter().enumerate() {
                    match *feed {
                        Feed::Input(i) if l == 0 => (low[i], high[i]) = (lows[m].max(low[i]), highs[m].min(high[i])),
                        Feed::Input(_) => {}
                        Feed::Parameter(p) => (low[p], high[p]) = (lows[m], highs[m]),
                    }
                }
            }
        }
        Some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Polynomial, conformance, currents_na};

    fn stack() -> LayeredDevice {
        let curve = |offset: f64| -> Arc<dyn Device> {
            let coefficients = vec![vec![3.0, 2.0, -1.0], vec![-2.0, 0.5], vec![1.0, 4.0]];
            Arc::new(Polynomial::new(offset, coefficients, None).unwrap())
        };
        let first = Layer { devices: vec![curve(0.5), curve(-0.3)], inputs: vec![2, 0] };
        let second = Layer { devices: vec![curve(1.0)], inputs: vec![1, 2] };
        let interface = Interface { gain_volt_per_na: 0.1, offset_na: 0.2, limit_volt: [-1.0, 1.0] };
        LayeredDevice::new(vec![first, second], vec![interface]).unwrap()
    }

    #[test]
    fn the_chain_rule_equals_differences() {
        let stack = stack();
        assert_eq!(stack.parameters(), 2 + 2 + 1);
        conformance::gradient_equals_differences(&stack, &[0.3, -0.2, 0.4, 0.1, -0.5], 1e-8);
        conformance::curvature_equals_differences(&stack, &[0.3, -0.2, 0.4, 0.1, -0.5], 1e-3, 1e-9);
    }

    /// Two linear devices in a row: slopes and gains multiply.
    #[test]
    fn two_linear_devices_in_a_row() {
        let linear = |g: &[f64]| -> Arc<dyn Device> { Arc::new(Linear::new(g.to_vec(), 0.0).unwrap()) };
        let layers = vec![
            Layer { devices: vec![linear(&[2.0, 5.0])], inputs: vec![0] },
            Layer { devices: vec![linear(&[7.0, 3.0])], inputs: vec![1] },
        ];
        let interface = Interface { gain_volt_per_na: 0.5, offset_na: 1.0, limit_volt: [-10.0, 10.0] };
        let stack = LayeredDevice::new(layers.clone(), vec![interface]).unwrap();
        let found = currents_na(&stack, ndarray::array![[1.0, 2.0, 3.0]].view()).unwrap()[0];
        assert!((found - (7.0 * 3.0 + 3.0 * 0.5 * (2.0 * 1.0 + 5.0 * 2.0 - 1.0))).abs() < 1e-12);
        assert!(LayeredDevice::new(layers, Vec::new()).is_err());
    }

    #[test]
    fn limits_hold_and_have_no_slope() {
        let linear = |g: &[f64]| -> Arc<dyn Device> { Arc::new(Linear::new(g.to_vec(), 0.0).unwrap()) };
        let layers = vec![
            Layer { devices: vec![linear(&[2.0, 5.0])], inputs: vec![0] },
            Layer { devices: vec![linear(&[1.0])], inputs: vec![0] },
        ];
        let interface = Interface { gain_volt_per_na: 1.0, offset_na: 0.0, limit_volt: [-1.0, 1.0] };
        let stack = LayeredDevice::new(layers, vec![interface]).unwrap();
        assert!((currents_na(&stack, ndarray::array![[3.0, 0.0]].view()).unwrap()[0] - 1.0).abs() < 1e-12);
        assert!(stack.gradient(&[3.0, 0.0]).unwrap().unwrap().iter().all(|g| g.abs() < 1e-12));
    }
}
