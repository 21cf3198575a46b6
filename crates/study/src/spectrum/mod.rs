//! Spectrum of the noise: Welch's estimate of generated records beside the stated density.

use std::sync::Arc;

use device::Device;
use estimators::EstimatorError;
use noise::welch::Welch;
use noise::{CirculantScratch, RecordGenerator};

use crate::PointError;
use crate::Study;
use crate::axis_columns::sweep_dimensions;
use crate::kind::StudyWork;
use crate::language::document::KeyError;
use crate::language::scenario::Scenario;
use crate::needs::NOISE_BYTES_OF_SAMPLE;
use crate::point::Point;
use results::{Coordinate, Dimension, Results, Sink};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::seed::{self, Purpose};
use sweep::Source;
use sweep::SweepError;
use sweep::plan::Plan;
use sweep::work::{Record, Step, Work, outline, variable};

/// `[spectrum]`: records and segments of a spectrum study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpectrumSection {
    /// Duration of each record (s); `study.repetitions` of them are made.
    pub duration_s: f64,
    /// Duration of the segments that are averaged (s).
    pub segment_s: f64,
    /// Probability with which the band holds the true density.
    #[serde(default = "default_confidence")]
    pub confidence: f64,
}

fn default_confidence() -> f64 {
    0.95
}

/// The spectrum study; a step is a record.
pub(crate) struct NoiseSpectrum<'s>(pub(crate) &'s Study);

/// A point of it: its generator and the lengths in samples.
pub(crate) struct Recorder {
    generator: Arc<RecordGenerator>,
    rate_hz: f64,
    samples: usize,
    segment: usize,
}

/// Periodograms so far.
pub(crate) struct Periodograms {
    welch: Welch,
    record: Vec<f64>,
    scratch: CirculantScratch,
}

impl NoiseSpectrum<'_> {
    /// Dimensions and variables, and the position of the first variable that is appended to.
    pub(crate) fn outline(&self) -> Result<(Results, usize), SweepError> {
        let study = self.0;
        let (rate_hz, _, segment) = Self::lengths(&study.point(0).map_err(SweepError::work)?);
        let (mut dimensions, mut variables) = sweep_dimensions(study);
        let over: Vec<usize> = (0..study.axes.len()).chain([dimensions.len()]).collect();
        dimensions.push(Dimension {
            name: "frequency_hz".to_owned(),
            coordinate: Coordinate::Numbers(Welch::new(rate_hz, segment).estimate().frequency_hz),
            units: "Hz".to_owned(),
        });
        let first = variables.len();
        for (name, long_name) in [
            ("psd_welch", "Welch estimate of the one-sided density"),
            ("psd_low", "lower end of the confidence band"),
            ("psd_high", "upper end of the confidence band"),
            ("psd_stated", "density that the generator states"),
        ] {
            variables.push(variable(name, over.clone(), Vec::new(), "nA^2/Hz", long_name));
        }
        Ok((outline(dimensions, variables, Vec::new()), first))
    }

    fn lengths(point: &Point) -> (f64, usize, usize) {
        let spectrum = point.scenario.spectrum.as_ref().expect("checked with the study");
        let rate_hz = point.scenario.sampling.rate_hz;
        let samples = |seconds: f64| (seconds * rate_hz).round() as usize;
        (rate_hz, samples(spectrum.duration_s), samples(spectrum.segment_s))
    }
}

/// Variables over frequency.
const VARIABLES: u64 = 4;

impl<'s> StudyWork<'s> for NoiseSpectrum<'s> {
    const NEEDS: &'static [&'static str] = &["spectrum"];
    const SHARED: &'static [&'static str] = &["spectrum", "spectrum.segment_s", "sampling", "sampling.rate_hz"];
    const IS_REPEATED: bool = true;
    const STEPS: &'static str = "records";

    fn of(study: &'s Study) -> Self {
        Self(study)
    }

    fn check(scenario: &Scenario, _device: Option<&dyn Device>) -> Result<(), KeyError> {
        let Some(spectrum) = &scenario.spectrum else { return Ok(()) };
        let samples = (spectrum.segment_s * scenario.sampling.rate_hz).round();
        if !(16.0..=1e8).contains(&samples) {
            let message = format!("found {}: must hold 16 to 10⁸ samples", spectrum.segment_s);
            return Err(KeyError::new("spectrum.segment_s", message));
        }
        let record = spectrum.duration_s * scenario.sampling.rate_hz;
        if spectrum.duration_s < spectrum.segment_s || record.is_nan() || record > 1e8 {
            let message = format!(
                "found {}: must be at least segment_s ({}) and hold at most 10⁸ samples",
                spectrum.duration_s, spectrum.segment_s
            );
            return Err(KeyError::new("spectrum.duration_s", message));
        }
        if !(spectrum.confidence > 0.0 && spectrum.confidence < 1.0) {
            return Err(KeyError::new(
                "spectrum.confidence",
                format!("found {}: must lie between 0 and 1", spectrum.confidence),
            ));
        }
        Ok(())
    }

    fn foreseen(&self) -> Result<Results, SweepError> {
        Ok(self.outline()?.0)
    }

    fn stored_numbers(&self, first: &Point) -> u64 {
        let (_, _, segment) = Self::lengths(first);
        VARIABLES * (segment as u64 / 2 + 1)
    }

    /// A record and what makes it, a segment and its periodogram.
    fn bytes_at_work(&self, first: &Point) -> u64 {
        let (_, samples, segment) = Self::lengths(first);
        (NOISE_BYTES_OF_SAMPLE + 8) * samples as u64 + 48 * segment as u64
    }
}

impl Work for NoiseSpectrum<'_> {
    type Point = Recorder;
    type State = Periodograms;
    type Error = PointError;
    const STEPS_OF_UNIT: u64 = 16;

    fn steps(&self) -> u64 {
        self.0.section.repetitions
    }

    fn prepare(&self, point: usize) -> Result<Recorder, PointError> {
        let setup = self.0.point(point)?;
        let (rate_hz, samples, segment) = Self::lengths(&setup);
        let generator = self.0.library().generator(&setup.noise, rate_hz, samples).map_err(EstimatorError::from)?;
        Ok(Recorder { generator, rate_hz, samples, segment })
    }

    fn head(&self, _point: &Recorder) -> Result<Record, PointError> {
        Ok(Record::default())
    }

    fn begin(&self, point: &Recorder, saved: Option<&[f64]>) -> Periodograms {
        let mut welch = Welch::new(point.rate_hz, point.segment);
        if let Some(sums) = saved {
            welch.merge(sums);
        }
        Periodograms { welch, record: vec![0.0; point.samples], scratch: CirculantScratch::default() }
    }

    fn step(&self, at: &Recorder, state: &mut Periodograms, step: Step) -> Result<(), PointError> {
        let purpose = Purpose::Trial { point: step.point as u64, repetition: step.number };
        let mut rng = seed::stream(self.0.section.seed, purpose);
        state.record.fill(0.0);
        at.generator.add_to(&mut rng, &mut state.scratch, &mut state.record);
        state.welch.add(&state.record);
        Ok(())
    }

    fn numbers(&self, state: &Periodograms) -> Vec<f64> {
        state.welch.sums()
    }

    fn failure(&self, point: usize, error: &PointError) -> String {
        self.0.failure(point, error)
    }

    fn collect(&self, source: &Source, plan: &Plan, sink: &mut dyn Sink) -> Result<(), SweepError> {
        let study = self.0;
        let (rate_hz, _, segment) = Self::lengths(&study.point(0).map_err(SweepError::work)?);
        let (begun, first) = self.outline()?;
        sink.begin(begun)?;
        for point in 0..plan.points() {
            let setup = study.point(point).map_err(SweepError::work)?;
            let spectrum = setup.scenario.spectrum.as_ref().expect("checked with the study");
            let mut welch = Welch::new(rate_hz, segment);
            for unit in plan.units_at(point) {
                welch.merge(&source.unit(unit)?.numbers);
            }
            let estimate = welch.estimate();
            let factors = estimate.confidence_factors(spectrum.confidence);
            let bounds = estimate.psd.iter().zip(&factors).map(|(s, (low, high))| (s * low, s * high));
            let (low, high): (Vec<f64>, Vec<f64>) = bounds.unzip();
            sink.append(first, &estimate.psd)?;
            sink.append(first + 1, &low)?;
            sink.append(first + 2, &high)?;
            let stated: Vec<f64> = estimate.frequency_hz.iter().map(|&f| setup.noise.density(f)).collect();
            sink.append(first + 3, &stated)?;
        }
        Ok(())
    }
}
