//! At the bench: noise of measured records, and plans in it.

use noise::{CirculantScratch, Mains, NoiseModel, PowerLaw, RecordGenerator, Spectrum};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde_json::Value;

use crate::{Bench, SCENARIO, text};

const RATE_HZ: f64 = 10_000.0;

/// A second of white and 1/f noise with hum at 50 and 150 Hz, after a time column if wanted.
fn record(with_time: bool) -> String {
    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.2, corner_hz: 0.5 };
    let hum = Mains { base_hz: 50.0, rms_na: vec![0.3, 0.0, 0.2], rate_hz: RATE_HZ };
    let all = vec![NoiseModel::Gaussian(Spectrum::White(2e-5)), law.noise().expect("a law"), NoiseModel::Mains(hum)];
    let generator = RecordGenerator::new(&NoiseModel::Sum(all), RATE_HZ, 40_000).expect("a generator");
    let mut samples = vec![0.0; 40_000];
    generator.add_to(&mut Pcg64::seed_from_u64(7), &mut CirculantScratch::default(), &mut samples);
    let row = |(n, x): (usize, &f64)| match with_time {
        true => format!("{:.4},{:e}\n", n as f64 / RATE_HZ, 1e-9 * x),
        false => format!("{x}\n"),
    };
    samples.iter().enumerate().map(row).collect()
}

/// The printed table, pasted into a scenario, is a scenario whose noise is that of the fit.
#[test]
fn what_is_printed_is_the_noise_of_a_scenario() {
    let bench = Bench::new();
    bench.write("scope.csv", &record(true));
    let output = bench.homodyne(&["noise", "scope.csv", "--unit", "A", "--figure", "spectrum"]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for word in ["kind = \"white\"", "kind = \"power-law\"", "base_hz = 50", "# exponent", "at 150 Hz", "mean square"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    assert!(bench.path("spectrum.svg").exists() && bench.path("spectrum.png").exists());
    let (before, after) = SCENARIO.split_once("[noise]").expect("noise");
    let (_, after) = after.split_once("[estimator]").expect("an estimator");
    let scenario = bench.write("pasted.toml", &format!("{before}{printed}\n[estimator]{after}"));
    let run = bench.run(&scenario, &["--no-figure"]);
    assert!(run.status.success(), "{}", text(&run.stderr));

    let fitted = bench.homodyne(&["noise", "scope.csv", "--unit", "A", "--json"]);
    let fitted: Value = serde_json::from_slice(&fitted.stdout).expect("JSON");
    let lines = fitted["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 2);
    // what is pasted has the numbers of the fit, to a tenth of a standard error
    let pasted: toml::Table = printed.parse().expect("TOML");
    let terms = pasted["noise"]["terms"].as_array().expect("terms");
    let number = |value: &toml::Value| value.as_float().or(value.as_integer().map(|n| n as f64)).expect("a number");
    let near = |pasted: &toml::Value, fitted: &Value| {
        let of = |key: &str| fitted[key].as_f64().expect("a number");
        let off = number(pasted) - of("value");
        assert!(off.abs() < 0.1 * of("standard_error"), "{pasted} {fitted}");
    };
    near(&terms[0]["psd_na2_per_hz"], &fitted["white_na2_per_hz"]);
    for key in ["psd_na2_per_hz", "exponent"] {
        near(&terms[1][key], &fitted["power_law"][key]);
    }
    assert_eq!(Some(number(&terms[1]["at_hz"])), fitted["power_law"]["at_hz"].as_f64());
    let rms = terms[2]["rms_na"].as_array().expect("lines");
    near(&rms[0], &lines[0]["rms_na"]);
    near(&rms[2], &lines[1]["rms_na"]);
    assert_eq!((rms.len(), number(&rms[1])), (3, 0.0));
    for (line, (hz, rms_na)) in lines.iter().zip([(50.0, 0.3), (150.0, 0.2)]) {
        let of = |key: &str| line["rms_na"][key].as_f64().expect("a number");
        assert_eq!(line["frequency_hz"], hz);
        assert!((of("value") - rms_na).abs() < 4.5 * of("standard_error"), "{line}");
    }
}

/// One format by its ending, machine-readable output that is JSON alone, and a short record that says what was not looked for.
#[test]
fn a_figure_of_one_format_and_a_short_record() {
    let bench = Bench::new();
    bench.write("scope.csv", &record(true));
    let output = bench.homodyne(&["noise", "scope.csv", "--unit", "A", "--json", "--figure", "spectrum.svg"]);
    let fitted: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    assert_eq!(fitted["figures"], serde_json::json!(["spectrum.svg"]));
    assert!(bench.path("spectrum.svg").exists() && !bench.path("spectrum.svg.svg").exists());
    assert!(!bench.path("spectrum.png").exists());
    let short: String = record(false).lines().take(3000).map(|line| format!("{line}\n")).collect();
    bench.write("short.csv", &short);
    let printed =
        |mains: &str| text(&bench.homodyne(&["noise", "short.csv", "--rate", "10000", "--mains", mains]).stdout);
    assert!(printed("50").contains("multiples of 50 Hz were not looked for"), "{}", printed("50"));
    assert!(!printed("none").contains("not looked for") && !printed("0").contains("not looked for"));
}

#[test]
fn records_without_noise_are_refused() {
    let bench = Bench::new();
    bench.write("plain.csv", &record(false));
    bench.write("constant.csv", &"1.5\n".repeat(1000));
    bench.write("short.csv", "1\n2\n3\n");
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = bench.homodyne(&[&["noise"], arguments].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    refused(&["plain.csv"], &["plain.csv", "--rate"]);
    refused(&["plain.csv", "--rate=-3"], &["--rate -3", "1e-6 to 1e12 Hz"]);
    refused(&["constant.csv", "--rate", "1000"], &["constant.csv", "does not vary"]);
    refused(&["short.csv", "--rate", "1000"], &["short.csv", "at least 256"]);
    refused(&["plain.csv", "--rate", "1000", "--segment-s", "1e9"], &["256 to 40000"]);
    refused(&["plain.csv", "--rate", "1000", "--mains=-50"], &["mains_hz", "positive"]);
    refused(&["plain.csv", "--rate", "1000", "--mains", "some"], &["--mains", "`none`"]);
    refused(&["no.csv", "--rate", "1000"], &["no.csv"]);
    refused(&["plain.csv", "--rate", "1e300"], &["--rate 1", "1e-6 to 1e12 Hz"]);
}

const WANTED: &str = r"[noise]
kind = 'white'
psd_na2_per_hz = 1e-5

[wanted]
gradient_na_per_volt = [60.0, -20.0]
third_na_per_volt3 = [0.0, 9000.0]
error_na_per_volt = 0.5
most_volt = 0.03
bandwidth_hz = 1000.0
avoid_hz = [50.0]
";

/// The scenario that a plan writes has the exact errors of the plan.
#[test]
fn a_plan_of_a_wanted_error_is_a_scenario_of_that_error() {
    let bench = Bench::new();
    bench.write("day.toml", WANTED);
    let planned = bench.homodyne(&["plan", "--for", "day.toml", "--json"]);
    let planned: Value = serde_json::from_slice(&planned.stdout).expect("JSON");
    let said = bench.homodyne(&["plan", "--for", "day.toml", "--scenario", "measurement.toml"]);
    let printed = text(&said.stdout);
    assert!(printed.contains("limited by") && printed.contains("measurement.toml"), "{printed}");
    let both = bench.homodyne(&["plan", "--for", "day.toml", "--json", "--scenario", "other.toml"]);
    assert_eq!(serde_json::from_slice::<Value>(&both.stdout).expect("JSON alone"), planned);
    let run = bench.run(&bench.path("measurement.toml"), &["--no-figure"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let shown = bench.homodyne(&["show", "out/proposal.h5", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    for m in 0..2 {
        let exact = shown["errors"][m]["mse_exact"].as_f64().expect("a number");
        let of = |key: &str| planned[key][m].as_f64().expect("a number");
        assert!((of("mse_exact") / exact - 1.0).abs() < 1e-9 && exact <= of("mse_wanted"), "{m}: {exact}");
    }
    let again = bench.homodyne(&["plan", "--for", "day.toml", "--scenario", "measurement.toml"]);
    assert!(again.status.code() == Some(2) && text(&again.stderr).contains("already exists"));
    for (from, to, words) in [
        ("bandwidth_hz = 1000.0", "bandwidth_hz = 3.0\nlongest_s = 0.5", ["wanted.bandwidth_hz", "2 are wanted"]),
        ("error_na_per_volt = 0.5", "error_na_per_volt = 1e-6", ["wanted.longest_s", "limited by"]),
        ("error_na_per_volt = 0.5", "", ["`wanted`", "one of them"]),
        ("most_volt", "mostvolt", ["wanted.mostvolt", "did you mean `most_volt`?"]),
        ("[wanted]", "[wanted]\nrelative_error = 0.1", ["`wanted`", "one of them"]),
        ("[noise]", "[device]\n[noise]", ["`device`", "unknown table"]),
        ("psd_na2_per_hz = 1e-5", "psd_na2_per_hz = 0.0", ["`noise`", "zero"]),
        ("kind = 'white'", "kind = 'pink'", ["noise.kind", "\"white\""]),
    ] {
        bench.write("bad.toml", &WANTED.replacen(from, to, 1));
        let output = bench.homodyne(&["plan", "--for", "bad.toml"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}
