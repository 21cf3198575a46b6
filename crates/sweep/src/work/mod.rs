//! What is computed at the points of a sweep, in units that can be done anywhere, in any order, and saved at any step.
//!
//! Each kind of study is a [`Work`]: it prepares a point once, takes numbered steps there, and in the end collects what
//! was saved into variables. Steps know nothing of each other but the running state of their unit, and that state is a
//! list of numbers; so a unit can be put down after any step and taken up again with the same result to the last bit.

use estimators::EstimatorError;

use crate::error::{PointError, SweepError};
use crate::plan::{Plan, Stage};
use crate::results::{Dimension, Results, Sink, Variable};
use crate::source::Source;

mod columns;
pub(crate) mod errors;
pub(crate) mod logic;
pub(crate) mod response;
pub(crate) mod spectrum;
pub(crate) mod training;

/// Numbers and words that are saved together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// Steps that the numbers hold.
    pub(crate) steps: u64,
    /// The numbers.
    pub(crate) numbers: Vec<f64>,
    /// A remark.
    pub(crate) text: String,
}

impl Record {
    /// As bytes: steps, count of numbers, numbers, text; little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + 8 * self.numbers.len() + self.text.len());
        bytes.extend(self.steps.to_le_bytes());
        bytes.extend((self.numbers.len() as u64).to_le_bytes());
        for x in &self.numbers {
            bytes.extend(x.to_le_bytes());
        }
        bytes.extend(self.text.as_bytes());
        bytes
    }

    /// From bytes; none if they are not those of a record.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (steps, rest) = bytes.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(8)?;
        let (numbers, text) = rest.split_at_checked(length)?;
        let (numbers, _) = numbers.as_chunks::<8>();
        Some(Self {
            steps: u64::from_le_bytes(*steps),
            numbers: numbers.iter().map(|x| f64::from_le_bytes(*x)).collect(),
            text: String::from_utf8(text.to_vec()).ok()?,
        })
    }
}

/// One step of a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The stage.
    pub(crate) stage: Stage,
    /// The point of the sweep.
    pub(crate) point: usize,
    /// Number of the step at this point.
    pub(crate) number: u64,
}

/// A kind of study.
pub(crate) trait Work: Sync {
    /// What all units of a point share.
    type Point: Sync;
    /// The running state of a unit.
    type State;

    /// Steps of a unit.
    const STEPS_OF_UNIT: u64;

    /// Steps at each point, where nothing else decides it.
    fn steps(&self) -> u64;

    /// Prepares a point.
    fn prepare(&self, point: usize) -> Result<Self::Point, PointError>;

    /// What is known of a point without taking a step.
    fn head(&self, point: &Self::Point) -> Result<Record, PointError>;

    /// The state at the start of a unit, or as it was saved.
    fn begin(&self, point: &Self::Point, saved: Option<&[f64]>) -> Self::State;

    /// Takes a step.
    fn step(&self, point: &Self::Point, state: &mut Self::State, step: Step) -> Result<(), PointError>;

    /// The state as numbers.
    fn numbers(&self, state: &Self::State) -> Vec<f64>;

    /// Writes everything that was found, in the order of the points.
    fn collect(&self, source: &Source, plan: &Plan, sink: &mut dyn Sink) -> Result<(), SweepError>;
}

impl From<device::DeviceError> for PointError {
    fn from(error: device::DeviceError) -> Self {
        Self::Estimator(EstimatorError::Device(error))
    }
}

/// A variable that is to be appended to, or holds its values already.
pub(crate) fn variable(
    name: impl Into<String>,
    dimensions: Vec<usize>,
    values: Vec<f64>,
    units: &str,
    long_name: impl Into<String>,
) -> Variable {
    Variable { name: name.into(), dimensions, values, units: units.to_owned(), long_name: long_name.into() }
}

/// An outline to begin a sink with.
pub(crate) fn outline(
    dimensions: Vec<Dimension>,
    variables: Vec<Variable>,
    attributes: Vec<(String, String)>,
) -> Results {
    Results { dimensions, variables, attributes }
}

pub(crate) use columns::{counting, sweep_dimensions};

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn records_survive_their_bytes_and_nothing_else_does() {
        let record = Record { steps: 7, numbers: vec![1.5, -0.0, f64::NAN, 1e-310], text: "µ".to_owned() };
        let bytes = record.to_bytes();
        let read = Record::from_bytes(&bytes).unwrap();
        assert_eq!((read.steps, &read.text), (7, &record.text));
        assert!(read.numbers.iter().zip(&record.numbers).all(|(a, b)| a.to_bits() == b.to_bits()));
        for cut in 0..48 {
            assert_eq!(Record::from_bytes(&bytes[..cut]), None, "{cut} bytes");
        }
    }
}
