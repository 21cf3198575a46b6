//! Laplace's equation on the device's area: the potential at each site for one unit on one electrode.
//!
//! Linear triangular elements and a sparse Cholesky factorization, one right-hand side for each electrode; the boundary
//! between electrodes is at zero or insulating ([`Rim`]). With electrodes through the whole depth and insulating faces the
//! potential does not depend on depth, so that two dimensions are sufficient for a thick device as well.

use faer::linalg::solvers::Solve;
use faer::sparse::{SparseColMat, Triplet};

use crate::error::NetworkError;
use crate::geometry::{Domain, Rim};

/// A triangulation.
#[derive(Clone, Debug)]
pub(crate) struct Mesh {
    nodes: Vec<[f64; 2]>,
    triangles: Vec<[usize; 3]>,
    boundary: Vec<bool>,
    /// Corners of a rectangle.
    corner: Vec<bool>,
}

impl Mesh {
    /// With about `cells` cells along the largest extent.
    pub(crate) fn new(domain: &Domain, cells: usize) -> Self {
        match *domain {
            Domain::Rectangle { width_nm, height_nm, .. } => {
                let size = width_nm.max(height_nm);
                let count = |length: f64| ((cells as f64 * length / size).round() as usize).max(4);
                Self::rectangle(width_nm, height_nm, count(width_nm), count(height_nm))
            }
            Domain::Disc { radius_nm, .. } => Self::disc(radius_nm, cells.div_ceil(2).max(3)),
        }
    }

    fn rectangle(width: f64, height: f64, columns: usize, rows: usize) -> Self {
        let (mut nodes, mut boundary, mut triangles) = (Vec::new(), Vec::new(), Vec::new());
        for j in 0..=rows {
            for i in 0..=columns {
                nodes.push([width * i as f64 / columns as f64, height * j as f64 / rows as f64]);
                boundary.push(i == 0 || j == 0 || i == columns || j == rows);
            }
        }
        let at = |i: usize, j: usize| j * (columns + 1) + i;
        for j in 0..rows {
            for i in 0..columns {
                let [a, b, c, d] = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
                triangles.push([a, b, c]);
                triangles.push([a, c, d]);
            }
        }
        let corner = (0..nodes.len()).map(|k| [at(0, 0), at(columns, 0), at(0, rows), at(columns, rows)].contains(&k));
        Self { triangles, boundary, corner: corner.collect(), nodes }
    }

    /// Rings of 6k nodes around the centre.
    fn disc(radius: f64, rings: usize) -> Self {
        let (mut nodes, mut boundary, mut triangles) = (vec![[0.0, 0.0]], vec![false], Vec::new());
        let first = |ring: usize| if ring == 0 { 0 } else { 1 + 3 * ring * (ring - 1) };
        for ring in 1..=rings {
            let r = radius * ring as f64 / rings as f64;
            for k in 0..6 * ring {
                let angle = std::f64::consts::TAU * k as f64 / (6 * ring) as f64;
                nodes.push([r * angle.cos(), r * angle.sin()]);
                boundary.push(ring == rings);
            }
            // six sectors; in each, `ring` outer and `ring − 1` inner intervals
            let outer = |k: usize| first(ring) + k % (6 * ring);
            let inner = |k: usize| if ring == 1 { 0 } else { first(ring - 1) + k % (6 * (ring - 1)) };
            for sector in 0..6 {
                for k in 0..ring {
                    triangles.push([
                        inner(sector * (ring - 1) + k),
                        outer(sector * ring + k),
                        outer(sector * ring + k + 1),
                    ]);
                    if k + 1 < ring {
                        let (a, b) = (inner(sector * (ring - 1) + k), inner(sector * (ring - 1) + k + 1));
                        triangles.push([a, outer(sector * ring + k + 1), b]);
                    }
                }
            }
        }
        Self { triangles, boundary, corner: vec![false; nodes.len()], nodes }
    }

    /// Moves the boundary node next to each of `ends` there, so that what is fixed is as wide as the electrode.
    fn move_to(&mut self, ends: impl Iterator<Item = [f64; 2]>) {
        for end in ends {
            let distance = |node: usize| (self.nodes[node][0] - end[0]).hypot(self.nodes[node][1] - end[1]);
            let on_boundary = (0..self.nodes.len()).filter(|&node| self.boundary[node]);
            if let Some(nearest) = on_boundary.min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
                && !self.corner[nearest]
            {
                self.nodes[nearest] = end;
            }
        }
    }

    fn corners(&self, triangle: &[usize; 3]) -> [[f64; 2]; 3] {
        triangle.map(|node| self.nodes[node])
    }

    /// Solutions at all nodes for several boundary values, each a function of the position on the boundary; where the boundary
    /// is not `fixed`, no field leaves.
    pub(crate) fn solve(
        &self,
        fixed: &dyn Fn([f64; 2]) -> bool,
        boundary_values: &[&dyn Fn([f64; 2]) -> f64],
    ) -> Result<Vec<Vec<f64>>, NetworkError> {
        let is_given: Vec<bool> = self.nodes.iter().zip(&self.boundary).map(|(p, b)| *b && fixed(*p)).collect();
        let mut unknown = vec![usize::MAX; self.nodes.len()];
        let mut count = 0;
        for (node, _) in is_given.iter().enumerate().filter(|(_, given)| !**given) {
            unknown[node] = count;
            count += 1;
        }
        let mut solutions: Vec<Vec<f64>> = boundary_values
            .iter()
            .map(|value| self.nodes.iter().zip(&is_given).map(|(p, b)| if *b { value(*p) } else { 0.0 }).collect())
            .collect();
        let mut entries = Vec::with_capacity(9 * self.triangles.len());
        let mut right = faer::Mat::<f64>::zeros(count, boundary_values.len());
        for triangle in &self.triangles {
            let [a, b, c] = self.corners(triangle);
            let twice_area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
            // gradients of the three hat functions, times twice the area
            let slopes = [[b[1] - c[1], c[0] - b[0]], [c[1] - a[1], a[0] - c[0]], [a[1] - b[1], b[0] - a[0]]];
            for (i, &row) in triangle.iter().enumerate().filter(|(_, row)| unknown[**row] != usize::MAX) {
                for (j, &column) in triangle.iter().enumerate() {
                    let stiffness = (slopes[i][0] * slopes[j][0] + slopes[i][1] * slopes[j][1]) / (2.0 * twice_area);
                    if unknown[column] == usize::MAX {
                        for (k, solution) in solutions.iter().enumerate() {
                            right[(unknown[row], k)] -= stiffness * solution[column];
                        }
                    } else {
                        entries.push(Triplet::new(unknown[row], unknown[column], stiffness));
                    }
                }
            }
        }
        let failed =
            |what: String| NetworkError::entry("domain", format!("has no solution of Laplace's equation: {what}"));
        let matrix = SparseColMat::<usize, f64>::try_new_from_triplets(count, count, &entries)
            .map_err(|e| failed(format!("{e:?}")))?;
        let factors = matrix.sp_cholesky(faer::Side::Lower).map_err(|e| failed(format!("{e:?}")))?;
        let found = factors.solve(&right);
        for (node, &row) in unknown.iter().enumerate().filter(|(_, row)| **row != usize::MAX) {
            for (k, solution) in solutions.iter_mut().enumerate() {
                solution[node] = found[(row, k)];
            }
        }
        Ok(solutions)
    }

    /// The triangle that contains a point (or is nearest) and the weights of its corners.
    pub(crate) fn locate(&self, point: [f64; 2]) -> ([usize; 3], [f64; 3]) {
        let mut best = ([0; 3], [0.0; 3], f64::NEG_INFINITY);
        for triangle in &self.triangles {
            let [a, b, c] = self.corners(triangle);
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
            let part = |p: [f64; 2], q: [f64; 2]| {
                ((p[0] - point[0]) * (q[1] - point[1]) - (q[0] - point[0]) * (p[1] - point[1])) / area
            };
            let weights = [part(b, c), part(c, a), part(a, b)];
            let inside = weights.iter().copied().fold(f64::INFINITY, f64::min);
            if inside > best.2 {
                best = (*triangle, weights, inside);
            }
            if inside >= 0.0 {
                break;
            }
        }
        let clipped = best.1.map(|w| w.max(0.0));
        let sum: f64 = clipped.iter().sum();
        (best.0, clipped.map(|w| w / sum))
    }
}

/// Potential at each site for one unit on each electrode, `[electrode][site]`.
///
/// # Errors
/// If no node of the mesh lies on an electrode, or the factorization fails.
pub(crate) fn electrode_potentials(
    domain: &Domain,
    rim: Rim,
    electrodes: &[([f64; 2], f64)],
    sites: &[[f64; 3]],
    cells: usize,
) -> Result<Vec<Vec<f64>>, NetworkError> {
    let mut mesh = Mesh::new(domain, cells);
    if rim == Rim::Insulating {
        let stretches = electrodes.iter().flat_map(|&(position, width)| domain.stretches(position, width));
        mesh.move_to(stretches.flat_map(|stretch| stretch.ends_nm()));
    }
    for (number, &(position, width)) in electrodes.iter().enumerate() {
        let covered =
            mesh.nodes.iter().zip(&mesh.boundary).any(|(p, b)| *b && domain.coverage(position, width, *p) > 0.0);
        if !covered {
            let what =
                format!("is {width}: no node of the mesh lies on it, make it wider or raise `mesh_cells` ({cells})");
            return Err(NetworkError::entry(format!("electrodes[{number}].width_nm"), what));
        }
    }
    let values: Vec<Box<dyn Fn([f64; 2]) -> f64>> = electrodes
        .iter()
        .map(|&(position, width)| -> Box<dyn Fn([f64; 2]) -> f64> {
            Box::new(move |p| {
                let part = domain.coverage(position, width, p);
                // half a volt at the end of an electrode stands for the rim beside it at zero
                if rim == Rim::Insulating { part.ceil() } else { part }
            })
        })
        .collect();
    let references: Vec<&dyn Fn([f64; 2]) -> f64> = values.iter().map(|v| &**v as &dyn Fn([f64; 2]) -> f64).collect();
    let covered = |p: [f64; 2]| electrodes.iter().any(|&(at, width)| domain.coverage(at, width, p) > 0.0);
    let solutions = mesh.solve(&|p| rim == Rim::Grounded || covered(p), &references)?;
    let places: Vec<_> = sites.iter().map(|s| mesh.locate([s[0], s[1]])).collect();
    Ok(solutions
        .iter()
        .map(|u| places.iter().map(|(t, w)| t.iter().zip(w).map(|(&node, w)| u[node] * w).sum()).collect())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Largest error against a harmonic function inside a domain.
    fn error(domain: &Domain, cells: usize, exact: &dyn Fn([f64; 2]) -> f64, points: &[[f64; 2]]) -> f64 {
        let mesh = Mesh::new(domain, cells);
        let solution = &mesh.solve(&|_| true, &[exact]).unwrap()[0];
        points
            .iter()
            .map(|&p| {
                let (nodes, weights) = mesh.locate(p);
                let found: f64 = nodes.iter().zip(weights).map(|(&n, w)| solution[n] * w).sum();
                (found - exact(p)).abs()
            })
            .fold(0.0, f64::max)
    }

    /// Between electrodes that cover two opposite sides, nothing leaves through the other two.
    #[test]
    fn between_plates_the_potential_is_linear() {
        let domain = Domain::Rectangle { width_nm: 30.0, height_nm: 20.0, thickness_nm: 0.0 };
        let plates = [([0.0, 10.0], 20.0), ([30.0, 10.0], 20.0)];
        let sites: Vec<[f64; 3]> = (1..10).map(|k| [3.0 * f64::from(k), 2.0 * f64::from(k), 0.0]).collect();
        let found = electrode_potentials(&domain, Rim::Insulating, &plates, &sites, 60).unwrap();
        for (site, (left, right)) in sites.iter().zip(found[0].iter().zip(&found[1])) {
            assert!((left - (1.0 - site[0] / 30.0)).abs() < 1e-9 && (right - site[0] / 30.0).abs() < 1e-9);
        }
    }

    /// The same voltage on all electrodes is that voltage everywhere. The mesh converges in spite of infinite fields at the ends.
    #[test]
    fn an_insulating_rim_adds_up_to_one_and_converges() {
        let disc = Domain::Disc { radius_nm: 150.0, thickness_nm: 0.0 };
        let square = Domain::Rectangle { width_nm: 60.0, height_nm: 60.0, thickness_nm: 0.0 };
        for (domain, width_nm) in [(disc, 60.0), (square, 12.5)] {
            let electrodes: Vec<([f64; 2], f64)> =
                domain.spaced_electrodes(8).into_iter().map(|position| (position, width_nm)).collect();
            let [[x0, x1], [y0, y1]] = domain.bounds_nm();
            let place =
                |k: usize, low: f64, high: f64, step: f64| low + (high - low) * (0.2 + 0.6 * (k as f64 * step).fract());
            let sites: Vec<[f64; 3]> =
                (0..50).map(|k| [place(k, x0, x1, 0.618), place(k, y0, y1, 0.382), 0.0]).collect();
            let of = |cells| electrode_potentials(&domain, Rim::Insulating, &electrodes, &sites, cells).unwrap();
            let finest = of(400);
            let worst = |found: &[Vec<f64>]| {
                let differences = found.iter().flatten().zip(finest.iter().flatten()).map(|(a, b)| (a - b).abs());
                differences.fold(0.0, f64::max)
            };
            for site in 0..sites.len() {
                assert!((finest.iter().map(|row| row[site]).sum::<f64>() - 1.0).abs() < 1e-9);
            }
            let (coarse, fine) = (worst(&of(50)), worst(&of(200)));
            assert!(fine < 2e-3 && fine < 0.4 * coarse, "{domain:?}: {coarse} {fine}");
        }
    }

    #[test]
    fn error_falls_with_the_square_of_the_mesh() {
        let square = Domain::Rectangle { width_nm: 1.0, height_nm: 1.0, thickness_nm: 0.0 };
        let disc = Domain::Disc { radius_nm: 1.0, thickness_nm: 0.0 };
        let sine = |p: [f64; 2]| (PI * p[0]).sin() * (PI * p[1]).sinh() / PI.sinh();
        let cubic = |p: [f64; 2]| p[0].powi(3) - 3.0 * p[0] * p[1] * p[1];
        let points: Vec<[f64; 2]> = (0..200)
            .map(|k| [0.05 + 0.6 * (k as f64 * 0.618).fract(), 0.05 + 0.6 * (k as f64 * 0.382).fract()])
            .collect();
        for (domain, exact) in [(square, &sine as &dyn Fn([f64; 2]) -> f64), (disc, &cubic)] {
            let errors: Vec<f64> = [20, 40, 80].iter().map(|&c| error(&domain, c, exact, &points)).collect();
            for pair in errors.windows(2) {
                let order = (pair[0] / pair[1]).log2();
                assert!((1.7..2.4).contains(&order), "{domain:?}: order {order}, errors {errors:?}");
            }
            assert!(errors[2] < 1e-3, "{errors:?}");
        }
    }
}
