//! What every kind of noise is asked for.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};

use crate::{NoiseError, NoiseModel};

/// What the building of a noise source is told of its surroundings, and tells them.
#[derive(Debug)]
pub struct Surroundings<'s> {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Folder from which relative paths start.
    pub folder: &'s Path,
    /// What was left out of files, one sentence each.
    pub remarks: Vec<String>,
}

impl<'s> Surroundings<'s> {
    /// Samples at `rate_hz`, files from `folder`.
    #[must_use]
    pub fn in_folder(folder: &'s Path, rate_hz: f64) -> Self {
        Self { rate_hz, folder, remarks: Vec::new() }
    }

    /// What `read` makes of a file; its remarks are kept.
    pub(crate) fn read<T>(
        &mut self,
        file: &InputFile,
        read: impl Fn(&Path) -> Result<(T, Vec<String>), NoiseError>,
    ) -> Result<T, SettingError> {
        let path = self.folder.join(file);
        let (found, of_file) = read(&path)?;
        self.remarks.extend(of_file.iter().map(|remark| format!("`{}`: {remark}", path.display())));
        Ok(found)
    }
}

/// The settings of a kind of noise.
pub trait NoiseKind {
    /// The noise source.
    ///
    /// # Errors
    /// At the field that is at fault.
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError>;

    /// The files that it reads, which are a part of what a study is.
    fn files(&self) -> Vec<InputFile> {
        Vec::new()
    }
}

/// No noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoNoise {}

impl NoiseKind for NoNoise {
    fn build(&self, _around: &mut Surroundings) -> Result<NoiseModel, SettingError> {
        Ok(NoiseModel::None)
    }
}
