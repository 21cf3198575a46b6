//! Continuous noise: consecutive blocks form one record.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Geometric, StandardNormal};

use crate::relaxation::{RelaxationEnsemble, RelaxationProcess};
use crate::trace::Trace;

/// A source whose consecutive blocks form one continuous record.
pub trait NoiseStream {
    /// Adds the next `block.len()` samples \[nA\] to `block`.
    fn add_next<R: Rng + ?Sized>(&mut self, rng: &mut R, block: &mut [f64]);
}

/// Uncorrelated Gaussian samples.
#[derive(Clone, Debug)]
pub struct WhiteStream {
    standard_deviation_na: f64,
}

impl WhiteStream {
    /// White noise of one-sided density `psd_na2_per_hz`, sampled at `rate_hz`.
    #[must_use]
    pub fn new(psd_na2_per_hz: f64, rate_hz: f64) -> Self {
        Self { standard_deviation_na: (0.5 * psd_na2_per_hz * rate_hz).sqrt() }
    }
}

impl NoiseStream for WhiteStream {
    fn add_next<R: Rng + ?Sized>(&mut self, rng: &mut R, block: &mut [f64]) {
        for x in block {
            let gaussian: f64 = StandardNormal.sample(rng);
            *x += self.standard_deviation_na * gaussian;
        }
    }
}

/// A [`RelaxationEnsemble`] of Gaussian (first-order autoregressive) processes, stationary from the first sample.
#[derive(Clone, Debug)]
pub struct RelaxationStream {
    processes: Vec<RelaxationProcess>,
    state_na: Vec<f64>,
}

impl RelaxationStream {
    /// Draws the initial state from the stationary distribution.
    pub fn new<R: Rng + ?Sized>(ensemble: &RelaxationEnsemble, rng: &mut R) -> Self {
        let processes = ensemble.processes().to_vec();
        let state_na = processes
            .iter()
            .map(|p| {
                let gaussian: f64 = StandardNormal.sample(rng);
                p.variance.sqrt() * gaussian
            })
            .collect();
        Self { processes, state_na }
    }
}

impl NoiseStream for RelaxationStream {
    fn add_next<R: Rng + ?Sized>(&mut self, rng: &mut R, block: &mut [f64]) {
        for (process, state) in self.processes.iter().zip(&mut self.state_na) {
            let rho = process.correlation();
            let innovation = (process.variance * process.forgotten() * (1.0 + rho)).sqrt();
            for x in block.iter_mut() {
                *x += *state;
                let gaussian: f64 = StandardNormal.sample(rng);
                *state = rho * *state + innovation * gaussian;
            }
        }
    }
}

/// A [`RelaxationEnsemble`] of two-level (random telegraph) signals ±σ, each flipping with probability (1 − ρ)/2 from
/// sample to sample: exactly a symmetric telegraph process at the sampling times.
#[derive(Clone, Debug)]
pub struct TelegraphStream {
    fluctuators: Vec<Fluctuator>,
}

#[derive(Clone, Debug)]
struct Fluctuator {
    level_na: f64,
    until_flip: u64,
    waiting: Geometric,
}

impl TelegraphStream {
    /// Draws initial levels and waiting times from the stationary distribution.
    pub fn new<R: Rng + ?Sized>(ensemble: &RelaxationEnsemble, rng: &mut R) -> Self {
        let fluctuators = ensemble
            .processes()
            .iter()
            .map(|p| {
                let waiting = Geometric::new(0.5 * p.forgotten()).expect("a probability of at most one half");
                let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
                Fluctuator { level_na: sign * p.variance.sqrt(), until_flip: waiting.sample(rng), waiting }
            })
            .collect();
        Self { fluctuators }
    }
}

impl NoiseStream for TelegraphStream {
    fn add_next<R: Rng + ?Sized>(&mut self, rng: &mut R, block: &mut [f64]) {
        for fluctuator in &mut self.fluctuators {
            for x in block.iter_mut() {
                *x += fluctuator.level_na;
                if fluctuator.until_flip == 0 {
                    fluctuator.level_na = -fluctuator.level_na;
                    fluctuator.until_flip = fluctuator.waiting.sample(rng);
                } else {
                    fluctuator.until_flip -= 1;
                }
            }
        }
    }
}

/// A measured trace, repeated cyclically from a random start.
#[derive(Clone, Debug)]
pub struct TraceStream<'a> {
    trace: &'a Trace,
    at: usize,
}

impl<'a> TraceStream<'a> {
    /// Starts anywhere in the trace with equal probability.
    pub fn new<R: Rng + ?Sized>(trace: &'a Trace, rng: &mut R) -> Self {
        Self { trace, at: trace.start(rng) }
    }
}

impl NoiseStream for TraceStream<'_> {
    fn add_next<R: Rng + ?Sized>(&mut self, _rng: &mut R, block: &mut [f64]) {
        for x in block {
            *x += self.trace.sample(self.at);
            self.at = (self.at + 1) % self.trace.len();
        }
    }
}
