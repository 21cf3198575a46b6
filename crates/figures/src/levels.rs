//! Density of states of a dopant network.

use crate::axis::Scale;
use crate::error::FigureError;
use crate::plot::{Dash, GREY, Item, PALETTE, Plot, Series};
use crate::render::spanning;

/// Densities of states over energy, of acceptors with a hole and without one, with the standard error of their sum as a band.
#[derive(Clone, Debug, PartialEq)]
pub struct DensityOfStates {
    /// Title.
    pub title: String,
    /// Energies \[meV\].
    pub energies_mev: Vec<f64>,
    /// Acceptors with a hole \[1/meV\].
    pub occupied: Vec<f64>,
    /// Acceptors without one \[1/meV\].
    pub empty: Vec<f64>,
    /// Standard errors of the sum \[1/meV\].
    pub standard_errors: Vec<f64>,
}

/// The densities and their sum.
///
/// # Errors
/// If there is nothing to draw.
pub fn density_of_states(data: &DensityOfStates) -> Result<Vec<Plot>, FigureError> {
    let all: Vec<f64> = data.occupied.iter().zip(&data.empty).map(|(a, b)| a + b).collect();
    let line = |values: &[f64], colour, dash, name: &str| Series {
        item: Item::Line {
            points: data.energies_mev.iter().copied().zip(values.iter().copied()).collect(),
            dash,
            width: 2,
        },
        colour,
        legend: Some(name.to_owned()),
    };
    let band = data.energies_mev.iter().zip(&all).zip(&data.standard_errors);
    let series = vec![
        Series {
            item: Item::Band(band.map(|((&e, &g), &error)| (e, (g - error).max(0.0), g + error)).collect()),
            colour: GREY,
            legend: None,
        },
        line(&data.occupied, PALETTE[0], Dash::Solid, "acceptors with a hole"),
        line(&data.empty, PALETTE[1], Dash::Solid, "acceptors without a hole"),
        line(&all, GREY, Dash::Dashed, "all acceptors"),
    ];
    let values = all.into_iter().chain([0.0]).collect();
    Ok(vec![Plot::new(
        data.title.clone(),
        spanning("energy of a hole above the Fermi level [meV]", Scale::Linear, data.energies_mev.clone())?,
        spanning("density of states for each acceptor [1/meV]", Scale::Linear, values)?,
        series,
    )])
}
