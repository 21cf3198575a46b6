//! Small dopant networks against independent computations: enumeration of all states, thermodynamics, direct integration.
//!
//! Statistical tests have fixed seeds; each says how often a correct program would fail over choices of the seed.

use std::f64::consts::TAU;

use dopant_network::events::{DrivenOptions, EventOptions, Sampler, Sine, Trajectory, currents, driven_currents};
use dopant_network::steady::{SteadyOptions, SteadySolver, TerminalCurrent};
use dopant_network::{ANY_HOP, DopantNetwork, Generate, Network, Occupation, Parts, RateLaw, distances};
use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;

fn small(acceptors: usize, seed: u64) -> DopantNetwork {
    let description =
        Generate { acceptors, donors: 1, electrodes: 3, seed, width_nm: 30.0, height_nm: 24.0, ..Generate::default() };
    DopantNetwork::from_description(&description.describe().unwrap()).unwrap()
}

fn electrodes_of(acceptors: usize, seed: u64) -> Vec<[f64; 3]> {
    small(acceptors, seed).electrodes.iter().map(|(p, _)| [p[0], p[1], 0.0]).collect()
}

/// A small network in its own units: energies of a few kT, everything coupled.
fn parts(acceptors: usize, seed: u64, law: RateLaw) -> Parts {
    let device = small(acceptors, seed);
    let potential = (0..3).map(|k| (0..acceptors).map(|i| device.network.potential(k, i)).collect()).collect();
    Parts {
        acceptors: device.acceptors.clone(),
        electrode_distances: distances(&electrodes_of(acceptors, seed), &device.acceptors),
        hop_range: ANY_HOP,
        localization_radius: 8.0,
        coulomb: 9.0,
        induced_kt: Vec::new(),
        fixed_energy_kt: (0..acceptors).map(|i| 1.5 + (i as f64 * 1.7).sin()).collect(),
        potential,
        law,
    }
}

/// The whole generator, from the definitions alone: rate from state to state with the charges that each electrode gets.
struct Everything {
    rates: Vec<Vec<f64>>,
    /// `[electrode][from][to]`.
    charges: Vec<Vec<Vec<f64>>>,
}

fn everything(parts: &Parts, voltages: &[f64]) -> Everything {
    let (n, p) = (parts.acceptors.len(), parts.electrode_distances.len());
    let distance = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
    let factor = |d: f64| match parts.law {
        RateLaw::MillerAbrahams => 1.0_f64.min((-d).exp()),
        RateLaw::Marcus { reorganization_kt: l } => (-(l + d).powi(2) / (4.0 * l)).exp(),
    };
    let size = 1 << n;
    let mut rates = vec![vec![0.0; size]; size];
    let mut charges = vec![vec![vec![0.0; size]; size]; p];
    for s in 0..size {
        let hole = |i: usize| s >> i & 1 == 1;
        let energy = |i: usize| {
            let electrodes: f64 = (0..p).map(|k| parts.potential[k][i] * voltages[k]).sum();
            let negative = (0..n).filter(|&j| j != i && !hole(j));
            let pairs: f64 = negative.map(|j| parts.coulomb / distance(parts.acceptors[i], parts.acceptors[j])).sum();
            parts.fixed_energy_kt[i] + electrodes - pairs
        };
        let [shortest, longest] = parts.hop_range;
        let prefactor = |r: f64| {
            if r < shortest || r > longest { 0.0 } else { (-2.0 * r / parts.localization_radius).exp() }
        };
        for i in 0..n {
            for j in (0..n).filter(|&j| hole(i) && !hole(j)) {
                let r = distance(parts.acceptors[i], parts.acceptors[j]);
                rates[s][s ^ 1 << i ^ 1 << j] += prefactor(r) * factor(energy(j) - energy(i) - parts.coulomb / r);
            }
            for k in 0..p {
                let r = parts.electrode_distances[k][i];
                let (difference, charge) =
                    if hole(i) { (voltages[k] - energy(i), 1.0) } else { (energy(i) - voltages[k], -1.0) };
                let rate = prefactor(r) * factor(difference);
                rates[s][s ^ 1 << i] += rate;
                charges[k][s][s ^ 1 << i] += charge * rate;
            }
        }
    }
    // charges per hop, not per time: several electrodes may make the same change of state
    Everything { rates, charges }
}

impl Everything {
    /// Stationary probabilities, by dense elimination without subtraction.
    fn stationary(&self) -> Vec<f64> {
        let mut a = self.rates.clone();
        let size = a.len();
        for k in (1..size).rev() {
            let out: f64 = a[k][..k].iter().sum();
            for i in 0..k {
                a[i][k] /= out;
                for j in 0..k {
                    let add = a[i][k] * a[k][j];
                    a[i][j] += if i == j { 0.0 } else { add };
                }
            }
        }
        let mut p: Vec<f64> = vec![1.0];
        while p.len() < size {
            p.push(p.iter().zip(&a).map(|(x, row)| x * row[p.len()]).sum());
        }
        let sum: f64 = p.iter().sum();
        p.iter().map(|x| x / sum).collect()
    }

    fn currents(&self, p: &[f64]) -> Vec<f64> {
        self.charges.iter().map(|c| p.iter().zip(c).map(|(p, row)| p * row.iter().sum::<f64>()).sum()).collect()
    }
}

const VOLTAGES: [f64; 3] = [6.0, -3.5, 1.0];

fn laws() -> [RateLaw; 2] {
    [RateLaw::MillerAbrahams, RateLaw::Marcus { reorganization_kt: 4.0 }]
}

fn solver(network: &Network) -> SteadySolver<'_> {
    SteadySolver::new(network, SteadyOptions::default())
}

fn close(found: f64, exact: f64, relative: f64, scale: f64) {
    assert!(
        (found - exact).abs() <= relative * scale,
        "{found:e} {exact:e}, off by {:e}",
        (found - exact).abs() / scale
    );
}

#[test]
fn steady_state_equals_enumeration() {
    for law in laws() {
        for (acceptors, seed) in [(3, 1), (5, 2), (8, 3)] {
            let parts = parts(acceptors, seed, law);
            let network = Network::new(parts.clone()).unwrap();
            let found = solver(&network).solve(&VOLTAGES).unwrap();
            let all = everything(&parts, &VOLTAGES);
            let exact = all.currents(&all.stationary());
            let largest = exact.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
            for (a, b) in found.currents.iter().zip(&exact) {
                close(*a, *b, 1e-10, largest);
            }
            assert!(found.currents.iter().sum::<f64>().abs() < 1e-10 * largest);
        }
    }
}

/// Hops that are too short or too long do not occur, between acceptors as to electrodes; detailed balance is as before.
#[test]
fn hops_out_of_range_do_not_occur() {
    let parts = Parts { hop_range: [4.0, 16.0], ..parts(8, 3, RateLaw::MillerAbrahams) };
    let network = Network::new(parts.clone()).unwrap();
    let all = everything(&parts, &VOLTAGES);
    let exact = all.currents(&all.stationary());
    let plain = everything(&Parts { hop_range: ANY_HOP, ..parts.clone() }, &VOLTAGES);
    let without = plain.currents(&plain.stationary());
    let largest = exact.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
    assert!(exact.iter().zip(&without).any(|(a, b)| (a - b).abs() > 0.1 * largest), "{exact:?} {without:?}");
    let found = solver(&network).solve(&VOLTAGES).unwrap();
    for (a, b) in found.currents.iter().zip(&exact) {
        close(*a, *b, 1e-9, largest);
    }
    let options = EventOptions { hops: 2_000_000, seed: 4, ..EventOptions::default() };
    for sampler in [Sampler::Recurring, Sampler::Incremental, Sampler::Direct, Sampler::Trapping] {
        let found =
            currents(&network.landscape(&VOLTAGES), Occupation::default(), &EventOptions { sampler, ..options });
        // four standard errors (t with 31 degrees of freedom) in twelve comparisons: a false alarm in 230 runs
        for ((a, b), error) in found.currents.iter().zip(&exact).zip(&found.standard_errors) {
            assert!((a - b).abs() < 4.0 * error && *error < 0.01 * largest, "{sampler:?}: {a} ± {error}, exact {b}");
        }
    }
}

#[test]
fn a_set_that_grows_comes_to_the_same_currents() {
    // 10 acceptors are not enumerated by the solver
    let parts = parts(10, 4, RateLaw::MillerAbrahams);
    let network = Network::new(parts.clone()).unwrap();
    let all = everything(&parts, &VOLTAGES);
    let exact = all.currents(&all.stationary());
    let largest = exact.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
    for tolerance in [1e-3, 1e-7] {
        let options = SteadyOptions { tolerance, ..SteadyOptions::default() };
        let found = SteadySolver::new(&network, options).solve(&VOLTAGES).unwrap();
        assert!(found.left_out <= tolerance * largest * 1.01);
        for (a, b) in found.currents.iter().zip(&exact) {
            close(*a, *b, tolerance, largest);
        }
    }
}

/// Two clusters that exchange a hole once in e¹⁵ to e²⁰ hops: what an iteration that subtracts would get wrong.
#[test]
fn basins_that_rarely_exchange_keep_their_weights() {
    for acceptors in [6, 10] {
        let mut parts = parts(acceptors, 18, RateLaw::MillerAbrahams);
        for (i, site) in parts.acceptors.iter_mut().enumerate() {
            site[0] = if i % 2 == 0 { 0.3 * site[0] } else { 80.0 + 0.3 * site[0] };
        }
        let mut electrodes: Vec<[f64; 3]> = electrodes_of(acceptors, 18);
        for (k, electrode) in electrodes.iter_mut().enumerate() {
            electrode[0] = if k == 0 { 0.0 } else { 90.0 };
        }
        parts.electrode_distances = distances(&electrodes, &parts.acceptors);
        let network = Network::new(parts.clone()).unwrap();
        let all = everything(&parts, &VOLTAGES);
        let exact = all.currents(&all.stationary());
        let largest = exact.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
        let options = SteadyOptions { tolerance: 1e-6, ..SteadyOptions::default() };
        let mut solver = SteadySolver::new(&network, options);
        // from a neighbouring voltage, too
        solver.solve(&[VOLTAGES[0] + 0.1, VOLTAGES[1], VOLTAGES[2]]).unwrap();
        let found = solver.solve(&VOLTAGES).unwrap();
        // the current from cluster to cluster is the small one
        for (a, b) in found.currents.iter().zip(&exact) {
            close(*a, *b, 1e-6, largest);
        }
        close(found.currents[0], exact[0], 1.0, found.left_out + 1e-9 * exact[0].abs());
    }
}

#[test]
fn without_bias_the_law_is_boltzmanns_and_nothing_flows() {
    for law in laws() {
        let parts = parts(7, 5, law);
        let network = Network::new(parts.clone()).unwrap();
        let mut solver = solver(&network);
        let found = solver.solve(&[0.0; 3]).unwrap();
        let gross: f64 = found.traffic.iter().sum();
        assert!(found.currents.iter().all(|i| i.abs() < 1e-13 * gross), "{:?}", found.currents);
        // detailed balance, hop by hop
        let sites = network.sites();
        for i in 0..sites {
            for j in 0..i {
                let (there, back) = (found.traffic[i * sites + j], found.traffic[j * sites + i]);
                close(there, back, 1e-11, there.max(back));
            }
        }
        // energy of a state: that of its holes where no other hole is, and their pairs
        let landscape = network.landscape(&[0.0; 3]);
        let mut alone = Vec::new();
        landscape.energies_kt(&Occupation::default(), &mut alone);
        let energy = |state: &Occupation| {
            let holes: Vec<usize> = state.sites().collect();
            let single: f64 = holes.iter().map(|&i| alone[i]).sum();
            let pairs: f64 = holes
                .iter()
                .flat_map(|&i| holes.iter().map(move |&j| (i, j)))
                .map(|(i, j)| network.coulomb_kt(i, j))
                .sum();
            single + 0.5 * pairs
        };
        let states: Vec<(Occupation, f64)> = solver.probabilities().collect();
        assert_eq!(states.len(), 1 << 7);
        let partition: f64 = states.iter().map(|(s, _)| (-energy(s)).exp()).sum();
        for (state, p) in &states {
            let boltzmann = (-energy(state)).exp() / partition;
            close(*p, boltzmann, 1e-10, boltzmann);
        }
    }
}

#[test]
fn gradients_equal_differences_of_exact_currents() {
    for law in laws() {
        let parts = parts(8, 6, law);
        let network = Network::new(parts).unwrap();
        let mut solver = solver(&network);
        solver.solve(&VOLTAGES).unwrap();
        let gradient = solver.gradient().unwrap();
        let largest = gradient.iter().flatten().fold(0.0_f64, |a, g| a.max(g.abs()));
        // small, since the slope of Miller-Abrahams rates jumps where a hop turns downhill
        let step = 1e-4;
        for m in 0..3 {
            let mut at = |by: f64| {
                let mut voltages = VOLTAGES;
                voltages[m] += by;
                solver.solve(&voltages).unwrap().currents
            };
            // fourth order
            let (a, b, c, d) = (at(-2.0 * step), at(-step), at(step), at(2.0 * step));
            for k in 0..3 {
                let difference = (a[k] - 8.0 * b[k] + 8.0 * c[k] - d[k]) / (12.0 * step);
                close(gradient[k][m], difference, 1e-6, largest);
            }
        }
    }
}

/// Where holes exclude each other, some states have probabilities of 10⁻⁶⁰: a solution that starts at one of them is rounding errors alone
/// (derivatives of 10⁴² eν₀/kT before).
#[test]
fn gradients_of_strongly_coupled_networks_equal_differences() {
    for seed in 0..20 {
        let settings = Generate { acceptors: 8, donors: 1, relative_permittivity: 0.6, seed, ..Generate::default() };
        let device = DopantNetwork::from_description(&settings.describe().unwrap()).unwrap();
        let volts: Vec<f64> = (0..8).map(|k| 0.1 * (f64::from(k) * 1.7 + seed as f64).sin()).collect();
        let voltages = device.voltages_kt(&volts);
        let mut solver =
            SteadySolver::new(&device.network, SteadyOptions { tolerance: 1e-7, ..SteadyOptions::default() });
        solver.solve(&voltages).unwrap();
        let gradient = solver.gradient().unwrap();
        let largest = gradient.iter().flatten().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (m, _) in volts.iter().enumerate() {
            let mut at = |step: f64| {
                let shifted: Vec<f64> =
                    voltages.iter().enumerate().map(|(k, v)| v + if k == m { step } else { 0.0 }).collect();
                solver.solve(&shifted).unwrap().currents
            };
            let (low, high) = (at(-1e-3), at(1e-3));
            for ((row, low), high) in gradient.iter().zip(&low).zip(&high) {
                close(row[m], (high - low) / 2e-3, 1e-4, largest);
            }
        }
    }
}

#[test]
fn admittance_at_zero_frequency_is_the_gradient() {
    let network = Network::new(parts(6, 7, RateLaw::MillerAbrahams)).unwrap();
    let mut solver = solver(&network);
    solver.solve(&VOLTAGES).unwrap();
    let gradient = solver.gradient().unwrap();
    let largest = gradient.iter().flatten().fold(0.0_f64, |a, g| a.max(g.abs()));
    for current in [TerminalCurrent::Induced, TerminalCurrent::Particle] {
        for (row, exact) in solver.admittance(0.0, current).unwrap().iter().zip(&gradient) {
            for (y, g) in row.iter().zip(exact) {
                close(y.re, *g, 1e-9, largest);
                close(y.im, 0.0, 1e-9, largest);
            }
        }
    }
}

#[test]
fn equilibrium_noise_obeys_the_fluctuation_dissipation_theorem() {
    for law in laws() {
        let network = Network::new(parts(7, 8, law)).unwrap();
        let mut solver = solver(&network);
        solver.solve(&[0.0; 3]).unwrap();
        for angular in [1e-6, 1e-4, 1e-2, 0.3, 5.0] {
            let noise = solver.noise_density(angular, TerminalCurrent::Induced).unwrap();
            let admittance = solver.admittance(angular, TerminalCurrent::Induced).unwrap();
            for k in 0..3 {
                // S = 4 kT Re Y, with kT = 1
                // currents count into the electrode, where a positive voltage sends holes out
                close(noise[k], -4.0 * admittance[k][k].re, 1e-8, noise[k]);
            }
        }
    }
}

/// Averages 12000 periodograms at three frequencies and two electrodes: each mean has a relative standard error of 0.9 %;
/// a correct program misses the 4 standard errors for one seed in 2600.
#[test]
fn noise_spectrum_equals_the_periodogram_of_events() {
    let network = Network::new(parts(5, 9, RateLaw::MillerAbrahams)).unwrap();
    let mut solver = solver(&network);
    let state = solver.solve(&VOLTAGES).unwrap();
    let landscape = network.landscape(&VOLTAGES);
    let rate: f64 = state.traffic.iter().sum();
    let (records, duration) = (12_000, 150.0 / rate);
    let lines = [1.0, 4.0, 20.0];
    let mut rng = Pcg64Dxsm::seed_from_u64(10);
    let mut trajectory = Trajectory::new(&landscape, Occupation::default());
    for _ in 0..1000 {
        trajectory.next(&mut rng);
    }
    let mut event = trajectory.next(&mut rng);
    let begin = event.time;
    let mut powers = [[0.0; 3]; 2];
    for record in 0..records {
        let (from, to) = (begin + record as f64 * duration, begin + (record + 1) as f64 * duration);
        let mut sums = [[num_complex::Complex64::ZERO; 3]; 2];
        while event.time < to {
            for (k, sum) in sums.iter_mut().enumerate() {
                let at = (network.acceptors() + k) as u16;
                let charge = f64::from(u8::from(event.to == at)) - f64::from(u8::from(event.from == at));
                for (s, line) in sum.iter_mut().zip(lines) {
                    *s += charge * num_complex::Complex64::cis(TAU * line * (event.time - from) / duration);
                }
            }
            event = trajectory.next(&mut rng);
        }
        for (power, sum) in powers.iter_mut().zip(&sums) {
            power.iter_mut().zip(sum).for_each(|(p, s)| *p += 2.0 * s.norm_sqr() / duration / records as f64);
        }
    }
    for (l, line) in lines.iter().enumerate() {
        // a finite record sees the density smeared by its window; over 150 hops that is below the statistical error
        let exact = solver.noise_density(TAU * line / duration, TerminalCurrent::Particle).unwrap();
        for k in 0..2 {
            let relative = powers[k][l] / exact[k] - 1.0;
            assert!(relative.abs() < 4.0 / (records as f64).sqrt(), "electrode {k}, line {line}: {relative}");
        }
    }
}

/// Four samplers, two devices, three electrodes: 24 deviations in standard errors from 32 blocks; a correct program
/// exceeds 4.5 (t with 31 degrees of freedom) for one seed in 450. The largest currents are known to below 1 %.
#[test]
fn all_samplers_find_the_exact_currents() {
    for (acceptors, seed) in [(6, 11), (8, 12)] {
        let network = Network::new(parts(acceptors, seed, RateLaw::MillerAbrahams)).unwrap();
        let exact = solver(&network).solve(&VOLTAGES).unwrap();
        let landscape = network.landscape(&VOLTAGES);
        let largest = exact.currents.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
        for (sampler, hops) in [
            (Sampler::Recurring, 4_000_000),
            (Sampler::Incremental, 2_000_000),
            (Sampler::Direct, 500_000),
            (Sampler::Trapping, 500_000),
        ] {
            let options = EventOptions { hops, sampler, seed, ..EventOptions::default() };
            let found = currents(&landscape, Occupation::default(), &options);
            assert_eq!(found.sampler, sampler);
            for k in 0..3 {
                let deviation = (found.currents[k] - exact.currents[k]) / found.standard_errors[k];
                assert!(deviation.abs() < 4.5, "{sampler:?}, electrode {k}: {deviation} standard errors");
                assert!(
                    found.standard_errors[k] < 0.012 * largest,
                    "{sampler:?}: {}",
                    found.standard_errors[k] / largest
                );
            }
            for (found, exact) in found.occupations.iter().zip(&exact.occupations) {
                assert!((found - exact).abs() < 0.02, "{sampler:?}: occupation {found} {exact}");
            }
        }
    }
}

/// 300 independent runs: the mean square of (current − exact)/(standard error) has the mean 31/29 = 1.07 and a standard
/// deviation of 0.1 over seeds; the band is ±4 of those. Standard errors that are 25 % wrong would fail.
#[test]
fn standard_errors_are_those_of_independent_runs() {
    let network = Network::new(parts(6, 13, RateLaw::MillerAbrahams)).unwrap();
    let exact = solver(&network).solve(&VOLTAGES).unwrap();
    let landscape = network.landscape(&VOLTAGES);
    let runs = 300;
    let mut squares = 0.0;
    for seed in 0..runs {
        let options = EventOptions { hops: 100_000, seed, ..EventOptions::default() };
        let found = currents(&landscape, Occupation::default(), &options);
        squares += ((found.currents[0] - exact.currents[0]) / found.standard_errors[0]).powi(2);
    }
    let mean = squares / runs as f64;
    assert!((0.67..1.47).contains(&mean), "{mean}");
}

#[test]
fn a_wanted_relative_error_is_reached_and_no_more() {
    let network = Network::new(parts(6, 13, RateLaw::MillerAbrahams)).unwrap();
    let landscape = network.landscape(&VOLTAGES);
    let options = EventOptions { hops: 100_000_000, relative_error: Some(0.02), seed: 1, ..EventOptions::default() };
    let found = currents(&landscape, Occupation::default(), &options);
    let largest = found.currents.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
    assert!(found.standard_errors.iter().all(|e| *e <= 0.02 * largest));
    assert!(found.hops < 20_000_000, "{}", found.hops);
}

/// The master equation with a sine, integrated over a period (Runge-Kutta), against thinned events: 6 deviations within 4.5
/// standard errors (t, 39 degrees of freedom) for all but one seed in 2500; the components are known to 2 %.
#[test]
fn driven_events_follow_the_master_equation() {
    for law in laws() {
        let parts = parts(3, 14, law);
        let network = Network::new(parts.clone()).unwrap();
        let (amplitude, period) = (3.0, 200.0);
        let rest = [1.0, -0.5, 0.2];
        let at = |t: f64| [rest[0] + amplitude * (TAU * t / period).sin(), rest[1], rest[2]];
        let steps = 1200;
        let dt = period / steps as f64;
        let generators: Vec<Everything> =
            (0..2 * steps).map(|k| everything(&parts, &at(0.5 * dt * k as f64))).collect();
        let derivative = |p: &[f64], all: &Everything| -> Vec<f64> {
            let mut change = vec![0.0; p.len()];
            for (i, row) in all.rates.iter().enumerate() {
                for (j, rate) in row.iter().enumerate() {
                    change[i] -= p[i] * rate;
                    change[j] += p[i] * rate;
                }
            }
            change
        };
        let mut p = everything(&parts, &rest).stationary();
        let (mut mean, mut in_phase, mut quadrature) = (vec![0.0; 3], vec![0.0; 3], vec![0.0; 3]);
        for cycle in 0..6 {
            for k in 0..steps {
                let all = &generators[2 * k];
                if cycle == 5 {
                    let angle = TAU * k as f64 / steps as f64;
                    for (e, current) in all.currents(&p).into_iter().enumerate() {
                        mean[e] += current / steps as f64;
                        in_phase[e] += 2.0 * current * angle.sin() / steps as f64;
                        quadrature[e] += 2.0 * current * angle.cos() / steps as f64;
                    }
                }
                let shifted = |by: &[f64], f: f64| p.iter().zip(by).map(|(a, b)| a + f * b).collect::<Vec<f64>>();
                let (middle, end) = (&generators[2 * k + 1], &generators[(2 * k + 2) % (2 * steps)]);
                let k1 = derivative(&p, all);
                let k2 = derivative(&shifted(&k1, 0.5 * dt), middle);
                let k3 = derivative(&shifted(&k2, 0.5 * dt), middle);
                let k4 = derivative(&shifted(&k3, dt), end);
                for (i, value) in p.iter_mut().enumerate() {
                    *value += dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
                }
            }
        }
        let options = DrivenOptions {
            sines: vec![Sine { electrode: 0, amplitude_kt: amplitude, frequency: 1.0 / period, phase_rad: 0.0 }],
            settling_time: 20.0 * period,
            time: 40_000.0 * period,
            most_events: u64::MAX,
            blocks: 40,
            seed: 15,
        };
        let found = driven_currents(&network.landscape(&rest), Occupation::default(), &options);
        let largest = in_phase.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
        for k in 0..3 {
            let dc = (found.currents[k] - mean[k]) / found.standard_errors[k];
            assert!(dc.abs() < 4.5, "{law:?}, electrode {k}: mean {dc} standard errors");
            let error = found.in_phase_standard_errors[k][0];
            let sine = (found.in_phase[k][0] - in_phase[k]) / error;
            assert!(sine.abs() < 4.5, "{law:?}, electrode {k}: in phase {sine} standard errors");
            // the quadrature component has the same variance to within the modulation
            let cosine = (found.quadrature[k][0] - quadrature[k]) / error;
            assert!(cosine.abs() < 6.0, "{law:?}, electrode {k}: quadrature {cosine} standard errors");
            assert!(error < 0.02 * largest, "{}", error / largest);
        }
    }
}

#[test]
fn device_files_come_back_as_they_were_written() {
    let description = Generate { acceptors: 9, seed: 16, ..Generate::default() }.describe().unwrap();
    let text = serde_json::to_string(&description).unwrap();
    let device = DopantNetwork::from_text(&text).unwrap();
    assert_eq!(device, DopantNetwork::from_description(&description).unwrap());
}

#[test]
fn bad_device_files_name_the_entry() {
    let good =
        serde_json::to_value(Generate { acceptors: 3, seed: 17, ..Generate::default() }.describe().unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        DopantNetwork::from_text(&value.to_string()).expect_err("must be refused").to_string()
    };
    let expect = |message: String, parts: &[&str]| {
        for part in parts {
            assert!(message.contains(part), "\"{message}\" does not say \"{part}\"");
        }
    };
    expect(refused(&|v| v["acceptors"][2] = v["acceptors"][0].clone()), &["acceptors[2]", "acceptors[0]"]);
    expect(refused(&|v| v["donors"][0] = v["acceptors"][1].clone()), &["donors[0]", "acceptors[1]"]);
    expect(
        refused(&|v| v["electrodes"][4]["position_nm"] = serde_json::json!([30.0, 30.0])),
        &["electrodes[4]", "inside"],
    );
    expect(
        refused(&|v| v["electrodes"][4]["position_nm"] = serde_json::json!([70.0, 30.0])),
        &["electrodes[4]", "outside"],
    );
    expect(refused(&|v| v["acceptors"] = serde_json::json!([])), &["acceptors", "at least one"]);
    expect(
        refused(&|v| v["temperature_celsius"] = serde_json::json!(20.0)),
        &["temperature_celsius", "temperature_kelvin"],
    );
    expect(refused(&|v| v["format"] = serde_json::json!("other")), &["format", "homodyne-dopant-network-1"]);
    expect(refused(&|v| v["relative_permittivity"] = serde_json::json!(-1.0)), &["relative_permittivity", "-1"]);
    expect(refused(&|v| v["acceptors"][0][1] = serde_json::json!(99.0)), &["acceptors[0]", "outside"]);
    expect(refused(&|v| v["electrodes"][0]["width_nm"] = serde_json::json!("wide")), &["electrodes[0].width_nm"]);
    let nan = good.to_string().replacen("77.0", "NaN", 1);
    expect(DopantNetwork::from_text(&nan).unwrap_err().to_string(), &["JSON", "NaN", "line 1"]);
    expect(
        DopantNetwork::from_text("{\"units\": \"furlongs\", \"box\": [1, 1, 0]}").unwrap_err().to_string(),
        &["attempt_rate"],
    );
}
