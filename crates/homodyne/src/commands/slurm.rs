use std::path::{Path, PathBuf};

use clap::Args;
use sweep::identity::Identity;
use sweep::slurm::script::{Command, options};
use sweep::slurm::{Submission, queue, ranges};
use sweep::{Shard, store};

use super::run::{StudyArguments, program};
use crate::failure::Failure;

/// Run a study as a Slurm job array, one task a shard, with a job that merges them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne submit my.toml --tasks 64 --slurm \"--partition=long --time=4:00:00 --cpus-per-task=8\" --dry-run
  homodyne submit my.toml --tasks 64 --slurm \"--partition=long --time=4:00:00 --cpus-per-task=8\"
  homodyne status my-study
Each task uses the CPUs that Slurm gives it, saves its work before the time limit, and queues again.")]
pub(crate) struct Submit {
    #[command(flatten)]
    study: StudyArguments,
    /// Number of shards, one task each.
    #[arg(long)]
    tasks: usize,
    /// Options for sbatch.
    #[arg(long, default_value = "", value_name = "OPTIONS", hide_default_value = true, allow_hyphen_values = true)]
    slurm: String,
    /// Print the scripts, and submit nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Run again what is missing of a submitted study: shards that failed, were cancelled, or hit their time limit.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne resubmit my-study --output results")]
pub(crate) struct Resubmit {
    #[command(flatten)]
    submitted: Submitted,
}

/// Take a submitted study out of the queue; what its tasks have done is kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne cancel my-study --output results")]
pub(crate) struct Cancel {
    #[command(flatten)]
    submitted: Submitted,
}

/// Which submission a command is about.
#[derive(Debug, Args)]
struct Submitted {
    /// Name of the study.
    study: String,
    /// Folder of the results.
    #[arg(long, default_value = "results")]
    output: PathBuf,
}

impl Submitted {
    fn read(&self) -> Result<Submission, Failure> {
        Submission::read(&self.output, &self.study)?.ok_or_else(|| {
            Failure::BadInput(format!(
                "`{}` was not submitted from here: there is no `{}`. Give the study's name and its --output",
                self.study,
                sweep::slurm::folder(&self.output, &self.study).join("submitted.json").display()
            ))
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path)?)
}

impl Submit {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let study = self.study.read_with_figure()?;
        if Shard::new(1, self.tasks).is_none() {
            return Err(Failure::BadInput(format!("--tasks {}: must be 1 to 100000", self.tasks)));
        }
        let name = &study.section.name;
        let output = absolute(&self.study.output)?;
        let mut submission = Submission {
            command: Command {
                program: std::env::current_exe()?,
                folder: std::env::current_dir()?,
                scenario: absolute(&self.study.scenario)?,
                output: output.clone(),
                set: self.study.set.clone(),
                digest: Identity::new(&study, &program())?.digest(),
            },
            study: name.clone(),
            shards: self.tasks,
            pilots: study.section.budget_repetitions.is_some() && self.tasks > 1,
            options: options(&self.slurm).map_err(Failure::BadInput)?,
            jobs: Vec::new(),
        };
        if self.dry_run {
            for (path, text) in submission.scripts() {
                say!("# ---- {}\n{text}", path.display());
            }
            return Ok(());
        }
        store::check_writable(&store::path_in(&output, name), true)?;
        if let Some(earlier) = Submission::read(&output, name)? {
            let queue = earlier.queue()?;
            let queued = queue.shards.values().filter(|t| t.is_queued()).count();
            if queued > 0 {
                return Err(Failure::BadInput(format!(
                    "`{name}` is in the queue already ({queued} tasks): see `homodyne status {name}`, or `homodyne cancel` it \
                     first"
                )));
            }
        }
        let all: Vec<usize> = (1..=self.tasks).collect();
        submission.submit(&all, &[])?;
        say(&submission);
        Ok(())
    }
}

fn say(submission: &Submission) {
    for job in &submission.jobs {
        say!("{:10} {}", format!("{:?}", job.role).to_lowercase(), job.id);
    }
    let name = &submission.study;
    say!("see `homodyne status {name} --output {}`", submission.command.output.display());
}

impl Resubmit {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let mut submission = self.submitted.read()?;
        let results = store::path_in(&submission.command.output, &submission.study);
        let queue = submission.queue()?;
        let missing = submission.missing(&queue);
        let running: Vec<String> = queue.shards.values().filter(|t| t.is_queued()).map(|t| t.id.clone()).collect();
        let merge_waits = queue.merge.as_ref().is_some_and(queue::TaskState::is_queued);
        if results.exists() || (missing.is_empty() && merge_waits) {
            say!("nothing is missing: {} shards done or in the queue", submission.shards - missing.len());
            return Ok(());
        }
        if let Some(merge) = queue.merge.filter(queue::TaskState::is_queued) {
            queue::cancel(&[merge.id])?;
        }
        let before = submission.jobs.len();
        submission.submit(&missing, &running)?;
        say!("shards again: {}", if missing.is_empty() { "none".to_owned() } else { ranges(&missing) });
        for job in &submission.jobs[before..] {
            say!("{:10} {}", format!("{:?}", job.role).to_lowercase(), job.id);
        }
        Ok(())
    }
}

impl Cancel {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let submission = self.submitted.read()?;
        let queue = submission.queue()?;
        let tasks = queue.shards.values().chain(&queue.merge);
        let mut ids: Vec<String> = tasks.filter(|t| t.is_queued()).map(|t| t.id.clone()).collect();
        ids.sort();
        if ids.is_empty() {
            say!("none of its jobs is in the queue");
            return Ok(());
        }
        // few at a time: command lines are not endless
        for some in ids.chunks(500) {
            queue::cancel(some)?;
        }
        say!("cancelled: {}", ids.join(" "));
        say!("what was done is kept; `homodyne resubmit {}` goes on", submission.study);
        Ok(())
    }
}
