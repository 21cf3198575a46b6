//! Studies that are killed, stopped, changed and started again lose nothing and count nothing twice.

use std::path::Path;
use std::process::{Child, Output};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use tests::Scenario;

use crate::{
    AtWork, Bench, LONG_SCENARIO, SCENARIO, bytes_without_time, longer_scenario, signal, text, units_done, until_met,
};

fn run(bench: &Bench, scenario: &Path, more: &[&str]) -> Child {
    let scenario = scenario.display().to_string();
    let mut arguments = vec!["run", &scenario, "--output", "out", "--no-figure"];
    arguments.extend(more);
    bench.start(&arguments)
}

fn finish(bench: &Bench, scenario: &Path, more: &[&str]) -> Output {
    run(bench, scenario, more).wait_with_output().expect("a child")
}

/// Repetitions that a resumed run says were done before.
fn resumed(output: &Output) -> Option<u64> {
    text(&output.stdout).lines().find_map(|l| l.strip_prefix("resuming: ")?.split(' ').next()?.parse().ok())
}

/// Results that are being written have a temporary name.
fn is_writing(bench: &Bench) -> bool {
    bench.files("out").iter().any(|f| f.starts_with(".long.h5."))
}

/// 25 kills of each kind: at a random part of the computation, and while the results are written.
#[test]
fn fifty_kills_change_nothing() {
    const KILLS: usize = 25;
    let whole = Bench::new();
    let scenario = whole.write("long.toml", LONG_SCENARIO);
    assert!(finish(&whole, &scenario, &[]).status.success());
    let expected = bytes_without_time(&whole.path("out/long.h5"));

    let bench = Bench::new();
    let scenario = bench.write("long.toml", LONG_SCENARIO);
    let status = bench.path("out/long.status.json");
    let mut random = Pcg64::seed_from_u64(50);
    let (mut kills, mut kills_while_writing, mut resumptions, mut rounds) = (0, 0, 0, 0);
    let mut done_before = 0;
    until_met("fifty kills", || {
        let while_writing = kills >= KILLS || (kills_while_writing < KILLS && random.random_bool(0.5));
        let units_before = units_done(&status).unwrap_or(0);
        drop(std::fs::remove_file(&status));
        let child = run(&bench, &scenario, &[]);
        // a few units are done and saved, or the results have a temporary name; and some moments more, whatever they hold
        let more = random.random_range(1..40);
        let met = if while_writing {
            AtWork::when(child, || is_writing(&bench))
        } else {
            AtWork::with_units(child, &status, units_before + more)
        };
        std::thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
        if let Some(at_work) = met {
            let output = at_work.kill();
            kills_while_writing += usize::from(is_writing(&bench));
            kills += usize::from(!is_writing(&bench) && !bench.path("out/long.h5").exists());
            if let Some(done) = resumed(&output) {
                assert!(done >= done_before, "{done} repetitions after {done_before}");
                done_before = done;
                resumptions += 1;
            }
        }
        if bench.path("out/long.h5").exists() {
            // also where the kill came after the results had got their name
            let last = finish(&bench, &scenario, &[]);
            assert!(last.status.success(), "{}", text(&last.stderr));
            assert!(bytes_without_time(&bench.path("out/long.h5")) == expected, "after {kills} kills");
            assert_eq!(bench.files("out"), ["long.h5"], "nothing is left over");
            std::fs::remove_file(bench.path("out/long.h5")).expect("removed");
            rounds += 1;
            done_before = 0;
        }
        (kills >= KILLS && kills_while_writing >= KILLS).then_some(())
    });
    let last = finish(&bench, &scenario, &[]);
    assert!(last.status.success(), "{}", text(&last.stderr));
    assert!(bytes_without_time(&bench.path("out/long.h5")) == expected);
    assert_eq!(bench.files("out"), ["long.h5"]);
    println!("{kills} kills, {kills_while_writing} while results were written, {resumptions} resumed, {rounds} rounds");
    assert!(resumptions > 0, "none of {kills} kills was resumed");
}

#[test]
fn signals_save_and_say_how_to_go_on() {
    let whole = Bench::new();
    let scenario = whole.write("long.toml", &longer_scenario());
    assert!(finish(&whole, &scenario, &[]).status.success());
    let bench = until_met("a run at work, four times", || {
        let bench = Bench::new();
        let scenario = bench.write("long.toml", &longer_scenario());
        let mut done_before = 0;
        for (name, times, code) in [("INT", 1, 130), ("TERM", 1, 143), ("USR1", 1, 75), ("INT", 2, 130)] {
            let status = bench.path("out/long.status.json");
            let units_before = units_done(&status).unwrap_or(0);
            drop(std::fs::remove_file(&status));
            let child = run(&bench, &scenario, &["--threads", "1"]);
            let at_work = AtWork::with_units(child, &status, units_before + 1)?;
            for _ in 0..times {
                signal(at_work.id(), name);
            }
            let output = at_work.end();
            if bench.path("out/long.h5").exists() {
                return None;
            }
            assert_eq!(output.status.code(), Some(code), "{name}: {}", text(&output.stderr));
            assert!(text(&output.stderr).contains("stopping: saving"), "{}", text(&output.stderr));
            if times == 1 {
                assert!(
                    text(&output.stdout).contains("Run the same command again to resume"),
                    "{}",
                    text(&output.stdout)
                );
            }
            assert_eq!(bench.files("out"), ["long.checkpoint", "long.status.json"], "no results before their time");
            let done = resumed(&output).unwrap_or(0);
            assert!(done >= done_before && (done_before == 0 || done > 0));
            done_before = done.max(1);
        }
        Some(bench)
    });
    let shown = text(&bench.homodyne(&["status", "--output", "out"]).stdout);
    assert!(shown.contains("long: ") && shown.contains(" units ("), "{shown}");
    let output = finish(&bench, &bench.path("long.toml"), &[]);
    assert!(output.status.success() && resumed(&output).is_some_and(|n| n > 1), "{}", text(&output.stdout));
    let of = |b: &Bench| bytes_without_time(&b.path("out/long.h5"));
    assert!(of(&bench) == of(&whole));
}

#[test]
fn finished_studies_are_left_alone() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &[]).status.success());
    let before = std::fs::read(bench.path("out/small.h5")).expect("results");
    let again = bench.run(&scenario, &[]);
    assert_eq!(again.status.code(), Some(0));
    assert!(text(&again.stdout).contains("was already finished: nothing to do"), "{}", text(&again.stdout));
    assert!(std::fs::read(bench.path("out/small.h5")).expect("results") == before);
    let shown = text(&bench.homodyne(&["status", "small", "--output", "out"]).stdout);
    assert!(shown.contains("small: finished"), "{shown}");
    let fresh = bench.run(&scenario, &["--fresh"]);
    assert!(fresh.status.success() && text(&fresh.stdout).contains("small.png"), "{}", text(&fresh.stdout));
}

/// What changed is shown, for results and for unfinished work alike, and neither is touched.
#[test]
fn changed_studies_are_refused_with_the_difference() {
    let bench = until_met("a run at work", || {
        let bench = Bench::new();
        let child = run(&bench, &bench.write("long.toml", LONG_SCENARIO), &["--threads", "1"]);
        AtWork::with_units(child, &bench.path("out/long.status.json"), 1)?.kill();
        (!bench.path("out/long.h5").exists()).then_some(bench)
    });
    bench.write("device.npz", "");
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &[]).status.success());
    let (small, long) = (|| Scenario::new(SCENARIO), || Scenario::new(LONG_SCENARIO));
    let cases = [
        (small().set("study.seed", 5), "small.h5", "study.seed: there 1, now 5"),
        (
            small().set_toml("device.gradient_na_per_volt", "[124, 60]"),
            "small.h5",
            "device.gradient_na_per_volt: there [123.0, 60.0], now [124.0, 60.0]",
        ),
        (long().set("study.seed", 4), "long.checkpoint", "study.seed: there 3, now 4"),
        (long().without("study.store_estimates"), "long.checkpoint", "study.store_estimates: there true, now false"),
    ];
    for (changed, file, difference) in cases {
        let results_before = std::fs::read(bench.path("out/small.h5")).expect("a file");
        let output = bench.run(&bench.write("changed.toml", &changed.to_string()), &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in [difference, file, "--fresh", "another --output or another name of the study"] {
            assert!(said.contains(word), "wanted {word:?} in {said}");
        }
        assert!(std::fs::read(bench.path("out/small.h5")).expect("a file") == results_before);
    }
    let unfinished = finish(&bench, &bench.path("long.toml"), &[]);
    assert!(unfinished.status.success() && resumed(&unfinished).is_some(), "{}", text(&unfinished.stdout));
    // comments, order and spelling of numbers are not a difference
    let same = SCENARIO
        .replace("[123, 60]", "[123.0, 60.0] # nA/V")
        .replace("seed = 1\n", "")
        .replace("name = \"small\"", "seed = 1\nname = \"small\"");
    let output = bench.run(&bench.write("same.toml", &same), &[]);
    assert!(text(&output.stdout).contains("nothing to do"), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// One point that fails costs that point; the others are kept, and it alone is tried again.
#[test]
fn failing_points_are_reported_and_the_others_kept() {
    let bench = Bench::new();
    // so large a sweep is not checked at every point before it starts
    let mut amplitudes = vec!["8e-3"; 12_000];
    amplitudes[5003] = "-8e-3";
    let bad = Scenario::new(SCENARIO)
        .set("study.repetitions", 1)
        .set_toml("sweep", &format!("{{ \"estimator.amplitude_volt\" = [{}] }}", amplitudes.join(", ")));
    let scenario = bench.write("bad.toml", &bad.to_string());
    for attempt in 0..2 {
        let output = bench.run(&scenario, &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for word in ["point 5003 of the sweep (estimator.amplitude_volt = -0.008) failed", "must be"] {
            assert!(said.contains(word), "wanted {word:?} in {said}");
        }
        assert_eq!(bench.files("out"), ["small.checkpoint", "small.status.json"]);
        let resumes = resumed(&output);
        assert_eq!(resumes, (attempt == 1).then_some(11_999), "all others are kept");
        let shown = text(&bench.homodyne(&["status", "--output", "out"]).stdout);
        assert!(shown.contains("small: 11999 of 12000 units") && shown.contains("1 failed"), "{shown}");
    }
}
