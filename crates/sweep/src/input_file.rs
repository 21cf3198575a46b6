//! Files that a scenario names: a type of their own, and which of them a scenario reads.
//!
//! What a study is depends on what stands in its files, so every setting that names one is an [`InputFile`] and is listed
//! here; the matches name every field, so that a new one has to be placed.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::document::KeyError;
use crate::scenario::{
    DeviceSection, DopantNetworkDevice, FileNoise, LayerSection, LayeredSection, NoiseSection, SurrogateDevice,
};
use crate::training_sections::{CsvTask, TaskSection};

/// A file that is read; a relative path starts at the scenario's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InputFile(pub PathBuf);

impl AsRef<Path> for InputFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

/// Sections that may name files.
pub(crate) const SECTIONS: [&str; 3] = ["device", "noise", "task"];

/// Every file that is read by a scenario's tree in which every swept key has been set.
pub(crate) fn files_of(table: &Table) -> Result<Vec<InputFile>, KeyError> {
    let [device, noise, task] = SECTIONS.map(|section| table.get(section).cloned().map(|value| (value, section)));
    let mut files = Vec::new();
    if let Some((value, section)) = device {
        add_files_of_device(&DeviceSection::parse(value, section)?, &mut files);
    }
    if let Some((value, section)) = noise {
        add_files_of_noise(&NoiseSection::parse(value, section)?, &mut files);
    }
    if let Some((value, section)) = task {
        add_files_of_task(&TaskSection::parse(value, section)?, &mut files);
    }
    Ok(files)
}

fn add_files_of_device(device: &DeviceSection, files: &mut Vec<InputFile>) {
    match device {
        DeviceSection::Linear(_) | DeviceSection::Polynomial(_) => {}
        DeviceSection::NeuralSurrogate(SurrogateDevice { file, activation: _, operating_point_volt: _ }) => {
            files.push(file.clone());
        }
        DeviceSection::DopantNetwork(DopantNetworkDevice {
            file,
            generate: _,
            output_electrode: _,
            most_states: _,
            most_megabytes: _,
            most_seconds: _,
            method: _,
            tolerance: _,
            range_volt: _,
            operating_point_volt: _,
        }) => files.extend(file.clone()),
        DeviceSection::Layered(LayeredSection { layers, operating_point_volt: _ }) => {
            for LayerSection { devices, inputs: _, interface: _ } in layers {
                devices.iter().for_each(|device| add_files_of_device(device, files));
            }
        }
    }
}

fn add_files_of_noise(noise: &NoiseSection, files: &mut Vec<InputFile>) {
    match noise {
        NoiseSection::None {}
        | NoiseSection::White(_)
        | NoiseSection::PowerLaw(_)
        | NoiseSection::Relaxation(_)
        | NoiseSection::Telegraph(_) => {}
        NoiseSection::Tabulated(FileNoise { file }) | NoiseSection::Trace(FileNoise { file }) => {
            files.push(file.clone());
        }
        NoiseSection::Sum { terms } => terms.iter().for_each(|term| add_files_of_noise(term, files)),
    }
}

fn add_files_of_task(task: &TaskSection, files: &mut Vec<InputFile>) {
    match task {
        TaskSection::TruthTable(_) | TaskSection::Ball(_) | TaskSection::Teacher(_) => {}
        TaskSection::Csv(CsvTask { file, test_file, inputs: _, hold_s: _, ramp_s: _ }) => {
            files.push(file.clone());
            files.extend(test_file.clone());
        }
    }
}
