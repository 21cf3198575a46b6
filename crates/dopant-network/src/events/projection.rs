//! Poisson's equation of the Markov chain, Q h = −(f − Ī), solved among sums of functions of one and of two occupations.
//!
//! With f_k(x) the current into electrode k while the network is in state x, h_k(x) is how much more charge than usual will
//! have gone into k after a start in x. Of all combinations of the basis functions n_i and n_i n_j that one is taken which leaves
//! the least variance of f + Q h over the states that a trajectory visits: a regression. This sum has the mean of f for any h, as
//! ⟨Q h⟩ = 0, and varies less than f by orders: h is a control variate (Henderson and Glynn, Math. Oper. Res. 27, 253 (2002)).

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::linalg::solvers::Solve;
use faer::{Accum, MatMut, MatRef, Par};

use crate::network::{Landscape, Network, Survey};
use crate::occupation::Occupation;

/// No pair function for these two sites.
const NONE: u32 = u32::MAX;
/// Typical deviation of a coefficient \[e\] from what it is taken for at first: for a single hole, the probability that it leaves by the
/// electrode, for a pair 0. The regression is one with this prior (ridge regression), so that functions which the visited states hardly
/// tell apart do not get arbitrary coefficients.
const TYPICAL_DEVIATION: f64 = 0.1;
/// One of so many states gives the rates of a single hole.
const STATES_PER_LOOK: u64 = 8;
/// Least weight of the prior, relative to the largest variance of any combination of functions: below, variances are rounding errors.
const ROUNDING: f64 = 1e-13;
/// States that are added to the sums of squares at once, by a product of matrices.
const STATES_AT_ONCE: usize = 64;
/// Passes in which the variance that is left and the weight of the prior are made consistent.
const PASSES: usize = 30;

/// The basis functions: the occupation of each acceptor, and products for some pairs of acceptors.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    acceptors: usize,
    electrodes: usize,
    pairs: Vec<[u16; 2]>,
    /// Index into `pairs`, `[i * acceptors + j]`.
    pair_of: Vec<u32>,
}

impl Basis {
    /// With the pairs that repel each other most (without image charges the nearest), at most `most_pairs`.
    pub(super) fn new(network: &Network, most_pairs: usize) -> Self {
        let acceptors = network.acceptors();
        let mut pairs: Vec<[u16; 2]> = (0..acceptors).flat_map(|i| (0..i).map(move |j| [i as u16, j as u16])).collect();
        let repulsion = |pair: &[u16; 2]| network.coulomb_kt(usize::from(pair[0]), usize::from(pair[1]));
        pairs.sort_by(|a, b| repulsion(b).total_cmp(&repulsion(a)));
        pairs.truncate(most_pairs);
        let mut pair_of = vec![NONE; acceptors * acceptors];
        for (p, pair) in pairs.iter().enumerate() {
            let [i, j] = pair.map(usize::from);
            pair_of[i * acceptors + j] = p as u32;
            pair_of[j * acceptors + i] = p as u32;
        }
        Self { acceptors, electrodes: network.electrodes(), pairs, pair_of }
    }

    pub(super) fn functions(&self) -> usize {
        self.acceptors + self.pairs.len()
    }

    fn pair(&self, i: usize, j: usize) -> Option<usize> {
        (i < self.acceptors && j < self.acceptors)
            .then(|| self.pair_of[i * self.acceptors + j])
            .filter(|p| *p != NONE)
            .map(|p| p as usize)
    }
}

/// Averages over states from which the coefficients follow.
#[derive(Clone, Debug)]
pub(super) struct Averages<'b> {
    basis: &'b Basis,
    weight: f64,
    squared_weight: f64,
    changes: Vec<f64>,
    currents: Vec<f64>,
    squared_currents: Vec<f64>,
    /// Σ w (Q φ_a) (Q φ_b) for b ≤ a, `[a * functions + b]`.
    squares: Vec<f64>,
    /// Σ w (Q φ_a) f_k, `[a * electrodes + k]`.
    products: Vec<f64>,
    /// √w Q φ and √w f of the states that are not yet in `squares` and `products`, one state after another.
    waiting_changes: Vec<f64>,
    waiting_currents: Vec<f64>,
    change: Vec<f64>,
    current: Vec<f64>,
    into: Vec<f64>,
    out_of: Vec<f64>,
    rates: Vec<f64>,
    /// Σ w of the rates that a hole on each acceptor has or would have, `[from * (acceptors + electrodes) + to]`.
    single: Vec<f64>,
    states: u64,
}

impl<'b> Averages<'b> {
    pub(super) fn new(basis: &'b Basis) -> Self {
        let (functions, electrodes, acceptors) = (basis.functions(), basis.electrodes, basis.acceptors);
        Self {
            basis,
            weight: 0.0,
            squared_weight: 0.0,
            squared_currents: vec![0.0; electrodes],
            changes: vec![0.0; functions],
            currents: vec![0.0; electrodes],
            squares: vec![0.0; functions * functions],
            products: vec![0.0; functions * electrodes],
            waiting_changes: Vec::with_capacity(STATES_AT_ONCE * functions),
            waiting_currents: Vec::with_capacity(STATES_AT_ONCE * electrodes),
            change: vec![0.0; functions],
            current: vec![0.0; electrodes],
            into: vec![0.0; acceptors],
            out_of: vec![0.0; acceptors],
            rates: vec![0.0; basis.pairs.len()],
            single: vec![0.0; acceptors * (acceptors + electrodes)],
            states: 0,
        }
    }

    /// Adds a state that lasts for `weight`, the sum of independent times with this sum of squares.
    pub(super) fn add(
        &mut self,
        landscape: &Landscape<'_>,
        state: &Occupation,
        survey: &Survey,
        weight: f64,
        squared_weight: f64,
    ) {
        self.look_at(state, survey);
        if self.states.is_multiple_of(STATES_PER_LOOK) {
            self.look_at_single_holes(landscape, state, survey, weight);
        }
        self.states += 1;
        self.weight += weight;
        self.squared_weight += squared_weight;
        for (k, current) in self.current.iter().enumerate() {
            self.currents[k] += weight * current;
            self.squared_currents[k] += weight * current * current;
        }
        self.changes.iter_mut().zip(&self.change).for_each(|(sum, change)| *sum += weight * change);
        let root = weight.sqrt();
        self.waiting_changes.extend(self.change.iter().map(|change| root * change));
        self.waiting_currents.extend(self.current.iter().map(|current| root * current));
        if self.waiting_changes.len() >= STATES_AT_ONCE * self.basis.functions() {
            self.gather();
        }
    }

    /// Adds the waiting states to the sums of squares and products.
    fn gather(&mut self) {
        let (functions, electrodes) = (self.basis.functions(), self.basis.electrodes);
        let states = self.waiting_changes.len() / functions;
        let changes = MatRef::from_column_major_slice(&self.waiting_changes, functions, states);
        let currents = MatRef::from_column_major_slice(&self.waiting_currents, electrodes, states);
        // row a up to column a is column a down to row a
        let squares = MatMut::from_column_major_slice_mut(&mut self.squares, functions, functions);
        let (upper, whole) = (BlockStructure::TriangularUpper, BlockStructure::Rectangular);
        triangular_matmul(squares, upper, Accum::Add, changes, whole, changes.transpose(), whole, 1.0, Par::Seq);
        let products = MatMut::from_column_major_slice_mut(&mut self.products, electrodes, functions);
        matmul(products, Accum::Add, currents, changes.transpose(), 1.0, Par::Seq);
        self.waiting_changes.clear();
        self.waiting_currents.clear();
    }

    /// Q φ of every basis function, and the currents, in a state.
    fn look_at(&mut self, state: &Occupation, survey: &Survey) {
        let basis = self.basis;
        let n = basis.acceptors;
        self.into.fill(0.0);
        self.out_of.fill(0.0);
        self.rates.fill(0.0);
        self.current.fill(0.0);
        for hop in &survey.hops {
            let (from, to) = (usize::from(hop.from), usize::from(hop.to));
            match from.checked_sub(n) {
                None => self.out_of[from] += hop.rate,
                Some(electrode) => self.current[electrode] -= hop.rate,
            }
            match to.checked_sub(n) {
                None => self.into[to] += hop.rate,
                Some(electrode) => self.current[electrode] += hop.rate,
            }
            if let Some(pair) = basis.pair(from, to) {
                self.rates[pair] = hop.rate;
            }
        }
        for i in 0..n {
            self.change[i] = self.into[i] - self.out_of[i];
        }
        for (p, pair) in basis.pairs.iter().enumerate() {
            let [i, j] = pair.map(usize::from);
            self.change[n + p] = match (state.contains(i), state.contains(j)) {
                (true, true) => -self.out_of[i] - self.out_of[j],
                // a hop from one to the other leaves one of the two empty
                (true, false) => self.into[j] - self.rates[p],
                (false, true) => self.into[i] - self.rates[p],
                (false, false) => 0.0,
            };
        }
    }

    /// The rates that a hole on each acceptor has, or would have if it were added.
    fn look_at_single_holes(&mut self, landscape: &Landscape<'_>, state: &Occupation, survey: &Survey, weight: f64) {
        let network = landscape.network;
        let (n, sites) = (network.acceptors(), network.sites());
        for from in 0..n {
            let is_there = state.contains(from);
            let row = &mut self.single[from * sites..(from + 1) * sites];
            for (to, sum) in
                row.iter_mut().enumerate().filter(|(to, _)| *to != from && !state.contains_acceptor(*to, n))
            {
                let energies = survey.energies_kt[to] - survey.energies_kt[from];
                // an added hole would raise the energy of the other site by what the hop gains
                let difference = if is_there { energies - network.coulomb_kt(from, to) } else { energies };
                *sum += weight * (network.log_prefactor(from, to) + network.law().log_factor(difference)).exp();
            }
        }
    }

    /// The probability that a single hole leaves by each electrode, with averaged rates, `[acceptor * electrodes + k]`.
    fn exits(&self) -> Vec<f64> {
        let (n, electrodes) = (self.basis.acceptors, self.basis.electrodes);
        let sites = n + electrodes;
        let total: Vec<f64> = self.single.chunks_exact(sites).map(|row| row.iter().sum()).collect();
        let part = |from: usize, to: usize| {
            if total[from] > 0.0 { self.single[from * sites + to] / total[from] } else { 0.0 }
        };
        let matrix = faer::Mat::from_fn(n, n, |i, j| if i == j { 1.0 } else { -part(i, j) });
        let right = faer::Mat::from_fn(n, electrodes, |i, k| part(i, n + k));
        let found = matrix.partial_piv_lu().solve(&right);
        let of = |i: usize, k: usize| if found[(i, k)].is_finite() { found[(i, k)].clamp(0.0, 1.0) } else { 0.0 };
        (0..n).flat_map(|i| (0..electrodes).map(move |k| (i, k))).map(|(i, k)| of(i, k)).collect()
    }

    pub(super) fn merge(mut self, mut other: Self) -> Self {
        self.gather();
        other.gather();
        let add = |sums: &mut Vec<f64>, more: &[f64]| sums.iter_mut().zip(more).for_each(|(a, b)| *a += b);
        self.weight += other.weight;
        self.squared_weight += other.squared_weight;
        add(&mut self.squared_currents, &other.squared_currents);
        add(&mut self.changes, &other.changes);
        add(&mut self.currents, &other.currents);
        add(&mut self.squares, &other.squares);
        add(&mut self.products, &other.products);
        add(&mut self.single, &other.single);
        self
    }

    /// The coefficients of least variance.
    pub(super) fn solve(mut self) -> Correction<'b> {
        self.gather();
        let (functions, electrodes) = (self.basis.functions(), self.basis.electrodes);
        let mean = |sum: f64| sum / self.weight;
        let covariance = |a: usize, b: usize| {
            mean(self.squares[a.max(b) * functions + a.min(b)]) - mean(self.changes[a]) * mean(self.changes[b])
        };
        let matrix = faer::Mat::from_fn(functions, functions, covariance);
        let mut coefficients = vec![0.0; functions * electrodes];
        // states count by how long they last
        let count = self.weight * self.weight / self.squared_weight;
        if let Ok(decomposition) = matrix.self_adjoint_eigen(faer::Side::Lower) {
            let (vectors, values) = (decomposition.U(), decomposition.S());
            let spread: Vec<f64> = (0..functions).map(|a| values[a].max(0.0)).collect();
            let largest = spread.iter().fold(0.0_f64, |most, s| most.max(*s));
            let right = faer::Mat::from_fn(functions, electrodes, |a, k| {
                mean(self.products[a * electrodes + k]) - mean(self.changes[a]) * mean(self.currents[k])
            });
            let exits = self.exits();
            let first =
                faer::Mat::from_fn(functions, electrodes, |a, k| exits.get(a * electrodes + k).copied().unwrap_or(0.0));
            let (right, mut along) = (vectors.transpose() * right, vectors.transpose() * first);
            for k in 0..electrodes {
                let mut variance = mean(self.squared_currents[k]) - mean(self.currents[k]).powi(2);
                // the regression of what the first coefficients leave
                let mut products = Vec::with_capacity(functions);
                for a in 0..functions {
                    let start: f64 = along[(a, k)];
                    variance += start * (2.0 * right[(a, k)] + spread[a] * start);
                    products.push(right[(a, k)] + spread[a] * start);
                }
                let variance = variance.max(0.0);
                let prior = weight_of_prior(&spread, &products, variance, count).max(ROUNDING * largest);
                (0..functions).for_each(|a| along[(a, k)] -= products[a] / (spread[a] + prior));
            }
            let found = vectors * along;
            for a in 0..functions {
                for k in 0..electrodes {
                    let c: f64 = found[(a, k)];
                    coefficients[a * electrodes + k] = if c.is_finite() { c } else { 0.0 };
                }
            }
        }
        Correction { basis: self.basis, coefficients }
    }
}

/// The weight of the prior, the variance that is left over the number of states and over the squared typical deviation, where
/// the variance that is left depends on the weight in turn.
fn weight_of_prior(spread: &[f64], products: &[f64], variance: f64, count: f64) -> f64 {
    let of = |left: f64| left / (count * TYPICAL_DEVIATION * TYPICAL_DEVIATION);
    let mut prior = of(variance).max(f64::MIN_POSITIVE);
    for _ in 0..PASSES {
        let (mut left, mut used) = (variance, 0.0);
        for (s, p) in spread.iter().zip(products) {
            left -= p * p * (s + 2.0 * prior) / (s + prior).powi(2);
            used += s / (s + prior);
        }
        let free = (count - used).max(0.1 * count);
        prior = of((left * count / free).max(1e-14 * variance)).max(f64::MIN_POSITIVE);
    }
    prior
}

/// An approximate h of every electrode.
#[derive(Clone, Debug)]
pub(super) struct Correction<'b> {
    basis: &'b Basis,
    /// `[function * electrodes + k]`.
    coefficients: Vec<f64>,
}

/// Buffers of [`Correction::prepare`].
#[derive(Clone, Debug, Default)]
pub(super) struct Gains {
    /// Change of h_k if a hole came to an acceptor, or the opposite of that if its hole left, `[site * electrodes + k]`; 0 at electrodes.
    by_site: Vec<f64>,
}

impl Correction<'_> {
    /// Pairs of acceptors in its basis.
    pub(super) fn pairs(&self) -> usize {
        self.basis.pairs.len()
    }

    /// What every site is worth in a state.
    pub(super) fn prepare(&self, state: &Occupation, gains: &mut Gains) {
        let (n, electrodes) = (self.basis.acceptors, self.basis.electrodes);
        gains.by_site.clear();
        gains.by_site.extend_from_slice(&self.coefficients[..n * electrodes]);
        gains.by_site.resize((n + electrodes) * electrodes, 0.0);
        for (p, pair) in self.basis.pairs.iter().enumerate() {
            let own = &self.coefficients[(n + p) * electrodes..(n + p + 1) * electrodes];
            let [i, j] = pair.map(usize::from);
            for (site, other) in [(i, j), (j, i)] {
                if state.contains(other) {
                    let row = &mut gains.by_site[site * electrodes..(site + 1) * electrodes];
                    row.iter_mut().zip(own).for_each(|(gain, c)| *gain += c);
                }
            }
        }
    }

    /// Charge into each electrode by a hop, and the change of h by it.
    #[inline]
    pub(super) fn of_hop(&self, gains: &Gains, from: usize, to: usize, value: &mut [f64]) {
        let (n, electrodes) = (self.basis.acceptors, self.basis.electrodes);
        let row = |site: usize| &gains.by_site[site * electrodes..(site + 1) * electrodes];
        for ((v, gained), lost) in value.iter_mut().zip(row(to)).zip(row(from)) {
            *v = gained - lost;
        }
        if let Some(electrode) = to.checked_sub(n) {
            value[electrode] += 1.0;
        }
        if let Some(electrode) = from.checked_sub(n) {
            value[electrode] -= 1.0;
        }
        if let Some(p) = self.basis.pair(from, to) {
            let own = &self.coefficients[(n + p) * electrodes..(n + p + 1) * electrodes];
            value.iter_mut().zip(own).for_each(|(v, c)| *v -= c);
        }
    }
}
