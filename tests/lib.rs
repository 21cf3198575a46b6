//! What the tests across crates share: where things are, and how to run a scenario in memory.

pub mod needs;
mod scenario;

// the macro `needs!` and the list `MISSING`, which the build script wrote
include!(concat!(env!("OUT_DIR"), "/needs_macro.rs"));

use std::path::{Path, PathBuf};

pub use needs::thorough;
use results::{Results, Variable};
pub use scenario::{Scenario, line_of};
use study::{Document, Study};
use sweep::run::Silent;

/// The project's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of data that is not part of the project; for tests within `needs!`.
///
/// # Panics
/// If it is missing.
#[must_use]
pub fn shared(name: &str) -> PathBuf {
    let path = needs::shared_path(name);
    assert!(path.exists(), "{} is not here", path.display());
    path
}

/// Results of a scenario given as text, with changes.
///
/// # Panics
/// If the scenario is not sound or does not run.
#[must_use]
pub fn run_text(text: &str, changes: &[&str]) -> Results {
    run(document(text.to_owned()), changes, 0)
}

/// A text as if it were a scenario that ships.
fn document(text: String) -> Document {
    Document::parse(&root().join("scenarios/test.toml"), text).expect("TOML")
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
