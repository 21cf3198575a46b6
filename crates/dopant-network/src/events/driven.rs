//! Kinetic Monte Carlo at time-dependent voltages, by exact thinning, with lock-in detection.
//!
//! With V_k(t) = V_k + Σ A sin(2πft + φ), an energy difference stays within ±s of its static value, where s sums A_k
//! times the fraction of V_k that acts on the hop. Rates are bounded by those at the most favourable difference;
//! candidates are drawn at the bounding rate and accepted with the ratio of the rates at their time (Lewis and Shedler,
//! Nav. Res. Logist. 26, 403 (1979)).

use std::f64::consts::TAU;

use hashbrown::HashMap;
use rand::{RngExt, SeedableRng};
use rand_distr::Exp1;
use rand_pcg::Pcg64Dxsm;

use crate::network::{Landscape, NEGLIGIBLE, RateLaw, Survey};
use crate::occupation::Occupation;

/// A sine on one electrode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// The electrode.
    pub electrode: usize,
    /// Amplitude \[kT\].
    pub amplitude_kt: f64,
    /// Frequency \[ν₀\].
    pub frequency: f64,
    /// Phase \[rad\].
    pub phase_rad: f64,
}

/// Options of a driven simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct DrivenOptions {
    /// The applied sines.
    pub sines: Vec<Sine>,
    /// Time before the measurement \[1/ν₀\].
    pub settling_time: f64,
    /// Time of the measurement \[1/ν₀\]; a whole number of periods of every sine avoids leakage.
    pub time: f64,
    /// Largest number of candidate events.
    pub most_events: u64,
    /// Number of blocks of the measurement from which standard errors are computed, at least 2.
    pub blocks: usize,
    /// Seed.
    pub seed: u64,
}

/// Simulated currents.
#[derive(Clone, Debug, PartialEq)]
pub struct DrivenCurrents {
    /// Mean current into each electrode \[eν₀\].
    pub currents: Vec<f64>,
    /// Their standard errors.
    pub standard_errors: Vec<f64>,
    /// In-phase component of the current of each electrode at each sine \[eν₀\], `[electrode][sine]`: the amplitude of
    /// sin(2πft + φ) in I(t).
    pub in_phase: Vec<Vec<f64>>,
    /// Standard errors of the in-phase components.
    pub in_phase_standard_errors: Vec<Vec<f64>>,
    /// Component at cos(2πft + φ).
    pub quadrature: Vec<Vec<f64>>,
    /// Fraction of time for which each acceptor holds a hole.
    pub occupations: Vec<f64>,
    /// Hops in the measurement.
    pub hops: u64,
    /// Simulated time \[1/ν₀\]: shorter than requested if the limit of events was reached.
    pub time: f64,
}

struct Candidate {
    from: u16,
    to: u16,
    difference_kt: f64,
    bound: f64,
}

struct Bounded {
    state: Occupation,
    candidates: Vec<Candidate>,
    total: f64,
}

/// Largest number of stored candidates (24 bytes each), beyond which all states but the current one are discarded.
const MOST_REMEMBERED: usize = 1 << 25;

struct Simulation<'a> {
    landscape: &'a Landscape<'a>,
    sines: &'a [Sine],
    states: Vec<Bounded>,
    index: HashMap<Occupation, usize>,
    survey: Survey,
    remembered: usize,
    most_remembered: usize,
}

impl<'a> Simulation<'a> {
    fn new(landscape: &'a Landscape<'a>, sines: &'a [Sine], most_remembered: usize) -> Self {
        Self {
            landscape,
            sines,
            states: Vec::new(),
            index: HashMap::new(),
            survey: Survey::default(),
            remembered: 0,
            most_remembered,
        }
    }

    /// Largest change of the energy difference of a hop \[kT\].
    fn swing(&self, from: usize, to: usize) -> f64 {
        let network = self.landscape.network;
        self.sines
            .iter()
            .map(|s| {
                (s.amplitude_kt * (network.potential(s.electrode, to) - network.potential(s.electrode, from))).abs()
            })
            .sum()
    }

    fn number_of(&mut self, state: Occupation) -> usize {
        if let Some(&known) = self.index.get(&state) {
            return known;
        }
        if self.remembered > self.most_remembered {
            self.states.clear();
            self.index.clear();
            self.remembered = 0;
        }
        let network = self.landscape.network;
        let widest = 2.0 * self.sines.iter().map(|s| s.amplitude_kt.abs()).sum::<f64>();
        let mut survey = std::mem::take(&mut self.survey);
        self.landscape.survey(&state, NEGLIGIBLE + 2.0 * widest, &mut survey);
        let mut candidates: Vec<Candidate> = survey
            .hops
            .iter()
            .map(|hop| {
                let (from, to) = (usize::from(hop.from), usize::from(hop.to));
                let difference_kt = self.landscape.difference_kt(&survey.energies_kt, from, to);
                let swing = self.swing(from, to);
                let best = match network.law() {
                    RateLaw::MillerAbrahams => difference_kt - swing,
                    RateLaw::Marcus { reorganization_kt } => {
                        (-reorganization_kt).clamp(difference_kt - swing, difference_kt + swing)
                    }
                };
                let bound = (network.log_prefactor(from, to) + network.law().log_factor(best)).exp();
                Candidate { from: hop.from, to: hop.to, difference_kt, bound }
            })
            .collect();
        self.survey = survey;
        candidates.sort_by(|a, b| b.bound.total_cmp(&a.bound));
        let total = candidates.iter().map(|c| c.bound).sum();
        self.remembered += candidates.len();
        let number = self.states.len();
        self.states.push(Bounded { state, candidates, total });
        self.index.insert(state, number);
        number
    }
}

/// Sums over one block: charge, in-phase and quadrature components of each electrode.
#[derive(Clone)]
struct Block {
    charge: Vec<f64>,
    in_phase: Vec<Vec<f64>>,
    quadrature: Vec<Vec<f64>>,
}

impl Block {
    fn empty(electrodes: usize, sines: usize) -> Self {
        Self {
            charge: vec![0.0; electrodes],
            in_phase: vec![vec![0.0; sines]; electrodes],
            quadrature: vec![vec![0.0; sines]; electrodes],
        }
    }
}

/// Counts of a measurement.
struct Counts {
    blocks: Vec<Block>,
    /// Time for which each acceptor held a hole.
    occupied: Vec<f64>,
    hops: u64,
    /// Time measured.
    time: f64,
}

impl Counts {
    fn currents(&self, electrodes: usize, sines: usize) -> DrivenCurrents {
        let (currents, standard_errors) = (0..electrodes).map(|k| self.rate(&|b| b.charge[k], 1.0)).unzip();
        let components: Vec<Vec<(f64, f64)>> =
            (0..electrodes).map(|k| (0..sines).map(|s| self.rate(&|b| b.in_phase[k][s], 2.0)).collect()).collect();
        DrivenCurrents {
            currents,
            standard_errors,
            in_phase: components.iter().map(|row| row.iter().map(|c| c.0).collect()).collect(),
            in_phase_standard_errors: components.iter().map(|row| row.iter().map(|c| c.1).collect()).collect(),
            quadrature: (0..electrodes)
                .map(|k| (0..sines).map(|s| self.rate(&|b| b.quadrature[k][s], 2.0).0).collect())
                .collect(),
            occupations: self.occupied.iter().map(|t| t / self.time).collect(),
            hops: self.hops,
            time: self.time,
        }
    }

    /// `factor` times the sum over all blocks divided by time, and its standard error.
    fn rate(&self, of: &dyn Fn(&Block) -> f64, factor: f64) -> (f64, f64) {
        let count = self.blocks.len();
        let values: Vec<f64> = self.blocks.iter().map(of).collect();
        let sum: f64 = values.iter().sum();
        let mean = sum / count as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let error = (squares * count as f64 / (count as f64 - 1.0)).sqrt();
        (factor * sum / self.time, factor * error / self.time)
    }
}

/// Simulates a driven network from a starting state; returns mean currents and their components at every sine.
///
/// # Panics
/// If a sine names an electrode that does not exist.
#[must_use]
pub fn driven_currents(landscape: &Landscape<'_>, start: Occupation, options: &DrivenOptions) -> DrivenCurrents {
    driven(landscape, start, options, MOST_REMEMBERED)
}

fn driven(
    landscape: &Landscape<'_>,
    start: Occupation,
    options: &DrivenOptions,
    most_remembered: usize,
) -> DrivenCurrents {
    let network = landscape.network;
    let (n, electrodes) = (network.acceptors(), network.electrodes());
    let sines = options.sines.len();
    let mut rng = Pcg64Dxsm::seed_from_u64(options.seed);
    let mut simulation = Simulation::new(landscape, &options.sines, most_remembered);
    let count = options.blocks.max(2);
    let mut blocks = vec![Block::empty(electrodes, sines); count];
    let mut occupied = vec![0.0; n];
    let mut current = simulation.number_of(start);
    // the measurement begins at t = 0
    let mut time = -options.settling_time;
    let (mut hops, mut candidates) = (0, 0);
    let mut angles = vec![(0.0, 0.0); sines];
    while time < options.time && candidates < options.most_events {
        candidates += 1;
        let before = time.max(0.0);
        let bounded = &simulation.states[current];
        let wait: f64 = rng.sample(Exp1);
        time += wait / bounded.total;
        let until = time.clamp(0.0, options.time);
        if until > before {
            bounded.state.sites().for_each(|site| occupied[site] += until - before);
        }
        if time >= options.time {
            break;
        }
        let mut rest = rng.random::<f64>() * bounded.total;
        let chosen = bounded.candidates.iter().find(|c| {
            rest -= c.bound;
            rest < 0.0
        });
        let candidate = chosen.unwrap_or(&bounded.candidates[0]);
        let (from, to) = (usize::from(candidate.from), usize::from(candidate.to));
        let mut difference = candidate.difference_kt;
        for (sine, angle) in options.sines.iter().zip(&mut angles) {
            *angle = (TAU * sine.frequency * time + sine.phase_rad).sin_cos();
            let felt = network.potential(sine.electrode, to) - network.potential(sine.electrode, from);
            difference += sine.amplitude_kt * angle.0 * felt;
        }
        let rate = (network.log_prefactor(from, to) + network.law().log_factor(difference)).exp();
        if rng.random::<f64>() * candidate.bound >= rate {
            continue;
        }
        if time >= 0.0 {
            hops += 1;
            let block = &mut blocks[((time / options.time * count as f64) as usize).min(count - 1)];
            for (site, charge) in [(to, 1.0), (from, -1.0)] {
                if let Some(electrode) = site.checked_sub(n) {
                    block.charge[electrode] += charge;
                    for (s, (sin, cos)) in angles.iter().enumerate() {
                        block.in_phase[electrode][s] += charge * sin;
                        block.quadrature[electrode][s] += charge * cos;
                    }
                }
            }
        }
        let next = landscape.after(&bounded.state, candidate.from, candidate.to);
        current = simulation.number_of(next);
    }
    Counts { blocks, occupied, hops, time: time.clamp(0.0, options.time) }.currents(electrodes, sines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DopantNetwork, Generate};

    #[test]
    fn currents_are_the_same_however_few_states_are_remembered() {
        let description = Generate { acceptors: 12, donors: 1, seed: 5, ..Generate::default() }.describe().unwrap();
        let device = DopantNetwork::from_description(&description).unwrap();
        let landscape = device.network.landscape(&device.voltages_kt(&[0.2, 0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0]));
        let options = DrivenOptions {
            sines: vec![Sine { electrode: 0, amplitude_kt: 1.0, frequency: 1e-4, phase_rad: 0.0 }],
            settling_time: 1e3,
            time: 1e6,
            most_events: 20_000,
            blocks: 4,
            seed: 1,
        };
        assert_eq!(
            driven_currents(&landscape, device.initial, &options),
            driven(&landscape, device.initial, &options, 300)
        );
    }
}
