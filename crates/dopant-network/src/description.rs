//! Device files: the project's own (SI units, read and written) and those of kmc_dn_reference (dimensionless, read).

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::geometry::Domain;
use crate::laplace::electrode_potentials;
use crate::network::{MOST_SITES, Network, Parts, RateLaw};

/// Boltzmann constant over elementary charge \[V/K\] (CODATA 2018, exact).
const BOLTZMANN_VOLT_PER_KELVIN: f64 = 8.617_333_262e-5;
/// e²/4πε₀ \[eV nm\] (CODATA 2018).
const COULOMB_EV_NM: f64 = 1.439_964_548;
/// e \[nA s\].
const CHARGE_NA_S: f64 = 1.602_176_634e-10;
/// Half the width of the electrodes of the reference devices, in box sides.
const KMC_HALF_WIDTH: f64 = 0.1;
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

fn default_cells() -> usize {
    100
}

/// A file of kmc_dn_reference, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Reference {
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
    electrodes: Vec<ReferenceElectrode>,
    electrostatic_potential_at_acceptors: Vec<f64>,
    donor_potential_at_acceptors: Vec<f64>,
    #[serde(default)]
    initial_hole_occupation: Vec<bool>,
}

#[derive(Debug, Deserialize)]
struct ReferenceElectrode {
    position: [f64; 3],
    voltage: f64,
}

/// How a device's own units (kT, ν₀, e) become those of its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales {
    /// Energy of a charge at one volt \[kT\].
    pub kt_per_volt: f64,
    /// Current of one elementary charge per 1/ν₀ \[nA\].
    pub na_per_charge_rate: f64,
    /// Attempt frequency ν₀ \[Hz\].
    pub attempt_frequency_hz: f64,
    /// Whether the file is dimensionless: then "volt" stands for kT, "nA" for eν₀ and "Hz" for ν₀.
    pub dimensionless: bool,
}

impl Scales {
    /// Unit of voltages.
    #[must_use]
    pub fn voltage_unit(&self) -> &'static str {
        if self.dimensionless { "kT/e" } else { "V" }
    }

    /// Unit of currents.
    #[must_use]
    pub fn current_unit(&self) -> &'static str {
        if self.dimensionless { "e*nu" } else { "nA" }
    }

    /// Unit of derivatives.
    #[must_use]
    pub fn derivative_unit(&self) -> &'static str {
        if self.dimensionless { "e*nu/(kT/e)" } else { "nA/V" }
    }

    /// Unit of times.
    #[must_use]
    pub fn time_unit(&self) -> &'static str {
        if self.dimensionless { "1/nu" } else { "s" }
    }
}

/// A device that can be simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct DopantNetwork {
    /// What it is called.
    pub name: String,
    /// Its physics.
    pub network: Network,
    /// Units.
    pub scales: Scales,
    /// Outline (lengths in nm, or box sides if dimensionless).
    pub domain: Domain,
    /// Acceptors.
    pub acceptors: Vec<[f64; 3]>,
    /// Donors.
    pub donors: Vec<[f64; 3]>,
    /// Positions and widths of the electrodes.
    pub electrodes: Vec<([f64; 2], f64)>,
    /// Voltages of the file \[V, or kT\].
    pub voltages_volt: Vec<f64>,
    /// Cells of the mesh along the largest extent.
    pub mesh_cells: usize,
    /// Initial state, where the file gives one.
    pub initial: crate::Occupation,
}

impl DopantNetwork {
    /// I₀/kT = e²/(4πε R kT), the repulsion of two holes at the typical distance of acceptors R, the radius of a disc of the
    /// area of one acceptor, √(area/(π N)): below about 3 holes hardly heed one another, at 30 to 100 (kmc_dn's devices)
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
            return Self::from_reference(parse::<Reference>(text)?);
        }
        Err(NetworkError::entry(
            "format",
            format!("is missing: must be \"{FORMAT}\" (or `units`: \"dimensionless: …\" as in kmc_dn_reference)"),
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
            domain.check_electrode(k, electrode.position_nm)?;
        }
        let kt_ev = BOLTZMANN_VOLT_PER_KELVIN * d.temperature_kelvin;
        let law = match d.rate_law {
            RateLawEntry::MillerAbrahams => RateLaw::MillerAbrahams,
            RateLawEntry::Marcus { reorganization_ev } => {
                positive("rate_law.reorganization_ev", reorganization_ev, " of eV")?;
                RateLaw::Marcus { reorganization_kt: reorganization_ev / kt_ev }
            }
        };
        let coulomb = COULOMB_EV_NM / d.relative_permittivity / kt_ev;
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
            scales: Scales {
                kt_per_volt: 1.0 / kt_ev,
                na_per_charge_rate: CHARGE_NA_S * d.attempt_frequency_hz,
                attempt_frequency_hz: d.attempt_frequency_hz,
                dimensionless: false,
            },
            domain,
            acceptors: d.acceptors.clone(),
            donors: d.donors.clone(),
            electrodes,
            voltages_volt: d.electrodes.iter().map(|e| e.voltage_volt).collect(),
            mesh_cells: d.mesh_cells,
            initial: crate::Occupation::default(),
        })
    }

    fn from_reference(r: Reference) -> Result<Self, NetworkError> {
        if !r.units.starts_with("dimensionless") {
            let what = format!("is \"{}\": must begin with \"dimensionless\" in a file without `format`", r.units);
            return Err(NetworkError::entry("units", what));
        }
        for (entry, value) in [
            ("box", r.sides[0]),
            ("box", r.sides[1]),
            ("attempt_rate", r.attempt_rate),
            ("kT", r.kt),
            ("localization_radius", r.localization_radius),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(NetworkError::entry(entry, format!("holds {value}: must be positive")));
            }
        }
        let n = r.acceptors.len();
        for (entry, list) in [
            ("electrostatic_potential_at_acceptors", &r.electrostatic_potential_at_acceptors),
            ("donor_potential_at_acceptors", &r.donor_potential_at_acceptors),
        ] {
            if list.len() != n {
                let what = format!("has {} values for {n} acceptors", list.len());
                return Err(NetworkError::entry(entry, what));
            }
        }
        if !r.initial_hole_occupation.is_empty() && r.initial_hole_occupation.len() != n {
            let what = format!("has {} values for {n} acceptors", r.initial_hole_occupation.len());
            return Err(NetworkError::entry("initial_hole_occupation", what));
        }
        let domain =
            Domain::Rectangle { width_nm: r.sides[0], height_nm: r.sides[1], thickness_nm: r.sides[2].max(0.0) }
                .checked()?;
        check_sites("acceptors", &r.acceptors, &domain)?;
        check_apart(&r.acceptors, &r.donors, 1e-9 * domain.size_nm())?;
        let half = KMC_HALF_WIDTH * domain.size_nm();
        let electrodes: Vec<([f64; 2], f64)> =
            r.electrodes.iter().map(|e| ([e.position[0], e.position[1]], 2.0 * half)).collect();
        for (k, (position, _)) in electrodes.iter().enumerate() {
            domain.check_electrode(k, *position)?;
        }
        let potential = electrode_potentials(&domain, &electrodes, &r.acceptors, default_cells())?;
        // the file's own potential at the file's voltages, ours for changes of them
        let fixed_energy_kt = (0..n)
            .map(|i| {
                let ours: f64 = potential.iter().zip(&r.electrodes).map(|(row, e)| row[i] * e.voltage).sum();
                (r.electrostatic_potential_at_acceptors[i] - ours + r.donor_potential_at_acceptors[i]) / r.kt
            })
            .collect();
        let network = Network::new(Parts {
            acceptors: r.acceptors.clone(),
            electrodes: r.electrodes.iter().map(|e| e.position).collect(),
            localization_radius: r.localization_radius,
            coulomb: r.coulomb_energy_times_distance / r.kt,
            fixed_energy_kt,
            potential,
            law: RateLaw::MillerAbrahams,
        })?;
        Ok(Self {
            name: r.name,
            network,
            scales: Scales {
                kt_per_volt: 1.0 / r.kt,
                na_per_charge_rate: r.attempt_rate,
                attempt_frequency_hz: r.attempt_rate,
                dimensionless: true,
            },
            domain,
            acceptors: r.acceptors,
            donors: r.donors,
            electrodes,
            voltages_volt: r.electrodes.iter().map(|e| e.voltage).collect(),
            mesh_cells: default_cells(),
            initial: r.initial_hole_occupation.iter().enumerate().filter(|(_, hole)| **hole).map(|(i, _)| i).collect(),
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
        voltages_volt.iter().map(|v| v * self.scales.kt_per_volt).collect()
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

fn check_sites(list: &str, sites: &[[f64; 3]], domain: &Domain) -> Result<(), NetworkError> {
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

fn check_apart(acceptors: &[[f64; 3]], donors: &[[f64; 3]], least: f64) -> Result<(), NetworkError> {
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
    /// Boron in silicon at 77 K with eight electrodes, the temperature of Chen et al., Nature 577, 341 (2020). Thirty
    /// acceptors, three donors and a localization radius of a quarter of the mean acceptor distance are those of the
    /// kmc_dn devices; ε = 11.7 is silicon's (Sze and Ng, Physics of Semiconductor Devices, app. G); ν₀ = 10¹² Hz is the
    /// phonon scale usual for hopping (Shklovskii and Efros, Electronic Properties of Doped Semiconductors, ch. 4).
    fn default() -> Self {
        Self {
            domain: Domain::Rectangle { width_nm: 60.0, height_nm: 60.0, thickness_nm: 0.0 },
            acceptors: 30,
            donors: 3,
            electrodes: 8,
            electrode_width_nm: None,
            least_distance_nm: 1.0,
            temperature_kelvin: 77.0,
            relative_permittivity: 11.7,
            attempt_frequency_hz: 1e12,
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
