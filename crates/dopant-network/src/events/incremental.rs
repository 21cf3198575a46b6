//! Kinetic Monte Carlo for states that rarely recur.
//!
//! A hop shifts the energies of all sites, but most of them only slightly. Miller-Abrahams rates are therefore bounded
//! from above by the rates at stored energies plus a tolerance, and an event is accepted with the ratio of rate and
//! bound (thinning, exact in law); a site is updated only when its energy leaves the tolerance. The bounds factorize,
//! min(p_ij, q_ij x_i y_j) with x_i = exp(E_i), y_j = exp(−E_j), so that updating a site takes one exponential and one
//! pass over its neighbours ([`super::tiles`]). Hops between sites far apart are so rare that they share one bound that never changes,
//! the sum of their p_ij.

use multiversion::multiversion;
use rand::{Rng, RngExt};

use super::tiles::{Blocks, LANES, Lanes, Tiles, lane, sum};
use super::{HopCounts, Observer};
use crate::network::{Landscape, RateLaw};
use crate::occupation::Occupation;

/// Hops after which everything is computed from scratch, so that rounding errors do not accumulate.
const REFRESH_HOPS: u32 = 4096;
/// Trials after which the same is done, if bounds are too loose for so many hops.
const REFRESH_TRIALS: u32 = 16 * REFRESH_HOPS;
/// Fraction of a total rate that subtraction leaves of it, below which rounding errors could be seen.
const LOST_DIGITS: f64 = 1e-8;
/// Least total rate \[ν₀\].
const SLOWEST: f64 = 1e-250;
/// Largest exponents that can be multiplied without overflow.
const LARGEST_EXPONENT: f64 = 300.0;
/// Energy \[kT\] by which a site that has not changed for a while may move before its bounds are updated.
const WIDEST_KT: f64 = 2.0;
/// The same for a site that a hole has just left or entered: its next hop is likely to be the way back, and it is updated then anyway.
const NARROWEST_KT: f64 = 0.5;
/// Far hops that are tried for each hop that is made.
const FAR_TRIALS: f64 = 0.05;
/// Factor by which their number may be off before other sites count as far.
const FAR_TRIALS_OFF: f64 = 4.0;

/// A simulation that updates its rates after each hop.
#[derive(Debug)]
pub struct Incremental<'a> {
    landscape: &'a Landscape<'a>,
    state: Occupation,
    acceptors: usize,
    blocks: Blocks,
    /// exp(−2r/a).
    plain: Vec<Lanes>,
    /// exp(−2r/a + u), u the energy of two holes.
    raised: Vec<Lanes>,
    tiles: Tiles,
    /// u.
    coulomb_kt: Vec<Lanes>,
    energies_kt: Vec<Lanes>,
    /// Energies for which the bounds were computed.
    remembered_kt: Vec<Lanes>,
    /// How far energies may be from these.
    tolerance_kt: Vec<Lanes>,
    /// exp(E + tolerance) of occupied acceptors and of electrodes, else 0.
    give: Vec<Lanes>,
    /// exp(−E + tolerance) of sites that can accept a hole, else 0.
    take: Vec<Lanes>,
    /// Bound of the rate into each site, from all that share a tile with it.
    sums: Vec<Lanes>,
    /// Sums of these over blocks.
    block_sums: Vec<f64>,
    centre_kt: f64,
    /// Largest sum of the rates between far sites.
    most_far: f64,
    since_refresh: Since,
}

/// Counts since the bounds were computed from scratch.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    hops: u32,
    trials: u32,
    time: f64,
    /// Largest total rate.
    largest: f64,
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
        let acceptors = network.acceptors();
        let strongest = (0..acceptors).flat_map(|i| network.coulomb_row_kt(i)).fold(0.0_f64, |a, &c| a.max(c));
        if strongest > LARGEST_EXPONENT {
            return None;
        }
        let blocks = Blocks::new(network);
        let count = blocks.len();
        let plain = blocks.matrix(|i, j| network.log_prefactor(i, j).exp());
        let raised = blocks.matrix(|i, j| (network.log_prefactor(i, j) + network.coulomb_kt(i, j)).exp());
        // until the time of a hop is known
        let most_far = FAR_TRIALS * plain.iter().map(sum).fold(0.0, f64::max);
        let mut simulation = Self {
            landscape,
            state: start,
            acceptors,
            tiles: Tiles::new(&plain, &raised, count, most_far),
            coulomb_kt: blocks.matrix(|i, j| network.coulomb_kt(i, j)),
            blocks,
            plain,
            raised,
            energies_kt: vec![[0.0; LANES]; count],
            remembered_kt: vec![[0.0; LANES]; count],
            tolerance_kt: vec![[WIDEST_KT; LANES]; count],
            give: vec![[0.0; LANES]; count],
            take: vec![[0.0; LANES]; count],
            sums: vec![[0.0; LANES]; count],
            block_sums: vec![0.0; count],
            centre_kt: 0.0,
            most_far,
            since_refresh: Since::default(),
        };
        simulation.refresh().then_some(simulation)
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> Occupation {
        self.state
    }

    /// Makes `hops` hops. Returns the number made: fewer if the energies leave the range of the factors or rates that of numbers.
    pub fn run(&mut self, hops: u64, rng: &mut impl Rng, counts: &mut HopCounts) -> u64 {
        counts.begin(&self.state);
        let done = self.follow(hops, rng, counts);
        counts.end(&self.state);
        done
    }

    /// The same before an observer, which is told the mean waiting time at every trial, accepted or not.
    pub(super) fn follow(&mut self, hops: u64, rng: &mut impl Rng, observer: &mut impl Observer) -> u64 {
        make_hops(self, hops, rng, observer)
    }

    /// Draws the places of the next hop. `None` if the energies leave the range of the factors or rates that of numbers.
    #[inline(always)]
    fn draw(&mut self, rng: &mut impl Rng, observer: &mut impl Observer) -> Option<(usize, usize)> {
        loop {
            let near: f64 = self.block_sums.iter().sum();
            let far = self.tiles.far_rate();
            let all = near + far;
            self.since_refresh.largest = self.since_refresh.largest.max(all);
            if all < LOST_DIGITS * self.since_refresh.largest {
                if self.refresh() {
                    continue;
                }
                return None;
            }
            if all < SLOWEST {
                return None;
            }
            while self.since_refresh.trials < REFRESH_TRIALS {
                self.since_refresh.trials += 1;
                self.since_refresh.time += 1.0 / all;
                observer.wait(1.0 / all, rng);
                let rest = rng.random::<f64>() * all;
                let tried = if rest < far { self.try_far(rest, rng) } else { self.try_near(rest - far, rng) };
                if tried.is_some() {
                    return tried;
                }
            }
            if !self.refresh() {
                return None;
            }
        }
    }

    /// Accepts one of the hops between near sites, drawn in proportion to their bounds, the target first; or none.
    #[inline(always)]
    fn try_near(&self, mut rest: f64, rng: &mut impl Rng) -> Option<(usize, usize)> {
        let mut block = 0;
        while block + 1 < self.block_sums.len() && rest >= self.block_sums[block] {
            rest -= self.block_sums[block];
            block += 1;
        }
        let sums = &self.sums[block];
        let to_lane = lane(sums, rest)?;
        rest -= sums[..to_lane].iter().sum::<f64>();
        let to = block * LANES + to_lane;
        let from = self.tiles.choose(to, self.take[block][to_lane], &self.give, rest)?;
        let prefactor = self.of_pair(&self.plain, from, to);
        let product =
            self.of_pair(&self.raised, from, to) * self.give[from / LANES][from % LANES] * self.take[block][to_lane];
        // what is left after rounding may point at a pair without a hop
        if product <= 0.0 {
            return None;
        }
        let difference = self.difference_kt(from, to);
        let accepted = if product < prefactor {
            rng.random::<f64>() * product < prefactor * (-difference.max(0.0)).exp()
        } else {
            difference <= 0.0 || rng.random::<f64>() < (-difference).exp()
        };
        accepted.then_some((from, to))
    }

    /// Accepts one of the hops between far sites, or none.
    #[inline(never)]
    fn try_far(&self, rest: f64, rng: &mut impl Rng) -> Option<(usize, usize)> {
        let [a, b] = self.tiles.far_pair(rest);
        let gives = |place: usize| self.give[place / LANES][place % LANES] > 0.0;
        let takes = |place: usize| self.take[place / LANES][place % LANES] > 0.0;
        // an acceptor either gives or takes, an electrode does both
        let (from, to) = match (gives(a) && takes(b), gives(b) && takes(a)) {
            (true, _) => (a, b),
            (_, true) => (b, a),
            _ => return None,
        };
        let difference = self.difference_kt(from, to);
        (difference <= 0.0 || rng.random::<f64>() < (-difference).exp()).then_some((from, to))
    }

    #[inline(always)]
    fn of_pair(&self, matrix: &[Lanes], from: usize, to: usize) -> f64 {
        matrix[from * self.block_sums.len() + to / LANES][to % LANES]
    }

    #[inline(always)]
    fn difference_kt(&self, from: usize, to: usize) -> f64 {
        let energy = |place: usize| self.energies_kt[place / LANES][place % LANES];
        energy(to) - energy(from) - self.of_pair(&self.coulomb_kt, from, to)
    }

    /// Moves the hole.
    #[inline(always)]
    fn apply(&mut self, from: usize, to: usize) {
        let mut changed = 0;
        for place in [from, to].into_iter().filter(|place| self.blocks.site(*place) < self.acceptors) {
            self.state = self.state.toggled(self.blocks.site(place));
            // found out of tolerance below
            self.tolerance_kt[place / LANES][place % LANES] = -1.0;
        }
        let width = self.block_sums.len();
        let row = |place: usize| place * width..(place + 1) * width;
        let acceptor_blocks = self.acceptors.div_ceil(LANES);
        let (left, entered) =
            (&self.coulomb_kt[row(from)][..acceptor_blocks], &self.coulomb_kt[row(to)][..acceptor_blocks]);
        let mut outside: u64 = 0;
        for (block, (((energy, before), tolerated), (left, entered))) in self
            .energies_kt
            .iter_mut()
            .zip(&self.remembered_kt)
            .zip(&self.tolerance_kt)
            .zip(left.iter().zip(entered))
            .enumerate()
        {
            let mut most = -1.0;
            for k in 0..LANES {
                energy[k] += entered[k] - left[k];
                let beyond = (energy[k] - before[k]).abs() - tolerated[k];
                most = if beyond > most { beyond } else { most };
            }
            outside |= u64::from(most > 0.0) << block;
        }
        while outside != 0 {
            let block = outside.trailing_zeros() as usize;
            outside &= outside - 1;
            for k in 0..LANES {
                if (self.energies_kt[block][k] - self.remembered_kt[block][k]).abs() > self.tolerance_kt[block][k] {
                    changed |= self.renew(block, k);
                }
            }
        }
        while changed != 0 {
            let block = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            self.block_sums[block] = sum(&self.sums[block]);
        }
    }

    /// Updates the bounds of an acceptor; returns a bit for each block with changed sums.
    #[inline(always)]
    fn renew(&mut self, block: usize, lane: usize) -> u64 {
        let place = block * LANES + lane;
        let energy = self.energies_kt[block][lane];
        self.remembered_kt[block][lane] = energy;
        let tolerance = &mut self.tolerance_kt[block][lane];
        *tolerance = if *tolerance < 0.0 { NARROWEST_KT } else { (2.0 * *tolerance).min(WIDEST_KT) };
        let tolerance = *tolerance;
        let gave = self.give[block][lane];
        let hole = self.state.contains(self.blocks.site(place));
        let gives = if hole { (energy - self.centre_kt + tolerance).exp() } else { 0.0 };
        self.give[block][lane] = gives;
        let mut changed = 1 << block;
        if gave > 0.0 || hole {
            changed |= self.tiles.change_row(place, &mut self.sums, &self.take, gave, gives);
        }
        if hole {
            self.take[block][lane] = 0.0;
            self.sums[block][lane] = 0.0;
        } else {
            let takes = (self.centre_kt - energy + tolerance).exp();
            self.take[block][lane] = takes;
            self.sums[block][lane] = self.tiles.row_sum(place, takes, &self.give);
        }
        changed
    }

    /// Recomputes everything; false if an exponent would overflow.
    #[inline(never)]
    fn refresh(&mut self) -> bool {
        self.choose_tiles();
        self.since_refresh = Since::default();
        let mut energies = Vec::new();
        self.landscape.energies_kt(&self.state, &mut energies);
        let (low, high) = energies.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &e| (l.min(e), h.max(e)));
        self.centre_kt = 0.5 * (low + high);
        if high - low >= 2.0 * LARGEST_EXPONENT {
            return false;
        }
        for (site, &energy) in energies.iter().enumerate() {
            let (block, lane) = (self.blocks.places[site] / LANES, self.blocks.places[site] % LANES);
            self.energies_kt[block][lane] = energy;
            self.remembered_kt[block][lane] = energy;
            let electrode = site >= self.acceptors;
            let tolerance = if electrode { 0.0 } else { WIDEST_KT };
            self.tolerance_kt[block][lane] = tolerance;
            let hole = !electrode && self.state.contains(site);
            let above = energy - self.centre_kt;
            self.give[block][lane] = if electrode || hole { (above + tolerance).exp() } else { 0.0 };
            self.take[block][lane] = if hole { 0.0 } else { (tolerance - above).exp() };
        }
        for block in 0..self.sums.len() {
            self.sums[block] = std::array::from_fn(|lane| {
                self.tiles.row_sum(block * LANES + lane, self.take[block][lane], &self.give)
            });
            self.block_sums[block] = sum(&self.sums[block]);
        }
        true
    }

    /// Counts more or fewer pairs as far, if their trials take too long or hardly ever happen.
    fn choose_tiles(&mut self) {
        let Since { hops, time, .. } = self.since_refresh;
        if time > 0.0 {
            let most_far = FAR_TRIALS * f64::from(hops.max(1)) / time;
            if most_far > FAR_TRIALS_OFF * self.most_far || most_far < self.most_far / FAR_TRIALS_OFF {
                self.most_far = most_far;
                self.tiles = Tiles::new(&self.plain, &self.raised, self.block_sums.len(), most_far);
            }
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "x86_64+avx"))]
fn make_hops<R: Rng, O: Observer>(simulation: &mut Incremental<'_>, hops: u64, rng: &mut R, observer: &mut O) -> u64 {
    let sites = simulation.landscape.network.sites();
    for done in 0..hops {
        let Some((from, to)) = simulation.draw(rng, observer) else { return done };
        observer.hop(simulation.blocks.site(from) * sites + simulation.blocks.site(to));
        simulation.apply(from, to);
        simulation.since_refresh.hops += 1;
        if simulation.since_refresh.hops >= REFRESH_HOPS && !simulation.refresh() {
            return done + 1;
        }
    }
    hops
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Dxsm;

    use super::*;
    use crate::network::Network;
    use crate::steady::{SteadyOptions, SteadySolver};
    use crate::{DopantNetwork, Generate};

    fn device(acceptors: usize) -> DopantNetwork {
        let side = 11.0 * (acceptors as f64).sqrt();
        let settings = Generate { acceptors, width_nm: side, height_nm: side, seed: 3, ..Generate::default() };
        DopantNetwork::from_description(&settings.describe().unwrap()).unwrap()
    }

    fn landscape(device: &DopantNetwork) -> Landscape<'_> {
        device.network.landscape(&device.voltages_kt(&[0.2, 0.0, -0.1, 0.0, 0.1, 0.0, -0.2, 0.0]))
    }

    fn with_far(simulation: &mut Incremental<'_>, most_far: f64) {
        simulation.most_far = most_far;
        simulation.tiles = Tiles::new(&simulation.plain, &simulation.raised, simulation.block_sums.len(), most_far);
        simulation.since_refresh.time = 0.0;
        assert!(simulation.refresh());
    }

    #[test]
    fn no_rate_exceeds_its_bound() {
        let device = device(30);
        let landscape = landscape(&device);
        let mut simulation = Incremental::new(&landscape, Occupation::default()).unwrap();
        let (mut rng, mut counts) = (Pcg64Dxsm::seed_from_u64(1), HopCounts::new(device.network.sites()));
        let mut energies = Vec::new();
        for _ in 0..300 {
            simulation.run(37, &mut rng, &mut counts);
            let state = simulation.state();
            landscape.energies_kt(&state, &mut energies);
            let at = |values: &[Lanes], place: usize| values[place / LANES][place % LANES];
            let in_a_tile = |from: usize, to: usize| simulation.tiles.contains(from, to);
            for to in 0..device.network.sites() {
                let to_place = simulation.blocks.places[to];
                let mut bounds = 0.0;
                for from in (0..device.network.sites()).filter(|from| *from != to) {
                    let from_place = simulation.blocks.places[from];
                    let (give, take) = (at(&simulation.give, from_place), at(&simulation.take, to_place));
                    let prefactor = simulation.of_pair(&simulation.plain, from_place, to_place);
                    let near =
                        (simulation.of_pair(&simulation.raised, from_place, to_place) * give * take).min(prefactor);
                    let bound = if in_a_tile(from_place, to_place) { near } else { prefactor };
                    bounds += if in_a_tile(from_place, to_place) { near } else { 0.0 };
                    let acceptors = device.network.acceptors();
                    let possible =
                        (from >= acceptors || state.contains(from)) && !state.contains_acceptor(to, acceptors);
                    let rate = if possible { landscape.rate(&energies, from as u16, to as u16) } else { 0.0 };
                    assert!(rate <= bound * (1.0 + 1e-9), "{from} to {to}: {rate} above {bound}");
                }
                let sum = at(&simulation.sums, to_place);
                assert!((sum - bounds).abs() <= 1e-9 * (bounds + 1.0), "into {to}: {sum} instead of {bounds}");
            }
        }
    }

    /// Eight acceptors, where the steady state is exact: 20 blocks of 200 000 hops give standard errors with 19 degrees of freedom. All
    /// of 8 occupations lie within 4.6 of them with a probability of 99.8 %.
    fn check_occupations(most_far: impl Fn(&Network) -> f64) {
        let device = device(8);
        let landscape = landscape(&device);
        let mut solver = SteadySolver::new(&device.network, SteadyOptions::default());
        let exact = solver.solve(landscape.voltages_kt()).unwrap().occupations;
        let mut simulation = Incremental::new(&landscape, Occupation::default()).unwrap();
        let mut rng = Pcg64Dxsm::seed_from_u64(2);
        simulation.run(4000, &mut rng, &mut HopCounts::new(device.network.sites()));
        let blocks: Vec<Vec<f64>> = (0..20)
            .map(|_| {
                let mut counts = HopCounts::new(device.network.sites());
                for _ in 0..100 {
                    with_far(&mut simulation, most_far(&device.network));
                    simulation.run(2000, &mut rng, &mut counts);
                }
                let mut values = vec![counts.time];
                values.extend(counts.occupied_time);
                values
            })
            .collect();
        let time: f64 = blocks.iter().map(|b| b[0]).sum();
        for (site, exact) in exact.iter().enumerate() {
            let mean = blocks.iter().map(|b| b[1 + site]).sum::<f64>() / time;
            let squares: f64 = blocks.iter().map(|b| (b[1 + site] - mean * b[0]).powi(2)).sum();
            let error = (squares * 20.0 / 19.0).sqrt() / time;
            assert!((mean - exact).abs() < 4.6 * error, "acceptor {site}: {mean} ± {error} instead of {exact}");
        }
    }

    #[test]
    fn occupations_equal_the_steady_state_with_all_sites_near() {
        check_occupations(|_| 0.0);
    }

    #[test]
    fn occupations_equal_the_steady_state_with_all_sites_far() {
        check_occupations(|_| f64::INFINITY);
    }
}
