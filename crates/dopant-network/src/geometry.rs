//! Geometry of the device: outline, electrodes and dopant positions.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Dxsm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::NetworkError;

/// Largest distance of a given electrode position from the boundary, as a fraction of the domain's size.
const ON_BOUNDARY: f64 = 1e-6;
/// Largest number of draws for the position of one dopant.
const MOST_DRAWS: usize = 100_000;

/// The boundary between the electrodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rim {
    /// At 0 V, as in kmc_dn.
    #[default]
    Grounded,
    /// No field leaves the device between electrodes, as in MCNetwork.
    Insulating,
}

/// From where holes hop to and from an electrode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// From its middle, as in kmc_dn and MCNetwork: at the ends of a wide electrode far too slow.
    #[default]
    Middle,
    /// From the point of it that is nearest to the acceptor.
    Nearest,
}

/// Outline of the device, seen from above.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Domain {
    /// Corners at (0, 0) and (width, height).
    Rectangle {
        /// Extent in x \[nm\].
        width_nm: f64,
        /// Extent in y \[nm\].
        height_nm: f64,
        /// Depth in which dopants lie \[nm\]; 0 for a plane.
        #[serde(default)]
        thickness_nm: f64,
    },
    /// Centre at (0, 0).
    Disc {
        /// Radius \[nm\].
        radius_nm: f64,
        /// Depth in which dopants lie \[nm\]; 0 for a plane.
        #[serde(default)]
        thickness_nm: f64,
    },
}

/// A part of the boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stretch {
    /// Of an edge of a rectangle, from one point to another \[nm\].
    Straight([[f64; 2]; 2]),
    /// Of a circle around (0, 0), from one angle to another.
    Arc {
        /// Radius \[nm\].
        radius_nm: f64,
        /// Both angles.
        angles: [f64; 2],
    },
}

impl Stretch {
    /// Its two ends \[nm\].
    pub(crate) fn ends_nm(&self) -> [[f64; 2]; 2] {
        match *self {
            Self::Straight(ends) => ends,
            Self::Arc { radius_nm, angles } => angles.map(|angle| [radius_nm * angle.cos(), radius_nm * angle.sin()]),
        }
    }

    /// Longest piece that is straight enough \[nm\].
    pub(crate) fn longest_piece_nm(&self) -> f64 {
        match *self {
            Self::Straight(_) => f64::INFINITY,
            Self::Arc { radius_nm, .. } => 0.25 * radius_nm,
        }
    }

    /// A piece, from and to given parts of the whole, as if it were straight: its centre of mass, its direction and its length \[nm\].
    pub(crate) fn piece(&self, part: [f64; 2]) -> ([f64; 2], [f64; 2], f64) {
        let (middle, share) = (0.5 * (part[0] + part[1]), part[1] - part[0]);
        match *self {
            Self::Straight([from, to]) => {
                let whole = [to[0] - from[0], to[1] - from[1]];
                let length = whole[0].hypot(whole[1]);
                let centre = [from[0] + middle * whole[0], from[1] + middle * whole[1]];
                (centre, whole.map(|d| d / length), share * length)
            }
            Self::Arc { radius_nm, angles } => {
                let (angle, turn) = (angles[0] + middle * (angles[1] - angles[0]), share * (angles[1] - angles[0]));
                let half = 0.5 * turn;
                let distance = if half > 0.0 { radius_nm * half.sin() / half } else { radius_nm };
                ([distance * angle.cos(), distance * angle.sin()], [-angle.sin(), angle.cos()], radius_nm * turn)
            }
        }
    }

    /// Distance of a point from it \[nm\].
    pub(crate) fn distance_nm(&self, point: [f64; 2]) -> f64 {
        match *self {
            Self::Straight([from, to]) => {
                let (whole, there) = ([to[0] - from[0], to[1] - from[1]], [point[0] - from[0], point[1] - from[1]]);
                let part = (there[0] * whole[0] + there[1] * whole[1]) / (whole[0] * whole[0] + whole[1] * whole[1]);
                let part = part.clamp(0.0, 1.0);
                (there[0] - part * whole[0]).hypot(there[1] - part * whole[1])
            }
            Self::Arc { radius_nm, angles } => {
                let half = 0.5 * (angles[1] - angles[0]);
                let off = signed_turn(point[1].atan2(point[0]) - angles[0] - half);
                let angle = angles[0] + half + off.clamp(-half, half);
                (point[0] - radius_nm * angle.cos()).hypot(point[1] - radius_nm * angle.sin())
            }
        }
    }
}

/// An angle between −π and π.
fn signed_turn(angle: f64) -> f64 {
    (angle + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI
}

impl Domain {
    /// Depth \[nm\].
    #[must_use]
    pub fn thickness_nm(&self) -> f64 {
        let (Self::Rectangle { thickness_nm, .. } | Self::Disc { thickness_nm, .. }) = self;
        *thickness_nm
    }

    /// Area \[nm²\].
    #[must_use]
    pub fn area_nm2(&self) -> f64 {
        match *self {
            Self::Rectangle { width_nm, height_nm, .. } => width_nm * height_nm,
            Self::Disc { radius_nm, .. } => std::f64::consts::PI * radius_nm * radius_nm,
        }
    }

    /// Largest extent \[nm\].
    #[must_use]
    pub fn size_nm(&self) -> f64 {
        match *self {
            Self::Rectangle { width_nm, height_nm, .. } => width_nm.max(height_nm),
            Self::Disc { radius_nm, .. } => 2.0 * radius_nm,
        }
    }

    /// Smallest extent \[nm\].
    pub(crate) fn narrowest_nm(&self) -> f64 {
        match *self {
            Self::Rectangle { width_nm, height_nm, .. } => width_nm.min(height_nm),
            Self::Disc { radius_nm, .. } => 2.0 * radius_nm,
        }
    }

    /// Lowest and highest x and y \[nm\].
    #[must_use]
    pub fn bounds_nm(&self) -> [[f64; 2]; 2] {
        match *self {
            Self::Rectangle { width_nm, height_nm, .. } => [[0.0, width_nm], [0.0, height_nm]],
            Self::Disc { radius_nm: r, .. } => [[-r, r], [-r, r]],
        }
    }

    pub(crate) fn checked(self) -> Result<Self, NetworkError> {
        let positive = |entry: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(NetworkError::entry(entry, format!("is {value}: must be a positive length in nm")))
            }
        };
        match self {
            Self::Rectangle { width_nm, height_nm, .. } => {
                positive("domain.width_nm", width_nm)?;
                positive("domain.height_nm", height_nm)?;
            }
            Self::Disc { radius_nm, .. } => positive("domain.radius_nm", radius_nm)?,
        }
        if !(self.thickness_nm() >= 0.0 && self.thickness_nm().is_finite()) {
            let what = format!("is {}: must be a length in nm, or 0 for a plane", self.thickness_nm());
            return Err(NetworkError::entry("domain.thickness_nm", what));
        }
        Ok(self)
    }

    /// Distance of a point from the boundary, positive inside \[nm\].
    #[must_use]
    pub fn depth_inside_nm(&self, point: [f64; 2]) -> f64 {
        match *self {
            Self::Rectangle { width_nm, height_nm, .. } => {
                let [x, y] = point;
                x.min(width_nm - x).min(y).min(height_nm - y)
            }
            Self::Disc { radius_nm, .. } => radius_nm - point[0].hypot(point[1]),
        }
    }

    /// Distance between two points along the boundary \[nm\]; infinite on different edges of a rectangle.
    fn along_boundary_nm(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        match *self {
            Self::Rectangle { width_nm: w, height_nm: h, .. } => {
                let near = |a: f64, b: f64| (a - b).abs() <= ON_BOUNDARY * self.size_nm();
                let common_edge = |axis: usize, at: f64| near(a[axis], at) && near(b[axis], at);
                let along = |axis: usize| (a[axis] - b[axis]).abs();
                let upright = if common_edge(0, 0.0) || common_edge(0, w) { along(1) } else { f64::INFINITY };
                let level = if common_edge(1, 0.0) || common_edge(1, h) { along(0) } else { f64::INFINITY };
                upright.min(level)
            }
            Self::Disc { radius_nm, .. } => {
                let angle = |p: [f64; 2]| p[1].atan2(p[0]);
                let turn = (angle(a) - angle(b)).rem_euclid(std::f64::consts::TAU);
                turn.min(std::f64::consts::TAU - turn) * radius_nm
            }
        }
    }

    /// Boundary value for one unit on an electrode: 1 within half a width of its centre, measured along the boundary, 0
    /// beyond, and one half at its ends, so that an electrode that ends on a mesh node has its true width.
    #[must_use]
    pub fn coverage(&self, electrode: [f64; 2], width_nm: f64, point: [f64; 2]) -> f64 {
        let inside = 0.5 * width_nm - self.along_boundary_nm(electrode, point);
        let tolerance = 1e-9 * self.size_nm();
        if inside > tolerance {
            1.0
        } else if inside >= -tolerance {
            0.5
        } else {
            0.0
        }
    }

    /// Length of a hop between an electrode and a site \[nm\].
    pub(crate) fn hop_nm(&self, contact: Contact, electrode: [f64; 2], width_nm: f64, site: [f64; 3]) -> f64 {
        let [x, y, z] = site;
        match contact {
            Contact::Middle => {
                let to = [x - electrode[0], y - electrode[1], z - 0.5 * self.thickness_nm()];
                to.iter().map(|d| d * d).sum::<f64>().sqrt()
            }
            // electrodes reach through the whole depth
            Contact::Nearest => {
                let near = self.nearest_nm(electrode, width_nm, [x, y]);
                (x - near[0]).hypot(y - near[1])
            }
        }
    }

    /// The whole boundary.
    pub(crate) fn boundary(&self) -> Vec<Stretch> {
        match *self {
            Self::Rectangle { width_nm: w, height_nm: h, .. } => {
                let corners = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h], [0.0, 0.0]];
                corners.windows(2).map(|ends| Stretch::Straight([ends[0], ends[1]])).collect()
            }
            Self::Disc { radius_nm, .. } => {
                vec![Stretch::Arc { radius_nm, angles: [-std::f64::consts::PI, std::f64::consts::PI] }]
            }
        }
    }

    /// The edges of a rectangle on which an electrode stands, two in a corner: the axis across, the place along it, and from where to where it
    /// reaches on the edge \[nm\].
    fn edges_nm(
        &self,
        sides: [f64; 2],
        electrode: [f64; 2],
        width_nm: f64,
    ) -> impl Iterator<Item = (usize, f64, [f64; 2])> {
        let tolerance = ON_BOUNDARY * self.size_nm();
        [(0, 0.0), (0, sides[0]), (1, 0.0), (1, sides[1])]
            .into_iter()
            .filter(move |&(axis, at)| (electrode[axis] - at).abs() <= tolerance)
            .map(move |(axis, at)| {
                let (middle, half) = (electrode[1 - axis], 0.5 * width_nm);
                (axis, at, [(middle - half).max(0.0), (middle + half).min(sides[1 - axis])])
            })
    }

    /// The stretch of the boundary that an electrode covers; two, around a corner.
    pub(crate) fn stretches(&self, electrode: [f64; 2], width_nm: f64) -> Vec<Stretch> {
        match *self {
            Self::Rectangle { width_nm: w, height_nm: h, .. } => {
                let on = |(axis, at, ends): (usize, f64, [f64; 2])| {
                    Stretch::Straight(ends.map(|along| if axis == 0 { [at, along] } else { [along, at] }))
                };
                self.edges_nm([w, h], electrode, width_nm).map(on).collect()
            }
            Self::Disc { radius_nm, .. } => {
                let (middle, half) = (electrode[1].atan2(electrode[0]), 0.5 * width_nm / radius_nm);
                let half = half.min(std::f64::consts::PI);
                vec![Stretch::Arc { radius_nm, angles: [middle - half, middle + half] }]
            }
        }
    }

    /// A point, moved inwards if it is nearer to the boundary than `depth_nm`, at most half the smallest extent \[nm\].
    pub(crate) fn at_depth_nm(&self, point: [f64; 2], depth_nm: f64) -> [f64; 2] {
        match *self {
            Self::Rectangle { width_nm, height_nm, .. } => {
                [point[0].clamp(depth_nm, width_nm - depth_nm), point[1].clamp(depth_nm, height_nm - depth_nm)]
            }
            Self::Disc { radius_nm, .. } => {
                let (most, found) = (radius_nm - depth_nm, point[0].hypot(point[1]));
                if found > most { point.map(|x| x * most / found) } else { point }
            }
        }
    }

    /// The point of an electrode that is nearest to a point inside \[nm\]. In a corner an electrode stands on both edges.
    fn nearest_nm(&self, electrode: [f64; 2], width_nm: f64, point: [f64; 2]) -> [f64; 2] {
        match *self {
            Self::Rectangle { width_nm: w, height_nm: h, .. } => {
                let on = |(axis, _, ends): (usize, f64, [f64; 2])| {
                    let mut nearest = electrode;
                    nearest[1 - axis] = point[1 - axis].clamp(ends[0], ends[1]);
                    nearest
                };
                let distance = |p: &[f64; 2]| (p[0] - point[0]).hypot(p[1] - point[1]);
                self.edges_nm([w, h], electrode, width_nm)
                    .map(on)
                    .min_by(|a, b| distance(a).total_cmp(&distance(b)))
                    .unwrap_or(electrode)
            }
            Self::Disc { radius_nm, .. } => {
                let half = 0.5 * width_nm / radius_nm;
                let middle = electrode[1].atan2(electrode[0]);
                let off = point[1].atan2(point[0]) - middle;
                let off = (off + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
                let angle = middle + off.clamp(-half, half);
                [radius_nm * angle.cos(), radius_nm * angle.sin()]
            }
        }
    }

    /// Positions on the boundary, evenly spaced; two on each edge of a rectangle if there are eight.
    #[must_use]
    pub fn spaced_electrodes(&self, count: usize) -> Vec<[f64; 2]> {
        (0..count)
            .map(|k| {
                // never at a corner of a rectangle
                let part = k as f64 / count as f64 + (0.5 / count as f64).min(0.125);
                match *self {
                    Self::Disc { radius_nm, .. } => {
                        let angle = std::f64::consts::TAU * part;
                        [radius_nm * angle.cos(), radius_nm * angle.sin()]
                    }
                    Self::Rectangle { width_nm: w, height_nm: h, .. } => {
                        // one turn around the boundary, a quarter for each edge
                        let edge = 4.0 * part;
                        let along = edge.fract();
                        match edge as usize {
                            0 => [0.0, h * (1.0 - along)],
                            1 => [w * along, 0.0],
                            2 => [w, h * along],
                            _ => [w * (1.0 - along), h],
                        }
                    }
                }
            })
            .collect()
    }

    /// Uniformly distributed positions, none closer than `least_distance_nm` to another or to those in `taken`.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn random_sites(
        &self,
        count: usize,
        least_distance_nm: f64,
        taken: &[[f64; 3]],
        seed: u64,
    ) -> Result<Vec<[f64; 3]>, NetworkError> {
        let mut rng = Pcg64Dxsm::seed_from_u64(seed);
        let mut sites: Vec<[f64; 3]> = Vec::with_capacity(count);
        let [[x0, x1], [y0, y1]] = self.bounds_nm();
        for _ in 0..count {
            let free = (0..MOST_DRAWS).find_map(|_| {
                let site =
                    [rng.random_range(x0..x1), rng.random_range(y0..y1), self.thickness_nm() * rng.random::<f64>()];
                let apart = |other: &[f64; 3]| {
                    site.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() >= least_distance_nm
                };
                (self.depth_inside_nm([site[0], site[1]]) > 0.0 && taken.iter().chain(&sites).all(apart))
                    .then_some(site)
            });
            sites.push(free.ok_or_else(|| {
                let what = format!(
                    "is {least_distance_nm} nm: only {} of {count} dopants could be placed: reduce their number or the distance",
                    sites.len()
                );
                NetworkError::entry("least_distance_nm", what)
            })?);
        }
        Ok(sites)
    }

    /// The closed boundary as a polyline.
    #[must_use]
    pub fn outline(&self) -> Vec<[f64; 2]> {
        const POINTS: usize = 400;
        match *self {
            Self::Rectangle { width_nm: w, height_nm: h, .. } => {
                let side = |a: [f64; 2], b: [f64; 2]| {
                    (0..POINTS / 4).map(move |k| {
                        let t = k as f64 / (POINTS / 4) as f64;
                        [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
                    })
                };
                let corners = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h], [0.0, 0.0]];
                corners.windows(2).flat_map(|p| side(p[0], p[1])).chain([[0.0, 0.0]]).collect()
            }
            Self::Disc { radius_nm: r, .. } => (0..=POINTS)
                .map(|k| {
                    let angle = std::f64::consts::TAU * k as f64 / POINTS as f64;
                    [r * angle.cos(), r * angle.sin()]
                })
                .collect(),
        }
    }

    /// The part of the outline that an electrode covers, in order along it.
    #[must_use]
    pub fn covered(&self, electrode: [f64; 2], width_nm: f64) -> Vec<[f64; 2]> {
        let mut covered: Vec<[f64; 2]> =
            self.outline().into_iter().filter(|p| self.coverage(electrode, width_nm, *p) > 0.0).collect();
        // from one end to the other, also across the first point of the outline
        let along = |p: &[f64; 2]| match *self {
            Self::Disc { .. } => {
                let turn = p[1].atan2(p[0]) - electrode[1].atan2(electrode[0]);
                (turn + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
            }
            Self::Rectangle { .. } => p[0] + p[1],
        };
        covered.sort_by(|a, b| along(a).total_cmp(&along(b)));
        covered
    }

    /// Refuses overlapping electrodes.
    pub(crate) fn check_apart(&self, electrodes: &[([f64; 2], f64)]) -> Result<(), NetworkError> {
        for (k, (position, width)) in electrodes.iter().enumerate() {
            for (l, (other, other_width)) in electrodes[..k].iter().enumerate() {
                let distance = self.along_boundary_nm(*position, *other);
                if distance < 0.5 * (width + other_width) - ON_BOUNDARY * self.size_nm() {
                    let what = format!(
                        "is {width}: electrodes {l} and {k} overlap: their centres are {distance:.4} apart, but the sum of \
                         their half widths is {:.4}",
                        0.5 * (width + other_width)
                    );
                    return Err(NetworkError::entry(format!("electrodes[{k}].width_nm"), what));
                }
            }
        }
        Ok(())
    }

    /// Refuses a position that is not on the boundary; `entry` says in which unit it is given.
    pub(crate) fn check_electrode(&self, entry: &str, position: [f64; 2]) -> Result<(), NetworkError> {
        let depth = self.depth_inside_nm(position);
        let size = self.size_nm();
        if depth.abs() <= ON_BOUNDARY * size {
            return Ok(());
        }
        let where_it_is = if depth > 0.0 {
            format!("lies inside the domain, {depth:.4} from its boundary")
        } else {
            format!("lies outside the domain, {:.4} from its boundary", -depth)
        };
        Err(NetworkError::entry(
            entry,
            format!("({}, {}) {where_it_is}: electrodes stand on the boundary", position[0], position[1]),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An electrode of 20 nm in a corner reaches 10 nm along both edges.
    #[test]
    fn holes_hop_to_a_corner_electrode_from_the_nearer_of_its_edges() {
        let domain = Domain::Rectangle { width_nm: 100.0, height_nm: 60.0, thickness_nm: 0.0 };
        let length =
            |electrode: [f64; 2], x: f64, y: f64| domain.hop_nm(Contact::Nearest, electrode, 20.0, [x, y, 0.0]);
        let is = |found: [f64; 2], right: [f64; 2]| (0..2).all(|k| (found[k] - right[k]).abs() < 1e-12);
        for corner in [[0.0, 0.0], [100.0, 0.0], [100.0, 60.0], [0.0, 60.0]] {
            let inwards = |along: f64, towards: f64| {
                let sign = |axis: usize| if corner[axis] > 0.0 { -1.0 } else { 1.0 };
                length(corner, corner[0] + sign(0) * along, corner[1] + sign(1) * towards)
            };
            assert!(is([inwards(8.0, 3.0), inwards(3.0, 8.0)], [3.0, 3.0]), "{corner:?}");
            assert!(is([inwards(13.0, 4.0), inwards(4.0, 13.0)], [5.0, 5.0]), "{corner:?}");
        }
        // on one edge only, cut off at the corner
        assert!(is([length([5.0, 0.0], 3.0, 8.0), length([5.0, 0.0], 18.0, 4.0)], [8.0, 5.0]));
    }
}
