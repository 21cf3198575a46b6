//! Dopant networks: hops per second and time to the steady state, on one core.
//!
//! The figures to hold beside these: kmc_dn's best variant makes 2.6 to 7.6 million hops per second on its devices, its
//! plain one 25 thousand. The limit of an event that is looked up in memory is one random number (1.5 ns, the first
//! benchmark here) and two dependent reads: 2 x 1.6 ns if both hit the first-level cache, 2 x 6 ns from the second level,
//! 2 x 20 ns from the third, where the tables of networks with 10 000 recurring states lie. The reference devices are read
//! from ../shared; without them a generated device stands in.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dopant_network::events::{HopCounts, Incremental, Recurring};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{DopantNetwork, Generate, Occupation};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Dxsm;

const HOPS: u64 = 2_000_000;

fn reference(name: &str) -> DopantNetwork {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../shared/kmc_dn_reference/{name}.json"));
    DopantNetwork::from_file(&path).unwrap_or_else(|_| {
        eprintln!("{name} is not here: a generated device stands in");
        let description = Generate { acceptors: 10, donors: 1, seed: 1, ..Generate::default() }.describe().unwrap();
        DopantNetwork::from_description(&description).unwrap()
    })
}

fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group("events");
    group.sample_size(10).throughput(Throughput::Elements(HOPS));
    group.bench_function("random numbers alone", |b| {
        let mut rng = Pcg64Dxsm::seed_from_u64(1);
        b.iter(|| (0..HOPS).fold(0, |sum: u64, _| sum ^ rng.next_u64()));
    });
    for name in ["XOR_wide5M_000", "rnd_min_max5M_005", "rnd_min_max5M_000"] {
        let device = reference(name);
        let landscape = device.network.landscape(&device.voltages_kt(&device.voltages_volt));
        let mut simulation = Recurring::new(&landscape, device.initial);
        let mut rng = Pcg64Dxsm::seed_from_u64(1);
        let mut counts = HopCounts::new(device.network.sites());
        simulation.run(20_000_000, &mut rng, &mut counts);
        group.bench_function(format!("recurring/{name}/{} states", simulation.states()), |b| {
            b.iter(|| simulation.run(HOPS, &mut rng, &mut counts));
        });
    }
    group.finish();
}

/// States that seldom recur: weak Coulomb interaction, small voltages.
fn incremental(c: &mut Criterion) {
    let mut group = c.benchmark_group("incremental");
    let hops = HOPS / 10;
    group.sample_size(10).throughput(Throughput::Elements(hops));
    for acceptors in [30, 200] {
        let side = 11.0 * (acceptors as f64).sqrt();
        let description =
            Generate { acceptors, width_nm: side, height_nm: side, seed: 1, ..Generate::default() }.describe().unwrap();
        let device = DopantNetwork::from_description(&description).unwrap();
        let volts: Vec<f64> = (0..8).map(|k| 0.2 * (f64::from(k) * 1.7).sin()).collect();
        let landscape = device.network.landscape(&device.voltages_kt(&volts));
        let mut simulation = Incremental::new(&landscape, Occupation::default()).unwrap();
        let mut rng = Pcg64Dxsm::seed_from_u64(1);
        let mut counts = HopCounts::new(device.network.sites());
        simulation.run(100_000, &mut rng, &mut counts);
        group.bench_function(format!("{acceptors} acceptors"), |b| {
            b.iter(|| simulation.run(hops, &mut rng, &mut counts));
        });
    }
    group.finish();
}

/// Time against the number of states.
fn steady(c: &mut Criterion) {
    let mut group = c.benchmark_group("steady state");
    group.sample_size(10);
    for name in ["XOR_wide5M_013", "XOR_wide5M_003", "rnd_min_max5M_004", "rnd_min_max5M_016"] {
        let device = reference(name);
        let voltages = device.voltages_kt(&device.voltages_volt);
        let options = SteadyOptions::default();
        let mut solver = SteadySolver::new(&device.network, options);
        let states = solver.solve(&voltages).unwrap().states;
        group.bench_function(format!("{name}/{states} states/from nothing"), |b| {
            b.iter(|| SteadySolver::new(&device.network, options).solve(&voltages).unwrap());
        });
        let mut near = voltages.clone();
        near[0] += 0.1;
        group.bench_function(format!("{name}/{states} states/neighbouring voltage"), |b| {
            b.iter_batched(|| solver.clone(), |mut s| s.solve(&near).unwrap(), BatchSize::LargeInput);
        });
        group.bench_function(format!("{name}/{states} states/gradient"), |b| b.iter(|| solver.gradient().unwrap()));
    }
    group.finish();
}

criterion_group!(benches, events, incremental, steady);
criterion_main!(benches);
