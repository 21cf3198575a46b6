//! States between which the network goes to and fro many times before it leaves them, passed in one step.
//!
//! Where few states recur again and again (strong interaction, low temperature), nearly all hops happen among them and tell nothing
//! new. For a set of such states, the mean time in each of them and the probability of each way out follow from a system of linear
//! equations: the walk from one state outside to the next has the same law as that of single hops (an aggregated Markov chain;
//! Novotny, Phys. Rev. Lett. 74, 1 (1995)). The equations are solved without any subtraction (Grassmann, Taksar and Heyman,
//! Oper. Res. 33, 1107 (1985)), so that ways out stay exact however seldom they are taken.

use std::borrow::Cow;

use hashbrown::HashMap;
use rand::{Rng, RngExt};
use rand_pcg::Pcg64Dxsm;

use crate::network::{Hop, Landscape, NEGLIGIBLE, Survey};
use crate::occupation::Occupation;
use crate::states::{StateSet, draw};

/// Most states of a trap: solving the equations takes milliseconds then.
const MOST_MEMBERS: usize = 192;
/// Steps in which states are counted, and visits from which a state belongs to the trap.
const STEPS: usize = 4000;
const OFTEN: u32 = 20;
/// Most times that states are counted, with the trap found so far passed in one step.
const SEARCHES: usize = 24;
/// Hops stored with states outside before they are discarded (about 24 bytes each).
const MOST_REMEMBERED: usize = 1 << 22;
/// Rate out of a set of states over that within it, below which the set counts as closed.
const NEVER: f64 = 1e-200;
/// Marks a state outside.
const OUTSIDE: u32 = u32::MAX;

/// The states of a trap; none if the network has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Trap {
    pub(super) members: Vec<Occupation>,
    place: HashMap<Occupation, u32>,
}

impl Trap {
    /// Finds the states that a trajectory visits most often, again and again with those found so far passed in one step; and the longest
    /// time \[1/ν₀\] that a step took.
    pub(super) fn found(landscape: &Landscape<'_>, start: Occupation, rng: &mut Pcg64Dxsm) -> (Self, f64) {
        let (mut trap, mut state, mut longest) = (Self::default(), start, 0.0_f64);
        for _ in 0..SEARCHES {
            let mut visits: HashMap<Occupation, u32> = HashMap::new();
            let passage = Passage::new(landscape, &trap);
            let mut walk = TrapWalk::new(&passage, state);
            for _ in 0..STEPS {
                if walk.entry().is_none() {
                    *visits.entry(walk.state()).or_default() += 1;
                }
                longest = longest.max(walk.time());
                walk.step(rng);
            }
            state = walk.state();
            let mut often: Vec<(u32, Occupation)> =
                visits.into_iter().filter(|(_, n)| *n >= OFTEN).map(|(state, n)| (n, state)).collect();
            often.sort_unstable_by(|a, b| b.cmp(a));
            often.truncate(MOST_MEMBERS - trap.members.len());
            if often.is_empty() {
                break;
            }
            trap = often.into_iter().fold(trap, |trap, (_, member)| trap.with(member));
        }
        // without a trap, walks do not count time
        let longest = if trap.members.is_empty() { 0.0 } else { longest };
        (trap, longest)
    }

    /// The trap of these states, which differ.
    pub(super) fn of(members: impl IntoIterator<Item = Occupation>) -> Self {
        members.into_iter().fold(Self::default(), Self::with)
    }

    /// Which member a state is.
    pub(super) fn member(&self, state: &Occupation) -> Option<u32> {
        self.place.get(state).copied()
    }

    fn with(mut self, member: Occupation) -> Self {
        self.place.insert(member, self.members.len() as u32);
        self.members.push(member);
        self
    }
}

/// A trap at given voltages.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    landscape: &'a Landscape<'a>,
    trap: Cow<'a, Trap>,
    /// Mean time \[1/ν₀\] in each member until the trap is left, by the member that is entered, `[entered * members + member]`.
    times: Vec<f64>,
    /// Probability that a member or one before it is the last, by the member that is entered.
    lasts: Vec<f64>,
    /// Hops of each member that leave the trap.
    exits: Vec<Vec<Hop>>,
    /// Their total rate \[ν₀\], by member.
    leaving: Vec<f64>,
    /// Mean time \[1/ν₀\] until the trap is left, by the member that is entered.
    stays: Vec<f64>,
    /// Rates at which the walk is interrupted in a member, to go on from there: where no way out is left, to rounding.
    interrupted: Vec<f64>,
}

impl<'a> Passage<'a> {
    /// Solves the equations.
    pub(super) fn new(landscape: &'a Landscape<'a>, trap: &'a Trap) -> Self {
        Self::solved(landscape, Cow::Borrowed(trap), 1.0, NEGLIGIBLE)
    }

    /// The same of a trap that nobody else needs, with the rate of interruptions over that of hops where it cannot be left,
    /// and the span of exponents of the hops of each member.
    pub(super) fn owning(landscape: &'a Landscape<'a>, trap: Trap, interruptions: f64, span: f64) -> Self {
        Self::solved(landscape, Cow::Owned(trap), interruptions, span)
    }

    fn solved(landscape: &'a Landscape<'a>, trap: Cow<'a, Trap>, interruptions: f64, span: f64) -> Self {
        let m = trap.members.len();
        let (mut inside, mut leaving, mut exits) = (vec![0.0; m * m], vec![0.0; m], vec![Vec::new(); m]);
        let mut survey = Survey::default();
        for (y, state) in trap.members.iter().enumerate() {
            landscape.survey(state, span, &mut survey);
            for hop in &survey.hops {
                match trap.place.get(&landscape.after(state, hop.from, hop.to)) {
                    Some(&z) => inside[y * m + z as usize] += hop.rate,
                    None => {
                        leaving[y] += hop.rate;
                        exits[y].push(*hop);
                    }
                }
            }
        }
        let (times, interrupted) = mean_times(inside, leaving.clone(), interruptions);
        let stays = times.chunks_exact(m.max(1)).map(|row| row.iter().sum()).collect();
        let mut lasts = times.clone();
        for row in lasts.chunks_exact_mut(m.max(1)) {
            let mut sum = 0.0;
            for (last, (out, interrupted)) in row.iter_mut().zip(leaving.iter().zip(&interrupted)) {
                sum += *last * (out + interrupted);
                *last = sum;
            }
        }
        Self { landscape, trap, times, lasts, exits, leaving, stays, interrupted }
    }

    /// The trap.
    pub(super) fn trap(&self) -> &Trap {
        &self.trap
    }

    /// Mean times \[1/ν₀\] in each member until the trap is left, after one member is entered.
    pub(super) fn times_from(&self, entered: usize) -> &[f64] {
        let m = self.trap.members.len();
        &self.times[entered * m..(entered + 1) * m]
    }

    /// Mean time \[1/ν₀\] until the trap is left, after a member is entered.
    pub(super) fn stay(&self, entered: u32) -> f64 {
        self.stays[entered as usize]
    }

    /// Mean time \[1/ν₀\] in each member, and the sum of the squares of what each entry adds to it, after so many entries into each.
    pub(super) fn times(&self, entries: &[u32]) -> Vec<(f64, f64)> {
        let m = entries.len();
        let mut sums = vec![(0.0, 0.0); m];
        for (row, &count) in self.times.chunks_exact(m.max(1)).zip(entries).filter(|(_, count)| **count > 0) {
            for (sum, time) in sums.iter_mut().zip(row) {
                sum.0 += f64::from(count) * time;
                sum.1 += f64::from(count) * time * time;
            }
        }
        sums
    }

    fn entry(&self, state: &Occupation) -> u32 {
        self.trap.member(state).unwrap_or(OUTSIDE)
    }

    /// The first state outside, or one in which the walk was interrupted.
    fn leave(&self, entered: u32, rng: &mut impl Rng) -> Occupation {
        let (last, way_out) = self.way_out(entered, rng);
        way_out.map_or(last, |hop| self.landscape.after(&last, hop.from, hop.to))
    }

    /// The last member before the trap is left and the hop out of it; none where the walk is interrupted there.
    pub(super) fn way_out(&self, entered: u32, rng: &mut impl Rng) -> (Occupation, Option<Hop>) {
        let m = self.trap.members.len();
        let row = &self.lasts[entered as usize * m..(entered as usize + 1) * m];
        let part = rng.random::<f64>() * row[m - 1];
        let last = row.partition_point(|&sum| sum <= part).min(m - 1);
        let hops = &self.exits[last];
        let chosen = draw(hops, self.leaving[last] + self.interrupted[last], rng);
        (self.trap.members[last], chosen.map(|chosen| hops[chosen]))
    }
}

/// Mean times in each state until all of them are left, `[first * m + state]`, from the rates between them, `[from * m + to]`, and
/// those out of each. Where some cannot be left, the walk is interrupted in one of them, which changes nothing in law: at the rates of
/// the second list, `interruptions` times the rate out of that one.
pub(super) fn mean_times(mut inside: Vec<f64>, mut leaving: Vec<f64>, interruptions: f64) -> (Vec<f64>, Vec<f64>) {
    let m = leaving.len();
    (0..m).for_each(|i| inside[i * m + i] = 0.0);
    let typical = (0..m).map(|i| inside[i * m..(i + 1) * m].iter().sum::<f64>()).collect::<Vec<_>>();
    let (mut pivots, mut interrupted) = (vec![0.0; m], vec![0.0; m]);
    for k in 0..m {
        let (above, below) = inside.split_at_mut((k + 1) * m);
        let row = &above[k * m..];
        let rate = row[k + 1..].iter().sum::<f64>() + leaving[k];
        if rate <= NEVER * typical[k] {
            interrupted[k] = if typical[k] > 0.0 { interruptions * typical[k] } else { 1.0 };
            leaving[k] += interrupted[k];
        }
        pivots[k] = rate + interrupted[k];
        let left = leaving[k];
        for (i, other) in below.chunks_exact_mut(m).enumerate() {
            let factor = other[k] / pivots[k];
            other[k] = factor;
            if factor > 0.0 {
                let i = k + 1 + i;
                other[k + 1..].iter_mut().zip(&row[k + 1..]).for_each(|(a, b)| *a += factor * b);
                other[i] = 0.0;
                leaving[i] += factor * left;
            }
        }
    }
    // below the diagonal the factors, above it the rates that were left: forwards, then backwards, for all columns at once
    let mut times = vec![0.0; m * m];
    for i in 0..m {
        let (before, rest) = times.split_at_mut(i * m);
        let row = &mut rest[..m];
        row[i] = 1.0;
        for (k, done) in before.chunks_exact(m).enumerate() {
            let factor = inside[i * m + k];
            if factor > 0.0 {
                row.iter_mut().zip(done).for_each(|(a, b)| *a += factor * b);
            }
        }
    }
    for k in (0..m).rev() {
        let (before, after) = times.split_at_mut((k + 1) * m);
        let row = &mut before[k * m..];
        for (j, done) in after.chunks_exact(m).enumerate() {
            let rate = inside[k * m + k + 1 + j];
            if rate > 0.0 {
                row.iter_mut().zip(done).for_each(|(a, b)| *a += rate * b);
            }
        }
        row.iter_mut().for_each(|a| *a /= pivots[k]);
    }
    (times, interrupted)
}

/// A trajectory that passes a trap in one step.
#[derive(Debug)]
pub(super) struct TrapWalk<'a> {
    passage: &'a Passage<'a>,
    states: StateSet,
    /// Which member of the trap each stored state is.
    entries: Vec<u32>,
    current: u32,
    remembered: usize,
}

impl<'a> TrapWalk<'a> {
    pub(super) fn new(passage: &'a Passage<'a>, start: Occupation) -> Self {
        let mut walk = Self { passage, states: StateSet::default(), entries: Vec::new(), current: 0, remembered: 0 };
        walk.current = walk.number_of(start);
        walk
    }

    /// The current state.
    pub(super) fn state(&self) -> Occupation {
        self.states.members[self.current as usize].state
    }

    /// Which member of the trap that is.
    pub(super) fn entry(&self) -> Option<u32> {
        Some(self.entries[self.current as usize]).filter(|entry| *entry != OUTSIDE)
    }

    /// Mean time \[1/ν₀\] that the next step takes.
    pub(super) fn time(&self) -> f64 {
        match self.entry() {
            Some(entry) => self.passage.stays[entry as usize],
            None => 1.0 / self.states.members[self.current as usize].exit_rate,
        }
    }

    /// One hop, or out of the trap.
    pub(super) fn step(&mut self, rng: &mut impl Rng) {
        let next = match self.entry() {
            Some(entry) => {
                let outside = self.passage.leave(entry, rng);
                self.number_of(outside)
            }
            None => {
                let chosen = self.states.draw(self.current, rng);
                let next = self.states.follow(self.passage.landscape, self.current, chosen, NEGLIGIBLE);
                self.note(next);
                next
            }
        };
        self.current = next;
        if self.remembered > MOST_REMEMBERED {
            *self = Self::new(self.passage, self.state());
        }
    }

    fn number_of(&mut self, state: Occupation) -> u32 {
        let number = self.states.add(self.passage.landscape, state, NEGLIGIBLE);
        self.note(number);
        number
    }

    fn note(&mut self, number: u32) {
        if number as usize == self.entries.len() {
            let member = &self.states.members[number as usize];
            self.entries.push(self.passage.entry(&member.state));
            self.remembered += member.hops.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steady::{SteadyOptions, SteadySolver};
    use crate::{DopantNetwork, Generate};
    use rand::SeedableRng;

    /// Ways out that are taken once in 10¹⁵ hops, against the exact solution by hand: 0 ⇄ 1, and 1 leaves at 1e-15.
    #[test]
    fn times_in_a_trap_are_exact_however_seldom_it_is_left() {
        let (times, interrupted) = mean_times(vec![0.0, 2.0, 0.5, 0.0], vec![0.0, 1e-15], 1.0);
        for (found, wanted) in times.iter().zip([2.5e14, 1e15, 2.5e14, 1e15]) {
            assert!((found / wanted - 1.0).abs() < 1e-14, "{found} {wanted}");
        }
        assert_eq!(interrupted, [0.0, 0.0]);
        // never left: a fifth of the time in the first
        let (times, interrupted) = mean_times(vec![0.0, 2.0, 0.5, 0.0], vec![0.0, 0.0], 1.0);
        assert!((times[3] / times[2] - 4.0).abs() < 1e-14 && interrupted[1] > 0.0, "{times:?} {interrupted:?}");
    }

    /// Mean occupations over 200 000 steps with a trap are those of the steady state: five standard errors from 50 blocks (false alarm
    /// 1e-5 for all acceptors), which are below 1 %.
    #[test]
    fn a_walk_through_a_trap_has_the_steady_state() {
        let generate = Generate { acceptors: 9, donors: 1, relative_permittivity: 3.0, seed: 4, ..Generate::default() };
        let device = DopantNetwork::from_description(&generate.describe().unwrap()).unwrap();
        let voltages = device.voltages_kt(&[0.1, 0.02, -0.05, 0.0, 0.03, -0.1, 0.08, 0.0]);
        let landscape = device.network.landscape(&voltages);
        let exact = SteadySolver::new(&device.network, SteadyOptions { tolerance: 1e-9, ..SteadyOptions::default() })
            .solve(&voltages)
            .unwrap();
        let mut rng = Pcg64Dxsm::seed_from_u64(3);
        let (trap, _) = Trap::found(&landscape, device.initial, &mut rng);
        assert!(trap.members.len() > 5, "{}", trap.members.len());
        let passage = Passage::new(&landscape, &trap);
        let mut walk = TrapWalk::new(&passage, device.initial);
        (0..10_000).for_each(|_| walk.step(&mut rng));
        let mut blocks = vec![super::super::blocks::Block::new(9); 50];
        for block in &mut blocks {
            let mut entries = vec![0; trap.members.len()];
            for _ in 0..4000 {
                match walk.entry() {
                    Some(entry) => entries[entry as usize] += 1,
                    None => {
                        let time = walk.time();
                        block.weight += time;
                        walk.state().sites().for_each(|site| block.values[site] += time);
                    }
                }
                walk.step(&mut rng);
            }
            for (member, (time, _)) in trap.members.iter().zip(passage.times(&entries)) {
                block.weight += time;
                member.sites().for_each(|site| block.values[site] += time);
            }
        }
        for (site, (found, error)) in super::super::blocks::ratios(&blocks, 9).into_iter().enumerate() {
            assert!(error < 0.01, "acceptor {site}: ± {error}");
            let off = (found - exact.occupations[site]).abs();
            assert!(off < 5.0 * error + 1e-9, "acceptor {site}: {found} ± {error}, exact {}", exact.occupations[site]);
        }
    }
}
