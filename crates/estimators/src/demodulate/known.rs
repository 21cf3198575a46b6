//! What a record holds besides noise: offset, slow drift and the lines of the drive, fitted together by least squares.

use std::f64::consts::FRAC_PI_2;

use num_complex::Complex64;

use crate::readout::sine;

/// A column whose part perpendicular to the others is smaller than this fraction adds nothing.
const LEAST_PART: f64 = 1e-6;

/// Degree of the polynomial that describes the drift, if the lowest line makes [`CYCLES_ABOVE_DRIFT`] cycles.
const DRIFT_DEGREE: usize = 3;
const CYCLES_ABOVE_DRIFT: f64 = 4.0;

/// Least squares on a polynomial in time and on sines of given frequencies.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    rate_hz: f64,
    samples: usize,
    lines_hz: Vec<f64>,
    /// Columns of the polynomial.
    slow: usize,
    /// Orthonormal columns, for each of those that count.
    pub(crate) orthonormal: Vec<Vec<f64>>,
    /// Which column each came from, and its components along the orthonormal ones up to itself.
    triangle: Vec<(usize, Vec<f64>)>,
}

/// A record taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Offset and drift \[nA\].
    pub(crate) slow_na: Vec<f64>,
    /// What neither they nor the lines explain \[nA\].
    pub(crate) rest_na: Vec<f64>,
    /// Complex amplitude of each line \[nA\]: A for `Re(A e^{i 2π f t})`.
    pub(crate) lines_na: Vec<Complex64>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn subtract(from: &mut [f64], factor: f64, column: &[f64]) {
    from.iter_mut().zip(column).for_each(|(x, q)| *x -= factor * q);
}

impl Known {
    /// For records of `samples` samples with lines at these frequencies, each once.
    pub(crate) fn new(samples: usize, rate_hz: f64, lines_hz: Vec<f64>) -> Self {
        let lowest_hz = lines_hz.iter().copied().fold(f64::INFINITY, f64::min);
        let has_drift = lowest_hz * samples as f64 / rate_hz >= CYCLES_ABOVE_DRIFT;
        let slow = 1 + if has_drift { DRIFT_DEGREE } else { 0 };
        let mut known = Self { rate_hz, samples, lines_hz, slow, orthonormal: Vec::new(), triangle: Vec::new() };
        for index in 0..slow + 2 * known.lines_hz.len() {
            let mut column = known.column(index);
            let whole = dot(&column, &column).sqrt();
            let mut along = vec![0.0; known.orthonormal.len()];
            // twice: once leaves rounding errors of nearly parallel columns
            for _ in 0..2 {
                for (component, q) in along.iter_mut().zip(&known.orthonormal) {
                    let more = dot(q, &column);
                    subtract(&mut column, more, q);
                    *component += more;
                }
            }
            let left = dot(&column, &column).sqrt();
            if left > LEAST_PART * whole {
                column.iter_mut().for_each(|x| *x /= left);
                along.push(left);
                known.orthonormal.push(column);
                known.triangle.push((index, along));
            }
        }
        known
    }

    /// A column before it is made perpendicular to the others: powers of time, then cosine and sine of each line.
    fn column(&self, index: usize) -> Vec<f64> {
        let samples = self.samples;
        if index < self.slow {
            let time = |n: usize| (2 * n + 1) as f64 / samples as f64 - 1.0;
            return (0..samples).map(|n| time(n).powi(index as i32)).collect();
        }
        let (line, phase_rad) = ((index - self.slow) / 2, FRAC_PI_2 * ((index - self.slow + 1) % 2) as f64);
        (0..samples).map(|n| sine(self.lines_hz[line], phase_rad, n, self.rate_hz)).collect()
    }

    /// Takes a record apart.
    pub(crate) fn fit(&self, record_na: &[f64]) -> Parts {
        let mut rest_na = record_na.to_vec();
        let mut along: Vec<f64> = Vec::with_capacity(self.orthonormal.len());
        for q in &self.orthonormal {
            let component = dot(q, &rest_na);
            subtract(&mut rest_na, component, q);
            along.push(component);
        }
        let mut slow_na = vec![0.0; self.samples];
        let mut lines_na = vec![Complex64::ZERO; self.lines_hz.len()];
        for (k, (index, components)) in self.triangle.iter().enumerate().rev() {
            let coefficient = along[k] / components[k];
            for (sum, component) in along.iter_mut().zip(components) {
                *sum -= coefficient * component;
            }
            if *index < self.slow {
                subtract(&mut slow_na, -coefficient, &self.column(*index));
            } else {
                let line = &mut lines_na[(index - self.slow) / 2];
                *line += if (index - self.slow).is_multiple_of(2) {
                    Complex64::new(coefficient, 0.0)
                } else {
                    Complex64::new(0.0, -coefficient)
                };
            }
        }
        Parts { slow_na, rest_na, lines_na }
    }

    /// `Re(A e^{i 2π f t})` at sample `n` for line `line` of amplitude A \[nA\].
    pub(crate) fn line_at(&self, line: usize, amplitude_na: Complex64, n: usize) -> f64 {
        let f = self.lines_hz[line];
        amplitude_na.re * sine(f, FRAC_PI_2, n, self.rate_hz) - amplitude_na.im * sine(f, 0.0, n, self.rate_hz)
    }

    /// Frequencies of the lines \[Hz\].
    pub(crate) fn lines_hz(&self) -> &[f64] {
        &self.lines_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines 1.5 cycles apart, on a cubic: every part is found again, and nothing is left.
    #[test]
    fn a_record_is_taken_apart() {
        let known = Known::new(1000, 10_000.0, vec![1000.0, 985.0, 40.0]);
        let amplitudes = [Complex64::new(1.0, 0.5), Complex64::new(-0.3, 2.0), Complex64::new(0.0, -0.1)];
        let slow = |n: usize| 30.0 + 2.0 * (n as f64 / 500.0 - 1.0).powi(3);
        let record: Vec<f64> =
            (0..1000).map(|n| slow(n) + (0..3).map(|l| known.line_at(l, amplitudes[l], n)).sum::<f64>()).collect();
        let parts = known.fit(&record);
        for (found, expected) in parts.lines_na.iter().zip(amplitudes) {
            assert!((found - expected).norm() < 1e-9, "{found} {expected}");
        }
        for n in 0..1000 {
            assert!(parts.rest_na[n].abs() < 1e-9 && (parts.slow_na[n] - slow(n)).abs() < 1e-8);
        }
    }
}
