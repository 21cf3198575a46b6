//! Cuts through the network across which the current of an electrode is counted.
//!
//! In the steady state, the current into an electrode equals the current across any cut that separates it from the
//! other electrodes. If holes hop back and forth between an electrode and an acceptor far more often than they move on,
//! the net flow at the electrode is lost in rounding; beyond the acceptor it is not.

/// The side of a cut on which each site lies.
pub(super) struct Cut {
    /// Whether a site is on the electrode's side.
    inside: Vec<bool>,
}

impl Cut {
    /// The electrode's site on one side, everything else on the other.
    pub(super) fn around(site: usize, sites: usize) -> Self {
        Self { inside: (0..sites).map(|s| s == site).collect() }
    }

    /// A cut across which no pair of sites exchanges more holes than the bottleneck of the easiest path to another
    /// electrode. The total exchange across any cut is at least that of the bottleneck.
    pub(super) fn narrowest(site: usize, acceptors: usize, sites: usize, traffic: &[f64]) -> Self {
        let exchange = |a: usize, b: usize| traffic[a * sites + b] + traffic[b * sites + a];
        // sites in the order in which they are reached from the electrode (Prim's tree), and the exchange on the way
        let mut reached = vec![site];
        let mut ease: Vec<f64> = (0..sites).map(|s| exchange(site, s)).collect();
        let mut outside: Vec<usize> = (0..sites).filter(|&s| s != site).collect();
        let (mut narrowest, mut enclosed) = (f64::INFINITY, 1);
        while let Some(k) = (0..outside.len()).max_by(|&a, &b| ease[outside[a]].total_cmp(&ease[outside[b]])) {
            let next = outside.swap_remove(k);
            if ease[next] < narrowest {
                (narrowest, enclosed) = (ease[next], reached.len());
            }
            if next >= acceptors {
                break;
            }
            reached.push(next);
            for &s in &outside {
                ease[s] = ease[s].max(exchange(next, s));
            }
        }
        let mut inside = vec![false; sites];
        reached[..enclosed].iter().for_each(|&s| inside[s] = true);
        Self { inside }
    }

    /// Whether a hop crosses the cut.
    pub(super) fn is_crossed(&self, from: usize, to: usize) -> bool {
        self.inside[from] != self.inside[to]
    }

    /// Holes that enter minus holes that leave, and the sum of both \[ν₀\].
    pub(super) fn net_and_gross(&self, traffic: &[f64]) -> (f64, f64) {
        let sites = self.inside.len();
        let (mut net, mut gross) = (0.0, 0.0);
        for a in (0..sites).filter(|&a| self.inside[a]) {
            for b in (0..sites).filter(|&b| !self.inside[b]) {
                let (inward, outward) = (traffic[b * sites + a], traffic[a * sites + b]);
                net += inward - outward;
                gross += inward + outward;
            }
        }
        (net, gross)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Electrodes 4 and 5; acceptors 0 and 1 beside 4, 2 and 3 beside 5.
    #[test]
    fn the_narrowest_cut_passes_through_the_bottleneck() {
        let mut traffic = vec![0.0; 36];
        for (a, b, rate) in [(4, 0, 1.0), (0, 1, 1e-3), (1, 2, 1e-9), (0, 2, 3e-9), (2, 3, 1e-2), (3, 5, 1.0)] {
            traffic[a * 6 + b] = rate;
            traffic[b * 6 + a] = 0.5 * rate;
        }
        let inside = |electrode| Cut::narrowest(electrode, 4, 6, &traffic).inside;
        assert_eq!(inside(4), [true, true, false, false, true, false]);
        assert_eq!(inside(5), [false, false, true, true, false, true]);
        let (net, gross) = Cut::narrowest(5, 4, 6, &traffic).net_and_gross(&traffic);
        assert!((net - 2e-9).abs() < 1e-22 && (gross - 6e-9).abs() < 1e-22);
    }

    #[test]
    fn without_a_narrower_place_the_cut_is_around_the_electrode() {
        let mut traffic = vec![0.0; 9];
        for (a, b, rate) in [(1, 0, 1e-6), (0, 2, 1.0)] {
            traffic[a * 3 + b] = rate;
        }
        assert_eq!(Cut::narrowest(1, 1, 3, &traffic).inside, [false, true, false]);
        assert_eq!(Cut::narrowest(2, 1, 3, &traffic).inside, [true, false, true]);
    }
}
