//! The list of kinds of studies, and what each of them says of itself.

use std::time::Duration;

use device::Device;
use results::Results;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sweep::{Job, Order, Outcome, Progress, SweepError, Work};

use crate::error::Errors;
use crate::language::document::KeyError;
use crate::language::scenario::Scenario;
use crate::logic::Logic;
use crate::point::Point;
use crate::response::Response;
use crate::spectrum::NoiseSpectrum;
use crate::training::Training;
use crate::{PointError, Study};

/// A kind of study: settings, work, and what results it will have.
pub(crate) trait StudyWork<'s>: Work<Error = PointError> + Sized {
    /// Tables of the scenario that it cannot do without.
    const NEEDS: &'static [&'static str];
    /// Keys that make a coordinate which all points share, and so cannot be swept.
    const SHARED: &'static [&'static str];
    /// Whether `study.repetitions` says how often something is done at each point.
    const IS_REPEATED: bool;
    /// What its steps are called.
    const STEPS: &'static str = "steps";
    /// Bytes that stay in memory of each point until all are put together.
    const BYTES_OF_COLLECTED_POINT: u64 = 0;

    /// That of a study of this kind.
    fn of(study: &'s Study) -> Self;

    /// Refuses settings of its own that make no sense.
    fn check(_scenario: &Scenario, _device: Option<&dyn Device>) -> Result<(), KeyError> {
        Ok(())
    }

    /// Dimensions and variables of the results, as far as they are known beforehand, of one repetition.
    fn foreseen(&self) -> Result<Results, SweepError>;

    /// Numbers in the results for a point.
    fn stored_numbers(&self, first: &Point) -> u64;

    /// Repetitions whose single results are read back for a figure.
    fn stored_repetitions(&self) -> u64 {
        0
    }

    /// Bytes that a thread works with, at most.
    fn bytes_at_work(&self, _first: &Point) -> u64 {
        0
    }

    /// Processor time \[s\] that it will take; 0 where it is short.
    fn estimated_cpu_s(&self, _patience: Duration) -> Result<f64, SweepError> {
        Ok(0.0)
    }
}

/// What is known of a study before it runs, whatever its kind.
pub(crate) trait About {
    fn foreseen(&self) -> Result<Results, SweepError>;
    fn stored_numbers(&self, first: &Point) -> u64;
    fn stored_repetitions(&self) -> u64;
    fn bytes_at_work(&self, first: &Point) -> u64;
    fn bytes_of_collected_point(&self) -> u64;
    fn units_of_point(&self) -> u64;
    fn estimated_cpu_s(&self, patience: Duration) -> Result<f64, SweepError>;
}

struct Known<W>(W);

impl<'s, W: StudyWork<'s>> About for Known<W> {
    fn foreseen(&self) -> Result<Results, SweepError> {
        self.0.foreseen()
    }

    fn stored_numbers(&self, first: &Point) -> u64 {
        self.0.stored_numbers(first)
    }

    fn stored_repetitions(&self) -> u64 {
        self.0.stored_repetitions()
    }

    fn bytes_at_work(&self, first: &Point) -> u64 {
        self.0.bytes_at_work(first)
    }

    fn bytes_of_collected_point(&self) -> u64 {
        W::BYTES_OF_COLLECTED_POINT
    }

    fn units_of_point(&self) -> u64 {
        self.0.steps().div_ceil(W::STEPS_OF_UNIT)
    }

    fn estimated_cpu_s(&self, patience: Duration) -> Result<f64, SweepError> {
        self.0.estimated_cpu_s(patience)
    }
}

/// What is done with a study.
pub(crate) enum Action<'a> {
    /// It is computed in memory.
    InMemory { threads: usize, progress: &'a dyn Progress },
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

fn carry_out<W: Work>(order: &Order, work: &W, action: Action<'_>) -> Result<Done, SweepError> {
    match action {
        Action::InMemory { threads, progress } => sweep::run(order, work, threads, progress).map(Done::Results),
        Action::Beside(job) => sweep::run_in(job, work).map(Done::Outcome),
        Action::Merge { job, shards, keep } => sweep::merge(job, work, shards, keep).map(Done::Outcome),
    }
}

/// Declares the kinds of studies: `"name" => Variant(Work)`.
macro_rules! study_kinds {
    ($($(#[$about:meta])* $kind:literal => $variant:ident($work:ident),)+) => {
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

            pub(crate) fn needs(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => <$work as StudyWork>::NEEDS,)+
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

            pub(crate) fn check(self, scenario: &Scenario, device: Option<&dyn Device>) -> Result<(), KeyError> {
                match self {
                    $(Self::$variant => <$work as StudyWork>::check(scenario, device),)+
                }
            }

            pub(crate) fn about(self, study: &Study) -> Box<dyn About + '_> {
                match self {
                    $(Self::$variant => Box::new(Known($work::of(study))),)+
                }
            }

            pub(crate) fn carry_out(self, study: &Study, order: &Order, action: Action<'_>) -> Result<Done, SweepError> {
                match self {
                    $(Self::$variant => carry_out(order, &$work::of(study), action),)+
                }
            }
        }
    };
}

study_kinds! {
    /// Bias, variance and mean squared error of an estimator, by Monte Carlo and exactly.
    #[default]
    "error" => Error(Errors),
    /// Output current and gradient of the device along one parameter (an I-V curve).
    "response" => Response(Response),
    /// Spectrum of the noise: Welch estimate of generated records beside the stated density.
    "spectrum" => Spectrum(NoiseSpectrum),
    /// Output currents for the four combinations of two logic inputs: which Boolean gates occur, how nonlinear they are.
    "logic" => Logic(Logic),
    /// Training of the device on a task: one run for each repetition.
    "training" => Training(Training),
}
