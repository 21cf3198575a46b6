//! Results files that are damaged, from an earlier version, changed by others, or open elsewhere.

use std::path::Path;
use std::process::Output;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::{Bench, SCENARIO, text, without_checksum};

/// The small study's results; a spectrum study of two exponents beside them.
fn results() -> Bench {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    bench
}

const SPECTRUM: &str = r#"[study]
name = "spectrum"
kind = "spectrum"
repetitions = 4
[noise]
kind = "white"
psd_na2_per_hz = 1e-5
[sampling]
rate_hz = 2000.0
[spectrum]
duration_s = 0.5
segment_s = 0.1
[sweep]
"noise.psd_na2_per_hz" = { values = [1e-5, 1e-4], labels = ["weak", "strong"] }
"#;

fn refused(output: &Output, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "wanted {word:?} in {said}");
    }
}

/// Every byte counts: each of 60 flipped bits is noticed before libhdf5 reads the file, by every command.
#[test]
fn a_flipped_bit_is_noticed() {
    let bench = results();
    let whole = std::fs::read(bench.path("out/small.h5")).expect("results");
    let covered = without_checksum(&whole).len();
    let mut random = Pcg64::seed_from_u64(11);
    for k in 0..60 {
        let mut bytes = whole.clone();
        bytes[random.random_range(0..covered)] ^= 1 << random.random_range(0..8);
        std::fs::write(bench.path("bad.h5"), bytes).expect("written");
        let command = ["show", "plot", "export"][k % 3];
        refused(&bench.homodyne(&[command, "bad.h5"]), &["`bad.h5`", "does not match", "--fresh"]);
    }
    std::fs::copy(bench.path("bad.h5"), bench.path("out/small.h5")).expect("copied");
    refused(&bench.run(&bench.path("good.toml"), &[]), &["small.h5", "does not match", "--fresh"]);
    assert!(bench.run(&bench.path("good.toml"), &["--fresh", "--no-figure"]).status.success());
    assert_eq!(bench.files("."), ["bad.h5", "good.toml", "out"], "nothing half-written");
}

/// Earlier versions wrote no checksum: what `show`, `plot` and `export` make of their files is the same.
#[test]
fn results_of_earlier_versions_are_read() {
    let bench = results();
    let whole = std::fs::read(bench.path("out/small.h5")).expect("results");
    std::fs::write(bench.path("old.h5"), without_checksum(&whole)).expect("written");
    let shown = |file: &str| {
        let output = bench.homodyne(&["show", file]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    assert_eq!(text(&shown("old.h5")), text(&shown("out/small.h5")));
    for (command, ending) in [("plot", "png"), ("export", "npz")] {
        for file in ["old", "out/small"] {
            let output = bench.homodyne(&[command, &format!("{file}.h5")]);
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        let read = |file: &str| std::fs::read(bench.path(&format!("{file}.{ending}"))).expect("made");
        assert!(read("old") == read("out/small"), "{command}");
    }
    // and they are nobody's finished study
    std::fs::copy(bench.path("old.h5"), bench.path("out/small.h5")).expect("copied");
    refused(&bench.run(&bench.path("good.toml"), &[]), &["small.h5", "has no checksum", "--fresh"]);
}

/// 120 damages of a file that no checksum vouches for; without a process of its own for reading, libhdf5 takes the program
/// with it in several of them. Whatever happens, the program ends by itself, with a message or with what it could read.
#[test]
fn damage_that_no_checksum_shows_ends_in_a_message() {
    let bench = results();
    let whole = without_checksum(&std::fs::read(bench.path("out/small.h5")).expect("results")).to_vec();
    let mut random = Pcg64::seed_from_u64(12);
    let (mut messages, mut crashes) = (0, 0);
    for k in 0..120 {
        let mut bytes = whole.clone();
        match k % 3 {
            0 => bytes.truncate(random.random_range(0..whole.len())),
            // most of what libhdf5 follows stands in the first part of a file
            1 => bytes[random.random_range(0..8192)] ^= 1 << random.random_range(0..8),
            _ => {
                let at = random.random_range(0..8192);
                bytes[at..at + 8].fill([0, 0xff, 0x7f, 1][random.random_range(0..4)]);
            }
        }
        std::fs::write(bench.path("bad.h5"), bytes).expect("written");
        let output = bench.homodyne(&["show", "bad.h5"]);
        let said = text(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            Some(2) => {
                assert!(said.contains("bad.h5") && !said.contains("panicked"), "damage {k}: {said}");
                messages += 1;
                crashes += usize::from(said.contains("libhdf5 crashed"));
            }
            other => panic!("damage {k}: {other:?} {:?} {said}", output.status),
        }
    }
    println!("{messages} messages, {crashes} of them where libhdf5 crashed");
    assert!(messages >= 40, "{messages}");
}

/// Renames what is in a results file, as h5py can, and copies the file to `path`. A program that another test starts in this moment inherits
/// the file that is open here, and HDF5's lock with it: the copy is none of its.
fn exchange(source: &Path, path: &Path, one: &str, other: &str) {
    let renamed = source.with_extension("renamed");
    std::fs::copy(source, &renamed).expect("copied");
    let file = hdf5::File::open_rw(&renamed).expect("HDF5");
    for (from, to) in [(one, "between"), (other, one), ("between", other)] {
        file.relink(from, to).expect("renamed");
    }
    file.close().expect("closed");
    std::fs::copy(&renamed, path).expect("copied");
    std::fs::remove_file(&renamed).expect("removed");
}

/// Sound HDF5 whose variables do not have the dimensions that belong to them: the file and the variable are named.
#[test]
fn variables_of_other_dimensions_are_named() {
    let bench = results();
    let spectrum = bench.write("spectrum.toml", SPECTRUM);
    assert!(bench.run(&spectrum, &["--no-figure"]).status.success());
    let cases = [
        ("small", "bias", "measurement_time_s", "variable `bias` has dimensions"),
        ("small", "mse", "measurement_time_s", "variable `mse` has dimensions"),
        ("small", "mse_exact", "parameter", "mse_exact"),
        ("spectrum", "psd_low", "noise.psd_na2_per_hz.values", "variable `psd_low` has dimensions"),
        ("spectrum", "psd_low", "frequency_hz", "psd_low"),
    ];
    for (study, one, other, words) in cases {
        let path = bench.path("bad.h5");
        exchange(&bench.path(&format!("out/{study}.h5")), &path, one, other);
        for command in ["show", "plot", "export"] {
            refused(&bench.homodyne(&[command, "bad.h5"]), &["`bad.h5`", words]);
        }
    }
    assert_eq!(bench.files("."), ["bad.h5", "good.toml", "out", "spectrum.toml"], "nothing half-written");
}

/// A file that a program has open for writing, by HDF5's own lock.
#[test]
fn a_file_that_is_open_elsewhere_is_said_to_be() {
    let bench = results();
    let path = bench.path("out/small.h5");
    for has_checksum in [true, false] {
        if !has_checksum {
            let whole = std::fs::read(&path).expect("results");
            std::fs::write(&path, without_checksum(&whole)).expect("written");
        }
        let file = std::fs::File::options().read(true).write(true).open(&path).expect("a file");
        file.lock().expect("a lock");
        for command in ["show", "plot", "export"] {
            refused(&bench.homodyne(&[command, "out/small.h5"]), &["`out/small.h5`", "another program has it open"]);
        }
        file.unlock().expect("unlocked");
        assert!(bench.homodyne(&["show", "out/small.h5"]).status.success());
    }
}
