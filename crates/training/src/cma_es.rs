//! Covariance matrix adaptation (Hansen 2016), by the crate `cmaes`.

use cmaes::{CMAESOptions, DVector};
use rand::Rng;
use rand_pcg::Pcg64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{SettingError, positive};

use crate::error::TrainingError;
use crate::optimiser::{Optimiser, OptimiserKind, Surroundings};
use crate::session::Session;
use crate::update::clip;

/// Weight of the squared distance from the range \[1/V²\], in units of the typical loss: pulls the distribution back
/// into the range.
const OUTSIDE_PER_VOLT2: f64 = 1.0;
/// Largest penalised squared distance \[V²\].
const FARTHEST_VOLT2: f64 = 1e30;

/// Largest number of controls: it stores a matrix over them.
const MOST_CONTROLS: usize = 1000;

/// Covariance matrix adaptation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CmaEs {
    /// Initial standard deviation of each control (V).
    pub sigma_volt: f64,
}

impl Default for CmaEs {
    fn default() -> Self {
        Self { sigma_volt: 0.3 }
    }
}

impl OptimiserKind for CmaEs {
    fn build(&self, around: &Surroundings) -> Result<Box<dyn Optimiser>, SettingError> {
        let controls = around.controls;
        if controls > MOST_CONTROLS {
            let message = format!("it stores a matrix over them, at most {MOST_CONTROLS} are allowed");
            return Err(SettingError::new("kind", format!("found \"cma-es\" for {controls} controls: {message}")));
        }
        positive("sigma_volt", self.sigma_volt)?;
        Ok(Box::new(*self))
    }
}

impl Optimiser for CmaEs {
    /// Searches until the loss is low enough; restarts if it converges to a higher loss. A candidate outside the ranges
    /// is measured at their edge, and a penalty for its distance is added to the loss.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    fn train(&self, session: &mut Session<'_>, rng: &mut Pcg64) -> Result<(), TrainingError> {
        while !session.is_over() {
            let start = session.begin_attempt(rng)?;
            let (seed, generations) = (rng.next_u64(), session.limits.max_iterations);
            let mut failure = None;
            let mut lowest = f64::INFINITY;
            let outcome = {
                let (session, rng, failure, lowest) = (&mut *session, &mut *rng, &mut failure, &mut lowest);
                let population = CMAESOptions::new(start.clone(), self.sigma_volt).population_size;
                let mut evaluated = 0;
                let measure = move |x: &DVector<f64>| {
                    let asked: Vec<f64> = x.iter().copied().collect();
                    let mut controls = asked.clone();
                    clip(&mut controls, session.range_volt);
                    if session.is_over() || failure.is_some() {
                        return f64::MAX;
                    }
                    let loss = session.measure_loss(&controls, rng).unwrap_or_else(|e| {
                        *failure = Some(e);
                        f64::MAX
                    });
                    *lowest = lowest.min(loss);
                    evaluated += 1;
                    if evaluated % population == 0 || session.is_over() {
                        session.note(*lowest);
                        *lowest = f64::INFINITY;
                    }
                    let outside: f64 = asked.iter().zip(&controls).map(|(a, c)| (a - c).powi(2)).sum();
                    loss + OUTSIDE_PER_VOLT2 * outside.min(FARTHEST_VOLT2)
                };
                let options = CMAESOptions::new(start, self.sigma_volt).seed(seed).max_generations(generations);
                options.parallel_update(false).fun_target(f64::NEG_INFINITY).build(measure)
            };
            let mut search = match outcome {
                Ok(search) => search,
                Err(e) => {
                    return Err(TrainingError::setting("sigma_volt", self.sigma_volt, format!("{e:?}")));
                }
            };
            while search.next().is_none() {}
            drop(search);
            if let Some(error) = failure {
                return Err(error);
            }
        }
        Ok(())
    }
}
