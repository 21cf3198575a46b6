//! Computes the unfinished units of a stage on all threads of the pool.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::checkpoint::{Checkpoint, Save};
use crate::error::SweepError;
use crate::run::Progress;
use crate::saver::Saver;
use crate::schedule::{Deal, Schedule, Shard, Unit};
use crate::stop::Stop;
use crate::work::{Saved, Step, Work};

/// Interval at which the state of a long unit is saved.
const LONG: Duration = Duration::from_secs(20);

/// Largest number of failures reported with their messages.
const MOST_REPORTED: usize = 5;

/// A stage and its context.
pub(crate) struct Engine<'a, W> {
    pub(crate) work: &'a W,
    pub(crate) schedule: &'a Schedule,
    pub(crate) deal: &'a Deal,
    pub(crate) shard: Shard,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) stop: &'a Stop,
    pub(crate) progress: &'a dyn Progress,
}

/// Counts for the status file.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) total: AtomicUsize,
    pub(crate) done: AtomicUsize,
    pub(crate) failed: AtomicUsize,
}

/// Failures of a stage.
#[derive(Default)]
struct Failures {
    count: usize,
    first: Vec<(usize, String)>,
}

impl<W: Work> Engine<'_, W> {
    /// Units and steps of this shard.
    pub(crate) fn total(&self) -> (usize, u64) {
        let own = (0..self.schedule.points()).flat_map(|p| self.schedule.units_at(p)).filter(|u| self.is_own(*u));
        own.fold((0, 0), |(units, steps), unit| {
            let span = self.schedule.span(unit);
            (units + 1, steps + (span.end - span.start))
        })
    }

    /// Unfinished units of this shard.
    pub(crate) fn missing(&self) -> Result<usize, SweepError> {
        let mut done = 0;
        self.checkpoint.done(|unit| done += usize::from(self.schedule.contains(unit) && self.is_own(unit)))?;
        Ok(self.total().0 - done)
    }

    fn is_own(&self, unit: Unit) -> bool {
        self.deal.shard_of(self.schedule, unit) == self.shard.index()
    }

    /// Computes the unfinished units. `committed` receives the counts after every commit.
    pub(crate) fn run(&self, mut committed: impl FnMut(&Counts) + Send) -> Result<(), SweepError> {
        let mut is_done = vec![false; self.schedule.units()];
        let counts = Counts::default();
        let mut steps_before = 0;
        self.checkpoint.done(|unit| {
            if self.schedule.contains(unit) {
                is_done[self.schedule.number(unit)] = true;
                counts.done.fetch_add(1, Ordering::Relaxed);
                let span = self.schedule.span(unit);
                steps_before += span.end - span.start;
            }
        })?;
        let mut has_head = vec![false; self.schedule.points()];
        self.checkpoint.heads(|point| {
            if let Some(has) = has_head.get_mut(point) {
                *has = true;
            }
        })?;
        let begun = self.checkpoint.begun()?;
        steps_before += begun.values().map(|r| r.steps).sum::<u64>();
        let (units, steps) = self.total();
        self.progress.begin(self.schedule.stage(), steps_before, steps);
        counts.total.store(units, Ordering::Relaxed);
        let open = |unit: Unit| !is_done[self.schedule.number(unit)] && self.is_own(unit);
        let points: Vec<usize> = (0..self.schedule.points()).filter(|&p| self.schedule.units_at(p).any(open)).collect();
        committed(&counts);
        if points.is_empty() {
            return Ok(());
        }
        let saver = Saver::new(self.checkpoint);
        let failures = Mutex::new(Failures::default());
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| saver.run(self.stop, || committed(&counts)));
            points.into_par_iter().with_max_len(1).for_each(|point| {
                if self.stop.is_requested() {
                    return;
                }
                let units: Vec<Unit> = self.schedule.units_at(point).filter(|u| open(*u)).collect();
                let failed = |unit: Unit, error: W::Error| {
                    let message = self.work.failure(point, &error);
                    saver.take(Save::Failed(unit, message.clone()));
                    counts.failed.fetch_add(1, Ordering::Relaxed);
                    let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                    failures.count += 1;
                    failures.first.push((point, message));
                    failures.first.sort();
                    failures.first.dedup();
                    failures.first.truncate(MOST_REPORTED);
                };
                let ready = match self.work.prepare(point) {
                    Ok(ready) => ready,
                    Err(e) => return failed(units[0], e),
                };
                if !has_head[point] && self.is_own(Unit { block: 0, ..units[0] }) {
                    match self.work.head(&ready) {
                        Ok(saved) => saver.take(Save::Head(point, saved)),
                        Err(e) => return failed(units[0], e),
                    }
                }
                units.into_par_iter().with_max_len(1).for_each(|unit| match self.unit(&ready, unit, &begun, &saver) {
                    Ok(true) => {
                        counts.done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(false) => {}
                    Err(e) => failed(unit, e),
                });
            });
            saver.end();
            writer.join().expect("the saving thread does not panic");
        });
        committed(&counts);
        match saver.into_failure() {
            Some(e) => Err(e.into()),
            None if self.stop.is_requested() => Err(SweepError::Stopped),
            None => {
                let Failures { count, first } = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
                let failures = first.into_iter().map(|(_, message)| message).collect();
                if count == 0 { Ok(()) } else { Err(SweepError::Points { count, failures }) }
            }
        }
    }

    /// Computes a unit from its saved state; false if it was interrupted again.
    fn unit(
        &self,
        ready: &W::Point,
        unit: Unit,
        begun: &HashMap<Unit, Saved>,
        saver: &Saver,
    ) -> Result<bool, W::Error> {
        if self.stop.is_requested() {
            return Ok(false);
        }
        let span = self.schedule.span(unit);
        let length = span.end - span.start;
        let saved = begun.get(&unit).filter(|r| r.steps < length);
        let mut state = self.work.begin(ready, saved.map(|r| &r.numbers[..]));
        let first = saved.map_or(0, |r| r.steps);
        let mut told = 0;
        let mut last_saved = Instant::now();
        for k in first..length {
            let number = span.start + k;
            self.work.step(ready, &mut state, Step { stage: unit.stage, point: unit.point, number })?;
            let steps = k + 1;
            let stopping = self.stop.is_requested();
            if steps < length && (stopping || last_saved.elapsed() > LONG) {
                let numbers = self.work.numbers(&state);
                saver.take(Save::Begun(unit, Saved { steps, numbers, text: String::new() }));
                self.progress.advance(steps - first - told);
                told = steps - first;
                if stopping {
                    return Ok(false);
                }
                last_saved = Instant::now();
            }
        }
        let numbers = self.work.numbers(&state);
        saver.take(Save::Done(unit, Saved { steps: length, numbers, text: String::new() }));
        self.progress.advance(length - first - told);
        Ok(true)
    }
}
