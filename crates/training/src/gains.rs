//! Gains and step sizes of simultaneous perturbation.
//!
//! Gains a_k = a/(k + 1 + A)^α and steps c_k = c/(k + 1)^γ, k from 0, with α = 0.602 and γ = 0.101 (Spall, Johns
//! Hopkins APL Tech. Dig. 19, 482 (1998), and IEEE Trans. Aerosp. Electron. Syst. 34, 817 (1998), Section III).
//! Measurements made to choose them are counted.

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::SettingError;

use crate::error::TrainingError;
use crate::session::Session;
use crate::update::clip;

/// α, the smallest value for which theory guarantees convergence.
pub const GAIN_EXPONENT: f64 = 0.602;
/// γ.
pub const STEP_EXPONENT: f64 = 0.101;
/// A, as a fraction of the iterations.
pub const STABILITY: f64 = 0.1;
/// Number of estimates, and of repetitions of the loss, from which a and c are chosen.
const TUNING: usize = 4;
/// Repetitions of the loss from which the published rule estimates the standard deviation of its noise.
const REPETITIONS: usize = 10;
/// Smallest step, as a fraction of the range.
pub const LEAST_STEP: f64 = 0.01;
/// Largest step of the tuned rule, as a fraction of the range.
pub const LARGEST_TUNED_STEP: f64 = 0.1;
/// Largest step of the published rule, as a fraction of the range: w ± cΔ from the middle reaches both ends.
pub const LARGEST_PUBLISHED_STEP: f64 = 0.5;
/// First move of each control, as a fraction of the range.
pub const FIRST_MOVE: f64 = 0.05;

/// How a and c are chosen if not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GainRule {
    /// c is the standard deviation of the measured loss over its slope along a random direction, so that the difference
    /// of two losses is about as large as its noise, limited to between [`LEAST_STEP`] to [`LARGEST_TUNED_STEP`] of the
    /// range. a as published.
    #[default]
    Tuned,
    /// As published. c is the standard deviation of the measured loss, whose numerical value is taken as volts, limited
    /// to between [`LEAST_STEP`] (Spall: "some small positive number" without noise) and [`LARGEST_PUBLISHED_STEP`] of
    /// the range. a is chosen from the mean magnitude of a few initial estimates such that the first moves of the
    /// controls are [`FIRST_MOVE`] of the range; Spall leaves their size to the user.
    Spall,
}

/// Settings of gains and steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gains {
    /// How `gain` and `step_volt` are chosen if not given.
    #[serde(rename = "gains")]
    pub rule: GainRule,
    /// a of the gains a/(k + 1 + A)^α (V²), A a tenth of `max_iterations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// c of the steps c/(k + 1)^γ (V).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_volt: Option<f64>,
    /// α, 0 to 1.
    pub gain_exponent: f64,
    /// γ, 0 to 1.
    pub step_exponent: f64,
}

impl Default for Gains {
    fn default() -> Self {
        Self {
            rule: GainRule::Tuned,
            gain: None,
            step_volt: None,
            gain_exponent: GAIN_EXPONENT,
            step_exponent: STEP_EXPONENT,
        }
    }
}

/// Gains and steps must lie between its reciprocal and this.
const MOST: f64 = 1e9;

pub(crate) fn within(field: &'static str, found: f64, low: f64, high: f64) -> Result<f64, SettingError> {
    match (low..=high).contains(&found) {
        true => Ok(found),
        false => Err(SettingError::found(field, found, format!("must be {low:?} to {high:?}"))),
    }
}

impl Gains {
    pub(crate) fn checked(self) -> Result<Self, SettingError> {
        let size = |field, x: Option<f64>| x.map(|x| within(field, x, 1.0 / MOST, MOST)).transpose();
        size("gain", self.gain)?;
        size("step_volt", self.step_volt)?;
        within("gain_exponent", self.gain_exponent, 0.0, 1.0)?;
        within("step_exponent", self.step_exponent, 0.0, 1.0)?;
        Ok(self)
    }

    /// a_k for a given a, in an attempt of `iterations`.
    #[must_use]
    pub fn gain_at(&self, gain: f64, k: usize, iterations: usize) -> f64 {
        gain / (k as f64 + 1.0 + STABILITY * iterations as f64).powf(self.gain_exponent)
    }

    /// c_k for a given c \[V\].
    #[must_use]
    pub fn step_at(&self, step_volt: f64, k: usize) -> f64 {
        step_volt / (k as f64 + 1.0).powf(self.step_exponent)
    }

    /// a, for an attempt that begins at `controls_volt` with steps of `step_volt`.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn gain<R: Rng + ?Sized>(
        &self,
        session: &mut Session<'_>,
        controls_volt: &[f64],
        step_volt: f64,
        rng: &mut R,
    ) -> Result<f64, TrainingError> {
        if let Some(gain) = self.gain {
            return Ok(gain);
        }
        let mut size = 0.0;
        for _ in 0..TUNING {
            let (_, gradient) = difference(session, controls_volt, step_volt, rng)?;
            size += gradient.iter().map(|g| g.abs()).sum::<f64>() / (gradient.len() * TUNING) as f64;
        }
        let stability = STABILITY * session.limits.max_iterations as f64;
        let first = FIRST_MOVE * narrowest(session) * (stability + 1.0).powf(self.gain_exponent);
        // a constant loss gives no direction
        Ok(if size > 0.0 { (first / size).min(f64::MAX) } else { 0.0 })
    }

    /// c \[V\], for an attempt that begins at `controls_volt`.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn step_volt<R: Rng + ?Sized>(
        &self,
        session: &mut Session<'_>,
        controls_volt: &[f64],
        rng: &mut R,
    ) -> Result<f64, TrainingError> {
        let width = narrowest(session);
        let least = LEAST_STEP * width;
        match (self.step_volt, self.rule) {
            (Some(c), _) => Ok(c),
            (None, GainRule::Spall) => {
                let deviation = deviation(session, controls_volt, REPETITIONS, rng)?;
                Ok(deviation.clamp(least, LARGEST_PUBLISHED_STEP * width))
            }
            (None, GainRule::Tuned) => {
                let deviation = deviation(session, controls_volt, TUNING, rng)?;
                let (_, gradient) = difference(session, controls_volt, least, rng)?;
                let slope = gradient.iter().map(|g| g.abs()).sum::<f64>() / gradient.len() as f64;
                Ok((deviation / slope.max(f64::MIN_POSITIVE)).clamp(least, LARGEST_TUNED_STEP * width))
            }
        }
    }
}

/// Width of the narrowest range \[V\].
fn narrowest(session: &Session<'_>) -> f64 {
    session.range_volt.iter().map(|(low, high)| high - low).fold(f64::INFINITY, f64::min)
}

/// Standard deviation of repeated measurements of the loss.
fn deviation<R: Rng + ?Sized>(
    session: &mut Session<'_>,
    controls_volt: &[f64],
    repetitions: usize,
    rng: &mut R,
) -> Result<f64, TrainingError> {
    let mut losses = Vec::with_capacity(repetitions);
    for _ in 0..repetitions {
        losses.push(session.measure_loss(controls_volt, rng)?);
    }
    let mean = losses.iter().sum::<f64>() / repetitions as f64;
    Ok((losses.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (repetitions - 1) as f64).sqrt())
}

/// A direction: +1 or −1 for each control.
pub(crate) fn signs<R: Rng + ?Sized>(controls: usize, rng: &mut R) -> Vec<f64> {
    (0..controls).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect()
}

/// The loss at `controls_volt` moved by each of `moves` (step \[V\], direction), within the ranges.
pub(crate) fn loss_at<R: Rng + ?Sized>(
    session: &mut Session<'_>,
    controls_volt: &[f64],
    moves: &[(f64, &[f64])],
    rng: &mut R,
) -> Result<f64, TrainingError> {
    let mut moved = controls_volt.to_vec();
    for (step_volt, direction) in moves {
        moved.iter_mut().zip(*direction).for_each(|(w, d)| *w += step_volt * d);
    }
    clip(&mut moved, session.range_volt);
    session.measure_loss(&moved, rng)
}

/// The lower of the two losses at w ± cΔ, and the estimate of the gradient \[1/V\].
pub(crate) fn difference<R: Rng + ?Sized>(
    session: &mut Session<'_>,
    controls_volt: &[f64],
    step_volt: f64,
    rng: &mut R,
) -> Result<(f64, Vec<f64>), TrainingError> {
    let signs = signs(controls_volt.len(), rng);
    let above = loss_at(session, controls_volt, &[(step_volt, &signs)], rng)?;
    let below = loss_at(session, controls_volt, &[(-step_volt, &signs)], rng)?;
    let slope = (above - below) / (2.0 * step_volt);
    Ok((above.min(below), signs.iter().map(|d| slope * d).collect()))
}
