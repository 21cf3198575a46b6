//! Division of a study into units, and of units among shards.

use rand::seq::SliceRandom;

use settings::seed::{self, Purpose};

/// A stage of a study: the second begins when the first has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Repetitions that determine how many the main stage needs.
    Pilot,
    /// Repetitions that make up the results.
    Main,
}

/// The smallest unit of work: some steps at one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// The stage.
    pub stage: Stage,
    /// The point of the sweep.
    pub point: usize,
    /// Index of the unit at this point.
    pub block: u64,
}

/// The units of one stage.
#[derive(Clone, Debug)]
pub struct Schedule {
    stage: Stage,
    steps_of_unit: u64,
    steps: Steps,
}

#[derive(Clone, Debug)]
enum Steps {
    Same { points: usize, each: u64 },
    Each { steps: Vec<u64>, units_before: Vec<u64> },
}

impl Schedule {
    /// The same number of steps at every point.
    pub(crate) fn same(stage: Stage, steps_of_unit: u64, points: usize, each: u64) -> Self {
        Self { stage, steps_of_unit, steps: Steps::Same { points, each } }
    }

    /// A number of steps for each point.
    pub(crate) fn each(stage: Stage, steps_of_unit: u64, steps: Vec<u64>) -> Self {
        let mut units_before = Vec::with_capacity(steps.len() + 1);
        let mut total = 0;
        units_before.push(0);
        for n in &steps {
            total += n.div_ceil(steps_of_unit);
            units_before.push(total);
        }
        Self { stage, steps_of_unit, steps: Steps::Each { steps, units_before } }
    }

    /// The stage.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Number of points.
    #[must_use]
    pub fn points(&self) -> usize {
        match &self.steps {
            Steps::Same { points, .. } => *points,
            Steps::Each { steps, .. } => steps.len(),
        }
    }

    /// Steps at a point.
    #[must_use]
    pub fn steps_at(&self, point: usize) -> u64 {
        match &self.steps {
            Steps::Same { each, .. } => *each,
            Steps::Each { steps, .. } => steps[point],
        }
    }

    /// Units at a point.
    #[must_use]
    pub fn blocks(&self, point: usize) -> u64 {
        self.steps_at(point).div_ceil(self.steps_of_unit)
    }

    /// Steps of a unit.
    #[must_use]
    pub fn span(&self, unit: Unit) -> std::ops::Range<u64> {
        let start = unit.block * self.steps_of_unit;
        start..(start + self.steps_of_unit).min(self.steps_at(unit.point))
    }

    /// Index of a unit, in the order of points and blocks.
    #[must_use]
    pub fn number(&self, unit: Unit) -> usize {
        let before = match &self.steps {
            Steps::Same { .. } => unit.point as u64 * self.blocks(unit.point),
            Steps::Each { units_before, .. } => units_before[unit.point],
        };
        (before + unit.block) as usize
    }

    /// Number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        match &self.steps {
            Steps::Same { points, each } => points * each.div_ceil(self.steps_of_unit) as usize,
            Steps::Each { units_before, .. } => units_before.last().copied().unwrap_or(0) as usize,
        }
    }

    /// The units at a point.
    pub fn units_at(&self, point: usize) -> impl Iterator<Item = Unit> + use<> {
        let stage = self.stage;
        (0..self.blocks(point)).map(move |block| Unit { stage, point, block })
    }

    /// Whether a unit belongs to this schedule.
    #[must_use]
    pub fn contains(&self, unit: Unit) -> bool {
        unit.stage == self.stage && unit.point < self.points() && unit.block < self.blocks(unit.point)
    }
}

/// Largest number of parts of a study.
pub const MOST_SHARDS: usize = 100_000;

/// Part `index` (from 1) of `count` parts of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// The whole study.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Part `index` of `count`; `None` unless 1 ≤ `index` ≤ `count` ≤ [`MOST_SHARDS`].
    #[must_use]
    pub fn new(index: usize, count: usize) -> Option<Self> {
        ((1..=count).contains(&index) && count <= MOST_SHARDS).then_some(Self { index, count })
    }

    /// Its number, from 1.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Number of parts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(index, count)| Self::new(index.trim().parse().ok()?, count.trim().parse().ok()?))
            .ok_or_else(|| format!("found \"{text}\", must be i/n with 1 ≤ i ≤ n ≤ {MOST_SHARDS}, as in 3/16"))
    }
}

/// Distribution of units among shards: whole points if there are at least eight for each shard or if repetitions are
/// adaptive, otherwise single units; in shuffled order, so that slow regions of the sweep are spread over all shards.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    whole_points: bool,
    shard_of: Vec<u32>,
}

impl Deal {
    pub(crate) fn new(schedule: &Schedule, shards: usize, seed: u64, adaptive: bool) -> Self {
        let whole_points = adaptive || schedule.points() / 8 >= shards;
        if shards == 1 {
            return Self { whole_points, shard_of: Vec::new() };
        }
        let pieces = if whole_points { schedule.points() } else { schedule.units() };
        let mut shard_of: Vec<u32> = (0..pieces).map(|k| (k % shards) as u32).collect();
        shard_of.shuffle(&mut seed::stream(seed, Purpose::Deal));
        Self { whole_points, shard_of }
    }

    /// Number, from 1, of the shard that computes a unit.
    pub(crate) fn shard_of(&self, schedule: &Schedule, unit: Unit) -> usize {
        let piece = if self.whole_points { unit.point } else { schedule.number(unit) };
        self.shard_of.get(piece).map_or(1, |&s| s as usize + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(schedule: &Schedule) -> Vec<Unit> {
        (0..schedule.points()).flat_map(|p| schedule.units_at(p)).collect()
    }

    #[test]
    fn units_cover_all_steps_once_and_are_numbered_in_order() {
        for schedule in
            [Schedule::same(Stage::Main, 512, 5, 1300), Schedule::each(Stage::Main, 512, vec![1, 512, 513, 5000, 0, 7])]
        {
            let units = units(&schedule);
            assert_eq!(units.len(), schedule.units());
            for (k, unit) in units.iter().enumerate() {
                assert_eq!(schedule.number(*unit), k);
                assert!(schedule.contains(*unit));
            }
            for point in 0..schedule.points() {
                let steps: Vec<u64> = schedule.units_at(point).flat_map(|u| schedule.span(u)).collect();
                assert_eq!(steps, (0..schedule.steps_at(point)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn every_unit_is_dealt_to_one_shard_and_shards_are_even() {
        for (schedule, shards, adaptive) in [
            (Schedule::same(Stage::Main, 512, 200, 1300), 16, false),
            (Schedule::same(Stage::Main, 512, 3, 5120), 16, false),
            (Schedule::same(Stage::Pilot, 512, 20, 1024), 3, true),
        ] {
            let deal = Deal::new(&schedule, shards, 1, adaptive);
            let mut counts = vec![0; shards];
            for unit in units(&schedule) {
                counts[deal.shard_of(&schedule, unit) - 1] += 1;
            }
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= if deal.whole_points { schedule.blocks(0) } else { 1 }, "{counts:?}");
        }
    }

    #[test]
    fn shards_are_read_as_they_are_written() {
        assert_eq!("3/16".parse(), Ok(Shard { index: 3, count: 16 }));
        assert_eq!(Shard::WHOLE.to_string(), "1/1");
        for bad in ["0/4", "5/4", "3", "a/b", "1/0", "-1/4", "1/100001", "1/18446744073709551616"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
