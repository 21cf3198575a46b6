//! Events one by one, with true exponential waiting times.

use rand::{Rng, RngExt};
use rand_distr::Exp1;

use crate::network::{Landscape, NEGLIGIBLE};
use crate::occupation::Occupation;
use crate::states::StateSet;

/// One hop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When it happened \[1/ν₀\].
    pub time: f64,
    /// Site where the hole was.
    pub from: u16,
    /// Site where it went.
    pub to: u16,
}

/// An endless series of events.
#[derive(Debug)]
pub struct Trajectory<'a> {
    landscape: &'a Landscape<'a>,
    states: StateSet,
    current: u32,
    time: f64,
}

impl<'a> Trajectory<'a> {
    /// Starts in a state at time 0.
    #[must_use]
    pub fn new(landscape: &'a Landscape<'a>, start: Occupation) -> Self {
        let mut states = StateSet::default();
        let current = states.add(landscape, start, NEGLIGIBLE);
        Self { landscape, states, current, time: 0.0 }
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> Occupation {
        self.states.members[self.current as usize].state
    }

    /// The next event.
    pub fn next(&mut self, rng: &mut impl Rng) -> Event {
        let member = &self.states.members[self.current as usize];
        let wait: f64 = rng.sample(Exp1);
        self.time += wait / member.exit_rate;
        let chosen = self.states.draw(self.current, rng);
        let hop = self.states.members[self.current as usize].hops[chosen];
        self.current = self.states.follow(self.landscape, self.current, chosen, NEGLIGIBLE);
        Event { time: self.time, from: hop.from, to: hop.to }
    }
}
