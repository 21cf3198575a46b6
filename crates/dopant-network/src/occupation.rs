//! Which acceptors hold a hole.

use rand::{Rng, RngExt};

/// Largest number of acceptors of a network whose states are enumerated or stored.
pub(crate) const MOST_ACCEPTORS: usize = 256;

/// A set of occupied acceptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Occupation([u64; MOST_ACCEPTORS / 64]);

impl Occupation {
    /// Whether acceptor `site` holds a hole.
    #[inline]
    #[must_use]
    pub fn contains(&self, site: usize) -> bool {
        self.0[site >> 6] >> (site & 63) & 1 == 1
    }

    /// Whether `site` is one of `acceptors` acceptors and holds a hole; electrodes never do.
    #[inline]
    #[must_use]
    pub(crate) fn contains_acceptor(&self, site: usize, acceptors: usize) -> bool {
        site < acceptors && self.contains(site)
    }

    /// The same with the occupation of acceptor `site` inverted.
    #[inline]
    #[must_use]
    pub fn toggled(mut self, site: usize) -> Self {
        self.0[site >> 6] ^= 1 << (site & 63);
        self
    }

    /// An arbitrary one, with any number of holes.
    pub(crate) fn arbitrary(acceptors: usize, rng: &mut impl Rng) -> Self {
        let filled: f64 = rng.random();
        (0..acceptors).filter(|_| rng.random::<f64>() < filled).collect()
    }

    /// Number of holes.
    #[must_use]
    pub fn holes(&self) -> usize {
        self.0.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// The occupied acceptors, ascending.
    pub fn sites(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(w, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    (w << 6) + bit
                })
            })
        })
    }
}

impl FromIterator<usize> for Occupation {
    fn from_iter<I: IntoIterator<Item = usize>>(sites: I) -> Self {
        sites.into_iter().fold(Self::default(), |occupation, site| {
            if occupation.contains(site) { occupation } else { occupation.toggled(site) }
        })
    }
}
