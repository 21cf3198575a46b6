//! The noise of a study, and the generator of its records.

use rand::Rng;

use crate::circulant::CirculantScratch;
use crate::line_generator::LineGenerator;
use crate::mains::{Mains, MainsStream};
use crate::stream::{NoiseStream, TelegraphStream, TraceStream};
use crate::{Autocovariance, CirculantGenerator, NoiseError, RelaxationEnsemble, Spectrum, Trace};

/// A stationary noise source.
#[derive(Clone, Debug, PartialEq)]
pub enum NoiseModel {
    /// No noise.
    None,
    /// Gaussian noise of a spectrum.
    Gaussian(Spectrum),
    /// An ensemble of random telegraph signals: the spectrum of [`RelaxationEnsemble`], but not Gaussian.
    Telegraph(RelaxationEnsemble),
    /// A measured trace.
    Trace(Trace),
    /// Lines at the mains frequency and its multiples.
    Mains(Mains),
    /// Sum of independent sources.
    Sum(Vec<NoiseModel>),
}

impl NoiseModel {
    /// One-sided density \[nA²/Hz\], without that of lines, which have none.
    #[must_use]
    pub fn density(&self, frequency_hz: f64) -> f64 {
        match self {
            Self::None | Self::Mains(_) => 0.0,
            Self::Gaussian(spectrum) => spectrum.density(frequency_hz),
            Self::Telegraph(ensemble) => ensemble.density(frequency_hz),
            Self::Trace(trace) => trace.density(frequency_hz),
            Self::Sum(terms) => terms.iter().map(|term| term.density(frequency_hz)).sum(),
        }
    }

    /// Whether every finite set of samples is jointly Gaussian.
    #[must_use]
    pub fn is_gaussian(&self) -> bool {
        match self {
            Self::None | Self::Gaussian(_) => true,
            Self::Telegraph(_) | Self::Trace(_) | Self::Mains(_) => false,
            Self::Sum(terms) => terms.iter().all(Self::is_gaussian),
        }
    }

    /// Frequencies of the mains in it \[Hz\].
    #[must_use]
    pub fn mains_hz(&self) -> Vec<f64> {
        match self {
            Self::Mains(mains) => vec![mains.base_hz],
            Self::Sum(terms) => terms.iter().flat_map(Self::mains_hz).collect(),
            Self::None | Self::Gaussian(_) | Self::Telegraph(_) | Self::Trace(_) => Vec::new(),
        }
    }

    fn collect<'a>(&'a self, gaussian: &mut Vec<Spectrum>, other: &mut Vec<&'a NoiseModel>) {
        match self {
            Self::None => {}
            Self::Gaussian(spectrum) => gaussian.push(spectrum.clone()),
            Self::Telegraph(_) | Self::Trace(_) | Self::Mains(_) => other.push(self),
            Self::Sum(terms) => terms.iter().for_each(|term| term.collect(gaussian, other)),
        }
    }
}

/// Generates independent records of a [`NoiseModel`], exact in law.
#[derive(Debug)]
pub struct RecordGenerator {
    samples: usize,
    circulant: Option<CirculantGenerator>,
    lines: Vec<LineGenerator>,
    telegraph: Vec<RelaxationEnsemble>,
    traces: Vec<Trace>,
    mains: Vec<Mains>,
    autocovariance: Autocovariance,
}

impl RecordGenerator {
    /// Generator of records of `samples` samples at `rate_hz`.
    ///
    /// # Errors
    /// If a spectrum cannot be generated: the variance of the generators differs from its integral.
    pub fn new(model: &NoiseModel, rate_hz: f64, samples: usize) -> Result<Self, NoiseError> {
        let (mut spectra, mut other) = (Vec::new(), Vec::new());
        model.collect(&mut spectra, &mut other);
        let (circulant, lines) = gaussian(spectra, rate_hz, samples)?;
        let mut autocovariance =
            circulant.as_ref().map_or_else(|| Autocovariance::zero(samples), |g| g.autocovariance().clone());
        for generator in &lines {
            autocovariance.add(generator.autocovariance());
        }
        let (mut telegraph, mut traces, mut mains) = (Vec::new(), Vec::new(), Vec::new());
        for model in other {
            match model {
                NoiseModel::Telegraph(ensemble) => {
                    autocovariance.add(&ensemble.autocovariance(samples));
                    telegraph.push(ensemble.clone());
                }
                NoiseModel::Trace(trace) => {
                    autocovariance.add(&trace.autocovariance(samples));
                    traces.push(trace.clone());
                }
                NoiseModel::Mains(lines) => {
                    autocovariance.add(&lines.autocovariance(samples));
                    mains.push(lines.clone());
                }
                NoiseModel::None | NoiseModel::Gaussian(_) | NoiseModel::Sum(_) => {
                    unreachable!("flattened above")
                }
            }
        }
        Ok(Self { samples, circulant, lines, telegraph, traces, mains, autocovariance })
    }

    /// Samples in a record.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Exact autocovariance of the generated records.
    #[must_use]
    pub fn autocovariance(&self) -> &Autocovariance {
        &self.autocovariance
    }

    /// Adds one new record \[nA\] to `record`, which must have the generator's length.
    pub fn add_to<R: Rng + ?Sized>(&self, rng: &mut R, scratch: &mut CirculantScratch, record: &mut [f64]) {
        if let Some(generator) = &self.circulant {
            generator.add_to(rng, scratch, record);
        }
        for generator in &self.lines {
            generator.add_to(rng, record);
        }
        for ensemble in &self.telegraph {
            TelegraphStream::new(ensemble, rng).add_next(rng, record);
        }
        for trace in &self.traces {
            TraceStream::new(trace, rng).add_next(rng, record);
        }
        for mains in &self.mains {
            MainsStream::new(mains, rng).add_next(rng, record);
        }
    }
}

/// Generators of Gaussian noise: one circulant generator for all spectra together or, if their sum cannot be embedded,
/// line generators for the spectra that prevent it.
fn gaussian(
    spectra: Vec<Spectrum>,
    rate_hz: f64,
    samples: usize,
) -> Result<(Option<CirculantGenerator>, Vec<LineGenerator>), NoiseError> {
    let together = |spectra: &[Spectrum]| match spectra {
        [] => None,
        [one] => CirculantGenerator::new(one, rate_hz, samples),
        several => CirculantGenerator::new(&Spectrum::Sum(several.to_vec()), rate_hz, samples),
    };
    let whole = together(&spectra);
    if whole.is_some() || spectra.is_empty() {
        return Ok((whole, Vec::new()));
    }
    let mut terms = Vec::new();
    spectra.into_iter().for_each(|spectrum| flatten(spectrum, &mut terms));
    let (embedded, rest): (Vec<Spectrum>, Vec<Spectrum>) =
        terms.into_iter().partition(|term| CirculantGenerator::new(term, rate_hz, samples).is_some());
    let lines = rest.iter().map(|term| LineGenerator::new(term, rate_hz, samples)).collect::<Result<_, _>>()?;
    let circulant = together(&embedded);
    if circulant.is_none() && !embedded.is_empty() {
        let made = Autocovariance::of(&Spectrum::Sum(embedded), rate_hz, 1).variance;
        return Err(NoiseError::NotRepresentable { samples, asked_na2: made, made_na2: f64::NAN });
    }
    Ok((circulant, lines))
}

fn flatten(spectrum: Spectrum, terms: &mut Vec<Spectrum>) {
    match spectrum {
        Spectrum::Sum(parts) => parts.into_iter().for_each(|part| flatten(part, terms)),
        other => terms.push(other),
    }
}
