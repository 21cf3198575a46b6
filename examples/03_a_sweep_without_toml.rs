//! A sweep in plain Rust: the error against the duration of the measurement, for two estimators, as results with named
//! dimensions that are written, read back, and asked for by name.
//!
//! cargo run --release --example 03_a_sweep_without_toml
//!
//! Prints:
//! ```text
//! hge  mse [(nA/V)²] at 0.05, 0.1, 0.2, 0.4 s:     8.540     4.957     3.190     2.313
//! fd   mse [(nA/V)²] at 0.05, 0.1, 0.2, 0.4 s:  1710.045  2416.661  3413.462  4812.840
//! ```

use homodyne::prelude::*;
use homodyne::results::store;

fn mean_squared_error(estimator: impl Estimator, noise: &NoiseModel) -> Result<f64, EstimatorError> {
    let device = Linear::new(vec![60.0], 0.0)?;
    let exact = Experiment::on(device).with(estimator).under(noise).build()?.exact()?;
    Ok(exact.mean_squared_error()[0])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
    let noise = law.noise()?;
    let durations_s = [0.05, 0.1, 0.2, 0.4];
    let (mut by_hge, mut by_differences) = (Vec::new(), Vec::new());
    for duration_s in durations_s {
        by_hge.push(mean_squared_error(Hge::new(10_000.0, duration_s, 8e-3, vec![1000.0]), &noise)?);
        let differences = FiniteDifferences::new(10_000.0, duration_s, 8e-3);
        by_differences.push(mean_squared_error(differences, &noise)?);
    }

    let estimators = Coordinate::Labels(vec!["hge".to_owned(), "fd".to_owned()]);
    let durations = Coordinate::Numbers(durations_s.to_vec());
    let results = Results {
        dimensions: vec![
            Dimension { name: "estimator".to_owned(), coordinate: estimators, units: String::new() },
            Dimension { name: "duration_s".to_owned(), coordinate: durations, units: "s".to_owned() },
        ],
        variables: vec![Variable {
            name: "mean_squared_error".to_owned(),
            dimensions: vec![0, 1],
            values: [by_hge, by_differences].concat(),
            units: "nA^2/V^2".to_owned(),
            long_name: "mean squared error of the estimate".to_owned(),
        }],
        attributes: Vec::new(),
    };
    let file = std::env::temp_dir().join(format!("a_sweep_without_toml.{}.h5", std::process::id()));
    store::write(&results, &file, true)?;
    let read = store::read(&file)?;
    std::fs::remove_file(&file)?;
    for estimator in ["hge", "fd"] {
        let mse = read.select("mean_squared_error", &[("estimator", estimator.into())])?;
        let shown: Vec<String> = mse.values.iter().map(|x| format!("{x:9.3}")).collect();
        println!("{estimator:4} mse [(nA/V)²] at 0.05, 0.1, 0.2, 0.4 s: {}", shown.join(" "));
    }
    Ok(())
}
