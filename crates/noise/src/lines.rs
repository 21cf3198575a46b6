//! A spectrum as a sum of discrete lines, and the autocovariance of that sum.
//!
//! If a spectrum has no closed form that is numerically accurate (a table may rise or fall by any power between two
//! rows), it is integrated by Gauss-Legendre quadrature: `∫ S(f) g(f) df ≈ Σ_j P_j g(f_j)` with powers `P_j ≥ 0`. The
//! panels are narrow enough that the quadrature is exact to 1e-12 for every `g(f) = cos(2π f k / fs)` up to the last
//! lag. The result is non-negative definite by construction, since every line is.
//!
//! `D_k = Σ_j P_j (1 − cos θ_j k)`, θ = 2π f/fs, is summed separately in bands of frequency to preserve accuracy: small
//! arguments by their Taylor series, without cancellation, and all others by a non-uniform Fourier transform (Barnett,
//! Magland & af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019), with their kernel). The cost is that of a few Fourier
//! transforms of four times the lags, not lags × lines.

use std::f64::consts::PI;

use num_complex::Complex64;

use crate::transform;

/// Nodes and weights of the 4- and 8-point rules on \[−1, 1\], positive half (Abramowitz & Stegun, Table 25.4).
const FOUR: [(f64, f64); 2] =
    [(0.339_981_043_584_856_26, 0.652_145_154_862_546_1), (0.861_136_311_594_052_6, 0.347_854_845_137_453_85)];
const EIGHT: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];
/// Largest change of the exponent of `S(f) exp(i θ k)` over a panel of four, and of eight nodes: the rules' relative
/// errors, z^2n (n!)⁴ / ((2n + 1) (2n)!³), are 2e-12 and 7e-14 then.
const CHANGE_OF_FOUR: f64 = 0.5;
const CHANGE_OF_EIGHT: f64 = 4.0;
/// Largest ratio of the two ends of a panel, because of the pole of a power law at zero.
const PANEL_RATIO: f64 = 1.6;

/// `S(f) = at_from (f / from)^−exponent` between two frequencies; constant if `from` is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) from_hz: f64,
    pub(crate) to_hz: f64,
    pub(crate) at_from: f64,
    pub(crate) exponent: f64,
}

impl Stretch {
    fn density(&self, f: f64) -> f64 {
        if self.from_hz <= 0.0 { self.at_from } else { self.at_from * (-self.exponent * (f / self.from_hz).ln()).exp() }
    }

    /// ∫ S df over the stretch.
    pub(crate) fn power(&self) -> f64 {
        if self.from_hz <= 0.0 {
            return self.at_from * self.to_hz;
        }
        let log = (self.to_hz / self.from_hz).ln();
        let x = (1.0 - self.exponent) * log;
        self.at_from * self.from_hz * log * if x.abs() < 1e-8 { 1.0 + 0.5 * x } else { x.exp_m1() / x }
    }
}

/// Lines of sampled noise, in order of frequency.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// 2π f/fs, between 0 and π.
    pub(crate) angle: Vec<f64>,
    /// Power \[nA²\].
    pub(crate) power: Vec<f64>,
}

impl Lines {
    /// Lines of a spectrum made of consecutive `stretches`, sampled at `rate_hz`, for lags below `lags`.
    pub(crate) fn new(stretches: &[Stretch], rate_hz: f64, lags: usize) -> Self {
        let mut lines = Self::default();
        let turns_per_hz = 2.0 * PI * lags as f64 / rate_hz;
        for stretch in stretches.iter().filter(|s| s.to_hz > s.from_hz) {
            let (from, to) = (stretch.from_hz, stretch.to_hz);
            let pole = from > 0.0 && stretch.exponent.abs() > 0.0;
            let pieces = if pole { ((to / from).ln() / PANEL_RATIO.ln()).ceil().max(1.0) } else { 1.0 };
            let edge = |n: f64| if pole { from * (to / from).powf(n / pieces) } else { from + (to - from) * n };
            for piece in 0..pieces as usize {
                let low = edge(piece as f64);
                let high = if piece + 1 == pieces as usize { to } else { edge(piece as f64 + 1.0) };
                let fall = if pole { stretch.exponent.abs() * (high / low).ln() } else { 0.0 };
                let change = fall + turns_per_hz * (high - low);
                let panels = (change / CHANGE_OF_EIGHT).ceil().max(1.0);
                let width = (high - low) / panels;
                let rule: &[(f64, f64)] = if change <= CHANGE_OF_FOUR { &FOUR } else { &EIGHT };
                for panel in 0..panels as usize {
                    let middle = low + (panel as f64 + 0.5) * width;
                    let negative = rule.iter().rev().map(|(x, w)| (-x, w));
                    for (x, w) in negative.chain(rule.iter().map(|(x, w)| (*x, w))) {
                        let f = middle + 0.5 * width * x;
                        lines.angle.push(2.0 * PI * f / rate_hz);
                        lines.power.push(0.5 * width * w * stretch.density(f));
                    }
                }
            }
        }
        lines
    }

    /// Power of all lines: the variance \[nA²\].
    pub(crate) fn variance(&self) -> f64 {
        self.power.iter().sum()
    }

    /// D_k = Σ P (1 − cos θ k) for k below `lags` \[nA²\].
    pub(crate) fn structure(&self, lags: usize) -> Vec<f64> {
        let mut structure = vec![0.0; lags];
        let last = lags.saturating_sub(1) as f64;
        let mut fourier = None;
        let mut end = self.angle.len();
        let mut top = PI;
        while end > 0 {
            // a band spans a factor of 16, and the lowest one holds all lines with θ k below 2 at the last lag
            let bottom = if top * last <= SMALL_ARGUMENT { 0.0 } else { top / BAND };
            let start = self.angle[..end].partition_point(|&a| a <= bottom);
            let (angle, power) = (&self.angle[start..end], &self.power[start..end]);
            let small = ((SMALL_ARGUMENT / top) as usize + 1).min(lags);
            if !angle.is_empty() {
                add_series(angle, power, top, &mut structure[..small]);
                if small < lags {
                    let fourier = fourier.get_or_insert_with(|| NonUniformFourier::new(lags));
                    let total: f64 = power.iter().sum();
                    let cosines = fourier.cosine_sums(angle, power);
                    for (d, c) in structure[small..].iter_mut().zip(&cosines[small..]) {
                        *d += total - c;
                    }
                }
            }
            (end, top) = (start, bottom);
        }
        structure
    }
}

/// Ratio of the ends of a band.
const BAND: f64 = 16.0;
/// Largest argument θ k of the Taylor series.
const SMALL_ARGUMENT: f64 = 2.0;
/// Terms of the Taylor series: 2²⁸/28! is below 1e-20.
const SERIES_TERMS: usize = 14;

/// Adds Σ P (1 − cos θ k) for lags with `top` k ≤ 2, where all θ ≤ `top`.
fn add_series(angle: &[f64], power: &[f64], top: f64, structure: &mut [f64]) {
    let mut moments = [0.0; SERIES_TERMS];
    for (a, p) in angle.iter().zip(power) {
        let square = (a / top).powi(2);
        let mut term = *p;
        for moment in &mut moments {
            term *= square;
            *moment += term;
        }
    }
    for (k, d) in structure.iter_mut().enumerate() {
        let square = (top * k as f64).powi(2);
        let (mut factor, mut sum) = (-1.0, 0.0);
        for (n, moment) in moments.iter().enumerate() {
            let two_n = 2.0 * (n + 1) as f64;
            factor *= -square / (two_n * (two_n - 1.0));
            sum += factor * moment;
        }
        *d += sum;
    }
}

/// Σ_j P_j cos(θ_j k) for many k at once: lines are spread over a grid with twofold oversampling, by the kernel exp(β
/// (√(1 − z²) − 1)) over 16 cells, and the transform of the grid is divided by that of the kernel. Errors are 1e-14 of
/// ΣP.
#[derive(Debug)]
pub(crate) struct NonUniformFourier {
    lags: usize,
    grid: usize,
    /// The kernel's transform at each k.
    kernel: Vec<f64>,
}

/// Cells that the kernel covers, and its β (2.30 per cell, for twofold oversampling).
const KERNEL_CELLS: usize = 16;
const KERNEL_BETA: f64 = 2.30 * KERNEL_CELLS as f64;
/// Points of the trapezoidal rule for half of the kernel's transform.
const KERNEL_POINTS: usize = 32;

fn kernel(z: f64) -> f64 {
    let square = 1.0 - z * z;
    if square <= 0.0 { 0.0 } else { (KERNEL_BETA * (square.sqrt() - 1.0)).exp() }
}

impl NonUniformFourier {
    pub(crate) fn new(lags: usize) -> Self {
        let grid = (4 * lags).next_power_of_two().max(4 * KERNEL_CELLS);
        let half = 0.5 * KERNEL_CELLS as f64;
        let step = 1.0 / KERNEL_POINTS as f64;
        let heights: Vec<f64> = (0..=KERNEL_POINTS).map(|n| kernel(n as f64 * step)).collect();
        let kernel = (0..lags)
            .map(|k| {
                let turn = 2.0 * PI * k as f64 / grid as f64 * half * step;
                let sum: f64 = heights.iter().enumerate().skip(1).map(|(n, h)| h * (turn * n as f64).cos()).sum();
                half * step * (heights[0] + 2.0 * sum)
            })
            .collect();
        Self { lags, grid, kernel }
    }

    /// Σ_j P_j cos(θ_j k) for each k.
    fn cosine_sums(&self, angle: &[f64], power: &[f64]) -> Vec<f64> {
        let spectrum = self.transformed(angle.iter().copied().zip(power.iter().copied()));
        spectrum[..self.lags].iter().zip(&self.kernel).map(|(line, k)| line.re / k).collect()
    }

    /// Σ_j (a_j cos θ_j k + b_j sin θ_j k) for each k.
    pub(crate) fn wave_sums(&self, angle: &[f64], a: &[f64], b: &[f64]) -> Vec<f64> {
        let cosines = self.transformed(angle.iter().copied().zip(a.iter().copied()));
        let sines = self.transformed(angle.iter().copied().zip(b.iter().copied()));
        cosines[..self.lags].iter().zip(&sines).zip(&self.kernel).map(|((c, s), k)| (c.re - s.im) / k).collect()
    }

    /// Σ_j h_j exp(−i θ_j k), times the kernel's transform.
    fn transformed(&self, lines: impl Iterator<Item = (f64, f64)>) -> Vec<Complex64> {
        let half = 0.5 * KERNEL_CELLS as f64;
        let mut cells = vec![0.0; self.grid];
        for (angle, height) in lines {
            let place = angle / (2.0 * PI) * self.grid as f64;
            let first = (place - half).ceil();
            for n in 0..KERNEL_CELLS {
                let cell = first + n as f64;
                let at = (cell as isize).rem_euclid(self.grid as isize) as usize;
                cells[at] += height * kernel((cell - place) / half);
            }
        }
        let forward = transform::forward(self.grid);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut cells, &mut spectrum).expect("lengths match the plan");
        spectrum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Term by term, with 1 − cos in a form without cancellation.
    fn one_by_one(lines: &Lines, k: usize) -> f64 {
        lines.angle.iter().zip(&lines.power).map(|(a, p)| p * 2.0 * (0.5 * a * k as f64).sin().powi(2)).sum()
    }

    /// Each lag is accurate to 1e-10, although the powers of neighbouring decades differ by ten orders of magnitude.
    #[test]
    fn bands_give_the_sum_over_all_lines() {
        for (lags, exponent) in [(2, 0.0), (3, 2.5), (40, -3.0), (1000, 2.5), (5000, 0.7), (20_000, 2.5)] {
            let stretches = [
                Stretch { from_hz: 0.0, to_hz: 0.01, at_from: 1.0, exponent: 0.0 },
                Stretch { from_hz: 0.01, to_hz: 5000.0, at_from: 1.0, exponent },
            ];
            let lines = Lines::new(&stretches, 10_000.0, lags);
            let structure = lines.structure(lags);
            for k in [1, 2, 3, 7, 30, 200, 999, 4999, 19_999].into_iter().filter(|k| *k < lags) {
                let ratio = structure[k] / one_by_one(&lines, k);
                assert!((ratio - 1.0).abs() < 1e-10, "{lags} lags, exponent {exponent}, lag {k}: ratio {ratio}");
            }
        }
    }

    #[test]
    fn powers_are_those_of_the_closed_form() {
        for exponent in [-600.0, -12.0, -1.0, 0.0, 0.999_999_999, 1.0, 3.0, 5.0, 37.0, 900.0] {
            let stretch = Stretch { from_hz: 49.0, to_hz: 50.0, at_from: 1e-3, exponent };
            let ratio = Lines::new(&[stretch], 10_000.0, 1000).variance() / stretch.power();
            assert!((ratio - 1.0).abs() < 1e-11, "exponent {exponent}: ratio {ratio}");
        }
    }
}
