//! Mean currents from kinetic Monte Carlo, with standard errors.

use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;

use super::blocks::{Block, ratios};
use super::trapping::{Sums, Trapping};
use super::{Direct, HopCounts, Incremental, Observer, Recurring, numbered};
use crate::network::Landscape;
use crate::occupation::Occupation;

/// Number of blocks from which standard errors are computed.
const BLOCKS: usize = 32;
/// Fraction of hops to new states above which storing states is slower, times the number of acceptors: the cost of
/// surveying a state grows with their square, that of updating rates after a hop with their number.
const SELDOM: f64 = 1.2;
/// The same fraction for small networks.
const SELDOM_AT_MOST: f64 = 0.04;

/// Fraction above which storing states is given up at once.
const OFTEN_NEW: f64 = 0.3;
/// Hops after which this fraction is tested, and after which the others are.
const FIRST_PROBE: u64 = 2_000;
const LAST_PROBE: u64 = 20_000;

/// Hops that take as long as one step of [`Sampler::Trapping`], measured with 8 to 100 acceptors.
const HOPS_OF_STEP: f64 = 20.0;
/// Most steps of a look at whether it is faster, those after which it is given up, and mean number of hops in each of them below which it is.
const LONGEST_LOOK: u64 = 400_000;
const FIRST_LOOK: u64 = 12_000;
const HOPS_AT_FIRST: f64 = 1.5;
/// Number of the random numbers of this look.
const TRAPPED: u64 = 1 << 40;
/// Times that the longest stay must fit into the simulated time.
const LEAST_STAYS: f64 = 8.0;

/// How events are drawn; all samplers have the same statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampler {
    /// The fastest one, determined while the network approaches its steady state.
    #[default]
    Automatic,
    /// [`Recurring`].
    Recurring,
    /// [`Incremental`]; [`Direct`] where rates do not factorize.
    Incremental,
    /// [`Direct`].
    Direct,
    /// States that recur again and again are passed in one step, with means of the times and hops among them. Mean currents alone: all
    /// else needs single hops, and takes [`Recurring`] instead.
    Trapping,
}

/// Options of a simulation of currents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventOptions {
    /// Largest number of hops to count; of steps with [`Sampler::Trapping`].
    pub hops: u64,
    /// Hops before counting begins; a twentieth of `hops` if not given.
    pub equilibration_hops: Option<u64>,
    /// Stop as soon as no standard error exceeds this fraction of the largest current.
    pub relative_error: Option<f64>,
    /// Seed.
    pub seed: u64,
    /// How events are drawn.
    pub sampler: Sampler,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self { hops: 10_000_000, equilibration_hops: None, relative_error: None, seed: 0, sampler: Sampler::Automatic }
    }
}

/// Mean currents.
#[derive(Clone, Debug, PartialEq)]
pub struct EventCurrents {
    /// Current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Their standard errors \[eν₀\], from blocks. If no hole entered or left, e/T with T the simulated time; three
    /// times this is an upper bound at 95 % confidence. With [`Sampler::Trapping`] they include rounding, and are infinite if
    /// a single stay among recurring states lasts longer than an eighth of the simulated time: what else is as likely is not known then.
    pub standard_errors: Vec<f64>,
    /// Whether no hole was counted at an electrode.
    pub none_counted: Vec<bool>,
    /// Largest standard error over the largest current, as limited by [`EventOptions::relative_error`]; infinite if all
    /// currents are zero.
    pub relative_error: f64,
    /// Fraction of time for which each acceptor holds a hole.
    pub occupations: Vec<f64>,
    /// Hop rates from site to site \[ν₀\], (N + P) × (N + P).
    pub traffic: Vec<f64>,
    /// Hops counted; with [`Sampler::Trapping`] steps, each of them one hop or a stay among recurring states with many.
    pub hops: u64,
    /// Mean number of hops in all these steps, with [`Sampler::Trapping`].
    pub hops_with_passed: Option<f64>,
    /// Hops made before counting began.
    pub equilibration_hops: u64,
    /// Simulated time \[1/ν₀\].
    pub time: f64,
    /// Number of stored states, if the sampler stores them; with [`Sampler::Trapping`] of those that are passed.
    pub states: Option<usize>,
    /// How events were drawn.
    pub sampler: Sampler,
    /// The last state.
    pub last: Occupation,
}

pub(super) enum Simulation<'a> {
    Recurring(Box<Recurring<'a>>),
    Incremental(Box<Incremental<'a>>),
    Direct(Box<Direct<'a>>),
}

impl<'a> Simulation<'a> {
    pub(super) fn new(sampler: Sampler, landscape: &'a Landscape<'a>, start: Occupation) -> Self {
        match sampler {
            Sampler::Automatic | Sampler::Recurring | Sampler::Trapping => {
                Self::Recurring(Box::new(Recurring::new(landscape, start)))
            }
            Sampler::Direct => Self::Direct(Box::new(Direct::new(landscape, start))),
            Sampler::Incremental => match Incremental::new(landscape, start) {
                Some(simulation) => Self::Incremental(Box::new(simulation)),
                None => Self::Direct(Box::new(Direct::new(landscape, start))),
            },
        }
    }

    pub(super) fn state(&self) -> Occupation {
        match self {
            Self::Recurring(s) => s.state(),
            Self::Incremental(s) => s.state(),
            Self::Direct(s) => s.state(),
        }
    }

    pub(super) fn sampler(&self) -> Sampler {
        match self {
            Self::Recurring(_) => Sampler::Recurring,
            Self::Incremental(_) => Sampler::Incremental,
            Self::Direct(_) => Sampler::Direct,
        }
    }

    fn states(&self) -> Option<usize> {
        if let Self::Recurring(s) = self { Some(s.states()) } else { None }
    }

    pub(super) fn run(&mut self, landscape: &'a Landscape<'a>, hops: u64, rng: &mut Pcg64Dxsm, counts: &mut HopCounts) {
        self.in_parts(landscape, hops, |simulation, now| {
            match simulation {
                Self::Recurring(s) => s.run(now, rng, counts),
                Self::Direct(s) => s.run(now, rng, counts),
                Self::Incremental(s) => return s.run(now, rng, counts),
            }
            now
        });
    }

    /// Makes `hops` hops before an observer.
    pub(super) fn follow(
        &mut self,
        landscape: &'a Landscape<'a>,
        hops: u64,
        rng: &mut Pcg64Dxsm,
        observer: &mut impl Observer,
    ) {
        self.in_parts(landscape, hops, |simulation, now| {
            match simulation {
                Self::Recurring(s) => s.follow(now, rng, observer),
                Self::Direct(s) => s.follow(now, rng, observer),
                Self::Incremental(s) => return s.follow(now, rng, observer),
            }
            now
        });
    }

    /// `hops` hops in parts of fewer than 2³²; `part` returns how many it made. Rates that cannot be followed are computed anew.
    fn in_parts(&mut self, landscape: &'a Landscape<'a>, hops: u64, mut part: impl FnMut(&mut Self, u64) -> u64) {
        let mut left = hops;
        while left > 0 {
            let now = left.min(1 << 31);
            let done = part(self, now);
            left -= done;
            if done < now {
                *self = Self::Direct(Box::new(Direct::new(landscape, self.state())));
            }
        }
    }
}

/// Charge received by each electrode \[e\].
fn charges(landscape: &Landscape<'_>, hops: &[u64]) -> Vec<f64> {
    let (n, sites) = (landscape.network.acceptors(), landscape.network.sites());
    (n..sites).map(|e| (0..n).map(|i| hops[i * sites + e] as f64 - hops[e * sites + i] as f64).sum()).collect()
}

/// Runs until the steady state and, with [`Sampler::Automatic`], finds out whether states recur.
pub(super) fn equilibrated<'a>(
    landscape: &'a Landscape<'a>,
    start: Occupation,
    sampler: Sampler,
    hops: u64,
    rng: &mut Pcg64Dxsm,
) -> Simulation<'a> {
    let mut ignored = HopCounts::new(landscape.network.sites());
    let mut left = hops;
    // fraction of hops that lead to new states
    let mut probe = |simulation: &mut Simulation<'a>, most: u64, rng: &mut Pcg64Dxsm| {
        let now = most.min(left);
        left -= now;
        let before = simulation.states().unwrap_or(0);
        simulation.run(landscape, now, rng, &mut ignored);
        (simulation.states().unwrap_or(0) - before) as f64 / now.max(1) as f64
    };
    let mut simulation = Simulation::new(sampler, landscape, start);
    if sampler != Sampler::Automatic {
        probe(&mut simulation, hops, rng);
        return simulation;
    }
    if probe(&mut simulation, FIRST_PROBE, rng) > OFTEN_NEW {
        // the approach to the steady state always leads through new states: test again afterwards
        simulation = Simulation::new(Sampler::Incremental, landscape, simulation.state());
        probe(&mut simulation, hops / 2, rng);
        simulation = Simulation::new(Sampler::Recurring, landscape, simulation.state());
        if probe(&mut simulation, FIRST_PROBE, rng) > OFTEN_NEW {
            simulation = Simulation::new(Sampler::Incremental, landscape, simulation.state());
            probe(&mut simulation, hops, rng);
            return simulation;
        }
    } else {
        probe(&mut simulation, hops / 2, rng);
    }
    let seldom = (SELDOM / landscape.network.acceptors() as f64).min(SELDOM_AT_MOST);
    if probe(&mut simulation, LAST_PROBE, rng) > seldom {
        simulation = Simulation::new(Sampler::Incremental, landscape, simulation.state());
    }
    probe(&mut simulation, hops, rng);
    simulation
}

/// How currents are counted, and what has been counted in all.
enum Counter<'a> {
    ByHops(Simulation<'a>, HopCounts),
    Trapping(Box<Trapping<'a>>),
}

impl<'a> Counter<'a> {
    /// In its steady state.
    fn new(
        landscape: &'a Landscape<'a>,
        start: Occupation,
        options: &EventOptions,
        rng: &mut Pcg64Dxsm,
    ) -> (Self, u64) {
        let steps = options.equilibration_hops.unwrap_or(options.hops / 20).max(2);
        if options.sampler == Sampler::Trapping {
            let mut trapping = Box::new(Trapping::new(landscape, start));
            trapping.approach(steps, rng);
            return (Self::Trapping(trapping), steps);
        }
        let simulation = equilibrated(landscape, start, options.sampler, steps, rng);
        let may_be_trapped = options.sampler == Sampler::Automatic && simulation.sampler() == Sampler::Recurring;
        if let Some(trapping) = may_be_trapped.then(|| trapped(landscape, simulation.state(), options)).flatten() {
            return (Self::Trapping(Box::new(trapping)), steps);
        }
        (Self::ByHops(simulation, HopCounts::new(landscape.network.sites())), steps)
    }

    fn run(&mut self, landscape: &'a Landscape<'a>, steps: u64, rng: &mut Pcg64Dxsm) -> Sums {
        match self {
            Self::Trapping(trapping) => trapping.run(steps, rng),
            Self::ByHops(simulation, total) => {
                let mut counts = HopCounts::new(landscape.network.sites());
                simulation.run(landscape, steps, rng, &mut counts);
                total.time += counts.time;
                total.hops.iter_mut().zip(&counts.hops).for_each(|(a, b)| *a += b);
                total.occupied_time.iter_mut().zip(&counts.occupied_time).for_each(|(a, b)| *a += b);
                let charges = charges(landscape, &counts.hops);
                Sums { time: counts.time, hops: steps as f64, charges, ..Sums::new(landscape.network.electrodes()) }
            }
        }
    }

    /// Hops from site to site and the time for which each site held a hole \[1/ν₀\].
    fn totals(&mut self) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::Trapping(trapping) => trapping.take_totals(),
            Self::ByHops(_, total) => {
                (total.hops.iter().map(|&hops| hops as f64).collect(), total.occupied_time.clone())
            }
        }
    }

    fn sampler(&self) -> Sampler {
        match self {
            Self::Trapping(_) => Sampler::Trapping,
            Self::ByHops(simulation, _) => simulation.sampler(),
        }
    }

    fn states(&self) -> Option<usize> {
        match self {
            Self::Trapping(trapping) => Some(trapping.members()),
            Self::ByHops(simulation, _) => simulation.states(),
        }
    }

    fn last(&self) -> Occupation {
        match self {
            Self::Trapping(trapping) => trapping.state(),
            Self::ByHops(simulation, _) => simulation.state(),
        }
    }
}

/// A simulation that passes recurring states in one step, if that is faster. Its random numbers are its own, so that otherwise nothing
/// changes.
fn trapped<'a>(landscape: &'a Landscape<'a>, start: Occupation, options: &EventOptions) -> Option<Trapping<'a>> {
    let mut trapping = Trapping::new(landscape, start);
    let mut rng = numbered(options.seed, TRAPPED);
    let steps = (options.hops / (5 * HOPS_OF_STEP as u64)).min(LONGEST_LOOK);
    // where no basin is found at once, there is none
    let first = trapping.run(steps.min(FIRST_LOOK), &mut rng);
    if first.hops < HOPS_AT_FIRST * steps.min(FIRST_LOOK) as f64 {
        return None;
    }
    let found = trapping.approach(steps, &mut rng);
    (found.hops > HOPS_OF_STEP * (steps - steps / 2) as f64).then_some(trapping)
}

/// Currents into the electrodes \[eν₀\] and their standard errors, from blocks and from what they sum to.
fn with_errors(landscape: &Landscape<'_>, blocks: &[Block], total: &Sums) -> (Vec<f64>, Vec<f64>) {
    let rounding = landscape.network.rounding_of_rates(landscape.voltages_kt()) / total.time;
    let is_long = total.time >= LEAST_STAYS * total.longest;
    let with_rounding = |((current, error), exchanged): ((f64, f64), &f64)| {
        (current, if is_long { f64::hypot(error, exchanged * rounding) } else { f64::INFINITY })
    };
    ratios(blocks, landscape.network.electrodes()).into_iter().zip(&total.exchanged).map(with_rounding).unzip()
}

/// Pairs of blocks as one.
fn merged(blocks: &[Block], electrodes: usize) -> Vec<Block> {
    let merge = |pair: &[Block]| {
        let weight = pair.iter().map(|b| b.weight).sum();
        let sum = |k: usize| pair.iter().map(|b| b.values[k]).sum();
        Block { weight, values: (0..electrodes).map(sum).collect() }
    };
    blocks.chunks(2).map(merge).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0_f64, |a, x| a.max(x.abs()))
}

/// Simulates currents from a starting state.
#[must_use]
pub fn currents(landscape: &Landscape<'_>, start: Occupation, options: &EventOptions) -> EventCurrents {
    let network = landscape.network;
    let (n, sites, electrodes) = (network.acceptors(), network.sites(), network.electrodes());
    let mut rng = Pcg64Dxsm::seed_from_u64(options.seed);
    let (mut counter, equilibration_hops) = Counter::new(landscape, start, options, &mut rng);

    let mut total = Sums::new(electrodes);
    let mut blocks: Vec<Block> = Vec::new();
    let mut hops = 0;
    // if an error is requested, begin with short blocks and merge them in pairs
    let mut length = match options.relative_error {
        Some(_) => (options.hops / BLOCKS as u64).clamp(1, 10_000),
        None => options.hops.div_ceil(BLOCKS as u64).max(1),
    };
    let (currents, mut standard_errors) = loop {
        while blocks.len() < BLOCKS && hops < options.hops {
            let now = length.min(options.hops - hops);
            let sums = counter.run(landscape, now, &mut rng);
            hops += now;
            total.add(&sums);
            blocks.push(Block { weight: sums.time, values: sums.charges });
        }
        let (currents, errors) = with_errors(landscape, &blocks, &total);
        let done = match options.relative_error {
            _ if hops >= options.hops => true,
            None => true,
            Some(wanted) => errors.iter().all(|e| *e <= wanted * largest(&currents)),
        };
        if done {
            break (currents, errors);
        }
        blocks = merged(&blocks, electrodes);
        length *= 2;
    };
    let (traffic, occupied_time) = counter.totals();
    // means of fewer hops than one are none
    let counted = |e: usize| (0..n).map(|i| traffic[i * sites + e] + traffic[e * sites + i]).sum::<f64>() >= 1.0;
    let none_counted: Vec<bool> = (n..sites).map(|e| !counted(e)).collect();
    for (error, none) in standard_errors.iter_mut().zip(&none_counted) {
        if *none && error.is_finite() {
            *error = error.max(1.0 / total.time);
        }
    }
    let relative_error = match largest(&currents) {
        current if current > 0.0 => largest(&standard_errors) / current,
        _ => f64::INFINITY,
    };
    let sampler = counter.sampler();
    EventCurrents {
        currents,
        standard_errors,
        none_counted,
        relative_error,
        occupations: occupied_time[..n].iter().map(|t| t / total.time).collect(),
        traffic: traffic.iter().map(|hops| hops / total.time).collect(),
        hops,
        hops_with_passed: (sampler == Sampler::Trapping).then_some(total.hops),
        equilibration_hops,
        time: total.time,
        states: counter.states(),
        sampler,
        last: counter.last(),
    }
}
