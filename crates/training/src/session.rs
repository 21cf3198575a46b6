//! Account of a training run: measurements, their time, and the best result.

use ndarray::Array2;
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TrainingError;
use crate::finite;
use crate::loss::{Loss, LossValue};
use crate::meter::{Meter, Reading};
use crate::task::Patterns;
use crate::update::Slopes;

/// Number of random draws of the controls after which the range of the ADC is considered too narrow.
pub const MOST_DRAWS: usize = 1000;

/// When training ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Measured loss below which training has succeeded.
    pub stop_below: f64,
    /// Further passes whose mean currents must confirm the loss. Without any, noise on weak currents is occasionally
    /// mistaken for success: with four patterns, about one pass in a hundred is correlated with any given truth table.
    pub confirmations: usize,
    /// Total measurement time \[s\]; the last measurement may exceed it.
    pub budget_s: f64,
    /// Iterations after which training restarts from other controls.
    pub max_iterations: usize,
}

/// The loss that decides which controls are kept and whether they are good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// The measured loss, as in an experiment.
    #[default]
    Measured,
    /// The noiseless loss, unknown to an instrument: for comparisons of methods without the luck of the last reading.
    /// It is evaluated at all controls that are measured or reached, without using time or samples; the optimiser
    /// itself uses only measured losses.
    NoiseFree,
}

/// A measured loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Attempt, from 0.
    pub attempt: usize,
    /// Measurement time since the beginning of the run \[s\].
    pub time_s: f64,
    /// The loss.
    pub loss: f64,
}

/// A training run: a meter, a task, and the account of measurements.
#[derive(Debug)]
pub struct Session<'m> {
    /// The meter.
    pub meter: &'m Meter,
    /// The task.
    pub patterns: &'m Patterns,
    /// The loss.
    pub loss: Loss,
    /// When it ends.
    pub limits: Limits,
    /// The loss by which it is judged.
    pub judge: Judge,
    /// Lowest and highest voltage of each control \[V\].
    pub range_volt: &'m [(f64, f64)],
    /// Time of all measurements \[s\].
    pub seconds: f64,
    /// Samples of all measurements.
    pub samples: u64,
    /// Number of attempts started.
    pub attempts: usize,
    /// Measured losses, one for each iteration (of a descent) or generation.
    pub history: Vec<Entry>,
    best_loss: f64,
    best_controls_volt: Vec<f64>,
}

impl<'m> Session<'m> {
    /// A run without measurements yet.
    #[must_use]
    pub fn new(
        meter: &'m Meter,
        patterns: &'m Patterns,
        loss: Loss,
        limits: Limits,
        range_volt: &'m [(f64, f64)],
    ) -> Self {
        Self {
            meter,
            patterns,
            loss,
            limits,
            judge: Judge::default(),
            range_volt,
            seconds: 0.0,
            samples: 0,
            attempts: 0,
            history: Vec::new(),
            best_loss: f64::INFINITY,
            best_controls_volt: Vec::new(),
        }
    }

    /// Starts an attempt at random controls, uniform within their ranges. If the output may be clipped, a pass checks
    /// this, and other controls are drawn if it is; these passes are counted.
    ///
    /// # Errors
    /// If the output is clipped at all of [`MOST_DRAWS`] draws, or the device cannot be evaluated.
    pub fn begin_attempt<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<Vec<f64>, TrainingError> {
        self.attempts += 1;
        if !self.meter.can_clip() {
            return Ok(self.random_controls(rng));
        }
        for _ in 0..MOST_DRAWS {
            let controls = self.random_controls(rng);
            let reading = self.meter.currents(self.patterns.inputs_volt.view(), &controls, rng)?;
            self.count(&reading);
            if !reading.has_clipped {
                return Ok(controls);
            }
        }
        Err(TrainingError::AlwaysClipped { draws: MOST_DRAWS })
    }

    /// Random controls, uniform within their ranges.
    pub fn random_controls<R: Rng + ?Sized>(&self, rng: &mut R) -> Vec<f64> {
        self.range_volt.iter().map(|(low, high)| low + (high - low) * rng.random::<f64>()).collect()
    }

    /// Whether the loss has been below the limit, with the required confirmations.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.best_loss < self.limits.stop_below
    }

    /// Whether the time is used up or the goal is reached.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.has_succeeded() || self.seconds >= self.limits.budget_s
    }

    /// Lowest loss measured, and its controls \[V\].
    #[must_use]
    pub fn best(&self) -> (f64, &[f64]) {
        (self.best_loss, &self.best_controls_volt)
    }

    /// Writes a measured loss into the history.
    pub fn note(&mut self, loss: f64) {
        self.history.push(Entry { attempt: self.attempts.saturating_sub(1), time_s: self.seconds, loss });
    }

    fn count(&mut self, reading: &Reading) {
        self.seconds += reading.seconds;
        self.samples += reading.samples;
    }

    /// Evaluates the loss of a measurement, confirms a success by further passes, and keeps the best result. A loss
    /// that is not confirmed is replaced by that of the mean of the further passes.
    fn account<R: Rng + ?Sized>(
        &mut self,
        reading: &Reading,
        controls_volt: &[f64],
        rng: &mut R,
    ) -> Result<LossValue, TrainingError> {
        self.count(reading);
        let loss = self.loss.of(&reading.currents_na, &self.patterns.targets);
        finite::check([&loss.value], |_| "the loss".to_owned(), |_| controls_volt.to_vec())?;
        let mut worth = loss.value;
        if self.judge == Judge::NoiseFree {
            worth = self.noise_free_loss(controls_volt)?;
        } else if worth < self.limits.stop_below && self.limits.confirmations > 0 {
            worth = worth.max(self.confirmed_loss(controls_volt, rng)?);
        }
        self.keep(worth, controls_volt);
        Ok(loss)
    }

    fn keep(&mut self, worth: f64, controls_volt: &[f64]) {
        if worth < self.best_loss || self.best_controls_volt.is_empty() {
            self.best_loss = worth;
            self.best_controls_volt = controls_volt.to_vec();
        }
    }

    fn noise_free_loss(&self, controls_volt: &[f64]) -> Result<f64, TrainingError> {
        let currents_na = self.meter.true_currents_na(self.patterns.inputs_volt.view(), controls_volt)?;
        Ok(self.loss.of(&currents_na, &self.patterns.targets).value)
    }

    /// Reports controls that an optimiser has reached but measures only around. By the noiseless loss they can still be
    /// judged.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn arrive(&mut self, controls_volt: &[f64]) -> Result<(), TrainingError> {
        if self.judge == Judge::NoiseFree {
            let worth = self.noise_free_loss(controls_volt)?;
            self.keep(worth, controls_volt);
        }
        Ok(())
    }

    /// The loss of the mean currents of the confirming passes.
    fn confirmed_loss<R: Rng + ?Sized>(&mut self, controls_volt: &[f64], rng: &mut R) -> Result<f64, TrainingError> {
        let mut mean_na = vec![0.0; self.patterns.targets.len()];
        for _ in 0..self.limits.confirmations {
            let again = self.meter.currents(self.patterns.inputs_volt.view(), controls_volt, rng)?;
            self.count(&again);
            let weight = 1.0 / self.limits.confirmations as f64;
            mean_na.iter_mut().zip(&again.currents_na).for_each(|(mean, current)| *mean += weight * current);
        }
        Ok(self.loss.of(&mean_na, &self.patterns.targets).value)
    }

    /// Measures the current at each row of all parameters.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn measure_points<R: Rng + ?Sized>(
        &mut self,
        parameters_volt: &ndarray::Array2<f64>,
        rng: &mut R,
    ) -> Result<Vec<f64>, TrainingError> {
        let reading = self.meter.currents_at(parameters_volt.view(), rng)?;
        self.count(&reading);
        Ok(reading.currents_na)
    }

    /// Measures the loss by a pass over all patterns.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn measure_loss<R: Rng + ?Sized>(&mut self, controls_volt: &[f64], rng: &mut R) -> Result<f64, TrainingError> {
        check_controls(controls_volt)?;
        let reading = self.meter.currents(self.patterns.inputs_volt.view(), controls_volt, rng)?;
        Ok(self.account(&reading, controls_volt, rng)?.value)
    }

    /// Measures the loss and its derivatives by a pass over all patterns: the gradient and, if `second` is set, the
    /// diagonal second derivatives.
    ///
    /// # Errors
    /// If the device cannot be evaluated, a number is not finite, or second derivatives are needed and the meter reads
    /// none.
    pub fn measure_slopes<R: Rng + ?Sized>(
        &mut self,
        controls_volt: &[f64],
        second: bool,
        rng: &mut R,
    ) -> Result<(f64, Slopes), TrainingError> {
        check_controls(controls_volt)?;
        let reading = self.meter.gradient(self.patterns.inputs_volt.view(), controls_volt, rng)?;
        let loss = self.account(&reading, controls_volt, rng)?;
        let curvature = second.then_some(&reading.curvature_na_per_volt2);
        if curvature.is_some_and(Array2::is_empty) {
            return Err(TrainingError::NoCurvature);
        }
        let slopes =
            self.slopes(&reading.currents_na, &loss, &reading.gradient_na_per_volt, curvature, controls_volt)?;
        Ok((loss.value, slopes))
    }

    /// Measures the loss by a pass over all patterns and uses the exact derivatives of the device, without measurement
    /// time: a bound for all methods that measure them.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or does not know its derivatives, or a number is not finite.
    pub fn exact_slopes<R: Rng + ?Sized>(
        &mut self,
        controls_volt: &[f64],
        second: bool,
        rng: &mut R,
    ) -> Result<(f64, Slopes), TrainingError> {
        check_controls(controls_volt)?;
        let inputs = self.patterns.inputs_volt.view();
        let reading = self.meter.currents(inputs, controls_volt, rng)?;
        let loss = self.account(&reading, controls_volt, rng)?;
        let gradient = self.meter.true_gradient(inputs, controls_volt)?;
        let curvature = if second { Some(self.meter.true_curvature(inputs, controls_volt)?) } else { None };
        let slopes = self.slopes(&reading.currents_na, &loss, &gradient, curvature.as_ref(), controls_volt)?;
        Ok((loss.value, slopes))
    }

    /// By the chain rule, ∂E/∂w_m = Σ_p E_p I_pm and ∂²E/∂w_m² = Σ_p E_p I_pmm + Σ_pq E_pq I_pm I_qm. The second sum is
    /// quadratic in measured derivatives: their noise adds Σ_p E_pp var I_pm to its mean.
    fn slopes(
        &self,
        currents_na: &[f64],
        loss: &LossValue,
        gradient_na_per_volt: &Array2<f64>,
        curvature_na_per_volt2: Option<&Array2<f64>>,
        controls_volt: &[f64],
    ) -> Result<Slopes, TrainingError> {
        let gradient_per_volt = chain(&loss.derivative_per_na, gradient_na_per_volt, controls_volt)?;
        let curvature_per_volt2 = curvature_na_per_volt2
            .map(|curvature| {
                let mut all = chain(&loss.derivative_per_na, curvature, controls_volt)?;
                for (h, column) in all.iter_mut().zip(gradient_na_per_volt.columns()) {
                    *h += self.loss.second_derivative_along(currents_na, &self.patterns.targets, &column.to_vec());
                }
                let name = |m: usize| format!("the second derivative of the loss by control {}", m + 1);
                finite::check(&all, name, |_| controls_volt.to_vec())?;
                Ok::<_, TrainingError>(all)
            })
            .transpose()?;
        Ok(Slopes { gradient_per_volt, curvature_per_volt2 })
    }
}

fn check_controls(controls_volt: &[f64]) -> Result<(), TrainingError> {
    finite::check(controls_volt, |m| format!("the voltage of control {}", m + 1), |_| controls_volt.to_vec())
}

/// ∂E/∂w = Σ_p ∂E/∂I_p ∂I_p/∂w.
fn chain(
    derivative_per_na: &[f64],
    gradient_na_per_volt: &ndarray::Array2<f64>,
    controls_volt: &[f64],
) -> Result<Vec<f64>, TrainingError> {
    let gradient = ndarray::aview1(derivative_per_na).dot(gradient_na_per_volt).to_vec();
    let name = |m: usize| format!("the derivative of the loss by control {}", m + 1);
    finite::check(&gradient, name, |_| controls_volt.to_vec())?;
    Ok(gradient)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use device::Polynomial;
    use ndarray::array;
    use noise::NoiseModel;
    use rand::SeedableRng;

    use super::*;
    use crate::meter::{Answer, Timing};
    use crate::targets::Targets;
    use crate::wiring::Wiring;

    /// I = 2 w + 3 w² + x w of one input x and one control w, E the mean of (I − t)² over x = 0 and x = 1, by hand at w = 0.5:
    /// I = 1.75, 2.25; I' = 5, 6; I'' = 6; with t = 1, E' = (2 · 0.75 · 5 + 2 · 1.25 · 6)/2, E'' = Σ (I'² + (I − t) I'').
    #[test]
    fn slopes_of_a_polynomial_are_those_worked_out_by_hand() {
        let mixing = vec![vec![0.0, 1.0], vec![0.0, 0.0]];
        let device = Polynomial::new(0.0, vec![vec![0.0], vec![2.0, 3.0]], Some(mixing)).unwrap();
        let timing = Timing { rate_hz: 1000.0, ramp_s: 0.0, hold_s: 0.01 };
        let wiring = Wiring::new(vec![0], 2).unwrap();
        let meter = Meter::new(Arc::new(device), wiring, None, Answer::Sampled, &NoiseModel::None, timing, 2).unwrap();
        let targets = Targets::of_numbers(vec![1.0, 1.0]);
        let patterns = Patterns { inputs_volt: array![[0.0], [1.0]], targets, radii: Vec::new() };
        let limits = Limits { stop_below: 0.0, confirmations: 0, budget_s: 1.0, max_iterations: 1 };
        let mut session = Session::new(&meter, &patterns, Loss::MeanSquare, limits, &[(-1.0, 1.0)]);
        let mut rng = rand_pcg::Pcg64::seed_from_u64(1);
        let (_, slopes) = session.exact_slopes(&[0.5], true, &mut rng).unwrap();
        assert!((slopes.gradient_per_volt[0] - (0.75 * 5.0 + 1.25 * 6.0)).abs() < 1e-12, "{slopes:?}");
        let expected = 25.0 + 36.0 + (0.75 + 1.25) * 6.0;
        assert!((slopes.curvature_per_volt2.unwrap()[0] / expected - 1.0).abs() < 1e-9);
    }
}
