//! Currents and their derivatives with respect to all voltages, from events, with the error of each.
//!
//! With an approximate solution h of Poisson's equation ([`super::projection`]), held fixed, the current is the mean of
//! g = f + Q h, and its derivative has two parts: ⟨∂f/∂V + (∂Q/∂V) h⟩, an average over visited states, and what the change of the
//! occupation probabilities makes of g, which would be 0 if h were exact. The second part is measured as a difference between
//! trajectories at voltages to both sides; since g hardly varies, it costs little, and the sum of both is exact in the limit of
//! long trajectories, but for the curvature of the second part over the step.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Dxsm;
use rayon::prelude::*;

use super::HopCounts;
use super::blocks::{Block, ratios};
use super::currents::{Sampler, equilibrated};
use super::projection::{Averages, Basis, Correction, Gains};
use crate::network::{Landscape, NEGLIGIBLE, Network, Survey};
use crate::occupation::Occupation;

/// Trajectories at the voltages themselves, for h and again for the averages.
const TRAJECTORIES: usize = 4;
/// Blocks of a trajectory, from which standard errors follow.
const BLOCKS: usize = 16;
/// States for each basis function from which h is found, and their least number.
const STATES_OF_FUNCTION: usize = 40;
const LEAST_STATES: usize = 4000;
/// Part of that number that each trajectory visits when currents and derivatives are measured.
const MEASURED: usize = 6;
/// Hops in which the fastest sampler is found.
const PROBE: u64 = 60_000;
/// Hops per acceptor until the steady state, from a neighbouring one.
const APPROACH: u64 = 200;
/// Pairs of acceptors for each acceptor in the first basis; in later ones, twice as many each time.
const PAIRS_OF_ACCEPTOR: usize = 5;
/// Most pairs: the system of equations takes a second then.
const MOST_PAIRS: usize = 2000;

/// Options of a search for currents and derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseOptions {
    /// Standard error that every derivative, or every current where no derivatives are asked for, is to reach, as a fraction of the
    /// largest.
    pub relative_error: f64,
    /// The electrode whose current it is; all of them if not given.
    pub electrode: Option<usize>,
    /// Whether derivatives are found, too: without them, it takes a fifth of the time.
    pub derivatives: bool,
    /// Largest number of hops.
    pub most_hops: u64,
    /// Step to both sides for the second part of the derivatives \[kT\].
    pub step_kt: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for ResponseOptions {
    fn default() -> Self {
        Self {
            relative_error: 0.05,
            electrode: None,
            derivatives: true,
            most_hops: 1_000_000_000,
            step_kt: 2.0,
            seed: 0,
        }
    }
}

/// Currents and derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct EventResponse {
    /// Current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Their standard errors.
    pub standard_errors: Vec<f64>,
    /// ∂I_k/∂V_m \[eν₀/kT\], `[k][m]`; empty if not asked for, as are the next two.
    pub gradient: Vec<Vec<f64>>,
    /// Their standard errors.
    pub gradient_standard_errors: Vec<Vec<f64>>,
    /// That part of the derivatives that the approximate h does not give, `[k][m]`.
    pub remainder: Vec<Vec<f64>>,
    /// Largest standard error over the largest value, of the derivatives (of the currents, if there are none) of the electrode asked for
    /// or of all.
    pub relative_error: f64,
    /// Pairs of acceptors in the basis.
    pub pairs: usize,
    /// Hops.
    pub hops: u64,
    /// States that were looked at.
    pub states: u64,
}

/// A trajectory of which single states are looked at.
struct Walk<'a> {
    landscape: &'a Landscape<'a>,
    start: Occupation,
    approach: u64,
    sampler: Sampler,
    states: usize,
    seed: u64,
}

impl Walk<'_> {
    /// Mean number of hops between two states that are looked at: so many that hops and looking take about the same time.
    fn stride(&self) -> u64 {
        self.landscape.network.acceptors().max(8) as u64
    }

    /// Calls `visit` with the number of each state, the state, its hops and the time it lasts on average; returns the last state.
    fn run(&self, mut visit: impl FnMut(usize, &Occupation, &Survey, f64)) -> Occupation {
        let mut rng = Pcg64Dxsm::seed_from_u64(self.seed);
        let landscape = self.landscape;
        let mut simulation = equilibrated(landscape, self.start, self.sampler, self.approach, &mut rng);
        let mut ignored = HopCounts::new(landscape.network.sites());
        let mut survey = Survey::default();
        for number in 0..self.states {
            // a network that goes to and fro between two states would be seen in one of them alone after an even number of hops
            let hops = rng.random_range(1..2 * self.stride());
            simulation.run(landscape, hops, &mut rng, &mut ignored);
            let state = simulation.state();
            landscape.survey(&state, NEGLIGIBLE, &mut survey);
            visit(number, &state, &survey, 1.0 / survey.total_rate);
        }
        simulation.state()
    }

    fn hops(&self) -> u64 {
        self.approach + self.stride() * self.states as u64
    }

    fn block(&self, number: usize) -> usize {
        number * BLOCKS / self.states
    }
}

/// One search at given voltages.
struct Search<'a> {
    landscape: &'a Landscape<'a>,
    options: ResponseOptions,
    sampler: Sampler,
}

/// What a search has cost so far.
struct Effort {
    hops: u64,
    states: u64,
}

/// Finds currents and their derivatives at voltages \[kT\], from a starting state, on all threads of the current pool. The same
/// whatever their number.
#[must_use]
pub fn response(landscape: &Landscape<'_>, start: Occupation, options: &ResponseOptions) -> EventResponse {
    let n = landscape.network.acceptors();
    let mut rng = Pcg64Dxsm::seed_from_u64(options.seed);
    let simulation = equilibrated(landscape, start, Sampler::Automatic, PROBE, &mut rng);
    let search = Search { landscape, options: *options, sampler: simulation.sampler() };
    let all_pairs = n * (n - 1) / 2;
    let mut effort = Effort { hops: PROBE, states: 0 };
    let mut start = simulation.state();
    let mut round = 0;
    loop {
        let pairs = ((PAIRS_OF_ACCEPTOR * n) << round).min(all_pairs).min(MOST_PAIRS);
        let basis = Basis::new(landscape.network, pairs);
        let (correction, last) = search.correction(&basis, start, round, &mut effort);
        start = last;
        let measured = (states_for(&basis) / MEASURED) << round;
        let found = search.measure(&correction, start, measured, round, &mut effort);
        if found.relative_error <= options.relative_error || effort.hops > options.most_hops / 2 {
            return found;
        }
        round += 1;
    }
}

fn states_for(basis: &Basis) -> usize {
    (STATES_OF_FUNCTION * basis.functions()).max(LEAST_STATES)
}

impl Search<'_> {
    fn network(&self) -> &Network {
        self.landscape.network
    }

    fn walk<'l>(&self, landscape: &'l Landscape<'l>, start: Occupation, states: usize, number: u64) -> Walk<'l> {
        let seed = self.options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
        Walk {
            landscape,
            start,
            approach: APPROACH * self.network().acceptors() as u64,
            sampler: self.sampler,
            states,
            seed,
        }
    }

    /// An approximate h, and the last state of a trajectory.
    fn correction<'b>(
        &self,
        basis: &'b Basis,
        start: Occupation,
        round: usize,
        effort: &mut Effort,
    ) -> (Correction<'b>, Occupation) {
        let states = states_for(basis) / TRAJECTORIES;
        let walks: Vec<Walk<'_>> = (0..TRAJECTORIES)
            .map(|t| self.walk(self.landscape, start, states, ((round as u64) << 32) + t as u64))
            .collect();
        effort.hops += walks.iter().map(Walk::hops).sum::<u64>();
        let found: Vec<(Averages<'b>, Occupation)> = walks
            .par_iter()
            .map(|walk| {
                let mut averages = Averages::new(basis);
                let last = walk.run(|_, state, survey, weight| averages.add(self.landscape, state, survey, weight));
                (averages, last)
            })
            .collect();
        let last = found[0].1;
        let all =
            found.into_iter().map(|(averages, _)| averages).reduce(|a, b| a.merge(&b)).expect("some trajectories");
        (all.solve(), last)
    }

    fn measure(
        &self,
        correction: &Correction<'_>,
        start: Occupation,
        states: usize,
        round: usize,
        effort: &mut Effort,
    ) -> EventResponse {
        let electrodes = self.network().electrodes();
        let number = |t: usize| ((round as u64) << 32) + 1000 + t as u64;
        let here: Vec<Walk<'_>> =
            (0..TRAJECTORIES).map(|t| self.walk(self.landscape, start, states, number(t))).collect();
        let shifts = if self.options.derivatives { 2 * electrodes } else { 0 };
        let aside: Vec<Landscape<'_>> = (0..shifts)
            .map(|t| {
                let mut voltages_kt = self.landscape.voltages_kt().to_vec();
                voltages_kt[t / 2] += if t % 2 == 0 { -self.options.step_kt } else { self.options.step_kt };
                self.network().landscape(&voltages_kt)
            })
            .collect();
        let beside: Vec<Walk<'_>> =
            aside.iter().enumerate().map(|(t, at)| self.walk(at, start, states, number(TRAJECTORIES + t))).collect();
        let walks: Vec<&Walk<'_>> = here.iter().chain(&beside).collect();
        effort.hops += walks.iter().map(|walk| walk.hops()).sum::<u64>();
        effort.states += (states * walks.len()) as u64;
        let blocks: Vec<Vec<Block>> =
            walks.par_iter().enumerate().map(|(t, walk)| self.averages(correction, walk, t < TRAJECTORIES)).collect();
        let (central, shifted) = blocks.split_at(TRAJECTORIES);
        let central = ratios(&central.concat(), self.averaged(true));
        let shifted: Vec<Vec<(f64, f64)>> = shifted.iter().map(|blocks| ratios(blocks, electrodes)).collect();
        let (currents, standard_errors): (Vec<f64>, Vec<f64>) = central[..electrodes].iter().copied().unzip();
        let step = 2.0 * self.options.step_kt;
        let derivative = |k: usize, m: usize| {
            let (projected, own) = central[electrodes + k * electrodes + m];
            let (low, high) = (shifted[2 * m][k], shifted[2 * m + 1][k]);
            let (left, error) = ((high.0 - low.0) / step, high.1.hypot(low.1) / step);
            (projected + left, own.hypot(error), left)
        };
        let (mut gradient, mut errors, mut remainder) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..if self.options.derivatives { electrodes } else { 0 } {
            let row: Vec<(f64, f64, f64)> = (0..electrodes).map(|m| derivative(k, m)).collect();
            gradient.push(row.iter().map(|r| r.0).collect::<Vec<f64>>());
            errors.push(row.iter().map(|r| r.1).collect::<Vec<f64>>());
            remainder.push(row.iter().map(|r| r.2).collect::<Vec<f64>>());
        }
        let asked = self.options.electrode.map_or(0..electrodes, |k| k..k + 1);
        let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let relative_error = if self.options.derivatives {
            largest(&errors[asked.clone()].concat()) / largest(&gradient[asked].concat())
        } else {
            largest(&standard_errors[asked.clone()]) / largest(&currents[asked])
        };
        EventResponse {
            currents,
            standard_errors,
            gradient,
            gradient_standard_errors: errors,
            remainder,
            relative_error: if relative_error.is_nan() { f64::INFINITY } else { relative_error },
            pairs: correction.pairs(),
            hops: effort.hops,
            states: effort.states,
        }
    }

    /// How many averages are taken over a trajectory, at the search's own voltages or at others.
    fn averaged(&self, is_here: bool) -> usize {
        let electrodes = self.network().electrodes();
        if is_here && self.options.derivatives { electrodes + electrodes * electrodes } else { electrodes }
    }

    /// g of every electrode at the search's own voltages over the states of a trajectory; if that is at these voltages and derivatives
    /// are asked for, also ∂f/∂V + (∂Q/∂V) h, `[k][m]`.
    fn averages(&self, correction: &Correction<'_>, walk: &Walk<'_>, is_here: bool) -> Vec<Block> {
        let (network, electrodes, sites) = (self.network(), self.network().electrodes(), self.network().sites());
        let averaged = self.averaged(is_here);
        let mut blocks = vec![Block::new(averaged); BLOCKS];
        let (mut gains, mut value, mut own) = (Gains::default(), vec![0.0; electrodes], Survey::default());
        let mut by_site = vec![0.0; sites * electrodes];
        walk.run(|number, state, found, weight| {
            let block = &mut blocks[walk.block(number)];
            block.weight += weight;
            correction.prepare(state, &mut gains);
            let survey = if is_here {
                found
            } else {
                self.landscape.survey(state, NEGLIGIBLE, &mut own);
                &own
            };
            by_site.fill(0.0);
            for hop in &survey.hops {
                let (from, to) = (usize::from(hop.from), usize::from(hop.to));
                correction.of_hop(&gains, from, to, &mut value);
                let rate = weight * hop.rate;
                block.values.iter_mut().zip(&value).for_each(|(sum, v)| *sum += rate * v);
                if averaged == electrodes {
                    continue;
                }
                let slope = network.law().log_slope(self.landscape.difference_kt(&survey.energies_kt, from, to));
                if slope.abs() > 0.0 {
                    for (k, v) in value.iter().enumerate() {
                        by_site[to * electrodes + k] += rate * slope * v;
                        by_site[from * electrodes + k] -= rate * slope * v;
                    }
                }
            }
            for (n, derivative) in block.values[electrodes..].iter_mut().enumerate() {
                let (k, m) = (n / electrodes, n % electrodes);
                for (site, row) in by_site.chunks_exact(electrodes).enumerate() {
                    *derivative += network.potential(m, site) * row[k];
                }
            }
        });
        blocks
    }
}
