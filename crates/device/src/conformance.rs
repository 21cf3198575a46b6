//! Checks that every device must pass: call these in the tests of your own device.
//!
//! On failure they panic with the parameter, the value found and the value expected.

use ndarray::Array2;

use crate::{Device, currents_na};

/// The exact gradient equals central differences to `tolerance` (relative to the largest component).
pub fn gradient_equals_differences(device: &dyn Device, at: &[f64], tolerance: f64) {
    let exact = device.gradient(at).expect("it is found").expect("it is known");
    let step = 1e-5;
    let scale = exact.iter().fold(0.0_f64, |acc, g| acc.max(g.abs()));
    for m in 0..device.parameters() {
        let mut points = Array2::from_shape_fn((2, at.len()), |(_, j)| at[j]);
        points[[0, m]] -= step;
        points[[1, m]] += step;
        let y = currents_na(device, points.view()).unwrap();
        let difference = (y[1] - y[0]) / (2.0 * step);
        assert!((difference - exact[[0, m]]).abs() < tolerance * scale, "parameter {m}: {difference} {exact}");
    }
}

/// The second derivative along each axis and along one oblique direction equals a fourth-order difference of exact
/// gradients over `step_volt` to `tolerance` (relative to the largest).
pub fn curvature_equals_differences(device: &dyn Device, at: &[f64], step_volt: f64, tolerance: f64) {
    let diagonal = device.curvature(at).expect("it is found").expect("it is known");
    let across: Vec<f64> = (0..at.len()).map(|m| 0.7 - 0.4 * m as f64).collect();
    let along_across = device.curvature_along(at, &across).expect("it is found").expect("it is known")[0];
    let difference = |direction: &[f64]| -> f64 {
        let slope = |t: f64| -> f64 {
            let point: Vec<f64> = at.iter().zip(direction).map(|(w, d)| w + t * step_volt * d).collect();
            let gradient = device.gradient(&point).expect("it is found").expect("it is known");
            gradient.row(0).iter().zip(direction).map(|(g, d)| g * d).sum()
        };
        (8.0 * (slope(1.0) - slope(-1.0)) - (slope(2.0) - slope(-2.0))) / (12.0 * step_volt)
    };
    let mut found: Vec<(f64, f64)> = (0..at.len())
        .map(|m| {
            let axis: Vec<f64> = (0..at.len()).map(|k| f64::from(u8::from(k == m))).collect();
            (diagonal[[0, m]], difference(&axis))
        })
        .collect();
    found.push((along_across, difference(&across)));
    let scale = found.iter().fold(0.0_f64, |acc, (c, _)| acc.max(c.abs()));
    for (k, (exact, difference)) in found.iter().enumerate() {
        assert!((exact - difference).abs() <= tolerance * scale, "direction {k}: {exact} {difference}");
    }
}
