//! What an operator of a lock-in would look for in a record before believing its readings.

use std::f64::consts::{PI, TAU};

use num_complex::Complex64;

use super::between::{Found, OFF_WEAK, Surroundings};
use super::{Demodulator, Derivative};
use crate::EstimatorError;

/// Kinds of remarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// The record has another length than the plan.
    Length,
    /// Samples at the ends of the range.
    Clipping,
    /// Drift larger than the lines, or offset and drift that a lock-in would read.
    Drift,
    /// A line whose phase turns along the record.
    Frequency,
    /// A line in quadrature with its drive.
    Phase,
    /// A line at a multiple of 50 or 60 Hz.
    Mains,
    /// Lines at second harmonics, sums or differences of the drive.
    Mixing,
}

impl RemarkKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Clipping => "clipping",
            Self::Drift => "drift",
            Self::Frequency => "frequency",
            Self::Phase => "phase",
            Self::Mains => "mains",
            Self::Mixing => "mixing",
        }
    }
}

/// A remark on a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Its kind.
    pub kind: RemarkKind,
    /// One sentence.
    pub message: String,
}

/// Probability with which a record without lines at the multiples of the mains (at the products) is said to have one.
const FALSE_ALARM: f64 = 1e-4;
/// Standard errors beyond which a phase is said to turn or to be off.
const CERTAIN: f64 = 5.0;
/// Smallest turn along the record, and smallest phase off 0 or π, that are remarked upon [rad].
const LEAST_TURN_RAD: f64 = 0.05;
const LEAST_PHASE_RAD: f64 = 0.1;
/// Largest standard error of the phase of a quarter of the record with which its turn can be followed [rad].
const FOLLOWED_RAD: f64 = 0.3;
/// Samples at an extreme value before they count as clipped, and their number relative to that at the next value: the
/// coarse steps of a converter put some there.
const CLIPPED: usize = 8;
const CLIPPED_RATIO: usize = 4;
/// Multiples of the mains that are looked at from the lowest on, and distance from a lock-in [cycles in a record]
/// within which all are.
const MULTIPLES: usize = 20;
const NEAR: f64 = 5.0;

pub(super) fn length(planned: usize, found: usize, rate_hz: f64) -> Option<Remark> {
    let duration = |samples: usize| format!("{samples} samples, {} s", samples as f64 / rate_hz);
    let message = match found.cmp(&planned) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => format!(
            "the record is shorter than the plan ({} instead of {}): it is read with lock-ins of its own duration",
            duration(found),
            duration(planned)
        ),
        std::cmp::Ordering::Greater => format!(
            "the record is longer than the plan ({} instead of {}): only its beginning is read",
            duration(found),
            duration(planned)
        ),
    };
    Some(Remark { kind: RemarkKind::Length, message })
}

/// Fundamental frequencies of the mains \[Hz\].
pub(super) const MAINS_HZ: [f64; 2] = [50.0, 60.0];

/// A frequency at which a line is looked for.
#[derive(Debug)]
pub(super) struct Place {
    frequency_hz: f64,
    bin: usize,
    around: Surroundings,
}

impl Demodulator {
    /// Remarks on a record \[nA\] of which [`Demodulator::read`] has told `derivatives`.
    ///
    /// # Errors
    /// As [`Demodulator::read`].
    pub fn remarks(&self, record_na: &[f64], derivatives: &[Derivative]) -> Result<Vec<Remark>, EstimatorError> {
        self.check(record_na)?;
        let parts = self.known.fit(record_na);
        let rest = self.readings.of(&parts.rest_na);
        let mut remarks: Vec<Remark> = clipping(record_na).into_iter().collect();
        let mut add = |kind, message| remarks.push(Remark { kind, message });
        if let Some(message) = drift(&parts.slow_na, &parts.lines_na, derivatives) {
            add(RemarkKind::Drift, message);
        }
        for (line, &amplitude_na) in parts.lines_na.iter().enumerate() {
            if let Some(message) = self.turn(line, amplitude_na, &parts.rest_na, derivatives) {
                add(RemarkKind::Frequency, message);
            }
        }
        for one in derivatives {
            if let Some(message) = quadrature(one) {
                add(RemarkKind::Phase, message);
            }
        }
        for (base_hz, places) in MAINS_HZ.into_iter().zip(&self.mains) {
            if let Some(message) = self.mains(base_hz, places, &rest, derivatives) {
                add(RemarkKind::Mains, message);
            }
        }
        if let Some(message) = self.mixing(&rest) {
            add(RemarkKind::Mixing, message);
        }
        Ok(remarks)
    }

    /// How the phase of a line turns from quarter to quarter of the record.
    fn turn(
        &self,
        line: usize,
        amplitude_na: Complex64,
        rest_na: &[f64],
        derivatives: &[Derivative],
    ) -> Option<String> {
        let f = self.known.lines_hz()[line];
        let near =
            derivatives.iter().find(|d| (d.frequency_hz - f).abs() < 1e-3 * self.rate_hz / self.samples as f64)?;
        let quarter = self.samples / 4;
        if f * quarter as f64 / self.rate_hz < 2.0 {
            return None;
        }
        let amplitudes: Vec<Complex64> = (0..4)
            .map(|q| {
                let sum: Complex64 = (q * quarter..(q + 1) * quarter)
                    .map(|n| {
                        let cycles = (f * n as f64 / self.rate_hz).fract();
                        let y = rest_na[n] + self.known.line_at(line, amplitude_na, n);
                        y * Complex64::from_polar(1.0, -TAU * cycles)
                    })
                    .sum();
                sum * 2.0 / quarter as f64
            })
            .collect();
        let size_na = (amplitudes.iter().map(Complex64::norm_sqr).sum::<f64>() / 4.0).sqrt();
        let variance_na2 = 0.5 * near.psd_na2_per_hz * self.rate_hz;
        let of_quarter_rad = (2.0 * variance_na2 / quarter as f64).sqrt() / size_na;
        if of_quarter_rad.is_nan() || of_quarter_rad > FOLLOWED_RAD {
            return None;
        }
        let steps: Vec<f64> = amplitudes.windows(2).map(|a| (a[1] * a[0].conj()).arg()).collect();
        // slope of the straight line through the four phases, times four
        let turn_rad = 4.0 * (0.3 * (steps[0] + steps[2]) + 0.4 * steps[1]);
        let standard_error_rad = 4.0 * of_quarter_rad / 5.0_f64.sqrt();
        if turn_rad.abs() < LEAST_TURN_RAD.max(CERTAIN * standard_error_rad) {
            return None;
        }
        let duration_s = self.samples as f64 / self.rate_hz;
        Some(format!(
            "the line at {f} Hz turns by {turn_rad:.2} ± {standard_error_rad:.2} rad along the record: its drive is at {:.6} Hz, \
             or the clocks of drive and record differ",
            f + turn_rad / (TAU * duration_s)
        ))
    }

    pub(super) fn bin(&self, frequency_hz: f64) -> f64 {
        frequency_hz * self.samples as f64 / self.rate_hz
    }

    /// Distance from the nearest line of the drive [cycles in a record].
    fn off_lines(&self, bin: f64) -> f64 {
        self.known.lines_hz().iter().map(|f| (self.bin(*f) - bin).abs()).fold(f64::INFINITY, f64::min)
    }

    /// The multiples of `base_hz` that are looked at: apart from all lines and products of the drive.
    pub(super) fn multiples(&self, base_hz: f64) -> Vec<Place> {
        let mixed = self.mixed_bins();
        let last = (self.readings.highest() as f64 / self.bin(base_hz)) as usize;
        let places: Vec<(f64, usize)> = (1..=last)
            .map(|j| j as f64 * base_hz)
            .filter(|f| {
                let (bin, off_lines) = (self.bin(*f), self.off_lines(self.bin(*f)));
                (*f <= MULTIPLES as f64 * base_hz || off_lines < NEAR)
                    && off_lines > 1.5
                    && mixed.iter().all(|(other, _)| (other - bin).abs() > 1.5)
                    && self.readings.is_left(bin.round() as usize)
            })
            .map(|f| (f, self.bin(f).round() as usize))
            .collect();
        let avoided: Vec<(f64, f64)> =
            mixed.iter().copied().chain(places.iter().map(|p| (self.bin(p.0), OFF_WEAK))).collect();
        let place = |&(frequency_hz, bin): &(f64, usize)| {
            Some(Place { frequency_hz, bin, around: self.readings.around(bin as f64, 2.0, &avoided)? })
        };
        places.iter().filter_map(place).collect()
    }

    /// Multiples of the mains that stand out of the noise.
    pub(super) fn hum(&self, places: &[Place], rest: &[Complex64]) -> Vec<(f64, Found)> {
        let false_alarm = FALSE_ALARM / places.len().max(1) as f64;
        let line = |p: &Place| Some((p.frequency_hz, self.readings.line(p.bin, &p.around, rest, false_alarm)?));
        places.iter().filter_map(line).collect()
    }

    pub(super) fn mixed_bins(&self) -> Vec<(f64, f64)> {
        self.mixed_hz.iter().map(|(_, f)| (self.bin(*f), OFF_WEAK)).collect()
    }

    fn mains(&self, base_hz: f64, places: &[Place], rest: &[Complex64], derivatives: &[Derivative]) -> Option<String> {
        let lines = self.hum(places, rest);
        if lines.is_empty() {
            return None;
        }
        let names: Vec<String> =
            lines.iter().take(5).map(|(f, line)| format!("{f} Hz ({:.3e} nA)", line.amplitude_na)).collect();
        let mut message = format!("lines at multiples of {base_hz} Hz: {}", names.join(", "));
        for (lock_in, derivative) in self.lock_ins.iter().zip(derivatives) {
            let leak: f64 = lines.iter().map(|(f, line)| line.amplitude_na * self.response(&lock_in.weights, *f)).sum();
            if leak > derivative.standard_error {
                let standard_errors = leak / derivative.standard_error;
                message += &format!(
                    "; the lock-in at {} Hz reads up to {standard_errors:.1} standard errors of them",
                    lock_in.frequency_hz
                );
            }
            let multiple = (lock_in.frequency_hz / base_hz).round();
            if multiple >= 1.0 && self.bin((lock_in.frequency_hz - multiple * base_hz).abs()) <= 1.5 {
                message += &format!("; the line at {} Hz cannot be told from one", lock_in.frequency_hz);
            }
        }
        Some(message)
    }

    /// Largest reading of a line of amplitude 1 by weights.
    fn response(&self, weights: &[f64], frequency_hz: f64) -> f64 {
        let turning = |n: usize| Complex64::from_polar(1.0, TAU * (frequency_hz * n as f64 / self.rate_hz).fract());
        weights.iter().enumerate().map(|(n, w)| w * turning(n)).sum::<Complex64>().norm()
    }

    fn mixing(&self, rest: &[Complex64]) -> Option<String> {
        let at = self.mixed_bins();
        let bin = |i: usize| at[i].0.round() as usize;
        let places: Vec<usize> = (0..at.len()).filter(|&i| self.readings.is_left(bin(i))).collect();
        let false_alarm = FALSE_ALARM / places.len().max(1) as f64;
        let line = |i: usize| {
            let around = self.readings.around(bin(i) as f64, 2.0, &at)?;
            Some((i, self.readings.line(bin(i), &around, rest, false_alarm)?))
        };
        let mut lines: Vec<(usize, Found)> = places.iter().filter_map(|&i| line(i)).collect();
        if lines.is_empty() {
            return None;
        }
        lines.sort_by(|a, b| b.1.above_noise.total_cmp(&a.1.above_noise));
        let names: Vec<String> = lines
            .iter()
            .take(5)
            .map(|(i, line)| {
                let (name, f) = &self.mixed_hz[*i];
                format!("{name} at {f} Hz ({:.3e} nA, {:.1} times the noise)", line.amplitude_na, line.above_noise)
            })
            .collect();
        Some(format!(
            "{} of {} products of the drive stand out of the noise, by the curvature of the device or an overloaded amplifier: {}",
            lines.len(),
            places.len(),
            names.join(", ")
        ))
    }
}

/// Samples at the ends of the range.
fn clipping(record_na: &[f64]) -> Option<Remark> {
    let mut sorted = record_na.to_vec();
    sorted.sort_by(f64::total_cmp);
    let run = |numbers: &mut dyn Iterator<Item = &f64>| {
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        for x in numbers {
            if values.last() != Some(x) {
                if values.len() == 2 {
                    break;
                }
                values.push(*x);
                counts.push(0_usize);
            }
            *counts.last_mut().expect("pushed above") += 1;
        }
        let next = counts.get(1).copied().unwrap_or(0);
        (counts[0] >= CLIPPED && counts[0] > CLIPPED_RATIO * next).then_some((values[0], counts[0]))
    };
    let ends = [run(&mut sorted.iter()), run(&mut sorted.iter().rev())];
    let names: Vec<String> =
        ends.iter().flatten().map(|(value, count)| format!("{count} samples at {value} nA")).collect();
    (!names.is_empty()).then(|| Remark {
        kind: RemarkKind::Clipping,
        message: format!("the record is clipped: {}; lower the gain or measure on a larger range", names.join(", ")),
    })
}

fn drift(slow_na: &[f64], lines_na: &[Complex64], derivatives: &[Derivative]) -> Option<String> {
    let (low, high) = slow_na.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let lines_na: f64 = lines_na.iter().map(|a| a.norm()).sum();
    if high - low > lines_na {
        return Some(format!(
            "the output drifts by {:.3e} nA along the record, more than all lines together ({lines_na:.3e} nA)",
            high - low
        ));
    }
    let leak = |d: &Derivative| (d.as_recorded - d.value).abs() / d.standard_error;
    let worst = derivatives.iter().max_by(|a, b| leak(a).total_cmp(&leak(b)))?;
    (leak(worst) > 1.0).then(|| {
        format!(
            "offset and drift, which are subtracted here, would shift the reading at {} Hz by {:.1} standard errors",
            worst.frequency_hz,
            leak(worst)
        )
    })
}

/// A line that is neither in phase with its drive nor opposite to it.
fn quadrature(derivative: &Derivative) -> Option<String> {
    let phase_rad = derivative.phase_rad?;
    let off_rad = phase_rad - PI * (phase_rad / PI).round();
    let certain = off_rad.abs() > CERTAIN * derivative.phase_standard_error_rad;
    (off_rad.abs() > LEAST_PHASE_RAD && certain).then(|| {
        format!(
            "the line of parameter {} is {off_rad:+.2} ± {:.2} rad off its drive: the in-phase component is {:.1} % of the line",
            derivative.parameter + 1,
            derivative.phase_standard_error_rad,
            100.0 * off_rad.cos()
        )
    })
}
