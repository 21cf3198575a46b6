//! Adaptive repetitions: the number that each point needs for a given relative error.
//!
//! A pilot run of `study.repetitions` at each point, with its own random numbers, estimates the width of the
//! distribution of squared errors; the standard error of mse after n repetitions is that width over √n, so the pilot
//! determines n for a target. The results contain only these n repetitions. If they included the pilot, or if each
//! point stopped as soon as its error bar is small enough, runs with accidentally small spread would stop early and mse
//! would be too small, for Gaussian errors by a relative 2/n or so. Since the stopping rule is independent of the data
//! used, bias, variance and mse are as unbiased as with a fixed n. The cost is the pilot.
//!
//! A budget that is too small is distributed in proportion to need, which minimises the largest relative error.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::shard_name;
use crate::schedule::Shard;
use results::store;
use results::{StoreError, few};

/// Squared relative standard error of a pilot's estimate of need, times its repetitions: squared Gaussian errors have a
/// kurtosis of 15, and an estimated variance has a relative variance of (kurtosis - 1)/n.
const UNCERTAINTY: f64 = 14.0;

/// Safety margin on the pilot's estimate of need: twice its standard error.
fn margin(repetitions: u64) -> f64 {
    1.0 + 2.0 * (UNCERTAINTY / repetitions as f64).sqrt()
}

/// Smallest number of repetitions at a point: with fewer, its error bar is uncertain.
const FEWEST: u64 = 100;

/// Largest number of repetitions at a point.
const MOST: f64 = 1e12;

/// Repetitions that a point needs for `target`, if `repetitions` repetitions gave `relative_error`.
pub(crate) fn needed(relative_error: f64, repetitions: u64, target: f64) -> u64 {
    let estimate = margin(repetitions) * repetitions as f64 * (relative_error / target).powi(2);
    if estimate.is_finite() { (estimate.min(MOST).ceil() as u64).max(FEWEST) } else { FEWEST }
}

/// Distribution of `budget` repetitions, including the pilots, over the points.
pub(crate) fn deal(needed: &[u64], pilot: u64, budget: Option<u64>) -> Vec<u64> {
    let all: u64 = needed.iter().sum();
    let Some(left) = budget.map(|b| b.saturating_sub(pilot * needed.len() as u64)) else { return needed.to_vec() };
    if all <= left {
        return needed.to_vec();
    }
    let share = left as f64 / all as f64;
    needed.iter().map(|&n| ((n as f64 * share) as u64).max(FEWEST)).collect()
}

/// Needs of the points of one shard, for the other shards.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Needs {
    /// Digest of scenario and program.
    pub(crate) identity: String,
    /// Point and need.
    pub(crate) needed: Vec<(usize, u64)>,
}

/// Name of the file with the needs of a shard's points.
pub(crate) fn path_in(folder: &Path, study: &str, shard: Shard) -> PathBuf {
    folder.join(format!("{}.pilot.json", shard_name(study, shard)))
}

impl Needs {
    pub(crate) fn publish(&self, path: &Path) -> Result<(), StoreError> {
        let fail = |reason: String| StoreError::Write { path: path.to_owned(), reason };
        let part = store::temporary(path)?;
        let text = serde_json::to_string(self).map_err(|e| fail(e.to_string()))?;
        std::fs::File::create(&part).and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| fail(e.to_string()))?;
        store::publish(part, path)
    }

    /// Needs of all points, if those of all shards are known.
    pub(crate) fn of_all(
        folder: &Path,
        study: &str,
        shards: usize,
        points: usize,
        identity: &str,
    ) -> Result<Vec<u64>, StoreError> {
        let mut all = vec![0; points];
        let mut missing = Vec::new();
        for shard in (1..=shards).filter_map(|i| Shard::new(i, shards)) {
            let path = path_in(folder, study, shard);
            let needs: Option<Self> = std::fs::read_to_string(&path).ok().and_then(|t| serde_json::from_str(&t).ok());
            match needs.filter(|n| n.identity == identity) {
                Some(needs) => needs.needed.into_iter().for_each(|(p, n)| {
                    if let Some(place) = all.get_mut(p) {
                        *place = n;
                    }
                }),
                None => missing.push(shard.to_string()),
            }
        }
        if missing.is_empty() {
            return Ok(all);
        }
        Err(StoreError::Shards(format!(
            "the budget of repetitions is distributed over all points after the pilots of all shards, but those of shards {} \
             are missing: run each of them with --pilot first",
            few(&missing, ", ", "")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn need_grows_with_the_square_of_the_error() {
        assert_eq!(needed(0.04, 1400, 0.02), 6720, "with a fifth more, twice the standard error of the pilot");
        assert_eq!(needed(0.0, 1000, 0.02), FEWEST);
        assert_eq!(needed(f64::NAN, 1000, 0.02), FEWEST);
    }

    #[test]
    fn a_budget_is_dealt_in_proportion_to_need() {
        assert_eq!(deal(&[1000, 3000], 500, None), [1000, 3000]);
        assert_eq!(deal(&[1000, 3000], 500, Some(5000)), [1000, 3000]);
        assert_eq!(deal(&[1000, 3000], 500, Some(3000)), [500, 1500]);
        assert_eq!(deal(&[1000, 3000], 500, Some(0)), [FEWEST, FEWEST]);
    }
}
