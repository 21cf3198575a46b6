//! Axes: scales, ranges, ticks and their labels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Linear or logarithmic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Logarithmic; only positive values are shown.
    Log,
}

/// An axis with its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Label with unit.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Explicit ticks instead of automatic ones.
    pub named: Option<Vec<Tick>>,
}

/// A tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Position.
    pub value: f64,
    /// Label; `None` for minor ticks.
    pub label: Option<String>,
}

/// Largest magnitude on an axis, and the inverse of the smallest positive value on a logarithmic axis: beyond, margins
/// and ticks would overflow.
const LARGEST: f64 = 1e150;

impl Axis {
    /// An axis around `values`, with a margin; values that the scale cannot show are left out. `None` if none is left.
    #[must_use]
    pub fn around(label: String, scale: Scale, values: impl Iterator<Item = f64>) -> Option<Self> {
        let shown = values.filter(|v| v.abs() <= LARGEST && (scale == Scale::Linear || *v >= 1.0 / LARGEST));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return None;
        }
        let (low, high) = match scale {
            Scale::Log => {
                let margin = (0.06 * (high / low).ln()).max(0.08).exp();
                (low / margin, high * margin)
            }
            Scale::Linear => {
                // around a single zero, any scale will do
                let size = low.abs().max(high.abs());
                let span = if size > 1.0 / LARGEST { (high - low).max(1e-3 * size) } else { 1.0 };
                let margin = 0.05 * span;
                (low - margin, high + margin)
            }
        };
        Some(Self { label, scale, low, high, named: None })
    }

    /// Gives it another scale, and other ends. An axis of names stays as it is.
    ///
    /// # Errors
    /// If it cannot have that scale or these limits, with the name of the setting.
    pub(crate) fn adjust(
        &mut self,
        scale: Option<Scale>,
        limits: Option<[f64; 2]>,
        values: &[f64],
    ) -> Result<(), (&'static str, String)> {
        if self.named.is_some() {
            return Ok(());
        }
        if let Some(scale) = scale.filter(|scale| *scale != self.scale) {
            let around = Self::around(std::mem::take(&mut self.label), scale, values.iter().copied());
            *self = around.ok_or_else(|| ("scale", "cannot be \"log\": no drawn value is above 0".to_owned()))?;
        }
        let Some([low, high]) = limits else { return Ok(()) };
        let least = if self.scale == Scale::Log { 1.0 / LARGEST } else { -LARGEST };
        if !(low < high && low >= least && high <= LARGEST) {
            let above = if self.scale == Scale::Log { ", above 0 on a logarithmic axis" } else { "" };
            return Err(("limits", format!("found [{low:?}, {high:?}], must be [low, high]{above}")));
        }
        (self.low, self.high) = (low, high);
        Ok(())
    }

    /// Position of a value between 0 (lower end) and 1 (upper end); `None` if the scale cannot show it.
    #[must_use]
    pub fn position(&self, value: f64) -> Option<f64> {
        let position = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => return None,
        };
        position.is_finite().then_some(position)
    }

    /// Ticks, minor ones without labels.
    #[must_use]
    pub fn ticks(&self) -> Vec<Tick> {
        if let Some(named) = &self.named {
            return named.clone();
        }
        match self.scale {
            Scale::Linear => self.linear_ticks(),
            Scale::Log => self.log_ticks(),
        }
    }

    fn linear_ticks(&self) -> Vec<Tick> {
        let span = self.high - self.low;
        let raw = span / 5.0;
        let magnitude = 10.0_f64.powf(raw.log10().floor());
        let (factor, minor) = match raw / magnitude {
            r if r < 1.5 => (1.0, 5),
            r if r < 3.5 => (2.0, 4),
            r if r < 7.5 => (5.0, 5),
            _ => (10.0, 5),
        };
        let step = factor * magnitude;
        let small = step / f64::from(minor);
        let first = (self.low / small).ceil() as i64;
        let last = (self.high / small).floor() as i64;
        let exponent = step.log10().floor() as i32;
        (first..=last)
            .map(|k| {
                let value = k as f64 * small;
                let major = k.rem_euclid(i64::from(minor)) == 0;
                Tick { value, label: major.then(|| in_steps(value, exponent)) }
            })
            .collect()
    }

    fn log_ticks(&self) -> Vec<Tick> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let decades = high - low;
        let every = ((decades / 7.0).ceil() as i64).max(1);
        let label_within = decades < 2.2;
        let mut ticks = Vec::new();
        for exponent in low.floor() as i64..=high.ceil() as i64 {
            for digit in 1..10 {
                let value = digit as f64 * 10.0_f64.powi(exponent as i32);
                if value < self.low * (1.0 - 1e-12) || value > self.high * (1.0 + 1e-12) {
                    continue;
                }
                let label = match digit {
                    1 if exponent.rem_euclid(every) == 0 => Some(power_of_ten(exponent)),
                    2 | 5 if label_within && (-3..=4).contains(&exponent) => Some(plain(value)),
                    2 | 5 if label_within => Some(format!("{digit}×{}", power_of_ten(exponent))),
                    _ => None,
                };
                if decades <= 12.0 || digit == 1 {
                    ticks.push(Tick { value, label });
                }
            }
        }
        ticks
    }
}

/// Formats a number for an axis.
#[must_use]
pub fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text.is_empty() || text == "0" && value.abs() > 0.0 { format!("{value:e}") } else { minus(text) }
}

/// Formats with three digits.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 || (1e-2..1e4).contains(&value.abs()) {
        let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 4) as usize };
        format!("{value:.digits$}").replace('-', "−")
    } else {
        format!("{value:.2e}").replace('-', "−")
    }
}

/// Formats a multiple of a power of ten: with the necessary decimals, or as a power if these are many.
fn in_steps(value: f64, exponent: i32) -> String {
    match exponent {
        -6..=6 => minus(&format!("{:.*}", exponent.min(0).unsigned_abs() as usize, value + 0.0)),
        _ => match (value / 10.0_f64.powi(exponent)).round() as i64 {
            0 => "0".to_owned(),
            multiple => minus(&format!("{multiple}×{}", power_of_ten(exponent.into()))),
        },
    }
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// A power of ten with a superscript exponent; small powers are written out.
#[must_use]
pub fn power_of_ten(exponent: i64) -> String {
    match exponent {
        -2..=3 => plain(10.0_f64.powi(exponent as i32)),
        _ => {
            let raised: String = exponent
                .to_string()
                .chars()
                .map(|c| match c {
                    '-' => '⁻',
                    '1' => '¹',
                    '2' => '²',
                    '3' => '³',
                    other => char::from_u32(u32::from('⁰') + other.to_digit(10).unwrap_or(0)).unwrap_or(other),
                })
                .collect();
            format!("10{raised}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, values: &[f64]) -> Vec<String> {
        let axis = Axis::around(String::new(), scale, values.iter().copied()).unwrap();
        axis.ticks().into_iter().filter_map(|t| t.label).collect()
    }

    #[test]
    fn decades_are_labelled_as_powers() {
        assert_eq!(labels(Scale::Log, &[1e-6, 1e5]).first().unwrap(), "10⁻⁶");
        assert_eq!(labels(Scale::Log, &[5.0, 200.0]), ["5", "10", "20", "50", "100", "200"]);
        assert_eq!(labels(Scale::Linear, &[-1.0, 1.0]), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(labels(Scale::Linear, &[0.0, 4e-9]), ["0", "1×10⁻⁹", "2×10⁻⁹", "3×10⁻⁹", "4×10⁻⁹"]);
    }

    #[test]
    fn zeros_alone_have_an_axis_of_legible_ticks() {
        assert_eq!(labels(Scale::Linear, &[0.0, 0.0]), ["−0.04", "−0.02", "0.00", "0.02", "0.04"]);
    }

    #[test]
    fn nothing_to_show_is_said() {
        assert!(Axis::around(String::new(), Scale::Log, [0.0, -1.0].into_iter()).is_none());
        assert!(Axis::around(String::new(), Scale::Linear, [f64::NAN].into_iter()).is_none());
        assert!(Axis::around(String::new(), Scale::Log, [1e308, 5e-324].into_iter()).is_none());
        assert!(labels(Scale::Log, &[1e-150, 1e150]).len() < 20);
    }

    #[test]
    fn ranges_of_every_size_have_a_handful_of_labels() {
        for size in [1e-320, 1e-150, 1e-140, 1e-18, 1.0, 1e18, 1e140, 1e150] {
            for values in [[size, size], [0.0, size], [-size, size], [0.99 * size, size]] {
                let axis = Axis::around(String::new(), Scale::Linear, values.into_iter()).unwrap();
                let labelled = axis.ticks().iter().filter(|t| t.label.is_some()).count();
                assert!(
                    (3..=12).contains(&labelled),
                    "{values:?}: {labelled} labels between {} and {}",
                    axis.low,
                    axis.high
                );
            }
        }
    }
}
