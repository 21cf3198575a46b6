//! The same study with any number of threads and shards, in any order: the same file, to the last byte.

use tests::Scenario;

use crate::{Bench, SCENARIO, TRAINING, bytes_without_time, text};

/// Of each kind of study one that has several units at some points.
fn studies() -> Vec<(&'static str, Scenario, bool)> {
    let small = || Scenario::new(SCENARIO);
    let errors = small()
        .set("study.repetitions", 1300)
        .set("study.store_estimates", true)
        .set_toml("sweep", "{ \"estimator.frequencies_hz.spacing\" = [20.0, 40.0, 80.0] }");
    let to_target = || small().set("study.repetitions", 100).set("study.target_relative_error", 0.06);
    let spectrum = small()
        .without("estimator")
        .set("study.kind", "spectrum")
        .set("study.repetitions", 40)
        .without("study.seed")
        .set("sampling.rate_hz", 20_000.0)
        .set_toml("spectrum", "{ duration_s = 0.5, segment_s = 0.1 }")
        .set_toml("sweep", "{ \"noise.exponent\" = [0.5, 1.0, 1.5] }");
    let folder = format!("{}/../../scenarios", env!("CARGO_MANIFEST_DIR"));
    let shipped = |name: &str| {
        let text = std::fs::read_to_string(format!("{folder}/network_{name}.toml")).expect("a scenario");
        let device = format!("{folder}/devices/rnpu_8.json");
        Scenario::new(&text).set("study.name", "small").set("device.file", device)
    };
    let gates = shipped("gates").set("sweep.\"device.operating_point_volt\".random", 60);
    vec![
        ("errors", errors, false),
        ("to a target", to_target(), false),
        ("to a target within a budget", to_target().set("study.budget_repetitions", 2500), true),
        ("spectrum", spectrum, false),
        ("response", shipped("iv"), false),
        ("logic", gates, false),
        ("training", Scenario::new(TRAINING), false),
    ]
}

#[test]
fn threads_and_shards_do_not_show_in_the_file() {
    for (name, scenario, has_budget) in studies() {
        let bench = Bench::new();
        let path = bench.write("study.toml", &scenario.to_string());
        let path = path.display().to_string();
        let must = |arguments: &[&str]| {
            let output = bench.homodyne(arguments);
            assert!(output.status.success(), "{name}: {arguments:?}: {}", text(&output.stderr));
        };
        must(&["run", &path, "--output", "1", "--threads", "1", "--quiet", "--no-figure"]);
        let expected = bytes_without_time(&bench.path("1/small.h5"));
        for threads in ["2", "7"] {
            must(&["run", &path, "--output", threads, "--threads", threads, "--quiet", "--no-figure"]);
            assert!(
                bytes_without_time(&bench.path(threads).join("small.h5")) == expected,
                "{name} with {threads} threads"
            );
        }
        for (shards, stride) in [(1, 1), (3, 2), (16, 7)] {
            let folder = format!("s{shards}");
            // every shard once, not in their order
            let order: Vec<usize> = (0..shards).map(|k| k * stride % shards + 1).collect();
            for pilot in [true, false] {
                if pilot && (shards == 1 || !has_budget) {
                    continue;
                }
                for shard in &order {
                    let shard = format!("{shard}/{shards}");
                    let more = if pilot { "--pilot" } else { "--no-figure" };
                    must(&["run", &path, "--output", &folder, "--shard", &shard, "--quiet", more]);
                }
            }
            if shards > 1 {
                must(&["merge", &path, "--output", &folder, "--no-figure"]);
            }
            assert_eq!(bench.files(&folder), ["small.h5"], "{name}: nothing is left over");
            assert!(bytes_without_time(&bench.path(&folder).join("small.h5")) == expected, "{name} in {shards} shards");
        }
    }
}

/// What a budget leaves to each point depends on all shards' pilots.
#[test]
fn a_shard_with_a_budget_asks_for_the_pilots() {
    let bench = Bench::new();
    let path = bench.write("study.toml", &studies()[2].1.to_string()).display().to_string();
    let output = bench.homodyne(&["run", &path, "--output", "out", "--shard", "2/3", "--quiet"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--pilot") && said.contains("1/3"), "{said}");
}
