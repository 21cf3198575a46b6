//! Computes the unfinished units of a stage on all threads of the pool.

use std::collections::HashMap;
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

/// Counts for the status file: of units whose result is in the checkpoint, so that a kill loses none that it states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
}

impl Counts {
    fn add(&mut self, saved: &[Save]) {
        for item in saved {
            match item {
                Save::Done(..) => self.done += 1,
                Save::Failed(..) => self.failed += 1,
                Save::Head(..) | Save::Begun(..) => {}
            }
        }
    }
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

    /// Computes the unfinished units. `committed` receives the counts of what is saved, at first and after every commit.
    pub(crate) fn run(&self, mut committed: impl FnMut(&Counts) + Send) -> Result<(), SweepError> {
        let mut is_done = vec![false; self.schedule.units()];
        let mut counts = Counts { total: self.total().0, done: 0, failed: 0 };
        let mut steps_before = 0;
        self.checkpoint.done(|unit| {
            if self.schedule.contains(unit) {
                is_done[self.schedule.number(unit)] = true;
                counts.done += 1;
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
        self.progress.begin(self.schedule.stage(), steps_before, self.total().1);
        let open = |unit: Unit| !is_done[self.schedule.number(unit)] && self.is_own(unit);
        let points: Vec<usize> = (0..self.schedule.points()).filter(|&p| self.schedule.units_at(p).any(open)).collect();
        committed(&counts);
        if points.is_empty() {
            return Ok(());
        }
        let saver = Saver::new(self.checkpoint);
        let failures = Mutex::new(Failures::default());
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                saver.run(self.stop, |batch| {
                    counts.add(batch);
                    committed(&counts);
                });
            });
            points.into_par_iter().with_max_len(1).for_each(|point| {
                if self.stop.is_requested() {
                    return;
                }
                let units: Vec<Unit> = self.schedule.units_at(point).filter(|u| open(*u)).collect();
                let failed = |unit: Unit, error: W::Error| {
                    let message = self.work.failure(point, &error);
                    saver.take(Save::Failed(unit, message.clone()));
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
                units.into_par_iter().with_max_len(1).for_each(|unit| {
                    if let Err(e) = self.unit(&ready, unit, &begun, &saver) {
                        failed(unit, e);
                    }
                });
            });
            saver.end();
            writer.join().expect("the saving thread does not panic");
        });
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

    /// Computes a unit from its saved state, as far as it gets before the study is asked to stop.
    fn unit(&self, ready: &W::Point, unit: Unit, begun: &HashMap<Unit, Saved>, saver: &Saver) -> Result<(), W::Error> {
        if self.stop.is_requested() {
            return Ok(());
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
                    return Ok(());
                }
                last_saved = Instant::now();
            }
        }
        let numbers = self.work.numbers(&state);
        saver.take(Save::Done(unit, Saved { steps: length, numbers, text: String::new() }));
        self.progress.advance(length - first - told);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finished::Finished;
    use crate::run::Silent;
    use crate::schedule::Stage;
    use results::Sink;

    struct Nothing;

    impl Work for Nothing {
        type Point = ();
        type State = ();
        type Error = std::convert::Infallible;
        const STEPS_OF_UNIT: u64 = 1;
        fn steps(&self) -> u64 {
            1
        }
        fn prepare(&self, _: usize) -> Result<(), Self::Error> {
            Ok(())
        }
        fn begin(&self, (): &(), _: Option<&[f64]>) {}
        fn step(&self, (): &(), (): &mut (), _: Step) -> Result<(), Self::Error> {
            Ok(())
        }
        fn numbers(&self, (): &()) -> Vec<f64> {
            vec![0.0; 1000]
        }
        fn collect(&self, _: &Finished, _: &Schedule, _: &mut dyn Sink) -> Result<(), SweepError> {
            Ok(())
        }
    }

    #[test]
    fn counts_are_of_what_a_kill_would_leave() {
        let checkpoint = Checkpoint::in_memory().expect("a store");
        let schedule = Schedule::same(Stage::Main, 1, 20_000, 1);
        let deal = Deal::new(&schedule, 1, 1, false);
        let stop = Stop::default();
        let engine = Engine {
            work: &Nothing,
            schedule: &schedule,
            deal: &deal,
            shard: Shard::WHOLE,
            checkpoint: &checkpoint,
            stop: &stop,
            progress: &Silent,
        };
        // compared afterwards: a panic of the saving thread would leave the others waiting for it
        let mut told = Vec::new();
        let outcome = engine.run(|counts| {
            let mut saved = 0;
            let read = checkpoint.done(|_| saved += 1);
            told.push((*counts, read.is_ok(), saved));
        });
        outcome.expect("nothing fails");
        assert!(told.len() > 2, "{} commits", told.len());
        for (counts, is_read, done) in told {
            assert!(is_read);
            assert_eq!(counts, Counts { total: 20_000, done, failed: 0 });
        }
        assert_eq!(engine.missing().expect("a store"), 0);
    }
}
