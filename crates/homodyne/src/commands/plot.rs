use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use figures::{ErrorVariable, FigureError, FigureKind};

use crate::failure::Failure;
use crate::reading;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Quantity {
    Mse,
    Variance,
    Bias,
    CurvatureMse,
    CurvatureVariance,
    CurvatureBias,
}

/// The kinds of figures by name.
fn kinds() -> PossibleValuesParser {
    FigureKind::NAMED.iter().map(|(name, _)| *name).collect::<Vec<_>>().into()
}

/// Redraw the figure of a results file, as in its scenario or with other settings.
#[derive(Debug, Args)]
#[command(
    name = "plot",
    after_help = "\
Examples:
  homodyne plot results/error-vs-spacing.h5
  homodyne plot results/error-vs-spacing.h5 --parameter 1 --variable bias --output figures/bias
  homodyne plot results/error-vs-spacing.h5 --set figure.layout.width_mm=86 --set figure.layout.legend=inside --output fig2.pdf"
)]
pub(crate) struct PlotArguments {
    /// The results file.
    results: PathBuf,
    /// Output path; next to the results if not given. If it ends in .svg, .png, .pdf or .csv, only this file is written.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Kind of figure.
    #[arg(long, value_parser = kinds())]
    kind: Option<String>,
    /// Sweep axis to draw along x (dotted path).
    #[arg(long)]
    x: Option<String>,
    /// Error to draw.
    #[arg(long)]
    variable: Option<Quantity>,
    /// Parameter to draw, counted from 1.
    #[arg(long)]
    parameter: Option<usize>,
    /// Title; "" for none.
    #[arg(long)]
    title: Option<String>,
    /// Change a setting of `[figure]`, as in --set 'figure.x_limits=[1, 100]' (repeatable).
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl PlotArguments {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let results = reading::read_small(&self.results)?;
        let mut figure = figures::section_of(&results).unwrap_or_default();
        let given: Vec<&str> = [
            ("kind", self.kind.is_some()),
            ("x", self.x.is_some()),
            ("variable", self.variable.is_some()),
            ("parameter", self.parameter.is_some()),
            ("title", self.title.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect();
        let asked = FigureKind::NAMED.iter().find(|(name, _)| self.kind.as_deref() == Some(*name));
        figure.kind = asked.map(|(_, kind)| *kind).or(figure.kind);
        figure.x = self.x.or(figure.x);
        figure.variable = match self.variable {
            None => figure.variable,
            Some(Quantity::Mse) => ErrorVariable::Mse,
            Some(Quantity::Variance) => ErrorVariable::Variance,
            Some(Quantity::Bias) => ErrorVariable::Bias,
            Some(Quantity::CurvatureMse) => ErrorVariable::CurvatureMse,
            Some(Quantity::CurvatureVariance) => ErrorVariable::CurvatureVariance,
            Some(Quantity::CurvatureBias) => ErrorVariable::CurvatureBias,
        };
        if self.parameter.is_some() {
            (figure.parameter, figure.mean_over_parameters) = (self.parameter, false);
        }
        figure.title = self.title.or(figure.title);
        let mut figure = figure.changed(&self.set).map_err(|e| Failure::BadInput(e.to_string()))?;
        let stem;
        (figure.layout, stem) = figure.layout.for_path(self.output.unwrap_or_else(|| self.results.with_extension("")));
        if let Some(folder) = stem.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        match figures::draw(&results, Some(&figure), &stem) {
            Ok(drawn) => drawn.iter().for_each(|path| say!("{}", path.display())),
            Err(FigureError::Setting { key, message }) if given.contains(&key.as_str()) => {
                return Err(Failure::BadInput(format!("--{key}: {message}")));
            }
            Err(error) => return Err(Failure::FigureOf { file: self.results, error }),
        }
        Ok(())
    }
}
