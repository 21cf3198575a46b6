//! Training where there is nothing to learn, where currents are as large as they come, and from files.

use study::Study;
use sweep::run::Silent;
use tests::{Scenario, variable};

/// A gate on a device of four parameters, which is to be set.
const TEXT: &str = r#"
[study]
name = "limits"
kind = "training"
seed = 5
repetitions = 20

[noise]
kind = "power-law"
psd_na2_per_hz = 1e-5
at_hz = 1000.0
exponent = 1.5
corner_hz = 0.1

[estimator]
kind = "hge"
duration_s = 0.05
amplitude_volt = 8e-3
frequencies_hz = { top = 1000.0, spacing = 40.0 }

[task]
kind = "truth-table"
gate = "0001"
inputs = [1, 2]
low_volt = -0.7
high_volt = 0.7
hold_s = 0.05

[training]
stop_below = 0.2
budget_s = 30.0
max_iterations = 40
range_volt = [-1.0, 1.0]
loss = { kind = "correlation" }
optimiser = { kind = "descent", learning_rate = 0.02, update = "momentum" }
"#;

const OPTIMISERS: [&str; 5] = [
    "{ kind = \"descent\", learning_rate = 0.02, update = \"momentum\" }",
    "{ kind = \"spsa\" }",
    "{ kind = \"genetic\", genomes = 6, elite = 2 }",
    "{ kind = \"cma-es\" }",
    "{ kind = \"surrogate\", points = 60, hidden = 8, epochs = 5, candidates = 2 }",
];

/// The gate on a device that is written as in TOML.
fn gate_on(device: &str) -> Scenario {
    Scenario::new(TEXT).set_toml("device", device)
}

/// What the one run of an optimiser on a device ends with.
fn why_it_stops(device: &str, optimiser: &str) -> String {
    let scenario = gate_on(device).set("study.repetitions", 1).set_toml("training.optimiser", optimiser);
    let study = Study::new(scenario.document()).expect("sound");
    study::run(&study, 1, &Silent).expect_err("stopped").to_string()
}

/// A device that always gives the same current has the larger class right and the other wrong. Noise is now and then ordered like the
/// table, so that runs succeed; none of them is solved.
#[test]
fn a_dead_device_solves_no_gate() {
    for level in ["0.0", "20.0"] {
        let device = format!("{{ kind = \"linear\", gradient_na_per_volt = [0, 0, 0, 0], offset_na = {level} }}");
        for (gate, accuracy) in [("0001", 0.75), ("0011", 0.5), ("0111", 0.75)] {
            let results = gate_on(&device).set("task.gate", gate).run(&[]);
            let values = |name: &str| variable(&results, name).values.clone();
            let succeeded: f64 = values("succeeded").iter().sum();
            assert!(succeeded > 0.0, "{gate}: noise was never mistaken for success, so that nothing is tested");
            assert!(values("solved").iter().all(|solved| solved.abs() < 1e-12), "{gate} at {level} nA");
            assert!(values("noiseless_accuracy").iter().all(|a| (a - accuracy).abs() < 1e-12), "{gate} at {level} nA");
            assert!(values("margin").iter().all(|m| m.abs() < 1e-12), "{gate} at {level} nA");
        }
    }
}

/// Classes that lie 700 to 3·10⁶ nA on the wrong side: every optimiser goes on, and all it says are numbers.
#[test]
fn no_separation_is_too_large_for_any_optimiser() {
    for slope in ["-500", "-2e6"] {
        let device = format!("{{ kind = \"linear\", gradient_na_per_volt = [{slope}, {slope}, 30, -20] }}");
        for optimiser in OPTIMISERS {
            for loss in
                ["{ kind = \"correlation\" }", "{ kind = \"correlation\", scale_na = 1e-3 }", "{ kind = \"fisher\" }"]
            {
                let results = gate_on(&device)
                    .set("study.repetitions", 2)
                    .set("training.budget_s", 8.0)
                    .set("training.stop_below", -1.0)
                    .set_toml("training.loss", loss)
                    .set_toml("training.optimiser", optimiser)
                    .run(&[]);
                for name in ["control_voltage", "final_loss", "noiseless_loss", "current", "margin"] {
                    let values = &variable(&results, name).values;
                    assert!(values.iter().all(|x| x.is_finite()), "{optimiser}, {loss}, {slope}: {name} {values:?}");
                }
                let controls = &variable(&results, "control_voltage").values;
                assert!(controls.iter().all(|v| (-1.0..=1.0).contains(v)), "{optimiser}, {loss}: {controls:?}");
            }
        }
    }
}

/// A flat loss without noise has no slope to tune gains by: that is no reason for controls that are no numbers.
#[test]
fn without_noise_a_dead_device_leaves_every_optimiser_finite() {
    let device = "{ kind = \"linear\", gradient_na_per_volt = [0, 0, 0, 0] }";
    for optimiser in OPTIMISERS {
        for loss in ["correlation", "fisher", "cross-entropy", "mean-square"] {
            let results = gate_on(device)
                .set("study.repetitions", 1)
                .set("noise.psd_na2_per_hz", 0.0)
                .set("training.budget_s", 8.0)
                .set("training.loss.kind", loss)
                .set_toml("training.optimiser", optimiser)
                .set_toml("training.range_volt", "[-150, 150]")
                .run(&[]);
            let values = |name: &str| variable(&results, name).values.clone();
            assert!(values("control_voltage").iter().all(|v| v.is_finite()), "{optimiser} {loss}");
            assert!(values("solved")[0].abs() < 1e-12 && values("succeeded")[0].abs() < 1e-12, "{optimiser} {loss}");
        }
    }
}

/// A current that is no number ends the run, and says at which pattern and voltages.
#[test]
fn a_current_that_is_no_number_stops_a_run_with_a_reason() {
    let device = "{ kind = \"polynomial\", coefficients = [[1e308, 1e308], [1e308, 1e308], [1e308], [1e308]] }";
    for optimiser in OPTIMISERS {
        let message = why_it_stops(device, optimiser);
        let words = ["the current of p", "at the voltages [", "finite"];
        assert!(words.iter().all(|word| message.contains(word)), "{optimiser}: {message}");
    }
}

/// A fit that does not converge ends the run, and says what to change.
#[test]
fn a_fit_that_does_not_converge_stops_a_run_with_a_reason() {
    let device = "{ kind = \"linear\", gradient_na_per_volt = [10, 20, 30, -20] }";
    let optimiser =
        "{ kind = \"surrogate\", points = 60, hidden = 8, epochs = 20, candidates = 2, learning_rate = 1e38 }";
    let message = why_it_stops(device, optimiser);
    assert!(message.contains("did not converge") && message.contains("learning_rate"), "{message}");
}
