//! Device files of kmc_dn, the public program whose stored currents ours are held to: read, never written.
//!
//! They are dimensionless: lengths in box sides, energies and voltages in kT, rates in ν₀. A device is in volts and nm, so a
//! temperature, a permittivity and an attempt frequency have to be taken, and those of [`crate::Generate`] are. The box side
//! in nm follows, for `coulomb_energy_times_distance` is e²/(4πε kT) in box sides. The physics is built from the file's
//! own numbers: whatever is taken, currents in eν₀ are the same.

use serde::Deserialize;

use crate::description::{
    Conversion, DopantNetwork, USUAL_ATTEMPT_FREQUENCY_HZ, USUAL_RELATIVE_PERMITTIVITY, USUAL_TEMPERATURE_KELVIN,
    check_apart, check_sites, default_cells, volt_of_kt,
};
use crate::error::NetworkError;
use crate::geometry::{Domain, Rim};
use crate::laplace::electrode_potentials;
use crate::network::{ANY_HOP, Network, Parts, RateLaw, distances};

/// Width of the electrodes, in the largest box side.
const ELECTRODE_WIDTH: f64 = 0.2;

/// A file, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    name: String,
    units: String,
    #[serde(rename = "box")]
    sides: [f64; 3],
    attempt_rate: f64,
    #[serde(rename = "kT")]
    kt: f64,
    coulomb_energy_times_distance: f64,
    localization_radius: f64,
    acceptors: Vec<[f64; 3]>,
    #[serde(default)]
    donors: Vec<[f64; 3]>,
    electrodes: Vec<Electrode>,
    electrostatic_potential_at_acceptors: Vec<f64>,
    donor_potential_at_acceptors: Vec<f64>,
    #[serde(default)]
    initial_hole_occupation: Vec<bool>,
}

#[derive(Debug, Deserialize)]
struct Electrode {
    position: [f64; 3],
    voltage: f64,
}

/// The device of a file.
///
/// # Errors
/// If an entry is out of range.
pub(crate) fn device(file: &File) -> Result<DopantNetwork, NetworkError> {
    file.check_numbers()?;
    let network = file.network()?;
    // the file's unit of energy is kT at the usual temperature, its unit of rates the usual attempt frequency
    let conversion = Conversion::new(
        USUAL_TEMPERATURE_KELVIN * file.kt,
        USUAL_RELATIVE_PERMITTIVITY,
        USUAL_ATTEMPT_FREQUENCY_HZ * file.attempt_rate,
    );
    let nm = conversion.coulomb_kt_nm() / file.coulomb_kt();
    let in_nm = |sites: &[[f64; 3]]| sites.iter().map(|site| site.map(|x| x * nm)).collect();
    Ok(DopantNetwork {
        name: file.name.clone(),
        network,
        conversion,
        domain: file.domain(nm),
        acceptors: in_nm(&file.acceptors),
        donors: in_nm(&file.donors),
        electrodes: file.electrodes(nm),
        voltages_volt: file.electrodes.iter().map(|e| e.voltage * volt_of_kt(USUAL_TEMPERATURE_KELVIN)).collect(),
        rim: Rim::Grounded,
        mesh_cells: default_cells(),
        images: None,
        initial: file.initial_hole_occupation.iter().enumerate().filter(|(_, hole)| **hole).map(|(i, _)| i).collect(),
    })
}

impl File {
    /// The physics, in the file's own lengths and kT.
    fn network(&self) -> Result<Network, NetworkError> {
        let domain = self.domain(1.0).checked()?;
        check_sites("acceptors", &self.acceptors, &domain)?;
        check_apart(&self.acceptors, &self.donors, 1e-9 * domain.size_nm())?;
        let electrodes = self.electrodes(1.0);
        for (k, (position, _)) in electrodes.iter().enumerate() {
            domain.check_electrode(&format!("electrodes[{k}].position"), *position)?;
        }
        let potential = electrode_potentials(&domain, Rim::Grounded, &electrodes, &self.acceptors, default_cells())?;
        // the file's own potential at the file's voltages, ours for changes of them
        let fixed_energy_kt = (0..self.acceptors.len())
            .map(|i| {
                let ours: f64 = potential.iter().zip(&self.electrodes).map(|(row, e)| row[i] * e.voltage).sum();
                (self.electrostatic_potential_at_acceptors[i] - ours + self.donor_potential_at_acceptors[i]) / self.kt
            })
            .collect();
        Network::new(Parts {
            acceptors: self.acceptors.clone(),
            electrode_distances: distances(
                &self.electrodes.iter().map(|e| e.position).collect::<Vec<_>>(),
                &self.acceptors,
            ),
            hop_range: ANY_HOP,
            localization_radius: self.localization_radius,
            coulomb: self.coulomb_kt(),
            induced_kt: Vec::new(),
            fixed_energy_kt,
            potential,
            law: RateLaw::MillerAbrahams,
        })
    }

    /// Energy of two holes times their distance \[kT × box sides\].
    fn coulomb_kt(&self) -> f64 {
        self.coulomb_energy_times_distance / self.kt
    }

    /// The box, where a box side has a given length.
    fn domain(&self, side: f64) -> Domain {
        Domain::Rectangle {
            width_nm: self.sides[0] * side,
            height_nm: self.sides[1] * side,
            thickness_nm: self.sides[2].max(0.0) * side,
        }
    }

    /// Positions and widths of the electrodes, where a box side has a given length.
    fn electrodes(&self, side: f64) -> Vec<([f64; 2], f64)> {
        let width = ELECTRODE_WIDTH * self.domain(side).size_nm();
        self.electrodes.iter().map(|e| ([e.position[0] * side, e.position[1] * side], width)).collect()
    }

    fn check_numbers(&self) -> Result<(), NetworkError> {
        if !self.units.starts_with("dimensionless") {
            let what = format!("is \"{}\": must begin with \"dimensionless\" in a file without `format`", self.units);
            return Err(NetworkError::entry("units", what));
        }
        for (entry, value) in [
            ("box", self.sides[0]),
            ("box", self.sides[1]),
            ("attempt_rate", self.attempt_rate),
            ("kT", self.kt),
            ("coulomb_energy_times_distance", self.coulomb_energy_times_distance),
            ("localization_radius", self.localization_radius),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(NetworkError::entry(entry, format!("holds {value}: must be positive")));
            }
        }
        let acceptors = self.acceptors.len();
        for (entry, found) in [
            ("electrostatic_potential_at_acceptors", self.electrostatic_potential_at_acceptors.len()),
            ("donor_potential_at_acceptors", self.donor_potential_at_acceptors.len()),
            ("initial_hole_occupation", self.initial_hole_occupation.len()),
        ] {
            let may_be_absent = entry == "initial_hole_occupation" && found == 0;
            if found != acceptors && !may_be_absent {
                return Err(NetworkError::entry(entry, format!("has {found} values for {acceptors} acceptors")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn file() -> Value {
        json!({
            "units": "dimensionless: lengths in box sides",
            "box": [1, 0.5, 0],
            "attempt_rate": 1.0,
            "kT": 1.0,
            "coulomb_energy_times_distance": 18.0,
            "localization_radius": 0.05,
            "acceptors": [[0.2, 0.1, 0.0], [0.7, 0.3, 0.0]],
            "donors": [[0.5, 0.4, 0.0]],
            "electrodes": [
                {"position": [0.0, 0.25, 0.0], "voltage": 75.0},
                {"position": [0.5, 0.5, 0.0], "voltage": -20.0},
                {"position": [1.0, 0.25, 0.0], "voltage": 0.0},
            ],
            "electrostatic_potential_at_acceptors": [20.0, 3.0],
            "donor_potential_at_acceptors": [43.0, 80.0],
        })
    }

    fn read(file: &Value) -> Result<DopantNetwork, NetworkError> {
        DopantNetwork::from_text(&file.to_string())
    }

    #[test]
    fn volts_and_nm_give_the_numbers_of_the_file_back() {
        let device = read(&file()).unwrap();
        // kT/e at 77 K is 6.6353 mV, two holes in silicon repel each other by kT at 18.548 nm
        let [[_, width_nm], [_, height_nm]] = device.domain.bounds_nm();
        assert!((width_nm - 18.548_3 / 18.0).abs() < 1e-5 && (height_nm / width_nm - 0.5).abs() < 1e-12, "{width_nm}");
        assert!((device.voltages_volt[0] - 75.0 * 6.635_35e-3).abs() < 1e-5, "{:?}", device.voltages_volt);
        for (found, expected) in device.voltages_kt(&device.voltages_volt).iter().zip([75.0, -20.0, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        // the same physics from the lengths in nm
        let [first, second] = device.acceptors[..] else { panic!("two acceptors") };
        let distance_nm = (first[0] - second[0]).hypot(first[1] - second[1]);
        let repulsion_kt = device.conversion.coulomb_kt_nm() / distance_nm;
        assert!((repulsion_kt / device.network.coulomb_kt(0, 1) - 1.0).abs() < 1e-12, "{repulsion_kt}");
        assert!((device.conversion.na_per_charge_rate - 160.217_663_4).abs() < 1e-9);
    }

    #[test]
    fn twice_the_kt_is_twice_the_temperature_in_the_same_box() {
        let device = read(&file()).unwrap();
        let mut warmer = file();
        warmer["kT"] = json!(2.0);
        warmer["attempt_rate"] = json!(3.0);
        let warmer = read(&warmer).unwrap();
        assert_eq!(warmer.voltages_volt, device.voltages_volt);
        for (found, before, factor) in [
            (warmer.conversion.temperature_kelvin, device.conversion.temperature_kelvin, 2.0),
            (warmer.conversion.attempt_frequency_hz, device.conversion.attempt_frequency_hz, 3.0),
            (warmer.domain.size_nm(), device.domain.size_nm(), 1.0),
            (warmer.network.coulomb_kt(0, 1), device.network.coulomb_kt(0, 1), 0.5),
        ] {
            assert!((found / before - factor).abs() < 1e-12, "{found} is not {factor} times {before}");
        }
    }

    #[test]
    fn bad_files_name_the_entry() {
        let refused = |pointer: &str, value: Value, says: &[&str]| {
            let mut bad = file();
            *bad.pointer_mut(pointer).unwrap() = value;
            let message = read(&bad).unwrap_err().to_string();
            assert!(says.iter().all(|part| message.contains(part)), "\"{message}\" does not say {says:?}");
        };
        refused("/units", json!("furlongs"), &["units", "dimensionless"]);
        refused("/kT", json!(0.0), &["kT", "positive"]);
        // no length in nm could follow
        refused("/coulomb_energy_times_distance", json!(0.0), &["coulomb_energy_times_distance", "positive"]);
        refused("/electrodes/1/position/1", json!(0.3), &["electrodes[1].position", "(0.5, 0.3)", "inside"]);
        refused("/donor_potential_at_acceptors", json!([1.0]), &["donor_potential_at_acceptors", "1 values for 2"]);
        refused("/acceptors/1", json!([0.2, 0.1, 0.0]), &["acceptors[1]", "acceptors[0]"]);
    }
}
