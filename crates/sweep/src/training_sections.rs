//! `[task]` and `[training]` of a scenario file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::document::KeyError;
use crate::input_file::InputFile;
use crate::scenario::{PerParameter, kind_of, section};
use crate::simultaneous_sections::{SecondOrderSpsaOptimiser, SpsaOptimiser};
use crate::teacher_task::TeacherTask;

/// A two-input Boolean gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TruthTableTask {
    /// Outputs for the inputs 00, 01, 10, 11 as four digits, or AND, OR, NAND, NOR, XOR, XNOR, TRUE, FALSE.
    pub gate: String,
    /// The two parameters that are inputs, from 1.
    pub inputs: Vec<usize>,
    /// Voltage of a logic 0 (V), of both inputs or of each.
    pub low_volt: PerParameter,
    /// Voltage of a logic 1 (V), of both inputs or of each.
    pub high_volt: PerParameter,
    /// How long a pattern is held where only its current is read (s).
    #[serde(default = "default_hold_s")]
    pub hold_s: f64,
    /// Ramp to each pattern (s).
    #[serde(default = "default_ramp_s")]
    pub ramp_s: f64,
}

/// Points within a ball against points around it: a ring of two inputs, a sphere of three.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BallTask {
    /// The parameters that are inputs, from 1; their number is the dimension.
    pub inputs: Vec<usize>,
    /// Radius of the inner class, where the outer one ends at 1.
    pub inner_radius: f64,
    /// Width of the empty shell between the classes.
    #[serde(default)]
    pub gap: f64,
    /// Class 1, of the higher current, is the outer one.
    #[serde(default)]
    pub outer_is_one: bool,
    /// Voltage at coordinate −1 (V), of all inputs or of each.
    pub low_volt: PerParameter,
    /// Voltage at coordinate 1 (V), of all inputs or of each.
    pub high_volt: PerParameter,
    /// Number of points to train with.
    #[serde(default = "default_training_points")]
    pub training_points: usize,
    /// Number of points to test with.
    #[serde(default = "default_test_points")]
    pub test_points: usize,
    /// Seed of the points.
    #[serde(default)]
    pub seed: u64,
    /// How long a pattern is held where only its current is read (s).
    #[serde(default = "default_hold_s")]
    pub hold_s: f64,
    /// Ramp to each pattern (s).
    #[serde(default = "default_ramp_s")]
    pub ramp_s: f64,
}

/// Inputs and targets from files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvTask {
    /// Text file of rows of input voltages (V), with the target in the last column: a class, 0 or 1 (or −1 or 1), or for the
    /// loss "mean-square" any current (nA). A relative path starts at the scenario's folder.
    pub file: InputFile,
    /// The same to test with; the training file if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<InputFile>,
    /// The parameters that are inputs, from 1.
    pub inputs: Vec<usize>,
    /// How long a pattern is held where only its current is read (s).
    #[serde(default = "default_hold_s")]
    pub hold_s: f64,
    /// Ramp to each pattern (s).
    #[serde(default = "default_ramp_s")]
    pub ramp_s: f64,
}

pub(crate) fn default_hold_s() -> f64 {
    0.1
}

pub(crate) fn default_ramp_s() -> f64 {
    0.01
}

fn default_training_points() -> usize {
    300
}

fn default_test_points() -> usize {
    1000
}

/// `[task]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskSection {
    /// A Boolean gate.
    TruthTable(TruthTableTask),
    /// A ball.
    Ball(BallTask),
    /// Currents of the device itself, at hidden controls.
    Teacher(TeacherTask),
    /// Anything else.
    Csv(CsvTask),
}

impl TaskSection {
    pub(crate) fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let (kind, rest) = kind_of(value, at, &["truth-table", "ball", "teacher", "csv"])?;
        Ok(match kind.as_str() {
            "truth-table" => Self::TruthTable(section(rest, at)?),
            "ball" => Self::Ball(section(rest, at)?),
            "teacher" => Self::Teacher(section(rest, at)?),
            _ => Self::Csv(section(rest, at)?),
        })
    }
}

/// How far two classes of currents lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeparationChoice {
    /// The difference of their means, as published.
    #[default]
    Mean,
    /// The lowest current of class 1 minus the highest of class 0 (brains-py): every single pattern has to be right.
    Worst,
}

/// E = (1 − ρ)/σ((y_sep − offset)/scale).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelationLoss {
    /// y_sep, how far the classes lie apart.
    pub separation: SeparationChoice,
    /// Scale of the separation of the classes (nA).
    pub scale_na: f64,
    /// Separation at which the logistic function is one half (nA).
    pub offset_na: f64,
    /// Where all patterns are of one class: on which side of this current they shall be (nA).
    pub threshold_na: f64,
}

impl Default for CorrelationLoss {
    fn default() -> Self {
        Self { separation: SeparationChoice::Mean, scale_na: 1.0, offset_na: 0.0, threshold_na: 0.0 }
    }
}

/// Cross-entropy of a linear read-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrossEntropyLoss {
    /// Weight of the squared coefficients of the read-out.
    pub penalty: f64,
}

impl Default for CrossEntropyLoss {
    fn default() -> Self {
        Self { penalty: 1e-3 }
    }
}

/// `[training.loss]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LossSection {
    /// Correlation over separation, as published.
    Correlation(CorrelationLoss),
    /// Mean squared error of the currents (nA²).
    MeanSquare {},
    /// Variance within the classes over the squared distance of their means.
    Fisher {},
    /// Cross-entropy of a linear read-out.
    CrossEntropy(CrossEntropyLoss),
}

impl LossSection {
    fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let (kind, rest) = kind_of(value, at, &["correlation", "mean-square", "fisher", "cross-entropy"])?;
        Ok(match kind.as_str() {
            "correlation" => Self::Correlation(section(rest, at)?),
            "cross-entropy" => Self::CrossEntropy(section(rest, at)?),
            other => {
                let Nothing {} = section(rest, at)?;
                if other == "fisher" { Self::Fisher {} } else { Self::MeanSquare {} }
            }
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Where the derivatives of a descent come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GradientChoice {
    /// `(estimator)`.
    #[default]
    Measured,
    /// The device's exact gradient, without noise and without time: an upper bound.
    Exact,
}

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateChoice {
    /// Plain gradient descent, as published.
    #[default]
    Plain,
    /// Momentum 0.9.
    Momentum,
    /// Adam with 0.9, 0.999 and 10⁻⁸; its learning rate is in V.
    Adam,
    /// Each step divided by 1 + η|∂²E/∂w²|: for `readout = "curvature"`, or exact derivatives of a device that knows its second
    /// ones.
    Curvature,
}

/// Gradient descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescentOptimiser {
    /// η (V² for a loss without unit; V for Adam).
    pub learning_rate: f64,
    /// How a gradient becomes a step.
    #[serde(default)]
    pub update: UpdateChoice,
    /// Where the derivatives come from.
    #[serde(default)]
    pub gradient: GradientChoice,
}

/// A genetic algorithm in the manner of brains-py.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GeneticOptimiser {
    /// Genomes in a generation.
    pub genomes: usize,
    /// Best genomes that are kept.
    pub elite: usize,
    /// Generations after which an attempt is given up, and over which mutations become rare; `max_iterations` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generations: Option<usize>,
}

impl Default for GeneticOptimiser {
    fn default() -> Self {
        let d = training::genetic::Genetic::default();
        Self { genomes: d.genomes, elite: d.elite, generations: d.generations }
    }
}

/// Covariance matrix adaptation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CmaEsOptimiser {
    /// First standard deviation of each control (V).
    pub sigma_volt: f64,
}

impl Default for CmaEsOptimiser {
    fn default() -> Self {
        Self { sigma_volt: 0.3 }
    }
}

/// A neural network fitted to the device, descent on it, and test of what it finds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SurrogateOptimiser {
    /// Random points at which the device is measured, each for `task.hold_s`.
    pub points: usize,
    /// Units in each of two hidden layers.
    pub hidden: usize,
    /// Passes over the points while fitting.
    pub epochs: usize,
    /// Learning rate of the fit.
    pub learning_rate: f64,
    /// Descents on the network; what they find is tested on the device, best first.
    pub candidates: usize,
}

impl Default for SurrogateOptimiser {
    fn default() -> Self {
        let d = training::fitted::Fitted::default();
        Self {
            points: d.points,
            hidden: d.hidden,
            epochs: d.epochs,
            learning_rate: d.learning_rate,
            candidates: d.candidates,
        }
    }
}

/// `[training.optimiser]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum OptimiserSection {
    /// Gradient descent.
    Descent(DescentOptimiser),
    /// Simultaneous perturbation of the loss.
    Spsa(SpsaOptimiser),
    /// The same, with an estimate of the Hessian.
    SecondOrderSpsa(SecondOrderSpsaOptimiser),
    /// Genetic algorithm.
    Genetic(GeneticOptimiser),
    /// CMA-ES.
    CmaEs(CmaEsOptimiser),
    /// Surrogate route.
    Surrogate(SurrogateOptimiser),
}

impl OptimiserSection {
    fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let (kind, rest) =
            kind_of(value, at, &["descent", "spsa", "second-order-spsa", "genetic", "cma-es", "surrogate"])?;
        Ok(match kind.as_str() {
            "descent" => Self::Descent(section(rest, at)?),
            "spsa" => Self::Spsa(section(rest, at)?),
            "second-order-spsa" => Self::SecondOrderSpsa(section(rest, at)?),
            "genetic" => Self::Genetic(section(rest, at)?),
            "cma-es" => Self::CmaEs(section(rest, at)?),
            _ => Self::Surrogate(section(rest, at)?),
        })
    }
}

/// How the device's answer to the perturbation is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerChoice {
    /// At every sample.
    #[default]
    Sampled,
    /// By its exact gradient: without harmonics and mixing products, of which ½ α² ∂²I/∂w² is the size.
    LinearResponse,
}

/// By which loss a run is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeChoice {
    /// The measured one, as in an experiment.
    #[default]
    Measured,
    /// The one without noise, which no instrument knows, at all controls that are measured or arrived at: for comparisons of
    /// methods. The optimiser itself sees measured losses alone.
    NoiseFree,
}

/// `[training]`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TrainingSection {
    /// Iterations after which an attempt is given up and begun anew.
    pub max_iterations: usize,
    /// Loss at which training has succeeded.
    pub stop_below: f64,
    /// Which loss that is.
    pub judge: JudgeChoice,
    /// Further passes whose mean currents must give such a loss again before it counts; none as published.
    pub confirmations: usize,
    /// How far, without noise, every training current must lie from one threshold for a run to count as solved (nA).
    pub margin_na: f64,
    /// Part of the test patterns that, without noise, must lie on the right side of the threshold for a run to count as
    /// solved. At 1 every training pattern must, by `margin_na`.
    pub solved_accuracy: f64,
    /// Measurement time after which no new measurement is begun (s).
    pub budget_s: f64,
    /// Lowest and highest voltage of all controls, or of each (V); the device's own ranges if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_volt: Option<RangeChoice>,
    /// How the device's answer to the perturbation is computed.
    pub answer: AnswerChoice,
    /// What is made small.
    pub loss: LossSection,
    /// How the controls are found.
    pub optimiser: OptimiserSection,
}

/// One range for all controls, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be two voltages, the lower one first, or such a pair for each control")]
pub enum RangeChoice {
    /// The same for all.
    All([f64; 2]),
    /// One for each.
    Each(Vec<[f64; 2]>),
}

/// What of `[training]` is no table of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(default = "default_max_iterations")]
    max_iterations: usize,
    stop_below: f64,
    #[serde(default)]
    judge: JudgeChoice,
    #[serde(default)]
    confirmations: usize,
    #[serde(default)]
    margin_na: f64,
    #[serde(default = "all")]
    solved_accuracy: f64,
    budget_s: f64,
    range_volt: Option<RangeChoice>,
    #[serde(default)]
    answer: AnswerChoice,
}

fn default_max_iterations() -> usize {
    300
}

fn all() -> f64 {
    1.0
}

impl TrainingSection {
    pub(crate) fn parse(value: Value, at: &str) -> Result<Self, KeyError> {
        let Value::Table(mut table) = value else {
            return Err(KeyError::new(at, format!("found a {}, must be a table", value.type_str())));
        };
        let loss = match table.remove("loss") {
            Some(value) => LossSection::parse(value, &format!("{at}.loss"))?,
            None => LossSection::Correlation(CorrelationLoss::default()),
        };
        let optimiser = table.remove("optimiser").ok_or_else(|| KeyError::new(at, "`optimiser` is missing"))?;
        let optimiser = OptimiserSection::parse(optimiser, &format!("{at}.optimiser"))?;
        let plain: Plain = section(Value::Table(table), at)?;
        Ok(Self {
            max_iterations: plain.max_iterations,
            stop_below: plain.stop_below,
            judge: plain.judge,
            confirmations: plain.confirmations,
            margin_na: plain.margin_na,
            solved_accuracy: plain.solved_accuracy,
            budget_s: plain.budget_s,
            range_volt: plain.range_volt,
            answer: plain.answer,
            loss,
            optimiser,
        })
    }
}
