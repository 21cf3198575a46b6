//! What the tests across crates share: where things are, and how to run a scenario in memory.

use std::path::{Path, PathBuf};

use results::{Results, Variable};
use study::{Document, Study};
use sweep::run::Silent;

/// The project's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of data that is not part of the project; `None`, with a notice, where it is missing.
#[must_use]
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(name);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("skipped: {} is not here", path.display());
        None
    }
}

/// Results of a scenario given as text, with changes.
///
/// # Panics
/// If the scenario is not sound or does not run.
#[must_use]
pub fn run_text(text: &str, changes: &[&str]) -> Results {
    run(Document::parse(&root().join("scenarios/test.toml"), text.to_owned()).expect("TOML"), changes, 0)
}

/// Results of a scenario that ships, with changes.
///
/// # Panics
/// If the scenario is not sound or does not run.
#[must_use]
pub fn run_shipped(name: &str, changes: &[&str], threads: usize) -> Results {
    run(Document::read(&root().join("scenarios").join(name)).expect("a scenario"), changes, threads)
}

fn run(mut document: Document, changes: &[&str], threads: usize) -> Results {
    for change in changes {
        document.set(change).expect("a change");
    }
    let study = Study::new(document).unwrap_or_else(|e| panic!("{e}"));
    study::run(&study, threads, &Silent).unwrap_or_else(|e| panic!("{e}"))
}

/// A variable that must be there.
///
/// # Panics
/// If it is not.
#[must_use]
pub fn variable<'r>(results: &'r Results, name: &str) -> &'r Variable {
    results.variable(name).unwrap_or_else(|| panic!("no variable {name}"))
}

/// Deviations of Monte Carlo bias and variance from exact, in standard errors, one list for each point of the grid
/// (parameters measured in one record are correlated, points are not).
#[must_use]
pub fn deviations(results: &Results) -> Vec<Vec<f64>> {
    let shape = results.shape(variable(results, "mse"));
    let parameters = shape[shape.len() - 1];
    let column = |name: String| variable(results, &name).values.as_slice();
    let mut points = vec![Vec::new(); column("mse".to_owned()).len() / parameters];
    let second = results.variable("curvature_mse").map(|_| ["curvature_bias", "curvature_variance"]);
    for name in ["bias", "variance"].into_iter().chain(second.into_iter().flatten()) {
        let found = column(name.to_owned());
        let exact = column(format!("{name}_exact"));
        let error = column(format!("{name}_standard_error"));
        for k in 0..found.len() {
            let deviation = (found[k] - exact[k]) / error[k];
            if deviation.is_finite() {
                points[k / parameters].push(deviation);
            }
        }
    }
    points
}
