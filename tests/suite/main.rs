//! Tests across crates, one module a subject.
#![allow(missing_docs, reason = "test names say what they test")]
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod adaptive;
mod agreement;
mod claims;
mod curvature;
mod determinism;
mod dynamics;
mod effort;
mod figures_shipped;
mod generators;
mod gillespie;
mod golden;
mod identity;
mod kmc_dn;
mod limits;
mod mcnetwork;
mod mean_field;
mod network;
mod network_images;
mod network_limits;
mod network_response;
mod pair_mean_field;
mod routes;
mod samples;
mod surrogate;
mod tables;
mod training;
mod training_instrument;
mod training_limits;

/// Data or a program that came after the tests were built would be passed over: say so instead.
#[test]
fn what_was_missing_when_the_tests_were_built_is_still_missing() {
    for need in tests::needs::NEEDS {
        let is_stale = tests::MISSING.contains(&need.name) && (need.is_here)();
        assert!(!is_stale, "{} is here now: `touch tests/build.rs` and build the tests anew", need.name);
    }
}
