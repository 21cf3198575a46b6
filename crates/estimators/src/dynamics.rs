//! Dynamics of a device and of what follows it, up to the noise: an amplifier of finite bandwidth, a cable.
//!
//! The device answers at once, and its current I(w) passes n equal first-order low-passes in a row and a delay D,
//!
//! ```text
//! H(f) = e^(−2πi f D) / (1 + i f/f₁)^n,   f₁ = bandwidth / √(2^(1/n) − 1)
//! ```
//!
//! Voltages are held from sample to sample, and the output is read at the end of each: for a current that is constant between samples the
//! recursion is exact, not an approximation of H. A sine of frequency f is thereby read as by an instrument that holds its voltages,
//! H(f) sinc(f/rate) e^(πi f/rate) if H passes little above half the rate ([`Dynamics::sampled_response`] is exact), and with a bandwidth
//! far above the rate as if there were no dynamics. Before a record the device has rested at its operating point.

use std::f64::consts::TAU;

use num_complex::Complex64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::EstimatorError;

/// Most low-passes in a row.
const MOST_POLES: usize = 8;
/// Decay of an interval, in time constants, from which on nothing is left of the one before.
const DECAYED: f64 = 800.0;
/// Part of a sample by which a delay may miss a whole number of samples and still is one.
const WHOLE: f64 = 1e-9;

/// Low-pass and delay between the device's current and the noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dynamics {
    /// Frequency at which the amplitude has fallen to 1/√2 (Hz); no low-pass if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth_hz: Option<f64>,
    /// Number of equal first-order low-passes in a row, 1 to 8.
    pub order: usize,
    /// Delay (s).
    pub delay_s: f64,
}

impl Default for Dynamics {
    fn default() -> Self {
        Self { bandwidth_hz: None, order: 1, delay_s: 0.0 }
    }
}

impl Dynamics {
    /// Checks the numbers for records of `samples` samples at `rate_hz`.
    ///
    /// # Errors
    /// If bandwidth or order is out of range, or the delay is longer than a record.
    pub fn checked(self, samples: usize, rate_hz: f64) -> Result<Self, EstimatorError> {
        if let Some(found) = self.bandwidth_hz.filter(|hz| !(*hz > 0.0 && hz.is_finite())) {
            return Err(EstimatorError::setting("bandwidth_hz", found, "must be a positive frequency"));
        }
        if !(1..=MOST_POLES).contains(&self.order) {
            return Err(EstimatorError::setting("order", self.order, "must be 1 to 8"));
        }
        let longest_s = samples as f64 / rate_hz;
        if !(0.0..=longest_s).contains(&self.delay_s) {
            let allowed = format!("must be 0 to {longest_s} s, the duration of a record");
            return Err(EstimatorError::setting("delay_s", self.delay_s, allowed));
        }
        Ok(self)
    }

    /// Frequency f₁ at which each of the low-passes has fallen to 1/√2 \[Hz\], if there are any.
    #[must_use]
    pub fn pole_hz(&self) -> Option<f64> {
        let one = (2.0_f64.powf(1.0 / self.order as f64) - 1.0).sqrt();
        self.bandwidth_hz.map(|bandwidth_hz| bandwidth_hz / one)
    }

    /// H(f).
    #[must_use]
    pub fn response(&self, frequency_hz: f64) -> Complex64 {
        let delayed = Complex64::from_polar(1.0, -TAU * frequency_hz * self.delay_s);
        let pole = |pole_hz: f64| Complex64::new(1.0, frequency_hz / pole_hz).powi(-(self.order as i32));
        delayed * self.pole_hz().map_or(Complex64::ONE, pole)
    }

    /// What is read of a sine that is held from sample to sample, in units of the sine.
    #[must_use]
    pub fn sampled_response(&self, frequency_hz: f64, rate_hz: f64) -> Complex64 {
        let turn = Complex64::from_polar(1.0, TAU * (frequency_hz / rate_hz).fract());
        let (delay, passed) = self.delay_samples(rate_hz);
        let delayed = Complex64::from_polar(1.0, -TAU * (frequency_hz / rate_hz * delay as f64).fract());
        let Some((interval, part)) = self.decays(passed, rate_hz) else { return delayed };
        // deviations δ at sample 0 of currents 1: next sample they are δ turn = A (δ + step), A lower triangular
        let step = turn.conj() - 1.0;
        let mut deviations: Vec<Complex64> = Vec::with_capacity(self.order);
        for j in 0..self.order {
            let of_others: Complex64 = (1..=j).map(|k| (deviations[j - k] + step) * interval.0[k]).sum();
            deviations.push((of_others + step * interval.0[0]) / (turn - interval.0[0]));
        }
        let last: Complex64 = deviations.iter().rev().zip(&part.0).map(|(d, factor)| (d + step) * factor).sum();
        delayed * (Complex64::ONE + last)
    }

    /// Delay in whole samples, and the part of the interval that has passed when it is read.
    fn delay_samples(&self, rate_hz: f64) -> (usize, f64) {
        let in_samples = self.delay_s * rate_hz;
        let whole = (in_samples + WHOLE).floor();
        (whole as usize, 1.0 - (in_samples - whole).max(0.0))
    }

    /// Decay over an interval between samples and over the part of it that has passed when it is read, if there is a low-pass.
    fn decays(&self, passed: f64, rate_hz: f64) -> Option<(Decay, Decay)> {
        let decay = (TAU * self.pole_hz()? / rate_hz).min(DECAYED);
        Some((Decay::over(decay, self.order), Decay::over(decay * passed, self.order)))
    }

    /// Replaces a device's currents by what arrives of them, after a rest at `rest_na`.
    pub fn act_on(&self, current_na: &mut [f64], rest_na: f64, rate_hz: f64) {
        let (delay, passed) = self.delay_samples(rate_hz);
        if delay > 0 {
            let arrived = current_na.len().saturating_sub(delay);
            current_na.copy_within(..arrived, delay.min(current_na.len()));
            let late = current_na.len() - arrived;
            current_na[..late].fill(rest_na);
        }
        let Some((interval, part)) = self.decays(passed, rate_hz) else { return };
        // deviation of the output of each low-pass from the current that enters the first
        let mut deviations = vec![0.0; self.order];
        let mut before = rest_na;
        for x in current_na {
            deviations.iter_mut().for_each(|d| *d += before - *x);
            before = *x;
            *x += part.last(&deviations);
            interval.advance(&mut deviations);
        }
    }
}

/// e^(−a) aᵏ/k!: what is left of a deviation k low-passes later.
struct Decay(Vec<f64>);

impl Decay {
    fn over(time_constants: f64, order: usize) -> Self {
        let mut left = (-time_constants).exp();
        let mut factors = Vec::with_capacity(order);
        for k in 0..order {
            factors.push(left);
            left *= time_constants / (k + 1) as f64;
        }
        Self(factors)
    }

    /// Deviation of the last low-pass afterwards.
    fn last(&self, deviations: &[f64]) -> f64 {
        deviations.iter().rev().zip(&self.0).map(|(d, factor)| d * factor).sum()
    }

    fn advance(&self, deviations: &mut [f64]) {
        for j in (0..deviations.len()).rev() {
            deviations[j] = self.last(&deviations[..=j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    const RATE_HZ: f64 = 10_000.0;

    fn dynamics(bandwidth_hz: f64, order: usize, delay_s: f64) -> Dynamics {
        Dynamics { bandwidth_hz: Some(bandwidth_hz), order, delay_s }
    }

    /// The current steps from −2 to 1 nA at the start of sample 5, that is at 5 Δ, and sample n is read at (n + 1) Δ.
    #[test]
    fn a_step_is_that_of_the_low_passes_in_continuous_time() {
        for (order, delay_s) in [(1, 0.0), (1, 0.3e-4), (2, 0.0), (3, 2.6e-4), (8, 3e-4)] {
            let dynamics = dynamics(700.0, order, delay_s);
            let mut current: Vec<f64> = (0..60).map(|n| if n < 5 { -2.0 } else { 1.0 }).collect();
            dynamics.act_on(&mut current, -2.0, RATE_HZ);
            for (n, found) in current.iter().enumerate() {
                let since = TAU * dynamics.pole_hz().unwrap() * ((n as f64 - 4.0) / RATE_HZ - delay_s);
                // 1 − e^(−t) Σ tᵏ/k!
                let terms = (0..order).scan(1.0, |term, k| {
                    let this = *term;
                    *term *= since / (k + 1) as f64;
                    Some(this)
                });
                let risen = if since > 0.0 { 1.0 - (-since).exp() * terms.sum::<f64>() } else { 0.0 };
                let expected = -2.0 + 3.0 * risen;
                assert!((found - expected).abs() < 1e-12, "order {order}, sample {n}: {found} {expected}");
            }
        }
    }

    /// Sines after the onset has decayed: those of the recursion to rounding, and where the rate is far above the bandwidth, those of the
    /// transfer function and of holding to what it passes around the rate.
    #[test]
    fn a_sine_has_the_amplitude_and_phase_of_the_transfer_function() {
        for (bandwidth_hz, order, delay_s) in [(4000.0, 1, 0.4e-4), (900.0, 3, 1.13e-4), (1e6, 2, 2e-4)] {
            let dynamics = dynamics(bandwidth_hz, order, delay_s);
            for frequency_hz in [0.0, 10.0, 1000.0, 4900.0] {
                let turn = |n: usize| TAU * frequency_hz * n as f64 / RATE_HZ;
                let of_phase = |phase: f64| {
                    let mut current: Vec<f64> = (0..1000).map(|n| (turn(n) + phase).cos()).collect();
                    dynamics.act_on(&mut current, 0.0, RATE_HZ);
                    current[999]
                };
                let expected = dynamics.sampled_response(frequency_hz, RATE_HZ) * Complex64::from_polar(1.0, turn(999));
                assert!((of_phase(0.0) - expected.re).abs() < 1e-9, "{order} {frequency_hz}");
                assert!((of_phase(-std::f64::consts::FRAC_PI_2) - expected.im).abs() < 1e-9, "{order} {frequency_hz}");
            }
        }

        for (order, delay_s) in [(1, 0.0), (2, 1.23e-5), (4, 4e-4)] {
            let dynamics = dynamics(100.0, order, delay_s);
            let (rate_hz, samples) = (1e6, 200_000);
            for frequency_hz in [20.0, 100.0, 300.0] {
                let turn = |n: usize| TAU * frequency_hz * n as f64 / rate_hz;
                let mut current: Vec<f64> = (0..samples).map(|n| turn(n).sin()).collect();
                dynamics.act_on(&mut current, 0.0, rate_hz);
                // the last 100 ms: whole periods
                let last = samples / 2..samples;
                let sum: Complex64 = last.clone().map(|n| Complex64::from_polar(current[n], -turn(n))).sum();
                let found = Complex64::new(0.0, 2.0 / last.len() as f64) * sum;
                let held = PI * frequency_hz / rate_hz;
                let expected = dynamics.response(frequency_hz) * Complex64::from_polar(held.sin() / held, held);
                let off = (found - expected).norm() / expected.norm();
                assert!(off < 2e-4, "{order} {frequency_hz}: {found} {expected}");
            }
            let at_bandwidth = dynamics.response(100.0).norm();
            assert!((at_bandwidth - 0.5_f64.sqrt()).abs() < 1e-12, "{at_bandwidth}");
        }
    }

    #[test]
    fn without_dynamics_and_far_above_the_rate_nothing_changes() {
        let current: Vec<f64> = (0..50).map(|n| f64::from(n * n % 7)).collect();
        for dynamics in [Dynamics::default(), dynamics(1e9, 3, 0.0), dynamics(1e300, 8, 0.0)] {
            let mut found = current.clone();
            dynamics.act_on(&mut found, 5.0, RATE_HZ);
            assert_eq!(found, current, "{dynamics:?}");
        }
        // a delay alone, of whole samples: 0.3 ms is three, though 0.0003 · 10000 is not quite
        let mut late = current.clone();
        Dynamics { delay_s: 0.000_3, ..Dynamics::default() }.act_on(&mut late, 5.0, RATE_HZ);
        assert_eq!(late[..3], [5.0; 3]);
        assert_eq!(late[3..], current[..47]);
        let mut short = vec![1.0, 2.0];
        Dynamics { delay_s: 2e-4, ..Dynamics::default() }.act_on(&mut short, 5.0, RATE_HZ);
        assert_eq!(short, [5.0, 5.0]);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (dynamics, words) in [
            (dynamics(0.0, 1, 0.0), ["bandwidth_hz", "positive"]),
            (dynamics(f64::INFINITY, 1, 0.0), ["bandwidth_hz", "positive"]),
            (dynamics(f64::NAN, 1, 0.0), ["bandwidth_hz", "positive"]),
            (dynamics(10.0, 0, 0.0), ["order", "1 to 8"]),
            (dynamics(10.0, 9, 0.0), ["order", "1 to 8"]),
            (dynamics(10.0, 1, -1e-3), ["delay_s", "0 to 0.1 s"]),
            (dynamics(10.0, 1, 0.2), ["delay_s", "0 to 0.1 s"]),
            (dynamics(10.0, 1, f64::NAN), ["delay_s", "0 to 0.1 s"]),
        ] {
            let message = dynamics.checked(1000, RATE_HZ).unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{message}");
        }
        assert!(dynamics(10.0, 8, 0.1).checked(1000, RATE_HZ).is_ok());
    }
}
