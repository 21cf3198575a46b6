use std::path::{Path, PathBuf};

use clap::Args;
use results::store;
use sweep::slurm::options::options;
use sweep::slurm::queue::{QueuedJob, TaskState};
use sweep::slurm::script::Command;
use sweep::slurm::{Role, Submission, queue, ranges};
use sweep::text::{check_study_name, shell_path, shell_word};
use sweep::{MOST_SHARDS, Shard};

use super::run::{StudyArguments, program};
use crate::failure::Failure;

/// Run a study as a Slurm job array, one task per shard, with a job that merges them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne submit my.toml --tasks 64 --slurm \"--partition=long --time=4:00:00 --cpus-per-task=8\" --dry-run
  homodyne submit my.toml --tasks 64 --slurm \"--partition=long --time=4:00:00 --cpus-per-task=8\"
  homodyne submit my.toml --tasks 640 --at-most 64 --slurm \"--partition=long --time=4:00:00 --exclusive\"
  homodyne status my-study
Each task uses the CPUs that Slurm gives it, saves its work before the time limit, and queues again.")]
pub(crate) struct Submit {
    #[command(flatten)]
    study: StudyArguments,
    /// Number of shards, one task each.
    #[arg(long)]
    tasks: usize,
    /// Largest number of tasks that run at once; as many as Slurm allows if not given.
    #[arg(long, value_name = "K")]
    at_most: Option<usize>,
    /// Options for sbatch. Options that homodyne sets itself or that would prevent tasks from saving their work are
    /// refused.
    #[arg(long, default_value = "", value_name = "OPTIONS", hide_default_value = true, allow_hyphen_values = true)]
    slurm: String,
    /// Print the scripts, and submit nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Resubmit the missing shards of a study: those that failed, were cancelled, or hit their time limit.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne resubmit my-study --output results")]
pub(crate) struct Resubmit {
    #[command(flatten)]
    submitted: Submitted,
}

/// Cancel the jobs of a submitted study; finished work is kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne cancel my-study --output results")]
pub(crate) struct Cancel {
    #[command(flatten)]
    submitted: Submitted,
}

/// The submission of a command.
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
        check_study_name(&self.study).map_err(|what| Failure::BadInput(format!("study: {what}")))?;
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
            return Err(Failure::BadInput(format!("--tasks {}: must be 1 to {MOST_SHARDS}", self.tasks)));
        }
        if self.at_most == Some(0) {
            return Err(Failure::BadInput("--at-most 0: must be at least 1".to_owned()));
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
                digest: study::identity::identity_of(&study, &program())?.digest(),
            },
            study: name.clone(),
            shards: self.tasks,
            pilots: study.section.budget_repetitions.is_some() && self.tasks > 1,
            at_most: self.at_most,
            options: options(&self.slurm).map_err(Failure::BadInput)?,
            jobs: Vec::new(),
        };
        submission.check()?;
        if self.dry_run {
            for (path, text) in submission.scripts() {
                say!("# ---- {}\n{text}", path.display());
            }
            return Ok(());
        }
        store::check_writable(&store::path_in(&output, name), true)?;
        if let Some(earlier) = Submission::read(&output, name)? {
            let queued = earlier.queue()?.queued;
            if !queued.is_empty() {
                let (name, tasks) = (shell_word(name), queued.iter().map(|j| j.tasks).sum::<usize>());
                return Err(Failure::BadInput(format!(
                    "`{name}` is already in the queue ({tasks} tasks of {}): see `homodyne status {name} --output {output}`, or \
                     take it out with `homodyne cancel {name} --output {output}`",
                    words(&queued),
                    output = shell_path(&output),
                )));
            }
        }
        let all: Vec<usize> = (1..=self.tasks).collect();
        submission.submit(&all, &[])?;
        say(&submission);
        Ok(())
    }
}

fn role(role: Role) -> String {
    format!("{role:?}").to_lowercase()
}

/// `shards 12, merge 14`
fn words(jobs: &[QueuedJob]) -> String {
    jobs.iter().map(|j| format!("{} {}", role(j.role), j.id)).collect::<Vec<_>>().join(", ")
}

fn say(submission: &Submission) {
    for job in &submission.jobs {
        say!("{:10} {}", role(job.role), job.id);
    }
    let output = shell_path(&submission.command.output);
    say!("see `homodyne status {} --output {output}`", shell_word(&submission.study));
}

impl Resubmit {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let mut submission = self.submitted.read()?;
        let results = store::path_in(&submission.command.output, &submission.study);
        let queue = submission.queue()?;
        let missing = submission.missing(&queue);
        let merge_waits = queue.merge.as_ref().is_some_and(TaskState::is_queued);
        if results.exists() {
            say!("nothing is missing: `{}` is finished", results.display());
            if !results.with_extension("svg").exists() {
                say!("it has no figure: `homodyne plot {}` draws it", shell_path(&results));
            }
            return Ok(());
        }
        if missing.is_empty() && merge_waits {
            say!("nothing is missing: {} shards done or in the queue", submission.shards - missing.len());
            return Ok(());
        }
        let (merges, running): (Vec<QueuedJob>, Vec<QueuedJob>) =
            queue.queued.into_iter().partition(|j| j.role == Role::Merge);
        let ids = |jobs: Vec<QueuedJob>| jobs.into_iter().map(|j| j.id).collect::<Vec<String>>();
        queue::cancel(&ids(merges))?;
        let before = submission.jobs.len();
        submission.submit(&missing, &ids(running))?;
        say!("shards again: {}", if missing.is_empty() { "none".to_owned() } else { ranges(&missing) });
        for job in &submission.jobs[before..] {
            say!("{:10} {}", role(job.role), job.id);
        }
        Ok(())
    }
}

impl Cancel {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let submission = self.submitted.read()?;
        let queued = submission.queue()?.queued;
        if queued.is_empty() {
            say!("none of its jobs is in the queue");
            return Ok(());
        }
        let ids: Vec<String> = queued.iter().map(|j| j.id.clone()).collect();
        queue::cancel(&ids)?;
        for job in &queued {
            say!("cancelled: {:10} {} ({} tasks)", role(job.role), job.id, job.tasks);
        }
        let output = shell_path(&self.submitted.output);
        say!("finished work is kept; `homodyne resubmit {} --output {output}` resumes", shell_word(&submission.study));
        Ok(())
    }
}
