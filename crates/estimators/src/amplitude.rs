//! Moments of the signed amplitude `sign(X) √(X² + Y²)` of a lock-in whose X and Y are jointly Gaussian (R mode).

use std::f64::consts::{FRAC_PI_2, PI, SQRT_2, TAU};

/// Nodes and weights of the 16-point Gauss-Legendre rule on \[−1, 1\], the positive half.
const GAUSS_LEGENDRE: [(f64, f64); 8] = [
    (0.095_012_509_837_637_44, 0.189_450_610_455_068_5),
    (0.281_603_550_779_258_9, 0.182_603_415_044_923_6),
    (0.458_016_777_657_227_4, 0.169_156_519_395_002_54),
    (0.617_876_244_402_643_7, 0.149_595_988_816_576_73),
    (0.755_404_408_355_003, 0.124_628_971_255_533_87),
    (0.865_631_202_387_831_7, 0.095_158_511_682_492_78),
    (0.944_575_023_073_232_6, 0.062_253_523_938_647_894),
    (0.989_400_934_991_649_9, 0.027_152_459_411_754_096),
];

/// A two-dimensional Gaussian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian2 {
    /// Means of X and Y.
    pub mean: [f64; 2],
    /// Variance of X, covariance, variance of Y.
    pub covariance: [f64; 3],
}

/// Mean and variance of `sign(X) √(X² + Y²)`, exact to the quadrature (better than 10⁻⁹ relative).
#[must_use]
pub fn signed_amplitude_moments(law: &Gaussian2) -> (f64, f64) {
    let [mx, my] = law.mean;
    let [xx, xy, yy] = law.covariance;
    let square = mx * mx + my * my + xx + yy;
    let determinant = xx * yy - xy * xy;
    let trace = xx + yy;
    if trace <= 1e-28 * square || determinant <= 1e-24 * trace * trace {
        let amplitude = mx.signum() * mx.hypot(my);
        return (amplitude, trace);
    }
    let inverse = [yy / determinant, -xy / determinant, xx / determinant];
    let c = inverse[0] * mx * mx + 2.0 * inverse[1] * mx * my + inverse[2] * my * my;
    let norm = 1.0 / (TAU * determinant.sqrt());
    // ∫₀^∞ r² p(r cos θ, r sin θ) dr in closed form
    let radial = |theta: f64| -> f64 {
        let (s, co) = theta.sin_cos();
        let a = inverse[0] * co * co + 2.0 * inverse[1] * co * s + inverse[2] * s * s;
        let b = co * (inverse[0] * mx + inverse[1] * my) + s * (inverse[1] * mx + inverse[2] * my);
        let z = b / a.sqrt();
        let cumulative = 0.5 * statrs::function::erf::erfc(-z / SQRT_2);
        let outer = (-0.5 * (c - z * z)).exp() * (1.0 + z * z) * TAU.sqrt() * cumulative + z * (-0.5 * c).exp();
        norm * outer / (a * a.sqrt())
    };
    // the integrand peaks in the direction of the mean and along the major axis: panels shrink towards both
    let half_gap = 0.5 * (0.25 * (xx - yy).powi(2) + xy * xy).sqrt() * 2.0;
    let (long, short) = (0.5 * trace + half_gap, (determinant / (0.5 * trace + half_gap)).max(0.0));
    let mean_direction = my.atan2(mx);
    let axis_direction = 0.5 * (2.0 * xy).atan2(xx - yy);
    let finest = 0.25 * (short.sqrt() / (mx.hypot(my) + long.sqrt())).min(1.0);
    let wrap = |angle: f64| (angle + FRAC_PI_2).rem_euclid(PI) - FRAC_PI_2;
    let mut edges = vec![-FRAC_PI_2, FRAC_PI_2];
    for centre in [mean_direction, axis_direction] {
        edges.push(wrap(centre));
        let mut width = finest;
        while width < PI {
            edges.push(wrap(centre + width));
            edges.push(wrap(centre - width));
            width *= 1.6;
        }
    }
    edges.sort_by(f64::total_cmp);
    let mut mean = 0.0;
    for pair in edges.windows(2) {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        for (node, weight) in GAUSS_LEGENDRE {
            for theta in [middle - half * node, middle + half * node] {
                mean += half * weight * (radial(theta) - radial(theta + PI));
            }
        }
    }
    (mean, square - mean * mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_from_zero_the_amplitude_is_the_mean_plus_the_transverse_variance() {
        let law = Gaussian2 { mean: [50.0, 0.0], covariance: [1.0, 0.0, 2.0] };
        let (mean, variance) = signed_amplitude_moments(&law);
        assert!((mean - (50.0 + 2.0 / 100.0)).abs() < 1e-4, "{mean}");
        assert!((variance - 1.0).abs() < 2e-3, "{variance}");
    }

    #[test]
    fn without_a_mean_the_signs_cancel() {
        let (mean, variance) = signed_amplitude_moments(&Gaussian2 { mean: [0.0, 0.0], covariance: [3.0, 1.0, 2.0] });
        assert!(mean.abs() < 1e-12);
        assert!((variance - 5.0).abs() < 1e-12);
    }

    #[test]
    fn equals_two_dimensional_quadrature() {
        for (mean, covariance) in
            [([0.5, 0.3], [1.0, 0.2, 0.5]), ([-2.0, 1.0], [0.3, -0.1, 0.9]), ([0.1, -3.0], [1.0, 0.0, 0.01])]
        {
            let law = Gaussian2 { mean, covariance };
            let (got, _) = signed_amplitude_moments(&law);
            let [xx, xy, yy] = covariance;
            let determinant: f64 = xx * yy - xy * xy;
            let mut sum = 0.0;
            let steps = 2400;
            // x = 0, where the sign jumps, is a panel boundary
            let hx = 2.0 * (9.0 * f64::sqrt(xx) + f64::abs(mean[0])) / f64::from(steps);
            let hy = 18.0 * f64::sqrt(yy) / f64::from(steps);
            for i in 0..steps {
                let x = (f64::from(i) + 0.5 - 0.5 * f64::from(steps)) * hx;
                for j in 0..steps {
                    let y = mean[1] - 9.0 * f64::sqrt(yy) + (f64::from(j) + 0.5) * hy;
                    let (u, v) = (x - mean[0], y - mean[1]);
                    let q = (yy * u * u - 2.0 * xy * u * v + xx * v * v) / determinant;
                    sum += x.signum() * x.hypot(y) * (-0.5 * q).exp();
                }
            }
            let plain = sum * hx * hy / (TAU * determinant.sqrt());
            assert!((got - plain).abs() < 1e-5, "{mean:?} {covariance:?}: {got} {plain}");
        }
    }
}
