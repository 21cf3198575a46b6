//! A genetic algorithm modelled on brains-py (`brainspy.algorithms.ga`).
//!
//! Genomes are sorted by fitness. The next generation consists of four parts: the best, unchanged; copies of the best
//! with a mutation; children of two parents drawn by stochastic universal sampling from the ranks (Baker 1987), crossed
//! by BLX-αβ (Eshelman & Schaffer 1993, α = 0.6 towards the better parent, β = 0.4 towards the worse); and random ones.
//! All but the best then mutate, each gene with a probability that decreases over the generations, to a value drawn
//! from a triangular distribution around it.

use rand::{Rng, RngExt};
use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{SettingError, within};

use crate::error::TrainingError;
use crate::optimiser::{Optimiser, OptimiserKind, Surroundings, check_held};
use crate::session::Session;

/// Fraction of the parents' distance by which BLX-αβ extends beyond the better and the worse parent.
const BEYOND_BETTER: f64 = 0.6;
const BEYOND_WORSE: f64 = 0.4;
/// Probability with which a gene mutates in the first generation, and in the last.
const FIRST_MUTATION: f64 = 0.1;
const LAST_MUTATION: f64 = 0.02;

/// A genetic algorithm modelled on brains-py.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Genetic {
    /// Genomes in a generation.
    pub genomes: usize,
    /// Number of best genomes kept.
    pub elite: usize,
    /// Generations of an attempt, over which mutations become rare; `max_iterations` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generations: Option<usize>,
}

impl Default for Genetic {
    fn default() -> Self {
        Self { genomes: 25, elite: 5, generations: None }
    }
}

impl OptimiserKind for Genetic {
    fn build(&self, around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError> {
        within("genomes", self.genomes, 4..=100_000)?;
        check_held("genomes", self.genomes, around.controls, "controls")?;
        within("elite", self.elite, 1..=self.genomes - 1)?;
        if let Some(generations) = self.generations {
            within("generations", generations, 1..=around.max_iterations)?;
        }
        Ok(Box::new(*self))
    }
}

impl Optimiser for Genetic {
    /// Evolves until the loss is low enough; restarts after the allowed number of generations.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError> {
        let allowed = session.limits.max_iterations;
        let generations = self.generations.map_or(allowed, |g| g.min(allowed));
        while !session.is_over() {
            let mut pool = vec![session.begin_attempt(rng)?];
            pool.resize_with(self.genomes, || session.random_controls(rng));
            for generation in 0..generations {
                let mut ranked = Vec::with_capacity(pool.len());
                for genome in pool {
                    let loss = session.measure_loss(&genome, rng)?;
                    ranked.push((loss, genome));
                    if session.is_over() {
                        break;
                    }
                }
                ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
                session.note(ranked[0].0);
                if session.is_over() {
                    break;
                }
                let done = generation as f64 / generations as f64;
                let probability = FIRST_MUTATION * (LAST_MUTATION / FIRST_MUTATION).powf(done);
                pool = self.next_generation(&ranked, probability, session, rng);
            }
        }
        Ok(())
    }
}

impl Genetic {
    fn next_generation<R: Rng + ?Sized>(
        &self,
        ranked: &[(f64, Vec<f64>)],
        probability: f64,
        session: &Session<'_>,
        rng: &mut R,
    ) -> Vec<Vec<f64>> {
        let (genomes, elite) = (ranked.len(), self.elite.min(ranked.len()));
        let mut next: Vec<Vec<f64>> = ranked[..elite].iter().map(|(_, g)| g.clone()).collect();
        let copies: Vec<Vec<f64>> = next.iter().take(genomes - elite).cloned().collect();
        let random = elite.min(genomes - elite - copies.len());
        let children = genomes - elite - copies.len() - random;
        let parents = universal_sampling(genomes, 2 * children, rng);
        next.extend(copies);
        for pair in parents.chunks_exact(2) {
            let (better, worse) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            next.push(cross(&ranked[better].1, &ranked[worse].1, session.range_volt, rng));
        }
        next.extend((0..random).map(|_| session.random_controls(rng)));
        for genome in &mut next[elite..] {
            for (gene, (low, high)) in genome.iter_mut().zip(session.range_volt) {
                if rng.random::<f64>() < probability {
                    *gene = triangular(*low, *gene, *high, rng);
                }
            }
        }
        next
    }
}

/// `count` of `genomes` ranks (0 the best), in random order, with probabilities that fall linearly to zero, from one
/// random number (Baker 1987).
fn universal_sampling<R: Rng + ?Sized>(genomes: usize, count: usize, rng: &mut R) -> Vec<usize> {
    let total = (genomes * (genomes + 1)) as f64 / 2.0;
    let distance = total / count.max(1) as f64;
    let start = distance * rng.random::<f64>();
    let (mut chosen, mut rank, mut sum) = (Vec::with_capacity(count), 0, genomes as f64);
    for k in 0..count {
        let pointer = start + k as f64 * distance;
        while sum < pointer && rank + 1 < genomes {
            rank += 1;
            sum += (genomes - rank) as f64;
        }
        chosen.push(rank);
    }
    for k in (1..chosen.len()).rev() {
        chosen.swap(k, rng.random_range(0..=k));
    }
    chosen
}

/// BLX-αβ.
fn cross<R: Rng + ?Sized>(better: &[f64], worse: &[f64], range_volt: &[(f64, f64)], rng: &mut R) -> Vec<f64> {
    let genes = better.iter().zip(worse).zip(range_volt);
    genes
        .map(|((b, w), (low, high))| {
            let distance = w - b;
            let (from, to) = (b - BEYOND_BETTER * distance, w + BEYOND_WORSE * distance);
            (from + (to - from) * rng.random::<f64>()).clamp(*low, *high)
        })
        .collect()
}

/// A value between `low` and `high` from the triangular distribution with its peak at `mode`.
fn triangular<R: Rng + ?Sized>(low: f64, mode: f64, high: f64, rng: &mut R) -> f64 {
    let (u, split) = (rng.random::<f64>(), (mode - low) / (high - low));
    if u < split {
        low + (u * (high - low) * (mode - low)).sqrt()
    } else {
        high - ((1.0 - u) * (high - low) * (high - mode)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    /// Universal sampling takes each rank as often as expected, to within one.
    #[test]
    fn parents_are_taken_by_rank() {
        let mut rng = Pcg64::seed_from_u64(1);
        for _ in 0..100 {
            let chosen = universal_sampling(10, 110, &mut rng);
            for rank in 0..10 {
                let count = chosen.iter().filter(|r| **r == rank).count() as f64;
                assert!((count - 2.0 * (10 - rank) as f64).abs() <= 1.0, "{rank} {count}");
            }
        }
    }

    /// Mean of a triangular distribution: (low + mode + high)/3.
    #[test]
    fn mutations_are_triangular() {
        let mut rng = Pcg64::seed_from_u64(2);
        let n = 100_000;
        let mean = (0..n).map(|_| triangular(-1.0, 0.5, 2.0, &mut rng)).sum::<f64>() / f64::from(n);
        // standard deviation of the mean 0.0019; five of them, once in 1.7 million
        assert!((mean - 0.5).abs() < 5.0 * 0.612 / f64::from(n).sqrt(), "{mean}");
    }
}
