//! Finished work of all shards of a study, read in order of its points.

use crate::checkpoint::Reader;
use results::StoreError;

use crate::error::SweepError;
use crate::schedule::{Deal, Schedule, Unit};
use crate::work::Saved;

/// Records by point and unit, from any shard.
pub struct Finished<'p> {
    schedule: &'p Schedule,
    deal: &'p Deal,
    readers: Vec<Reader>,
    /// Shard number − 1 of the first reader, since one shard can read its own work.
    first: usize,
}

impl std::fmt::Debug for Finished<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished").field("shards", &self.readers.len()).finish_non_exhaustive()
    }
}

impl<'p> Finished<'p> {
    /// From one reader for each shard, or from that of shard `first + 1`.
    pub(crate) fn new(schedule: &'p Schedule, deal: &'p Deal, readers: Vec<Reader>, first: usize) -> Self {
        Self { schedule, deal, readers, first }
    }

    fn reader(&self, unit: Unit) -> &Reader {
        &self.readers[self.deal.shard_of(self.schedule, unit) - 1 - self.first]
    }

    /// The head of a point.
    ///
    /// # Errors
    /// If it is missing.
    pub fn head(&self, point: usize) -> Result<Saved, StoreError> {
        let first = Unit { stage: self.schedule.stage(), point, block: 0 };
        let reader = self.reader(first);
        reader.head(point)?.ok_or_else(|| reader.damaged(&format!("point {point} is missing")))
    }

    /// A unit.
    ///
    /// # Errors
    /// If it is missing or incomplete.
    pub fn unit(&self, unit: Unit) -> Result<Saved, SweepError> {
        let reader = self.reader(unit);
        let missing = || reader.damaged(&format!("unit {} of point {} is missing", unit.block, unit.point));
        let saved = reader.unit(unit)?.ok_or_else(missing)?;
        let span = self.schedule.span(unit);
        if saved.steps == span.end - span.start { Ok(saved) } else { Err(missing().into()) }
    }

    /// The error that what is saved of a point was not written by this program.
    #[must_use]
    pub fn damaged(&self, point: usize) -> StoreError {
        let first = Unit { stage: self.schedule.stage(), point, block: 0 };
        self.reader(first).damaged(&format!("point {point} cannot be read"))
    }
}
