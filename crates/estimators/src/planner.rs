//! Frequencies for parallel homodyne gradient extraction: checks and proposals.
//!
//! Every other line of the output leaks through the low-pass into the lock-in at f_m: the other perturbations f_n and,
//! from the curvature of the device, the second harmonics 2f_n, sums f_n + f_k and differences |f_n − f_k|, all aliased
//! to below half the sampling rate. A *guard* interval around f_m keeps each of them below a tolerated fraction of the
//! derivative.

use crate::error::{EstimatorError, positive};
use crate::filter::{FilterSettings, prototype_response};

/// Smallest number of cycles of a perturbation without a remark.
pub const FEWEST_CYCLES: f64 = 4.0;

/// Largest number of frequencies: each pair gives two lines, and each line is compared with each frequency.
pub const MOST_FREQUENCIES: usize = 100;

/// Largest number of candidate frequencies (whole numbers of half cycles), and of comparisons, in the search for a
/// proposal.
const MOST_CANDIDATES: f64 = 1e6;
const MOST_COMPARISONS: usize = 1 << 30;

/// Highest multiple of the mains that is followed above half the sampling rate.
const MOST_FOLDED: f64 = 40.0;

/// Requirements on the frequencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirements {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Duration of the measurement \[s\].
    pub duration_s: f64,
    /// Largest ratio of responses |g_n α_n| / |g_m α_m| between two parameters.
    pub response_ratio: f64,
    /// Tolerated crosstalk of one line, as a fraction of the weaker derivative.
    pub tolerated_crosstalk: f64,
    /// Low-pass of the lock-ins.
    pub filter: FilterSettings,
    /// Frequencies whose multiples are kept 1/T away, such as that of the mains \[Hz\].
    pub avoided_hz: Vec<f64>,
}

/// Severity of a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The measurement works, but its error is larger than necessary.
    Warning,
    /// The measurement cannot work.
    Error,
}

/// A remark on the frequencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Severity.
    pub severity: Severity,
    /// Text of the remark.
    pub message: String,
}

/// A line of the output spectrum.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) frequency_hz: f64,
}

/// Response ratio of each channel: the mean |response| of the others over its own (B25, Fig. 3b and Suppl. 2, with a
/// median of 2.05). `responses` are g_m α_m. The ratio is infinite if the channel's own response is 0, NaN for a single
/// channel.
#[must_use]
pub fn response_ratios(responses: &[f64]) -> Vec<f64> {
    let sum: f64 = responses.iter().map(|r| r.abs()).sum();
    let others = responses.len().saturating_sub(1) as f64;
    // summed again if the channel's own response dominates, so that the rest is not lost in rounding
    let rest = |m: usize, own: f64| match sum - own {
        rest if rest > 1e-3 * sum => rest,
        _ => responses.iter().enumerate().filter(|(n, _)| *n != m).map(|(_, r)| r.abs()).sum(),
    };
    responses.iter().enumerate().map(|(m, r)| rest(m, r.abs()) / others / r.abs()).collect()
}

impl Requirements {
    /// Cut-off of the low-pass \[Hz\].
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn cutoff_hz(&self) -> Result<f64, EstimatorError> {
        positive("rate", self.rate_hz)?;
        positive("ratio", self.response_ratio)?;
        positive("crosstalk", self.tolerated_crosstalk)?;
        self.filter.cutoff_for(positive("duration", self.duration_s)?)
    }

    /// Distance beyond which the crosstalk of a line is tolerated \[Hz\].
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn guard_hz(&self) -> Result<f64, EstimatorError> {
        let suppression = (self.response_ratio / self.tolerated_crosstalk).max(1.0);
        let power = 0.5 / self.filter.order as f64;
        Ok(self.cutoff_hz()? * (suppression * suppression - 1.0).powf(power))
    }

    /// The avoided frequency, and its multiple, that lies within 1/T of `frequency_hz`: any below half the sampling rate, and of those above,
    /// which sampling folds, the first forty.
    fn avoided(&self, frequency_hz: f64) -> Option<(f64, f64)> {
        let f = self.folded_hz(frequency_hz);
        self.avoided_hz.iter().find_map(|&avoided_hz| {
            let multiple = |at_hz: f64| (at_hz / avoided_hz).round().max(1.0);
            let is_near = |at_hz: &f64| (at_hz - multiple(*at_hz) * avoided_hz).abs() * self.duration_s < 1.0 - 1e-9;
            let counts = |at_hz: &f64| *at_hz < 0.5 * self.rate_hz || multiple(*at_hz) <= MOST_FOLDED;
            let folds = (MOST_FOLDED * avoided_hz / self.rate_hz).ceil().clamp(1.0, MOST_FOLDED) as u32;
            let images =
                (0..folds).flat_map(|k| [f64::from(k) * self.rate_hz + f, f64::from(k + 1) * self.rate_hz - f]);
            images.into_iter().filter(counts).find(is_near).map(|at_hz| (avoided_hz, multiple(at_hz)))
        })
    }

    /// Where a line at `frequency_hz` appears after sampling.
    pub(crate) fn folded_hz(&self, frequency_hz: f64) -> f64 {
        let turn = frequency_hz.abs().rem_euclid(self.rate_hz);
        turn.min(self.rate_hz - turn)
    }

    fn check_avoided(&self) -> Result<(), EstimatorError> {
        self.avoided_hz.iter().try_for_each(|&avoided_hz| positive("avoid", avoided_hz).map(drop))
    }

    /// Second-order lines of parameter `new` with the preceding parameters.
    pub(crate) fn second_order(&self, frequencies_hz: &[f64], new: usize) -> Vec<Line> {
        let f = frequencies_hz[new];
        let mut lines = vec![Line { name: format!("2 f_{}", new + 1), frequency_hz: self.folded_hz(2.0 * f) }];
        for (k, other) in frequencies_hz[..new].iter().enumerate() {
            for (sign, product) in [("+", f + other), ("-", f - other)] {
                lines.push(Line {
                    name: format!("f_{} {sign} f_{}", k + 1, new + 1),
                    frequency_hz: self.folded_hz(product),
                });
            }
        }
        lines
    }

    /// Checks given frequencies \[Hz\] with phases \[rad\].
    ///
    /// # Errors
    /// If a requirement is out of range, or there are more than [`MOST_FREQUENCIES`].
    pub fn check(&self, frequencies_hz: &[f64], phases_rad: &[f64]) -> Result<Vec<Finding>, EstimatorError> {
        check_count(frequencies_hz.len())?;
        let (guard_hz, cutoff_hz) = (self.guard_hz()?, self.cutoff_hz()?);
        self.check_avoided()?;
        let mut findings = Vec::new();
        let mut remark = |severity, message| findings.push(Finding { severity, message });
        for (m, &f) in frequencies_hz.iter().enumerate() {
            let name = format!("f_{} = {f} Hz", m + 1);
            if f.abs() >= 0.5 * self.rate_hz || f.is_nan() {
                let message = format!("{name} is not below half the sampling rate ({} Hz)", 0.5 * self.rate_hz);
                remark(Severity::Error, message);
            } else if f.abs() * self.duration_s < 1.0 {
                remark(
                    Severity::Error,
                    format!("{name} makes less than one cycle in {} s: the derivative cannot be read", self.duration_s),
                );
            } else if f.abs() * self.duration_s < FEWEST_CYCLES {
                remark(
                    Severity::Warning,
                    format!(
                        "{name} makes only {:.2} cycles in {} s: its 2 f line and the offset leak into the reading",
                        f.abs() * self.duration_s,
                        self.duration_s
                    ),
                );
            } else if f.abs() < guard_hz {
                remark(
                    Severity::Warning,
                    format!("{name} lies within {guard_hz:.1} Hz of 0: the offset leaks into it"),
                );
            }
            if let Some((avoided_hz, multiple)) = self.avoided(f) {
                let hum_hz = multiple * avoided_hz;
                remark(
                    Severity::Warning,
                    format!(
                        "{name} is less than 1/T from {multiple} × {avoided_hz} Hz = {hum_hz} Hz: hum is read as a derivative"
                    ),
                );
            }
            for (n, &other) in frequencies_hz[..m].iter().enumerate() {
                let distance = (self.folded_hz(f) - self.folded_hz(other)).abs();
                let turn = (phases_rad.get(m).unwrap_or(&0.0) - phases_rad.get(n).unwrap_or(&0.0)).cos();
                if distance * self.duration_s < 1e-9 && turn.abs() < 1e-9 {
                    continue;
                }
                let leak = self.response_ratio * prototype_response(self.filter.order, cutoff_hz, distance);
                if distance * self.duration_s < 1e-9 {
                    remark(Severity::Error, format!("{name} coincides with f_{}: they cannot be separated", n + 1));
                } else if distance < guard_hz {
                    remark(
                        Severity::Warning,
                        format!(
                            "{name} is {distance:.1} Hz from f_{}: crosstalk up to {:.1} % of the weaker derivative \
                             ({guard_hz:.1} Hz would keep it below {:.1} %)",
                            n + 1,
                            100.0 * leak,
                            100.0 * self.tolerated_crosstalk
                        ),
                    );
                }
            }
        }
        for new in 0..frequencies_hz.len() {
            for line in self.second_order(frequencies_hz, new) {
                for (m, &f) in frequencies_hz.iter().enumerate() {
                    let distance = (line.frequency_hz - self.folded_hz(f)).abs();
                    if distance < guard_hz {
                        remark(
                            Severity::Warning,
                            format!(
                                "{} (at {:.1} Hz) lies {distance:.1} Hz from f_{}: the device's curvature leaks into it",
                                line.name,
                                line.frequency_hz,
                                m + 1
                            ),
                        );
                    }
                }
            }
        }
        Ok(findings)
    }

    /// Frequencies \[Hz\] for `parameters` parameters between `low_hz` and `high_hz`, highest first, such that every
    /// line lies outside the guard interval of every lock-in. Each has a whole number of half cycles.
    ///
    /// # Errors
    /// If a requirement is out of range or the band is too narrow; the message tells how many frequencies fit and what
    /// limits them.
    pub fn propose(&self, parameters: usize, low_hz: f64, high_hz: f64) -> Result<Vec<f64>, EstimatorError> {
        let guard_hz = self.guard_hz()?;
        self.check_avoided()?;
        let band = format!("{low_hz} Hz to {high_hz} Hz");
        if !(low_hz > 0.0 && low_hz < high_hz && high_hz < 0.5 * self.rate_hz) {
            return Err(EstimatorError::setting(
                "band",
                band,
                format!(
                    "must be a range from low to high, above 0 and below half the sampling rate ({} Hz)",
                    0.5 * self.rate_hz
                ),
            ));
        }
        check_count(parameters)?;
        let step_hz = 0.5 / self.duration_s;
        let candidates = high_hz / step_hz;
        if candidates.is_nan() || candidates > MOST_CANDIDATES {
            return Err(EstimatorError::setting(
                "duration",
                format!("{} s", self.duration_s),
                format!(
                    "makes {candidates:.0} frequencies up to {high_hz} Hz, among {MOST_CANDIDATES} a plan is sought"
                ),
            ));
        }
        let lowest = low_hz.max(guard_hz).max(FEWEST_CYCLES / self.duration_s);
        let top = (high_hz / step_hz).floor() as usize;
        let mut left = MOST_COMPARISONS;
        let mut best: Vec<f64> = Vec::new();
        // the highest frequency determines which residues are free: a few starting values are tried
        let starts = (2.0 * guard_hz / step_hz).ceil().clamp(1.0, top.max(1) as f64) as usize;
        for start in 0..starts {
            let mut chosen: Vec<f64> = Vec::new();
            let mut products: Vec<Line> = Vec::new();
            for k in (1..=top.saturating_sub(start)).rev() {
                let f = k as f64 * step_hz;
                let comparisons = chosen.len() + products.len() + 1;
                if f < lowest || chosen.len() >= parameters || left < comparisons {
                    break;
                }
                left -= comparisons;
                if self.avoided(f).is_some() {
                    continue;
                }
                let clear = |line_hz: f64, f: f64| (line_hz - f).abs() >= guard_hz * (1.0 - 1e-12);
                if !chosen.iter().all(|&c| clear(c, f)) || !products.iter().all(|p| clear(p.frequency_hz, f)) {
                    continue;
                }
                let mut with_new = chosen.clone();
                with_new.push(f);
                let new_products = self.second_order(&with_new, chosen.len());
                if new_products.iter().all(|p| with_new.iter().all(|&c| clear(p.frequency_hz, c))) {
                    products.extend(new_products);
                    chosen = with_new;
                }
            }
            if chosen.len() > best.len() {
                best = chosen;
            }
            if best.len() == parameters {
                return Ok(best);
            }
        }
        Err(EstimatorError::setting(
            "band",
            band,
            format!(
                "holds {} frequencies {guard_hz:.1} Hz away from each other, from the 2 f lines, sums and differences \
                 and from 0 Hz; {parameters} are wanted. Widen the band, measure longer than {} s, tolerate more \
                 crosstalk than {} or put two parameters on each frequency in quadrature",
                best.len(),
                self.duration_s,
                self.tolerated_crosstalk
            ),
        ))
    }
}

pub(crate) fn check_count(frequencies: usize) -> Result<(), EstimatorError> {
    if (1..=MOST_FREQUENCIES).contains(&frequencies) {
        return Ok(());
    }
    let allowed = format!("must be 1 to {MOST_FREQUENCIES}, since each is compared with the lines of all pairs");
    Err(EstimatorError::setting("parameters", frequencies, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requirements() -> Requirements {
        Requirements {
            rate_hz: 10_000.0,
            duration_s: 0.1,
            response_ratio: 2.05,
            tolerated_crosstalk: 0.04,
            filter: FilterSettings::default(),
            avoided_hz: Vec::new(),
        }
    }

    /// Of 50 Hz and of 60 Hz, at rates at which hum above half of them comes back in between.
    #[test]
    fn multiples_of_the_mains_are_avoided_and_told() {
        for (mains_hz, rate_hz) in [(50.0, 10_000.0), (60.0, 10_000.0), (50.0, 1843.0)] {
            let requirements = Requirements { rate_hz, avoided_hz: vec![mains_hz], ..requirements() };
            let f = requirements.propose(4, 100.0, 0.4 * rate_hz).unwrap();
            assert_eq!(requirements.check(&f, &[0.0; 4]).unwrap(), []);
            for at_hz in f {
                for multiple in 1..500 {
                    let hum_hz = requirements.folded_hz(f64::from(multiple) * mains_hz);
                    let is_within = multiple <= 40 || f64::from(multiple) * mains_hz < 0.5 * rate_hz;
                    assert!(!is_within || (hum_hz - at_hz).abs() > 9.999, "{at_hz} Hz, hum at {hum_hz} Hz");
                }
            }
        }
        // 3 × 50 Hz is seen at 20 Hz
        let slow = Requirements { rate_hz: 130.0, duration_s: 1.0, avoided_hz: vec![50.0], ..requirements() };
        assert!(slow.check(&[20.0], &[0.0]).unwrap().iter().any(|f| f.message.contains("3 × 50 Hz = 150 Hz")));
        let requirements = Requirements { avoided_hz: vec![50.0], ..requirements() };
        let findings = requirements.check(&[1000.0, 955.0, 870.0], &[0.0; 3]).unwrap();
        let told =
            |m: usize| findings.iter().any(|f| f.message.starts_with(&format!("f_{m} =")) && f.message.contains("hum"));
        assert_eq!([told(1), told(2), told(3)], [true, true, false]);
        assert!(findings.iter().any(|f| f.message.contains("20 × 50 Hz = 1000 Hz")));
        assert!(Requirements { avoided_hz: vec![0.0], ..requirements }.check(&[900.0], &[0.0]).is_err());
    }

    #[test]
    fn a_channel_weaker_than_all_others_has_their_ratio() {
        let ratios = response_ratios(&[123.0, -123.0, 123.0, 60.0, 123.0, 123.0, 123.0]);
        assert!((ratios[3] - 2.05).abs() < 1e-12, "{ratios:?}");
        assert!((ratios[0] - (5.0 * 123.0 + 60.0) / 6.0 / 123.0).abs() < 1e-12, "{ratios:?}");
        let uneven = response_ratios(&[1e20, 1.0, -3.0, 0.0]);
        assert!((uneven[0] / (4.0 / 3.0 * 1e-20) - 1.0).abs() < 1e-12 && uneven[3].is_infinite(), "{uneven:?}");
        assert!(response_ratios(&[5.0])[0].is_nan());
    }

    #[test]
    fn the_guard_of_the_published_plan_is_about_40_hz() {
        let guard = requirements().guard_hz().unwrap();
        assert!((38.0..42.0).contains(&guard), "{guard}");
    }

    #[test]
    fn a_proposal_passes_its_own_check() {
        let requirements = requirements();
        let f = requirements.propose(7, 100.0, 1000.0).unwrap();
        assert_eq!(f.len(), 7);
        assert_eq!(requirements.check(&f, &[0.0; 7]).unwrap(), []);
    }

    #[test]
    fn bad_plans_are_remarked_on() {
        let requirements = requirements();
        let has = |f: &[f64], text: &str| {
            let findings = requirements.check(f, &vec![0.0; f.len()]).unwrap();
            assert!(findings.iter().any(|x| x.message.contains(text)), "{f:?}: {findings:?}");
        };
        has(&[6000.0], "half the sampling rate");
        has(&[300.0, 300.0], "coincides");
        has(&[300.0, 9700.0], "half the sampling rate");
        has(&[15.0], "cycles");
        has(&[300.0, 310.0], "crosstalk");
        has(&[600.0, 300.0], "2 f_2");
        has(&[4990.0, 20.0, 45.0], "2 f_1 (at 20.0 Hz)");
    }

    #[test]
    fn a_band_that_is_too_narrow_is_refused_with_the_number_it_holds() {
        let message = requirements().propose(7, 900.0, 1000.0).unwrap_err().to_string();
        assert!(message.contains("holds 3 frequencies"), "{message}");
    }

    /// Absurd inputs (typing errors) give an error message at once.
    #[test]
    fn a_plan_is_not_sought_for_ever() {
        let sought = |parameters, high_hz, changed: Requirements| changed.propose(parameters, 100.0, high_hz);
        for (parameters, high_hz, changed, word) in [
            (usize::MAX, 1000.0, requirements(), "1 to 100"),
            (0, 1000.0, requirements(), "1 to 100"),
            (7, 1000.0, Requirements { duration_s: 1e300, ..requirements() }, "duration"),
            (7, 1e299, Requirements { rate_hz: 1e300, ..requirements() }, "duration"),
            (7, 1000.0, Requirements { response_ratio: 1e300, ..requirements() }, "holds 0 frequencies"),
            (100, 1000.0, Requirements { duration_s: 8.0, response_ratio: 1e6, ..requirements() }, "holds"),
        ] {
            let message = sought(parameters, high_hz, changed).unwrap_err().to_string();
            assert!(message.contains(word), "{parameters}: {message}");
        }
        assert!(requirements().check(&[100.0; 101], &[0.0; 101]).is_err());
    }

    proptest! {
        #[test]
        fn every_proposal_is_clean(parameters in 1_usize..10, high in 400.0_f64..4000.0, ratio in 1.0_f64..5.0) {
            let requirements = Requirements { response_ratio: ratio, ..requirements() };
            if let Ok(f) = requirements.propose(parameters, 50.0, high) {
                prop_assert_eq!(requirements.check(&f, &vec![0.0; parameters]).unwrap(), vec![]);
            }
        }
    }
}
