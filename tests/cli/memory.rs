//! Memory stays flat with repetitions, points and size of results.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::Duration;

use tests::Scenario;

use crate::{AtWork, Bench, SCENARIO, units_done, without_checksum};

/// Starts a scenario and returns its peak of memory in MB at its end, or when it has done `units` of work.
fn peak(bench: &Bench, name: &str, text: &str, units: Option<usize>) -> f64 {
    let scenario = bench.write(&format!("{name}.toml"), text).display().to_string();
    let child = bench.start(&["run", &scenario, "--output", "out", "--no-figure", "--quiet"]);
    let process = child.id();
    let status = bench.path(&format!("out/{name}.status.json"));
    let mut peak_kb = 0;
    let at_work = AtWork::when(child, || {
        peak_kb = peak_kb.max(peak_of_kb(process));
        units.is_some_and(|units| units_done(&status).is_some_and(|done| done >= units))
    });
    assert_eq!(at_work.is_some(), units.is_some(), "{name} ended");
    assert_eq!(bench.path(&format!("out/{name}.h5")).exists(), units.is_none(), "{name} has results");
    assert!(peak_kb > 1000, "{peak_kb} kB");
    println!("{name}: peak {} MB", peak_kb / 1000);
    peak_kb as f64 / 1e3
}

/// Peak of memory of a process so far; 0 if it has ended.
fn peak_of_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let of =
        |status: &str| status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    status.ok().and_then(|s| of(&s)).unwrap_or(0)
}

/// Ten million repetitions of one point (short records, so that it takes seconds) in under 200 MB.
#[test]
fn ten_million_repetitions_take_little_memory() {
    let text = "[study]\nname = \"long\"\nrepetitions = 10000000\n[device]\nkind = \"linear\"\n\
                gradient_na_per_volt = [60]\n[noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n\
                [estimator]\nkind = \"hge\"\nduration_s = 0.004\namplitude_volt = 8e-3\nfrequencies_hz = [1000]\n";
    let peak_mb = peak(&Bench::new(), "long", text, None);
    assert!(peak_mb < 200.0, "{peak_mb} MB");
}

/// A million points, and a million units at one point: under 500 MB. (All of it takes minutes, in which memory does not grow;
/// here it is ended after a thousandth. How soon it begins is a benchmark: `cargo bench -p benches --bench sweep`.)
#[test]
fn a_million_units_take_little_memory() {
    let axis = "{ from = 1e-3, to = 9e-3, points = 1000, scale = \"log\" }";
    let one_point = || Scenario::new(SCENARIO).without("sweep");
    let points = one_point()
        .set("study.repetitions", 2)
        .set_toml("sweep.\"estimator.amplitude_volt\"", axis)
        .set_toml("sweep.\"noise.psd_na2_per_hz\"", axis);
    let units = one_point().set("study.repetitions", 512_000_000);
    for scenario in [points, units] {
        let peak_mb = peak(&Bench::new(), "small", &scenario.to_string(), Some(1000));
        assert!(peak_mb < 500.0, "{peak_mb} MB");
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
    let small = peak(&Bench::new(), "large", &text(200_000), None);
    let bench = Bench::new();
    let large = peak(&bench, "large", &text(1_000_000), None);
    let written_mb = std::fs::metadata(bench.path("out/large.h5")).expect("results").len() as f64 / 1e6;
    println!("{written_mb:.0} MB written; peaks {small:.0} and {large:.0} MB");
    assert!(written_mb > 300.0 && large < small + 100.0 && large < 250.0, "{small} and {large} MB");

    // reading them is no different, with a checksum and without
    let whole = bench.path("out/large.h5");
    let bytes = std::fs::read(&whole).expect("results");
    std::fs::write(bench.path("old.h5"), without_checksum(&bytes)).expect("written");
    drop(bytes);
    for file in ["out/large.h5", "old.h5"] {
        let mut child = bench.start(&["export", file, "--output", "large.npz", "--overwrite"]);
        let mut peak_kb = 0;
        let status = loop {
            peak_kb = peak_of_kb(child.id()).max(peak_kb);
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        println!("export of {file}: peak {} MB", peak_kb / 1000);
        assert!(status.success() && (1000..150_000).contains(&peak_kb), "{file}: {peak_kb} kB");
    }
}
