use std::path::PathBuf;

/// Errors of reading and writing results files and checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file already exists.
    #[error("`{}` already exists: give --overwrite to replace it, or another --output", .0.display())]
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
    /// A results file without a checksum, which may be damaged.
    #[error(
        "`{}` has no checksum: an earlier version wrote it, something else changed it since, or it was cut short",
        .0.display()
    )]
    NoChecksum(PathBuf),
    /// A damaged checkpoint.
    #[error(
        "the checkpoint `{}` is damaged ({reason}): nothing in it is trusted, and nothing was changed. \
         Restore it from a copy, or start over with --fresh",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage found.
        reason: String,
    },
    /// A checkpoint in use by another process.
    #[error("another process is working on `{}`: wait for it, or stop it first", .0.display())]
    InUse(PathBuf),
    /// A checkpoint that was removed or replaced while it was in use.
    #[error(
        "`{}` was removed or replaced while this program was writing to it: everything computed since then is lost. \
         Run the command again, and leave the folder in place",
        .0.display()
    )]
    Vanished(PathBuf),
    /// A checkpoint of another scenario, program or seed.
    #[error(
        "`{}` holds work of another scenario or program:\n{}\nTo keep it, give another --output or another name of the study; to start \
         over, give --fresh",
        path.display(),
        differences.join("\n")
    )]
    Different {
        /// The file.
        path: PathBuf,
        /// What differs, one line each.
        differences: Vec<String>,
    },
    /// Shards that are missing or unfinished.
    #[error(
        "the study is not complete:\n{}\nRun `homodyne run SCENARIO --shard i/n` for these, with the same --output and --set, \
         or `homodyne resubmit`",
        few(shards, "\n", "  ")
    )]
    Incomplete {
        /// Their names and progress, one line each.
        shards: Vec<String>,
    },
    /// No shards, or shards of several divisions.
    #[error("{0}")]
    Shards(String),
    /// The study was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Largest number of items of a list shown in a message.
const NAMED: usize = 20;

/// The first items of a list, and the number of the others.
#[must_use]
pub fn few(items: &[String], between: &str, indent: &str) -> String {
    let mut text = items[..items.len().min(NAMED)].join(between);
    if items.len() > NAMED {
        text.push_str(&format!("{between}{indent}and {} more", items.len() - NAMED));
    }
    text
}
