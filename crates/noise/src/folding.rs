//! Combines the colouring of the noise with the weights of the readout.
//!
//! A Gaussian record is `x = L ε`, with L the Cholesky factor of its Toeplitz covariance and ε independent standard
//! Gaussian numbers, one for each sample. A linear readout of it is `W x = (Lᵀ Wᵀ)ᵀ ε`: with the *folded* weights `V =
//! W L`, a Monte Carlo trial draws N Gaussian numbers and takes scalar products with V, without computing the record.
//! This is the same sum in another order, not an approximation.

use crate::{Autocovariance, NoiseError};

/// Lower-triangular Cholesky factor of the Toeplitz covariance, column by column, by the Schur algorithm in its
/// mixed (numerically stable) form (Bojanczyk, Brent, de Hoog & Sweet 1995).
///
/// Calls `column(k, l)` for k = 0, 1, … with `l[i] = L[k + i, k]`. O(N²) time, O(N) memory.
fn for_each_column(r: &Autocovariance, mut column: impl FnMut(usize, &[f64])) -> Result<(), NoiseError> {
    let samples = r.lags();
    if samples == 0 {
        return Ok(());
    }
    if r.variance <= 0.0 {
        return Err(NoiseError::NotPositiveDefinite { samples, at: 0 });
    }
    let scale = 1.0 / r.variance.sqrt();
    let mut u: Vec<f64> = (0..samples).map(|k| r.at(k) * scale).collect();
    let mut v = u.clone();
    v[0] = 0.0;
    column(0, &u);
    for k in 1..samples {
        let live = samples - k;
        let rho = v[k] / u[0];
        let cosine2 = (1.0 - rho) * (1.0 + rho);
        if cosine2.is_nan() || cosine2 <= 0.0 {
            return Err(NoiseError::NotPositiveDefinite { samples, at: k });
        }
        let cosine = cosine2.sqrt();
        for (ui, vi) in u[..live].iter_mut().zip(&mut v[k..]) {
            *ui = (*ui - rho * *vi) / cosine;
            *vi = cosine * *vi - rho * *ui;
        }
        column(k, &u[..live]);
    }
    Ok(())
}

/// Combines `weights` (channels × samples, row by row) with the colouring of Gaussian noise of autocovariance `r`.
///
/// The result has the same shape; its scalar products with independent standard Gaussian numbers have the same
/// distribution as the scalar products of `weights` with the noise.
///
/// # Errors
/// If the covariance is not positive definite to working precision.
///
/// # Panics
/// If `weights` is not a whole number of rows of `r.lags()` samples.
pub fn fold(weights: &[f64], r: &Autocovariance) -> Result<Vec<f64>, NoiseError> {
    let samples = r.lags();
    assert!(samples > 0 && weights.len().is_multiple_of(samples), "weights are not channels x samples");
    let mut folded = vec![0.0; weights.len()];
    let mut sum = [0.0];
    for_each_column(r, |k, column| {
        for (row, out) in weights.chunks_exact(samples).zip(folded.chunks_exact_mut(samples)) {
            crate::dot::project(&row[k..], column, &mut sum);
            out[k] = sum[0];
        }
    })?;
    Ok(folded)
}

/// The noise record `L ε` \[nA\] that corresponds to the independent standard Gaussian numbers ε used with [`fold`].
///
/// # Errors
/// If the covariance is not positive definite to working precision.
pub fn unfold(gaussians: &[f64], r: &Autocovariance) -> Result<Vec<f64>, NoiseError> {
    assert_eq!(gaussians.len(), r.lags(), "as many Gaussians as samples");
    let mut record = vec![0.0; gaussians.len()];
    for_each_column(r, |k, column| {
        for (x, l) in record[k..].iter_mut().zip(column) {
            *x += l * gaussians[k];
        }
    })?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PowerLaw, Spectrum};
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64;

    fn covariance(exponent: f64, samples: usize) -> Autocovariance {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent, corner_hz: 0.1 };
        Autocovariance::of(&Spectrum::PowerLaw(law), 10_000.0, samples)
    }

    #[test]
    fn the_factor_squares_to_the_covariance() {
        for exponent in [0.0, 1.0, 1.5, 2.0] {
            let samples = 120;
            let r = covariance(exponent, samples);
            let mut l = vec![vec![0.0; samples]; samples];
            for_each_column(&r, |k, column| column.iter().enumerate().for_each(|(i, x)| l[k + i][k] = *x)).unwrap();
            for i in 0..samples {
                for j in 0..=i {
                    let product: f64 = (0..=j).map(|k| l[i][k] * l[j][k]).sum();
                    assert!((product - r.at(i - j)).abs() < 1e-11 * r.variance, "exponent {exponent}: ({i}, {j})");
                }
            }
        }
    }

    #[test]
    fn folded_and_written_out_give_the_same_number_trial_by_trial() {
        let samples = 500;
        let r = covariance(1.5, samples);
        let weights: Vec<f64> = (0..2 * samples).map(|n| (n as f64 * 0.37).sin()).collect();
        let folded = fold(&weights, &r).unwrap();
        let mut rng = Pcg64::new(3, 3);
        for _ in 0..20 {
            let e: Vec<f64> = (0..samples).map(|_| StandardNormal.sample(&mut rng)).collect();
            let x = unfold(&e, &r).unwrap();
            let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
            crate::dot::project(&weights, &x, &mut a);
            crate::dot::project(&folded, &e, &mut b);
            for c in 0..2 {
                assert!((a[c] - b[c]).abs() < 1e-10 * a[c].abs().max(1e-3), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn no_noise_at_all_is_refused() {
        assert!(fold(&[1.0; 4], &Autocovariance::zero(4)).is_err());
    }
}
