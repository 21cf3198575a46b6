//! Construction and growth of the set of states that carries the probability.

use std::collections::BinaryHeap;

use hashbrown::{HashMap, HashSet};
use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;

use super::SteadyOptions;
use super::elimination::Rates;
use crate::network::{Hop, Landscape};
use crate::occupation::Occupation;
use crate::states::{Member, OUTSIDE, StateSet, look};

/// Hops of the walk after which too many states can be predicted.
const FORETOLD: usize = 2000;
/// Fraction of the second half of these hops that lead to states not visited before, above which the search is not
/// started: none of the reference devices, whose sets grow to 42 000 states, exceeds 0.21; 30 weakly interacting
/// acceptors have 0.48. By Good (Biometrika 40, 237 (1953)) it estimates the probability of all states that the walk
/// has not visited.
const HOPELESS: f64 = 1.0 / 3.0;

/// Fraction of the least flow followed below which the targets of hops are not looked up, and compact sets do not keep hops.
pub(super) const NOT_LOOKED_UP: f64 = 1e-3;
/// Fraction of a state's total rate above which a compact set keeps its hops when voltages change and no flow is known.
const LIKELY: f64 = 1e-3;
/// Flow of the hops that a state of a compact set does not keep, as a fraction of the least flow followed, above which they are looked at.
const UNKEPT: f64 = 1e-2;

#[derive(PartialEq)]
struct Pending(f64, Occupation);
impl Eq for Pending {}
impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(other.1.cmp(&self.1))
    }
}

/// Lower limit of the rate by which the time in a state is estimated \[ν₀\].
const LEAST_RATE: f64 = 1e-280;

/// A random walk that remembers its states.
#[derive(Clone)]
pub(super) struct RandomWalk {
    set: StateSet,
    visits: Vec<u32>,
    at: u32,
}

impl RandomWalk {
    pub(super) fn from(landscape: &Landscape<'_>, state: Occupation, span: f64) -> Self {
        let mut set = StateSet::default();
        let at = set.add(landscape, state, span);
        Self { set, visits: Vec::new(), at }
    }

    /// The state that it is in.
    pub(super) fn state(&self) -> &Occupation {
        &self.set.members[self.at as usize].state
    }

    /// Hops on; the state that it leaves is kept if `kept`.
    pub(super) fn hop(&mut self, landscape: &Landscape<'_>, span: f64, kept: bool, rng: &mut Pcg64Dxsm) {
        self.visits.resize(self.set.members.len(), 0);
        if kept {
            self.visits[self.at as usize] += 1;
        }
        // a state that no hop leaves, or none whose rate is a number above zero, holds the walk
        if self.set.members[self.at as usize].exit_rate > 0.0 {
            let chosen = self.set.draw(self.at, rng);
            self.at = self.set.follow(landscape, self.at, chosen, span);
        }
    }

    /// Goes on from another state.
    pub(super) fn go_to(&mut self, landscape: &Landscape<'_>, state: Occupation, span: f64) {
        self.at = self.set.add(landscape, state, span);
    }

    /// Moves the kept states into an empty set; returns estimates of their probabilities, not normalized.
    pub(super) fn kept(mut self, into: &mut StateSet) -> Vec<f64> {
        self.visits.resize(self.set.members.len(), 0);
        let mut probability = Vec::new();
        for (member, count) in self.set.members.into_iter().zip(self.visits) {
            if count > 0 {
                probability.push(f64::from(count) / member.exit_rate.max(LEAST_RATE));
                into.index.insert(member.state, into.members.len() as u32);
                into.members.push(Member { targets: vec![OUTSIDE; member.hops.len()], ..member });
            }
        }
        probability
    }
}

impl Member {
    /// Forgets the hops to states outside, or not looked up, that are slower than `least_rate`, but never the fastest hop.
    fn forget_below(&mut self, least_rate: f64) {
        let mut kept = 0;
        for k in 0..self.hops.len() {
            let (hop, target) = (self.hops[k], self.targets[k]);
            if k > 0 && target == OUTSIDE && hop.rate < least_rate {
                self.left_out_rate += hop.rate;
            } else {
                (self.hops[kept], self.targets[kept]) = (hop, target);
                kept += 1;
            }
        }
        self.hops.truncate(kept);
        self.targets.truncate(kept);
        self.hops.shrink_to_fit();
        self.targets.shrink_to_fit();
    }

    /// Span of exponents from its fastest hop down to `least_rate` or, if that is slower, to its slowest hop with a known target.
    fn span_down_to(&self, least_rate: f64) -> f64 {
        let known = self.hops.iter().zip(&self.targets).filter(|(_, target)| **target != OUTSIDE);
        let slowest = known.fold(least_rate, |least, (hop, _)| least.min(hop.rate));
        let fastest = self.hops.first().map_or(f64::INFINITY, |hop| hop.rate);
        // a little further, for the rounding of exponents
        ((fastest / slowest).ln() + 1e-6).max(1e-6)
    }
}

impl StateSet {
    /// Random walk from the empty network that keeps the states of its second half; returns estimates of their
    /// probabilities. If its beginning finds so many new states that there will be far too many, it ends there and
    /// returns the probability of the states not visited.
    pub(crate) fn explore(
        &mut self,
        landscape: &Landscape<'_>,
        span: f64,
        options: &SteadyOptions,
    ) -> Result<Vec<f64>, f64> {
        let hops = options.exploration_hops;
        let mut rng = Pcg64Dxsm::seed_from_u64(options.exploration_seed);
        let mut met_at_half = 0;
        let mut walk = RandomWalk::from(landscape, Occupation::default(), span);
        for step in 0..hops {
            if step == FORETOLD / 2 {
                met_at_half = walk.set.members.len();
            }
            if step == FORETOLD && 2.0_f64.powi(landscape.network.acceptors() as i32) > options.state_limit() as f64 {
                let unmet = (walk.set.members.len() - met_at_half) as f64 / (FORETOLD / 2) as f64;
                if unmet > HOPELESS {
                    return Err(unmet);
                }
            }
            walk.hop(landscape, span, 2 * step >= hops, &mut rng);
        }
        Ok(walk.kept(self))
    }

    /// The same states at other voltages. With an infinite `span`, all their hops are already known.
    pub(crate) fn move_to(&mut self, landscape: &Landscape<'_>, span: f64) {
        if span.is_infinite() {
            for member in &mut self.members {
                landscape.energies_kt(&member.state, &mut self.survey.energies_kt);
                for hop in &mut member.hops {
                    hop.rate = landscape.rate(&self.survey.energies_kt, hop.from, hop.to);
                }
                member.exit_rate = member.hops.iter().map(|hop| hop.rate).sum();
            }
            return;
        }
        let mut known = Vec::new();
        let is_compact = self.compact;
        for number in 0..self.members.len() {
            self.look_again(landscape, number, span, &mut known);
            if is_compact {
                let member = &mut self.members[number];
                member.forget_below(LIKELY * member.exit_rate);
            }
        }
    }

    /// Adds all hops of the states whose hops not kept carry at least `least_flow` or may be the only way back.
    pub(crate) fn widen(&mut self, landscape: &Landscape<'_>, probability: &[f64], least_flow: f64) {
        let mut known = Vec::new();
        let is_compact = self.compact;
        let counted = if is_compact { UNKEPT * least_flow } else { least_flow };
        for (number, &p) in probability.iter().enumerate() {
            let left_out_rate = self.members[number].left_out_rate;
            if left_out_rate > 0.0 && (p == 0.0 || p * left_out_rate >= counted) {
                if is_compact && p > 0.0 {
                    let least_rate = NOT_LOOKED_UP * least_flow / p;
                    let span = self.members[number].span_down_to(least_rate);
                    self.look_again(landscape, number, span, &mut known);
                    self.members[number].forget_below(least_rate);
                } else {
                    self.look_again(landscape, number, f64::INFINITY, &mut known);
                }
            }
        }
    }

    /// Hops of a state that are within `span` at these voltages, with the targets that are known. `known` is a reusable
    /// buffer.
    fn look_again(&mut self, landscape: &Landscape<'_>, number: usize, span: f64, known: &mut Vec<u32>) {
        let sites = landscape.network.sites();
        known.resize(sites * sites, OUTSIDE);
        let pair = |hop: &Hop| usize::from(hop.from) * sites + usize::from(hop.to);
        let member = &mut self.members[number];
        (member.exit_rate, member.left_out_rate) = look(landscape, &member.state, span, &mut self.survey);
        let hops = &self.survey.hops;
        for (hop, target) in member.hops.iter().zip(&member.targets) {
            known[pair(hop)] = *target;
        }
        member.targets.clear();
        member.targets.extend(hops.iter().map(|hop| known[pair(hop)]));
        for hop in &member.hops {
            known[pair(hop)] = OUTSIDE;
        }
        member.hops.clone_from(hops);
    }

    /// Finds the targets of all hops that carry at least `least_flow`; a compact set forgets the others.
    pub(crate) fn link(&mut self, landscape: &Landscape<'_>, probability: &[f64], least_flow: f64) {
        let is_compact = self.compact;
        for (member, &p) in self.members.iter_mut().zip(probability) {
            for (hop, target) in member.hops.iter().zip(&mut member.targets) {
                if p * hop.rate < least_flow {
                    continue;
                }
                if *target == OUTSIDE
                    && let Some(&known) = self.index.get(&landscape.after(&member.state, hop.from, hop.to))
                {
                    *target = known;
                }
            }
            if is_compact && p > 0.0 {
                member.forget_below(least_flow / p);
            }
        }
    }

    /// Which states can be reached from `root` and can reach it.
    pub(super) fn connected_with(&self, root: usize) -> Vec<bool> {
        let n = self.members.len();
        let mut backward: Vec<Vec<u32>> = vec![Vec::new(); n];
        for (from, member) in self.members.iter().enumerate() {
            for &to in member.targets.iter().filter(|t| **t != OUTSIDE) {
                backward[to as usize].push(from as u32);
            }
        }
        let reached = |next: &dyn Fn(usize, &mut Vec<u32>)| {
            let mut seen = vec![false; n];
            let mut pending = vec![root as u32];
            seen[root] = true;
            let mut found = Vec::new();
            while let Some(state) = pending.pop() {
                found.clear();
                next(state as usize, &mut found);
                for &other in &found {
                    if !std::mem::replace(&mut seen[other as usize], true) {
                        pending.push(other);
                    }
                }
            }
            seen
        };
        let ahead = reached(&|s, out| out.extend(self.members[s].targets.iter().filter(|t| **t != OUTSIDE)));
        let behind = reached(&|s, out| out.extend(&backward[s]));
        ahead.into_iter().zip(behind).map(|(ahead, behind)| ahead && behind).collect()
    }

    /// Isolates every state that cannot be reached from `root` or cannot reach it: a chain with several closed classes
    /// has no unique stationary distribution.
    pub(crate) fn isolate_unconnected(&mut self, root: usize) {
        let connected = self.connected_with(root);
        if connected.iter().all(|c| *c) {
            return;
        }
        for (state, member) in self.members.iter_mut().enumerate() {
            for target in member.targets.iter_mut().filter(|t| **t != OUTSIDE) {
                if !connected[state] || !connected[*target as usize] {
                    *target = OUTSIDE;
                }
            }
        }
    }

    pub(crate) fn rates(&self) -> Rates {
        let mut rates = Rates { starts: vec![0], ..Rates::default() };
        for member in &self.members {
            for (hop, &target) in member.hops.iter().zip(&member.targets) {
                if target != OUTSIDE {
                    rates.targets.push(target);
                    rates.rates.push(hop.rate);
                }
            }
            rates.starts.push(rates.targets.len());
        }
        rates
    }

    /// Follows the flow out of the set into new states, largest flow first, until every outgoing flow is below
    /// `least_flow`; estimates the probabilities of the new states.
    pub(crate) fn grow(
        &mut self,
        landscape: &Landscape<'_>,
        probability: &mut Vec<f64>,
        least_flow: f64,
        span: f64,
        limit: usize,
    ) {
        let mut flows: HashMap<Occupation, f64> = HashMap::new();
        let mut heap = BinaryHeap::new();
        for (member, &p) in self.members.iter().zip(probability.iter()) {
            for (hop, &target) in member.hops.iter().zip(&member.targets) {
                let flow = p * hop.rate;
                if flow < 0.01 * least_flow {
                    continue;
                }
                if target == OUTSIDE {
                    *flows.entry(landscape.after(&member.state, hop.from, hop.to)).or_insert(0.0) += flow;
                }
            }
        }
        heap.extend(flows.iter().filter(|(_, f)| **f >= least_flow).map(|(s, f)| Pending(*f, *s)));
        let mut followed = HashSet::new();
        while let Some(Pending(_, state)) = heap.pop() {
            if !followed.insert(state) {
                continue;
            }
            let flow = flows[&state];
            let number = match self.index.get(&state) {
                // isolated so far because there was no way back
                Some(&known) if probability[known as usize] == 0.0 => known as usize,
                Some(_) => continue,
                None if self.members.len() >= limit => continue,
                None => {
                    probability.push(0.0);
                    self.add(landscape, state, span) as usize
                }
            };
            let member = &mut self.members[number];
            probability[number] = flow / member.exit_rate;
            if self.compact && probability[number] > 0.0 {
                member.forget_below(NOT_LOOKED_UP * least_flow / probability[number]);
            }
            for hop in &member.hops {
                let onward = flow * hop.rate / member.exit_rate;
                if onward < 0.01 * least_flow {
                    break;
                }
                let next = landscape.after(&member.state, hop.from, hop.to);
                let stationary = self.index.get(&next).is_some_and(|&known| probability[known as usize] > 0.0);
                if !stationary && !followed.contains(&next) {
                    let total = flows.entry(next).or_insert(0.0);
                    *total += onward;
                    if *total >= least_flow {
                        heap.push(Pending(*total, next));
                    }
                }
            }
        }
    }
}
