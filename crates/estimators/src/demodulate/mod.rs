//! Derivatives from a record that was measured elsewhere, with standard errors from the record itself.
//!
//! The lock-ins are those of a parallel [`Hge`]. Offset and slow drift (a cubic in time) are fitted together with the lines
//! and subtracted before reading: at the bench they are known from the record, and would leak into the lock-ins. The
//! standard error is that of the noise *near each line*: the same lock-in reads the residual of the fit at frequencies
//! around the line that hold none, and the mean square of these readings, scaled to the derivative, is its variance, with
//! a stated number of degrees of freedom ν (`between.rs`). `(estimate − mean)/standard error` follows Student's law of ν.
//!
//! Approximations: the density is a power law of frequency over the frequencies used (twenty multiples of the inverse
//! duration on each side if there are so many). Lines at sums, differences and second harmonics of the drive, and those found at
//! multiples of 50 and 60 Hz, are kept out of them; others raise the standard error.

mod between;
mod known;
mod remarks;
#[cfg(test)]
mod tests;

use std::f64::consts::{FRAC_PI_2, PI};

use noise::dot;
use num_complex::Complex64;
use statrs::distribution::{ContinuousCDF, StudentsT};

pub use remarks::{Remark, RemarkKind};

use crate::EstimatorError;
use crate::hge::{Hge, LockInReadout, Mode};
use crate::readout::{Channel, Reference};
use crate::scheme::{Combination, check_weights};

/// No current comes near this; instruments write 9.9·10³⁷ for an overload.
const OVERLOAD_NA: f64 = 1e30;
/// Amplitude of a line, relative to the largest sample, below which it is rounding.
const ROUNDING: f64 = 1e-13;

/// One derivative, as a record tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Derivative {
    /// Parameter m, counted from 0.
    pub parameter: usize,
    /// 1 for ∂I/∂w_m \[nA/V\], 2 for ∂²I/∂w_m² \[nA/V²\].
    pub order: u32,
    /// Frequency at which it is read \[Hz\].
    pub frequency_hz: f64,
    /// The derivative \[nA/V, nA/V²\], offset and drift subtracted from the record.
    pub value: f64,
    /// Its standard error \[nA/V, nA/V²\] from the noise around the line; for readout R, that of the in-phase component.
    pub standard_error: f64,
    /// Degrees of freedom ν of the standard error.
    pub degrees_of_freedom: f64,
    /// Phase of the line relative to the drive \[rad\], −π to π: 0 for a positive derivative of an output that follows at once,
    /// ±π for a negative one, less if the output lags. By least squares on all lines; none if two parameters share the frequency, or if
    /// there is no line beyond the noise: an amplitude below its standard error, or below the rounding of the record.
    pub phase_rad: Option<f64>,
    /// Standard error of the phase \[rad\], for phases known to within a fraction of a radian.
    pub phase_standard_error_rad: f64,
    /// One-sided density of the noise at the line \[nA²/Hz\].
    pub psd_na2_per_hz: f64,
    /// What the lock-in reads from the record as it is, with offset and drift \[nA/V, nA/V²\]; as
    /// [`Experiment::read`](crate::Experiment::read).
    pub as_recorded: f64,
}

impl Derivative {
    /// 1 or −1 if the sign is certain at 95 % (two-sided, Student's law), else 0.
    #[must_use]
    pub fn sign(&self) -> i32 {
        let law = StudentsT::new(0.0, 1.0, self.degrees_of_freedom).expect("degrees of freedom are positive");
        let bound = law.inverse_cdf(0.975) * self.standard_error;
        i32::from(self.value > bound) - i32::from(self.value < -bound)
    }
}

/// A record, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Demodulated {
    /// First derivatives, then second ones if the readout is the curvature.
    pub derivatives: Vec<Derivative>,
    /// What is wrong with the record, or may be.
    pub remarks: Vec<Remark>,
    /// What the plan's filter reads of a constant 1: by this factor all derivatives are too large. 1 if it is `gain_corrected`.
    pub gain: f64,
}

/// A lock-in for one derivative.
#[derive(Debug)]
struct LockIn {
    parameter: usize,
    order: u32,
    frequency_hz: f64,
    weights: Vec<f64>,
    /// Weights of the component a quarter ahead, for readout R.
    quadrature: Option<Vec<f64>>,
    /// Σ of the squares of the weights.
    energy: f64,
    /// Which line of the fit, and the phase of the reference at that line [rad].
    line: usize,
    phase_rad: f64,
    is_shared: bool,
    around: between::Surroundings,
}

/// Reads records of one plan.
#[derive(Debug)]
pub struct Demodulator {
    rate_hz: f64,
    samples: usize,
    lock_ins: Vec<LockIn>,
    known: known::Known,
    readings: between::Readings,
    /// Second harmonics, sums and differences of the frequencies of the drive, folded, none of which is a line.
    mixed_hz: Vec<(String, f64)>,
    /// Multiples of each of the frequencies of the mains.
    mains: Vec<Vec<remarks::Place>>,
}

/// Reads a record \[nA\] with the lock-ins of a plan for `parameters` parameters.
///
/// A longer record is read up to the plan's length; for a shorter one, down to half of it, the lock-ins are those of its
/// own duration. Both are remarked upon.
///
/// # Errors
/// If the plan is not parallel or cannot be built, the record is shorter than half the plan, too short to tell the noise
/// from the lines, or holds a sample that is not finite.
pub fn demodulate(plan: &Hge, parameters: usize, record_na: &[f64]) -> Result<Demodulated, EstimatorError> {
    let planned = plan.samples()?;
    let mut plan = plan.clone();
    let length = remarks::length(planned, record_na.len(), plan.rate_hz);
    if record_na.len() < planned {
        if 2 * record_na.len() < planned {
            return Err(EstimatorError::setting(
                "record",
                format!("{} samples", record_na.len()),
                format!("the plan has {planned}, and at least half of them are needed"),
            ));
        }
        plan.duration_s = record_na.len() as f64 / plan.rate_hz;
    }
    let demodulator = Demodulator::new(&plan, parameters)?;
    let record_na = &record_na[..demodulator.samples.min(record_na.len())];
    let derivatives = demodulator.read(record_na)?;
    let mut remarks: Vec<Remark> = length.into_iter().collect();
    remarks.extend(demodulator.remarks(record_na, &derivatives)?);
    let gain = demodulator.readings.window.iter().sum();
    Ok(Demodulated { derivatives, remarks, gain })
}

impl Demodulator {
    /// Prepares the lock-ins of a plan for `parameters` parameters.
    ///
    /// # Errors
    /// If the plan is not parallel, cannot be built, has a line of less than one cycle, or leaves too few frequencies
    /// without a line to tell the noise.
    pub fn new(plan: &Hge, parameters: usize) -> Result<Self, EstimatorError> {
        if plan.mode != Mode::Parallel {
            return Err(EstimatorError::setting(
                "mode",
                "sequential",
                "one record holds all lines only in mode \"parallel\"",
            ));
        }
        let mut measurement = plan.build(parameters)?;
        let (samples, rate_hz) = (measurement.samples, measurement.rate_hz);
        let columns = parameters.saturating_mul(8).saturating_add(16);
        check_weights("duration_s", plan.duration_s, samples, columns, "columns of the fit")?;
        for &f in &plan.frequencies_hz {
            if f.abs() * plan.duration_s < 1.0 {
                let allowed = format!("must make at least one cycle in {} s", plan.duration_s);
                return Err(EstimatorError::setting("frequencies_hz", f, allowed));
            }
        }
        let lines_hz = lines_of(plan);
        let mixed_hz = mixed_of(plan, &lines_hz);
        let known = known::Known::new(samples, rate_hz, lines_hz);
        let readings = between::Readings::new(measurement.filter.impulse_response(samples), &known);
        let record = measurement.records.remove(0);
        let pairs = record.channels.iter().zip(&record.derivative_of_channel);
        let step = if measurement.combination == Combination::Amplitude { 2 } else { 1 };
        let mut lock_ins = Vec::new();
        for (channel, &derivative) in pairs.step_by(step) {
            let weights = |channel: &Channel| channel.weights(&measurement.filter, rate_hz, samples);
            let quarter = Channel { reference: channel.reference.quarter_ahead(), windows: channel.windows.clone() };
            let Reference::Sine { frequency_hz, phase_rad } = channel.reference else { continue };
            let centre = frequency_hz.abs() * samples as f64 / rate_hz;
            let mixed: Vec<(f64, f64)> =
                mixed_hz.iter().map(|(_, f)| (f * samples as f64 / rate_hz, between::OFF_WEAK)).collect();
            let Some(around) = readings.around(centre, 1.0, &mixed) else {
                let allowed = format!(
                    "leaves fewer than {} frequencies between and beside the lines from which the noise could be told: measure \
                     longer",
                    between::FEWEST
                );
                return Err(EstimatorError::setting("duration_s", plan.duration_s, allowed));
            };
            let is_negative = channel.windows[0].factor < 0.0;
            lock_ins.push(LockIn {
                parameter: derivative % parameters,
                order: if derivative < parameters { 1 } else { 2 },
                frequency_hz: frequency_hz.abs(),
                weights: weights(channel),
                quadrature: (step == 2).then(|| weights(&quarter)),
                energy: 0.0,
                line: position(known.lines_hz(), frequency_hz.abs(), rate_hz / samples as f64).unwrap_or(0),
                phase_rad: if frequency_hz < 0.0 { PI - phase_rad } else { phase_rad }
                    + if is_negative { PI } else { 0.0 },
                is_shared: plan.frequencies_hz.iter().filter(|f| (f.abs() - frequency_hz.abs()).abs() < 1e-9).count()
                    > 1,
                around,
            });
        }
        lock_ins.sort_by_key(|l| (l.order, l.parameter));
        for lock_in in &mut lock_ins {
            lock_in.energy = lock_in.weights.iter().map(|w| w * w).sum();
        }
        let mut demodulator = Self { rate_hz, samples, lock_ins, known, readings, mixed_hz, mains: Vec::new() };
        demodulator.mains = remarks::MAINS_HZ.iter().map(|base_hz| demodulator.multiples(*base_hz)).collect();
        Ok(demodulator)
    }

    /// Samples of a record.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The derivatives that a record \[nA\] tells of.
    ///
    /// # Errors
    /// If it has another length, or holds a sample that is not finite.
    pub fn read(&self, record_na: &[f64]) -> Result<Vec<Derivative>, EstimatorError> {
        self.check(record_na)?;
        let parts = self.known.fit(record_na);
        let rounding_na = ROUNDING * record_na.iter().fold(0.0_f64, |largest, y| largest.max(y.abs()));
        let steady_na: Vec<f64> = record_na.iter().zip(&parts.slow_na).map(|(y, slow)| y - slow).collect();
        let rest = self.readings.of(&parts.rest_na);
        let reading = |weights: &[f64], record: &[f64]| {
            let mut out = [0.0];
            dot::project(weights, record, &mut out);
            out[0]
        };
        let read = |lock_in: &LockIn, record: &[f64]| {
            let x = reading(&lock_in.weights, record);
            let Some(quadrature) = &lock_in.quadrature else { return x };
            x.hypot(reading(quadrature, record)) * if x >= 0.0 { 1.0 } else { -1.0 }
        };
        let hum = self.mains.iter().flat_map(|places| self.hum(places, &rest));
        let hum: Vec<(f64, f64)> = hum.map(|(f, _)| (self.bin(f), between::OFF_STRONG)).collect();
        let avoided: Vec<(f64, f64)> = self.mixed_bins().into_iter().chain(hum.iter().copied()).collect();
        let derivative = |lock_in: &LockIn| {
            let apart = || self.readings.around(self.bin(lock_in.frequency_hz), 1.0, &avoided);
            let apart = if hum.is_empty() { None } else { apart() };
            let around = apart.as_ref().unwrap_or(&lock_in.around);
            let variance_na2 = around.sample_variance_na2(&rest);
            let amplitude_na = parts.lines_na[lock_in.line];
            let amplitude_error_na = (2.0 * variance_na2 / self.samples as f64).sqrt();
            let is_seen = amplitude_na.norm() > amplitude_error_na.max(rounding_na);
            // sin(ωt + φ) is Re(−i e^{iφ} e^{iωt})
            let turned = amplitude_na * Complex64::from_polar(1.0, FRAC_PI_2 - lock_in.phase_rad);
            Derivative {
                parameter: lock_in.parameter,
                order: lock_in.order,
                frequency_hz: lock_in.frequency_hz,
                value: read(lock_in, &steady_na),
                standard_error: (variance_na2 * lock_in.energy).sqrt(),
                degrees_of_freedom: around.degrees_of_freedom,
                phase_rad: (is_seen && !lock_in.is_shared).then(|| turned.arg()),
                phase_standard_error_rad: amplitude_error_na / amplitude_na.norm(),
                psd_na2_per_hz: 2.0 * variance_na2 / self.rate_hz,
                as_recorded: read(lock_in, record_na),
            }
        };
        Ok(self.lock_ins.iter().map(derivative).collect())
    }

    fn check(&self, record_na: &[f64]) -> Result<(), EstimatorError> {
        if record_na.len() != self.samples {
            let allowed = format!("the plan has {}", self.samples);
            return Err(EstimatorError::setting("record", format!("{} samples", record_na.len()), allowed));
        }
        match record_na.iter().position(|x| !x.is_finite() || x.abs() >= OVERLOAD_NA) {
            Some(at) => {
                let found = format!("{} at sample {at} (counted from 0)", record_na[at]);
                Err(EstimatorError::setting(
                    "record",
                    found,
                    "all samples must be finite, and 9.9e37 is what instruments write for an overload",
                ))
            }
            None => Ok(()),
        }
    }
}

/// The frequency among `lines_hz` that equals `frequency_hz` to a thousandth of `resolution_hz`.
fn position(lines_hz: &[f64], frequency_hz: f64, resolution_hz: f64) -> Option<usize> {
    lines_hz.iter().position(|line| (line - frequency_hz).abs() < 1e-3 * resolution_hz)
}

/// Frequencies that the fit takes, each once.
fn lines_of(plan: &Hge) -> Vec<f64> {
    let mut lines_hz: Vec<f64> = Vec::new();
    let doubled = plan.frequencies_hz.iter().filter(|_| plan.readout == LockInReadout::Curvature).map(|f| 2.0 * f);
    for f in plan.frequencies_hz.iter().copied().chain(doubled).map(f64::abs) {
        if position(&lines_hz, f, 1.0 / plan.duration_s).is_none() {
            lines_hz.push(f);
        }
    }
    lines_hz
}

/// Most parameters for which products are listed.
const MOST_MIXED: usize = 64;

/// Second harmonics, sums and differences, where they appear after sampling, apart from the lines and from each other.
fn mixed_of(plan: &Hge, lines_hz: &[f64]) -> Vec<(String, f64)> {
    let resolution_hz = 1.0 / plan.duration_s;
    let folded = |f: f64| {
        let turn = f.abs().rem_euclid(plan.rate_hz);
        turn.min(plan.rate_hz - turn)
    };
    let mut mixed: Vec<(String, f64)> = Vec::new();
    let f = &plan.frequencies_hz[..plan.frequencies_hz.len().min(MOST_MIXED)];
    for m in 0..f.len() {
        let of_two = (0..m).flat_map(|n| {
            let name = |sign| format!("f_{} {sign} f_{}", n + 1, m + 1);
            [(name("+"), f[n] + f[m]), (name("-"), f[n] - f[m])]
        });
        for (name, product) in std::iter::once((format!("2 f_{}", m + 1), 2.0 * f[m])).chain(of_two) {
            let at = folded(product);
            let is_near = |other: f64| (other - at).abs() < 1.5 * resolution_hz;
            if !lines_hz.iter().any(|line| is_near(*line))
                && !mixed.iter().any(|(_, other)| (other - at).abs() < 0.5 * resolution_hz)
            {
                mixed.push((name, at));
            }
        }
    }
    mixed
}

/// Amplitude \[V\] and phase \[rad\] of the line of each parameter in its recorded drive, by least squares on all lines of
/// the plan, offset and drift.
///
/// # Errors
/// If the plan cannot be built, there are not as many drives as frequencies, they differ in length, are too short, or
/// hold a sample that is not finite.
pub fn drive(plan: &Hge, drives_volt: &[Vec<f64>]) -> Result<Vec<(f64, f64)>, EstimatorError> {
    let samples = drives_volt.first().map_or(0, Vec::len);
    let refuse = |found: String, allowed: &str| Err(EstimatorError::setting("drive", found, allowed));
    if drives_volt.len() != plan.frequencies_hz.len() || drives_volt.iter().any(|d| d.len() != samples) {
        return refuse(format!("{} columns", drives_volt.len()), "must be one of equal length for each frequency");
    }
    check_weights(
        "drive",
        samples,
        samples,
        plan.frequencies_hz.len().saturating_mul(2).saturating_add(4),
        "columns of the fit",
    )?;
    if samples < 4 * plan.frequencies_hz.len() + 8 {
        return refuse(format!("{samples} samples"), "are too few to fit all lines");
    }
    plan.build(drives_volt.len())?;
    if drives_volt.iter().flatten().any(|v| !v.is_finite()) {
        return refuse("a sample that is not finite".to_owned(), "all must be finite");
    }
    let lines_hz = lines_of(plan);
    let known = known::Known::new(samples, plan.rate_hz, lines_hz);
    let resolution_hz = plan.rate_hz / samples as f64;
    let of = |(drive_volt, f): (&Vec<f64>, &f64)| {
        let line = position(known.lines_hz(), f.abs(), resolution_hz).unwrap_or(0);
        // Re(A e^{iωt}) is |A| sin(ωt + arg A + π/2)
        let amplitude_volt = known.fit(drive_volt).lines_na[line];
        let phase_rad = amplitude_volt.arg() + FRAC_PI_2;
        (amplitude_volt.norm(), if *f < 0.0 { PI - phase_rad } else { phase_rad })
    };
    Ok(drives_volt.iter().zip(&plan.frequencies_hz).map(of).collect())
}
