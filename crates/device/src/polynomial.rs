//! Polynomials of the parameters: the third-order I-V curve of B25 Fig. 2b, and second-order mixing terms.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::seed::{self, Purpose};
use settings::{SettingError, number_within, within};

use crate::kind::{DeviceKind, Surroundings};
use crate::linear::check_width;
use crate::{Device, DeviceError};

/// A polynomial device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolynomialSettings {
    /// Coefficients of w, w², w³, … for each parameter (nA/V, nA/V², …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<Vec<Vec<f64>>>,
    /// Instead of `coefficients`: random Gaussian coefficients of w, w² and products of two parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<RandomPolynomial>,
    /// Current at zero voltage (nA).
    #[serde(default)]
    pub offset_na: f64,
    /// Coefficients of products of two parameters (nA/V²), M × M, above the diagonal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixing_na_per_volt2: Option<Vec<Vec<f64>>>,
    /// Operating point (V); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// Largest number of parameters of a random polynomial, which has one coefficient for each pair.
const MOST_OF_POLYNOMIAL: usize = 1000;
/// Largest standard deviation for which the coefficients and their products with voltages remain finite.
const LARGEST_DEVIATION: f64 = 1e30;

/// Independent Gaussian coefficients with zero mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomPolynomial {
    /// Number of parameters.
    pub parameters: usize,
    /// Standard deviation of the coefficients of w (nA/V).
    pub linear_na_per_volt: f64,
    /// Standard deviation of the coefficients of w² (nA/V²).
    #[serde(default)]
    pub square_na_per_volt2: f64,
    /// Standard deviation of the coefficients of products of two parameters (nA/V²).
    #[serde(default)]
    pub mixing_na_per_volt2: f64,
    /// Seed.
    #[serde(default)]
    pub seed: u64,
}

/// Coefficients of w, w², … for each parameter, and those of products of two, if any.
type Coefficients = (Vec<Vec<f64>>, Option<Vec<Vec<f64>>>);

impl PolynomialSettings {
    /// The coefficients, as given or drawn.
    fn coefficients(&self) -> Result<Coefficients, SettingError> {
        match (&self.coefficients, &self.random) {
            (Some(coefficients), None) => Ok((coefficients.clone(), self.mixing_na_per_volt2.clone())),
            (None, Some(_)) if self.mixing_na_per_volt2.is_some() => Err(SettingError::new(
                "mixing_na_per_volt2",
                "cannot be combined with `random`, which draws its own: leave it out, or give `coefficients`",
            )),
            (None, Some(random)) => random.draw().map_err(|e| e.within("random")),
            (Some(_), Some(_)) => {
                Err(SettingError::new("random", "cannot be combined with `coefficients`: give one of the two"))
            }
            (None, None) => Err(SettingError::whole("needs `coefficients` (a list of lists) or `random` (a table)")),
        }
    }
}

impl DeviceKind for PolynomialSettings {
    fn build(&self, _around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        let (coefficients, mixing_na_per_volt2) = self.coefficients()?;
        Ok(Arc::new(Polynomial::new(self.offset_na, coefficients, mixing_na_per_volt2)?))
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }
}

impl RandomPolynomial {
    /// Linear coefficients first, then squares, then products row by row: changing the standard deviation of one kind
    /// scales that kind and leaves the others unchanged.
    fn draw(&self) -> Result<Coefficients, SettingError> {
        let parameters = within("parameters", self.parameters, 1..=MOST_OF_POLYNOMIAL)?;
        let deviation = |key: &'static str, x: f64| number_within(key, x, 0.0..=LARGEST_DEVIATION);
        let linear = deviation("linear_na_per_volt", self.linear_na_per_volt)?;
        let square = deviation("square_na_per_volt2", self.square_na_per_volt2)?;
        let mixing = deviation("mixing_na_per_volt2", self.mixing_na_per_volt2)?;
        let mut rng = seed::stream(self.seed, Purpose::Gradient);
        let mut draw = |of: f64| -> f64 {
            let standard: f64 = StandardNormal.sample(&mut rng);
            of * standard
        };
        let mut coefficients: Vec<Vec<f64>> = (0..parameters).map(|_| vec![draw(linear)]).collect();
        coefficients.iter_mut().for_each(|c| c.push(draw(square)));
        let products = (mixing > 0.0).then(|| {
            let mut products = vec![vec![0.0; parameters]; parameters];
            for (m, row) in products.iter_mut().enumerate() {
                row[m + 1..].iter_mut().for_each(|q| *q = draw(mixing));
            }
            products
        });
        Ok((coefficients, products))
    }
}

/// `I = I₀ + Σ_m Σ_k c_mk w_m^k + Σ_{m<n} q_mn w_m w_n`, with k from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Polynomial {
    offset_na: f64,
    coefficients: Vec<Vec<f64>>,
    mixing_na_per_volt2: Option<Array2<f64>>,
}

impl Polynomial {
    /// `coefficients[m][k − 1]` belongs to w_m^k \[nA/V^k\]; `mixing_na_per_volt2`, if given, is M × M, of which only
    /// the part above the diagonal is used.
    ///
    /// # Errors
    /// If there is no parameter, the mixing matrix is not M × M, or a number is not finite.
    pub fn new(
        offset_na: f64,
        coefficients: Vec<Vec<f64>>,
        mixing_na_per_volt2: Option<Vec<Vec<f64>>>,
    ) -> Result<Self, DeviceError> {
        let bad = |name, what: String| Err(DeviceError::Description { name, what });
        let parameters = coefficients.len();
        if parameters == 0 {
            return bad("coefficients", "is empty: a device needs at least one parameter".to_owned());
        }
        if !offset_na.is_finite() {
            return bad("offset_na", format!("is {offset_na}: must be finite"));
        }
        for (m, row) in coefficients.iter().enumerate() {
            if row.is_empty() || row.iter().any(|c| !c.is_finite()) {
                return bad("coefficients", format!("row {m} must hold at least one number, all finite"));
            }
        }
        let mixing_na_per_volt2 = match mixing_na_per_volt2 {
            None => None,
            Some(rows) => {
                if rows.len() != parameters || rows.iter().any(|r| r.len() != parameters) {
                    return bad("mixing_na_per_volt2", format!("must be {parameters} rows of {parameters} numbers"));
                }
                let matrix = Array2::from_shape_fn((parameters, parameters), |(m, n)| rows[m][n]);
                if matrix.iter().any(|q| !q.is_finite()) {
                    return bad("mixing_na_per_volt2", "holds a number that is not finite".to_owned());
                }
                Some(matrix)
            }
        };
        Ok(Self { offset_na, coefficients, mixing_na_per_volt2 })
    }
}

impl Device for Polynomial {
    fn parameters(&self) -> usize {
        self.coefficients.len()
    }

    fn evaluate(
        &self,
        parameters_volt: ArrayView2<f64>,
        mut currents_na: ArrayViewMut2<f64>,
    ) -> Result<(), DeviceError> {
        check_width(self, &parameters_volt)?;
        for (w, mut current) in parameters_volt.rows().into_iter().zip(currents_na.rows_mut()) {
            let mut sum = self.offset_na;
            for (row, &wm) in self.coefficients.iter().zip(w) {
                sum += wm * row.iter().rev().fold(0.0, |acc, c| acc * wm + c);
            }
            if let Some(q) = &self.mixing_na_per_volt2 {
                for m in 0..w.len() {
                    for n in m + 1..w.len() {
                        sum += q[[m, n]] * w[m] * w[n];
                    }
                }
            }
            current[0] = sum;
        }
        Ok(())
    }

    fn gradient(&self, w: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let mut out = Array2::zeros((1, w.len()));
        for (m, row) in self.coefficients.iter().enumerate() {
            out[[0, m]] = row.iter().enumerate().rev().fold(0.0, |acc, (k, c)| acc * w[m] + (k as f64 + 1.0) * c);
            if let Some(q) = &self.mixing_na_per_volt2 {
                for n in 0..w.len() {
                    out[[0, m]] += match m.cmp(&n) {
                        std::cmp::Ordering::Less => q[[m, n]] * w[n],
                        std::cmp::Ordering::Equal => 0.0,
                        std::cmp::Ordering::Greater => q[[n, m]] * w[n],
                    };
                }
            }
        }
        Ok(Some(out))
    }

    fn curvature_along(&self, w: &[f64], d: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        let mut sum = 0.0;
        for (m, row) in self.coefficients.iter().enumerate() {
            let bent = row.iter().enumerate().skip(1).rev().fold(0.0, |acc, (k, c)| {
                let k = k as f64;
                acc * w[m] + k * (k + 1.0) * c
            });
            sum += bent * d[m] * d[m];
        }
        if let Some(q) = &self.mixing_na_per_volt2 {
            for m in 0..d.len() {
                for n in m + 1..d.len() {
                    sum += 2.0 * q[[m, n]] * d[m] * d[n];
                }
            }
        }
        Ok(Some(vec![sum]))
    }

    fn is_affine(&self) -> bool {
        self.coefficients.iter().all(|row| row.len() == 1) && self.mixing_na_per_volt2.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        let mixing = vec![vec![0.0, 7.0, -3.0], vec![0.0; 3], vec![0.0; 3]];
        let device = Polynomial::new(1.0, vec![vec![1.0, -2.0, 5.0], vec![3.0], vec![0.0, 4.0]], Some(mixing)).unwrap();
        crate::conformance::gradient_equals_differences(&device, &[0.3, -0.7, 0.9], 1e-8);
        crate::conformance::curvature_equals_differences(&device, &[0.3, -0.7, 0.9], 1e-2, 1e-10);
        // 2·(−2) + 6·5·0.3, nothing, 2·4
        let diagonal = device.curvature(&[0.3, -0.7, 0.9]).unwrap().unwrap();
        assert!(diagonal.iter().zip([5.0, 0.0, 8.0]).all(|(c, by_hand)| (c - by_hand).abs() < 1e-12), "{diagonal}");
    }

    #[test]
    fn a_cubic_is_a_cubic() {
        let device = Polynomial::new(2.0, vec![vec![1.0, 0.5, -3.0]], None).unwrap();
        let y = crate::currents_na(&device, ndarray::array![[2.0]].view()).unwrap();
        assert!((y[0] - (2.0 + 2.0 + 0.5 * 4.0 - 3.0 * 8.0)).abs() < 1e-12);
    }

    fn random(square: f64, mixing: f64) -> RandomPolynomial {
        RandomPolynomial {
            parameters: 200,
            linear_na_per_volt: 30.0,
            square_na_per_volt2: square,
            mixing_na_per_volt2: mixing,
            seed: 1,
        }
    }

    /// The standard deviation of n numbers is known to 1/√(2n): 5 % for 200 numbers, 0.5 % for 19 900. A correct
    /// generator exceeds bounds of 4.4 standard errors once in 100 000.
    #[test]
    fn coefficients_have_their_deviations() {
        let (coefficients, products) = random(5.0, 2.0).draw().unwrap();
        let deviation = |x: &[f64]| (x.iter().map(|c| c * c).sum::<f64>() / x.len() as f64).sqrt();
        let of_power = |k: usize| coefficients.iter().map(|c| c[k]).collect::<Vec<f64>>();
        assert!((deviation(&of_power(0)) / 30.0 - 1.0).abs() < 0.22);
        assert!((deviation(&of_power(1)) / 5.0 - 1.0).abs() < 0.22);
        let products = products.unwrap();
        let above: Vec<f64> = (0..200).flat_map(|m| products[m][m + 1..].to_vec()).collect();
        assert_eq!(above.len(), 19_900);
        assert!((deviation(&above) / 2.0 - 1.0).abs() < 0.022);
    }

    #[test]
    fn another_curvature_leaves_the_gradient_as_it_is() {
        let (bent, _) = random(5.0, 2.0).draw().unwrap();
        let (straight, none) = random(0.0, 0.0).draw().unwrap();
        assert!(none.is_none());
        assert!(bent.iter().zip(&straight).all(|(a, b)| a[0].to_bits() == b[0].to_bits() && b[1].abs() <= 0.0));
    }
}
