//! Mean currents from kinetic Monte Carlo, with standard errors.

use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;

use super::blocks::{Block, ratios};
use super::{Direct, HopCounts, Incremental, Observer, Recurring};
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
}

/// Options of a simulation of currents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventOptions {
    /// Largest number of hops to count.
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
    /// times this is an upper bound at 95 % confidence.
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
    /// Hops counted.
    pub hops: u64,
    /// Hops made before counting began.
    pub equilibration_hops: u64,
    /// Simulated time \[1/ν₀\].
    pub time: f64,
    /// Number of stored states, if the sampler stores them.
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
            Sampler::Automatic | Sampler::Recurring => Self::Recurring(Box::new(Recurring::new(landscape, start))),
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

/// Simulates currents from a starting state.
#[must_use]
pub fn currents(landscape: &Landscape<'_>, start: Occupation, options: &EventOptions) -> EventCurrents {
    let network = landscape.network;
    let (n, sites, electrodes) = (network.acceptors(), network.sites(), network.electrodes());
    let mut rng = Pcg64Dxsm::seed_from_u64(options.seed);
    let equilibration = options.equilibration_hops.unwrap_or(options.hops / 20).max(2);
    let mut simulation = equilibrated(landscape, start, options.sampler, equilibration, &mut rng);

    let mut total = HopCounts::new(sites);
    let mut blocks: Vec<Block> = Vec::new();
    let mut hops = 0;
    // if an error is requested, begin with short blocks and merge them in pairs
    let mut length = match options.relative_error {
        Some(_) => (options.hops / BLOCKS as u64).clamp(1, 10_000),
        None => options.hops.div_ceil(BLOCKS as u64).max(1),
    };
    loop {
        while blocks.len() < BLOCKS && hops < options.hops {
            let now = length.min(options.hops - hops);
            let mut counts = HopCounts::new(sites);
            simulation.run(landscape, now, &mut rng, &mut counts);
            hops += now;
            blocks.push(Block { weight: counts.time, values: charges(landscape, &counts.hops) });
            total.time += counts.time;
            total.hops.iter_mut().zip(&counts.hops).for_each(|(a, b)| *a += b);
            total.occupied_time.iter_mut().zip(&counts.occupied_time).for_each(|(a, b)| *a += b);
        }
        let done = match options.relative_error {
            _ if hops >= options.hops => true,
            None => true,
            Some(wanted) => {
                let (currents, errors): (Vec<f64>, Vec<f64>) = ratios(&blocks, electrodes).into_iter().unzip();
                let largest = currents.iter().fold(0.0_f64, |a, c| a.max(c.abs()));
                errors.iter().all(|e| *e <= wanted * largest)
            }
        };
        if done {
            break;
        }
        blocks = blocks
            .chunks(2)
            .map(|pair| {
                let weight = pair.iter().map(|b| b.weight).sum();
                let sum = |k: usize| pair.iter().map(|b| b.values[k]).sum();
                Block { weight, values: (0..electrodes).map(sum).collect() }
            })
            .collect();
        length *= 2;
    }
    let (currents, mut standard_errors): (Vec<f64>, Vec<f64>) = ratios(&blocks, electrodes).into_iter().unzip();
    let counted = |e: usize| (0..n).any(|i| total.hops[i * sites + e] + total.hops[e * sites + i] > 0);
    let none_counted: Vec<bool> = (n..sites).map(|e| !counted(e)).collect();
    for (error, none) in standard_errors.iter_mut().zip(&none_counted) {
        if *none {
            *error = 1.0 / total.time;
        }
    }
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    let relative_error = match largest(&currents) {
        current if current > 0.0 => largest(&standard_errors) / current,
        _ => f64::INFINITY,
    };
    EventCurrents {
        currents,
        standard_errors,
        none_counted,
        relative_error,
        occupations: total.occupied_time[..n].iter().map(|t| t / total.time).collect(),
        traffic: total.hops.iter().map(|&h| h as f64 / total.time).collect(),
        hops,
        equilibration_hops: equilibration,
        time: total.time,
        states: simulation.states(),
        sampler: simulation.sampler(),
        last: simulation.state(),
    }
}
