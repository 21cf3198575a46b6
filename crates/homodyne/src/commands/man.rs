use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::failure::Failure;

/// Write a manual page for each command.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne man ~/.local/share/man/man1 && man homodyne-run")]
pub(crate) struct Man {
    /// Folder of the pages; it is made if it is not there.
    folder: PathBuf,
}

impl Man {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let unwritable =
            |e: std::io::Error| Failure::BadInput(format!("cannot write `{}`: {e}", self.folder.display()));
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        clap_mangen::generate_to(crate::Cli::command(), &self.folder).map_err(unwritable)?;
        say!("{}", self.folder.join("homodyne.1").display());
        Ok(())
    }
}
