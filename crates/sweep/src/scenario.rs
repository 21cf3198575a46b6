//! The types of a scenario file: what may stand in it, with units and defaults.

use dopant_network::steady::SteadyOptions;
use dopant_network::{Domain, Generate};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::balanced::AmplitudeChoice;
use crate::document::KeyError;
use crate::input_file::InputFile;
use crate::limits::{MOST_BUDGET, MOST_REPETITIONS, within};
use crate::random_devices::{RandomGradient, RandomPolynomial};
use crate::training_sections::{TaskSection, TrainingSection};

/// What is computed at each point of the sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StudyKind {
    /// Bias, variance and mean squared error of an estimator, by Monte Carlo and exactly.
    #[default]
    Error,
    /// Output current and gradient of the device along one parameter (an I-V curve).
    Response,
    /// Spectrum of the noise: Welch estimate of generated records beside the stated density.
    Spectrum,
    /// Output currents for the four combinations of two logic inputs: which Boolean gates occur, how nonlinear they are.
    Logic,
    /// Training of the device on a task: one run for each repetition.
    Training,
}

/// By which of three equivalent routes trials are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouteChoice {
    /// `folded` where it is possible and pays, `weights` otherwise.
    #[default]
    Auto,
    /// Noise record written out, lock-in run sample by sample.
    Streaming,
    /// Noise record written out, scalar products with the weights.
    Weights,
    /// One Gaussian a sample, scalar products with weights that hold the colour of the noise.
    Folded,
}

/// `(study)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudySection {
    /// Name of the study and of its files.
    pub name: String,
    /// One line that says what it shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is computed.
    #[serde(default)]
    pub kind: StudyKind,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// Monte Carlo repetitions at each point.
    #[serde(default = "default_repetitions")]
    pub repetitions: u64,
    /// Relative standard error of mse that every point shall have: `repetitions` then only find out how many each point
    /// needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_relative_error: Option<f64>,
    /// Most repetitions over all points, if there is a target; dealt so that the largest relative error is smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_repetitions: Option<u64>,
    /// Keep every single estimate, not only moments.
    #[serde(default)]
    pub store_estimates: bool,
    /// How trials are computed.
    #[serde(default)]
    pub route: RouteChoice,
}

fn default_repetitions() -> u64 {
    1000
}

/// `(sampling)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingSection {
    /// Sampling rate (Hz).
    pub rate_hz: f64,
}

impl Default for SamplingSection {
    fn default() -> Self {
        Self { rate_hz: 10_000.0 }
    }
}

/// A linear device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearDevice {
    /// Gradient (nA/V).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_na_per_volt: Option<Vec<f64>>,
    /// Instead: a Gaussian gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<RandomGradient>,
    /// Current at zero (nA).
    #[serde(default)]
    pub offset_na: f64,
    /// Where the gradient is measured (V); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// A polynomial device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolynomialDevice {
    /// For each parameter, coefficients of w, w², w³, … (nA/V, nA/V², …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<Vec<Vec<f64>>>,
    /// Instead: Gaussian coefficients of w, w² and products of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<RandomPolynomial>,
    /// Current at zero (nA).
    #[serde(default)]
    pub offset_na: f64,
    /// Coefficients of products of two parameters (nA/V²), M × M, above the diagonal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixing_na_per_volt2: Option<Vec<Vec<f64>>>,
    /// Where the gradient is measured (V); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// Non-linearity of a neural surrogate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationChoice {
    /// max(0, x).
    #[default]
    Relu,
    /// x or eˣ − 1.
    Elu,
    /// tanh x.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
}

/// A neural network fitted to a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurrogateDevice {
    /// `.npz` of layer weights; a relative path starts at the scenario's folder.
    pub file: InputFile,
    /// Non-linearity between layers.
    #[serde(default)]
    pub activation: ActivationChoice,
    /// Where the gradient is measured (V); the middle of the device's ranges if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// Outline of a generated network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeChoice {
    /// `width_nm` by `height_nm`.
    #[default]
    Rectangle,
    /// Of `radius_nm`.
    Disc,
}

/// A dopant network made at random; what is not given is that of boron in silicon at 77 K.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateSection {
    /// Outline.
    pub shape: ShapeChoice,
    /// Width of a rectangle (nm).
    pub width_nm: f64,
    /// Height of a rectangle (nm).
    pub height_nm: f64,
    /// Radius of a disc (nm).
    pub radius_nm: f64,
    /// Depth in which dopants lie (nm); 0 for a plane.
    pub thickness_nm: f64,
    /// Number of acceptors.
    pub acceptors: usize,
    /// Number of donors.
    pub donors: usize,
    /// Number of electrodes, evenly spaced along the boundary.
    pub electrodes: usize,
    /// Least distance of two dopants (nm).
    pub least_distance_nm: f64,
    /// Temperature (K).
    pub temperature_kelvin: f64,
    /// Relative permittivity.
    pub relative_permittivity: f64,
    /// Attempt frequency (Hz).
    pub attempt_frequency_hz: f64,
    /// Localization radius (nm); a quarter of the mean distance of acceptors if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub localization_radius_nm: Option<f64>,
    /// Seed of the positions.
    pub seed: u64,
}

impl Default for GenerateSection {
    fn default() -> Self {
        let d = Generate::default();
        Self {
            shape: ShapeChoice::Rectangle,
            width_nm: d.domain.size_nm(),
            height_nm: d.domain.size_nm(),
            radius_nm: 0.5 * d.domain.size_nm(),
            thickness_nm: d.domain.thickness_nm(),
            acceptors: d.acceptors,
            donors: d.donors,
            electrodes: d.electrodes,
            least_distance_nm: d.least_distance_nm,
            temperature_kelvin: d.temperature_kelvin,
            relative_permittivity: d.relative_permittivity,
            attempt_frequency_hz: d.attempt_frequency_hz,
            localization_radius_nm: d.localization_radius_nm,
            seed: d.seed,
        }
    }
}

impl GenerateSection {
    /// What the generator takes.
    #[must_use]
    pub fn generate(&self) -> Generate {
        let thickness_nm = self.thickness_nm;
        Generate {
            domain: match self.shape {
                ShapeChoice::Rectangle => {
                    Domain::Rectangle { width_nm: self.width_nm, height_nm: self.height_nm, thickness_nm }
                }
                ShapeChoice::Disc => Domain::Disc { radius_nm: self.radius_nm, thickness_nm },
            },
            acceptors: self.acceptors,
            donors: self.donors,
            electrodes: self.electrodes,
            least_distance_nm: self.least_distance_nm,
            temperature_kelvin: self.temperature_kelvin,
            relative_permittivity: self.relative_permittivity,
            attempt_frequency_hz: self.attempt_frequency_hz,
            localization_radius_nm: self.localization_radius_nm,
            seed: self.seed,
            ..Generate::default()
        }
    }
}

/// How the currents of a dopant network are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMethodChoice {
    /// The Markov chain on the states that carry the probability.
    #[default]
    SteadyState,
    /// Mean field, an approximation.
    MeanField,
}

/// A simulated dopant network: from a file, or made at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DopantNetworkDevice {
    /// Device file (JSON); a relative path starts at the scenario's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<InputFile>,
    /// Instead of a file: how the device is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<GenerateSection>,
    /// Electrode whose current is the output, from 0; the last one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_electrode: Option<usize>,
    /// How currents are found.
    #[serde(default)]
    pub method: NetworkMethodChoice,
    /// Probability flow that may leave the states of the steady state, as a fraction of the largest current.
    #[serde(default = "default_tolerance")]
    pub tolerance: f64,
    /// Most states of the steady state.
    #[serde(default = "default_most_states")]
    pub most_states: usize,
    /// Memory that they may take (MB).
    #[serde(default = "default_most_megabytes")]
    pub most_megabytes: f64,
    /// Time after which one search for the steady state is given up (s); none if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_seconds: Option<f64>,
    /// Range of every voltage (V), for random operating points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<[f64; 2]>,
    /// Voltages of all electrodes but the output, in the file's order (V); those of the file if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

fn default_tolerance() -> f64 {
    SteadyOptions::default().tolerance
}

fn default_most_states() -> usize {
    SteadyOptions::default().most_states
}

fn default_most_megabytes() -> f64 {
    SteadyOptions::default().most_megabytes
}

/// `[device]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DeviceSection {
    /// I = I₀ + g·w.
    Linear(LinearDevice),
    /// Polynomial in each parameter, and products of two.
    Polynomial(PolynomialDevice),
    /// Neural surrogate.
    NeuralSurrogate(SurrogateDevice),
    /// Simulated dopant network.
    DopantNetwork(DopantNetworkDevice),
    /// Network of devices.
    Layered(LayeredSection),
}

/// A network of devices: parameters are the inputs of the first layer, then all others of its devices, in order.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LayeredSection {
    /// Layers; the last one has one device.
    pub layers: Vec<LayerSection>,
    /// Where the gradient is measured (V); the middle of the devices' ranges if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// Devices side by side.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LayerSection {
    /// The devices, each like a `[device]` table.
    pub devices: Vec<DeviceSection>,
    /// Parameter of each device, from 1, that takes the first input of the layer, the second, …
    pub inputs: Vec<usize>,
    /// What makes voltages of the currents of the layer before; not in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceSection>,
}

/// V = gain (I − offset), within limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterfaceSection {
    /// Gain (V/nA).
    pub gain_volt_per_na: f64,
    /// Current that gives 0 V (nA).
    #[serde(default)]
    pub offset_na: f64,
    /// Lowest and highest voltage (V).
    pub limit_volt: [f64; 2],
}

/// What of a layer is no device.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainLayer {
    inputs: Vec<usize>,
    interface: Option<InterfaceSection>,
}

/// What of a network of devices is no layer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainLayered {
    operating_point_volt: Option<Vec<f64>>,
}

fn tables(table: &mut Table, key: &str, at: &str) -> Result<Vec<Value>, KeyError> {
    match table.remove(key) {
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(KeyError::new(format!("{at}.{key}"), format!("found {other}, must be a list of tables"))),
        None => Err(KeyError::new(at, format!("`{key}` is missing"))),
    }
}

impl LayeredSection {
    fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let Value::Table(mut table) = value else { return Err(KeyError::new(at, "must be a table")) };
        let layers = tables(&mut table, "layers", at)?.into_iter().enumerate().map(|(l, layer)| {
            let at = format!("{at}.layers.{l}");
            let Value::Table(mut layer) = layer else { return Err(KeyError::new(at, "must be a table")) };
            let devices = tables(&mut layer, "devices", &at)?.into_iter().enumerate();
            let devices = devices.map(|(k, device)| DeviceSection::parse(device, &format!("{at}.devices.{k}")));
            let devices = devices.collect::<Result<_, _>>()?;
            let PlainLayer { inputs, interface } = section(Value::Table(layer), &at)?;
            Ok(LayerSection { devices, inputs, interface })
        });
        let layers = layers.collect::<Result<_, _>>()?;
        let PlainLayered { operating_point_volt } = section(Value::Table(table), at)?;
        Ok(Self { layers, operating_point_volt })
    }
}

/// White noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhiteNoise {
    /// One-sided density (nA²/Hz).
    pub psd_na2_per_hz: f64,
}

/// S(f) = S₀ (f₀ / max(f, f_corner))^β.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerLawNoise {
    /// One-sided density at `at_hz` (nA²/Hz).
    pub psd_na2_per_hz: f64,
    /// Reference frequency (Hz).
    pub at_hz: f64,
    /// Exponent, 0 to 2.
    pub exponent: f64,
    /// Flat below (Hz).
    pub corner_hz: f64,
}

/// Sum of relaxation processes with a power-law spectrum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnsembleNoise {
    /// One-sided density at `at_hz` (nA²/Hz).
    pub psd_na2_per_hz: f64,
    /// Reference frequency (Hz).
    pub at_hz: f64,
    /// Exponent, 0 to 2.
    pub exponent: f64,
    /// Lowest corner frequency of the ensemble (Hz).
    pub corner_hz: f64,
    /// Processes in each decade of corner frequencies.
    #[serde(default = "default_per_decade")]
    pub per_decade: usize,
}

fn default_per_decade() -> usize {
    3
}

/// Noise from a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileNoise {
    /// Text (`.csv`, `.txt`, `.tsv`, `.dat`, `.asc`), `.npy` or `.npz`; a relative path starts at the scenario's folder.
    pub file: InputFile,
}

/// `[noise]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NoiseSection {
    /// No noise.
    None {},
    /// The same density at all frequencies.
    White(WhiteNoise),
    /// Gaussian noise of a power-law spectrum.
    PowerLaw(PowerLawNoise),
    /// Gaussian noise of a measured spectrum: columns frequency (Hz) and density (nA²/Hz).
    Tabulated(FileNoise),
    /// Gaussian relaxation processes.
    Relaxation(EnsembleNoise),
    /// Random telegraph signals.
    Telegraph(EnsembleNoise),
    /// A measured trace (nA) at the sampling rate, replayed from random starting points.
    Trace(FileNoise),
    /// Independent sources added up.
    Sum {
        /// The sources, each like a `[noise]` table.
        terms: Vec<NoiseSection>,
    },
}

/// One number for all parameters, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a number or a list of numbers")]
pub enum PerParameter {
    /// The same for all.
    All(f64),
    /// One for each.
    Each(Vec<f64>),
}

impl PerParameter {
    /// That of the parameter `m`, from 0.
    #[must_use]
    pub fn of(&self, m: usize) -> Option<f64> {
        match self {
            Self::All(x) => Some(*x),
            Self::Each(xs) => xs.get(if xs.len() == 1 { 0 } else { m }).copied(),
        }
    }

    /// As a list of one or of all.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f64> {
        match self {
            Self::All(x) => vec![*x],
            Self::Each(xs) => xs.clone(),
        }
    }
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

/// A ladder of frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Frequency of the first parameter (Hz).
    pub top: f64,
    /// How much lower each next one is (Hz).
    #[serde(default)]
    pub spacing: f64,
}

impl<'de> Deserialize<'de> for Frequencies {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(items) => {
                let numbers: Result<Vec<f64>, _> = Value::Array(items).try_into();
                numbers.map(Self::List).map_err(|e| serde::de::Error::custom(e.message()))
            }
            table @ Value::Table(_) => {
                table.try_into().map(Self::Ladder).map_err(|e: toml::de::Error| serde::de::Error::custom(e.message()))
            }
            other => Err(serde::de::Error::custom(format!(
                "found a {}, must be {{ top = …, spacing = … }} or a list of frequencies [Hz]",
                other.type_str()
            ))),
        }
    }
}

/// Low-pass of the readout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterSection {
    /// Order of the Butterworth filter, 1 to 8.
    pub order: usize,
    /// Fraction to which its step response has settled at the end of the window.
    pub settled: f64,
    /// Cut-off (Hz), instead of the one that follows from `settled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutoff_hz: Option<f64>,
    /// Divide by the fraction to which the digital filter has settled.
    pub gain_corrected: bool,
}

impl Default for FilterSection {
    fn default() -> Self {
        Self { order: 3, settled: 0.98, cutoff_hz: None, gain_corrected: false }
    }
}

/// Resolution and range of a converter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConverterSection {
    /// Number of bits.
    pub bits: u32,
    /// Lowest level (V for the DAC, nA for the ADC).
    pub low: f64,
    /// Highest level (V for the DAC, nA for the ADC).
    pub high: f64,
}

/// Departures from an ideal instrument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InstrumentSection {
    /// Converter of the voltages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dac: Option<ConverterSection>,
    /// Converter of the current.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adc: Option<ConverterSection>,
    /// Voltages change only at every this many samples.
    pub hold_samples: usize,
    /// The output answers this many samples late.
    pub delay_samples: usize,
    /// Sines grow, and steps are linear, over this time (s).
    pub ramp_s: f64,
}

/// One after the other, or all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModeChoice {
    /// One record for all parameters.
    #[default]
    Parallel,
    /// One record for each parameter.
    Sequential,
}

/// Which number of the lock-in is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadoutChoice {
    /// In-phase component.
    #[default]
    X,
    /// Signed amplitude.
    R,
    /// In-phase component, and at twice the frequency of each parameter its second derivative.
    Curvature,
}

/// Homodyne gradient extraction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HgeEstimator {
    /// Parallel or sequential.
    #[serde(default)]
    pub mode: ModeChoice,
    /// X, R, or X with the curvature.
    #[serde(default)]
    pub readout: ReadoutChoice,
    /// Duration of a record (s).
    pub duration_s: f64,
    /// Amplitude of the sines (V), or "balanced".
    pub amplitude_volt: AmplitudeChoice,
    /// Frequencies (Hz).
    pub frequencies_hz: Frequencies,
    /// Phases (rad); all zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases_rad: Option<Vec<f64>>,
    /// Put two parameters on each frequency of the ladder, a quarter period apart.
    #[serde(default)]
    pub quadrature: bool,
    /// Low-pass of the lock-ins.
    #[serde(default)]
    pub filter: FilterSection,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSection,
}

/// Which two levels a finite difference compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceChoice {
    /// −α and α.
    #[default]
    Central,
    /// 0 and α.
    Forward,
}

/// Finite differences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FdEstimator {
    /// Central or forward.
    #[serde(default)]
    pub difference: DifferenceChoice,
    /// Duration of a record, for one parameter (s).
    pub duration_s: f64,
    /// Step (V).
    pub amplitude_volt: PerParameter,
    /// Low-pass of each level.
    #[serde(default)]
    pub filter: FilterSection,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSection,
}

/// Law of random directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DistributionChoice {
    /// ±1.
    #[default]
    Rademacher,
    /// Uniform on two segments, of unit variance (Cao 2011).
    SegmentedUniform,
}

/// One- or two-sided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SidesChoice {
    /// −cΔ and cΔ.
    #[default]
    Two,
    /// 0 and cΔ.
    One,
}

/// Simultaneous perturbation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpsaEstimator {
    /// One- or two-sided.
    #[serde(default)]
    pub sides: SidesChoice,
    /// Directions that share the duration.
    #[serde(default = "one")]
    pub directions: usize,
    /// Law of the directions.
    #[serde(default)]
    pub distribution: DistributionChoice,
    /// Duration of the record, for all parameters and directions (s).
    pub duration_s: f64,
    /// Step c (V).
    pub amplitude_volt: PerParameter,
    /// Low-pass of each level.
    #[serde(default)]
    pub filter: FilterSection,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSection,
}

/// Polynomial fitted to a measured current-voltage curve of each parameter, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurveFitEstimator {
    /// Degree of the polynomial.
    #[serde(default = "cubic")]
    pub degree: usize,
    /// Number of voltages, each held equally long.
    pub points: usize,
    /// Lowest and highest voltage (V); the range of the device if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<[f64; 2]>,
    /// Duration of a curve (s).
    pub duration_s: f64,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSection,
}

fn cubic() -> usize {
    3
}

/// Walsh (Hadamard) codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalshEstimator {
    /// Chips in a period, a power of two above the number of parameters; the smallest if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chips: Option<usize>,
    /// Periods of the code in the record.
    #[serde(default = "one")]
    pub periods: usize,
    /// Duration of the record, for all parameters (s).
    pub duration_s: f64,
    /// Amplitude (V).
    pub amplitude_volt: PerParameter,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSection,
}

/// Random codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomCodeEstimator {
    /// Number of chips, each with a random direction.
    pub chips: usize,
    /// Law of the code.
    #[serde(default)]
    pub distribution: DistributionChoice,
    /// Duration of the record, for all parameters (s).
    pub duration_s: f64,
    /// Amplitude (V).
    pub amplitude_volt: PerParameter,
    /// Instrument.
    #[serde(default)]
    pub instrument: InstrumentSection,
}

fn one() -> usize {
    1
}

/// `[estimator]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EstimatorSection {
    /// Homodyne gradient extraction.
    Hge(HgeEstimator),
    /// Finite differences.
    Fd(FdEstimator),
    /// Simultaneous perturbation.
    Spsa(SpsaEstimator),
    /// Walsh codes.
    Walsh(WalshEstimator),
    /// Random codes.
    RandomCode(RandomCodeEstimator),
    /// Polynomial fit to a current-voltage curve.
    CurveFit(CurveFitEstimator),
}

/// `[published]`: what the published expressions, B25 Eqs. (8) and (10), take that the rest of the scenario does not give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedSection {
    /// Noise density S_N (nA²/Hz), the same at every frequency; that of the noise at the frequency that is read if not given.
    pub psd_na2_per_hz: f64,
}

/// `[response]`: the I-V curve of a response study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseSection {
    /// Parameter that is varied, from 1.
    pub parameter: usize,
    /// Lowest value (V).
    pub from_volt: f64,
    /// Highest value (V).
    pub to_volt: f64,
    /// Number of values.
    pub points: usize,
}

/// `(spectrum)`: records and segments of a spectrum study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpectrumSection {
    /// Duration of each record (s); `study.repetitions` of them are made.
    pub duration_s: f64,
    /// Duration of the segments that are averaged (s).
    pub segment_s: f64,
    /// Probability with which the band holds the true density.
    #[serde(default = "default_confidence")]
    pub confidence: f64,
}

fn default_confidence() -> f64 {
    0.95
}

/// `(logic)`: the two inputs of a logic study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogicSection {
    /// The parameters that are inputs, from 1: left and right.
    pub inputs: [usize; 2],
    /// Voltage of a logic 0 (V).
    pub low_volt: f64,
    /// Voltage of a logic 1 (V).
    pub high_volt: f64,
    /// Weight of the offset in the fitness.
    #[serde(default = "default_offset_weight")]
    pub offset_weight: f64,
}

fn default_offset_weight() -> f64 {
    0.01
}

/// What a figure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FigureKind {
    /// An error against a swept quantity: Monte Carlo as points, theory as lines.
    Error,
    /// Estimates in parallel mode against estimates in sequential mode.
    Scatter,
    /// Derivative as it is measured, mean ± standard deviation, against a swept quantity.
    Derivative,
    /// Second derivative as it is measured, mean ± standard deviation, against a swept quantity.
    Curvature,
    /// Histogram of response ratios: of each derivative, the mean response of the others over the own one.
    Ratios,
    /// Current and gradient along one parameter.
    Response,
    /// Noise spectrum.
    Spectrum,
    /// Abundance of Boolean gates against the least fitness.
    Gates,
    /// Current over time while the trained device is given its patterns.
    Traces,
    /// Test points coloured by current, current against radius, loss against iteration.
    Classification,
    /// Loss against iteration, median and quartiles.
    Learning,
    /// Loss, solved runs and accuracy against measurement time.
    Comparison,
    /// Table of solved runs over the first two axes.
    Success,
    /// Samples and seconds until the loss is reached, against a swept number. Of settings whose names agree up to a semicolon the
    /// best one at each number is drawn.
    Effort,
    /// Map of the exact error of the first estimator over that of the best other one, against two numeric axes.
    Advantage,
}

/// Which error a figure shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorVariable {
    /// Mean squared error.
    #[default]
    Mse,
    /// Variance.
    Variance,
    /// Absolute value of the bias.
    Bias,
    /// Mean squared error of the second derivative.
    CurvatureMse,
    /// Variance of the second derivative.
    CurvatureVariance,
    /// Absolute value of the bias of the second derivative.
    CurvatureBias,
}

/// `[figure]`: what the figure of this study shows; sensible if not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FigureSection {
    /// Kind of figure; follows from the kind of study if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<FigureKind>,
    /// Dotted path of the axis drawn along x; the first numeric axis if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Error that is drawn.
    pub variable: ErrorVariable,
    /// Parameter that is drawn, from 1; the one with the weakest response if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<usize>,
    /// Draw the mean over all parameters instead of one.
    pub mean_over_parameters: bool,
    /// Axis whose extremes are drawn as a shaded band, not as series: of the published error where that is drawn, else of the
    /// exact one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<String>,
    /// Draw the published expression where it is defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
    /// Draw the Monte Carlo at every this many values of x only, where a fine theory curve would be hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markers_every: Option<usize>,
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Label of the x axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
}

/// A whole scenario, for the JSON Schema. Any key may also be swept: `(sweep)` maps its dotted path to values.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "homodyne scenario", deny_unknown_fields)]
pub struct Scenario {
    /// The study.
    pub study: StudySection,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceSection>,
    /// The noise.
    pub noise: NoiseSection,
    /// The sampling.
    pub sampling: SamplingSection,
    /// The estimator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimator: Option<EstimatorSection>,
    /// The published expressions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedSection>,
    /// I-V curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseSection>,
    /// Noise spectrum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spectrum: Option<SpectrumSection>,
    /// Logic inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logic: Option<LogicSection>,
    /// What is to be learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSection>,
    /// How it is learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSection>,
    /// Figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<FigureSection>,
    /// Axes: dotted path to `{ from, to, points, scale }`, a list, `{ values, labels }`, `{ random }`; `zip` holds a
    /// list of tables of axes that advance together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<crate::axes::SweepSchema>,
}

/// Keys that a scenario file cannot do without; any other may be given by the sweep instead.
const ALWAYS_REQUIRED: [&str; 11] =
    ["study", "name", "kind", "from", "to", "points", "random", "values", "bits", "low", "high"];

/// The JSON Schema of scenario files.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut tree = schemars::schema_for!(Scenario).to_value();
    relax(&mut tree);
    tree
}

/// Takes out of every `required` what a sweep may give.
fn relax(tree: &mut serde_json::Value) {
    match tree {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Array(required)) = map.get_mut("required") {
                required.retain(|key| key.as_str().is_some_and(|key| ALWAYS_REQUIRED.contains(&key)));
            }
            map.values_mut().for_each(relax);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}

/// Top-level tables of a scenario.
const SECTIONS: [&str; 13] = [
    "study",
    "device",
    "noise",
    "sampling",
    "estimator",
    "published",
    "response",
    "spectrum",
    "logic",
    "task",
    "training",
    "figure",
    "sweep",
];

pub(crate) fn section<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, KeyError> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let key = if path == "." { at.to_owned() } else { format!("{at}.{path}") };
        let message = tables::plain(e.inner().message());
        KeyError { is_unknown: message.starts_with("unknown field"), ..KeyError::new(key, message) }
    })
}

pub(crate) fn kind_of(value: Value, at: &str, allowed: &[&str]) -> Result<(String, Value), KeyError> {
    let Value::Table(mut table) = value else {
        return Err(KeyError::new(at, format!("found a {}, must be a table", value.type_str())));
    };
    let list = allowed.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>().join(", ");
    match table.remove("kind") {
        Some(Value::String(kind)) if allowed.contains(&kind.as_str()) => Ok((kind, Value::Table(table))),
        Some(other) => Err(KeyError::new(format!("{at}.kind"), format!("found {other}, must be one of {list}"))),
        None => Err(KeyError::new(at, format!("`kind` is missing, must be one of {list}"))),
    }
}

impl DeviceSection {
    pub(crate) fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let allowed = ["linear", "polynomial", "neural-surrogate", "dopant-network", "layered"];
        let (kind, rest) = kind_of(value, at, &allowed)?;
        Ok(match kind.as_str() {
            "linear" => Self::Linear(section(rest, at)?),
            "polynomial" => Self::Polynomial(section(rest, at)?),
            "neural-surrogate" => Self::NeuralSurrogate(section(rest, at)?),
            "dopant-network" => Self::DopantNetwork(section(rest, at)?),
            _ => Self::Layered(LayeredSection::parse(rest, at)?),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    terms: Vec<Value>,
}

impl NoiseSection {
    pub(crate) fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let allowed = ["none", "white", "power-law", "tabulated", "relaxation", "telegraph", "trace", "sum"];
        let (kind, rest) = kind_of(value, at, &allowed)?;
        Ok(match kind.as_str() {
            "none" => {
                let Nothing {} = section(rest, at)?;
                Self::None {}
            }
            "white" => Self::White(section(rest, at)?),
            "power-law" => Self::PowerLaw(section(rest, at)?),
            "tabulated" => Self::Tabulated(section(rest, at)?),
            "relaxation" => Self::Relaxation(section(rest, at)?),
            "telegraph" => Self::Telegraph(section(rest, at)?),
            "trace" => Self::Trace(section(rest, at)?),
            _ => {
                let Terms { terms } = section(rest, at)?;
                let terms = terms.into_iter().enumerate();
                let terms = terms.map(|(k, term)| Self::parse(term, &format!("{at}.terms.{k}")));
                Self::Sum { terms: terms.collect::<Result<_, _>>()? }
            }
        })
    }
}

impl EstimatorSection {
    fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let (kind, rest) = kind_of(value, at, &["hge", "fd", "spsa", "walsh", "random-code", "curve-fit"])?;
        Ok(match kind.as_str() {
            "hge" => Self::Hge(section(rest, at)?),
            "fd" => Self::Fd(section(rest, at)?),
            "spsa" => Self::Spsa(section(rest, at)?),
            "walsh" => Self::Walsh(section(rest, at)?),
            "random-code" => Self::RandomCode(section(rest, at)?),
            _ => Self::CurveFit(section(rest, at)?),
        })
    }

    /// By how much it moves the parameters (V), if it has an amplitude.
    #[must_use]
    pub fn amplitude_volt(&self) -> Option<&PerParameter> {
        match self {
            Self::Hge(e) => e.amplitude_volt.given(),
            Self::Fd(e) => Some(&e.amplitude_volt),
            Self::Spsa(e) => Some(&e.amplitude_volt),
            Self::Walsh(e) => Some(&e.amplitude_volt),
            Self::RandomCode(e) => Some(&e.amplitude_volt),
            Self::CurveFit(_) => None,
        }
    }

    /// Its instrument.
    #[must_use]
    pub fn instrument(&self) -> &InstrumentSection {
        match self {
            Self::Hge(e) => &e.instrument,
            Self::Fd(e) => &e.instrument,
            Self::Spsa(e) => &e.instrument,
            Self::Walsh(e) => &e.instrument,
            Self::RandomCode(e) => &e.instrument,
            Self::CurveFit(e) => &e.instrument,
        }
    }
}

fn check_target(study: &StudySection) -> Result<(), KeyError> {
    let Some(target) = study.target_relative_error else {
        return match study.budget_repetitions {
            Some(n) => {
                let message = format!("found {n}: goes with study.target_relative_error, else write study.repetitions");
                Err(KeyError::new("study.budget_repetitions", message))
            }
            None => Ok(()),
        };
    };
    if !(1e-5..1.0).contains(&target) {
        let message = format!("found {target}: must be 0.00001 to 1");
        return Err(KeyError::new("study.target_relative_error", message));
    }
    if study.kind != StudyKind::Error {
        let message = "only studies of kind \"error\" have an error bar to aim at";
        return Err(KeyError::new("study.target_relative_error", message));
    }
    if study.store_estimates {
        let message =
            "found true: points with a target have different numbers of estimates, which one array cannot hold";
        return Err(KeyError::new("study.store_estimates", message));
    }
    if study.repetitions < 100 {
        let message =
            format!("found {}: a pilot of fewer than 100 does not tell how many are needed", study.repetitions);
        return Err(KeyError::new("study.repetitions", message));
    }
    Ok(())
}

impl Scenario {
    /// The device of a tree of TOML, whatever else stands in it or is missing.
    ///
    /// # Errors
    /// At the first key of the device that is unknown, missing, or of a wrong type.
    pub fn device_of(table: &Table) -> Result<DeviceSection, KeyError> {
        let device = table.get("device").ok_or_else(|| KeyError::new("", "the table `[device]` is missing"))?;
        crate::document::refuse_not_finite(device, "device")?;
        DeviceSection::parse(device.clone(), "device")
    }

    /// Understands a tree of TOML in which every swept key has been set.
    ///
    /// # Errors
    /// At the first key that is unknown, missing, or of a wrong type.
    pub fn from_table(table: &Table) -> Result<Self, KeyError> {
        if let Some(unknown) = table.keys().find(|k| !SECTIONS.contains(&k.as_str())) {
            return Err(KeyError::new(
                unknown.as_str(),
                format!("unknown table, must be one of {}", SECTIONS.map(|s| format!("`{s}`")).join(", ")),
            ));
        }
        crate::document::refuse_not_finite(&Value::Table(table.clone()), "")?;
        let get = |name: &str| table.get(name).cloned();
        let missing = |name: &str| KeyError::new("", format!("the table `[{name}]` is missing"));
        let study: StudySection = section(get("study").ok_or_else(|| missing("study"))?, "study")?;
        crate::text::check_study_name(&study.name).map_err(|message| KeyError::new("study.name", message))?;
        within("study.repetitions", study.repetitions, 1..=MOST_REPETITIONS)?;
        if let Some(budget) = study.budget_repetitions {
            within("study.budget_repetitions", budget, 1..=MOST_BUDGET)?;
        }
        check_target(&study)?;
        let scenario = Self {
            device: get("device").map(|v| DeviceSection::parse(v, "device")).transpose()?,
            noise: get("noise").map_or(Ok(NoiseSection::None {}), |v| NoiseSection::parse(v, "noise"))?,
            sampling: get("sampling").map_or(Ok(SamplingSection::default()), |v| section(v, "sampling"))?,
            estimator: get("estimator").map(|v| EstimatorSection::parse(v, "estimator")).transpose()?,
            published: get("published").map(|v| section(v, "published")).transpose()?,
            response: get("response").map(|v| section(v, "response")).transpose()?,
            spectrum: get("spectrum").map(|v| section(v, "spectrum")).transpose()?,
            logic: get("logic").map(|v| section(v, "logic")).transpose()?,
            task: get("task").map(|v| TaskSection::parse(v, "task")).transpose()?,
            training: get("training").map(|v| TrainingSection::parse(v, "training")).transpose()?,
            figure: get("figure").map(|v| section(v, "figure")).transpose()?,
            sweep: None,
            study,
        };
        let (needed, present): (&[&str], &[bool]) = match scenario.study.kind {
            StudyKind::Error => (&["device", "estimator"], &[scenario.device.is_some(), scenario.estimator.is_some()]),
            StudyKind::Response => (&["device", "response"], &[scenario.device.is_some(), scenario.response.is_some()]),
            StudyKind::Spectrum => (&["spectrum"], &[scenario.spectrum.is_some()]),
            StudyKind::Logic => (&["device", "logic"], &[scenario.device.is_some(), scenario.logic.is_some()]),
            StudyKind::Training => (
                &["device", "task", "training"],
                &[scenario.device.is_some(), scenario.task.is_some(), scenario.training.is_some()],
            ),
        };
        match needed.iter().zip(present).find(|(_, present)| !**present) {
            Some((name, _)) => Err(missing(name)),
            None => Ok(scenario),
        }
    }
}
