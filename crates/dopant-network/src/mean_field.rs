//! Mean field: every acceptor holds a hole with its own probability, independent of the others.
//!
//! An approximation, named so everywhere: correlations between sites, which Coulomb interaction makes strong, are lost.
//! Energies are replaced by their means, E_i = base_i + Σ_j p_j C/r_ij, and the probabilities are a fixed point of the
//! rate equations dp_i/dt = in_i (1 − p_i) − out_i p_i. It costs O(N²) for any N.
//! On twelve of the reference devices (`tests/suite/network_reference.rs` prints this) nine settle, and there the median
//! relative error of the currents above 10⁻⁶ eν₀ is 22 %; the smallest currents can be off by orders of magnitude. Use it for
//! sizes that nothing else reaches.

use faer::linalg::solvers::Solve;

use crate::error::NetworkError;
use crate::network::{Landscape, Network};

/// Most steps of the iteration.
const MOST_STEPS: usize = 3000;
/// Distance of every probability from its rate balance at which it has settled.
const SETTLED: f64 = 1e-12;
/// First step in pseudo-time.
const FIRST_STEP: f64 = 0.05;
/// Step of the derivative \[kT\].
const STEP_KT: f64 = 1e-4;

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

/// Rates in and out of every acceptor, and what the probabilities would be in balance with them.
struct Balance {
    energies_kt: Vec<f64>,
    inward: Vec<f64>,
    outward: Vec<f64>,
}

impl Balance {
    fn new(landscape: &Landscape<'_>, base_kt: &[f64], p: &[f64]) -> Self {
        let network = landscape.network;
        let (n, sites) = (network.acceptors(), network.sites());
        let mut energies_kt = base_kt.to_vec();
        for (i, energy) in energies_kt[..n].iter_mut().enumerate() {
            *energy += network.coulomb_row_kt(i).iter().zip(p).map(|(c, q)| c * q).sum::<f64>();
        }
        let mut balance = Self { energies_kt, inward: vec![0.0; n], outward: vec![0.0; n] };
        for i in 0..n {
            for j in (0..sites).filter(|&j| j != i) {
                let (hole, hollow) = if j < n { (p[j], 1.0 - p[j]) } else { (1.0, 1.0) };
                balance.inward[i] += hole * balance.rate(network, p, j, i).0;
                balance.outward[i] += hollow * balance.rate(network, p, i, j).0;
            }
        }
        balance
    }

    /// Mean rate of a hop and its logarithmic slope in the energy difference.
    fn rate(&self, network: &Network, p: &[f64], from: usize, to: usize) -> (f64, f64) {
        let n = network.acceptors();
        // the mean energy of `to` feels the hole that is surely on `from` in full, and the pair term takes it out again
        let pair = if from < n && to < n { network.coulomb_kt(from, to) * (p[to] - p[from]) } else { 0.0 };
        let difference = self.energies_kt[to] - self.energies_kt[from] + pair;
        let rate = (network.log_prefactor(from, to) + network.law().log_factor(difference)).exp();
        (rate, network.law().log_slope(difference))
    }

    /// Derivatives of g_i = in_i/(in_i + out_i) − p_i by all p_k.
    fn jacobian(&self, network: &Network, p: &[f64]) -> faer::Mat<f64> {
        let (n, sites) = (network.acceptors(), network.sites());
        let mut jacobian = faer::Mat::<f64>::zeros(n, n);
        let zero = vec![0.0; n];
        for i in 0..n {
            let (inward, outward) = (self.inward[i], self.outward[i]);
            let (by_in, by_out) = (outward / (inward + outward).powi(2), -inward / (inward + outward).powi(2));
            let own = network.coulomb_row_kt(i);
            for j in (0..sites).filter(|&j| j != i) {
                let acceptor = j < n;
                let (hole, hollow) = if acceptor { (p[j], 1.0 - p[j]) } else { (1.0, 1.0) };
                let (entering, entering_slope) = self.rate(network, p, j, i);
                let (leaving, leaving_slope) = self.rate(network, p, i, j);
                // d(difference j → i)/dp_k = C_ik − C_jk + C_ij (δ_ik − δ_jk), and the opposite for i → j
                let weight = by_in * hole * entering * entering_slope - by_out * hollow * leaving * leaving_slope;
                let other = if acceptor { network.coulomb_row_kt(j) } else { &zero };
                if weight != 0.0 {
                    for k in 0..n {
                        jacobian[(i, k)] += weight * (own[k] - other[k]);
                    }
                    if acceptor {
                        jacobian[(i, i)] += weight * own[j];
                        jacobian[(i, j)] -= weight * own[j];
                    }
                }
                if acceptor {
                    jacobian[(i, j)] += by_in * entering - by_out * leaving;
                }
            }
            jacobian[(i, i)] -= 1.0;
        }
        jacobian
    }

    fn imbalance(&self, p: &[f64]) -> Vec<f64> {
        self.inward.iter().zip(&self.outward).zip(p).map(|((a, b), p)| a / (a + b) - p).collect()
    }
}

/// Mean-field currents at given voltages \[kT\], from given probabilities (one half if none): Newton's method in
/// pseudo-time (Kelley and Keyes, SIAM J. Numer. Anal. 35, 508 (1998)).
///
/// # Errors
/// If the iteration does not settle.
pub fn mean_field(network: &Network, voltages_kt: &[f64], start: Option<&[f64]>) -> Result<MeanField, NetworkError> {
    let (n, sites) = (network.acceptors(), network.sites());
    let landscape = network.landscape(voltages_kt);
    let mut base_kt = Vec::new();
    landscape.energies_kt(&crate::Occupation::default(), &mut base_kt);
    let mut p: Vec<f64> = start.map_or_else(|| vec![0.5; n], <[f64]>::to_vec);
    let size = |g: &[f64]| g.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    let mut balance = Balance::new(&landscape, &base_kt, &p);
    let mut off = balance.imbalance(&p);
    let mut pseudo_time = if start.is_some() { 1e6 } else { FIRST_STEP };
    for steps in 1..=MOST_STEPS {
        if size(&off) < SETTLED {
            let current = |e: usize| {
                let flow = |i: usize| {
                    p[i] * balance.rate(network, &p, i, e).0 - (1.0 - p[i]) * balance.rate(network, &p, e, i).0
                };
                (0..n).map(flow).sum()
            };
            return Ok(MeanField { currents: (n..sites).map(current).collect(), occupations: p, steps });
        }
        let mut matrix = balance.jacobian(network, &p);
        for i in 0..n {
            for k in 0..n {
                matrix[(i, k)] = -matrix[(i, k)];
            }
            matrix[(i, i)] += 1.0 / pseudo_time;
        }
        let right = faer::Mat::from_fn(n, 1, |i, _| off[i]);
        let change = matrix.partial_piv_lu().solve(&right);
        let largest = (0..n).fold(0.0_f64, |a, i| a.max(change[(i, 0)].abs()));
        let shortened = if largest > 0.2 { 0.2 / largest } else { 1.0 };
        let before = size(&off);
        let trial: Vec<f64> = (0..n).map(|i| (p[i] + shortened * change[(i, 0)]).clamp(0.0, 1.0)).collect();
        let trial_balance = Balance::new(&landscape, &base_kt, &trial);
        let trial_off = trial_balance.imbalance(&trial);
        if !largest.is_finite() || (size(&trial_off) > 2.0 * before && pseudo_time > 1e-3) {
            pseudo_time *= 0.3;
            continue;
        }
        (p, balance) = (trial, trial_balance);
        pseudo_time = (pseudo_time * (before / size(&trial_off)).clamp(0.5, 3.0) * 1.05).clamp(1e-3, 1e12);
        off = trial_off;
    }
    Err(NetworkError::NotSettled { what: "the mean field" })
}

/// Derivatives of the mean-field currents ∂I_k/∂V_m \[eν₀/kT\], `[k][m]`, by central differences of the fixed point.
///
/// # Errors
/// If a fixed point does not settle.
pub fn mean_field_gradient(network: &Network, voltages_kt: &[f64]) -> Result<Vec<Vec<f64>>, NetworkError> {
    let start = mean_field(network, voltages_kt, None)?.occupations;
    let mut gradient = vec![vec![0.0; network.electrodes()]; network.electrodes()];
    for m in 0..network.electrodes() {
        let mut shifted = voltages_kt.to_vec();
        shifted[m] += STEP_KT;
        let above = mean_field(network, &shifted, Some(&start))?.currents;
        shifted[m] -= 2.0 * STEP_KT;
        let below = mean_field(network, &shifted, Some(&start))?.currents;
        for (row, (a, b)) in gradient.iter_mut().zip(above.iter().zip(&below)) {
            row[m] = (a - b) / (2.0 * STEP_KT);
        }
    }
    Ok(gradient)
}
