use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::reading;

/// Export a results file to NumPy's .npz.
///
/// It holds every variable and every coordinate under its name; text coordinates are unicode arrays. `NAME.dims` holds
/// the names of a variable's dimensions in axis order, `NAME.units` its unit: if `z["mse.dims"]` has "estimator.mode"
/// at index 1, `z["mse"][:, k]` belongs to `z["estimator.mode"][k]`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne export results/error-vs-spacing.h5 --output spacing.npz")]
pub(crate) struct Export {
    /// The results file.
    results: PathBuf,
    /// The .npz file; next to the results if not given.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Replace an existing file.
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
