//! Conductance against temperature, and the law of hopping that it follows: ln G = ln G₀ − (T₀/T)^p.
//!
//! p is 1 where holes hop between neighbours, 1/2 where a Coulomb gap counts (Efros and Shklovskii, J. Phys. C 8, L49 (1975)), 1/3 in two
//! dimensions without one (Mott, Phil. Mag. 19, 835 (1969)).

use crate::description::{Description, DopantNetwork};
use crate::error::NetworkError;
use crate::events::{ResponseOptions, response};
use crate::straight_line::StraightLine;

/// Conductance of an electrode at a temperature: minus its current over a small voltage of its own, all others at 0 V.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conductance {
    /// Temperature \[K\].
    pub temperature_kelvin: f64,
    /// Conductance \[nA/V\].
    pub na_per_volt: f64,
    /// Its standard error \[nA/V\]; infinite where nothing is known.
    pub standard_error: f64,
}

/// Finds the conductance of an electrode from events at one temperature; everything else is as in the description. `device` is that of the
/// description at another temperature, from which is taken what does not depend on it.
///
/// # Errors
/// If the description is invalid at this temperature.
pub fn conductance(
    description: &Description,
    device: &DopantNetwork,
    electrode: usize,
    temperature_kelvin: f64,
    options: &ResponseOptions,
) -> Result<Conductance, NetworkError> {
    let description = Description { temperature_kelvin, ..description.clone() };
    let device = DopantNetwork::from_description_near(&description, [device])?;
    let landscape = device.network.landscape(&vec![0.0; device.network.electrodes()]);
    let found = response(&landscape, device.initial, &ResponseOptions { electrode: Some(electrode), ..*options });
    let scale = device.conversion.na_per_charge_rate * device.conversion.kt_per_volt;
    let error = found.gradient_standard_errors[electrode][electrode] * scale;
    Ok(Conductance {
        temperature_kelvin,
        na_per_volt: -found.gradient[electrode][electrode] * scale,
        standard_error: if found.relative_error.is_finite() { error } else { f64::INFINITY },
    })
}

/// ln G = ln G₀ − (T₀/T)^p, fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoppingLaw {
    /// G₀ \[nA/V\].
    pub prefactor_na_per_volt: f64,
    /// T₀ \[K\].
    pub temperature_kelvin: f64,
    /// p.
    pub exponent: f64,
    /// Where χ² exceeds its least value by 1, or by its least value for each degree of freedom if that is more: the law then does not hold to
    /// within the errors.
    pub exponent_range: [f64; 2],
    /// χ² for each degree of freedom, with errors of 5 % at least.
    pub chi_squared: f64,
}

/// Least error of a conductance in the fit, as a fraction of it: the law holds to no better, so that the lowest temperatures, where
/// few states count and conductances are known best, do not decide alone.
const LEAST_ERROR: f64 = 0.05;
/// Exponents that are tried.
const EXPONENTS: std::ops::RangeInclusive<f64> = 0.05..=2.0;
const TRIED: usize = 1951;

impl HoppingLaw {
    /// Least squares in ln G, over all conductances that are positive and known better than to a half; `None` if these are at fewer than four
    /// temperatures, the conductance does not grow with temperature, or no exponent from 0.05 to 2 is the best.
    #[must_use]
    pub fn fitted(conductances: &[Conductance]) -> Option<Self> {
        let known: Vec<[f64; 3]> = conductances
            .iter()
            .filter(|c| c.na_per_volt > 0.0 && c.standard_error < 0.5 * c.na_per_volt)
            .map(|c| [c.temperature_kelvin, c.na_per_volt.ln(), (c.standard_error / c.na_per_volt).max(LEAST_ERROR)])
            .collect();
        let mut temperatures: Vec<f64> = known.iter().map(|[kelvin, ..]| *kelvin).collect();
        temperatures.sort_by(f64::total_cmp);
        temperatures.dedup();
        if temperatures.len() < 4 {
            return None;
        }
        let tried =
            |k: usize| EXPONENTS.start() + (EXPONENTS.end() - EXPONENTS.start()) * k as f64 / (TRIED - 1) as f64;
        let fits: Vec<(f64, StraightLine)> = (0..TRIED)
            .map(|k| {
                let against = |[t, y, error]: &[f64; 3]| [t.powf(-tried(k)), *y, *error];
                (tried(k), StraightLine::through(&known.iter().map(against).collect::<Vec<_>>()))
            })
            .collect();
        let &(exponent, line) = fits.iter().min_by(|a, b| a.1.chi_squared.total_cmp(&b.1.chi_squared))?;
        let is_inside = exponent > *EXPONENTS.start() && exponent < *EXPONENTS.end();
        if !(line.slope < 0.0 && is_inside) {
            return None;
        }
        let freedom = (known.len() - 3) as f64;
        let least = line.chi_squared;
        let allowed = least + (least / freedom).max(1.0);
        let within = || fits.iter().filter(|fit| fit.1.chi_squared <= allowed).map(|fit| fit.0);
        Some(Self {
            prefactor_na_per_volt: line.at(0.0).exp(),
            temperature_kelvin: (-line.slope).powf(1.0 / exponent),
            exponent,
            exponent_range: [within().fold(exponent, f64::min), within().fold(exponent, f64::max)],
            chi_squared: least / freedom,
        })
    }

    /// G at a temperature \[nA/V\].
    #[must_use]
    pub fn at(&self, temperature_kelvin: f64) -> f64 {
        self.prefactor_na_per_volt * (-(self.temperature_kelvin / temperature_kelvin).powf(self.exponent)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_is_found_from_its_own_values() {
        let law = HoppingLaw {
            prefactor_na_per_volt: 300.0,
            temperature_kelvin: 900.0,
            exponent: 0.5,
            exponent_range: [0.5; 2],
            chi_squared: 0.0,
        };
        let values = |t: f64, off: f64| Conductance {
            temperature_kelvin: t,
            na_per_volt: law.at(t) * (1.0 + off),
            standard_error: 0.02 * law.at(t),
        };
        let temperatures: Vec<f64> = (0..8).map(|k| 40.0 * 1.3_f64.powi(k)).collect();
        let exact: Vec<Conductance> = temperatures.iter().map(|t| values(*t, 0.0)).collect();
        let found = HoppingLaw::fitted(&exact).unwrap();
        assert!((found.exponent - 0.5).abs() < 1e-9 && (found.temperature_kelvin - 900.0).abs() < 1e-6, "{found:?}");
        assert!((found.prefactor_na_per_volt - 300.0).abs() < 1e-6 && found.chi_squared < 1e-12, "{found:?}");
        let [low, high] = found.exponent_range;
        assert!((0.02..0.2).contains(&(high - low)), "{found:?}");

        let unknown = Conductance { standard_error: f64::INFINITY, ..exact[0] };
        assert_eq!(HoppingLaw::fitted(&[unknown, exact[1], exact[2], exact[3]]), None);
        let falling: Vec<Conductance> = exact
            .iter()
            .map(|c| Conductance { na_per_volt: 1.0 / c.na_per_volt, standard_error: 1e-3 / c.na_per_volt, ..*c })
            .collect();
        assert_eq!(HoppingLaw::fitted(&falling), None);
        assert_eq!(HoppingLaw::fitted(&[exact[3]; 6]), None);
    }
}
