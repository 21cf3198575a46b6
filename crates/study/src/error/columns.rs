//! The variables of error studies.

use crate::columns::Column;

const PARAMETER: &[&str] = &["parameter"];
const ESTIMATE: &[&str] = &["repetition", "parameter"];
const LINEAR: &str = "nA/V";
const SQUARE: &str = "nA^2/V^2";
const CURVATURE_LINEAR: &str = "nA/V^2";
const CURVATURE_SQUARE: &str = "nA^2/V^4";

/// Columns of the gradient. `rows_of` computes the first ten, in this order.
pub(super) const GRADIENT: &[Column] = &[
    Column::new("true_gradient", PARAMETER, LINEAR, "exact gradient of the device"),
    Column::new("bias", PARAMETER, LINEAR, "bias of the estimate, Monte Carlo"),
    Column::new("bias_standard_error", PARAMETER, LINEAR, "standard error of the Monte Carlo bias"),
    Column::new("variance", PARAMETER, SQUARE, "variance of the estimate, Monte Carlo"),
    Column::new("variance_standard_error", PARAMETER, SQUARE, "standard error of the Monte Carlo variance"),
    Column::new("mse", PARAMETER, SQUARE, "mean squared error of the estimate, Monte Carlo"),
    Column::new("mse_standard_error", PARAMETER, SQUARE, "standard error of the Monte Carlo mse"),
    Column::new("bias_exact", PARAMETER, LINEAR, "bias of the estimate, exact"),
    Column::new("variance_exact", PARAMETER, SQUARE, "variance of the estimate, exact"),
    Column::new("mse_exact", PARAMETER, SQUARE, "mean squared error of the estimate, exact"),
    Column::new("mse_published", PARAMETER, SQUARE, "mean squared error as published, B25 Eqs. (8) and (10)"),
    Column::new("response_ratio", PARAMETER, "1", "mean response of the other parameters over the own one, exact"),
];

/// Columns of second derivatives, if measured; in the order of `rows_of`.
pub(super) const CURVATURE: &[Column] = &[
    Column::new(
        "true_curvature",
        PARAMETER,
        CURVATURE_LINEAR,
        "exact second derivative of the device by each parameter",
    ),
    Column::new("curvature_bias", PARAMETER, CURVATURE_LINEAR, "bias of the second derivative, Monte Carlo"),
    Column::new(
        "curvature_bias_standard_error",
        PARAMETER,
        CURVATURE_LINEAR,
        "standard error of the Monte Carlo bias of the second derivative",
    ),
    Column::new("curvature_variance", PARAMETER, CURVATURE_SQUARE, "variance of the second derivative, Monte Carlo"),
    Column::new(
        "curvature_variance_standard_error",
        PARAMETER,
        CURVATURE_SQUARE,
        "standard error of the Monte Carlo variance of the second derivative",
    ),
    Column::new(
        "curvature_mse",
        PARAMETER,
        CURVATURE_SQUARE,
        "mean squared error of the second derivative, Monte Carlo",
    ),
    Column::new(
        "curvature_mse_standard_error",
        PARAMETER,
        CURVATURE_SQUARE,
        "standard error of the Monte Carlo mean squared error of the second derivative",
    ),
    Column::new("curvature_bias_exact", PARAMETER, CURVATURE_LINEAR, "bias of the second derivative, exact"),
    Column::new("curvature_variance_exact", PARAMETER, CURVATURE_SQUARE, "variance of the second derivative, exact"),
    Column::new(
        "curvature_mse_exact",
        PARAMETER,
        CURVATURE_SQUARE,
        "mean squared error of the second derivative, exact",
    ),
];

pub(super) const TIME: &[Column] =
    &[Column::new("measurement_time_s", &[], "s", "time that one estimate of the whole gradient takes")];

/// Columns of studies with a target.
pub(super) const TARGET: &[Column] = &[
    Column::new("repetitions", &[], "1", "repetitions made"),
    Column::new(
        "relative_error",
        &[],
        "1",
        "standard error of mse as a fraction of mse, of the derivative where it is largest",
    ),
];

/// Columns of every repetition, if stored.
pub(super) const ESTIMATES: &[Column] = &[
    Column::new("estimate", ESTIMATE, LINEAR, "estimate of the gradient, each repetition"),
    Column::new(
        "measured_response_ratio",
        ESTIMATE,
        "1",
        "mean response of the other parameters over the own one, of each estimate",
    ),
];

/// The same for second derivatives, if measured.
pub(super) const CURVATURE_ESTIMATES: &[Column] = &[Column::new(
    "curvature_estimate",
    ESTIMATE,
    CURVATURE_LINEAR,
    "estimate of the second derivatives, each repetition",
)];
