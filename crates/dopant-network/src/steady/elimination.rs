//! Subtraction-free elimination of the states of a Markov chain.
//!
//! Grassmann, Taksar and Heyman (Oper. Res. 33, 1107 (1985)): a state k is eliminated by redirecting the flow into it
//! to its successors, r_ij += r_ik r_kj / Σ_j r_kj. All terms are positive, so every rate keeps its full relative
//! precision even where rates span a hundred decades. Rows are sparse until few states remain, then dense.
//!
//! With A = ω − G (G the generator, ω a shift) the factors are A = L U, L unit lower triangular.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

use num_complex::Complex64;

use super::deadline::{Deadline, Late};
use super::marks::Marks;

/// Rates, or rates with an imaginary shift.
pub(crate) trait Scalar:
    Copy
    + Default
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + Send
    + Sync
{
    /// Whether it is zero.
    fn is_nothing(self) -> bool;
    /// Magnitude.
    fn size(self) -> f64;
    /// Complex conjugate.
    fn conjugate(self) -> Self;
}

impl Scalar for f64 {
    fn is_nothing(self) -> bool {
        self == 0.0
    }
    fn size(self) -> f64 {
        self.abs()
    }
    fn conjugate(self) -> Self {
        self
    }
}

impl Scalar for Complex64 {
    fn is_nothing(self) -> bool {
        self.re == 0.0 && self.im == 0.0
    }
    fn size(self) -> f64 {
        self.norm()
    }
    fn conjugate(self) -> Self {
        self.conj()
    }
}

/// Rates between states, row by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    /// First entry of each row, and the total length.
    pub starts: Vec<usize>,
    /// Targets.
    pub targets: Vec<u32>,
    /// Rates \[ν₀\].
    pub rates: Vec<f64>,
}

impl Rates {
    pub(crate) fn states(&self) -> usize {
        self.starts.len() - 1
    }

    /// p (shift − G).
    pub(crate) fn apply_left<T: Scalar>(&self, shift: T, p: &[T]) -> Vec<T> {
        let mut out: Vec<T> = p.iter().map(|&x| shift * x).collect();
        for (i, &x) in p.iter().enumerate() {
            let mut lost = T::default();
            for (j, rate) in self.row(i) {
                let flow = x * T::from(rate);
                out[j] = out[j] - flow;
                lost += flow;
            }
            out[i] += lost;
        }
        out
    }

    /// (shift − G) h.
    pub(crate) fn apply_right<T: Scalar>(&self, shift: T, h: &[T]) -> Vec<T> {
        (0..h.len())
            .map(|i| self.row(i).fold(shift * h[i], |sum, (j, rate)| sum + T::from(rate) * (h[i] - h[j])))
            .collect()
    }

    pub(crate) fn row(&self, state: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let span = self.starts[state]..self.starts[state + 1];
        self.targets[span.clone()].iter().map(|&t| t as usize).zip(self.rates[span].iter().copied())
    }
}

/// Order in which states are eliminated, and the position from which rows are dense.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// State at each position.
    states: Vec<u32>,
    /// Position of each state.
    positions: Vec<u32>,
    /// First position of the dense part.
    dense: usize,
}

impl Order {
    fn new(states: Vec<u32>, dense: usize) -> Self {
        let mut positions = vec![0; states.len()];
        for (position, &state) in states.iter().enumerate() {
            positions[state as usize] = position as u32;
        }
        Self { states, positions, dense }
    }

    /// Fewest neighbours first (minimum degree), until the rest is half full.
    ///
    /// # Errors
    /// If time is over.
    pub(crate) fn minimum_degree(rates: &Rates, deadline: Deadline) -> Result<Self, Late> {
        let n = rates.states();
        let words = n.div_ceil(64);
        let mut neighbours = vec![0_u64; n * words];
        for i in 0..n {
            for (j, _) in rates.row(i) {
                neighbours[i * words + j / 64] |= 1 << (j % 64);
                neighbours[j * words + i / 64] |= 1 << (i % 64);
            }
        }
        let degree = |row: &[u64]| row.iter().map(|w| w.count_ones() as usize).sum::<usize>();
        let mut degrees: Vec<usize> = neighbours.chunks_exact(words.max(1)).map(degree).collect();
        let mut buckets: Vec<Vec<u32>> = vec![Vec::new(); n + 1];
        for (state, &d) in degrees.iter().enumerate().rev() {
            buckets[d].push(state as u32);
        }
        let mut gone = vec![false; n];
        let mut order: Vec<u32> = Vec::with_capacity(n);
        let mut lowest = 0;
        let mut pivot = vec![0_u64; words];
        while order.len() < n {
            while buckets[lowest].is_empty() {
                lowest += 1;
            }
            let left = n - order.len();
            if 2 * lowest >= left {
                break;
            }
            deadline.check()?;
            let state = buckets[lowest].pop().expect("not empty") as usize;
            if gone[state] || degrees[state] != lowest {
                continue;
            }
            gone[state] = true;
            order.push(state as u32);
            pivot.copy_from_slice(&neighbours[state * words..(state + 1) * words]);
            pivot[state / 64] &= !(1 << (state % 64));
            for word in 0..words {
                let mut bits = pivot[word];
                while bits != 0 {
                    let i = word * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let row = &mut neighbours[i * words..(i + 1) * words];
                    for (a, b) in row.iter_mut().zip(&pivot) {
                        *a |= b;
                    }
                    row[i / 64] &= !(1 << (i % 64));
                    row[state / 64] &= !(1 << (state % 64));
                    degrees[i] = degree(row);
                    buckets[degrees[i]].push(i as u32);
                    lowest = lowest.min(degrees[i]);
                }
            }
        }
        let dense = order.len();
        order.extend((0..n as u32).filter(|&s| !gone[s as usize]));
        Ok(Self::new(order, dense))
    }

    /// The same, but `state` last: a solution of (0 − G) h = f is 0 there, and has the error of the mean of f times the time until this
    /// state is reached, which must not be a state that hardly ever is.
    pub(crate) fn ending_in(mut self, state: usize) -> Self {
        let dense = self.dense - usize::from((self.positions[state] as usize) < self.dense);
        self.states.retain(|&other| other as usize != state);
        self.states.push(state as u32);
        Self::new(self.states, dense)
    }

    /// States of the smallest weight first; the last `dense` ones are treated as dense.
    pub(crate) fn by_weight(weights: &[f64], dense: usize) -> Self {
        let mut order: Vec<u32> = (0..weights.len() as u32).collect();
        order.sort_by(|&a, &b| weights[a as usize].total_cmp(&weights[b as usize]).then(a.cmp(&b)));
        let start = weights.len() - dense.min(weights.len());
        Self::new(order, start)
    }
}

/// Drop rule of incomplete factors: flows below `fraction` of the smaller throughput of their two states are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drop<'a> {
    /// Throughput of each state.
    pub throughput: &'a [f64],
    /// Probability of each state.
    pub probability: &'a [f64],
    /// Fraction.
    pub fraction: f64,
    /// Whether the throughput of a state, once it is eliminated, is that to states not yet eliminated: of states between which the network
    /// goes to and fro, the ways out are then kept, however seldom they are taken.
    pub onward: bool,
}

impl<'a> Drop<'a> {
    /// Whether a rate from `state`, left for states not yet eliminated at the rate `total`, to another one is kept.
    fn keeps<T: Scalar>(self, state: usize, total: T) -> impl Fn(usize, T) -> bool + use<'a, T> {
        let factor = self.probability[state];
        let own = if self.onward { factor * total.size() } else { self.throughput[state] };
        move |other, value| value.size() * factor >= self.fraction * own.min(self.throughput[other])
    }

    /// Whether a rate from `state`, so far left for states not yet eliminated at the rate `total`, to one that is eliminated and left for
    /// those at the rate `pivot` is kept. Without the comparison with `total`, a state could lose its way back to states between which the
    /// network goes to and fro, and the rate at which it leaves them come out too large by orders.
    fn keeps_back<T: Scalar>(self, state: usize, other: usize, value: T, total: T, pivot: T) -> bool {
        let (own, through) = if self.onward {
            (self.probability[state] * total.size(), self.probability[other] * pivot.size())
        } else {
            (self.throughput[state], self.throughput[other])
        };
        value.size() * self.probability[state] >= self.fraction * own.min(through)
    }
}

#[derive(Clone, Debug, Default)]
struct SparseRows<T> {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<T>,
}

impl<T: Scalar> SparseRows<T> {
    fn row(&self, i: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let span = self.starts[i]..self.starts[i + 1];
        self.columns[span.clone()].iter().map(|&c| c as usize).zip(self.values[span].iter().copied())
    }
}

/// Rows that are eliminated between looks at the clock.
const ROWS_BETWEEN_LOOKS: usize = 256;

/// The factors.
#[derive(Clone, Debug)]
pub(crate) struct Factors<T> {
    order: Order,
    /// l_ik for all rows, columns below the dense part.
    lower: SparseRows<T>,
    /// u_ij of the sparse rows.
    upper: SparseRows<T>,
    /// Dense rows: l below, u above the diagonal.
    dense: Vec<T>,
    /// Pivots Σ_j u_ij (+ shift).
    pivots: Vec<T>,
}

impl<T: Scalar> Factors<T> {
    /// Factors of `shift − G`.
    ///
    /// # Errors
    /// If time is over.
    pub(crate) fn new(
        rates: &Rates,
        order: Order,
        shift: T,
        drop: Option<Drop<'_>>,
        deadline: Deadline,
    ) -> Result<Self, Late> {
        let n = rates.states();
        let start = order.dense;
        let m = n - start;
        let mut lower = SparseRows { starts: vec![0], columns: Vec::new(), values: Vec::new() };
        let mut upper = SparseRows { starts: vec![0], columns: Vec::new(), values: Vec::new() };
        let mut dense = vec![T::default(); m * m];
        let mut pivots = vec![T::default(); n];
        let mut killed = vec![T::default(); n];
        let mut work = vec![T::default(); n];
        let mut marks = Marks::new(n);
        let mut row: Vec<(usize, T)> = Vec::new();
        for i in 0..n {
            if i % ROWS_BETWEEN_LOOKS == 0 {
                deadline.check()?;
            }
            let state = order.states[i] as usize;
            let mut dead = shift;
            let mut onward = shift + spread(rates, &order, i, &mut work, &mut marks);
            let end = i.min(start);
            while let Some(k) = marks.first().filter(|k| *k < end) {
                marks.remove(k);
                let value = std::mem::take(&mut work[k]);
                if drop.is_some_and(|d| !d.keeps_back(state, order.states[k] as usize, value, onward, pivots[k])) {
                    continue;
                }
                let l = value / pivots[k];
                lower.columns.push(k as u32);
                lower.values.push(l);
                dead += l * killed[k];
                let span = upper.starts[k]..upper.starts[k + 1];
                for (&j, &u) in upper.columns[span.clone()].iter().zip(&upper.values[span]) {
                    let j = j as usize;
                    work[j] += l * u;
                    marks.insert(j);
                    if j > i {
                        onward += l * u;
                    }
                }
            }
            lower.starts.push(lower.columns.len());
            killed[i] = dead;
            row.clear();
            let mut total = dead;
            while let Some(j) = marks.first() {
                marks.remove(j);
                let value = std::mem::take(&mut work[j]);
                if j != i && !value.is_nothing() {
                    row.push((j, value));
                    total += value;
                }
            }
            let keep = drop.map(|d| d.keeps(state, total));
            let mut pivot = dead;
            for &(j, value) in &row {
                if i >= start {
                    dense[(i - start) * m + (j - start)] = value;
                } else if keep.as_ref().is_none_or(|keep| keep(order.states[j] as usize, value)) {
                    upper.columns.push(j as u32);
                    upper.values.push(value);
                    pivot += value;
                }
            }
            if i < start {
                upper.starts.push(upper.columns.len());
                // an isolated state
                pivots[i] = if pivot.is_nothing() { T::from(1.0) } else { pivot };
            }
        }
        eliminate_dense(&mut dense, m, &mut pivots[start..], &mut killed[start..], deadline)?;
        Ok(Self { order, lower, upper, dense, pivots })
    }

    fn dense_row(&self, i: usize) -> &[T] {
        let m = self.pivots.len() - self.order.dense;
        let row = i - self.order.dense;
        &self.dense[row * m..(row + 1) * m]
    }

    /// x L = z, in place, by position.
    fn finish_left(&self, x: &mut [T]) {
        let start = self.order.dense;
        for i in (0..x.len()).rev() {
            let value = x[i];
            if value.is_nothing() {
                continue;
            }
            if i >= start {
                for (a, &l) in x[start..i].iter_mut().zip(self.dense_row(i)) {
                    *a += value * l;
                }
            }
            for (k, l) in self.lower.row(i) {
                x[k] += value * l;
            }
        }
    }

    /// The stationary vector, not normalized (shift 0).
    pub(crate) fn stationary(&self) -> Vec<T> {
        let n = self.pivots.len();
        let mut x = vec![T::default(); n];
        x[n - 1] = T::from(1.0);
        self.finish_left(&mut x);
        self.by_state(&x)
    }

    /// x with x (shift − G) = b; if the last pivot is zero, its component of U x is set to 0.
    pub(crate) fn solve_left(&self, b: &[T]) -> Vec<T> {
        let n = self.pivots.len();
        let start = self.order.dense;
        let mut z: Vec<T> = self.order.states.iter().map(|&s| b[s as usize]).collect();
        for k in 0..n {
            let value = if self.pivots[k].is_nothing() { T::default() } else { z[k] / self.pivots[k] };
            z[k] = value;
            if k < start {
                for (j, u) in self.upper.row(k) {
                    z[j] += value * u;
                }
            } else {
                for (a, &u) in z[k + 1..].iter_mut().zip(&self.dense_row(k)[k + 1 - start..]) {
                    *a += value * u;
                }
            }
        }
        self.finish_left(&mut z);
        self.by_state(&z)
    }

    /// h with (shift − G) h = f; if the last pivot is zero, its component of h is 0.
    pub(crate) fn solve_right(&self, f: &[T]) -> Vec<T> {
        let n = self.pivots.len();
        let start = self.order.dense;
        let mut h: Vec<T> = self.order.states.iter().map(|&s| f[s as usize]).collect();
        for i in 0..n {
            let mut value = h[i];
            for (k, l) in self.lower.row(i) {
                value += l * h[k];
            }
            if i >= start {
                for (&l, &y) in self.dense_row(i).iter().zip(&h[start..i]) {
                    value += l * y;
                }
            }
            h[i] = value;
        }
        for i in (0..n).rev() {
            let mut value = h[i];
            if i < start {
                for (j, u) in self.upper.row(i) {
                    value += u * h[j];
                }
            } else {
                for (&u, &y) in self.dense_row(i)[i + 1 - start..].iter().zip(&h[i + 1..]) {
                    value += u * y;
                }
            }
            h[i] = if self.pivots[i].is_nothing() { T::default() } else { value / self.pivots[i] };
        }
        self.by_state(&h)
    }

    fn by_state(&self, by_position: &[T]) -> Vec<T> {
        self.order.positions.iter().map(|&p| by_position[p as usize]).collect()
    }
}

/// Spreads the rates of the state at a position over an empty row; returns the sum of those to later positions.
fn spread<T: Scalar>(rates: &Rates, order: &Order, position: usize, row: &mut [T], marks: &mut Marks) -> T {
    let mut onward = T::default();
    for (target, rate) in rates.row(order.states[position] as usize) {
        let at = order.positions[target] as usize;
        row[at] += T::from(rate);
        marks.insert(at);
        if at > position {
            onward += T::from(rate);
        }
    }
    onward
}

/// Rows of a panel: few enough to stay in the cache while they are added to the others.
const PANEL: usize = 32;

/// Blocked elimination of a dense matrix of rates, m × m; diagonals are not read.
#[multiversion::multiversion(targets("x86_64+avx2+fma", "x86_64+avx"))]
fn eliminate_dense<T: Scalar>(
    a: &mut [T],
    m: usize,
    pivots: &mut [T],
    killed: &mut [T],
    deadline: Deadline,
) -> Result<(), Late> {
    for first in (0..m).step_by(PANEL) {
        deadline.check()?;
        let last = (first + PANEL).min(m);
        for k in first..last {
            let (done, rest) = a.split_at_mut((k + 1) * m);
            let pivot_row = &done[k * m..];
            let mut pivot = killed[k];
            for &u in &pivot_row[k + 1..] {
                pivot += u;
            }
            pivots[k] = pivot;
            for (row, i) in rest.chunks_exact_mut(m).zip(k + 1..last) {
                let l = if pivot.is_nothing() { T::default() } else { row[k] / pivot };
                row[k] = l;
                killed[i] += l * killed[k];
                for (x, &u) in row[k + 1..].iter_mut().zip(&pivot_row[k + 1..]) {
                    *x += l * u;
                }
            }
        }
        let (done, rest) = a.split_at_mut(last * m);
        let panel = &done[first * m..];
        for (row, i) in rest.chunks_exact_mut(m).zip(last..m) {
            let mut factors = [T::default(); PANEL];
            for k in first..last {
                let l = row[k] / pivots[k];
                row[k] = l;
                factors[k - first] = l;
                killed[i] += l * killed[k];
                let pivot_row = &panel[(k - first) * m..];
                for j in k + 1..last {
                    row[j] += l * pivot_row[j];
                }
            }
            let tail = &mut row[last..];
            let width = tail.len();
            let mut k = 0;
            while k + 4 <= last - first {
                let [l0, l1, l2, l3] = [factors[k], factors[k + 1], factors[k + 2], factors[k + 3]];
                let at = |k: usize| &panel[k * m + last..k * m + last + width];
                let (u0, u1, u2, u3) = (at(k), at(k + 1), at(k + 2), at(k + 3));
                for j in 0..width {
                    tail[j] += (l0 * u0[j] + l1 * u1[j]) + (l2 * u2[j] + l3 * u3[j]);
                }
                k += 4;
            }
            for k in k..last - first {
                let u = &panel[k * m + last..k * m + last + width];
                for j in 0..width {
                    tail[j] += factors[k] * u[j];
                }
            }
        }
    }
    Ok(())
}
