//! States with their hops, remembered.

use hashbrown::HashMap;
use rand::{Rng, RngExt};

use crate::network::{Hop, Landscape, Survey};
use crate::occupation::Occupation;

/// Target of a hop that has not been looked up.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// A state of the set with its hops.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub state: Occupation,
    /// Its hops, the most frequent first.
    pub hops: Vec<Hop>,
    /// Where they lead.
    pub targets: Vec<u32>,
    /// Total rate of its hops \[ν₀\], with those that are not kept.
    pub exit_rate: f64,
    /// Rate of those that are not kept.
    pub left_out_rate: f64,
}

/// A set of states.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateSet {
    pub members: Vec<Member>,
    pub index: HashMap<Occupation, u32>,
    pub survey: Survey,
}

impl StateSet {
    pub(crate) fn add(&mut self, landscape: &Landscape<'_>, state: Occupation, span: f64) -> u32 {
        if let Some(&known) = self.index.get(&state) {
            return known;
        }
        landscape.survey(&state, span, &mut self.survey);
        let Survey { hops, total_rate, left_out_rate, .. } = &mut self.survey;
        hops.sort_unstable_by(|a, b| b.rate.total_cmp(&a.rate));
        let number = self.members.len() as u32;
        let targets = vec![OUTSIDE; hops.len()];
        let exit_rate = *total_rate + *left_out_rate;
        self.members.push(Member { state, hops: hops.clone(), targets, exit_rate, left_out_rate: *left_out_rate });
        self.index.insert(state, number);
        number
    }

    /// Draws one of a member's hops in proportion to their rates.
    pub(crate) fn draw(&self, number: u32, rng: &mut impl Rng) -> usize {
        let member = &self.members[number as usize];
        let mut rest = rng.random::<f64>() * member.exit_rate;
        let chosen = member.hops.iter().position(|hop| {
            rest -= hop.rate;
            rest < 0.0
        });
        chosen.unwrap_or(0)
    }

    /// The member that a hop leads to, added if it is new.
    pub(crate) fn follow(&mut self, landscape: &Landscape<'_>, number: u32, chosen: usize, span: f64) -> u32 {
        let member = &self.members[number as usize];
        match member.targets[chosen] {
            OUTSIDE => {
                let hop = member.hops[chosen];
                let next = self.add(landscape, landscape.after(&member.state, hop.from, hop.to), span);
                self.members[number as usize].targets[chosen] = next;
                next
            }
            known => known,
        }
    }
}
