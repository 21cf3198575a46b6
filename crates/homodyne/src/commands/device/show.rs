use clap::Args;
use dopant_network::{Domain, DopantNetwork, Rim};
use serde_json::json;

use super::{DeviceFile, title};
use crate::failure::Failure;

/// Print what a device file holds.
#[derive(Debug, Args)]
pub(super) struct ShowDevice {
    #[command(flatten)]
    device_file: DeviceFile,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

impl ShowDevice {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.device_file.read()?;
        let network = &device.network;
        let landscape = network.landscape(&device.voltages_kt(&voltages));
        let mut energies = Vec::new();
        landscape.energies_kt(&dopant_network::Occupation::default(), &mut energies);
        let conversion = &device.conversion;
        if self.json {
            let mut text = json!({
                "name": device.name,
                "acceptors": device.acceptors,
                "donors": device.donors,
                "electrodes": device.electrodes.iter().map(|e| e.0).collect::<Vec<_>>(),
                "voltages": voltages,
                "voltage_unit": "V",
                "length_unit": "nm",
                "current_unit": "nA",
                "outline": device.domain,
                "temperature_kelvin": conversion.temperature_kelvin,
                "relative_permittivity": conversion.relative_permittivity,
                "attempt_frequency_hz": conversion.attempt_frequency_hz,
                "volt_in_kt": conversion.kt_per_volt,
                "charge_times_attempt_frequency_na": conversion.na_per_charge_rate,
                "interaction_kt": device.interaction_kt(),
                "energies_without_holes_kt": energies[..network.acceptors()],
            });
            if let Some(images) = &device.images {
                text["image_charges"] = json!({
                    "electrode_height_nm": images.settings.electrode_height_nm,
                    "least_distance_nm": images.settings.least_distance_nm,
                    "plates": images.plates,
                    "part_of_repulsion_left": device.unscreened_parts(),
                    "own_image_energies_kt": device.own_image_energies_kt(),
                });
            }
            say!("{text:#}");
            return Ok(());
        }
        say!("{}", title(&device, &self.device_file.file));
        say!("{} acceptors, {} donors, {} electrodes", network.acceptors(), device.donors.len(), network.electrodes());
        say!(
            "I0/kT {:.2} (repulsion of holes at the typical distance of acceptors; weak below about 3)",
            device.interaction_kt()
        );
        say!(
            "{}",
            match device.rim {
                Rim::Grounded => {
                    "the boundary between electrodes is grounded: the same voltage added to all electrodes changes the currents"
                }
                Rim::Insulating => "the boundary between electrodes is insulating",
            }
        );
        say_images(&device);
        say_units(&device);
        say!("\n{:>9} {:>24} {:>12}", "electrode", "position [nm]", "[V]");
        for (k, ((position, _), volt)) in device.electrodes.iter().zip(&voltages).enumerate() {
            say!("{k:>9} {:>24} {volt:>12.5}", format!("{:.4}, {:.4}", position[0], position[1]));
        }
        say!("\n{:>9} {:>32} {:>22}", "acceptor", "position [nm]", "energy, no holes [kT]");
        for (k, (site, energy)) in device.acceptors.iter().zip(&energies).enumerate() {
            say!("{k:>9} {:>32} {energy:>22.3}", format!("{:.4}, {:.4}, {:.4}", site[0], site[1], site[2]));
        }
        Ok(())
    }
}

/// What the images of charges change.
fn say_images(device: &DopantNetwork) {
    let Some(images) = &device.images else { return };
    let spread = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        [0, values.len() / 2, values.len().saturating_sub(1)].map(|k| values.get(k).copied().unwrap_or(f64::NAN))
    };
    let [least, median, most] = spread(device.own_image_energies_kt());
    say!(
        "image charges in metal {} nm high ({} plates): its own image raises the energy of a hole by {least:.2} to {most:.2} kT (median \
         {median:.2})",
        images.settings.electrode_height_nm,
        images.plates
    );
    if device.acceptors.len() > 1 {
        let [least, median, most] = spread(device.unscreened_parts()).map(|part| 100.0 * part);
        say!("of the repulsion of nearest acceptors, {least:.1} to {most:.1} % are left (median {median:.1} %)");
    }
}

/// What turns volts, nA and nm into the device's own kT, eν₀ and sides, and back.
fn say_units(device: &DopantNetwork) {
    let conversion = &device.conversion;
    let outline = match device.domain {
        Domain::Rectangle { width_nm, height_nm, .. } => format!("rectangle of {width_nm:.5} nm by {height_nm:.5} nm"),
        Domain::Disc { radius_nm, .. } => format!("disc with a radius of {radius_nm:.5} nm"),
    };
    match device.domain.thickness_nm() {
        0.0 => say!("{outline}, flat"),
        depth_nm => say!("{outline}, {depth_nm:.5} nm deep"),
    }
    say!(
        "{} K, relative permittivity {}, attempt frequency nu {:e} Hz",
        conversion.temperature_kelvin,
        conversion.relative_permittivity,
        conversion.attempt_frequency_hz
    );
    say!(
        "kT/e is {:.6} mV (one V is {:.4} kT), e*nu is {:.6} nA",
        1e3 / conversion.kt_per_volt,
        conversion.kt_per_volt,
        conversion.na_per_charge_rate
    );
}
