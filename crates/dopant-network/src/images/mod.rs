//! Image charges: what the charges of dopants induce on the metal of the electrodes, which screens their energies.
//!
//! Each electrode is an upright strip of metal along its stretch of the boundary, in a homogeneous medium; where the boundary between
//! electrodes is grounded ([`Rim::Grounded`]), all of it is metal. All metal is held at fixed voltages, so that the potential of a charge at
//! r' is, at r, that of free space and that of the charge it induces, e/4πε (1/|r − r'| + w(r, r')): w is symmetric, and −1/|r − r'| for r on
//! metal. The induced charge is sought among densities that are constant on each of a number of plates (Galerkin's method: Harrington,
//! Field Computation by Moment Methods, ch. 2), with P the mean potentials of plates on plates and v(r) their potentials at r,
//! w(r, r') = −v(r)ᵀ P⁻¹ v(r'): symmetric and negative definite whatever the plates, and too weak rather than too strong.
//!
//! The energy of charges q on all dopants is ½ Σ q_i q_j (1/r_ij + w_ij) e²/4πε, where i = j has only the w_ii of a charge in the field of
//! its own image. An acceptor has the charge n − 1 with n = 0 or 1 hole, a donor the charge 1. A hole that comes to acceptor i changes its
//! charge from −1 to 0, and the energy by Σ_j≠i q_j (1/r_ij + w_ij) − ½ w_ii (in e²/4πε): since w_ii is negative, holes near metal cost
//! more. With q_j = n_j − 1 this is base_i + Σ_j n_j u_ij, the energy of a hole in a network with the pair energies u_ij = 1/r_ij + w_ij.

mod plate;

use faer::Mat;
use faer::linalg::solvers::{Llt, Solve};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::geometry::{Domain, Rim, Stretch};
use crate::network::distance;
use plate::Plate;

/// How small plates are.
#[derive(Clone, Copy, Debug)]
struct Fineness {
    /// Longest side of a plate over its distance from the nearest dopant.
    side_per_distance: f64,
    /// Widest plate at a free edge of metal, over the whole strip's extent.
    edge: f64,
}

/// At a mirror w is off by up to 0.07 %. Against plates of 0.6 times these sides and a quarter of these widths at edges, w of two
/// acceptors (of one with itself) is off by 0.03 % (0.06 %) root mean square, at most 0.07 % (0.09 %), in two devices `boron-60nm` with
/// electrodes 30 nm high; with an insulating rim by 0.13 % (0.3 %), at most 0.6 % (1.5 %); in two of 100 acceptors like `mcnetwork` by
/// 0.27 % (0.45 %), at most 0.9 % (2.3 %).
const USUAL: Fineness = Fineness { side_per_distance: 0.5, edge: 1.0 / 32.0 };
/// Most plates.
const MOST_PLATES: usize = 6000;
/// Highest electrodes \[nm\]: a millimetre.
const HIGHEST_NM: f64 = 1e6;

/// Image charges in electrodes of a height.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageCharges {
    /// Height of the electrodes (with `rim = "grounded"`, of the whole boundary) across the plane, the layer of dopants in its middle (nm).
    pub electrode_height_nm: f64,
    /// A dopant that stands nearer to metal has the images that it would have at this distance from it, where the energy of a single one is
    /// e²/16πε over the distance (nm). 1 if not given, about the radius of a boron acceptor in silicon.
    #[serde(default = "usual_least_distance_nm")]
    pub least_distance_nm: f64,
}

fn usual_least_distance_nm() -> f64 {
    1.0
}

impl ImageCharges {
    /// With electrodes of a height \[nm\].
    #[must_use]
    pub fn of_height_nm(electrode_height_nm: f64) -> Self {
        Self { electrode_height_nm, least_distance_nm: usual_least_distance_nm() }
    }

    /// Refuses what has no images.
    fn check(&self, domain: &Domain) -> Result<(), NetworkError> {
        let (height, thickness) = (self.electrode_height_nm, domain.thickness_nm());
        if !(height > 0.0 && (thickness..=HIGHEST_NM).contains(&height)) {
            let what = format!(
                "is {height}: must be a positive length in nm, from the thickness of the device ({thickness} nm) to {HIGHEST_NM:e} nm"
            );
            return Err(NetworkError::entry("image_charges.electrode_height_nm", what));
        }
        let (least, most) = (self.least_distance_nm, 0.25 * domain.narrowest_nm());
        if !(LEAST_NM..=most).contains(&least) {
            let what = format!(
                "is {least}: must be a length from {LEAST_NM} nm to a quarter of the device's width ({most} nm)"
            );
            return Err(NetworkError::entry("image_charges.least_distance_nm", what));
        }
        Ok(())
    }
}

/// Shortest least distance of a dopant from metal \[nm\].
const LEAST_NM: f64 = 0.01;

/// What dopants induce on the metal.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// The settings.
    pub settings: ImageCharges,
    /// Number of plates that the metal is cut into.
    pub plates: usize,
    /// w: potential at each acceptor of what a unit charge on each (also on itself) induces (nearer to metal than the least distance,
    /// scaled so that as much is left of the repulsion as there), over e/4πε, `[acceptor][acceptor]` \[1/nm\].
    pub of_acceptors_per_nm: Vec<Vec<f64>>,
    /// The same of what all donors together induce, `[acceptor]` \[1/nm\].
    pub of_donors_per_nm: Vec<f64>,
}

/// Where the metal and the charges are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    pub domain: &'a Domain,
    pub rim: Rim,
    /// Middles and widths \[nm\].
    pub electrodes: &'a [([f64; 2], f64)],
    pub acceptors: &'a [[f64; 3]],
    pub donors: &'a [[f64; 3]],
}

impl Images {
    /// Finds them.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub(crate) fn new(settings: ImageCharges, places: &Places<'_>) -> Result<Self, NetworkError> {
        Self::with_plates(settings, places, USUAL)
    }

    fn with_plates(settings: ImageCharges, places: &Places<'_>, fineness: Fineness) -> Result<Self, NetworkError> {
        settings.check(places.domain)?;
        let metal: Vec<Stretch> = match places.rim {
            Rim::Grounded => places.domain.boundary(),
            Rim::Insulating => places.electrodes.iter().flat_map(|e| places.domain.stretches(e.0, e.1)).collect(),
        };
        let away = |sites: &[[f64; 3]]| -> Vec<[f64; 3]> {
            sites.iter().map(|site| moved_away(*site, settings.least_distance_nm, places, &metal)).collect()
        };
        let (acceptors, donors) = (away(places.acceptors), away(places.donors));
        let dopants: Vec<[f64; 3]> = acceptors.iter().chain(&donors).copied().collect();
        let mut plates = Vec::new();
        for stretch in metal {
            let strip = Strip {
                stretch,
                middle_nm: 0.5 * places.domain.thickness_nm(),
                height_nm: settings.electrode_height_nm,
                has_ends: places.rim == Rim::Insulating,
                least_distance_nm: settings.least_distance_nm,
            };
            strip.cut([[0.0, 1.0]; 2], &dopants, fineness, &mut plates)?;
        }
        let n = acceptors.len();
        let mutual = mutual_potentials(&plates);
        let potentials = Mat::from_fn(plates.len(), n, |k, i| plates[k].potential_per_nm(acceptors[i]));
        let failed = || {
            let what =
                format!("cannot be found on {} plates of metal: must be far from the limits of numbers", plates.len());
            NetworkError::entry("image_charges", what)
        };
        let factors = Llt::new(mutual.as_ref(), faer::Side::Lower).map_err(|_| failed())?;
        let charges = factors.solve(&potentials);
        let induced = |i: usize, j: usize| -> f64 {
            let shift = stretched(&acceptors[i], &acceptors[j], distance(&places.acceptors[i], &places.acceptors[j]));
            -shift * (0..plates.len()).map(|k| potentials[(k, i)] * charges[(k, j)]).sum::<f64>()
        };
        let of_acceptors: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| induced(i.min(j), i.max(j))).collect()).collect();
        let mut of_donors = vec![0.0; n];
        for (donor, moved) in places.donors.iter().zip(&donors) {
            let felt: Vec<f64> = plates.iter().map(|plate| plate.potential_per_nm(*moved)).collect();
            for (i, sum) in of_donors.iter_mut().enumerate() {
                let shift = stretched(&acceptors[i], moved, distance(&places.acceptors[i], donor));
                *sum -= shift * felt.iter().enumerate().map(|(k, v)| v * charges[(k, i)]).sum::<f64>();
            }
        }
        if !of_acceptors.iter().flatten().chain(&of_donors).all(|w| w.is_finite()) {
            return Err(failed());
        }
        Ok(Self { settings, plates: plates.len(), of_acceptors_per_nm: of_acceptors, of_donors_per_nm: of_donors })
    }
}

impl Images {
    /// What the electrodes add to the energy of two unit charges on acceptors \[kT\], `[acceptor][acceptor]`, for e²/4πε in kT nm.
    pub(crate) fn pair_energies(&self, coulomb_kt_nm: f64) -> Vec<Vec<f64>> {
        self.of_acceptors_per_nm.iter().map(|row| row.iter().map(|w| coulomb_kt_nm * w).collect()).collect()
    }

    /// By how much its own image raises the energy of a hole on an acceptor, over e²/4πε \[1/nm\]: by what it lowered that of the
    /// negative acceptor.
    pub(crate) fn own_per_nm(&self, acceptor: usize) -> f64 {
        -0.5 * self.of_acceptors_per_nm[acceptor][acceptor]
    }
}

/// How many times as far apart two dopants are after they were moved away from metal; 1 for an acceptor with itself. With w times this, as much
/// is left of their repulsion as at the places that they were moved to, 1 + r w; with w alone, repulsion could turn into attraction.
fn stretched(one: &[f64; 3], other: &[f64; 3], apart_nm: f64) -> f64 {
    if apart_nm > 0.0 { distance(one, other) / apart_nm } else { 1.0 }
}

/// The place of a dopant, moved inwards if it is too near to metal.
fn moved_away(site: [f64; 3], least_nm: f64, places: &Places<'_>, metal: &[Stretch]) -> [f64; 3] {
    let [x, y, z] = site;
    let near = |stretch: &Stretch| stretch.distance_nm([x, y]) < least_nm;
    if !metal.iter().any(near) {
        return site;
    }
    let [x, y] = places.domain.at_depth_nm([x, y], least_nm);
    [x, y, z]
}

/// A strip of metal.
struct Strip {
    stretch: Stretch,
    /// Height of its middle \[nm\].
    middle_nm: f64,
    height_nm: f64,
    /// Whether no metal goes on at its ends.
    has_ends: bool,
    /// No dopant is nearer \[nm\].
    least_distance_nm: f64,
}

impl Strip {
    /// Cuts a part of it (from where to where along it, and up, of 1) into plates that are small where dopants are near, and narrow at free
    /// edges, where charge gathers.
    fn cut(
        &self,
        part: [[f64; 2]; 2],
        dopants: &[[f64; 3]],
        fineness: Fineness,
        plates: &mut Vec<Plate>,
    ) -> Result<(), NetworkError> {
        let middles = part.map(|[from, to]| 0.5 * (from + to));
        let shares = part.map(|[from, to]| to - from);
        let (centre, along, length) = self.stretch.piece(part[0]);
        let sides = [length, shares[1] * self.height_nm];
        let up = self.middle_nm + (middles[1] - 0.5) * self.height_nm;
        let plate = Plate { centre: [centre[0], centre[1], up], along, half: sides.map(|side| 0.5 * side) };
        let too_wide = |axis: usize| {
            let at_edge = part[axis][0] <= 0.0 || part[axis][1] >= 1.0;
            (axis == 1 || self.has_ends) && at_edge && shares[axis] > fineness.edge
        };
        let nearest = dopants.iter().map(|site| plate.distance_nm(*site)).fold(f64::INFINITY, f64::min);
        let nearest = nearest.max(self.least_distance_nm);
        let axis = if length > self.stretch.longest_piece_nm() {
            0
        } else if plate.longest_nm() > fineness.side_per_distance * nearest {
            usize::from(sides[1] > sides[0])
        } else if let Some(axis) = [0, 1].into_iter().find(|axis| too_wide(*axis)) {
            axis
        } else {
            if plates.len() == MOST_PLATES {
                let what = format!("need more than {MOST_PLATES} plates of metal: raise `least_distance_nm`");
                return Err(NetworkError::entry("image_charges", what));
            }
            plates.push(plate);
            return Ok(());
        };
        let [from, to] = part[axis];
        for half in [[from, middles[axis]], [middles[axis], to]] {
            let mut part = part;
            part[axis] = half;
            self.cut(part, dopants, fineness, plates)?;
        }
        Ok(())
    }
}

/// Mean potentials of plates on plates \[1/nm\], the lower half.
fn mutual_potentials(plates: &[Plate]) -> Mat<f64> {
    Mat::from_fn(plates.len(), plates.len(), |k, l| match k.cmp(&l) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => plates[k].own_per_nm(),
        std::cmp::Ordering::Greater => plates[k].mutual_per_nm(&plates[l]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Description, DopantNetwork, Generate, Like, Occupation};

    fn images(domain: Domain, rim: Rim, electrodes: &[([f64; 2], f64)], acceptors: &[[f64; 3]], height: f64) -> Images {
        let places = Places { domain: &domain, rim, electrodes, acceptors, donors: &[[3.0, 5000.0, 1.0]] };
        let settings = ImageCharges { least_distance_nm: 0.5, ..ImageCharges::of_height_nm(height) };
        Images::new(settings, &places).unwrap()
    }

    fn described(like: Like, change: impl FnOnce(&mut Generate)) -> Description {
        let mut settings = Generate::like(like);
        settings.image_charges = Some(ImageCharges::of_height_nm(30.0));
        change(&mut settings);
        settings.describe().unwrap()
    }

    #[test]
    fn a_wide_and_high_electrode_is_a_mirror() {
        let square = Domain::Rectangle { width_nm: 10_000.0, height_nm: 10_000.0, thickness_nm: 2.0 };
        let acceptors: Vec<[f64; 3]> = [(0.5, 0.0), (1.0, 0.1), (2.0, 2.0), (5.0, 1.0), (10.0, 0.0), (40.0, 1.0)]
            .iter()
            .enumerate()
            .map(|(k, (x, z))| [*x, 5000.0 + 1.5 * k as f64, *z])
            .collect();
        let found = images(square, Rim::Insulating, &[([0.0, 5000.0], 10_000.0)], &acceptors, 10_000.0);
        let mirrored = |a: &[f64; 3], b: &[f64; 3]| {
            -((a[0] + b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt().recip()
        };
        let mut worst = 0.0_f64;
        for (i, a) in acceptors.iter().enumerate() {
            for (j, b) in acceptors.iter().enumerate() {
                worst = worst.max((found.of_acceptors_per_nm[i][j] / mirrored(a, b) - 1.0).abs());
            }
            worst = worst.max((found.of_donors_per_nm[i] / mirrored(a, &[3.0, 5000.0, 1.0]) - 1.0).abs());
        }
        assert!(worst < 1e-3, "{worst}");
    }

    /// Between grounded planes at a distance L, a charge in the middle is at −2 ln 2/L; on the axis of a grounded tube of radius R at
    /// −(2/πR) ∫ K₀/I₀ = −0.870 69/R (Smythe, Static and Dynamic Electricity, ch. 5).
    #[test]
    fn charges_between_planes_and_in_a_tube() {
        let slit = Domain::Rectangle { width_nm: 20.0, height_nm: 4000.0, thickness_nm: 0.0 };
        let found = images(slit, Rim::Grounded, &[], &[[10.0, 2000.0, 0.0]], 4000.0).of_acceptors_per_nm[0][0];
        let expected = -2.0 * 2.0_f64.ln() / 20.0;
        assert!((found / expected - 1.0).abs() < 2e-3, "{found} {expected}");
        let tube = Domain::Disc { radius_nm: 10.0, thickness_nm: 0.0 };
        let found = images(tube, Rim::Grounded, &[], &[[0.0, 0.0, 0.0]], 1000.0).of_acceptors_per_nm[0][0];
        assert!((found / -0.087_069 - 1.0).abs() < 2e-3, "{found}");
    }

    #[test]
    fn finer_plates_change_little() {
        for (rim, allowed) in [(Rim::Grounded, 1e-3), (Rim::Insulating, 5e-3)] {
            let d = described(Like::Boron60Nm, |settings| settings.rim = rim);
            let electrodes: Vec<([f64; 2], f64)> = d.electrodes.iter().map(|e| (e.position_nm, e.width_nm)).collect();
            let (domain, acceptors, donors) = (&d.domain, &d.acceptors[..], &d.donors[..]);
            let places = Places { domain, rim, electrodes: &electrodes, acceptors, donors };
            let of = |fineness| Images::with_plates(d.image_charges.unwrap(), &places, fineness).unwrap();
            let finer = of(Fineness { side_per_distance: 0.35, edge: 1.0 / 64.0 });
            let of_usual = of(USUAL).of_acceptors_per_nm;
            let off =
                of_usual.iter().flatten().zip(finer.of_acceptors_per_nm.iter().flatten()).map(|(a, b)| a / b - 1.0);
            let mean_square = off.map(|x| x * x).sum::<f64>() / acceptors.len().pow(2) as f64;
            assert!(mean_square.sqrt() < allowed, "{rim:?}: {}", mean_square.sqrt());
        }
    }

    /// The energy of a hole is the difference of the energies of all charges, counted from the definition.
    #[test]
    fn a_hole_has_the_energy_that_it_adds_to_that_of_all_charges() {
        let d = described(Like::Boron60Nm, |settings| settings.acceptors = 12);
        let device = DopantNetwork::from_description(&d).unwrap();
        let images = device.images.as_ref().unwrap();
        let coulomb = device.conversion.coulomb_kt_nm();
        let apart = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
        let total = |state: &Occupation| -> f64 {
            let charge = |i: usize| if state.contains(i) { 0.0 } else { -1.0 };
            let of = |i: usize| {
                let others = (0..12).filter(|&j| j != i).map(|j| charge(j) / apart(&d.acceptors[i], &d.acceptors[j]));
                let donors: f64 = d.donors.iter().map(|donor| 1.0 / apart(&d.acceptors[i], donor)).sum();
                let induced: f64 = (0..12).map(|j| charge(j) * images.of_acceptors_per_nm[i][j]).sum();
                charge(i) * (0.5 * (others.sum::<f64>() + induced) + donors + images.of_donors_per_nm[i])
            };
            coulomb * (0..12).map(of).sum::<f64>()
        };
        let landscape = device.network.landscape(&[0.0; 8]);
        let mut energies = Vec::new();
        for word in [0_usize, 0b10_1101, 0b1111_0000_1111, 0b1001_0110_0110] {
            let state: Occupation = (0..12).filter(|i| word >> i & 1 == 1).collect();
            landscape.energies_kt(&state, &mut energies);
            for (i, energy) in energies[..12].iter().enumerate() {
                let other = state.toggled(i);
                let (with, without) = if state.contains(i) { (&state, &other) } else { (&other, &state) };
                let expected = total(with) - total(without);
                assert!((energy - expected).abs() < 1e-9, "{word:b} {i}: {energy} {expected}");
            }
        }
    }

    #[test]
    fn images_are_symmetric_weaken_repulsion_and_never_turn_it() {
        for seed in [0, 3] {
            let d = described(Like::Boron60Nm, |settings| (settings.acceptors, settings.seed) = (100, seed));
            let device = DopantNetwork::from_description(&d).unwrap();
            let images = device.images.as_ref().unwrap();
            let coulomb = device.conversion.coulomb_kt_nm();
            for (i, j) in (0..100).flat_map(|i| (0..100).map(move |j| (i, j))).filter(|(i, j)| i != j) {
                let bits = |i: usize, j: usize| {
                    (images.of_acceptors_per_nm[i][j].to_bits(), device.network.coulomb_kt(i, j).to_bits())
                };
                assert_eq!(bits(i, j), bits(j, i));
                let apart = distance(&d.acceptors[i], &d.acceptors[j]);
                let found = device.network.coulomb_kt(i, j);
                assert!(found >= 0.0 && found < coulomb / apart);
                // what is cut off at 0 is an error of the induced charge
                let whole = coulomb * (1.0 / apart + images.of_acceptors_per_nm[i][j]);
                assert!(whole > -1e-3 * coulomb / apart, "{seed}: {whole} of {}", coulomb / apart);
            }
            // at most that of the least distance, in a corner of two metal edges twice that
            assert!(device.own_image_energies_kt().iter().all(|e| *e > 0.0 && *e < 2.0 * coulomb / 4.0));
            assert!(device.unscreened_parts().iter().all(|part| (0.0..1.0).contains(part)));
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for (height, least, words) in [
            (0.0, 1.0, ["electrode_height_nm", "positive"]),
            (4.0, 1.0, ["electrode_height_nm", "thickness of the device (5 nm)"]),
            (f64::NAN, 1.0, ["electrode_height_nm", "to 1e6 nm"]),
            (2e6, 1.0, ["electrode_height_nm", "to 1e6 nm"]),
            (30.0, 0.0, ["least_distance_nm", "from 0.01 nm"]),
            (30.0, 16.0, ["least_distance_nm", "to a quarter of the device's width (15 nm)"]),
            (30.0, f64::NAN, ["least_distance_nm", "from 0.01 nm"]),
        ] {
            let mut d = described(Like::Boron60Nm, |settings| settings.thickness_nm = 5.0);
            d.acceptors[0] = [0.0, 30.0, 1.0];
            d.image_charges = Some(ImageCharges { electrode_height_nm: height, least_distance_nm: least });
            let message = DopantNetwork::from_description(&d).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }

    /// What is taken from a device with the same places is what would be found, and from one with other places nothing is.
    #[test]
    fn devices_that_differ_in_temperature_share_potentials_and_images() {
        let d = described(Like::Boron60Nm, |_| {});
        let device = DopantNetwork::from_description(&d).unwrap();
        let cold = Description { temperature_kelvin: 40.0, ..d.clone() };
        let mut moved = cold.clone();
        moved.acceptors[0][0] += 0.5;
        let mut coarse = cold.clone();
        coarse.mesh_cells /= 2;
        let mut bare = cold.clone();
        bare.image_charges = None;
        for (number, other) in [cold, moved, coarse, bare].iter().enumerate() {
            let alone = DopantNetwork::from_description(other).unwrap();
            assert_eq!(DopantNetwork::from_description_near(other, [&device]).unwrap(), alone);
            assert_eq!(alone.network.potentials() == device.network.potentials(), number == 0 || number == 3);
        }
    }

    #[test]
    fn files_hold_the_settings_and_nothing_without_them() {
        let d = described(Like::Boron60Nm, |_| {});
        let text = serde_json::to_string(&d).unwrap();
        let device = DopantNetwork::from_text(&text).unwrap();
        assert_eq!(device, DopantNetwork::from_description(&d).unwrap());
        let short =
            text.replace(r#"{"electrode_height_nm":30.0,"least_distance_nm":1.0}"#, r#"{"electrode_height_nm":30.0}"#);
        assert!(short != text && DopantNetwork::from_text(&short).unwrap() == device);
        let message = DopantNetwork::from_text(&text.replace("least_distance_nm", "least")).unwrap_err().to_string();
        assert!(message.contains("image_charges") && message.contains("least_distance_nm"), "{message}");
        let plain = Description { image_charges: None, ..d };
        assert!(!serde_json::to_string(&plain).unwrap().contains("image"));
        assert!(DopantNetwork::from_description(&plain).unwrap().images.is_none());
    }
}
