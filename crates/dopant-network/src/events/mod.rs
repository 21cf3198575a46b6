//! Kinetic Monte Carlo: the network hop by hop, with exact statistics.

mod blocks;
mod cascade;
mod currents;
mod direct;
mod driven;
mod incremental;
mod levels;
mod noise;
mod projection;
mod recurring;
mod response;
mod tiles;
mod trajectory;
mod trap;
mod trapping;

pub use currents::{EventCurrents, EventOptions, Sampler, currents};
pub use direct::Direct;
pub use driven::{DrivenCurrents, DrivenOptions, Sine, driven_currents};
pub use incremental::Incremental;
pub use levels::{LevelOptions, Levels, levels};
pub use noise::{EventNoise, NoiseOptions, noise};
pub use recurring::Recurring;
pub use response::{EventResponse, ResponseOptions, response};
pub use trajectory::{Event, Trajectory};

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Dxsm;

use crate::network::Network;
use crate::occupation::Occupation;

/// Random numbers of a trajectory with its own number.
fn numbered(seed: u64, trajectory: u64) -> Pcg64Dxsm {
    Pcg64Dxsm::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(trajectory))
}

/// Mean number of hops between two states that are looked at: so many that hops and looking take about the same time.
fn stride(network: &Network) -> u64 {
    network.acceptors().max(8) as u64
}

/// Hops until the next state that is looked at. Their number is random: a network that goes to and fro between two states would be seen in
/// one of them alone after an even number of hops.
fn hops_until_look(network: &Network, rng: &mut impl Rng) -> u64 {
    rng.random_range(1..2 * stride(network))
}

/// What follows a simulation while a sampler runs it.
trait Observer {
    /// Whether a sampler that stores states is to count how often it visits each.
    const COUNTS_VISITS: bool = false;

    /// Time passes whose mean is given \[1/ν₀\]; in truth it is exponentially distributed.
    fn wait(&mut self, mean: f64, rng: &mut impl Rng);

    /// A hole hops from site `from` to site `to`, as the number `from · sites + to`.
    fn hop(&mut self, pair: usize);
}

/// Counts of a simulation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HopCounts {
    /// Time \[1/ν₀\].
    pub time: f64,
    /// Hops from site to site, `from · (N + P) + to`.
    pub hops: Vec<u64>,
    /// Time for which each site held a hole \[1/ν₀\]; 0 for electrodes.
    pub occupied_time: Vec<f64>,
    sites: usize,
    since: Vec<f64>,
}

impl HopCounts {
    /// Zero counts for a network of the given number of sites.
    #[must_use]
    pub fn new(sites: usize) -> Self {
        Self {
            time: 0.0,
            hops: vec![0; sites * sites],
            occupied_time: vec![0.0; sites],
            sites,
            since: vec![0.0; sites],
        }
    }

    fn begin(&mut self, state: &Occupation) {
        state.sites().for_each(|site| self.since[site] = self.time);
    }

    #[inline]
    fn count(&mut self, from: usize, to: usize) {
        self.hops[from * self.sites + to] += 1;
        self.occupied_time[from] += self.time - self.since[from];
        self.since[to] = self.time;
    }

    fn end(&mut self, state: &Occupation) {
        state.sites().for_each(|site| self.occupied_time[site] += self.time - self.since[site]);
    }
}

/// Mean times instead of exponentially distributed ones: the same means, with less scatter.
impl Observer for HopCounts {
    #[inline]
    fn wait(&mut self, mean: f64, _rng: &mut impl Rng) {
        self.time += mean;
    }

    #[inline]
    fn hop(&mut self, pair: usize) {
        let (pair, sites) = (pair as u32, self.sites as u32);
        self.count((pair / sites) as usize, (pair % sites) as usize);
    }
}
