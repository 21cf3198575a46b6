//! Every bad input ends with exit code 2, a message that names file, line, found and allowed, and nothing half-written.

use std::fs;

use crate::{Bench, SCENARIO, TRAINING, text};

fn refused(from: &str, to: &str, line: Option<usize>, words: &[&str]) {
    refused_in(SCENARIO, from, to, line, words);
}

/// Replaces `from` by `to` in a sound scenario and expects a refusal that names the line and says `words`.
pub(crate) fn refused_in(sound: &str, from: &str, to: &str, line: Option<usize>, words: &[&str]) {
    assert!(sound.contains(from), "{from}");
    let bench = Bench::new();
    let scenario = bench.write("bad.toml", &sound.replacen(from, to, 1));
    let output = bench.run(&scenario, &[]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{to}: {message}");
    let place = line.map_or("bad.toml".to_owned(), |line| format!("bad.toml:{line}: "));
    for word in words.iter().copied().chain([place.as_str()]) {
        assert!(message.contains(word), "{to}: wanted {word:?} in {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(bench.files("out"), Vec::<String>::new(), "{to}: something was written");
}

#[test]
fn misspelt_keys() {
    let words = ["estimator.amplitud_volt", "amplitude_volt"];
    refused("amplitude_volt", "amplitud_volt", Some(20), &words);
    refused("[noise]", "[noize]", Some(10), &["noize", "`noise`"]);
    refused("kind = \"hge\"", "kind = \"hgw\"", Some(18), &["hgw", "\"fd\"", "\"spsa\""]);
    refused("top = 1000.0", "topp = 1000.0", Some(21), &["topp", "top"]);
}

#[test]
fn wrong_types() {
    refused(
        "duration_s = 0.05",
        "duration_s = \"long\"",
        Some(19),
        &["estimator.duration_s", "text \"long\"", "a number"],
    );
    refused("[123, 60]", "123", Some(8), &["device.gradient_na_per_volt"]);
    refused("repetitions = 200", "repetitions = 1.5", Some(4), &["study.repetitions"]);
    refused("seed = 1", "seed = -1", Some(3), &["study.seed", "found -1", "from 0 to 9223372036854775807"]);
    refused(
        "seed = 1",
        "seed = 9223372036854775808",
        Some(3),
        &["`seed = 9223372036854775808`", "to 9223372036854775807"],
    );
    refused("repetitions = 200", "repetitions = 2.0e1", Some(4), &["study.repetitions", "found 20.0", "written 20"]);
    refused("name = \"small\"", "name = ", Some(2), &["not valid TOML"]);
}

#[test]
fn values_out_of_range() {
    refused("duration_s = 0.05", "duration_s = -0.1", Some(19), &["estimator.duration_s", "-0.1", "positive"]);
    refused("amplitude_volt = 8e-3", "amplitude_volt = 0.0", Some(20), &["amplitude_volt", "found 0", "positive"]);
    refused("top = 1000.0", "top = 6000.0", Some(21), &["frequencies_hz", "6000 Hz", "5000 Hz"]);
    refused("exponent = 1.5", "exponent = 2.5", Some(14), &["noise.exponent", "2.5", "0 and 2"]);
    refused("[123, 60]", "[123, nan]", Some(8), &["device.gradient_na_per_volt", "NaN", "finite"]);
    refused("psd_na2_per_hz = 1e-5", "psd_na2_per_hz = -1e-5", Some(12), &["psd_na2_per_hz", "zero or more"]);
    refused("repetitions = 200", "repetitions = 0", Some(4), &["study.repetitions", "1 to 10000000000"]);
    refused("name = \"small\"", "name = \"../small\"", Some(2), &["study.name"]);
}

/// Second harmonics have to lie below half the sampling rate, and two parameters on one frequency share theirs.
#[test]
fn curvatures_that_cannot_be_read() {
    let reads = SCENARIO.replacen("kind = \"hge\"", "kind = \"hge\"\nreadout = \"curvature\"", 1);
    let words = ["estimator.frequencies_hz", "2600 Hz", "2500 Hz", "\"curvature\""];
    refused_in(&reads, "top = 1000.0", "top = 2600.0", Some(22), &words);
    let words = ["estimator.readout", "share 1000 Hz", "\"x\""];
    refused_in(&reads, "duration_s = 0.05", "duration_s = 0.05\nquadrature = true", Some(19), &words);
}

#[test]
fn tasks_and_training_that_cannot_be() {
    let refused = |from, to, line, words: &[&str]| refused_in(TRAINING, from, to, Some(line), words);
    refused("[\"AND\", \"0011\"]", "[\"ANDY\", \"0011\"]", 41, &["task.gate", "ANDY", "four digits", "XNOR"]);
    refused("inputs = [1, 2]", "inputs = [1, 5]", 27, &["task.inputs", "[1, 5]", "1 to 4"]);
    refused("inputs = [1, 2]", "inputs = [1, 1]", 27, &["task.inputs", "different"]);
    refused("inputs = [1, 2]", "inputs = [0, 2]", 27, &["task.inputs", "[0, 2]", "1 to 4"]);
    refused("inputs = [1, 2]", "inputs = [4, 3, 2, 1]", 27, &["task.inputs", "[4, 3, 2, 1]", "none of 4"]);
    refused("inputs = [1, 2]", "inputs = [1, 2, 3]", 27, &["task.inputs", "two inputs"]);
    refused("low_volt = -0.3", "low_volt = 0.35", 29, &["task.high_volt", "above low_volt"]);
    refused("high_volt = [0.3, 0.4]", "high_volt = [0.3, 0.4, 0.5]", 29, &["task.high_volt", "3 voltages", "2 inputs"]);
    refused("hold_s = 0.05", "hold_s = -1.0", 30, &["task.hold_s", "-1", "samples"]);
    refused("stop_below = 0.05", "stop_belo = 0.05", 33, &["stop_belo", "stop_below"]);
    refused("confirmations = 2", "confirmations = 2000", 34, &["confirmations", "2000", "0 to 1000"]);
    refused("budget_s = 5.0", "budget_s = -5.0", 35, &["training.budget_s", "-5", "positive"]);
    refused("budget_s = 5.0", "budget_s = 1e300", 35, &["training.budget_s", "at most 10000000"]);
    refused("max_iterations = 10", "max_iterations = 0", 36, &["max_iterations", "found 0", "1 to"]);
    refused("[-0.5, 0.5]", "[0.5, -0.5]", 37, &["training.range_volt", "lower one first"]);
    refused("[-0.5, 0.5]", "[[-0.5, 0.5]]", 37, &["training.range_volt", "1 ranges", "2 controls"]);
    refused("kind = \"descent\"", "kind = \"ascent\"", 38, &["ascent", "\"descent\"", "\"genetic\""]);
    refused("learning_rate = 0.02", "learning_rate = 0.0", 38, &["learning_rate", "found 0", "positive"]);
    refused("[\"AND\", \"0011\"]", "[\"AND\", \"0021\"]", 41, &["task.gate", "0021"]);
}

#[test]
fn sweeps_that_cannot_be() {
    refused("[20.0, 40.0, 80.0]", "[]", Some(24), &["frequencies_hz.spacing", "no values"]);
    refused("\"estimator.mode\"", "\"estimator.moode\"", Some(25), &["estimator.moode", "unknown field", "mode"]);
    refused("\"estimator.mode\"", "\"nowhere.mode\"", Some(25), &["nowhere"]);
    refused("[20.0, 40.0, 80.0]", "[20.0, 40.0, 8000.0]", Some(21), &["-7000 Hz", "5000 Hz", "spacing = 8000"]);
    refused("[\"parallel\", \"sequential\"]", "[\"parallel\", \"both\"]", Some(25), &["both", "sequential"]);
    refused("[20.0, 40.0, 80.0]", "{ random = 3 }", Some(24), &["from", "to"]);
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

/// A `[figure]` that could not be drawn is refused before anything is computed, in dry runs and submissions too.
#[test]
fn figures_that_cannot_be_drawn() {
    let figure = |setting: &str| format!("[figure]\n{setting}\n\n[sweep]");
    let refused = |setting: &str, words: &[&str]| refused("[sweep]", &figure(setting), Some(24), words);
    refused("x = \"estimator.mode\"", &["figure.x", "estimator.mode", "numbers"]);
    refused("x = \"nowhere\"", &["figure.x", "nowhere", "\"estimator.mode\"", "\"estimator.frequencies_hz.spacing\""]);
    refused("band = \"nowhere\"", &["figure.band", "nowhere", "\"estimator.mode\""]);
    refused("band = \"estimator.frequencies_hz.spacing\"", &["figure.band", "along x"]);
    refused("parameter = 9", &["figure.parameter", "found 9", "1 to 2"]);
    refused("parameter = 0", &["figure.parameter", "found 0", "1 to 2"]);
    refused("markers_every = 0", &["figure.markers_every", "at least 1"]);
    refused("kind = \"spectrum\"", &["figure.kind", "\"spectrum\"", "\"error\""]);
    refused("kind = \"scatter\"", &["figure.kind", "store_estimates"]);
    refused("kind = \"advantage\"", &["figure.kind", "two numbers"]);
    refused("kind = \"curvature\"", &["figure.kind", "estimator.readout = \"curvature\""]);
    refused("variable = \"curvature-bias\"", &["figure.variable", "estimator.readout = \"curvature\""]);
    let unheeded = figure("kind = \"advantage\"\nmarkers_every = 4");
    refused_in(SCENARIO, "[sweep]", &unheeded, Some(25), &["figure.markers_every", "\"advantage\"", "`x_label`"]);
    let both = "parameter = 1\nmean_over_parameters = true";
    refused_in(SCENARIO, "[sweep]", &figure(both), Some(25), &["figure.mean_over_parameters", "parameter"]);
    let only = figure("title = \"T\"").replace("[sweep]", "[sweep]\n\"estimator.readout\" = [\"x\", \"r\"]\n#");
    let sound = SCENARIO.split("[sweep]").next().expect("text before it").to_owned() + "[sweep]";
    refused_in(&sound, "[sweep]", &only, Some(23), &["figure.x", "no swept number"]);

    let training = |setting: &str, line, words: &[&str]| refused_in(TRAINING, "[sweep]", &figure(setting), line, words);
    training("kind = \"success\"", Some(41), &["figure.kind", "two axes", "here are 1"]);
    training("kind = \"error\"", Some(41), &["figure.kind", "\"learning\""]);
    training("kind = \"learning\"\nparameter = 1", Some(42), &["figure.parameter", "\"learning\""]);

    let bench = Bench::new();
    let scenario = bench.write("bad.toml", &SCENARIO.replacen("[sweep]", &figure("parameter = 9"), 1));
    let path = scenario.display().to_string();
    for arguments in [vec!["run", &path, "--dry-run"], vec!["submit", &path, "--tasks", "2", "--dry-run"]] {
        let output = bench.homodyne(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("figure.parameter"), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// A scenario without `[figure]` may sweep nothing that could be drawn: the dry run says so, and the run ends well.
#[test]
fn a_study_without_a_figure() {
    let bench = Bench::new();
    let sound = SCENARIO.split("[sweep]").next().expect("text before it");
    let scenario = bench.write("plain.toml", sound);
    let output = bench.run(&scenario, &["--dry-run"]);
    assert!(text(&output.stdout).contains("figure          none"), "{}", text(&output.stdout));
    let output = bench.run(&scenario, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(bench.files("out"), ["small.h5"]);
}

/// A fit to an I-V curve needs a curve that holds the operating point; training moves that.
#[test]
fn curves_that_cannot_be_fitted() {
    let from =
        "kind = \"hge\"\nduration_s = 0.05\namplitude_volt = 8e-3\nfrequencies_hz = { top = 1000.0, spacing = 40.0 }";
    let fit = |range: &str| format!("kind = \"curve-fit\"\npoints = 11\nduration_s = 0.05\n{range}");
    let plain = SCENARIO.split("[sweep]").next().expect("text before it");
    refused_in(plain, from, &fit(""), Some(17), &["estimator.range_volt", "no ranges of its own"]);
    refused_in(plain, from, &fit("range_volt = [0.5, 1.0]"), Some(21), &["estimator.range_volt", "parameter 1", "0 V"]);
    refused_in(TRAINING, from, &fit("range_volt = [-0.5, 0.5]"), Some(19), &["estimator.kind", "training moves it"]);
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
    assert!(message.contains("good.toml:25: `estimator.mode`"), "{message}");
    let sweep = r#"sweep={"estimator.amplitude_volt"=[4e-3,8e-3]}"#;
    let output = bench.run(&scenario, &["--set", walsh, "--set", sweep]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = bench.run(&scenario, &["--set", "estimator={kind=\"walsh\""]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--set estimator="), "{}", text(&output.stderr));
}

/// Random operating points want to know the device, not the estimator; where there are no ranges, the message says why.
#[test]
fn random_operating_points_that_cannot_be_drawn() {
    let refused = |to: &str, words: &[&str]| refused("\"estimator.mode\"", to, Some(25), words);
    let point = "\"device.operating_point_volt\"";
    refused(&format!("{point} = {{ random = 3 }}\n\"estimator.mode\""), &["no ranges of its own", "`from` and `to`"]);
    let vectors = "\"device.gradient_na_per_volt\" = [[1.0], [1.0, 2.0]]";
    let random = format!("{point} = {{ random = 3, from = 0.0, to = 1.0 }}\n{vectors}\n\"estimator.mode\"");
    refused(&random, &["1 and 2 parameters"]);
    let missing = "kind = \"neural-surrogate\"\nfile = \"missing.npz\"";
    let sweep = format!("[sweep]\n{point} = {{ random = 3 }}");
    let sound = SCENARIO.replacen("[sweep]", &sweep, 1);
    refused_in(&sound, "kind = \"linear\"\ngradient_na_per_volt = [123, 60]", missing, Some(8), &["missing.npz"]);
}

#[test]
fn device_files() {
    let surrogate = |file: &str| {
        SCENARIO.replacen("kind = \"linear\"", "kind = \"neural-surrogate\"", 1).replacen(
            "gradient_na_per_volt = [123, 60]",
            &format!("file = \"{file}\""),
            1,
        )
    };
    let bench = Bench::new();
    bench.write("broken.npz", "this is not a zip archive");
    for (file, words) in [("missing.npz", "missing.npz"), ("broken.npz", "not an .npz")] {
        let scenario = bench.write("bad.toml", &surrogate(file));
        let output = bench.run(&scenario, &[]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words) && message.contains("bad.toml:8"), "{message}");
    }
    assert_eq!(bench.files("out"), Vec::<String>::new());
}

#[test]
fn a_missing_scenario() {
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
fn an_output_that_cannot_be_written() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    // a file where the folder should be: refused for every user, root too
    bench.write("out", "in the way");
    let output = bench.run(&scenario, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("cannot write"), "{}", text(&output.stderr));
}

#[test]
fn results_files_that_are_not() {
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
fn plans_that_cannot_work() {
    let bench = Bench::new();
    let code = |arguments: &[&str]| bench.homodyne(arguments).status.code();
    assert_eq!(code(&["plan", "--parameters", "40", "--band", "100,1000"]), Some(2));
    assert_eq!(code(&["plan", "--band", "1000,100"]), Some(2));
    assert_eq!(code(&["plan", "--check", "300,300"]), Some(2));
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
fn numbers_from_the_command_line_that_are_too_large() {
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
fn encodings_of_text() {
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
fn teachers_random_devices_and_curvature() {
    let (head, rest) = TRAINING.split_once("kind = \"truth-table\"").expect("a task");
    let (_, tail) = rest.split_once("\n[training]").expect("training");
    let task = "kind = \"teacher\"\ninputs = 2\npatterns = 4\nlow_volt = -0.3\nhigh_volt = 0.3\n\n[training]\nloss = { kind = \"mean-square\" }";
    let (tail, _) = tail.split_once("[sweep]").expect("a sweep");
    let teacher = format!("{head}{task}{tail}").replace("confirmations = 2\n", "");
    let refused = |from: &str, to: &str, line, words: &[&str]| refused_in(&teacher, from, to, line, words);
    refused("inputs = 2", "inputs = 4", Some(26), &["task.inputs", "leaves none of 4 parameters"]);
    refused("inputs = 2", "inputs = 5", Some(26), &["task.inputs", "found 5", "1 to 4"]);
    refused("inputs = 2", "inputs = \"two\"", Some(26), &["task.inputs"]);
    refused("patterns = 4", "patterns = 0", Some(27), &["task.patterns", "found 0"]);
    refused("\"mean-square\"", "\"correlation\"", Some(25), &["targets are currents", "mean-square"]);
    let update = "learning_rate = 0.02";
    let by_curvature = format!("{update}, update = \"curvature\"");
    refused(update, &by_curvature, Some(37), &["training.optimiser.update", "readout = \"curvature\""]);
    let coefficients = "coefficients = [[20.0, 15.0], [10.0, -25.0], [30.0, 5.0], [-20.0, 12.0]]";
    let random = |more: &str| format!("random = {{ parameters = 4, linear_na_per_volt = 30.0{more} }}");
    refused(coefficients, &format!("{coefficients}\n{}", random("")), None, &["device.random", "`coefficients`"]);
    refused(coefficients, "", None, &["`coefficients`", "`random`"]);
    let negative = random(", mixing_na_per_volt2 = -1.0");
    refused(coefficients, &negative, Some(9), &["device.random.mixing_na_per_volt2", "found -1e0"]);
    refused(coefficients, &random(", quare = 1.0"), Some(9), &["quare", "square_na_per_volt2"]);
    let products = format!("{}\nmixing_na_per_volt2 = [[0.0]]", random(""));
    refused(coefficients, &products, Some(10), &["device.mixing_na_per_volt2", "cannot be combined with `random`"]);

    let curvature = teacher.replace(update, &by_curvature).replace("duration_s", "readout = \"curvature\"\nduration_s");
    let linear = "budget_s = 5.0\nanswer = \"linear-response\"";
    refused_in(&curvature, "budget_s = 5.0", linear, Some(39), &["training.optimiser.update", "no second harmonic"]);
    for sound in [&teacher, &curvature] {
        let bench = Bench::new();
        let output = bench.run(&bench.write("sound.toml", sound), &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// Amplitudes that cannot be balanced, and those that are.
#[test]
fn balanced_amplitudes() {
    let bench = Bench::new();
    let nonlinear = TRAINING.replace("kind = \"training\"\n", "");
    let (device, rest) = nonlinear.split_once("[task]").expect("a task");
    assert!(rest.contains("[training]"));
    let sound = device.replace("amplitude_volt = 8e-3", "amplitude_volt = \"balanced\"");
    let refused = |from: &str, to: &str, words: &[&str]| refused_in(&sound, from, to, None, words);
    let key = "estimator.amplitude_volt";
    refused("\"balanced\"", "\"equal\"", &[key, "a number, a list of numbers, or \"balanced\""]);
    refused("duration_s", "readout = \"r\"\nduration_s", &[key, "readout \"x\""]);
    refused("psd_na2_per_hz = 1e-6", "psd_na2_per_hz = 0.0", &[key, "needs noise"]);
    let adc = "instrument = { adc = { bits = 8, low = -100, high = 100 } }\nduration_s";
    refused("duration_s", adc, &[key, "with an ADC"]);
    refused("kind = \"hge\"", "kind = \"fd\"", &[key]);
    let coefficients = "coefficients = [[20.0, 15.0], [10.0, -25.0], [30.0, 5.0], [-20.0, 12.0]]";
    let many = "random = { parameters = 65, linear_na_per_volt = 1.0 }";
    refused(coefficients, many, &[key, "at most 64 parameters, found 65"]);

    let output = bench.homodyne(&["run", &bench.write("sound.toml", &sound).display().to_string(), "--dry-run"]);
    assert!(text(&output.stdout).contains("balanced        amplitude_volt = ["), "{}", text(&output.stdout));
    let training = TRAINING.replace("amplitude_volt = 8e-3", "amplitude_volt = \"balanced\"");
    let linear = "budget_s = 5.0\nanswer = \"linear-response\"";
    refused_in(&training, "budget_s = 5.0", linear, None, &[key, "leaves them out"]);
    let output = bench.run(&bench.write("training.toml", &training), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}
