//! A smooth model of a device, fitted to its currents and its derivatives at once (Sobolev training: Czarnecki et al., NIPS 2017).
//!
//! The model is a network of hyperbolic tangents, I = W₃ tanh(W₂ tanh(W₁ x + b₁) + b₂) + b₃, whose derivatives ∂I/∂x follow from the same
//! weights. Of `parameters` M, each sample thus gives M + 1 numbers to fit. The fit uses the crate `candle`, in single precision.

use candle_core::{DType, Device as Processor, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use device::{Activation, Device, NeuralSurrogate};
use ndarray::{Array1, Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use settings::{SettingError, positive, within};

use crate::error::TrainingError;

/// Number of samples in a mini-batch.
const BATCH: usize = 64;
/// Part of the samples, the last ones, that the fit does not see.
const TEST_PART: f64 = 0.1;
/// Fewest samples whose current is known, and fewest of these among the last ones.
const FEWEST: usize = 20;
const FEWEST_TESTED: usize = 2;
/// Standard error, as a fraction of the spread of a quantity, that halves the weight of a number in the fit: about what the model
/// itself is off.
const HALF_WEIGHT: f64 = 0.02;

/// Settings of the fit.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceFit {
    /// Units in each hidden layer.
    pub hidden: Vec<usize>,
    /// Passes over the samples.
    pub epochs: usize,
    /// Learning rate (Adam), which falls to zero in the course of the fit.
    pub learning_rate: f64,
    /// Weight of the derivatives, all together, relative to the currents; 0 for a fit of currents alone.
    pub gradient_weight: f64,
    /// Seed of the first weights and of the order of the samples.
    pub seed: u64,
}

impl Default for DeviceFit {
    fn default() -> Self {
        Self { hidden: vec![64, 64], epochs: 500, learning_rate: 3e-3, gradient_weight: 1.0, seed: 0 }
    }
}

/// What a device is fitted to. Infinite errors say that a number is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct FitSamples {
    /// Voltages \[V\], shape (samples, M).
    pub voltages_volt: Array2<f64>,
    /// Output currents \[nA\].
    pub currents_na: Vec<f64>,
    /// Their standard errors \[nA\].
    pub current_errors_na: Vec<f64>,
    /// Derivatives \[nA/V\], shape (samples, M).
    pub gradients: Array2<f64>,
    /// Their standard errors \[nA/V\].
    pub gradient_errors: Array2<f64>,
}

impl FitSamples {
    /// These samples, then others of the same device.
    ///
    /// # Panics
    /// If the numbers of parameters differ.
    #[must_use]
    pub fn followed_by(self, others: &Self) -> Self {
        let joined = |a: &Array2<f64>, b: &Array2<f64>| {
            ndarray::concatenate(Axis(0), &[a.view(), b.view()]).expect("as many parameters in both")
        };
        Self {
            voltages_volt: joined(&self.voltages_volt, &others.voltages_volt),
            currents_na: [&self.currents_na[..], &others.currents_na].concat(),
            current_errors_na: [&self.current_errors_na[..], &others.current_errors_na].concat(),
            gradients: joined(&self.gradients, &others.gradients),
            gradient_errors: joined(&self.gradient_errors, &others.gradient_errors),
        }
    }
}

/// How far a model is off, at samples that its fit has not seen, as far as these are known.
#[derive(Clone, Debug, PartialEq)]
pub struct FitTest {
    /// Number of samples.
    pub samples: usize,
    /// Root mean square error of the currents \[nA\], in which the standard errors of the samples are contained.
    pub current_rmse_na: f64,
    /// Standard deviation of the currents \[nA\].
    pub current_spread_na: f64,
    /// Root mean square standard error of the currents \[nA\].
    pub current_noise_na: f64,
    /// Root mean square error of the derivatives \[nA/V\], over samples and parameters.
    pub gradient_rmse: f64,
    /// Root mean square of the derivatives \[nA/V\].
    pub gradient_size: f64,
    /// Root mean square standard error of the derivatives \[nA/V\].
    pub gradient_noise: f64,
    /// Currents of the samples and of the model \[nA\].
    pub currents: Vec<(f64, f64)>,
    /// Derivatives of the samples and of the model \[nA/V\]; none if none is known, and what is said of them is NaN then.
    pub derivatives: Vec<(f64, f64)>,
}

/// Voltages and numbers to fit, scaled to the order of one, with weights.
struct Scaled {
    x: Vec<f32>,
    y: Vec<f32>,
    y_weight: Vec<f32>,
    slopes: Vec<f32>,
    slope_weights: Vec<f32>,
}

/// From volts and nanoamperes to the scales of the fit.
struct Scales {
    middle_volt: Vec<f64>,
    half_volt: Vec<f64>,
    mean_na: f64,
    spread_na: f64,
}

impl DeviceFit {
    /// Checks the settings.
    ///
    /// # Errors
    /// At the first that is out of range.
    pub fn check(&self) -> Result<(), SettingError> {
        within("hidden", self.hidden.len(), 1..=8)?;
        self.hidden.iter().try_for_each(|units| within("hidden", *units, 1..=4096).map(|_| ()))?;
        within("epochs", self.epochs, 1..=1_000_000)?;
        positive("learning_rate", self.learning_rate)?;
        if !(0.0..=1e6).contains(&self.gradient_weight) {
            return Err(SettingError::found("gradient_weight", self.gradient_weight, "must be 0 to 1000000"));
        }
        Ok(())
    }

    /// Fits the first nine tenths of the samples, and tests at the others. `progress` is told the number of each pass.
    ///
    /// # Errors
    /// If the settings are out of range, there are too few samples, or the fit does not converge.
    pub fn fit(
        &self,
        samples: &FitSamples,
        range_volt: (Vec<f64>, Vec<f64>),
        mut progress: impl FnMut(usize),
    ) -> Result<(NeuralSurrogate, FitTest), TrainingError> {
        self.check().map_err(TrainingError::FitSetting)?;
        let count = samples.currents_na.len();
        let seen = count - (TEST_PART * count as f64).ceil() as usize;
        let is_known = |n: &usize| known(samples.currents_na[*n], samples.current_errors_na[*n]).is_finite();
        let tested = (seen..count).filter(is_known).count();
        let all = (0..seen).filter(is_known).count() + tested;
        if all < FEWEST || tested < FEWEST_TESTED {
            let allowed = format!(
                "at least {FEWEST} are needed, and {FEWEST_TESTED} among the last {} (found {tested})",
                count - seen
            );
            return Err(TrainingError::setting("samples whose current is known", all, allowed));
        }
        let scales = Scales::of(samples, seen, &range_volt);
        let scaled = scales.scaled(samples, seen);
        let mut rng = Pcg64::seed_from_u64(self.seed);
        let layers = self.first_weights(range_volt.0.len(), &mut rng)?;
        self.descend(&layers, &scaled, range_volt.0.len(), &mut rng, &mut progress)?;
        let of_voltages = scales.middle_volt.iter().copied().zip(scales.half_volt.iter().copied());
        let of_current = (scales.mean_na, scales.spread_na);
        let model = in_volts(&layers, of_voltages, of_current, Activation::Tanh)?.within(range_volt.0, range_volt.1)?;
        let test = FitTest::at(&model, samples, seen..count)?;
        Ok((model, test))
    }

    /// Weights of LeCun et al. (1998) for hyperbolic tangents, and biases spread over the range.
    fn first_weights(&self, inputs: usize, rng: &mut Pcg64) -> Result<Vec<(Var, Var)>, TrainingError> {
        let sizes: Vec<usize> = [&[inputs][..], &self.hidden, &[1]].concat();
        let mut layers = Vec::new();
        for pair in sizes.windows(2) {
            let deviation = (1.0 / pair[0] as f64).sqrt();
            let mut draw = |count: usize, deviation: f64| -> Vec<f32> {
                let mut one =
                    || (deviation * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, rng)) as f32;
                (0..count).map(|_| one()).collect()
            };
            let weight = Var::from_vec(draw(pair[0] * pair[1], deviation), (pair[1], pair[0]), &Processor::Cpu)?;
            let bias = Var::from_vec(draw(pair[1], 0.3), pair[1], &Processor::Cpu)?;
            layers.push((weight, bias));
        }
        Ok(layers)
    }

    fn descend(
        &self,
        layers: &[(Var, Var)],
        samples: &Scaled,
        inputs: usize,
        rng: &mut Pcg64,
        progress: &mut impl FnMut(usize),
    ) -> Result<(), TrainingError> {
        let variables = layers.iter().flat_map(|(w, b)| [w.clone(), b.clone()]).collect();
        let settings = ParamsAdamW { lr: self.learning_rate, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut optimiser = AdamW::new(variables, settings)?;
        let mut order: Vec<usize> = (0..samples.y.len()).collect();
        for epoch in 0..self.epochs {
            progress(epoch);
            optimiser.set_learning_rate(self.learning_rate * (1.0 - epoch as f64 / self.epochs as f64));
            for k in (1..order.len()).rev() {
                order.swap(k, rng.random_range(0..=k));
            }
            for batch in order.chunks(BATCH) {
                let rows = |from: &[f32], width: usize| -> Result<Tensor, candle_core::Error> {
                    let picked: Vec<f32> =
                        batch.iter().flat_map(|&n| from[n * width..(n + 1) * width].iter().copied()).collect();
                    Tensor::from_vec(picked, (batch.len(), width), &Processor::Cpu)
                };
                let (y, slopes) = forward(layers, &rows(&samples.x, inputs)?)?;
                let of_currents = ((y - rows(&samples.y, 1)?)?.sqr()? * rows(&samples.y_weight, 1)?)?.mean_all()?;
                let off = (slopes - rows(&samples.slopes, inputs)?)?.sqr()?;
                let of_slopes = (off * rows(&samples.slope_weights, inputs)?)?.mean_all()?;
                optimiser.backward_step(&(of_currents + (of_slopes * self.gradient_weight)?)?)?;
            }
        }
        Ok(())
    }
}

/// The model's output, shape (batch, 1), and its derivatives, shape (batch, inputs).
fn forward(layers: &[(Var, Var)], x: &Tensor) -> Result<(Tensor, Tensor), candle_core::Error> {
    let mut value = x.clone();
    let mut activations = Vec::new();
    for (l, (weight, bias)) in layers.iter().enumerate() {
        value = value.matmul(&weight.t()?)?.broadcast_add(bias)?;
        if l + 1 < layers.len() {
            value = value.tanh()?;
            activations.push(value.clone());
        }
    }
    let last = &layers[layers.len() - 1].0;
    let mut slopes = last.broadcast_as((x.dim(0)?, last.dim(1)?))?.contiguous()?;
    for ((weight, _), activation) in layers.iter().zip(&activations).rev() {
        slopes = (slopes * (1.0 - activation.sqr()?)?)?.matmul(weight)?;
    }
    Ok((value, slopes))
}

/// A number, or NaN where it is not known.
fn known(number: f64, error: f64) -> f64 {
    if error.is_finite() { number } else { f64::NAN }
}

/// What has no weight must be a number all the same.
fn or_zero(number: f64) -> f32 {
    if number.is_finite() { number as f32 } else { 0.0 }
}

/// Weights 1/(1 + (error/floor)²), divided by their mean; zero where the number is not known.
fn weights(numbers: &[f64], errors: &[f64], floor: f64) -> Vec<f32> {
    let weight = |(number, error): (&f64, &f64)| {
        if number.is_finite() { 1.0 / (1.0 + (error / floor).powi(2)) } else { 0.0 }
    };
    let all: Vec<f64> = numbers.iter().zip(errors).map(weight).collect();
    let mean = (all.iter().sum::<f64>() / all.len() as f64).max(f64::MIN_POSITIVE);
    all.into_iter().map(|w| (w / mean) as f32).collect()
}

/// √⟨x²⟩ of what is finite; 1 if that is zero.
fn size(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.filter(|x| x.is_finite()).fold((0.0, 0.0), |(s, n), x| (s + x * x, n + 1.0));
    if sum > 0.0 { f64::sqrt(sum / count) } else { 1.0 }
}

impl Scales {
    fn of(samples: &FitSamples, seen: usize, range_volt: &(Vec<f64>, Vec<f64>)) -> Self {
        let ends = || range_volt.0.iter().zip(&range_volt.1);
        let all = samples.currents_na[..seen].iter().zip(&samples.current_errors_na);
        let currents: Vec<f64> = all.map(|(i, e)| known(*i, *e)).filter(|i| i.is_finite()).collect();
        let mean_na = currents.iter().sum::<f64>() / currents.len().max(1) as f64;
        Self {
            middle_volt: ends().map(|(low, high)| 0.5 * (low + high)).collect(),
            half_volt: ends().map(|(low, high)| 0.5 * (high - low)).collect(),
            mean_na,
            spread_na: size(currents.iter().map(|i| i - mean_na)),
        }
    }

    fn scaled(&self, samples: &FitSamples, seen: usize) -> Scaled {
        let per_parameter = |table: &Array2<f64>, scale: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            let rows = table.axis_iter(Axis(0)).take(seen);
            rows.flat_map(|row| row.iter().enumerate().map(|(m, x)| scale(m, *x)).collect::<Vec<_>>()).collect()
        };
        let slope = |m: usize, g: f64| g * self.half_volt[m] / self.spread_na;
        let slope_errors = per_parameter(&samples.gradient_errors, &slope);
        let with_errors = per_parameter(&samples.gradients, &slope).into_iter().zip(&slope_errors);
        let slopes: Vec<f64> = with_errors.map(|(g, e)| known(g, *e)).collect();
        let of_slopes = size(slopes.iter().copied());
        let slope_weights = weights(&slopes, &slope_errors, HALF_WEIGHT * of_slopes);
        let currents = samples.currents_na[..seen].iter().zip(&samples.current_errors_na);
        let currents: Vec<f64> = currents.map(|(i, e)| known(*i, *e)).collect();
        Scaled {
            x: per_parameter(&samples.voltages_volt, &|m, v| (v - self.middle_volt[m]) / self.half_volt[m])
                .into_iter()
                .map(|x| x as f32)
                .collect(),
            y_weight: weights(&currents, &samples.current_errors_na, HALF_WEIGHT * self.spread_na),
            y: currents.into_iter().map(|i| or_zero((i - self.mean_na) / self.spread_na)).collect(),
            slopes: slopes.into_iter().map(or_zero).collect(),
            // relative to the size of derivatives, as currents are to their spread
            slope_weights: slope_weights.into_iter().map(|w| w / (of_slopes * of_slopes) as f32).collect(),
        }
    }
}

/// A fitted network of scaled voltages and currents as one from volts to nanoamperes: the scales, a mean and a size of each voltage and of
/// the current, are taken into the first and the last layer.
///
/// # Errors
/// If a weight is not finite.
pub(crate) fn in_volts(
    layers: &[(Var, Var)],
    of_voltages: impl Iterator<Item = (f64, f64)>,
    (mean_na, size_na): (f64, f64),
    activation: Activation,
) -> Result<NeuralSurrogate, TrainingError> {
    let numbers = |t: &Tensor| -> Result<Vec<f64>, candle_core::Error> {
        t.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()
    };
    let mut plain: Vec<(Array2<f64>, Array1<f64>)> = Vec::with_capacity(layers.len());
    for (weight, bias) in layers {
        let shape = weight.dims2()?;
        let weight = Array2::from_shape_vec(shape, numbers(weight)?).expect("rows of the layer");
        plain.push((weight, Array1::from(numbers(bias)?)));
    }
    if plain.iter().any(|(weight, bias)| weight.iter().chain(bias).any(|x| !x.is_finite())) {
        return Err(TrainingError::Diverged);
    }
    let (weight, bias) = &mut plain[0];
    for (mut column, (mean_volt, size_volt)) in weight.columns_mut().into_iter().zip(of_voltages) {
        column /= size_volt;
        bias.scaled_add(-mean_volt, &column);
    }
    if let Some((_, bias)) = plain.last_mut() {
        *bias += mean_na / size_na;
    }
    Ok(NeuralSurrogate::new(plain, activation, size_na)?)
}

impl FitTest {
    fn at(model: &NeuralSurrogate, samples: &FitSamples, at: std::ops::Range<usize>) -> Result<Self, TrainingError> {
        let voltages = samples.voltages_volt.slice(ndarray::s![at.clone(), ..]);
        let found = device::currents_na(model, voltages)?;
        let (mut currents, mut derivatives) = (Vec::new(), Vec::new());
        let (mut current_errors, mut derivative_errors) = (Vec::new(), Vec::new());
        for (n, found) in at.clone().zip(found) {
            let error = samples.current_errors_na[n];
            let current = known(samples.currents_na[n], error);
            if current.is_finite() {
                currents.push((current, found));
                current_errors.push(error);
            }
            let slopes = model.gradient(&samples.voltages_volt.row(n).to_vec())?.ok_or(TrainingError::NoGradient)?;
            for ((slope, error), found) in
                samples.gradients.row(n).iter().zip(samples.gradient_errors.row(n)).zip(&slopes)
            {
                let slope = known(*slope, *error);
                if slope.is_finite() {
                    derivatives.push((slope, *found));
                    derivative_errors.push(*error);
                }
            }
        }
        let root_mean_square = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0.0_f64), |(s, n), x| (s + x * x, n + 1.0));
            f64::sqrt(sum / count)
        };
        let mean_na = currents.iter().map(|c| c.0).sum::<f64>() / currents.len() as f64;
        Ok(Self {
            samples: at.len(),
            current_rmse_na: root_mean_square(&mut currents.iter().map(|(a, b)| a - b)),
            current_spread_na: root_mean_square(&mut currents.iter().map(|(a, _)| a - mean_na)),
            current_noise_na: root_mean_square(&mut current_errors.iter().copied()),
            gradient_rmse: root_mean_square(&mut derivatives.iter().map(|(a, b)| a - b)),
            gradient_size: root_mean_square(&mut derivatives.iter().map(|d| d.0)),
            gradient_noise: root_mean_square(&mut derivative_errors.iter().copied()),
            currents,
            derivatives,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A smooth function of three voltages in ranges of their own, and its derivatives.
    fn samples(count: usize, noise_na: f64) -> FitSamples {
        let mut rng = Pcg64::seed_from_u64(7);
        let voltages =
            Array2::from_shape_fn((count, 3), |(_, m)| 0.2 * m as f64 + 0.5 * (2.0 * rng.random::<f64>() - 1.0));
        let current = |v: &[f64]| 40.0 + 300.0 * v[0] * v[1] + 20.0 * (4.0 * v[2]).tanh();
        let slopes = |v: &[f64]| [300.0 * v[1], 300.0 * v[0], 80.0 * (1.0 - (4.0 * v[2]).tanh().powi(2))];
        let rows: Vec<Vec<f64>> = voltages.rows().into_iter().map(|r| r.to_vec()).collect();
        let mut noise = || noise_na * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng);
        let currents_na: Vec<f64> = rows.iter().map(|v| current(v) + noise()).collect();
        let gradients: Vec<f64> = rows.iter().flat_map(|v| slopes(v)).map(|g| g + 4.0 * noise()).collect();
        FitSamples {
            currents_na,
            current_errors_na: vec![noise_na; count],
            gradients: Array2::from_shape_vec((count, 3), gradients).unwrap(),
            gradient_errors: Array2::from_elem((count, 3), 4.0 * noise_na),
            voltages_volt: voltages,
        }
    }

    fn ranges() -> (Vec<f64>, Vec<f64>) {
        (vec![-0.5, -0.3, -0.1], vec![0.5, 0.7, 0.9])
    }

    fn fit(settings: &DeviceFit, samples: &FitSamples) -> (NeuralSurrogate, FitTest) {
        settings.fit(samples, ranges(), |_| {}).unwrap()
    }

    /// Currents and derivatives are met to a hundredth, and the derivatives of the model are those of its currents.
    #[test]
    fn currents_and_derivatives_are_fitted_at_once() {
        let settings = DeviceFit { hidden: vec![32, 32], epochs: 200, ..DeviceFit::default() };
        let (model, test) = fit(&settings, &samples(600, 0.0));
        assert_eq!(test.samples, 60);
        assert!(test.current_rmse_na < 0.02 * test.current_spread_na, "{test:?}");
        assert!(test.gradient_rmse < 0.05 * test.gradient_size, "{test:?}");
        device::conformance::gradient_equals_differences(&model, &[0.1, 0.3, 0.2], 1e-6);
        assert_eq!(model.range_volt(), Some(ranges()));
    }

    /// With few samples, derivatives make the model better: that is what they are sampled for.
    #[test]
    fn derivatives_help() {
        let settings = DeviceFit { hidden: vec![32, 32], epochs: 2000, ..DeviceFit::default() };
        let few = samples(100, 0.0);
        let with = fit(&settings, &few).1.current_rmse_na;
        let without = fit(&DeviceFit { gradient_weight: 0.0, ..settings }, &few).1.current_rmse_na;
        assert!(2.0 * with < without, "{with} with, {without} without derivatives");
    }

    /// Samples that are not known have no weight, whatever stands in their place.
    #[test]
    fn what_is_not_known_does_not_count() {
        let settings = DeviceFit { hidden: vec![16], epochs: 5, ..DeviceFit::default() };
        let mut spoilt = samples(100, 0.1);
        spoilt.current_errors_na[3] = f64::INFINITY;
        spoilt.gradient_errors.row_mut(3).fill(f64::INFINITY);
        let before = fit(&settings, &spoilt);
        spoilt.currents_na[3] = 1e9;
        spoilt.gradients.row_mut(3).fill(f64::NAN);
        assert_eq!(fit(&settings, &spoilt).0.arrays(), before.0.arrays());
        let few = samples(19, 0.0);
        assert!(settings.fit(&few, ranges(), |_| {}).unwrap_err().to_string().contains("at least 20"));
        spoilt.current_errors_na[90..99].fill(f64::INFINITY);
        assert!(settings.fit(&spoilt, ranges(), |_| {}).unwrap_err().to_string().contains("(found 1)"));
    }
}
