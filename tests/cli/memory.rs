//! Memory stays flat with repetitions, points and size of results.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use crate::{Bench, SCENARIO};

/// Runs a scenario to its end, or for `at_most`, and returns its peak of memory in MB and the time at which it had its
/// plan and began.
fn peak(bench: &Bench, name: &str, text: &str, at_most: Duration) -> (f64, Duration) {
    let scenario = bench.write(&format!("{name}.toml"), text).display().to_string();
    let started = Instant::now();
    let mut child = bench.start(&["run", &scenario, "--output", "out", "--no-figure", "--quiet"]);
    let status_path = bench.path(&format!("out/{name}.status.json"));
    let (mut peak_kb, mut began) = (0_u64, None);
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kb = peak_kb.max(peak.unwrap_or(0));
        if began.is_none() && status_path.exists() {
            began = Some(started.elapsed());
        }
        if let Some(status) = child.try_wait().expect("a child") {
            break Some(status);
        }
        if started.elapsed() > at_most {
            child.kill().expect("killed");
            child.wait().expect("a child");
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.is_none_or(|s| s.success()), "{name}");
    assert!(peak_kb > 1000, "{peak_kb} kB");
    let began = began.expect("it began");
    println!("{name}: peak {} MB, began after {:.2} s", peak_kb / 1000, began.as_secs_f64());
    (peak_kb as f64 / 1e3, began)
}

const ENDLESS: Duration = Duration::from_secs(600);

/// Ten million repetitions of one point (short records, so that it takes seconds) in under 200 MB.
#[test]
fn ten_million_repetitions() {
    let text = "[study]\nname = \"long\"\nrepetitions = 10000000\n[device]\nkind = \"linear\"\n\
                gradient_na_per_volt = [60]\n[noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n\
                [estimator]\nkind = \"hge\"\nduration_s = 0.004\namplitude_volt = 8e-3\nfrequencies_hz = [1000]\n";
    let (peak_mb, _) = peak(&Bench::new(), "long", text, ENDLESS);
    assert!(peak_mb < 200.0, "{peak_mb} MB");
}

/// A million points, and a million units at one point: begun within 2 s, under 500 MB. (All of it takes minutes, in which
/// memory does not grow; here it is ended after some seconds.)
#[test]
fn a_million_units() {
    let axis = "{ from = 1e-3, to = 9e-3, points = 1000, scale = \"log\" }";
    let (head, _) = SCENARIO.split_once("[sweep]").expect("a sweep");
    let points = format!(
        "{}[sweep]\n\"estimator.amplitude_volt\" = {axis}\n\"noise.psd_na2_per_hz\" = {axis}\n",
        head.replace("repetitions = 200", "repetitions = 2")
    );
    let units = head.replace("repetitions = 200", "repetitions = 512000000");
    for text in [points, units] {
        let (peak_mb, began) = peak(&Bench::new(), "small", &text, Duration::from_secs(6));
        assert!(peak_mb < 500.0, "{peak_mb} MB");
        assert!(began < Duration::from_secs(2), "{began:?}");
    }
}

/// 330 MB of results take no more memory than 66 MB do, but for the queue in front of the checkpoint.
#[test]
fn results_are_written_in_a_stream() {
    let gradient = ["60"; 40].join(", ");
    let text = |repetitions: u32| {
        format!(
            "[study]\nname = \"large\"\nrepetitions = {repetitions}\nstore_estimates = true\n\
             [device]\nkind = \"linear\"\ngradient_na_per_volt = [{gradient}]\n\
             [noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n\
             [estimator]\nkind = \"hge\"\nduration_s = 0.002\namplitude_volt = 8e-3\n\
             frequencies_hz = {{ top = 4000, spacing = 100 }}\n"
        )
    };
    let small = peak(&Bench::new(), "large", &text(200_000), ENDLESS).0;
    let bench = Bench::new();
    let large = peak(&bench, "large", &text(1_000_000), ENDLESS).0;
    let written_mb = std::fs::metadata(bench.path("out/large.h5")).expect("results").len() as f64 / 1e6;
    println!("{written_mb:.0} MB written; peaks {small:.0} and {large:.0} MB");
    assert!(written_mb > 300.0 && large < small + 100.0 && large < 250.0, "{small} and {large} MB");
}
