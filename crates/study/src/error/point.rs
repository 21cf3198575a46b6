//! A point of an error study: estimator, device, noise and instrument, which make up the experiment that is repeated.

use std::sync::Arc;

use device::DeviceError;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::planner::{Finding, Requirements, Severity};
use estimators::{EstimatorError, Experiment, Instrument, Route, Scheme, published};
use noise::{NoiseError, NoiseModel};
use settings::SettingError;

use crate::balanced::{self, Surroundings};
use crate::language::document::KeyError;
use crate::language::scenario::RouteChoice;
use crate::point::{Extent, Given, OperatedDevice, StudyPoint, instrument_of, needed};
use crate::study::Library;

/// Longest record whose noise is folded into the weights ([`noise::folding`]).
const LONGEST_FOLDED: usize = 16_384;

/// Everything that an error study needs at a point.
#[derive(Debug)]
pub struct ErrorPoint {
    /// The device at its operating point.
    pub operated: OperatedDevice,
    /// The noise.
    pub noise: NoiseModel,
    /// Perturbation and readout.
    pub scheme: Scheme,
    /// Amplitude of each parameter \[V\]; 1 if the estimator has none.
    pub amplitude_volt: Vec<f64>,
    instrument: Instrument,
    /// Homodyne gradient extraction, if the estimator is one.
    hge: Option<Hge>,
    rate_hz: f64,
    repetitions: u64,
    route: RouteChoice,
    /// Noise density for the published expressions \[nA²/Hz\], if it is not that of the noise.
    published_psd_na2_per_hz: Option<f64>,
}

impl StudyPoint for ErrorPoint {
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError> {
        let operated = given.operated()?;
        let Given { scenario, noise, library, balancing, remarks, .. } = given;
        let estimator = needed(&scenario.estimator, "estimator")?.settings();
        let rate_hz = scenario.sampling.rate_hz;
        let published_psd_na2_per_hz = scenario.published.as_ref().map(|p| p.psd_na2_per_hz);
        if let Some(psd) = published_psd_na2_per_hz.filter(|psd| *psd < 0.0) {
            return Err(KeyError::new("published.psd_na2_per_hz", format!("found {psd}: must be zero or more")));
        }
        let at = |e: SettingError| KeyError::at("estimator", e);
        let OperatedDevice { device, operating_point_volt } = &operated;
        let parameters = device.parameters();
        let seek = |hge: &Hge, instrument| {
            let around = Surroundings { scenario, instrument, noise, library, balancing: *balancing };
            balanced::at_operating_point(hge, device, operating_point_volt, around)
        };
        let hge = estimator.as_hge().map(|section| balanced::hge_of(section, rate_hz, parameters, remarks, seek));
        let hge = hge.transpose()?;
        let around = estimators::Surroundings {
            rate_hz,
            parameters,
            balanced_volt: hge.as_ref().map(|hge| hge.amplitude_volt.as_slice()),
            operating_point: Some((device.as_ref(), operating_point_volt)),
        };
        let scheme = estimator.build(&around).map_err(at)?;
        let instrument = instrument_of(scenario, estimator, scheme.samples())?;
        let amplitude = estimator.amplitude_volt();
        let amplitude_of = |m: usize| match &hge {
            Some(hge) => hge.amplitude_of(m),
            None => amplitude.and_then(|a| a.of(m)).unwrap_or(1.0),
        };
        let amplitude_volt: Vec<f64> = (0..parameters).map(amplitude_of).collect();
        if amplitude.is_some() {
            remarks.extend(large_amplitude(&amplitude_volt, device.range_volt()));
        }
        remarks.extend(short_trace(noise, scheme.samples()));
        let route = scenario.study.route;
        let linear = noise.is_gaussian() && instrument.adc.is_none();
        if route == RouteChoice::Folded && !linear {
            let message = "found \"folded\": needs Gaussian noise and no ADC, use \"weights\" or \"streaming\"";
            return Err(KeyError::new("study.route", message));
        }
        let (noise, repetitions) = (noise.clone(), scenario.study.repetitions);
        Ok(Self {
            operated,
            noise,
            scheme,
            amplitude_volt,
            instrument,
            hge,
            rate_hz,
            repetitions,
            route,
            published_psd_na2_per_hz,
        })
    }

    fn extent(&self) -> Extent {
        let parameters = self.operated.device.parameters();
        Extent { parameters, curvature: self.reads_curvature(), ..Extent::default() }
    }

    fn samples(&self) -> u64 {
        self.scheme.samples() as u64 * self.scheme.records() as u64
    }
}

/// Part of a parameter's range above which an amplitude is remarked on, and largest amplitude where no range is known \[V\].
const MOST_OF_RANGE: f64 = 0.5;
const MOST_VOLT: f64 = 1.0;

/// The remark on an amplitude \[V\] that hardly is a small perturbation: perhaps another unit was meant.
fn large_amplitude(amplitude_volt: &[f64], range_volt: Option<(Vec<f64>, Vec<f64>)>) -> Option<String> {
    let most = |m: usize| match &range_volt {
        Some((low, high)) => MOST_OF_RANGE * (high[m] - low[m]),
        None => MOST_VOLT,
    };
    let m = (0..amplitude_volt.len()).find(|&m| amplitude_volt[m].abs() > most(m))?;
    let range = match &range_volt {
        Some((low, high)) => format!("the range of the device is {} to {} V", low[m], high[m]),
        None => format!("that is above {MOST_VOLT} V"),
    };
    Some(format!("amplitude of {} V on parameter {}: {range}. Amplitudes are in V, not mV", amplitude_volt[m], m + 1))
}

/// The remark on a noise trace that is shorter than a record.
fn short_trace(noise: &NoiseModel, samples: usize) -> Option<String> {
    let NoiseModel::Trace(trace) = noise else { return None };
    (trace.len() < samples).then(|| {
        let found = trace.len();
        format!("a record has {samples} samples, the noise trace {found}: it is repeated, and its end joins its start within every record")
    })
}

impl ErrorPoint {
    /// True gradient \[nA/V\] of the first output; NaN if unknown.
    ///
    /// # Errors
    /// If the device cannot compute it at the operating point.
    pub fn true_gradient(&self) -> Result<Vec<f64>, DeviceError> {
        let OperatedDevice { device, operating_point_volt } = &self.operated;
        Ok(match device.gradient(operating_point_volt)? {
            Some(gradient) => gradient.row(0).to_vec(),
            None => vec![f64::NAN; device.parameters()],
        })
    }

    /// True second derivatives \[nA/V²\] of the first output; NaN if unknown.
    ///
    /// # Errors
    /// If the device cannot compute them at the operating point.
    pub fn true_curvature(&self) -> Result<Vec<f64>, DeviceError> {
        let OperatedDevice { device, operating_point_volt } = &self.operated;
        Ok(match device.curvature(operating_point_volt)? {
            Some(curvature) => curvature.row(0).to_vec(),
            None => vec![f64::NAN; device.parameters()],
        })
    }

    /// Whether second derivatives are measured too.
    #[must_use]
    pub fn reads_curvature(&self) -> bool {
        self.hge.as_ref().is_some_and(|hge| hge.readout == LockInReadout::Curvature)
    }

    /// The route that trials take.
    #[must_use]
    pub fn route(&self) -> Route {
        match self.route {
            RouteChoice::Streaming => Route::Streaming,
            RouteChoice::Weights => Route::Weights,
            RouteChoice::Folded => Route::Folded,
            RouteChoice::Auto => {
                let samples = self.scheme.samples();
                let possible = self.noise.is_gaussian() && self.instrument.adc.is_none() && samples <= LONGEST_FOLDED;
                // folding costs about as much as four records of noise
                let pays = samples as u64 <= 4 * self.repetitions.max(1);
                if possible && pays { Route::Folded } else { Route::Weights }
            }
        }
    }

    /// The experiment, ready to be repeated.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or the route that was asked for is not possible.
    pub fn experiment(&self, library: &Library) -> Result<Experiment, EstimatorError> {
        let generator = library.generator(&self.noise, self.rate_hz, self.scheme.samples())?;
        let build = |route: Route| {
            Experiment::new(
                self.scheme.clone(),
                Arc::clone(&self.operated.device),
                self.operated.operating_point_volt.clone(),
                self.instrument,
                Arc::clone(&generator),
                self.noise.is_gaussian(),
                route,
            )
        };
        match build(self.route()) {
            Err(EstimatorError::Noise(NoiseError::NotPositiveDefinite { .. })) if self.route == RouteChoice::Auto => {
                build(Route::Weights)
            }
            result => result,
        }
    }

    /// Remarks of the frequency planner on parallel homodyne gradient extraction, with the crosstalk of the strongest
    /// response on the weakest held against 4 %; none for other estimators.
    ///
    /// # Errors
    /// If the device cannot compute its responses.
    pub fn findings(&self) -> Result<Vec<Finding>, DeviceError> {
        let Some(hge) = self.hge.as_ref().filter(|hge| hge.mode == Mode::Parallel) else { return Ok(Vec::new()) };
        let gradient = self.true_gradient()?;
        let responses = gradient.iter().zip(&self.amplitude_volt).map(|(g, a)| (g * a).abs()).filter(|r| *r > 0.0);
        let (weakest, strongest) = responses.fold((f64::INFINITY, 0.0_f64), |(w, s), r| (w.min(r), s.max(r)));
        let requirements = Requirements {
            rate_hz: hge.rate_hz,
            duration_s: hge.duration_s,
            response_ratio: if weakest.is_finite() { strongest / weakest } else { 1.0 },
            tolerated_crosstalk: 0.04,
            filter: hge.filter,
            avoided_hz: self.noise.mains_hz(),
        };
        let mut findings = requirements.check(&hge.frequencies_hz, &hge.phases_rad);
        if self.reads_curvature() {
            let curvature = self.true_curvature()?;
            let harmonics = curvature.iter().zip(&self.amplitude_volt).map(|(c, a)| (0.25 * c * a.powi(2)).abs());
            let ratio = strongest / harmonics.filter(|h| *h > 0.0).fold(f64::INFINITY, f64::min);
            let more = requirements.check_curvature(&hge.frequencies_hz, (ratio > 0.0).then_some(ratio));
            findings = findings.and_then(|findings| Ok([findings, more?].concat()));
        }
        Ok(findings
            .unwrap_or_else(|e| vec![Finding { severity: Severity::Warning, message: format!("not checked: {e}") }]))
    }

    /// Published mean squared error \[(nA/V)²\], B25 Eqs. (8) and (10); NaN if not defined.
    #[must_use]
    pub fn published(&self, true_gradient: &[f64]) -> Vec<f64> {
        let undefined = vec![f64::NAN; true_gradient.len()];
        let Some(hge) = &self.hge else { return undefined };
        let window_s = self.scheme.samples() as f64 / self.rate_hz;
        let density = |f: f64| self.published_psd_na2_per_hz.unwrap_or_else(|| self.noise.density(f));
        match hge.filter.cutoff_for(window_s) {
            Ok(cutoff_hz) => published::mean_squared_error(hge, cutoff_hz, true_gradient, density),
            Err(_) => undefined,
        }
    }
}
