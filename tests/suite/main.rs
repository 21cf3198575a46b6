//! Tests across crates, one module a subject.
#![allow(missing_docs, reason = "test names say what they test")]
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod adaptive;
mod agreement;
mod claims;
mod curvature;
mod determinism;
mod effort;
mod figures_shipped;
mod generators;
mod golden;
mod identity;
mod limits;
mod mean_field;
mod network;
mod network_limits;
mod network_reference;
mod routes;
mod surrogate;
mod tables;
mod training;
mod training_instrument;
mod training_limits;
