use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use results::store;
use serde::Serialize;
use sweep::slurm::Submission;
use sweep::slurm::queue::{Queue, TaskState};
use sweep::status::{self, State, Status};

use crate::failure::Failure;

/// Show the progress of studies: units done, rate, time left and failures for each shard, and the state of Slurm jobs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne status                                      every study in results/
  homodyne status my-study --output results --json")]
pub(crate) struct StatusArguments {
    /// Name of the study; all studies in the folder if not given.
    study: Option<String>,
    /// Folder of the results.
    #[arg(long, default_value = "results")]
    output: PathBuf,
    /// Show all shards, even if there are many.
    #[arg(long)]
    all: bool,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

/// A study with its shards.
#[derive(Debug, Serialize)]
struct Overview {
    study: String,
    finished: bool,
    done: usize,
    total: usize,
    failed: usize,
    units_per_s: f64,
    left_s: Option<f64>,
    shards: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<String>,
}

/// A shard.
#[derive(Debug, Serialize)]
struct Row {
    shard: usize,
    of: usize,
    state: String,
    done: usize,
    total: usize,
    failed: usize,
    units_per_s: f64,
    left_s: Option<f64>,
    host: String,
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slurm: Option<String>,
}

/// Time without updates after which a process may no longer be running.
const SILENCE: Duration = Duration::from_secs(300);

/// Largest number of shards listed individually, unless all are requested.
const FEW: usize = 40;

impl StatusArguments {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let found = status::all_in(&self.output)?;
        let mut names: Vec<String> = match &self.study {
            Some(name) => vec![name.clone()],
            None => found.iter().map(|s| s.study.clone()).collect(),
        };
        names.dedup();
        let mut overviews = Vec::new();
        for name in &names {
            let own: Vec<&Status> = found.iter().filter(|s| s.study == *name).collect();
            let submission = Submission::read(&self.output, name)?;
            let finished = store::path_in(&self.output, name).exists();
            if own.is_empty() && submission.is_none() && !finished {
                return Err(Failure::BadInput(format!(
                    "nothing in `{}` is called `{name}`: give the study's name as in its scenario, and its --output",
                    self.output.display()
                )));
            }
            overviews.push(overview(name, &own, submission.as_ref(), finished));
        }
        if self.json {
            say!("{}", serde_json::to_string_pretty(&overviews).unwrap_or_default());
            return Ok(());
        }
        if overviews.is_empty() {
            say!("no study in `{}` is in progress", self.output.display());
        }
        overviews.iter().for_each(|o| print(o, self.all));
        Ok(())
    }
}

fn overview(name: &str, own: &[&Status], submission: Option<&Submission>, finished: bool) -> Overview {
    // a machine without Slurm can still read the files
    let queue = submission.and_then(|s| s.queue().ok()).unwrap_or_default();
    let mut shards: Vec<Row> = own.iter().map(|s| row(s, &queue)).collect();
    if let Some(submission) = submission.filter(|_| !finished) {
        for shard in 1..=submission.shards {
            if !shards.iter().any(|r| r.shard == shard && r.of == submission.shards) {
                shards.push(Row {
                    shard,
                    of: submission.shards,
                    state: "not begun".to_owned(),
                    done: 0,
                    total: 0,
                    failed: 0,
                    units_per_s: 0.0,
                    left_s: None,
                    host: String::new(),
                    updated: String::new(),
                    failure: None,
                    slurm: queue.shards.get(&shard).map(words),
                });
            }
        }
    }
    shards.sort_by_key(|r| (r.of, r.shard));
    let sum = |of: fn(&Row) -> usize| shards.iter().map(of).sum::<usize>();
    let running = shards.iter().filter(|r| r.state == "running");
    // not `sum`, which is −0 where none is running
    let units_per_s = running.fold(0.0, |sum, r| sum + r.units_per_s);
    // shards that have not begun are assumed to be as large as the others
    let known = shards.iter().filter(|r| r.total > 0).count();
    let total = (sum(|r| r.total) * shards.len()).checked_div(known).unwrap_or(0);
    let done = sum(|r| r.done);
    Overview {
        study: name.to_owned(),
        finished,
        done,
        total,
        failed: sum(|r| r.failed),
        units_per_s,
        left_s: (units_per_s > 0.0).then(|| total.saturating_sub(done) as f64 / units_per_s),
        shards,
        merge: queue.merge.as_ref().map(words),
    }
}

fn words(task: &TaskState) -> String {
    let reason =
        if ["None", ""].contains(&task.reason.as_str()) { String::new() } else { format!(" ({})", task.reason) };
    format!("{} {}{reason}", task.id, task.state)
}

fn row(status: &Status, queue: &Queue) -> Row {
    Row {
        shard: status.shard,
        of: status.shards,
        state: state(status),
        done: status.done,
        total: status.total,
        failed: status.failed,
        units_per_s: status.units_per_s,
        left_s: status.left_s().filter(|_| status.state == State::Running),
        host: status.host.clone(),
        updated: status.updated.clone(),
        failure: status.first_failure.clone(),
        slurm: queue.shards.get(&status.shard).map(words),
    }
}

/// State of the process, as far as known on this host.
fn state(status: &Status) -> String {
    let silent = humantime::parse_rfc3339(&status.updated)
        .ok()
        .and_then(|then| SystemTime::now().duration_since(then).ok())
        .filter(|silence| *silence > SILENCE);
    let here = gethostname::gethostname().to_string_lossy() == status.host;
    let gone =
        here && cfg!(target_os = "linux") && !std::path::Path::new(&format!("/proc/{}", status.process)).exists();
    match (status.state, silent) {
        (State::Running, _) if gone => "killed".to_owned(),
        (State::Running, Some(silence)) => {
            format!("silent {}", humantime::format_duration(Duration::from_secs(silence.as_secs())))
        }
        (State::Running, None) => "running".to_owned(),
        (State::Stopped, _) => "stopped".to_owned(),
        (State::Failed, _) => "failed".to_owned(),
        (State::Done, _) => "done".to_owned(),
    }
}

fn print(overview: &Overview, all: bool) {
    let Overview { study, done, total, failed, .. } = overview;
    if overview.finished {
        say!("{study}: finished");
    } else {
        let percent = 100.0 * *done as f64 / (*total).max(1) as f64;
        say!(
            "{study}: {done} of {total} units ({percent:.1} %), {failed} failed, {:.3} units/s, {} left",
            overview.units_per_s,
            overview.left_s.map_or("?".to_owned(), duration)
        );
    }
    let sharded = overview.shards.iter().any(|r| r.of > 1);
    let few = all || overview.shards.len() <= FEW;
    for row in overview.shards.iter().filter(|r| few || r.state != "done") {
        let name = if sharded { format!("shard {}/{}", row.shard, row.of) } else { "whole".to_owned() };
        let left = row.left_s.map_or(String::new(), |s| format!("  {} left", duration(s)));
        let failed = if row.failed > 0 { format!("  {} failed", row.failed) } else { String::new() };
        let slurm = row.slurm.as_ref().map_or(String::new(), |s| format!("  [{s}]"));
        let host = if row.host.is_empty() { String::new() } else { format!("  {}", row.host) };
        say!("  {name:16} {:>10}/{:<10} {:14}{host}{left}{failed}{slurm}", row.done, row.total, row.state);
        if let Some(failure) = &row.failure {
            say!("    {failure}");
        }
    }
    if !few {
        say!("  (finished shards are not shown: --all shows them)");
    }
    if let Some(merge) = &overview.merge {
        say!("  merge            [{merge}]");
    }
}

fn duration(seconds: f64) -> String {
    humantime::format_duration(Duration::from_secs(seconds.min(1e9).ceil() as u64)).to_string()
}
