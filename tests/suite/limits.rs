//! Cases at the edge: no noise, one repetition, many blocks, frequencies that cannot be read.

use tests::{run_text, variable};

const QUIET: &str = r#"
[study]
name = "t"
[device]
kind = "linear"
gradient_na_per_volt = [50, -30]
offset_na = 3.0
[estimator]
kind = "hge"
duration_s = 0.1
amplitude_volt = 0.01
frequencies_hz = [1000, 800]
"#;

#[test]
fn without_noise_the_error_is_the_bias() {
    for repetitions in ["study.repetitions=1", "study.repetitions=600"] {
        let r = run_text(QUIET, &[repetitions]);
        let (mse, exact) = (&variable(&r, "mse").values, &variable(&r, "mse_exact").values);
        for (a, b) in mse.iter().zip(exact) {
            assert!((a - b).abs() < 1e-12 * b, "{a} {b}");
        }
        assert!(variable(&r, "variance_exact").values.iter().all(|v| *v <= 0.0));
    }
}

/// A frequency of 0 Hz perturbs nothing: the estimate is 0, the bias minus the gradient, and Monte Carlo says the same.
#[test]
fn zero_frequency_reads_nothing() {
    let r = run_text(QUIET, &["estimator.frequencies_hz=[0.0, 800.0]"]);
    assert!((variable(&r, "bias").values[0] + 50.0).abs() < 1e-12);
    assert!((variable(&r, "bias_exact").values[0] + 50.0).abs() < 1e-12);
}

#[test]
fn parameters_may_differ_in_number_between_points() {
    let r = run_text(
        QUIET,
        &[
            "sweep.\"device.gradient_na_per_volt\"=[[1.0], [1.0, 2.0]]",
            "estimator.frequencies_hz={top=900, spacing=100}",
        ],
    );
    let bias = &variable(&r, "bias").values;
    assert_eq!(bias.len(), 4);
    assert!(bias[1].is_nan() && bias[3].is_finite());
}
