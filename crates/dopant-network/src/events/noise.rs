//! Intrinsic noise of the currents from kinetic Monte Carlo: one-sided spectral densities with standard errors, at any size.

use rand::{Rng, RngExt};
use rand_distr::Exp1;
use rand_pcg::Pcg64Dxsm;
use rayon::prelude::*;

use super::blocks::{Block, ratios};
use super::cascade::{Cascade, Plan};
use super::currents::{Sampler, Simulation, equilibrated};
use super::{HopCounts, Observer, numbered};
use crate::network::Landscape;
use crate::occupation::Occupation;
use crate::steady::TerminalCurrent;

/// Trajectories, each from another arbitrary state, whose differences give the standard errors. A single one of the same hops would reach
/// half the frequency with the same error.
const TRAJECTORIES: usize = 32;
/// Least number of hops per acceptor until the steady state.
const APPROACH: u64 = 200;
/// One of so many hops is made before the others: to reach the steady state, and again to find how long a hop takes.
const BEFORE: u64 = 10;
/// Hops between looks at the clock.
const PART: u64 = 256;
/// How many times the hops that are due a trajectory makes at most, if it is in busier states than expected.
const MOST_TIMES: u64 = 8;
/// Part of the rate of all hops up to which all of the time is followed: bins are as wide as a hop takes, eight in a period.
const FOLLOWED: f64 = 0.125;
/// Part of the hops after which errors are looked at first, if an error is asked for.
const FIRST_ROUND: f64 = 1.0 / 16.0;

/// Options of a noise spectrum.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseOptions {
    /// Frequencies \[ν₀\].
    pub frequencies: Vec<f64>,
    /// Whether frequencies above an eighth of the rate of all hops are left out, if not all are so high: only a part of the time is looked
    /// at for these, the smaller the higher, and where rare hops carry the noise, errors are larger than stated.
    pub followed_always: bool,
    /// Which current.
    pub current: TerminalCurrent,
    /// Hops of all trajectories, about: they end at a time.
    pub hops: u64,
    /// Stop as soon as no standard error at these electrodes exceeds this fraction of the density, at any of the frequencies.
    pub relative_error: Option<(f64, Vec<usize>)>,
    /// Seed.
    pub seed: u64,
    /// How events are drawn.
    pub sampler: Sampler,
}

/// A noise spectrum.
#[derive(Clone, Debug, PartialEq)]
pub struct EventNoise {
    /// Whether only a part of the time was looked at for the highest of the frequencies.
    pub is_sampled: bool,
    /// The frequencies that were reached: each trajectory holds ten periods at least \[ν₀\].
    pub frequencies: Vec<f64>,
    /// One-sided density of the current of each electrode \[(eν₀)²/ν₀\], `[electrode][frequency]`.
    pub densities: Vec<Vec<f64>>,
    /// Their standard errors, from the differences between 32 trajectories that begin in arbitrary states; infinite where no charge was
    /// seen. Above a tenth of the density they are themselves known roughly: few charges, or few segments.
    pub standard_errors: Vec<Vec<f64>>,
    /// Mean current into each electrode and its standard error \[eν₀\].
    pub currents: Vec<(f64, f64)>,
    /// Hops that were looked at.
    pub hops: u64,
    /// Rate of all hops \[ν₀\].
    pub hop_rate: f64,
    /// Simulated time of all trajectories \[1/ν₀\].
    pub time: f64,
    /// Trajectories that ended before the time that was due, as they were in busier states than expected.
    pub cut_short: usize,
    /// Largest standard error over its density, at all frequencies asked for and the electrodes of [`NoiseOptions::relative_error`], or
    /// all; infinite if a frequency was not reached.
    pub relative_error: f64,
}

/// One trajectory.
struct Walker<'a> {
    state: Occupation,
    sampler: Sampler,
    rng: Pcg64Dxsm,
    stream: Stream<'a>,
    /// Up to when it was followed \[1/ν₀\].
    followed: f64,
    made: u64,
}

/// The charges of a trajectory on their way into the cascade.
struct Stream<'a> {
    charges: &'a Charges,
    cascade: Cascade<'a>,
    time: f64,
    end: f64,
    /// Hops after the end.
    later: Vec<(f64, usize)>,
    hops: u64,
    received: Vec<f64>,
}

impl Stream<'_> {
    fn take(&mut self, time: f64, pair: usize) {
        let charges = self.charges.of(pair);
        self.cascade.add(time, charges);
        self.received.iter_mut().zip(charges).for_each(|(sum, q)| *sum += q);
        self.hops += 1;
    }
}

impl Observer for Stream<'_> {
    #[inline]
    fn wait(&mut self, mean: f64, rng: &mut impl Rng) {
        self.time += mean * rng.sample::<f64, _>(Exp1);
    }

    #[inline]
    fn hop(&mut self, pair: usize) {
        if self.time < self.end {
            self.take(self.time, pair);
        } else {
            self.later.push((self.time, pair));
        }
    }
}

/// Charge that each electrode receives by each hop \[e\].
struct Charges {
    electrodes: usize,
    values: Vec<f64>,
}

impl Charges {
    fn new(landscape: &Landscape<'_>, current: TerminalCurrent) -> Self {
        let network = landscape.network;
        let (sites, electrodes) = (network.sites(), network.electrodes());
        let charge = |from: usize, to: usize| (0..electrodes).map(move |k| current.charge(network, k, from, to));
        let values = (0..sites * sites).flat_map(|pair| charge(pair / sites, pair % sites)).collect();
        Self { electrodes, values }
    }

    #[inline]
    fn of(&self, pair: usize) -> &[f64] {
        &self.values[pair * self.electrodes..(pair + 1) * self.electrodes]
    }
}

/// A trajectory in its steady state, and the mean time between hops.
struct Begun {
    state: Occupation,
    sampler: Sampler,
    rng: Pcg64Dxsm,
    interval: f64,
}

impl Begun {
    fn new(landscape: &Landscape<'_>, options: &NoiseOptions, number: usize) -> Self {
        let n = landscape.network.acceptors();
        let before = (options.hops / TRAJECTORIES as u64 / BEFORE).max(APPROACH * n as u64);
        let mut rng = numbered(options.seed, number as u64);
        let start = Occupation::arbitrary(n, &mut rng);
        let mut simulation = equilibrated(landscape, start, options.sampler, before, &mut rng);
        let mut counts = HopCounts::new(landscape.network.sites());
        simulation.run(landscape, before, &mut rng, &mut counts);
        let interval = counts.time / before as f64;
        Self { state: simulation.state(), sampler: simulation.sampler(), rng, interval }
    }
}

impl Walker<'_> {
    /// Goes on until a time, or until so many hops are made.
    fn until(mut self, landscape: &Landscape<'_>, end: f64, most_hops: u64) -> Self {
        self.stream.end = end;
        for (time, pair) in std::mem::take(&mut self.stream.later) {
            if time < end { self.stream.take(time, pair) } else { self.stream.later.push((time, pair)) }
        }
        let mut simulation = Simulation::new(self.sampler, landscape, self.state);
        while self.stream.time < end && self.made < most_hops {
            simulation.follow(landscape, PART, &mut self.rng, &mut self.stream);
            self.made += PART;
        }
        self.state = simulation.state();
        self.followed = self.stream.time.min(end);
        if self.stream.time >= end {
            self.stream.cascade.end(end);
        }
        self
    }
}

/// Finds the noise spectrum, on all threads of the current pool; the same whatever their number.
#[must_use]
pub fn noise(landscape: &Landscape<'_>, options: &NoiseOptions) -> EventNoise {
    let begun: Vec<Begun> =
        (0..TRAJECTORIES).into_par_iter().map(|number| Begun::new(landscape, options, number)).collect();
    let interval = begun.iter().map(|b| b.interval).sum::<f64>() / TRAJECTORIES as f64;
    let mut options = options.clone();
    let is_followed = |f: &f64| f * interval <= FOLLOWED;
    if options.followed_always && options.frequencies.iter().any(is_followed) {
        options.frequencies.retain(is_followed);
    }
    let charges = Charges::new(landscape, options.current);
    let plan = Plan::new(charges.electrodes, &options.frequencies, interval);
    let walker = |begun: Begun| Walker {
        state: begun.state,
        sampler: begun.sampler,
        rng: begun.rng,
        stream: Stream {
            charges: &charges,
            cascade: Cascade::new(&plan),
            time: 0.0,
            end: 0.0,
            later: Vec::new(),
            hops: 0,
            received: vec![0.0; charges.electrodes],
        },
        followed: 0.0,
        made: 0,
    };
    let mut walkers: Vec<Walker<'_>> = begun.into_iter().map(walker).collect();
    let each = options.hops.div_ceil(TRAJECTORIES as u64);
    let mut part = if options.relative_error.is_some() { FIRST_ROUND } else { 1.0 };
    loop {
        let end = plan.whole_frames(part * each as f64 * interval);
        let most_hops = MOST_TIMES * (part * each as f64) as u64;
        walkers = walkers.into_par_iter().map(|walker| walker.until(landscape, end, most_hops)).collect();
        let found = found(&walkers, &options, end);
        let is_reached = options.relative_error.as_ref().is_none_or(|(wanted, _)| found.relative_error <= *wanted);
        if is_reached || part >= 1.0 {
            return found;
        }
        part *= 2.0;
    }
}

fn found(walkers: &[Walker<'_>], options: &NoiseOptions, end: f64) -> EventNoise {
    let electrodes = walkers[0].stream.charges.electrodes;
    let hops: u64 = walkers.iter().map(|w| w.stream.hops).sum();
    let time: f64 = walkers.iter().map(|w| w.followed).sum();
    let hop_rate = hops as f64 / time;
    let mut found = EventNoise {
        is_sampled: options.frequencies.iter().any(|f| *f > FOLLOWED * hop_rate),
        frequencies: Vec::new(),
        densities: vec![Vec::new(); electrodes],
        standard_errors: vec![Vec::new(); electrodes],
        currents: Vec::new(),
        hops,
        hop_rate,
        time,
        cut_short: walkers.iter().filter(|w| w.followed < end).count(),
        relative_error: 0.0,
    };
    let received = |w: &Walker<'_>| Block { weight: w.followed, values: w.stream.received.clone() };
    found.currents = ratios(&walkers.iter().map(received).collect::<Vec<_>>(), electrodes);
    let counts = |k: usize| options.relative_error.as_ref().is_none_or(|(_, electrodes)| electrodes.contains(&k));
    for (line, &frequency) in options.frequencies.iter().enumerate() {
        if walkers.iter().any(|w| w.stream.cascade.powers().segments[line] == 0) {
            found.relative_error = f64::INFINITY;
            continue;
        }
        let block = |w: &Walker<'_>| {
            let powers = w.stream.cascade.powers();
            let values = powers.sums[line * electrodes..(line + 1) * electrodes].to_vec();
            Block { weight: powers.segments[line] as f64, values }
        };
        found.frequencies.push(frequency);
        let densities = ratios(&walkers.iter().map(block).collect::<Vec<_>>(), electrodes);
        for (k, (density, error)) in densities.into_iter().enumerate() {
            // of what was never seen nothing is known
            let error = if density > 0.0 { error } else { f64::INFINITY };
            found.densities[k].push(density);
            found.standard_errors[k].push(error);
            if counts(k) {
                found.relative_error = found.relative_error.max(error / density);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::steady::{SteadyOptions, SteadySolver};
    use crate::{ANY_HOP, DopantNetwork, Generate, Network, Parts, RateLaw};

    fn spaced(from: f64, to: f64, points: usize) -> Vec<f64> {
        (0..points).map(|k| from * (to / from).powf(k as f64 / (points - 1) as f64)).collect()
    }

    fn options(frequencies: Vec<f64>, current: TerminalCurrent, hops: u64) -> NoiseOptions {
        NoiseOptions {
            frequencies,
            followed_always: false,
            current,
            hops,
            relative_error: None,
            seed: 1,
            sampler: Sampler::Automatic,
        }
    }

    /// Eight and twelve acceptors, weak and strong repulsion, both currents and three samplers, 12 frequencies over 2.6 decades, all of the
    /// time followed, eight electrodes: where the standard error is below a tenth of the density, as for most of the 768, no deviation from
    /// the exact one is above five standard errors (t, 31 degrees of freedom: a false alarm in 60, if all were independent) and 1 % for the
    /// window; more than half are known to 4 %.
    #[test]
    fn spectra_are_the_exact_ones() {
        let (mut all, mut known) = (0, 0);
        for (acceptors, permittivity, sampler) in [
            (8, 11.7, Sampler::Incremental),
            (8, 1.0, Sampler::Automatic),
            (12, 11.7, Sampler::Automatic),
            (12, 2.0, Sampler::Recurring),
        ] {
            let settings =
                Generate { acceptors, donors: 1, relative_permittivity: permittivity, seed: 3, ..Generate::default() };
            let device = DopantNetwork::from_description(&settings.describe().unwrap()).unwrap();
            let voltages = device.voltages_kt(&[0.1, 0.0, -0.06, 0.03, 0.0, 0.1, -0.1, 0.0]);
            let mut solver = SteadySolver::new(&device.network, SteadyOptions::default());
            let traffic: f64 = solver.solve(&voltages).unwrap().traffic.iter().sum();
            let frequencies = spaced(3e-4 * traffic, 0.12 * traffic, 12);
            for current in [TerminalCurrent::Induced, TerminalCurrent::Particle] {
                let options = NoiseOptions { sampler, ..options(frequencies.clone(), current, 3_000_000) };
                let found = noise(&device.network.landscape(&voltages), &options);
                assert_eq!((found.frequencies.len(), found.cut_short), (12, 0));
                for (i, frequency) in frequencies.iter().enumerate() {
                    let exact = solver.noise_density(TAU * frequency, current).unwrap();
                    for (k, exact) in exact.iter().enumerate() {
                        let (density, error) = (found.densities[k][i], found.standard_errors[k][i]);
                        let off = (density - exact).abs();
                        all += 1;
                        if error > 0.1 * density {
                            continue;
                        }
                        assert!(
                            off < 5.0 * error + 0.01 * exact,
                            "{acceptors}, {permittivity}, {current:?}, electrode {k} at {frequency}: {density} ± {error}, {exact}"
                        );
                        known += usize::from(error < 0.04 * exact);
                    }
                }
            }
        }
        assert!(2 * known > all, "{known} of {all}");
    }

    /// One acceptor between two electrodes at a high voltage: Γ₁ in, Γ₂ out, F = (Γ₁² + Γ₂²)/(Γ₁ + Γ₂)² at low frequencies, full shot noise
    /// 2eI at high ones (Korotkov, Phys. Rev. B 49, 10381 (1994)). From F = 1/2 to nearly 1; 24 deviations within 4.5 standard errors: a
    /// false alarm in 470.
    #[test]
    fn one_acceptor_has_the_shot_noise_of_a_double_barrier() {
        for distances in [[1.0, 1.0], [1.0, 1.5], [2.0, 0.5]] {
            let network = Network::new(Parts {
                acceptors: vec![[0.0; 3]],
                electrode_distances: distances.iter().map(|r| vec![*r]).collect(),
                hop_range: ANY_HOP,
                localization_radius: 1.0,
                coulomb: 1.0,
                induced_kt: Vec::new(),
                fixed_energy_kt: vec![0.0],
                potential: vec![vec![0.5], vec![0.5]],
                law: RateLaw::MillerAbrahams,
            })
            .unwrap();
            let landscape = network.landscape(&[200.0, 0.0]);
            let [into, out] = distances.map(|r| (-2.0 * r).exp());
            let (current, sum) = (into * out / (into + out), into + out);
            let frequencies: Vec<f64> = [1e-3, 1e-2, 0.1, 2.0].iter().map(|f| f * sum).collect();
            let found = noise(&landscape, &options(frequencies.clone(), TerminalCurrent::Particle, 8_000_000));
            for (i, frequency) in frequencies.iter().enumerate() {
                let correlated = 2.0 * into * out / (sum.powi(2) + (TAU * frequency).powi(2));
                let exact = 2.0 * current * (1.0 - correlated);
                for k in 0..2 {
                    let (density, error) = (found.densities[k][i], found.standard_errors[k][i]);
                    assert!(
                        (density - exact).abs() < 4.5 * error,
                        "{distances:?}, {k}, {i}: {density} ± {error}, {exact}"
                    );
                    assert!(i == 0 || error < 0.01 * exact, "{distances:?}, {k}, {i}: {error} of {exact}");
                }
            }
            let (mean, error) = found.currents[1];
            assert!((mean - current).abs() < 4.5 * error && error < 0.01 * current, "{mean} ± {error}, {current}");
        }
    }

    /// An error that is asked for ends the search early, and another number of threads changes nothing.
    #[test]
    fn an_error_is_reached_with_few_hops_on_any_number_of_threads() {
        let device = DopantNetwork::from_description(
            &Generate { acceptors: 12, relative_permittivity: 3.0, seed: 3, ..Generate::default() }.describe().unwrap(),
        )
        .unwrap();
        let landscape = device.network.landscape(&device.voltages_kt(&[0.2, 0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0]));
        let rate = noise(&landscape, &options(vec![1.0], TerminalCurrent::Induced, 64_000)).hop_rate;
        let options = NoiseOptions {
            relative_error: Some((0.2, vec![0, 2])),
            ..options(spaced(1e-3 * rate, rate, 6), TerminalCurrent::Induced, 10_000_000)
        };
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| noise(&landscape, &options))
        };
        let found = of(1);
        assert_eq!(found, of(3));
        assert!(found.relative_error <= 0.2 && found.hops < 8_000_000, "{} {}", found.relative_error, found.hops);
    }
}
