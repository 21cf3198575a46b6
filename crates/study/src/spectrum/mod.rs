//! Spectrum of the noise: Welch's estimate of generated records beside the stated density.

use std::sync::Arc;

use estimators::EstimatorError;
use noise::welch::Welch;
use noise::{CirculantScratch, NoiseModel, RecordGenerator};

use crate::PointError;
use crate::Study;
use crate::columns::{Column, KindColumns, Outline};
use crate::kind::StudyWork;
use crate::language::document::KeyError;
use crate::needs::NOISE_BYTES_OF_SAMPLE;
use crate::point::{Given, StudyPoint, needed};
use results::{Coordinate, Dimension, Sink};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::seed::{self, Purpose};
use sweep::Finished;
use sweep::SweepError;
use sweep::schedule::Schedule;
use sweep::work::{Step, Work};

const OVER: &[&str] = &["frequency_hz"];

const COLUMNS: &[Column] = &[
    Column::new("psd_welch", OVER, "nA^2/Hz", "Welch estimate of the one-sided density"),
    Column::new("psd_low", OVER, "nA^2/Hz", "lower end of the confidence band"),
    Column::new("psd_high", OVER, "nA^2/Hz", "upper end of the confidence band"),
    Column::new("psd_stated", OVER, "nA^2/Hz", "density that the generator states"),
];

/// `[spectrum]`: records and segments of a spectrum study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpectrumSection {
    /// Duration of each of the `study.repetitions` records (s).
    pub duration_s: f64,
    /// Duration of the segments that are averaged (s).
    pub segment_s: f64,
    /// Probability that the confidence band contains the true density.
    #[serde(default = "default_confidence")]
    pub confidence: f64,
}

fn default_confidence() -> f64 {
    0.95
}

/// The spectrum study; a step is a record.
pub(crate) struct NoiseSpectrum<'s> {
    study: &'s Study,
    first: &'s SpectrumPoint,
}

/// A point of a spectrum study: the noise, and lengths in samples.
#[derive(Debug)]
pub struct SpectrumPoint {
    noise: NoiseModel,
    rate_hz: f64,
    samples: usize,
    segment: usize,
    confidence: f64,
}

impl StudyPoint for SpectrumPoint {
    fn build(given: &mut Given<'_>) -> Result<Self, KeyError> {
        let spectrum = needed(&given.scenario.spectrum, "spectrum")?;
        let rate_hz = given.scenario.sampling.rate_hz;
        let SpectrumSection { duration_s, segment_s, confidence } = *spectrum;
        let (record, segment) = ((duration_s * rate_hz).round(), (segment_s * rate_hz).round());
        if !(16.0..=1e8).contains(&segment) {
            let message = format!("found {segment_s}: must hold 16 to 10⁸ samples");
            return Err(KeyError::new("spectrum.segment_s", message));
        }
        if duration_s < segment_s || record.is_nan() || record > 1e8 {
            let message =
                format!("found {duration_s}: must be at least segment_s ({segment_s}) and hold at most 10⁸ samples");
            return Err(KeyError::new("spectrum.duration_s", message));
        }
        if !(confidence > 0.0 && confidence < 1.0) {
            let message = format!("found {confidence}: must lie between 0 and 1");
            return Err(KeyError::new("spectrum.confidence", message));
        }
        let noise = given.noise.clone();
        Ok(Self { noise, rate_hz, samples: record as usize, segment: segment as usize, confidence })
    }
}

/// A point that is ready to be repeated.
pub(crate) struct Recorder {
    generator: Arc<RecordGenerator>,
    point: SpectrumPoint,
}

/// Periodograms so far.
pub(crate) struct Periodograms {
    welch: Welch,
    record: Vec<f64>,
    scratch: CirculantScratch,
}

impl<'s> StudyWork<'s> for NoiseSpectrum<'s> {
    type Checked = SpectrumPoint;
    const COLUMNS: KindColumns = KindColumns { main: "psd_welch", groups: &[COLUMNS] };
    const SHARED: &'static [&'static str] = &["spectrum", "spectrum.segment_s", "sampling", "sampling.rate_hz"];
    const IS_REPEATED: bool = true;
    const STEPS: &'static str = "records";

    fn of(study: &'s Study, first: &'s SpectrumPoint) -> Self {
        Self { study, first }
    }

    fn foreseen(&self) -> Outline {
        let SpectrumPoint { rate_hz, segment, .. } = *self.first;
        let frequencies = Dimension {
            name: "frequency_hz".to_owned(),
            coordinate: Coordinate::Numbers(Welch::new(rate_hz, segment).estimate().frequency_hz),
            units: "Hz".to_owned(),
        };
        Outline::new(self.study, vec![frequencies], COLUMNS)
    }

    fn length(&self, _frequency_hz: &str) -> usize {
        self.first.segment / 2 + 1
    }

    /// A record and its generator, a segment and its periodogram.
    fn bytes_at_work(&self) -> u64 {
        let SpectrumPoint { samples, segment, .. } = *self.first;
        (NOISE_BYTES_OF_SAMPLE + 8) * samples as u64 + 48 * segment as u64
    }
}

impl Work for NoiseSpectrum<'_> {
    type Point = Recorder;
    type State = Periodograms;
    type Error = PointError;
    const STEPS_OF_UNIT: u64 = 16;

    fn steps(&self) -> u64 {
        self.study.section.repetitions
    }

    fn prepare(&self, point: usize) -> Result<Recorder, PointError> {
        let point: SpectrumPoint = self.study.point_of(point)?;
        let library = self.study.library();
        let generator = library.generator(&point.noise, point.rate_hz, point.samples).map_err(EstimatorError::from)?;
        Ok(Recorder { generator, point })
    }

    fn begin(&self, Recorder { point, .. }: &Recorder, saved: Option<&[f64]>) -> Periodograms {
        let mut welch = Welch::new(point.rate_hz, point.segment);
        if let Some(sums) = saved {
            welch.merge(sums);
        }
        Periodograms { welch, record: vec![0.0; point.samples], scratch: CirculantScratch::default() }
    }

    fn step(&self, at: &Recorder, state: &mut Periodograms, step: Step) -> Result<(), PointError> {
        let purpose = Purpose::Trial { point: step.point as u64, repetition: step.number };
        let mut rng = seed::stream(self.study.section.seed, purpose);
        state.record.fill(0.0);
        at.generator.add_to(&mut rng, &mut state.scratch, &mut state.record);
        state.welch.add(&state.record);
        Ok(())
    }

    fn numbers(&self, state: &Periodograms) -> Vec<f64> {
        state.welch.sums()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.study.failure(point, error)
    }

    fn collect(&self, finished: &Finished, schedule: &Schedule, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let study = self.study;
        let SpectrumPoint { rate_hz, segment, .. } = *self.first;
        let columns = self.foreseen().begin(sink)?;
        for point in 0..schedule.points() {
            let setup: SpectrumPoint = study.point_of(point).map_err(SweepError::work)?;
            let mut welch = Welch::new(rate_hz, segment);
            for unit in schedule.units_at(point) {
                welch.merge(&finished.unit(unit)?.numbers);
            }
            let estimate = welch.estimate();
            let factors = estimate.confidence_factors(setup.confidence);
            let bounds = estimate.psd.iter().zip(&factors).map(|(s, (low, high))| (s * low, s * high));
            let (low, high): (Vec<f64>, Vec<f64>) = bounds.unzip();
            columns.append(sink, "psd_welch", &estimate.psd)?;
            columns.append(sink, "psd_low", &low)?;
            columns.append(sink, "psd_high", &high)?;
            let stated: Vec<f64> = estimate.frequency_hz.iter().map(|&f| setup.noise.density(f)).collect();
            columns.append(sink, "psd_stated", &stated)?;
        }
        Ok(())
    }
}
