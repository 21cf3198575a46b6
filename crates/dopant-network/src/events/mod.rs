//! Kinetic Monte Carlo: the network hop by hop, with exact statistics.

mod blocks;
mod currents;
mod direct;
mod driven;
mod incremental;
mod levels;
mod pair_factors;
mod projection;
mod recurring;
mod response;
mod trajectory;
mod trap;

pub use currents::{EventCurrents, EventOptions, Sampler, currents};
pub use direct::Direct;
pub use driven::{DrivenCurrents, DrivenOptions, Sine, driven_currents};
pub use incremental::Incremental;
pub use levels::{LevelOptions, Levels, levels};
pub use recurring::Recurring;
pub use response::{EventResponse, ResponseOptions, response};
pub use trajectory::{Event, Trajectory};

use crate::occupation::Occupation;

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
