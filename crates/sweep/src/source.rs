//! Finished work of all shards of a study, read in order of its points.

use crate::checkpoint::Reader;
use results::StoreError;

use crate::error::SweepError;
use crate::plan::{Deal, Plan, Unit};
use crate::work::Record;

/// Records by point and unit, from any shard.
pub struct Source<'p> {
    plan: &'p Plan,
    deal: &'p Deal,
    readers: Vec<Reader>,
    /// Shard number − 1 of the first reader, since one shard can read its own records.
    first: usize,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("shards", &self.readers.len()).finish_non_exhaustive()
    }
}

impl<'p> Source<'p> {
    /// From one reader for each shard, or from that of shard `first + 1`.
    pub(crate) fn new(plan: &'p Plan, deal: &'p Deal, readers: Vec<Reader>, first: usize) -> Self {
        Self { plan, deal, readers, first }
    }

    fn reader(&self, unit: Unit) -> &Reader {
        &self.readers[self.deal.shard_of(self.plan, unit) - 1 - self.first]
    }

    /// The head of a point.
    ///
    /// # Errors
    /// If it is missing.
    pub fn head(&self, point: usize) -> Result<Record, StoreError> {
        let first = Unit { stage: self.plan.stage(), point, block: 0 };
        let reader = self.reader(first);
        reader.head(point)?.ok_or_else(|| reader.damaged(&format!("point {point} is missing")))
    }

    /// A unit.
    ///
    /// # Errors
    /// If it is missing or incomplete.
    pub fn unit(&self, unit: Unit) -> Result<Record, SweepError> {
        let reader = self.reader(unit);
        let missing = || reader.damaged(&format!("unit {} of point {} is missing", unit.block, unit.point));
        let record = reader.unit(unit)?.ok_or_else(missing)?;
        let span = self.plan.span(unit);
        if record.steps == span.end - span.start { Ok(record) } else { Err(missing().into()) }
    }

    /// The error that a point's record was not written by this program.
    #[must_use]
    pub fn damaged(&self, point: usize) -> StoreError {
        let first = Unit { stage: self.plan.stage(), point, block: 0 };
        self.reader(first).damaged(&format!("point {point} cannot be read"))
    }
}
