use clap::Args;
use serde_json::json;

use super::{Source, title};
use crate::failure::Failure;

/// Print what a device file holds.
#[derive(Debug, Args)]
pub(super) struct ShowDevice {
    #[command(flatten)]
    source: Source,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

impl ShowDevice {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let (device, voltages) = self.source.read()?;
        let network = &device.network;
        let landscape = network.landscape(&device.voltages_kt(&voltages));
        let mut energies = Vec::new();
        landscape.energies_kt(&dopant_network::Occupation::default(), &mut energies);
        let length = if device.scales.dimensionless { "box sides" } else { "nm" };
        if self.json {
            let text = json!({
                "name": device.name,
                "acceptors": device.acceptors,
                "donors": device.donors,
                "electrodes": device.electrodes.iter().map(|e| e.0).collect::<Vec<_>>(),
                "voltages": voltages,
                "voltage_unit": device.scales.voltage_unit(),
                "current_unit": device.scales.current_unit(),
                "volt_in_kt": device.scales.kt_per_volt,
                "interaction_kt": device.interaction_kt(),
                "attempt_frequency": device.scales.attempt_frequency_hz,
                "energies_without_holes_kt": energies[..network.acceptors()],
            });
            say!("{text:#}");
            return Ok(());
        }
        say!("{}", title(&device, &self.source.file));
        say!("{} acceptors, {} donors, {} electrodes", network.acceptors(), device.donors.len(), network.electrodes());
        say!(
            "I0/kT {:.2} (repulsion of holes at the typical distance of acceptors; weak below about 3)",
            device.interaction_kt()
        );
        say!(
            "the boundary between electrodes is grounded: the same voltage added to all electrodes changes the currents"
        );
        say!("one {} is {:.4} kT", device.scales.voltage_unit(), device.scales.kt_per_volt);
        say!(
            "\n{:>9} {:>24} {:>12}",
            "electrode",
            format!("position [{length}]"),
            format!("[{}]", device.scales.voltage_unit())
        );
        for (k, ((position, _), volt)) in device.electrodes.iter().zip(&voltages).enumerate() {
            say!("{k:>9} {:>24} {volt:>12.5}", format!("{:.4}, {:.4}", position[0], position[1]));
        }
        say!("\n{:>9} {:>32} {:>22}", "acceptor", format!("position [{length}]"), "energy, no holes [kT]");
        for (k, (site, energy)) in device.acceptors.iter().zip(&energies).enumerate() {
            say!("{k:>9} {:>32} {energy:>22.3}", format!("{:.4}, {:.4}, {:.4}", site[0], site[1], site[2]));
        }
        Ok(())
    }
}
