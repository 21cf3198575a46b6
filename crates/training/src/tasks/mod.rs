//! The kinds of tasks, and what each of them is asked for.

mod ball;
mod csv;
mod teacher;
mod truth_table;

use std::path::Path;

use device::Device;
use settings::{InputFile, PerParameter, SettingError};

use crate::{Loss, Patterns, Wiring};

pub use ball::BallTask;
pub use csv::CsvTask;
pub use teacher::{TeacherInputs, TeacherTask};
pub use truth_table::TruthTableTask;

/// Voltages lie between minus and plus this \[V\]: no device bears more, and their powers are still numbers.
pub const MOST_VOLT: f64 = 1e6;

/// What is trained: a device, which of its parameters are trained, and in which ranges \[V\].
#[derive(Clone, Copy, Debug)]
pub struct Trained<'t> {
    /// The device.
    pub device: &'t dyn Device,
    /// Which of its parameters are trained.
    pub wiring: &'t Wiring,
    /// Range of each control \[V\].
    pub range_volt: &'t [(f64, f64)],
}

/// What the making of patterns is told of its surroundings, and tells them.
#[derive(Debug)]
pub struct Surroundings<'s> {
    /// What is trained.
    pub trained: Trained<'s>,
    /// The loss that they are made for.
    pub loss: Loss,
    /// Folder from which relative paths start.
    pub folder: &'s Path,
    /// What was left out of files, one sentence each.
    pub remarks: Vec<String>,
}

/// The settings of a kind of task.
pub trait TaskKind {
    /// The parameters that are inputs, from 1, of a device of so many.
    ///
    /// # Errors
    /// If there are not as many.
    fn inputs(&self, parameters: usize) -> Result<Vec<usize>, SettingError>;

    /// How long a pattern is held where only its current is read \[s\].
    fn hold_s(&self) -> f64;

    /// Ramp to each pattern \[s\].
    fn ramp_s(&self) -> f64;

    /// Patterns to train with, and to test with.
    ///
    /// # Errors
    /// At the field that is at fault.
    fn patterns(&self, around: &mut Surroundings) -> Result<(Patterns, Patterns), SettingError>;

    /// The files that it reads, which are a part of what a study is.
    fn files(&self) -> Vec<InputFile> {
        Vec::new()
    }
}

fn default_hold_s() -> f64 {
    0.1
}

fn default_ramp_s() -> f64 {
    0.01
}

/// Lowest and highest voltage of each input.
pub(crate) fn input_ranges(
    inputs: usize,
    low_volt: &PerParameter,
    high_volt: &PerParameter,
) -> Result<Vec<[f64; 2]>, SettingError> {
    let each = |field: &'static str, volt: &PerParameter| match volt.to_vec() {
        one if one.len() == 1 => Ok(vec![one[0]; inputs]),
        each if each.len() == inputs => Ok(each),
        other => Err(SettingError::new(field, format!("found {} voltages: there are {inputs} inputs", other.len()))),
    };
    let (low, high) = (each("low_volt", low_volt)?, each("high_volt", high_volt)?);
    for (field, each) in [("low_volt", &low), ("high_volt", &high)] {
        if let Some(volt) = each.iter().find(|volt| volt.abs() > MOST_VOLT) {
            return Err(SettingError::new(field, format!("found {volt}: must lie from {} to {MOST_VOLT}", -MOST_VOLT)));
        }
    }
    if let Some((low, high)) = low.iter().zip(&high).find(|(low, high)| low >= high) {
        let message = format!("found {high}: must lie above low_volt ({low})");
        return Err(SettingError::new("high_volt", message));
    }
    Ok(low.iter().zip(&high).map(|(low, high)| [*low, *high]).collect())
}
