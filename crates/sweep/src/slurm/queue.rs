//! Slurm's commands: sbatch, squeue, scontrol, scancel.

use std::collections::BTreeMap;
use std::process::Command;

use crate::error::StoreError;

/// What keeps Slurm from doing what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlurmError {
    /// One of its commands is not there.
    #[error("cannot run `{command}` ({reason}): is this a machine from which Slurm jobs are submitted?")]
    NoSlurm {
        /// The command.
        command: String,
        /// Why.
        reason: String,
    },
    /// One of its commands failed.
    #[error("`{command}` failed: {said}")]
    Refused {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
    /// A file of the submission is at fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A task of an array, or a job, as Slurm sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// Its number in the array.
    pub number: Option<usize>,
    /// Id as squeue and scontrol take it.
    pub id: String,
    /// PENDING, RUNNING, FAILED, …
    pub state: String,
    /// Why it is in this state.
    pub reason: String,
}

impl TaskState {
    /// Whether it waits or runs.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        let queued = ["PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD"];
        queued.contains(&self.state.as_str())
    }
}

/// Shards by number, and the merge.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// The latest task of each shard.
    pub shards: BTreeMap<usize, TaskState>,
    /// The latest merge.
    pub merge: Option<TaskState>,
}

fn call(program: &str, arguments: &[String]) -> Result<Result<String, String>, SlurmError> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|e| SlurmError::NoSlurm { command: program.to_owned(), reason: e.to_string() })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

fn must(program: &str, arguments: &[String]) -> Result<String, SlurmError> {
    call(program, arguments)?
        .map_err(|said| SlurmError::Refused { command: format!("{program} {}", arguments.join(" ")), said })
}

/// Submits a script and returns the id of the job.
///
/// # Errors
/// If there is no Slurm or it refuses.
pub fn sbatch(arguments: &[String]) -> Result<String, SlurmError> {
    let all: Vec<String> = std::iter::once("--parsable".to_owned()).chain(arguments.iter().cloned()).collect();
    let said = must("sbatch", &all)?;
    // "id" or "id;cluster"
    Ok(said.split(';').next().unwrap_or_default().trim().to_owned())
}

/// Most tasks of an array, numbered from 1.
///
/// # Errors
/// If there is no Slurm.
pub fn most_array_tasks() -> Result<usize, SlurmError> {
    let said = must("scontrol", &["show".to_owned(), "config".to_owned()])?;
    let size = said
        .lines()
        .find_map(|l| l.trim().strip_prefix("MaxArraySize")?.trim_start().strip_prefix('=')?.trim().parse().ok());
    // the largest index is one below the size
    Ok(size.map_or(1000, |n: usize| n.saturating_sub(1)).max(1))
}

/// Tasks of a job that Slurm still knows: those in the queue, and for some minutes those that ended.
///
/// # Errors
/// If there is no Slurm.
pub fn tasks_of(id: &str) -> Result<Vec<TaskState>, SlurmError> {
    let arguments = ["show", "job", "--oneliner", id].map(str::to_owned);
    match call("scontrol", &arguments)? {
        Ok(said) => Ok(said.lines().flat_map(parse_job).collect()),
        // forgotten: it ended long ago
        Err(_) => Ok(Vec::new()),
    }
}

/// Takes jobs out of the queue, running or not.
///
/// # Errors
/// If there is no Slurm or it refuses.
pub fn cancel(ids: &[String]) -> Result<(), SlurmError> {
    must("scancel", ids).map(drop)
}

/// The tasks of one line of `scontrol show job --oneliner`; waiting tasks of an array share one line.
fn parse_job(line: &str) -> Vec<TaskState> {
    let field = |name: &str| line.split_whitespace().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
    let (Some(job), Some(state)) = (field("JobId"), field("JobState")) else { return Vec::new() };
    let (state, reason) = (state.to_owned(), field("Reason").unwrap_or_default().to_owned());
    let of = |number: Option<usize>, id: String| TaskState { number, id, state: state.clone(), reason: reason.clone() };
    match (field("ArrayJobId"), field("ArrayTaskId")) {
        (Some(array), Some(tasks)) => {
            parse_ranges(tasks).into_iter().map(|n| of(Some(n), format!("{array}_{n}"))).collect()
        }
        _ => vec![of(None, job.to_owned())],
    }
}

/// `1-3,7%2` as numbers.
fn parse_ranges(text: &str) -> Vec<usize> {
    let text = text.split('%').next().unwrap_or_default();
    text.split(',')
        .filter_map(|part| match part.split_once('-') {
            Some((a, b)) => Some(a.parse().ok()?..=b.parse().ok()?),
            None => part.parse().ok().map(|n: usize| n..=n),
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_scontrol_are_understood() {
        let waiting =
            "JobId=12 ArrayJobId=12 ArrayTaskId=5-6,8%4 JobName=x UserId=root(0) JobState=PENDING Reason=Resources";
        let numbers: Vec<_> = parse_job(waiting).into_iter().map(|t| (t.number, t.id, t.state)).collect();
        let expected = |n: usize| (Some(n), format!("12_{n}"), "PENDING".to_owned());
        assert_eq!(numbers, [expected(5), expected(6), expected(8)]);
        let ended =
            "JobId=15 ArrayJobId=12 ArrayTaskId=3 JobName=x JobState=FAILED Reason=NonZeroExitCode ExitCode=2:0";
        assert!(!parse_job(ended)[0].is_queued());
        assert_eq!(parse_job("JobId=20 JobName=m JobState=RUNNING Reason=None")[0].number, None);
        assert_eq!(parse_job("slurm_load_jobs error"), []);
    }
}
