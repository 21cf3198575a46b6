//! One module per command.

pub(crate) mod completions;
pub(crate) mod copy_results;
pub(crate) mod demodulate;
pub(crate) mod device;
pub(crate) mod export;
pub(crate) mod help;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod merge;
pub(crate) mod new;
pub(crate) mod noise_of_record;
pub(crate) mod plan;
pub(crate) mod plot;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod slurm;
pub(crate) mod status;
pub(crate) mod traces;
