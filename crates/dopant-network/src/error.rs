use std::path::PathBuf;

/// Errors of a dopant network or a computation on it.
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
        /// Where, what was found, and what is allowed.
        what: String,
    },
    /// The set of states exceeded its limit.
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
    /// The set of states would exceed its limit by far.
    #[error(
        "the steady state needs far more than {limit} states: after 2000 hops of a random walk, {:.0} % of all hops lead to states \
         not visited before; use the method `events` or `mean-field`",
        100.0 * unmet
    )]
    TooManyStatesExpected {
        /// Largest number of states allowed.
        limit: usize,
        /// Probability of the states that the walk has not visited.
        unmet: f64,
    },
    /// The set of states would exceed its limit by far, according to its initial growth.
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
        /// Lower bound of the number of states, if the flow falls with their square.
        needed: f64,
    },
    /// Two sets of states of which none was found to lead to the other.
    #[error(
        "two sets of states hold the network ({} and {} states so far), and how it changes between them was not found with the {limit} \
         states that are allowed: raise the limit, or use the method `events` or `mean-field`",
        states[0], states[1]
    )]
    Separate {
        /// Largest number of states allowed.
        limit: usize,
        /// States of both.
        states: [usize; 2],
    },
    /// The search took longer than allowed.
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
    /// A mean field whose probabilities have converged but whose currents have not.
    #[error(
        "the mean field did not converge: its currents add up to {sum:.1e} e·ν₀, and the largest is {largest:.1e} e·ν₀; use the \
         method `events` or `steady-state`"
    )]
    NotConserved {
        /// Sum of all currents \[eν₀\].
        sum: f64,
        /// Largest current \[eν₀\].
        largest: f64,
    },
    /// An iteration on a set of states that is too large to be eliminated exactly did not converge.
    #[error(
        "{what} did not converge on {states} states, too many to be eliminated exactly: raise the tolerance, so that fewer states are \
         enough, or use the method `events`"
    )]
    NotSettledOnLargeSet {
        /// Which iteration.
        what: &'static str,
        /// Number of states.
        states: usize,
    },
    /// Noise spectra of a steady state of very many states.
    #[error(
        "noise spectra are not computed on {states} states, only on up to 60 000, which can be eliminated exactly: raise the tolerance, so \
         that fewer states are enough"
    )]
    SpectrumOfLargeSet {
        /// Number of states.
        states: usize,
    },
    /// An iteration did not converge.
    #[error("{what} did not converge")]
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
