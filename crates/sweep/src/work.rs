//! Computations at the points of a sweep, in units that can run anywhere, in any order, and be saved at any step.
//!
//! Each kind of study is a [`Work`]: it prepares a point once, takes numbered steps there, and finally collects the
//! saved data into variables. Steps share only the running state of their unit, which is a list of numbers, so that a
//! unit can be interrupted after any step and resumed with a bit-identical result.

use results::Sink;

use crate::error::SweepError;
use crate::finished::Finished;
use crate::schedule::{Schedule, Stage};

/// What is saved of a unit or of a point: numbers and text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// Number of steps included.
    pub steps: u64,
    /// The numbers.
    pub numbers: Vec<f64>,
    /// A remark.
    pub text: String,
}

impl Saved {
    /// As bytes: steps, count of numbers, numbers, text; little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + 8 * self.numbers.len() + self.text.len());
        bytes.extend(self.steps.to_le_bytes());
        bytes.extend((self.numbers.len() as u64).to_le_bytes());
        for x in &self.numbers {
            bytes.extend(x.to_le_bytes());
        }
        bytes.extend(self.text.as_bytes());
        bytes
    }

    /// From bytes; `None` if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
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
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// The point of the sweep.
    pub point: usize,
    /// Number of the step at this point.
    pub number: u64,
}

/// A computation at every point of a sweep.
pub trait Work: Sync {
    /// Data shared by all units of a point.
    type Point: Sync;
    /// The running state of a unit.
    type State;
    /// Error of a point.
    type Error: std::error::Error;

    /// Steps of a unit.
    const STEPS_OF_UNIT: u64;

    /// Steps at each point, unless adaptive.
    fn steps(&self) -> u64;

    /// Prepares a point.
    ///
    /// # Errors
    /// If it cannot be computed.
    fn prepare(&self, point: usize) -> Result<Self::Point, Self::Error>;

    /// Data of a point that need no step; none, if it is not said otherwise.
    ///
    /// # Errors
    /// If it cannot be computed.
    fn head(&self, _point: &Self::Point) -> Result<Saved, Self::Error> {
        Ok(Saved::default())
    }

    /// The state at the start of a unit, or as it was saved.
    fn begin(&self, point: &Self::Point, saved: Option<&[f64]>) -> Self::State;

    /// Takes a step.
    ///
    /// # Errors
    /// If it cannot be computed.
    fn step(&self, point: &Self::Point, state: &mut Self::State, step: Step) -> Result<(), Self::Error>;

    /// The state as numbers.
    fn numbers(&self, state: &Self::State) -> Vec<f64>;

    /// Writes all results, in order of the points.
    ///
    /// # Errors
    /// If saved data cannot be read, or the sink refuses them.
    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError>;

    /// Message for a failed point: its number, coordinates, and the error.
    fn failure(&self, point: usize, error: &Self::Error) -> String {
        format!("point {point} failed: {error}")
    }

    /// Relative error after all units of a point, which determines the repetitions needed for a target.
    ///
    /// # Errors
    /// If saved data cannot be read.
    fn relative_error(&self, _finished: &Finished, _schedule: &Schedule, _point: usize) -> Result<f64, SweepError> {
        Ok(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Saved;

    #[test]
    fn records_survive_their_bytes_and_nothing_else_does() {
        let saved = Saved { steps: 7, numbers: vec![1.5, -0.0, f64::NAN, 1e-310], text: "µ".to_owned() };
        let bytes = saved.to_bytes();
        let read = Saved::from_bytes(&bytes).unwrap();
        assert_eq!((read.steps, &read.text), (7, &saved.text));
        assert!(read.numbers.iter().zip(&saved.numbers).all(|(a, b)| a.to_bits() == b.to_bits()));
        for cut in 0..48 {
            assert_eq!(Saved::from_bytes(&bytes[..cut]), None, "{cut} bytes");
        }
    }
}
