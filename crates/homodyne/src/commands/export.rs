use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::reading;

/// Export a results file to NumPy's .npz.
///
/// It holds every variable and every coordinate under its name; coordinates that are words are arrays of unicode. `NAME.dims`
/// are the names of a variable's dimensions in the order of its axes, `NAME.units` its unit: where `z["mse.dims"]` has
/// "estimator.mode" at position 1, `z["mse"][:, k]` belongs to `z["estimator.mode"][k]`.
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
        let path = self.output.unwrap_or_else(|| self.results.with_extension("npz"));
        reading::export_npz(&self.results, &path, self.overwrite)?;
        say!("{}", path.display());
        Ok(())
    }
}
