//! Results do not depend on the number of threads.

use tests::run_shipped;

#[test]
fn results_are_bit_identical_for_1_2_and_7_threads() {
    let changes =
        ["study.repetitions=1300", "study.store_estimates=true", "sweep.\"estimator.duration_s\"=[0.05, 0.1]"];
    let one = run_shipped("estimators.toml", &changes, 1);
    for threads in [2, 7] {
        let other = run_shipped("estimators.toml", &changes, threads);
        assert_eq!(one.variables.len(), other.variables.len());
        for (a, b) in one.variables.iter().zip(&other.variables) {
            assert_eq!(a.name, b.name);
            let same = a.values.iter().zip(&b.values).all(|(x, y)| x.to_bits() == y.to_bits());
            assert!(same && a.values.len() == b.values.len(), "{} differs with {threads} threads", a.name);
        }
    }
}

#[test]
fn another_seed_gives_other_numbers() {
    let changes = |seed: &'static str| ["study.repetitions=10", seed];
    let (a, b) = (
        run_shipped("fig2e.toml", &changes("study.seed=1"), 0),
        run_shipped("fig2e.toml", &changes("study.seed=2"), 0),
    );
    let (a, b) = (tests::variable(&a, "bias"), tests::variable(&b, "bias"));
    assert!(a.values.iter().zip(&b.values).all(|(x, y)| x.to_bits() != y.to_bits()));
}
