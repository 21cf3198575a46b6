//! Cases at the edge: no noise, one repetition, many blocks, frequencies that cannot be read.

use tests::{Scenario, line_of, run_text, variable};

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

#[test]
fn zipped_and_vector_valued_axes_keep_their_values() {
    let zip = "sweep.zip=[{ \"estimator.duration_s\" = [0.1, 0.2], \"estimator.amplitude_volt\" = [0.02, 0.01] }]";
    let r = run_text(QUIET, &[zip, "sweep.\"device.operating_point_volt\"=[[0.0, 0.1], [0.2, 0.3], [0.4, 0.5]]"]);
    let mse = variable(&r, "mse");
    assert_eq!(r.shape(mse), [2, 3, 2]);
    assert_eq!(variable(&r, "estimator.amplitude_volt").values, [0.02, 0.01]);
    let points = variable(&r, "device.operating_point_volt.values");
    assert_eq!(r.shape(points), [3, 2]);
    assert_eq!(points.values, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]);
}

/// Operating points are drawn from the ranges of the device, whatever else of the scenario only the sweep completes.
#[test]
fn random_operating_points_stand_beside_any_other_axis() {
    let of = |sweep: &str| {
        let text = format!(
            "[study]\nname = \"t\"\nrepetitions = 2\n[device]\nkind = \"neural-surrogate\"\n\
             file = \"devices/small_surrogate.npz\"\nactivation = \"tanh\"\n{sweep}"
        );
        let r = run_text(&text, &[]);
        let points = variable(&r, "device.operating_point_volt.values");
        (r.shape(variable(&r, "mse")), r.shape(points), points.values.clone())
    };
    let random = "\"device.operating_point_volt\" = { random = 3 }\n";
    let estimators = "estimator = [{ kind = \"fd\", duration_s = 0.1, amplitude_volt = 8e-3 }, \
        { kind = \"walsh\", duration_s = 0.1, amplitude_volt = 8e-3 }]\n";
    let (mse, points, values) = of(&format!("[sweep]\n{random}{estimators}"));
    assert_eq!((mse, points), (vec![3, 2, 7], vec![3, 7]));
    // the same points as beside an estimator that is not swept, and others in an axis of another number
    let fd = "[estimator]\nkind = \"fd\"\nduration_s = 0.1\namplitude_volt = 8e-3\n";
    assert_eq!(of(&format!("{fd}[sweep]\n{random}")).2, values);
    let (mse, _, later) = of(&format!("[sweep]\n{estimators}\"device.activation\" = [\"tanh\", \"relu\"]\n{random}"));
    assert_eq!(mse, [2, 2, 3, 7]);
    assert!(later.iter().zip(&values).all(|(a, b)| a.to_bits() != b.to_bits()));
    let (mse, _, within) =
        of(&format!("{fd}[sweep]\n\"device.operating_point_volt\" = {{ random = 5, from = 0.1, to = 0.2 }}"));
    assert_eq!(mse, [5, 7]);
    assert!(within.iter().all(|v| (0.1..0.2).contains(v)));
}

/// A key that only some of the swept tables know leaves the others as they are; one that none knows is refused.
#[test]
fn a_swept_key_may_be_unknown_to_some_of_the_swept_tables() {
    let text = |key: &str| {
        format!(
            "[study]\nname = \"t\"\nrepetitions = 2\n[device]\nkind = \"linear\"\ngradient_na_per_volt = [50]\n\
             [noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n[sweep]\n\"estimator.{key}\" = [4e-3, 8e-3]\n\
             estimator = [{{ kind = \"fd\", duration_s = 0.1, amplitude_volt = 1.0 }}, \
             {{ kind = \"curve-fit\", duration_s = 0.1, points = 11, range_volt = [-0.5, 0.5] }}]"
        )
    };
    let r = run_text(&text("amplitude_volt"), &[]);
    let variance = &variable(&r, "variance_exact").values;
    assert!((variance[0] / variance[2] - 4.0).abs() < 1e-9, "{variance:?}");
    assert!((variance[1] / variance[3] - 1.0).abs() < 1e-12, "{variance:?}");
    let parse = |text: String| study::Document::parse(std::path::Path::new("t.toml"), text).expect("TOML");
    let over_noises = Scenario::new(&text("amplitude_volt"))
        .set_toml("sweep.\"noise.psd_na2_per_hz\"", "[1e-5, 2e-5]")
        .set_toml("sweep.noise", "[{ kind = \"white\", psd_na2_per_hz = 1e-5 }, { kind = \"none\" }]");
    let study = study::Study::new(over_noises.document());
    assert!(study.expect("sound").files().expect("sound everywhere").is_empty());
    let misspelt = text("amplitud_volt");
    let error = study::Study::new(parse(misspelt.clone())).expect_err("no estimator knows it");
    assert!(error.message.contains("estimator.amplitud_volt"), "{error}");
    assert_eq!(error.line, Some(line_of(&misspelt, "\"estimator.amplitud_volt\"")), "{error}");
}

/// White noise: the variance of a fitted slope is that of textbooks, σ²/Σ(x − x̄)², for means over the samples of each point.
#[test]
fn a_fitted_line_has_the_textbook_variance() {
    let text = "[study]\nname = \"t\"\nrepetitions = 2\n[device]\nkind = \"linear\"\ngradient_na_per_volt = [50, 30]\n\
        [noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n[estimator]\nkind = \"curve-fit\"\ndegree = 1\npoints = 11\n\
        range_volt = [-0.5, 0.5]\nduration_s = 0.11\n[sweep]\n\"device.offset_na\" = [0.0, 5.0]";
    let r = run_text(text, &[]);
    let spread: f64 = (0..11).map(|k| (0.1 * f64::from(k) - 0.5).powi(2)).sum();
    let of_mean = 0.5 * 1e-5 * 10_000.0 / 100.0;
    for (variance, bias) in variable(&r, "variance_exact").values.iter().zip(&variable(&r, "bias_exact").values) {
        assert!((variance * spread / of_mean - 1.0).abs() < 1e-9 && bias.abs() < 1e-9, "{variance} {bias}");
    }
}

/// A spectrum measured from a power law, read from a file, gives that law's errors.
#[test]
fn a_tabulated_spectrum_is_read_from_csv() {
    let path = std::env::temp_dir().join(format!("homodyne-psd-{}.csv", std::process::id()));
    let rows: String = (0..=38)
        .map(|k| 10.0_f64.powf(f64::from(k) / 10.0))
        .map(|f| format!("{f:e},{:e}\n", 1e-5 * (1000.0 / f).powf(1.5)))
        .collect();
    std::fs::write(&path, format!("frequency_hz,psd_na2_per_hz\n{rows}")).expect("a table");
    let table = format!("noise={{ kind = \"tabulated\", file = {:?} }}", path.display().to_string());
    let law = "noise={ kind = \"power-law\", psd_na2_per_hz = 1e-5, at_hz = 1000.0, exponent = 1.5, corner_hz = 1.0 }";
    let (a, b) = (run_text(QUIET, &[&table]), run_text(QUIET, &[law]));
    for (x, y) in variable(&a, "variance_exact").values.iter().zip(&variable(&b, "variance_exact").values) {
        assert!(*x > 0.0 && (x / y - 1.0).abs() < 1e-6, "{x} {y}");
    }
    std::fs::remove_file(&path).expect("cleaned up");
}
