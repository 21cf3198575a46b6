//! The input files of a scenario; their content is part of the identity of a study.

use settings::InputFile;
use toml::Table;

use crate::language::document::KeyError;
use crate::language::kinds::{DeviceSection, NoiseSection, TaskSection};

/// Sections that may name files.
pub(crate) const SECTIONS: [&str; 3] = ["device", "noise", "task"];

/// Every file that is read by a scenario's tree in which every swept key has been set.
pub(crate) fn files_of(table: &Table) -> Result<Vec<InputFile>, KeyError> {
    let [device, noise, task] = SECTIONS.map(|section| table.get(section).cloned().map(|value| (value, section)));
    let mut files = Vec::new();
    if let Some((value, section)) = device {
        files.extend(DeviceSection::parse(value, section)?.settings().files());
    }
    if let Some((value, section)) = noise {
        files.extend(NoiseSection::parse(value, section)?.settings().files());
    }
    if let Some((value, section)) = task {
        files.extend(TaskSection::parse(value, section)?.settings().files());
    }
    Ok(files)
}
