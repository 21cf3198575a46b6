//! A study is another one when anything that stands in a file which it reads has changed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use study::{Document, Study};
use sweep::identity::{Identity, Program};
use tests::root;

const SPECTRUM: &str = "[study]\nname = \"a\"\nkind = \"spectrum\"\n[spectrum]\nduration_s = 1.0\nsegment_s = 0.1\n";
const RESPONSE: &str = "[study]\nname = \"a\"\nkind = \"response\"\n[response]\nparameter = 1\nfrom_volt = 0.0\nto_volt = 0.1\npoints = 2\n";
const TRAINING: &str = "[study]\nname = \"a\"\nkind = \"training\"\n[device]\nkind = \"linear\"\ngradient_na_per_volt = [1, 2]\n\
                        [training]\nstop_below = 0.1\nbudget_s = 1.0\nrange_volt = [-1.0, 1.0]\noptimiser = { kind = \"genetic\" }\n";

/// Says what it is, as a device does, and nothing more.
const PROGRAM: &str = r#"echo '{\"protocol\": \"homodyne-device 1\", \"parameters\": 2}'; cat > /dev/null"#;

/// A setting that names a file, by the kind that it belongs to, a scenario with it, and the files that it reads.
type Case = (&'static str, String, &'static [&'static str]);

fn cases() -> Vec<Case> {
    let task = "[task]\nkind = \"csv\"\ninputs = [1]\nfile = \"classes.csv\"\n";
    let layered = "[device]\nkind = \"layered\"\n[[device.layers]]\ninputs = [1]\ndevices = [{ kind = \"neural-surrogate\", file = \"b.npz\" }]\n";
    vec![
        (
            "tabulated.file",
            format!("{SPECTRUM}[noise]\nkind = \"tabulated\"\nfile = \"density.csv\"\n"),
            &["density.csv"],
        ),
        ("trace.file", format!("{SPECTRUM}[noise]\nkind = \"trace\"\nfile = \"trace.csv\"\n"), &["trace.csv"]),
        (
            "trace.file",
            format!(
                "{SPECTRUM}[noise]\nkind = \"sum\"\nterms = [{{ kind = \"none\" }}, {{ kind = \"trace\", file = \"trace.csv\" }}]\n"
            ),
            &["trace.csv"],
        ),
        (
            "trace.file",
            format!(
                "{SPECTRUM}[[sweep.zip]]\n\"noise.kind\" = [\"trace\", \"tabulated\"]\n\"noise.file\" = [\"trace.csv\", \"density.csv\"]\n"
            ),
            &["trace.csv", "density.csv"],
        ),
        (
            "neural-surrogate.file",
            format!("{RESPONSE}[device]\nkind = \"neural-surrogate\"\nfile = \"a.npz\"\n"),
            &["a.npz"],
        ),
        (
            "neural-surrogate.file",
            format!(
                "{RESPONSE}[device]\nkind = \"neural-surrogate\"\n[sweep]\n\"device.file\" = [\"a.npz\", \"b.npz\"]\n\"response.parameter\" = [1, 2]\n"
            ),
            &["a.npz", "b.npz"],
        ),
        ("neural-surrogate.file", format!("{RESPONSE}{layered}"), &["b.npz"]),
        (
            "process.files",
            format!(
                "{RESPONSE}[device]\nkind = \"process\"\nfiles = [\"other.csv\"]\ncommand = [\"sh\", \"-c\", \"{PROGRAM}\"]\n"
            ),
            &["other.csv"],
        ),
        (
            "dopant-network.file",
            format!("{RESPONSE}[device]\nkind = \"dopant-network\"\nfile = \"a.json\"\n"),
            &["a.json"],
        ),
        ("csv.file", format!("{TRAINING}{task}"), &["classes.csv"]),
        ("csv.test_file", format!("{TRAINING}{task}test_file = \"other.csv\"\n"), &["classes.csv", "other.csv"]),
    ]
}

/// Files of all kinds, and what each may be changed to.
fn write_files(folder: &Path) {
    let devices = root().join("scenarios/devices");
    for (name, device) in
        [("a.npz", "small_surrogate.npz"), ("b.npz", "small_surrogate.npz"), ("a.json", "rnpu_8.json")]
    {
        fs::copy(devices.join(device), folder.join(name)).expect("copied");
    }
    let trace: String = (0..4000).map(|n| format!("{}\n", (f64::from(n * n) * 0.013).sin())).collect();
    let texts = [
        ("trace.csv", trace.as_str()),
        ("density.csv", "1,1e-4\n10,1e-5\n100,1e-6\n"),
        ("classes.csv", "0.1,0\n0.2,1\n"),
        ("other.csv", "0.1,0\n0.3,1\n"),
    ];
    texts.iter().for_each(|(name, text)| fs::write(folder.join(name), text).expect("written"));
}

/// Adds bytes that change nothing for its reader.
fn change(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    let is_text = path.extension().is_some_and(|e| e != "npz");
    // a zip archive may have anything in front of it
    if is_text {
        bytes.push(b'\n')
    } else {
        bytes.insert(0, b'\n')
    }
    fs::write(path, bytes).expect("written");
}

fn identity(folder: &Path, text: &str) -> Identity {
    let document = Document::parse(&folder.join("a.toml"), text.to_owned()).expect("TOML");
    let study = Study::new(document).unwrap_or_else(|e| panic!("{e}\n{text}"));
    study::identity::identity_of(&study, &Program::unnamed()).expect("an identity")
}

#[test]
fn every_file_that_a_study_reads_is_part_of_it() {
    let folder = std::env::temp_dir().join(format!("identity-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    for (setting, text, files) in cases() {
        write_files(&folder);
        let before = identity(&folder, &text);
        for file in files {
            change(&folder.join(file));
            let differences = identity(&folder, &text).differences(&before).join("\n");
            assert!(differences.contains(&format!("content of {file}")), "{setting}, {file}: {differences}");
        }
        let all = ["trace.csv", "density.csv", "classes.csv", "other.csv", "a.npz", "b.npz", "a.json"];
        let before = identity(&folder, &text);
        all.iter().filter(|f| !files.contains(f)).for_each(|f| change(&folder.join(f)));
        assert_eq!(identity(&folder, &text), before, "{setting}: files that it does not read are none of it");
    }
    fs::remove_dir_all(&folder).expect("removed");
}

/// A setting that names a file is found by its type, and stands in the test above.
#[test]
fn no_setting_that_names_a_file_is_left_out_of_these_tests() {
    let schema = figures::schema();
    let mut named = Vec::new();
    add_named(&schema, &mut named);
    let places = schema.to_string().matches("#/$defs/InputFile").count();
    assert_eq!(places, named.len(), "a file is named elsewhere than by a kind: {named:?}");
    let mut tested: Vec<String> = cases().iter().map(|case| case.0.to_owned()).collect();
    tested.sort();
    tested.dedup();
    named.sort();
    assert_eq!(named, tested);
}

/// Every `kind.property` of a schema that is a file.
fn add_named(schema: &Value, named: &mut Vec<String>) {
    let children: Vec<&Value> = match schema {
        Value::Object(map) => map.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    children.into_iter().for_each(|child| add_named(child, named));
    let properties = schema["properties"].as_object();
    for (property, value) in properties.into_iter().flatten() {
        let direct = [value, &value["anyOf"][0], &value["items"]].into_iter().any(|v| v["$ref"] == "#/$defs/InputFile");
        if direct {
            named.push(format!("{}.{property}", schema["properties"]["kind"]["const"].as_str().unwrap_or_default()));
        }
    }
}
