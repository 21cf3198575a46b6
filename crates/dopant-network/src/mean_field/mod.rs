//! Mean field: every acceptor holds a hole with its own probability p_i, at the mean energy E_i = base_i + Σ_j p_j C/r_ij.
//!
//! An approximation, named so everywhere: it knows of correlations no more than what two sites do to one another. A hop
//! from i to j needs a hole on i and none on j; how often that is follows from p_i, p_j and the repulsion of the two
//! ([`pair`]). The energy difference of the hop is E_j − E_i + ln(p_j (1 − p_i)/(p_i (1 − p_j))) + ln(P(i alone)/P(j alone)): to
//! first order in the repulsion what a single hop sees, and in detailed balance at any strength. So without bias the
//! probabilities are those of Fermi and Dirac at the self-consistent energies, p_i = 1/(1 + exp(E_i − V)), and no current flows.
//!
//! It costs O(N³) for any N. How good it is depends on the interaction of neighbours,
//! [`crate::DopantNetwork::interaction_kt`]: `tests/suite/mean_field.rs` measures it, README quotes the numbers.

mod balance;
mod pair;

use faer::linalg::solvers::Solve;

use crate::error::NetworkError;
use crate::network::{Landscape, Network};
use balance::Balance;
use pair::Occupied;

/// Most steps of the iteration.
const MOST_STEPS: usize = 3000;
/// Distance of every probability from its balance at which it has settled.
const SETTLED: f64 = 1e-9;
/// How far currents may be from adding up to zero: a part of the largest one, and of all that flows to and fro.
const CONSERVED: f64 = 1e-6;
const ROUNDING: f64 = 1e-13;
/// Newton steps that follow, for the probabilities close to 0 and 1.
const MOST_POLISHING: usize = 12;
/// First step in pseudo-time.
const FIRST_STEP: f64 = 0.05;
/// Largest change of a probability in one step.
const LONGEST_STEP: f64 = 0.2;

/// A fixed point.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanField {
    /// Current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Probability that each acceptor holds a hole.
    pub occupations: Vec<f64>,
    /// Steps taken.
    pub steps: usize,
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |most: f64, x| if x.is_finite() { most.max(x.abs()) } else { f64::INFINITY })
}

/// Where the probabilities are in balance, by Newton's method in pseudo-time (Kelley and Keyes, SIAM J. Numer. Anal. 35,
/// 508 (1998)), and the steps that it took.
fn settled(
    landscape: &Landscape<'_>,
    base_kt: &[f64],
    start: Option<&[f64]>,
) -> Result<(Balance, usize), NetworkError> {
    let network = landscape.network;
    let n = network.acceptors();
    let first = |i: usize| start.map_or(Occupied::new(0.5, 0.5), |p| Occupied::new(p[i], 1.0 - p[i]));
    let mut balance = Balance::new(landscape, base_kt, (0..n).map(first).collect());
    // how far a probability is from the one that its flows ask for
    let off = |balance: &Balance| -> Vec<f64> {
        let pairs = balance.wanted.iter().zip(&balance.occupied);
        pairs.map(|(w, o)| Occupied::of_logit(*w).hole.exp() - o.hole.exp()).collect()
    };
    let mut now = off(&balance);
    let mut pseudo_time = if start.is_some() { 1e6 } else { FIRST_STEP };
    for steps in 1..=MOST_STEPS {
        let before = largest(now.iter().copied());
        if before < SETTLED {
            return Ok((polished(landscape, base_kt, balance), steps));
        }
        let jacobian = balance.jacobian(network);
        let matrix = faer::Mat::from_fn(n, n, |i, k| {
            let own = if i == k { 1.0 + 1.0 / pseudo_time } else { 0.0 };
            own - Occupied::of_logit(balance.wanted[i]).softness() * jacobian[(i, k)]
        });
        let right = faer::Mat::from_fn(n, 1, |i, _| now[i]);
        let change = matrix.partial_piv_lu().solve(&right);
        let longest = largest((0..n).map(|i| change[(i, 0)]));
        let shortened = if longest > LONGEST_STEP { LONGEST_STEP / longest } else { 1.0 };
        if longest.is_finite() {
            let moved = balance.occupied.iter().enumerate().map(|(i, o)| {
                let step = shortened * change[(i, 0)];
                Occupied::new(o.hole.exp() + step, o.hollow.exp() - step)
            });
            let trial = Balance::new(landscape, base_kt, moved.collect());
            let then = off(&trial);
            let after = largest(then.iter().copied());
            if after <= 2.0 * before || pseudo_time <= 1e-3 {
                pseudo_time = (pseudo_time * (before / after).clamp(0.5, 3.0) * 1.05).clamp(1e-3, 1e12);
                (balance, now) = (trial, then);
                continue;
            }
        }
        pseudo_time *= 0.3;
    }
    Err(NetworkError::NotSettled { what: "the mean field" })
}

/// Newton steps in ln(p/(1 − p)), as long as they bring the probabilities closer to balance, in relative terms.
fn polished(landscape: &Landscape<'_>, base_kt: &[f64], mut balance: Balance) -> Balance {
    let n = balance.occupied.len();
    for _ in 0..MOST_POLISHING {
        let now = balance.imbalance();
        let change = logits_from(&balance, landscape.network, faer::Mat::from_fn(n, 1, |i, _| now[i]));
        let moved = (0..n).map(|i| Occupied::of_logit(balance.occupied[i].logit() + change[(i, 0)]));
        let trial = Balance::new(landscape, base_kt, moved.collect());
        if largest(trial.imbalance().into_iter()) >= largest(now.into_iter()) {
            break;
        }
        balance = trial;
    }
    balance
}

/// Changes of ln(p/(1 − p)) that make up for given changes of what the flows ask for, one column each.
fn logits_from(balance: &Balance, network: &Network, wanted: faer::Mat<f64>) -> faer::Mat<f64> {
    let jacobian = balance.jacobian(network);
    let n = network.acceptors();
    let matrix = faer::Mat::from_fn(n, n, |i, k| {
        f64::from(u8::from(i == k)) - jacobian[(i, k)] * balance.occupied[k].softness()
    });
    matrix.partial_piv_lu().solve(&wanted)
}

fn base_kt(landscape: &Landscape<'_>) -> Vec<f64> {
    let mut base_kt = Vec::new();
    landscape.energies_kt(&crate::Occupation::default(), &mut base_kt);
    base_kt
}

/// Mean-field currents at given voltages \[kT\], from given probabilities (one half if none).
///
/// # Errors
/// If the iteration does not settle.
pub fn mean_field(network: &Network, voltages_kt: &[f64], start: Option<&[f64]>) -> Result<MeanField, NetworkError> {
    let landscape = network.landscape(voltages_kt);
    let (balance, steps) = settled(&landscape, &base_kt(&landscape), start)?;
    let currents: Vec<f64> = (0..network.electrodes()).map(|k| balance.current(network, k)).collect();
    let gross: f64 = (0..network.electrodes()).map(|k| balance.gross_flow(network, k)).sum();
    if currents.iter().sum::<f64>().abs() > CONSERVED * largest(currents.iter().copied()) + ROUNDING * gross {
        return Err(NetworkError::NotSettled { what: "the mean field" });
    }
    Ok(MeanField { currents, occupations: balance.occupied.iter().map(|o| o.hole.exp()).collect(), steps })
}

/// Derivatives of the mean-field currents ∂I_k/∂V_m \[eν₀/kT\], `[k][m]`: the fixed point, differentiated implicitly.
///
/// # Errors
/// If the fixed point does not settle.
pub fn mean_field_gradient(network: &Network, voltages_kt: &[f64]) -> Result<Vec<Vec<f64>>, NetworkError> {
    let (n, electrodes) = (network.acceptors(), network.electrodes());
    let landscape = network.landscape(voltages_kt);
    let (balance, _) = settled(&landscape, &base_kt(&landscape), None)?;
    let direct: Vec<Vec<f64>> = (0..electrodes).map(|m| balance.by_voltage(network, m)).collect();
    let logits = logits_from(&balance, network, faer::Mat::from_fn(n, electrodes, |i, m| direct[m][i]));
    let holes = faer::Mat::from_fn(n, electrodes, |j, m| balance.occupied[j].softness() * logits[(j, m)]);
    let repelled = faer::Mat::from_fn(n, n, |i, j| network.coulomb_kt(i, j)) * holes;
    let gradient: Vec<Vec<f64>> = (0..electrodes)
        .map(|k| {
            let derivative = |m: usize| {
                let of_electrode = network.potential(m, n + k);
                let energies: Vec<f64> =
                    (0..n).map(|i| repelled[(i, m)] + network.potential(m, i) - of_electrode).collect();
                let logits: Vec<f64> = (0..n).map(|i| logits[(i, m)]).collect();
                balance.current_change(network, k, &logits, &energies)
            };
            (0..electrodes).map(derivative).collect()
        })
        .collect();
    let finite = gradient.iter().flatten().all(|g| g.is_finite());
    finite.then_some(gradient).ok_or(NetworkError::NotSettled { what: "the derivative of the mean field" })
}
