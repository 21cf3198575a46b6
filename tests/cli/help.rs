//! Help on commands and on keys.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Bench, text};

fn printed(arguments: &[&str]) -> String {
    let output = Bench::new().homodyne(&[&["help"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn keys_are_explained_by_path_end_and_name() {
    let amplitude = printed(&["estimator.amplitude_volt"]);
    for words in
        ["estimator.kind = \"hge\"", "Amplitude of the sines (V)", "number, or list of numbers", "\"balanced\""]
    {
        assert!(amplitude.contains(words), "{words}: {amplitude}");
    }
    let order = printed(&["filter.order"]);
    assert!(order.contains("estimator.filter.order") && order.contains("default 3"), "{order}");
    let corner = printed(&["corner_hz"]);
    assert!(corner.contains("noise.kind = \"relaxation\" or noise.kind = \"telegraph\""), "{corner}");
    assert!(corner.lines().all(|line| line.chars().count() <= 100), "{corner}");
    // a table and a command: the command, unless in brackets
    let command = printed(&["noise"]);
    assert!(command.contains("Usage: homodyne noise") && command.contains("homodyne help '[noise]'"), "{command}");
    let table = printed(&["[noise]"]);
    assert!(table.contains("\"power-law\"  Gaussian noise") && table.contains("at_hz  Reference frequency"), "{table}");
    let json: Value = serde_json::from_str(&printed(&["--json", "noise.exponent"])).expect("JSON");
    assert_eq!(json[0]["within"][0], "noise.kind = \"power-law\"");
}

#[test]
fn commands_are_explained_as_before() {
    let bench = Bench::new();
    for command in [&["run"][..], &["device", "gradient"]] {
        let asked = bench.homodyne(&[command, &["--help"]].concat());
        assert_eq!(printed(command).trim(), text(&asked.stdout).trim());
    }
    assert!(printed(&[]).contains("Exit codes"));
}

#[test]
fn what_is_not_known_resembles_something_or_not() {
    let refused = |words: &[&str], expected: &str| {
        let output = Bench::new().homodyne(&[&["help"], words].concat());
        let message = text(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(expected), "{message}");
    };
    refused(&["estimator.amplitude_vol"], "did you mean `estimator.amplitude_volt`");
    refused(&["xyzzy"], "`homodyne help --all`");
    refused(&["device", "gradiant"], "no command");
}

#[test]
fn each_command_has_a_manual_page() {
    let bench = Bench::new();
    let made = bench.homodyne(&["man", "man1"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let page = |name: &str| std::fs::read_to_string(bench.path(&format!("man1/{name}.1"))).expect("a page");
    assert!(page("homodyne").contains("measuring their own gradient"));
    assert!(page("homodyne-device-gradient").contains("electrode") && page("homodyne-run").contains("scenario"));
    bench.write("file", "");
    let refused = bench.homodyne(&["man", "file/man1"]);
    assert!(refused.status.code() == Some(2) && text(&refused.stderr).contains("file/man1"));
}

/// The paths of all keys of a value, without places in lists.
fn paths(value: &toml::Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                into.insert(path.clone());
                paths(value, &path, into);
            }
        }
        toml::Value::Array(list) => list.iter().for_each(|value| paths(value, path, into)),
        _ => {}
    }
}

/// Every key of every scenario that ships is on the list, but for those below a device of a device, which are those of devices.
#[test]
fn every_key_in_use_is_explained() {
    let json: Value = serde_json::from_str(&printed(&["--json"])).expect("JSON");
    let known: BTreeSet<String> = json
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| key["key"].as_str().expect("a path").replace("[]", ""))
        .collect();
    let folder = tests::root().join("scenarios");
    let mut used = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("scenarios").map(|entry| entry.expect("an entry").path()) {
        if file.extension().is_some_and(|ending| ending == "toml") {
            let mut table: toml::Table = std::fs::read_to_string(&file).expect("a scenario").parse().expect("TOML");
            table.remove("sweep");
            paths(&toml::Value::Table(table), "", &mut used);
        }
    }
    assert!(used.len() > 100, "{}", used.len());
    let nested = |path: &str| path.starts_with("device.layers.devices.");
    // words of a table, not keys of its own
    let kind = |path: &str| path.ends_with(".kind");
    let missing: Vec<&String> = used.iter().filter(|p| !nested(p) && !kind(p) && !known.contains(*p)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// There is a scenario to start from for every kind of study; it runs as it is, and again behind the line of a schema.
#[test]
fn scenarios_to_start_from_run() {
    let json: Value = serde_json::from_str(&printed(&["--json", "study.kind"])).expect("JSON");
    let kinds: Vec<&String> = json[0]["choices"].as_object().expect("kinds").keys().collect();
    assert!(kinds.len() >= 6, "{kinds:?}");
    let bench = Bench::new();
    for kind in kinds {
        let file = format!("{kind}.toml");
        let made = bench.homodyne(&["new", kind, "--output", &file, "--schema"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let printed = text(&bench.homodyne(&["new", kind]).stdout);
        let written = std::fs::read_to_string(bench.path(&file)).expect("a scenario");
        assert_eq!(written, format!("#:schema ./homodyne.schema.json\n\n{printed}"));
        let run = bench.run(&bench.path(&file), &[]);
        assert!(run.status.success(), "{kind}: {}", text(&run.stderr));
        let again = bench.homodyne(&["new", kind, "--output", &file]);
        assert!(again.status.code() == Some(2) && text(&again.stderr).contains("already exists"));
    }
    let listed = text(&bench.homodyne(&["new"]).stdout);
    assert!(listed.contains("error ") && listed.contains("training "), "{listed}");
    let schema = std::fs::read_to_string(bench.path("homodyne.schema.json")).expect("a schema");
    assert_eq!(schema, text(&bench.homodyne(&["schema"]).stdout));
}

#[test]
fn the_page_of_the_manual_is_up_to_date() {
    let kept = std::fs::read_to_string(tests::root().join("docs/keys.md")).expect("docs/keys.md");
    assert!(kept == printed(&["--all"]), "docs/keys.md is out of date: homodyne help --all > docs/keys.md");
}
