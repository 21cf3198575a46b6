//! The scripts that sbatch runs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Submission;

/// Seconds before the time limit at which a task saves its work and goes back into the queue.
const WARNING_S: u32 = 90;

/// How the study is run, from any folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Folder from which it is run.
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
    /// `program what scenario --output … --set …`, for a shell.
    fn line(&self, what: &str) -> String {
        let quoted = |path: &Path| quote(&path.display().to_string());
        let mut line = format!("{} {what} {} \\\n", quoted(&self.program), quoted(&self.scenario));
        let _ = write!(line, "    --output {}", quoted(&self.output));
        for change in &self.set {
            let _ = write!(line, " --set {}", quote(change));
        }
        line.push_str(" \\\n   ");
        line
    }
}

/// As it is, where a shell and Slurm would both leave it so.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:.,/%@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { shell_words::quote(word).into_owned() }
}

/// Options as the lines of a script: each begins at a word that starts with `-`.
///
/// # Errors
/// If quotes do not close, a word stands before the first option, or an option is one that `submit` sets itself.
pub fn options(text: &str) -> Result<Vec<String>, String> {
    let words = shell_words::split(text).map_err(|e| format!("--slurm \"{text}\": {e}"))?;
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        if ["--array", "-a", "--output", "-o", "--open-mode", "--dependency", "-d"]
            .iter()
            .any(|own| word == *own || word.starts_with(&format!("{own}=")))
        {
            return Err(format!("--slurm \"{text}\": `{word}` is set by homodyne itself, leave it out"));
        }
        let quoted = quote(&word);
        match lines.last_mut() {
            _ if word.starts_with('-') => lines.push(quoted),
            Some(line) => {
                line.push(' ');
                line.push_str(&quoted);
            }
            None => return Err(format!("--slurm \"{text}\": must begin with an option, as in \"--partition=long\"")),
        }
    }
    Ok(lines)
}

fn head(submission: &Submission, own: &[String]) -> String {
    let mut text = String::new();
    for option in own.iter().chain(&submission.options) {
        let _ = writeln!(text, "#SBATCH {option}");
    }
    let folder = quote(&submission.command.folder.display().to_string());
    let _ = write!(
        text,
        "\nset -u\ncd {folder}\n# parallel file systems without locks are fine: every file has one writer\n\
         export HDF5_USE_FILE_LOCKING=FALSE\n\n"
    );
    text
}

/// The script of an array: task t of `sbatch --array=… shards.sbatch OFFSET` does shard OFFSET + t.
pub(super) fn shards(submission: &Submission, folder: &Path) -> String {
    let (study, shards) = (&submission.study, submission.shards);
    let own = [
        format!("--job-name={}", quote(study)),
        format!("--output={}", quote(&folder.join("shards-%A_%a.log").display().to_string())),
        "--open-mode=append".to_owned(),
        "--requeue".to_owned(),
        format!("--signal=B:USR1@{WARNING_S}"),
    ];
    format!(
        "#!/bin/bash\n\
         # The shards of `{study}`, one array task each; written by `homodyne submit`. It may be read, changed, and given to\n\
         # Slurm again:  sbatch --array=3,7 shards.sbatch 0     task t does shard 0 + t of {shards}\n\
         {head}\
         shard=$(( ${{1:-0}} + SLURM_ARRAY_TASK_ID ))\n\
         {run} --shard \"$shard/{shards}\" --threads \"${{SLURM_CPUS_PER_TASK:-1}}\" --expect {digest} --quiet \"${{@:2}}\" &\n\
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
        head = head(submission, &own),
        run = submission.command.line("run"),
        digest = submission.command.digest,
    )
}

/// The script of the merge.
pub(super) fn merge(submission: &Submission, folder: &Path) -> String {
    let (study, shards) = (&submission.study, submission.shards);
    let own = [
        format!("--job-name={}", quote(&format!("{study}-merge"))),
        format!("--output={}", quote(&folder.join("merge-%j.log").display().to_string())),
    ];
    format!(
        "#!/bin/bash\n\
         # Puts the shards of `{study}` together once all have ended, or says which are missing.\n\
         {head}\
         {run} --shards {shards}\n",
        head = head(submission, &own),
        run = submission.command.line("merge"),
    )
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn options_become_lines() {
        assert_eq!(
            options("--partition=long -t 1:00:00 --comment 'two words'").unwrap(),
            ["--partition=long", "-t 1:00:00", "--comment 'two words'"]
        );
        assert_eq!(options("").unwrap(), Vec::<String>::new());
        for bad in ["long", "--array=1-3", "--comment 'open"] {
            assert!(options(bad).is_err(), "{bad}");
        }
    }
}
