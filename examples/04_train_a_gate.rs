//! A device learns AND by its own measured gradient, at the noise of a real one.
//!
//! cargo run --release --example 04_train_a_gate
//!
//! Prints:
//! ```text
//! loss 0.0064 after 120 s of measurement, 1 attempt(s)
//!  -0.7 V  -0.7 V ->   18.069 nA
//!  -0.7 V   0.7 V ->   11.870 nA
//!   0.7 V  -0.7 V ->   13.332 nA
//!   0.7 V   0.7 V ->   48.532 nA
//! threshold 33.301 nA, 100 % right without noise
//! ```

use std::sync::Arc;

use homodyne::device::{DeviceKind, PolynomialSettings, RandomPolynomial, Shelf, Surroundings};
use homodyne::prelude::*;
use homodyne::training::descent::{Descent, GradientFrom};
use homodyne::training::task::truth_table;
use homodyne::training::{
    Answer, Limits, Loss, Meter, Optimiser, Separation, Session, Threshold, Timing, Update, Wiring,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a random polynomial of seven voltages, of which the first two are inputs
    let random = RandomPolynomial {
        parameters: 7,
        linear_na_per_volt: 10.0,
        square_na_per_volt2: 10.0,
        mixing_na_per_volt2: 10.0,
        seed: 3,
    };
    let settings = PolynomialSettings {
        coefficients: None,
        random: Some(random),
        offset_na: 0.0,
        mixing_na_per_volt2: None,
        operating_point_volt: None,
    };
    let device = settings.build(&Surroundings { folder: "".as_ref(), shelf: &Shelf::default() })?;
    let wiring = Wiring::new(vec![0, 1], 7)?;

    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
    let frequencies_hz = (0..5).map(|m| 1000.0 - 40.0 * f64::from(m)).collect();
    let hge = Hge::new(10_000.0, 0.1, 8e-3, frequencies_hz).build(5)?;
    let timing = Timing { rate_hz: 10_000.0, ramp_s: 0.01, hold_s: 0.1 };
    let meter = Meter::new(Arc::clone(&device), wiring, Some(hge.into()), Answer::Sampled, &law.noise()?, timing, 4)?;

    let patterns = truth_table("AND", [[-0.7, 0.7]; 2])?;
    let loss = Loss::CorrelationOverSeparation {
        separation: Separation::Mean,
        scale_na: 1.0,
        offset_na: 0.0,
        threshold_na: 0.0,
    };
    let limits = Limits { stop_below: 0.008, confirmations: 0, budget_s: 600.0, max_iterations: 300 };
    let range_volt = [(-1.0, 1.0); 5];
    let mut session = Session::new(&meter, &patterns, loss, limits, &range_volt);
    let descent = Descent { gradient: GradientFrom::Measured, update: Update::Plain, learning_rate: 0.02 };
    descent.train(&mut session, &mut Pcg64::seed_from_u64(1))?;

    let (lowest, controls_volt) = session.best();
    let currents_na = meter.true_currents_na(patterns.inputs_volt.view(), controls_volt)?;
    let threshold = Threshold::best(&currents_na, patterns.targets.classes().ok_or("no classes")?);
    println!("loss {lowest:.4} after {:.0} s of measurement, {} attempt(s)", session.seconds, session.attempts);
    for (inputs, current_na) in patterns.inputs_volt.rows().into_iter().zip(&currents_na) {
        println!("{:5.1} V {:5.1} V -> {current_na:8.3} nA", inputs[0], inputs[1]);
    }
    println!("threshold {:.3} nA, {:.0} % right without noise", threshold.current_na, 100.0 * threshold.accuracy);
    Ok(())
}
