//! Hopping conduction in a disordered network of dopants between electrodes.
//!
//! A [`DopantNetwork`] is read from a file or generated at random ([`Generate`]); its [`Network`] holds the physics in
//! reduced units (energies in kT, rates in the attempt frequency ν₀, currents in eν₀). There are four methods for its
//! currents: [`events`] (kinetic Monte Carlo; with derivatives of any size of network in [`events::response`]), [`steady`] (the Markov chain on the states that carry the probability,
//! with exact derivatives, admittance and noise), [`mean_field`] (an approximation) and [`pair_mean_field`] (a closer one).
//!
//! ```
//! use dopant_network::{DopantNetwork, Generate};
//! use dopant_network::steady::{SteadyOptions, SteadySolver};
//!
//! let device = DopantNetwork::from_description(&Generate { acceptors: 6, donors: 1, ..Generate::default() }.describe()?)?;
//! let mut solver = SteadySolver::new(&device.network, SteadyOptions::default());
//! let volts = [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
//! let state = solver.solve(&device.voltages_kt(&volts))?;
//! let sum: f64 = state.currents.iter().sum();
//! assert!(state.currents[0] < 0.0 && sum.abs() < 1e-12 * -state.currents[0]); // holes leave the positive electrode
//! # Ok::<(), dopant_network::NetworkError>(())
//! ```

pub mod conductance;
mod description;
mod error;
pub mod events;
mod generate;
mod geometry;
mod images;
mod kmc_dn;
mod laplace;
mod mcnetwork;
mod mean_field;
mod network;
pub mod noise_law;
mod occupation;
mod pair_mean_field;
mod states;
pub mod steady;
mod straight_line;

pub use description::{Conversion, Description, DopantNetwork, Electrode, RateLawEntry};
pub use error::NetworkError;
pub use generate::{Generate, GenerateSettings, Like, Shape};
pub use geometry::{Contact, Domain, Rim};
pub use images::{ImageCharges, Images};
pub use mean_field::{MeanField, mean_field, mean_field_gradient};
pub use network::{ANY_HOP, Hop, Landscape, MOST_SITES, NEGLIGIBLE, Network, Parts, RateLaw, Survey, distances};
pub use occupation::Occupation;
pub use pair_mean_field::{PairMeanField, pair_mean_field};
