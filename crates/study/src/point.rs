//! One point of a sweep: what every kind of study is given there, and the point that the kind builds from it.

use std::path::Path;
use std::sync::Arc;

use device::{Device, DeviceError};
use estimators::{EstimatorError, EstimatorKind, Instrument};
use noise::NoiseModel;
use toml::Table;

use crate::balanced::Balancing;
use crate::kind::{PointOfKind, StudyKind};
use crate::language::axes::SweepAxis;
use crate::language::document::KeyError;
use crate::language::kinds::DeviceSection;
use crate::language::scenario::Scenario;
use crate::limits::{RATES_HZ, number_within};
use crate::study::{Library, read_at};

/// A point of the sweep, checked.
#[derive(Debug)]
pub struct Point {
    /// Its scenario, with all swept keys set.
    pub scenario: Scenario,
    /// Remarks, one sentence each: lines left out of input files, balanced amplitudes.
    pub remarks: Vec<String>,
    /// What its kind of study needs.
    pub of_kind: PointOfKind,
    /// Swept keys that have no effect here.
    pub(crate) idle: Vec<String>,
}

/// A device at its operating point.
#[derive(Clone, Debug)]
pub struct OperatedDevice {
    /// The device.
    pub device: Arc<dyn Device>,
    /// Operating point \[V\], one voltage for each parameter.
    pub operating_point_volt: Vec<f64>,
}

/// What every kind of study is given at a point.
pub(crate) struct Given<'s> {
    pub(crate) scenario: Scenario,
    pub(crate) noise: NoiseModel,
    pub(crate) folder: &'s Path,
    pub(crate) library: &'s Library,
    pub(crate) balancing: Balancing,
    pub(crate) remarks: Vec<String>,
    operated: Option<OperatedDevice>,
    idle: Vec<String>,
}

/// A point of a kind of study: everything that it needs there, validated.
pub(crate) trait StudyPoint: Sized {
    /// Reads and validates its own part of the scenario.
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError>;

    /// Lengths of dimensions of the results at this point.
    fn extent(&self) -> Extent {
        Extent::default()
    }

    /// Samples of one repetition.
    fn samples(&self) -> u64 {
        0
    }
}

/// The largest lengths at any checked point.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// Number of parameters of the device, if there are results for each.
    pub(crate) parameters: usize,
    /// Whether second derivatives are measured at any point.
    pub(crate) curvature: bool,
    /// Of training studies.
    pub(crate) training: crate::training::Lengths,
}

impl Extent {
    pub(crate) fn most(self, other: Self) -> Self {
        Self {
            parameters: self.parameters.max(other.parameters),
            curvature: self.curvature || other.curvature,
            training: self.training.most(other.training),
        }
    }
}

/// Adds the place of the setting that an estimator's error is about.
pub(crate) fn from_estimator(error: EstimatorError) -> KeyError {
    match error {
        // how trials are computed is the study's choice
        EstimatorError::Setting { field: "route", .. } => KeyError::at("study", error.into()),
        EstimatorError::Device(e) => from_device(e),
        EstimatorError::Noise(e) => KeyError::at("noise", e.into()),
        other => KeyError::at("estimator", other.into()),
    }
}

/// The estimator's instrument behind the scenario's dynamics, for records of `samples` samples.
pub(crate) fn instrument_of(
    scenario: &Scenario,
    estimator: &dyn EstimatorKind,
    samples: usize,
) -> Result<Instrument, KeyError> {
    let rate_hz = scenario.sampling.rate_hz;
    let dynamics = scenario.dynamics.map(|dynamics| dynamics.checked(samples, rate_hz)).transpose();
    let dynamics = dynamics.map_err(|e| KeyError::at("dynamics", e.into()))?;
    let instrument = estimator.instrument().build(samples, rate_hz).map_err(from_estimator)?;
    Ok(Instrument { dynamics, ..instrument })
}

pub(crate) fn from_device(error: DeviceError) -> KeyError {
    KeyError::at("device", error.into())
}

/// The device of a section, with what it shares with devices of other points.
fn build_device(section: &DeviceSection, folder: &Path, library: &Library) -> Result<Arc<dyn Device>, KeyError> {
    let around = device::Surroundings { folder, shelf: library.shelf() };
    section.build(&around).map_err(|e| KeyError::at("device", e))
}

/// The device of a scenario's tree, ignoring the rest of the scenario.
pub(crate) fn device_of(
    base: &Table,
    axes: &[SweepAxis],
    point: usize,
    folder: &Path,
    library: &Library,
) -> Result<Arc<dyn Device>, KeyError> {
    let (section, _) = read_at(base, axes, point, Scenario::device_of)?;
    build_device(&section, folder, library)
}

/// A required table of the scenario.
pub(crate) fn needed<'s, T>(section: &'s Option<T>, name: &str) -> Result<&'s T, KeyError> {
    section.as_ref().ok_or_else(|| KeyError::new("", format!("the table `[{name}]` is missing")))
}

impl<'s> Given<'s> {
    /// Reads the scenario at a point, and checks what every kind of study has.
    pub(crate) fn at(
        base: &Table,
        axes: &[SweepAxis],
        point: usize,
        folder: &'s Path,
        library: &'s Library,
        balancing: Balancing,
    ) -> Result<Self, KeyError> {
        let (scenario, idle) = read_at(base, axes, point, Scenario::from_table)?;
        let rate_hz = scenario.sampling.rate_hz;
        number_within("sampling.rate_hz", rate_hz, RATES_HZ)?;
        if scenario.dynamics.is_some() && !matches!(scenario.study.kind, StudyKind::Error | StudyKind::Training) {
            let message = "acts on the records of studies of kind \"error\" and \"training\"; this kind has none";
            return Err(KeyError::new("dynamics", message));
        }
        let operate = |section: &DeviceSection| {
            let device = build_device(section, folder, library)?;
            let given = section.settings().operating_point_volt();
            let operating_point_volt = device::operating_point_volt(device.as_ref(), given).map_err(from_device)?;
            Ok(OperatedDevice { device, operating_point_volt })
        };
        let operated = scenario.device.as_ref().map(operate).transpose()?;
        let mut around = noise::Surroundings::in_folder(folder, rate_hz);
        let noise = scenario.noise.settings().build(&mut around).map_err(|e| KeyError::at("noise", e))?;
        let remarks = around.remarks;
        Ok(Self { scenario, noise, folder, library, balancing, remarks, operated, idle })
    }

    /// The device, from its required table.
    pub(crate) fn operated(&self) -> Result<OperatedDevice, KeyError> {
        needed(&self.operated, "device").cloned()
    }

    /// The point, with what its kind of study made of it.
    pub(crate) fn into_point(self, of_kind: PointOfKind) -> Point {
        Point { scenario: self.scenario, remarks: self.remarks, of_kind, idle: self.idle }
    }
}
