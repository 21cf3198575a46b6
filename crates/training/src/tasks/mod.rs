//! The kinds of tasks and their interface.

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

/// Largest absolute voltage \[V\]: no device withstands more, and its powers do not overflow.
pub const MOST_VOLT: f64 = 1e6;

/// The device, its trained parameters and their ranges.
#[derive(Clone, Copy, Debug)]
pub struct Trained<'t> {
    /// The device.
    pub device: &'t dyn Device,
    /// The trained parameters.
    pub wiring: &'t Wiring,
    /// Range of each control \[V\].
    pub range_volt: &'t [(f64, f64)],
}

/// Context in which patterns are generated, and the remarks that this produces.
#[derive(Debug)]
pub struct Surroundings<'s> {
    /// The device and its controls.
    pub trained: Trained<'s>,
    /// The loss.
    pub loss: Loss,
    /// Folder that relative paths refer to.
    pub folder: &'s Path,
    /// Remarks on rows left out of files, one sentence each.
    pub remarks: Vec<String>,
}

/// The settings of a kind of task.
pub trait TaskKind {
    /// The parameters used as inputs, counted from 1, of a device with `parameters` parameters.
    ///
    /// # Errors
    /// If the device has too few.
    fn inputs(&self, parameters: usize) -> Result<Vec<usize>, SettingError>;

    /// Duration of a pattern when only its current is read \[s\].
    fn hold_s(&self) -> f64;

    /// Duration of the ramp to each pattern \[s\].
    fn ramp_s(&self) -> f64;

    /// Training patterns and test patterns.
    ///
    /// # Errors
    /// Names the invalid field.
    fn patterns(&self, around: &mut Surroundings) -> Result<(Patterns, Patterns), SettingError>;

    /// The files that it reads; they are part of the study's identity.
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
