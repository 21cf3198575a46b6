//! Three routes to one estimate: streaming lock-in, weights, folded weights.

use results::Results;
use tests::{run_text, variable};

const HEAD: &str = r#"
[study]
name = "t"
seed = 3
repetitions = 50
store_estimates = true
[device]
kind = "polynomial"
offset_na = 5.0
coefficients = [[50, 3], [-30, 2, 100], [80, 1], [10]]
[noise]
kind = "power-law"
psd_na2_per_hz = 1e-5
at_hz = 1000.0
exponent = 1.5
corner_hz = 1.0
[estimator]
duration_s = 0.05
amplitude_volt = [0.01, 0.02, 0.03, 0.01]
"#;

const ESTIMATORS: [&str; 11] = [
    "kind = \"hge\"\nfrequencies_hz = [1000, 900, 800, 700]\n",
    "kind = \"hge\"\nmode = \"sequential\"\nfrequencies_hz = [1000, 900, 800, 700]\nfilter = { gain_corrected = true }\n",
    "kind = \"hge\"\nreadout = \"curvature\"\nfrequencies_hz = [1000, 900, 800, 700]\nfilter = { order = 4 }\n",
    "kind = \"hge\"\nreadout = \"r\"\nfrequencies_hz = [1000, 900, 800, 700]\nfilter = { order = 5 }\n",
    "kind = \"hge\"\nquadrature = true\nfrequencies_hz = { top = 900, spacing = 200 }\n",
    "kind = \"fd\"\n",
    "kind = \"fd\"\ndifference = \"forward\"\ninstrument = { delay_samples = 2, ramp_s = 0.001 }\n",
    "kind = \"spsa\"\ndirections = 3\n",
    "kind = \"spsa\"\nsides = \"one\"\ndistribution = \"segmented-uniform\"\ninstrument = { hold_samples = 4 }\n",
    "kind = \"walsh\"\nperiods = 3\n",
    "kind = \"random-code\"\nchips = 30\ninstrument = { ramp_s = 0.0004 }\n",
];

fn run(estimator: &str, route: &str) -> Results {
    run_text(&format!("{HEAD}{estimator}"), &[&format!("study.route={route}")])
}

/// The instrument's way and the weights give the same number from the same noise, trial by trial.
#[test]
fn streaming_equals_weights_to_1e_10_for_every_estimator() {
    for estimator in ESTIMATORS {
        let (streaming, weights) = (run(estimator, "streaming"), run(estimator, "weights"));
        let (a, b) = (&variable(&streaming, "estimate").values, &variable(&weights, "estimate").values);
        assert_eq!(a.len(), 200);
        let scale = a.iter().fold(0.0_f64, |s, x| s.max(x.abs()));
        for (x, y) in a.iter().zip(b) {
            assert!((x - y).abs() < 1e-10 * scale, "{estimator}: {x} {y}");
        }
        assert!(variable(&streaming, "variance").values.iter().all(|v| *v > 0.0), "{estimator}");
    }
}

/// Folding draws other Gaussians, so trials differ; the law is the same. (Equality trial by trial is tested beside `fold`.)
/// Deviations from exact stay within 4.5 standard errors: one in 2000 choices of the seed fails, with 64 numbers.
#[test]
fn folded_has_the_exact_law_for_every_estimator() {
    for estimator in ESTIMATORS {
        let text = format!("{HEAD}{estimator}");
        let results = run_text(&text, &["study.route=folded", "study.repetitions=4000", "study.store_estimates=false"]);
        for d in tests::deviations(&results).into_iter().flatten() {
            assert!(d.abs() < 4.5, "{estimator}: {d}");
        }
    }
}
