//! `estimator.amplitude_volt = "balanced"`: the amplitudes of homodyne gradient extraction, one for each parameter, that minimise the exact
//! mean squared error summed over all first derivatives and averaged over the signs of the sines.

use std::sync::Arc;

use device::{Device, DeviceError};
use estimators::Instrument;
use estimators::balance::{Balance, Place};
use estimators::hge::{Hge, HgeSettings, Mode};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use noise::NoiseModel;
use rand::RngExt;
use rand_pcg::Pcg64;
use settings::SettingError;
use settings::seed::{self, Purpose};
use training::Patterns;
use training::tasks::Trained;

use crate::language::document::KeyError;
use crate::language::scenario::Scenario;
use crate::point::from_estimator;
use crate::study::Library;

/// Largest amplitude as a fraction of a parameter's range, and largest amplitude where there is no range \[V\].
const MOST_OF_RANGE: f64 = 0.25;
const MOST_VOLT: f64 = 0.25;
/// Largest number of sign patterns of the sines at an operating point.
const MOST_SIGNS: usize = 16;
/// Number of random controls, each with a random pattern and random signs of the sines, over whose mean error amplitudes of training are
/// balanced.
const PLACES: usize = 6;

/// Whether to compute balanced amplitudes: this takes seconds, too long for points that are only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balancing {
    /// Compute them.
    Sought,
    /// Use the largest amplitude instead.
    LeftOut,
}

/// The experiment for which amplitudes are balanced.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'s> {
    /// Device, task and training; together with measurement, noise and operating point they identify a search.
    pub(crate) scenario: &'s Scenario,
    pub(crate) instrument: Instrument,
    pub(crate) noise: &'s NoiseModel,
    pub(crate) library: &'s Library,
    pub(crate) balancing: Balancing,
}

/// Homodyne gradient extraction from its settings. If these ask for balanced amplitudes, `seek` finds them, and a remark states them.
pub(crate) fn hge_of(
    settings: &HgeSettings,
    rate_hz: f64,
    parameters: usize,
    remarks: &mut Vec<String>,
    seek: impl FnOnce(&Hge, Instrument) -> Result<Vec<f64>, KeyError>,
) -> Result<Hge, KeyError> {
    let at = |e: SettingError| KeyError::at("estimator", e);
    let mut hge = settings.hge(rate_hz, parameters).map_err(at)?;
    if settings.amplitude_volt.given().is_none() {
        let instrument =
            settings.instrument.build(hge.samples().map_err(from_estimator)?, rate_hz).map_err(from_estimator)?;
        hge.amplitude_volt = seek(&hge, instrument)?;
        remarks.push(remark(&hge.amplitude_volt));
    }
    Ok(hge)
}

/// Amplitudes of a measurement at one operating point \[V\].
pub(crate) fn at_operating_point(
    hge: &Hge,
    device: &Arc<dyn Device>,
    operating_point_volt: &[f64],
    around: Surroundings<'_>,
) -> Result<Vec<f64>, KeyError> {
    let most_volt = match device.range_volt() {
        Some((low, high)) => low.iter().zip(&high).map(|(low, high)| MOST_OF_RANGE * (high - low)).collect(),
        None => vec![MOST_VOLT; device.parameters()],
    };
    let parameters = device.parameters();
    let place = |is_reversed| Place {
        device: Arc::clone(device),
        operating_point_volt: operating_point_volt.to_vec(),
        is_reversed,
    };
    let signs = match hge.mode {
        // nothing to add up with
        Mode::Sequential => vec![vec![false; parameters]],
        Mode::Parallel => signs(parameters),
    };
    balanced(hge, signs.into_iter().map(place).collect(), most_volt, around)
}

/// Sign patterns (true: reversed) from rows of a Hadamard matrix: each parameter has both signs equally often, and any two have equal signs
/// as often as opposite ones. With more than 15 parameters, some share their signs.
fn signs(parameters: usize) -> Vec<Vec<bool>> {
    let patterns = (parameters + 1).next_power_of_two().min(MOST_SIGNS);
    let code = |m: usize| m % (patterns - 1) + 1;
    let pattern = |k: usize| (0..parameters).map(|m| (k & code(m)).count_ones() % 2 == 1).collect();
    (0..patterns).map(pattern).collect()
}

/// Amplitudes for the measurements of a training run, which minimise the error averaged over random controls within their ranges and random
/// patterns.
pub(crate) fn for_training(
    hge: &Hge,
    device: &Arc<dyn Device>,
    trained: Trained<'_>,
    patterns: &Patterns,
    around: Surroundings<'_>,
) -> Result<Vec<f64>, KeyError> {
    let mut rng = seed::stream(0, Purpose::Places);
    let place = |_| {
        let pattern = rng.random_range(0..patterns.targets.len());
        let inputs_volt = patterns.inputs_volt.row(pattern).to_vec();
        let volt = |(low, high): &(f64, f64), rng: &mut Pcg64| low + (high - low) * rng.random::<f64>();
        let operating_point_volt: Vec<f64> = trained.range_volt.iter().map(|range| volt(range, &mut rng)).collect();
        let is_reversed = operating_point_volt.iter().map(|_| rng.random()).collect();
        let device = Arc::new(WithInputs { device: Arc::clone(device), wiring: trained.wiring.clone(), inputs_volt });
        Place { device, operating_point_volt, is_reversed }
    };
    let places = (0..PLACES).map(place).collect();
    let most_volt = trained.range_volt.iter().map(|(low, high)| MOST_OF_RANGE * (high - low)).collect();
    balanced(hge, places, most_volt, around)
}

fn balanced(
    hge: &Hge,
    places: Vec<Place>,
    most_volt: Vec<f64>,
    around: Surroundings<'_>,
) -> Result<Vec<f64>, KeyError> {
    let Surroundings { scenario, instrument, noise, library, balancing } = around;
    if balancing == Balancing::LeftOut {
        return Ok(most_volt);
    }
    let instrument = Instrument { dynamics: scenario.dynamics, ..instrument };
    let sought = || {
        let generator = library.generator(noise, hge.rate_hz, hge.samples()?)?;
        let balance = Balance {
            hge: hge.clone(),
            places: places.clone(),
            most_volt: most_volt.clone(),
            instrument,
            generator: &generator,
        };
        balance.amplitudes_volt()
    };
    let points: Vec<&Vec<f64>> = places.iter().map(|p| &p.operating_point_volt).collect();
    let Scenario { device, task, .. } = scenario;
    let key = format!("{device:?} {task:?} {hge:?} {instrument:?} {noise:?} {points:?} {most_volt:?}");
    library.amplitudes(key, sought).map_err(from_estimator)
}

/// The remark that states balanced amplitudes.
fn remark(amplitudes_volt: &[f64]) -> String {
    let shown: Vec<String> = amplitudes_volt.iter().map(|a| format!("{a:.3e}")).collect();
    format!("balanced        amplitude_volt = [{}] at the first point", shown.join(", "))
}

/// A device with fixed inputs; its parameters are the controls.
#[derive(Debug)]
struct WithInputs {
    device: Arc<dyn Device>,
    wiring: training::Wiring,
    inputs_volt: Vec<f64>,
}

impl WithInputs {
    fn join(&self, controls_volt: &[f64]) -> Vec<f64> {
        self.wiring.join(ndarray::aview1(&self.inputs_volt), controls_volt)
    }
}

impl Device for WithInputs {
    fn parameters(&self) -> usize {
        self.wiring.controls.len()
    }

    fn evaluate(&self, controls_volt: ArrayView2<f64>, currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        let rows: Vec<f64> = controls_volt.rows().into_iter().flat_map(|w| self.join(&w.to_vec())).collect();
        let all = Array2::from_shape_vec((controls_volt.nrows(), self.device.parameters()), rows).expect("whole rows");
        self.device.evaluate(all.view(), currents_na)
    }

    fn gradient(&self, controls_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let all = self.device.gradient(&self.join(controls_volt))?;
        Ok(all.map(|all| all.select(ndarray::Axis(1), &self.wiring.controls)))
    }
}

#[cfg(test)]
mod tests {
    use super::signs;

    #[test]
    fn signs_of_any_two_parameters_are_equal_as_often_as_not() {
        for parameters in 1..=15 {
            let patterns = signs(parameters);
            let half = patterns.len() / 2;
            for m in 0..parameters {
                assert_eq!(patterns.iter().filter(|p| p[m]).count(), half);
                for n in 0..m {
                    assert_eq!(patterns.iter().filter(|p| p[m] == p[n]).count(), half);
                }
            }
        }
        assert_eq!(signs(40).len(), 16);
    }
}
