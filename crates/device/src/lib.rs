//! Devices: maps from parameters (voltages) to currents.
//!
//! A [`Device`] maps many parameter vectors to outputs at once and provides its exact gradient if one exists. It does
//! not depend on estimators or noise.
//!
//! ```
//! use device::{Device, Polynomial, currents_na};
//!
//! // a third-order I-V curve with 20 nA at zero
//! let curve = Polynomial::new(20.0, vec![vec![60.0, 45.0, -110.0]], None)?;
//! let currents = currents_na(&curve, ndarray::array![[0.0], [0.1]].view())?;
//! assert!((currents[1] - 26.34).abs() < 1e-12);
//! assert!((curve.gradient(&[0.1])?.unwrap()[[0, 0]] - 65.7).abs() < 1e-12); // nA/V
//! # Ok::<(), device::DeviceError>(())
//! ```

pub mod conformance;
mod dopant_network;
mod error;
mod expression;
mod given;
pub mod kind;
mod kinks;
mod layered;
mod linear;
mod network_events;
mod polynomial;
mod process;
mod surrogate;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

pub use dopant_network::{NetworkDevice, NetworkMethod, NetworkSettings};
pub use error::DeviceError;
pub use expression::{Expression, ExpressionSettings, Formulas};
pub use given::GivenSettings;
pub use kind::{DeviceKind, Shelf, Surroundings};
pub use layered::{Interface, Layer, LayeredDevice};
pub use linear::{Linear, LinearSettings, RandomGradient};
pub use polynomial::{Polynomial, PolynomialSettings, RandomPolynomial};
pub use process::{Process, ProcessSettings};
pub use surrogate::{Activation, NeuralSurrogate, SurrogateSettings};

/// What a device is at one parameter vector, with standard errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// Currents \[nA\], one for each output.
    pub currents_na: Vec<f64>,
    /// Their standard errors.
    pub current_errors_na: Vec<f64>,
    /// ∂I_k/∂w_m \[nA/V\], shape (K, M); `None` if the device does not know it.
    pub gradient: Option<Array2<f64>>,
    /// Their standard errors.
    pub gradient_errors: Option<Array2<f64>>,
}

/// A physical system: M parameters \[V\] determine K output currents \[nA\].
pub trait Device: Send + Sync + std::fmt::Debug {
    /// Number of parameters M.
    fn parameters(&self) -> usize;

    /// Number of outputs K.
    fn outputs(&self) -> usize {
        1
    }

    /// Currents \[nA\], shape (points, K), at parameter vectors \[V\], shape (points, M).
    ///
    /// # Errors
    /// If the device cannot be evaluated there.
    fn evaluate(&self, parameters_volt: ArrayView2<f64>, currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError>;

    /// Exact gradient ∂I_k/∂w_m \[nA/V\], shape (K, M); `None` if the device does not know it.
    ///
    /// # Errors
    /// If the device knows its gradient but cannot compute it at this point.
    fn gradient(&self, parameters_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError>;

    /// Second derivative of I_k(w + t d) by t at t = 0, one for each output \[nA/V² for a direction d of length 1\]:
    /// d·∇∇I_k·d. `None` if the device does not know it or has none: for a surrogate of `relu` units it is zero between
    /// kinks and undefined at them, so that no measurement over a range of voltages could be compared with it.
    ///
    /// # Errors
    /// If the device knows it but cannot compute it at this point.
    fn curvature_along(&self, _parameters_volt: &[f64], _direction: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        Ok(None)
    }

    /// Diagonal second derivatives ∂²I_k/∂w_m² \[nA/V²\], shape (K, M), from [`Device::curvature_along`] each axis.
    ///
    /// # Errors
    /// As [`Device::curvature_along`].
    fn curvature(&self, parameters_volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let mut out = Array2::zeros((self.outputs(), self.parameters()));
        let mut axis = vec![0.0; self.parameters()];
        for (m, mut column) in out.columns_mut().into_iter().enumerate() {
            axis[m] = 1.0;
            let Some(along) = self.curvature_along(parameters_volt, &axis)? else { return Ok(None) };
            column.iter_mut().zip(along).for_each(|(c, x)| *c = x);
            axis[m] = 0.0;
        }
        Ok(Some(out))
    }

    /// Currents \[nA\] at one parameter vector, and the exact gradient there if it is known. Devices that compute both
    /// together override this.
    ///
    /// # Errors
    /// As [`Device::evaluate`] and [`Device::gradient`].
    fn linearised(&self, parameters_volt: &[f64]) -> Result<(Vec<f64>, Option<Array2<f64>>), DeviceError> {
        let mut currents_na = Array2::zeros((1, self.outputs()));
        self.evaluate(ndarray::aview1(parameters_volt).insert_axis(ndarray::Axis(0)), currents_na.view_mut())?;
        Ok((currents_na.into_raw_vec_and_offset().0, self.gradient(parameters_volt)?))
    }

    /// Currents and the gradient at one parameter vector, with their standard errors: zero where there is no statistics in them, as here.
    ///
    /// # Errors
    /// As [`Device::linearised`].
    fn sampled(&self, parameters_volt: &[f64]) -> Result<Sampled, DeviceError> {
        let (currents_na, gradient) = self.linearised(parameters_volt)?;
        Ok(Sampled {
            current_errors_na: vec![0.0; currents_na.len()],
            gradient_errors: gradient.as_ref().map(|g| Array2::zeros(g.raw_dim())),
            currents_na,
            gradient,
        })
    }

    /// Whether the output is an affine function of the parameters, so that its gradient is the same everywhere.
    fn is_affine(&self) -> bool {
        false
    }

    /// Default operating point \[V\], if the device has one.
    fn usual_volt(&self) -> Option<Vec<f64>> {
        None
    }

    /// Intended range of each parameter \[V\], lowest and highest, if the device has one.
    fn range_volt(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        None
    }
}

/// The operating point \[V\]: as given, else the default of the device, else the middle of its ranges, else zero.
///
/// # Errors
/// If the number of voltages differs from that of the parameters.
pub fn operating_point_volt(device: &dyn Device, given: Option<&[f64]>) -> Result<Vec<f64>, DeviceError> {
    let expected = device.parameters();
    match given {
        Some(point) if point.len() == expected => Ok(point.to_vec()),
        Some(point) => Err(DeviceError::WrongParameters { expected, found: point.len() }),
        None => Ok(device.usual_volt().unwrap_or_else(|| match device.range_volt() {
            Some((low, high)) => low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect(),
            None => vec![0.0; expected],
        })),
    }
}

/// Refuses a device that does not have exactly one output, so that no output is ignored silently.
///
/// # Errors
/// If it has several outputs, or none.
pub fn check_single_output(device: &dyn Device) -> Result<(), DeviceError> {
    match device.outputs() {
        1 => Ok(()),
        found => Err(DeviceError::Outputs { found }),
    }
}

/// Currents of a device with one output at parameter vectors, shape (points, M); see [`Device::evaluate`].
///
/// # Errors
/// As [`Device::evaluate`], and if it does not have exactly one output.
pub fn currents_na(device: &dyn Device, parameters_volt: ArrayView2<f64>) -> Result<Vec<f64>, DeviceError> {
    check_single_output(device)?;
    let mut out = Array2::zeros((parameters_volt.nrows(), 1));
    device.evaluate(parameters_volt, out.view_mut())?;
    Ok(out.into_raw_vec_and_offset().0)
}
