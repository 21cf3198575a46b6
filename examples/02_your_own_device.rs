//! A device of your own: a diode, by its law. An exported conformance test holds its gradient to its currents; then its derivative is
//! measured.
//!
//! cargo run --release --example 02_your_own_device
//!
//! Prints:
//! ```text
//! the gradient is that of the currents
//!    2 mV: 109.196 nA/V, bias  0.015, standard deviation 2.348
//!    8 mV: 109.196 nA/V, bias  2.010, standard deviation 0.587
//!   32 mV: 109.196 nA/V, bias  7.856, standard deviation 0.147
//! ```

use homodyne::device::conformance;
use homodyne::prelude::*;

/// I = I_s (exp(V/V_T) − 1), and the derivative that follows.
#[derive(Debug)]
struct Diode {
    saturation_na: f64,
    thermal_volt: f64,
}

impl Device for Diode {
    fn parameters(&self) -> usize {
        1
    }

    fn evaluate(&self, volt: ArrayView2<f64>, mut currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        for (row, mut current) in volt.rows().into_iter().zip(currents_na.rows_mut()) {
            current[0] = self.saturation_na * (row[0] / self.thermal_volt).exp_m1();
        }
        Ok(())
    }

    fn gradient(&self, volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let slope = self.saturation_na / self.thermal_volt * (volt[0] / self.thermal_volt).exp();
        Ok(Some(Array2::from_elem((1, 1), slope)))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let diode = Diode { saturation_na: 0.1, thermal_volt: 0.05 };
    conformance::gradient_equals_differences(&diode, &[0.2], 1e-6);
    println!("the gradient is that of the currents");

    let noise = NoiseModel::Gaussian(Spectrum::White(1e-6));
    for amplitude_volt in [2e-3, 8e-3, 32e-3] {
        let hge = Hge::new(10_000.0, 0.1, amplitude_volt, vec![1000.0]);
        let diode = Diode { saturation_na: 0.1, thermal_volt: 0.05 };
        let experiment = Experiment::on(diode).with(hge).at(&[0.2]).under(&noise).build()?;
        let exact = experiment.exact()?;
        println!(
            "{:4.0} mV: {:7.3} nA/V, bias {:6.3}, standard deviation {:.3}",
            1e3 * amplitude_volt,
            experiment.truth()?[0],
            exact.bias[0],
            exact.variance[0].sqrt()
        );
    }
    Ok(())
}
