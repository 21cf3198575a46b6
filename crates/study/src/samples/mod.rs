//! Currents and derivatives of the device at voltages that fill their ranges evenly: what a model of it is fitted to.
//!
//! `study.repetitions` points of a Sobol sequence with Owen's scrambling (Burley, J. Comput. Graph. Tech. 9(4), 1 (2020), by the crate
//! `sobol_burley`), any initial part of which fills the ranges evenly too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{PerParameter, SettingError, number_within};

use crate::PointError;
use crate::Study;
use crate::axis_columns::counting;
use crate::columns::{Column, KindColumns, Outline};
use crate::kind::StudyWork;
use crate::language::document::KeyError;
use crate::limits::within;
use crate::point::{Extent, Given, OperatedDevice, StudyPoint, from_device};
use results::Sink;
use sweep::Finished;
use sweep::SweepError;
use sweep::schedule::Schedule;
use sweep::work::{Step, Work};
use training::tasks::MOST_VOLT;

/// Largest number of points: the length of the sequence.
const MOST_SAMPLES: u64 = 1 << 16;
/// Largest number of parameters: half of the dimensions of the sequence.
const MOST_PARAMETERS: usize = 128;
/// Least width of a range \[V\].
const LEAST_WIDTH_VOLT: f64 = 1e-9;

const COLUMNS: &[Column] = &[
    Column::new("sampled_volt", &["sample", "parameter"], "V", "voltages of the sample"),
    Column::new("sampled_current", &["sample"], "nA", "output current"),
    Column::new(
        "sampled_current_error",
        &["sample"],
        "nA",
        "standard error of the output current; 0 where it is exact",
    ),
    Column::new("sampled_gradient", &["sample", "parameter"], "nA/V", "derivative of the output current"),
    Column::new(
        "sampled_gradient_error",
        &["sample", "parameter"],
        "nA/V",
        "standard error of the derivative; 0 where it is exact",
    ),
    Column::new("range_low_volt", &["parameter"], "V", "lowest voltage of the samples"),
    Column::new("range_high_volt", &["parameter"], "V", "highest voltage of the samples"),
];
/// Number of columns with values for each sample; these come first.
const COLUMNS_OF_SAMPLE: usize = 5;

/// `[samples]`: the ranges of the voltages of a samples study.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplesSection {
    /// Lowest voltage (V), one number for all parameters or one for each; that of the device if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_volt: Option<PerParameter>,
    /// Highest voltage (V).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_volt: Option<PerParameter>,
}

impl SamplesSection {
    /// The ranges, for a device.
    fn ranges(&self, device: &dyn device::Device) -> Result<Vec<(f64, f64)>, SettingError> {
        let own = device.range_volt();
        let parameters = device.parameters();
        let ends = |field: &str, given: &Option<PerParameter>, own: Option<&Vec<f64>>| match (given, own) {
            (Some(PerParameter::Each(list)), _) if list.len() != parameters => {
                let message = format!("found {} numbers: the device has {parameters} parameters", list.len());
                Err(SettingError::new(field, message))
            }
            (Some(given), _) => Ok((0..parameters).filter_map(|m| given.of(m)).collect()),
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Err(SettingError::new(field, "is missing: the device has no ranges of its own")),
        };
        let low = ends("low_volt", &self.low_volt, own.as_ref().map(|o| &o.0))?;
        let high = ends("high_volt", &self.high_volt, own.as_ref().map(|o| &o.1))?;
        low.iter().try_for_each(|volt| number_within("low_volt", *volt, -MOST_VOLT..=MOST_VOLT).map(|_| ()))?;
        high.iter().try_for_each(|volt| number_within("high_volt", *volt, -MOST_VOLT..=MOST_VOLT).map(|_| ()))?;
        match low.iter().zip(&high).find(|(low, high)| **high - **low < LEAST_WIDTH_VOLT) {
            Some((low, high)) => {
                let message =
                    format!("found {high}: must lie above low_volt ({low}), by {LEAST_WIDTH_VOLT:e} V or more");
                Err(SettingError::new("high_volt", message))
            }
            None => Ok(low.into_iter().zip(high).collect()),
        }
    }
}

/// The samples study; a step is a sample.
pub(crate) struct Samples<'s>(&'s Study);

/// A point of a samples study: the device, and the ranges of its parameters.
#[derive(Debug)]
pub struct SamplesPoint {
    operated: OperatedDevice,
    ranges_volt: Vec<(f64, f64)>,
}

impl StudyPoint for SamplesPoint {
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError> {
        let operated = given.operated()?;
        device::check_single_output(operated.device.as_ref()).map_err(from_device)?;
        within("study.repetitions", given.scenario.study.repetitions, 1..=MOST_SAMPLES)?;
        if operated.device.parameters() > MOST_PARAMETERS {
            let message = format!("has {} parameters: at most {MOST_PARAMETERS}", operated.device.parameters());
            return Err(KeyError::new("device", message));
        }
        let section = given.scenario.samples.clone().unwrap_or_default();
        let ranges_volt = section.ranges(operated.device.as_ref()).map_err(|e| KeyError::at("samples", e))?;
        Ok(Self { operated, ranges_volt })
    }

    fn extent(&self) -> Extent {
        Extent { parameters: self.operated.device.parameters(), ..Extent::default() }
    }
}

impl SamplesPoint {
    /// Voltages of a sample.
    fn voltages(&self, seed: u64, sample: u64) -> Vec<f64> {
        // the seed of the sequence has 32 bits
        let seed = (seed ^ (seed >> 32)) as u32;
        let at = |(m, (low, high)): (usize, &(f64, f64))| {
            low + (high - low) * f64::from(sobol_burley::sample(sample as u32, m as u32, seed))
        };
        self.ranges_volt.iter().enumerate().map(at).collect()
    }
}

impl<'s> StudyWork<'s> for Samples<'s> {
    type Checked = SamplesPoint;
    const COLUMNS: KindColumns = KindColumns { main: "sampled_current", groups: &[COLUMNS] };
    const SHARED: &'static [&'static str] = &[];
    const IS_REPEATED: bool = true;
    const STEPS: &'static str = "samples";

    fn of(study: &'s Study, _first: &'s SamplesPoint) -> Self {
        Self(study)
    }

    fn foreseen(&self) -> Outline {
        let own =
            ["sample", "parameter"].map(|name| counting(name, self.length(name), usize::from(name == "parameter")));
        Outline::new(self.0, own.to_vec(), COLUMNS)
    }

    fn length(&self, dimension: &str) -> usize {
        match dimension {
            "sample" => self.0.section.repetitions as usize,
            _ => self.0.extent().parameters,
        }
    }
}

impl Work for Samples<'_> {
    type Point = SamplesPoint;
    type State = Vec<f64>;
    type Error = PointError;
    /// Few: a sample of a large network takes minutes, and what is saved is saved with its unit.
    const STEPS_OF_UNIT: u64 = 4;

    fn steps(&self) -> u64 {
        self.0.section.repetitions
    }

    fn prepare(&self, point: usize) -> Result<SamplesPoint, PointError> {
        Ok(self.0.point_of(point)?)
    }

    fn begin(&self, _point: &SamplesPoint, saved: Option<&[f64]>) -> Vec<f64> {
        saved.unwrap_or_default().to_vec()
    }

    /// The numbers of the columns, one after the other, each as long as there may be parameters.
    fn step(&self, point: &SamplesPoint, state: &mut Vec<f64>, step: Step) -> Result<(), PointError> {
        let voltages = point.voltages(self.0.section.seed, step.number);
        let found = point.operated.device.sampled(&voltages)?;
        let unknown = || vec![f64::NAN; voltages.len()];
        let row = |of: Option<ndarray::Array2<f64>>| of.map_or_else(unknown, |g| g.row(0).to_vec());
        let own = [
            voltages.clone(),
            found.currents_na,
            found.current_errors_na,
            row(found.gradient),
            row(found.gradient_errors),
        ];
        for (column, mut values) in COLUMNS.iter().zip(own) {
            values.resize(self.width(column), f64::NAN);
            state.extend(values);
        }
        Ok(())
    }

    fn numbers(&self, state: &Vec<f64>) -> Vec<f64> {
        state.clone()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.0.failure(point, error)
    }

    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let columns = self.foreseen().begin(sink)?;
        let (of_sample, of_point) = COLUMNS.split_at(COLUMNS_OF_SAMPLE);
        let width: usize = of_sample.iter().map(|column| self.width(column)).sum();
        for point in 0..schedule.points() {
            for unit in schedule.units_at(point) {
                let saved = finished.unit(unit)?;
                for sample in saved.numbers.chunks_exact(width) {
                    let mut rest = sample;
                    for column in of_sample {
                        let (values, after) = rest.split_at(self.width(column));
                        columns.append(sink, column.name, values)?;
                        rest = after;
                    }
                }
            }
            let SamplesPoint { ranges_volt, .. } = self.0.point_of(point).map_err(SweepError::work)?;
            let (low, high): (Vec<f64>, Vec<f64>) = ranges_volt.into_iter().unzip();
            for (column, values) in of_point.iter().zip([low, high]) {
                columns.append_padded(sink, column.name, &values, self.width(column))?;
            }
        }
        Ok(())
    }
}

impl Samples<'_> {
    /// Numbers of a column at a sample, or of one that has none at the point.
    fn width(&self, column: &Column) -> usize {
        column.over.iter().filter(|name| **name != "sample").map(|name| self.length(name)).product()
    }
}
