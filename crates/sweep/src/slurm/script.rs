//! The scripts that sbatch runs. All user text is written as one word of one line, even in comments.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Submission;
use super::options::quoted;
use super::queue::SlurmError;
use crate::text::{self, shell_path, shell_word};

/// Seconds before the time limit at which a task saves its work and is requeued.
const WARNING_S: u32 = 90;

/// Command that runs the study from any folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Working folder.
    pub folder: PathBuf,
    /// The scenario.
    pub scenario: PathBuf,
    /// Folder of the results.
    pub output: PathBuf,
    /// Changes to the scenario.
    pub set: Vec<String>,
    /// Digest of the scenario and the program, which every task checks.
    pub digest: String,
}

impl Command {
    /// `program what scenario --output … --set …` as a shell command.
    fn line(&self, what: &str) -> String {
        let mut line = format!("{} {what} {} \\\n", shell_path(&self.program), shell_path(&self.scenario));
        let _ = write!(line, "    --output {}", shell_path(&self.output));
        for change in &self.set {
            let _ = write!(line, " --set {}", shell_word(change));
        }
        line.push_str(" \\\n   ");
        line
    }

    /// Checks that all parts can be written to a script.
    fn check(&self) -> Result<(), SlurmError> {
        let unfit = |what: &'static str| move |reason: String| SlurmError::Unfit { what, reason };
        text::line_of(&self.program).map_err(unfit("the path of this program"))?;
        text::line_of(&self.folder).map_err(unfit("the current folder"))?;
        text::line_of(&self.scenario).map_err(unfit("the scenario's path"))?;
        let output = text::line_of(&self.output).map_err(unfit("--output"))?;
        if output.contains('\\') {
            let reason =
                format!("{output:?} holds a backslash, with which Slurm does not name log files by their task");
            return Err(SlurmError::Unfit { what: "--output", reason });
        }
        self.set.iter().try_for_each(|change| text::one_line(change).map(drop).map_err(unfit("--set")))
    }
}

/// Checks that all parts of a submission can be written to scripts.
pub(super) fn check(submission: &Submission) -> Result<(), SlurmError> {
    text::check_study_name(&submission.study)
        .map_err(|reason| SlurmError::Unfit { what: "the name of the study", reason })?;
    submission.command.check()?;
    submission.options.iter().try_for_each(|option| {
        text::one_line(option).map(drop).map_err(|reason| SlurmError::Unfit { what: "--slurm", reason })
    })
}

/// Path of a Slurm log: `pattern` in `folder`, with `%` in the folder's name escaped.
fn log(folder: &Path, pattern: &str) -> String {
    let folder = folder.display().to_string().replace('%', "%%");
    quoted(&format!("--output={folder}/{pattern}"))
}

fn head(submission: &Submission, own: &[String]) -> String {
    let mut text = String::new();
    for option in own.iter().chain(&submission.options) {
        let _ = writeln!(text, "#SBATCH {option}");
    }
    let folder = shell_path(&submission.command.folder);
    let _ = write!(
        text,
        "\nset -u\ncd {folder}\n# parallel file systems without locks are fine: every file has one writer\n\
         export HDF5_USE_FILE_LOCKING=FALSE\n\n"
    );
    text
}

/// The script of an array: task t of `sbatch --array=… shards.sbatch OFFSET` computes shard OFFSET + t.
pub(super) fn shards(submission: &Submission, folder: &Path) -> String {
    let (study, shards) = (&submission.study, submission.shards);
    let own = [
        quoted(&format!("--job-name={study}")),
        log(folder, "shards-%A_%a.log"),
        "--open-mode=append".to_owned(),
        "--requeue".to_owned(),
        "--nodes=1".to_owned(),
        format!("--signal=B:USR1@{WARNING_S}"),
    ];
    format!(
        "#!/bin/bash\n\
         # The shards of {study}, one array task each; written by `homodyne submit`. It may be read, changed, and given to\n\
         # Slurm again:  sbatch --array=3,7 shards.sbatch 0     task t does shard 0 + t of {shards}\n\
         {head}\
         shard=$(( ${{1:-0}} + SLURM_ARRAY_TASK_ID ))\n\
         # as many threads as Slurm grants CPUs on this node, however they were asked for\n\
         threads=${{SLURM_CPUS_ON_NODE:-1}}\n\
         echo \"shard $shard of {shards}: $threads threads on $(hostname)\"\n\
         {run} --shard \"$shard/{shards}\" --threads \"$threads\" --expect {digest} --quiet \"${{@:2}}\" &\n\
         program=$!\n\
         \n\
         # USR1 comes {WARNING_S} s before the time limit: homodyne saves its work, exits with 75, and the task queues again.\n\
         # The signal ends `wait`, so wait once more.\n\
         signalled=0\n\
         trap 'signalled=1; kill -USR1 \"$program\"' USR1\n\
         trap 'signalled=1; kill -TERM \"$program\"' TERM\n\
         wait \"$program\"; code=$?\n\
         while [ \"$signalled\" = 1 ]; do signalled=0; wait \"$program\"; code=$?; done\n\
         if [ \"$code\" = 75 ]; then\n    \
             echo \"shard $shard: saved, back into the queue\"\n    \
             scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\n\
         fi\n\
         exit \"$code\"\n",
        study = shell_word(study),
        head = head(submission, &own),
        run = submission.command.line("run"),
        digest = submission.command.digest,
    )
}

/// The script of the merge.
pub(super) fn merge(submission: &Submission, folder: &Path) -> String {
    let (study, shards) = (&submission.study, submission.shards);
    let own = [quoted(&format!("--job-name={study}-merge")), log(folder, "merge-%j.log"), "--nodes=1".to_owned()];
    format!(
        "#!/bin/bash\n\
         # Merges the shards of {study} when all have ended, or reports which are missing.\n\
         {head}\
         {run} --shards {shards}\n",
        study = shell_word(study),
        head = head(submission, &own),
        run = submission.command.line("merge"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(study: &str, folder: &str) -> Submission {
        Submission {
            command: Command {
                program: PathBuf::from("/opt/homodyne"),
                folder: PathBuf::from(folder),
                scenario: PathBuf::from(folder).join("my.toml"),
                output: PathBuf::from(folder).join("out"),
                set: vec!["study.description=it's $(touch x)".to_owned()],
                digest: "0123".to_owned(),
            },
            study: study.to_owned(),
            shards: 8,
            pilots: false,
            at_most: None,
            options: vec!["--partition=long".to_owned()],
            jobs: Vec::new(),
        }
    }

    #[test]
    fn names_and_paths_stay_words() {
        let study = "x $(touch a) `touch b` \"'; touch c #";
        let submission = submission(study, "/data/50%j of it's");
        check(&submission).unwrap();
        for (_, script) in submission.scripts() {
            let comment = script.lines().nth(1).unwrap();
            assert!(comment.starts_with("# ") && comment.contains(&shell_word(study)), "{comment}");
            assert!(script.contains("\n#SBATCH \"--output=/data/50%%j of it's/out/x $(touch a)"), "{script}");
            let (_, command) = script.split_once("\n/opt/homodyne ").unwrap();
            let (command, _) = command.split_once("--shard").unwrap();
            let words = shell_words::split(&command.replace("\\\n", " ")).unwrap();
            assert_eq!(
                words[2..],
                ["--output", "/data/50%j of it's/out", "--set", "study.description=it's $(touch x)"][..]
            );
            assert!(words.contains(&"/data/50%j of it's/my.toml".to_owned()), "{words:?}");
        }
    }

    #[test]
    fn what_breaks_a_line_is_refused() {
        for (study, folder) in [("a\ntouch x", "/data"), ("a", "/data\ntouch x"), ("a", "/data\\x"), ("..", "/data")] {
            assert!(matches!(check(&submission(study, folder)), Err(SlurmError::Unfit { .. })), "{study:?} {folder:?}");
        }
        let mut with_set = submission("a", "/data");
        with_set.command.set.push("study.seed=1\ntouch x".to_owned());
        assert!(check(&with_set).unwrap_err().to_string().starts_with("--set cannot"));
    }
}
