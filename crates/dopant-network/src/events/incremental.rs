//! Kinetic Monte Carlo for states that rarely recur: O(N) work per hop.
//!
//! A hop shifts the energies of all sites, but most of them only slightly. Miller-Abrahams rates are therefore bounded
//! from above by the rates at stored energies plus a tolerance, and an event is accepted with the ratio of rate and
//! bound (thinning, exact in law); a site is updated only when its energy leaves the tolerance. The bounds factorize,
//! min(p_ij, q_ij x_i y_j) with x_i = exp(E_i), y_j = exp(−E_j), so that updating a site takes one exponential and one
//! pass over its row.

use rand::{Rng, RngExt};

use super::HopCounts;
use super::pair_factors::{LANES, PairFactors, shift_energies, total, tree};
use crate::network::{Landscape, RateLaw};
use crate::occupation::Occupation;

/// Hops after which everything is computed from scratch, so that rounding errors do not accumulate.
const REFRESH: u32 = 4096;
/// Largest exponents that can be multiplied without overflow.
const LARGEST_EXPONENT: f64 = 300.0;
/// Energy \[kT\] by which a difference may change before a bound is updated; the fastest value measured between 0.8 and
/// 6.
const TOLERANCE_KT: f64 = 4.0;

/// A simulation that updates its rates after each hop.
#[derive(Debug)]
pub struct Incremental<'a> {
    landscape: &'a Landscape<'a>,
    state: Occupation,
    /// Padded width of a row.
    width: usize,
    acceptors: usize,
    /// exp(−2r/a) and exp(−2r/a + u), u the pair energy.
    factors: PairFactors,
    /// u.
    coulomb_kt: Vec<f64>,
    energies_kt: Vec<f64>,
    /// Energies for which the bounds were computed.
    remembered_kt: Vec<f64>,
    /// Which energies have left the tolerance.
    moved: Vec<f64>,
    /// exp(E + tolerance) of occupied acceptors and of electrodes, else 0.
    give: Vec<f64>,
    /// exp(−E) of sites that can accept a hole, else 0.
    take: Vec<f64>,
    /// Bound of the rate into each site.
    sums: Vec<f64>,
    terms: Vec<f64>,
    since_refresh: u32,
    centre_kt: f64,
}

impl<'a> Incremental<'a> {
    /// Starts in a state. `None` if the rates do not factorize (Marcus) or their exponents would overflow; use
    /// [`super::direct::Direct`] then.
    #[must_use]
    pub fn new(landscape: &'a Landscape<'a>, start: Occupation) -> Option<Self> {
        let network = landscape.network;
        if network.law() != RateLaw::MillerAbrahams {
            return None;
        }
        let (acceptors, sites) = (network.acceptors(), network.sites());
        let width = sites.next_multiple_of(LANES);
        let matrix = |entry: &dyn Fn(usize, usize) -> f64| {
            let mut matrix = vec![0.0; width * width];
            for i in 0..sites {
                for j in 0..sites {
                    matrix[i * width + j] = entry(i, j);
                }
            }
            matrix
        };
        let coulomb = |i, j| network.coulomb_kt(i, j);
        let strongest = (0..acceptors).flat_map(|i| network.coulomb_row_kt(i)).fold(0.0_f64, |a, &c| a.max(c));
        if strongest > LARGEST_EXPONENT {
            return None;
        }
        let mut simulation = Self {
            landscape,
            state: start,
            width,
            acceptors,
            factors: PairFactors {
                width,
                plain: matrix(&|i, j| network.log_prefactor(i, j).exp()),
                raised: matrix(&|i, j| (network.log_prefactor(i, j) + coulomb(i, j)).exp()),
            },
            coulomb_kt: matrix(&coulomb),
            energies_kt: vec![0.0; width],
            remembered_kt: vec![0.0; width],
            moved: vec![0.0; width],
            give: vec![0.0; width],
            take: vec![0.0; width],
            sums: vec![0.0; width],
            terms: vec![0.0; width],
            since_refresh: 0,
            centre_kt: 0.0,
        };
        simulation.refresh().then_some(simulation)
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> Occupation {
        self.state
    }

    /// Makes `hops` hops. Returns the number made: fewer if the energies leave the range of the factors.
    pub fn run(&mut self, hops: u64, rng: &mut impl Rng, counts: &mut HopCounts) -> u64 {
        counts.begin(&self.state);
        let mut done = 0;
        while done < hops {
            let all = total(&self.sums);
            let (from, to) = loop {
                counts.time += 1.0 / all;
                let (from, to) = self.choose(all, rng);
                let at = from * self.width + to;
                let prefactor = self.factors.plain[at];
                let bound = prefactor.min(self.factors.raised[at] * self.give[from] * self.take[to]);
                let difference = self.energies_kt[to] - self.energies_kt[from] - self.coulomb_kt[at];
                let rate = prefactor * (-difference.max(0.0)).exp();
                if rng.random::<f64>() * bound < rate {
                    break (from, to);
                }
            };
            counts.count(from, to);
            self.apply(from, to);
            done += 1;
            self.since_refresh += 1;
            if self.since_refresh >= REFRESH && !self.refresh() {
                break;
            }
        }
        counts.end(&self.state);
        done
    }

    /// Draws a pair of sites in proportion to the bounds of the rates, the target first.
    #[inline]
    fn choose(&mut self, all: f64, rng: &mut impl Rng) -> (usize, usize) {
        loop {
            let mut rest = rng.random::<f64>() * all;
            let Some(to) = position(&self.sums, &mut rest) else { continue };
            self.factors.row(to, self.take[to], &self.give, &mut self.terms);
            if let Some(from) = position(&self.terms, &mut rest) {
                return (from, to);
            }
        }
    }

    fn apply(&mut self, from: usize, to: usize) {
        for site in [from, to] {
            if site < self.acceptors {
                self.state = self.state.toggled(site);
            }
        }
        let row = |site: usize| site * self.width..(site + 1) * self.width;
        let (left, entered) = (&self.coulomb_kt[row(from)], &self.coulomb_kt[row(to)]);
        let tolerated = 0.5 * TOLERANCE_KT;
        shift_energies(&mut self.energies_kt, &self.remembered_kt, left, entered, tolerated, &mut self.moved);
        self.moved[from] = 1.0;
        self.moved[to] = 1.0;
        for block in (0..self.acceptors).step_by(LANES) {
            if tree(&self.moved[block..block + LANES]) > 0.0 {
                for site in block..(block + LANES).min(self.acceptors) {
                    if self.moved[site] > 0.0 {
                        self.renew(site);
                    }
                }
            }
        }
    }

    /// Updates the bounds of a site.
    fn renew(&mut self, site: usize) {
        let energy = self.energies_kt[site];
        self.remembered_kt[site] = energy;
        let (gave, hole) = (self.give[site], self.state.contains(site));
        let gives = if hole { (energy - self.centre_kt + TOLERANCE_KT).exp() } else { 0.0 };
        self.give[site] = gives;
        if gave > 0.0 || hole {
            self.factors.change_row(site, &mut self.sums, &self.take, gave, gives);
        }
        if hole {
            self.take[site] = 0.0;
            self.sums[site] = 0.0;
        } else {
            self.take[site] = (self.centre_kt - energy).exp();
            self.sums[site] = self.factors.row_sum(site, self.take[site], &self.give);
        }
    }

    /// Recomputes everything; false if an exponent would overflow.
    fn refresh(&mut self) -> bool {
        self.since_refresh = 0;
        let sites = self.landscape.network.sites();
        let mut energies = Vec::new();
        self.landscape.energies_kt(&self.state, &mut energies);
        self.energies_kt[..sites].copy_from_slice(&energies);
        let (low, high) = energies.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &e| (l.min(e), h.max(e)));
        self.centre_kt = 0.5 * (low + high);
        if high - low >= 2.0 * LARGEST_EXPONENT {
            return false;
        }
        self.remembered_kt.clone_from(&self.energies_kt);
        for (site, energy) in energies.iter().enumerate() {
            let above = energy - self.centre_kt;
            let electrode = site >= self.acceptors;
            let hole = !electrode && self.state.contains(site);
            self.give[site] = if electrode || hole { (above + TOLERANCE_KT).exp() } else { 0.0 };
            self.take[site] = if electrode || !hole { (-above).exp() } else { 0.0 };
        }
        for site in 0..sites {
            self.sums[site] = self.factors.row_sum(site, self.take[site], &self.give);
        }
        true
    }
}

/// Index at which the cumulated weights exceed `rest`; `None` if rounding puts it beyond the end.
#[inline]
fn position(weights: &[f64], rest: &mut f64) -> Option<usize> {
    for (block, chunk) in weights.chunks_exact(LANES).enumerate() {
        let sum = tree(chunk);
        if *rest < sum {
            for (k, w) in chunk.iter().enumerate() {
                if *rest < *w {
                    return Some(block * LANES + k);
                }
                *rest -= w;
            }
            return None;
        }
        *rest -= sum;
    }
    None
}
