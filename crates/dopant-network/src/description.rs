//! Devices and their files: the project's own here (read and written), those of kmc_dn in [`crate::kmc_dn`] and of MCNetwork
//! in [`crate::mcnetwork`] (read).

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::geometry::{Contact, Domain, Rim};
use crate::images::{ImageCharges, Images, Places};
use crate::laplace::electrode_potentials;
use crate::network::{ANY_HOP, Network, Parts, RateLaw, distance};
use crate::{kmc_dn, mcnetwork};

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
pub(crate) const FORMAT: &str = "homodyne-dopant-network-1";

/// Rate law in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Shortest and longest hop \[nm\]; any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_range_nm: Option<[f64; 2]>,
    /// Energy of a hole on an acceptor far from all else above that in an electrode at 0 V \[eV\].
    #[serde(default, skip_serializing_if = "is_usual")]
    pub injection_offset_ev: f64,
    /// Outline.
    pub domain: Domain,
    /// The boundary between electrodes.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub rim: Rim,
    /// From where holes hop to and from electrodes.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub contact: Contact,
    /// What charges induce on the electrodes; nothing if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_charges: Option<ImageCharges>,
    /// Cells of the mesh along the largest extent, for the potential.
    #[serde(default = "default_cells")]
    pub mesh_cells: usize,
    /// Positions of the acceptors \[nm\].
    pub acceptors: Vec<[f64; 3]>,
    /// Energy of a hole on each acceptor above the usual one \[eV\]; none if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub site_energies_ev: Vec<f64>,
    /// Positions of the donors \[nm\].
    #[serde(default)]
    pub donors: Vec<[f64; 3]>,
    /// Electrodes.
    pub electrodes: Vec<Electrode>,
}

pub(crate) fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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

impl Description {
    /// Reads a device file in SI units, or of MCNetwork.
    ///
    /// # Errors
    /// If the file cannot be read, an entry is missing or unknown, or it is one of kmc_dn, whose numbers are in kT and belong to no
    /// temperature.
    pub fn from_file(path: &Path) -> Result<Self, NetworkError> {
        read(path, |text| match given(text)? {
            Given::Described(description) => Ok(*description),
            Given::KmcDn(_) => Err(NetworkError::entry(
                "format",
                format!(
                    "must be \"{FORMAT}\", or the file of MCNetwork: not of kmc_dn, whose numbers belong to no temperature"
                ),
            )),
        })
    }
}

/// What a device file holds.
enum Given {
    Described(Box<Description>),
    KmcDn(Box<kmc_dn::File>),
}

/// Reads the text of a device file of any of the three kinds.
fn given(text: &str) -> Result<Given, NetworkError> {
    if mcnetwork::begins(text) {
        return Ok(Given::Described(Box::new(mcnetwork::describe(text)?)));
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
        NetworkError::entry("JSON", format!("is not valid: {e} (numbers must be finite: NaN and inf are not JSON)"))
    })?;
    if value.get("format").is_some() {
        return Ok(Given::Described(Box::new(parse(text)?)));
    }
    if value.get("units").is_some() || value.get("kT").is_some() {
        return Ok(Given::KmcDn(Box::new(parse(text)?)));
    }
    Err(NetworkError::entry(
        "format",
        format!("is missing: must be \"{FORMAT}\" (or `units`: \"dimensionless: …\" as in files of kmc_dn)"),
    ))
}

/// What the text of a file gives; the file is named where an entry of it is wrong.
fn read<T>(path: &Path, of: impl FnOnce(&str) -> Result<T, NetworkError>) -> Result<T, NetworkError> {
    let fail = |what: String| NetworkError::File { path: path.to_owned(), what };
    let text = tables::read_text(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    of(&text).map_err(|e| match e {
        NetworkError::Entry { .. } => fail(e.to_string()),
        other => other,
    })
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
    /// The boundary between electrodes.
    pub rim: Rim,
    /// Cells of the mesh along the largest extent.
    pub mesh_cells: usize,
    /// What charges induce on the electrodes, if that is taken into account.
    pub images: Option<Images>,
    /// Initial state, where the file gives one.
    pub initial: crate::Occupation,
}

impl DopantNetwork {
    /// I₀/kT = e²/(4πε R kT), the repulsion of two holes at the typical distance of acceptors R, the radius of a disc of the
    /// area of one acceptor, √(area/(π N)): below about 3 holes hardly heed one another, at 177 (kmc_dn's devices)
    /// they all but exclude one another. 0 for a single acceptor. Without what electrodes take away of it
    /// ([`Self::unscreened_parts`]).
    #[must_use]
    pub fn interaction_kt(&self) -> f64 {
        let [first, second, ..] = self.acceptors[..] else { return 0.0 };
        let typical = (self.domain.area_nm2() / (std::f64::consts::PI * self.acceptors.len() as f64)).sqrt();
        if self.images.is_some() {
            return self.conversion.coulomb_kt_nm() / typical;
        }
        self.network.coulomb_kt(0, 1) * distance(&first, &second) / typical
    }

    /// What the electrodes leave of the repulsion of each acceptor and its nearest neighbour in free space, from 0 to 1; nothing for a
    /// single acceptor.
    #[must_use]
    pub fn unscreened_parts(&self) -> Vec<f64> {
        let apart = |i: usize, j: usize| distance(&self.acceptors[i], &self.acceptors[j]);
        let nearest = |i: usize| {
            let others = (0..self.acceptors.len()).filter(move |j| *j != i);
            others.min_by(|&j, &k| apart(i, j).total_cmp(&apart(i, k)))
        };
        let part =
            |(i, j): (usize, usize)| self.network.coulomb_kt(i, j) * apart(i, j) / self.conversion.coulomb_kt_nm();
        (0..self.acceptors.len()).filter_map(|i| nearest(i).map(|j| (i, j))).map(part).collect()
    }

    /// By how much the image of each acceptor raises the energy of a hole on it \[kT\]; nothing without images.
    #[must_use]
    pub fn own_image_energies_kt(&self) -> Vec<f64> {
        let of = |images: &Images| {
            (0..self.acceptors.len()).map(|i| self.conversion.coulomb_kt_nm() * images.own_per_nm(i)).collect()
        };
        self.images.as_ref().map_or_else(Vec::new, of)
    }

    /// Reads a device file of any of the three kinds.
    ///
    /// # Errors
    /// If the file cannot be read, an entry is missing, unknown or out of range; the message names it.
    pub fn from_file(path: &Path) -> Result<Self, NetworkError> {
        read(path, Self::from_text)
    }

    /// Reads the text of a device file of any of the three kinds.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn from_text(text: &str) -> Result<Self, NetworkError> {
        match given(text)? {
            Given::Described(description) => Self::from_description(&description),
            Given::KmcDn(file) => kmc_dn::device(&file),
        }
    }

    /// Builds a device from its description.
    ///
    /// # Errors
    /// If an entry is out of range.
    pub fn from_description(d: &Description) -> Result<Self, NetworkError> {
        Self::from_description_near(d, [])
    }

    /// The same; where one of the others has the same dopants, electrodes and metal, what depends on their places alone is taken from it: the
    /// solutions of Laplace's equation and the image charges, which take most of the time. The device is the same in every bit.
    ///
    /// # Errors
    /// If an entry is out of range.
    pub fn from_description_near<'o>(
        d: &Description,
        others: impl IntoIterator<Item = &'o Self>,
    ) -> Result<Self, NetworkError> {
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
        d.check_energies()?;
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
        let hop_lengths = |electrode: &([f64; 2], f64)| {
            d.acceptors.iter().map(|site| domain.hop_nm(d.contact, electrode.0, electrode.1, *site)).collect()
        };
        let places =
            Places { domain: &domain, rim: d.rim, electrodes: &electrodes, acceptors: &d.acceptors, donors: &d.donors };
        let twin = others.into_iter().find(|other| other.stands_as(d, &places));
        let (images, potential) = match twin {
            Some(twin) => (twin.images.clone(), twin.network.potentials().to_vec()),
            None => (
                d.image_charges.map(|settings| Images::new(settings, &places)).transpose()?,
                electrode_potentials(&domain, d.rim, &electrodes, &d.acceptors, d.mesh_cells)?,
            ),
        };
        let network = Network::new(Parts {
            acceptors: d.acceptors.clone(),
            electrode_distances: electrodes.iter().map(hop_lengths).collect(),
            hop_range: d.hop_range_nm.unwrap_or(ANY_HOP),
            localization_radius: d.localization_radius_nm,
            coulomb,
            induced_kt: images.as_ref().map_or_else(Vec::new, |images| images.pair_energies(coulomb)),
            fixed_energy_kt: d.fixed_energies_kt(coulomb, images.as_ref()),
            potential,
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
            rim: d.rim,
            mesh_cells: d.mesh_cells,
            images,
            initial: crate::Occupation::default(),
        })
    }

    /// Whether everything stands where the description says, and is looked at as finely.
    fn stands_as(&self, d: &Description, places: &Places<'_>) -> bool {
        self.domain == *places.domain
            && self.rim == places.rim
            && self.electrodes == places.electrodes
            && self.acceptors == places.acceptors
            && self.donors == places.donors
            && self.mesh_cells == d.mesh_cells
            && self.images.as_ref().map(|images| images.settings) == d.image_charges
    }

    /// Potential \[V\] at points of the plane for given voltages \[V\]; a point outside takes the value of the boundary.
    ///
    /// # Errors
    /// If Laplace's equation cannot be solved.
    pub fn potential_volt(&self, voltages_volt: &[f64], points: &[[f64; 2]]) -> Result<Vec<f64>, NetworkError> {
        let sites: Vec<[f64; 3]> = points.iter().map(|p| [p[0], p[1], 0.0]).collect();
        let units = electrode_potentials(&self.domain, self.rim, &self.electrodes, &sites, self.mesh_cells)?;
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
            if distance(a, b) < least {
                return Err(NetworkError::entry(name(i), format!("stands in the same place as {}", name(j))));
            }
        }
    }
    Ok(())
}

impl Description {
    fn check_energies(&self) -> Result<(), NetworkError> {
        if let Some([shortest, longest]) = self.hop_range_nm
            && !(shortest >= 0.0 && longest > shortest && longest.is_finite())
        {
            let what = format!("is [{shortest}, {longest}]: must be a shortest and a longest hop in nm, 0 or more");
            return Err(NetworkError::entry("hop_range_nm", what));
        }
        if !self.injection_offset_ev.is_finite() {
            let what = format!("is {}: must be a finite energy in eV", self.injection_offset_ev);
            return Err(NetworkError::entry("injection_offset_ev", what));
        }
        let (found, acceptors) = (self.site_energies_ev.len(), self.acceptors.len());
        if found != 0 && found != acceptors {
            let what = format!("has {found} values: must have one for each of the {acceptors} acceptors, or none");
            return Err(NetworkError::entry("site_energies_ev", what));
        }
        match self.site_energies_ev.iter().position(|e| !e.is_finite()) {
            Some(k) => Err(NetworkError::entry(format!("site_energies_ev[{k}]"), "must be a finite energy in eV")),
            None => Ok(()),
        }
    }

    /// What a hole's energy has beside the electrodes' potential and the other acceptors \[kT\].
    fn fixed_energies_kt(&self, coulomb_kt_nm: f64, images: Option<&Images>) -> Vec<f64> {
        let mut energies = donor_energies(&self.acceptors, &self.donors, coulomb_kt_nm);
        let kt_ev = volt_of_kt(self.temperature_kelvin);
        for (k, energy) in energies.iter_mut().enumerate() {
            let own_ev = self.injection_offset_ev + self.site_energies_ev.get(k).copied().unwrap_or(0.0);
            if own_ev.abs() > 0.0 {
                *energy += own_ev / kt_ev;
            }
            if let Some(images) = images {
                *energy += coulomb_kt_nm * (images.own_per_nm(k) + images.of_donors_per_nm[k]);
            }
        }
        energies
    }
}

fn donor_energies(acceptors: &[[f64; 3]], donors: &[[f64; 3]], coulomb: f64) -> Vec<f64> {
    acceptors.iter().map(|a| donors.iter().map(|d| coulomb / distance(a, d)).sum()).collect()
}

/// Cells of the mesh along an axis: 500 take a second and 350 MB, and leave an error of the potential far below that of all else.
const MESH_CELLS: std::ops::RangeInclusive<usize> = 4..=500;
