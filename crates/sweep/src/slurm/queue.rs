//! Slurm's commands: sbatch, squeue, scontrol, scancel.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::Role;
use results::StoreError;

/// Errors of Slurm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlurmError {
    /// A command is not available.
    #[error("cannot run `{command}` ({reason}): is this a machine from which Slurm jobs are submitted?")]
    NoSlurm {
        /// The command.
        command: String,
        /// Why.
        reason: String,
    },
    /// A command failed.
    #[error("`{command}` failed: {said}")]
    Refused {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
    /// The output of a command is not understood; nothing is concluded from it.
    #[error("`{command}` said {said:?}, which this program does not understand: nothing was changed")]
    Unreadable {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
    /// Text that cannot be written to a script.
    #[error("{what} cannot go into a script for Slurm: {reason}")]
    Unfit {
        /// Part of the submission.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// An error of a file of the submission.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A task of an array, or a job, according to Slurm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// Its number in the array.
    pub number: Option<usize>,
    /// Id for squeue and scontrol.
    pub id: String,
    /// PENDING, RUNNING, FAILED, …
    pub state: String,
    /// Reason of this state.
    pub reason: String,
}

/// Final states. All others count as waiting or running: work wrongly considered ended would be done twice.
const ENDED: [&str; 11] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "LAUNCH_FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

impl TaskState {
    /// Whether it waits or runs.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        !ENDED.contains(&self.state.as_str())
    }
}

/// A job with tasks that wait or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedJob {
    /// Its id.
    pub id: String,
    /// What it does.
    pub role: Role,
    /// Number of its tasks that wait or run.
    pub tasks: usize,
}

/// Shards by number, the merge, and the jobs still in the queue.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// The latest task of each shard.
    pub shards: BTreeMap<usize, TaskState>,
    /// The latest merge.
    pub merge: Option<TaskState>,
    /// Jobs that wait or run, including pilots and earlier jobs.
    pub queued: Vec<QueuedJob>,
}

/// Runs a non-interactive command without the environment variables selected by `is_unwanted`.
fn call(
    program: &str,
    arguments: &[String],
    is_unwanted: impl Fn(&str) -> bool,
) -> Result<Result<String, String>, SlurmError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(&is_unwanted) {
            command.env_remove(name);
        }
    }
    // task lists must not be truncated after 64 characters. (One line a task, `squeue --array`, would leave out the
    // last task of a list with a stride in Slurm 22.05.)
    command.env("SLURM_BITSTR_LEN", "0");
    let output =
        command.output().map_err(|e| SlurmError::NoSlurm { command: program.to_owned(), reason: e.to_string() })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

fn line(program: &str, arguments: &[String]) -> String {
    format!("{program} {}", arguments.join(" "))
}

fn must(program: &str, arguments: &[String], is_unwanted: impl Fn(&str) -> bool) -> Result<String, SlurmError> {
    call(program, arguments, is_unwanted)?
        .map_err(|said| SlurmError::Refused { command: line(program, arguments), said })
}

/// Environment variables that override the script's options in sbatch, for options that [`super::options`] refuses.
const OF_SBATCH: [&str; 10] = [
    "SBATCH_ARRAY_INX",
    "SBATCH_CHDIR",
    "SBATCH_CLUSTERS",
    "SBATCH_NO_REQUEUE",
    "SBATCH_OPEN_MODE",
    "SBATCH_OUTPUT",
    "SBATCH_REQUEUE",
    "SBATCH_SIGNAL",
    "SBATCH_TEST_ONLY",
    "SBATCH_WAIT",
];

/// Submits a script and returns the id of the job.
///
/// # Errors
/// If there is no Slurm or it refuses.
pub fn sbatch(arguments: &[String]) -> Result<String, SlurmError> {
    let all: Vec<String> = std::iter::once("--parsable".to_owned()).chain(arguments.iter().cloned()).collect();
    let said = must("sbatch", &all, |name| OF_SBATCH.contains(&name))?;
    // "id" or "id;cluster"
    let id = said.split(';').next().unwrap_or_default().trim();
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SlurmError::Unreadable { command: line("sbatch", &all), said });
    }
    Ok(id.to_owned())
}

/// Largest number of tasks of an array, numbered from 1.
///
/// # Errors
/// If there is no Slurm.
pub fn most_array_tasks() -> Result<usize, SlurmError> {
    let said = must("scontrol", &["show".to_owned(), "config".to_owned()], |_| false)?;
    let size = said
        .lines()
        .find_map(|l| l.trim().strip_prefix("MaxArraySize")?.trim_start().strip_prefix('=')?.trim().parse().ok());
    // the largest index is one below the size
    Ok(size.map_or(1000, |n: usize| n.saturating_sub(1)).max(1))
}

/// Tasks of a job known to Slurm: those in the queue, and for some minutes those that ended.
///
/// # Errors
/// If there is no Slurm, it does not answer, or its output is not understood.
pub fn tasks_of(id: &str) -> Result<Vec<TaskState>, SlurmError> {
    // these lines contain no user text, unlike those of `scontrol show job` (names, comments)
    let arguments: Vec<String> = ["--noheader", "--all", "--states=all", "--format=%F|%K|%T|%r"]
        .iter()
        .map(|a| (*a).to_owned())
        .chain([format!("--jobs={id}")])
        .collect();
    match call("squeue", &arguments, |name| name.starts_with("SQUEUE_"))? {
        Ok(said) => {
            let tasks: Option<Vec<Vec<TaskState>>> = said.lines().map(parse_line).collect();
            let unreadable = || SlurmError::Unreadable { command: line("squeue", &arguments), said };
            tasks.map(|t| t.concat()).ok_or_else(unreadable)
        }
        // no longer known: it ended long ago
        Err(said) if said.contains("Invalid job id") => Ok(Vec::new()),
        Err(said) => Err(SlurmError::Refused { command: line("squeue", &arguments), said }),
    }
}

/// Largest number of ids in one command, since command lines are limited.
const IDS_OF_COMMAND: usize = 500;

/// Cancels jobs, running or waiting. It is not an error if some have ended in the meantime.
///
/// # Errors
/// If there is no Slurm or it refuses.
pub fn cancel(ids: &[String]) -> Result<(), SlurmError> {
    for some in ids.chunks(IDS_OF_COMMAND) {
        let arguments: Vec<String> = std::iter::once("--quiet".to_owned()).chain(some.iter().cloned()).collect();
        must("scancel", &arguments, |name| name.starts_with("SCANCEL_"))?;
    }
    Ok(())
}

/// Parses `JOB|TASKS|STATE|REASON`; `None` for other lines.
fn parse_line(line: &str) -> Option<Vec<TaskState>> {
    let mut fields = line.splitn(4, '|').map(str::trim);
    let (job, tasks, state, reason) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if job.is_empty() || state.is_empty() {
        return None;
    }
    let of = |number: Option<usize>, id: String| TaskState {
        number,
        id,
        state: state.to_owned(),
        reason: reason.to_owned(),
    };
    if tasks == "N/A" {
        return Some(vec![of(None, job.to_owned())]);
    }
    Some(task_numbers(tasks)?.into_iter().map(|n| of(Some(n), format!("{job}_{n}"))).collect())
}

/// Largest task number that Slurm allows.
const LARGEST_TASK: usize = 4_000_000;

/// Parses `1-3,7`, `2-40:2`, `[5-6,8]%4`; `None` for anything else, especially a list truncated with `...`.
fn task_numbers(text: &str) -> Option<Vec<usize>> {
    let (list, limit) = text.split_once('%').map_or((text, None), |(list, limit)| (list, Some(limit)));
    if limit.is_some_and(|n| n.trim_end_matches(']').parse::<usize>().is_err()) {
        return None;
    }
    let mut numbers = Vec::new();
    for part in list.trim_start_matches('[').trim_end_matches(']').split(',') {
        let (range, stride) = part.split_once(':').map_or((part, "1"), |(range, stride)| (range, stride));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        let stride: usize = stride.parse().ok()?;
        if first > last || last > LARGEST_TASK || stride == 0 {
            return None;
        }
        numbers.extend((first..=last).step_by(stride));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As squeue 22.05 prints an array of which two tasks ended, one runs, and the others wait; a merge; held tasks.
    #[test]
    fn lines_of_squeue_are_understood() {
        let said = "12|4-8:2%3|PENDING|Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions\n\
                    12|3|RUNNING|None\n12|2|FAILED|NonZeroExitCode\n12|1|COMPLETED|None\n\
                    13|N/A|PENDING|Dependency\n11|N/A|PENDING|job requeued in held state";
        let tasks: Vec<TaskState> = said.lines().flat_map(|l| parse_line(l).unwrap()).collect();
        let queued: Vec<&str> = tasks.iter().filter(|t| t.is_queued()).map(|t| t.id.as_str()).collect();
        assert_eq!(queued, ["12_4", "12_6", "12_8", "12_3", "13", "11"]);
        assert_eq!((tasks[4].number, tasks[4].state.as_str()), (Some(2), "FAILED"));
        assert_eq!((tasks[6].number, tasks[6].reason.as_str()), (None, "Dependency"));
    }

    #[test]
    fn a_state_that_is_not_known_is_not_taken_for_an_end() {
        for state in ["COMPLETING", "REQUEUE_HOLD", "SPECIAL_EXIT", "STAGE_OUT", "SIGNALING", "NEW_IN_2030"] {
            assert!(parse_line(&format!("5|1|{state}|None")).unwrap()[0].is_queued(), "{state}");
        }
    }

    /// Formats in which scontrol and squeue print waiting tasks of an array.
    #[test]
    fn lists_of_tasks_are_understood_whole_or_not_at_all() {
        let even: Vec<usize> = (2..=40).step_by(2).collect();
        assert_eq!(task_numbers("2-40:2").unwrap(), even);
        assert_eq!(task_numbers("2-40:2%4").unwrap(), even);
        assert_eq!(task_numbers("[2-40:2%4]").unwrap(), even);
        assert_eq!(task_numbers("5-6,8%4").unwrap(), [5, 6, 8]);
        assert_eq!(task_numbers("1-1999:3").unwrap().len(), 667);
        let long: Vec<String> = (0..300).map(|k| (1 + k * (k + 3)).to_string()).collect();
        assert_eq!(task_numbers(&long.join(",")).unwrap().len(), 300);
        for cut in
            ["4,7,9,15-17,24,31,35,38,41-42,44-45,51,55,60,69,71,74-75,78,...", "4,7,9,15-17,2...%8", "4-...", ""]
        {
            assert_eq!(task_numbers(cut), None, "{cut}");
        }
        for bad in ["7-3", "1-5:0", "1-18446744073709551615", "a", "1,,2", "5%x"] {
            assert_eq!(task_numbers(bad), None, "{bad}");
        }
        assert_eq!(parse_line("slurm_load_jobs error: Unable to contact slurm controller"), None);
    }
}
