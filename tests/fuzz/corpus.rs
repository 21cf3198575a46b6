//! Sound inputs of every kind, which trials then damage.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::arrays::Array;

/// Files by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A small scenario of each kind of study, each a fraction of a second long.
pub(crate) const SCENARIOS: [(&str, &str); 9] = [
    ("adaptive", include_str!("sound/adaptive.toml")),
    ("errors", include_str!("sound/errors.toml")),
    ("gates", include_str!("sound/gates.toml")),
    ("layered", include_str!("sound/layered.toml")),
    ("network", include_str!("sound/network.toml")),
    ("response", include_str!("sound/response.toml")),
    ("spectrum", include_str!("sound/spectrum.toml")),
    ("surrogate", include_str!("sound/surrogate.toml")),
    ("training", include_str!("sound/training.toml")),
];

/// Everything that trials start from.
pub(crate) struct Corpus {
    /// Files that scenarios name.
    pub(crate) data: Files,
    /// Results of each scenario.
    pub(crate) results: Files,
    /// Checkpoints and what lies beside them, of studies of which one shard is done.
    pub(crate) unfinished: Files,
    /// Scenarios that ship.
    pub(crate) shipped: Vec<(String, String)>,
}

/// Studies whose first of two shards is run for its checkpoint.
pub(crate) const SHARDED: [&str; 3] = ["adaptive", "errors", "training"];

impl Corpus {
    /// Makes it in a folder, by the program itself where it is results.
    pub(crate) fn make(binary: &Path, root: &Path, folder: &Path) -> Result<Self, String> {
        let data = data(root)?;
        let write = |name: &str, content: &[u8]| {
            std::fs::write(folder.join(name), content).map_err(|e| format!("{}: {e}", folder.join(name).display()))
        };
        for (name, content) in &data {
            write(name, content)?;
        }
        for (name, text) in SCENARIOS {
            write(&format!("{name}.toml"), text.as_bytes())?;
            must(binary, folder, &["run", &format!("{name}.toml"), "--output", "out", "--quiet", "--no-figure"])?;
        }
        for name in SHARDED {
            let scenario = format!("{name}.toml");
            let run = ["run", &scenario, "--output", "parts", "--quiet", "--threads", "1", "--shard"];
            if name == "adaptive" {
                for shard in ["1/2", "2/2"] {
                    must(binary, folder, &[&run[..], &[shard, "--pilot"]].concat())?;
                }
            }
            must(binary, folder, &[&run[..], &["1/2"]].concat())?;
            must(binary, folder, &[&run[..], &["2/2"]].concat())?;
        }
        let mut results = read_all(&folder.join("out"))?;
        for content in results.values_mut() {
            at_a_fixed_time(content);
        }
        let unfinished = read_all(&folder.join("parts"))?;
        let mut shipped = Vec::new();
        for (name, content) in read_all(&root.join("scenarios"))? {
            let text = String::from_utf8(content).map_err(|e| format!("{name}: {e}"))?;
            shipped.push((name, text.replace("devices/rnpu_8.json", "device.json")));
        }
        Ok(Self { data, results, unfinished, shipped })
    }
}

fn must(binary: &Path, folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(binary).args(arguments).current_dir(folder).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{arguments:?} on sound input: {}", String::from_utf8_lossy(&output.stderr)))
}

fn read_all(folder: &Path) -> Result<Files, String> {
    let fail = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_type().map_err(fail)?.is_file() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).map_err(fail)?);
        }
    }
    Ok(files)
}

/// Results say when they were made, and trials depend on nothing but their seed.
fn at_a_fixed_time(results: &mut [u8]) {
    let pattern = b"0000-00-00T00:00:00Z";
    let is_time = |w: &[u8]| w.iter().zip(pattern).all(|(b, p)| if *p == b'0' { b.is_ascii_digit() } else { b == p });
    let places: Vec<usize> =
        results.windows(pattern.len()).enumerate().filter(|(_, w)| is_time(w)).map(|(k, _)| k).collect();
    for at in places {
        results[at..at + pattern.len()].copy_from_slice(b"2026-01-01T00:00:00Z");
    }
}

fn data(root: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    for (name, file) in [("surrogate.npz", "small_surrogate.npz"), ("device.json", "rnpu_8.json")] {
        let path = root.join("scenarios/devices").join(file);
        files.insert(name.to_owned(), std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?);
    }
    let spectrum = [(1.0, 1e-4), (10.0, 1e-5), (100.0, 2e-6), (5000.0, 1e-6)];
    let rows: String = spectrum.iter().map(|(f, s)| format!("{f},{s}\n")).collect();
    files.insert("spectrum.csv".to_owned(), format!("frequency_hz,psd_na2_per_hz\n{rows}").into_bytes());
    let flat: Vec<f64> = spectrum.iter().flat_map(|(f, s)| [*f, *s]).collect();
    files.insert("spectrum.npy".to_owned(), Array::of(&flat, "(4, 2)").to_bytes());
    // a slow and a fast sine and a remainder: any trace will do
    let trace: Vec<f64> = (0..4000_u32)
        .map(|k| 0.01 * ((f64::from(k) * 0.003).sin() + (f64::from(k) * 1.3).sin()) + 1e-3 * f64::from(k * k % 17))
        .collect();
    files.insert("trace.npy".to_owned(), Array::of(&trace, "(4000,)").to_bytes());
    for (name, rows) in [
        ("task.csv", "-0.3,-0.3,0\n-0.3,0.3,1\n0.3,-0.3,1\n0.3,0.3,0\n"),
        ("test.csv", "-0.2,-0.3,0\n-0.3,0.2,1\n0.2,-0.3,1\n"),
    ] {
        files.insert(name.to_owned(), format!("left,right,target\n{rows}").into_bytes());
    }
    Ok(files)
}
