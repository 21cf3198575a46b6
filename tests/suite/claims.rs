//! Published claims of B25 that a run must reproduce.

use results::{Coordinate, Results};
use tests::{run_shipped, shared, variable};

/// Value of a variable at indices along its dimensions.
fn at(results: &Results, name: &str, indices: &[usize]) -> f64 {
    let v = variable(results, name);
    let flat = results.shape(v).iter().zip(indices).fold(0, |flat, (n, i)| flat * n + i);
    v.values[flat]
}

fn coordinate(results: &Results, name: &str) -> Vec<f64> {
    match &results.dimensions[results.dimension(name).expect("a dimension")].coordinate {
        Coordinate::Numbers(x) => x.clone(),
        Coordinate::Labels(_) => panic!("{name} holds names"),
    }
}

/// Least-squares slope of log y against log x.
fn log_slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x.ln() / n, b + y.ln() / n));
    let (xy, xx) =
        points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + (x.ln() - mx) * (y.ln() - my), b + (x.ln() - mx).powi(2)));
    xy / xx
}

/// Claim 1. The standard error of each variance is 4.5 % (1000 repetitions); a ratio of two has 6.3 %, so the band of 25 %
/// around ten is missed for one in 10⁴ choices of the seed, over 18 ratios for one in 800.
#[test]
fn fig_1c_variance_falls_with_frequency_and_lies_far_below_finite_differences() {
    let r = run_shipped("fig1c.toml", &[], 0);
    for power in 0..coordinate(&r, "noise.psd_na2_per_hz").len() {
        let v: Vec<f64> = (0..4).map(|e| at(&r, "variance", &[power, e, 0])).collect();
        for (slow, fast) in [(1, 2), (2, 3)] {
            let ratio = v[slow] / v[fast];
            assert!((7.5..12.5).contains(&ratio), "{ratio}");
            let exact = at(&r, "variance_exact", &[power, slow, 0]) / at(&r, "variance_exact", &[power, fast, 0]);
            assert!((exact - 10.0).abs() < 0.2, "{exact}");
        }
        assert!(v[0] / v[2] > 30.0, "100 Hz: {}", v[0] / v[2]);
        assert!(v[0] / v[3] > 300.0, "1000 Hz: {}", v[0] / v[3]);
    }
}

/// Claim 2. Under 1/f^1.5 noise finite differences do not gain from measuring longer (their exact variance even grows, as
/// T^0.5), HGE falls as 1/T, is on the formula, and lies two orders or more below from 0.1 s on.
#[test]
fn fig_2d_variance_of_hge_falls_with_measurement_time_and_that_of_finite_differences_does_not() {
    let r = run_shipped("fig2d.toml", &[], 0);
    let times = coordinate(&r, "estimator.duration_s");
    let series = |e: usize| -> Vec<(f64, f64)> {
        times.iter().enumerate().map(|(k, &t)| (t, at(&r, "variance", &[k, e, 0]))).collect()
    };
    let (fd, hge) = (series(0), series(1));
    // 13 variances of 4.5 % each over two decades: the slope's standard error is 0.009
    assert!((log_slope(&hge) + 1.0).abs() < 0.05, "{}", log_slope(&hge));
    assert!((0.3..0.7).contains(&log_slope(&fd)), "{}", log_slope(&fd));
    for (k, &t) in times.iter().enumerate() {
        // the printed expression holds twice the noise power of the X component
        let on_formula = hge[k].1 / at(&r, "mse_published", &[k, 1, 0]);
        assert!((0.4..0.6).contains(&on_formula), "{on_formula} at {t} s");
        if t > 0.1 {
            assert!(fd[k].1 / hge[k].1 > 100.0, "at {t} s");
        }
    }
}

/// Claim 2 with the flatness that was published: under 1/f noise the variance of finite differences does not depend on the
/// measurement time. Exact over two decades; a Monte Carlo variance of 4.5 % leaves 20 % for one in 10⁵ choices of the seed.
#[test]
fn fig_2d_is_flat_under_noise_of_exponent_1() {
    let r = run_shipped("fig2d_flat.toml", &[], 0);
    let times = coordinate(&r, "estimator.duration_s");
    let series = |name: &str, e: usize| -> Vec<f64> { (0..times.len()).map(|k| at(&r, name, &[k, e, 0])).collect() };
    let exact = series("variance_exact", 0);
    let (low, high) = exact.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
    assert!((high / low - 1.0138).abs() < 1e-3, "{exact:?}");
    assert!(series("variance", 0).iter().zip(&exact).all(|(v, e)| (v / e - 1.0).abs() < 0.2));
    let hge: Vec<(f64, f64)> = times.iter().copied().zip(series("variance_exact", 1)).collect();
    assert!((log_slope(&hge) + 1.0).abs() < 0.001, "{}", log_slope(&hge));
    assert!((exact[4] / hge[4].1 - 52.4).abs() < 0.5, "at {} s: {}", times[4], exact[4] / hge[4].1);

    // what the header of fig2d.toml says of exponent 1.5
    let steep = run_shipped("fig2d.toml", &["study.repetitions=1"], 0);
    let rise = at(&steep, "variance_exact", &[times.len() - 1, 0, 0]) / at(&steep, "variance_exact", &[0, 0, 0]);
    assert!((rise - 9.5).abs() < 0.05, "{rise}");
    let cornered = run_shipped("fig2d.toml", &["study.repetitions=1", "noise.corner_hz=5.0"], 0);
    let variance: Vec<f64> = (0..times.len()).map(|k| at(&cornered, "variance_exact", &[k, 0, 0])).collect();
    let highest = variance.iter().fold(0.0_f64, |h, v| h.max(*v));
    assert!(
        (highest / variance[0] - 1.91).abs() < 0.02 && (variance[12] / variance[0] - 0.23).abs() < 0.01,
        "{variance:?}"
    );
}

/// Claim 3. Both variances fall as 1/α², HGE far lower; at large amplitude the bias of the curve remains: 3/4 c₃ α² and c₃ α².
#[test]
fn fig_2e_and_supplement_1_variance_and_bias_follow_the_amplitude_as_published() {
    let r = run_shipped("fig2e.toml", &[], 0);
    let amplitudes = coordinate(&r, "estimator.amplitude_volt");
    for e in 0..2 {
        let points: Vec<(f64, f64)> =
            amplitudes.iter().enumerate().map(|(k, &a)| (a, at(&r, "variance", &[k, e, 0]))).collect();
        assert!((log_slope(&points) + 2.0).abs() < 0.05, "{}", log_slope(&points));
    }
    for k in 0..amplitudes.len() {
        assert!(at(&r, "variance", &[k, 0, 0]) > 200.0 * at(&r, "variance", &[k, 1, 0]));
    }
    let r = run_shipped("suppl1.toml", &[], 0);
    let amplitudes = coordinate(&r, "estimator.amplitude_volt");
    for (k, a) in amplitudes.iter().enumerate().filter(|(_, a)| **a > 0.1) {
        for (e, factor) in [(0, 1.0), (1, 0.75)] {
            let expected = -110.0 * factor * a * a;
            let exact = at(&r, "bias_exact", &[k, e, 0]);
            assert!((exact / expected - 1.0).abs() < 0.01, "{e} at {a} V: {exact} {expected}");
            let (found, error) = (at(&r, "bias", &[k, e, 0]), at(&r, "bias_standard_error", &[k, e, 0]));
            assert!((found - expected).abs() < 4.5 * error + 0.01 * expected.abs(), "{e} at {a} V: {found}");
        }
    }
}

/// Claim 4. Parallel meets sequential at about 40 Hz for T = 0.1 s and a response ratio of 2.05; the published curve says so,
/// the exact one oscillates through it. Seven derivatives take the time of one.
#[test]
fn fig_3b_parallel_meets_sequential_at_about_40_hz() {
    let r = run_shipped("fig3b.toml", &[], 0);
    let spacing = coordinate(&r, "estimator.frequencies_hz.spacing");
    let (parallel, sequential, measured_ratio, fourth) = (0, 1, 1, 3);
    let excess = |name: &str, k: usize| {
        at(&r, name, &[k, parallel, measured_ratio, fourth]) / at(&r, name, &[k, sequential, measured_ratio, fourth])
    };
    let mean_excess = |name: &str, from: f64, to: f64| {
        let inside: Vec<f64> =
            (0..spacing.len()).filter(|&k| spacing[k] >= from && spacing[k] <= to).map(|k| excess(name, k)).collect();
        inside.iter().sum::<f64>() / inside.len() as f64
    };
    for name in ["mse", "mse_exact", "mse_published"] {
        assert!(mean_excess(name, 5.0, 10.0) > 1000.0, "{name}");
        assert!(mean_excess(name, 18.0, 22.0) > 10.0, "{name}");
        assert!(mean_excess(name, 36.0, 44.0) < 5.0, "{name}: {}", mean_excess(name, 36.0, 44.0));
        assert!(mean_excess(name, 80.0, 100.0) < 1.2, "{name}: {}", mean_excess(name, 80.0, 100.0));
    }
    // as printed: S_N is one number, so the sequential error does not depend on the spacing, and the band is smooth
    let published = |k: usize, mode: usize, ratio: usize| at(&r, "mse_published", &[k, mode, ratio, fourth]);
    for ratio in 0..3 {
        let noise = 1e-5 * std::f64::consts::FRAC_PI_3 * (6.637_448 / std::f64::consts::TAU / 0.1) / 16e-6;
        for (k, hz) in spacing.iter().enumerate() {
            // and 10⁻⁸ of second harmonic
            assert!(
                (published(k, sequential, ratio) / noise - 1.0).abs() < 1e-6,
                "{} {noise}",
                published(k, sequential, ratio)
            );
            if k > 0 {
                assert!(published(k, parallel, ratio) < published(k - 1, parallel, ratio), "{hz} Hz");
            }
        }
    }
    for k in 0..spacing.len() {
        assert!(
            published(k, parallel, 0) < published(k, parallel, 1)
                && published(k, parallel, 1) < published(k, parallel, 2)
        );
    }
    let crossing = (0..spacing.len()).find(|&k| excess("mse_published", k) < 2.0).map(|k| spacing[k]);
    assert!(crossing.is_some_and(|s| (38.0..46.0).contains(&s)), "{crossing:?}");
    let time = |mode: usize| at(&r, "measurement_time_s", &[0, mode, measured_ratio]);
    assert!((time(sequential) / time(parallel) - 7.0).abs() < 1e-9);
}

struct Scatter {
    slope: f64,
    residual: f64,
    signal: f64,
}

fn scatter(scenario: &str, changes: &[&str]) -> Scatter {
    let r = run_shipped(scenario, changes, 0);
    let points: Vec<(f64, f64)> = (0..1000)
        .flat_map(|p| (0..7).map(move |m| (p, m)))
        .map(|(p, m)| (at(&r, "estimate", &[p, 1, 0, m]), at(&r, "estimate", &[p, 0, 0, m])))
        .collect();
    let (xy, xx) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x * y, b + x * x));
    let slope = xy / xx;
    let n = points.len() as f64;
    let residual = (points.iter().map(|(x, y)| (y - slope * x).powi(2)).sum::<f64>() / n).sqrt();
    Scatter { slope, residual, signal: (xx / n).sqrt() }
}

/// Figs. 2b and 2e. HGE in 0.1 s against cubic fits to 50 noisy I-V curves of 1.21 s: the fit has no bias on a cubic, the same
/// scatter at every amplitude, and more of it than HGE at 8 mV. A standard deviation of 50 is off by 10 %, and beyond 45 % for one
/// in 10⁵ choices of the seed; a mean is off by more than 4.5 of its standard errors for one in 10⁵.
#[test]
fn fig_2b_and_2e_derivatives_compare_to_cubic_fits_as_published() {
    let (fit, hge) = (0, 1);
    for name in ["fig2b_derivative.toml", "fig2e_derivative.toml"] {
        let r = run_shipped(name, &[], 0);
        let points = r.shape(variable(&r, "bias"))[0];
        for k in 0..points {
            assert!(at(&r, "bias_exact", &[k, fit, 0]).abs() < 1e-9);
            for e in [fit, hge] {
                let deviation = at(&r, "variance_exact", &[k, e, 0]).sqrt();
                let found = at(&r, "variance", &[k, e, 0]).sqrt();
                assert!((found / deviation - 1.0).abs() < 0.45, "{name} {k} {e}: {found} {deviation}");
                let off = at(&r, "bias", &[k, e, 0]) - at(&r, "bias_exact", &[k, e, 0]);
                assert!(off.abs() < 4.5 * deviation / 50.0_f64.sqrt(), "{name} {k} {e}: {off} {deviation}");
            }
        }
        let time = |e: usize| at(&r, "measurement_time_s", &[0, e]);
        assert!((time(fit) - 1.21).abs() < 1e-9 && (time(hge) - 0.1).abs() < 1e-9);
    }
    let r = run_shipped("fig2e_derivative.toml", &["study.repetitions=1"], 0);
    let amplitudes = coordinate(&r, "estimator.amplitude_volt");
    let deviation = |k: usize, e: usize| at(&r, "variance_exact", &[k, e, 0]).sqrt();
    for (k, a) in amplitudes.iter().enumerate() {
        assert!((deviation(k, fit) / deviation(0, fit) - 1.0).abs() < 1e-12);
        assert_eq!(deviation(k, hge) < deviation(k, fit), *a > 5.5e-3, "{a} V");
    }
}

/// Median over all derivatives of 1000 random points.
fn median_ratio(results: &Results, name: &str) -> f64 {
    let mut ratios = variable(results, name).values.clone();
    assert_eq!(ratios.len(), 7000);
    ratios.sort_by(f64::total_cmp);
    0.5 * (ratios[3499] + ratios[3500])
}

/// Suppl. 2. The ratio of the mean |derivative| of the other six to the own one: of the device itself, and of derivatives as
/// they are measured.
#[test]
fn supplement_2_response_ratios_are_those_of_the_shipped_surrogate() {
    let r = run_shipped("suppl2.toml", &[], 0);
    for (gradient, ratio) in [("true_gradient", "response_ratio"), ("estimate", "measured_response_ratio")] {
        let rows = variable(&r, gradient).values.chunks_exact(7);
        for (gradient, ratios) in rows.zip(variable(&r, ratio).values.chunks_exact(7)) {
            for m in 0..7 {
                let others = (0..7).filter(|n| *n != m).map(|n| gradient[n].abs()).sum::<f64>() / 6.0;
                assert!((ratios[m] * gradient[m].abs() / others - 1.0).abs() < 1e-9, "{gradient:?} {ratios:?}");
            }
        }
    }
    let (exact, measured) = (median_ratio(&r, "response_ratio"), median_ratio(&r, "measured_response_ratio"));
    assert!((exact - 1.160).abs() < 0.001, "{exact}");
    assert!((measured - 1.189).abs() < 0.001, "{measured}");
}

tests::needs!(
    dnpu_surrogate,
    /// The same with the surrogate of a real device, where it is at hand: published is a median of 2.05. Over other choices of the
    /// thousand points its standard deviation is 0.034.
    #[test]
    fn supplement_2_response_ratios_are_those_of_a_real_devices_surrogate() {
        let folder = shared("dnpu_surrogate");
        let file = format!("device.file={:?}", folder.join("skynet_checkpoint3000.npz").display().to_string());
        let r = run_shipped("real_device/response_ratios.toml", &[&file], 0);
        let exact = median_ratio(&r, "response_ratio");
        assert!((exact - 2.148).abs() < 0.001, "{exact}");
        assert!((exact / 2.05 - 1.0).abs() < 0.1, "{exact}");
    }
);

/// Off the line at 10 Hz, on it at 40 Hz: the residual there is that of the noise of two estimates (about 2.9 nA/V) and little more.
#[test]
fn fig_3c_is_off_the_line_and_3d_on_it_on_the_shipped_surrogate() {
    let (at_10, at_40) = (scatter("fig3c.toml", &[]), scatter("fig3d.toml", &[]));
    assert!((at_40.slope - 1.0).abs() < 0.02, "{}", at_40.slope);
    assert!(at_40.residual < 0.1 * at_40.signal, "{} of {}", at_40.residual, at_40.signal);
    assert!(at_10.residual > 4.0 * at_40.residual, "{} and {}", at_10.residual, at_40.residual);
}

tests::needs!(
    dnpu_surrogate,
    /// The same with the surrogate of a real device, where it is at hand.
    #[test]
    fn fig_3c_is_off_the_line_and_3d_on_it_on_a_real_devices_surrogate() {
        let folder = shared("dnpu_surrogate");
        let file = format!("device.file={:?}", folder.join("skynet_checkpoint3000.npz").display().to_string());
        let changes = [file.as_str(), "device.activation=relu"];
        let (at_10, at_40) = (scatter("fig3c.toml", &changes), scatter("fig3d.toml", &changes));
        println!("10 Hz: slope {:.4}, residual {:.3} of {:.3}", at_10.slope, at_10.residual, at_10.signal);
        println!("40 Hz: slope {:.4}, residual {:.3} of {:.3}", at_40.slope, at_40.residual, at_40.signal);
        assert!((at_40.slope - 1.0).abs() < 0.05, "{}", at_40.slope);
        assert!(at_10.residual > 1.5 * at_40.residual, "{} and {}", at_10.residual, at_40.residual);
    }
);
