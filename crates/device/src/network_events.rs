//! Currents of a dopant network by events, for [`crate::NetworkDevice`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use dopant_network::DopantNetwork;
use dopant_network::events::{EventResponse, ResponseOptions, response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::DeviceError;

/// Most points of one call: each takes about a second.
const MOST_POINTS: usize = 2_000;
/// Points that differ by less \[kT/e\] are so close that their currents differ by less than their standard errors.
const LEAST_DISTANCE_KT: f64 = 1.0;
/// Responses that are kept for reuse.
const MOST_KEPT: usize = 1_000;

/// How long events are followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Standard error to be reached, as a fraction: of currents, of the largest at any electrode; of derivatives, of the largest of the
    /// output, but for that with respect to its own voltage.
    pub relative_error: f64,
    /// Most hops for each set of voltages; if they do not suffice, the study ends with a message.
    pub most_hops: u64,
    /// Seed.
    pub seed: u64,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { relative_error: 0.02, most_hops: 300_000_000, seed: 0 }
    }
}

/// Current \[eν₀\] of the output and its derivatives with respect to all voltages \[eν₀/kT\], with standard errors.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) current: f64,
    pub(crate) current_error: f64,
    pub(crate) row: Vec<f64>,
    pub(crate) row_errors: Vec<f64>,
}

impl Linear {
    fn of(mut found: EventResponse, output: usize) -> Self {
        Self {
            current: found.currents[output],
            current_error: found.standard_errors[output],
            row: found.gradient.swap_remove(output),
            row_errors: found.gradient_standard_errors.swap_remove(output),
        }
    }

    /// Without statistical errors.
    pub(crate) fn exact(current: f64, row: Vec<f64>) -> Self {
        Self { current, current_error: 0.0, row_errors: vec![0.0; row.len()], row }
    }
}

/// Currents and derivatives by events, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventMeasurement {
    settings: EventSettings,
    /// By voltages, to the bit.
    known: Arc<Mutex<HashMap<Vec<u64>, Linear>>>,
}

impl EventMeasurement {
    pub(crate) fn new(settings: &EventSettings) -> Result<Self, SettingError> {
        let EventSettings { relative_error, most_hops, .. } = *settings;
        if !(1e-4..=1.0).contains(&relative_error) {
            let message = format!("found {relative_error}: must be 0.0001 to 1");
            return Err(SettingError::new("relative_error", message));
        }
        if !(100_000..=10_000_000_000_000).contains(&most_hops) {
            let message = format!("found {most_hops}: must be 100000 to 10000000000000");
            return Err(SettingError::new("most_hops", message));
        }
        Ok(Self { settings: settings.clone(), known: Arc::default() })
    }

    /// Currents \[eν₀\] at several sets of voltages \[kT\].
    pub(crate) fn currents(
        &self,
        network: &DopantNetwork,
        output: usize,
        points: &[Vec<f64>],
    ) -> Result<Vec<f64>, DeviceError> {
        if points.len() > MOST_POINTS {
            return Err(DeviceError::Evaluation(format!(
                "{} sets of voltages at once, each to be followed by events: at most {MOST_POINTS}; \
                 use `method = \"events-linear\"`",
                points.len()
            )));
        }
        for (n, point) in points.iter().enumerate() {
            let far = |other: &Vec<f64>| point.iter().zip(other).any(|(a, b)| (a - b).abs() >= LEAST_DISTANCE_KT);
            if !points[..n].iter().all(far) {
                let apart_mv = 1e3 * LEAST_DISTANCE_KT / network.conversion.kt_per_volt;
                return Err(DeviceError::Evaluation(format!(
                    "two sets of voltages that differ by less than {apart_mv:.2} mV: currents by events are known to {} of the largest, \
                     and say nothing of their difference; use `method = \"events-linear\"`",
                    self.settings.relative_error
                )));
            }
        }
        let options = ResponseOptions { derivatives: false, ..self.options() };
        points.iter().map(|point| Ok(self.response(network, point, &options)?.currents[output])).collect()
    }

    /// Current \[eν₀\] and its derivatives with respect to all voltages \[eν₀/kT\] at voltages \[kT\].
    pub(crate) fn linear(&self, network: &DopantNetwork, output: usize, point: &[f64]) -> Result<Linear, DeviceError> {
        let key: Vec<u64> = point.iter().map(|v| v.to_bits()).collect();
        if let Some(found) = self.known.lock().expect("no thread panics here").get(&key) {
            return Ok(found.clone());
        }
        let options = ResponseOptions { electrode: Some(output), ..self.options() };
        let made = Linear::of(self.response(network, point, &options)?, output);
        let mut known = self.known.lock().expect("no thread panics here");
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        known.insert(key, made.clone());
        Ok(made)
    }

    /// The same with the errors that were reached, whether these were asked for or not: infinite where none can be stated.
    pub(crate) fn linear_as_known(&self, network: &DopantNetwork, output: usize, point: &[f64]) -> Linear {
        let options = ResponseOptions { electrode: Some(output), ..self.options() };
        let found = response(&network.network.landscape(point), network.initial, &options);
        let is_known = found.relative_error.is_finite();
        let mut known = Linear::of(found, output);
        if !is_known {
            known.current_error = f64::INFINITY;
            known.row_errors.fill(f64::INFINITY);
        }
        known
    }

    fn options(&self) -> ResponseOptions {
        let EventSettings { relative_error, most_hops, seed } = self.settings;
        ResponseOptions { relative_error, most_hops, seed, ..ResponseOptions::default() }
    }

    fn response(
        &self,
        network: &DopantNetwork,
        point: &[f64],
        options: &ResponseOptions,
    ) -> Result<EventResponse, DeviceError> {
        let found = response(&network.network.landscape(point), network.initial, options);
        if found.relative_error <= options.relative_error {
            return Ok(found);
        }
        if found.relative_error.is_infinite() {
            return Err(DeviceError::Evaluation(format!(
                "after {} hops no error can be stated: the network was trapped among few states for most of the time, or nothing has flowed; \
                 raise `events.most_hops`, or use `method = \"steady-state\"`",
                found.hops
            )));
        }
        Err(DeviceError::Evaluation(format!(
            "after {} hops the standard error is {:.2} of the largest value, {} was asked for: raise `events.most_hops` or \
             `events.relative_error`",
            found.hops, found.relative_error, options.relative_error
        )))
    }
}
