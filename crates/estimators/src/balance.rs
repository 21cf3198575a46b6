//! Amplitudes of homodyne gradient extraction, one for each parameter, that minimise the total exact mean squared error
//! of all first derivatives, averaged over the signs of the sines.
//!
//! A larger amplitude α_m lowers the variance of its own derivative as 1/α_m², raises the bias from the third
//! derivative about as α_m², and lowers the crosstalk from other parameters as α_n/α_m and α_n²/α_m. Biases are
//! computed from noiseless records, and their change with each x = α² from records at a larger x. For biases linear in
//! x, the sum of squared biases and variances is convex and its minimum is found directly; as they are only
//! approximately linear, the search is repeated from there, with shorter steps if the error rises. The result is the
//! local minimum found from equal amplitudes of 8 mV; others may exist.
//!
//! With as many amplitudes as derivatives, crosstalk could be made to cancel other biases exactly, but only at one
//! operating point. Errors are therefore averaged over the signs of the sines, which change the sign of the crosstalk
//! but no magnitude. For the signs actually used, other amplitudes can be better by chance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::PerParameter;
use std::f64::consts::PI;
use std::sync::Arc;

use device::Device;
use noise::RecordGenerator;

use crate::error::EstimatorError;
use crate::experiment::{Experiment, Route};
use crate::hge::{Hge, LockInReadout};
use crate::instrument::Instrument;
use crate::scheme::Scheme;

/// Given amplitudes, or those of least error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a number, a list of numbers, or \"balanced\"")]
pub enum AmplitudeChoice {
    /// For all parameters, or for each (V).
    Given(PerParameter),
    /// One for each parameter, minimising the total exact mean squared error of all first derivatives, averaged over
    /// the signs of the sines; at most a quarter of a parameter's range.
    Balanced(Balanced),
}

/// "balanced".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balanced {
    /// "balanced".
    Balanced,
}

impl AmplitudeChoice {
    /// The amplitudes, if given.
    #[must_use]
    pub fn given(&self) -> Option<&PerParameter> {
        match self {
            Self::Given(volt) => Some(volt),
            Self::Balanced(_) => None,
        }
    }
}

/// Initial amplitude of the search \[V\].
const FIRST_VOLT: f64 = 8e-3;
/// Largest number of parameters: the time grows with its square.
const MOST_PARAMETERS: usize = 64;
/// Lowest amplitude \[V\].
const LEAST_VOLT: f64 = 1e-6;
/// Factor by which an amplitude is raised to find the change of the biases.
const RAISED: f64 = 1.2;
/// Natural logarithm of the largest factor by which an amplitude changes in the first round.
const FIRST_REACH: f64 = 1.0;
/// Rounds of the search, and the relative change of the error, or of an amplitude, at which it ends.
const ROUNDS: usize = 30;
const SETTLED: f64 = 5e-3;
/// Sweeps over all amplitudes, and halvings of an interval, in the minimum of a round.
const SWEEPS: usize = 200;
const HALVINGS: usize = 60;

/// A device at an operating point.
#[derive(Clone, Debug)]
pub struct Place {
    /// The device.
    pub device: Arc<dyn Device>,
    /// Its operating point \[V\].
    pub operating_point_volt: Vec<f64>,
    /// Which sines have the opposite sign, one for each parameter.
    pub is_reversed: Vec<bool>,
}

/// The measurement whose amplitudes are optimised.
#[derive(Debug)]
pub struct Balance<'b> {
    /// The measurement; its amplitudes are ignored.
    pub hge: Hge,
    /// Operating points and signs over which the error is averaged.
    pub places: Vec<Place>,
    /// Highest amplitude of each parameter \[V\].
    pub most_volt: Vec<f64>,
    /// The instrument.
    pub instrument: Instrument,
    /// The noise, in records of the measurement's length.
    pub generator: &'b Arc<RecordGenerator>,
}

/// Biases \[nA/V\], shape (places, parameters), and the variance of each derivative \[(nA/V)²\].
struct Errors {
    bias: Vec<Vec<f64>>,
    variance: Vec<f64>,
}

impl Errors {
    /// Σ over parameters of the mean over places of bias² + variance.
    fn total(&self) -> f64 {
        let squares: f64 = self.bias.iter().flatten().map(|b| b * b).sum();
        squares / self.bias.len() as f64 + self.variance.iter().sum::<f64>()
    }
}

impl Balance<'_> {
    /// The amplitudes \[V\], one for each parameter. Each of some ten rounds evaluates the device over a record for every place and
    /// every parameter.
    ///
    /// # Errors
    /// If there are more than 64 parameters, a setting of the measurement is out of range, a device cannot be evaluated
    /// or does not know its gradient, or the exact error is unknown (with an ADC, in R mode) or has no minimum (without
    /// noise).
    ///
    /// # Panics
    /// If there is no place.
    pub fn amplitudes_volt(&self) -> Result<Vec<f64>, EstimatorError> {
        if self.hge.readout == LockInReadout::R {
            return Err(refused("needs readout \"x\" or \"curvature\": that of \"r\" depends on the response"));
        }
        if self.most_volt.len() > MOST_PARAMETERS {
            return Err(refused(&format!(
                "is for at most {MOST_PARAMETERS} parameters, found {}: give a number or a list",
                self.most_volt.len()
            )));
        }
        let truth = self.places.iter().map(Place::gradient).collect::<Result<Vec<_>, _>>()?;
        let mut amplitudes: Vec<f64> = self.most_volt.iter().map(|most| most.min(FIRST_VOLT)).collect();
        let mut errors = self.errors(&amplitudes, &truth)?;
        if errors.variance.iter().any(|v| v.is_nan()) {
            return Err(refused("needs an exact variance, which is not known with an ADC"));
        }
        if errors.variance.iter().all(|v| *v <= 0.0) {
            return Err(refused("needs noise: without it, the smallest amplitude is best"));
        }
        let mut reach = FIRST_REACH;
        for _ in 0..ROUNDS {
            let changes = self.changes(&amplitudes, &errors, &truth)?;
            let before = errors.total();
            // shorter steps until the error falls
            while errors.total() >= before && reach > SETTLED {
                let next = self.minimum(&amplitudes, &errors, &changes, reach);
                let there = self.errors(&next, &truth)?;
                if there.total() < before {
                    (amplitudes, errors) = (next, there);
                } else {
                    reach *= 0.5;
                }
            }
            if errors.total() > before * (1.0 - SETTLED) {
                break;
            }
        }
        Ok(amplitudes)
    }

    fn errors(&self, amplitudes_volt: &[f64], truth: &[Vec<f64>]) -> Result<Errors, EstimatorError> {
        let mut errors = Errors { bias: Vec::new(), variance: Vec::new() };
        for (place, truth) in self.places.iter().zip(truth) {
            let mut hge = Hge { amplitude_volt: amplitudes_volt.to_vec(), ..self.hge.clone() };
            for (phase, is_reversed) in hge.phases_rad.iter_mut().zip(&place.is_reversed) {
                *phase += if *is_reversed { PI } else { 0.0 };
            }
            let experiment = Experiment::new(
                Scheme::Fixed(hge.build(amplitudes_volt.len())?),
                Arc::clone(&place.device),
                place.operating_point_volt.clone(),
                self.instrument,
                Arc::clone(self.generator),
                true,
                Route::Weights,
            )?;
            let exact = experiment.exact_against(truth)?;
            errors.bias.push(exact.bias);
            errors.variance = exact.variance[..truth.len()].to_vec();
        }
        Ok(errors)
    }

    /// How each bias changes with each x = α² \[nA/V³\], shape (parameters, places × parameters).
    fn changes(
        &self,
        amplitudes_volt: &[f64],
        errors: &Errors,
        truth: &[Vec<f64>],
    ) -> Result<Vec<Vec<f64>>, EstimatorError> {
        let change = |n: usize| {
            let mut raised = amplitudes_volt.to_vec();
            raised[n] *= RAISED;
            let step = raised[n].powi(2) - amplitudes_volt[n].powi(2);
            let moved = self.errors(&raised, truth)?;
            let pairs = moved.bias.iter().flatten().zip(errors.bias.iter().flatten());
            Ok(pairs.map(|(after, before)| (after - before) / step).collect())
        };
        (0..amplitudes_volt.len()).map(change).collect()
    }

    /// The minimum of the sum for biases linear in x and variances proportional to 1/x, with no amplitude changed by
    /// more than a factor of e to the power of `reach`.
    fn minimum(&self, amplitudes_volt: &[f64], errors: &Errors, changes: &[Vec<f64>], reach: f64) -> Vec<f64> {
        let first: Vec<f64> = amplitudes_volt.iter().map(|a| a * a).collect();
        let weight = 1.0 / self.places.len() as f64;
        let mut x = first.clone();
        let mut bias: Vec<f64> = errors.bias.iter().flatten().copied().collect();
        for _ in 0..SWEEPS {
            for n in 0..x.len() {
                // the derivative of the sum with respect to x_n increases with x_n
                let slope = weight * bias.iter().zip(&changes[n]).map(|(b, c)| b * c).sum::<f64>();
                let bend = weight * changes[n].iter().map(|c| c * c).sum::<f64>();
                let noise = errors.variance[n] * first[n];
                let derivative = |at: f64| 2.0 * (slope + bend * (at - x[n])) - noise / (at * at);
                let factor = (2.0 * reach).exp();
                let mut high = (first[n] * factor).min(self.most_volt[n].powi(2));
                let mut low = (first[n] / factor).max(LEAST_VOLT.powi(2)).min(high);
                for _ in 0..HALVINGS {
                    let middle = (low * high).sqrt();
                    if derivative(middle) < 0.0 { low = middle } else { high = middle }
                }
                let found = (low * high).sqrt();
                bias.iter_mut().zip(&changes[n]).for_each(|(b, c)| *b += c * (found - x[n]));
                x[n] = found;
            }
        }
        x.into_iter().map(f64::sqrt).collect()
    }
}

impl Place {
    fn gradient(&self) -> Result<Vec<f64>, EstimatorError> {
        let gradient = self.device.gradient(&self.operating_point_volt)?;
        let gradient = gradient.ok_or_else(|| refused("needs a device that knows its gradient"))?;
        Ok(gradient.row(0).to_vec())
    }
}

fn refused(why: &str) -> EstimatorError {
    EstimatorError::setting("amplitude_volt", "\"balanced\"", why)
}

#[cfg(test)]
mod tests {
    use device::Polynomial;
    use noise::{NoiseModel, Spectrum};

    use super::*;
    use crate::filter::FilterSettings;
    use crate::hge::Mode;

    const RATE_HZ: f64 = 10_000.0;

    fn hge(mode: Mode, frequencies_hz: Vec<f64>) -> Hge {
        Hge {
            rate_hz: RATE_HZ,
            duration_s: 0.1,
            amplitude_volt: vec![1.0],
            phases_rad: vec![0.0; frequencies_hz.len()],
            frequencies_hz,
            mode,
            readout: LockInReadout::X,
            filter: FilterSettings { order: 3, settled: 0.999, cutoff_hz: None, gain_corrected: true },
            corrected_for: None,
        }
    }

    fn balance<'b>(device: Polynomial, hge: Hge, generator: &'b Arc<RecordGenerator>) -> Balance<'b> {
        let parameters = device.parameters();
        let place = Place {
            device: Arc::new(device),
            operating_point_volt: vec![0.0; parameters],
            is_reversed: vec![false; parameters],
        };
        let places = vec![place];
        Balance { hge, places, most_volt: vec![1.0; parameters], instrument: Instrument::default(), generator }
    }

    fn noise() -> Arc<RecordGenerator> {
        let model = NoiseModel::Gaussian(Spectrum::White(1e-5));
        Arc::new(RecordGenerator::new(&model, RATE_HZ, 1000).unwrap())
    }

    /// One parameter at a time, cubic curves: the response at f of c₃ w³ is ¾ c₃ α³, a bias of ¾ c₃ α². With a variance of v/α²
    /// the sum is least at α⁶ = v/(2 (¾ c₃)²); the filter adds a little of the harmonic at 3 f.
    #[test]
    fn amplitudes_of_cubic_curves_are_those_worked_out_by_hand() {
        let generator = noise();
        let cubic = [2000.0, 50.0, -400.0];
        let device = Polynomial::new(0.0, cubic.map(|c| vec![100.0, 0.0, c]).to_vec(), None).unwrap();
        let balance = balance(device, hge(Mode::Sequential, vec![1000.0, 900.0, 800.0]), &generator);
        let found = balance.amplitudes_volt().unwrap();
        let truth = vec![vec![100.0; 3]];
        let unit = balance.errors(&[1.0; 3], &truth).unwrap().variance;
        for ((alpha, c), v) in found.iter().zip(cubic).zip(unit) {
            let expected = (v / (2.0 * (0.75 * c).powi(2))).powf(1.0 / 6.0);
            assert!((alpha / expected - 1.0).abs() < 0.01, "{alpha} {expected}");
        }
    }

    /// All at once, with even curves whose second harmonics coincide with the lines of other parameters: no change of
    /// one amplitude, or of all, reduces the total exact error.
    #[test]
    fn no_neighbour_is_better() {
        let generator = noise();
        let rows = [[300.0, 2000.0, 1500.0], [100.0, -300.0, 900.0], [20.0, 500.0, 100.0]];
        let device = Polynomial::new(0.0, rows.map(|r| r.to_vec()).to_vec(), None).unwrap();
        let balance = balance(device, hge(Mode::Parallel, vec![410.0, 800.0, 1200.0]), &generator);
        let found = balance.amplitudes_volt().unwrap();
        let truth = vec![rows.map(|r| r[0]).to_vec()];
        let least = balance.errors(&found, &truth).unwrap().total();
        for factors in [[1.1, 1.0, 1.0], [1.0, 1.1, 1.0], [1.0, 1.0, 1.1], [1.1; 3]] {
            for sign in [-1, 1] {
                let moved: Vec<f64> = found.iter().zip(factors).map(|(a, f): (_, f64)| a * f.powi(sign)).collect();
                let total = balance.errors(&moved, &truth).unwrap().total();
                assert!(total > least, "{found:?} {least}, {moved:?} {total}");
            }
        }
        let equal = (1..200).map(|k| balance.errors(&[1e-3 * f64::from(k); 3], &truth).unwrap().total());
        let best_equal = equal.fold(f64::INFINITY, f64::min);
        assert!(least < 0.9 * best_equal, "{least}, with equal amplitudes {best_equal}");
    }

    #[test]
    fn where_no_amplitude_is_best_is_said() {
        let device = || Polynomial::new(0.0, vec![vec![1.0, 2.0, 3.0]], None).unwrap();
        let silent = Arc::new(RecordGenerator::new(&NoiseModel::None, RATE_HZ, 1000).unwrap());
        let message = balance(device(), hge(Mode::Parallel, vec![1000.0]), &silent).amplitudes_volt().unwrap_err();
        assert!(message.to_string().contains("needs noise"), "{message}");
        let generator = noise();
        let in_r = Hge { readout: LockInReadout::R, ..hge(Mode::Parallel, vec![1000.0]) };
        let message = balance(device(), in_r, &generator).amplitudes_volt().unwrap_err();
        assert!(message.to_string().contains("readout"), "{message}");
        // a straight line has no bias: the largest amplitude is best
        let line = Polynomial::new(0.0, vec![vec![5.0]], None).unwrap();
        let found = balance(line, hge(Mode::Parallel, vec![1000.0]), &generator).amplitudes_volt().unwrap();
        assert!((found[0] - 1.0).abs() < 1e-9, "{found:?}");
    }
}
