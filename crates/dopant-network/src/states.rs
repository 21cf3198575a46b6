//! Stored states with their hops.

use hashbrown::HashMap;
use rand::{Rng, RngExt};

use crate::network::{Hop, Landscape, Survey};
use crate::occupation::Occupation;

/// Marks a target that has not been looked up.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// A state of the set with its hops.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub state: Occupation,
    /// Its hops, the most frequent first.
    pub hops: Vec<Hop>,
    /// Their targets.
    pub targets: Vec<u32>,
    /// Total rate of its hops \[ν₀\], including those not kept.
    pub exit_rate: f64,
    /// Total rate of the hops not kept \[ν₀\].
    pub left_out_rate: f64,
}

/// A set of states.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateSet {
    pub members: Vec<Member>,
    pub index: HashMap<Occupation, u32>,
    pub survey: Survey,
    /// Whether only the hops that are among its states or carry flow are kept.
    pub compact: bool,
}

/// Surveys a state, its most frequent hops first; returns the total rate of all its hops and of those beyond the span.
pub(crate) fn look(landscape: &Landscape<'_>, state: &Occupation, span: f64, survey: &mut Survey) -> (f64, f64) {
    landscape.survey(state, span, survey);
    survey.hops.sort_unstable_by(|a, b| b.rate.total_cmp(&a.rate));
    (survey.total_rate + survey.left_out_rate, survey.left_out_rate)
}

/// Draws one of the hops in proportion to their rates, or none with what is left of a total rate \[ν₀\].
pub(crate) fn draw(hops: &[Hop], total_rate: f64, rng: &mut impl Rng) -> Option<usize> {
    let mut rest = rng.random::<f64>() * total_rate;
    hops.iter().position(|hop| {
        rest -= hop.rate;
        rest < 0.0
    })
}

impl StateSet {
    pub(crate) fn add(&mut self, landscape: &Landscape<'_>, state: Occupation, span: f64) -> u32 {
        if let Some(&known) = self.index.get(&state) {
            return known;
        }
        let (exit_rate, left_out_rate) = look(landscape, &state, span, &mut self.survey);
        let hops = self.survey.hops.clone();
        let number = self.members.len() as u32;
        let targets = vec![OUTSIDE; hops.len()];
        self.members.push(Member { state, hops, targets, exit_rate, left_out_rate });
        self.index.insert(state, number);
        number
    }

    /// Draws one of a member's hops in proportion to their rates.
    pub(crate) fn draw(&self, number: u32, rng: &mut impl Rng) -> usize {
        let member = &self.members[number as usize];
        draw(&member.hops, member.exit_rate, rng).unwrap_or(0)
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
