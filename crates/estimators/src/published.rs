//! The mean squared error of homodyne gradient extraction as published in B25, Eqs. (8) to (10).
//!
//! The exact calculation ([`crate::exact`]) assigns half of the published noise power to the X component and includes
//! the settling of the filter; the published expressions are implemented as printed, to show where they hold.

use crate::filter::{prototype_enbw_hz, prototype_response};
use crate::hge::{Hge, Mode};

/// Mean squared error \[(nA/V)²\] of each derivative: Eq. (8) in sequential mode, Eq. (10) in parallel mode.
///
/// `density` is the one-sided noise spectrum \[nA²/Hz\]; `gradient_na_per_volt` the true gradient. Undefined (NaN) in
/// parallel mode if two parameters share a frequency in quadrature, which the published expression does not cover.
#[must_use]
pub fn mean_squared_error(
    hge: &Hge,
    cutoff_hz: f64,
    gradient_na_per_volt: &[f64],
    density: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let response2 = |f: f64| prototype_response(hge.filter.order, cutoff_hz, f).powi(2);
    let current = |m: usize| gradient_na_per_volt[m].abs() * hge.amplitude_of(m);
    let in_quadrature =
        hge.phases_rad.iter().any(|phase| phase.to_bits() != hge.phases_rad[0].to_bits()) && hge.mode == Mode::Parallel;
    (0..gradient_na_per_volt.len())
        .map(|m| {
            if in_quadrature {
                return f64::NAN;
            }
            let f = hge.frequencies_hz[m];
            let second_harmonic = 0.25 * current(m).powi(2) * response2(2.0 * f);
            let noise = density(f) * prototype_enbw_hz(hge.filter.order, cutoff_hz);
            let parallel: f64 = match hge.mode {
                Mode::Sequential => 0.0,
                Mode::Parallel => (0..gradient_na_per_volt.len())
                    .filter(|&n| n != m)
                    .map(|n| {
                        let other = hge.frequencies_hz[n];
                        0.25 * current(n).powi(2) * (response2(f - other) + response2(f + other))
                    })
                    .sum(),
            };
            (second_harmonic + noise + parallel) / (0.5 * hge.amplitude_of(m)).powi(2)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::FilterSettings;
    use crate::hge::LockInReadout;

    #[test]
    fn the_noise_term_of_equation_8() {
        let hge = Hge {
            rate_hz: 10_000.0,
            duration_s: 0.1,
            amplitude_volt: vec![8e-3],
            frequencies_hz: vec![1000.0],
            phases_rad: vec![0.0],
            mode: Mode::Sequential,
            readout: LockInReadout::X,
            filter: FilterSettings::default(),
            corrected_for: None,
        };
        let cutoff_hz = hge.filter.cutoff_for(0.1).unwrap();
        let mse = mean_squared_error(&hge, cutoff_hz, &[0.0], |_| 1e-5);
        assert!((mse[0] - 1e-5 * std::f64::consts::FRAC_PI_3 * cutoff_hz / 16e-6).abs() < 1e-4, "{mse:?}");
    }
}
