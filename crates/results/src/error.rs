use std::path::PathBuf;

/// A results file, or finished work beside it, that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file exists already.
    #[error("`{}` exists already: give --overwrite to replace it, or another --output", .0.display())]
    Exists(PathBuf),
    /// The file or its folder cannot be written.
    #[error("cannot write `{}`: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file cannot be read as results.
    #[error("cannot read results from `{}`: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A results file that carries no checksum, so that nothing is known of its bytes.
    #[error(
        "`{}` has no checksum: an earlier version wrote it, something else changed it since, or it was cut short",
        .0.display()
    )]
    NoChecksum(PathBuf),
    /// A checkpoint that is not whole.
    #[error(
        "the checkpoint `{}` is damaged ({reason}): nothing in it is trusted, and nothing was changed. \
         Restore it from a copy, or start over with --fresh",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A checkpoint that another process has open.
    #[error("another process is working on `{}`: wait for it, or stop it first", .0.display())]
    InUse(PathBuf),
    /// A checkpoint that was removed or replaced while it was in use.
    #[error(
        "`{}` was removed or replaced while this program was writing to it: what was computed since then is lost. \
         Run the command again, and leave the folder in place",
        .0.display()
    )]
    Vanished(PathBuf),
    /// Finished work of another scenario, program or seed.
    #[error(
        "`{}` holds work of another scenario or program:\n{}\nTo keep it, give another --output or study.name; to start over, \
         give --fresh",
        path.display(),
        differences.join("\n")
    )]
    Different {
        /// The file.
        path: PathBuf,
        /// What differs, one line each.
        differences: Vec<String>,
    },
    /// Shards that are missing or not finished.
    #[error(
        "the study is not complete:\n{}\nRun `homodyne run SCENARIO --shard i/n` for these, with the same --output and --set, \
         or `homodyne resubmit`",
        few(shards, "\n", "  ")
    )]
    Incomplete {
        /// Which, and how far they are, one line each.
        shards: Vec<String>,
    },
    /// No shards at all, or those of several numbers of shards.
    #[error("{0}")]
    Shards(String),
    /// Whoever asked for the results no longer wants them.
    #[error("stopped")]
    Stopped,
}

/// Items of a list that are named in a message.
const NAMED: usize = 20;

/// The first items of a list, and how many more there are.
#[must_use]
pub fn few(items: &[String], between: &str, indent: &str) -> String {
    let mut text = items[..items.len().min(NAMED)].join(between);
    if items.len() > NAMED {
        text.push_str(&format!("{between}{indent}and {} more", items.len() - NAMED));
    }
    text
}
