//! Linear response and noise of the steady state: derivatives of the currents, admittance, spectrum.
//!
//! With h_k the solution of (iω − G) h_k = c_k − I_k (c_k: current into k while in a state), a small change of V_m
//! changes the rates by Γ' and the current by Σ_s p_s Σ_hops Γ' (q_k + h_k(after) − h_k(before)): one adjoint solution
//! for each electrode gives its derivatives with respect to all voltages. The shot noise of the hops and their
//! correlations with later hops give the one-sided spectrum S_k = 2 [Σ p Γ q_k² + 2 Re Σ p Γ q_k h_k(after)] (Korotkov,
//! Phys. Rev. B 49, 10381 (1994)).

use num_complex::Complex64;

use super::deadline::Deadline;
use super::elimination::{Factors, Order, Rates, Scalar};
use super::{MOST_RESTARTS, SteadySolver, krylov};
use crate::error::NetworkError;
use crate::network::Network;
use crate::states::OUTSIDE;

/// Fractional parts of its multiples, which weigh the electrodes, never repeat.
const GOLDEN: f64 = 0.618_033_988_749_894_8;

/// Largest change of a derivative of a large set, as a fraction of the largest derivative, that what is left of the adjoint equations may
/// still make.
const ACCEPTED_DERIVATIVE: f64 = 1e-6;
/// Factor by which an iteration for derivatives reduces what is left before the derivatives are looked at again.
const STEP_OF_RESTART: f64 = 1e-4;

/// Definition of the current of an electrode; both have the same mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TerminalCurrent {
    /// Current in the lead: holes that enter plus the charge induced by moving holes (Ramo, Proc. IRE 27, 584 (1939);
    /// Shockley, J. Appl. Phys. 9, 635 (1938)). This current obeys the fluctuation-dissipation theorem.
    #[default]
    Induced,
    /// Only the holes that enter.
    Particle,
}

impl TerminalCurrent {
    /// Charge transferred to an electrode by a hop from site to site \[e\].
    pub(crate) fn charge(self, network: &Network, electrode: usize, from: usize, to: usize) -> f64 {
        match self {
            Self::Induced => network.potential(electrode, to) - network.potential(electrode, from),
            Self::Particle => {
                let at = network.acceptors() + electrode;
                f64::from(u8::from(to == at)) - f64::from(u8::from(from == at))
            }
        }
    }
}

impl SteadySolver<'_> {
    /// Derivatives of the currents of the last steady state, ∂I_k/∂V_m \[eν₀/kT\], `[k][m]`.
    ///
    /// # Errors
    /// If the adjoint solutions do not converge.
    pub fn gradient(&self) -> Result<Vec<Vec<f64>>, NetworkError> {
        self.derivatives(0.0_f64, TerminalCurrent::Particle, &self.all_electrodes())
    }

    /// Derivatives of the current of one electrode with respect to all voltages \[eν₀/kT\].
    ///
    /// # Errors
    /// If the adjoint solution does not converge.
    pub fn gradient_of(&self, electrode: usize) -> Result<Vec<f64>, NetworkError> {
        Ok(self.derivatives(0.0_f64, TerminalCurrent::Particle, &[electrode])?.swap_remove(0))
    }

    fn all_electrodes(&self) -> Vec<usize> {
        (0..self.network.electrodes()).collect()
    }

    /// Admittance Y_km of the last steady state at an angular frequency \[ν₀\], \[eν₀/kT\], `[k][m]`: the current into
    /// k caused by a small sine on m, for a time dependence exp(iωt).
    ///
    /// # Errors
    /// If the adjoint solutions do not converge.
    pub fn admittance(&self, angular: f64, current: TerminalCurrent) -> Result<Vec<Vec<Complex64>>, NetworkError> {
        self.derivatives(Complex64::new(0.0, angular), current, &self.all_electrodes())
    }

    /// One-sided spectral density of the current of each electrode \[(eν₀)²/ν₀\] at an angular frequency \[ν₀\].
    ///
    /// # Errors
    /// If there are more than 60 000 states, or the adjoint solutions do not converge.
    pub fn noise_density(&self, angular: f64, current: TerminalCurrent) -> Result<Vec<f64>, NetworkError> {
        if self.is_large() {
            return Err(NetworkError::SpectrumOfLargeSet { states: self.states() });
        }
        let mut densities = Vec::new();
        let electrodes = self.all_electrodes();
        let adjoints = self.adjoints(Complex64::new(0.0, angular), current, &electrodes)?;
        for (electrode, later) in adjoints.iter().enumerate() {
            let mean: Complex64 = later.iter().zip(&self.probability).map(|(h, p)| h * p).sum();
            let mut density = 0.0;
            self.for_each_hop(|state, target, from, to, rate| {
                let charge = self.charge(electrode, current, from, to);
                density += self.probability[state] * rate * charge * (charge + 2.0 * (later[target] - mean).re);
            });
            densities.push(2.0 * density);
        }
        Ok(densities)
    }

    fn for_each_hop(&self, mut visit: impl FnMut(usize, usize, usize, usize, f64)) {
        for (state, member) in self.set.members.iter().enumerate() {
            for (hop, &target) in member.hops.iter().zip(&member.targets) {
                if target != OUTSIDE {
                    visit(state, target as usize, usize::from(hop.from), usize::from(hop.to), hop.rate);
                }
            }
        }
    }

    /// Charge transferred to an electrode by a hop \[e\].
    fn charge(&self, electrode: usize, current: TerminalCurrent, from: usize, to: usize) -> f64 {
        current.charge(self.network, electrode, from, to)
    }

    /// A row for each of `electrodes`.
    ///
    /// # Errors
    /// If the adjoint solutions do not converge.
    fn derivatives<T: Scalar>(
        &self,
        shift: T,
        current: TerminalCurrent,
        electrodes: &[usize],
    ) -> Result<Vec<Vec<T>>, NetworkError> {
        if self.is_large() {
            return self.derivatives_of_large_set(shift, current, electrodes);
        }
        let adjoints = self.adjoints(shift, current, electrodes)?;
        let counted = |k: usize, from: usize, to: usize| self.charge(electrodes[k], current, from, to);
        Ok(self.by_voltage(&adjoints, counted))
    }

    /// The same by iteration until what is left of the equations would change no derivative by more than is accepted. A norm of the
    /// solutions cannot tell: where sets of states exchange probability slowly, nearly all of it is the difference between these sets.
    fn derivatives_of_large_set<T: Scalar>(
        &self,
        shift: T,
        current: TerminalCurrent,
        electrodes: &[usize],
    ) -> Result<Vec<Vec<T>>, NetworkError> {
        let (rates, throughput, unlimited) = (self.set.rates(), self.throughput(), Deadline::within(None));
        let charge = |k: usize, from: usize, to: usize| self.charge(electrodes[k], current, from, to);
        let sources = self.sources::<T>(current, electrodes);
        let largest = |rows: &[Vec<T>]| rows.iter().flatten().fold(0.0, |most: f64, x| most.max(x.size()));
        for attempt in self.attempts() {
            let drop = attempt.drop(&throughput, &self.probability);
            let factors =
                Factors::new(&rates, Order::by_weight(&throughput, attempt.core), shift, Some(drop), unlimited)
                    .map_err(|late| self.too_long(late))?;
            let operator = |h: &[T]| factors.solve_right(&rates.apply_right(shift, h));
            let mut solutions: Vec<Vec<T>> = sources.iter().map(|source| factors.solve_right(source)).collect();
            let targets = solutions.clone();
            for _ in 0..=MOST_RESTARTS {
                let left = |(h, target): (&Vec<T>, &Vec<T>)| -> Vec<T> {
                    target.iter().zip(operator(h)).map(|(&t, o)| t - o).collect()
                };
                let residuals: Vec<Vec<T>> = solutions.iter().zip(&targets).map(left).collect();
                let found = self.by_voltage(&solutions, charge);
                let off = largest(&self.by_voltage(&residuals, |_, _, _| 0.0));
                if off <= ACCEPTED_DERIVATIVE * largest(&found) {
                    return Ok(found);
                }
                if !off.is_finite() {
                    break;
                }
                for (solution, residual) in solutions.iter_mut().zip(&residuals) {
                    let wanted = STEP_OF_RESTART * krylov::norm(&self.probability, residual);
                    let change = krylov::improve(operator, residual, &self.probability, wanted);
                    solution.iter_mut().zip(change).for_each(|(h, c)| *h += c);
                }
            }
        }
        Err(NetworkError::NotSettledOnLargeSet { what: "the adjoint solution", states: self.states() })
    }

    /// Σ_s p_s Σ_hops Γ' (charge + h(after) − h(before)) for each h of `adjoints` and each voltage; `charge` is that of the hop from site to
    /// site, for the number of h.
    fn by_voltage<T: Scalar>(&self, adjoints: &[Vec<T>], charge: impl Fn(usize, usize, usize) -> f64) -> Vec<Vec<T>> {
        let network = self.network;
        let sites = network.sites();
        let landscape = network.landscape(&self.voltages_kt);
        // changes per pair of sites first: there are far fewer pairs of sites than hops of states
        let mut by_pair = vec![vec![T::default(); sites * sites]; adjoints.len()];
        let (mut energies, mut of) = (Vec::new(), usize::MAX);
        self.for_each_hop(|state, target, from, to, rate| {
            if state != of {
                landscape.energies_kt(&self.set.members[state].state, &mut energies);
                of = state;
            }
            let slope = network.law().log_slope(landscape.difference_kt(&energies, from, to));
            if slope == 0.0 {
                return;
            }
            let weight = T::from(self.probability[state] * rate * slope);
            for (k, (sums, later)) in by_pair.iter_mut().zip(adjoints).enumerate() {
                sums[from * sites + to] += weight * (T::from(charge(k, from, to)) + later[target] - later[state]);
            }
        });
        let derivative = |sums: &Vec<T>, by: usize| {
            let mut total = T::default();
            for from in 0..sites {
                for to in 0..sites {
                    let moved = network.potential(by, to) - network.potential(by, from);
                    total += sums[from * sites + to] * T::from(moved);
                }
            }
            total
        };
        by_pair.iter().map(|sums| (0..network.electrodes()).map(|m| derivative(sums, m)).collect()).collect()
    }

    /// Largest difference of the charge \[e\] that the electrodes will have received, each counted with its own weight between −1 and 1,
    /// when the network starts in one state rather than another. It is a few charges where the states exchange probability fast, and the
    /// more the slower the exchange between sets of states with different currents. `None` if it could not be found.
    pub(super) fn largest_later_charge(&self) -> Option<f64> {
        let mut source = vec![0.0; self.set.members.len()];
        let weights: Vec<f64> =
            (1..=self.network.electrodes()).map(|k| 2.0 * (k as f64 * GOLDEN).fract() - 1.0).collect();
        for (weight, electrode) in weights.into_iter().zip(self.all_electrodes()) {
            let of_electrode = self.current_by_state(TerminalCurrent::Particle, electrode);
            source.iter_mut().zip(of_electrode).for_each(|(sum, c)| *sum += weight * c);
        }
        let rates = self.set.rates();
        let by_known_factors = self
            .factors
            .as_ref()
            .and_then(|(f, a)| self.solve_adjoint(&rates, f, 0.0, &source, a.accepted_later_charge()));
        let later = by_known_factors
            .or_else(|| Some(self.solutions(&rates, 0.0, &[source], self.deadline).ok()?.swap_remove(0)))?;
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (&h, _) in later.iter().zip(&self.probability).filter(|(_, p)| **p > 0.0) {
            (lowest, highest) = (h.min(lowest), h.max(highest));
        }
        Some(highest - lowest)
    }

    /// Current into an electrode while in each state \[eν₀\], less its mean.
    fn current_by_state(&self, current: TerminalCurrent, electrode: usize) -> Vec<f64> {
        let mut source = vec![0.0; self.set.members.len()];
        self.for_each_hop(|state, _, from, to, rate| {
            source[state] += rate * self.charge(electrode, current, from, to);
        });
        let mean: f64 = source.iter().zip(&self.probability).map(|(c, p)| c * p).sum();
        source.iter_mut().for_each(|c| *c -= mean);
        source
    }

    /// c_k − I_k for `electrodes`.
    fn sources<T: Scalar>(&self, current: TerminalCurrent, electrodes: &[usize]) -> Vec<Vec<T>> {
        electrodes.iter().map(|&k| self.current_by_state(current, k).into_iter().map(T::from).collect()).collect()
    }

    /// Solutions h_k of (shift − G) h_k = c_k − I_k for `electrodes`.
    fn adjoints<T: Scalar>(
        &self,
        shift: T,
        current: TerminalCurrent,
        electrodes: &[usize],
    ) -> Result<Vec<Vec<T>>, NetworkError> {
        self.solutions(&self.set.rates(), shift, &self.sources(current, electrodes), Deadline::within(None))
    }

    /// Solutions h of (shift − G) h = source for each of `sources`.
    ///
    /// # Errors
    /// If the iteration on a large set does not converge, a number is too large, or time is over.
    fn solutions<T: Scalar>(
        &self,
        rates: &Rates,
        shift: T,
        sources: &[Vec<T>],
        deadline: Deadline,
    ) -> Result<Vec<Vec<T>>, NetworkError> {
        let throughput = self.throughput();
        let n = rates.states();
        for attempt in self.attempts() {
            let drop = attempt.drop(&throughput, &self.probability);
            let factors = Factors::new(rates, Order::by_weight(&throughput, attempt.core), shift, Some(drop), deadline)
                .map_err(|late| self.too_long(late))?;
            let accepted = attempt.accepted_later_charge();
            let solve = |source: &Vec<T>| self.solve_adjoint(rates, &factors, shift, source, accepted);
            let found: Option<Vec<_>> = sources.iter().map(solve).collect();
            if let Some(found) = found {
                return Ok(found);
            }
        }
        if self.is_large() {
            return Err(NetworkError::NotSettledOnLargeSet { what: "the adjoint solution", states: n });
        }
        let busiest = (0..n).max_by(|&a, &b| throughput[a].total_cmp(&throughput[b])).unwrap_or(0);
        let factors = Order::minimum_degree(rates, deadline)
            .and_then(|order| Factors::new(rates, order.ending_in(busiest), shift, None, deadline))
            .map_err(|late| self.too_long(late))?;
        let found: Vec<Vec<T>> = sources.iter().map(|s| factors.solve_right(s)).collect();
        let finite = found.iter().flatten().all(|h| h.size().is_finite());
        finite.then_some(found).ok_or(NetworkError::NotSettled { what: "the adjoint solution" })
    }

    fn solve_adjoint<T: Scalar>(
        &self,
        rates: &Rates,
        factors: &Factors<T>,
        shift: T,
        source: &[T],
        accepted: f64,
    ) -> Option<Vec<T>> {
        let operator = |h: &[T]| factors.solve_right(&rates.apply_right(shift, h));
        let target = factors.solve_right(source);
        let size = target.iter().zip(&self.probability).map(|(h, p)| h.size().powi(2) * p).sum::<f64>().sqrt();
        let mut solution = target.clone();
        for _ in 0..=MOST_RESTARTS {
            let residual: Vec<T> = target.iter().zip(operator(&solution)).map(|(&t, o)| t - o).collect();
            let left = krylov::norm(&self.probability, &residual);
            if left <= accepted * size {
                return Some(solution);
            }
            if !left.is_finite() {
                return None;
            }
            let change = krylov::improve(operator, &residual, &self.probability, 1e-2 * accepted * size);
            solution.iter_mut().zip(change).for_each(|(h, c)| *h += c);
        }
        None
    }
}
