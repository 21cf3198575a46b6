//! The law of two sites: which of them hold a hole, given how often each does and how strongly two holes repel each other.
//!
//! With a, b, c, d the probabilities of two holes, one on the first, one on the second, none, the interaction C fixes
//! ad/bc = θ = exp(−C), as in equilibrium, and the two occupations fix the rest (Plackett, J. Am. Stat. Assoc. 60, 516
//! (1965)). Everything is kept in logarithms: occupations span hundreds of decades.

/// ln(exp(x) + exp(y)).
pub(super) fn log_add(x: f64, y: f64) -> f64 {
    let (large, small) = if x > y { (x, y) } else { (y, x) };
    large + (small - large).exp().ln_1p()
}

/// Logarithms of how often a site holds a hole and how often it holds none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occupied {
    pub hole: f64,
    pub hollow: f64,
}

/// Logarithms of the probabilities of two sites, and their derivatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct PairLaw {
    /// A hole on the first alone.
    pub first: f64,
    /// A hole on the second alone.
    pub second: f64,
    both: f64,
    neither: f64,
    /// 1 − θ.
    repulsion: f64,
    /// ln(1/a + 1/b + 1/c + 1/d).
    stiffness: f64,
}

impl PairLaw {
    pub(super) fn new(first: Occupied, second: Occupied, coulomb_kt: f64) -> Self {
        let (alone, other) = (alone(first, second, coulomb_kt), alone(second, first, coulomb_kt));
        // a − d is known, and so is a d
        let difference = first.hole.exp() - second.hollow.exp();
        let product = alone + other - coulomb_kt;
        let half = 0.5 * difference.abs();
        let larger = (half + half.hypot((0.5 * product).exp())).max(f64::MIN_POSITIVE).ln();
        let (both, neither) = if difference > 0.0 { (larger, product - larger) } else { (product - larger, larger) };
        let stiffness = log_add(log_add(-both, -neither), log_add(-alone, -other));
        Self { first: alone, second: other, both, neither, repulsion: -(-coulomb_kt).exp_m1(), stiffness }
    }

    /// The same with the two sites exchanged.
    pub(super) fn exchanged(self) -> Self {
        Self { first: self.second, second: self.first, ..self }
    }

    /// By how much ln(b/p) changes with the occupation p of the first site: given a hole there, how often the second is free.
    pub(super) fn first_given_hole(&self, first: Occupied) -> f64 {
        -self.repulsion * (-self.neither - first.hole - self.stiffness).exp()
    }

    /// By how much ln(c/(1 − p)) changes with p.
    pub(super) fn second_given_none(&self, first: Occupied) -> f64 {
        self.repulsion * (-self.both - first.hollow - self.stiffness).exp()
    }

    /// By how much ln b changes with the occupation of the second site.
    pub(super) fn first_by_second(&self) -> f64 {
        -(log_add(-self.second, -self.neither) - self.stiffness - self.first).exp()
    }

    /// By how much ln c changes with the occupation of the second site.
    pub(super) fn second_by_second(&self) -> f64 {
        (log_add(-self.both, -self.first) - self.stiffness - self.second).exp()
    }

    /// By how much ln(b/c) − ln(p/(1 − p)) changes with p.
    pub(super) fn shift(&self, first: Occupied) -> f64 {
        let ratios = log_add(self.second - self.neither, self.first - self.both);
        let ratios = log_add(ratios, std::f64::consts::LN_2);
        -self.repulsion * (ratios - first.hole - first.hollow - self.stiffness).exp()
    }
}

/// ln b: the root of (1 − θ) b² − (p (1 − θ) + s + θ r) b + p s = 0 that stays below p and s, without a subtraction.
fn alone(this: Occupied, other: Occupied, coulomb_kt: f64) -> f64 {
    let (p, s, r) = (this.hole, other.hollow, other.hole - coulomb_kt);
    let scale = p.max(s).max(r);
    let repulsion = -(-coulomb_kt).exp_m1();
    let (large, s_scaled, r_scaled) = (repulsion * (p - scale).exp(), (s - scale).exp(), (r - scale).exp());
    let root = ((large - s_scaled + r_scaled).powi(2) + 4.0 * s_scaled * r_scaled).sqrt();
    std::f64::consts::LN_2 + p + s - scale - (large + s_scaled + r_scaled + root).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occupied(p: f64) -> Occupied {
        Occupied { hole: p.ln(), hollow: (1.0 - p).ln() }
    }

    #[test]
    fn two_sites_alone_obey_boltzmann() {
        for (e1, e2, coulomb) in
            [(0.3, -1.2, 0.01), (1.0, 2.0, 3.0), (-4.0, -3.0, 5.0), (-30.0, 2.0, 40.0), (8.0, 9.0, 200.0)]
        {
            let weights = [f64::exp(-e1 - e2 - coulomb), f64::exp(-e1), f64::exp(-e2), 1.0];
            let sum: f64 = weights.iter().sum();
            let [both, first, second, neither] = weights.map(|w| w / sum);
            let of = |hole: f64, hollow: f64| Occupied { hole: hole.ln(), hollow: hollow.ln() };
            let law = PairLaw::new(of(both + first, second + neither), of(both + second, first + neither), coulomb);
            for (found, exact) in [(law.first, first.ln()), (law.second, second.ln())] {
                assert!((found - exact).abs() < 1e-9, "{e1} {e2} {coulomb}: {found} {exact}");
            }
            let product = both.ln() + neither.ln();
            assert!((law.both + law.neither - product).abs() < 1e-9, "{e1} {e2} {coulomb}");
            // a − d is the difference of two numbers near 1: where both are far below b and c, only their product is known well
            let rounding = 1e-9 + 4.0 * f64::EPSILON / both.max(neither);
            for (found, exact) in [(law.both, both.ln()), (law.neither, neither.ln())] {
                assert!((found - exact).abs() < rounding, "{e1} {e2} {coulomb}: {found} {exact}");
            }
        }
    }

    #[test]
    fn derivatives_equal_differences() {
        for (p, r, coulomb) in [(0.3, 0.6, 0.2), (0.9, 0.2, 4.0), (0.01, 0.97, 2.0), (0.5, 0.5, 9.0)] {
            let law = PairLaw::new(occupied(p), occupied(r), coulomb);
            let step = 1e-6;
            let by = |of: &dyn Fn(f64, f64) -> f64, first: f64, second: f64| {
                (of(p + first, r + second) - of(p - first, r - second)) / (2.0 * step)
            };
            let at = |p: f64, r: f64| PairLaw::new(occupied(p), occupied(r), coulomb);
            let checks = [
                (law.first_given_hole(occupied(p)), by(&|p, r| at(p, r).first - p.ln(), step, 0.0)),
                (law.second_given_none(occupied(p)), by(&|p, r| at(p, r).second - (1.0 - p).ln(), step, 0.0)),
                (law.first_by_second(), by(&|p, r| at(p, r).first, 0.0, step)),
                (law.second_by_second(), by(&|p, r| at(p, r).second, 0.0, step)),
                (
                    law.shift(occupied(p)),
                    by(&|p, r| at(p, r).first - at(p, r).second - (p / (1.0 - p)).ln(), step, 0.0),
                ),
            ];
            for (k, (found, difference)) in checks.into_iter().enumerate() {
                assert!((found - difference).abs() < 1e-6 * (1.0 + found.abs()), "{k}: {found} {difference}");
            }
        }
    }
}
