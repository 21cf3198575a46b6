//! Training on a surrogate: sample the device, fit a neural network to it, train on the network, test on the device.
//!
//! The network and its fit use the crate `candle`. Descent on the network takes no measurement time; sampling the
//! device and testing the controls found do.

use std::sync::Arc;

use candle_core::{DType, Device as Processor, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use device::{Activation, Device, NeuralSurrogate};
use ndarray::Array2;
use noise::NoiseModel;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{SettingError, positive, within};

use crate::descent::{Descent, GradientFrom};
use crate::device_fit::in_volts;
use crate::error::TrainingError;
use crate::meter::{Answer, Meter, Timing};
use crate::optimiser::{Optimiser, OptimiserKind, Surroundings, check_held};
use crate::session::{Limits, Session};
use crate::threshold::RESOLUTION;
use crate::update::Update;

/// Number of points in a mini-batch of the fit.
const BATCH: usize = 64;
/// Iterations of a descent on the network, and its learning rate with Adam \[V\].
const ITERATIONS: usize = 300;
const LEARNING_RATE_VOLT: f64 = 0.02;

/// Gradient descent on a neural network fitted to the device, with tests of the controls found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Surrogate {
    /// Number of random points at which the device is measured, each for `task.hold_s`.
    pub points: usize,
    /// Units in each of two hidden layers.
    pub hidden: usize,
    /// Passes over the points during the fit.
    pub epochs: usize,
    /// Learning rate of the fit.
    pub learning_rate: f64,
    /// Number of descents on the network; the controls found are tested on the device, best first.
    pub candidates: usize,
}

impl Default for Surrogate {
    fn default() -> Self {
        Self { points: 3000, hidden: 64, epochs: 60, learning_rate: 3e-3, candidates: 10 }
    }
}

impl OptimiserKind for Surrogate {
    fn build(&self, around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError> {
        within("points", self.points, 1..=1_000_000)?;
        within("hidden", self.hidden, 1..=4096)?;
        within("epochs", self.epochs, 1..=100_000)?;
        positive("learning_rate", self.learning_rate)?;
        within("candidates", self.candidates, 1..=10_000)?;
        check_held("points", self.points, around.parameters, "parameters")?;
        check_held("hidden", self.hidden, around.parameters, "parameters")?;
        Ok(Box::new(*self))
    }
}

impl Optimiser for Surrogate {
    /// Samples, fits, trains, and tests until the loss is low enough, all candidates are tested, or the time is used
    /// up.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or the fit fails or does not converge.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError> {
        let first = session.begin_attempt(rng)?;
        let (points_volt, currents_na) = self.sample(session, rng)?;
        let network = self.fit(&points_volt, &currents_na, rng)?;
        let network: Arc<dyn Device> = Arc::new(network);
        let wiring = session.meter.wiring.clone();
        let timing = Timing { rate_hz: 1.0, ramp_s: 0.0, hold_s: 1.0 };
        let meter = Meter::new(
            network,
            wiring,
            None,
            Answer::Sampled,
            &NoiseModel::None,
            timing,
            session.patterns.targets.len(),
        )?;
        let update = Update::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
        let descent = Descent { gradient: GradientFrom::Exact, update, learning_rate: LEARNING_RATE_VOLT };
        let limits = Limits {
            stop_below: f64::NEG_INFINITY,
            confirmations: 0,
            budget_s: meter.current_pass_s(session.patterns.targets.len()) * ITERATIONS as f64,
            max_iterations: ITERATIONS,
        };
        let mut found = Vec::with_capacity(self.candidates);
        for _ in 0..self.candidates {
            let mut on_network = Session::new(&meter, session.patterns, session.loss, limits, session.range_volt);
            descent.train(&mut on_network, rng)?;
            let (loss, controls) = on_network.best();
            found.push((loss, controls.to_vec()));
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let none_found = found.is_empty().then_some(first);
        for controls in found.into_iter().map(|(_, controls)| controls).chain(none_found) {
            let loss = session.measure_loss(&controls, rng)?;
            session.note(loss);
            if session.is_over() {
                break;
            }
        }
        Ok(())
    }
}

impl Surrogate {
    /// Currents at random points within the ranges of the controls and of the patterns' inputs.
    fn sample<R: Rng + ?Sized>(
        &self,
        session: &mut Session<'_>,
        rng: &mut R,
    ) -> Result<(Array2<f64>, Vec<f64>), TrainingError> {
        let wiring = &session.meter.wiring;
        let mut range = vec![(0.0, 0.0); wiring.inputs.len() + wiring.controls.len()];
        for (&k, column) in wiring.inputs.iter().zip(session.patterns.inputs_volt.columns()) {
            range[k] = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        }
        for (&m, of_control) in wiring.controls.iter().zip(session.range_volt) {
            range[m] = *of_control;
        }
        let points = Array2::from_shape_fn((self.points, range.len()), |(_, m)| {
            range[m].0 + (range[m].1 - range[m].0) * rng.random::<f64>()
        });
        let currents = session.measure_points(&points, rng)?;
        Ok((points, currents))
    }

    /// Fits a network of two hidden layers of rectifiers (ReLU) by Adam on mini-batches of standardised points.
    fn fit<R: Rng + ?Sized>(
        &self,
        points_volt: &Array2<f64>,
        currents_na: &[f64],
        rng: &mut R,
    ) -> Result<NeuralSurrogate, TrainingError> {
        let inputs = points_volt.ncols();
        let columns: Vec<(f64, f64)> = points_volt.columns().into_iter().map(|c| moments(c.iter().copied())).collect();
        let (mean_na, spread_na) = moments(currents_na.iter().copied());
        let x: Vec<f32> = points_volt
            .rows()
            .into_iter()
            .flat_map(|row| row.iter().zip(&columns).map(|(v, (m, s))| ((v - m) / s) as f32).collect::<Vec<_>>())
            .collect();
        let y: Vec<f32> = currents_na.iter().map(|i| ((i - mean_na) / spread_na) as f32).collect();
        let sizes = [inputs, self.hidden, self.hidden, 1];
        let mut layers = Vec::with_capacity(3);
        for pair in sizes.windows(2) {
            // He et al. 2015
            let deviation = (2.0 / pair[0] as f64).sqrt();
            let draw =
                |_| -> f32 { (deviation * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, rng)) as f32 };
            let weight: Vec<f32> = (0..pair[0] * pair[1]).map(draw).collect();
            layers.push((
                Var::from_vec(weight, (pair[1], pair[0]), &Processor::Cpu)?,
                Var::zeros(pair[1], DType::F32, &Processor::Cpu)?,
            ));
        }
        let variables = layers.iter().flat_map(|(w, b)| [w.clone(), b.clone()]).collect();
        let settings = ParamsAdamW { lr: self.learning_rate, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut optimiser = AdamW::new(variables, settings)?;
        let mut order: Vec<usize> = (0..y.len()).collect();
        for epoch in 0..self.epochs {
            optimiser.set_learning_rate(self.learning_rate * (1.0 - epoch as f64 / self.epochs as f64));
            for k in (1..order.len()).rev() {
                order.swap(k, rng.random_range(0..=k));
            }
            for batch in order.chunks(BATCH) {
                let rows: Vec<f32> =
                    batch.iter().flat_map(|&n| x[n * inputs..(n + 1) * inputs].iter().copied()).collect();
                let wanted: Vec<f32> = batch.iter().map(|&n| y[n]).collect();
                let mut value = Tensor::from_vec(rows, (batch.len(), inputs), &Processor::Cpu)?;
                for (l, (weight, bias)) in layers.iter().enumerate() {
                    value = value.matmul(&weight.t()?)?.broadcast_add(bias)?;
                    if l + 1 < layers.len() {
                        value = value.relu()?;
                    }
                }
                let wanted = Tensor::from_vec(wanted, (batch.len(), 1), &Processor::Cpu)?;
                optimiser.backward_step(&(value - wanted)?.sqr()?.mean_all()?)?;
            }
        }
        in_volts(&layers, columns.into_iter(), (mean_na, spread_na), Activation::Relu)
    }
}

/// Mean and standard deviation; a standard deviation of 1 for equal values.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let deviation = (values.clone().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    let largest = values.fold(f64::MIN_POSITIVE.sqrt(), |most, v| most.max(v.abs()));
    (mean, if deviation > RESOLUTION * largest { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    /// A smooth function of three voltages is fitted to a hundredth of its spread.
    #[test]
    fn a_known_function_is_fitted() {
        let mut rng = Pcg64::seed_from_u64(7);
        let points = Array2::from_shape_fn((2000, 3), |(_, m)| -1.0 + (m as f64) + 2.0 * rng.random::<f64>());
        let truth = |v: ndarray::ArrayView1<f64>| 40.0 + 30.0 * (v[0] * v[1]) + 20.0 * (v[2] - 1.0).tanh();
        let currents: Vec<f64> = points.rows().into_iter().map(truth).collect();
        let fitted = Surrogate { epochs: 40, ..Surrogate::default() }.fit(&points, &currents, &mut rng).unwrap();
        let found = device::currents_na(&fitted, points.view()).unwrap();
        let square = found.iter().zip(&currents).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 2000.0;
        let (_, spread) = moments(currents.iter().copied());
        assert!(square.sqrt() < 0.05 * spread, "{} of {spread}", square.sqrt());
    }
}
