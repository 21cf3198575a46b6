//! The steady state of the network's Markov chain, on the set of states that carries the probability.
//!
//! The set grows along the probability flow that leaves it until that flow is below a tolerance; the stationary
//! probabilities come from a subtraction-free elimination (exact for small sets, otherwise incomplete factors and
//! iteration to rounding). From the same factors follow exact derivatives, admittances and noise spectra.
//!
//! The flow out of the set is reported as [`SteadyState::left_out`]: it is the rate of excursions that are not
//! followed, so the currents are uncertain by `left_out` times the charge that one excursion moves; on the 40 reference
//! devices of `tests/suite/kmc_dn.rs` the error is typically a tenth of `left_out`. The default is a
//! compromise between speed and accuracy of small currents: if these matter, lower the tolerance.
//!
//! An excursion moves many charges if it ends in states from which the network returns slowly. So the set also grows until no two of its
//! states differ in the charge that flows later by more than `left_out` allows, and until walks from arbitrary states arrive in it, or are
//! held elsewhere too briefly to matter (`basins.rs`). Only sets that exchange probability more slowly than once in 10¹⁵/ν₀ are not joined:
//! of these, the result is that of the one which a walk from the empty network finds, and [`SteadyState::walks_apart`] tells of others.

mod basins;
mod cuts;
mod deadline;
mod elimination;
mod krylov;
mod marks;
mod response;
mod states;
#[cfg(test)]
mod tests;

use crate::error::NetworkError;
use crate::network::{Landscape, Network};
use crate::occupation::Occupation;
use crate::states::{OUTSIDE, StateSet};
use basins::Strays;
use cuts::Cut;
use deadline::{Deadline, Late};
use elimination::{Drop, Factors, Order, Rates};
pub use response::TerminalCurrent;
use states::NOT_LOOKED_UP;

/// Networks of at most this many acceptors are enumerated: all 2^N states.
const ENUMERATED: usize = 8;
/// Spans of exponents of the hops that a state keeps; the others count as left-out flow.
const SPAN: f64 = 25.0;
/// Sets up to this size are eliminated exactly.
const EXACT: usize = 400;
/// Sizes of the dense core and drop fractions of incomplete factors, tried in order before exact elimination.
const INCOMPLETE: [(usize, f64); 3] = [(250, 1e-3), (600, 1e-3), (1000, 1e-5)];
/// Number of restarts after which factors are considered too incomplete.
const MOST_RESTARTS: usize = 4;
/// Change of the probabilities that an iteration aims for, and the largest accepted.
const SETTLED: f64 = 1e-13;
const ACCEPTED: f64 = 1e-11;
/// Sets of more states are large: they keep only the hops that matter (`states.rs`) and are never eliminated exactly, which takes memory
/// with the square of their number.
const LARGE: usize = 60_000;
/// The same for large sets as [`INCOMPLETE`] and [`ACCEPTED`]: rounding in sums over a million states hides smaller changes.
const INCOMPLETE_LARGE: [(usize, f64); 3] = [(600, 1e-3), (1000, 1e-4), (2000, 1e-5)];
const ACCEPTED_LARGE: f64 = 1e-9;
/// Largest change that is accepted if no smaller one is reached; it is in the rounding error of the currents.
const TOLERATED_LARGE: f64 = 1e-6;
/// Fraction of the change before that a restart on a large set must reach to be followed by another one.
const SLOW_PROGRESS: f64 = 0.5;
/// Smallest fraction of itself to which one correction may lower a probability of a large set: one set to zero, however small, is as
/// hard to find again as a large one.
const LEAST_LEFT: f64 = 0.1;
/// Memory per state, with its hops and its share of the factors, measured for 30 acceptors \[bytes\].
const BYTES_OF_STATE: f64 = 7000.0;
/// The same in a large set.
const BYTES_OF_STATE_LARGE: f64 = 4000.0;
/// Lowest tolerance: probabilities are computed to 1e-11 at best.
pub const LOWEST_TOLERANCE: f64 = 1e-10;
/// Rounds of growth without a new state after which growth ends.
const FRUITLESS_ROUNDS: usize = 30;
/// Largest relative rounding error of a current that is counted at the electrode itself.
const WELL_COUNTED: f64 = 1e-6;
/// Factor by which the number of states foreseen from a set that is not large may be too large (10 in a network of 24 acceptors).
const FORESEEN_AT_MOST: f64 = 10.0;
/// Number of states above which the flow out of them gives a lower bound of the final number: on the reference devices
/// the flow falls with a power below 2 of the number of states, and for sets that end with up to 43 000 states the
/// bound never exceeds 23 000.
const TELLING: usize = 1000;
/// Largest difference that the states in which an excursion begins and ends may make to the charge that flows later \[e\], with a flow
/// out of the set as large as allowed. Between states that exchange probability fast, it is up to 20 on networks of 12 acceptors.
const MOST_LATER_CHARGE: f64 = 10.0;
/// Flow, as a fraction of that of all hops, below which nothing is followed.
const LEAST_FLOW: f64 = 1e-12;
/// Lower limit of the weight of a state.
const LEAST_WEIGHED: f64 = 1e-18;

/// Options of the search for a steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SteadyOptions {
    /// Largest probability flow out of the set of states, as a fraction of the largest current.
    pub tolerance: f64,
    /// Largest number of states.
    pub most_states: usize,
    /// Memory that states and factors may take, at about 7 kB a state, in sets of more than 60 000 at 4 kB \[MB\].
    pub most_megabytes: f64,
    /// Time after which the search is given up \[s\]; none by default, since the outcome then depends on the machine. The clock is
    /// looked at while states are eliminated and between iterations, which take seconds on a million states.
    pub most_seconds: Option<f64>,
    /// Hops of the random walk that finds the first states.
    pub exploration_hops: usize,
    /// Seed of that walk. Within the tolerance, it does not affect the result.
    pub exploration_seed: u64,
}

impl Default for SteadyOptions {
    fn default() -> Self {
        Self {
            tolerance: 5e-3,
            most_states: 60_000,
            most_megabytes: 4000.0,
            most_seconds: None,
            exploration_hops: 10_000,
            exploration_seed: 0,
        }
    }
}

/// Number of states of the smallest network (one acceptor).
const LEAST_STATES: usize = 2;

impl SteadyOptions {
    /// Largest number of states allowed by `most_states` and `most_megabytes`.
    fn state_limit(&self) -> usize {
        let bytes = 1e6 * self.most_megabytes;
        let of_memory = match (bytes / BYTES_OF_STATE) as usize {
            small if small <= LARGE => small,
            _ => LARGE.max((bytes / BYTES_OF_STATE_LARGE) as usize),
        };
        self.most_states.min(of_memory).max(2)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// If the tolerance is below [`LOWEST_TOLERANCE`] or not below 1, or a limit is not positive.
    pub fn checked(self) -> Result<Self, NetworkError> {
        if !(LOWEST_TOLERANCE..1.0).contains(&self.tolerance) {
            let what = format!(
                "is {}: must be {LOWEST_TOLERANCE:e} (probabilities are computed to {ACCEPTED:e}) to below 1",
                self.tolerance
            );
            return Err(NetworkError::entry("tolerance", what));
        }
        if self.most_states < LEAST_STATES {
            let what = format!("is {}: must be at least {LEAST_STATES}", self.most_states);
            return Err(NetworkError::entry("most_states", what));
        }
        for (entry, found) in [("most_megabytes", Some(self.most_megabytes)), ("most_seconds", self.most_seconds)] {
            if let Some(found) = found.filter(|x| !(*x > 0.0 && x.is_finite())) {
                return Err(NetworkError::entry(entry, format!("is {found}: must be a positive number")));
            }
        }
        Ok(self)
    }
}

/// A solver that reuses its states for the next set of voltages.
#[derive(Clone, Debug)]
pub struct SteadySolver<'a> {
    network: &'a Network,
    options: SteadyOptions,
    set: StateSet,
    probability: Vec<f64>,
    factors: Option<(Factors<f64>, Attempt)>,
    precision: Precision,
    voltages_kt: Vec<f64>,
    /// Sets of more states are large: [`LARGE`], but in tests.
    large: usize,
    deadline: Deadline,
}

/// Incomplete factors.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// Size of the dense core.
    core: usize,
    /// Fraction below which flows are dropped.
    fraction: f64,
    /// Largest change of a solution that is accepted.
    accepted: f64,
    /// Whether they are those of large sets.
    large: bool,
}

impl Attempt {
    fn drop<'a>(self, throughput: &'a [f64], probability: &'a [f64]) -> Drop<'a> {
        Drop { throughput, probability, fraction: self.fraction, onward: self.large }
    }

    /// Largest relative change of the solution of which only the order of magnitude matters on large sets.
    fn accepted_later_charge(self) -> f64 {
        if self.large { TOLERATED_LARGE } else { self.accepted }
    }

    fn least_left(self) -> f64 {
        if self.large { LEAST_LEFT } else { 0.0 }
    }
}

/// Bounds of the error δp of the probabilities p.
#[derive(Clone, Copy, Debug)]
struct Precision {
    /// Largest |δp/p|.
    relative: f64,
    /// Additional error √(Σ δp²/p).
    mean_square: f64,
}

/// A steady state.
#[derive(Clone, Debug, PartialEq)]
pub struct SteadyState {
    /// Current into each electrode \[eν₀\], positive when holes flow into it.
    pub currents: Vec<f64>,
    /// Probability that each acceptor holds a hole.
    pub occupations: Vec<f64>,
    /// Probability flow that leaves the set of states \[ν₀\].
    pub left_out: f64,
    /// Bound of the rounding error of each current \[eν₀\]: the gross flow in both directions where it is counted,
    /// times the precision of the probabilities. The sign of a current below it is unknown. If the rounding error at
    /// the electrode could exceed a millionth of the current, the current is counted further inside, where the gross
    /// flow is smaller.
    pub rounding: Vec<f64>,
    /// Number of states.
    pub states: usize,
    /// Of sixteen walks from arbitrary states, those that other states hold for longer than 10¹⁵/ν₀: the currents then depend on where the
    /// network was before. Not looked for where all states are kept. That there are none does not make the state the stationary one of the
    /// whole chain, if it is left after more than 10¹⁵/ν₀ only (`left_out`): it is the one in which the network is until then.
    pub walks_apart: usize,
    /// Hops from site to site \[ν₀\], (N + P) × (N + P), row-major.
    pub traffic: Vec<f64>,
}

impl<'a> SteadySolver<'a> {
    /// Solver for a network.
    #[must_use]
    pub fn new(network: &'a Network, options: SteadyOptions) -> Self {
        Self {
            network,
            options,
            set: StateSet::default(),
            probability: Vec::new(),
            factors: None,
            precision: Precision { relative: 0.0, mean_square: 0.0 },
            voltages_kt: Vec::new(),
            large: LARGE,
            deadline: Deadline::within(None),
        }
    }

    /// The steady state at given voltages \[kT\], starting from the states of the previous call.
    ///
    /// # Errors
    /// If the set of states exceeds a limit or is predicted to do so, the iteration on a large set does not converge, or the tolerance is
    /// too low.
    pub fn solve(&mut self, voltages_kt: &[f64]) -> Result<SteadyState, NetworkError> {
        self.options.checked()?;
        self.deadline = Deadline::within(self.options.most_seconds);
        let landscape = self.network.landscape(voltages_kt);
        self.voltages_kt = voltages_kt.to_vec();
        let everything = self.network.acceptors() <= ENUMERATED;
        let trusted = !self.set.members.is_empty();
        if !trusted {
            self.begin(&landscape, everything)?;
        } else {
            self.set.move_to(&landscape, if everything { f64::INFINITY } else { SPAN });
        }
        let mut least_flow = f64::INFINITY;
        let mut before: Option<Vec<f64>> = trusted.then(Vec::new);
        let limit = self.options.state_limit();
        let all = 2.0_f64.powi(self.network.acceptors() as i32);
        let (mut states, mut fruitless, mut joined) = (0, 0, 0);
        loop {
            self.stationary()?;
            let found = self.summary();
            fruitless = if found.states == states { fruitless + 1 } else { 0 };
            states = found.states;
            let scale = self.scale(&found);
            let allowed = self.options.tolerance * scale;
            let is_whole = states as f64 >= all && found.left_out <= allowed;
            if everything || is_whole || fruitless > FRUITLESS_ROUNDS {
                return Ok(found);
            }
            let is_small = |charge: f64| charge * found.left_out <= MOST_LATER_CHARGE * allowed;
            let moved = before.map_or(f64::INFINITY, |b| {
                b.iter().zip(&found.currents).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()))
            });
            if found.left_out <= allowed && moved <= 10.0 * allowed && self.largest_later_charge().is_some_and(is_small)
            {
                let Strays { matters, apart } = self.strays(&landscape)?;
                let Some(stray) = matters else { return Ok(SteadyState { walks_apart: apart, ..found }) };
                if joined == basins::WALKS {
                    return Err(NetworkError::NotSettled { what: "the search for sets of states" });
                }
                self.join(&landscape, stray)?;
                joined += 1;
                (least_flow, before, states) = (f64::INFINITY, None, 0);
                continue;
            }
            before = Some(found.currents.clone());
            let needed = states as f64 * (found.left_out / allowed).sqrt();
            // limits that large sets may reach are worth a longer search
            let doubt = if limit > LARGE && states < LARGE { FORESEEN_AT_MOST } else { 1.0 };
            if states >= TELLING && needed > doubt * limit as f64 && (limit as f64) < all {
                return Err(NetworkError::TooManyStatesForeseen { limit, states, left_out: found.left_out, needed });
            }
            if states >= limit {
                return Err(NetworkError::TooManyStates { limit, left_out: found.left_out });
            }
            self.check_time()?;
            // each round follows flows ten times smaller, but never far below the target
            least_flow = (0.1 * least_flow).min(1e-2 * scale).min(0.05 * found.left_out);
            self.grow(&landscape, least_flow, limit);
        }
    }

    fn check_time(&self) -> Result<(), NetworkError> {
        self.deadline.check().map_err(|late| self.too_long(late))
    }

    fn too_long(&self, _: Late) -> NetworkError {
        let limit_s = self.options.most_seconds.unwrap_or(f64::INFINITY);
        NetworkError::TooLong { limit_s, states: self.states(), left_out: self.left_out() }
    }

    /// The states kept and their probabilities.
    pub fn probabilities(&self) -> impl Iterator<Item = (Occupation, f64)> + '_ {
        self.set.members.iter().map(|m| m.state).zip(self.probability.iter().copied())
    }

    /// Number of states kept.
    #[must_use]
    pub fn states(&self) -> usize {
        self.set.members.len()
    }

    fn begin(&mut self, landscape: &Landscape<'_>, everything: bool) -> Result<(), NetworkError> {
        if everything {
            for bits in 0..1_usize << self.network.acceptors() {
                let state = (0..self.network.acceptors()).filter(|i| bits >> i & 1 == 1).collect();
                self.set.add(landscape, state, f64::INFINITY);
            }
            self.probability = vec![1.0; self.set.members.len()];
        } else {
            let options = self.options;
            let limit = options.state_limit();
            let explored = self.set.explore(landscape, SPAN, &options);
            self.probability = explored.map_err(|unmet| NetworkError::TooManyStatesExpected { limit, unmet })?;
        }
        self.link(landscape, 0.0);
        Ok(())
    }

    fn grow(&mut self, landscape: &Landscape<'_>, least_flow: f64, most_states: usize) {
        self.factors = None;
        let limit = most_states.min(2 * self.set.members.len() + 100);
        self.set.widen(landscape, &self.probability, least_flow);
        self.set.grow(landscape, &mut self.probability, least_flow, SPAN, limit);
        self.set.compact = self.is_large();
        self.link(landscape, NOT_LOOKED_UP * least_flow);
    }

    fn is_large(&self) -> bool {
        self.set.members.len() > self.large
    }

    fn link(&mut self, landscape: &Landscape<'_>, least_flow: f64) {
        self.set.link(landscape, &self.probability, least_flow);
        let flow = |i: &usize| self.probability[*i] * self.set.members[*i].exit_rate;
        let root = (0..self.set.members.len()).max_by(|a, b| flow(a).total_cmp(&flow(b))).unwrap_or(0);
        self.set.isolate_unconnected(root);
    }

    /// Incomplete factors to be tried in this order.
    fn attempts(&self) -> impl Iterator<Item = Attempt> + use<> {
        let n = self.states();
        let small = INCOMPLETE.map(|(core, fraction)| Attempt { core, fraction, accepted: ACCEPTED, large: false });
        let large = INCOMPLETE_LARGE.map(|(core, fraction)| {
            let core = core.min(n / 16);
            Attempt { core, fraction, accepted: ACCEPTED_LARGE, large: true }
        });
        let is_large = self.is_large();
        let tried = move |a: &Attempt| n > EXACT && a.core < n && a.large == is_large;
        small.into_iter().chain(large).filter(tried)
    }

    /// Stationary probabilities on the set, from the previous ones as a first guess.
    ///
    /// # Errors
    /// If the iteration on a large set does not converge, or time is over.
    fn stationary(&mut self) -> Result<(), NetworkError> {
        let rates = self.set.rates();
        let n = rates.states();
        // a relative error δ of the rates changes no probability by more than a relative 2nδ (O'Cinneide, Numer. Math.
        // 65, 109 (1993))
        let of_rates = 2.0 * n as f64 * self.network.rounding_of_rates(&self.voltages_kt);
        let of_iteration = |accepted| Precision { relative: of_rates, mean_square: accepted };
        if let Some((factors, attempt)) = self.factors.take()
            && let Some((found, change)) = settle(&rates, &factors, self.probability.clone(), attempt)
        {
            self.precision = of_iteration(change.max(attempt.accepted));
            self.probability = found;
            self.factors = Some((factors, attempt));
            return Ok(());
        }
        for attempt in self.attempts() {
            let throughput = self.throughput();
            let drop = attempt.drop(&throughput, &self.probability);
            let factors =
                Factors::new(&rates, Order::by_weight(&throughput, attempt.core), 0.0, Some(drop), self.deadline)
                    .map_err(|late| self.too_long(late))?;
            let first = normalized(factors.stationary());
            if let Some((found, change)) = settle(&rates, &factors, first.clone(), attempt) {
                self.precision = of_iteration(change.max(attempt.accepted));
                self.probability = found;
                self.factors = Some((factors, attempt));
                return Ok(());
            }
            self.check_time()?;
            if attempt.large {
                // what the next factors drop is decided with better probabilities
                if first.iter().all(|p| p.is_finite()) {
                    self.probability = first;
                }
            }
        }
        if self.is_large() {
            return Err(NetworkError::NotSettledOnLargeSet { what: "the steady state", states: n });
        }
        let factors = Order::minimum_degree(&rates, self.deadline)
            .and_then(|order| Factors::new(&rates, order, 0.0, None, self.deadline))
            .map_err(|late| self.too_long(late))?;
        // a subtraction-free elimination adds at most a few rounding errors per step (O'Cinneide, Numer. Math. 73, 507
        // (1996))
        self.precision = Precision { relative: of_rates + 4.0 * n as f64 * f64::EPSILON, mean_square: 0.0 };
        self.probability = normalized(factors.stationary());
        self.factors = Some((factors, Attempt { core: n, fraction: 0.0, accepted: ACCEPTED, large: false }));
        Ok(())
    }

    /// Rate at which the network leaves each state \[ν₀\].
    fn throughput(&self) -> Vec<f64> {
        self.probability.iter().zip(&self.set.members).map(|(p, m)| p * m.exit_rate).collect()
    }

    /// What flows are compared with: the largest current, and where currents cancel, a millionth of the flow through an electrode.
    fn scale(&self, found: &SteadyState) -> f64 {
        let gross: f64 = self.set.members.iter().zip(&self.probability).map(|(m, p)| p * m.exit_rate).sum();
        let (n, sites) = (self.network.acceptors(), self.network.sites());
        let through = |site: usize| Cut::around(site, sites).net_and_gross(&found.traffic).1;
        let through_electrodes = (n..sites).map(through).fold(0.0, f64::max);
        let largest = found.currents.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        largest.max(1e-6 * through_electrodes).max(LEAST_FLOW * gross)
    }

    /// Current across a cut \[eν₀\] and the bound of its rounding error.
    fn counted(&self, cut: &Cut, traffic: &[f64]) -> (f64, f64) {
        let (net, gross) = cut.net_and_gross(traffic);
        // Σ |δp| w ≤ √(Σ δp²/p) √(Σ p w²), with w the rate at which a state's holes cross the cut
        let mut squares = 0.0;
        if self.precision.mean_square > 0.0 {
            for (member, &p) in self.set.members.iter().zip(&self.probability) {
                let hops = member.hops.iter().zip(&member.targets);
                let crossing = hops.filter(|(hop, target)| {
                    **target != OUTSIDE && cut.is_crossed(usize::from(hop.from), usize::from(hop.to))
                });
                squares += p * crossing.map(|(hop, _)| hop.rate).sum::<f64>().powi(2);
            }
        }
        let bound = self.precision.relative * gross + self.precision.mean_square * squares.sqrt();
        (net, bound)
    }

    /// Probability flow that leaves the set \[ν₀\].
    fn left_out(&self) -> f64 {
        let mut left_out = 0.0;
        for (member, &p) in self.set.members.iter().zip(&self.probability) {
            left_out += p * member.left_out_rate;
            let outside = member.hops.iter().zip(&member.targets).filter(|(_, target)| **target == OUTSIDE);
            outside.for_each(|(hop, _)| left_out += p * hop.rate);
        }
        left_out
    }

    fn summary(&self) -> SteadyState {
        let (n, sites) = (self.network.acceptors(), self.network.sites());
        let mut traffic = vec![0.0; sites * sites];
        let mut occupations = vec![0.0; n];
        for (member, &p) in self.set.members.iter().zip(&self.probability) {
            for (hop, _) in member.hops.iter().zip(&member.targets).filter(|(_, target)| **target != OUTSIDE) {
                traffic[usize::from(hop.from) * sites + usize::from(hop.to)] += p * hop.rate;
            }
            member.state.sites().for_each(|site| occupations[site] += p);
        }
        let (currents, rounding) = (n..sites)
            .map(|site| {
                let (current, bound) = self.counted(&Cut::around(site, sites), &traffic);
                if bound <= WELL_COUNTED * current.abs() {
                    return (current, bound);
                }
                let further_inside = self.counted(&Cut::narrowest(site, n, sites, &traffic), &traffic);
                if further_inside.1 < bound { further_inside } else { (current, bound) }
            })
            .unzip();
        SteadyState {
            currents,
            occupations,
            left_out: self.left_out(),
            rounding,
            states: self.set.members.len(),
            walks_apart: 0,
            traffic,
        }
    }
}

fn normalized(mut probability: Vec<f64>) -> Vec<f64> {
    let sum: f64 = probability.iter().sum();
    probability.iter_mut().for_each(|p| *p /= sum);
    probability
}

/// Probabilities p with p G = 0 by preconditioned GMRES from a first guess, until the correction is at most what is accepted; on large
/// sets, none is lowered to less than a fraction of itself at once. `None` if the correction does not become small: if basins exchange probability so rarely
/// that rounding hides it, only subtraction-free elimination is accurate.
fn settle(
    rates: &Rates,
    factors: &Factors<f64>,
    mut probability: Vec<f64>,
    attempt: Attempt,
) -> Option<(Vec<f64>, f64)> {
    let operator = |p: &[f64]| factors.solve_left(&rates.apply_left(0.0, p));
    let mut best = (f64::INFINITY, Vec::new());
    for _ in 0..=MOST_RESTARTS {
        let weights: Vec<f64> = probability.iter().map(|p| 1.0 / p.max(LEAST_WEIGHED)).collect();
        let residual: Vec<f64> = operator(&probability).iter().map(|x| -x).collect();
        let size = krylov::norm(&weights, &residual);
        if size <= attempt.accepted {
            return Some((probability, size));
        }
        if !size.is_finite() || (attempt.large && size > SLOW_PROGRESS * best.0) {
            break;
        }
        let change = krylov::improve(operator, &residual, &weights, SETTLED);
        best = (size, if attempt.large { probability.clone() } else { Vec::new() });
        probability.iter_mut().zip(&change).for_each(|(p, c)| *p = (*p + c).max(attempt.least_left() * *p));
        probability = normalized(probability);
    }
    (attempt.large && best.0 <= TOLERATED_LARGE).then_some((best.1, best.0))
}
