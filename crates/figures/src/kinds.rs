//! The kinds of figure: required results, settings used, and drawing function.

use results::Results;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::FigureError;
use crate::plot::Plot;
use crate::settings::FigureSection;
use crate::{
    abundance, advantage, derivative, effort, error_figure, gates, ratios, response, samples, scatter, spectrum,
    training,
};

/// A kind of figure.
pub(crate) struct Kind {
    pub(crate) kind: FigureKind,
    /// Its name in a scenario.
    pub(crate) name: &'static str,
    /// A required variable, and the settings that produce it.
    needs: (&'static str, &'static str),
    /// Keys of `[figure]` that it uses, besides `kind` and `title`.
    pub(crate) uses: &'static [&'static str],
    pub(crate) panels: fn(&Results, &FigureSection) -> Result<Vec<Plot>, FigureError>,
}

const TRAINING: &str = "study.kind = \"training\"";

/// Declares the kinds of figures: `"name" => Variant(panels), needs "variable" by "settings that produce it", uses [keys];`.
macro_rules! figure_kinds {
    ($($(#[$about:meta])* $name:literal => $variant:ident($panels:path), needs $variable:literal by $origin:expr, uses [$($key:literal),* $(,)?];)+) => {
        /// Content of a figure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum FigureKind {
            $($(#[$about])* #[serde(rename = $name)] $variant,)+
        }

        impl FigureKind {
            /// All kinds, with their names in a scenario.
            pub const NAMED: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),+];
        }

        /// All kinds; the first one that suits a study is its default.
        pub(crate) static KINDS: &[Kind] = &[
            $(Kind {
                kind: FigureKind::$variant,
                name: $name,
                needs: ($variable, $origin),
                uses: &[$($key),*],
                panels: $panels,
            },)+
        ];
    };
}

figure_kinds! {
    /// An error against a swept quantity: Monte Carlo as points, theory as lines.
    "error" => Error(error_figure::panels), needs "mse" by "study.kind = \"error\"", uses ["x", "variable", "parameter", "mean_over_parameters", "band", "published", "markers_every", "mark_lowest", "x_label"];
    /// Estimates in parallel mode against estimates in sequential mode.
    "scatter" => Scatter(scatter::panels), needs "estimate" by "study.kind = \"error\" with store_estimates = true and at most 2²⁵ numbers in all estimates", uses ["x"];
    /// Map of the exact error of the first estimator over that of the best other one, against two numeric axes.
    "advantage" => Advantage(advantage::panels), needs "mse_exact" by "study.kind = \"error\"", uses ["x", "x_label"];
    /// Measured derivative, mean ± standard deviation, against a swept quantity.
    "derivative" => Derivative(derivative::panels), needs "bias_exact" by "study.kind = \"error\"", uses ["x", "parameter", "markers_every", "x_label"];
    /// Measured second derivative, mean ± standard deviation, against a swept quantity.
    "curvature" => Curvature(derivative::curvature_panels), needs "curvature_bias_exact" by "study.kind = \"error\" with estimator.readout = \"curvature\"", uses ["x", "parameter", "markers_every", "x_label"];
    /// Histogram of response ratios: for each derivative, the mean response of the others divided by its own.
    "ratios" => Ratios(ratios::panels), needs "response_ratio" by "study.kind = \"error\"", uses ["x_label"];
    /// Current and gradient along one parameter.
    "response" => Response(response::panels), needs "gradient" by "study.kind = \"response\"", uses ["x_label"];
    /// Distribution of the currents, and size of each derivative.
    "samples" => Samples(samples::panels), needs "sampled_current" by "study.kind = \"samples\"", uses [];
    /// Noise spectrum.
    "spectrum" => Spectrum(spectrum::panels), needs "psd_welch" by "study.kind = \"spectrum\"", uses [];
    /// Abundance of Boolean gates against the minimum fitness.
    "gates" => Gates(gates::panels), needs "abundance" by "study.kind = \"logic\"", uses [];
    /// Abundance of Boolean gates against a swept number.
    "abundance" => Abundance(abundance::panels), needs "fitness" by "study.kind = \"logic\"", uses ["x", "x_label"];
    /// Current over time while the patterns are applied to the trained device.
    "traces" => Traces(training::traces), needs "solved" by TRAINING, uses [];
    /// Test points coloured by current, current against radius, loss against iteration.
    "classification" => Classification(training::classification), needs "solved" by TRAINING, uses [];
    /// Loss against iteration, median and quartiles.
    "learning" => Learning(training::learning), needs "solved" by TRAINING, uses [];
    /// Loss, solved runs and accuracy against measurement time.
    "comparison" => Comparison(training::comparison), needs "solved" by TRAINING, uses [];
    /// Samples and seconds until the loss is reached, against a swept number. Of settings whose names agree up to the
    /// first semicolon, the best at each number is drawn.
    "effort" => Effort(effort::panels), needs "solved" by TRAINING, uses ["x", "x_label"];
    /// Table of solved runs over the first two axes.
    "success" => Success(training::success), needs "solved" by TRAINING, uses [];
}

impl Kind {
    fn suits(&self, results: &Results) -> bool {
        results.variable(self.needs.0).is_some()
    }

    /// The kind requested by `figure`, or the default for the results.
    pub(crate) fn of(results: &Results, figure: &FigureSection) -> Result<&'static Self, FigureError> {
        let suiting: Vec<&Self> = KINDS.iter().filter(|k| k.suits(results)).collect();
        let Some(asked) = figure.kind else {
            let untraced =
                results.dimension("trace_time_s").is_some_and(|d| results.dimensions[d].coordinate.is_empty());
            let follows = suiting.into_iter().find(|k| !(untraced && k.kind == FigureKind::Traces));
            return follows.ok_or_else(|| FigureError::Missing { what: "anything that can be drawn".to_owned() });
        };
        match suiting.iter().find(|k| k.kind == asked) {
            Some(kind) => Ok(kind),
            None => {
                let asked = KINDS.iter().find(|k| k.kind == asked).expect("the list holds every kind");
                let others: Vec<String> = suiting.iter().map(|k| format!("\"{}\"", k.name)).collect();
                Err(FigureError::setting(
                    "kind",
                    format!(
                        "found \"{}\", which needs {}: here it can be {}",
                        asked.name,
                        asked.needs.1,
                        others.join(", ")
                    ),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FigureSection, KINDS};

    #[test]
    fn kinds_and_the_settings_they_use_are_those_of_scenarios() {
        let schema = crate::schema();
        let settings = &schema["$defs"]["FigureSection"]["properties"];
        for kind in KINDS {
            let read: FigureSection = toml::from_str(&format!("kind = \"{}\"", kind.name)).unwrap();
            assert_eq!(read.kind, Some(kind.kind));
            assert!(kind.uses.iter().all(|key| !settings[*key].is_null()), "{}", kind.name);
        }
    }
}
