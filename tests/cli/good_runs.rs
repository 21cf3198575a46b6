//! What the commands print and write when all is well.

use crate::{Bench, SCENARIO, text};

#[test]
fn what_run_writes_is_shown_plotted_and_exported() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let output = bench.run(&scenario, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(bench.files("out"), ["small.h5", "small.png", "small.svg"]);
    let svg = std::fs::read_to_string(bench.path("out/small.svg")).expect("a figure");
    assert!(!svg.contains("<text"), "text must be outlines");
    let shown = text(&bench.homodyne(&["show", "out/small.h5", "--parameter", "2"]).stdout);
    assert_eq!(shown.lines().filter(|l| l.contains("parallel")).count(), 3, "{shown}");
    assert!(shown.contains("mean square"), "{shown}");
    let plotted = bench.homodyne(&["plot", "out/small.h5", "--variable", "bias", "--output", "more/bias"]);
    assert!(plotted.status.success(), "{}", text(&plotted.stderr));
    assert_eq!(bench.files("more"), ["bias.png", "bias.svg"]);
    assert!(bench.homodyne(&["export", "out/small.h5"]).status.success());
    assert_eq!(bench.homodyne(&["export", "out/small.h5"]).status.code(), Some(2), "never overwritten untold");
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_be() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let output = bench.run(&scenario, &["--dry-run"]);
    let said = text(&output.stdout);
    assert!(output.status.success());
    for word in ["points          6", "200 each, 1200 in all", "samples", "disk", "memory", "estimated time"] {
        assert!(said.contains(word), "wanted {word:?} in {said}");
    }
    assert_eq!(bench.files("out"), Vec::<String>::new());
}

#[test]
fn equal_runs_make_equal_figures_and_numbers() {
    let read = |threads: &str| {
        let bench = Bench::new();
        let scenario = bench.write("good.toml", SCENARIO);
        assert!(bench.run(&scenario, &["--threads", threads]).status.success());
        let figure = std::fs::read(bench.path("out/small.png")).expect("a figure");
        let table = text(&bench.homodyne(&["show", "out/small.h5"]).stdout);
        let table = table.split_once("\n\n").expect("a head and a table").1.to_owned();
        (figure, table)
    };
    assert_eq!(read("1"), read("3"));
}

#[test]
fn the_schema_knows_every_kind() {
    let bench = Bench::new();
    let schema = text(&bench.homodyne(&["schema"]).stdout);
    let tree: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(tree["title"], "homodyne scenario");
    for kind in ["neural-surrogate", "power-law", "telegraph", "hge", "random-code", "segmented-uniform"] {
        assert!(schema.contains(&format!("\"{kind}\"")), "{kind}");
    }
}

#[test]
fn commands_beside_run_say_what_they_are_asked() {
    let bench = Bench::new();
    let plan = text(&bench.homodyne(&["plan", "--json"]).stdout);
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["frequencies_hz"].as_array().map(Vec::len), Some(7));
    assert_eq!(plan["findings"].as_array().map(Vec::len), Some(0));
    assert!(plan["mse_exact"].as_array().is_some_and(|m| m.iter().all(|x| x.as_f64().is_some_and(|x| x > 0.0))));
    let list = text(&bench.homodyne(&["list"]).stdout);
    assert!(list.lines().count() >= 12 && list.contains("Fig. 3b"), "{list}");
    assert!(text(&bench.homodyne(&["completions", "bash"]).stdout).contains("homodyne"));
    for command in ["run", "plot", "show", "plan", "export", "completions"] {
        let help = text(&bench.homodyne(&[command, "--help"]).stdout);
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

/// Results are as readable as any other new file, not private as temporary ones are.
#[cfg(unix)]
#[test]
fn results_get_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    assert!(bench.homodyne(&["export", "out/small.h5"]).status.success());
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    for name in ["out/small.h5", "out/small.npz"] {
        assert_eq!(mode(bench.path(name)), mode(scenario.clone()), "{name}");
    }
}

/// A reader who has seen enough (`| head`) closes the pipe: nothing panics, and the work is done.
#[test]
fn closed_pipes_do_not_stop_the_work() {
    let bench = Bench::new();
    bench.write("good.toml", SCENARIO);
    let commands: [&[&str]; 12] = [
        &["list"],
        &["schema"],
        &["completions", "bash"],
        &["plan", "--parameters", "3", "--band", "100,1000", "--duration", "0.1"],
        &["device", "generate", "--acceptors", "3", "--seed", "1", "--output", "d.json"],
        &["device", "show", "d.json"],
        &["device", "currents", "d.json"],
        &["run", "good.toml", "--output", "out", "--dry-run"],
        &["run", "good.toml", "--output", "out"],
        &["status", "--output", "out"],
        &["show", "out/small.h5"],
        &["export", "out/small.h5"],
    ];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = bench.command(arguments).stdout(writer).output().expect("the program starts");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(bench.files("out"), ["small.h5", "small.npz", "small.png", "small.svg"]);
}

/// No noise, no error: figures of zeros alone are drawn too.
#[test]
fn studies_of_no_noise_end_well() {
    let bench = Bench::new();
    let head = "[study]\nname = \"silent\"\nrepetitions = 4\n";
    let spectrum = "kind = \"spectrum\"\n[noise]\nkind = \"none\"\n[spectrum]\nduration_s = 1.0\nsegment_s = 0.1\n";
    let error = "[device]\nkind = \"linear\"\ngradient_na_per_volt = [0]\n[noise]\nkind = \"none\"\n\
                 [estimator]\nkind = \"hge\"\nduration_s = 0.1\namplitude_volt = 8e-3\nfrequencies_hz = [1000]\n\
                 [sweep]\n\"estimator.duration_s\" = [0.1, 0.2]\n";
    for rest in [spectrum, error] {
        let scenario = bench.write("silent.toml", &format!("{head}{rest}"));
        let output = bench.run(&scenario, &["--fresh"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(bench.files("out"), ["silent.h5", "silent.png", "silent.svg"]);
    }
}

/// Output is clean output plus noise, in a file that is not replaced unless that is asked for.
#[test]
fn traces_of_a_measurement_are_written_out() {
    let bench = Bench::new();
    let scenario = bench.write("s.toml", SCENARIO);
    let path = scenario.display().to_string();
    let traces = |more: &[&str]| bench.homodyne(&[&["traces", &path, "--output", "out"], more].concat());
    let out = traces(&["--point", "1"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let found = results::store::read(&bench.path("out/small.traces.h5")).expect("results");
    let values = |name: &str| tests::variable(&found, name).values.clone();
    let (clean, noise, output) = (values("clean"), values("noise"), values("output"));
    assert!(output.len() > 100 && noise.iter().any(|x| *x != 0.0));
    assert!((0..output.len()).all(|n| (clean[n] + noise[n] - output[n]).abs() < 1e-12));
    assert_eq!(values("drive").len() % output.len(), 0);
    assert_eq!(traces(&["--point", "1"]).status.code(), Some(2), "the file exists");
    let again = traces(&["--point", "1", "--overwrite", "--npz"]);
    assert!(again.status.success() && bench.path("out/small.traces.npz").exists(), "{}", text(&again.stderr));
    let beyond = traces(&["--point", "1000"]);
    assert!(beyond.status.code() == Some(2) && text(&beyond.stderr).contains("--point 1000: must be 0 to"));
}
