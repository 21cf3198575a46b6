use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sweep::scenario::{ErrorVariable, FigureKind, FigureSection};
use sweep::store;

use crate::failure::Failure;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Quantity {
    Mse,
    Variance,
    Bias,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Error,
    Scatter,
    Response,
    Spectrum,
    Gates,
    Traces,
    Classification,
    Learning,
    Comparison,
    Success,
    Advantage,
}

impl From<Kind> for FigureKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Error => Self::Error,
            Kind::Scatter => Self::Scatter,
            Kind::Response => Self::Response,
            Kind::Spectrum => Self::Spectrum,
            Kind::Gates => Self::Gates,
            Kind::Traces => Self::Traces,
            Kind::Classification => Self::Classification,
            Kind::Learning => Self::Learning,
            Kind::Comparison => Self::Comparison,
            Kind::Success => Self::Success,
            Kind::Advantage => Self::Advantage,
        }
    }
}

/// Draw the figure of a results file again, as its scenario says or otherwise.
#[derive(Debug, Args)]
#[command(
    name = "plot",
    after_help = "\
Examples:
  homodyne plot results/error-vs-spacing.h5
  homodyne plot results/error-vs-spacing.h5 --parameter 1 --variable bias --output figures/bias"
)]
pub(crate) struct PlotArguments {
    /// The results file.
    results: PathBuf,
    /// Where to, without ending; beside the results if not given.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Kind of figure.
    #[arg(long)]
    kind: Option<Kind>,
    /// Axis along x (dotted path).
    #[arg(long)]
    x: Option<String>,
    /// Error that is drawn.
    #[arg(long)]
    variable: Option<Quantity>,
    /// Parameter that is drawn, from 1.
    #[arg(long)]
    parameter: Option<usize>,
    /// Title.
    #[arg(long)]
    title: Option<String>,
}

impl PlotArguments {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let results = store::read_small(&self.results)?;
        let asked = self.kind.is_some()
            || self.x.is_some()
            || self.variable.is_some()
            || self.parameter.is_some()
            || self.title.is_some();
        let figure = asked.then(|| FigureSection {
            kind: self.kind.map(FigureKind::from),
            x: self.x,
            variable: match self.variable {
                None | Some(Quantity::Mse) => ErrorVariable::Mse,
                Some(Quantity::Variance) => ErrorVariable::Variance,
                Some(Quantity::Bias) => ErrorVariable::Bias,
            },
            parameter: self.parameter,
            title: self.title,
            ..FigureSection::default()
        });
        let stem = self.output.unwrap_or_else(|| self.results.with_extension(""));
        if let Some(folder) = stem.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        for path in figures::draw(&results, figure.as_ref(), &stem)? {
            say!("{}", path.display());
        }
        Ok(())
    }
}
