//! Interface of the kinds of noise.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{InputFile, SettingError};

use crate::{NoiseError, NoiseModel};

/// Context in which a noise source is built, and the remarks that this produces.
#[derive(Debug)]
pub struct Surroundings<'s> {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Folder that relative paths refer to.
    pub folder: &'s Path,
    /// Remarks on rows left out of files, one sentence each.
    pub remarks: Vec<String>,
}

impl<'s> Surroundings<'s> {
    /// Context with files in `folder` and samples at `rate_hz`.
    #[must_use]
    pub fn in_folder(folder: &'s Path, rate_hz: f64) -> Self {
        Self { rate_hz, folder, remarks: Vec::new() }
    }

    /// Reads a file with `read` and keeps the remarks.
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
    /// Names the invalid field.
    fn build(&self, around: &mut Surroundings) -> Result<NoiseModel, SettingError>;

    /// The files that it reads; they are part of the study's identity.
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
