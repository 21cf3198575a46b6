//! Polynomials of the parameters: the third-order I-V curve of B25 Fig. 2b, and second-order mixing.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::linear::check_width;
use crate::{Device, DeviceError};

/// `I = I₀ + Σ_m Σ_k c_mk w_m^k + Σ_{m<n} q_mn w_m w_n`, with k from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Polynomial {
    offset_na: f64,
    coefficients: Vec<Vec<f64>>,
    mixing_na_per_volt2: Option<Array2<f64>>,
}

impl Polynomial {
    /// `coefficients[m][k − 1]` belongs to w_m^k \[nA/V^k\]; `mixing_na_per_volt2`, if given, is M × M, of which the part
    /// above the diagonal counts.
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
}
