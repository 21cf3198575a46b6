use std::time::Instant;

use clap::Args;
use results::StoreError;
use study::{Job, Study, StudyError};
use sweep::{MOST_SHARDS, Outcome, Shard, SweepError};

use super::run::{Bar, StudyArguments, finish, program, stamp, was_finished};
use crate::failure::Failure;
use crate::signals::Listener;

/// Merge the shards of a study into the HDF5 file that an unsharded run would write, and draw its figure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne merge my.toml --output results
  homodyne merge my.toml --output results --shards 16 --keep")]
pub(crate) struct Merge {
    #[command(flatten)]
    study: StudyArguments,
    /// Number of shards; determined from the files in the folder if not given.
    #[arg(long)]
    shards: Option<usize>,
    /// Keep the shards' checkpoints.
    #[arg(long)]
    keep: bool,
    /// Replace results of another study of this name.
    #[arg(long)]
    fresh: bool,
    /// Do not draw the figure.
    #[arg(long)]
    no_figure: bool,
}

impl Merge {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let study = self.study.read()?;
        let shards = match self.shards {
            Some(n) if Shard::new(1, n).is_some() => n,
            Some(n) => return Err(Failure::BadInput(format!("--shards {n}: must be 1 to {MOST_SHARDS}"))),
            None => self.count(&study)?,
        };
        // the files of all shards are open during the merge
        rlimit::increase_nofile_limit(shards as u64 + 256)?;
        let started = Instant::now();
        let listener = Listener::start()?;
        let job = Job {
            folder: &self.study.output,
            shard: Shard::WHOLE,
            threads: 1,
            fresh: self.fresh,
            pilot_only: false,
            stop: &listener.stop,
            progress: &Bar::new(true, &study),
            stamp: &stamp,
        };
        match study::merge(&study, &program(), &job, shards, self.keep) {
            Ok(Outcome::WasFinished(_)) => was_finished(&study, &self.study.output, !self.no_figure, ""),
            Ok(Outcome::Finished(path)) => {
                say!("{} ({:.1} s)", path.display(), started.elapsed().as_secs_f64());
                finish(&study, &self.study.output, !self.no_figure)
            }
            Ok(Outcome::ShardDone | Outcome::PilotDone) => Ok(()),
            Err(StudyError::Sweep(SweepError::Stopped)) => {
                say!("stopped; the shards are unchanged");
                Err(Failure::Stopped(listener.exit_code()))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// The number of shards according to the files in the folder.
    fn count(&self, study: &Study) -> Result<usize, Failure> {
        let counts = sweep::merge::shard_counts(&self.study.output, &study.section.name)?;
        match counts[..] {
            [n] => Ok(n),
            // a finished study has no shards any more
            [] if results::store::path_in(&self.study.output, &study.section.name).exists() => Ok(1),
            [] => Err(StoreError::Shards(format!(
                "there are no shards of `{}` in `{}`: run them with --shard, or run the whole study without sharding",
                study.section.name,
                self.study.output.display()
            ))
            .into()),
            _ => Err(StoreError::Shards(format!(
                "there are shards of several divisions of `{}` in `{}` (into {}): choose one with --shards",
                study.section.name,
                self.study.output.display(),
                counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ))
            .into()),
        }
    }
}
