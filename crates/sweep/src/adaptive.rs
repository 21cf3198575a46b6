//! Repetitions where the error bar is largest: how many each point needs for a relative error.
//!
//! A pilot of `study.repetitions` at each point, with random numbers of its own, says how wide the distribution of squared
//! errors is there; the standard error of mse after n repetitions is that width over √n, so the pilot fixes n for a target.
//! The results are made of these n repetitions alone. Had the pilot's numbers been among them, or had one looked at the
//! error bar after each block and stopped when it was small enough, runs that happen to look narrow would stop early and
//! mse would come out too small: for Gaussian errors by about 2/n of itself. With a stop that the counted numbers have no
//! part in, bias, variance and mse are as unbiased as with a fixed n. The price is the pilot.
//!
//! A budget that is too small for all is dealt in proportion to need, so that the largest relative error is as small as it
//! can be.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::shard_name;
use crate::plan::Shard;
use results::store;
use results::{StoreError, few};

/// Square of the relative standard error of a pilot's estimate of need, times its repetitions: squares of Gaussian errors
/// have a kurtosis of 15, and an estimated variance a relative variance of (kurtosis - 1)/n.
const UNCERTAINTY: f64 = 14.0;

/// More repetitions than the pilot's estimate of need, by twice its standard error.
fn margin(repetitions: u64) -> f64 {
    1.0 + 2.0 * (UNCERTAINTY / repetitions as f64).sqrt()
}

/// Fewest repetitions at a point: fewer leave its error bar itself uncertain.
const FEWEST: u64 = 100;

/// Most repetitions at a point.
const MOST: f64 = 1e12;

/// Repetitions that a point needs for `target`, if `repetitions` gave `relative_error`.
pub(crate) fn needed(relative_error: f64, repetitions: u64, target: f64) -> u64 {
    let estimate = margin(repetitions) * repetitions as f64 * (relative_error / target).powi(2);
    if estimate.is_finite() { (estimate.min(MOST).ceil() as u64).max(FEWEST) } else { FEWEST }
}

/// What each point gets of `budget` repetitions, the pilots' included.
pub(crate) fn deal(needed: &[u64], pilot: u64, budget: Option<u64>) -> Vec<u64> {
    let all: u64 = needed.iter().sum();
    let Some(left) = budget.map(|b| b.saturating_sub(pilot * needed.len() as u64)) else { return needed.to_vec() };
    if all <= left {
        return needed.to_vec();
    }
    let share = left as f64 / all as f64;
    needed.iter().map(|&n| ((n as f64 * share) as u64).max(FEWEST)).collect()
}

/// What the points of one shard need, for the others to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Needs {
    /// Digest of scenario and program.
    pub(crate) identity: String,
    /// Point and need.
    pub(crate) needed: Vec<(usize, u64)>,
}

/// Name of the file in which a shard says what its points need.
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

    /// What all points need, if all shards have said so.
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
            "study.budget_repetitions is dealt out over all points once every shard knows what its points need, but shards {} \
             do not yet: run each of them with --pilot first",
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
