//! What a new user tries on the first day: a single point, slips in a scenario, a trace from an instrument, many results.

use serde_json::Value;

use crate::{Bench, SCENARIO, text};

/// One operating point, as beside an instrument: the numbers are printed, and there is no talk of a figure.
#[test]
fn a_single_point_is_printed() {
    let bench = Bench::new();
    let (head, _) = SCENARIO.split_once("[sweep]").expect("a sweep");
    let scenario = bench.write("one.toml", head);
    let said = text(&bench.run(&scenario, &[]).stdout);
    let rows: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "a head and two parameters: {said}");
    assert!(rows[0].contains("MSE [(nA/V)²]") && rows[0].contains("√MSE [%]"), "{said}");
    let shown: Value =
        serde_json::from_slice(&bench.homodyne(&["show", "out/small.h5", "--json"]).stdout).expect("JSON");
    for (row, error) in rows[1..].iter().zip(shown["errors"].as_array().expect("rows")) {
        let numbers: Vec<f64> = row.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        let of = |key: &str| error[key].as_f64().expect("a number");
        assert!((numbers[2] / of("truth") - 1.0).abs() < 1e-4 && (numbers[3] / of("mse") - 1.0).abs() < 1e-4, "{row}");
        let relative = 100.0 * of("mse").sqrt() / of("truth").abs();
        assert!((numbers[10] - relative).abs() < 1e-3, "{row}: {relative}");
    }
}

/// Of many rows those that deviate most are printed; all of them with `--all`, and as JSON.
#[test]
fn many_errors_are_summarised() {
    let bench = Bench::new();
    let many = "\"estimator.frequencies_hz.spacing\" = { from = 20.0, to = 80.0, points = 12 }";
    let scenario = SCENARIO.replace("\"estimator.frequencies_hz.spacing\" = [20.0, 40.0, 80.0]", many);
    assert!(bench.run(&bench.write("many.toml", &scenario), &["--no-figure"]).status.success());
    let show = |more: &[&str]| text(&bench.homodyne(&[&["show", "out/small.h5"], more].concat()).stdout);
    let rows =
        |said: &str| said.lines().filter(|line| line.contains("parallel") || line.contains("sequential")).count();
    let short = show(&[]);
    assert_eq!((rows(&short), rows(&show(&["--all"]))), (10, 48), "{short}");
    assert!(short.contains("mean square") && short.contains("--all prints all"), "{short}");
    let shown: Value = serde_json::from_str(&show(&["--json"])).expect("JSON");
    let errors = shown["errors"].as_array().expect("rows");
    assert_eq!((errors.len(), shown["repetitions"].as_u64()), (48, Some(200)));
    assert_eq!(errors[0]["at"]["estimator.mode"], "parallel");
    let largest = |row: &Value| {
        ["mse_deviation", "bias_deviation", "variance_deviation"].map(|d| row[d].as_f64().expect("a number").abs())
    };
    let worst = errors.iter().flat_map(largest).fold(0.0, f64::max);
    let of_rows = |line: &str| {
        line.split_whitespace().filter_map(|n| n.parse::<f64>().ok()).any(|n| (n.abs() - worst).abs() < 0.006)
    };
    let is_of_variance = errors.iter().any(|row| (largest(row)[2] - worst).abs() < 1e-12);
    let first = short.lines().find(|line| line.contains("parallel") || line.contains("sequential")).expect("a row");
    assert!(is_of_variance || of_rows(first), "{worst}: {first}");
}

#[test]
fn slips_are_told_with_what_was_meant() {
    let bench = Bench::new();
    let refused = |name: &str, from: &str, to: &str, words: &[&str]| {
        let output = bench.run(&bench.write(name, &SCENARIO.replacen(from, to, 1)), &["--dry-run"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    refused("a.toml", "amplitude_volt", "amplitude_volts", &["did you mean `amplitude_volt`?", "`duration_s`"]);
    refused("b.toml", "repetitions", "repitions", &["did you mean `repetitions`?"]);
    refused("c.toml", "8e-3", "\"8 mV\"", &["must be a number, a list of numbers, or \"balanced\""]);
    let list = "frequencies_hz = [100.0]\n";
    let unswept = SCENARIO.split_once("[sweep]").expect("a sweep").0;
    let scenario = unswept.replacen("frequencies_hz = { top = 1000.0, spacing = 40.0 }\n", list, 1);
    let message = text(&bench.run(&bench.write("d.toml", &scenario), &[]).stderr);
    assert!(message.contains("a list of 1 frequencies: must be one for each of the 2 parameters"), "{message}");
    let said = text(&bench.run(&bench.write("e.toml", &SCENARIO.replacen("8e-3", "8", 1)), &["--dry-run"]).stdout);
    assert!(said.contains("amplitude of 8 V on parameter 1") && said.contains("not mV"), "{said}");
    assert!(!text(&bench.run(&bench.write("f.toml", SCENARIO), &["--dry-run"]).stdout).contains("mV"));
}

/// A trace of 25 kS/s in a scenario that samples at 10 kS/s, and one that is shorter than a record.
#[test]
fn traces_tell_their_rate_and_their_length() {
    let bench = Bench::new();
    let samples: String = (0..400).map(|k| format!("{}\n", f64::from(k * k % 37) - 18.0)).collect();
    bench.write("trace.csv", &samples);
    let (before, after) = SCENARIO.split_once("[noise]").expect("noise");
    let (_, after) = after.split_once("[estimator]").expect("an estimator");
    let run = |rate: &str| {
        let noise = format!("{before}[noise]\nkind = \"trace\"\nfile = \"trace.csv\"\n{rate}\n[estimator]{after}");
        bench.run(&bench.write("trace.toml", &noise), &["--dry-run"])
    };
    let said = text(&run("").stdout);
    assert!(said.contains("taken as recorded at the sampling rate, 10000 Hz"), "{said}");
    assert!(said.contains("a record has 500 samples, the noise trace 400"), "{said}");
    let refused = text(&run("rate_hz = 25000").stderr);
    assert!(
        refused.contains("noise.rate_hz") && refused.contains("found 25000") && refused.contains("10000 Hz"),
        "{refused}"
    );
    assert!(!text(&run("rate_hz = 10000").stdout).contains("taken as recorded"));
}
