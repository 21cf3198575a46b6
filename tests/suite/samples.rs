//! Studies of kind "samples".

use results::Results;
use tests::{run_text, variable};

const POLYNOMIAL: &str = r#"
[study]
name = "samples"
kind = "samples"
seed = 3
repetitions = 256
[device]
kind = "polynomial"
offset_na = 20.0
coefficients = [[60.0, 45.0, -110.0], [-20.0, 10.0]]
[samples]
low_volt = [-0.5, 0.0]
high_volt = [0.5, 2.0]
"#;

fn values(results: &Results, name: &str) -> Vec<f64> {
    variable(results, name).values.clone()
}

/// Currents and derivatives are those of the device, without errors; each quarter of each range, and each sixteenth of both
/// together, holds the same number of samples; and fewer repetitions give the first of the same samples.
#[test]
fn samples_fill_the_ranges_evenly_and_are_exact_where_the_device_is() {
    let results = run_text(POLYNOMIAL, &[]);
    let (volts, currents) = (values(&results, "sampled_volt"), values(&results, "sampled_current"));
    let slopes = values(&results, "sampled_gradient");
    let mut cells = [[0; 4]; 4];
    for ((v, current), slope) in volts.chunks(2).zip(&currents).zip(slopes.chunks(2)) {
        let (x, y) = (v[0], v[1]);
        let exact = 20.0 + 60.0 * x + 45.0 * x * x - 110.0 * x.powi(3) - 20.0 * y + 10.0 * y * y;
        assert!((current - exact).abs() < 1e-10, "{current} {exact}");
        assert!((slope[0] - (60.0 + 90.0 * x - 330.0 * x * x)).abs() < 1e-10);
        assert!((slope[1] - (-20.0 + 20.0 * y)).abs() < 1e-10);
        cells[(4.0 * (x + 0.5)) as usize][(2.0 * y) as usize] += 1;
    }
    assert_eq!(cells, [[16; 4]; 4]);
    for name in ["sampled_current_error", "sampled_gradient_error"] {
        assert!(values(&results, name).iter().all(|e| *e <= 0.0), "{name}");
    }
    let fewer = run_text(POLYNOMIAL, &["study.repetitions=37"]);
    assert_eq!(values(&fewer, "sampled_volt"), volts[..74]);
    assert_eq!(values(&fewer, "sampled_current"), currents[..37]);
    assert_ne!(values(&run_text(POLYNOMIAL, &["study.seed=4"]), "sampled_volt"), volts);
}

/// By events, 85 % of all currents and derivatives lie within 1.96 of their errors of those of the steady state (of 64 normal ones: all but
/// once in 700 choices of the seeds). Without enough hops the errors that were reached are told, and the study does not end.
#[test]
fn samples_by_events_tell_their_errors() {
    let network = r#"
[study]
name = "samples"
kind = "samples"
repetitions = 8
[device]
kind = "dopant-network"
output_electrode = 7
[device.generate]
acceptors = 8
donors = 1
seed = 2
[samples]
low_volt = -0.1
high_volt = 0.1
"#;
    let exact = run_text(network, &[]);
    let by_events = ["device.method=\"events\"", "device.events.relative_error=0.05"];
    let found = run_text(network, &by_events);
    let mut deviations = Vec::new();
    for name in ["sampled_current", "sampled_gradient"] {
        let errors = values(&found, &format!("{name}_error"));
        let pairs = values(&exact, name).into_iter().zip(values(&found, name));
        deviations.extend(pairs.zip(errors).map(|((a, b), e)| ((a - b) / e).abs()));
    }
    assert_eq!(deviations.len(), 8 * 8);
    let beyond = deviations.iter().filter(|d| **d > 1.96).count();
    assert!(beyond <= 9, "{deviations:?}");
    let few = ["device.method=\"events\"", "device.events.relative_error=0.0001", "device.events.most_hops=100000"];
    let errors = values(&run_text(network, &few), "sampled_gradient_error");
    assert!(errors.iter().all(|e| *e > 0.0), "{errors:?}");
}
