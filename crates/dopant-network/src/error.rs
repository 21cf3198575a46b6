use std::path::PathBuf;

/// What can be wrong with a dopant network or a computation on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// An entry of a description is missing or out of range.
    #[error("`{entry}` {what}")]
    Entry {
        /// The entry, such as `electrodes[2].width_nm`.
        entry: String,
        /// What was found and what is allowed.
        what: String,
    },
    /// A device file cannot be read or understood.
    #[error("device file `{}`: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Where, what was found, what is allowed.
        what: String,
    },
    /// The set of states outgrew its limit.
    #[error(
        "the steady state needs more than {limit} states (probability flow of {left_out:.3e} e·ν₀ still leaves them): \
         raise the limit, or use the method `events` or `mean-field`"
    )]
    TooManyStates {
        /// Largest number of states allowed.
        limit: usize,
        /// Flow that leaves them \[ν₀\].
        left_out: f64,
    },
    /// The set of states would outgrow its limit by far.
    #[error(
        "the steady state needs far more than {limit} states: after 2000 hops of a walk, {:.0} % of all hops lead to states \
         that it has not met; use the method `events` or `mean-field`",
        100.0 * unmet
    )]
    TooManyStatesExpected {
        /// Largest number of states allowed.
        limit: usize,
        /// Probability of the states that the walk has not met.
        unmet: f64,
    },
    /// The set of states would outgrow its limit by far, as its first growth tells.
    #[error(
        "the steady state needs more than {needed:.0e} states, {limit} are allowed: with {states} states, a probability flow of \
         {left_out:.3e} e·ν₀ still leaves them; use the method `events` or `mean-field`"
    )]
    TooManyStatesForeseen {
        /// Largest number of states allowed.
        limit: usize,
        /// States found so far.
        states: usize,
        /// Flow out of them \[ν₀\].
        left_out: f64,
        /// States at the least, if the flow fell with their square.
        needed: f64,
    },
    /// The search took longer than it may.
    #[error(
        "the steady state was not found in {limit_s} s ({states} states so far, a probability flow of {left_out:.3e} e·ν₀ \
         still leaves them): allow more time, or use the method `events` or `mean-field`"
    )]
    TooLong {
        /// Time allowed \[s\].
        limit_s: f64,
        /// States found so far.
        states: usize,
        /// Flow that leaves them \[ν₀\].
        left_out: f64,
    },
    /// A mean field that has settled as far as probabilities go, but not as far as its currents do.
    #[error(
        "the mean field did not settle: its currents add up to {sum:.1e} e·ν₀, and the largest is {largest:.1e} e·ν₀; use the \
         method `events` or `steady-state`"
    )]
    NotConserved {
        /// Sum of all currents \[eν₀\].
        sum: f64,
        /// Largest current \[eν₀\].
        largest: f64,
    },
    /// An iteration did not settle.
    #[error("{what} did not settle")]
    NotSettled {
        /// Which.
        what: &'static str,
    },
}

impl NetworkError {
    pub(crate) fn entry(entry: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Entry { entry: entry.into(), what: what.into() }
    }
}
