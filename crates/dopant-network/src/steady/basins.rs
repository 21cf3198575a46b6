//! Sets of states that the network leaves so rarely that the steady state of one of them looks like that of all.
//!
//! Holes that repel each other strongly, and rates that fall again where energies differ much (Marcus), hold a network among a few states
//! for longer than any flow out of them tells: a flow of 10⁻⁹ of the current matters where the network stays away for 10⁹ times as long.
//! So a steady state is accepted only if walks that start from arbitrary states arrive in its states, or are held elsewhere for so short a
//! time that it does not matter. Around one that is held, a second set is grown, and both are grown until they exchange probability.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Dxsm;

use super::states::RandomWalk;
use super::{LARGE, SPAN, SteadySolver};
use crate::error::NetworkError;
use crate::network::Landscape;
use crate::occupation::Occupation;
use crate::states::{Member, OUTSIDE};

/// Walks that must arrive: a set that draws in one of five is missed with a probability of 3 %.
pub(super) const WALKS: usize = 16;
/// Hops after which a walk that has not arrived is held by other states, of which it is led out. Where there is one set only, walks arrive
/// after some ten hops.
const MOST_HOPS: usize = 1000;
/// Rounds in which two sets grow, each along flows ten times smaller.
const MOST_ROUNDS: usize = 100;
/// Times that a walk is led out before the states that hold it are taken to matter.
const MOST_PASSAGES: usize = 20;
/// Sets of states that exchange probability more slowly \[ν₀\] do not come to a steady state within a measurement (a quarter of an hour at
/// 10¹² Hz): of these, the one that the exploration has found is taken.
const SLOWEST: f64 = 1e-15;
/// The walks have random numbers of their own, not those of the exploration.
const STREAM: u64 = 0x6261_7369_6e73;

/// What walks from arbitrary states find besides the states of the steady state.
pub(super) struct Strays<'a> {
    /// A set of states that matters: the network stays in it for so long that the flow out of the states of the steady state, all of it
    /// leading there, gives it more of the probability than the tolerance.
    pub(super) matters: Option<SteadySolver<'a>>,
    /// Walks that are held elsewhere for longer than any measurement.
    pub(super) apart: usize,
}

/// Where a walk ends.
enum End<'a> {
    Here,
    Apart,
    HeldBy(Box<SteadySolver<'a>>),
}

impl<'a> SteadySolver<'a> {
    /// Follows walks from arbitrary states until one finds a set of states that matters.
    ///
    /// # Errors
    /// If the steady state among the states of a walk is not found.
    pub(super) fn strays(&self, landscape: &Landscape<'_>) -> Result<Strays<'a>, NetworkError> {
        let mut rng = Pcg64Dxsm::seed_from_u64(self.options.exploration_seed ^ STREAM);
        let mut apart = 0;
        for _ in 0..WALKS {
            let start = Occupation::arbitrary(self.network.acceptors(), &mut rng);
            match self.end_of_walk(landscape, start, &mut rng)? {
                End::Here => {}
                End::Apart => apart += 1,
                End::HeldBy(held) => return Ok(Strays { matters: Some(*held), apart }),
            }
        }
        Ok(Strays { matters: None, apart })
    }

    fn end_of_walk(
        &self,
        landscape: &Landscape<'_>,
        start: Occupation,
        rng: &mut Pcg64Dxsm,
    ) -> Result<End<'a>, NetworkError> {
        let left_out = self.left_out();
        let is_left = left_out > SLOWEST;
        let mut walk = RandomWalk::from(landscape, start, SPAN);
        let mut stay = 0.0;
        for passage in 1..=MOST_PASSAGES {
            for step in 0..MOST_HOPS {
                if self.holds(walk.state()) {
                    return Ok(End::Here);
                }
                walk.hop(landscape, SPAN, 2 * step >= MOST_HOPS, rng);
            }
            let held = self.of_walk(landscape, walk.clone())?;
            stay = (stay + 1.0 / held.left_out()).min(1.0 / SLOWEST);
            // a set that is not left within a measurement is not joined, however long the other one holds a walk
            if is_left && (left_out * stay > self.options.tolerance || passage == MOST_PASSAGES) {
                return Ok(End::HeldBy(Box::new(held)));
            }
            if stay >= 1.0 / SLOWEST {
                return Ok(End::Apart);
            }
            let Some(exit) = held.exit(landscape, rng) else {
                return Ok(if is_left { End::HeldBy(Box::new(held)) } else { End::Apart });
            };
            walk.go_to(landscape, exit, SPAN);
        }
        Ok(End::Here)
    }

    /// Whether a state is connected with those of the steady state; its probability may be too small for a number.
    fn holds(&self, state: &Occupation) -> bool {
        let known = self.set.index.get(state).map(|&known| &self.set.members[known as usize]);
        known.is_some_and(|member| member.targets.iter().any(|t| *t != OUTSIDE))
    }

    /// The steady state among the states that a walk has kept.
    fn of_walk(&self, landscape: &Landscape<'_>, walk: RandomWalk) -> Result<Self, NetworkError> {
        let mut held = Self::new(self.network, self.options);
        (held.large, held.deadline) = (self.large, self.deadline);
        held.voltages_kt.clone_from(&self.voltages_kt);
        held.probability = walk.kept(&mut held.set);
        held.link(landscape, 0.0);
        held.stationary()?;
        Ok(held)
    }

    /// A state outside, drawn by the flow that leads there.
    fn exit(&self, landscape: &Landscape<'_>, rng: &mut Pcg64Dxsm) -> Option<Occupation> {
        let out = self.set.members.iter().zip(&self.probability).flat_map(|(member, p)| {
            let outside = member.hops.iter().zip(&member.targets).filter(|(_, target)| **target == OUTSIDE);
            outside.map(move |(hop, _)| (p * hop.rate, member, hop))
        });
        let mut rest = rng.random::<f64>() * out.clone().map(|(flow, _, _)| flow).sum::<f64>();
        let (_, member, hop) = out.filter(|(flow, _, _)| *flow > 0.0).find(|(flow, _, _)| {
            rest -= flow;
            rest < 0.0
        })?;
        Some(landscape.after(&member.state, hop.from, hop.to))
    }

    /// Grows the states and those of a stray set until they exchange probability, and joins them; or until the network does not leave its
    /// states within any measurement.
    ///
    /// # Errors
    /// If that takes too many states or too long.
    pub(super) fn join(&mut self, landscape: &Landscape<'_>, mut other: Self) -> Result<(), NetworkError> {
        let limit = self.options.state_limit();
        let mut least_flows = [f64::INFINITY; 2];
        for _ in 0..MOST_ROUNDS {
            if self.takes_in(landscape, &other)? || self.left_out() <= SLOWEST {
                return Ok(());
            }
            let states = [self.states(), other.states()];
            if states.iter().sum::<usize>() >= limit {
                break;
            }
            self.check_time()?;
            // if large sets are allowed, both together stay within the limit
            let mut room = limit - states.iter().sum::<usize>();
            for (solver, least_flow) in [&mut *self, &mut other].into_iter().zip(&mut least_flows) {
                *least_flow = (0.1 * *least_flow).min(0.05 * solver.left_out());
                let before = solver.states();
                solver.grow(landscape, *least_flow, if limit > LARGE { before + room } else { limit });
                room = room.saturating_sub(solver.states() - before);
                solver.stationary()?;
            }
        }
        Err(NetworkError::Separate { limit, states: [self.states(), other.states()] })
    }

    /// Takes in the states of another set if hops among them lead there and back within a measurement.
    fn takes_in(&mut self, landscape: &Landscape<'_>, other: &Self) -> Result<bool, NetworkError> {
        self.factors = None;
        let mut both = self.clone();
        both.probability.iter_mut().for_each(|p| *p *= 0.5);
        for (member, p) in other.set.members.iter().zip(&other.probability) {
            if let Some(&known) = both.set.index.get(&member.state) {
                both.probability[known as usize] += 0.5 * p;
                continue;
            }
            both.set.index.insert(member.state, both.set.members.len() as u32);
            both.set.members.push(Member { targets: vec![OUTSIDE; member.hops.len()], ..member.clone() });
            both.probability.push(0.5 * p);
        }
        both.set.compact = both.is_large();
        both.set.link(landscape, &both.probability, 0.0);
        let (Some(here), Some(there)) = (self.likeliest(), other.likeliest()) else { return Ok(false) };
        let (here, there) = (both.set.index[&here] as usize, both.set.index[&there] as usize);
        if !both.set.connected_with(here)[there] {
            return Ok(false);
        }
        both.set.isolate_unconnected(here);
        both.stationary()?;
        let scale = both.scale(&both.summary());
        let is_measurable = both.largest_later_charge().is_some_and(|charge| charge * SLOWEST <= scale);
        if is_measurable && both.probability.iter().all(|p| p.is_finite()) {
            *self = both;
            return Ok(true);
        }
        Ok(false)
    }

    fn likeliest(&self) -> Option<Occupation> {
        let by_probability = |a: &usize, b: &usize| self.probability[*a].total_cmp(&self.probability[*b]);
        (0..self.states()).max_by(by_probability).map(|number| self.set.members[number].state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SteadyOptions;
    use super::super::tests::{enumerated, largest};
    use super::*;
    use crate::{DopantNetwork, GenerateSettings};

    /// Twelve acceptors whose first steady state is one of several sets of states: it has down to 6 states, and currents from 0 to 4000 times
    /// the right ones.
    #[test]
    fn sets_that_are_rarely_left_are_found_and_joined() {
        let marcus =
            r#""donors": 1, "relative_permittivity": 3.0, "rate_law": {"kind": "marcus", "reorganization_ev": 0.02}"#;
        let kmc_dn = r#""like": "kmc-dn""#;
        for (settings, seed, volt) in [(marcus, 16, 0.1), (marcus, 18, 0.1), (marcus, 9, 0.5), (kmc_dn, 19, 0.1)] {
            let text = format!(r#"{{"acceptors": 12, "seed": {seed}, {settings}}}"#);
            let generate: GenerateSettings = serde_json::from_str(&text).unwrap();
            let device = DopantNetwork::from_description(&generate.0.describe().unwrap()).unwrap();
            let volts: Vec<f64> = (0..8).map(|k| volt * (1.7 * f64::from(k) + f64::from(seed)).sin()).collect();
            let voltages_kt = device.voltages_kt(&volts);
            let mut solver = SteadySolver::new(&device.network, SteadyOptions::default());
            let (found, exact) = (solver.solve(&voltages_kt).unwrap(), enumerated(&device, &voltages_kt));
            let scale = largest(exact.currents.iter().copied());
            let off = largest(found.currents.iter().zip(&exact.currents).map(|(i, j)| i - j));
            assert!(off <= 0.01 * scale, "seed {seed} at {volt} V: off by {:.3} of the largest", off / scale);
        }
    }
}
