//! The task `teacher`, what methods have to measure for it, and descent that goes by curvature.

use results::Results;
use tests::{Scenario, run_shipped, variable};

/// Four inputs, two controls of very different effect.
const TEXT: &str = r#"
[study]
name = "teacher"
kind = "training"
seed = 1
repetitions = 10

[device]
kind = "polynomial"
coefficients = [[40, 10], [30, 5], [100, 30], [5, 3]]
mixing_na_per_volt2 = [[0, 0, 60, 20], [0, 0, -30, 30], [0, 0, 0, 0], [0, 0, 0, 0]]

[noise]
kind = "none"

[estimator]
kind = "hge"
readout = "x"
duration_s = 0.1
amplitude_volt = 0.05
frequencies_hz = [1000, 850]

[task]
kind = "teacher"
inputs = 2
patterns = 6
low_volt = -0.5
high_volt = 0.5
seed = 2

[training]
stop_below = 1e-6
budget_s = 600.0
max_iterations = 1000
range_volt = [-0.5, 0.5]
answer = "linear-response"
loss = { kind = "mean-square" }
optimiser = { kind = "descent", learning_rate = 1e-4, update = "plain", gradient = "exact" }
"#;

fn teacher() -> Scenario {
    Scenario::new(TEXT)
}

/// Whole steps of Newton's method.
fn newton() -> Scenario {
    teacher().set("training.optimiser.update", "curvature").set("training.optimiser.learning_rate", 1.0)
}

fn solved(results: &Results) -> f64 {
    variable(results, "solved").values.iter().sum()
}

/// Controls of all runs that arrived are the hidden ones: in the inner half of the range, and the same for all.
#[test]
fn what_the_teacher_hides_is_found() {
    let results = newton().run(&[]);
    assert_eq!(solved(&results) as usize, 10);
    let controls = &variable(&results, "control_voltage").values;
    for run in controls.chunks_exact(2) {
        for (found, first) in run.iter().zip(controls) {
            // the loss is below 10⁻⁶ nA²: a currents' error of 1 pA, and effects of 5 nA/V and more
            assert!((found - first).abs() < 1e-3 && found.abs() <= 0.25, "{controls:?}");
        }
    }
}

/// Along the weak control the loss curves 1/400 as much as along the strong one. Plain descent must step slowly enough for the
/// strong one; at a thousand times that step it does not arrive at all.
#[test]
fn curvature_makes_up_for_controls_of_unequal_effect() {
    let iterations = |results: &Results| {
        let mut all = variable(results, "iterations").values.clone();
        all.sort_by(f64::total_cmp);
        0.5 * (all[4] + all[5])
    };
    let newton = newton().run(&[]);
    let plain = teacher().run(&[]);
    let hasty = teacher().set("training.optimiser.learning_rate", 0.1).run(&[]);
    assert_eq!((solved(&newton) as usize, solved(&hasty) as usize), (10, 0));
    assert!(iterations(&plain) > 3.0 * iterations(&newton), "{} {}", iterations(&plain), iterations(&newton));
}

/// Second derivatives that are measured serve as exact ones do.
#[test]
fn curvature_that_is_measured_serves_as_exact_one_does() {
    let measured = newton()
        .set("training.optimiser.gradient", "measured")
        .set("estimator.readout", "curvature")
        .set("training.answer", "sampled")
        .set("training.stop_below", 0.1)
        .run(&[]);
    assert_eq!(solved(&measured) as usize, 10);
}

/// HGE needs fewer samples than one-sided SPSA of the same amplitude, and the more controls there are the more so: from 4 to 12
/// controls, and with `make thorough` to 16; medians of 12 runs each.
#[test]
fn samples_to_a_loss_grow_faster_for_spsa_than_for_homodyne_extraction() {
    let most = if tests::thorough() { 16 } else { 12 };
    let controls = format!(
        r#"{{"task.inputs"=[4, {most}], "device.random.parameters"=[8, {}], "task.patterns"=[8, {}], "training.stop_below"=[5.0, {:?}]}}"#,
        2 * most,
        2 * most,
        1.25 * f64::from(most)
    );
    let methods = r#"{estimator={labels=["HGE", "SPSA"], values=[
        {kind="hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz={top=2000.0, spacing=40.0}},
        {kind="spsa", duration_s=0.1, amplitude_volt=8e-3, sides="one"}]}}"#;
    let zip = format!("sweep.zip=[{controls}, {methods}]");
    let changes = [&zip, "study.repetitions=12", "training.budget_s=4000.0"];
    let results = run_shipped("suppl4_training_dimension.toml", &changes, 2);
    let (samples, succeeded) = (&variable(&results, "samples").values, &variable(&results, "succeeded").values);
    let medians: Vec<f64> = samples
        .chunks_exact(12)
        .zip(succeeded.chunks_exact(12))
        .map(|(samples, succeeded)| {
            let counted = |(n, s): (&f64, &f64)| if *s > 0.5 { *n } else { f64::INFINITY };
            let mut all: Vec<f64> = samples.iter().zip(succeeded).map(counted).collect();
            all.sort_by(f64::total_cmp);
            all[5]
        })
        .collect();
    let [few_hge, few_spsa, many_hge, many_spsa] = medians[..] else { panic!("{medians:?}") };
    println!("medians of samples {medians:?}");
    assert!(few_spsa > 1.2 * few_hge && many_hge.is_finite(), "{medians:?}");
    assert!(many_spsa / many_hge > 1.5 * few_spsa / few_hge, "{medians:?}");
}
