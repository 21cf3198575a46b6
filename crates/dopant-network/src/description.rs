//! Devices and their files: the project's own here (read and written), those of kmc_dn in [`crate::kmc_dn`] (read).

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::geometry::Domain;
use crate::kmc_dn;
use crate::laplace::electrode_potentials;
use crate::network::{MOST_SITES, Network, Parts, RateLaw};

/// Boltzmann constant over elementary charge \[V/K\] (CODATA 2018, exact).
const BOLTZMANN_VOLT_PER_KELVIN: f64 = 8.617_333_262e-5;
/// e²/4πε₀ \[eV nm\] (CODATA 2018).
const COULOMB_EV_NM: f64 = 1.439_964_548;
/// e \[nA s\].
const CHARGE_NA_S: f64 = 1.602_176_634e-10;
/// Temperature \[K\] where none is given, that of Chen et al., Nature 577, 341 (2020).
pub(crate) const USUAL_TEMPERATURE_KELVIN: f64 = 77.0;
/// Relative permittivity where none is given, silicon's (Sze and Ng, Physics of Semiconductor Devices, app. G).
pub(crate) const USUAL_RELATIVE_PERMITTIVITY: f64 = 11.7;
/// Attempt frequency \[Hz\] where none is given, the phonon scale usual for hopping (Shklovskii and Efros, Electronic
/// Properties of Doped Semiconductors, ch. 4).
pub(crate) const USUAL_ATTEMPT_FREQUENCY_HZ: f64 = 1e12;
/// Value of `format` in the project's own files.
const FORMAT: &str = "homodyne-dopant-network-1";

/// Rate law in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RateLawEntry {
    /// Miller-Abrahams.
    #[default]
    MillerAbrahams,
    /// Marcus.
    Marcus {
        /// Reorganization energy \[eV\].
        reorganization_ev: f64,
    },
}

/// An electrode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Electrode {
    /// Its middle, on the boundary \[nm\].
    pub position_nm: [f64; 2],
    /// Width along the boundary \[nm\].
    pub width_nm: f64,
    /// Voltage \[V\] where nothing else is said.
    #[serde(default)]
    pub voltage_volt: f64,
}

/// A device in SI units, as in its file.
///
/// The defaults of the generator ([`crate::Generate`]) say where their values come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// `homodyne-dopant-network-1`.
    pub format: String,
    /// What the device is called.
    #[serde(default)]
    pub name: String,
    /// Temperature \[K\].
    pub temperature_kelvin: f64,
    /// Relative permittivity.
    pub relative_permittivity: f64,
    /// Attempt frequency ν₀ \[Hz\].
    pub attempt_frequency_hz: f64,
    /// Localization radius a \[nm\].
    pub localization_radius_nm: f64,
    /// Rate law.
    #[serde(default)]
    pub rate_law: RateLawEntry,
    /// Outline.
    pub domain: Domain,
    /// Cells of the mesh along the largest extent, for the potential.
    #[serde(default = "default_cells")]
    pub mesh_cells: usize,
    /// Positions of the acceptors \[nm\].
    pub acceptors: Vec<[f64; 3]>,
    /// Positions of the donors \[nm\].
    #[serde(default)]
    pub donors: Vec<[f64; 3]>,
    /// Electrodes.
    pub electrodes: Vec<Electrode>,
}

pub(crate) fn default_cells() -> usize {
    100
}

/// What turns the units of the physics (kT, ν₀, e) into volts, nA and Hz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conversion {
    /// Temperature \[K\].
    pub temperature_kelvin: f64,
    /// Relative permittivity.
    pub relative_permittivity: f64,
    /// Attempt frequency ν₀ \[Hz\].
    pub attempt_frequency_hz: f64,
    /// Energy of a charge at one volt \[kT\].
    pub kt_per_volt: f64,
    /// Current of one elementary charge per 1/ν₀ \[nA\].
    pub na_per_charge_rate: f64,
}

impl Conversion {
    pub(crate) fn new(temperature_kelvin: f64, relative_permittivity: f64, attempt_frequency_hz: f64) -> Self {
        Self {
            temperature_kelvin,
            relative_permittivity,
            attempt_frequency_hz,
            kt_per_volt: 1.0 / volt_of_kt(temperature_kelvin),
            na_per_charge_rate: CHARGE_NA_S * attempt_frequency_hz,
        }
    }

    /// Energy of two unit charges times their distance, e²/4πε \[kT nm\].
    pub(crate) fn coulomb_kt_nm(&self) -> f64 {
        COULOMB_EV_NM / self.relative_permittivity / volt_of_kt(self.temperature_kelvin)
    }
}

/// kT/e \[V\].
pub(crate) fn volt_of_kt(temperature_kelvin: f64) -> f64 {
    BOLTZMANN_VOLT_PER_KELVIN * temperature_kelvin
}

/// A device that can be simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct DopantNetwork {
    /// What it is called.
    pub name: String,
    /// Its physics.
    pub network: Network,
    /// Units.
    pub conversion: Conversion,
    /// Outline.
    pub domain: Domain,
    /// Acceptors \[nm\].
    pub acceptors: Vec<[f64; 3]>,
    /// Donors \[nm\].
    pub donors: Vec<[f64; 3]>,
    /// Positions and widths of the electrodes \[nm\].
    pub electrodes: Vec<([f64; 2], f64)>,
    /// Voltages of the file \[V\].
    pub voltages_volt: Vec<f64>,
    /// Cells of the mesh along the largest extent.
    pub mesh_cells: usize,
    /// Initial state, where the file gives one.
    pub initial: crate::Occupation,
}

impl DopantNetwork {
    /// I₀/kT = e²/(4πε R kT), the repulsion of two holes at the typical distance of acceptors R, the radius of a disc of the
    /// area of one acceptor, √(area/(π N)): below about 3 holes hardly heed one another, at 177 (kmc_dn's devices)
    /// they all but exclude one another. 0 for a single acceptor.
    #[must_use]
    pub fn interaction_kt(&self) -> f64 {
        let [first, second, ..] = self.acceptors[..] else { return 0.0 };
        let distance = first.iter().zip(&second).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let typical = (self.domain.area_nm2() / (std::f64::consts::PI * self.acceptors.len() as f64)).sqrt();
        self.network.coulomb_kt(0, 1) * distance / typical
    }

    /// Reads a device file of either kind.
    ///
    /// # Errors
    /// If the file cannot be read, an entry is missing, unknown or out of range; the message names it.
    pub fn from_file(path: &Path) -> Result<Self, NetworkError> {
        let fail = |what: String| NetworkError::File { path: path.to_owned(), what };
        let text = tables::read_text(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
        Self::from_json(&text).map_err(|e| match e {
            NetworkError::Entry { .. } => fail(e.to_string()),
            other => other,
        })
    }

    /// Reads the text of a device file of either kind.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn from_json(text: &str) -> Result<Self, NetworkError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
            NetworkError::entry("JSON", format!("is not valid: {e} (numbers must be finite: NaN and inf are not JSON)"))
        })?;
        if value.get("format").is_some() {
            return Self::from_description(&parse::<Description>(text)?);
        }
        if value.get("units").is_some() || value.get("kT").is_some() {
            return kmc_dn::device(&parse(text)?);
        }
        Err(NetworkError::entry(
            "format",
            format!("is missing: must be \"{FORMAT}\" (or `units`: \"dimensionless: …\" as in files of kmc_dn)"),
        ))
    }

    /// Builds a device from its description.
    ///
    /// # Errors
    /// If an entry is out of range.
    pub fn from_description(d: &Description) -> Result<Self, NetworkError> {
        if d.format != FORMAT {
            return Err(NetworkError::entry("format", format!("is \"{}\": must be \"{FORMAT}\"", d.format)));
        }
        let positive = |entry: &str, value: f64, unit: &str| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(NetworkError::entry(entry, format!("is {value}: must be a positive number{unit}")))
            }
        };
        positive("temperature_kelvin", d.temperature_kelvin, " of kelvin")?;
        positive("relative_permittivity", d.relative_permittivity, "")?;
        positive("attempt_frequency_hz", d.attempt_frequency_hz, " of Hz")?;
        positive("localization_radius_nm", d.localization_radius_nm, " of nm")?;
        if !MESH_CELLS.contains(&d.mesh_cells) {
            let (least, most) = MESH_CELLS.into_inner();
            return Err(NetworkError::entry("mesh_cells", format!("is {}: must be {least} to {most}", d.mesh_cells)));
        }
        let domain = d.domain.checked()?;
        check_sites("acceptors", &d.acceptors, &domain)?;
        check_sites("donors", &d.donors, &domain)?;
        check_apart(&d.acceptors, &d.donors, 1e-6 * domain.size_nm())?;
        for (k, electrode) in d.electrodes.iter().enumerate() {
            positive(&format!("electrodes[{k}].width_nm"), electrode.width_nm, " of nm")?;
            domain.check_electrode(&format!("electrodes[{k}].position_nm"), electrode.position_nm)?;
        }
        let conversion = Conversion::new(d.temperature_kelvin, d.relative_permittivity, d.attempt_frequency_hz);
        let law = match d.rate_law {
            RateLawEntry::MillerAbrahams => RateLaw::MillerAbrahams,
            RateLawEntry::Marcus { reorganization_ev } => {
                positive("rate_law.reorganization_ev", reorganization_ev, " of eV")?;
                RateLaw::Marcus { reorganization_kt: reorganization_ev / volt_of_kt(d.temperature_kelvin) }
            }
        };
        let coulomb = conversion.coulomb_kt_nm();
        let electrodes: Vec<([f64; 2], f64)> = d.electrodes.iter().map(|e| (e.position_nm, e.width_nm)).collect();
        domain.check_apart(&electrodes)?;
        let middle = 0.5 * domain.thickness_nm();
        let network = Network::new(Parts {
            acceptors: d.acceptors.clone(),
            electrodes: electrodes.iter().map(|(p, _)| [p[0], p[1], middle]).collect(),
            localization_radius: d.localization_radius_nm,
            coulomb,
            fixed_energy_kt: donor_energies(&d.acceptors, &d.donors, coulomb),
            potential: electrode_potentials(&domain, &electrodes, &d.acceptors, d.mesh_cells)?,
            law,
        })?;
        Ok(Self {
            name: d.name.clone(),
            network,
            conversion,
            domain,
            acceptors: d.acceptors.clone(),
            donors: d.donors.clone(),
            electrodes,
            voltages_volt: d.electrodes.iter().map(|e| e.voltage_volt).collect(),
            mesh_cells: d.mesh_cells,
            initial: crate::Occupation::default(),
        })
    }

    /// Potential \[V\] at points of the plane for given voltages \[V\]; a point outside takes the value of the boundary.
    ///
    /// # Errors
    /// If Laplace's equation cannot be solved.
    pub fn potential_volt(&self, voltages_volt: &[f64], points: &[[f64; 2]]) -> Result<Vec<f64>, NetworkError> {
        let sites: Vec<[f64; 3]> = points.iter().map(|p| [p[0], p[1], 0.0]).collect();
        let units = electrode_potentials(&self.domain, &self.electrodes, &sites, self.mesh_cells)?;
        Ok((0..points.len()).map(|i| units.iter().zip(voltages_volt).map(|(row, v)| row[i] * v).sum()).collect())
    }

    /// Where a site stands in the plane: acceptors first, then electrodes.
    #[must_use]
    pub fn place(&self, site: usize) -> [f64; 2] {
        match self.acceptors.get(site) {
            Some(acceptor) => [acceptor[0], acceptor[1]],
            None => self.electrodes[site - self.acceptors.len()].0,
        }
    }

    /// Voltages in the network's own unit \[kT\].
    #[must_use]
    pub fn voltages_kt(&self, voltages_volt: &[f64]) -> Vec<f64> {
        voltages_volt.iter().map(|v| v * self.conversion.kt_per_volt).collect()
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, NetworkError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        let entry = if path == "." { "device".to_owned() } else { path };
        NetworkError::entry(entry, format!("cannot be used: {}", tables::plain(&e.inner().to_string())))
    })
}

pub(crate) fn check_sites(list: &str, sites: &[[f64; 3]], domain: &Domain) -> Result<(), NetworkError> {
    if list == "acceptors" && sites.is_empty() {
        return Err(NetworkError::entry(list, "is empty: a network needs at least one acceptor"));
    }
    let slack = 1e-9 * domain.size_nm();
    for (k, site) in sites.iter().enumerate() {
        let inside = domain.depth_inside_nm([site[0], site[1]]) >= -slack
            && (-slack..=domain.thickness_nm() + slack).contains(&site[2]);
        if !inside {
            let what = format!("({}, {}, {}) lies outside the domain", site[0], site[1], site[2]);
            return Err(NetworkError::entry(format!("{list}[{k}]"), what));
        }
    }
    Ok(())
}

pub(crate) fn check_apart(acceptors: &[[f64; 3]], donors: &[[f64; 3]], least: f64) -> Result<(), NetworkError> {
    let name = |k: usize| {
        if k < acceptors.len() { format!("acceptors[{k}]") } else { format!("donors[{}]", k - acceptors.len()) }
    };
    let sites: Vec<&[f64; 3]> = acceptors.iter().chain(donors).collect();
    for (i, a) in sites.iter().enumerate() {
        for (j, b) in sites.iter().enumerate().take(i) {
            if a.iter().zip(*b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt() < least {
                return Err(NetworkError::entry(name(i), format!("stands in the same place as {}", name(j))));
            }
        }
    }
    Ok(())
}

fn donor_energies(acceptors: &[[f64; 3]], donors: &[[f64; 3]], coulomb: f64) -> Vec<f64> {
    let distance = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    acceptors.iter().map(|a| donors.iter().map(|d| coulomb / distance(a, d)).sum()).collect()
}

/// How a device is made at random.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    /// Outline.
    pub domain: Domain,
    /// Number of acceptors.
    pub acceptors: usize,
    /// Number of donors.
    pub donors: usize,
    /// Number of electrodes, evenly spaced.
    pub electrodes: usize,
    /// Their width \[nm\]; a twentieth of the boundary if not given, but at most half of what there is for each.
    pub electrode_width_nm: Option<f64>,
    /// Least distance of two dopants \[nm\].
    pub least_distance_nm: f64,
    /// Temperature \[K\].
    pub temperature_kelvin: f64,
    /// Relative permittivity.
    pub relative_permittivity: f64,
    /// Attempt frequency \[Hz\].
    pub attempt_frequency_hz: f64,
    /// Localization radius \[nm\]; a quarter of the mean distance of acceptors if not given.
    pub localization_radius_nm: Option<f64>,
    /// Rate law.
    pub rate_law: RateLawEntry,
    /// Seed.
    pub seed: u64,
}

impl Default for Generate {
    /// Boron in silicon at 77 K with eight electrodes; temperature, permittivity and attempt frequency are those where none is
    /// given, with their sources above. Thirty acceptors, three donors and a localization radius of a quarter of the mean
    /// acceptor distance are those of the kmc_dn devices.
    fn default() -> Self {
        Self {
            domain: Domain::Rectangle { width_nm: 60.0, height_nm: 60.0, thickness_nm: 0.0 },
            acceptors: 30,
            donors: 3,
            electrodes: 8,
            electrode_width_nm: None,
            least_distance_nm: 1.0,
            temperature_kelvin: USUAL_TEMPERATURE_KELVIN,
            relative_permittivity: USUAL_RELATIVE_PERMITTIVITY,
            attempt_frequency_hz: USUAL_ATTEMPT_FREQUENCY_HZ,
            localization_radius_nm: None,
            rate_law: RateLawEntry::MillerAbrahams,
            seed: 0,
        }
    }
}

/// Cells of the mesh along an axis: 500 take a second and 350 MB, and leave an error of the potential far below that of all else.
const MESH_CELLS: std::ops::RangeInclusive<usize> = 4..=500;

/// Most donors of a generated device: more than there can be acceptors.
const MOST_DONORS: usize = 10_000;

impl Generate {
    /// The description of the device.
    ///
    /// # Errors
    /// If the dopants do not fit.
    pub fn describe(&self) -> Result<Description, NetworkError> {
        let domain = self.domain.checked()?;
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
            domain,
            mesh_cells: default_cells(),
            acceptors: acceptors.to_vec(),
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
}
