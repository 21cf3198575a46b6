//! A dopant network as a device: all electrodes but one are parameters, the current of that one is the output.

use std::collections::HashMap;
use std::sync::Arc;

use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{DopantNetwork, GenerateSettings, NetworkError, mean_field, mean_field_gradient};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};

use crate::kind::{DeviceKind, Surroundings};
use crate::network_events::{EventMeasurement, EventSettings, Linear};
use crate::{Device, DeviceError, Sampled};

/// Passes over a batch until no point needs a state that the points before it did without.
const MOST_PASSES: usize = 4;
/// Voltages that differ by less than this are the same \[V\].
const SAME_VOLT: f64 = 1e-12;
/// Step of the difference that gives second derivatives \[kT/e\]: currents change over about 1 kT/e.
const CURVATURE_STEP_KT: f64 = 0.02;
/// Range of the voltages where none is given \[V\].
const DEFAULT_RANGE_VOLT: f64 = 1.0;

/// A simulated dopant network: from a file, or made at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// Device file (JSON); a relative path starts at the scenario's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<InputFile>,
    /// Instead of a file: how the device is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Box<GenerateSettings>>,
    /// Electrode whose current is the output, from 0; the last one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_electrode: Option<usize>,
    /// How currents are found.
    #[serde(default)]
    pub method: NetworkMethod,
    /// Probability flow that may leave the states of the steady state, as a fraction of the largest current.
    #[serde(default = "default_tolerance")]
    pub tolerance: f64,
    /// Most states of the steady state.
    #[serde(default = "default_most_states")]
    pub most_states: usize,
    /// Memory that they may take (MB).
    #[serde(default = "default_most_megabytes")]
    pub most_megabytes: f64,
    /// Time after which one search for the steady state is given up (s); none if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_seconds: Option<f64>,
    /// How long events are followed, with the methods `events` and `events-linear`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventSettings>,
    /// Range of every voltage (V), for random operating points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<[f64; 2]>,
    /// Voltages of all electrodes but the output, in the file's order (V); those of the file if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

fn default_tolerance() -> f64 {
    SteadyOptions::default().tolerance
}

fn default_most_states() -> usize {
    SteadyOptions::default().most_states
}

fn default_most_megabytes() -> f64 {
    SteadyOptions::default().most_megabytes
}

impl DeviceKind for NetworkSettings {
    fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        let (field, network) = match (&self.file, &self.generate) {
            (Some(file), None) => ("file", around.shelf.network_file(&around.folder.join(file))),
            (None, Some(generate)) => ("generate", around.shelf.network_made(&generate.0)),
            (Some(_), Some(_)) => {
                return Err(SettingError::new("generate", "is given as well as `file`: give one of the two"));
            }
            (None, None) => {
                let message = "needs `file` (a device file) or `generate` (a table, may be empty)";
                return Err(SettingError::whole(message));
            }
        };
        let network = network.map_err(|e| SettingError::new(field, e.to_string()))?;
        let options = SteadyOptions {
            tolerance: self.tolerance,
            most_states: self.most_states,
            most_megabytes: self.most_megabytes,
            most_seconds: self.most_seconds,
            ..SteadyOptions::default()
        };
        let output = self.output_electrode.unwrap_or_else(|| network.electrodes.len().saturating_sub(1));
        let range = self.range_volt.map(|[low, high]| (low, high));
        let mut device = NetworkDevice::new(network, output, self.method, options, range)?;
        if let Some(events) = &self.events {
            if !matches!(self.method, NetworkMethod::Events | NetworkMethod::EventsLinear) {
                let message =
                    "goes with `method = \"events\"` or \"events-linear\": the other methods follow no events";
                return Err(SettingError::new("events", message));
            }
            device.events = EventMeasurement::new(events).map_err(|e| e.within("events"))?;
        }
        if let Some(point) = &self.operating_point_volt {
            device.operating_point_volt.clone_from(point);
        }
        Ok(Arc::new(device))
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }

    fn files(&self) -> Vec<InputFile> {
        self.file.iter().cloned().collect()
    }
}

/// How the currents of a dopant network are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMethod {
    /// The Markov chain on the states that carry the probability.
    #[default]
    SteadyState,
    /// Mean field, an approximation.
    MeanField,
    /// Events, with standard errors of a stated size: for networks of any size, where every point is looked at by itself (response and
    /// logic studies).
    Events,
    /// By events at the operating point, currents and derivatives, and elsewhere their linear continuation: an approximation without
    /// any curvature, for error studies of networks of any size.
    EventsLinear,
}

/// A simulated network of dopants.
#[derive(Clone, Debug)]
pub struct NetworkDevice {
    network: Arc<DopantNetwork>,
    output_electrode: usize,
    method: NetworkMethod,
    options: SteadyOptions,
    events: EventMeasurement,
    operating_point_volt: Vec<f64>,
    range_volt: (f64, f64),
}

/// The setting of the steady state that a message is about.
fn steady_entry(entry: &str) -> &'static str {
    ["most_megabytes", "most_seconds"].into_iter().find(|name| *name == entry).unwrap_or("tolerance")
}

impl NetworkDevice {
    /// The current into `output_electrode` (counted from 0) as a function of the voltages of all others, in their order;
    /// the output stays at the voltage of the device's file.
    ///
    /// # Errors
    /// If there is no such electrode or no other one, or the tolerance or the range is out of range.
    pub fn new(
        network: Arc<DopantNetwork>,
        output_electrode: usize,
        method: NetworkMethod,
        options: SteadyOptions,
        range_volt: Option<(f64, f64)>,
    ) -> Result<Self, DeviceError> {
        let bad = |name, what| Err(DeviceError::Description { name, what });
        let electrodes = network.electrodes.len();
        if electrodes < 2 {
            return bad("file", format!("has {electrodes} electrode: a device needs an output and at least one more"));
        }
        if output_electrode >= electrodes {
            return bad("output_electrode", format!("is {output_electrode}: must be 0 to {}", electrodes - 1));
        }
        options.checked().map_err(|e| match e {
            NetworkError::Entry { entry, what } => DeviceError::Description { name: steady_entry(&entry), what },
            other => other.into(),
        })?;
        let range_volt = range_volt.unwrap_or((-DEFAULT_RANGE_VOLT, DEFAULT_RANGE_VOLT));
        if range_volt.0 >= range_volt.1 || !range_volt.0.is_finite() || !range_volt.1.is_finite() {
            return bad("range_volt", format!("is {range_volt:?}: must be two voltages, the lower one first"));
        }
        let mut operating_point_volt = network.voltages_volt.clone();
        operating_point_volt.remove(output_electrode);
        let events = EventMeasurement::default();
        Ok(Self { network, output_electrode, method, options, events, operating_point_volt, range_volt })
    }

    /// The network behind it.
    #[must_use]
    pub fn network(&self) -> &DopantNetwork {
        &self.network
    }

    fn all_voltages_kt<'a>(&self, parameters_volt: impl Iterator<Item = &'a f64>) -> Vec<f64> {
        let mut voltages: Vec<f64> = parameters_volt.copied().collect();
        voltages.insert(self.output_electrode, self.network.voltages_volt[self.output_electrode]);
        self.network.voltages_kt(&voltages)
    }

    /// Currents and derivatives with their errors, by `events` where the method is that.
    fn with_errors(
        &self,
        parameters_volt: &[f64],
        events: impl Fn(&[f64]) -> Result<Linear, DeviceError>,
    ) -> Result<Sampled, DeviceError> {
        self.check(parameters_volt.len())?;
        let voltages_kt = self.all_voltages_kt(parameters_volt.iter());
        let network = &self.network.network;
        let found = match self.method {
            NetworkMethod::SteadyState => {
                let mut solver = SteadySolver::new(network, self.options);
                let found = solver.solve(&voltages_kt)?;
                Linear::exact(found.currents[self.output_electrode], solver.gradient_of(self.output_electrode)?)
            }
            NetworkMethod::MeanField => {
                let found = mean_field(network, &voltages_kt, None)?;
                let mut gradient = mean_field_gradient(network, &voltages_kt)?;
                Linear::exact(found.currents[self.output_electrode], gradient.swap_remove(self.output_electrode))
            }
            NetworkMethod::Events => events(&voltages_kt)?,
            NetworkMethod::EventsLinear => {
                let (currents, known) = self.continued(std::slice::from_ref(&voltages_kt))?;
                Linear { current: currents[0], ..known }
            }
        };
        let conversion = &self.network.conversion;
        let to_na = conversion.na_per_charge_rate;
        let derivatives = |mut row: Vec<f64>| {
            row.remove(self.output_electrode);
            Array2::from_shape_fn((1, row.len()), |(_, m)| row[m] * to_na * conversion.kt_per_volt)
        };
        Ok(Sampled {
            currents_na: vec![found.current * to_na],
            current_errors_na: vec![found.current_error * to_na],
            gradient: Some(derivatives(found.row)),
            gradient_errors: Some(derivatives(found.row_errors)),
        })
    }

    fn check(&self, found: usize) -> Result<(), DeviceError> {
        let expected = self.parameters();
        if found == expected { Ok(()) } else { Err(DeviceError::WrongParameters { expected, found }) }
    }

    /// Currents \[eν₀\] at several sets of voltages \[kT\], continued linearly from the operating point, and what is known there.
    fn continued(&self, points: &[Vec<f64>]) -> Result<(Vec<f64>, Linear), DeviceError> {
        let at = self.all_voltages_kt(self.operating_point_volt.iter());
        let known = self.events.linear(&self.network, self.output_electrode, &at)?;
        let change = |point: &Vec<f64>| -> f64 {
            known.row.iter().zip(point.iter().zip(&at)).map(|(g, (v, w))| g * (v - w)).sum()
        };
        Ok((points.iter().map(|point| known.current + change(point)).collect(), known))
    }

    /// d·∇I \[eν₀ e/kT\] at both points, on the same states.
    fn slopes_along(&self, points: &[Vec<f64>; 2], direction: &[f64]) -> Result<[f64; 2], NetworkError> {
        let network = &self.network.network;
        let along = |mut row: Vec<f64>| -> f64 {
            row.remove(self.output_electrode);
            row.iter().zip(direction).map(|(g, d)| g * d).sum()
        };
        let mut slopes = [0.0; 2];
        match self.method {
            NetworkMethod::SteadyState => {
                let mut solver = SteadySolver::new(network, self.options);
                for _ in 0..MOST_PASSES {
                    let mut states = None;
                    for (slope, point) in slopes.iter_mut().zip(points) {
                        states = states.or(Some(solver.solve(point)?.states));
                        *slope = along(solver.gradient_of(self.output_electrode)?);
                    }
                    if states == Some(solver.states()) {
                        break;
                    }
                }
            }
            NetworkMethod::MeanField => {
                for (slope, point) in slopes.iter_mut().zip(points) {
                    *slope = along(mean_field_gradient(network, point)?.swap_remove(self.output_electrode));
                }
            }
            // derivatives by events are not known well enough for a difference, and a linear continuation has none
            NetworkMethod::Events | NetworkMethod::EventsLinear => {}
        }
        Ok(slopes)
    }

    /// Currents \[eν₀\] at several sets of voltages, all on the same states: a smooth function of the voltages.
    fn steady_currents(&self, points: &[Vec<f64>]) -> Result<Vec<f64>, NetworkError> {
        let mut solver = SteadySolver::new(&self.network.network, self.options);
        let mut currents = vec![0.0; points.len()];
        for _ in 0..MOST_PASSES {
            let mut states = None;
            for (current, point) in currents.iter_mut().zip(points) {
                let found = solver.solve(point)?;
                states = states.or(Some(found.states));
                *current = found.currents[self.output_electrode];
            }
            if points.len() < 2 || states == Some(solver.states()) {
                break;
            }
        }
        Ok(currents)
    }
}

impl From<NetworkError> for DeviceError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::File { path, what } => Self::File { path, what },
            other => Self::Evaluation(other.to_string()),
        }
    }
}

impl Device for NetworkDevice {
    fn parameters(&self) -> usize {
        self.network.electrodes.len() - 1
    }

    fn evaluate(
        &self,
        parameters_volt: ArrayView2<f64>,
        mut currents_na: ArrayViewMut2<f64>,
    ) -> Result<(), DeviceError> {
        self.check(parameters_volt.ncols())?;
        // periodic voltages come back to the same values
        let mut places: HashMap<Vec<i64>, usize> = HashMap::new();
        let mut points = Vec::new();
        let of_row: Vec<usize> = parameters_volt
            .rows()
            .into_iter()
            .map(|row| {
                let key = row.iter().map(|v| (v / SAME_VOLT).round() as i64).collect();
                *places.entry(key).or_insert_with(|| {
                    points.push(self.all_voltages_kt(row.iter()));
                    points.len() - 1
                })
            })
            .collect();
        let currents = match self.method {
            NetworkMethod::SteadyState => self.steady_currents(&points)?,
            NetworkMethod::MeanField => {
                let mut last: Option<Vec<f64>> = None;
                let mut currents = Vec::with_capacity(points.len());
                for point in &points {
                    let found = mean_field(&self.network.network, point, last.as_deref())?;
                    currents.push(found.currents[self.output_electrode]);
                    last = Some(found.occupations);
                }
                currents
            }
            NetworkMethod::Events => self.events.currents(&self.network, self.output_electrode, &points)?,
            NetworkMethod::EventsLinear => self.continued(&points)?.0,
        };
        let scale = self.network.conversion.na_per_charge_rate;
        for (place, out) in of_row.into_iter().zip(currents_na.column_mut(0)) {
            *out = scale * currents[place];
        }
        Ok(())
    }

    fn gradient(&self, parameters_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        Ok(self.linearised(parameters_volt)?.1)
    }

    /// Both from one solution.
    fn linearised(&self, parameters_volt: &[f64]) -> Result<(Vec<f64>, Option<Array2<f64>>), DeviceError> {
        let Sampled { currents_na, gradient, .. } =
            self.with_errors(parameters_volt, |point| self.events.linear(&self.network, self.output_electrode, point))?;
        Ok((currents_na, gradient))
    }

    /// Standard errors are those that events have reached, whether these were asked for or not, and infinite where none can be stated; of
    /// `events-linear`, those at the operating point.
    fn sampled(&self, parameters_volt: &[f64]) -> Result<Sampled, DeviceError> {
        self.with_errors(parameters_volt, |point| {
            Ok(self.events.linear_as_known(&self.network, self.output_electrode, point))
        })
    }

    /// A central difference of the derivatives over 0.02 kT/e to both sides, all on the same states: an approximation, off by about
    /// 10⁻⁴. Where a hop of Miller-Abrahams rates turns from downhill to uphill, the gradient jumps by some 10⁻⁴ of itself; what these
    /// jumps add to a curvature that is measured over a range of voltages is not in it.
    fn curvature_along(&self, parameters_volt: &[f64], direction: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        self.check(parameters_volt.len())?;
        match self.method {
            NetworkMethod::SteadyState | NetworkMethod::MeanField => {}
            NetworkMethod::Events => return Ok(None),
            NetworkMethod::EventsLinear => return Ok(Some(vec![0.0])),
        }
        let conversion = &self.network.conversion;
        let longest = direction.iter().fold(0.0_f64, |acc, d| acc.max(d.abs()));
        if longest <= 0.0 {
            return Ok(Some(vec![0.0]));
        }
        let step = CURVATURE_STEP_KT / (conversion.kt_per_volt * longest);
        let points = [-step, step].map(|t| {
            let moved: Vec<f64> = parameters_volt.iter().zip(direction).map(|(w, d)| w + t * d).collect();
            self.all_voltages_kt(moved.iter())
        });
        let slopes = self.slopes_along(&points, direction)?;
        let second = (slopes[1] - slopes[0]) / (2.0 * step);
        Ok(Some(vec![second * conversion.na_per_charge_rate * conversion.kt_per_volt]))
    }

    fn is_affine(&self) -> bool {
        self.method == NetworkMethod::EventsLinear
    }

    fn usual_volt(&self) -> Option<Vec<f64>> {
        let mut voltages = self.network.voltages_volt.clone();
        voltages.remove(self.output_electrode);
        Some(voltages)
    }

    fn range_volt(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let (low, high) = self.range_volt;
        Some((vec![low; self.parameters()], vec![high; self.parameters()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;
    use dopant_network::Generate;

    #[test]
    fn a_steady_state_that_cannot_be_found_is_not_an_unknown_gradient() {
        let description = Generate { acceptors: 12, donors: 2, electrodes: 4, seed: 3, ..Generate::default() };
        let network = Arc::new(DopantNetwork::from_description(&description.describe().unwrap()).unwrap());
        let options = SteadyOptions { tolerance: 1e-9, most_states: 20, ..SteadyOptions::default() };
        let device = NetworkDevice::new(network, 3, NetworkMethod::SteadyState, options, None).unwrap();
        let message = device.gradient(&[0.3, -0.21, 0.12]).unwrap_err().to_string();
        assert!(message.contains("more than 20 states"), "{message}");
    }

    #[test]
    fn gradient_is_the_derivative_of_the_current() {
        let description = Generate { acceptors: 12, donors: 2, electrodes: 4, seed: 3, ..Generate::default() };
        let network = Arc::new(DopantNetwork::from_description(&description.describe().unwrap()).unwrap());
        let options = SteadyOptions { tolerance: 1e-6, ..SteadyOptions::default() };
        for (method, tolerance) in [(NetworkMethod::SteadyState, 1e-5), (NetworkMethod::MeanField, 1e-4)] {
            let device = NetworkDevice::new(Arc::clone(&network), 3, method, options, None).unwrap();
            conformance::gradient_equals_differences(&device, &[0.3, -0.21, 0.12], tolerance);
        }
    }

    #[test]
    fn curvature_is_the_derivative_of_the_gradient() {
        let description = Generate { acceptors: 8, donors: 1, electrodes: 4, seed: 3, ..Generate::default() };
        let network = Arc::new(DopantNetwork::from_description(&description.describe().unwrap()).unwrap());
        let options = SteadyOptions { tolerance: 1e-10, ..SteadyOptions::default() };
        // the nearest jump of the gradient lies 0.25 mV away
        for (method, step_volt) in [(NetworkMethod::SteadyState, 2e-5), (NetworkMethod::MeanField, 1e-4)] {
            let device = NetworkDevice::new(Arc::clone(&network), 3, method, options, None).unwrap();
            conformance::curvature_equals_differences(&device, &[0.3, -0.21, 0.12], step_volt, 1e-3);
        }
    }
}
