//! An estimator, a device at its operating point, an instrument and a noise source, ready to be repeated.

use std::sync::Arc;

use device::Device;
use ndarray::Array2;
use noise::{CirculantScratch, RecordGenerator, dot, folding};
use rand::Rng;
use rand_distr::{Distribution as _, StandardNormal};

use crate::error::EstimatorError;
use crate::instrument::Instrument;
use crate::probe::{Probe, held_currents_na};
use crate::random::RandomMeasurement;
use crate::readout::Channel;
use crate::scheme::{Scheme, Waveform};

/// By which of three equivalent routes a trial is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Noise record written out, lock-in run sample by sample, as the instrument does it.
    Streaming,
    /// Noise record written out, scalar products with the weights.
    Weights,
    /// One Gaussian a sample, scalar products with weights into which the colour of the noise is folded
    /// ([`noise::folding`]): the same sum as [`Route::Weights`] in another order. For Gaussian noise and no ADC.
    Folded,
}

/// What does not change between trials of a record.
#[derive(Clone, Debug)]
pub(crate) struct PreparedRecord {
    /// Output without noise and what is read from it; empty where the perturbation is drawn anew for each trial.
    pub(crate) clean_na: Vec<f64>,
    pub(crate) clean_readings: Vec<f64>,
    folded: Option<Vec<f64>>,
    references: Vec<Vec<f64>>,
}

/// A measurement that can be repeated with fresh noise.
#[derive(Clone, Debug)]
pub struct Experiment {
    pub(crate) probe: Probe,
    pub(crate) records: Vec<PreparedRecord>,
    pub(crate) device: Arc<dyn Device>,
    pub(crate) operating_point_volt: Vec<f64>,
    pub(crate) instrument: Instrument,
    pub(crate) generator: Arc<RecordGenerator>,
    pub(crate) gaussian: bool,
    route: Route,
}

/// Buffers of a trial, reused from trial to trial.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    record: Vec<f64>,
    readings: Vec<f64>,
    scratch: CirculantScratch,
}

impl Experiment {
    /// Prepares `scheme` on `device` at `operating_point_volt` (the first output is read).
    ///
    /// `generator` must make records of the scheme's length; `gaussian` says whether its noise is Gaussian.
    ///
    /// # Errors
    /// If the device cannot be evaluated, or `route` is [`Route::Folded`] and the noise is not Gaussian, has no
    /// positive definite covariance, or an ADC is set.
    pub fn new(
        scheme: Scheme,
        device: Arc<dyn Device>,
        operating_point_volt: Vec<f64>,
        instrument: Instrument,
        generator: Arc<RecordGenerator>,
        gaussian: bool,
        route: Route,
    ) -> Result<Self, EstimatorError> {
        assert_eq!(generator.samples(), scheme.samples(), "noise records of the scheme's length");
        if route == Route::Folded && (!gaussian || instrument.adc.is_some()) {
            return Err(EstimatorError::setting(
                "route",
                "folded",
                "needs Gaussian noise and no ADC: use \"weights\" or \"streaming\"",
            ));
        }
        let fold = |weights: &[f64]| -> Result<Option<Vec<f64>>, EstimatorError> {
            let silent = generator.autocovariance().variance <= 0.0;
            if route == Route::Folded && !silent {
                Ok(Some(folding::fold(weights, generator.autocovariance())?))
            } else {
                Ok(None)
            }
        };
        let references = |channels: &[Channel], rate_hz: f64| -> Vec<Vec<f64>> {
            let streamed = if route == Route::Streaming { channels } else { &[] };
            streamed.iter().map(|c| c.reference_samples(rate_hz, generator.samples())).collect()
        };
        let probe = Probe::new(scheme);
        let mut records = Vec::with_capacity(probe.scheme().records());
        for index in 0..probe.scheme().records() {
            let channels = match probe.scheme() {
                Scheme::Fixed(measurement) => &measurement.records[index].channels,
                Scheme::Random(measurement) => &measurement.blocks,
            };
            let (clean_na, clean_readings) = clean(&probe, index, device.as_ref(), &operating_point_volt, instrument)?;
            let folded = fold(probe.weights(index))?;
            let references = references(channels, probe.scheme().rate_hz());
            records.push(PreparedRecord { clean_na, clean_readings, folded, references });
        }
        Ok(Self { probe, records, device, operating_point_volt, instrument, generator, gaussian, route })
    }

    /// The same measurement at another operating point \[V\]; what does not depend on it is not prepared again.
    ///
    /// # Errors
    /// If the number of voltages is not that of the parameters, or the device cannot be evaluated there.
    pub fn moved_to(&self, operating_point_volt: &[f64]) -> Result<Self, EstimatorError> {
        let operating_point_volt = device::operating_point_volt(self.device.as_ref(), Some(operating_point_volt))?;
        let mut moved = Self { operating_point_volt, ..self.clone() };
        for (index, record) in moved.records.iter_mut().enumerate() {
            (record.clean_na, record.clean_readings) =
                clean(&self.probe, index, self.device.as_ref(), &moved.operating_point_volt, self.instrument)?;
        }
        Ok(moved)
    }

    /// The operating point \[V\].
    #[must_use]
    pub fn operating_point_volt(&self) -> &[f64] {
        &self.operating_point_volt
    }

    /// Current \[nA\] at the operating point, without perturbation and noise.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn current_na(&self) -> Result<f64, EstimatorError> {
        let at = ndarray::aview1(&self.operating_point_volt).insert_axis(ndarray::Axis(0));
        Ok(device::currents_na(self.device.as_ref(), at)?[0])
    }

    /// The scheme, prepared.
    #[must_use]
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Number of derivatives of an estimate.
    #[must_use]
    pub fn derivatives(&self) -> usize {
        self.probe.scheme().derivatives()
    }

    /// One measurement with fresh noise: the estimate of each derivative \[nA/V, then nA/V² of second ones\].
    ///
    /// # Errors
    /// If the device cannot be evaluated at a random perturbation.
    pub fn trial_into<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        workspace: &mut Workspace,
        derivatives: &mut [f64],
    ) -> Result<(), EstimatorError> {
        match self.probe.scheme() {
            Scheme::Fixed(measurement) => {
                for (index, (record_scheme, record)) in measurement.records.iter().zip(&self.records).enumerate() {
                    let parts = RecordParts {
                        channels: &record_scheme.channels,
                        filter: &measurement.filter,
                        references: &record.references,
                        weights: self.probe.weights(index),
                        folded: record.folded.as_deref(),
                        clean_na: &record.clean_na,
                        clean_readings: &record.clean_readings,
                    };
                    self.read_record(rng, workspace, &parts);
                    measurement.combine(index, &workspace.readings, derivatives);
                }
            }
            Scheme::Random(measurement) => {
                let record = &self.records[0];
                let directions = measurement.draw(rng);
                let clean_na = self.clean_under_directions(measurement, &directions)?;
                let mut clean_readings = Vec::new();
                if self.route == Route::Folded {
                    clean_readings.resize(measurement.blocks.len(), 0.0);
                    dot::project(self.probe.weights(0), &clean_na, &mut clean_readings);
                }
                let parts = RecordParts {
                    channels: &measurement.blocks,
                    filter: &measurement.filter,
                    references: &record.references,
                    weights: self.probe.weights(0),
                    folded: record.folded.as_deref(),
                    clean_na: &clean_na,
                    clean_readings: &clean_readings,
                };
                self.read_record(rng, workspace, &parts);
                measurement.combine(&workspace.readings, &directions, derivatives);
            }
        }
        Ok(())
    }

    fn read_record<R: Rng + ?Sized>(&self, rng: &mut R, workspace: &mut Workspace, parts: &RecordParts<'_>) {
        let Workspace { record, readings, scratch } = workspace;
        readings.clear();
        readings.resize(parts.channels.len(), 0.0);
        record.clear();
        if self.route == Route::Folded {
            if let Some(folded) = parts.folded {
                record.extend((0..parts.clean_na.len()).map(|_| -> f64 { StandardNormal.sample(rng) }));
                dot::project(folded, record, readings);
            }
            for (reading, clean) in readings.iter_mut().zip(parts.clean_readings) {
                *reading += clean;
            }
            return;
        }
        record.extend_from_slice(parts.clean_na);
        self.generator.add_to(rng, scratch, record);
        if let Some(adc) = &self.instrument.adc {
            record.iter_mut().for_each(|y| *y = adc.convert(*y));
        }
        if self.route == Route::Weights {
            dot::project(parts.weights, record, readings);
        } else {
            for ((reading, channel), reference) in readings.iter_mut().zip(parts.channels).zip(parts.references) {
                *reading = channel.stream(parts.filter, reference, record);
            }
        }
    }

    /// Currents \[nA\] at displacements \[V\] from the operating point, as the DAC applies them.
    pub(crate) fn currents_at(&self, displacements_volt: &[Vec<f64>]) -> Result<Vec<f64>, EstimatorError> {
        let shape = (displacements_volt.len(), self.operating_point_volt.len());
        let asked = Array2::from_shape_fn(shape, |(n, m)| displacements_volt[n][m]);
        let ideal_timing = Instrument { hold_samples: 1, delay_samples: 0, ..self.instrument };
        let applied = ideal_timing.applied(&self.operating_point_volt, asked);
        Ok(device::currents_na(self.device.as_ref(), applied.view())?)
    }

    /// Level of each sample in units of cΔ_l of block `l` alone, as it acts on the output: the linear response of the instrument
    /// to one block's direction.
    pub(crate) fn block_waveform(&self, measurement: &RandomMeasurement, block: usize) -> Vec<f64> {
        let steps = measurement
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(k, channel)| {
                channel.windows.iter().zip(&measurement.levels).map(move |(w, s)| (k, w.start, *s))
            })
            .map(|(k, start, level)| (start, if k == block { level } else { 0.0 }))
            .collect();
        let ramp_samples = (self.instrument.ramp_s * measurement.rate_hz).round() as usize;
        let asked = Waveform::Levels(steps).samples(measurement.samples, measurement.rate_hz, ramp_samples);
        let asked = Array2::from_shape_vec((measurement.samples, 1), asked).expect("one column");
        let linear = Instrument { dac: None, ..self.instrument };
        let mut acting = linear.applied(&[0.0], asked).into_raw_vec_and_offset().0;
        linear.let_pass(&mut acting, 0.0, measurement.rate_hz);
        acting
    }

    /// Noiseless output \[nA\] under drawn directions.
    pub(crate) fn clean_under_directions(
        &self,
        measurement: &RandomMeasurement,
        directions: &[f64],
    ) -> Result<Vec<f64>, EstimatorError> {
        let parameters = measurement.parameters();
        let level = |k: usize, s: f64, m: usize| s * measurement.step_volt[m] * directions[k * parameters + m];
        if self.instrument.is_instantaneous() {
            let points: Vec<Vec<f64>> = (0..measurement.blocks.len())
                .flat_map(|k| measurement.levels.iter().map(move |&s| (k, s)))
                .map(|(k, s)| (0..parameters).map(|m| level(k, s, m)).collect())
                .collect();
            let currents = self.currents_at(&points)?;
            let mut clean = Vec::with_capacity(measurement.samples);
            for (window, current) in measurement.blocks.iter().flat_map(|b| &b.windows).zip(&currents) {
                clean.resize(window.start + window.length, *current);
            }
            clean.resize(measurement.samples, currents[currents.len() - 1]);
            return Ok(clean);
        }
        let asked = measurement.perturbation_volt(directions, self.instrument.ramp_s);
        let rate_hz = measurement.rate_hz;
        clean_currents(self.device.as_ref(), &self.operating_point_volt, self.instrument, asked, rate_hz)
    }
}

/// Output without noise \[nA\] under a perturbation, after a rest at the operating point.
fn clean_currents(
    device: &dyn Device,
    operating_point_volt: &[f64],
    instrument: Instrument,
    perturbation_volt: Array2<f64>,
    rate_hz: f64,
) -> Result<Vec<f64>, EstimatorError> {
    let applied = instrument.applied(operating_point_volt, perturbation_volt);
    let mut clean_na = held_currents_na(device, applied.view())?;
    if instrument.dynamics.is_some() {
        let rest = instrument.applied(operating_point_volt, Array2::zeros((1, operating_point_volt.len())));
        let rest_na = device::currents_na(device, rest.view())?[0];
        instrument.let_pass(&mut clean_na, rest_na, rate_hz);
    }
    Ok(clean_na)
}

/// Output of a record without noise, and what is read from it; empty where the perturbation is drawn anew for each trial.
fn clean(
    probe: &Probe,
    index: usize,
    device: &dyn Device,
    operating_point_volt: &[f64],
    instrument: Instrument,
) -> Result<(Vec<f64>, Vec<f64>), EstimatorError> {
    let Scheme::Fixed(measurement) = probe.scheme() else { return Ok((Vec::new(), Vec::new())) };
    let asked = measurement.perturbation_volt(index, instrument.ramp_s);
    let clean_na = clean_currents(device, operating_point_volt, instrument, asked, probe.scheme().rate_hz())?;
    let mut clean_readings = vec![0.0; probe.readings(index)];
    dot::project(probe.weights(index), &clean_na, &mut clean_readings);
    Ok((clean_na, clean_readings))
}

/// What one record is read from.
struct RecordParts<'a> {
    channels: &'a [Channel],
    filter: &'a crate::filter::LowPass,
    references: &'a [Vec<f64>],
    weights: &'a [f64],
    folded: Option<&'a [f64]>,
    clean_na: &'a [f64],
    clean_readings: &'a [f64],
}
