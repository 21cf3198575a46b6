//! Flat rectangular plates that stand upright on the plane of the device, evenly charged: their potentials, exact or integrated.

/// Points and weights of Gauss' rule with two points on −1 to 1, the weights adding up to 1.
const GAUSS_2: [(f64, f64); 2] = [(-0.577_350_269_189_625_8, 0.5), (0.577_350_269_189_625_8, 0.5)];
/// The same with three points.
const GAUSS_3: [(f64, f64); 3] =
    [(-0.774_596_669_241_483_4, 5.0 / 18.0), (0.0, 4.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 18.0)];
/// Gauss' rule with five points t at x = (3t − t³)/2, which lie closer at the ends: the potential of a plate has a slope without bound
/// at the side of the next.
const ENDS_5: [(f64, f64); 5] = [
    (-0.987_209_580_917_464_4, 0.031_778_663_128_789_93),
    (-0.729_639_592_872_153_4, 0.254_888_003_537_876_7),
    (0.0, 0.426_666_666_666_666_64),
    (0.729_639_592_872_153_4, 0.254_888_003_537_876_7),
    (0.987_209_580_917_464_4, 0.031_778_663_128_789_93),
];
/// Plates whose middles are nearer than this many times the longest side of both are near each other.
const NEAR: f64 = 2.0;
/// Those that are further apart than this many times that side are far.
const FAR: f64 = 4.0;

/// A plate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plate {
    /// Its middle \[nm\].
    pub centre: [f64; 3],
    /// Direction of its horizontal sides, of length 1.
    pub along: [f64; 2],
    /// Half its horizontal and half its vertical side \[nm\].
    pub half: [f64; 2],
}

impl Plate {
    /// Its longer side \[nm\].
    pub(super) fn longest_nm(&self) -> f64 {
        2.0 * self.half[0].max(self.half[1])
    }

    /// A point in the plate's own coordinates: along, up and off its plane \[nm\].
    fn local(&self, point: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = [0, 1, 2].map(|k| point[k] - self.centre[k]);
        let [cos, sin] = self.along;
        [x * cos + y * sin, z, y * cos - x * sin]
    }

    fn point(&self, along: f64, up: f64) -> [f64; 3] {
        let [x, y, z] = self.centre;
        [x + along * self.half[0] * self.along[0], y + along * self.half[0] * self.along[1], z + up * self.half[1]]
    }

    /// Distance of a point from the plate \[nm\].
    pub(super) fn distance_nm(&self, point: [f64; 3]) -> f64 {
        let [x, z, off] = self.local(point);
        let beyond = |coordinate: f64, half: f64| (coordinate.abs() - half).max(0.0);
        beyond(x, self.half[0]).hypot(beyond(z, self.half[1])).hypot(off)
    }

    /// Mean of 1/r over the plate: the potential of one charge spread evenly on it, over e/4πε \[1/nm\].
    pub(super) fn potential_per_nm(&self, point: [f64; 3]) -> f64 {
        let [x, z, off] = self.local(point);
        let ([a, b], off) = (self.half, off.abs());
        let (xs, zs) = ([x - a, x + a], [z - b, z + b]);
        let mut sum = 0.0;
        // ∫∫ dx dz / r = Σ ± [x ln(z + r) + z ln(x + r) − n atan(xz/nr)] over the corners
        for (corner, others) in [(xs, zs), (zs, xs)] {
            for (sign, at) in [(-1.0, corner[0]), (1.0, corner[1])] {
                let from_line = at.hypot(off);
                if from_line > 0.0 {
                    sum += sign * at * ((others[1] / from_line).asinh() - (others[0] / from_line).asinh());
                }
            }
        }
        if off > 0.0 {
            for (sign_x, x) in [(-1.0, xs[0]), (1.0, xs[1])] {
                for (sign_z, z) in [(-1.0, zs[0]), (1.0, zs[1])] {
                    let r = (x * x + z * z + off * off).sqrt();
                    sum -= sign_x * sign_z * off * (x * z / (off * r)).atan();
                }
            }
        }
        sum / (4.0 * a * b)
    }

    /// Mean of 1/r over all pairs of its points \[1/nm\].
    pub(super) fn own_per_nm(&self) -> f64 {
        let [a, b] = self.half.map(|h| 2.0 * h);
        let diagonal = a.hypot(b);
        let logarithms = 3.0 * a * b * (a * (b / a).asinh() + b * (a / b).asinh());
        2.0 / 3.0 * (logarithms + a.powi(3) + b.powi(3) - diagonal.powi(3)) / (a * b).powi(2)
    }

    /// Mean of 1/r over the pairs of points of two plates \[1/nm\], the same from both sides to the last bit, within 2·10⁻⁴.
    pub(super) fn mutual_per_nm(&self, other: &Self) -> f64 {
        let apart = [0, 1, 2].map(|k| self.centre[k] - other.centre[k]).iter().map(|d| d * d).sum::<f64>().sqrt();
        let (small, large) = if self.order(other).is_gt() { (other, self) } else { (self, other) };
        if apart > FAR * large.longest_nm() {
            let per_distance =
                |p: [f64; 3], q: [f64; 3]| p.iter().zip(q).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt().recip();
            return small.over(&GAUSS_2, |p| large.over(&GAUSS_2, |q| per_distance(p, q)));
        }
        let rule: &[(f64, f64)] = if apart > NEAR * large.longest_nm() { &GAUSS_3 } else { &ENDS_5 };
        small.over(rule, |p| large.potential_per_nm(p))
    }

    /// By size, then by place, so that of two plates the same one is integrated over.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |p: &Self| [p.longest_nm(), p.centre[0], p.centre[1], p.centre[2]];
        key(self)
            .iter()
            .zip(key(other))
            .map(|(a, b)| a.total_cmp(&b))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    }

    /// Mean of a function over the plate.
    fn over(&self, rule: &[(f64, f64)], of: impl Fn([f64; 3]) -> f64) -> f64 {
        let row = |x: f64| rule.iter().map(|(z, weight)| weight * of(self.point(x, *z))).sum::<f64>();
        rule.iter().map(|(x, weight)| weight * row(*x)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(centre: [f64; 3], angle: f64, half: [f64; 2]) -> Plate {
        Plate { centre, along: [angle.cos(), angle.sin()], half }
    }

    /// Means over `count` by `count` points in the middles of equal parts.
    fn summed(plate: &Plate, count: i32, of: impl Fn([f64; 3]) -> f64) -> f64 {
        let at = |k: i32| (2.0 * f64::from(k) + 1.0) / f64::from(count) - 1.0;
        let sum: f64 = (0..count * count).map(|k| of(plate.point(at(k / count), at(k % count)))).sum();
        sum / f64::from(count * count)
    }

    #[test]
    fn the_potential_of_a_plate_is_a_sum_over_its_points() {
        let plate = plate([1.0, -2.0, 0.5], 0.7, [1.5, 0.4]);
        for point in [[2.0, 1.0, 3.0], [1.0, -2.0, 1.5], [40.0, 3.0, -2.0], [1.3, -1.9, 0.8]] {
            let expected =
                summed(&plate, 400, |p| p.iter().zip(point).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt().recip());
            let found = plate.potential_per_nm(point);
            assert!((found / expected - 1.0).abs() < 2e-5, "{found} {expected}");
        }
        // far away, that of a point; on an edge and on a corner, finite
        let far = plate.potential_per_nm([1.0, -2.0, 1e6]);
        assert!((far * (1e6 - 0.5) - 1.0).abs() < 1e-9, "{far}");
        let corner = plate.potential_per_nm(plate.point(1.0, 1.0));
        assert!(corner > 0.0 && corner < plate.potential_per_nm(plate.centre));
    }

    #[test]
    fn means_over_two_plates_are_those_of_finer_sums() {
        // mean of 1/r in a unit square: 4/3 (1 + 3 ln(1 + √2) − √2)
        let square = plate([0.0; 3], 0.3, [0.5, 0.5]);
        let expected = 4.0 / 3.0 * (1.0 + 3.0 * (1.0 + 2.0_f64.sqrt()).ln() - 2.0_f64.sqrt());
        assert!((square.own_per_nm() / expected - 1.0).abs() < 1e-12);
        let one = plate([0.0; 3], 0.0, [0.5, 0.5]);
        // beside it, around a corner, near and far
        for other in [
            plate([1.0, 0.0, 0.0], 0.0, [0.5, 0.5]),
            plate([0.5, 0.5, 0.0], 0.5 * std::f64::consts::PI, [0.5, 0.5]),
            plate([1.5, 0.0, 0.5], 0.2, [1.0, 1.0]),
            plate([3.0, 1.0, 2.0], 0.4, [0.5, 0.3]),
            plate([4.1, 1.0, 0.0], 0.4, [0.5, 0.5]),
        ] {
            let expected = summed(&one, 400, |p| other.potential_per_nm(p));
            let found = one.mutual_per_nm(&other);
            assert!((found / expected - 1.0).abs() < 2e-4, "{other:?}: {found} {expected}");
            assert_eq!(found.to_bits(), other.mutual_per_nm(&one).to_bits());
        }
    }
}
