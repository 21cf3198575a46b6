//! Mean field with pair correlations: of all distributions over occupations n, the one that has the probabilities n_i and n_ij (both hold a
//! hole) and nothing else, ln P(n) = −Σ h_i n_i − Σ J_ij n_i n_j + const (the one of largest entropy).
//!
//! The fields h_i and couplings J_ij follow from the condition that no n_i and no n_ij changes in time, where every hop has its rate at the
//! energies of the state that it starts from, averaged over P. Boltzmann's law, h_i = E_i − V and J_ij = C/r_ij, is of this form and solves
//! the equations without bias, so that no current flows then. Close to it, this is the variational principle of the conductance with
//! functions of one and two occupations: the error of the current is of second order in what these leave out.
//!
//! Neglected are correlations between three and more acceptors that do not come from pairs. A hop's rate is averaged over all joint
//! occupations of twelve acceptors (`FOLLOWED`), those between which it leads and those that repel holes on them most; what is
//! farther away counts by its mean occupation, in the rate and in P alike, so that detailed balance holds nevertheless. Up to that
//! number of acceptors, only the form of P is approximate. Probabilities of a neighbourhood are those of a distribution over its 2^12
//! occupations: they lie between 0 and 1 and fit each other.
//!
//! How much closer it is than the mean field stands in docs/dopant-network.md and is tested in `tests/suite/pair_mean_field.rs`. It was derived
//! here, and not compared with the closure of van Wonisch et al., arXiv 2402.12223, which has the same aim.

mod closure;
mod neighbourhood;
mod relaxation;

use crate::error::NetworkError;
use crate::mean_field::{conserved, largest};
use crate::network::Network;
use closure::Closure;

/// Imbalance of an acceptor, as a fraction of the largest current and of its gross flow, that is accepted.
const BALANCED: f64 = 1e-6;
const ROUNDING: f64 = 1e-12;

/// Most acceptors: work grows with the third power of their number and more, from seconds at 30 to hours.
const MOST_ACCEPTORS: usize = 40;

/// A fixed point.
#[derive(Clone, Debug, PartialEq)]
pub struct PairMeanField {
    /// Current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Probability that each acceptor holds a hole.
    pub occupations: Vec<f64>,
    /// Steps of the iteration.
    pub steps: usize,
}

/// Currents at given voltages \[kT\] in the mean field with pair correlations.
///
/// # Errors
/// If there are more than 40 acceptors, the iteration does not converge, or its currents do not add up to zero.
pub fn pair_mean_field(network: &Network, voltages_kt: &[f64]) -> Result<PairMeanField, NetworkError> {
    let acceptors = network.acceptors();
    if acceptors > MOST_ACCEPTORS {
        let what = format!(
            "has {acceptors} acceptors: the mean field with pair correlations takes too long beyond {MOST_ACCEPTORS}; use the method `events`"
        );
        return Err(NetworkError::entry("acceptors", what));
    }
    let closure = Closure::new(&network.landscape(voltages_kt));
    let (found, steps) = relaxation::relaxed(&closure)?;
    conserved(&found.currents, found.gross_current)?;
    let most = largest(found.currents.iter().copied());
    let balanced = |i: usize| found.off[i].abs() <= BALANCED * most + ROUNDING * found.gross[i];
    if !(0..acceptors).all(balanced) {
        return Err(relaxation::NOT_SETTLED);
    }
    Ok(PairMeanField { currents: found.currents, occupations: found.occupations, steps })
}
