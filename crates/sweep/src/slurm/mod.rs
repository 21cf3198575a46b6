//! Studies as Slurm job arrays: one task per shard, and a job that merges them when all have ended.
//!
//! The folder `STUDY.slurm` next to the results holds everything about a submission: two scripts, the log of each task,
//! and `submitted.json`. Slurm's own commands do the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::schedule::Shard;
use crate::status::{self, State};
use results::StoreError;
use results::store;

pub mod options;
pub mod queue;
pub mod script;

use queue::{Queue, QueuedJob, SlurmError, TaskState};
use script::Command;

/// Role of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// An array of pilots.
    Pilot,
    /// An array of shards.
    Shards,
    /// The merge.
    Merge,
}

/// A submitted job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedJob {
    /// Its id.
    pub id: String,
    /// Its role.
    pub role: Role,
    /// Task t of the array computes shard `offset` + t.
    pub offset: usize,
}

/// A study submitted to Slurm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Command that runs the study.
    pub command: Command,
    /// Name of the study.
    pub study: String,
    /// Number of shards.
    pub shards: usize,
    /// Whether pilots run first, in separate arrays.
    pub pilots: bool,
    /// Largest number of shards that run at once.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// Options for sbatch, one line each.
    pub options: Vec<String>,
    /// Its jobs, in order of submission.
    pub jobs: Vec<SubmittedJob>,
}

/// Folder of a submission.
#[must_use]
pub fn folder(output: &Path, study: &str) -> PathBuf {
    output.join(format!("{study}.slurm"))
}

fn submission_file(output: &Path, study: &str) -> PathBuf {
    folder(output, study).join("submitted.json")
}

/// Consecutive numbers as Slurm writes them: `1-3,7`.
#[must_use]
pub fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => runs.push((n, n)),
        }
    }
    let texts: Vec<String> =
        runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect();
    texts.join(",")
}

/// Longest list of tasks, in bytes, and the number of tasks that always fit: the length of a command argument is
/// limited.
const LONGEST_LIST: usize = 100_000;
const FITTING_TASKS: usize = 10_000;

/// Shards as arrays of at most `most_tasks` tasks: offset and task numbers.
#[must_use]
pub fn arrays(shards: &[usize], most_tasks: usize) -> Vec<(usize, Vec<usize>)> {
    let mut arrays: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &shard in shards {
        let offset = (shard - 1) / most_tasks * most_tasks;
        arrays.entry(offset).or_default().push(shard - offset);
    }
    let split = |(offset, tasks): (usize, Vec<usize>)| -> Vec<(usize, Vec<usize>)> {
        let most = if ranges(&tasks).len() > LONGEST_LIST { FITTING_TASKS } else { tasks.len() };
        tasks.chunks(most).map(|some| (offset, some.to_vec())).collect()
    };
    arrays.into_iter().flat_map(split).collect()
}

impl Submission {
    /// Reads the submission of a study; `None` if it was not submitted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(output: &Path, study: &str) -> Result<Option<Self>, StoreError> {
        let path = submission_file(output, study);
        if !path.exists() {
            return Ok(None);
        }
        let fail = |reason: String| StoreError::Read { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|e| fail(e.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|e| fail(e.to_string()))
    }

    fn save(&self) -> Result<(), StoreError> {
        let path = submission_file(&self.command.output, &self.study);
        let fail = |reason: String| StoreError::Write { path: path.clone(), reason };
        let text = serde_json::to_string_pretty(self).map_err(|e| fail(e.to_string()))?;
        store::write_whole(&path, text.as_bytes())
    }

    /// Checks that all parts can be written to scripts unambiguously.
    ///
    /// # Errors
    /// At the first part that cannot.
    pub fn check(&self) -> Result<(), SlurmError> {
        script::check(self)
    }

    /// Path and text of the two scripts.
    #[must_use]
    pub fn scripts(&self) -> [(PathBuf, String); 2] {
        let folder = folder(&self.command.output, &self.study);
        [
            (folder.join("shards.sbatch"), script::shards(self, &folder)),
            (folder.join("merge.sbatch"), script::merge(self, &folder)),
        ]
    }

    /// Writes the scripts and submits arrays for `shards`, and a merge after them and after the jobs `running`.
    ///
    /// # Errors
    /// If a part cannot be written to a script, a file cannot be written, or Slurm refuses. Jobs already submitted are
    /// saved nevertheless.
    pub fn submit(&mut self, shards: &[usize], running: &[String]) -> Result<(), SlurmError> {
        self.check()?;
        let folder = folder(&self.command.output, &self.study);
        let fail = |e: std::io::Error| StoreError::Write { path: folder.clone(), reason: e.to_string() };
        std::fs::create_dir_all(&folder).map_err(fail)?;
        let scripts = self.scripts();
        for (path, text) in &scripts {
            store::write_whole(path, text.as_bytes())?;
        }
        let [(shards_path, _), (merge_path, _)] = scripts;
        let most_tasks = queue::most_array_tasks()?;
        let arrays = arrays(shards, most_tasks);
        // the limit includes tasks that still run
        let mut before = if self.at_most.is_some() { running.to_vec() } else { Vec::new() };
        if self.pilots && !arrays.is_empty() {
            before = self.arrays(Role::Pilot, &arrays, &shards_path, &before)?;
        }
        let mut ended = self.arrays(Role::Shards, &arrays, &shards_path, &before)?;
        ended.extend(running.iter().cloned());
        let mut arguments = dependency(&ended);
        arguments.push(merge_path.display().to_string());
        let id = queue::sbatch(&arguments)?;
        self.remember(SubmittedJob { id, role: Role::Merge, offset: 0 })
    }

    /// Submits arrays that begin after the jobs `before`, and returns their ids.
    fn arrays(
        &mut self,
        role: Role,
        arrays: &[(usize, Vec<usize>)],
        script: &Path,
        before: &[String],
    ) -> Result<Vec<String>, SlurmError> {
        let mut ids: Vec<String> = Vec::with_capacity(arrays.len());
        for (offset, tasks) in arrays {
            let mut list = ranges(tasks);
            let mut after = before;
            if let Some(most) = self.at_most {
                // Slurm limits each array separately: the next begins when the last has ended
                list.push_str(&format!("%{most}"));
                after = ids.last().map_or(before, std::slice::from_ref);
            }
            let mut arguments = vec![format!("--array={list}")];
            arguments.extend(dependency(after));
            arguments.push(script.display().to_string());
            arguments.push(offset.to_string());
            arguments.extend((role == Role::Pilot).then(|| "--pilot".to_owned()));
            let id = queue::sbatch(&arguments)?;
            self.remember(SubmittedJob { id: id.clone(), role, offset: *offset })?;
            ids.push(id);
        }
        Ok(ids)
    }

    fn remember(&mut self, job: SubmittedJob) -> Result<(), SlurmError> {
        self.jobs.push(job);
        Ok(self.save()?)
    }

    /// State of each shard and of the merge according to Slurm (latest job), and the jobs still waiting or running.
    ///
    /// # Errors
    /// If Slurm's commands fail or their output is not understood.
    pub fn queue(&self) -> Result<Queue, SlurmError> {
        let mut found = Queue::default();
        for job in &self.jobs {
            let tasks = queue::tasks_of(&job.id)?;
            let queued = tasks.iter().filter(|t| t.is_queued()).count();
            if queued > 0 {
                found.queued.push(QueuedJob { id: job.id.clone(), role: job.role, tasks: queued });
            }
            for task in tasks {
                match (job.role, task.number) {
                    (Role::Merge, _) => found.merge = Some(task),
                    (_, Some(number)) => {
                        found.shards.insert(job.offset + number, task);
                    }
                    (_, None) => {}
                }
            }
        }
        Ok(found)
    }

    /// Shards that are neither done nor waiting or running in `queue`.
    #[must_use]
    pub fn missing(&self, queue: &Queue) -> Vec<usize> {
        let is_done = |shard: usize| {
            Shard::new(shard, self.shards).is_some_and(|s| {
                let path = status::path_in(&self.command.output, &self.study, s);
                status::Status::read(&path)
                    .is_ok_and(|found| found.state == State::Done && found.identity == self.command.digest)
            })
        };
        let is_queued = |shard: usize| queue.shards.get(&shard).is_some_and(TaskState::is_queued);
        (1..=self.shards).filter(|&s| !is_done(s) && !is_queued(s)).collect()
    }
}

fn dependency(jobs: &[String]) -> Vec<String> {
    if jobs.is_empty() { Vec::new() } else { vec![format!("--dependency=afterany:{}", jobs.join(":"))] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_split_into_arrays_that_slurm_takes() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
        assert_eq!(ranges(&[]), "");
        let all: Vec<usize> = (1..=2500).collect();
        let split = arrays(&all, 1000);
        assert_eq!(
            split.iter().map(|(offset, tasks)| (*offset, ranges(tasks))).collect::<Vec<_>>(),
            [(0, "1-1000".to_owned()), (1000, "1-1000".to_owned()), (2000, "1-500".to_owned())]
        );
        assert_eq!(arrays(&[5, 1001, 2000], 1000), [(0, vec![5]), (1000, vec![1, 1000])]);
        let every_second: Vec<usize> = (1..=100_000).step_by(2).collect();
        let split = arrays(&every_second, 200_000);
        assert!(split.iter().all(|(offset, tasks)| *offset == 0 && ranges(tasks).len() <= LONGEST_LIST));
        assert_eq!(split.into_iter().flat_map(|(_, tasks)| tasks).collect::<Vec<_>>(), every_second);
    }
}
