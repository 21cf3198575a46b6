//! Noise as a study describes it, and the generator that makes its records.

use rand::Rng;

use crate::circulant::CirculantScratch;
use crate::stream::{NoiseStream, ReplayStream, TelegraphStream};
use crate::{Autocovariance, CirculantGenerator, RelaxationEnsemble, Spectrum, Trace};

/// A stationary noise source.
#[derive(Clone, Debug, PartialEq)]
pub enum NoiseModel {
    /// No noise.
    Quiet,
    /// Gaussian noise of a spectrum.
    Gaussian(Spectrum),
    /// An ensemble of random telegraph signals: the spectrum of [`RelaxationEnsemble`], but not Gaussian.
    Telegraph(RelaxationEnsemble),
    /// A measured trace, replayed.
    Replay(Trace),
    /// Independent sources added up.
    Sum(Vec<NoiseModel>),
}

impl NoiseModel {
    /// One-sided density \[nA²/Hz\].
    #[must_use]
    pub fn density(&self, frequency_hz: f64) -> f64 {
        match self {
            Self::Quiet => 0.0,
            Self::Gaussian(spectrum) => spectrum.density(frequency_hz),
            Self::Telegraph(ensemble) => ensemble.density(frequency_hz),
            Self::Replay(trace) => trace.density(frequency_hz),
            Self::Sum(terms) => terms.iter().map(|term| term.density(frequency_hz)).sum(),
        }
    }

    /// Whether every finite set of samples is jointly Gaussian.
    #[must_use]
    pub fn is_gaussian(&self) -> bool {
        match self {
            Self::Quiet | Self::Gaussian(_) => true,
            Self::Telegraph(_) | Self::Replay(_) => false,
            Self::Sum(terms) => terms.iter().all(Self::is_gaussian),
        }
    }

    fn collect<'a>(&'a self, gaussian: &mut Vec<Spectrum>, other: &mut Vec<&'a NoiseModel>) {
        match self {
            Self::Quiet => {}
            Self::Gaussian(spectrum) => gaussian.push(spectrum.clone()),
            Self::Telegraph(_) | Self::Replay(_) => other.push(self),
            Self::Sum(terms) => terms.iter().for_each(|term| term.collect(gaussian, other)),
        }
    }
}

/// Makes independent records of a [`NoiseModel`], exact in law.
#[derive(Debug)]
pub struct RecordGenerator {
    samples: usize,
    gaussian: Option<CirculantGenerator>,
    telegraph: Vec<RelaxationEnsemble>,
    replay: Vec<Trace>,
    autocovariance: Autocovariance,
}

impl RecordGenerator {
    /// For records of `samples` samples at `rate_hz`.
    #[must_use]
    pub fn new(model: &NoiseModel, rate_hz: f64, samples: usize) -> Self {
        let (mut spectra, mut other) = (Vec::new(), Vec::new());
        model.collect(&mut spectra, &mut other);
        let gaussian = match spectra.len() {
            0 => None,
            1 => Some(CirculantGenerator::new(&spectra[0], rate_hz, samples)),
            _ => Some(CirculantGenerator::new(&Spectrum::Sum(spectra), rate_hz, samples)),
        };
        let mut autocovariance =
            gaussian.as_ref().map_or_else(|| Autocovariance::zero(samples), |g| g.autocovariance().clone());
        let (mut telegraph, mut replay) = (Vec::new(), Vec::new());
        for model in other {
            match model {
                NoiseModel::Telegraph(ensemble) => {
                    autocovariance.add(&ensemble.autocovariance(samples));
                    telegraph.push(ensemble.clone());
                }
                NoiseModel::Replay(trace) => {
                    autocovariance.add(&trace.autocovariance(samples));
                    replay.push(trace.clone());
                }
                NoiseModel::Quiet | NoiseModel::Gaussian(_) | NoiseModel::Sum(_) => {
                    unreachable!("collected elsewhere")
                }
            }
        }
        Self { samples, gaussian, telegraph, replay, autocovariance }
    }

    /// Samples in a record.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// What is made, exactly.
    #[must_use]
    pub fn autocovariance(&self) -> &Autocovariance {
        &self.autocovariance
    }

    /// Adds one new record \[nA\] to `record`, which must have the generator's length.
    pub fn add_to<R: Rng + ?Sized>(&self, rng: &mut R, scratch: &mut CirculantScratch, record: &mut [f64]) {
        if let Some(generator) = &self.gaussian {
            generator.add_to(rng, scratch, record);
        }
        for ensemble in &self.telegraph {
            TelegraphStream::new(ensemble, rng).add_next(rng, record);
        }
        for trace in &self.replay {
            ReplayStream::new(trace, rng).add_next(rng, record);
        }
    }
}
