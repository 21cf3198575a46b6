//! The lists of kinds of noise, devices, estimators, tasks, losses and optimisers. Besides its own file, a new kind needs only a line here:
//! the type of the section, its parser, the allowed kinds in messages, and the JSON Schema follow from it.

use std::sync::Arc;

use device::{
    Device, DeviceKind, GivenSettings, LinearSettings, NetworkSettings, PolynomialSettings, ProcessSettings,
    SurrogateSettings, Surroundings,
};
use estimators::EstimatorKind;
use estimators::curve_fit::CurveFit;
use estimators::differences::FiniteDifferences;
use estimators::hge::HgeSettings;
use estimators::random::RandomCode;
use estimators::walsh::Walsh;
use noise::{
    NoNoise, NoiseKind, NoiseModel, PowerLaw, RelaxationNoise, TabulatedNoise, TelegraphNoise, TraceNoise, WhiteNoise,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};
use toml::Value;
#[cfg(feature = "cma-es")]
use training::cma_es::CmaEs;
use training::descent::DescentSettings;
use training::genetic::Genetic;
use training::loss::{CorrelationLoss, CrossEntropyLoss, FisherLoss, LossKind, MeanSquareLoss};
use training::optimiser::OptimiserKind;
use training::second_order::SecondOrderSettings;
#[cfg(feature = "fitted-network")]
use training::surrogate::Surrogate;
use training::tasks::{BallTask, CsvTask, TaskKind, TeacherTask, TruthTableTask};

use crate::language::document::KeyError;
use crate::language::layered::LayeredSettings;
use crate::language::scenario::section;

/// Types that can be read from the table of a section without its `kind`.
pub(crate) trait FromTable: Sized {
    /// Reads the table at `at`.
    fn from_table(value: Value, at: &str) -> Result<Self, KeyError>;
}

impl<T: DeserializeOwned> FromTable for T {
    fn from_table(value: Value, at: &str) -> Result<Self, KeyError> {
        section(value, at)
    }
}

/// Declares a section that is one of several kinds: `"name" => Variant(Settings)`, all settings implementing the trait.
macro_rules! kinds {
    (
        $(#[$about:meta])*
        $section:ident of $trait:ident {
            $($(#[doc = $about_kind:literal])* $(#[cfg($on:meta)])? $kind:literal => $variant:ident($settings:ty),)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum $section {
            $($(#[doc = $about_kind])* $(#[cfg($on)])? #[serde(rename = $kind)] $variant($settings),)+
        }

        impl $section {
            /// All kinds.
            pub const KINDS: &[&str] = &[$($(#[cfg($on)])? $kind),+];

            /// Understands the table of a section that stands at `at`.
            ///
            /// # Errors
            /// At the first key that is unknown, missing, or of a wrong type.
            pub fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
                let (kind, rest) = kind_of(value, at, Self::KINDS)?;
                match kind.as_str() {
                    $($(#[cfg($on)])? $kind => FromTable::from_table(rest, at).map(Self::$variant),)+
                    _ => Err(KeyError::new(at, "`kind` is not known")),
                }
            }

            /// Its settings.
            #[must_use]
            pub fn settings(&self) -> &dyn $trait {
                match self {
                    $($(#[cfg($on)])? Self::$variant(settings) => settings,)+
                }
            }
        }
    };
}

kinds! {
    /// `[noise]`.
    NoiseSection of NoiseKind {
        /// No noise.
        "none" => None(NoNoise),
        /// The same density at all frequencies.
        "white" => White(WhiteNoise),
        /// Gaussian noise of a power-law spectrum.
        "power-law" => PowerLaw(PowerLaw),
        /// Gaussian noise of a measured spectrum: columns frequency (Hz) and density (nA²/Hz).
        "tabulated" => Tabulated(TabulatedNoise),
        /// Gaussian relaxation processes.
        "relaxation" => Relaxation(RelaxationNoise),
        /// Random telegraph signals.
        "telegraph" => Telegraph(TelegraphNoise),
        /// A measured trace (nA) at the sampling rate, replayed from random starting points.
        "trace" => Trace(TraceNoise),
        /// Hum: lines at the mains frequency and its multiples, with random phases.
        "mains" => Mains(noise::Mains),
        /// Independent sources added up.
        "sum" => Sum(SumNoise),
    }
}

kinds! {
    /// `[device]`.
    DeviceSection of DeviceKind {
        /// I = I₀ + g·w.
        "linear" => Linear(LinearSettings),
        /// Polynomial in each parameter, and products of two.
        "polynomial" => Polynomial(PolynomialSettings),
        /// Neural surrogate.
        "neural-surrogate" => NeuralSurrogate(SurrogateSettings),
        /// Simulated dopant network.
        "dopant-network" => DopantNetwork(NetworkSettings),
        /// Formulas of the parameters.
        "expression" => Expression(device::ExpressionSettings),
        /// Network of devices.
        "layered" => Layered(LayeredSettings),
        /// A program of its own, asked for currents.
        "process" => Process(ProcessSettings),
        /// What the program that runs the study brings.
        "given" => Given(GivenSettings),
    }
}

kinds! {
    /// `[estimator]`.
    EstimatorSection of EstimatorKind {
        /// Homodyne gradient extraction.
        "hge" => Hge(HgeSettings),
        /// Finite differences.
        "fd" => Fd(FiniteDifferences),
        /// Simultaneous perturbation.
        "spsa" => Spsa(estimators::random::Spsa),
        /// Walsh codes.
        "walsh" => Walsh(Walsh),
        /// Random codes.
        "random-code" => RandomCode(RandomCode),
        /// Polynomial fit to a current-voltage curve.
        "curve-fit" => CurveFit(CurveFit),
    }
}

kinds! {
    /// `[task]`.
    TaskSection of TaskKind {
        /// A Boolean gate.
        "truth-table" => TruthTable(TruthTableTask),
        /// Points inside and outside of a ball.
        "ball" => Ball(BallTask),
        /// Currents of the device itself at hidden controls.
        "teacher" => Teacher(TeacherTask),
        /// Patterns from a file.
        "csv" => Csv(CsvTask),
    }
}

kinds! {
    /// `[training.loss]`.
    LossSection of LossKind {
        /// Correlation over separation, as published.
        "correlation" => Correlation(CorrelationLoss),
        /// Mean squared error of the currents (nA²).
        "mean-square" => MeanSquare(MeanSquareLoss),
        /// Variance within the classes over the squared distance of their means.
        "fisher" => Fisher(FisherLoss),
        /// Cross-entropy of a linear read-out.
        "cross-entropy" => CrossEntropy(CrossEntropyLoss),
    }
}

kinds! {
    /// `[training.optimiser]`.
    OptimiserSection of OptimiserKind {
        /// Gradient descent.
        "descent" => Descent(DescentSettings),
        /// Simultaneous perturbation of the loss.
        "spsa" => Spsa(training::spsa::Spsa),
        /// The same, with an estimate of the Hessian.
        "second-order-spsa" => SecondOrderSpsa(SecondOrderSettings),
        /// Genetic algorithm.
        "genetic" => Genetic(Genetic),
        /// CMA-ES.
        #[cfg(feature = "cma-es")]
        "cma-es" => CmaEs(CmaEs),
        /// Gradient descent on a neural network fitted to the device.
        #[cfg(feature = "fitted-network")]
        "surrogate" => Surrogate(Surrogate),
    }
}

/// Removes the kind from a table, if it is an allowed one.
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
    /// The device, which has one output.
    ///
    /// # Errors
    /// At the field that is at fault.
    pub fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        let device = self.settings().build(around)?;
        device::check_single_output(device.as_ref())?;
        Ok(device)
    }
}

/// Independent sources added up.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SumNoise {
    /// The sources, each like a `[noise]` table.
    pub terms: Vec<NoiseSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    terms: Vec<Value>,
}

impl FromTable for SumNoise {
    fn from_table(value: Value, at: &str) -> Result<Self, KeyError> {
        let Terms { terms } = section(value, at)?;
        let terms = terms.into_iter().enumerate();
        let terms = terms.map(|(k, term)| NoiseSection::parse(term, &format!("{at}.terms.{k}")));
        Ok(Self { terms: terms.collect::<Result<_, _>>()? })
    }
}

impl NoiseKind for SumNoise {
    fn build(&self, around: &mut noise::Surroundings) -> Result<NoiseModel, SettingError> {
        let build = |(k, term): (usize, &NoiseSection)| {
            term.settings().build(around).map_err(|e| e.within(&format!("terms.{k}")))
        };
        Ok(NoiseModel::Sum(self.terms.iter().enumerate().map(build).collect::<Result<_, _>>()?))
    }

    fn files(&self) -> Vec<InputFile> {
        self.terms.iter().flat_map(|term| term.settings().files()).collect()
    }
}
