//! The equations: rates of change of all probabilities n_i and n_ij, and their derivatives.

use faer::Mat;

use super::neighbourhood::{Edge, FOLLOWED, Flow, Local, Way, place};
use crate::network::{Landscape, Network};

/// No unknown of its own.
const NONE: usize = usize::MAX;

/// Unknowns are, in this order: for each acceptor, the energy \[kT\] by which its weight differs from Boltzmann's; for each pair that is
/// followed, the same; and for each acceptor the probability that those far away see, if not all acceptors are followed everywhere.
pub(super) struct Closure<'a> {
    network: &'a Network,
    /// Energies of all sites when no acceptor holds a hole \[kT\].
    base_kt: Vec<f64>,
    /// Chemical potential of the reference, the mean voltage \[kT\].
    reference_kt: f64,
    edges: Vec<Edge>,
    /// Unknown of each pair, or `NONE`.
    pairs: Vec<usize>,
    /// First unknown probability.
    first_mean: usize,
    pub unknowns: usize,
}

/// The equations at given unknowns.
pub(super) struct Equations {
    /// What has to vanish: rates of change \[ν₀\] of n_i and n_ij, then p_i minus the probability found at acceptor i.
    pub off: Vec<f64>,
    /// The sums of which `off` are differences.
    pub gross: Vec<f64>,
    pub jacobian: Mat<f64>,
    pub occupations: Vec<f64>,
    /// Current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Total flow to and from electrodes in both directions \[ν₀\].
    pub gross_current: f64,
}

impl<'a> Closure<'a> {
    pub(super) fn new(landscape: &Landscape<'a>) -> Self {
        let network = landscape.network;
        let n = network.acceptors();
        let mut base_kt = Vec::new();
        landscape.energies_kt(&crate::Occupation::default(), &mut base_kt);
        let mut edges = Vec::new();
        let (mut pairs, mut unknowns) = (vec![NONE; n * n], n);
        for i in 0..n {
            let within_range = |j: &usize| network.log_prefactor(i, *j) > f64::NEG_INFINITY;
            edges.extend((i + 1..n).filter(within_range).map(|j| Edge::new(network, i, Some(j))));
            edges.push(Edge::new(network, i, None));
        }
        for around in edges.iter().filter(|e| e.to.is_none()) {
            for &k in &around.members[1..] {
                if pairs[around.from * n + k] == NONE {
                    pairs[around.from * n + k] = unknowns;
                    pairs[k * n + around.from] = unknowns;
                    unknowns += 1;
                }
            }
        }
        let first_mean = unknowns;
        unknowns += if n > FOLLOWED { n } else { 0 };
        let reference_kt = landscape.voltages_kt().iter().sum::<f64>() / network.electrodes() as f64;
        Self { network, base_kt, reference_kt, edges, pairs, first_mean, unknowns }
    }

    /// Where the iteration begins: Boltzmann's law at the mean voltage.
    pub(super) fn start(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.unknowns];
        x[self.first_mean..].fill(0.5);
        x
    }

    /// Whether an unknown is an energy.
    pub(super) fn is_energy(&self, unknown: usize) -> bool {
        unknown < self.first_mean
    }

    fn pair(&self, i: usize, k: usize) -> usize {
        self.pairs[i * self.network.acceptors() + k]
    }

    /// Energy of the weight of a pair \[kT\].
    fn pair_kt(&self, x: &[f64], i: usize, k: usize) -> f64 {
        let own = self.pair(i, k);
        self.network.coulomb_kt(i, k) + if own == NONE { 0.0 } else { x[own] }
    }

    /// Acceptors that are not followed at an edge.
    fn far(&self, edge: &Edge) -> Vec<usize> {
        (0..self.network.acceptors()).filter(|k| !edge.members.contains(k)).collect()
    }

    fn local(&self, x: &[f64], edge: &Edge, far: &[usize]) -> Local {
        let (network, members) = (self.network, &edge.members);
        let mut weights_kt = vec![0.0; place(0, members.len())];
        for (q, &k) in members.iter().enumerate() {
            let from_far: f64 = far.iter().map(|&l| self.pair_kt(x, k, l) * x[self.first_mean + l]).sum();
            weights_kt[place(q, q)] = self.base_kt[k] - self.reference_kt + x[k] + from_far;
            for (p, &i) in members[..q].iter().enumerate() {
                weights_kt[place(p, q)] = self.pair_kt(x, i, k);
            }
        }
        let from_far: f64 = far.iter().map(|&l| self.added_kt(edge, l) * x[self.first_mean + l]).sum();
        let way = |to: usize| Way {
            difference_kt: self.base_kt[to] - self.base_kt[edge.from] + from_far,
            log_prefactors: [network.log_prefactor(edge.from, to), network.log_prefactor(to, edge.from)],
        };
        let ways = match edge.to {
            Some(to) => vec![way(to)],
            None => (network.acceptors()..network.sites()).map(way).collect(),
        };
        let added_kt = members.iter().map(|&k| self.added_kt(edge, k)).collect();
        Local { weights_kt, added_kt, ways, law: network.law() }
    }

    /// What a hole on acceptor k adds to the energy differences at an edge \[kT\].
    fn added_kt(&self, edge: &Edge, k: usize) -> f64 {
        edge.to.map_or(0.0, |to| self.network.coulomb_kt(to, k)) - self.network.coulomb_kt(edge.from, k)
    }

    pub(super) fn at(&self, x: &[f64]) -> Equations {
        let n = self.network.acceptors();
        let mut equations = Equations {
            off: vec![0.0; self.unknowns],
            gross: vec![0.0; self.unknowns],
            jacobian: Mat::zeros(self.unknowns, self.unknowns),
            occupations: vec![0.0; n],
            currents: vec![0.0; self.network.electrodes()],
            gross_current: 0.0,
        };
        for edge in &self.edges {
            let far = self.far(edge);
            let flow = Flow::new(edge, &self.local(x, edge, &far));
            if edge.to.is_none() {
                equations.currents.iter_mut().zip(&flow.by_way).for_each(|(sum, net)| *sum += net);
                equations.gross_current += flow.gross[0];
                equations.occupations[edge.from] = flow.holes[0];
                self.add_mean(&mut equations, x, edge, &far, &flow);
            }
            self.add_flow(&mut equations, x, edge, &far, &flow);
        }
        equations
    }

    /// Derivatives with respect to all unknowns, from those with respect to the weights and the energy difference at an edge.
    fn slopes(
        &self,
        x: &[f64],
        edge: &Edge,
        far: &[usize],
        by_weight: &[f64],
        by_difference: f64,
    ) -> Vec<(usize, f64)> {
        let mut slopes = Vec::with_capacity(by_weight.len() + edge.members.len() * far.len());
        for (q, &k) in edge.members.iter().enumerate() {
            slopes.push((k, by_weight[place(q, q)]));
            for (p, &i) in edge.members[..q].iter().enumerate() {
                if self.pair(i, k) != NONE {
                    slopes.push((self.pair(i, k), by_weight[place(p, q)]));
                }
            }
            for &l in far.iter().filter(|&&l| self.pair(k, l) != NONE) {
                slopes.push((self.pair(k, l), by_weight[place(q, q)] * x[self.first_mean + l]));
            }
        }
        for &l in far {
            let felt: f64 =
                edge.members.iter().enumerate().map(|(q, &k)| by_weight[place(q, q)] * self.pair_kt(x, k, l)).sum();
            slopes.push((self.first_mean + l, felt + by_difference * self.added_kt(edge, l)));
        }
        slopes
    }

    /// The equation of the probability that those far away from an acceptor see.
    fn add_mean(&self, equations: &mut Equations, x: &[f64], edge: &Edge, far: &[usize], flow: &Flow) {
        if self.first_mean == self.unknowns {
            return;
        }
        let row = self.first_mean + edge.from;
        equations.off[row] = x[row] - flow.holes[0];
        equations.gross[row] = 1.0;
        equations.jacobian[(row, row)] += 1.0;
        let by_weight: Vec<f64> =
            flow.holes.iter().zip(&flow.with_first).map(|(holes, joint)| flow.holes[0] * holes - joint).collect();
        for (column, slope) in self.slopes(x, edge, far, &by_weight, 0.0) {
            equations.jacobian[(row, column)] -= slope;
        }
    }

    /// Adds what flows along an edge to the rates of change of its ends, and of their pairs with other acceptors.
    fn add_flow(&self, equations: &mut Equations, x: &[f64], edge: &Edge, far: &[usize], flow: &Flow) {
        for kind in 0..flow.net.len() {
            let slopes = self.slopes(x, edge, far, &flow.by_weight[kind], flow.by_difference[kind]);
            for (&end, sign) in edge.members[..edge.ends].iter().zip([-1.0, 1.0]) {
                let row = if kind == 0 { end } else { self.pair(end, edge.members[edge.ends + kind - 1]) };
                if row != NONE {
                    equations.add(row, sign, flow.net[kind], flow.gross[kind], &slopes);
                }
                if kind == 0 {
                    for &l in far.iter().filter(|&&l| self.pair(end, l) != NONE) {
                        let (row, mean) = (self.pair(end, l), self.first_mean + l);
                        equations.add(row, sign * x[mean], flow.net[0], flow.gross[0], &slopes);
                        equations.jacobian[(row, mean)] += sign * flow.net[0];
                    }
                }
            }
        }
    }
}

impl Equations {
    fn add(&mut self, row: usize, factor: f64, net: f64, gross: f64, slopes: &[(usize, f64)]) {
        self.off[row] += factor * net;
        self.gross[row] += factor.abs() * gross;
        for &(column, slope) in slopes {
            self.jacobian[(row, column)] += factor * slope;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DopantNetwork, Generate};

    /// Thirteen acceptors, so that some are not followed at every hop; every seventh unknown, of each kind.
    #[test]
    fn the_jacobian_is_the_derivative_of_the_equations() {
        let generate = Generate { acceptors: FOLLOWED + 1, donors: 1, electrodes: 4, seed: 2, ..Generate::default() };
        let device = DopantNetwork::from_description(&generate.describe().unwrap()).unwrap();
        let closure = Closure::new(&device.network.landscape(&device.voltages_kt(&[0.02, 0.0, -0.03, 0.01])));
        // anywhere but in balance
        let energies = |k: usize| 0.3 * (k as f64).sin();
        let at: Vec<f64> =
            (0..closure.unknowns).map(|k| if closure.is_energy(k) { energies(k) } else { 0.5 + energies(k) }).collect();
        let found = closure.at(&at);
        assert!(!closure.is_energy(closure.unknowns - 1));
        for k in (0..closure.unknowns).step_by(7) {
            let moved = |by: f64| {
                let mut x = at.clone();
                x[k] += by;
                closure.at(&x)
            };
            let (above, below) = (moved(1e-5), moved(-1e-5));
            for row in 0..closure.unknowns {
                let difference = (above.off[row] - below.off[row]) / 2e-5;
                let error = (found.jacobian[(row, k)] - difference).abs();
                assert!(error < 1e-6 * found.gross[row], "row {row}, unknown {k}: off by {error}");
            }
        }
    }
}
