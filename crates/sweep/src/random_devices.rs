//! `device.random`: linear and polynomial devices whose coefficients are drawn.

use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::KeyError;
use crate::limits::{number_within, within};
use crate::scenario::{LinearDevice, PolynomialDevice};
use crate::seed::{self, Purpose};

/// Most parameters of a random linear device, and of a random polynomial, which has a coefficient for each pair.
const MOST_PARAMETERS: usize = 100_000;
const MOST_OF_POLYNOMIAL: usize = 1000;
/// Largest standard deviation: what is drawn, and its products with voltages, are still numbers.
const LARGEST_DEVIATION: f64 = 1e30;

/// Independent Gaussian derivatives of zero mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomGradient {
    /// Their number.
    pub parameters: usize,
    /// Their standard deviation (nA/V).
    pub deviation_na_per_volt: f64,
    /// Seed.
    #[serde(default)]
    pub seed: u64,
}

/// Independent Gaussian coefficients of zero mean.
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

/// The gradient of a linear device, as given or drawn.
pub(crate) fn linear_gradient(section: &LinearDevice) -> Result<Vec<f64>, KeyError> {
    match (&section.gradient_na_per_volt, &section.random) {
        (Some(gradient), None) => Ok(gradient.clone()),
        (None, Some(random)) => {
            let deviation = random.deviation_na_per_volt;
            within("device.random.parameters", random.parameters, 1..=MOST_PARAMETERS)?;
            if deviation <= 0.0 {
                let message = format!("found {deviation}: must be a positive number");
                return Err(KeyError::new("device.random.deviation_na_per_volt", message));
            }
            let mut rng = seed::stream(random.seed, Purpose::Gradient);
            let draw = |_| -> f64 { StandardNormal.sample(&mut rng) };
            Ok((0..random.parameters).map(draw).map(|g| deviation * g).collect())
        }
        (Some(_), Some(_)) => {
            Err(KeyError::new("device.random", "stands beside `gradient_na_per_volt`: give one of the two"))
        }
        (None, None) => Err(KeyError::new("device", "needs `gradient_na_per_volt` (a list) or `random` (a table)")),
    }
}

/// For each parameter its coefficients of w, w², …; then those of products of two, if there are any.
type Coefficients = (Vec<Vec<f64>>, Option<Vec<Vec<f64>>>);

/// The coefficients of a polynomial device, as given or drawn.
pub(crate) fn polynomial_coefficients(section: &PolynomialDevice) -> Result<Coefficients, KeyError> {
    match (&section.coefficients, &section.random) {
        (Some(coefficients), None) => Ok((coefficients.clone(), section.mixing_na_per_volt2.clone())),
        (None, Some(_)) if section.mixing_na_per_volt2.is_some() => Err(KeyError::new(
            "device.mixing_na_per_volt2",
            "stands beside `random`, which draws its own: leave it out, or give `coefficients`",
        )),
        (None, Some(random)) => random.draw(),
        (Some(_), Some(_)) => Err(KeyError::new("device.random", "stands beside `coefficients`: give one of the two")),
        (None, None) => Err(KeyError::new("device", "needs `coefficients` (a list of lists) or `random` (a table)")),
    }
}

impl RandomPolynomial {
    /// Linear coefficients first, then squares, then products row by row: another deviation of one kind scales it and leaves the
    /// others as they are.
    fn draw(&self) -> Result<Coefficients, KeyError> {
        let parameters = within("device.random.parameters", self.parameters, 1..=MOST_OF_POLYNOMIAL)?;
        let deviation = |key: &'static str, x: f64| number_within(key, x, 0.0..=LARGEST_DEVIATION);
        let linear = deviation("device.random.linear_na_per_volt", self.linear_na_per_volt)?;
        let square = deviation("device.random.square_na_per_volt2", self.square_na_per_volt2)?;
        let mixing = deviation("device.random.mixing_na_per_volt2", self.mixing_na_per_volt2)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn random(square: f64, mixing: f64) -> RandomPolynomial {
        RandomPolynomial {
            parameters: 200,
            linear_na_per_volt: 30.0,
            square_na_per_volt2: square,
            mixing_na_per_volt2: mixing,
            seed: 1,
        }
    }

    /// Standard deviations: of n numbers known to 1/√(2n); 200 numbers to 5 %, 19 900 to 0.5 %. Bounds of 4.4, once in 100 000.
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
