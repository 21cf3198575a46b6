//! The kinds of figure: what each needs of the results, which settings it heeds, and how it is drawn.

use results::Results;
use study::scenario::{FigureKind, FigureSection};

use crate::error::FigureError;
use crate::plot::Plot;
use crate::{advantage, derivative, effort, error_figure, gates, ratios, response, scatter, spectrum, training};

/// A kind of figure.
pub(crate) struct Kind {
    pub(crate) kind: FigureKind,
    /// Its name in a scenario.
    pub(crate) name: &'static str,
    /// A variable that it cannot do without, and what makes a study hold it.
    needs: (&'static str, &'static str),
    /// Keys of `[figure]` that it heeds, besides `kind` and `title`.
    pub(crate) heeds: &'static [&'static str],
    pub(crate) panels: fn(&Results, &FigureSection) -> Result<Vec<Plot>, FigureError>,
}

const TRAINING: (&str, &str) = ("solved", "study.kind = \"training\"");

/// All of them; of those that suit a study, the first one is drawn where the scenario names none.
pub(crate) static KINDS: [Kind; 15] = [
    Kind {
        kind: FigureKind::Error,
        name: "error",
        needs: ("mse", "study.kind = \"error\""),
        heeds: &["x", "variable", "parameter", "mean_over_parameters", "band", "published", "markers_every", "x_label"],
        panels: error_figure::panels,
    },
    Kind {
        kind: FigureKind::Scatter,
        name: "scatter",
        needs: (
            "estimate",
            "study.kind = \"error\" with store_estimates = true and at most 2²⁵ numbers in all estimates",
        ),
        heeds: &["x"],
        panels: scatter::panels,
    },
    Kind {
        kind: FigureKind::Advantage,
        name: "advantage",
        needs: ("mse_exact", "study.kind = \"error\""),
        heeds: &["x", "x_label"],
        panels: advantage::panels,
    },
    Kind {
        kind: FigureKind::Derivative,
        name: "derivative",
        needs: ("bias_exact", "study.kind = \"error\""),
        heeds: &["x", "parameter", "markers_every", "x_label"],
        panels: derivative::panels,
    },
    Kind {
        kind: FigureKind::Curvature,
        name: "curvature",
        needs: ("curvature_bias_exact", "study.kind = \"error\" with estimator.readout = \"curvature\""),
        heeds: &["x", "parameter", "markers_every", "x_label"],
        panels: derivative::curvature_panels,
    },
    Kind {
        kind: FigureKind::Ratios,
        name: "ratios",
        needs: ("response_ratio", "study.kind = \"error\""),
        heeds: &["x_label"],
        panels: ratios::panels,
    },
    Kind {
        kind: FigureKind::Response,
        name: "response",
        needs: ("gradient", "study.kind = \"response\""),
        heeds: &["x_label"],
        panels: response::panels,
    },
    Kind {
        kind: FigureKind::Spectrum,
        name: "spectrum",
        needs: ("psd_welch", "study.kind = \"spectrum\""),
        heeds: &[],
        panels: spectrum::panels,
    },
    Kind {
        kind: FigureKind::Gates,
        name: "gates",
        needs: ("abundance", "study.kind = \"logic\""),
        heeds: &[],
        panels: gates::panels,
    },
    Kind { kind: FigureKind::Traces, name: "traces", needs: TRAINING, heeds: &[], panels: training::traces },
    Kind {
        kind: FigureKind::Classification,
        name: "classification",
        needs: TRAINING,
        heeds: &[],
        panels: training::classification,
    },
    Kind { kind: FigureKind::Learning, name: "learning", needs: TRAINING, heeds: &[], panels: training::learning },
    Kind {
        kind: FigureKind::Comparison,
        name: "comparison",
        needs: TRAINING,
        heeds: &[],
        panels: training::comparison,
    },
    Kind {
        kind: FigureKind::Effort,
        name: "effort",
        needs: TRAINING,
        heeds: &["x", "x_label"],
        panels: effort::panels,
    },
    Kind { kind: FigureKind::Success, name: "success", needs: TRAINING, heeds: &[], panels: training::success },
];

impl Kind {
    fn suits(&self, results: &Results) -> bool {
        results.variable(self.needs.0).is_some()
    }

    /// The kind that `figure` asks for, or the one that follows from the results.
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
    use super::KINDS;

    #[test]
    fn kinds_and_the_settings_they_heed_are_those_of_scenarios() {
        let schema = study::scenario::schema();
        let settings = &schema["$defs"]["FigureSection"]["properties"];
        for kind in &KINDS {
            let read: study::scenario::FigureSection = toml::from_str(&format!("kind = \"{}\"", kind.name)).unwrap();
            assert_eq!(read.kind, Some(kind.kind));
            assert!(kind.heeds.iter().all(|key| !settings[*key].is_null()), "{}", kind.name);
        }
    }
}
