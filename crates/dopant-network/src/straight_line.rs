//! A straight line through points with errors, by weighted least squares.

/// y = ȳ + slope · (x − x̄).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StraightLine {
    /// Weighted means of x and y.
    pub(crate) centre: [f64; 2],
    pub(crate) slope: f64,
    /// Standard error of the slope, if the errors of the points are right; infinite if all x are the same.
    pub(crate) slope_error: f64,
    /// Sum of squares of the deviations in standard errors.
    pub(crate) chi_squared: f64,
}

impl StraightLine {
    /// Through points x, y with the standard error of y, which are at least one.
    pub(crate) fn through(points: &[[f64; 3]]) -> Self {
        let weight = |point: &[f64; 3]| point[2].powi(-2);
        let all: f64 = points.iter().map(weight).sum();
        let mean = |axis: usize| points.iter().map(|p| weight(p) * p[axis]).sum::<f64>() / all;
        let [x, y] = [mean(0), mean(1)];
        let spread: f64 = points.iter().map(|p| weight(p) * (p[0] - x).powi(2)).sum();
        let along: f64 = points.iter().map(|p| weight(p) * (p[0] - x) * (p[1] - y)).sum();
        let slope = if spread > 0.0 { along / spread } else { 0.0 };
        let chi_squared = points.iter().map(|p| weight(p) * (p[1] - y - slope * (p[0] - x)).powi(2)).sum();
        Self { centre: [x, y], slope, slope_error: spread.recip().sqrt(), chi_squared }
    }

    /// y at an x.
    pub(crate) fn at(&self, x: f64) -> f64 {
        self.centre[1] + self.slope * (x - self.centre[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the normal equations solved by hand: y = 0, 2, 1 at x = 0, 1, 3 with errors 1, 1/2, 1.
    #[test]
    fn points_count_by_their_errors() {
        let line = StraightLine::through(&[[0.0, 0.0, 1.0], [1.0, 2.0, 0.5], [3.0, 1.0, 1.0]]);
        // weights 1, 4, 1: x̄ = 7/6, ȳ = 3/2, Σw(x−x̄)² = 29/6, Σw(x−x̄)(y−ȳ) = 1/2
        assert!((line.slope - 3.0 / 29.0).abs() < 1e-15 && (line.slope_error - (6.0_f64 / 29.0).sqrt()).abs() < 1e-15);
        assert!((line.at(7.0 / 6.0) - 1.5).abs() < 1e-15 && (line.at(0.0) - (1.5 - 3.5 / 29.0)).abs() < 1e-15);
        assert!((line.chi_squared - (3.5 - 1.5 / 29.0)).abs() < 1e-14, "{line:?}");
        assert!(StraightLine::through(&[[2.0, 1.0, 1.0]; 2]).slope_error.is_infinite());
    }
}
