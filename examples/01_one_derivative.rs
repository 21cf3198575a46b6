//! One gradient by homodyne gradient extraction: what the exact theory says of its error, and a thousand measurements.
//!
//! cargo run --release --example 01_one_derivative
//!
//! Prints:
//! ```text
//! true [nA/V]   mse exact   mse of 1000 [(nA/V)²]
//!        60.0       5.339       5.166
//!       -20.0       4.489       4.294
//!         5.0       4.002       3.955
//! ```

use homodyne::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
    let hge = Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0, 960.0, 920.0]);
    let device = Linear::new(vec![60.0, -20.0, 5.0], 0.0)?;
    let experiment = Experiment::on(device).with(hge).under(&law.noise()?).build()?;

    let (truth, exact) = (experiment.truth()?, experiment.exact()?);
    let mut rng = Pcg64::seed_from_u64(1);
    let estimates = (0..1000).map(|_| experiment.trial(&mut rng)).collect::<Result<Vec<_>, _>>()?;
    println!("true [nA/V]   mse exact   mse of 1000 [(nA/V)²]");
    for (m, exact) in exact.mean_squared_error().iter().enumerate() {
        let measured = estimates.iter().map(|e| (e[m] - truth[m]).powi(2)).sum::<f64>() / 1000.0;
        println!("{:11.1}   {exact:9.3}   {measured:9.3}", truth[m]);
    }
    Ok(())
}
