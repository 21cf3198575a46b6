//! Single-particle density of states from events: how the energies of acceptors are distributed, of those with a hole and of those without.
//!
//! The energy of an acceptor is that which a hole has, or would have, on it while all others stay where they are. Long-range repulsion
//! empties the distribution around the Fermi level: the Coulomb gap (Efros and Shklovskii, J. Phys. C 8, L49 (1975)).

use rayon::prelude::*;

use super::blocks::{Block, ratios};
use super::currents::{Sampler, equilibrated};
use super::{HopCounts, hops_until_look, numbered};
use crate::network::{Landscape, NEGLIGIBLE, Survey};
use crate::occupation::Occupation;

/// Trajectories, each from another arbitrary state, whose differences give the standard errors: where they are held by different states, these
/// are large.
const TRAJECTORIES: usize = 32;
/// Hops per acceptor until the steady state.
const APPROACH: u64 = 2000;

/// Options of a density of states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelOptions {
    /// Lowest and highest energy \[kT\]; 0 is the Fermi level of an electrode at 0 V.
    pub energies_kt: [f64; 2],
    /// Intervals of energy.
    pub intervals: usize,
    /// States that are looked at.
    pub states: usize,
    /// Seed.
    pub seed: u64,
}

/// Density of states over intervals of energy, for each acceptor: both densities together integrate to 1 but for what lies outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// Middles of the intervals \[kT\].
    pub energies_kt: Vec<f64>,
    /// Acceptors with a hole \[1/kT\].
    pub occupied: Vec<f64>,
    /// Acceptors without one \[1/kT\].
    pub empty: Vec<f64>,
    /// Standard errors of the sum of both, from the differences between trajectories that begin in arbitrary states \[1/kT\].
    pub standard_errors: Vec<f64>,
    /// Part of all acceptors whose energies lie outside of the intervals.
    pub outside: f64,
}

/// Finds the density of states, on all threads of the current pool; the same whatever their number.
#[must_use]
pub fn levels(landscape: &Landscape<'_>, options: &LevelOptions) -> Levels {
    let [low, high] = options.energies_kt;
    let (count, width) = (options.intervals, (high - low) / options.intervals as f64);
    let blocks: Vec<Block> =
        (0..TRAJECTORIES).into_par_iter().map(|number| visited(landscape, options, number)).collect();
    let found = ratios(&blocks, 3 * count);
    let scale = 1.0 / (width * landscape.network.acceptors() as f64);
    let part = |range: std::ops::Range<usize>| found[range].iter().map(|(mean, _)| mean * scale).collect::<Vec<f64>>();
    let (occupied, empty) = (part(0..count), part(count..2 * count));
    let inside: f64 = occupied.iter().chain(&empty).sum::<f64>() * width;
    Levels {
        energies_kt: (0..count).map(|k| low + (k as f64 + 0.5) * width).collect(),
        occupied,
        empty,
        standard_errors: found[2 * count..].iter().map(|(_, error)| error * scale).collect(),
        outside: (1.0 - inside).max(0.0),
    }
}

/// Numbers of acceptors in each interval, with a hole, without one, and all, along a trajectory.
fn visited(landscape: &Landscape<'_>, options: &LevelOptions, number: usize) -> Block {
    let n = landscape.network.acceptors();
    let [low, high] = options.energies_kt;
    let count = options.intervals;
    let per_kt = count as f64 / (high - low);
    let mut rng = numbered(options.seed, number as u64);
    let start = Occupation::arbitrary(n, &mut rng);
    let mut simulation = equilibrated(landscape, start, Sampler::Automatic, APPROACH * n as u64, &mut rng);
    let mut ignored = HopCounts::new(landscape.network.sites());
    let mut survey = Survey::default();
    let mut block = Block::new(3 * count);
    for _ in 0..options.states.div_ceil(TRAJECTORIES) {
        let hops = hops_until_look(landscape.network, &mut rng);
        simulation.run(landscape, hops, &mut rng, &mut ignored);
        let state = simulation.state();
        landscape.survey(&state, NEGLIGIBLE, &mut survey);
        let time = 1.0 / survey.total_rate;
        block.weight += time;
        for (site, energy) in survey.energies_kt[..n].iter().enumerate() {
            if (low..high).contains(energy) {
                let interval = (((energy - low) * per_kt) as usize).min(count - 1);
                let own = if state.contains(site) { 0 } else { count };
                block.values[own + interval] += time;
                block.values[2 * count + interval] += time;
            }
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DopantNetwork, Generate};

    /// Without bias, states follow Boltzmann's law: the density of six acceptors from all 64 states. 40 numbers within 4.5 standard errors of
    /// 32 trajectories, a false alarm in 300; all are known to 0.5 % of the largest.
    #[test]
    fn levels_without_bias_are_those_of_boltzmann() {
        let settings = Generate { acceptors: 6, donors: 1, disorder_ev: 0.01, seed: 3, ..Generate::default() };
        let device = DopantNetwork::from_description(&settings.describe().unwrap()).unwrap();
        let landscape = device.network.landscape(&[0.0; 8]);
        let options = LevelOptions { energies_kt: [-20.0, 20.0], intervals: 20, states: 400_000, seed: 1 };
        let found = levels(&landscape, &options);

        let (mut exact, mut all) = (vec![0.0; 40], 0.0);
        let mut energies = Vec::new();
        for bits in 0..64_u32 {
            let holes: Vec<usize> = (0..6).filter(|i| bits >> i & 1 == 1).collect();
            // the total energy, hole by hole
            let (mut state, mut total) = (Occupation::default(), 0.0);
            for &hole in &holes {
                landscape.energies_kt(&state, &mut energies);
                total += energies[hole];
                state = state.toggled(hole);
            }
            landscape.energies_kt(&state, &mut energies);
            let weight = (-total).exp();
            all += weight;
            for (site, energy) in energies[..6].iter().enumerate().filter(|(_, e)| e.abs() < 20.0) {
                let own = if state.contains(site) { 0 } else { 20 };
                exact[own + ((energy + 20.0) / 2.0) as usize] += weight / (6.0 * 2.0);
            }
        }
        let largest = exact.iter().fold(0.0_f64, |most, x| most.max(x / all));
        for k in 0..20 {
            let error = found.standard_errors[k];
            assert!(error < 5e-3 * largest, "{k}: {error} of {largest}");
            for (name, found, exact) in
                [("occupied", found.occupied[k], exact[k]), ("empty", found.empty[k], exact[20 + k])]
            {
                let off = (found - exact / all).abs();
                // the errors are of the sum; where only one of both is large it is its own
                assert!(off < 4.5 * error + 1e-3 * largest, "{name} {k}: {found} instead of {}", exact / all);
            }
        }
    }

    /// Strong repulsion empties the levels around the Fermi level.
    #[test]
    fn repulsion_opens_a_gap_at_the_fermi_level() {
        let at_fermi_level = |relative_permittivity: f64| {
            let settings =
                Generate { acceptors: 40, donors: 8, disorder_ev: 0.03, relative_permittivity, ..Generate::default() };
            let device = DopantNetwork::from_description(&settings.describe().unwrap()).unwrap();
            let options = LevelOptions { energies_kt: [-3.0, 3.0], intervals: 1, states: 20_000, seed: 1 };
            levels(&device.network.landscape(&[0.0; 8]), &options)
        };
        let (strong, weak) = (at_fermi_level(3.0), at_fermi_level(1e3));
        let sum = |levels: &Levels| levels.occupied[0] + levels.empty[0];
        assert!(sum(&strong) < 0.3 * sum(&weak), "{} and {}", sum(&strong), sum(&weak));
        assert!((sum(&weak) * 6.0 + weak.outside - 1.0).abs() < 1e-9);
    }
}
