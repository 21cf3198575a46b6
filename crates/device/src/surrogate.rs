//! Neural surrogates: feed-forward networks fitted to a measured device.

use std::path::Path;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayD, ArrayView2, ArrayViewMut2, Axis, Ix1, Ix2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};
use tables::Archive;

use crate::kind::{DeviceKind, Surroundings};
use crate::kinks::Kinks;
use crate::linear::check_width;
use crate::{Device, DeviceError};

/// Number of points above which reducing the network to [`Kinks`] can be faster.
const LARGE_BATCH: usize = 128;
/// Cost per weight of the short rows of [`Kinks`] relative to the matrices of the whole network.
const WORTH_IT: usize = 10;

/// A neural network fitted to a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurrogateSettings {
    /// `.npz` file of layer weights; a relative path refers to the scenario's folder.
    pub file: InputFile,
    /// Non-linearity between layers.
    #[serde(default)]
    pub activation: Activation,
    /// Operating point (V); the middle of the device's ranges if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

impl DeviceKind for SurrogateSettings {
    fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        Ok(around.shelf.surrogate(&around.folder.join(&self.file), self.activation)?)
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }

    fn files(&self) -> Vec<InputFile> {
        vec![self.file.clone()]
    }
}

/// Non-linearity between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// x for x > 0, eˣ − 1 below.
    Elu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
}

impl Activation {
    fn value(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Elu => {
                if x > 0.0 {
                    x
                } else {
                    x.exp_m1()
                }
            }
            Self::Tanh => x.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }

    fn derivative(self, x: f64) -> f64 {
        match self {
            Self::Relu => f64::from(u8::from(x > 0.0)),
            Self::Elu => {
                if x > 0.0 {
                    1.0
                } else {
                    x.exp()
                }
            }
            Self::Tanh => 1.0 - x.tanh().powi(2),
            Self::Sigmoid => {
                let s = self.value(x);
                s * (1.0 - s)
            }
        }
    }
}

impl Activation {
    /// Its second derivative, if it exists except at jumps: not for activations with kinks.
    fn second_derivative(self, x: f64) -> Option<f64> {
        match self {
            Self::Relu => None,
            Self::Elu => Some(if x > 0.0 { 0.0 } else { x.exp() }),
            Self::Tanh => {
                let t = x.tanh();
                Some(-2.0 * t * (1.0 - t * t))
            }
            Self::Sigmoid => {
                let s = self.value(x);
                Some(s * (1.0 - s) * (1.0 - 2.0 * s))
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DenseLayer {
    pub(crate) weight: Array2<f64>,
    pub(crate) bias: Array1<f64>,
}

/// A feed-forward network from electrode voltages \[V\] to currents \[nA\], in double precision.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuralSurrogate {
    pub(crate) layers: Vec<DenseLayer>,
    activation: Activation,
    pub(crate) output_scale_na: f64,
    range_volt: (Vec<f64>, Vec<f64>),
}

/// Default range of each parameter \[V\].
const DEFAULT_RANGE_VOLT: (f64, f64) = (-1.0, 1.0);

impl NeuralSurrogate {
    /// Network of weights (out × in) and biases (out), with −1 V to 1 V as the range of every parameter. The
    /// non-linearity follows every layer except the last.
    ///
    /// # Errors
    /// If there is no layer, one has no inputs or no outputs, or shapes do not fit together.
    pub fn new(
        layers: Vec<(Array2<f64>, Array1<f64>)>,
        activation: Activation,
        output_scale_na: f64,
    ) -> Result<Self, DeviceError> {
        let layers: Vec<DenseLayer> = layers.into_iter().map(|(weight, bias)| DenseLayer { weight, bias }).collect();
        let fits = layers.iter().all(|l| l.weight.nrows() == l.bias.len() && !l.weight.is_empty())
            && layers.windows(2).all(|pair| pair[0].weight.nrows() == pair[1].weight.ncols());
        let Some(first) = layers.first().filter(|_| fits) else {
            let what = "needs layers of weights (out, in) and biases (out) that fit together".to_owned();
            return Err(DeviceError::Description { name: "layers", what });
        };
        let inputs = first.weight.ncols();
        let range_volt = (vec![DEFAULT_RANGE_VOLT.0; inputs], vec![DEFAULT_RANGE_VOLT.1; inputs]);
        Ok(Self { layers, activation, output_scale_na, range_volt })
    }

    /// The same network with other ranges of its parameters \[V\].
    ///
    /// # Errors
    /// If there is not one range for each input, the lower end first.
    pub fn within(self, low_volt: Vec<f64>, high_volt: Vec<f64>) -> Result<Self, DeviceError> {
        let inputs = self.layers.first().map_or(0, |layer| layer.weight.ncols());
        let is_range = low_volt.len() == inputs && high_volt.len() == inputs;
        if !is_range || low_volt.iter().zip(&high_volt).any(|(low, high)| low >= high) {
            let what = format!("found {low_volt:?} to {high_volt:?}: needs {inputs} ranges, the lower end first");
            return Err(DeviceError::Description { name: "range_volt", what });
        }
        Ok(Self { range_volt: (low_volt, high_volt), ..self })
    }

    /// The arrays of the `.npz` that [`NeuralSurrogate::from_npz`] reads, with their names.
    #[must_use]
    pub fn arrays(&self) -> Vec<(String, ArrayD<f64>)> {
        let layers = self.layers.iter().enumerate().flat_map(|(k, layer)| {
            let (weight, bias) = (layer.weight.clone().into_dyn(), layer.bias.clone().into_dyn());
            [(format!("layer{k}_weight"), weight), (format!("layer{k}_bias"), bias)]
        });
        let ends = |name: &str, volts: &[f64]| (name.to_owned(), Array1::from(volts.to_vec()).into_dyn());
        let scale = ("output_scale_na".to_owned(), ndarray::arr1(&[self.output_scale_na]).into_dyn());
        let rest = [scale, ends("input_min_volt", &self.range_volt.0), ends("input_max_volt", &self.range_volt.1)];
        layers.chain(rest).collect()
    }

    /// Reads an `.npz` with `layer0_weight` (out × in), `layer0_bias` (out), `layer1_…`, and optionally
    /// `output_scale_na` (1 if missing), `input_min_volt` and `input_max_volt` (−1 V and 1 V if missing). The
    /// non-linearity follows every layer except the last.
    ///
    /// # Errors
    /// If the file cannot be read, an array is missing, has the wrong shape, is none of these, or holds a number that
    /// is not finite, or if layers do not fit together or are not numbered consecutively.
    pub fn from_npz(path: &Path, activation: Activation) -> Result<Self, DeviceError> {
        let fail = |what: String| DeviceError::File { path: path.to_owned(), what };
        let mut archive = Archive::open(path).map_err(|e| fail(e.to_string()))?;
        let names = archive.names();
        let mut array = |name: &str| archive.array(name).map_err(|e| fail(e.to_string()));
        let mut used = Vec::new();
        let mut layers: Vec<DenseLayer> = Vec::new();
        while names.iter().any(|n| *n == format!("layer{}_weight", layers.len())) {
            let (w_name, b_name) = (format!("layer{}_weight", layers.len()), format!("layer{}_bias", layers.len()));
            let weight = array(&w_name)?;
            let bias = array(&b_name)?;
            let (w_shape, b_shape) = (weight.shape().to_vec(), bias.shape().to_vec());
            let weight = weight
                .into_dimensionality::<Ix2>()
                .map_err(|_| fail(format!("array `{w_name}` has shape {w_shape:?}, (out, in) is needed")))?;
            let bias = bias
                .into_dimensionality::<Ix1>()
                .map_err(|_| fail(format!("array `{b_name}` has shape {b_shape:?}, (out) is needed")))?;
            if weight.is_empty() {
                return Err(fail(format!("array `{w_name}` has shape {w_shape:?}: a layer needs inputs and outputs")));
            }
            if bias.len() != weight.nrows() {
                return Err(fail(format!(
                    "array `{b_name}` has {} numbers, but `{w_name}` has {} rows",
                    bias.len(),
                    weight.nrows()
                )));
            }
            if let Some(before) = layers.last()
                && before.weight.nrows() != weight.ncols()
            {
                return Err(fail(format!(
                    "array `{w_name}` has {} columns, but the previous layer has {} outputs",
                    weight.ncols(),
                    before.weight.nrows()
                )));
            }
            layers.push(DenseLayer { weight, bias });
            used.extend([w_name, b_name]);
        }
        let Some(first) = layers.first() else {
            return Err(fail(format!("array `layer0_weight` is missing; found: {}", names.join(", "))));
        };
        let inputs = first.weight.ncols();
        let mut optional = |name: &str, length: usize, default: f64| -> Result<Vec<f64>, DeviceError> {
            if !names.iter().any(|n| n == name) {
                return Ok(vec![default; length]);
            }
            used.push(name.to_owned());
            let values: Vec<f64> = array(name)?.into_iter().collect();
            if values.len() == length {
                Ok(values)
            } else {
                Err(fail(format!("array `{name}` has {} numbers, {length} are needed", values.len())))
            }
        };
        let output_scale_na = optional("output_scale_na", 1, 1.0)?[0];
        let range_volt = (
            optional("input_min_volt", inputs, DEFAULT_RANGE_VOLT.0)?,
            optional("input_max_volt", inputs, DEFAULT_RANGE_VOLT.1)?,
        );
        if let Some(k) = (0..inputs).find(|&k| range_volt.0[k] >= range_volt.1[k]) {
            return Err(fail(format!(
                "entry {} of `input_min_volt` is {} V: it must lie below that of `input_max_volt`, {} V",
                k + 1,
                range_volt.0[k],
                range_volt.1[k]
            )));
        }
        // an unused array means that the file describes a different device
        if let Some(unused) = names.iter().find(|name| !used.contains(name)) {
            return Err(fail(format!(
                "array `{unused}` does not belong to a surrogate of {} layers: {}, each with `_weight` and `_bias`, \
                 `output_scale_na`, `input_min_volt` and `input_max_volt`",
                layers.len(),
                (0..layers.len()).map(|k| format!("`layer{k}`")).collect::<Vec<_>>().join(", "),
            )));
        }
        Ok(Self { layers, activation, output_scale_na, range_volt })
    }
}

impl NeuralSurrogate {
    /// The network reduced to its kinks in the box around all points of a large batch, if this is faster.
    fn kinks_within(&self, points_volt: &ArrayView2<f64>) -> Option<Kinks> {
        if self.activation != Activation::Relu || self.outputs() != 1 || points_volt.nrows() < LARGE_BATCH {
            return None;
        }
        let weights: usize = self.layers.iter().map(|l| l.weight.len()).sum();
        let ends = points_volt.columns().into_iter().map(|column| {
            column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)))
        });
        let (centre, reach): (Vec<f64>, Vec<f64>) =
            ends.map(|(low, high)| (0.5 * (low + high), 0.5 * (high - low))).unzip();
        Kinks::of(self, &centre, &reach, weights / WORTH_IT)
    }
}

impl Device for NeuralSurrogate {
    fn parameters(&self) -> usize {
        self.layers[0].weight.ncols()
    }

    fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].weight.nrows()
    }

    fn evaluate(
        &self,
        parameters_volt: ArrayView2<f64>,
        mut currents_na: ArrayViewMut2<f64>,
    ) -> Result<(), DeviceError> {
        check_width(self, &parameters_volt)?;
        if let Some(kinks) = self.kinks_within(&parameters_volt) {
            kinks.evaluate(parameters_volt, currents_na.column_mut(0));
            return Ok(());
        }
        let mut x = parameters_volt.to_owned();
        let last = self.layers.len() - 1;
        for (k, layer) in self.layers.iter().enumerate() {
            x = x.dot(&layer.weight.t()) + &layer.bias;
            if k < last {
                x.mapv_inplace(|v| self.activation.value(v));
            }
        }
        currents_na.assign(&(x * self.output_scale_na));
        Ok(())
    }

    fn gradient(&self, parameters_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let last = self.layers.len() - 1;
        let mut x = Array1::from(parameters_volt.to_vec());
        let mut slopes = Vec::with_capacity(last);
        for layer in &self.layers[..last] {
            let sum = layer.weight.dot(&x) + &layer.bias;
            slopes.push(sum.mapv(|v| self.activation.derivative(v)));
            x = sum.mapv(|v| self.activation.value(v));
        }
        let mut back = &self.layers[last].weight * self.output_scale_na;
        for (layer, slope) in self.layers[..last].iter().zip(&slopes).rev() {
            back = (back * slope.view().insert_axis(Axis(0))).dot(&layer.weight);
        }
        Ok(Some(back))
    }

    /// Values, first and second derivatives along the direction are propagated together through the layers.
    fn curvature_along(&self, parameters_volt: &[f64], direction: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        let last = self.layers.len() - 1;
        let mut x = Array1::from(parameters_volt.to_vec());
        let mut slope = Array1::from(direction.to_vec());
        let mut bent = Array1::<f64>::zeros(x.len());
        for layer in &self.layers[..last] {
            let sum = layer.weight.dot(&x) + &layer.bias;
            (slope, bent) = (layer.weight.dot(&slope), layer.weight.dot(&bent));
            for ((s, b), &v) in slope.iter_mut().zip(&mut bent).zip(&sum) {
                let Some(second) = self.activation.second_derivative(v) else { return Ok(None) };
                let first = self.activation.derivative(v);
                *b = first * *b + second * *s * *s;
                *s *= first;
            }
            x = sum.mapv(|v| self.activation.value(v));
        }
        Ok(Some((self.layers[last].weight.dot(&bent) * self.output_scale_na).to_vec()))
    }

    fn range_volt(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        Some(self.range_volt.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use ndarray_npy::NpzWriter;

    fn temporary(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("surrogate-{}-{name}.npz", std::process::id()))
    }

    fn small_network(path: &Path) {
        let mut npz = NpzWriter::new(File::create(path).unwrap());
        let wave = |n: usize, m: usize| Array2::from_shape_fn((n, m), |(i, j)| ((i * 7 + j * 3) as f64).sin());
        npz.add_array("layer0_weight", &wave(5, 3)).unwrap();
        npz.add_array("layer0_bias", &wave(1, 5).row(0).to_owned()).unwrap();
        npz.add_array("layer1_weight", &wave(1, 5)).unwrap();
        npz.add_array("layer1_bias", &ndarray::array![0.3]).unwrap();
        npz.add_array("output_scale_na", &ndarray::array![10.0]).unwrap();
        npz.finish().unwrap();
    }

    #[test]
    fn back_propagation_equals_differences_for_every_activation() {
        let path = temporary("conforms");
        small_network(&path);
        for activation in [Activation::Relu, Activation::Elu, Activation::Tanh, Activation::Sigmoid] {
            let device = NeuralSurrogate::from_npz(&path, activation).unwrap();
            crate::conformance::gradient_equals_differences(&device, &[0.31, -0.2, 0.5], 1e-8);
            match activation {
                Activation::Relu => assert_eq!(device.curvature(&[0.31, -0.2, 0.5]).unwrap(), None),
                _ => crate::conformance::curvature_equals_differences(&device, &[0.31, -0.2, 0.5], 1e-3, 1e-8),
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    /// Within a box, the reduced network equals the whole one, for any position and width of the box.
    #[test]
    fn what_bends_is_all_that_is_needed() {
        let path = temporary("kinks");
        small_network(&path);
        let device = NeuralSurrogate::from_npz(&path, Activation::Relu).unwrap();
        for k in 0..50 {
            let wave = |m: usize, j: usize| ((k * 31 + m * 7 + j * 3) as f64).sin();
            let centre: Vec<f64> = (0..3).map(|m| wave(m, 0)).collect();
            let reach = [0.0, 0.01 * (k + 1) as f64, 0.5];
            let kinks = Kinks::of(&device, &centre, &reach, usize::MAX).unwrap();
            let points = Array2::from_shape_fn((40, 3), |(n, m)| centre[m] + reach[m] * wave(m, n + 1));
            let whole = crate::currents_na(&device, points.view()).unwrap();
            let mut part = Array1::zeros(40);
            kinks.evaluate(points.view(), part.view_mut());
            for (a, b) in whole.iter().zip(&part) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    /// Writes layers of ones, of shapes (out, in), under the given numbers, and one more array.
    fn ones(path: &Path, layers: &[(usize, usize, usize)], more: Option<&str>) -> Result<NeuralSurrogate, String> {
        let mut npz = NpzWriter::new(File::create(path).unwrap());
        for &(number, outputs, inputs) in layers {
            npz.add_array(format!("layer{number}_weight"), &Array2::<f64>::ones((outputs, inputs))).unwrap();
            npz.add_array(format!("layer{number}_bias"), &Array1::<f64>::ones(outputs)).unwrap();
        }
        if let Some(name) = more {
            npz.add_array(name, &Array1::<f64>::ones(2)).unwrap();
        }
        npz.finish().unwrap();
        NeuralSurrogate::from_npz(path, Activation::Relu).map_err(|e| e.to_string())
    }

    #[test]
    fn arrays_that_would_not_be_used_are_refused() {
        let path = temporary("unused");
        for (layers, more, words) in [
            (&[(0, 4, 2), (2, 1, 4)][..], None, ["`layer2_weight`", "surrogate of 1 layers", "`layer0`"]),
            (&[(0, 4, 2), (1, 1, 4)], Some("layer2_bias"), ["`layer2_bias`", "surrogate of 2 layers", "`layer1`"]),
            (&[(0, 4, 2), (1, 1, 4)], Some("offset_na"), ["`offset_na`", "surrogate of 2 layers", "output_scale_na"]),
            (&[(1, 1, 4)], None, ["`layer0_weight` is missing", "found: ", "layer1_weight"]),
            (&[(0, 0, 2)], None, ["`layer0_weight`", "[0, 2]", "inputs and outputs"]),
            (&[(0, 1, 0)], None, ["`layer0_weight`", "[1, 0]", "inputs and outputs"]),
            (&[(0, 0, 2), (1, 1, 0)], None, ["`layer0_weight`", "[0, 2]", "inputs and outputs"]),
            (&[(0, 1, 2)], Some("input_min_volt"), ["entry 1 of `input_min_volt` is 1 V", "must lie below", "1 V"]),
        ] {
            let message = ones(&path, layers, more).unwrap_err();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_second_output_is_not_left_out_unsaid() {
        let path = temporary("outputs");
        let two = ones(&path, &[(0, 4, 3), (1, 2, 4)], None).unwrap();
        assert_eq!(two.outputs(), 2);
        let message = crate::currents_na(&two, ndarray::array![[0.0, 0.1, 0.2]].view()).unwrap_err().to_string();
        assert!(message.contains("2 outputs"), "{message}");
        std::fs::remove_file(&path).unwrap();
        let none = NeuralSurrogate::new(vec![(Array2::zeros((0, 3)), Array1::zeros(0))], Activation::Relu, 1.0);
        assert!(none.is_err());
    }

    #[test]
    fn misshapen_files_are_refused_by_array_name() {
        let path = temporary("misshapen");
        let mut npz = NpzWriter::new(File::create(&path).unwrap());
        npz.add_array("layer0_weight", &Array2::<f64>::ones((4, 2))).unwrap();
        npz.add_array("layer0_bias", &Array1::<f64>::ones(3)).unwrap();
        npz.finish().unwrap();
        let message = NeuralSurrogate::from_npz(&path, Activation::Relu).unwrap_err().to_string();
        assert!(message.contains("layer0_bias") && message.contains('4'), "{message}");
        std::fs::write(&path, "not a zip").unwrap();
        let message = NeuralSurrogate::from_npz(&path, Activation::Relu).unwrap_err().to_string();
        assert!(message.contains("not an .npz"), "{message}");
        std::fs::remove_file(&path).unwrap();
    }
}
