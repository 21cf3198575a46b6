//! Second derivatives by the second harmonic: Monte Carlo against exact, exact against the expansion, and the shipped figure.

use results::Results;
use tests::{Scenario, deviations, run_shipped, run_text, variable};

const CURVED: &str = r#"
[study]
name = "t"
seed = 3
repetitions = 20000
[device]
kind = "polynomial"
coefficients = [[100, 60], [60, 45, -110, 800], [-80, -40]]
mixing_na_per_volt2 = [[0, 0, 20], [0, 0, 0], [0, 0, 0]]
[noise]
kind = "power-law"
psd_na2_per_hz = 1e-5
at_hz = 1000.0
exponent = 1.0
corner_hz = 1.0
[estimator]
kind = "hge"
readout = "curvature"
amplitude_volt = 0.1
frequencies_hz = [1000, 900, 750]
duration_s = 0.05
"#;

/// 20 000 repetitions make the standard error of a variance 1 %. Each of the four cases has 3 parameters, two derivatives of each,
/// bias and variance: 48 deviations, of which one exceeds 4.5 for one in 3000 choices of the seed.
#[test]
fn monte_carlo_and_exact_errors_agree() {
    for change in [
        "estimator.mode=\"parallel\"",
        "estimator.mode=\"sequential\"",
        "estimator.phases_rad=[0.3, -1.0, 2.0]",
        "estimator.instrument={ delay_samples = 1, hold_samples = 2, ramp_s = 0.002 }",
    ] {
        let all: Vec<f64> = deviations(&run_text(CURVED, &[change])).into_iter().flatten().collect();
        assert_eq!(all.len(), 12, "{change}");
        assert!(all.iter().all(|d| d.abs() < 4.5), "{change}: {all:?}");
    }
}

fn exact(results: &Results, name: &str, parameter: usize) -> f64 {
    variable(results, name).values[parameter]
}

/// Under white noise the variance is 32 S f_ENBW/α⁴, that of the gradient 2 S f_ENBW/α²: their ratio is 16/α², whatever the filter.
/// Both are sums of h² (1 ± cos) over the impulse response h, and what the cosines at 2f and 4f leave of 1 is below
/// f_c/f, 0.4 %. The bias is α² I''''/12; there are no mixed derivatives of fourth order here.
#[test]
fn variance_and_bias_are_those_of_the_expansion() {
    let white = Scenario::new(CURVED).set("noise.exponent", 0.0);
    let quiet = [
        "study.repetitions=1",
        "estimator.duration_s=1.0",
        "estimator.filter={ settled = 0.9999, gain_corrected = true }",
    ];
    let results = white.run(&quiet);
    let alpha = 0.1_f64;
    for m in 0..3 {
        let ratio = exact(&results, "curvature_variance_exact", m) / exact(&results, "variance_exact", m);
        assert!((ratio / (16.0 / alpha.powi(2)) - 1.0).abs() < 0.01, "parameter {}: {ratio}", m + 1);
    }
    // a line of 10 nA 250 Hz away is heard at (2.9/250)³ = 1.6·10⁻⁶ of itself at most, 8/α² times that is 0.013 nA/V²
    let expected = alpha * alpha * 24.0 * 800.0 / 12.0;
    for (m, bias) in [0.0, expected, 0.0].into_iter().enumerate() {
        let found = exact(&results, "curvature_bias_exact", m);
        assert!((found - bias).abs() < 0.05, "parameter {}: {found}, expected {bias}", m + 1);
    }
    for (m, truth) in [120.0, 90.0, -80.0].into_iter().enumerate() {
        assert!((exact(&results, "true_curvature", m) - truth).abs() < 1e-9);
    }
}

/// Readouts are swept: where no second derivatives are measured they are missing, and gradients are the same to the last bit.
#[test]
fn only_points_that_measure_curvatures_have_them() {
    let swept = Scenario::new(CURVED).set_toml("sweep", "{ \"estimator.readout\" = [\"x\", \"curvature\"] }");
    let results = swept.run(&["study.repetitions=50", "study.store_estimates=true"]);
    let halves = |name: &str| {
        let values = &variable(&results, name).values;
        let (x, curvature) = values.split_at(values.len() / 2);
        (x.to_vec(), curvature.to_vec())
    };
    for name in ["true_curvature", "curvature_mse", "curvature_bias_exact", "curvature_estimate"] {
        let (x, curvature) = halves(name);
        assert!(x.iter().all(|v| v.is_nan()) && curvature.iter().all(|v| v.is_finite()), "{name}");
    }
    for name in ["bias_exact", "variance_exact", "true_gradient", "mse_published"] {
        let (x, curvature) = halves(name);
        assert!(x.iter().zip(&curvature).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
    }
}

/// The shipped figure: s.d. as 1/α², bias as α², less noise at higher frequencies, and 2 I₁₃ = 40 nA/V² on equal spacings.
#[test]
fn the_shipped_scenario_shows_what_it_says() {
    let results = run_shipped("curvature.toml", &["study.repetitions=1"], 0);
    let shape = results.shape(variable(&results, "curvature_mse"));
    let [amplitudes, sets, parameters] = shape[..] else { panic!("{shape:?}") };
    assert_eq!((amplitudes, sets, parameters), (16, 3, 3));
    let of = |name: &str, a: usize, set: usize| variable(&results, name).values[(a * sets + set) * parameters + 1];
    let span: f64 = 0.2 / 0.03;
    for set in 0..sets {
        let fall = of("curvature_variance_exact", 0, set) / of("curvature_variance_exact", amplitudes - 1, set);
        assert!((fall / span.powi(4) - 1.0).abs() < 1e-9, "{fall}");
    }
    let (low, high) = (of("curvature_variance_exact", 0, 0), of("curvature_variance_exact", 0, 1));
    // 1/f noise at 360 Hz and at 1800 Hz; the low-pass is so narrow that the noise is straight over it to 1 %
    assert!((low / high - 5.0).abs() < 0.05, "{low} {high}");
    let extra = of("curvature_bias_exact", 0, 2) - of("curvature_bias_exact", 0, 1);
    assert!((extra - 40.0).abs() < 0.5, "{extra}");
    assert!((of("curvature_bias_exact", 15, 1) - 0.04 * 1600.0).abs() < 0.5);
}
