//! Where the methods for dopant networks end, and that they say so.

use dopant_network::events::{self, EventOptions, Sampler};
use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{
    ANY_HOP, DopantNetwork, Generate, Network, NetworkError, Occupation, Parts, RateLaw, Shape, distances,
};

fn made(acceptors: usize, seed: u64, change: impl FnOnce(&mut Generate)) -> DopantNetwork {
    let mut generate = Generate { acceptors, donors: 1, seed, ..Generate::default() };
    change(&mut generate);
    DopantNetwork::from_description(&generate.describe().unwrap()).unwrap()
}

fn solve(device: &DopantNetwork, volt: &[f64], options: SteadyOptions) -> Result<Vec<f64>, NetworkError> {
    Ok(SteadySolver::new(&device.network, options).solve(&device.voltages_kt(volt))?.currents)
}

const BIAS_VOLT: [f64; 8] = [0.2, 0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0];

/// Without bias the true currents are zero: what is found lies within the bound of rounding, which is a small part of the
/// gross flow. A current within it has no sign.
#[test]
fn currents_of_cancelling_flows_lie_within_the_bound_of_rounding() {
    for (acceptors, seed) in [(3, 1), (6, 2), (8, 3), (9, 4)] {
        let device = made(acceptors, seed, |_| ());
        let options = SteadyOptions { tolerance: 1e-9, ..SteadyOptions::default() };
        let mut solver = SteadySolver::new(&device.network, options);
        let found = solver.solve(&device.voltages_kt(&[0.0; 8])).unwrap();
        let (n, sites) = (device.network.acceptors(), device.network.sites());
        for (k, (current, rounding)) in found.currents.iter().zip(&found.rounding).enumerate() {
            let gross: f64 =
                (0..n).map(|i| found.traffic[i * sites + n + k] + found.traffic[(n + k) * sites + i]).sum();
            assert!(current.abs() <= rounding + found.left_out, "electrode {k}: {current}, bound {rounding}");
            assert!(*rounding > 0.0 && *rounding < 1e-9 * gross, "electrode {k}: {rounding} of {gross}");
        }
    }
}

/// Three acceptors in a row between two electrodes, of which the outer ones exchange holes with their electrodes up to 10¹⁷
/// times for each hole that gets on. The right values were computed with 80 digits from the definitions.
#[test]
fn currents_through_a_bottleneck_keep_their_sign_and_their_digits() {
    for (gap, voltages_kt, right) in [
        (10.0, [0.5, -0.25], 1.788_949_494_919_787_2e-10),
        (10.0, [3.0, -2.0], 9.983_569_688_781_672e-10),
        (14.0, [0.5, -0.25], 6.497_208_290_791_252e-14),
        (14.0, [3.0, -2.0], 3.353_693_598_724_76e-13),
        (20.0, [0.5, -0.25], 4.259_039_846_887_814e-19),
        (20.0, [3.0, -2.0], 2.050_054_579_405_614e-18),
    ] {
        let acceptors = [[0.0, 0.5, 0.0], [gap, 0.75, 0.0], [2.0 * gap, 0.25, 0.0]];
        let network = Network::new(Parts {
            acceptors: acceptors.to_vec(),
            electrode_distances: distances(&[[-0.5, 0.0, 0.0], [2.0 * gap + 0.5, 0.0, 0.0]], &acceptors),
            hop_range: ANY_HOP,
            localization_radius: 1.0,
            coulomb: 9.0,
            induced_kt: Vec::new(),
            fixed_energy_kt: vec![0.5, -0.25, 0.75],
            potential: vec![vec![0.875, 0.5, 0.125], vec![0.125, 0.5, 0.875]],
            law: RateLaw::MillerAbrahams,
        })
        .unwrap();
        let found = SteadySolver::new(&network, SteadyOptions::default()).solve(&voltages_kt).unwrap();
        for (k, exact) in [-right, right].into_iter().enumerate() {
            let (current, bound) = (found.currents[k], found.rounding[k]);
            assert!(
                (current - exact).abs() <= bound,
                "gap {gap}, electrode {k}: {current} ± {bound}, right is {exact}"
            );
            assert!(bound < 1e-9 * right, "gap {gap}, electrode {k}: a bound of {bound} for {exact}");
        }
    }
}

#[test]
fn a_search_that_cannot_end_is_not_begun() {
    for acceptors in [30, 100] {
        let device = made(acceptors, 0, |g| g.donors = 3);
        let error = solve(&device, &BIAS_VOLT, SteadyOptions::default()).unwrap_err();
        assert!(matches!(error, NetworkError::TooManyStatesExpected { .. }), "{acceptors} acceptors: {error}");
    }
    // a large device, where a walk goes to and fro between few states and so does not tell
    let device = made(248, 0, |g| (g.donors, g.width_nm, g.height_nm) = (3, 300.0, 300.0));
    match solve(&device, &[0.0; 8], SteadyOptions::default()).unwrap_err() {
        NetworkError::TooManyStatesForeseen { limit, states, needed, .. } => {
            assert!(needed > 1e6 && limit < 100_000 && states < 10_000, "{needed} of {limit} after {states}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn limits_of_states_memory_and_time_hold() {
    let device = made(14, 5, |_| ());
    let default = SteadyOptions::default();
    for options in [SteadyOptions { most_states: 50, ..default }, SteadyOptions { most_megabytes: 0.35, ..default }] {
        let error = solve(&device, &BIAS_VOLT, options).unwrap_err();
        let limited = matches!(
            error,
            NetworkError::TooManyStates { limit: 50, .. } | NetworkError::TooManyStatesExpected { limit: 50, .. }
        );
        assert!(limited, "{error}");
    }
    // a time that is over before the first look at the clock
    let options = SteadyOptions { most_seconds: Some(1e-12), tolerance: 1e-9, ..default };
    let error = solve(&device, &BIAS_VOLT, options).unwrap_err();
    assert!(matches!(error, NetworkError::TooLong { .. }), "{error}");
}

#[test]
fn tolerances_below_what_arithmetic_allows_are_refused_and_those_above_end() {
    let device = made(10, 0, |_| ());
    for tolerance in [1e-13, 0.0, 1.0, f64::NAN] {
        let options = SteadyOptions { tolerance, ..SteadyOptions::default() };
        let message = solve(&device, &BIAS_VOLT, options).unwrap_err().to_string();
        assert!(message.contains("tolerance") && message.contains("1e-10"), "{message}");
    }
    let at = |tolerance| solve(&device, &BIAS_VOLT, SteadyOptions { tolerance, ..SteadyOptions::default() }).unwrap();
    for (low, lower) in at(1e-7).iter().zip(&at(1e-10)) {
        assert!((low - lower).abs() < 1e-6 * at(1e-7).iter().fold(0.0_f64, |a, i| a.max(i.abs())), "{low} {lower}");
    }
}

/// 0 ± 0 would be a claim. Three times e/T bound the rate of holes at 95 %.
#[test]
fn where_no_hole_was_counted_the_error_is_one_in_the_simulated_time() {
    let device = made(8, 1, |_| ());
    let landscape = device.network.landscape(&device.voltages_kt(&BIAS_VOLT));
    let options = EventOptions { hops: 64, ..EventOptions::default() };
    let found = events::currents(&landscape, Occupation::default(), &options);
    assert!(found.none_counted.iter().any(|none| *none), "64 hops reached all electrodes: choose another seed");
    for ((none, error), current) in found.none_counted.iter().zip(&found.standard_errors).zip(&found.currents) {
        if *none {
            assert!(current.abs() <= 0.0 && (error * found.time - 1.0).abs() < 1e-12, "{current} ± {error}");
        }
    }
    let wanted = EventOptions { hops: 1000, relative_error: Some(1e-6), ..EventOptions::default() };
    assert!(events::currents(&landscape, Occupation::default(), &wanted).relative_error > 1e-6);
}

/// A large network hardly ever comes back to a state: remembering them costs memory and time for nothing.
#[test]
fn states_of_large_networks_are_not_remembered_and_those_of_small_ones_are() {
    for (acceptors, expected) in [(8, Sampler::Recurring), (200, Sampler::Incremental)] {
        let device = made(acceptors, 0, |g| {
            if acceptors > 100 {
                *g = Generate { shape: Shape::Disc, radius_nm: 80.0, ..g.clone() };
            }
        });
        let landscape = device.network.landscape(&device.voltages_kt(&BIAS_VOLT));
        let options = EventOptions { hops: 1000, equilibration_hops: Some(50_000), ..EventOptions::default() };
        let found = events::currents(&landscape, Occupation::default(), &options);
        assert_eq!(found.sampler, expected, "{acceptors} acceptors");
        assert_eq!(found.states.is_some(), expected == Sampler::Recurring);
    }
}

#[test]
fn sizes_of_generated_devices_have_maxima() {
    let most = usize::MAX / 2;
    for (entry, generate) in [
        ("acceptors", Generate { acceptors: most, ..Generate::default() }),
        ("donors", Generate { donors: most, ..Generate::default() }),
        ("electrodes", Generate { electrodes: most, ..Generate::default() }),
        ("acceptors", Generate { acceptors: 3000, ..Generate::default() }),
    ] {
        let message = generate.describe().unwrap_err().to_string();
        assert!(message.contains(entry) && message.contains("must be"), "{message}");
    }
}

/// A point of the boundary has one voltage: those of overlapping electrodes would add up.
#[test]
fn electrodes_do_not_lie_on_each_other() {
    for shape in [Shape::Rectangle, Shape::Disc] {
        for electrodes in [1, 8, 10, 25, 60] {
            let generate = Generate { acceptors: 4, donors: 1, electrodes, shape, ..Generate::default() };
            let device = DopantNetwork::from_description(&generate.describe().unwrap()).unwrap();
            let most = (0..4).map(|i| (0..electrodes).map(|k| device.network.potential(k, i)).sum::<f64>());
            assert!(most.fold(0.0, f64::max) < 1.0, "{electrodes} electrodes");
        }
        let wide = Generate { electrodes: 8, electrode_width_nm: Some(40.0), shape, ..Generate::default() };
        let message = DopantNetwork::from_description(&wide.describe().unwrap()).unwrap_err().to_string();
        assert!(message.contains("electrodes[") && message.contains("overlap"), "{message}");
    }
}

#[test]
fn a_device_without_a_way_to_an_electrode_is_refused() {
    let generate = Generate { acceptors: 10, hop_range_nm: Some([0.1, 0.2]), seed: 1, ..Generate::default() };
    let error = DopantNetwork::from_description(&generate.describe().unwrap()).unwrap_err().to_string();
    assert!(error.contains("hop_range_nm") && error.contains("no acceptor is within reach"), "{error}");
}

/// Holes that must climb 3 eV at 4 K, 8700 kT, hop at rates below the smallest number. Nothing flows, and everything comes to an end.
#[test]
fn rates_too_slow_for_numbers_give_no_current() {
    let device = made(10, 1, |generate| {
        generate.temperature_kelvin = 4.0;
        generate.injection_offset_ev = 3.0;
    });
    let landscape = device.network.landscape(&device.voltages_kt(&BIAS_VOLT));
    let samplers = [Sampler::Automatic, Sampler::Recurring, Sampler::Incremental, Sampler::Direct, Sampler::Trapping];
    for sampler in samplers {
        let options = EventOptions { hops: 2000, sampler, ..EventOptions::default() };
        let found = events::currents(&landscape, Occupation::default(), &options);
        assert!(found.currents.iter().all(|i| i.abs() < 1e-250) && found.time > 1e250, "{sampler:?}: {found:?}");
    }
    let options =
        events::ResponseOptions { relative_error: 0.5, most_hops: 1000, ..events::ResponseOptions::default() };
    let found = events::response(&landscape, Occupation::default(), &options);
    assert!(found.currents.iter().all(|i| i.abs() < 1e-250), "{:?}", found.currents);
    let found = solve(&device, &BIAS_VOLT, SteadyOptions::default()).unwrap();
    assert!(found.iter().all(|i| i.abs() < 1e-250), "{found:?}");
}
