//! Simultaneous perturbation of the loss: SPSA as Spall publishes it, without any derivative of the device.
//!
//! Gains a_k = a/(k + 1 + A)^0.602 and steps c_k = c/(k + 1)^0.101, with A a tenth of the iterations (Spall, Johns Hopkins
//! APL Tech. Dig. 19, 482 (1998)). Where c is not given, it is the standard deviation of the measured loss divided by the
//! typical slope, but at least [`LEAST_STEP`] of the range; where a is not given, the first steps are
//! [`FIRST_MOVE`] of the range, by the mean size of a few estimates at the start. The time of these is counted.

use rand::{Rng, RngExt};

use crate::error::TrainingError;
use crate::session::Session;
use crate::update::clip;

/// Exponents of the gain and of the step.
const GAIN_EXPONENT: f64 = 0.602;
const STEP_EXPONENT: f64 = 0.101;
/// Part of the iterations that is the stability constant A.
const STABILITY: f64 = 0.1;
/// Estimates, and repetitions of the loss, from which a and c are tuned.
const TUNING: usize = 4;
/// Least step, as a part of the range.
pub const LEAST_STEP: f64 = 0.01;
/// First move of each control, as a part of the range.
pub const FIRST_MOVE: f64 = 0.05;

/// SPSA on the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Simultaneous {
    /// a \[V²\]; tuned if not given.
    pub gain: Option<f64>,
    /// c \[V\]; tuned if not given.
    pub step_volt: Option<f64>,
}

impl Simultaneous {
    /// Descends from random controls until the loss is low enough; after as many iterations as are allowed, begins anew.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn train<R: Rng + ?Sized>(&self, session: &mut Session<'_>, rng: &mut R) -> Result<(), TrainingError> {
        let iterations = session.limits.max_iterations;
        let stability = STABILITY * iterations as f64;
        let width = session.range_volt.iter().map(|(low, high)| high - low).fold(f64::INFINITY, f64::min);
        while !session.is_over() {
            let mut controls = session.begin_attempt(rng);
            let c = match self.step_volt {
                Some(c) => c,
                None => tuned_step(session, &controls, width, rng)?,
            };
            let a = match self.gain {
                Some(a) => a,
                None => {
                    let mut size = 0.0;
                    for _ in 0..TUNING {
                        let (_, gradient) = estimate(session, &controls, c, rng)?;
                        size += gradient.iter().map(|g| g.abs()).sum::<f64>() / (gradient.len() * TUNING) as f64;
                    }
                    // a loss that is the same everywhere says nothing of where to go
                    let first = FIRST_MOVE * width * (stability + 1.0).powf(GAIN_EXPONENT);
                    if size > 0.0 { (first / size).min(f64::MAX) } else { 0.0 }
                }
            };
            for k in 0..iterations {
                let k = k as f64;
                let (loss, gradient) = estimate(session, &controls, c / (k + 1.0).powf(STEP_EXPONENT), rng)?;
                session.note(loss);
                if session.is_over() {
                    break;
                }
                let gain = a / (k + 1.0 + stability).powf(GAIN_EXPONENT);
                for (w, g) in controls.iter_mut().zip(&gradient) {
                    *w -= gain * g;
                }
                clip(&mut controls, session.range_volt);
            }
        }
        Ok(())
    }
}

/// The lower of two losses at w ± cΔ, and the estimate of the gradient \[1/V\] between them.
fn estimate<R: Rng + ?Sized>(
    session: &mut Session<'_>,
    controls_volt: &[f64],
    step_volt: f64,
    rng: &mut R,
) -> Result<(f64, Vec<f64>), TrainingError> {
    let signs: Vec<f64> = controls_volt.iter().map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect();
    let mut at = |sign: f64| {
        let mut moved: Vec<f64> = controls_volt.iter().zip(&signs).map(|(w, d)| w + sign * step_volt * d).collect();
        clip(&mut moved, session.range_volt);
        session.measure_loss(&moved, rng)
    };
    let (above, below) = (at(1.0)?, at(-1.0)?);
    let slope = (above - below) / (2.0 * step_volt);
    Ok((above.min(below), signs.iter().map(|d| slope * d).collect()))
}

fn tuned_step<R: Rng + ?Sized>(
    session: &mut Session<'_>,
    controls_volt: &[f64],
    width_volt: f64,
    rng: &mut R,
) -> Result<f64, TrainingError> {
    let least = LEAST_STEP * width_volt;
    let mut losses = Vec::with_capacity(TUNING);
    for _ in 0..TUNING {
        losses.push(session.measure_loss(controls_volt, rng)?);
    }
    let mean = losses.iter().sum::<f64>() / TUNING as f64;
    let deviation = (losses.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (TUNING - 1) as f64).sqrt();
    let (_, gradient) = estimate(session, controls_volt, least, rng)?;
    let slope = gradient.iter().map(|g| g.abs()).sum::<f64>() / gradient.len() as f64;
    Ok((deviation / slope.max(f64::MIN_POSITIVE)).clamp(least, 0.1 * width_volt))
}
