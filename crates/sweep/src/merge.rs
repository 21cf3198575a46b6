//! Merges shards.

use std::path::{Path, PathBuf};

use results::{StoreError, store};

use crate::adaptive;
use crate::checkpoint::{self, Checkpoint};
use crate::error::SweepError;
use crate::finished::Finished;
use crate::run::{Job, Order, Outcome, check_need, complete, deal, is_finished, need, pilot_schedule, publish};
use crate::schedule::{Deal, Schedule, Shard, Stage};
use crate::status::{self, State, Status};
use crate::work::Work;

/// Merges the shards of a study into its results file, and removes them unless `keep` is set.
///
/// # Errors
/// If a shard is missing, unfinished, in use, damaged, or of another study; then nothing is written or removed.
pub fn merge<W: Work>(order: &Order, job: &Job, work: &W, shards: usize, keep: bool) -> Result<Outcome, SweepError> {
    let Order { name, identity, .. } = order;
    let results = store::path_in(job.folder, name);
    let of = |index: usize| Shard::new(index, shards);
    let shards: Vec<Shard> = (1..=shards).filter_map(of).collect();
    let paths: Vec<PathBuf> = shards.iter().map(|s| checkpoint::path_in(job.folder, name, *s)).collect();
    if !job.fresh && is_finished(&results, identity)? {
        return Ok(Outcome::WasFinished(results));
    }
    if paths.iter().any(|p| !p.exists()) {
        let say = |(shard, path): (&Shard, &PathBuf)| say_unfinished(job.folder, name, *shard, path);
        return Err(StoreError::Incomplete { shards: shards.iter().zip(&paths).filter_map(say).collect() }.into());
    }
    let mut stores = Vec::with_capacity(shards.len());
    for (shard, path) in shards.iter().zip(&paths) {
        let store = Checkpoint::open_one_of(path, shards.len())?;
        store.check(identity, *shard)?;
        stores.push(store);
    }
    let beside =
        |shard: &Shard| [status::path_in(job.folder, name, *shard), adaptive::path_in(job.folder, name, *shard)];
    let written: Vec<PathBuf> = shards.iter().flat_map(beside).chain([results.clone()]).chain(paths).collect();
    store::remove_stale(&written.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let stores_in_order: Vec<&Checkpoint> = stores.iter().collect();
    let (schedule, deal) = merged_schedule(order, job, work, &shards, &stores_in_order)?;
    complete(job, work, &schedule, &deal, &shards, &stores_in_order)?;
    publish(order, job, work, &schedule, &deal, &stores_in_order, &results)?;
    if !keep {
        for (shard, store) in shards.iter().zip(stores) {
            drop(std::fs::remove_file(status::path_in(job.folder, name, *shard)));
            drop(std::fs::remove_file(adaptive::path_in(job.folder, name, *shard)));
            store.remove()?;
        }
    }
    Ok(Outcome::Finished(results))
}

/// A message if a shard is missing or its status is unfinished.
fn say_unfinished(folder: &Path, study: &str, shard: Shard, path: &Path) -> Option<String> {
    if !path.exists() {
        return Some(format!("  shard {shard} is missing (`{}` is not there)", path.display()));
    }
    let status = Status::read(&status::path_in(folder, study, shard)).ok()?;
    let (done, total) = (status.done, status.total);
    (status.state != State::Done).then(|| format!("  shard {shard} has done {done} of {total} units"))
}

/// The number of shards of a study, from the files in a folder; several numbers if it was divided more than once.
///
/// # Errors
/// If the folder cannot be read.
pub fn shard_counts(folder: &Path, study: &str) -> Result<Vec<usize>, StoreError> {
    let entries =
        std::fs::read_dir(folder).map_err(|e| StoreError::Read { path: folder.to_owned(), reason: e.to_string() })?;
    let count = |name: &str| -> Option<usize> {
        let rest = name.strip_prefix(study)?.strip_prefix(".shard-")?.strip_suffix(".checkpoint")?;
        rest.split_once("-of-")?.1.parse().ok()
    };
    let mut counts: Vec<usize> = entries.flatten().filter_map(|e| count(&e.file_name().to_string_lossy())).collect();
    counts.sort_unstable();
    counts.dedup();
    Ok(counts)
}

/// The schedule of the main stage, from all shards.
fn merged_schedule<W: Work>(
    order: &Order,
    job: &Job,
    work: &W,
    shards: &[Shard],
    stores: &[&Checkpoint],
) -> Result<(Schedule, Deal), SweepError> {
    let Some(target) = order.target_relative_error else {
        let schedule = Schedule::same(Stage::Main, W::STEPS_OF_UNIT, order.points, work.steps());
        let deal = deal(order, &schedule, shards.len());
        return Ok((schedule, deal));
    };
    let pilot = pilot_schedule::<W>(order);
    let deal = deal(order, &pilot, shards.len());
    complete(job, work, &pilot, &deal, shards, stores)?;
    let readers = stores.iter().map(|s| s.reader()).collect::<Result<_, _>>()?;
    let finished = Finished::new(&pilot, &deal, readers, 0);
    let needed = (0..pilot.points())
        .map(|point| need(work, &finished, &pilot, point, target))
        .collect::<Result<Vec<u64>, SweepError>>()?;
    let steps = adaptive::deal(&needed, order.repetitions, order.budget_repetitions);
    check_need::<W>(target, &steps)?;
    Ok((Schedule::each(Stage::Main, W::STEPS_OF_UNIT, steps), deal))
}
