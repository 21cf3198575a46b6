//! Homodyne gradient extraction: a sine on each parameter, and a lock-in on the output for each (B25).
//!
//! The same record holds the diagonal of the second derivatives. To second order, a perturbation α sin θ, θ = 2π f t +
//! φ, changes the output by `I' α sin θ + ¼ I'' α² (1 − cos 2θ)`, so a lock-in on cos 2θ reads `⟨y cos 2θ⟩ = −I''
//! α²/8`, and
//!
//! ```text
//! ∂²I/∂w² = −(8/α²) ⟨y cos 2θ⟩,   variance = 32 S(2f) f_ENBW/α⁴ (S flat around 2f),
//! bias of fourth order = α_m² I_mmmm/12 + Σ_{n≠m} α_n² I_mmnn/4
//! ```
//!
//! In addition, everything near 2f_m leaks into it: the larger first-order lines f_n, and f_n + f_k, which for equally
//! spaced frequencies coincides with 2f_m if m lies midway between n and k ([`crate::planner`]).

use std::f64::consts::FRAC_PI_2;

use device::Device;
use num_complex::Complex64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{PerParameter, SettingError};

use crate::balance::AmplitudeChoice;
use crate::dynamics::Dynamics;
use crate::error::{EstimatorError, amplitudes};
use crate::filter::FilterSettings;
use crate::instrument::InstrumentSettings;
use crate::kind::{Estimator, EstimatorKind, Surroundings};
use crate::readout::{Channel, Reference, Window};
use crate::scheme::Scheme;
use crate::scheme::{Combination, Measurement, Perturbation, RecordScheme, Waveform, check_weights, samples_in};

/// Smallest part of a line that a correction makes up for.
const LEAST_LEFT: f64 = 1e-6;

/// One parameter after the other, or all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One record for each parameter.
    Sequential,
    /// One record for all parameters.
    #[default]
    Parallel,
}

/// Which output of the lock-in is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockInReadout {
    /// The in-phase component, dh/dw = 2X/α.
    #[default]
    X,
    /// The amplitude with the sign of the in-phase component, dh/dw = ±2√(X²+Y²)/α.
    R,
    /// The in-phase component, and from the same record, at twice the frequency, d²h/dw² = −(8/α²) ⟨y cos 2θ⟩.
    Curvature,
}

/// Frequencies of homodyne gradient extraction.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Frequencies {
    /// `top − m · spacing`.
    Ladder(Ladder),
    /// One for each parameter (Hz).
    List(Vec<f64>),
}

/// Equally spaced frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Frequency of the first parameter (Hz).
    pub top: f64,
    /// Difference to the next lower frequency (Hz).
    #[serde(default)]
    pub spacing: f64,
}

impl<'de> Deserialize<'de> for Frequencies {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherForm;

        impl<'de> serde::de::Visitor<'de> for EitherForm {
            type Value = Frequencies;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("{ top = …, spacing = … } or a list of frequencies [Hz]")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Frequencies, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(list)).map(Frequencies::List)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, table: A) -> Result<Frequencies, A::Error> {
                Ladder::deserialize(serde::de::value::MapAccessDeserializer::new(table)).map(Frequencies::Ladder)
            }
        }

        deserializer.deserialize_any(EitherForm)
    }
}

/// Homodyne gradient extraction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HgeSettings {
    /// Parallel or sequential.
    #[serde(default)]
    pub mode: Mode,
    /// X, R, or X with the curvature.
    #[serde(default)]
    pub readout: LockInReadout,
    /// Duration of a record (s).
    pub duration_s: f64,
    /// Amplitude of the sines (V), or "balanced".
    pub amplitude_volt: AmplitudeChoice,
    /// Frequencies (Hz).
    pub frequencies_hz: Frequencies,
    /// Phases (rad); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases_rad: Option<Vec<f64>>,
    /// Use each frequency for two parameters, in quadrature.
    #[serde(default)]
    pub quadrature: bool,
    /// Low-pass of the lock-ins.
    #[serde(default)]
    pub filter: FilterSettings,
    /// Dynamics, known by calibration, by whose amplitude and phase at each frequency the readings are corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected_for: Option<Dynamics>,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSettings,
}

impl HgeSettings {
    /// The measurement of `parameters` derivatives at a sampling rate; without amplitudes if these are to be balanced.
    ///
    /// # Errors
    /// If settings contradict each other.
    pub fn hge(&self, rate_hz: f64, parameters: usize) -> Result<Hge, SettingError> {
        let (frequencies_hz, ladder_phases) = match &self.frequencies_hz {
            Frequencies::Ladder(l) if self.quadrature => Hge::quadrature_ladder(l.top, l.spacing, parameters),
            Frequencies::Ladder(l) => Hge::ladder(l.top, l.spacing, parameters),
            Frequencies::List(_) if self.quadrature => {
                return Err(SettingError::new(
                    "quadrature",
                    "needs frequencies_hz = { top, spacing }: with a list, give phases_rad",
                ));
            }
            Frequencies::List(list) => (list.clone(), vec![0.0; parameters]),
        };
        if self.quadrature && self.phases_rad.is_some() {
            return Err(SettingError::new("phases_rad", "is set by `quadrature = true`: give one of the two"));
        }
        Ok(Hge {
            rate_hz,
            duration_s: self.duration_s,
            amplitude_volt: self.amplitude_volt.given().map_or_else(Vec::new, PerParameter::to_vec),
            frequencies_hz,
            phases_rad: self.phases_rad.clone().unwrap_or(ladder_phases),
            mode: self.mode,
            readout: self.readout,
            filter: self.filter,
            corrected_for: self.corrected_for,
        })
    }
}

impl EstimatorKind for HgeSettings {
    fn build(&self, around: &Surroundings) -> Result<Scheme, SettingError> {
        let mut hge = self.hge(around.rate_hz, around.parameters)?;
        if let Some(balanced_volt) = around.balanced_volt {
            hge.amplitude_volt = balanced_volt.to_vec();
        }
        Ok(hge.build(around.parameters)?.into())
    }

    fn amplitude_volt(&self) -> Option<&PerParameter> {
        self.amplitude_volt.given()
    }

    fn instrument(&self) -> &InstrumentSettings {
        &self.instrument
    }

    fn as_hge(&self) -> Option<&HgeSettings> {
        Some(self)
    }
}

impl Estimator for Hge {
    fn scheme(&self, device: &dyn Device, _: &[f64]) -> Result<Scheme, EstimatorError> {
        self.build(device.parameters()).map(Scheme::from)
    }
}

/// A measurement by homodyne gradient extraction, of a given number of derivatives at a given sampling rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Hge {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Duration of a record \[s\].
    pub duration_s: f64,
    /// Amplitude α of each sine \[V\]; one for all, or one for each parameter.
    pub amplitude_volt: Vec<f64>,
    /// Frequency of each parameter \[Hz\].
    pub frequencies_hz: Vec<f64>,
    /// Phase of each parameter's sine \[rad\].
    pub phases_rad: Vec<f64>,
    /// One after the other or all at once.
    pub mode: Mode,
    /// X, R, or X and the curvature.
    pub readout: LockInReadout,
    /// Low-pass of the lock-ins.
    pub filter: FilterSettings,
    /// Dynamics, known by calibration, by whose amplitude and phase at each frequency the readings are corrected: the reference is turned by the
    /// phase of [`Dynamics::sampled_response`], and the reading divided by its amplitude.
    pub corrected_for: Option<Dynamics>,
}

impl Hge {
    /// All parameters at once with one amplitude \[V\], zero phases and readout of the in-phase component. Override
    /// fields as in `Hge { mode: Mode::Sequential, ..Hge::new(…) }`.
    #[must_use]
    pub fn new(rate_hz: f64, duration_s: f64, amplitude_volt: f64, frequencies_hz: Vec<f64>) -> Self {
        Self {
            rate_hz,
            duration_s,
            amplitude_volt: vec![amplitude_volt],
            phases_rad: vec![0.0; frequencies_hz.len()],
            frequencies_hz,
            mode: Mode::Parallel,
            readout: LockInReadout::X,
            filter: FilterSettings::default(),
            corrected_for: None,
        }
    }

    /// Frequencies `top − m · spacing` for M parameters, with zero phases.
    #[must_use]
    pub fn ladder(top_hz: f64, spacing_hz: f64, parameters: usize) -> (Vec<f64>, Vec<f64>) {
        ((0..parameters).map(|m| top_hz - m as f64 * spacing_hz).collect(), vec![0.0; parameters])
    }

    /// Equally spaced frequencies with two parameters on each, in quadrature.
    #[must_use]
    pub fn quadrature_ladder(top_hz: f64, spacing_hz: f64, parameters: usize) -> (Vec<f64>, Vec<f64>) {
        let frequency = |m: usize| top_hz - (m / 2) as f64 * spacing_hz;
        let phase = |m: usize| if m % 2 == 1 { FRAC_PI_2 } else { 0.0 };
        ((0..parameters).map(frequency).collect(), (0..parameters).map(phase).collect())
    }

    /// Amplitude of parameter `m` \[V\].
    #[must_use]
    pub fn amplitude_of(&self, m: usize) -> f64 {
        self.amplitude_volt[if self.amplitude_volt.len() == 1 { 0 } else { m }]
    }

    /// Samples of a record.
    ///
    /// # Errors
    /// If there are fewer than 8, or more than a record may hold.
    pub fn samples(&self) -> Result<usize, EstimatorError> {
        samples_in(self.duration_s, self.rate_hz, 8)
    }

    fn check_frequencies(&self, parameters: usize) -> Result<(), EstimatorError> {
        const FREQUENCIES: &str = "frequencies_hz";
        for (field, what, found) in
            [(FREQUENCIES, "frequencies", self.frequencies_hz.len()), ("phases_rad", "phases", self.phases_rad.len())]
        {
            if found != parameters {
                let allowed = format!("must be one for each of the {parameters} parameters");
                return Err(EstimatorError::setting(field, format!("a list of {found} {what}"), allowed));
            }
        }
        let nyquist_hz = 0.5 * self.rate_hz;
        for (m, &f) in self.frequencies_hz.iter().enumerate() {
            if f.is_nan() || f < 0.0 || f >= nyquist_hz {
                return Err(EstimatorError::setting(
                    FREQUENCIES,
                    format!("{f} Hz for parameter {}", m + 1),
                    format!("must lie from 0 to below half of the sampling rate ({nyquist_hz} Hz)"),
                ));
            }
            if self.readout == LockInReadout::Curvature && 2.0 * f >= nyquist_hz {
                return Err(EstimatorError::setting(
                    FREQUENCIES,
                    format!("{f} Hz for parameter {}", m + 1),
                    format!(
                        "must lie below a quarter of the sampling rate ({} Hz), as readout \"curvature\" reads at twice it",
                        0.5 * nyquist_hz
                    ),
                ));
            }
            if !self.phases_rad[m].is_finite() {
                return Err(EstimatorError::setting("phases_rad", self.phases_rad[m], "must be finite"));
            }
        }
        let alone = match self.readout {
            LockInReadout::X => return Ok(()),
            LockInReadout::R => "r",
            LockInReadout::Curvature => "curvature",
        };
        if self.mode == Mode::Sequential {
            return Ok(());
        }
        for (m, f) in self.frequencies_hz.iter().enumerate() {
            if let Some(n) = self.frequencies_hz[..m].iter().position(|other| other.to_bits() == f.to_bits()) {
                let allowed =
                    format!("parameters {} and {} share {f} Hz, where only readout \"x\" separates them", n + 1, m + 1);
                return Err(EstimatorError::setting("readout", alone, allowed));
            }
        }
        Ok(())
    }

    fn check_correction(&self, samples: usize) -> Result<(), EstimatorError> {
        let Some(dynamics) = self.corrected_for else { return Ok(()) };
        dynamics.checked(samples, self.rate_hz).map_err(|error| match error {
            EstimatorError::Setting { field, found, allowed } => {
                let field = match field {
                    "bandwidth_hz" => "corrected_for.bandwidth_hz",
                    "order" => "corrected_for.order",
                    _ => "corrected_for.delay_s",
                };
                EstimatorError::Setting { field, found, allowed }
            }
            other => other,
        })?;
        let highest_hz = self.frequencies_hz.iter().fold(0.0_f64, |most, f| most.max(*f));
        let highest_hz = if self.readout == LockInReadout::Curvature { 2.0 * highest_hz } else { highest_hz };
        let left = dynamics.sampled_response(highest_hz, self.rate_hz).norm();
        if left < LEAST_LEFT {
            let allowed = format!("leaves {left:e} of the line at {highest_hz} Hz: at least {LEAST_LEFT:e} is needed");
            return Err(EstimatorError::setting("corrected_for", "a low-pass", allowed));
        }
        Ok(())
    }

    /// What is read for parameter `m` of `parameters`: which derivative, and how.
    fn channels(&self, m: usize, amplitude_volt: f64, samples: usize, parameters: usize) -> Vec<(usize, Channel)> {
        let (frequency_hz, phase_rad) = (self.frequencies_hz[m], self.phases_rad[m]);
        let whole = |factor: f64| vec![Window { start: 0, length: samples, factor }];
        let passed = |frequency_hz: f64| {
            self.corrected_for.map_or(Complex64::ONE, |dynamics| dynamics.sampled_response(frequency_hz, self.rate_hz))
        };
        let (once, twice) = (passed(frequency_hz), passed(2.0 * frequency_hz));
        let reference = Reference::Sine { frequency_hz, phase_rad: phase_rad + once.arg() };
        let slope = whole(2.0 / (amplitude_volt * once.norm()));
        let x = (m, Channel { reference, windows: slope.clone() });
        match self.readout {
            LockInReadout::X => vec![x],
            LockInReadout::R => vec![x, (m, Channel { reference: reference.quarter_ahead(), windows: slope })],
            LockInReadout::Curvature => {
                let doubled =
                    Reference::Sine { frequency_hz: 2.0 * frequency_hz, phase_rad: 2.0 * phase_rad + twice.arg() };
                let windows = whole(-8.0 / (amplitude_volt * amplitude_volt * twice.norm()));
                vec![x, (parameters + m, Channel { reference: doubled.quarter_ahead(), windows })]
            }
        }
    }

    /// The measurement of `parameters` derivatives, and as many second derivatives for [`LockInReadout::Curvature`].
    ///
    /// # Errors
    /// If a setting is out of range, a frequency exceeds half the sampling rate, or R mode or curvature is requested on
    /// a shared frequency.
    pub fn build(&self, parameters: usize) -> Result<Measurement, EstimatorError> {
        let samples = self.samples()?;
        let readings = if self.readout == LockInReadout::X { parameters } else { parameters.saturating_mul(2) };
        check_weights("duration_s", self.duration_s, samples, readings, "readings")?;
        let amplitude_volt = amplitudes(&self.amplitude_volt, parameters)?;
        self.check_frequencies(parameters)?;
        self.check_correction(samples)?;
        let channels = |m: usize| self.channels(m, amplitude_volt[m], samples, parameters);
        let perturbation = |m: usize| Perturbation {
            parameter: m,
            waveform: Waveform::Sine {
                amplitude_volt: amplitude_volt[m],
                frequency_hz: self.frequencies_hz[m],
                phase_rad: self.phases_rad[m],
            },
        };
        let record = |which: Vec<usize>| {
            let perturbations = which.iter().map(|&m| perturbation(m)).collect();
            let (derivative_of_channel, channels) = which.into_iter().flat_map(channels).unzip();
            RecordScheme { perturbations, channels, derivative_of_channel }
        };
        let records = match self.mode {
            Mode::Parallel => vec![record((0..parameters).collect())],
            Mode::Sequential => (0..parameters).map(|m| record(vec![m])).collect(),
        };
        Ok(Measurement {
            rate_hz: self.rate_hz,
            samples,
            parameters,
            derivatives: if self.readout == LockInReadout::Curvature { 2 * parameters } else { parameters },
            filter: self.filter.low_pass(samples, self.rate_hz)?,
            records,
            combination: match self.readout {
                LockInReadout::X | LockInReadout::Curvature => Combination::Linear,
                LockInReadout::R => Combination::Amplitude,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use device::{Device, Polynomial};
    use noise::{NoiseModel, RecordGenerator};

    use super::*;
    use crate::{Experiment, Instrument, Route, Scheme};

    fn hge(frequencies_hz: &[f64], phases_rad: &[f64], amplitude_volt: f64, mode: Mode) -> Hge {
        Hge {
            rate_hz: 10_000.0,
            duration_s: 1.0,
            amplitude_volt: vec![amplitude_volt],
            frequencies_hz: frequencies_hz.to_vec(),
            phases_rad: phases_rad.to_vec(),
            mode,
            readout: LockInReadout::Curvature,
            filter: FilterSettings { gain_corrected: true, ..FilterSettings::default() },
            corrected_for: None,
        }
    }

    /// Estimates without noise at w = 0.
    fn read(hge: &Hge, device: Polynomial) -> Vec<f64> {
        let parameters = device.parameters();
        let measurement = hge.build(parameters).unwrap();
        let generator = RecordGenerator::new(&NoiseModel::None, hge.rate_hz, measurement.samples).unwrap();
        let experiment = Experiment::new(
            Scheme::Fixed(measurement),
            Arc::new(device),
            vec![0.0; parameters],
            Instrument::default(),
            Arc::new(generator),
            true,
            Route::Weights,
        )
        .unwrap();
        experiment.exact_against(&vec![0.0; experiment.derivatives()]).unwrap().bias
    }

    /// Compared with the expansion to fourth order. Lines are at least 460 Hz away, and 60 times stronger in current
    /// than the weaker harmonic: the filter passes (6/460)⁴ = 3·10⁻⁸ of them, and 10⁻⁸ of their onset transient
    /// remains. With the default filter, settled to 98 %, these transients give 5·10⁻³ ([`crate::harmonics`]).
    #[test]
    fn the_second_harmonic_is_the_curvature_whatever_the_phase() {
        let alpha = 0.05;
        for phase in [0.0, 0.4, 2.0, -1.1] {
            let quartic =
                Polynomial::new(0.0, vec![vec![60.0, 45.0, -110.0, 800.0], vec![-30.0, -25.0]], None).unwrap();
            let filter =
                FilterSettings { order: 4, cutoff_hz: Some(6.0), gain_corrected: true, ..FilterSettings::default() };
            let settings = hge(&[1000.0, 730.0], &[phase, -phase], alpha, Mode::Parallel);
            let read = read(&Hge { filter, ..settings }, quartic);
            let expected = [
                60.0 + 0.75 * alpha * alpha * -110.0,
                -30.0,
                2.0 * 45.0 + 24.0 * 800.0 * alpha * alpha / 12.0,
                2.0 * -25.0,
            ];
            for (found, expected) in read.iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-4, "phase {phase}: {read:?}");
            }
        }
    }

    /// For equal spacings, 2 f₂ = f₁ + f₃: the mixed derivative I₁₃ adds 2 I₁₃ to the curvature. In sequential mode it
    /// does not.
    #[test]
    fn on_a_ladder_mixed_derivatives_stand_in_for_curvatures() {
        let mixing = vec![vec![0.0, 0.0, 70.0], vec![0.0; 3], vec![0.0; 3]];
        let device =
            || Polynomial::new(0.0, vec![vec![1.0, 10.0], vec![1.0, 5.0], vec![1.0, -4.0]], Some(mixing.clone()));
        let ladder = [1000.0, 900.0, 800.0];
        let together = read(&hge(&ladder, &[0.0; 3], 0.05, Mode::Parallel), device().unwrap());
        assert!((together[4] - (10.0 + 2.0 * 70.0)).abs() < 0.02, "{together:?}");
        let uneven = read(&hge(&[1000.0, 900.0, 750.0], &[0.0; 3], 0.05, Mode::Parallel), device().unwrap());
        let alone = read(&hge(&ladder, &[0.0; 3], 0.05, Mode::Sequential), device().unwrap());
        for read in [uneven, alone] {
            for (found, expected) in read[3..].iter().zip([20.0, 10.0, -8.0]) {
                assert!((found - expected).abs() < 0.02, "{read:?}");
            }
        }
    }

    #[test]
    fn parameters_in_quadrature_have_no_curvature_of_their_own() {
        let pair = hge(&[900.0, 900.0], &[0.0, FRAC_PI_2], 0.05, Mode::Parallel);
        let message = pair.build(2).unwrap_err().to_string();
        assert!(message.contains("parameters 1 and 2 share 900 Hz"), "{message}");
        assert!(Hge { mode: Mode::Sequential, ..pair }.build(2).is_ok());
    }
}
