//! Flows between sites at given occupations, and how far each acceptor is from a balance of what enters and leaves it.

use super::pair::{Occupied, PairLaw};
use crate::network::{Landscape, Network};

/// Smallest logarithm of a probability that is told from others.
const LEAST_LOG: f64 = -300.0;

impl Occupied {
    /// With p and 1 − p given separately, so that both keep their precision.
    pub(super) fn new(hole: f64, hollow: f64) -> Self {
        let log = |x: f64| if x > 0.0 { x.ln().clamp(LEAST_LOG, 0.0) } else { LEAST_LOG };
        Self { hole: log(hole), hollow: log(hollow) }
    }

    /// With ln(p/(1 − p)) given.
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

/// Hops between an acceptor and another site.
#[derive(Clone, Copy, Debug)]
struct Hops {
    /// Logarithms of the flows out of the acceptor and back \[ν₀\].
    out: f64,
    back: f64,
    /// Energy difference of a hop out \[kT\].
    difference_kt: f64,
    /// Law of the two sites, the acceptor first; an electrode always gives and takes.
    pair: Option<PairLaw>,
}

/// Part of an exchange in the balance of an acceptor.
#[derive(Clone, Copy, Debug)]
struct Share {
    /// Derivative of ln(in/out) by the energy of the acceptor, and against that of the other site \[1/kT\].
    by_energy: f64,
    /// Derivatives by the occupations of the acceptor and of the other site, but for mean energies.
    by_own: f64,
    by_other: f64,
}

/// Flows at given occupations.
#[derive(Debug)]
pub(super) struct Balance {
    pub occupied: Vec<Occupied>,
    /// ln(in/out), in per free place and out per hole: equals ln(p/(1 − p)) in balance.
    pub wanted: Vec<f64>,
    /// `[acceptor][site]`.
    shares: Vec<Vec<Share>>,
    /// Mean energies of all sites \[kT\].
    energies_kt: Vec<f64>,
}

fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.map(|t| (t - largest).exp()).sum::<f64>().ln()
}

impl Balance {
    pub(super) fn new(landscape: &Landscape<'_>, base_kt: &[f64], occupied: Vec<Occupied>) -> Self {
        let network = landscape.network;
        let (n, sites) = (network.acceptors(), network.sites());
        let mut energies_kt = base_kt.to_vec();
        let holes: Vec<f64> = occupied.iter().map(|o| o.hole.exp()).collect();
        for (i, energy) in energies_kt[..n].iter_mut().enumerate() {
            *energy += network.coulomb_row_kt(i).iter().zip(&holes).map(|(c, p)| c * p).sum::<f64>();
        }
        let mut balance = Self { wanted: Vec::with_capacity(n), shares: Vec::with_capacity(n), occupied, energies_kt };
        for i in 0..n {
            let own = balance.occupied[i];
            let row: Vec<Hops> = (0..sites).map(|j| balance.hops(network, i, j)).collect();
            let outward = log_sum(row.iter().map(|h| h.out)) - own.hole;
            let inward = log_sum(row.iter().map(|h| h.back)) - own.hollow;
            balance.wanted.push(inward - outward);
            let share = |(j, hops): (usize, &Hops)| {
                balance.share(network, hops, (i, j), (hops.out - own.hole - outward, hops.back - own.hollow - inward))
            };
            let shares = row.iter().enumerate().map(share).collect();
            balance.shares.push(shares);
        }
        balance
    }

    /// Hops between acceptor `i` and site `j`. Whatever the law of the pair, their energy difference is such that flows out
    /// and back are equal where ln(p/(1 − p)) + E is the same at both.
    fn hops(&self, network: &Network, i: usize, j: usize) -> Hops {
        let own = self.occupied[i];
        let lifted = self.energies_kt[j] - self.energies_kt[i];
        let (first, second, difference_kt, pair) = match self.occupied.get(j) {
            None => (own.hole, own.hollow, lifted, None),
            Some(other) => {
                let pair = PairLaw::new(own, *other, network.coulomb_kt(i, j));
                let difference_kt = lifted + other.logit() - own.logit() + pair.first - pair.second;
                (pair.first, pair.second, difference_kt, Some(pair))
            }
        };
        let (prefactor, law) = (network.log_prefactor(i, j), network.law());
        Hops {
            out: first + prefactor + law.log_factor(difference_kt),
            back: second + prefactor + law.log_factor(-difference_kt),
            difference_kt,
            pair,
        }
    }

    /// Share of the hops between `i` and `j` in the balance of `i`, given the logarithms of their fractions of out and in.
    fn share(&self, network: &Network, hops: &Hops, (i, j): (usize, usize), fractions: (f64, f64)) -> Share {
        let (out, back) = (fractions.0.exp(), fractions.1.exp());
        let law = network.law();
        let (out_slope, back_slope) = (law.log_slope(hops.difference_kt), law.log_slope(-hops.difference_kt));
        let by_energy = out * out_slope + back * back_slope;
        let Some(pair) = hops.pair.filter(|_| i != j) else { return Share { by_energy, by_own: 0.0, by_other: 0.0 } };
        let own = self.occupied[i];
        let by_other = back * pair.second_by_second() - out * pair.first_by_second();
        let by_own = back * pair.second_given_none(own) - out * pair.first_given_hole(own);
        Share {
            by_energy,
            by_own: by_own - by_energy * pair.shift(own),
            by_other: by_other + by_energy * pair.exchanged().shift(self.occupied[j]),
        }
    }

    /// ln(in/out) − ln(p/(1 − p)) of each acceptor.
    pub(super) fn imbalance(&self) -> Vec<f64> {
        self.wanted.iter().zip(&self.occupied).map(|(w, o)| w - o.logit()).collect()
    }

    /// Derivatives of `wanted` by the occupations of all acceptors.
    pub(super) fn jacobian(&self, network: &Network) -> faer::Mat<f64> {
        let n = network.acceptors();
        let of_others = faer::Mat::from_fn(n, n, |i, j| self.shares[i][j].by_energy)
            * faer::Mat::from_fn(n, n, |j, k| network.coulomb_kt(j, k));
        let energy: Vec<f64> = self.shares.iter().map(|row| row.iter().map(|s| s.by_energy).sum()).collect();
        let own: Vec<f64> = self.shares.iter().map(|row| row.iter().map(|s| s.by_own).sum()).collect();
        faer::Mat::from_fn(n, n, |i, k| {
            let direct = if i == k { own[i] } else { self.shares[i][k].by_other };
            energy[i] * network.coulomb_kt(i, k) - of_others[(i, k)] + direct
        })
    }

    /// Derivatives of `wanted` by the potential of an electrode at fixed occupations \[1/kT\].
    pub(super) fn by_voltage(&self, network: &Network, electrode: usize) -> Vec<f64> {
        let felt = |site: usize| network.potential(electrode, site);
        let of_row = |(i, row): (usize, &Vec<Share>)| {
            row.iter().enumerate().map(|(j, s)| s.by_energy * (felt(i) - felt(j))).sum::<f64>()
        };
        self.shares.iter().enumerate().map(of_row).collect()
    }

    /// Current into an electrode \[eν₀\].
    pub(super) fn current(&self, network: &Network, electrode: usize) -> f64 {
        let at = network.acceptors() + electrode;
        (0..network.acceptors())
            .map(|i| {
                let hops = self.hops(network, i, at);
                hops.out.exp() - hops.back.exp()
            })
            .sum()
    }

    /// All that flows into and out of an electrode \[eν₀\].
    pub(super) fn gross_flow(&self, network: &Network, electrode: usize) -> f64 {
        let at = network.acceptors() + electrode;
        let hops = (0..network.acceptors()).map(|i| self.hops(network, i, at));
        hops.map(|hops| hops.out.exp() + hops.back.exp()).sum()
    }

    /// Change of the current into an electrode, given by how much the logits ln(p/(1 − p)) change, and the energies of the
    /// acceptors against that of the electrode.
    pub(super) fn current_change(
        &self,
        network: &Network,
        electrode: usize,
        logits: &[f64],
        energies_kt: &[f64],
    ) -> f64 {
        let (at, law) = (network.acceptors() + electrode, network.law());
        (0..network.acceptors())
            .map(|i| {
                let hops = self.hops(network, i, at);
                let (p, q) = (self.occupied[i].hole.exp(), self.occupied[i].hollow.exp());
                let out = q * logits[i] - law.log_slope(hops.difference_kt) * energies_kt[i];
                let back = -p * logits[i] + law.log_slope(-hops.difference_kt) * energies_kt[i];
                hops.out.exp() * out - hops.back.exp() * back
            })
            .sum()
    }
}
