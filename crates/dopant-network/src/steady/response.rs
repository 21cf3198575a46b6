//! Linear response and noise of the steady state: derivatives of the currents, admittance, spectrum.
//!
//! With h_k the solution of (iω − G) h_k = c_k − I_k (c_k: current into k while in a state), a small change of V_m
//! changes the rates by Γ' and the current by Σ_s p_s Σ_hops Γ' (q_k + h_k(after) − h_k(before)): one adjoint solution
//! for each electrode gives its derivatives with respect to all voltages. The shot noise of the hops and their
//! correlations with later hops give the one-sided spectrum S_k = 2 [Σ p Γ q_k² + 2 Re Σ p Γ q_k h_k(after)] (Korotkov,
//! Phys. Rev. B 49, 10381 (1994)).

use num_complex::Complex64;

use super::elimination::{Drop, Factors, Order, Rates, Scalar};
use super::{ACCEPTED, EXACT, INCOMPLETE, MOST_RESTARTS, SteadySolver, krylov};
use crate::error::NetworkError;
use crate::network::Network;
use crate::states::OUTSIDE;

/// Fractional parts of its multiples, which weigh the electrodes, never repeat.
const GOLDEN: f64 = 0.618_033_988_749_894_8;

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
    /// If the adjoint solutions do not converge.
    pub fn noise_density(&self, angular: f64, current: TerminalCurrent) -> Result<Vec<f64>, NetworkError> {
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
    fn derivatives<T: Scalar>(
        &self,
        shift: T,
        current: TerminalCurrent,
        electrodes: &[usize],
    ) -> Result<Vec<Vec<T>>, NetworkError> {
        let network = self.network;
        let sites = network.sites();
        let landscape = network.landscape(&self.voltages_kt);
        let adjoints = self.adjoints(shift, current, electrodes)?;
        // changes per pair of sites first: there are far fewer pairs of sites than hops of states
        let mut by_pair = vec![vec![T::default(); sites * sites]; electrodes.len()];
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
            for ((sums, later), electrode) in by_pair.iter_mut().zip(&adjoints).zip(electrodes) {
                let charge = T::from(self.charge(*electrode, current, from, to));
                sums[from * sites + to] += weight * (charge + later[target] - later[state]);
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
        Ok(by_pair.iter().map(|sums| (0..network.electrodes()).map(|m| derivative(sums, m)).collect()).collect())
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
        let by_known_factors = self.factors.as_ref().and_then(|f| self.solve_adjoint(&rates, f, 0.0, &source));
        let later = by_known_factors.or_else(|| Some(self.solutions(&rates, 0.0, &[source]).ok()?.swap_remove(0)))?;
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

    /// Solutions h_k of (shift − G) h_k = c_k − I_k for `electrodes`.
    fn adjoints<T: Scalar>(
        &self,
        shift: T,
        current: TerminalCurrent,
        electrodes: &[usize],
    ) -> Result<Vec<Vec<T>>, NetworkError> {
        let of_electrode =
            |&k: &usize| -> Vec<T> { self.current_by_state(current, k).into_iter().map(T::from).collect() };
        self.solutions(&self.set.rates(), shift, &electrodes.iter().map(of_electrode).collect::<Vec<_>>())
    }

    /// Solutions h of (shift − G) h = source for each of `sources`.
    fn solutions<T: Scalar>(&self, rates: &Rates, shift: T, sources: &[Vec<T>]) -> Result<Vec<Vec<T>>, NetworkError> {
        let throughput: Vec<f64> =
            self.set.members.iter().zip(&self.probability).map(|(m, p)| m.exit_rate * p).collect();
        let n = rates.states();
        for (core, fraction) in INCOMPLETE.into_iter().filter(|&(core, _)| n > EXACT && core < n) {
            let drop = Drop { throughput: &throughput, probability: &self.probability, fraction };
            let factors = Factors::new(rates, Order::by_weight(&throughput, core), shift, Some(drop));
            let found: Option<Vec<_>> = sources.iter().map(|s| self.solve_adjoint(rates, &factors, shift, s)).collect();
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let busiest = (0..n).max_by(|&a, &b| throughput[a].total_cmp(&throughput[b])).unwrap_or(0);
        let factors = Factors::new(rates, Order::minimum_degree(rates).ending_in(busiest), shift, None);
        let found: Vec<Vec<T>> = sources.iter().map(|s| factors.solve_right(s)).collect();
        let finite = found.iter().flatten().all(|h| h.size().is_finite());
        finite.then_some(found).ok_or(NetworkError::NotSettled { what: "the adjoint solution" })
    }

    fn solve_adjoint<T: Scalar>(&self, rates: &Rates, factors: &Factors<T>, shift: T, source: &[T]) -> Option<Vec<T>> {
        let operator = |h: &[T]| factors.solve_right(&rates.apply_right(shift, h));
        let target = factors.solve_right(source);
        let size = target.iter().zip(&self.probability).map(|(h, p)| h.size().powi(2) * p).sum::<f64>().sqrt();
        let mut solution = target.clone();
        for _ in 0..=MOST_RESTARTS {
            let residual: Vec<T> = target.iter().zip(operator(&solution)).map(|(&t, o)| t - o).collect();
            let left = krylov::norm(&self.probability, &residual);
            if left <= ACCEPTED * size {
                return Some(solution);
            }
            if !left.is_finite() {
                return None;
            }
            let change = krylov::improve(operator, &residual, &self.probability, 1e-2 * ACCEPTED * size);
            solution.iter_mut().zip(change).for_each(|(h, c)| *h += c);
        }
        None
    }
}
