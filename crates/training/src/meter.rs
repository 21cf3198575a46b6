//! What the instrument measures while all input patterns are applied one after the other: a current for each, and its
//! derivatives with respect to all controls.
//!
//! A pass over the patterns is one waveform: each pattern is reached by a ramp and then held for one record of the
//! estimator (or several, one after the other, where the estimator needs them). Noise is on every sample, and continuous
//! over the pass where it is not longer than [`MOST_SAMPLES`](crate::stretch::MOST_SAMPLES); passes have independent noise.
//! What falls on the ramps is not read: the lock-in starts from rest after each. The current of a pattern is the mean over
//! its records less the mean effect of the perturbation, to first order.

use std::sync::Arc;

use device::Device;
use estimators::instrument::Instrument;
use estimators::probe::Runs;
use estimators::{EstimatorError, Probe, Scheme};
use ndarray::{Array2, ArrayView2, CowArray, s};
use noise::{NoiseModel, dot};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TrainingError;
use crate::finite;
use crate::stretch::{NoiseSource, Stretch};
use crate::wiring::Wiring;

/// Most samples of a pattern with its ramp.
pub const MOST_SAMPLES_OF_PATTERN: usize = 10_000_000;

/// Samples of a time that a user named.
fn samples_of(field: &'static str, seconds: f64, rate_hz: f64, least: usize) -> Result<usize, TrainingError> {
    let samples = (seconds * rate_hz).round();
    if (least as f64..=MOST_SAMPLES_OF_PATTERN as f64).contains(&samples) {
        return Ok(samples as usize);
    }
    let allowed = format!("makes {samples} samples at {rate_hz} Hz: {least} to {MOST_SAMPLES_OF_PATTERN} are allowed");
    Err(TrainingError::setting(field, seconds, allowed))
}

/// How the device's answer to the perturbation is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// At every sample.
    #[default]
    Sampled,
    /// By its exact gradient at the operating point: an approximation, without the harmonics and mixing products that
    /// its curvature makes. What it leaves out is of second order: ½ α² ∂²I/∂w² for each perturbation of amplitude α.
    LinearResponse,
}

/// What a pass gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Current of each pattern \[nA\].
    pub currents_na: Vec<f64>,
    /// Derivatives with respect to the controls \[nA/V\], shape (patterns, controls); empty where they were not measured.
    pub gradient_na_per_volt: Array2<f64>,
    /// Second derivatives with respect to each control \[nA/V²\], shape (patterns, controls); empty where they were not
    /// measured.
    pub curvature_na_per_volt2: Array2<f64>,
    /// Duration of the pass \[s\].
    pub seconds: f64,
    /// Samples that were taken of the output.
    pub samples: u64,
    /// Whether one of them lay beyond the range of the ADC.
    pub has_clipped: bool,
}

/// A perturbation that is asked for in a record.
#[derive(Debug)]
struct Asked {
    /// Shape (samples, controls) \[V\].
    volt: Array2<f64>,
    /// Its mean over the record, for each control.
    mean_volt: Vec<f64>,
}

impl Asked {
    fn new(volt: Array2<f64>) -> Self {
        let mean_volt = volt.columns().into_iter().map(|c| c.sum() / c.len() as f64).collect();
        Self { volt, mean_volt }
    }
}

/// A device, wired, with its noise and an instrument that reads it.
#[derive(Debug)]
pub struct Meter {
    device: Arc<dyn Device>,
    /// The roles of its parameters.
    pub wiring: Wiring,
    answer: Answer,
    probe: Option<Probe>,
    /// What is asked for in each record, where it is the same every time.
    asked: Vec<Asked>,
    instrument: Instrument,
    rate_hz: f64,
    ramp_samples: usize,
    hold_samples: usize,
    gradient_noise: Option<Stretch>,
    current_noise: Stretch,
}

/// Timing of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Sampling rate \[Hz\].
    pub rate_hz: f64,
    /// Ramp to each pattern \[s\].
    pub ramp_s: f64,
    /// How long a pattern is held where only its current is read \[s\].
    pub hold_s: f64,
}

impl Meter {
    /// Prepares an instrument that measures derivatives by `scheme` (built for as many parameters as there are controls),
    /// or no derivatives. A pass of training has `patterns` patterns.
    ///
    /// # Errors
    /// If times are not positive, the scheme is one of another number of parameters, or linear response is asked of a
    /// device without exact gradient.
    pub fn new(
        device: Arc<dyn Device>,
        wiring: Wiring,
        scheme: Option<Scheme>,
        answer: Answer,
        noise: &NoiseModel,
        timing: Timing,
        patterns: usize,
    ) -> Result<Self, TrainingError> {
        let Timing { rate_hz, ramp_s, hold_s } = timing;
        let ramp_samples = samples_of("ramp_s", ramp_s, rate_hz, 0)?;
        let hold_samples = samples_of("hold_s", hold_s, rate_hz, 1)?;
        if let Some(scheme) = &scheme {
            let samples = ramp_samples.saturating_add(scheme.records().saturating_mul(scheme.samples()));
            if samples > MOST_SAMPLES_OF_PATTERN {
                return Err(TrainingError::setting(
                    "duration_s",
                    scheme.total_time_s(),
                    format!(
                        "makes {samples} samples of each pattern with its ramp at {rate_hz} Hz: at most \
                         {MOST_SAMPLES_OF_PATTERN} are allowed"
                    ),
                ));
            }
        }
        if let Some(scheme) = &scheme {
            assert_eq!(scheme.parameters(), wiring.controls.len(), "a scheme for the controls");
        }
        // whether it is known, not whether it can be found at this point, which no pattern may need
        let middle = vec![0.0; device.parameters()];
        if answer == Answer::LinearResponse && matches!(device.gradient(&middle), Ok(None)) {
            return Err(TrainingError::NoGradient);
        }
        let stretch = |samples_of_pattern| {
            Stretch::new(noise, rate_hz, samples_of_pattern, patterns).map_err(EstimatorError::from)
        };
        let gradient_noise = scheme.as_ref().map(|s| stretch(ramp_samples + s.records() * s.samples())).transpose()?;
        let current_noise = stretch(ramp_samples + hold_samples)?;
        let meter = Self {
            device,
            wiring,
            answer,
            probe: scheme.map(Probe::new),
            asked: Vec::new(),
            instrument: Instrument::default(),
            rate_hz,
            ramp_samples,
            hold_samples,
            gradient_noise,
            current_noise,
        };
        Ok(meter.with_instrument(Instrument::default()))
    }

    /// The same with an instrument that is not ideal: its DAC sets inputs and controls, its hold, delay and ramp act on the
    /// perturbation of the controls, its dynamics on the current, its ADC reads the output. Each record begins at rest: what the dynamics leave
    /// of the ramp to a pattern is not followed, but in a [`Meter::waveform`].
    #[must_use]
    pub fn with_instrument(mut self, instrument: Instrument) -> Self {
        if let Some(probe) = self.probe.as_ref().filter(|probe| matches!(probe.scheme(), Scheme::Fixed(_))) {
            let asked = |record| Asked::new(probe.perturbation_volt(record, &[], instrument.ramp_s));
            self.asked = (0..probe.scheme().records()).map(asked).collect();
        }
        self.instrument = instrument;
        self
    }

    /// Whether the range of its readings ends somewhere.
    #[must_use]
    pub fn can_clip(&self) -> bool {
        self.instrument.adc.is_some()
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &dyn Device {
        self.device.as_ref()
    }

    /// How derivatives are measured, if they are.
    #[must_use]
    pub fn scheme(&self) -> Option<&Scheme> {
        self.probe.as_ref().map(Probe::scheme)
    }

    /// Whether its scheme reads second derivatives.
    #[must_use]
    pub fn reads_curvature(&self) -> bool {
        self.scheme().is_some_and(|s| s.derivatives() > s.parameters())
    }

    /// Whether the device knows its second derivatives.
    #[must_use]
    pub fn knows_curvature(&self) -> bool {
        // whether they are known, not whether they can be found at this point, which no pattern may need
        !matches!(self.device.curvature(&vec![0.0; self.device.parameters()]), Ok(None))
    }

    /// Samples of the longest stretch over which noise is continuous.
    #[must_use]
    pub fn samples_of_stretch(&self) -> usize {
        let of = |s: &Stretch| s.patterns * s.samples_of_pattern;
        of(&self.current_noise).max(self.gradient_noise.as_ref().map_or(0, of))
    }

    /// Samples of a pattern, with its ramp, in a pass that measures currents.
    #[must_use]
    pub fn samples_of_pattern(&self) -> usize {
        self.current_noise.samples_of_pattern
    }

    /// Duration of a pass over `patterns` that measures currents and derivatives \[s\], or currents alone if no scheme is
    /// set.
    #[must_use]
    pub fn gradient_pass_s(&self, patterns: usize) -> f64 {
        let stretch = self.gradient_noise.as_ref().unwrap_or(&self.current_noise);
        (patterns * stretch.samples_of_pattern) as f64 / self.rate_hz
    }

    /// Duration of a pass over `patterns` that measures currents \[s\].
    #[must_use]
    pub fn current_pass_s(&self, patterns: usize) -> f64 {
        (patterns * self.current_noise.samples_of_pattern) as f64 / self.rate_hz
    }

    /// Currents without noise \[nA\], one for each pattern.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn true_currents_na(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
    ) -> Result<Vec<f64>, TrainingError> {
        let currents = device::currents_na(self.device.as_ref(), self.wiring.rows(inputs_volt, controls_volt).view())?;
        finite::check_currents(&currents, controls_volt)?;
        Ok(currents)
    }

    /// Exact derivatives with respect to the controls \[nA/V\], shape (patterns, controls).
    ///
    /// # Errors
    /// If the device has none, or cannot find it, or a number is not finite.
    pub fn true_gradient(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
    ) -> Result<Array2<f64>, TrainingError> {
        let of = |all: &[f64]| self.device.gradient(all)?.ok_or(TrainingError::NoGradient);
        self.by_controls(inputs_volt, controls_volt, of)
    }

    /// Exact second derivatives with respect to each control \[nA/V²\], shape (patterns, controls).
    ///
    /// # Errors
    /// If the device has none, or cannot find it, or a number is not finite.
    pub fn true_curvature(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
    ) -> Result<Array2<f64>, TrainingError> {
        let of = |all: &[f64]| self.device.curvature(all)?.ok_or(TrainingError::NoCurvature);
        self.by_controls(inputs_volt, controls_volt, of)
    }

    /// The columns of the controls, of derivatives by all parameters at each pattern.
    fn by_controls(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
        derivatives: impl Fn(&[f64]) -> Result<Array2<f64>, TrainingError>,
    ) -> Result<Array2<f64>, TrainingError> {
        let mut out = Array2::zeros((inputs_volt.nrows(), self.wiring.controls.len()));
        for (x, mut row) in inputs_volt.rows().into_iter().zip(out.rows_mut()) {
            let all = derivatives(&self.wiring.join(x, controls_volt))?;
            row.iter_mut().zip(&self.wiring.controls).for_each(|(d, &m)| *d = all[[0, m]]);
        }
        finite::check_derivatives(&out, controls_volt)?;
        Ok(out)
    }

    /// A pass that measures currents alone.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn currents<R: Rng + ?Sized>(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
        rng: &mut R,
    ) -> Result<Reading, TrainingError> {
        self.currents_at(self.wiring.rows(inputs_volt, controls_volt).view(), rng)
    }

    /// One pass over two sets of patterns, interleaved in proportion to their numbers, that measures currents alone: what drifts
    /// while they are applied is the same for both.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn interleaved_currents_na<R: Rng + ?Sized>(
        &self,
        inputs_volt: [ArrayView2<f64>; 2],
        controls_volt: &[f64],
        rng: &mut R,
    ) -> Result<[Vec<f64>; 2], TrainingError> {
        let lengths = inputs_volt.each_ref().map(|set| set.nrows());
        let mut order: Vec<(usize, usize)> = (0..2).flat_map(|set| (0..lengths[set]).map(move |p| (set, p))).collect();
        // (2p + 1)/2n, compared in whole numbers
        let place = |&(set, p): &(usize, usize)| (2 * p + 1) * lengths[1 - set];
        order.sort_by_key(place);
        let rows = inputs_volt.map(|set| self.wiring.rows(set, controls_volt));
        let mut mixed = Array2::zeros((order.len(), rows[0].ncols()));
        for (mut row, (set, p)) in mixed.rows_mut().into_iter().zip(&order) {
            row.assign(&rows[*set].row(*p));
        }
        let measured = self.currents_at(mixed.view(), rng)?.currents_na;
        let mut currents = lengths.map(|n| vec![0.0; n]);
        for ((set, p), current) in order.into_iter().zip(measured) {
            currents[set][p] = current;
        }
        Ok(currents)
    }

    /// A pass over rows of all parameters \[V\] that measures currents alone.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn currents_at<R: Rng + ?Sized>(
        &self,
        parameters_volt: ArrayView2<f64>,
        rng: &mut R,
    ) -> Result<Reading, TrainingError> {
        let mut currents_na = device::currents_na(self.device.as_ref(), self.set(parameters_volt).view())?;
        let mut noise = NoiseSource::new(&self.current_noise);
        let mut has_clipped = false;
        for current in &mut currents_na {
            let noise_na = &noise.next(rng)[self.ramp_samples..];
            match &self.instrument.adc {
                None => *current += mean(noise_na),
                Some(adc) => {
                    let samples = noise_na.iter().map(|n| *current + n);
                    has_clipped |= samples.clone().any(|y| adc.clips(y));
                    *current = samples.map(|y| adc.convert(y)).sum::<f64>() / noise_na.len() as f64;
                }
            }
        }
        let name = |p: usize| format!("the current of point {}", p + 1);
        finite::check(&currents_na, name, |p| parameters_volt.row(p).to_vec())?;
        Ok(self.reading(currents_na, Array2::zeros((0, 0)), &self.current_noise, has_clipped))
    }

    /// A pass that measures currents, and the derivatives with respect to all controls.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    ///
    /// # Panics
    /// If the meter was made without a scheme.
    pub fn gradient<R: Rng + ?Sized>(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
        rng: &mut R,
    ) -> Result<Reading, TrainingError> {
        let (stretch, probe) = self.gradient_noise.as_ref().zip(self.probe.as_ref()).expect("a meter with a scheme");
        let mut noise = NoiseSource::new(stretch);
        let patterns = inputs_volt.nrows();
        let (scheme, controls) = (probe.scheme(), self.wiring.controls.len());
        let mut derivatives = Array2::zeros((patterns, scheme.derivatives()));
        let mut currents_na = Vec::with_capacity(patterns);
        let mut output = Vec::new();
        let mut has_clipped = false;
        // the controls, and a perturbation that is the same every time, are those of all patterns
        let always_applied = self.applied(controls_volt, &self.asked);
        for (p, x) in inputs_volt.rows().into_iter().enumerate() {
            let at = self.wiring.join(self.set(x).view(), controls_volt);
            let noise_na = &noise.next(rng)[self.ramp_samples..];
            let mut row = derivatives.row_mut(p);
            let row = row.as_slice_mut().expect("rows are contiguous");
            let directions = probe.draw(rng);
            let drawn = match scheme {
                Scheme::Fixed(_) => Vec::new(),
                Scheme::Random(_) => vec![Asked::new(probe.perturbation_volt(0, &directions, self.instrument.ramp_s))],
            };
            let drawn_applied = self.applied(controls_volt, &drawn);
            let (asked, applied) =
                if drawn.is_empty() { (&self.asked, &always_applied) } else { (&drawn, &drawn_applied) };
            let mut levels = Vec::with_capacity(applied.len());
            let rest_na = if self.instrument.dynamics.is_some() { self.rest_na(&at)? } else { 0.0 };
            for (record, volt) in applied.iter().enumerate() {
                self.answer_to(&at, volt.view(), &mut output)?;
                self.instrument.let_pass(&mut output, rest_na, self.rate_hz);
                has_clipped |= self.read(&mut output, &noise_na[record * scheme.samples()..][..scheme.samples()]);
                let mut readings = vec![0.0; probe.readings(record)];
                dot::project(probe.weights(record), &output, &mut readings);
                probe.combine(record, &readings, &directions, row);
                levels.push(mean(&output));
            }
            let records = applied.len() as f64;
            let undisturbed = |(level, asked): (&f64, &Asked)| level - scalar(&row[..controls], &asked.mean_volt);
            currents_na.push(levels.iter().zip(asked).map(|record| undisturbed(record) / records).sum());
        }
        finite::check_currents(&currents_na, controls_volt)?;
        finite::check_derivatives(&derivatives, controls_volt)?;
        Ok(self.reading(currents_na, derivatives, stretch, has_clipped))
    }

    fn reading(
        &self,
        currents_na: Vec<f64>,
        derivatives: Array2<f64>,
        stretch: &Stretch,
        has_clipped: bool,
    ) -> Reading {
        let first = self.wiring.controls.len().min(derivatives.ncols());
        let curvature_na_per_volt2 = match derivatives.slice(s![.., first..]) {
            none if none.ncols() == 0 => Array2::zeros((0, 0)),
            second => second.to_owned(),
        };
        let gradient_na_per_volt = derivatives.slice_move(s![.., ..first]);
        let samples = currents_na.len() * stretch.samples_of_pattern;
        let seconds = samples as f64 / self.rate_hz;
        Reading {
            currents_na,
            gradient_na_per_volt,
            curvature_na_per_volt2,
            seconds,
            samples: samples as u64,
            has_clipped,
        }
    }

    /// Voltages as the DAC sets them.
    fn set<'v, D: ndarray::Dimension>(&self, volt: ndarray::ArrayView<'v, f64, D>) -> CowArray<'v, f64, D> {
        match self.instrument.dac {
            Some(dac) => volt.mapv(|v| dac.convert(v)).into(),
            None => volt.into(),
        }
    }

    /// What each perturbation adds to the controls when hold, delay and DAC have acted on it \[V\].
    fn applied<'d>(&self, controls_volt: &[f64], asked: &'d [Asked]) -> Vec<CowArray<'d, f64, ndarray::Ix2>> {
        let Instrument { hold_samples, delay_samples, .. } = self.instrument;
        let is_exact = self.instrument.applies_linearly() && hold_samples <= 1 && delay_samples == 0;
        let apply = |asked: &'d Asked| {
            if is_exact {
                return asked.volt.view().into();
            }
            let mut applied = self.instrument.applied(controls_volt, asked.volt.clone());
            applied -= &ndarray::aview1(controls_volt);
            applied.into()
        };
        asked.iter().map(apply).collect()
    }

    /// Current of a pattern \[nA\] without perturbation.
    fn rest_na(&self, at: &[f64]) -> Result<f64, TrainingError> {
        let rest = self.set(ndarray::aview1(at));
        Ok(device::currents_na(self.device.as_ref(), rest.view().insert_axis(ndarray::Axis(0)))?[0])
    }

    /// Adds the noise and reads the output; whether it was clipped.
    fn read(&self, output_na: &mut [f64], noise_na: &[f64]) -> bool {
        output_na.iter_mut().zip(noise_na).for_each(|(y, n)| *y += n);
        let Some(adc) = &self.instrument.adc else { return false };
        let has_clipped = output_na.iter().any(|y| adc.clips(*y));
        output_na.iter_mut().for_each(|y| *y = adc.convert(*y));
        has_clipped
    }

    /// Output without noise \[nA\] while `displacement_volt` is added to the controls.
    fn answer_to(
        &self,
        at: &[f64],
        displacement_volt: ArrayView2<f64>,
        output_na: &mut Vec<f64>,
    ) -> Result<(), TrainingError> {
        output_na.clear();
        let controls = &self.wiring.controls;
        if self.answer == Answer::LinearResponse {
            let (levels, slopes) = self.device.linearised(at)?;
            let (level, slopes) = (levels[0], slopes.ok_or(TrainingError::NoGradient)?);
            let displacements = displacement_volt.rows().into_iter();
            output_na.extend(
                displacements.map(|dw| level + dw.iter().zip(controls).map(|(x, &m)| x * slopes[[0, m]]).sum::<f64>()),
            );
            return Ok(());
        }
        let runs = Runs::of(displacement_volt);
        let mut distinct: Vec<f64> = Vec::with_capacity(runs.first_row.len() * at.len());
        for &n in &runs.first_row {
            let start = distinct.len();
            distinct.extend_from_slice(at);
            for (x, &m) in displacement_volt.row(n).iter().zip(controls) {
                distinct[start + m] += x;
            }
        }
        let rows = Array2::from_shape_vec((runs.first_row.len(), at.len()), distinct).expect("whole rows");
        let currents = device::currents_na(self.device.as_ref(), rows.view())?;
        output_na.extend(runs.of_row.into_iter().map(|run| currents[run]));
        Ok(())
    }

    /// The output sample by sample \[nA\] while the patterns are applied with ramps between them and no perturbation, as an
    /// oscilloscope shows it; time starts with the ramp to the first pattern, from the last.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or a number is not finite.
    pub fn waveform<R: Rng + ?Sized>(
        &self,
        inputs_volt: ArrayView2<f64>,
        controls_volt: &[f64],
        rng: &mut R,
    ) -> Result<Vec<f64>, TrainingError> {
        let patterns = inputs_volt.nrows();
        let rows = self.wiring.rows(inputs_volt, controls_volt);
        let (ramp, hold) = (self.ramp_samples, self.hold_samples);
        let mut steps = Vec::new();
        for p in 0..patterns {
            let (from, to) = (rows.row((p + patterns - 1) % patterns), rows.row(p));
            for n in 0..ramp {
                let done = (n + 1) as f64 / (ramp + 1) as f64;
                steps.extend(from.iter().zip(to).map(|(a, b)| a + done * (b - a)));
            }
            steps.extend(to.iter());
        }
        let steps = Array2::from_shape_vec((patterns * (ramp + 1), rows.ncols()), steps).expect("whole rows");
        let currents = device::currents_na(self.device.as_ref(), self.set(steps.view()).view())?;
        let mut output = Vec::with_capacity(patterns * (ramp + hold));
        for of_pattern in currents.chunks_exact(ramp + 1) {
            output.extend_from_slice(&of_pattern[..ramp]);
            output.extend(std::iter::repeat_n(of_pattern[ramp], hold));
        }
        // the ramp to the first pattern begins where the last one has rested
        self.instrument.let_pass(&mut output, currents[currents.len() - 1], self.rate_hz);
        let mut noise = NoiseSource::new(&self.current_noise);
        for record in output.chunks_exact_mut(ramp + hold) {
            self.read(record, noise.next(rng));
        }
        let name = |n: usize| format!("the current of pattern {}", n / (ramp + hold) + 1);
        finite::check(&output, name, |_| controls_volt.to_vec())?;
        Ok(output)
    }

    /// Current of each pattern \[nA\] in a [`Meter::waveform`]: its mean while the pattern is held.
    #[must_use]
    pub fn currents_of(&self, waveform_na: &[f64]) -> Vec<f64> {
        waveform_na
            .chunks_exact(self.samples_of_pattern())
            .map(|of_pattern| mean(&of_pattern[self.ramp_samples..]))
            .collect()
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn scalar(a: impl AsRef<[f64]>, b: &[f64]) -> f64 {
    a.as_ref().iter().zip(b).map(|(a, b)| a * b).sum()
}
