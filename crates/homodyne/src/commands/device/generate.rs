use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use dopant_network::{DopantNetwork, Generate, ImageCharges, Like};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Make a device at random and write its file.
///
/// What is not given is that of the device it is like: `boron-60nm` (thirty acceptors on 60 nm by 60 nm of silicon at 77 K), `kmc-dn`
/// (thirty that all but exclude one another, as in kmc_dn), `mcnetwork` (two hundred on a disc of 150 nm with a site disorder of
/// 0.1 eV, as in MCNetwork). With another number of acceptors and no size, a device that is like another has its density.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne device generate --acceptors 8 --seed 7 --output device.json
  homodyne device generate --like mcnetwork --acceptors 100 --seed 1 --output large.json")]
pub(super) struct GenerateDevice {
    /// The published device it is like.
    #[arg(long, value_parser = PossibleValuesParser::new(Like::ALL.map(Like::name)))]
    like: Option<String>,
    /// Outline: rectangle or disc.
    #[arg(long, value_parser = ["rectangle", "disc"])]
    shape: Option<String>,
    /// Width of a rectangle (nm).
    #[arg(long)]
    width: Option<f64>,
    /// Height of a rectangle (nm).
    #[arg(long)]
    height: Option<f64>,
    /// Radius of a disc (nm).
    #[arg(long)]
    radius: Option<f64>,
    /// Depth in which dopants lie (nm); 0 for a plane.
    #[arg(long)]
    thickness: Option<f64>,
    /// Number of acceptors.
    #[arg(long)]
    acceptors: Option<usize>,
    /// Number of donors.
    #[arg(long)]
    donors: Option<usize>,
    /// Number of electrodes.
    #[arg(long)]
    electrodes: Option<usize>,
    /// Width of the electrodes (nm); a twentieth of the boundary if not given, but at most half of what there is for each.
    #[arg(long)]
    electrode_width: Option<f64>,
    /// The boundary between electrodes: grounded or insulating.
    #[arg(long, value_parser = ["grounded", "insulating"])]
    rim: Option<String>,
    /// From where holes hop to and from electrodes: their middle, or the nearest point of them.
    #[arg(long, value_parser = ["middle", "nearest"])]
    contact: Option<String>,
    /// Least distance of two dopants (nm).
    #[arg(long)]
    least_distance: Option<f64>,
    /// Shortest and longest hop (nm): as in 3,60.
    #[arg(long, value_delimiter = ',', num_args = 1)]
    hop_range: Option<Vec<f64>>,
    /// Standard deviation of the acceptors' own energies (eV).
    #[arg(long)]
    disorder: Option<f64>,
    /// Energy of a hole on an acceptor far from all else above that in an electrode at 0 V (eV).
    #[arg(long, allow_hyphen_values = true)]
    injection_offset: Option<f64>,
    /// Height of the electrodes across the plane (nm): the charges induced on them screen those of the dopants; not if not given.
    #[arg(long, allow_hyphen_values = true)]
    electrode_height: Option<f64>,
    /// Dopants nearer to metal than this have the images that they would have there (nm); 1 if not given.
    #[arg(long, requires = "electrode_height", allow_hyphen_values = true)]
    image_distance: Option<f64>,
    /// Temperature (K).
    #[arg(long)]
    temperature: Option<f64>,
    /// Relative permittivity.
    #[arg(long)]
    permittivity: Option<f64>,
    /// Attempt frequency (Hz).
    #[arg(long)]
    attempt_frequency: Option<f64>,
    /// Localization radius (nm); if neither given nor that of the device it is like, a quarter of the mean distance of acceptors.
    #[arg(long)]
    localization_radius: Option<f64>,
    /// Reorganization energy (eV): Marcus rates instead of Miller-Abrahams.
    #[arg(long)]
    reorganization: Option<f64>,
    /// Seed.
    #[arg(long)]
    seed: Option<u64>,
    /// File to write; printed if not given.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

impl GenerateDevice {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let given = self.given();
        if let Some((key, _)) = given.iter().find(|(_, value)| has_null(value)) {
            return Err(Failure::BadInput(format!("`{key}`: must be a finite number")));
        }
        let settings = Generate::from_given(given).map_err(Failure::BadInput)?;
        let description = settings.describe()?;
        // what cannot be simulated is not written
        DopantNetwork::from_description(&description)?;
        let text = serde_json::to_string_pretty(&description).expect("plain data");
        match self.output {
            None => say!("{text}"),
            Some(path) => {
                std::fs::write(&path, text + "\n")
                    .map_err(|e| Failure::BadInput(format!("cannot write `{}`: {e}", path.display())))?;
                say!("{}", path.display());
            }
        }
        Ok(())
    }

    /// Those settings that the options give.
    fn given(&self) -> Map<String, Value> {
        let image_charges = self.electrode_height.map(|height_nm| {
            let usual = ImageCharges::of_height_nm(height_nm);
            ImageCharges { least_distance_nm: self.image_distance.unwrap_or(usual.least_distance_nm), ..usual }
        });
        let rate_law = self.reorganization.map(|ev| json!({ "kind": "marcus", "reorganization_ev": ev }));
        [
            given("like", self.like.as_ref()),
            given("shape", self.shape.as_ref()),
            given("width_nm", self.width.as_ref()),
            given("height_nm", self.height.as_ref()),
            given("radius_nm", self.radius.as_ref()),
            given("thickness_nm", self.thickness.as_ref()),
            given("acceptors", self.acceptors.as_ref()),
            given("donors", self.donors.as_ref()),
            given("electrodes", self.electrodes.as_ref()),
            given("electrode_width_nm", self.electrode_width.as_ref()),
            given("rim", self.rim.as_ref()),
            given("contact", self.contact.as_ref()),
            given("least_distance_nm", self.least_distance.as_ref()),
            given("hop_range_nm", self.hop_range.as_ref()),
            given("disorder_ev", self.disorder.as_ref()),
            given("injection_offset_ev", self.injection_offset.as_ref()),
            given("image_charges", image_charges.as_ref()),
            given("temperature_kelvin", self.temperature.as_ref()),
            given("relative_permittivity", self.permittivity.as_ref()),
            given("attempt_frequency_hz", self.attempt_frequency.as_ref()),
            given("localization_radius_nm", self.localization_radius.as_ref()),
            given("rate_law", rate_law.as_ref()),
            given("seed", self.seed.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A setting, if it is given.
fn given<T: Serialize>(key: &str, value: Option<&T>) -> Option<(String, Value)> {
    value.map(|value| (key.to_owned(), json!(value)))
}

/// JSON has no infinities and writes null in their place.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}
