//! A simulated dopant network as a device: its currents, its exact gradient, and the bias with which that is measured.
//!
//! cargo run --release --example 05_a_dopant_network
//!
//! Prints:
//! ```text
//! 8 acceptors at 77 K, I₀/kT = 1.5
//! 4.5375e-2 nA at [0.3, -0.2, 0.1, 0.0] V
//! electrode 0:   9.1797e-3 nA/V, bias   -4.45e-3
//! electrode 1:  -6.0190e-3 nA/V, bias   -9.15e-3
//! electrode 2:  -3.9291e-3 nA/V, bias   -1.16e-1
//! electrode 3:    1.4639e1 nA/V, bias    1.85e-1
//! ```

use std::sync::Arc;

use homodyne::device::{NetworkMethod, currents_na};
use homodyne::dopant_network::steady::SteadyOptions;
use homodyne::dopant_network::{DopantNetwork, Generate};
use homodyne::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let generate = Generate { acceptors: 8, donors: 1, electrodes: 5, seed: 7, ..Generate::default() };
    let network = Arc::new(DopantNetwork::from_description(&generate.describe()?)?);
    println!("8 acceptors at 77 K, I₀/kT = {:.1}", network.interaction_kt());
    let device = NetworkDevice::new(network, 4, NetworkMethod::SteadyState, SteadyOptions::default(), None)?;

    let volt = [0.3, -0.2, 0.1, 0.0];
    let current_na = currents_na(&device, ArrayView2::from_shape((1, 4), &volt)?)?[0];
    println!("{current_na:.4e} nA at {volt:?} V");

    let noise = NoiseModel::Gaussian(Spectrum::White(1e-12));
    let hge = Hge::new(10_000.0, 0.1, 5e-3, vec![1000.0, 960.0, 920.0, 880.0]);
    let experiment = Experiment::on(device).with(hge).at(&volt).under(&noise).build()?;
    let (truth, exact) = (experiment.truth()?, experiment.exact()?);
    for (m, g) in truth.iter().enumerate() {
        println!("electrode {m}: {g:11.4e} nA/V, bias {:10.2e}", exact.bias[m]);
    }
    Ok(())
}
