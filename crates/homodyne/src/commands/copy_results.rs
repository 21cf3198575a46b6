use std::path::PathBuf;

use clap::Args;
use results::store::{self, Part};

use crate::failure::Failure;
use crate::reading;

/// Copy a results file that lacks a checksum, and add one; started by commands that read such files.
#[derive(Debug, Args)]
pub(crate) struct CopyResults {
    /// The results file.
    from: PathBuf,
    /// The copy.
    to: PathBuf,
    /// Leave out data too large for figures and summaries.
    #[arg(long)]
    small: bool,
}

impl CopyResults {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        reading::limit_own_resources(&self.from)?;
        let part = if self.small { Part::Small } else { Part::All };
        Ok(store::copy_unverified(&self.from, &self.to, part)?)
    }
}
