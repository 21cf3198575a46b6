use std::path::PathBuf;

use clap::Args;
use sweep::{export, store};

use crate::failure::Failure;

/// Export a results file to NumPy's .npz.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne export results/error-vs-spacing.h5 --output spacing.npz")]
pub(crate) struct Export {
    /// The results file.
    results: PathBuf,
    /// The .npz file; beside the results if not given.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Replace it if it exists.
    #[arg(long)]
    overwrite: bool,
}

impl Export {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let results = store::read(&self.results)?;
        let path = self.output.unwrap_or_else(|| self.results.with_extension("npz"));
        export::npz(&results, &path, self.overwrite)?;
        say!("{}", path.display());
        Ok(())
    }
}
