//! One point of a sweep: its scenario, and the experiment that is repeated there.

use std::path::Path;
use std::sync::Arc;

use device::{Device, DeviceError};
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::planner::{Finding, Requirements, Severity};
use estimators::{EstimatorError, Experiment, Instrument, Route, Scheme, published};
use noise::{NoiseError, NoiseModel};
use settings::SettingError;
use toml::Table;

use crate::balanced::{self, Balancing, Surroundings};
use crate::kind::StudyKind;
use crate::language::axes::Axis;
use crate::language::document::KeyError;
use crate::language::kinds::DeviceSection;
use crate::language::scenario::{RouteChoice, Scenario};
use crate::limits::{RATES_HZ, number_within};
use crate::study::{Library, read_at};
use crate::training::point::TrainingPoint;

/// Longest record whose noise colour is folded into the weights.
const LONGEST_FOLDED: usize = 16_384;

/// A point of the sweep, checked.
#[derive(Debug)]
pub struct Point {
    /// Its scenario, every key set.
    pub scenario: Scenario,
    /// The device (none in a study of noise alone).
    pub device: Option<Arc<dyn Device>>,
    /// Where its gradient is measured \[V\].
    pub operating_point_volt: Vec<f64>,
    /// The noise.
    pub noise: NoiseModel,
    /// What was left out of the noise's files, one sentence each.
    pub remarks: Vec<String>,
    /// The estimator's scheme (error studies only).
    pub scheme: Option<Scheme>,
    instrument: Instrument,
    hge: Option<Hge>,
    pub(crate) training: Option<TrainingPoint>,
    /// Swept keys that have no effect here.
    pub(crate) idle: Vec<String>,
}

/// Where the settings stand that an estimator's error is about.
pub(crate) fn from_estimator(error: EstimatorError) -> KeyError {
    match error {
        // how trials are computed is the study's choice
        EstimatorError::Setting { field: "route", .. } => KeyError::at("study", error.into()),
        EstimatorError::Device(e) => from_device(e),
        EstimatorError::Noise(e) => KeyError::at("noise", e.into()),
        other => KeyError::at("estimator", other.into()),
    }
}

pub(crate) fn from_device(error: DeviceError) -> KeyError {
    KeyError::at("device", error.into())
}

/// The device of a section, and what it shares with those of other points.
fn build_device(section: &DeviceSection, folder: &Path, library: &Library) -> Result<Arc<dyn Device>, KeyError> {
    let around = device::Surroundings { folder, shelf: library.shelf() };
    section.build(&around).map_err(|e| KeyError::at("device", e))
}

impl Point {
    /// Understands and checks one point.
    pub(crate) fn resolve(
        base: &Table,
        axes: &[Axis],
        point: usize,
        folder: &Path,
        library: &Library,
        balancing: Balancing,
    ) -> Result<Self, KeyError> {
        let (scenario, idle) = read_at(base, axes, point, Scenario::from_table)?;
        let rate_hz = scenario.sampling.rate_hz;
        number_within("sampling.rate_hz", rate_hz, RATES_HZ)?;
        let device = scenario.device.as_ref().map(|s| build_device(s, folder, library)).transpose()?;
        let operating_point_volt = match (&scenario.device, &device) {
            (Some(section), Some(device)) => {
                let given = section.settings().operating_point_volt();
                device::operating_point_volt(device.as_ref(), given).map_err(from_device)?
            }
            _ => Vec::new(),
        };
        let mut around = noise::Surroundings::in_folder(folder, rate_hz);
        let noise = scenario.noise.settings().build(&mut around).map_err(|e| KeyError::at("noise", e))?;
        let mut remarks = around.remarks;
        if let Some(published) = &scenario.published {
            let psd = published.psd_na2_per_hz;
            if psd < 0.0 {
                return Err(KeyError::new("published.psd_na2_per_hz", format!("found {psd}: must be zero or more")));
            }
        }
        let (mut scheme, mut hge, mut instrument) = (None, None, Instrument::default());
        if let (StudyKind::Error, Some(estimator), Some(device)) = (scenario.study.kind, &scenario.estimator, &device) {
            let settings = estimator.settings();
            let at = |e: SettingError| KeyError::at("estimator", e);
            if let Some(section) = settings.as_hge() {
                let seek = |hge: &Hge, instrument| {
                    let around = Surroundings { scenario: &scenario, instrument, noise: &noise, library, balancing };
                    balanced::at_operating_point(hge, device, &operating_point_volt, around)
                };
                hge = Some(balanced::hge_of(section, rate_hz, device.parameters(), &mut remarks, seek)?);
            }
            let around = estimators::Surroundings {
                rate_hz,
                parameters: device.parameters(),
                balanced_volt: hge.as_ref().map(|hge| hge.amplitude_volt.as_slice()),
                operating_point: Some((device.as_ref(), &operating_point_volt)),
            };
            let built = settings.build(&around).map_err(at)?;
            instrument = settings.instrument().build(built.samples(), rate_hz).map_err(at)?;
            scheme = Some(built);
        }
        let mut training = None;
        scenario.study.kind.check(&scenario, device.as_deref())?;
        if scenario.study.kind == StudyKind::Error {
            let linear = noise.is_gaussian() && instrument.adc.is_none();
            if scenario.study.route == RouteChoice::Folded && !linear {
                let message = "found \"folded\": needs Gaussian noise and no ADC, use \"weights\" or \"streaming\"";
                return Err(KeyError::new("study.route", message));
            }
        }
        if scenario.study.kind == StudyKind::Training {
            let build = |d| TrainingPoint::build(&scenario, d, &noise, folder, (library, balancing), &mut remarks);
            training = device.as_ref().map(build).transpose()?;
        }
        Ok(Self { scenario, device, operating_point_volt, noise, remarks, scheme, instrument, hge, training, idle })
    }

    /// The device of a scenario's tree, whatever else stands in it or is missing.
    pub(crate) fn device_of(
        base: &Table,
        axes: &[Axis],
        point: usize,
        folder: &Path,
        library: &Library,
    ) -> Result<Arc<dyn Device>, KeyError> {
        let (section, _) = read_at(base, axes, point, Scenario::device_of)?;
        build_device(&section, folder, library)
    }

    /// True gradient \[nA/V\] of the first output; NaN where the device does not know it.
    ///
    /// # Errors
    /// If the device cannot find it at the operating point.
    pub fn true_gradient(&self) -> Result<Vec<f64>, DeviceError> {
        let Some(device) = &self.device else { return Ok(Vec::new()) };
        Ok(match device.gradient(&self.operating_point_volt)? {
            Some(gradient) => gradient.row(0).to_vec(),
            None => vec![f64::NAN; device.parameters()],
        })
    }

    /// True second derivatives \[nA/V²\] of the first output; NaN where the device does not know them.
    ///
    /// # Errors
    /// If the device cannot find them at the operating point.
    pub fn true_curvature(&self) -> Result<Vec<f64>, DeviceError> {
        let Some(device) = &self.device else { return Ok(Vec::new()) };
        Ok(match device.curvature(&self.operating_point_volt)? {
            Some(curvature) => curvature.row(0).to_vec(),
            None => vec![f64::NAN; device.parameters()],
        })
    }

    /// Whether second derivatives are measured with the first ones.
    #[must_use]
    pub fn reads_curvature(&self) -> bool {
        self.hge.as_ref().is_some_and(|hge| hge.readout == LockInReadout::Curvature)
    }

    /// By how much each parameter is moved \[V\]; 1 where the estimator has no amplitude.
    #[must_use]
    pub fn amplitude_volt(&self) -> Vec<f64> {
        let parameters = self.device.as_ref().map_or(0, |device| device.parameters());
        if let Some(hge) = &self.hge {
            return (0..parameters).map(|m| hge.amplitude_of(m)).collect();
        }
        let amplitude = self.scenario.estimator.as_ref().and_then(|e| e.settings().amplitude_volt());
        (0..parameters).map(|m| amplitude.and_then(|a| a.of(m)).unwrap_or(1.0)).collect()
    }

    /// The route that trials take.
    #[must_use]
    pub fn route(&self) -> Route {
        let samples = self.scheme.as_ref().map_or(0, Scheme::samples);
        match self.scenario.study.route {
            RouteChoice::Streaming => Route::Streaming,
            RouteChoice::Weights => Route::Weights,
            RouteChoice::Folded => Route::Folded,
            RouteChoice::Auto => {
                let possible = self.noise.is_gaussian() && self.instrument.adc.is_none() && samples <= LONGEST_FOLDED;
                // folding costs about as much as four records of noise
                let pays = samples as u64 <= 4 * self.scenario.study.repetitions.max(1);
                if possible && pays { Route::Folded } else { Route::Weights }
            }
        }
    }

    /// The experiment, ready to be repeated.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or the route that was asked for is not possible.
    ///
    /// # Panics
    /// If the study is none of errors, and so has no estimator.
    pub fn experiment(&self, library: &Library) -> Result<Experiment, EstimatorError> {
        let scheme = self.scheme.clone().expect("an error study has a scheme");
        let device = Arc::clone(self.device.as_ref().expect("an error study has a device"));
        let generator = library.generator(&self.noise, self.scenario.sampling.rate_hz, scheme.samples())?;
        let build = |route: Route| {
            Experiment::new(
                scheme.clone(),
                Arc::clone(&device),
                self.operating_point_volt.clone(),
                self.instrument,
                Arc::clone(&generator),
                self.noise.is_gaussian(),
                route,
            )
        };
        match build(self.route()) {
            Err(EstimatorError::Noise(NoiseError::NotPositiveDefinite { .. }))
                if self.scenario.study.route == RouteChoice::Auto =>
            {
                build(Route::Weights)
            }
            result => result,
        }
    }

    /// Remarks of the frequency planner on parallel homodyne gradient extraction, with the crosstalk of the strongest
    /// response on the weakest held against 4 %; none for other estimators.
    ///
    /// # Errors
    /// If the device cannot find its responses.
    pub fn findings(&self) -> Result<Vec<Finding>, DeviceError> {
        let Some(hge) = self.hge.as_ref().filter(|hge| hge.mode == Mode::Parallel) else { return Ok(Vec::new()) };
        let gradient = self.true_gradient()?;
        let responses = gradient.iter().enumerate().map(|(m, g)| (g * hge.amplitude_of(m)).abs()).filter(|r| *r > 0.0);
        let (weakest, strongest) = responses.fold((f64::INFINITY, 0.0_f64), |(w, s), r| (w.min(r), s.max(r)));
        let requirements = Requirements {
            rate_hz: hge.rate_hz,
            duration_s: hge.duration_s,
            response_ratio: if weakest.is_finite() { strongest / weakest } else { 1.0 },
            tolerated_crosstalk: 0.04,
            filter: hge.filter,
        };
        let mut findings = requirements.check(&hge.frequencies_hz, &hge.phases_rad);
        if self.reads_curvature() {
            let quarter = |m: usize, c: &f64| (0.25 * c * hge.amplitude_of(m).powi(2)).abs();
            let curvature = self.true_curvature()?;
            let harmonics = curvature.iter().enumerate().map(|(m, c)| quarter(m, c)).filter(|h| *h > 0.0);
            let ratio = strongest / harmonics.fold(f64::INFINITY, f64::min);
            let more = requirements.check_curvature(&hge.frequencies_hz, (ratio > 0.0).then_some(ratio));
            findings = findings.and_then(|findings| Ok([findings, more?].concat()));
        }
        Ok(findings
            .unwrap_or_else(|e| vec![Finding { severity: Severity::Warning, message: format!("not checked: {e}") }]))
    }

    /// Published mean squared error \[(nA/V)²\], B25 Eqs. (8) and (10); NaN where it is not defined.
    #[must_use]
    pub fn published(&self, true_gradient: &[f64]) -> Vec<f64> {
        let undefined = vec![f64::NAN; true_gradient.len()];
        let (Some(hge), Some(scheme)) = (&self.hge, &self.scheme) else { return undefined };
        let window_s = scheme.samples() as f64 / self.scenario.sampling.rate_hz;
        let fixed = self.scenario.published.as_ref().map(|p| p.psd_na2_per_hz);
        let density = |f: f64| fixed.unwrap_or_else(|| self.noise.density(f));
        match hge.filter.cutoff_for(window_s) {
            Ok(cutoff_hz) => published::mean_squared_error(hge, cutoff_hz, true_gradient, density),
            Err(_) => undefined,
        }
    }
}
