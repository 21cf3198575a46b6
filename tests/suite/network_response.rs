//! Currents and derivatives from events ([`dopant_network::events::response`]) against the exact ones and long runs.

use dopant_network::events::{EventOptions, EventResponse, ResponseOptions, currents, response};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{DopantNetwork, Generate, Like, RateLawEntry};

fn made(generate: &Generate) -> DopantNetwork {
    DopantNetwork::from_description(&generate.describe().unwrap()).unwrap()
}

fn voltages_kt(device: &DopantNetwork, volt: f64, seed: u64) -> Vec<f64> {
    let volts: Vec<f64> = (0..8).map(|k| volt * (f64::from(k) * 1.7 + seed as f64).sin()).collect();
    device.voltages_kt(&volts)
}

fn largest(rows: &[Vec<f64>]) -> f64 {
    rows.iter().flatten().fold(0.0, |most, x| most.max(x.abs()))
}

/// How currents and derivatives compare with the exact ones.
struct Compared {
    /// Those within 1.96 of their standard errors, and all, of those with errors above a thousandth of the largest derivative.
    inside: usize,
    all: usize,
    /// Those with smaller errors, and how far the worst is off as a fraction of the largest derivative.
    precise: usize,
    worst_precise: f64,
}

fn compared(found: &EventResponse, exact_currents: &[f64], exact: &[Vec<f64>]) -> Compared {
    let largest = largest(exact);
    let derivatives = exact.iter().flatten().zip(found.gradient.iter().flatten());
    let with_errors = derivatives.zip(found.gradient_standard_errors.iter().flatten());
    let currents = exact_currents.iter().zip(&found.currents).zip(&found.standard_errors);
    let mut compared = Compared { inside: 0, all: 0, precise: 0, worst_precise: 0.0 };
    for ((exact, found), error) in currents.chain(with_errors) {
        let off = (exact - found).abs();
        if *error > 1e-3 * largest {
            compared.all += 1;
            compared.inside += usize::from(off < 1.96 * error);
        } else {
            compared.precise += 1;
            compared.worst_precise = compared.worst_precise.max(off / largest);
        }
    }
    compared
}

/// Weak and strong coupling, both rate laws, with and without disorder, and devices that are trapped for ages (Marcus, permittivity 3): of 20
/// devices each (6 without `make thorough`), where an error is stated, 85 to 100 % of all values lie within their 95 % interval (if they are at least a hundred), and
/// those that are said to be known to a thousandth of the largest derivative are off by at most five of these. Where the error asked for is reached,
/// which it is for more than half, no derivative is off by five of it, except in at most one device of a kind.
#[test]
fn derivatives_lie_within_their_errors_of_the_exact_ones() {
    let marcus = RateLawEntry::Marcus { reorganization_ev: 0.02 };
    let seeds = if tests::thorough() { 20 } else { 6 };
    for (acceptors, volt, permittivity, rate_law, disorder_ev) in [
        (8, 0.1, 11.7, RateLawEntry::MillerAbrahams, 0.0),
        (8, 0.1, 0.6, RateLawEntry::MillerAbrahams, 0.0),
        (8, 0.1, 11.7, marcus, 0.0),
        (12, 0.1, 3.0, marcus, 0.0),
        (12, 0.05, 11.7, RateLawEntry::MillerAbrahams, 0.02),
    ] {
        let (mut inside, mut all, mut missed, mut reached) = (0, 0, 0, 0);
        let (mut precise, mut off_though_precise) = (0, 0);
        for seed in 0..seeds {
            let device = made(&Generate {
                acceptors,
                donors: 1,
                relative_permittivity: permittivity,
                rate_law,
                disorder_ev,
                seed,
                ..Generate::default()
            });
            let voltages = voltages_kt(&device, volt, seed);
            let mut solver =
                SteadySolver::new(&device.network, SteadyOptions { tolerance: 1e-7, ..SteadyOptions::default() });
            let state = solver.solve(&voltages).unwrap();
            let exact = solver.gradient().unwrap();
            let options =
                ResponseOptions { relative_error: 0.03, seed, most_hops: 6_000_000, ..ResponseOptions::default() };
            let found = response(&device.network.landscape(&voltages), device.initial, &options);
            if found.relative_error.is_finite() {
                let own = compared(&found, &state.currents, &exact);
                inside += own.inside;
                all += own.all;
                precise += own.precise;
                off_though_precise += usize::from(own.worst_precise > 5e-3);
            }
            if found.relative_error <= options.relative_error {
                reached += 1;
                let pairs = exact.iter().flatten().zip(found.gradient.iter().flatten());
                let off = pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
                missed += usize::from(off > 5.0 * options.relative_error * largest(&exact));
            }
        }
        let part = inside as f64 / all as f64;
        assert!(
            (part >= 0.85 || all < 100) && all + precise > 50 * seeds as usize,
            "{acceptors}, {volt} V, {permittivity}: {inside} of {all}"
        );
        assert!(off_though_precise <= 1, "{acceptors}, {volt} V, {permittivity}: {off_though_precise} devices");
        assert!(missed <= 1, "{acceptors}, {volt} V, {permittivity}, {rate_law:?}: {missed} devices off");
        assert!(2 * reached >= seeds, "{acceptors}, {volt} V, {permittivity}, {rate_law:?}: {reached} of {seeds}");
    }
}

/// Without bias nothing flows, at any size, and power is not produced: derivatives are those of a passive conductor.
#[test]
fn without_bias_no_current_flows_and_derivatives_are_symmetric() {
    for (acceptors, seed) in [(10, 1), (60, 2)] {
        let start = serde_json::json!({ "like": "mcnetwork", "acceptors": acceptors });
        let settings = Generate::from_given(start.as_object().unwrap().clone()).unwrap();
        let device = made(&Generate { seed, disorder_ev: 0.02, ..settings });
        let landscape = device.network.landscape(&[0.0; 8]);
        let options = ResponseOptions { relative_error: 0.05, seed, ..ResponseOptions::default() };
        let found = response(&landscape, device.initial, &options);
        for (current, error) in found.currents.iter().zip(&found.standard_errors) {
            assert!(current.abs() < 4.5 * error, "{current} ± {error}");
        }
        // Onsager: ∂I_k/∂V_m = ∂I_m/∂V_k
        for k in 0..8 {
            for m in 0..k {
                let error = found.gradient_standard_errors[k][m].hypot(found.gradient_standard_errors[m][k]);
                let difference = found.gradient[k][m] - found.gradient[m][k];
                assert!(difference.abs() < 4.5 * error, "{k} {m}: {difference} ± {error}");
            }
        }
    }
}

/// Where no exact solution can be had: a difference of long runs, and the sum over all electrodes at an insulating rim, where the same
/// voltage on all of them changes nothing.
#[test]
fn derivatives_of_a_large_network_are_those_of_long_runs() {
    let start = serde_json::json!({ "like": Like::Mcnetwork, "acceptors": 60, "seed": 5 });
    let device = made(&Generate::from_given(start.as_object().unwrap().clone()).unwrap());
    let voltages = voltages_kt(&device, 0.3, 5);
    let options = ResponseOptions { relative_error: 0.02, seed: 5, ..ResponseOptions::default() };
    let found = response(&device.network.landscape(&voltages), device.initial, &options);
    assert!(found.relative_error <= 0.02, "{}", found.relative_error);
    let at = |shift: &dyn Fn(usize) -> f64, seed: u64| {
        let shifted: Vec<f64> = voltages.iter().enumerate().map(|(k, v)| v + shift(k)).collect();
        let options = EventOptions { hops: 4_000_000, seed, ..EventOptions::default() };
        currents(&device.network.landscape(&shifted), device.initial, &options)
    };
    let plain = at(&|_| 0.0, 1);
    for k in 0..8 {
        let error = plain.standard_errors[k].hypot(found.standard_errors[k]);
        assert!((plain.currents[k] - found.currents[k]).abs() < 4.0 * error, "electrode {k}");
        let sum: f64 = found.gradient[k].iter().sum();
        let error = found.gradient_standard_errors[k].iter().map(|e| e * e).sum::<f64>().sqrt();
        assert!(sum.abs() < 4.0 * error, "electrode {k}: {sum} ± {error}");
    }
    let most = |errors: &[f64]| errors.iter().fold(0.0_f64, |most, e| most.max(*e));
    assert!(most(&found.standard_errors) < most(&plain.standard_errors), "not known better than by counting");
    // the largest derivative, over 6 kT/e
    let (k, m) = (0..64)
        .map(|n| (n / 8, n % 8))
        .max_by(|a, b| found.gradient[a.0][a.1].abs().total_cmp(&found.gradient[b.0][b.1].abs()))
        .unwrap();
    let step = 3.0;
    let (low, high) = (at(&|n| if n == m { -step } else { 0.0 }, 2), at(&|n| if n == m { step } else { 0.0 }, 3));
    let difference = (high.currents[k] - low.currents[k]) / (2.0 * step);
    let error = high.standard_errors[k].hypot(low.standard_errors[k]) / (2.0 * step);
    let ours = found.gradient[k][m];
    // the curvature of the current over 6 kT/e adds some per cent
    assert!((difference - ours).abs() < 4.0 * error + 0.06 * ours.abs(), "{difference} ± {error}, ours {ours}");
}

/// The same seed gives the same numbers on one thread and on several.
#[test]
fn the_response_does_not_depend_on_the_number_of_threads() {
    let device = made(&Generate { acceptors: 20, seed: 3, ..Generate::default() });
    let voltages = voltages_kt(&device, 0.1, 3);
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = ResponseOptions { relative_error: 0.2, seed: 3, ..ResponseOptions::default() };
        pool.install(|| response(&device.network.landscape(&voltages), device.initial, &options))
    };
    assert_eq!(of(1), of(3));
}
