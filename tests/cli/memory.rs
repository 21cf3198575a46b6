//! Memory stays flat with repetitions.

use std::process::{Command, Stdio};

use crate::Bench;

/// Ten million repetitions of one point (0.01 s records, so that it takes seconds) in under 200 MB.
#[cfg(target_os = "linux")]
#[test]
fn ten_million_repetitions_fit_in_200_mb() {
    let bench = Bench::new();
    let scenario = bench.write(
        "long.toml",
        "[study]\nname = \"long\"\nrepetitions = 10000000\n[device]\nkind = \"linear\"\ngradient_na_per_volt = [60]\n\
         [noise]\nkind = \"white\"\npsd_na2_per_hz = 1e-5\n\
         [estimator]\nkind = \"hge\"\nduration_s = 0.004\namplitude_volt = 8e-3\nfrequencies_hz = [1000]\n",
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_homodyne"))
        .args(["run", &scenario.display().to_string(), "--output", "out", "--no-figure"])
        .current_dir(bench.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut peak_kb = 0_u64;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kb = peak_kb.max(peak.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(status.success());
    println!("peak {peak_kb} kB");
    assert!(peak_kb > 1000 && peak_kb < 200_000, "{peak_kb} kB");
}
