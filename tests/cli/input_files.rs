//! Files that a scenario names: tables of patterns and devices that are refused with file and line, and studies that are
//! another one when a file has changed.

use std::fs;

use tests::{Scenario, line_of};

use crate::bad_input::{Line, refused_in};
use crate::{Bench, TRAINING, text};

/// The small training study with its patterns from files.
fn from_files() -> Scenario {
    let task = "{ kind = \"csv\", file = \"training.csv\", inputs = [1, 2], hold_s = 0.05 }";
    Scenario::new(TRAINING).without("sweep").set_toml("task", task)
}

const SOUND: &str = "V1,V2,class\n-0.3,-0.3,0\n-0.3,0.3,0\n0.3,-0.3,0\n0.3,0.3,1\n";

#[test]
fn tables_of_patterns_that_cannot_be_understood_are_refused() {
    let bench = Bench::new();
    let written = from_files().set("task.test_file", "test.csv").to_string();
    let scenario = bench.write("task.toml", &written);
    let place = |words: &str| format!("task.toml:{}: ", line_of(&written, words));
    let refused = |training: &str, test: &str, words: &[&str]| {
        bench.write("training.csv", training);
        bench.write("test.csv", test);
        let output = bench.run(&scenario, &[]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{training}: {message}");
        assert!(words.iter().all(|word| message.contains(word)), "{training}: {message}");
        assert_eq!(bench.files("out"), Vec::<String>::new());
    };
    // 1 and 2 were one class, of which any device has all right
    let labels = SOUND.replace(",1\n", ",2\n").replace(",0\n", ",1\n");
    let of_target = format!("line {}", line_of(&labels, ",2\n"));
    refused(
        &labels,
        SOUND,
        &[
            &place("file = \"training.csv\""),
            "task.file",
            "training.csv",
            &of_target,
            "target 2",
            "0 and 1",
            "mean-square",
        ],
    );
    refused(SOUND, &labels, &[&place("test_file = "), "task.test_file", "test.csv", &of_target, "target 2"]);
    refused("0,0,0\n0,1,1\n1,0,2\n1,1,3\n", SOUND, &["training.csv", "line 3", "target 2"]);
    refused("0.1,0.1,2e-9\n0.2,0.1,8e-9\n", SOUND, &["training.csv", "line 1", "target 2e-9"]);
    refused("0.1,0.x1,1\n0.2,0.1,0\n", SOUND, &["training.csv", "line 1", "\"0.x1\""]);
    refused("0.1,1\n0.2,0\n", SOUND, &["training.csv", "line 1: found 2 columns, 3 are needed"]);
    refused("\u{e9}", "", &["training.csv", "0 rows"]);
    fs::write(bench.path("training.csv"), b"V1,V2,class\n0.1,0.2,\xff\n").unwrap();
    let message = text(&bench.run(&scenario, &[]).stderr);
    assert!(message.contains("training.csv") && message.contains("line 2: found \"\u{fffd}\""), "{message}");
}

/// A file without heading is read whole, and labels of −1 and 1 are classes; so are targets in nA for a loss that takes currents,
/// which no threshold divides.
#[test]
fn tables_of_patterns_that_can_be_understood_are_read_alike() {
    let bench = Bench::new();
    let scenario = bench.write("task.toml", &from_files().to_string());
    let shown = |training: &str, changes: &[&str]| {
        bench.write("training.csv", training);
        let output = bench.run(&scenario, &[&["--fresh"], changes].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let output = bench.homodyne(&["show", "out/small.h5"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        // all but the time at which it was written
        text(&output.stdout).lines().filter(|line| !line.starts_with("created")).collect::<Vec<_>>().join("\n")
    };
    let with_heading = shown(SOUND, &[]);
    let without = SOUND.split_once('\n').expect("a heading").1;
    assert_eq!(with_heading, shown(without, &[]));
    assert_eq!(with_heading, shown(&without.replace(",0\n", ",-1\n"), &[]));
    assert_eq!(with_heading, shown(&without.replace(',', ";").replace('.', ","), &[]));
    let currents = shown("0.1,0.1,2.5\n0.2,0.1,8\n0.1,0.2,3\n", &["--set", "training.loss.kind=mean-square"]);
    assert!(currents.contains("0/3") && !currents.contains(" 1.0000"), "{currents}");
}

/// Part of a study with one set of test patterns is not put together with part of it with another.
#[test]
fn a_changed_test_file_makes_another_study() {
    let bench = Bench::new();
    let scenario = bench.write("task.toml", &from_files().set("task.test_file", "test.csv").to_string());
    bench.write("training.csv", SOUND);
    bench.write("test.csv", SOUND);
    let first = bench.run(&scenario, &["--shard", "1/2"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    bench.write("test.csv", &SOUND.replace("0.3,0.3,1", "0.31,0.3,1"));
    let refused = bench.run(&scenario, &["--shard", "1/2"]);
    let message = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("another scenario") && message.contains("content of test.csv"), "{message}");
    bench.write("test.csv", SOUND);
    let again = bench.run(&scenario, &["--shard", "1/2"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
}

/// A bad device within a network of devices, and a bad source within a sum, are named where they stand.
#[test]
fn what_is_wrong_within_a_list_is_named_where_it_stands() {
    const LAYERED: &str = r#"[study]
name = "layered"
kind = "response"

[device]
kind = "layered"

[[device.layers]]
inputs = [1]
devices = [
    { kind = "linear", gradient_na_per_volt = [1, 2] },
    { kind = "linear", gradient_na_per_volt = [3, 4] },
]

[[device.layers]]
inputs = [1, 2]
interface = { gain_volt_per_na = 0.1, limit_volt = [-1.0, 1.0] }
devices = [
    { kind = "polynomial", coefficients = [[1.0], [2.0, 1.0]] },
]

[response]
parameter = 1
from_volt = -1.0
to_volt = 1.0
points = 11

[noise]
kind = "sum"
terms = [
    { kind = "white", psd_na2_per_hz = 1e-6 },
    { kind = "power-law", psd_na2_per_hz = 1e-6, at_hz = 1000.0, exponent = 1.0, corner_hz = 0.1 },
    { kind = "sum", terms = [{ kind = "none" }] },
]
"#;
    let bench = Bench::new();
    let scenario = bench.write("sound.toml", LAYERED);
    let output = bench.run(&scenario, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    fs::remove_dir_all(bench.path("out")).unwrap();
    let linear = "{ kind = \"linear\", gradient_na_per_volt = [3, 4] }";
    let cubic = "{ kind = \"polynomial\", coefficients = [[1.0], [2.0, 1.0]] }";
    for (from, to, key) in [
        (linear, "{ kind = \"neural-surrogate\", file = \"none.npz\" }", "device.layers.0.devices.1.file"),
        (linear, "{ kind = \"dopant-network\", file = \"none.json\" }", "device.layers.0.devices.1.file"),
        (linear, "{ kind = \"dopant-network\" }", "device.layers.0.devices.1`"),
        (linear, "{ kind = \"liner\" }", "device.layers.0.devices.1.kind"),
        (
            linear,
            "{ kind = \"linear\", random = { parameters = 0, deviation_na_per_volt = 1.0 } }",
            "device.layers.0.devices.1.random.parameters",
        ),
        (
            linear,
            "{ kind = \"linear\", gradient_na_per_volt = [3, 4], operating_point_volt = [0, 0] }",
            "device.layers.0.devices.1.operating_point_volt",
        ),
        (
            cubic,
            "{ kind = \"polynomial\", coefficients = [[1.0], [2.0]], mixing_na_per_volt2 = [[0.0]] }",
            "device.layers.1.devices.0.mixing_na_per_volt2",
        ),
        (
            "{ kind = \"white\", psd_na2_per_hz = 1e-6 }",
            "{ kind = \"white\", psd_na2_per_hz = -1.0 }",
            "noise.terms.0.psd_na2_per_hz",
        ),
        ("exponent = 1.0", "exponent = 7.0", "noise.terms.1.exponent"),
        ("exponent = 1.0", "exponnt = 1.0", "noise.terms.1.exponnt"),
        ("{ kind = \"none\" }", "{ kind = \"tabulated\", file = \"none.csv\" }", "noise.terms.2.terms.0.file"),
        ("{ kind = \"none\" }", "{ kind = \"nonne\" }", "noise.terms.2.terms.0.kind"),
    ] {
        refused_in(LAYERED, from, to, Line::Changed, &[key]);
    }
}
