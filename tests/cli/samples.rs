//! `homodyne device fit`: a model of samples, which scenarios read.

use std::fs;

use crate::{Bench, text};

const SAMPLES: &str = r#"
[study]
name = "samples"
kind = "samples"
repetitions = 400
[device]
kind = "polynomial"
offset_na = 20.0
coefficients = [[60.0, 45.0, -110.0], [-20.0, 10.0]]
[samples]
low_volt = [-0.5, 0.0]
high_volt = [0.5, 2.0]
"#;

fn sampled() -> Bench {
    let bench = Bench::new();
    fs::write(bench.path("samples.toml"), SAMPLES).expect("a scenario");
    let run = bench.homodyne(&["run", "samples.toml", "--output", "out"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    bench
}

#[test]
fn samples_become_a_device_of_other_scenarios() {
    let bench = sampled();
    let fit = ["device", "fit", "out/samples.h5", "--output", "out/model.npz", "--epochs", "150", "--hidden", "32,32"];
    let fitted = bench.homodyne(&fit);
    assert!(fitted.status.success(), "{}", text(&fitted.stderr));
    assert!(text(&fitted.stdout).contains("40 samples that the fit has not seen"), "{}", text(&fitted.stdout));
    for ending in ["npz", "svg", "png"] {
        assert!(bench.path(&format!("out/model.{ending}")).exists(), "{ending}");
    }
    let iv = r#"
[study]
name = "iv"
kind = "response"
[device]
kind = "neural-surrogate"
file = "out/model.npz"
activation = "tanh"
operating_point_volt = [0.0, 1.0]
[response]
parameter = 1
from_volt = -0.4
to_volt = 0.4
points = 9
"#;
    fs::write(bench.path("iv.toml"), iv).expect("a scenario");
    let run = bench.homodyne(&["run", "iv.toml", "--output", "out"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let results = results::store::read(&bench.path("out/iv.h5")).expect("results");
    let (currents, slopes) =
        (&tests::variable(&results, "current").values, &tests::variable(&results, "gradient").values);
    for (k, (current, slope)) in currents.iter().zip(slopes).enumerate() {
        let x = -0.4 + 0.1 * k as f64;
        let exact = 10.0 + 60.0 * x + 45.0 * x * x - 110.0 * x.powi(3);
        assert!((current - exact).abs() < 1.0, "{x} V: {current} nA, {exact} nA");
        assert!((slope - (60.0 + 90.0 * x - 330.0 * x * x)).abs() < 6.0, "{x} V: {slope} nA/V");
    }
    // the same fit once more is the same to the byte, and does not replace what is there unasked
    let again = bench.homodyne(&[&fit[..3], &["--output", "out/again.npz"], &fit[5..]].concat());
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(fs::read(bench.path("out/model.npz")).unwrap() == fs::read(bench.path("out/again.npz")).unwrap());
    let drawn = bench.homodyne(&["plot", "out/samples.h5", "--kind", "samples"]);
    assert!(drawn.status.success(), "{}", text(&drawn.stderr));
    let refused = bench.homodyne(&fit);
    assert!(text(&refused.stderr).contains("exists"), "{}", text(&refused.stderr));
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let bench = sampled();
    let refused = |arguments: &[&str], words: &[&str]| {
        let out = bench.homodyne(&[&["device", "fit"], arguments].concat());
        assert!(!out.status.success());
        let message = text(&out.stderr);
        for word in words {
            assert!(message.contains(word), "wanted {word} in {message}");
        }
    };
    refused(&["out/samples.h5", "--output", "model.txt"], &["--output", ".npz"]);
    refused(&["out/samples.h5", "--output", "model.npz", "--hidden", "0"], &["--hidden", "1 to 4096"]);
    refused(&["out/samples.h5", "--output", "model.npz", "--learning-rate", "nan"], &["--learning-rate", "positive"]);
    refused(&["out/none.h5", "--output", "model.npz"], &["out/none.h5"]);
    let swept = bench.homodyne(&[
        "run",
        "samples.toml",
        "--output",
        "swept",
        "--set",
        "study.repetitions=4",
        "--set",
        "sweep={\"device.offset_na\"=[1.0,2.0]}",
    ]);
    assert!(swept.status.success(), "{}", text(&swept.stderr));
    refused(&["swept/samples.h5", "--output", "model.npz"], &["`device.offset_na`", "without a sweep"]);
    refused(
        &["out/samples.h5", "out/samples.h5", "--output", "model.npz"],
        &["the same `study.seed`", "out/samples.h5"],
    );
    let seed = ["--set", "study.seed=2", "--set", "study.repetitions=40"];
    let other = [&["run", "samples.toml", "--output", "other", "--set", "device.offset_na=1"], &seed[..]].concat();
    assert!(bench.homodyne(&other).status.success());
    refused(
        &["out/samples.h5", "other/samples.h5", "--output", "model.npz"],
        &["another device", "device.offset_na", "other/samples.h5"],
    );
    assert!(bench.homodyne(&[&["run", "samples.toml", "--output", "more"], &seed[..]].concat()).status.success());
    let both = ["device", "fit", "out/samples.h5", "more/samples.h5", "--output", "both.npz", "--epochs", "2"];
    let joined = bench.homodyne(&both);
    assert!(text(&joined.stdout).contains("44 samples that the fit has not seen"), "{}", text(&joined.stderr));
    let few = bench.homodyne(&["run", "samples.toml", "--output", "few", "--set", "study.repetitions=4"]);
    assert!(few.status.success(), "{}", text(&few.stderr));
    refused(&["few/samples.h5", "--output", "model.npz"], &["found 4", "at least 20"]);
    for change in
        ["samples.low_volt=[1,2,3]", "samples.high_volt=-1", "samples.high_volt=1e308", "study.repetitions=100000"]
    {
        let out = bench.homodyne(&["run", "samples.toml", "--output", "bad", "--set", change]);
        let key = change.split('=').next().unwrap();
        assert!(!out.status.success() && text(&out.stderr).contains(key), "{change}: {}", text(&out.stderr));
    }
}
