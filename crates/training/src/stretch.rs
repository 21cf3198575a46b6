//! Noise that is continuous over consecutive patterns.

use std::sync::{Mutex, MutexGuard, PoisonError};

use noise::{CirculantScratch, NoiseError, NoiseModel, RecordGenerator};
use rand::Rng;

/// Largest number of samples over which noise is continuous; a longer pass is composed of several stretches.
pub const MOST_SAMPLES: usize = 1 << 18;

/// Noise of consecutive patterns.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) patterns: usize,
    pub(crate) samples_of_pattern: usize,
    generator: RecordGenerator,
    /// Unused buffers, which are overwritten. Allocating them for each pass would double its time.
    spare: Mutex<Vec<Buffers>>,
}

impl Stretch {
    /// Divides a pass of `most_patterns` into the smallest number of stretches of equal length.
    pub(crate) fn new(
        noise: &NoiseModel,
        rate_hz: f64,
        samples_of_pattern: usize,
        most_patterns: usize,
    ) -> Result<Self, NoiseError> {
        let longest = (MOST_SAMPLES / samples_of_pattern).max(1);
        let patterns = most_patterns.max(1);
        let patterns = patterns.div_ceil(patterns.div_ceil(longest));
        let generator = RecordGenerator::new(noise, rate_hz, patterns * samples_of_pattern)?;
        Ok(Self { patterns, samples_of_pattern, generator, spare: Mutex::default() })
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Buffers>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Buffers of a [`NoiseSource`].
#[derive(Debug, Default)]
struct Buffers {
    scratch: CirculantScratch,
    record: Vec<f64>,
}

/// Noise, pattern by pattern.
pub(crate) struct NoiseSource<'s> {
    stretch: &'s Stretch,
    buffers: Buffers,
    used: usize,
}

impl Drop for NoiseSource<'_> {
    fn drop(&mut self) {
        self.stretch.spare().push(std::mem::take(&mut self.buffers));
    }
}

impl<'s> NoiseSource<'s> {
    pub(crate) fn new(stretch: &'s Stretch) -> Self {
        let buffers = stretch.spare().pop().unwrap_or_default();
        Self { stretch, buffers, used: stretch.patterns }
    }

    /// The samples of the next pattern \[nA\], beginning with its ramp.
    pub(crate) fn next<R: Rng + ?Sized>(&mut self, rng: &mut R) -> &[f64] {
        let length = self.stretch.samples_of_pattern;
        if self.used == self.stretch.patterns {
            let Buffers { scratch, record } = &mut self.buffers;
            record.clear();
            record.resize(self.stretch.patterns * length, 0.0);
            self.stretch.generator.add_to(rng, scratch, record);
            self.used = 0;
        }
        self.used += 1;
        &self.buffers.record[(self.used - 1) * length..self.used * length]
    }
}
