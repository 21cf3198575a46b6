//! What the mean field gets right at any strength of the interaction, and how far off it is where it is not.

use dopant_network::steady::{SteadyOptions, SteadySolver};
use dopant_network::{DopantNetwork, Generate, mean_field, mean_field_gradient};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// A device on which I₀/kT is `interaction_kt`.
pub(crate) fn made(acceptors: usize, seed: u64, interaction_kt: f64) -> DopantNetwork {
    let of = |relative_permittivity: f64| {
        let generate = Generate { acceptors, donors: 1, seed, relative_permittivity, ..Generate::default() };
        DopantNetwork::from_description(&generate.describe().unwrap()).unwrap()
    };
    of(of(1.0).interaction_kt() / interaction_kt)
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a: f64, x| a.max(x.abs()))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Without bias nothing flows, at any strength of the interaction: the flows to and fro at an electrode cancel to
/// rounding.
#[test]
fn no_current_flows_without_bias() {
    for (acceptors, interaction_kt) in [(8, 1.0), (30, 0.1), (30, 5.0), (30, 10.0), (60, 3.0)] {
        let device = made(acceptors, 30, interaction_kt);
        let biased = mean_field(&device.network, &device.voltages_kt(&[0.2, 0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0]), None);
        let scale = largest(&biased.unwrap().currents);
        let found = mean_field(&device.network, &device.voltages_kt(&[0.0; 8]), None).unwrap();
        let left = largest(&found.currents);
        assert!(left < 1e-9 * scale, "{acceptors} acceptors, I0/kT = {interaction_kt}: {left} of {scale}");
    }
}

/// Without bias, occupations are those of Boltzmann's law on all 2^N states, up to the square of a weak interaction: tenfold
/// weaker, they are a hundredfold closer.
#[test]
fn occupations_are_boltzmanns_where_holes_hardly_interact() {
    let off = |interaction_kt: f64| {
        let device = made(8, 3, interaction_kt);
        let voltages = device.voltages_kt(&[0.0; 8]);
        let exact = SteadySolver::new(&device.network, SteadyOptions::default()).solve(&voltages).unwrap();
        let found = mean_field(&device.network, &voltages, None).unwrap();
        let off: Vec<f64> = found.occupations.iter().zip(&exact.occupations).map(|(p, q)| p - q).collect();
        largest(&off)
    };
    let (weak, weaker, weakest) = (off(0.1), off(0.01), off(0.001));
    println!("occupations off by {weak:.1e}, {weaker:.1e}, {weakest:.1e}");
    assert!(weak < 1e-2 && weaker < 0.02 * weak && weakest < 0.02 * weaker);
}

/// The documentation of `mean_field` and docs/dopant-network.md quote these numbers.
#[test]
fn the_error_grows_with_the_interaction() {
    for (interaction_kt, stated) in [(1.0, 0.0138), (3.5, 0.126), (10.0, 0.364)] {
        let (mut of_current, mut of_largest) = (Vec::new(), Vec::new());
        for seed in 0..30 {
            let device = made(8, seed, interaction_kt);
            let mut rng = Pcg64::seed_from_u64(seed);
            let volt: Vec<f64> = (0..8).map(|k| if k < 4 { rng.random_range(-0.1..0.1) } else { 0.0 }).collect();
            let voltages = device.voltages_kt(&volt);
            let exact = SteadySolver::new(&device.network, SteadyOptions::default()).solve(&voltages).unwrap();
            let found = mean_field(&device.network, &voltages, None).unwrap();
            let scale = largest(&exact.currents);
            for (i, true_i) in found.currents.iter().zip(&exact.currents).filter(|(_, i)| i.abs() > 1e-3 * scale) {
                of_current.push((i / true_i - 1.0).abs());
                of_largest.push((i - true_i).abs() / scale);
            }
        }
        let (own, whole) = (median(of_current), median(of_largest));
        println!("I0/kT = {interaction_kt}: median error {own:.4}, of the largest current {whole:.4}");
        assert!((own / stated - 1.0).abs() < 0.02, "{own}");
    }
}

#[test]
fn the_gradient_is_the_derivative_of_the_currents() {
    for interaction_kt in [0.5, 5.0] {
        let device = made(20, 7, interaction_kt);
        let at = device.voltages_kt(&[0.2, 0.05, -0.1, 0.03, -0.02, 0.1, -0.15, 0.0]);
        let gradient = mean_field_gradient(&device.network, &at).unwrap();
        let scale = gradient.iter().map(|row| largest(row)).fold(0.0, f64::max);
        for m in 0..8 {
            let moved = |by_kt: f64| {
                let mut at = at.clone();
                at[m] += by_kt;
                mean_field(&device.network, &at, None).unwrap().currents
            };
            let (above, below) = (moved(1e-4), moved(-1e-4));
            for (k, row) in gradient.iter().enumerate() {
                let difference = (above[k] - below[k]) / 2e-4;
                assert!((row[m] - difference).abs() < 1e-6 * scale, "∂I_{k}/∂V_{m}: {} {difference}", row[m]);
            }
        }
    }
}
