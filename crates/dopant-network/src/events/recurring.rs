//! Kinetic Monte Carlo that stores the visited states and the target state of every hop.
//!
//! Each visited state has an alias table (Walker 1974, Vose 1991) of its probable hops. Its weights are integers, so
//! that the draws are exact: the probability lost by rounding and by the omission of improbable hops belongs to one
//! rare outcome, which is drawn in full precision. A hop costs one random number and two dependent reads.

use hashbrown::HashMap;
use rand::Rng;

use super::{HopCounts, Observer};
use crate::network::{Hop, Landscape, NEGLIGIBLE, Survey};
use crate::occupation::Occupation;

/// Largest probability of the rare outcome in the table of a state.
const RARE: f64 = 1e-4;
/// Largest number of hops in a table.
const LONGEST_TABLE: usize = 255;
/// Number of cells (16 bytes each) beyond which all states are discarded before the next block of hops.
const MOST_CELLS: usize = 1 << 26;
/// Marks a target that has not been looked up yet.
const UNKNOWN: u32 = 0;
/// Marks the rare outcome.
const RARE_TARGET: u32 = 1;

/// One cell of the arena: a header (first of each state) or a slot of an alias table.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Cell {
    /// Below: first outcome, else the second. In a header: number of the state.
    threshold: u32,
    /// Cells that the outcomes lead to. In a header: halves of the mean residence time.
    targets: [u32; 2],
    /// Site pairs of both outcomes, 16 bits each. In a header: visits.
    hops: u32,
}

impl Cell {
    fn header(residence: f64, state: u32) -> Self {
        let bits = residence.to_bits();
        Self { threshold: state, targets: [bits as u32, (bits >> 32) as u32], hops: 0 }
    }

    #[inline]
    fn residence(&self) -> f64 {
        f64::from_bits(u64::from(self.targets[0]) | u64::from(self.targets[1]) << 32)
    }
}

/// A stored state.
#[derive(Clone, Debug)]
struct Remembered {
    state: Occupation,
    place: u32,
}

/// Mean times and numbers of hops.
struct Tally<'a> {
    time: f64,
    hops: &'a mut [u64],
}

impl Observer for Tally<'_> {
    const COUNTS_VISITS: bool = true;

    #[inline]
    fn wait(&mut self, mean: f64, _rng: &mut impl Rng) {
        self.time += mean;
    }

    #[inline]
    fn hop(&mut self, pair: usize) {
        self.hops[pair] += 1;
    }
}

/// A simulation that stores its states.
#[derive(Debug)]
pub struct Recurring<'a> {
    landscape: &'a Landscape<'a>,
    arena: Vec<Cell>,
    states: Vec<Remembered>,
    index: HashMap<Occupation, u32>,
    current: u32,
    survey: Survey,
}

impl<'a> Recurring<'a> {
    /// Starts in a state.
    #[must_use]
    pub fn new(landscape: &'a Landscape<'a>, start: Occupation) -> Self {
        let mut simulation = Self {
            landscape,
            arena: Vec::new(),
            states: Vec::new(),
            index: HashMap::new(),
            current: 0,
            survey: Survey::default(),
        };
        simulation.current = simulation.place_of(start);
        simulation
    }

    /// Number of states visited so far.
    #[must_use]
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> Occupation {
        self.states[self.arena[(self.current >> 5) as usize].threshold as usize].state
    }

    /// Makes `hops` hops, fewer than 2³².
    pub fn run(&mut self, hops: u64, rng: &mut impl Rng, counts: &mut HopCounts) {
        let mut tally = Tally { time: 0.0, hops: &mut counts.hops };
        self.follow(hops, rng, &mut tally);
        counts.time += tally.time;
        for remembered in &self.states {
            let header = &mut self.arena[(remembered.place >> 5) as usize];
            let spent = f64::from(std::mem::take(&mut header.hops)) * header.residence();
            if spent > 0.0 {
                remembered.state.sites().for_each(|site| counts.occupied_time[site] += spent);
            }
        }
    }

    /// The same before an observer.
    pub(super) fn follow<O: Observer>(&mut self, hops: u64, rng: &mut impl Rng, observer: &mut O) {
        if self.arena.len() > MOST_CELLS {
            let state = self.state();
            *self = Self::new(self.landscape, state);
        }
        let mut current = self.current;
        for _ in 0..hops {
            let random = rng.next_u64();
            let at = (current >> 5) as usize;
            let size = current & 31;
            let chosen = at + 1 + ((random >> 1) >> (63 - size)) as usize;
            let header = &mut self.arena[at];
            if O::COUNTS_VISITS {
                header.hops += 1;
            }
            let residence = header.residence();
            let cell = &self.arena[chosen];
            let second = usize::from(random as u32 >= cell.threshold);
            let (mut target, mut hop) = (cell.targets[second], (cell.hops >> (16 * second)) as u16);
            if target <= RARE_TARGET {
                (target, hop) = self.look_up(at, chosen, second, rng);
            }
            observer.wait(residence, rng);
            observer.hop(usize::from(hop));
            current = target;
        }
        self.current = current;
    }

    #[cold]
    #[inline(never)]
    fn look_up(&mut self, at: usize, chosen: usize, second: usize, rng: &mut impl Rng) -> (u32, u16) {
        let state = self.states[self.arena[at].threshold as usize].state;
        let rare = self.arena[chosen].targets[second] == RARE_TARGET;
        let hop = if rare { self.draw_rare(state, rng) } else { (self.arena[chosen].hops >> (16 * second)) as u16 };
        let sites = self.landscape.network.sites() as u16;
        let next = self.landscape.after(&state, hop / sites, hop % sites);
        let place = self.place_of(next);
        if !rare {
            self.arena[chosen].targets[second] = place;
        }
        (place, hop)
    }

    /// Hops of a state, the most probable first, and the total rate.
    fn sorted_hops(&mut self, state: Occupation) -> f64 {
        self.landscape.survey(&state, NEGLIGIBLE, &mut self.survey);
        self.survey.hops.sort_unstable_by(|a, b| b.rate.total_cmp(&a.rate));
        self.survey.total_rate
    }

    fn code(&self, hop: &Hop) -> u16 {
        hop.from * self.landscape.network.sites() as u16 + hop.to
    }

    /// Number of the sorted hops that the table holds.
    fn tabled(&self, total: f64) -> usize {
        let mut rest = total;
        let mut count = 0;
        for hop in &self.survey.hops {
            if rest <= RARE * total || count == LONGEST_TABLE {
                break;
            }
            rest -= hop.rate;
            count += 1;
        }
        count
    }

    fn draw_rare(&mut self, state: Occupation, rng: &mut impl Rng) -> u16 {
        let total = self.sorted_hops(state);
        let tabled = self.tabled(total);
        let scale = ((tabled + 1).next_power_of_two() as f64) * 4_294_967_296.0 / total;
        let left = |k: usize, rate: f64| if k < tabled { (rate * scale).fract() } else { rate * scale };
        let sum: f64 = self.survey.hops.iter().enumerate().map(|(k, c)| left(k, c.rate)).sum();
        let mut draw = (rng.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0 * sum;
        for (k, hop) in self.survey.hops.iter().enumerate() {
            draw -= left(k, hop.rate);
            if draw < 0.0 {
                return self.code(hop);
            }
        }
        self.code(&self.survey.hops[0])
    }

    /// Position of a state, which is stored if it is new.
    fn place_of(&mut self, state: Occupation) -> u32 {
        if let Some(&known) = self.index.get(&state) {
            return self.states[known as usize].place;
        }
        let total = self.sorted_hops(state);
        let tabled = self.tabled(total);
        let slots = (tabled + 1).next_power_of_two();
        let scale = slots as f64 * 4_294_967_296.0 / total;
        // integer weights; the rare outcome takes the rest
        let full = 1_u64 << 32;
        let mut outcomes: Vec<(u64, u32, u16)> =
            self.survey.hops[..tabled].iter().map(|hop| ((hop.rate * scale) as u64, UNKNOWN, self.code(hop))).collect();
        let taken: u64 = outcomes.iter().map(|o| o.0).sum();
        outcomes.push(((slots as u64 * full).saturating_sub(taken), RARE_TARGET, 0));
        let number = self.states.len() as u32;
        let at = self.arena.len();
        self.arena.push(Cell::header(1.0 / total, number));
        alias(&mut self.arena, outcomes, slots, full);
        let place = (at as u32) << 5 | slots.trailing_zeros();
        self.states.push(Remembered { state, place });
        self.index.insert(state, number);
        place
    }
}

fn both(first: u16, second: u16) -> u32 {
    u32::from(first) | u32::from(second) << 16
}

/// Walker's alias table in integers: weights that sum to `slots · full`.
fn alias(arena: &mut Vec<Cell>, mut outcomes: Vec<(u64, u32, u16)>, slots: usize, full: u64) {
    outcomes.resize(slots, (0, RARE_TARGET, 0));
    let start = arena.len();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..slots).partition(|&k| outcomes[k].0 < full);
    arena.resize(start + slots, Cell { threshold: 0, targets: [0; 2], hops: 0 });
    while let Some(s) = small.pop() {
        let (weight, target, hop) = outcomes[s];
        let Some(l) = large.pop() else {
            // impossible: the weights sum to the slots
            arena[start + s] = Cell { threshold: u32::MAX, targets: [target; 2], hops: both(hop, hop) };
            continue;
        };
        let (_, other, other_hop) = outcomes[l];
        arena[start + s] = Cell { threshold: weight as u32, targets: [target, other], hops: both(hop, other_hop) };
        outcomes[l].0 -= full - weight;
        if outcomes[l].0 < full { small.push(l) } else { large.push(l) }
    }
    for l in large {
        let (_, target, hop) = outcomes[l];
        arena[start + l] = Cell { threshold: u32::MAX, targets: [target; 2], hops: both(hop, hop) };
    }
}
