//! Currents and their derivatives with respect to all voltages, from events, with the error of each.
//!
//! With an approximate solution h of Poisson's equation ([`super::projection`]), held fixed, the current is the mean of
//! g = f + Q h, and its derivative has two parts: ⟨∂f/∂V + (∂Q/∂V) h⟩, an average over visited states, and what the change of the
//! occupation probabilities makes of g, which would be 0 if h were exact. The second part is measured as a difference between
//! trajectories at voltages to both sides; since g hardly varies, it costs little, and the sum of both is exact in the limit of
//! long trajectories, but for the curvature of the second part over the step, of which the stated error holds an estimate.
//!
//! All voltages change at once, in the patterns of a Hadamard matrix ([`patterns`]).

mod patterns;
mod walk;

use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;
use rayon::prelude::*;

use super::blocks::{Block, ratios};
use super::currents::{Sampler, equilibrated};
use super::projection::{Averages, Basis, Correction, Gains};
use super::trap::{Passage, Trap};
use crate::network::{Landscape, NEGLIGIBLE, Network, Survey};
use crate::occupation::Occupation;
use walk::{Walk, Walked};

/// Trajectories at the voltages themselves, for h and again for the averages.
const TRAJECTORIES: usize = 4;
/// Blocks of a trajectory, from which standard errors follow.
const BLOCKS: usize = 16;
/// States for each basis function from which h is found in the first round, and their least number. Later rounds look at more, since what a
/// regression makes of few states adds to the noise of f + Q h.
const STATES_OF_FUNCTION: usize = 40;
const LEAST_STATES: usize = 4000;
/// States that each trajectory visits in the first round when currents and derivatives are measured.
const FIRST_MEASURED: f64 = 200.0;
/// Hops in which the fastest sampler is found.
const PROBE: u64 = 60_000;
/// Hops per acceptor until the steady state, from a neighbouring one.
const APPROACH: u64 = 100;
/// How many more times states a round visits than the last one: as many as the error asked for needs, within these bounds.
const GROWTH: std::ops::RangeInclusive<f64> = 2.0..=4.0;
/// Least step for the second part of the derivatives \[kT\].
const LEAST_STEP_KT: f64 = 0.1;
/// Longest stays in a state or trap that a walk lasts at least.
const LEAST_STAYS: f64 = 8.0;
/// Most pairs: the system of equations takes a second then.
const MOST_PAIRS: usize = 2000;

/// Options of a search for currents and derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseOptions {
    /// Standard error that every derivative, or every current where no derivatives are asked for, is to reach, as a fraction of the
    /// largest.
    pub relative_error: f64,
    /// The electrode whose current it is: the output, whose own voltage does not change, so that the derivative with respect to it does
    /// not count. All of them if not given.
    pub electrode: Option<usize>,
    /// Whether derivatives are found, too: without them, it takes half to a fifth of the time.
    pub derivatives: bool,
    /// Largest number of hops, but for those of a first round, about 10⁴ for each acceptor.
    pub most_hops: u64,
    /// Largest step of all voltages to both sides for the second part of the derivatives \[kT\]; smaller ones follow where curvature is
    /// the larger error.
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
            step_kt: 1.0,
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
    /// What the curvature over the step may add to their errors, which contain it, `[k][m]`.
    pub curvature_errors: Vec<Vec<f64>>,
    /// Largest standard error over the largest value, of the derivatives (of the currents, if there are none) of the electrode asked for,
    /// but for that by its own voltage, or of all.
    pub relative_error: f64,
    /// Pairs of acceptors in the basis.
    pub pairs: usize,
    /// Hops.
    pub hops: u64,
    /// States that were looked at.
    pub states: u64,
}

/// One search at given voltages.
struct Search<'a> {
    landscape: &'a Landscape<'a>,
    options: ResponseOptions,
    sampler: Sampler,
    trap: &'a Trap,
    /// The trap at the search's own voltages, if there is one.
    passage: Option<&'a Passage<'a>>,
}

/// What a round of a search does.
struct Round {
    number: usize,
    /// How many times larger than the first one it is.
    size: f64,
    /// Step of all voltages \[kT\].
    step_kt: f64,
}

impl Round {
    /// Pairs of acceptors in the basis, at most: none in the first round.
    fn pairs(&self, acceptors: usize) -> usize {
        ((self.size - 1.0) * acceptors as f64).min(MOST_PAIRS as f64) as usize
    }

    /// States from which h is found.
    fn states_for(&self, basis: &Basis) -> usize {
        ((STATES_OF_FUNCTION * basis.functions()).max(LEAST_STATES) as f64 * self.size.sqrt()) as usize
    }

    /// States that each trajectory visits when currents and derivatives are measured.
    fn measured(&self) -> usize {
        (self.size * FIRST_MEASURED) as usize
    }
}

/// What a search has cost and seen so far.
struct Effort {
    hops: u64,
    states: u64,
    /// The longest stay in a state or trap that any walk at the search's own voltages has seen \[1/ν₀\].
    longest: f64,
}

/// Finds currents and their derivatives at voltages \[kT\], from a starting state, on all threads of the current pool. The same
/// whatever their number.
#[must_use]
pub fn response(landscape: &Landscape<'_>, start: Occupation, options: &ResponseOptions) -> EventResponse {
    let n = landscape.network.acceptors();
    let mut rng = Pcg64Dxsm::seed_from_u64(options.seed);
    let simulation = equilibrated(landscape, start, Sampler::Automatic, PROBE, &mut rng);
    let (sampler, start) = (simulation.sampler(), simulation.state());
    // states that seldom recur are no trap
    let (trap, longest) = match sampler {
        Sampler::Recurring => Trap::found(landscape, start, &mut rng),
        _ => (Trap::default(), 0.0),
    };
    let passage = passage_of(landscape, &trap);
    let search = Search { landscape, options: *options, sampler, trap: &trap, passage: passage.as_ref() };
    let mut effort = Effort { hops: PROBE, states: 0, longest };
    let mut starts = vec![start];
    let mut next = Round { number: 0, size: 1.0, step_kt: options.step_kt };
    loop {
        let before = effort.hops;
        let basis = Basis::new(landscape.network, next.pairs(n));
        let (correction, lasts) = search.correction(&basis, &starts, &next, &mut effort);
        starts = lasts;
        let found = search.measure(&correction, &starts, &next, &mut effort);
        let left = options.most_hops.saturating_sub(effort.hops) as f64 / (effort.hops - before) as f64;
        if found.relative_error <= options.relative_error || left < *GROWTH.start() {
            return found;
        }
        // a larger basis helps, too
        let needed = (found.relative_error / options.relative_error).powi(2);
        let growth = needed.clamp(*GROWTH.start(), GROWTH.end().min(left));
        next = Round {
            number: next.number + 1,
            size: next.size * growth,
            step_kt: search.better_step(&found, next.step_kt),
        };
    }
}

fn passage_of<'a>(landscape: &'a Landscape<'a>, trap: &'a Trap) -> Option<Passage<'a>> {
    (!trap.members.is_empty()).then(|| Passage::new(landscape, trap))
}

impl Search<'_> {
    fn network(&self) -> &Network {
        self.landscape.network
    }

    /// Walk `number` of a round; each starts where another one ended.
    fn walk<'l>(
        &self,
        landscape: &'l Landscape<'l>,
        passage: Option<&'l Passage<'l>>,
        starts: &[Occupation],
        states: usize,
        round: usize,
        number: usize,
    ) -> Walk<'l> {
        let start = starts[number % starts.len()];
        let number = ((round as u64) << 32) + number as u64;
        Walk {
            landscape,
            passage,
            start,
            approach: APPROACH * self.network().acceptors() as u64,
            sampler: self.sampler,
            states,
            seed: self.options.seed,
            number,
        }
    }

    /// An approximate h, and the last states of the trajectories.
    fn correction<'b>(
        &self,
        basis: &'b Basis,
        starts: &[Occupation],
        round: &Round,
        effort: &mut Effort,
    ) -> (Correction<'b>, Vec<Occupation>) {
        let states = round.states_for(basis) / TRAJECTORIES;
        let found: Vec<(Averages<'b>, Walked, u64)> = (0..TRAJECTORIES)
            .into_par_iter()
            .map(|t| {
                let walk = self.walk(self.landscape, self.passage, starts, states, round.number, t);
                let mut averages = Averages::new(basis);
                let walked = walk.run(|_, state, survey, time| {
                    averages.add(self.landscape, state, survey, time, time * time);
                });
                if let Some(passage) = walk.passage {
                    let mut survey = Survey::default();
                    let entries = walked.all_entries();
                    for (state, (time, squared)) in self.trap.members.iter().zip(passage.times(&entries)) {
                        if time > 0.0 {
                            self.landscape.survey(state, NEGLIGIBLE, &mut survey);
                            averages.add(self.landscape, state, &survey, time, squared);
                        }
                    }
                }
                (averages, walked, walk.hops())
            })
            .collect();
        effort.hops += found.iter().map(|(_, _, hops)| hops).sum::<u64>();
        let lasts = found.iter().map(|(_, walked, _)| walked.last).collect();
        effort.longest = found.iter().fold(effort.longest, |most, (_, walked, _)| most.max(walked.longest));
        let all =
            found.into_iter().map(|(averages, _, _)| averages).reduce(Averages::merge).expect("some trajectories");
        (all.solve(), lasts)
    }

    fn measure(
        &self,
        correction: &Correction<'_>,
        starts: &[Occupation],
        round: &Round,
        effort: &mut Effort,
    ) -> EventResponse {
        let (states, step_kt) = (round.measured(), round.step_kt);
        let electrodes = self.network().electrodes();
        let shifted = patterns::voltages_kt(self.landscape.voltages_kt(), step_kt).into_iter();
        let shifted = shifted.filter(|_| self.options.derivatives);
        let aside: Vec<Landscape<'_>> = shifted.map(|voltages_kt| self.network().landscape(&voltages_kt)).collect();
        let found: Vec<Averaged> = (0..TRAJECTORIES + aside.len())
            .into_par_iter()
            .map(|t| {
                let is_here = t < TRAJECTORIES;
                let landscape = if is_here { self.landscape } else { &aside[t - TRAJECTORIES] };
                let shifted = if is_here { None } else { passage_of(landscape, self.trap) };
                let passage = if is_here { self.passage } else { shifted.as_ref() };
                // other random numbers than those that h comes from
                let walk = self.walk(landscape, passage, starts, states, round.number, 1000 + t);
                self.averages(correction, &walk, is_here)
            })
            .collect();
        effort.hops += found.iter().map(|averaged| averaged.hops).sum::<u64>();
        effort.states += (states * found.len()) as u64;
        let (here, others) = found.split_at(TRAJECTORIES);
        let longest_of = |walks: &[Averaged], most: f64| walks.iter().fold(most, |most, walk| most.max(walk.longest));
        effort.longest = longest_of(here, effort.longest);
        // a difference of two voltages changes by two steps, between two patterns by four, and so may the barrier that holds a stay
        let (one_step, two_steps) = ((-2.0 * step_kt).exp(), (-4.0 * step_kt).exp());
        let aside = longest_of(others, 0.0);
        let lasts = |walk: &Averaged, longest: f64| walk.time >= LEAST_STAYS * longest;
        let is_long = here.iter().all(|walk| lasts(walk, effort.longest.max(one_step * aside)))
            && others
                .iter()
                .all(|walk| lasts(walk, walk.longest.max(one_step * effort.longest).max(two_steps * aside)));
        let blocks: Vec<Vec<Block>> = found.into_iter().map(|averaged| averaged.blocks).collect();
        let (central, shifted) = blocks.split_at(TRAJECTORIES);
        let central = ratios(&central.concat(), self.averaged(true));
        let shifted: Vec<Vec<(f64, f64)>> = shifted.iter().map(|blocks| ratios(blocks, electrodes)).collect();
        let (currents, standard_errors): (Vec<f64>, Vec<f64>) = central[..electrodes].iter().copied().unzip();
        let (mut gradient, mut errors) = (Vec::new(), Vec::new());
        let (mut remainder, mut curvature) = (Vec::new(), Vec::new());
        for k in 0..if self.options.derivatives { electrodes } else { 0 } {
            let (left, noise) = patterns::remainders(k, &shifted, electrodes, step_kt);
            let projected = &central[electrodes + k * electrodes..][..electrodes];
            gradient.push(projected.iter().zip(&left).map(|((value, _), left)| value + left).collect::<Vec<f64>>());
            let curved = patterns::curvature_errors(&left, noise, step_kt);
            let error = projected.iter().zip(&curved).map(|((_, own), curved)| own.hypot(noise).hypot(*curved));
            errors.push(error.collect::<Vec<f64>>());
            remainder.push(left);
            curvature.push(curved);
        }
        let asked = self.options.electrode.map_or(0..electrodes, |k| k..k + 1);
        let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let counted = |rows: &[Vec<f64>]| self.counted(electrodes).map(|(k, m)| rows[k][m]).collect::<Vec<f64>>();
        let relative_error = if self.options.derivatives {
            largest(&counted(&errors)) / largest(&counted(&gradient))
        } else {
            largest(&standard_errors[asked.clone()]) / largest(&currents[asked.clone()])
        };
        EventResponse {
            currents,
            standard_errors,
            gradient,
            gradient_standard_errors: errors,
            remainder,
            curvature_errors: curvature,
            // where a single stay outlasts all that follows, nothing is known of what is as likely
            relative_error: if relative_error.is_nan() || !is_long { f64::INFINITY } else { relative_error },
            pairs: correction.pairs(),
            hops: effort.hops,
            states: effort.states,
        }
    }

    /// The derivatives that count, as electrode and voltage: all of the electrode asked for but that by its own voltage, at which an output
    /// stays.
    fn counted(&self, electrodes: usize) -> impl Iterator<Item = (usize, usize)> {
        let asked = self.options.electrode;
        let rows = asked.map_or(0..electrodes, |k| k..k + 1);
        rows.flat_map(move |k| (0..electrodes).filter(move |m| asked.is_none() || *m != k).map(move |m| (k, m)))
    }

    /// Step with which the largest error of the derivatives will be least.
    fn better_step(&self, found: &EventResponse, step_kt: f64) -> f64 {
        if !self.options.derivatives {
            return step_kt;
        }
        let errors = self.counted(found.gradient.len());
        let errors = errors.map(|(k, m)| (found.gradient_standard_errors[k][m], found.curvature_errors[k][m]));
        let Some((error, curved)) = errors.max_by(|a, b| a.0.total_cmp(&b.0)) else { return step_kt };
        // error² = (a/s)² + (b s²)² is least at s⁶ = a²/2b²
        let of_step = (error * error - curved * curved).max(0.0) * step_kt * step_kt;
        let least = (of_step / (2.0 * (curved / (step_kt * step_kt)).powi(2))).powf(1.0 / 6.0);
        if least.is_finite() { least.max(LEAST_STEP_KT).min(self.options.step_kt) } else { self.options.step_kt }
    }

    /// How many averages are taken over a trajectory, at the search's own voltages or at others.
    fn averaged(&self, is_here: bool) -> usize {
        let electrodes = self.network().electrodes();
        if is_here && self.options.derivatives { electrodes + electrodes * electrodes } else { electrodes }
    }

    /// g of every electrode at the search's own voltages over the states of a trajectory; if that is at these voltages and derivatives
    /// are asked for, also ∂f/∂V + (∂Q/∂V) h, `[k][m]`.
    fn averages(&self, correction: &Correction<'_>, walk: &Walk<'_>, is_here: bool) -> Averaged {
        let averaged = self.averaged(is_here);
        let mut blocks = vec![Block::new(averaged); BLOCKS];
        let mut look = Look::new(self.landscape, correction, is_here, averaged);
        let walked = walk.run(|block, state, found, time| look.add(state, found, time, &mut blocks[block]));
        if let Some(passage) = walk.passage {
            // what a unit of time in each member of the trap adds
            let mut survey = Survey::default();
            let visited = walked.all_entries();
            let members: Vec<Block> = passage
                .times(&visited)
                .iter()
                .zip(&self.trap.members)
                .map(|((time, _), state)| {
                    let mut block = Block::new(averaged);
                    if *time > 0.0 {
                        walk.landscape.survey(state, NEGLIGIBLE, &mut survey);
                        look.add(state, &survey, 1.0, &mut block);
                    }
                    block
                })
                .collect();
            for (block, entries) in blocks.iter_mut().zip(&walked.entries) {
                for (member, (time, _)) in members.iter().zip(passage.times(entries)) {
                    block.add(time, member);
                }
            }
        }
        Averaged { blocks, hops: walk.hops(), time: walked.time, longest: walked.longest }
    }
}

/// Averages along a walk.
struct Averaged {
    blocks: Vec<Block>,
    hops: u64,
    /// As in [`Walked`].
    time: f64,
    longest: f64,
}

/// A look at states: what they add to averages.
struct Look<'a> {
    landscape: &'a Landscape<'a>,
    correction: &'a Correction<'a>,
    is_here: bool,
    averaged: usize,
    gains: Gains,
    value: Vec<f64>,
    own: Survey,
    by_site: Vec<f64>,
}

impl<'a> Look<'a> {
    fn new(landscape: &'a Landscape<'a>, correction: &'a Correction<'a>, is_here: bool, averaged: usize) -> Self {
        let (electrodes, sites) = (landscape.network.electrodes(), landscape.network.sites());
        Self {
            landscape,
            correction,
            is_here,
            averaged,
            gains: Gains::default(),
            value: vec![0.0; electrodes],
            own: Survey::default(),
            by_site: vec![0.0; sites * electrodes],
        }
    }

    /// Adds a state that lasts for a time; `found` is its survey at the voltages of the trajectory.
    fn add(&mut self, state: &Occupation, found: &Survey, time: f64, block: &mut Block) {
        let network = self.landscape.network;
        let electrodes = network.electrodes();
        block.weight += time;
        self.correction.prepare(state, &mut self.gains);
        let survey = if self.is_here {
            found
        } else {
            self.landscape.survey(state, NEGLIGIBLE, &mut self.own);
            &self.own
        };
        let has_derivatives = self.averaged > electrodes;
        self.by_site.fill(0.0);
        for hop in &survey.hops {
            let (from, to) = (usize::from(hop.from), usize::from(hop.to));
            self.correction.of_hop(&self.gains, from, to, &mut self.value);
            let rate = time * hop.rate;
            block.values.iter_mut().zip(&self.value).for_each(|(sum, v)| *sum += rate * v);
            if !has_derivatives {
                continue;
            }
            let slope = network.law().log_slope(self.landscape.difference_kt(&survey.energies_kt, from, to));
            if slope.abs() > 0.0 {
                for (k, v) in self.value.iter().enumerate() {
                    self.by_site[to * electrodes + k] += rate * slope * v;
                    self.by_site[from * electrodes + k] -= rate * slope * v;
                }
            }
        }
        for (n, derivative) in block.values[electrodes..].iter_mut().enumerate() {
            let (k, m) = (n / electrodes, n % electrodes);
            for (site, row) in self.by_site.chunks_exact(electrodes).enumerate() {
                *derivative += network.potential(m, site) * row[k];
            }
        }
    }
}
