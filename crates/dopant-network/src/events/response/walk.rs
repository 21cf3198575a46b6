//! Trajectories of which single states are looked at, through traps if there are any.

use super::BLOCKS;
use crate::events::currents::{Sampler, Simulation, equilibrated};
use crate::events::trap::{Passage, TrapWalk};
use crate::events::{HopCounts, hops_until_look, numbered, stride};
use crate::network::{Landscape, NEGLIGIBLE, Survey};
use crate::occupation::Occupation;

/// A trajectory of which single states are looked at.
pub(super) struct Walk<'a> {
    pub(super) landscape: &'a Landscape<'a>,
    /// The trap at the walk's voltages, if there is one.
    pub(super) passage: Option<&'a Passage<'a>>,
    pub(super) start: Occupation,
    pub(super) approach: u64,
    pub(super) sampler: Sampler,
    pub(super) states: usize,
    pub(super) seed: u64,
    /// Its number among all walks of the search.
    pub(super) number: u64,
}

/// What a walk tells besides the states that it looked at.
pub(super) struct Walked {
    pub(super) last: Occupation,
    /// Time that passed, and the longest step, including the approach; followed only where there is a trap.
    pub(super) time: f64,
    pub(super) longest: f64,
    /// How many looks in each block found the walk in the trap, by the member at which it had entered.
    pub(super) entries: Vec<Vec<u32>>,
}

/// How a walk moves on.
enum Mover<'a> {
    ByHops(Simulation<'a>, HopCounts),
    ThroughTrap(Box<TrapWalk<'a>>),
}

impl Walk<'_> {
    /// Calls `visit` with the block of each state outside of the trap, the state, its hops and the time it lasts on average.
    pub(super) fn run(&self, mut visit: impl FnMut(usize, &Occupation, &Survey, f64)) -> Walked {
        let mut rng = numbered(self.seed, self.number);
        let landscape = self.landscape;
        let (mut time, mut longest) = (0.0, 0.0_f64);
        let mut mover = match self.passage {
            None => {
                let simulation = equilibrated(landscape, self.start, self.sampler, self.approach, &mut rng);
                Mover::ByHops(simulation, HopCounts::new(landscape.network.sites()))
            }
            Some(passage) => {
                let mut walk = TrapWalk::new(passage, self.start);
                for _ in 0..self.approach {
                    longest = longest.max(walk.time());
                    walk.step(&mut rng);
                }
                Mover::ThroughTrap(Box::new(walk))
            }
        };
        let members = self.passage.map_or(0, |passage| passage.trap().members.len());
        let mut entries = vec![vec![0; members]; BLOCKS];
        let mut survey = Survey::default();
        for number in 0..self.states {
            let hops = hops_until_look(landscape.network, &mut rng);
            let block = number * BLOCKS / self.states;
            match &mut mover {
                Mover::ByHops(simulation, ignored) => simulation.run(landscape, hops, &mut rng, ignored),
                Mover::ThroughTrap(walk) => {
                    for _ in 0..hops {
                        let duration = walk.time();
                        time += duration;
                        longest = longest.max(duration);
                        walk.step(&mut rng);
                    }
                    if let Some(entry) = walk.entry() {
                        entries[block][entry as usize] += 1;
                        continue;
                    }
                }
            }
            let state = mover.state();
            landscape.survey(&state, NEGLIGIBLE, &mut survey);
            visit(block, &state, &survey, 1.0 / survey.total_rate);
        }
        Walked { last: mover.state(), time, longest, entries }
    }

    /// Number of hops, on average.
    pub(super) fn hops(&self) -> u64 {
        self.approach + stride(self.landscape.network) * self.states as u64
    }
}

impl Mover<'_> {
    fn state(&self) -> Occupation {
        match self {
            Self::ByHops(simulation, _) => simulation.state(),
            Self::ThroughTrap(walk) => walk.state(),
        }
    }
}

impl Walked {
    /// How often the trap was entered by each member, in all blocks.
    pub(super) fn all_entries(&self) -> Vec<u32> {
        let members = self.entries.first().map_or(0, Vec::len);
        (0..members).map(|member| self.entries.iter().map(|block| block[member]).sum()).collect()
    }
}
