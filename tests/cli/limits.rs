//! Numbers that set a size: each has a largest value, and one beyond it ends in a message with key, value and maximum before
//! anything is taken or written. Studies that are large but allowed say what they take first.

use std::io::{BufRead, BufReader};

use tests::{Scenario, line_of};

use crate::{Bench, SCENARIO, TRAINING, text};

const HUGE: &str = "9223372036854775807";

const SPECTRUM: &str = "[study]\nname = \"small\"\nkind = \"spectrum\"\nrepetitions = 2\n\
    [noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n[spectrum]\nduration_s = 1.0\nsegment_s = 0.1\n";

const RESPONSE: &str = "[study]\nname = \"small\"\nkind = \"response\"\n\
    [device]\nkind = \"linear\"\ngradient_na_per_volt = [5.0]\n\
    [response]\nparameter = 1\nfrom_volt = 0.0\nto_volt = 1.0\npoints = 10\n";

fn small() -> Scenario {
    Scenario::new(SCENARIO)
}

fn sweepless() -> Scenario {
    small().without("sweep")
}

/// Runs a sound scenario with one change, which is refused with the words.
fn refused(sound: &Scenario, change: &str, words: &[&str]) {
    let bench = Bench::new();
    let scenario = bench.write("large.toml", &sound.to_string());
    for more in [&[][..], &["--dry-run"]] {
        let output = bench.run(&scenario, &[&["--set", change], more].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{change}: {message}{}", text(&output.stdout));
        for word in words {
            assert!(message.contains(word), "{change}: wanted {word:?} in {message}");
        }
        assert!(!message.contains("panicked"), "{change}: {message}");
        assert_eq!(bench.files("out"), Vec::<String>::new(), "{change}: something was written");
    }
}

#[test]
fn numbers_of_an_error_study_have_maxima() {
    for (key, value, most) in [
        ("study.repetitions", HUGE, "1 to 10000000000"),
        ("sampling.rate_hz", "1e300", "1e-6 to 1e12"),
        ("sampling.rate_hz", "1e-300", "1e-6 to 1e12"),
        ("estimator.duration_s", "1e300", "8 to 10000000 are allowed"),
        ("estimator.filter.order", HUGE, "1 to 8"),
        ("estimator.instrument.hold_samples", HUGE, "0 to 500, the samples of a record"),
        ("estimator.instrument.delay_samples", HUGE, "0 to 500, the samples of a record"),
        ("estimator.instrument.ramp_s", "1e300", "0 to 0.05, the duration of a record"),
        ("estimator.instrument.ramp_s", "0.06", "0 to 0.05, the duration of a record"),
    ] {
        let found = if value.contains('e') { "found 1" } else { &format!("found {value}") };
        refused(&small(), &format!("{key}={value}"), &[key, found, most]);
    }
    let budget = small().set("study.target_relative_error", 0.1);
    let words = ["study.budget_repetitions", HUGE, "1 to 1000000000000"];
    refused(&budget, &format!("study.budget_repetitions={HUGE}"), &words);
}

#[test]
fn numbers_of_estimators_have_maxima() {
    let timing = "duration_s = 0.05, amplitude_volt = 1e-3";
    for (kind, setting, most) in [
        ("spsa", format!("directions = {HUGE}"), "1 to 31"),
        ("walsh", format!("periods = {HUGE}"), "1 to 125"),
        ("walsh", format!("chips = {}, periods = 4", 1_u64 << 62), "samples (500)"),
        ("walsh", format!("chips = 256, periods = {}", 1_u64 << 56), "1 to 1"),
        ("random-code", format!("chips = {HUGE}"), "samples (500)"),
    ] {
        let (key, value) = setting.rsplit(", ").next().expect("a setting").split_once(" = ").expect("a key");
        let (key, value) = if setting.starts_with("chips = 46") { ("chips", "46") } else { (key, value) };
        let change = format!("estimator={{ kind = \"{kind}\", {timing}, {setting} }}");
        refused(&sweepless(), &change, &[&format!("estimator.{key}"), value, most]);
    }
    for (kind, more) in [("random-code", "chips = 9000000"), ("spsa", "directions = 600000")] {
        let change = format!("estimator={{ kind = \"{kind}\", duration_s = 1000.0, amplitude_volt = 1e-3, {more} }}");
        let (key, value) = more.split_once(" = ").expect("a key");
        refused(&sweepless(), &change, &[&format!("estimator.{key}"), value, "at most 100000000"]);
    }
    let random = "{ kind = \"linear\", random = { parameters = 90000, deviation_na_per_volt = 1.0 } }";
    let many = sweepless().set_toml("device", random);
    let walsh = "estimator={ kind = \"walsh\", duration_s = 100.0, amplitude_volt = 1e-3 }";
    refused(&many, walsh, &["estimator.duration_s", "90000 parameters", "at most 100000000"]);
    let words = ["device.random.parameters", HUGE, "1 to 100000"];
    refused(&many, &format!("device.random.parameters={HUGE}"), &words);
}

#[test]
fn numbers_of_other_studies_have_maxima() {
    let (spectrum, response) = (Scenario::new(SPECTRUM), Scenario::new(RESPONSE));
    refused(&spectrum, "spectrum.duration_s=1e12", &["spectrum.duration_s", "1000000000000", "10⁸ samples"]);
    refused(&spectrum, "spectrum.segment_s=1e12", &["spectrum.segment_s", "1000000000000", "10⁸ samples"]);
    refused(&spectrum, "study.repetitions=10000000000", &["study.repetitions", "625000000 units", "at most 100000000"]);
    refused(&response, &format!("response.points={HUGE}"), &["response.points", HUGE, "2 to 1000000"]);
    refused(&response, &format!("response.parameter={HUGE}"), &["response.parameter", HUGE, "1"]);
    let noise = "{ kind = \"relaxation\", psd_na2_per_hz = 1e-5, at_hz = 1000.0, exponent = 1.0, corner_hz = 1.0 }";
    let relaxation = spectrum.set_toml("noise", noise);
    refused(&relaxation, &format!("noise.per_decade={HUGE}"), &["noise.per_decade", HUGE, "1 to 100"]);
    let slow = relaxation.set("noise.corner_hz", 1e-20).set("noise.per_decade", 100);
    refused(&slow, "study.seed=1", &["noise.corner_hz", "processes", "at most 1000"]);
}

#[test]
fn numbers_of_training_have_maxima() {
    let training = Scenario::new(TRAINING);
    for (key, value, most) in [
        ("study.repetitions", "1000000000", "at most 100000000"),
        ("training.max_iterations", HUGE, "1 to 1000000"),
        ("training.confirmations", HUGE, "0 to 1000"),
        ("training.budget_s", "1e300", "at most 10000000"),
        ("task.ramp_s", "1e300", "0 to 10000000 are allowed"),
        ("task.hold_s", "1e300", "1 to 10000000 are allowed"),
    ] {
        let found = if value.contains('e') { "found 1" } else { &format!("found {value}") };
        refused(&training, &format!("{key}={value}"), &[key, found, most]);
    }
    let optimiser = |setting: &str| format!("training.optimiser={{ {setting} }}");
    for (kind, key, most) in [
        ("genetic", "genomes", "4 to 100000"),
        ("genetic", "elite", "1 to 24"),
        ("surrogate", "points", "1 to 1000000"),
        ("surrogate", "hidden", "1 to 4096"),
        ("surrogate", "epochs", "1 to 100000"),
        ("surrogate", "candidates", "1 to 10000"),
    ] {
        let change = optimiser(&format!("kind = \"{kind}\", {key} = {HUGE}"));
        refused(&training, &change, &[&format!("training.optimiser.{key}"), HUGE, most]);
    }
    let random = "{ kind = \"linear\", random = { parameters = 50000, deviation_na_per_volt = 1.0 } }";
    let many = training.clone().set_toml("device", random);
    for (setting, key, most) in [
        ("kind = \"cma-es\"", "training.optimiser.kind", "1000 are allowed"),
        ("kind = \"genetic\", genomes = 90000", "training.optimiser.genomes", "at most 2000"),
        ("kind = \"surrogate\", points = 900000", "training.optimiser.points", "at most 2000"),
    ] {
        refused(&many, &optimiser(setting), &[key, most]);
    }
    let task = "{ kind = \"ball\", inputs = [1, 2], inner_radius = 0.5, low_volt = -0.3, high_volt = 0.3 }";
    let ball = training.without("sweep").set_toml("task", task);
    for key in ["task.training_points", "task.test_points"] {
        refused(&ball, &format!("{key}={HUGE}"), &[key, HUGE, "2 to 100000"]);
    }
}

#[test]
fn numbers_of_sweeps_have_maxima() {
    let (sweepless, key) = (sweepless(), "estimator.amplitude_volt");
    let axis = |value: &str| format!("sweep.\"{key}\"={value}");
    refused(
        &sweepless,
        &axis(&format!("{{ from = 1.0, to = 2.0, points = {HUGE} }}")),
        &[key, HUGE, "at most 10000000"],
    );
    refused(
        &sweepless,
        &axis(&format!("{{ from = 1.0, to = 2.0, random = {HUGE} }}")),
        &[key, HUGE, "at most 10000000"],
    );
    let points = "sweep.\"device.operating_point_volt\"={ random = 9000000, from = 0.0, to = 1.0 }";
    refused(&sweepless, points, &["device.operating_point_volt", "9000000", "at most 5000000 values of 2 numbers"]);
    let stored = sweepless.clone().set("study.repetitions", 8_500_000_000_i64).set("study.store_estimates", true);
    refused(
        &stored,
        &axis("[1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3]"),
        &["study.repetitions", "numbers", "at most 100000000000"],
    );
    let many = sweepless.set("study.repetitions", 10_000_000_000_i64);
    refused(
        &many,
        &axis("{ from = 1e-3, to = 2e-3, points = 100 }"),
        &["study.repetitions", "units", "at most 100000000"],
    );
}

/// A target that no machine reaches is told before the main stage begins, and what the pilot found is kept.
#[test]
fn a_target_out_of_reach_is_told_before_the_main_stage() {
    let bench = Bench::new();
    let far = small().set("study.repetitions", 100).set("study.target_relative_error", 1e-5).to_string();
    let output = bench.run(&bench.write("far.toml", &far), &[]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    let place = format!("far.toml:{}", line_of(&far, "target_relative_error"));
    for word in [place.as_str(), "study.target_relative_error", "0.00001", "at most 51200000000", "budget_repetitions"]
    {
        assert!(message.contains(word), "wanted {word:?} in {message}");
    }
}

#[test]
fn numbers_of_the_command_line_have_maxima() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO).display().to_string();
    let most = 16 * std::thread::available_parallelism().map_or(1, usize::from);
    let (too_many, threads) = ((most + 1).to_string(), format!("at most {most} are started"));
    for (arguments, words) in [
        (&["run", &scenario, "--threads", "100000"][..], ["100000 threads", &threads]),
        (&["run", &scenario, "--threads", &too_many, "--dry-run"], [&too_many, &threads]),
        (&["run", &scenario, "--threads", HUGE], [HUGE, &threads]),
        (&["run", &scenario, "--shard", "1/100001"], ["1/100001", "i ≤ n ≤ 100000"]),
        (&["merge", &scenario, "--shards", HUGE], ["--shards", "1 to 100000"]),
        (&["submit", &scenario, "--dry-run", "--tasks", HUGE], ["--tasks", "1 to 100000"]),
        (&["plan", "--parameters", HUGE], [HUGE, "1 to 100"]),
        (&["plan", "--duration", "1e300"], ["duration", "1000000"]),
        (&["plan", "--band", "1,1e299", "--rate", "1e300"], ["duration", "1000000"]),
        (&["plan", "--ratio", "1e300"], ["band", "holds 0 frequencies"]),
    ] {
        let output = bench.homodyne(arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments:?}: wanted {word:?} in {message}");
        }
    }
    assert_eq!(bench.files("results"), Vec::<String>::new());
    // lists of what is missing end, too
    let output = bench.homodyne(&["merge", &scenario, "--output", "out", "--shards", "100000"]);
    assert!(text(&output.stderr).contains("and 99980 more") && output.stderr.len() < 5000, "{}", text(&output.stderr));
}

/// A number that was a slip leaves nothing behind that stands in the way of the right one, even if it was allowed.
#[test]
fn nothing_of_a_refused_run_blocks_the_mended_one() {
    let bench = Bench::new();
    let bad = bench.write("study.toml", &small().set_toml("study.repetitions", HUGE).to_string());
    assert_eq!(bench.run(&bad, &[]).status.code(), Some(2));
    let mended = bench.write("study.toml", SCENARIO);
    let output = bench.run(&mended, &["--no-figure"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// More memory than the machine has free: records of 10⁸ samples on as many threads as there may be.
#[test]
fn what_does_not_fit_is_refused_with_its_size() {
    let bench = Bench::new();
    let scenario = bench.write("large.toml", &Scenario::new(SPECTRUM).set("study.repetitions", 100_000).to_string());
    let threads = (16 * std::thread::available_parallelism().map_or(1, usize::from)).to_string();
    let output = bench.run(&scenario, &["--threads", &threads, "--set", "spectrum.duration_s=10000.0"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for word in ["large.toml", "1 points", "GiB of memory", &threads, "are free", "--anyway"] {
        assert!(message.contains(word), "wanted {word:?} in {message}");
    }
    assert_eq!(bench.files("out"), Vec::<String>::new());
}

/// A large study says what it takes in its first line, before it begins.
#[test]
fn a_large_study_says_what_it_takes_before_it_begins() {
    let bench = Bench::new();
    let gradient = ["60"; 40].join(", ");
    let axis = "{ from = 1e-3, to = 9e-3, points = 1000, scale = \"log\" }";
    let scenario = sweepless()
        .set_toml("device.gradient_na_per_volt", &format!("[{gradient}]"))
        .set("estimator.frequencies_hz.spacing", 20.0)
        .set_toml("sweep.\"estimator.amplitude_volt\"", axis)
        .set_toml("sweep.\"noise.psd_na2_per_hz\"", axis);
    bench.write("large.toml", &scenario.to_string());
    let mut child = bench.start(&["run", "large.toml", "--output", "out", "--quiet"]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let said = line();
    for word in ["1000000 points", "of memory", "GiB of disk", "checkpoints"] {
        assert!(said.contains(word), "wanted {word:?} in {said}");
    }
    let time = line();
    assert!(time.starts_with("about ") && time.contains(" threads"), "{time}");
    child.kill().expect("killed");
    child.wait().expect("a child");
}
