//! Output current and gradient of the device along one parameter (an I-V curve).

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PointError;
use crate::Study;
use crate::columns::{Column, KindColumns, Outline};
use crate::kind::StudyWork;
use crate::language::document::KeyError;
use crate::limits::within;
use crate::point::{Given, OperatedDevice, StudyPoint, needed};
use results::{Coordinate, Dimension, Sink};
use sweep::Finished;
use sweep::SweepError;
use sweep::schedule::{Schedule, Stage, Unit};
use sweep::work::{Step, Work};

/// Number of voltages in a step. A dopant network computes them on common states, so that the curve is smooth.
const VOLTAGES_OF_STEP: usize = 64;

const OVER: &[&str] = &["parameter_volt"];

const COLUMNS: &[Column] = &[
    Column::new("current", OVER, "nA", "output current"),
    Column::new("gradient", OVER, "nA/V", "exact derivative of the output current"),
];

/// `[response]`: the I-V curve of a response study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseSection {
    /// Parameter that is varied, counted from 1.
    pub parameter: usize,
    /// Lowest value (V).
    pub from_volt: f64,
    /// Highest value (V).
    pub to_volt: f64,
    /// Number of values.
    pub points: usize,
}

/// The response study; a step is a stretch of the curve.
pub(crate) struct Response<'s> {
    study: &'s Study,
    /// Voltages, the same at all points.
    section: &'s ResponseSection,
}

/// A point of a response study: the device, and the parameter that is varied.
#[derive(Debug)]
pub struct ResponsePoint {
    operated: OperatedDevice,
    section: ResponseSection,
}

impl StudyPoint for ResponsePoint {
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError> {
        let operated = given.operated()?;
        let section = needed(&given.scenario.response, "response")?.clone();
        within("response.parameter", section.parameter, 1..=operated.device.parameters())?;
        within("response.points", section.points, 2..=1_000_000)?;
        if section.from_volt >= section.to_volt {
            let message = format!("found {}: must lie above from_volt ({})", section.to_volt, section.from_volt);
            return Err(KeyError::new("response.to_volt", message));
        }
        Ok(Self { operated, section })
    }
}

impl Response<'_> {
    fn volt(&self, k: usize) -> f64 {
        let step = (self.section.to_volt - self.section.from_volt) / (self.section.points - 1) as f64;
        self.section.from_volt + k as f64 * step
    }

    fn stretch(&self, number: u64) -> Range<usize> {
        let start = number as usize * VOLTAGES_OF_STEP;
        start..(start + VOLTAGES_OF_STEP).min(self.section.points)
    }
}

impl<'s> StudyWork<'s> for Response<'s> {
    type Checked = ResponsePoint;
    const COLUMNS: KindColumns = KindColumns { main: "gradient", groups: &[COLUMNS] };
    const SHARED: &'static [&'static str] = &["response", "response.from_volt", "response.to_volt", "response.points"];
    const IS_REPEATED: bool = false;

    fn of(study: &'s Study, first: &'s ResponsePoint) -> Self {
        Self { study, section: &first.section }
    }

    fn foreseen(&self) -> Outline {
        let voltages = Dimension {
            name: "parameter_volt".to_owned(),
            coordinate: Coordinate::Numbers((0..self.section.points).map(|k| self.volt(k)).collect()),
            units: "V".to_owned(),
        };
        Outline::new(self.study, vec![voltages], COLUMNS)
    }

    fn length(&self, _parameter_volt: &str) -> usize {
        self.section.points
    }
}

impl Work for Response<'_> {
    type Point = ResponsePoint;
    type State = Vec<f64>;
    type Error = PointError;
    const STEPS_OF_UNIT: u64 = 1;

    fn steps(&self) -> u64 {
        self.section.points.div_ceil(VOLTAGES_OF_STEP) as u64
    }

    fn prepare(&self, point: usize) -> Result<ResponsePoint, PointError> {
        Ok(self.study.point_of(point)?)
    }

    fn begin(&self, _point: &ResponsePoint, saved: Option<&[f64]>) -> Vec<f64> {
        saved.unwrap_or_default().to_vec()
    }

    /// Currents of the stretch, then gradients.
    fn step(&self, point: &ResponsePoint, state: &mut Vec<f64>, step: Step) -> Result<(), PointError> {
        let OperatedDevice { device, operating_point_volt } = &point.operated;
        let varied = point.section.parameter - 1;
        let stretch = self.stretch(step.number);
        let at = |k: usize| {
            let mut w = operating_point_volt.clone();
            w[varied] = self.volt(k);
            w
        };
        let grid = ndarray::Array2::from_shape_fn((stretch.len(), device.parameters()), |(k, m)| {
            if m == varied { self.volt(stretch.start + k) } else { operating_point_volt[m] }
        });
        state.extend(device::currents_na(device.as_ref(), grid.view())?);
        for k in stretch {
            state.push(device.gradient(&at(k))?.map_or(f64::NAN, |g| g[[0, varied]]));
        }
        Ok(())
    }

    fn numbers(&self, state: &Vec<f64>) -> Vec<f64> {
        state.clone()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.study.failure(point, error)
    }

    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let columns = self.foreseen().begin(sink)?;
        for point in 0..schedule.points() {
            for block in 0..schedule.blocks(point) {
                let saved = finished.unit(Unit { stage: Stage::Main, point, block })?;
                let (currents, gradients) = saved.numbers.split_at(saved.numbers.len() / 2);
                columns.append(sink, "current", currents)?;
                columns.append(sink, "gradient", gradients)?;
            }
        }
        Ok(())
    }
}
