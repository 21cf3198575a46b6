//! Numerically stable, mergeable moments up to the fourth (Pébay 2008).

/// Count, mean and central moment sums of a set of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Count.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// Σ (x − mean)².
    pub second: f64,
    /// Σ (x − mean)³.
    pub third: f64,
    /// Σ (x − mean)⁴.
    pub fourth: f64,
}

/// Number of floats that represent one set of moments.
pub const NUMBERS: usize = 5;

/// An estimated error and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// The value.
    pub value: f64,
    /// Its standard error; NaN for a single repetition.
    pub standard_error: f64,
}

impl Moments {
    /// As numbers.
    pub fn to_numbers(self) -> [f64; NUMBERS] {
        [self.count, self.mean, self.second, self.third, self.fourth]
    }

    /// Inverse of [`Self::to_numbers`].
    pub fn from_numbers([count, mean, second, third, fourth]: [f64; NUMBERS]) -> Self {
        Self { count, mean, second, third, fourth }
    }

    /// Adds a number.
    pub fn push(&mut self, x: f64) {
        *self = self.merged(&Self { count: 1.0, mean: x, ..Self::default() });
    }

    /// Moments of the union of both sets.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if self.count <= 0.0 {
            return *other;
        }
        if other.count <= 0.0 {
            return *self;
        }
        let (na, nb) = (self.count, other.count);
        let n = na + nb;
        let delta = other.mean - self.mean;
        let d_n = delta / n;
        let second = self.second + other.second + delta * d_n * na * nb;
        let third = self.third
            + other.third
            + delta * d_n * d_n * na * nb * (na - nb)
            + 3.0 * d_n * (na * other.second - nb * self.second);
        let fourth = self.fourth
            + other.fourth
            + delta * d_n * d_n * d_n * na * nb * (na * na - na * nb + nb * nb)
            + 6.0 * d_n * d_n * (na * na * other.second + nb * nb * self.second)
            + 4.0 * d_n * (na * other.third - nb * self.third);
        Self { count: n, mean: self.mean + nb * d_n, second, third, fourth }
    }

    /// Bias relative to `truth`.
    #[must_use]
    pub fn bias(&self, truth: f64) -> Estimated {
        Estimated { value: self.mean - truth, standard_error: (self.variance().value / self.count).sqrt() }
    }

    /// Unbiased variance; standard error from the fourth moment.
    #[must_use]
    pub fn variance(&self) -> Estimated {
        let n = self.count;
        if n < 2.0 {
            return Estimated { value: f64::NAN, standard_error: f64::NAN };
        }
        let variance = self.second / (n - 1.0);
        let spread = self.fourth / n - variance * variance * (n - 3.0) / (n - 1.0);
        Estimated { value: variance, standard_error: (spread.max(0.0) / n).sqrt() }
    }

    /// Mean squared distance from `truth`; standard error from the fourth moment.
    #[must_use]
    pub fn mean_squared_error(&self, truth: f64) -> Estimated {
        let n = self.count;
        let d = self.mean - truth;
        let second = self.second / n;
        let value = second + d * d;
        if n < 2.0 {
            return Estimated { value, standard_error: f64::NAN };
        }
        let fourth = self.fourth / n + 4.0 * d * self.third / n + 6.0 * d * d * second + d.powi(4);
        Estimated { value, standard_error: ((fourth - value * value).max(0.0) / (n - 1.0)).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn direct(xs: &[f64]) -> Moments {
        let n = xs.len() as f64;
        let mean = xs.iter().sum::<f64>() / n;
        let sum = |p: i32| xs.iter().map(|x| (x - mean).powi(p)).sum();
        Moments { count: n, mean, second: sum(2), third: sum(3), fourth: sum(4) }
    }

    proptest! {
        #[test]
        fn merging_equals_the_whole(xs in prop::collection::vec(-10.0_f64..10.0, 2..60), cut in 1_usize..59) {
            let cut = cut.min(xs.len() - 1);
            let mut parts = [Moments::default(); 2];
            for (i, x) in xs.iter().enumerate() {
                parts[usize::from(i >= cut)].push(*x);
            }
            let merged = parts[0].merged(&parts[1]);
            let whole = direct(&xs);
            prop_assert!((merged.mean - whole.mean).abs() < 1e-10);
            prop_assert!((merged.second - whole.second).abs() < 1e-8 * (1.0 + whole.second));
            prop_assert!((merged.third - whole.third).abs() < 1e-8 * (1.0 + whole.fourth));
            prop_assert!((merged.fourth - whole.fourth).abs() < 1e-8 * (1.0 + whole.fourth));
            let mse: f64 = xs.iter().map(|x| (x - 3.0).powi(2)).sum::<f64>() / xs.len() as f64;
            prop_assert!((merged.mean_squared_error(3.0).value - mse).abs() < 1e-9 * (1.0 + mse));
        }
    }
}
