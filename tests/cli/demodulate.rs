//! Measured records, read by `homodyne demodulate`.

use std::f64::consts::TAU;
use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;

use crate::{Bench, text};

const PLAN: &str = r"[sampling]
rate_hz = 10000.0

[estimator]
kind = 'hge'
duration_s = 0.1
amplitude_volt = 8e-3
frequencies_hz = [1000.0, 960.0, 920.0]
filter = { gain_corrected = true }
";

const GRADIENT: [f64; 3] = [60.0, -40.0, 20.0];
const FREQUENCIES_HZ: [f64; 3] = [1000.0, 960.0, 920.0];

/// A record [nA] of a device of that gradient at `rate_hz`, with an amplitude of each sine [V] and uniform noise of width
/// 0.774 nA and variance 0.05 nA², white of 1e-5 nA²/Hz at 10 kHz.
fn record(rate_hz: f64, amplitude_volt: f64) -> Vec<f64> {
    let mut rng = Pcg64::seed_from_u64(1);
    let samples = (0.1 * rate_hz).round() as usize;
    let output = |n: usize| -> f64 {
        let line = |m: usize| amplitude_volt * GRADIENT[m] * (TAU * FREQUENCIES_HZ[m] * n as f64 / rate_hz).sin();
        5.0 + (0..3).map(line).sum::<f64>() + 0.774 * (rng.random::<f64>() - 0.5)
    };
    (0..samples).map(output).collect()
}

fn npy(numbers: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({},), }}", numbers.len());
    let header = format!("{header:<117}\n");
    let mut out = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    out.extend(header.as_bytes());
    out.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
    out
}

/// What the program says in JSON about a file of this name and content.
fn read(name: &str, content: &[u8], more: &[&str]) -> Result<Value, String> {
    let bench = Bench::new();
    bench.write("plan.toml", PLAN);
    std::fs::write(bench.path(name), content).expect("written");
    let mut arguments = vec!["demodulate", name, "--plan", "plan.toml", "--json"];
    arguments.extend(more);
    let output = bench.homodyne(&arguments);
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout).expect("JSON")),
        Some(2) => Err(text(&output.stderr)),
        _ => panic!("{output:?}"),
    }
}

/// Each derivative lies within five standard errors of about 1.9 nA/V.
fn is_sound(said: &Value) {
    let derivatives = said["derivatives"].as_array().expect("a list");
    assert_eq!(derivatives.len(), 3);
    for (one, truth) in derivatives.iter().zip(GRADIENT) {
        let number = |key: &str| one[key].as_f64().expect("a number");
        let standard_error = number("standard_error");
        assert!((1.0..2.8).contains(&standard_error), "{one}");
        // crosstalk of lines 40 Hz apart: (10.56/40)³ = 2 % of each
        assert!((number("derivative") - truth).abs() < 5.0 * standard_error + 2.0, "{one}");
        assert_eq!(one["sign"].as_i64(), Some(truth.signum() as i64), "{one}");
    }
}

fn without_remarks(said: &Value) {
    is_sound(said);
    assert_eq!(said["remarks"].as_array().map(Vec::len), Some(0), "{said:#}");
}

#[test]
fn records_of_every_kind_of_file_give_the_same_derivatives() {
    let samples = record(10_000.0, 8e-3);
    let of_array = read("r.npy", &npy(&samples), &[]).expect("an array");
    without_remarks(&of_array);
    let (mut plain, mut decimal, mut amperes) = (String::new(), String::from("t (s);I (nA)\n"), String::new());
    for (n, x) in samples.iter().enumerate() {
        let t = n as f64 * 1e-4;
        writeln!(plain, "{x:?}").expect("a string");
        writeln!(decimal, "{};{}", format!("{t:.4}").replace('.', ","), format!("{x:?}").replace('.', ","))
            .expect("a string");
        writeln!(amperes, "{t:.4},0.5,{:e}", x * 1e-9).expect("a string");
    }
    for (name, content, more) in
        [("r.csv", &plain, &[][..]), ("r.txt", &decimal, &[]), ("r.dat", &amperes, &["--column", "3", "--unit", "A"])]
    {
        let said = read(name, content.as_bytes(), more).expect(name);
        for m in 0..3 {
            let of = |said: &Value, key: &str| said["derivatives"][m][key].as_f64().expect("a number");
            for key in ["derivative", "standard_error", "phase_rad"] {
                let (a, b) = (of(&said, key), of(&of_array, key));
                assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{name} {key}: {a} {b}");
            }
        }
    }
    let message = read("r.csv", amperes.as_bytes(), &[]).expect_err("three columns");
    assert!(message.contains("it has 3 columns: say with --column"), "{message}");
    let message = read("r.csv", amperes.as_bytes(), &["--column", "4"]).expect_err("three columns");
    assert!(message.contains("--column 4: it has 3 columns"), "{message}");
    let holes: String = amperes.lines().enumerate().filter(|(n, _)| *n != 500).map(|(_, l)| format!("{l}\n")).collect();
    let message = read("r.csv", holes.as_bytes(), &["--column", "3"]).expect_err("a hole");
    assert!(message.contains("jumps at line 501: samples are missing"), "{message}");
}

#[test]
fn the_rate_is_that_of_the_record() {
    let samples = record(20_000.0, 8e-3);
    let said = read("r.npy", &npy(&samples), &["--rate", "20000"]).expect("a record");
    assert!(said["remarks"][0]["message"].as_str().is_some_and(|m| m.contains("sampled at 20000 Hz")), "{said:#}");
    assert_eq!(said["derivatives"][0]["sign"].as_i64(), Some(1));
    let table: String = samples.iter().enumerate().map(|(n, x)| format!("{},{x:?}\n", n as f64 * 5e-5)).collect();
    let of_table = read("r.csv", table.as_bytes(), &[]).expect("a record");
    let derivative = |said: &Value| said["derivatives"][1]["derivative"].as_f64().expect("a number");
    assert!((derivative(&said) - derivative(&of_table)).abs() < 1e-6);
    for (rate, words) in [("0", "rate_hz"), ("-1", "rate_hz"), ("nan", "rate_hz"), ("500", "half")] {
        let message = read("r.npy", &npy(&samples), &[&format!("--rate={rate}")]).expect_err(rate);
        assert!(message.contains(words), "{rate}: {message}");
    }
}

/// The drive had 4 mV and not the 8 mV of the plan.
#[test]
fn the_recorded_drive_counts() {
    let samples = record(10_000.0, 4e-3);
    let drives: String = (0..1000)
        .map(|n| {
            let drive = |m: usize| 0.2 + 4e-3 * (TAU * FREQUENCIES_HZ[m] * f64::from(n) / 1e4).sin();
            format!("{:e} {:e} {:e}\n", drive(0), drive(1), drive(2))
        })
        .collect();
    let bench = Bench::new();
    bench.write("plan.toml", PLAN);
    bench.write("drive.txt", &drives);
    std::fs::write(bench.path("r.npy"), npy(&samples)).expect("written");
    let run = |more: &[&str]| bench.homodyne(&[&["demodulate", "r.npy", "--plan", "plan.toml"], more].concat());
    let output = run(&["--json", "--drive", "drive.txt"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    for (m, truth) in GRADIENT.into_iter().enumerate() {
        let derivative = said["derivatives"][m]["derivative"].as_f64().expect("a number");
        assert!((derivative - truth).abs() < 5.0 * 3.6, "{derivative} {truth}");
    }
    let remarks = said["remarks"].as_array().expect("a list");
    assert_eq!(remarks.len(), 3, "{said:#}");
    assert!(remarks[0]["message"].as_str().is_some_and(|m| m.contains("4.000") && m.contains("8.0000e-3")), "{said:#}");
    bench.write("drive.txt", "1 2\n3 4\n");
    let output = run(&["--drive", "drive.txt"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("needed are 1000 rows"), "{output:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let samples = record(10_000.0, 8e-3);
    let clipped: Vec<f64> = samples.iter().map(|x| x.min(5.4)).collect();
    let said = read("r.npy", &npy(&clipped), &[]).expect("a record");
    assert_eq!(said["remarks"][0]["kind"].as_str(), Some("clipping"), "{said:#}");
    let message = read("r.npy", &npy(&samples[..100]), &[]).expect_err("too short");
    assert!(message.contains("100 samples: the plan has 1000"), "{message}");
    let mut broken = samples.clone();
    broken[3] = f64::NAN;
    let message = read("r.npy", &npy(&broken), &[]).expect_err("not finite");
    assert!(message.contains("row 3 (counted from 0) holds NaN"), "{message}");
    assert!(read("r.csv", b"", &[]).expect_err("empty").contains("holds no numbers"));
    assert!(read("none.npy", b"", &["--column", "2"]).expect_err("no array").contains("none.npy"));

    let bench = Bench::new();
    std::fs::write(bench.path("r.npy"), npy(&samples)).expect("written");
    let ladder = PLAN.replace("[1000.0, 960.0, 920.0]", "{ top = 1000.0, spacing = 40.0 }");
    for (plan, more, words) in [
        (PLAN.replace("'hge'", "'fd'").replace("frequencies_hz", "#").replace("filter", "#"), "", "must be \"hge\""),
        (PLAN.replace("kind = 'hge'", "kind = 'hge'\nmode = 'sequential'"), "", "only in mode \"parallel\""),
        (PLAN.replace("8e-3", "'balanced'"), "", "must be numbers"),
        (PLAN.replace("8e-3", "[8e-3, 1e-3]"), "", "one for each of the 3 parameters"),
        (PLAN.replace("0.1", "-0.1"), "", "duration_s"),
        (PLAN.replace("estimator", "device"), "", "the table `[estimator]` is missing"),
        (ladder.clone(), "", "say with --parameters"),
        (ladder.clone(), "--parameters=0", "must be 1 to"),
        (PLAN.to_owned(), "--parameters=4", "as many entries as --parameters"),
    ] {
        bench.write("plan.toml", &plan);
        let arguments = ["demodulate", "r.npy", "--plan", "plan.toml", more];
        let output = bench.homodyne(&arguments[..if more.is_empty() { 4 } else { 5 }]);
        assert_eq!(output.status.code(), Some(2), "{plan}: {output:?}");
        assert!(text(&output.stderr).contains(words), "{plan}: {}", text(&output.stderr));
    }
    bench.write("plan.toml", &ladder);
    let output = bench.homodyne(&["demodulate", "r.npy", "--plan", "plan.toml", "--parameters", "3"]);
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("standard error") && said.lines().count() == 5, "{said}");
}
