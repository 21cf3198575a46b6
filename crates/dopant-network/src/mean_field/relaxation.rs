//! Iteration to the fixed point: the probabilities relax in pseudo-time.

use faer::linalg::solvers::Solve;

use crate::error::NetworkError;
use crate::network::{Landscape, Network};

/// Largest number of steps.
const MOST_STEPS: usize = 3000;
/// Distance of every probability from its rate balance at which the iteration ends.
const SETTLED: f64 = 1e-12;
/// First step in pseudo-time.
const FIRST_STEP: f64 = 0.05;
/// Largest change of a probability in one step.
const LONGEST_STEP: f64 = 0.2;

/// Rates in and out of every acceptor, and the probabilities in balance with them.
struct Rates {
    energies_kt: Vec<f64>,
    inward: Vec<f64>,
    outward: Vec<f64>,
}

impl Rates {
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
                balance.inward[i] += hole * balance.rate(network, j, i).0;
                balance.outward[i] += hollow * balance.rate(network, i, j).0;
            }
        }
        balance
    }

    /// Mean rate of a hop and its logarithmic derivative with respect to the energy difference.
    fn rate(&self, network: &Network, from: usize, to: usize) -> (f64, f64) {
        let difference = self.energies_kt[to] - self.energies_kt[from];
        let rate = (network.log_prefactor(from, to) + network.law().log_factor(difference)).exp();
        (rate, network.law().log_slope(difference))
    }

    /// Derivatives of g_i = in_i/(in_i + out_i) − p_i with respect to all p_k.
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
                let (entering, entering_slope) = self.rate(network, j, i);
                let (leaving, leaving_slope) = self.rate(network, i, j);
                // d(difference j → i)/dp_k = C_ik − C_jk, and the opposite for i → j
                let weight = by_in * hole * entering * entering_slope - by_out * hollow * leaving * leaving_slope;
                let other = if acceptor { network.coulomb_row_kt(j) } else { &zero };
                if weight != 0.0 {
                    for k in 0..n {
                        jacobian[(i, k)] += weight * (own[k] - other[k]);
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

/// Probabilities in balance with their rates to within `SETTLED`, and the number of steps: Newton's method in
/// pseudo-time (Kelley and Keyes, SIAM J. Numer. Anal. 35, 508 (1998)).
pub(super) fn relaxed(
    landscape: &Landscape<'_>,
    base_kt: &[f64],
    start: Option<&[f64]>,
) -> Result<(Vec<f64>, usize), NetworkError> {
    let network = landscape.network;
    let n = network.acceptors();
    let mut p: Vec<f64> = start.map_or_else(|| vec![0.5; n], <[f64]>::to_vec);
    let size = |g: &[f64]| g.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    let mut rates = Rates::new(landscape, base_kt, &p);
    let mut off = rates.imbalance(&p);
    let mut pseudo_time = if start.is_some() { 1e6 } else { FIRST_STEP };
    for steps in 1..=MOST_STEPS {
        if size(&off) < SETTLED {
            return Ok((p, steps));
        }
        let mut matrix = rates.jacobian(network, &p);
        for i in 0..n {
            for k in 0..n {
                matrix[(i, k)] = -matrix[(i, k)];
            }
            matrix[(i, i)] += 1.0 / pseudo_time;
        }
        let right = faer::Mat::from_fn(n, 1, |i, _| off[i]);
        let change = matrix.partial_piv_lu().solve(&right);
        let largest = (0..n).fold(0.0_f64, |a, i| a.max(change[(i, 0)].abs()));
        let shortened = if largest > LONGEST_STEP { LONGEST_STEP / largest } else { 1.0 };
        let before = size(&off);
        let trial: Vec<f64> = (0..n).map(|i| (p[i] + shortened * change[(i, 0)]).clamp(0.0, 1.0)).collect();
        let trial_rates = Rates::new(landscape, base_kt, &trial);
        let trial_off = trial_rates.imbalance(&trial);
        if !largest.is_finite() || (size(&trial_off) > 2.0 * before && pseudo_time > 1e-3) {
            pseudo_time *= 0.3;
            continue;
        }
        (p, rates) = (trial, trial_rates);
        pseudo_time = (pseudo_time * (before / size(&trial_off)).clamp(0.5, 3.0) * 1.05).clamp(1e-3, 1e12);
        off = trial_off;
    }
    Err(NetworkError::NotSettled { what: "the mean field" })
}
