//! Checks of frequencies whose second harmonics are read as well, for the curvature
//! ([`LockInReadout::Curvature`](crate::hge::LockInReadout::Curvature)).
//!
//! The lock-in at 2f_m picks up the lines f_n, which are stronger than any second harmonic by 4 I'/(α I''), and the
//! mixing products f_n ± f_k and 2f_n. For equal spacings, f_n + f_k equals 2f_m if m lies midway between n and k, and
//! no filter separates them. A line at distance δ contributes through the steady response of the low-pass and through
//! the remaining transient of its onset at the start of the record: the last value of the impulse response over |1 −
//! exp(2πi δ/f_s)|. At large distances the transient dominates.

use std::f64::consts::PI;

use crate::error::{EstimatorError, positive};
use crate::filter::prototype_response;
use crate::planner::{Finding, Requirements, Severity, check_count};
use crate::scheme::samples_in;

impl Requirements {
    /// Checks frequencies \[Hz\] at whose second harmonics curvatures are read.
    ///
    /// `line_ratio` is the largest ratio |I_n α_n| / |¼ I_mm α_m²| of a line to a second harmonic; if it is unknown,
    /// first-order lines are not checked. Mixing products are compared with curvatures equal to the mixed derivatives.
    ///
    /// # Errors
    /// If a requirement is out of range, or there are more frequencies than [`MOST_FREQUENCIES`](crate::planner::MOST_FREQUENCIES).
    pub fn check_curvature(
        &self,
        frequencies_hz: &[f64],
        line_ratio: Option<f64>,
    ) -> Result<Vec<Finding>, EstimatorError> {
        check_count(frequencies_hz.len())?;
        let line_ratio = line_ratio.map(|ratio| positive("curvature", ratio)).transpose()?;
        let tolerated = positive("crosstalk", self.tolerated_crosstalk)?;
        let cutoff_hz = self.cutoff_hz()?;
        let samples = samples_in(self.duration_s, self.rate_hz, 8)?;
        let response = self.filter.low_pass(samples, self.rate_hz)?.impulse_response(samples);
        let last = response.last().map_or(0.0, |h| h.abs());
        let heard = |distance_hz: f64| {
            let switched_on = last / (2.0 * (PI * distance_hz / self.rate_hz).sin()).abs();
            (prototype_response(self.filter.order, cutoff_hz, distance_hz) + switched_on).min(1.0)
        };
        let mut findings = Vec::new();
        for (m, &f) in frequencies_hz.iter().enumerate() {
            let harmonic_hz = 2.0 * f.abs();
            if harmonic_hz >= 0.5 * self.rate_hz || f.is_nan() {
                let quarter_hz = 0.25 * self.rate_hz;
                let message = format!(
                    "f_{} = {f} Hz is not below a quarter of the sampling rate ({quarter_hz} Hz), as its second harmonic is read",
                    m + 1
                );
                findings.push(Finding { severity: Severity::Error, message });
                continue;
            }
            let first = frequencies_hz.iter().enumerate().filter_map(|(n, other)| {
                line_ratio.map(|ratio| (ratio, format!("f_{}", n + 1), self.folded_hz(*other)))
            });
            let second = (0..frequencies_hz.len()).flat_map(|new| self.second_order(frequencies_hz, new));
            let own = format!("2 f_{}", m + 1);
            // a sum or difference has the amplitude ½ I_nk α_n α_k, a harmonic ¼ I_mm α_m²
            let second = second
                .filter(|line| line.name != own)
                .map(|line| (if line.name.starts_with('2') { 1.0 } else { 2.0 }, line.name, line.frequency_hz));
            let loud: Vec<String> = first
                .chain(second)
                .filter_map(|(ratio, name, at_hz)| {
                    let distance_hz = (at_hz - harmonic_hz).abs();
                    let leak = ratio * heard(distance_hz);
                    (leak > tolerated)
                        .then(|| format!("{name} ({distance_hz:.1} Hz away, up to {:.1} %)", 100.0 * leak))
                })
                .collect();
            if !loud.is_empty() {
                let message = format!(
                    "the curvature of parameter {} is read at {own} = {harmonic_hz:.1} Hz, into which leak {}",
                    m + 1,
                    loud.join(", ")
                );
                findings.push(Finding { severity: Severity::Warning, message });
            }
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use crate::filter::FilterSettings;
    use crate::planner::Requirements;

    fn messages(frequencies_hz: &[f64], line_ratio: Option<f64>) -> Vec<String> {
        let requirements = Requirements {
            rate_hz: 10_000.0,
            duration_s: 1.0,
            response_ratio: 1.0,
            tolerated_crosstalk: 0.04,
            filter: FilterSettings::default(),
            avoided_hz: Vec::new(),
        };
        let findings = requirements.check_curvature(frequencies_hz, line_ratio).unwrap();
        findings.into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn equal_spacings_are_remarked_on_and_uneven_ones_are_not() {
        let ladder = messages(&[1000.0, 900.0, 800.0], None);
        assert_eq!(ladder.len(), 1, "{ladder:?}");
        assert!(
            ladder[0].contains("2 f_2 = 1800.0 Hz") && ladder[0].contains("f_1 + f_3 (0.0 Hz away, up to 200.0 %)")
        );
        assert_eq!(messages(&[1000.0, 900.0, 750.0], None), Vec::<String>::new());
    }

    #[test]
    fn strong_lines_and_harmonics_beyond_the_sampling_rate_are_remarked_on() {
        let line = messages(&[1000.0, 505.0], Some(50.0));
        assert!(line[0].contains("2 f_2 = 1010.0 Hz") && line[0].contains("f_1 (10.0 Hz away"), "{line:?}");
        // 51 times a second harmonic, 1000 Hz away: leaks 0.1 % (as measured in `hge`), 4 % is tolerated
        assert_eq!(messages(&[1000.0], Some(51.0)), Vec::<String>::new());
        assert!(!messages(&[1000.0], Some(51.0 * 45.0)).is_empty());
        assert!(messages(&[2500.0], None)[0].contains("quarter of the sampling rate"));
    }
}
