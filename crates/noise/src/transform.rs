//! Plans of real Fourier transforms, in one place: the planner is generic, and every crate that uses it directly would
//! compile it again (20 s each).

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// From `length` real samples to `length / 2 + 1` lines, not normalised.
#[must_use]
pub fn forward(length: usize) -> Arc<dyn RealToComplex<f64>> {
    RealFftPlanner::new().plan_fft_forward(length)
}

/// From `length / 2 + 1` lines to `length` real samples, not normalised.
#[must_use]
pub fn inverse(length: usize) -> Arc<dyn ComplexToReal<f64>> {
    RealFftPlanner::new().plan_fft_inverse(length)
}
