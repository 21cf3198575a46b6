//! One point of a sweep: its scenario, and the experiment that is repeated there.

use std::path::Path;
use std::sync::Arc;

use device::{Device, DeviceError, Interface, Layer, LayeredDevice, Linear, NetworkDevice, NetworkMethod, Polynomial};
use dopant_network::steady::SteadyOptions;
use estimators::curve_fit::CurveFit;
use estimators::differences::{Difference, FiniteDifferences};
use estimators::filter::FilterSettings;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::instrument::Converter;
use estimators::planner::{Finding, Requirements, Severity};
use estimators::random::{Distribution, RandomCode, Sides, Spsa};
use estimators::walsh::Walsh;
use estimators::{EstimatorError, Experiment, Instrument, Route, Scheme, published};
use noise::{NoiseError, NoiseModel, PowerLaw, RelaxationEnsemble, Spectrum, TabulatedSpectrum, Trace};
use toml::Table;

use crate::axes::Axis;
use crate::balanced::{self, Balancing, Surroundings};
use crate::document::KeyError;
use crate::limits::{MOST_PROCESSES, RATES_HZ, number_within, within};
use crate::random_devices::{linear_gradient, polynomial_coefficients};
use crate::scenario::{
    ConverterSection, CurveFitEstimator, DeviceSection, DifferenceChoice, DistributionChoice, DopantNetworkDevice,
    EstimatorSection, FilterSection, Frequencies, HgeEstimator, LayeredSection, ModeChoice, NetworkMethodChoice,
    NoiseSection, PerParameter, ReadoutChoice, RouteChoice, Scenario, SidesChoice, StudyKind,
};
use crate::study::{Library, read_at};
use crate::training_point::TrainingPoint;

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

pub(crate) fn from_estimator(error: EstimatorError) -> KeyError {
    match error {
        EstimatorError::Setting { key, found, allowed } => KeyError::new(key, format!("found {found}: {allowed}")),
        EstimatorError::Device(e) => from_device(e),
        EstimatorError::Noise(e) => from_noise(e),
        other => KeyError::new("estimator", other.to_string()),
    }
}

pub(crate) fn from_device(error: DeviceError) -> KeyError {
    match error {
        DeviceError::Description { name, what } => KeyError::new(format!("device.{name}"), what),
        DeviceError::WrongParameters { expected, found } => KeyError::new(
            "device.operating_point_volt",
            format!("found {found} voltages: the device has {expected} parameters"),
        ),
        DeviceError::Evaluation(what) => KeyError::new("device", what),
        other => KeyError::new("device.file", other.to_string()),
    }
}

fn from_noise(error: NoiseError) -> KeyError {
    match error {
        NoiseError::OutOfRange { name, found, allowed } => {
            KeyError::new(format!("noise.{name}"), format!("found {found}: {allowed}"))
        }
        other => KeyError::new("noise.file", other.to_string()),
    }
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
            (Some(section), Some(device)) => operating_point(section, device.as_ref())?,
            _ => Vec::new(),
        };
        let mut remarks = Vec::new();
        let noise = build_noise(&scenario.noise, rate_hz, folder, &mut remarks)?;
        if let Some(published) = &scenario.published {
            let psd = published.psd_na2_per_hz;
            if psd < 0.0 {
                return Err(KeyError::new("published.psd_na2_per_hz", format!("found {psd}: must be zero or more")));
            }
        }
        let (mut scheme, mut hge, mut instrument) = (None, None, Instrument::default());
        if let (StudyKind::Error, Some(estimator), Some(device)) = (scenario.study.kind, &scenario.estimator, &device) {
            if let EstimatorSection::Hge(section) = estimator {
                let mut built = build_hge(section, rate_hz, device.parameters())?;
                if section.amplitude_volt.given().is_none() {
                    let instrument = build_instrument(estimator, built.samples().map_err(from_estimator)?, rate_hz)?;
                    let around = Surroundings { scenario: &scenario, instrument, noise: &noise, library, balancing };
                    built.amplitude_volt = balanced::at_operating_point(&built, device, &operating_point_volt, around)?;
                    remarks.push(balanced::remark(&built.amplitude_volt));
                }
                hge = Some(built);
            }
            let built = match estimator {
                EstimatorSection::CurveFit(s) => build_curve_fit(s, rate_hz, device.as_ref(), &operating_point_volt)?,
                other => build_scheme(other, hge.as_ref(), rate_hz, device.parameters()).map_err(from_estimator)?,
            };
            instrument = build_instrument(estimator, built.samples(), rate_hz)?;
            scheme = Some(built);
        }
        let mut training = None;
        match scenario.study.kind {
            StudyKind::Error => {
                let linear = noise.is_gaussian() && instrument.adc.is_none();
                if scenario.study.route == RouteChoice::Folded && !linear {
                    let message = "found \"folded\": needs Gaussian noise and no ADC, use \"weights\" or \"streaming\"";
                    return Err(KeyError::new("study.route", message));
                }
            }
            StudyKind::Response => check_response(&scenario, device.as_deref())?,
            StudyKind::Spectrum => check_spectrum(&scenario)?,
            StudyKind::Logic => check_logic(&scenario, device.as_deref())?,
            StudyKind::Training => {
                let build = |d| TrainingPoint::build(&scenario, d, &noise, folder, (library, balancing), &mut remarks);
                training = device.as_ref().map(build).transpose()?;
            }
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
        let amplitude = self.scenario.estimator.as_ref().and_then(EstimatorSection::amplitude_volt);
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

fn build_device(section: &DeviceSection, folder: &Path, library: &Library) -> Result<Arc<dyn Device>, KeyError> {
    let device: Arc<dyn Device> = match section {
        DeviceSection::Linear(d) => Arc::new(Linear::new(linear_gradient(d)?, d.offset_na).map_err(from_device)?),
        DeviceSection::Polynomial(d) => {
            let (coefficients, mixing_na_per_volt2) = polynomial_coefficients(d)?;
            Arc::new(Polynomial::new(d.offset_na, coefficients, mixing_na_per_volt2).map_err(from_device)?)
        }
        DeviceSection::NeuralSurrogate(d) => {
            library.surrogate(&folder.join(&d.file), d.activation).map_err(from_device)?
        }
        DeviceSection::DopantNetwork(d) => Arc::new(build_network(d, folder, library)?),
        DeviceSection::Layered(d) => Arc::new(build_layered(d, folder, library)?),
    };
    device::check_single_output(device.as_ref()).map_err(from_device)?;
    Ok(device)
}

/// Parameters as a program counts them, from 0; a scenario counts them from 1.
pub(crate) fn from_zero(key: &str, from_one: &[usize], parameters: usize) -> Result<Vec<usize>, KeyError> {
    let twice = from_one.iter().enumerate().any(|(i, k)| from_one[..i].contains(k));
    if from_one.is_empty() || twice || from_one.iter().any(|k| *k == 0 || *k > parameters) {
        let message = format!("found {from_one:?}: must be different parameters from 1 to {parameters}");
        return Err(KeyError::new(key, message));
    }
    Ok(from_one.iter().map(|k| k - 1).collect())
}

fn build_layered(section: &LayeredSection, folder: &Path, library: &Library) -> Result<LayeredDevice, KeyError> {
    let (mut layers, mut interfaces) = (Vec::new(), Vec::new());
    for (l, layer) in section.layers.iter().enumerate() {
        let build = |(k, section): (usize, &DeviceSection)| {
            let at = format!("device.layers.{l}.devices.{k}");
            if operating_point_of(section).is_some() {
                let message = "stands in a device of a network, whose own operating point it would have to be part of";
                return Err(KeyError::new(format!("{at}.operating_point_volt"), message));
            }
            build_device(section, folder, library).map_err(|e| e.moved("device", &at))
        };
        let devices = layer.devices.iter().enumerate().map(build).collect::<Result<Vec<_>, _>>()?;
        let parameters = devices.iter().map(|d| d.parameters()).min().unwrap_or(usize::MAX);
        let inputs = from_zero(&format!("device.layers.{l}.inputs"), &layer.inputs, parameters)?;
        layers.push(Layer { devices, inputs });
        match (&layer.interface, l) {
            (None, 0) => {}
            (Some(i), 1..) => interfaces.push(Interface {
                gain_volt_per_na: i.gain_volt_per_na,
                offset_na: i.offset_na,
                limit_volt: (i.limit_volt[0], i.limit_volt[1]),
            }),
            (Some(_), 0) => {
                return Err(KeyError::new("device.layers.0.interface", "the first layer takes the inputs as they are"));
            }
            (None, _) => {
                return Err(KeyError::new(
                    format!("device.layers.{l}"),
                    "`interface` is missing: gain, offset, limits",
                ));
            }
        }
    }
    LayeredDevice::new(layers, interfaces).map_err(from_device)
}

fn build_network(section: &DopantNetworkDevice, folder: &Path, library: &Library) -> Result<NetworkDevice, KeyError> {
    let network = match (&section.file, &section.generate) {
        (Some(file), None) => library.network_file(&folder.join(file)),
        (None, Some(generate)) => library.network_made(&generate.generate()),
        (Some(_), Some(_)) => {
            return Err(KeyError::new("device.generate", "stands beside `file`: give one of the two"));
        }
        (None, None) => {
            return Err(KeyError::new("device", "needs `file` (a device file) or `generate` (a table, may be empty)"));
        }
    };
    let key = if section.file.is_some() { "device.file" } else { "device.generate" };
    let network = network.map_err(|e| KeyError::new(key, e.to_string()))?;
    let method = match section.method {
        NetworkMethodChoice::SteadyState => NetworkMethod::SteadyState,
        NetworkMethodChoice::MeanField => NetworkMethod::MeanField,
    };
    let options = SteadyOptions {
        tolerance: section.tolerance,
        most_states: section.most_states,
        most_megabytes: section.most_megabytes,
        most_seconds: section.most_seconds,
        ..SteadyOptions::default()
    };
    let output = section.output_electrode.unwrap_or_else(|| network.electrodes.len().saturating_sub(1));
    let range = section.range_volt.map(|[low, high]| (low, high));
    NetworkDevice::new(network, output, method, options, range).map_err(from_device)
}

fn operating_point_of(section: &DeviceSection) -> Option<&Vec<f64>> {
    match section {
        DeviceSection::Linear(d) => d.operating_point_volt.as_ref(),
        DeviceSection::Polynomial(d) => d.operating_point_volt.as_ref(),
        DeviceSection::NeuralSurrogate(d) => d.operating_point_volt.as_ref(),
        DeviceSection::DopantNetwork(d) => d.operating_point_volt.as_ref(),
        DeviceSection::Layered(d) => d.operating_point_volt.as_ref(),
    }
}

fn operating_point(section: &DeviceSection, device: &dyn Device) -> Result<Vec<f64>, KeyError> {
    let expected = device.parameters();
    match operating_point_of(section) {
        Some(point) if point.len() == expected => Ok(point.clone()),
        Some(point) => Err(from_device(DeviceError::WrongParameters { expected, found: point.len() })),
        None if device.usual_volt().is_some() => Ok(device.usual_volt().unwrap_or_default()),
        None => Ok(match device.range_volt() {
            Some((low, high)) => low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect(),
            None => vec![0.0; expected],
        }),
    }
}

fn build_noise(
    section: &NoiseSection,
    rate_hz: f64,
    folder: &Path,
    remarks: &mut Vec<String>,
) -> Result<NoiseModel, KeyError> {
    let law = |psd_na2_per_hz, at_hz, exponent, corner_hz| {
        PowerLaw { psd_na2_per_hz, at_hz, exponent, corner_hz }.checked().map_err(from_noise)
    };
    let ensemble = |s: &crate::scenario::EnsembleNoise| {
        let law = law(s.psd_na2_per_hz, s.at_hz, s.exponent, s.corner_hz)?;
        if law.exponent > 0.0 && law.corner_hz <= 0.0 {
            return Err(KeyError::new("noise.corner_hz", "found 0: an ensemble needs a positive lowest corner"));
        }
        within("noise.per_decade", s.per_decade, 1..=100)?;
        let decades = (0.5 * rate_hz / law.corner_hz).log10();
        if law.exponent > 0.0 && law.exponent < 2.0 && decades * s.per_decade as f64 > MOST_PROCESSES {
            let message = format!(
                "found {}: makes {:.0} processes between it and half the sampling rate, at most {MOST_PROCESSES} are allowed",
                law.corner_hz,
                decades * s.per_decade as f64
            );
            return Err(KeyError::new("noise.corner_hz", message));
        }
        RelaxationEnsemble::power_law(&law, rate_hz, s.per_decade).map_err(from_noise)
    };
    Ok(match section {
        NoiseSection::None {} => NoiseModel::Quiet,
        NoiseSection::White(s) => {
            let checked = law(s.psd_na2_per_hz, 1.0, 0.0, 0.0)?;
            NoiseModel::Gaussian(Spectrum::White(checked.psd_na2_per_hz))
        }
        NoiseSection::PowerLaw(s) => {
            NoiseModel::Gaussian(Spectrum::PowerLaw(law(s.psd_na2_per_hz, s.at_hz, s.exponent, s.corner_hz)?))
        }
        NoiseSection::Tabulated(s) => {
            let path = folder.join(&s.file);
            let (table, of_file) = TabulatedSpectrum::from_file(&path).map_err(from_noise)?;
            remarks.extend(of_file.iter().map(|remark| format!("`{}`: {remark}", path.display())));
            NoiseModel::Gaussian(Spectrum::Tabulated(table))
        }
        NoiseSection::Relaxation(s) => NoiseModel::Gaussian(Spectrum::Relaxation(ensemble(s)?)),
        NoiseSection::Telegraph(s) => NoiseModel::Telegraph(ensemble(s)?),
        NoiseSection::Trace(s) => {
            let path = folder.join(&s.file);
            let (trace, of_file) = Trace::from_file(&path, rate_hz).map_err(from_noise)?;
            remarks.extend(of_file.iter().map(|remark| format!("`{}`: {remark}", path.display())));
            NoiseModel::Replay(trace)
        }
        NoiseSection::Sum { terms } => {
            let build = |(k, term): (usize, &NoiseSection)| {
                build_noise(term, rate_hz, folder, remarks).map_err(|e| e.moved("noise", &format!("noise.terms.{k}")))
            };
            NoiseModel::Sum(terms.iter().enumerate().map(build).collect::<Result<_, _>>()?)
        }
    })
}

pub(crate) fn build_instrument(
    estimator: &EstimatorSection,
    samples: usize,
    rate_hz: f64,
) -> Result<Instrument, KeyError> {
    let section = estimator.instrument();
    let converter = |key: &'static str, s: &Option<ConverterSection>| {
        s.as_ref().map(|s| Converter::new(key, s.bits, s.low, s.high)).transpose().map_err(from_estimator)
    };
    let instrument = Instrument {
        dac: converter("estimator.instrument.dac", &section.dac)?,
        adc: converter("estimator.instrument.adc", &section.adc)?,
        hold_samples: section.hold_samples,
        delay_samples: section.delay_samples,
        ramp_s: section.ramp_s,
    };
    instrument.checked(samples, rate_hz).map_err(from_estimator)
}

fn filter(section: &FilterSection) -> FilterSettings {
    FilterSettings {
        order: section.order,
        settled: section.settled,
        cutoff_hz: section.cutoff_hz,
        gain_corrected: section.gain_corrected,
    }
}

pub(crate) fn build_hge(section: &HgeEstimator, rate_hz: f64, parameters: usize) -> Result<Hge, KeyError> {
    let (frequencies_hz, ladder_phases) = match &section.frequencies_hz {
        Frequencies::Ladder(l) if section.quadrature => Hge::quadrature_ladder(l.top, l.spacing, parameters),
        Frequencies::Ladder(l) => Hge::ladder(l.top, l.spacing, parameters),
        Frequencies::List(_) if section.quadrature => {
            return Err(KeyError::new(
                "estimator.quadrature",
                "goes with frequencies_hz = { top, spacing }: beside a list, write phases_rad",
            ));
        }
        Frequencies::List(list) => (list.clone(), vec![0.0; parameters]),
    };
    if section.quadrature && section.phases_rad.is_some() {
        return Err(KeyError::new("estimator.phases_rad", "is set by `quadrature = true`: give one of the two"));
    }
    Ok(Hge {
        rate_hz,
        duration_s: section.duration_s,
        // of balanced amplitudes none is known yet
        amplitude_volt: section.amplitude_volt.given().map_or_else(Vec::new, PerParameter::to_vec),
        frequencies_hz,
        phases_rad: section.phases_rad.clone().unwrap_or(ladder_phases),
        mode: match section.mode {
            ModeChoice::Parallel => Mode::Parallel,
            ModeChoice::Sequential => Mode::Sequential,
        },
        readout: match section.readout {
            ReadoutChoice::X => LockInReadout::X,
            ReadoutChoice::R => LockInReadout::R,
            ReadoutChoice::Curvature => LockInReadout::Curvature,
        },
        filter: filter(&section.filter),
    })
}

fn build_curve_fit(
    section: &CurveFitEstimator,
    rate_hz: f64,
    device: &dyn Device,
    operating_point_volt: &[f64],
) -> Result<Scheme, KeyError> {
    let range_volt = match (section.range_volt, device.range_volt()) {
        (Some([low, high]), _) => vec![(low, high); operating_point_volt.len()],
        (None, Some((low, high))) => low.into_iter().zip(high).collect(),
        (None, None) => {
            let message = "is missing, and the device has no ranges of its own: [lowest, highest] voltage of the curve";
            return Err(KeyError::new("estimator.range_volt", message));
        }
    };
    let fit = CurveFit {
        rate_hz,
        duration_s: section.duration_s,
        points: section.points,
        degree: section.degree,
        range_volt,
        operating_point_volt: operating_point_volt.to_vec(),
    };
    fit.build().map(Scheme::Fixed).map_err(from_estimator)
}

pub(crate) fn build_scheme(
    estimator: &EstimatorSection,
    hge: Option<&Hge>,
    rate_hz: f64,
    parameters: usize,
) -> Result<Scheme, EstimatorError> {
    let distribution = |choice: DistributionChoice| match choice {
        DistributionChoice::Rademacher => Distribution::Rademacher,
        DistributionChoice::SegmentedUniform => Distribution::SegmentedUniform,
    };
    match estimator {
        EstimatorSection::Hge(_) => hge.expect("built beforehand").build(parameters).map(Scheme::Fixed),
        EstimatorSection::Fd(s) => FiniteDifferences {
            rate_hz,
            duration_s: s.duration_s,
            amplitude_volt: s.amplitude_volt.to_vec(),
            difference: match s.difference {
                DifferenceChoice::Central => Difference::Central,
                DifferenceChoice::Forward => Difference::Forward,
            },
            filter: filter(&s.filter),
        }
        .build(parameters)
        .map(Scheme::Fixed),
        EstimatorSection::Spsa(s) => Spsa {
            rate_hz,
            duration_s: s.duration_s,
            amplitude_volt: s.amplitude_volt.to_vec(),
            sides: match s.sides {
                SidesChoice::One => Sides::One,
                SidesChoice::Two => Sides::Two,
            },
            directions: s.directions,
            distribution: distribution(s.distribution),
            filter: filter(&s.filter),
        }
        .build(parameters)
        .map(Scheme::Random),
        EstimatorSection::Walsh(s) => Walsh {
            rate_hz,
            duration_s: s.duration_s,
            amplitude_volt: s.amplitude_volt.to_vec(),
            chips: s.chips,
            periods: s.periods,
        }
        .build(parameters)
        .map(Scheme::Fixed),
        EstimatorSection::RandomCode(s) => RandomCode {
            rate_hz,
            duration_s: s.duration_s,
            amplitude_volt: s.amplitude_volt.to_vec(),
            chips: s.chips,
            distribution: distribution(s.distribution),
        }
        .build(parameters)
        .map(Scheme::Random),
        EstimatorSection::CurveFit(_) => Err(EstimatorError::Setting {
            key: "estimator.kind",
            found: "\"curve-fit\"".to_owned(),
            allowed: "fits a curve around one fixed operating point, and training moves it".to_owned(),
        }),
    }
}

fn check_response(scenario: &Scenario, device: Option<&dyn Device>) -> Result<(), KeyError> {
    let (Some(response), Some(device)) = (&scenario.response, device) else { return Ok(()) };
    let parameters = device.parameters();
    within("response.parameter", response.parameter, 1..=parameters)?;
    within("response.points", response.points, 2..=1_000_000)?;
    if response.from_volt >= response.to_volt {
        let message = format!("found {}: must lie above from_volt ({})", response.to_volt, response.from_volt);
        return Err(KeyError::new("response.to_volt", message));
    }
    Ok(())
}

fn check_logic(scenario: &Scenario, device: Option<&dyn Device>) -> Result<(), KeyError> {
    let (Some(logic), Some(device)) = (&scenario.logic, device) else { return Ok(()) };
    let parameters = device.parameters();
    from_zero("logic.inputs", &logic.inputs, parameters)?;
    if logic.low_volt >= logic.high_volt {
        let message = format!("found {}: must lie above low_volt ({})", logic.high_volt, logic.low_volt);
        return Err(KeyError::new("logic.high_volt", message));
    }
    if logic.offset_weight < 0.0 {
        return Err(KeyError::new(
            "logic.offset_weight",
            format!("found {}: must not be negative", logic.offset_weight),
        ));
    }
    Ok(())
}

fn check_spectrum(scenario: &Scenario) -> Result<(), KeyError> {
    let Some(spectrum) = &scenario.spectrum else { return Ok(()) };
    let samples = (spectrum.segment_s * scenario.sampling.rate_hz).round();
    if !(16.0..=1e8).contains(&samples) {
        let message = format!("found {}: must hold 16 to 10⁸ samples", spectrum.segment_s);
        return Err(KeyError::new("spectrum.segment_s", message));
    }
    let record = spectrum.duration_s * scenario.sampling.rate_hz;
    if spectrum.duration_s < spectrum.segment_s || record.is_nan() || record > 1e8 {
        let message = format!(
            "found {}: must be at least segment_s ({}) and hold at most 10⁸ samples",
            spectrum.duration_s, spectrum.segment_s
        );
        return Err(KeyError::new("spectrum.duration_s", message));
    }
    if !(spectrum.confidence > 0.0 && spectrum.confidence < 1.0) {
        return Err(KeyError::new(
            "spectrum.confidence",
            format!("found {}: must lie between 0 and 1", spectrum.confidence),
        ));
    }
    Ok(())
}
