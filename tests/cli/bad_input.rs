//! Every bad input ends with exit code 2, a message that names file, line, found and allowed, and nothing half-written.

use std::fs;

use tests::{Scenario, line_of};

use crate::{Bench, SCENARIO, TRAINING, text};

/// The line that a message must name.
#[derive(Clone, Copy)]
pub(crate) enum Line<'a> {
    /// Where the text was changed.
    Changed,
    /// The first one of these words.
    Of(&'a str),
}

use Line::{Changed, Of};

fn refused(from: &str, to: &str, line: Line<'_>, words: &[&str]) {
    refused_in(SCENARIO, from, to, line, words);
}

/// Replaces `from` by `to` in the text of a sound scenario and expects a refusal that names the line and says `words`.
pub(crate) fn refused_in(sound: &str, from: &str, to: &str, line: Line<'_>, words: &[&str]) {
    let changed = line_of(sound, from);
    let bad = sound.replacen(from, to, 1);
    let line = match line {
        Changed => changed,
        Of(words) => line_of(&bad, words),
    };
    refused_text(&bad, Some(line), words);
}

/// Expects a refusal of a scenario that names the line of `at` and says `words`.
fn refused_scenario(bad: &Scenario, at: &str, words: &[&str]) {
    let bad = bad.to_string();
    refused_text(&bad, Some(line_of(&bad, at)), words);
}

fn refused_text(bad: &str, line: Option<usize>, words: &[&str]) {
    let bench = Bench::new();
    let scenario = bench.write("bad.toml", bad);
    let output = bench.run(&scenario, &[]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{bad}: {message}");
    let place = line.map_or("bad.toml".to_owned(), |line| format!("bad.toml:{line}: "));
    for word in words.iter().copied().chain([place.as_str()]) {
        assert!(message.contains(word), "{bad}: wanted {word:?} in {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(bench.files("out"), Vec::<String>::new(), "{bad}: something was written");
}

#[test]
fn misspelt_keys_are_named_with_the_right_ones() {
    let words = ["estimator.amplitud_volt", "amplitude_volt"];
    refused("amplitude_volt", "amplitud_volt", Changed, &words);
    refused("[noise]", "[noize]", Changed, &["noize", "`noise`"]);
    refused("kind = \"hge\"", "kind = \"hgw\"", Changed, &["hgw", "\"fd\"", "\"spsa\""]);
    refused("top = 1000.0", "topp = 1000.0", Changed, &["topp", "top"]);
}

#[test]
fn wrong_types_are_named_with_the_right_ones() {
    refused(
        "duration_s = 0.05",
        "duration_s = \"long\"",
        Changed,
        &["estimator.duration_s", "text \"long\"", "a number"],
    );
    refused("[123, 60]", "123", Changed, &["device.gradient_na_per_volt"]);
    refused("repetitions = 200", "repetitions = 1.5", Changed, &["study.repetitions"]);
    refused("seed = 1", "seed = -1", Changed, &["study.seed", "found -1", "from 0 to 9223372036854775807"]);
    refused(
        "seed = 1",
        "seed = 9223372036854775808",
        Changed,
        &["`seed = 9223372036854775808`", "to 9223372036854775807"],
    );
    refused("repetitions = 200", "repetitions = 2.0e1", Changed, &["study.repetitions", "found 20.0", "written 20"]);
    refused("name = \"small\"", "name = ", Changed, &["not valid TOML"]);
}

#[test]
fn values_out_of_range_are_named_with_the_range() {
    refused("duration_s = 0.05", "duration_s = -0.1", Changed, &["estimator.duration_s", "-0.1", "positive"]);
    refused("amplitude_volt = 8e-3", "amplitude_volt = 0.0", Changed, &["amplitude_volt", "found 0", "positive"]);
    refused("top = 1000.0", "top = 6000.0", Changed, &["frequencies_hz", "6000 Hz", "5000 Hz"]);
    refused("exponent = 1.5", "exponent = 2.5", Changed, &["noise.exponent", "2.5", "0 and 2"]);
    refused("[123, 60]", "[123, nan]", Changed, &["device.gradient_na_per_volt", "NaN", "finite"]);
    refused("psd_na2_per_hz = 1e-5", "psd_na2_per_hz = -1e-5", Changed, &["psd_na2_per_hz", "zero or more"]);
    refused("repetitions = 200", "repetitions = 0", Changed, &["study.repetitions", "1 to 10000000000"]);
    refused("name = \"small\"", "name = \"../small\"", Changed, &["study.name"]);
}

/// Second harmonics have to lie below half the sampling rate, and two parameters on one frequency share theirs.
#[test]
fn curvatures_that_cannot_be_read_are_refused() {
    let reads = Scenario::new(SCENARIO).set("estimator.readout", "curvature");
    let words = ["estimator.frequencies_hz", "2600 Hz", "2500 Hz", "\"curvature\""];
    refused_scenario(&reads.clone().set("estimator.frequencies_hz.top", 2600.0), "[estimator.frequencies_hz]", &words);
    let words = ["estimator.readout", "share 1000 Hz", "\"x\""];
    refused_scenario(&reads.set("estimator.quadrature", true), "readout", &words);
}

#[test]
fn tasks_and_training_that_cannot_be_are_refused() {
    let refused = |from, to, line, words: &[&str]| refused_in(TRAINING, from, to, line, words);
    refused("[\"AND\", \"0011\"]", "[\"ANDY\", \"0011\"]", Changed, &["task.gate", "ANDY", "four digits", "XNOR"]);
    refused("inputs = [1, 2]", "inputs = [1, 5]", Changed, &["task.inputs", "[1, 5]", "1 to 4"]);
    refused("inputs = [1, 2]", "inputs = [1, 1]", Changed, &["task.inputs", "different"]);
    refused("inputs = [1, 2]", "inputs = [0, 2]", Changed, &["task.inputs", "[0, 2]", "1 to 4"]);
    refused("inputs = [1, 2]", "inputs = [4, 3, 2, 1]", Changed, &["task.inputs", "[4, 3, 2, 1]", "none of 4"]);
    refused("inputs = [1, 2]", "inputs = [1, 2, 3]", Changed, &["task.inputs", "two inputs"]);
    refused("low_volt = -0.3", "low_volt = 0.35", Of("high_volt"), &["task.high_volt", "above low_volt"]);
    refused(
        "high_volt = [0.3, 0.4]",
        "high_volt = [0.3, 0.4, 0.5]",
        Changed,
        &["task.high_volt", "3 voltages", "2 inputs"],
    );
    refused("hold_s = 0.05", "hold_s = -1.0", Changed, &["task.hold_s", "-1", "samples"]);
    refused("stop_below = 0.05", "stop_belo = 0.05", Changed, &["stop_belo", "stop_below"]);
    refused("confirmations = 2", "confirmations = 2000", Changed, &["confirmations", "2000", "0 to 1000"]);
    refused("budget_s = 5.0", "budget_s = -5.0", Changed, &["training.budget_s", "-5", "positive"]);
    refused("budget_s = 5.0", "budget_s = 1e300", Changed, &["training.budget_s", "at most 10000000"]);
    refused("max_iterations = 10", "max_iterations = 0", Changed, &["max_iterations", "found 0", "1 to"]);
    refused("[-0.5, 0.5]", "[0.5, -0.5]", Changed, &["training.range_volt", "lower one first"]);
    refused("[-0.5, 0.5]", "[[-0.5, 0.5]]", Changed, &["training.range_volt", "1 ranges", "2 controls"]);
    refused("kind = \"descent\"", "kind = \"ascent\"", Changed, &["ascent", "\"descent\"", "\"genetic\""]);
    refused("learning_rate = 0.02", "learning_rate = 0.0", Changed, &["learning_rate", "found 0", "positive"]);
    refused("[\"AND\", \"0011\"]", "[\"AND\", \"0021\"]", Changed, &["task.gate", "0021"]);
}

#[test]
fn sweeps_that_cannot_be_are_refused() {
    refused("[20.0, 40.0, 80.0]", "[]", Changed, &["frequencies_hz.spacing", "no values"]);
    refused("\"estimator.mode\"", "\"estimator.moode\"", Changed, &["estimator.moode", "unknown field", "mode"]);
    refused("\"estimator.mode\"", "\"nowhere.mode\"", Changed, &["nowhere"]);
    refused(
        "[20.0, 40.0, 80.0]",
        "[20.0, 40.0, 8000.0]",
        Of("frequencies_hz = "),
        &["-7000 Hz", "5000 Hz", "spacing = 8000"],
    );
    refused("[\"parallel\", \"sequential\"]", "[\"parallel\", \"both\"]", Changed, &["both", "sequential"]);
    refused("[20.0, 40.0, 80.0]", "{ random = 3 }", Changed, &["from", "to"]);
}

#[test]
fn changes_from_the_command_line_are_named_as_such() {
    let bench = Bench::new();
    let scenario = bench.write("bad.toml", SCENARIO);
    let output = bench.run(&scenario, &["--set", "estimator.duration_s=-3"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("estimator.duration_s") && message.contains("--set"), "{message}");
    assert_eq!(bench.run(&scenario, &["--set", "nonsense"]).status.code(), Some(2));
}

/// Below a table or at a key that the sweep gives, a change would be silently lost, be it misspelt or out of range.
#[test]
fn changes_that_the_sweep_would_overwrite_are_refused() {
    let bench = Bench::new();
    let tables = r#"[{ kind = "walsh", duration_s = 0.05, amplitude_volt = 8e-3 }]"#;
    let scenario = Scenario::new(SCENARIO).set_toml("sweep", &format!("{{ estimator = {tables} }}"));
    let scenario = bench.write("swept.toml", &scenario.to_string());
    for (change, key) in
        [("estimator.duration_s=0.1", "estimator.duration_s"), ("estimator.durtion_s=-1", "estimator.durtion_s")]
    {
        let output = bench.run(&scenario, &["--set", change]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        for part in [key, "has no effect", "the whole of `estimator`", "sweep.\"estimator\""] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    let output =
        bench.run(&scenario, &["--set", r#"sweep."estimator"=[{kind="walsh",duration_s=0.1,amplitude_volt=8e-3}]"#]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// A `[figure]` that could not be drawn is refused before anything is computed, in dry runs and submissions too.
#[test]
fn figures_that_cannot_be_drawn_are_refused_before_anything_is_computed() {
    let figure = |setting: &str| format!("[figure]\n{setting}\n\n[sweep]");
    let refused = |setting: &str, words: &[&str]| refused("[sweep]", &figure(setting), Of(setting), words);
    refused("x = \"estimator.mode\"", &["figure.x", "estimator.mode", "numbers"]);
    refused("x = \"nowhere\"", &["figure.x", "nowhere", "\"estimator.mode\"", "\"estimator.frequencies_hz.spacing\""]);
    refused("band = \"nowhere\"", &["figure.band", "nowhere", "\"estimator.mode\""]);
    refused("band = \"estimator.frequencies_hz.spacing\"", &["figure.band", "along x"]);
    refused("parameter = 9", &["figure.parameter", "found 9", "1 to 2"]);
    refused("parameter = 0", &["figure.parameter", "found 0", "1 to 2"]);
    refused("markers_every = 0", &["figure.markers_every", "at least 1"]);
    refused("x_limits = [3.0, 1.0]", &["figure.x_limits", "[3, 1]", "[low, high]"]);
    refused("y_scale = \"square\"", &["figure.y_scale", "square", "log"]);
    refused("layout.font_size_pt = 9", &["figure.layout.width_mm", "font_size_pt", "86"]);
    refused("layout.width_mm = 5", &["figure.layout.width_mm", "found 5", "20 to 2000"]);
    refused("layout = { width_mm = 86, height_mm = 20 }", &["figure.layout.height_mm", "too low", "mm"]);
    refused("layout = { width_mm = 60, legend = \"right\" }", &["figure.layout.width_mm", "too narrow", "legend"]);
    refused("layout.formats = [\"eps\"]", &["figure.layout.formats", "eps", "pdf"]);
    refused("layout.font_file = \"no.ttf\"", &["figure.layout.font_file", "no.ttf"]);
    refused("kind = \"spectrum\"", &["figure.kind", "\"spectrum\"", "\"error\""]);
    refused("kind = \"scatter\"", &["figure.kind", "store_estimates"]);
    refused("kind = \"advantage\"", &["figure.kind", "two numbers"]);
    refused("kind = \"curvature\"", &["figure.kind", "estimator.readout = \"curvature\""]);
    refused("variable = \"curvature-bias\"", &["figure.variable", "estimator.readout = \"curvature\""]);
    let unheeded = figure("kind = \"advantage\"\nmarkers_every = 4");
    refused_in(
        SCENARIO,
        "[sweep]",
        &unheeded,
        Of("markers_every"),
        &["figure.markers_every", "\"advantage\"", "`x_label`"],
    );
    let both = "parameter = 1\nmean_over_parameters = true";
    refused_in(
        SCENARIO,
        "[sweep]",
        &figure(both),
        Of("mean_over_parameters"),
        &["figure.mean_over_parameters", "parameter"],
    );
    let only = Scenario::new(SCENARIO).set_toml("sweep", "{ \"estimator.readout\" = [\"x\", \"r\"] }");
    refused_scenario(&only.set("figure.title", "T"), "[figure]", &["figure.x", "no swept number"]);

    let training = |setting: &str, line, words: &[&str]| refused_in(TRAINING, "[sweep]", &figure(setting), line, words);
    training("kind = \"success\"", Of("kind = \"success\""), &["figure.kind", "two axes", "here are 1"]);
    training("kind = \"error\"", Of("kind = \"error\""), &["figure.kind", "\"learning\""]);
    training("kind = \"learning\"\nparameter = 1", Of("parameter = 1"), &["figure.parameter", "\"learning\""]);

    let bench = Bench::new();
    let scenario = bench.write("bad.toml", &Scenario::new(SCENARIO).set("figure.parameter", 9).to_string());
    let path = scenario.display().to_string();
    for arguments in [vec!["run", &path, "--dry-run"], vec!["submit", &path, "--tasks", "2", "--dry-run"]] {
        let output = bench.homodyne(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("figure.parameter"), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// A scenario without `[figure]` may sweep nothing that could be drawn: the dry run says so, and the run ends well.
#[test]
fn a_study_without_a_figure_ends_well() {
    let bench = Bench::new();
    let scenario = bench.write("plain.toml", &Scenario::new(SCENARIO).without("sweep").to_string());
    let output = bench.run(&scenario, &["--dry-run"]);
    assert!(text(&output.stdout).contains("figure          none"), "{}", text(&output.stdout));
    let output = bench.run(&scenario, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(bench.files("out"), ["small.h5"]);
}

/// A fit to an I-V curve needs a curve that holds the operating point; training moves that.
#[test]
fn curves_that_cannot_be_fitted_are_refused() {
    let fit = |of: Scenario, range: &str| {
        of.set_toml("estimator", &format!("{{ kind = \"curve-fit\", points = 11, duration_s = 0.05{range} }}"))
    };
    let plain = || Scenario::new(SCENARIO).without("sweep");
    refused_scenario(&fit(plain(), ""), "[estimator]", &["estimator.range_volt", "no ranges of its own"]);
    let besides = fit(plain(), ", range_volt = [0.5, 1.0]");
    refused_scenario(&besides, "range_volt", &["estimator.range_volt", "parameter 1", "0 V"]);
    let moved = fit(Scenario::new(TRAINING), ", range_volt = [-0.5, 0.5]");
    refused_scenario(&moved, "kind = \"curve-fit\"", &["estimator.kind", "training moves it"]);
}

/// What is left over of the table that was replaced is not held against the user, and a sweep that no longer fits is named.
#[test]
fn a_table_given_whole_replaces_the_table() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let walsh = r#"estimator={kind="walsh",duration_s=0.05,amplitude_volt=8e-3}"#;
    let output = bench.run(&scenario, &["--set", walsh]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    let place = format!("good.toml:{}: `estimator.mode`", line_of(SCENARIO, "\"estimator.mode\""));
    assert!(message.contains(&place), "{message}");
    let sweep = r#"sweep={"estimator.amplitude_volt"=[4e-3,8e-3]}"#;
    let output = bench.run(&scenario, &["--set", walsh, "--set", sweep]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = bench.run(&scenario, &["--set", "estimator={kind=\"walsh\""]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--set estimator="), "{}", text(&output.stderr));
}

/// Random operating points want to know the device, not the estimator; where there are no ranges, the message says why.
#[test]
fn random_operating_points_that_cannot_be_drawn_are_refused() {
    let refused = |to: &str, words: &[&str]| refused("\"estimator.mode\"", to, Changed, words);
    let point = "\"device.operating_point_volt\"";
    refused(&format!("{point} = {{ random = 3 }}\n\"estimator.mode\""), &["no ranges of its own", "`from` and `to`"]);
    let vectors = "\"device.gradient_na_per_volt\" = [[1.0], [1.0, 2.0]]";
    let random = format!("{point} = {{ random = 3, from = 0.0, to = 1.0 }}\n{vectors}\n\"estimator.mode\"");
    refused(&random, &["1 and 2 parameters"]);
    let missing = Scenario::new(SCENARIO)
        .set_toml("device", "{ kind = \"neural-surrogate\", file = \"missing.npz\" }")
        .set_toml(&format!("sweep.{point}"), "{ random = 3 }");
    refused_scenario(&missing, "file = ", &["missing.npz"]);
}

#[test]
fn device_files_that_cannot_be_read_are_named() {
    let surrogate = |file: &str| {
        let device = format!("{{ kind = \"neural-surrogate\", file = \"{file}\" }}");
        Scenario::new(SCENARIO).set_toml("device", &device).to_string()
    };
    let bench = Bench::new();
    bench.write("broken.npz", "this is not a zip archive");
    for (file, words) in [("missing.npz", "missing.npz"), ("broken.npz", "not an .npz")] {
        let bad = surrogate(file);
        let scenario = bench.write("bad.toml", &bad);
        let output = bench.run(&scenario, &[]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(
            message.contains(words) && message.contains(&format!("bad.toml:{}", line_of(&bad, "file = "))),
            "{message}"
        );
    }
    assert_eq!(bench.files("out"), Vec::<String>::new());
}

#[test]
fn a_missing_scenario_is_named() {
    let bench = Bench::new();
    let output = bench.run(&bench.path("nowhere.toml"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.toml"));
}

#[test]
fn existing_results_are_kept_unless_told() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert_eq!(bench.run(&scenario, &[]).status.code(), Some(0));
    let before = fs::read(bench.path("out/small.h5")).expect("results");
    let output = bench.run(&scenario, &["--set", "study.seed=2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--fresh"), "{}", text(&output.stderr));
    assert_eq!(fs::read(bench.path("out/small.h5")).expect("results"), before);
    assert_eq!(bench.run(&scenario, &["--set", "study.seed=2", "--fresh"]).status.code(), Some(0));
    assert_ne!(fs::read(bench.path("out/small.h5")).expect("results"), before);
}

#[test]
fn an_output_that_cannot_be_written_is_refused() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    // a file where the folder should be: refused for every user, root too
    bench.write("out", "in the way");
    let output = bench.run(&scenario, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("cannot write"), "{}", text(&output.stderr));
}

#[test]
fn results_files_that_are_none_are_refused() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert_eq!(bench.run(&scenario, &[]).status.code(), Some(0));
    let whole = fs::read(bench.path("out/small.h5")).expect("results");
    for (name, bytes) in [
        ("truncated.h5", &whole[..whole.len() / 2]),
        ("short.h5", &whole[..100]),
        ("empty.h5", &[]),
        ("text.h5", b"hello"),
    ] {
        fs::write(bench.path(name), bytes).expect("written");
        for command in ["plot", "show", "export"] {
            let output = bench.homodyne(&[command, name]);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command} {name}: {message}");
            assert!(message.contains(name) && !message.contains("panicked"), "{command} {name}: {message}");
        }
    }
    let leftovers = bench.files(".");
    assert!(!leftovers.iter().any(|f| f.ends_with(".svg") || f.ends_with(".npz")), "{leftovers:?}");
    for (option, value) in [("--parameter", "9"), ("--x", "nothing"), ("--kind", "gates")] {
        let output = bench.homodyne(&["plot", "out/small.h5", option, value]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(&format!("{option}: found")), "{}", text(&output.stderr));
    }
}

#[test]
fn plans_that_cannot_work_are_refused() {
    let bench = Bench::new();
    let code = |arguments: &[&str]| bench.homodyne(arguments).status.code();
    assert_eq!(code(&["plan", "--parameters", "40", "--band", "100,1000"]), Some(2));
    assert_eq!(code(&["plan", "--band", "1000,100"]), Some(2));
    assert_eq!(code(&["plan", "--check", "300,300"]), Some(2));
    assert_eq!(code(&["plan", "--avoid", "0"]), Some(2));
    let told = text(&bench.homodyne(&["plan", "--check", "1000,875", "--avoid", "50"]).stdout);
    assert!(told.contains("f_1 = 1000 Hz is less than 1/T from 20 × 50 Hz"), "{told}");
    assert!(!told.contains("f_2"), "{told}");
    assert_eq!(code(&["plan", "--check", "300,9000"]), Some(2));
    assert_eq!(code(&["plan", "--duration", "-1"]), Some(2));
    assert_eq!(code(&["plan", "--exponent", "7"]), Some(2));
    assert_eq!(code(&["nonsense"]), Some(2));
}

/// Any value at any key ends in a result or in a message: never in a panic, never in another exit code.
#[test]
fn no_value_of_any_key_makes_the_program_panic() {
    let keys = [
        "study.name",
        "study.seed",
        "study.route",
        "study.kind",
        "device.gradient_na_per_volt",
        "device.offset_na",
        "device.operating_point_volt",
        "noise.kind",
        "noise.psd_na2_per_hz",
        "noise.at_hz",
        "noise.exponent",
        "noise.corner_hz",
        "sampling.rate_hz",
        "estimator.kind",
        "estimator.readout",
        "estimator.amplitude_volt",
        "estimator.duration_s",
        "estimator.frequencies_hz",
        "estimator.frequencies_hz.top",
        "estimator.phases_rad",
        "estimator.quadrature",
        "estimator.filter",
        "estimator.filter.order",
        "estimator.filter.settled",
        "estimator.filter.cutoff_hz",
        "estimator.instrument.delay_samples",
        "estimator.instrument.hold_samples",
        "estimator.instrument.ramp_s",
        "figure.parameter",
        "figure.x",
        "sweep",
    ];
    survives(SCENARIO, &keys);
}

/// The same in a training study.
#[test]
fn no_value_of_any_key_of_training_makes_the_program_panic() {
    let keys = [
        "task.kind",
        "task.gate",
        "task.inputs",
        "task.low_volt",
        "task.high_volt",
        "task.hold_s",
        "task.ramp_s",
        "training.stop_below",
        "training.confirmations",
        "training.budget_s",
        "training.max_iterations",
        "training.range_volt",
        "training.answer",
        "training.loss",
        "training.loss.kind",
        "training.optimiser",
        "training.optimiser.kind",
        "training.optimiser.learning_rate",
        "training.optimiser.update",
        "estimator.duration_s",
    ];
    survives(TRAINING, &keys);
}

fn survives(sound: &str, keys: &[&str]) {
    let bench = Bench::new();
    let scenario = bench.write("any.toml", sound);
    let values = ["0", "-1", "1", "3", "1e-300", "1e300", "true", "nan", "\"word\"", "[]", "[1]", "[1, 2]", "{}"];
    for key in keys {
        for value in values {
            let change = format!("{key}={value}");
            let output = bench.run(&scenario, &["--fresh", "--set", "study.repetitions=2", "--set", &change]);
            let message = text(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 2)), "{change}: {:?} {message}", output.status);
            assert!(!message.contains("panicked"), "{change}: {message}");
        }
    }
}

#[test]
fn numbers_from_the_command_line_that_are_too_large_are_refused() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let output = bench.run(&scenario, &["--set", "study.seed=18446744073709551615"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for word in ["study.seed", "found 18446744073709551615", "to 9223372036854775807"] {
        assert!(message.contains(word), "wanted {word:?} in {message}");
    }
}

/// Some editors put a mark before UTF-8, and others save UTF-16.
#[test]
fn text_is_read_in_utf_8_with_a_mark_and_without_and_no_other_encoding() {
    let bench = Bench::new();
    let scenario = bench.write("marked.toml", &format!("\u{feff}{SCENARIO}"));
    let output = bench.run(&scenario, &["--dry-run"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let made = bench.homodyne(&["device", "generate", "--acceptors", "3", "--donors", "1", "--output", "plain.json"]);
    assert!(made.status.success());
    let device = fs::read_to_string(bench.path("plain.json")).unwrap();
    bench.write("marked.json", &format!("\u{feff}{device}"));
    let shown = bench.homodyne(&["device", "show", "marked.json"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    for (name, sound) in [("wide.toml", SCENARIO), ("wide.json", &device)] {
        let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(sound.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        fs::write(bench.path(name), wide).unwrap();
        let command: &[&str] = if name.ends_with("json") { &["device", "show", name] } else { &["run", name] };
        let output = bench.homodyne(command);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(name) && message.contains("UTF-16: save it as plain text in UTF-8"), "{message}");
    }
}

/// The task `teacher`, random polynomials, descent by curvature.
#[test]
fn teachers_random_devices_and_curvature_that_cannot_be_are_refused() {
    let teacher = Scenario::new(TRAINING)
        .without("sweep")
        .without("training.confirmations")
        .set_toml(
            "task",
            "{ kind = \"teacher\", inputs = 2, patterns = 4, low_volt = -0.3, high_volt = 0.3, hold_s = 0.05 }",
        )
        .set("training.loss.kind", "mean-square");
    let refused = |key: &str, value: &str, at: &str, words: &[&str]| {
        refused_scenario(&teacher.clone().set_toml(key, value), at, words);
    };
    refused("task.inputs", "4", "inputs = ", &["task.inputs", "leaves none of 4 parameters"]);
    refused("task.inputs", "5", "inputs = ", &["task.inputs", "found 5", "1 to 4"]);
    refused("task.inputs", "\"two\"", "inputs = ", &["task.inputs"]);
    refused("task.patterns", "0", "patterns = ", &["task.patterns", "found 0"]);
    let words = ["targets are currents", "mean-square"];
    refused("training.loss.kind", "\"correlation\"", "kind = \"teacher\"", &words);
    let update = "training.optimiser.update";
    let second = "readout = \"curvature\"";
    refused(update, "\"curvature\"", "update = ", &[update, second]);
    let random = "{ parameters = 4, linear_na_per_volt = 30.0 }";
    refused("device.random", random, "[device.random]", &["device.random", "`coefficients`"]);

    let bare = teacher.clone().without("device.coefficients");
    refused_scenario(&bare, "[device]", &["`coefficients`", "`random`"]);
    let drawn = bare.set_toml("device.random", random);
    let refused = |key: &str, value: &str, at: &str, words: &[&str]| {
        refused_scenario(&drawn.clone().set_toml(key, value), at, words);
    };
    let mixing = "device.random.mixing_na_per_volt2";
    refused(mixing, "-1.0", "mixing_na_per_volt2", &[mixing, "found -1e0"]);
    refused("device.random.quare", "1.0", "quare = ", &["quare", "square_na_per_volt2"]);
    let words = ["device.mixing_na_per_volt2", "cannot be combined with `random`"];
    refused("device.mixing_na_per_volt2", "[[0.0]]", "mixing_na_per_volt2", &words);

    let curvature = teacher.clone().set(update, "curvature").set("estimator.readout", "curvature");
    let linear = curvature.clone().set("training.answer", "linear-response");
    refused_scenario(&linear, "update = ", &[update, "no second harmonic"]);
    for sound in [&teacher, &curvature] {
        let bench = Bench::new();
        let output = bench.run(&bench.write("sound.toml", &sound.to_string()), &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// Amplitudes that cannot be balanced, and those that are.
#[test]
fn amplitudes_that_cannot_be_balanced_are_refused_and_others_run() {
    let bench = Bench::new();
    let key = "estimator.amplitude_volt";
    let sound = ["study.kind", "task", "training", "sweep"]
        .into_iter()
        .fold(Scenario::new(TRAINING), Scenario::without)
        .set(key, "balanced");
    let refused = |changed: &str, value: &str, words: &[&str]| {
        refused_text(&sound.clone().set_toml(changed, value).to_string(), None, words);
    };
    refused(key, "\"equal\"", &[key, "a number, a list of numbers, or \"balanced\""]);
    refused("estimator.readout", "\"r\"", &[key, "readout \"x\""]);
    refused("noise.psd_na2_per_hz", "0.0", &[key, "needs noise"]);
    refused("estimator.instrument", "{ adc = { bits = 8, low = -100, high = 100 } }", &[key, "with an ADC"]);
    refused("estimator.kind", "\"fd\"", &[key]);
    let many = "{ kind = \"polynomial\", random = { parameters = 65, linear_na_per_volt = 1.0 } }";
    refused("device", many, &[key, "at most 64 parameters, found 65"]);

    let output =
        bench.homodyne(&["run", &bench.write("sound.toml", &sound.to_string()).display().to_string(), "--dry-run"]);
    assert!(text(&output.stdout).contains("balanced        amplitude_volt = ["), "{}", text(&output.stdout));
    let training = Scenario::new(TRAINING).set(key, "balanced");
    let linear = training.clone().set("training.answer", "linear-response");
    refused_text(&linear.to_string(), None, &[key, "leaves them out"]);
    let output = bench.run(&bench.write("training.toml", &training.to_string()), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}
