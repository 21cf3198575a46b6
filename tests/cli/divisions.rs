//! The same study with any number of threads and shards, in any order: the same file, to the last byte.

use crate::{Bench, SCENARIO, TRAINING, bytes_without_time, text};

/// Of each kind of study one that has several units at some points.
fn studies() -> Vec<(&'static str, String, bool)> {
    let (head, _) = SCENARIO.split_once("[sweep]").expect("a sweep");
    let head = head.replace("repetitions = 200", "repetitions = 1300\nstore_estimates = true");
    let errors = format!("{head}[sweep]\n\"estimator.frequencies_hz.spacing\" = [20.0, 40.0, 80.0]\n");
    let to_target = |more: &str| {
        SCENARIO.replace("repetitions = 200", &format!("repetitions = 100\ntarget_relative_error = 0.06\n{more}"))
    };
    let spectrum = format!(
        "[study]\nname = \"small\"\nkind = \"spectrum\"\nrepetitions = 40\n{}\n\
         [sampling]\nrate_hz = 20000.0\n[spectrum]\nduration_s = 0.5\nsegment_s = 0.1\n[sweep]\n\"noise.exponent\" = [0.5, 1.0, 1.5]\n",
        SCENARIO.split_once("\n\n").and_then(|(_, t)| t.split_once("[estimator]")).expect("a device and noise").0
    );
    let folder = format!("{}/../../scenarios", env!("CARGO_MANIFEST_DIR"));
    let shipped = |name: &str| {
        let text = std::fs::read_to_string(format!("{folder}/network_{name}.toml")).expect("a scenario");
        let text = text.replace(&format!("\"network-{name}\""), "\"small\"").replace("random = 2000", "random = 60");
        text.replace("\"devices/", &format!("\"{folder}/devices/"))
    };
    vec![
        ("errors", errors, false),
        ("to a target", to_target(""), false),
        ("to a target within a budget", to_target("budget_repetitions = 2500\n"), true),
        ("spectrum", spectrum, false),
        ("response", shipped("iv"), false),
        ("logic", shipped("gates"), false),
        ("training", TRAINING.to_owned(), false),
    ]
}

#[test]
fn threads_and_shards_do_not_show_in_the_file() {
    for (name, scenario, has_budget) in studies() {
        let bench = Bench::new();
        let path = bench.write("study.toml", &scenario);
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
    let path = bench.write("study.toml", &studies()[2].1).display().to_string();
    let output = bench.homodyne(&["run", &path, "--output", "out", "--shard", "2/3", "--quiet"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--pilot") && said.contains("1/3"), "{said}");
}
