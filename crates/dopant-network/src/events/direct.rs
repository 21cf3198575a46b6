//! Kinetic Monte Carlo that recomputes all rates after every hop: slow, but valid for any rate law and any energies.

use rand::{Rng, RngExt};

use super::{HopCounts, Observer};
use crate::network::{Landscape, NEGLIGIBLE, Survey};
use crate::occupation::Occupation;

/// A simulation that stores no rates.
#[derive(Debug)]
pub struct Direct<'a> {
    landscape: &'a Landscape<'a>,
    state: Occupation,
    survey: Survey,
}

impl<'a> Direct<'a> {
    /// Starts in a state.
    #[must_use]
    pub fn new(landscape: &'a Landscape<'a>, start: Occupation) -> Self {
        Self { landscape, state: start, survey: Survey::default() }
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> Occupation {
        self.state
    }

    /// Makes one hop; returns its two sites and the mean waiting time \[1/ν₀\].
    pub fn hop(&mut self, rng: &mut impl Rng) -> (u16, u16, f64) {
        self.landscape.survey(&self.state, NEGLIGIBLE, &mut self.survey);
        let mut rest = rng.random::<f64>() * self.survey.total_rate;
        let hops = &self.survey.hops;
        let chosen = hops.iter().find(|hop| {
            rest -= hop.rate;
            rest < 0.0
        });
        let hop = chosen.unwrap_or(&hops[0]);
        self.state = self.landscape.after(&self.state, hop.from, hop.to);
        (hop.from, hop.to, 1.0 / self.survey.total_rate)
    }

    /// Makes `hops` hops.
    pub fn run(&mut self, hops: u64, rng: &mut impl Rng, counts: &mut HopCounts) {
        counts.begin(&self.state);
        self.follow(hops, rng, counts);
        counts.end(&self.state);
    }

    /// The same before an observer.
    pub(super) fn follow(&mut self, hops: u64, rng: &mut impl Rng, observer: &mut impl Observer) {
        let sites = self.landscape.network.sites();
        for _ in 0..hops {
            let (from, to, time) = self.hop(rng);
            observer.wait(time, rng);
            observer.hop(usize::from(from) * sites + usize::from(to));
        }
    }
}
