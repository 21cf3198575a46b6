//! Differences with respect to all voltages at once, in the patterns of a Hadamard matrix.
//!
//! All voltages change together, by the same step up or down: of eight electrodes, every one of sixteen trajectories then tells of every
//! derivative, and variances are an eighth of those with one voltage after another (Hotelling, Ann. Math. Stat. 15, 297 (1944)).

/// Whether voltage `m` goes up (1) or down (−1) in a pattern: an entry of Sylvester's Hadamard matrix.
fn sign(pattern: usize, m: usize) -> f64 {
    if (pattern & m).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// Size of a Hadamard matrix with a row for every voltage.
fn patterns(electrodes: usize) -> usize {
    electrodes.next_power_of_two()
}

/// Voltages \[kT\] of every pattern around `voltages_kt`, first with the step down, then up.
pub(super) fn voltages_kt(voltages_kt: &[f64], step_kt: f64) -> Vec<Vec<f64>> {
    let shifted = |t: usize| {
        let step_kt = if t.is_multiple_of(2) { -step_kt } else { step_kt };
        voltages_kt.iter().enumerate().map(|(m, volt)| volt + step_kt * sign(t / 2, m)).collect()
    };
    (0..2 * patterns(voltages_kt.len())).map(shifted).collect()
}

/// The remainders of the current into electrode `k`, one by each voltage, and the standard error that they have in common, from the
/// means and errors at the voltages of every pattern, first down, then up.
pub(super) fn remainders(k: usize, shifted: &[Vec<(f64, f64)>], electrodes: usize, step_kt: f64) -> (Vec<f64>, f64) {
    let scale = step_kt * shifted.len() as f64;
    let remainder = |m: usize| {
        let differences = shifted.chunks_exact(2).enumerate();
        differences.map(|(t, pair)| sign(t, m) * (pair[1][k].0 - pair[0][k].0)).sum::<f64>() / scale
    };
    let noise = shifted.iter().map(|means| means[k].1.powi(2)).sum::<f64>().sqrt() / scale;
    ((0..electrodes).map(remainder).collect(), noise)
}

/// What the curvature over a step adds to the errors of remainders that grow by e over kT/e, one by each voltage, of which only what
/// exceeds their noise counts. The voltages change together, so that a difference of two of them changes by two steps, and the curvature
/// along one adds to the others: at most (2 step)²/6 of a remainder, which sinh(V₁ − V₂) reaches.
pub(super) fn curvature_errors(remainders: &[f64], noise: f64, step_kt: f64) -> Vec<f64> {
    let beyond_noise: Vec<f64> = remainders.iter().map(|r| r * r - noise * noise).collect();
    let typical = beyond_noise.iter().sum::<f64>() / remainders.len() as f64;
    beyond_noise.iter().map(|own| own.max(typical).max(0.0).sqrt() * (2.0 * step_kt).powi(2) / 6.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means at the voltages of every pattern of a current that depends on two differences of voltages, in all.
    fn shifted(electrodes: usize, step_kt: f64, current: impl Fn(&[f64]) -> f64) -> Vec<Vec<(f64, f64)>> {
        let voltages_kt = voltages_kt(&vec![0.0; electrodes], step_kt);
        voltages_kt.iter().map(|voltages_kt| vec![(current(voltages_kt), 0.1)]).collect()
    }

    #[test]
    fn remainders_of_a_linear_current_are_its_slopes() {
        for electrodes in [1, 2, 3, 7, 8] {
            let slopes: Vec<f64> = (0..electrodes).map(|m| m as f64 - 2.5).collect();
            let means = shifted(electrodes, 0.7, |v| 4.0 + v.iter().zip(&slopes).map(|(v, s)| v * s).sum::<f64>());
            let (found, noise) = remainders(0, &means, electrodes, 0.7);
            for (a, b) in found.iter().zip(&slopes) {
                assert!((a - b).abs() < 1e-12, "{electrodes} electrodes: {found:?}");
            }
            // an error of 0.1 at each of 2 P voltages
            let expected = 0.1 / (0.7 * (2.0 * patterns(electrodes) as f64).sqrt());
            assert!((noise - expected).abs() < 1e-12, "{electrodes} electrodes: {noise} {expected}");
        }
    }

    #[test]
    fn curvature_of_differences_of_voltages_is_in_the_error() {
        for electrodes in [2, 3, 7, 8] {
            for step_kt in [0.1, 0.5, 1.0] {
                let last = electrodes - 1;
                let means = shifted(electrodes, step_kt, |v| (v[0] - v[last]).sinh() + 0.3 * (v[1] - v[last]).sinh());
                let (found, _) = remainders(0, &means, electrodes, step_kt);
                let stated = curvature_errors(&found, 0.0, step_kt);
                let mut exact = vec![0.0; electrodes];
                exact[0] += 1.0;
                exact[1] += 0.3;
                exact[last] -= 1.3;
                for m in 0..electrodes {
                    // the stated error is the first term of a series
                    let off = (found[m] - exact[m]).abs();
                    assert!(off < 1.3 * stated[m], "{electrodes} electrodes, step {step_kt}: {off} {}", stated[m]);
                }
            }
        }
    }
}
