//! Flows at given probabilities, as logarithms: they span hundreds of decades.

use faer::Mat;
use faer::linalg::solvers::Solve;

use crate::network::{Landscape, Network};

/// Smallest logarithm of a probability that is resolved.
const LEAST_LOG: f64 = -700.0;

/// Logarithms of the probabilities that a site is occupied and that it is empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occupied {
    pub hole: f64,
    pub hollow: f64,
}

impl Occupied {
    pub(super) fn of_probability(p: f64) -> Self {
        Self::of_logit((p / (1.0 - p)).ln())
    }

    /// From ln(p/(1 − p)).
    pub(super) fn of_logit(logit: f64) -> Self {
        let logit = logit.clamp(LEAST_LOG, -LEAST_LOG);
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        Self { hole: -softplus(-logit), hollow: -softplus(logit) }
    }

    pub(super) fn logit(self) -> f64 {
        self.hole - self.hollow
    }

    /// p (1 − p).
    pub(super) fn softness(self) -> f64 {
        (self.hole + self.hollow).exp()
    }
}

/// Flows at given probabilities.
pub(super) struct Balance {
    pub occupied: Vec<Occupied>,
    /// ln(in/out), in per empty site and out per hole: equals ln(p/(1 − p)) in balance.
    pub wanted: Vec<f64>,
    /// Derivatives of `wanted` with respect to the energy of an acceptor relative to that of each site \[1/kT\],
    /// `[acceptor][site]`.
    pub by_energy: Vec<Vec<f64>>,
    /// Derivatives of `wanted` with respect to the probability of each other acceptor, at fixed energies.
    by_hole: Vec<Vec<f64>>,
    energies_kt: Vec<f64>,
}

fn log_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln()
}

impl Balance {
    pub(super) fn new(landscape: &Landscape<'_>, base_kt: &[f64], acceptors: Vec<Occupied>) -> Self {
        let network = landscape.network;
        let (n, sites) = (network.acceptors(), network.sites());
        let mut energies_kt = base_kt.to_vec();
        let holes: Vec<f64> = acceptors.iter().map(|o| o.hole.exp()).collect();
        for (i, energy) in energies_kt[..n].iter_mut().enumerate() {
            *energy += network.coulomb_row_kt(i).iter().zip(&holes).map(|(c, p)| c * p).sum::<f64>();
        }
        let mut balance = Self {
            occupied: acceptors,
            wanted: Vec::with_capacity(n),
            by_energy: Vec::with_capacity(n),
            by_hole: Vec::with_capacity(n),
            energies_kt,
        };
        // electrodes can always emit and absorb holes
        balance.occupied.resize(sites, Occupied { hole: 0.0, hollow: 0.0 });
        let law = network.law();
        for i in 0..n {
            let entering: Vec<f64> =
                balance.occupied.iter().enumerate().map(|(j, o)| o.hole + balance.log_rate(network, j, i)).collect();
            let leaving: Vec<f64> =
                balance.occupied.iter().enumerate().map(|(j, o)| o.hollow + balance.log_rate(network, i, j)).collect();
            let (inward, outward) = (log_sum(&entering), log_sum(&leaving));
            let by_energy = (0..sites).map(|j| {
                (entering[j] - inward).exp() * law.log_slope(balance.difference_kt(j, i))
                    + (leaving[j] - outward).exp() * law.log_slope(balance.difference_kt(i, j))
            });
            let by_hole = balance.occupied[..n]
                .iter()
                .enumerate()
                .map(|(j, o)| (entering[j] - o.hole - inward).exp() + (leaving[j] - o.hollow - outward).exp());
            balance.by_energy.push(by_energy.collect());
            balance.by_hole.push(by_hole.collect());
            balance.wanted.push(inward - outward);
        }
        balance
    }

    pub(super) fn difference_kt(&self, from: usize, to: usize) -> f64 {
        self.energies_kt[to] - self.energies_kt[from]
    }

    fn log_rate(&self, network: &Network, from: usize, to: usize) -> f64 {
        network.log_prefactor(from, to) + network.law().log_factor(self.difference_kt(from, to))
    }

    /// Flow of holes from one site to another \[ν₀\].
    pub(super) fn flow(&self, network: &Network, from: usize, to: usize) -> f64 {
        (self.occupied[from].hole + self.occupied[to].hollow + self.log_rate(network, from, to)).exp()
    }

    /// `wanted` − ln(p/(1 − p)) for each acceptor.
    pub(super) fn logits_off(&self) -> Vec<f64> {
        self.wanted.iter().zip(&self.occupied).map(|(w, o)| Occupied::of_logit(*w).logit() - o.logit()).collect()
    }

    /// Derivatives of `wanted` with respect to the probabilities of all acceptors.
    fn jacobian(&self, network: &Network) -> Mat<f64> {
        let n = network.acceptors();
        let mut jacobian = Mat::from_fn(n, n, |i, k| self.by_hole[i][k]);
        let mut row = vec![0.0; n];
        for (i, by_energy) in self.by_energy.iter().enumerate() {
            let all: f64 = by_energy.iter().sum();
            row.iter_mut().zip(network.coulomb_row_kt(i)).for_each(|(x, c)| *x = all * c);
            for (j, slope) in by_energy[..n].iter().enumerate().filter(|(_, s)| **s != 0.0) {
                row.iter_mut().zip(network.coulomb_row_kt(j)).for_each(|(x, c)| *x -= slope * c);
            }
            row.iter().enumerate().for_each(|(k, x)| jacobian[(i, k)] += x);
        }
        jacobian
    }

    /// Changes of ln(p/(1 − p)) that compensate given changes of `wanted`, column by column.
    pub(super) fn logits_from(&self, network: &Network, wanted: &Mat<f64>) -> Mat<f64> {
        let jacobian = self.jacobian(network);
        let n = network.acceptors();
        let unit = |i, k| f64::from(u8::from(i == k));
        let matrix = Mat::from_fn(n, n, |i, k| unit(i, k) - jacobian[(i, k)] * self.occupied[k].softness());
        matrix.partial_piv_lu().solve(wanted)
    }
}
