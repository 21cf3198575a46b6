//! Mean field: every acceptor holds a hole with probability p_i, independently of the others.
//!
//! An approximation: it neglects correlations between sites, which Coulomb interaction makes strong. Energies are
//! replaced by their means, E_i = base_i + Σ_j p_j u_ij (u_ij the pair energies), and holes hop from i to j at the mean rate p_i (1 − p_j)
//! Γ_ij, with Γ_ij the rate at the difference E_j − E_i. The pair term −u_ij of a single hop is left out: it depends
//! on the state, and with mean energies it would violate detailed balance. Without bias, the probabilities therefore
//! follow the Fermi-Dirac distribution at the self-consistent energies, p_i = 1/(1 + exp(E_i − V)), and no current
//! flows.
//!
//! The cost is O(N³) for any N. Compared with the exact solution on all 256 states of eight acceptors (30 discs, four
//! electrodes within 0.1 V), the median error of a current is 1.4 % at e²/4πεRkT = 1, 13 % at 3.5 and 36 % at 10
//! (`tests/suite/mean_field.rs`); on the strongly interacting kmc_dn devices it is 69 %
//! (`tests/suite/network_reference.rs`).

mod balance;
mod relaxation;

use faer::Mat;

use crate::error::NetworkError;
use crate::network::{Landscape, Network};
use balance::{Balance, Occupied};

/// Largest number of Newton steps for probabilities close to 0 and 1.
const MOST_POLISHING: usize = 12;
/// Largest imbalance of ln(p/(1 − p)) accepted afterwards.
const POLISHED: f64 = 1e-9;

/// Largest sum of all currents, as a fraction of the largest current and of the gross flow in both directions.
const CONSERVED: f64 = 1e-6;
const ROUNDING: f64 = 1e-12;

/// A fixed point.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanField {
    /// Current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Probability that each acceptor holds a hole.
    pub occupations: Vec<f64>,
    /// Iterations.
    pub steps: usize,
}

/// The largest size; infinite if one is not a number.
pub(crate) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |most: f64, x| if x.is_finite() { most.max(x.abs()) } else { f64::INFINITY })
}

/// The balanced probabilities and the number of steps.
fn settled(network: &Network, voltages_kt: &[f64], start: Option<&[f64]>) -> Result<(Balance, usize), NetworkError> {
    let landscape = network.landscape(voltages_kt);
    let mut base_kt = Vec::new();
    landscape.energies_kt(&crate::Occupation::default(), &mut base_kt);
    let (p, steps) = relaxation::relaxed(&landscape, &base_kt, start)?;
    let occupied = p.iter().map(|&p| Occupied::of_probability(p)).collect();
    Ok((polished(&landscape, &base_kt, Balance::new(&landscape, &base_kt, occupied)), steps))
}

/// Refines the balance by Newton's method in ln(p/(1 − p)), so that probabilities close to 0 or 1 converge in relative
/// terms. If it diverges, the probabilities are left unchanged.
fn polished(landscape: &Landscape<'_>, base_kt: &[f64], settled: Balance) -> Balance {
    let n = settled.wanted.len();
    let at = |logits: Vec<f64>| Balance::new(landscape, base_kt, logits.into_iter().map(Occupied::of_logit).collect());
    let mut balance = at(settled.wanted.clone());
    let mut before = largest(balance.logits_off());
    for _ in 0..MOST_POLISHING {
        let off = balance.logits_off();
        let change = balance.logits_from(landscape.network, &Mat::from_fn(n, 1, |i, _| off[i]));
        let trial = at((0..n).map(|i| balance.occupied[i].logit() + change[(i, 0)]).collect());
        let after = largest(trial.logits_off());
        if after >= before {
            break;
        }
        (balance, before) = (trial, after);
    }
    if before < POLISHED { balance } else { settled }
}

/// Refuses currents that do not add up to zero, since a fixed point conserves charge. `gross` is the total flow in both
/// directions at the electrodes, which determines the rounding error.
pub(crate) fn conserved(currents: &[f64], gross: f64) -> Result<(), NetworkError> {
    let (sum, most) = (currents.iter().sum::<f64>(), largest(currents.iter().copied()));
    if sum.abs() <= CONSERVED * most + ROUNDING * gross {
        return Ok(());
    }
    Err(NetworkError::NotConserved { sum, largest: most })
}

/// Mean-field currents at given voltages \[kT\], starting from given probabilities (default one half).
///
/// # Errors
/// If the iteration does not converge, or its currents do not add up to zero.
pub fn mean_field(network: &Network, voltages_kt: &[f64], start: Option<&[f64]>) -> Result<MeanField, NetworkError> {
    let (n, sites) = (network.acceptors(), network.sites());
    let (balance, steps) = settled(network, voltages_kt, start)?;
    let mut gross = 0.0;
    let mut current = |e: usize| -> f64 {
        let net = |i: usize| {
            let (inward, outward) = (balance.flow(network, i, e), balance.flow(network, e, i));
            gross += inward + outward;
            inward - outward
        };
        (0..n).map(net).sum()
    };
    let currents: Vec<f64> = (n..sites).map(&mut current).collect();
    conserved(&currents, gross)?;
    let occupations = balance.occupied[..n].iter().map(|o| o.hole.exp()).collect();
    Ok(MeanField { currents, occupations, steps })
}

/// Derivatives of the mean-field currents ∂I_k/∂V_m \[eν₀/kT\], `[k][m]`: by implicit differentiation of the fixed
/// point.
///
/// # Errors
/// If the iteration does not converge.
pub fn mean_field_gradient(network: &Network, voltages_kt: &[f64]) -> Result<Vec<Vec<f64>>, NetworkError> {
    let (n, electrodes) = (network.acceptors(), network.electrodes());
    let (balance, _) = settled(network, voltages_kt, None)?;
    let direct = Mat::from_fn(n, electrodes, |i, m| {
        let felt = |site: usize| network.potential(m, site);
        balance.by_energy[i].iter().enumerate().map(|(j, s)| s * (felt(i) - felt(j))).sum::<f64>()
    });
    let logits = balance.logits_from(network, &direct);
    let holes = Mat::from_fn(n, electrodes, |j, m| balance.occupied[j].softness() * logits[(j, m)]);
    let repelled = Mat::from_fn(n, n, |i, j| network.coulomb_kt(i, j)) * holes;
    let law = network.law();
    let derivative = |e: usize, m: usize| -> f64 {
        let of_acceptor = |i: usize| {
            // energy of the acceptor relative to that of the electrode
            let raised = repelled[(i, m)] + network.potential(m, i) - network.potential(m, e);
            let (p, q) = (balance.occupied[i].hole.exp(), balance.occupied[i].hollow.exp());
            let out = q * logits[(i, m)] - law.log_slope(balance.difference_kt(i, e)) * raised;
            let back = -p * logits[(i, m)] + law.log_slope(balance.difference_kt(e, i)) * raised;
            balance.flow(network, i, e) * out - balance.flow(network, e, i) * back
        };
        (0..n).map(of_acceptor).sum()
    };
    let gradient: Vec<Vec<f64>> =
        (n..network.sites()).map(|e| (0..electrodes).map(|m| derivative(e, m)).collect()).collect();
    let finite = gradient.iter().flatten().all(|g| g.is_finite());
    finite.then_some(gradient).ok_or(NetworkError::NotSettled { what: "the derivative of the mean field" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currents_that_do_not_add_up_to_zero_are_refused() {
        assert!(conserved(&[1.0, -0.25, -0.75], 2.0).is_ok());
        // rounding of large flows in both directions
        assert!(conserved(&[3e-14, -1e-14, 1e-14], 2.0).is_ok());
        for (currents, gross) in
            [(vec![1.0, -0.25, -0.749], 2.0), (vec![1e-14, 2e-14], 1e-6), (vec![f64::NAN, 1.0], 2.0)]
        {
            let error = conserved(&currents, gross).unwrap_err().to_string();
            assert!(error.contains("did not converge") && error.contains("add up to"), "{error}");
        }
    }
}
