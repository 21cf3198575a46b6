//! Small networks with image charges in the electrodes: thermodynamics from the definition of the energy, methods against each other.

use dopant_network::events::{EventOptions, Sampler, currents};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{DopantNetwork, Generate, ImageCharges, Occupation, RateLawEntry, Rim, mean_field};

const ACCEPTORS: usize = 7;
/// e²/4πε₀ \[eV nm\] and k/e \[V/K\] (CODATA 2018), apart from the program's own.
const COULOMB_EV_NM: f64 = 1.439_964_548;
const BOLTZMANN_VOLT_PER_KELVIN: f64 = 8.617_333_262e-5;

fn settings(rim: Rim, rate_law: RateLawEntry) -> Generate {
    Generate {
        acceptors: ACCEPTORS,
        donors: 2,
        electrodes: 3,
        width_nm: 24.0,
        height_nm: 20.0,
        thickness_nm: 3.0,
        rim,
        rate_law,
        image_charges: Some(ImageCharges::of_height_nm(8.0)),
        seed: 5,
        ..Generate::default()
    }
}

fn made(settings: &Generate) -> DopantNetwork {
    DopantNetwork::from_description(&settings.describe().unwrap()).unwrap()
}

fn apart(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

/// Energy of all charges in the field of each other and of what they induce, over kT: acceptors without a hole are negative, donors positive.
fn energy_kt(device: &DopantNetwork, settings: &Generate, state: &Occupation) -> f64 {
    let kt_ev = BOLTZMANN_VOLT_PER_KELVIN * settings.temperature_kelvin;
    let images = device.images.as_ref().unwrap();
    let negative: Vec<usize> = (0..ACCEPTORS).filter(|&i| !state.contains(i)).collect();
    let mut sum = 0.0;
    for &i in &negative {
        for &j in &negative {
            let free = if i == j { 0.0 } else { apart(&device.acceptors[i], &device.acceptors[j]).recip() };
            sum += 0.5 * (free + images.of_acceptors_per_nm[i][j]);
        }
        sum -= device.donors.iter().map(|donor| apart(&device.acceptors[i], donor).recip()).sum::<f64>();
        sum -= images.of_donors_per_nm[i];
    }
    sum * COULOMB_EV_NM / settings.relative_permittivity / kt_ev
}

#[test]
fn without_bias_the_law_is_boltzmanns_and_nothing_flows() {
    for rim in [Rim::Grounded, Rim::Insulating] {
        for rate_law in [RateLawEntry::MillerAbrahams, RateLawEntry::Marcus { reorganization_ev: 0.03 }] {
            let settings = settings(rim, rate_law);
            let device = made(&settings);
            let mut solver = SteadySolver::new(&device.network, SteadyOptions::default());
            let found = solver.solve(&[0.0; 3]).unwrap();
            let gross: f64 = found.traffic.iter().sum();
            assert!(found.currents.iter().all(|i| i.abs() < 1e-13 * gross), "{:?}", found.currents);
            let states: Vec<(Occupation, f64)> = solver.probabilities().collect();
            assert_eq!(states.len(), 1 << ACCEPTORS);
            let energies: Vec<f64> = states.iter().map(|(state, _)| energy_kt(&device, &settings, state)).collect();
            let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
            let partition: f64 = energies.iter().map(|e| (least - e).exp()).sum();
            for ((state, p), energy) in states.iter().zip(&energies) {
                let boltzmann = (least - energy).exp() / partition;
                assert!((p - boltzmann).abs() < 1e-9 * boltzmann, "{state:?}: {p:e} {boltzmann:e}");
            }
            let mean = mean_field(&device.network, &[0.0; 3], None).unwrap();
            assert!(mean.currents.iter().all(|i| i.abs() < 1e-10), "{:?}", mean.currents);
        }
    }
}

#[test]
fn events_have_the_currents_of_the_steady_state() {
    let settings = settings(Rim::Grounded, RateLawEntry::MillerAbrahams);
    let (device, plain) = (made(&settings), made(&Generate { image_charges: None, ..settings.clone() }));
    let voltages = device.voltages_kt(&[0.06, -0.04, 0.01]);
    let steady = |device: &DopantNetwork| {
        SteadySolver::new(&device.network, SteadyOptions::default()).solve(&voltages).unwrap().currents
    };
    let (exact, without) = (steady(&device), steady(&plain));
    let largest = exact.iter().fold(0.0_f64, |a, i| a.max(i.abs()));
    assert!(exact.iter().zip(&without).any(|(a, b)| (a - b).abs() > 0.1 * largest), "{exact:?} {without:?}");
    for sampler in [Sampler::Recurring, Sampler::Incremental, Sampler::Direct] {
        let options = EventOptions { hops: 4_000_000, seed: 4, sampler, ..EventOptions::default() };
        let found = currents(&device.network.landscape(&voltages), Occupation::default(), &options);
        // four standard errors in nine comparisons: a false alarm in 2000 runs
        for ((a, b), error) in found.currents.iter().zip(&exact).zip(&found.standard_errors) {
            assert!((a - b).abs() < 4.0 * error && *error < 0.0125 * largest, "{sampler:?}: {a} ± {error}, exact {b}");
        }
    }
}
