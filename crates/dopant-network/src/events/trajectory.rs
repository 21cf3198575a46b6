//! Events one by one, with exponentially distributed waiting times.

use rand::{Rng, RngExt};
use rand_distr::Exp1;

use crate::network::{Landscape, NEGLIGIBLE};
use crate::occupation::Occupation;
use crate::states::StateSet;

/// Largest number of stored hops (about 24 bytes each), beyond which all states but the current one are discarded.
const MOST_REMEMBERED: usize = 1 << 25;

/// One hop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Time \[1/ν₀\].
    pub time: f64,
    /// Initial site of the hole.
    pub from: u16,
    /// Final site of the hole.
    pub to: u16,
}

/// An endless series of events.
#[derive(Debug)]
pub struct Trajectory<'a> {
    landscape: &'a Landscape<'a>,
    states: StateSet,
    current: u32,
    time: f64,
    remembered: usize,
    most_remembered: usize,
}

impl<'a> Trajectory<'a> {
    /// Starts in a state at time 0.
    #[must_use]
    pub fn new(landscape: &'a Landscape<'a>, start: Occupation) -> Self {
        let mut states = StateSet::default();
        let current = states.add(landscape, start, NEGLIGIBLE);
        Self { landscape, states, current, time: 0.0, remembered: 0, most_remembered: MOST_REMEMBERED }
    }

    /// The current state.
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
        let known = self.states.members.len();
        self.current = self.states.follow(self.landscape, self.current, chosen, NEGLIGIBLE);
        if self.states.members.len() > known {
            self.remembered += self.states.members[known].hops.len();
            if self.remembered > self.most_remembered {
                let state = self.state();
                self.states = StateSet::default();
                self.current = self.states.add(self.landscape, state, NEGLIGIBLE);
                self.remembered = 0;
            }
        }
        Event { time: self.time, from: hop.from, to: hop.to }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Dxsm;

    use super::*;
    use crate::{DopantNetwork, Generate};

    #[test]
    fn events_are_the_same_however_few_states_are_remembered() {
        let description = Generate { acceptors: 12, donors: 1, seed: 5, ..Generate::default() }.describe().unwrap();
        let device = DopantNetwork::from_description(&description).unwrap();
        let landscape = device.network.landscape(&device.voltages_kt(&[0.2, 0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0]));
        let events = |most_remembered: usize| {
            let mut rng = Pcg64Dxsm::seed_from_u64(1);
            let mut trajectory = Trajectory { most_remembered, ..Trajectory::new(&landscape, device.initial) };
            let events: Vec<Event> = (0..5000).map(|_| trajectory.next(&mut rng)).collect();
            (events, trajectory.remembered)
        };
        let (all, remembered) = events(MOST_REMEMBERED);
        let few = remembered / 4;
        let (same, fewer) = events(few);
        assert_eq!(all, same);
        assert!(fewer <= few, "{fewer} of {remembered}");
    }
}
