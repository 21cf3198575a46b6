//! The list of kinds of studies, and the interface that each implements.

use std::time::Duration;

use results::Results;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sweep::stop::Stop;
use sweep::{Job, Order, Outcome, Progress, SweepError, Work};

use crate::columns::{Column, KindColumns, Outline};
use crate::error::Errors;
use crate::error::point::ErrorPoint;
use crate::language::document::KeyError;
use crate::logic::{Logic, LogicPoint};
use crate::point::{Extent, Given, Point, StudyPoint};
use crate::response::{Response, ResponsePoint};
use crate::samples::{Samples, SamplesPoint};
use crate::spectrum::{NoiseSpectrum, SpectrumPoint};
use crate::training::Training;
use crate::training::point::TrainingPoint;
use crate::{PointError, Study, needs};

/// A kind of study: settings, work and results.
pub(crate) trait StudyWork<'s>: Work<Error = PointError> + Sized {
    /// Its point, built from the scenario.
    type Checked: StudyPoint;
    /// All columns that its results may have.
    const COLUMNS: KindColumns;
    /// Keys that cannot be swept because they define a coordinate shared by all points.
    const SHARED: &'static [&'static str];
    /// Whether points are repeated `study.repetitions` times.
    const IS_REPEATED: bool;
    /// What its steps are called.
    const STEPS: &'static str = "steps";
    /// Memory that each point occupies until the results are combined, in bytes.
    const BYTES_OF_COLLECTED_POINT: u64 = 0;

    /// The work of a study of this kind, given its first point.
    fn of(study: &'s Study, first: &'s Self::Checked) -> Self;

    /// Outline of the results before the study runs, for one repetition.
    fn foreseen(&self) -> Outline;

    /// The columns that the results of this study will have.
    fn columns(&self) -> Vec<&'static Column> {
        Self::COLUMNS.groups.iter().copied().flatten().collect()
    }

    /// Length of a dimension of its columns at the first point.
    fn length(&self, dimension: &str) -> usize;

    /// Number of values in the results for a point, assuming that all are like the first.
    fn stored_numbers(&self) -> u64 {
        let of_column = |column: &&Column| column.values_of_point(|dimension| self.length(dimension) as u64);
        self.columns().iter().map(of_column).fold(0, u64::saturating_add)
    }

    /// Number of repetitions whose individual results are read back for a figure.
    fn stored_repetitions(&self) -> u64 {
        let is_single = |column: &&Column| column.over.contains(&"repetition");
        if self.columns().iter().any(is_single) { self.length("repetition") as u64 } else { 0 }
    }

    /// Memory of a thread at work, at most, in bytes.
    fn bytes_at_work(&self) -> u64 {
        0
    }

    /// Mean time of a step of a point \[s\].
    fn step_s(&self, ready: &mut Self::Point, point: usize) -> Result<f64, PointError> {
        // the first one may prepare what all others use
        match needs::ended_s(self, ready, point, self.steps().min(2))?[..] {
            [first_s, both_s] => {
                let steps = self.steps() as f64;
                Ok((first_s + (both_s - first_s) * (steps - 1.0)) / steps)
            }
            [first_s] => Ok(first_s),
            _ => Ok(0.0),
        }
    }
}

/// Properties of a study that are known before it runs, for any kind.
pub(crate) trait About {
    fn foreseen(&self) -> Results;
    fn stored_numbers(&self) -> u64;
    fn stored_repetitions(&self) -> u64;
    fn bytes_at_work(&self) -> u64;
    fn bytes_of_collected_point(&self) -> u64;
    fn units_of_point(&self) -> u64;
    fn estimated_cpu_s(&self, study: &Study, patience: Duration) -> Result<f64, SweepError>;
}

struct Known<W>(W);

impl<'s, W: StudyWork<'s>> About for Known<W> {
    fn foreseen(&self) -> Results {
        self.0.foreseen().results
    }

    fn stored_numbers(&self) -> u64 {
        self.0.stored_numbers()
    }

    fn stored_repetitions(&self) -> u64 {
        self.0.stored_repetitions()
    }

    fn bytes_at_work(&self) -> u64 {
        self.0.bytes_at_work()
    }

    fn bytes_of_collected_point(&self) -> u64 {
        W::BYTES_OF_COLLECTED_POINT
    }

    fn units_of_point(&self) -> u64 {
        self.0.steps().div_ceil(W::STEPS_OF_UNIT)
    }

    fn estimated_cpu_s(&self, study: &Study, patience: Duration) -> Result<f64, SweepError> {
        needs::probed_cpu_s(study, &self.0, patience)
    }
}

/// What is done with a study.
pub(crate) enum Action<'a> {
    /// It is computed in memory.
    InMemory { threads: usize, progress: &'a dyn Progress, stop: &'a Stop },
    /// It is computed beside its results.
    Beside(&'a Job<'a>),
    /// Its shards are put together.
    Merge { job: &'a Job<'a>, shards: usize, keep: bool },
}

/// What came of it.
pub(crate) enum Done {
    Results(Results),
    Outcome(Outcome),
}

fn act<W: Work>(order: &Order, work: &W, action: Action<'_>) -> Result<Done, SweepError> {
    match action {
        Action::InMemory { threads, progress, stop } => {
            sweep::run_until(order, work, threads, progress, stop).map(Done::Results)
        }
        Action::Beside(job) => sweep::run_in(order, job, work).map(Done::Outcome),
        Action::Merge { job, shards, keep } => sweep::merge(order, job, work, shards, keep).map(Done::Outcome),
    }
}

/// The list of kinds of studies, given to the macro `$then`: `"name" => Variant(Work, what it makes of a point)`, and in braces the tables
/// of a scenario that only this kind has, as in `scenario_tables!` (`language/scenario.rs`).
macro_rules! study_kinds {
    ($then:ident) => {
        $then! {
            /// Bias, variance and mean squared error of an estimator, by Monte Carlo and exactly.
            #[default]
            "error" => Error(Errors, ErrorPoint) {}
            /// Output current and gradient of the device along one parameter (an I-V curve).
            "response" => Response(Response, ResponsePoint) {
                /// I-V curve.
                response: crate::response::ResponseSection = section,
            }
            /// Spectrum of the noise: Welch estimate of generated records beside the stated density.
            "spectrum" => Spectrum(NoiseSpectrum, SpectrumPoint) {
                /// Noise spectrum.
                spectrum: crate::spectrum::SpectrumSection = section,
            }
            /// Output currents for the four combinations of two logic inputs: which Boolean gates occur, how nonlinear they are.
            "logic" => Logic(Logic, LogicPoint) {
                /// Logic inputs.
                logic: crate::logic::LogicSection = section,
            }
            /// Currents and derivatives of the device at voltages that fill their ranges evenly: what a model of it is fitted to.
            "samples" => Samples(Samples, SamplesPoint) {
                /// Ranges of the voltages.
                samples: crate::samples::SamplesSection = section,
            }
            /// Training of the device on a task: one run for each repetition.
            "training" => Training(Training, TrainingPoint) {
                /// What is to be learned.
                task: crate::language::kinds::TaskSection = TaskSection::parse,
                /// How it is learned.
                training: crate::training::settings::TrainingSection = TrainingSection::parse,
            }
        }
    };
}

pub(crate) use study_kinds;

/// Declares the kinds of studies.
macro_rules! declare_kinds {
    (
        $($(#[$about:meta])* $kind:literal => $variant:ident($work:ident, $point:ident)
            { $($(#[$_about:meta])* $_table:ident: $_type:ty = $_read:expr,)* })+
    ) => {
        /// What is computed at each point of the sweep.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum StudyKind {
            $($(#[$about])* #[serde(rename = $kind)] $variant,)+
        }

        impl StudyKind {
            /// Its name in a scenario.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $kind,)+
                }
            }

            /// What its steps are called.
            #[must_use]
            pub fn steps(self) -> &'static str {
                match self {
                    $(Self::$variant => <$work as StudyWork>::STEPS,)+
                }
            }

            pub(crate) fn shared(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => <$work as StudyWork>::SHARED,)+
                }
            }

            pub(crate) fn is_repeated(self) -> bool {
                match self {
                    $(Self::$variant => <$work as StudyWork>::IS_REPEATED,)+
                }
            }

            /// The point of a study of this kind.
            pub(crate) fn build(self, mut given: Given<'_>) -> Result<Point, KeyError> {
                let of_kind = match self {
                    $(Self::$variant => PointOfKind::$variant(Box::new($point::build(&mut given)?)),)+
                };
                Ok(given.into_point(of_kind))
            }
        }

        /// The columns of each kind.
        pub(crate) static ALL_COLUMNS: &[KindColumns] = &[$(<$work as StudyWork>::COLUMNS),+];

        /// A point, as its kind of study needs it.
        #[derive(Debug)]
        pub enum PointOfKind {
            $(#[doc = concat!("At a point of a study of kind `", $kind, "`.")] $variant(Box<$point>),)+
        }

        impl PointOfKind {
            /// Samples of one repetition; 0 where nothing is sampled, and in studies of training, where it is not known
            /// beforehand.
            #[must_use]
            pub fn samples(&self) -> u64 {
                match self {
                    $(Self::$variant(point) => point.samples(),)+
                }
            }

            pub(crate) fn extent(&self) -> Extent {
                match self {
                    $(Self::$variant(point) => point.extent(),)+
                }
            }
        }

        /// Properties of a study that are known before it runs.
        pub(crate) fn about(study: &Study) -> Box<dyn About + '_> {
            match study.first_of_kind() {
                $(PointOfKind::$variant(first) => Box::new(Known($work::of(study, first))),)+
            }
        }

        pub(crate) fn carry_out(study: &Study, order: &Order, action: Action<'_>) -> Result<Done, SweepError> {
            match study.first_of_kind() {
                $(PointOfKind::$variant(first) => act(order, &$work::of(study, first), action),)+
            }
        }
    };
}

study_kinds!(declare_kinds);
