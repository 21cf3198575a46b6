//! Against SciPy: filters, settling, exact errors. `golden/make_golden.py` made the numbers.

use estimators::filter::{LowPass, butterworth, settling_product};
use serde::Deserialize;
use tests::{root, run_text, variable};

#[derive(Deserialize)]
struct Golden {
    probe: Vec<f64>,
    filters: Vec<Filter>,
    settling: Vec<Settling>,
    exact: Vec<Exact>,
}

#[derive(Deserialize)]
struct Filter {
    order: usize,
    cutoff_hz: f64,
    sos: Vec<[f64; 6]>,
    response: Vec<f64>,
}

#[derive(Deserialize)]
struct Settling {
    order: usize,
    settled: f64,
    product: f64,
}

#[derive(Deserialize)]
struct Exact {
    name: String,
    scenario: String,
    bias: Vec<f64>,
    variance: Vec<f64>,
    tolerance: f64,
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(root().join("tests/golden/golden.json")).expect("golden.json");
    serde_json::from_str(&text).expect("golden.json is readable")
}

#[test]
fn sections_and_their_response_equal_scipy_to_1e_12() {
    let golden = golden();
    assert_eq!(golden.filters.len(), 32);
    for filter in &golden.filters {
        let sections = butterworth(filter.order, filter.cutoff_hz, 10_000.0).expect("allowed");
        let ours: Vec<[f64; 6]> = sections.iter().map(|s| [s.b[0], s.b[1], s.b[2], 1.0, s.a[0], s.a[1]]).collect();
        let scale = filter.sos[0][0];
        assert_eq!(ours.len(), filter.sos.len());
        for (mine, theirs) in ours.iter().flatten().zip(filter.sos.iter().flatten()) {
            let size = if (theirs / scale - 1.0).abs() < 3.0 { scale } else { 1.0 };
            let (o, f) = (filter.order, filter.cutoff_hz);
            assert!((mine - theirs).abs() <= 1e-12 * size, "order {o}, {f} Hz: {mine:e}, SciPy {theirs:e}");
        }
        let low_pass = LowPass::Butterworth { sections, gain: 1.0 };
        let mut state = low_pass.start(golden.probe.len());
        let largest = filter.response.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
        for (x, theirs) in golden.probe.iter().zip(&filter.response) {
            let mine = state.push(*x);
            assert!((mine - theirs).abs() <= 1e-12 * largest, "order {}: {mine} {theirs}", filter.order);
        }
    }
}

#[test]
fn settling_equals_the_step_response_of_scipy() {
    for s in golden().settling {
        let product = settling_product(s.order, s.settled).expect("allowed");
        // the script interpolates on a grid of 1e-4
        assert!((product - s.product).abs() < 1e-7, "order {}: {product}, SciPy {}", s.order, s.product);
    }
}

#[test]
fn exact_errors_equal_an_independent_calculation() {
    let cases = golden().exact;
    assert!(cases.len() >= 17);
    for case in cases {
        let results = run_text(&case.scenario, &[]);
        let bias = &variable(&results, "bias_exact").values;
        let variance = &variable(&results, "variance_exact").values;
        let gradient = &variable(&results, "true_gradient").values;
        assert_eq!(bias.len(), case.bias.len(), "{}", case.name);
        for m in 0..bias.len() {
            // a bias that is a small difference is held to the estimate's mean
            let scale = case.bias[m].abs().max(1e-3 * gradient[m].abs());
            let wrong = (bias[m] - case.bias[m]).abs() / scale;
            assert!(wrong < case.tolerance, "{}, bias {m}: {} {}", case.name, bias[m], case.bias[m]);
            let wrong = (variance[m] / case.variance[m] - 1.0).abs();
            assert!(wrong < case.tolerance, "{}, variance {m}: {} {}", case.name, variance[m], case.variance[m]);
        }
    }
}
