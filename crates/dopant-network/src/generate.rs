//! Devices made at random: their settings, and the published devices that these can start from.

use rand::SeedableRng;
use rand_distr::{Distribution, Normal};
use rand_pcg::Pcg64Dxsm;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::description::{
    Conversion, Description, Electrode, FORMAT, RateLawEntry, USUAL_ATTEMPT_FREQUENCY_HZ, USUAL_RELATIVE_PERMITTIVITY,
    USUAL_TEMPERATURE_KELVIN, default_cells, is_usual,
};
use crate::error::NetworkError;
use crate::geometry::{Contact, Domain, Rim};
use crate::images::ImageCharges;
use crate::network::MOST_SITES;

/// Most donors of a generated device: more than there can be acceptors.
const MOST_DONORS: usize = 10_000;
/// e²/(4πε kT) of the stored kmc_dn devices \[box sides\]: 100 at the mean distance of their 30 acceptors.
const KMC_DN_COULOMB: f64 = 18.257_418_583_505_537;
/// Cells of the mesh along the largest extent where the rim is insulating: the field is infinite at the ends of electrodes then, and
/// potentials are off by 5·10⁻⁴ of a voltage (root mean square over acceptors), at 100 cells by 1.5·10⁻³.
const INSULATING_CELLS: usize = 300;
/// Site energies are drawn apart from positions, which are the same with and without disorder.
const DISORDER_STREAM: u64 = 0x6469_736f_7264_6572;

/// A published kind of device, from which settings start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Like {
    /// Thirty boron acceptors on 60 nm by 60 nm of silicon at 77 K, eight electrodes, the rim between them at 0 V.
    #[default]
    #[serde(rename = "boron-60nm")]
    Boron60Nm,
    /// Thirty acceptors of the public program kmc_dn, so close that holes repel each other by 100 kT at their mean distance: with
    /// silicon's permittivity, a square of 1 nm. A model in units of kT, no real device.
    KmcDn,
    /// Two hundred acceptors on a disc of 150 nm radius with a site disorder of 0.1 eV, hops of 3 to 60 nm, electrodes of 60 nm and an
    /// insulating rim: the public program MCNetwork of Münster and Twente.
    Mcnetwork,
}

impl Like {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Boron60Nm, Self::KmcDn, Self::Mcnetwork];

    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Boron60Nm => "boron-60nm",
            Self::KmcDn => "kmc-dn",
            Self::Mcnetwork => "mcnetwork",
        }
    }
}

/// Outline of a generated network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `width_nm` by `height_nm`.
    #[default]
    Rectangle,
    /// Of `radius_nm`.
    Disc,
}

/// A randomly generated dopant network; the defaults describe boron in silicon at 77 K.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Generate {
    /// The published device that gives every setting which is not given here. With another number of acceptors and no size, it is
    /// smaller or larger by as much as leaves it its density.
    #[serde(skip_serializing_if = "is_usual")]
    pub like: Like,
    /// Outline.
    pub shape: Shape,
    /// Width of a rectangle (nm).
    pub width_nm: f64,
    /// Height of a rectangle (nm).
    pub height_nm: f64,
    /// Radius of a disc (nm).
    pub radius_nm: f64,
    /// Thickness of the layer of dopants (nm); 0 for a plane.
    pub thickness_nm: f64,
    /// Number of acceptors.
    pub acceptors: usize,
    /// Number of donors.
    pub donors: usize,
    /// Number of electrodes, evenly spaced along the boundary.
    pub electrodes: usize,
    /// Their width (nm); a twentieth of the boundary if not given, but at most half of what there is for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub electrode_width_nm: Option<f64>,
    /// The boundary between electrodes.
    #[serde(skip_serializing_if = "is_usual")]
    pub rim: Rim,
    /// From where holes hop to and from electrodes.
    #[serde(skip_serializing_if = "is_usual")]
    pub contact: Contact,
    /// Smallest distance between two dopants (nm).
    pub least_distance_nm: f64,
    /// Shortest and longest hop (nm); any if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop_range_nm: Option<[f64; 2]>,
    /// Standard deviation of the acceptors' own energies, normally distributed (eV).
    #[serde(skip_serializing_if = "is_usual")]
    pub disorder_ev: f64,
    /// Energy of a hole on an acceptor far from all else above that in an electrode at 0 V (eV).
    #[serde(skip_serializing_if = "is_usual")]
    pub injection_offset_ev: f64,
    /// What charges induce on the electrodes, which screens them; nothing if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_charges: Option<ImageCharges>,
    /// Temperature (K).
    pub temperature_kelvin: f64,
    /// Relative permittivity.
    pub relative_permittivity: f64,
    /// Attempt frequency (Hz).
    pub attempt_frequency_hz: f64,
    /// Localization radius (nm); a quarter of the mean distance between acceptors if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub localization_radius_nm: Option<f64>,
    /// Rate law.
    #[serde(skip_serializing_if = "is_usual")]
    pub rate_law: RateLawEntry,
    /// Seed of positions and energies.
    pub seed: u64,
}

impl Default for Generate {
    fn default() -> Self {
        Self::like(Like::default())
    }
}

/// Settings that say only what is unlike the device that they start from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct GenerateSettings(pub Generate);

impl<'de> Deserialize<'de> for GenerateSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = serde_json::Map::deserialize(deserializer)?;
        Generate::from_given(given).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Generate {
    /// A published device.
    #[must_use]
    pub fn like(like: Like) -> Self {
        let boron = Self {
            like,
            shape: Shape::Rectangle,
            width_nm: 60.0,
            height_nm: 60.0,
            radius_nm: 30.0,
            thickness_nm: 0.0,
            acceptors: 30,
            donors: 3,
            electrodes: 8,
            electrode_width_nm: None,
            rim: Rim::Grounded,
            contact: Contact::Middle,
            least_distance_nm: 1.0,
            hop_range_nm: None,
            disorder_ev: 0.0,
            injection_offset_ev: 0.0,
            image_charges: None,
            temperature_kelvin: USUAL_TEMPERATURE_KELVIN,
            relative_permittivity: USUAL_RELATIVE_PERMITTIVITY,
            attempt_frequency_hz: USUAL_ATTEMPT_FREQUENCY_HZ,
            localization_radius_nm: None,
            rate_law: RateLawEntry::MillerAbrahams,
            seed: 0,
        };
        match like {
            Like::Boron60Nm => boron,
            Like::KmcDn => {
                let (kelvin, permittivity) = (boron.temperature_kelvin, boron.relative_permittivity);
                let conversion = Conversion::new(kelvin, permittivity, boron.attempt_frequency_hz);
                let side = conversion.coulomb_kt_nm() / KMC_DN_COULOMB;
                Self {
                    width_nm: side,
                    height_nm: side,
                    radius_nm: 0.5 * side,
                    least_distance_nm: side / 60.0,
                    electrode_width_nm: Some(0.2 * side),
                    ..boron
                }
            }
            Like::Mcnetwork => Self {
                shape: Shape::Disc,
                radius_nm: 150.0,
                width_nm: 300.0,
                height_nm: 300.0,
                acceptors: 200,
                electrode_width_nm: Some(60.0),
                rim: Rim::Insulating,
                hop_range_nm: Some([3.0, 60.0]),
                least_distance_nm: 0.5,
                disorder_ev: 0.1,
                relative_permittivity: 10.0,
                localization_radius_nm: Some(20.0),
                ..boron
            },
        }
    }

    /// The device that `given["like"]` names, with what else is given.
    ///
    /// # Errors
    /// Names the key that is unknown or of a wrong type.
    pub fn from_given(given: serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        let like = match given.get("like") {
            None => None,
            Some(name) => Some(Like::deserialize(name).map_err(|_| {
                let names = Like::ALL.map(|like| format!("`{}`", like.name())).join(", ");
                format!("`like`: found {name}, must be one of {names}")
            })?),
        };
        let start = Self::like(like.unwrap_or_default());
        let has_size = ["width_nm", "height_nm", "radius_nm"].iter().any(|key| given.contains_key(*key));
        let has_width = given.contains_key("electrode_width_nm");
        let serde_json::Value::Object(mut all) = serde_json::to_value(&start).map_err(|e| e.to_string())? else {
            return Err("has no settings".to_owned());
        };
        all.extend(given);
        let mut settings: Self = serde_path_to_error::deserialize(serde_json::Value::Object(all)).map_err(|e| {
            let message = tables::plain(&e.inner().to_string());
            if message.starts_with("unknown field") { message } else { format!("`{}`: {message}", e.path()) }
        })?;
        if like.is_some() && !has_size && settings.acceptors > 0 {
            let scale = (settings.acceptors as f64 / start.acceptors as f64).sqrt();
            settings.width_nm *= scale;
            settings.height_nm *= scale;
            settings.radius_nm *= scale;
            if let Some(width_nm) = settings.electrode_width_nm.as_mut().filter(|_| !has_width) {
                *width_nm *= scale;
            }
        }
        Ok(settings)
    }

    /// Its outline.
    #[must_use]
    pub fn domain(&self) -> Domain {
        let thickness_nm = self.thickness_nm;
        match self.shape {
            Shape::Rectangle => Domain::Rectangle { width_nm: self.width_nm, height_nm: self.height_nm, thickness_nm },
            Shape::Disc => Domain::Disc { radius_nm: self.radius_nm, thickness_nm },
        }
    }

    /// The description of the device.
    ///
    /// # Errors
    /// If a number is out of range, or the dopants do not fit.
    pub fn describe(&self) -> Result<Description, NetworkError> {
        let domain = self.domain().checked()?;
        let most_acceptors = MOST_SITES - self.electrodes.min(MOST_SITES - 1);
        for (entry, found, least, most) in [
            ("electrodes", self.electrodes, 1, MOST_SITES - 1),
            ("acceptors", self.acceptors, 1, most_acceptors),
            ("donors", self.donors, 0, MOST_DONORS),
        ] {
            if !(least..=most).contains(&found) {
                let what =
                    format!("is {found}: must be {least} to {most} (acceptors and electrodes: {MOST_SITES} together)");
                return Err(NetworkError::entry(entry, what));
            }
        }
        let boundary = match domain {
            Domain::Rectangle { width_nm, height_nm, .. } => 2.0 * (width_nm + height_nm),
            Domain::Disc { radius_nm, .. } => std::f64::consts::TAU * radius_nm,
        };
        // at most half of the boundary
        let width_nm = (boundary / 20.0).min(0.5 * boundary / self.electrodes as f64);
        let dopants = domain.random_sites(self.acceptors + self.donors, self.least_distance_nm, &[], self.seed)?;
        let (acceptors, donors) = dopants.split_at(self.acceptors);
        let mean_distance = match domain.thickness_nm() {
            0.0 => (domain.area_nm2() / self.acceptors as f64).sqrt(),
            depth => (domain.area_nm2() * depth / self.acceptors as f64).cbrt(),
        };
        Ok(Description {
            format: FORMAT.to_owned(),
            name: format!("{} acceptors, {} donors, seed {}", self.acceptors, self.donors, self.seed),
            temperature_kelvin: self.temperature_kelvin,
            relative_permittivity: self.relative_permittivity,
            attempt_frequency_hz: self.attempt_frequency_hz,
            localization_radius_nm: self.localization_radius_nm.unwrap_or(0.25 * mean_distance),
            rate_law: self.rate_law,
            hop_range_nm: self.hop_range_nm,
            injection_offset_ev: self.injection_offset_ev,
            image_charges: self.image_charges,
            domain,
            rim: self.rim,
            contact: self.contact,
            mesh_cells: if self.rim == Rim::Insulating { INSULATING_CELLS } else { default_cells() },
            acceptors: acceptors.to_vec(),
            site_energies_ev: self.site_energies_ev()?,
            donors: donors.to_vec(),
            electrodes: domain
                .spaced_electrodes(self.electrodes)
                .into_iter()
                .map(|position_nm| Electrode {
                    position_nm,
                    width_nm: self.electrode_width_nm.unwrap_or(width_nm),
                    voltage_volt: 0.0,
                })
                .collect(),
        })
    }

    fn site_energies_ev(&self) -> Result<Vec<f64>, NetworkError> {
        if is_usual(&self.disorder_ev) {
            return Ok(Vec::new());
        }
        let refuse = || {
            let what = format!("is {}: must be a finite energy in eV, 0 or more", self.disorder_ev);
            NetworkError::entry("disorder_ev", what)
        };
        if self.disorder_ev < 0.0 {
            return Err(refuse());
        }
        let normal = Normal::new(0.0, self.disorder_ev).map_err(|_| refuse())?;
        let mut rng = Pcg64Dxsm::seed_from_u64(self.seed ^ DISORDER_STREAM);
        Ok((0..self.acceptors).map(|_| normal.sample(&mut rng)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DopantNetwork;

    fn read(text: &str) -> Result<Generate, String> {
        Generate::from_given(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_published_device_is_the_start_and_keeps_its_density() {
        assert_eq!(read("{}").unwrap(), Generate::default());
        let quarter = read(r#"{"like": "mcnetwork", "acceptors": 50}"#).unwrap();
        assert_eq!((quarter.radius_nm, quarter.disorder_ev, quarter.rim), (75.0, 0.1, Rim::Insulating));
        let given = read(r#"{"like": "mcnetwork", "acceptors": 50, "radius_nm": 80}"#).unwrap();
        assert_eq!((given.radius_nm, given.acceptors), (80.0, 50));
        // without a name, a size is a size
        assert_eq!(read(r#"{"acceptors": 8}"#).unwrap().domain(), Generate::default().domain());
        for like in Like::ALL {
            let settings = GenerateSettings(Generate { seed: 3, ..Generate::like(like) });
            let text = serde_json::to_string(&settings).unwrap();
            assert_eq!(serde_json::from_str::<GenerateSettings>(&text).unwrap(), settings);
            let device = DopantNetwork::from_description(&settings.0.describe().unwrap()).unwrap();
            assert_eq!(device.acceptors.len(), settings.0.acceptors);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, words) in [
            (r#"{"like": "mcnet"}"#, ["`like`", "`mcnetwork`"]),
            (r#"{"acceptors": -1}"#, ["`acceptors`", "-1"]),
            (r#"{"acceptor": 1}"#, ["unknown field", "acceptor"]),
            (r#"{"rim": "wet"}"#, ["`rim`", "insulating"]),
        ] {
            let message = read(text).unwrap_err();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }

    #[test]
    fn repulsion_in_devices_like_those_of_kmc_dn_is_a_hundred_kt() {
        let settings = Generate::like(Like::KmcDn);
        let device = DopantNetwork::from_description(&settings.describe().unwrap()).unwrap();
        // I0 takes the radius of a disc of one acceptor's area, kmc_dn the side of a square
        let expected = 100.0 * std::f64::consts::PI.sqrt();
        assert!((device.interaction_kt() / expected - 1.0).abs() < 1e-12, "{}", device.interaction_kt());
    }

    /// Of 200 energies, the standard deviation scatters by 5 %; false-alarm rate 10⁻⁴.
    #[test]
    fn disorder_has_its_standard_deviation_and_moves_no_acceptor() {
        let settings = Generate::like(Like::Mcnetwork);
        let described = settings.describe().unwrap();
        let energies = &described.site_energies_ev;
        let deviation = (energies.iter().map(|e| e * e).sum::<f64>() / energies.len() as f64).sqrt();
        assert!((deviation / 0.1 - 1.0).abs() < 0.2, "{deviation}");
        let plain = Generate { disorder_ev: 0.0, ..settings }.describe().unwrap();
        assert_eq!((plain.acceptors, plain.site_energies_ev.len()), (described.acceptors, 0));
    }
}
