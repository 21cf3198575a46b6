//! Over which dimensions the variables of each kind of study stand. Writing and reading check it, so that whoever has read
//! a file may index one variable as another one that belongs to it.

use crate::data::{Results, Variable};

/// The variables of a kind of study: each stands over the axes of the sweep and then over its own dimensions.
struct Layout {
    /// The variable by which the kind is known.
    main: &'static str,
    own: &'static [&'static str],
    others: &'static [(&'static str, &'static [&'static str])],
    /// Variables that stand over these dimensions alone.
    without_axes: &'static [(&'static str, &'static [&'static str])],
}

const PARAMETER: &[&str] = &["parameter"];
const FREQUENCY: &[&str] = &["frequency_hz"];
const RUN: &[&str] = &["repetition"];

/// Dimensions along which there may be nothing: no trace is kept of large tasks, and a task need not have the others.
const MAY_BE_EMPTY: [&str; 4] = ["trace_time_s", "test_pattern", "input", "control"];

const LAYOUTS: [Layout; 5] = [
    Layout {
        main: "mse",
        own: PARAMETER,
        others: &[
            ("true_gradient", PARAMETER),
            ("bias", PARAMETER),
            ("bias_standard_error", PARAMETER),
            ("bias_exact", PARAMETER),
            ("variance", PARAMETER),
            ("variance_standard_error", PARAMETER),
            ("variance_exact", PARAMETER),
            ("mse_standard_error", PARAMETER),
            ("mse_exact", PARAMETER),
            ("mse_published", PARAMETER),
            ("true_curvature", PARAMETER),
            ("curvature_bias", PARAMETER),
            ("curvature_bias_standard_error", PARAMETER),
            ("curvature_bias_exact", PARAMETER),
            ("curvature_variance", PARAMETER),
            ("curvature_variance_standard_error", PARAMETER),
            ("curvature_variance_exact", PARAMETER),
            ("curvature_mse", PARAMETER),
            ("curvature_mse_standard_error", PARAMETER),
            ("curvature_mse_exact", PARAMETER),
            ("curvature_estimate", &["repetition", "parameter"]),
            ("measurement_time_s", &[]),
            ("repetitions", &[]),
            ("relative_error", &[]),
            ("estimate", &["repetition", "parameter"]),
        ],
        without_axes: &[],
    },
    Layout {
        main: "gradient",
        own: &["parameter_volt"],
        others: &[("current", &["parameter_volt"])],
        without_axes: &[],
    },
    Layout {
        main: "psd_welch",
        own: FREQUENCY,
        others: &[("psd_low", FREQUENCY), ("psd_high", FREQUENCY), ("psd_stated", FREQUENCY)],
        without_axes: &[],
    },
    Layout {
        main: "fitness",
        own: &["gate"],
        others: &[("current", &["case"]), ("response", &["component"])],
        without_axes: &[
            ("abundance", &["gate", "least_fitness"]),
            ("covariance", &["case", "other_case"]),
            ("principal_variance", &["order"]),
            ("nonlinearity", &["indicator"]),
        ],
    },
    Layout {
        main: "solved",
        own: RUN,
        others: &[
            ("input_voltage", &["pattern", "input"]),
            ("target", &["pattern"]),
            ("test_input_voltage", &["test_pattern", "input"]),
            ("test_target", &["test_pattern"]),
            ("test_radius", &["test_pattern"]),
            ("succeeded", RUN),
            ("final_loss", RUN),
            ("noiseless_loss", RUN),
            ("training_accuracy", RUN),
            ("test_accuracy", RUN),
            ("iterations", RUN),
            ("attempts", RUN),
            ("measurement_time_s", RUN),
            ("samples", RUN),
            ("threshold", RUN),
            ("loss", &["repetition", "iteration"]),
            ("lowest_loss", &["repetition", "time_s"]),
            ("control_voltage", &["repetition", "control"]),
            ("current", &["repetition", "pattern"]),
            ("test_current", &["repetition", "test_pattern"]),
            ("trace", &["repetition", "trace_time_s"]),
        ],
        without_axes: &[],
    },
];

fn names<'r>(results: &'r Results, variable: &Variable) -> Vec<&'r str> {
    variable.dimensions.iter().map(|&d| results.dimensions[d].name.as_str()).collect()
}

/// Refuses results in which a variable of a kind of study does not stand over the dimensions that it has there, or has
/// nothing along one of them.
///
/// # Errors
/// The variable, what was found, and what belongs there.
pub(crate) fn check(results: &Results) -> Result<(), String> {
    LAYOUTS.iter().try_for_each(|layout| check_one(results, layout))
}

fn check_one(results: &Results, layout: &Layout) -> Result<(), String> {
    let Some(main) = results.variable(layout.main) else { return Ok(()) };
    let found = names(results, main);
    let Some(axes) = found.strip_suffix(layout.own) else {
        return Err(format!(
            "variable `{}` has dimensions {found:?}, but its last must be {:?}",
            main.name, layout.own
        ));
    };
    refuse_nothing(results, main)?;
    let over_axes = layout.others.iter().map(|&(name, own)| (name, [axes, own].concat()));
    let alone = layout.without_axes.iter().map(|&(name, own)| (name, own.to_vec()));
    for (name, expected) in over_axes.chain(alone) {
        let Some(variable) = results.variable(name) else { continue };
        let found = names(results, variable);
        if found != expected {
            let main = &main.name;
            return Err(format!(
                "variable `{name}` has dimensions {found:?}, but with `{main}` they must be {expected:?}"
            ));
        }
        refuse_nothing(results, variable)?;
    }
    Ok(())
}

fn refuse_nothing(results: &Results, variable: &Variable) -> Result<(), String> {
    let mut dimensions = variable.dimensions.iter().map(|&d| &results.dimensions[d]);
    match dimensions.find(|d| d.coordinate.is_empty() && !MAY_BE_EMPTY.contains(&d.name.as_str())) {
        Some(empty) => Err(format!("variable `{}` has nothing along `{}`", variable.name, empty.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::data::{Coordinate, Dimension, Results, Variable};

    fn results(variables: &[(&str, &[usize])]) -> Results {
        let dimension = |name: &str, count: usize| Dimension {
            name: name.to_owned(),
            coordinate: Coordinate::Numbers(vec![0.0; count]),
            units: String::new(),
        };
        let dimensions = vec![dimension("noise.exponent", 2), dimension("parameter", 3), dimension("frequency_hz", 0)];
        let variable = |&(name, over): &(&str, &[usize])| Variable {
            name: name.to_owned(),
            dimensions: over.to_vec(),
            values: Vec::new(),
            units: String::new(),
            long_name: String::new(),
        };
        Results { dimensions, variables: variables.iter().map(variable).collect(), attributes: Vec::new() }
    }

    #[test]
    fn variables_stand_over_the_dimensions_of_their_kind() {
        let refused = |variables: &[(&str, &[usize])]| check(&results(variables)).unwrap_err();
        let mse: (&str, &[usize]) = ("mse", &[0, 1]);
        check(&results(&[mse, ("bias", &[0, 1]), ("measurement_time_s", &[0]), ("own", &[2])])).unwrap();
        let message = refused(&[mse, ("bias", &[1, 0])]);
        for word in ["`bias`", "`mse`", r#"["parameter", "noise.exponent"]"#, r#"["noise.exponent", "parameter"]"#] {
            assert!(message.contains(word), "wanted {word} in {message}");
        }
        assert!(refused(&[("mse", &[])]).contains("its last must be [\"parameter\"]"));
        assert!(refused(&[mse, ("measurement_time_s", &[0, 1])]).contains("`measurement_time_s`"));
        assert!(refused(&[("psd_welch", &[0, 2])]).contains("nothing along `frequency_hz`"));
    }
}
