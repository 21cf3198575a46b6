//! Spectra, traces and surrogates as laboratories write them: read to the same numbers, or refused with file, place and what
//! was found.

use tests::{Scenario, line_of};

use crate::{Bench, text};

/// A spectrum study without a source of noise.
const SPECTRUM: &str = r#"[study]
name = "small"
kind = "spectrum"
repetitions = 2

[spectrum]
duration_s = 0.1
segment_s = 0.05
"#;

fn scenario(kind: &str, file: &str) -> String {
    Scenario::new(SPECTRUM).set("noise.kind", kind).set("noise.file", file).to_string()
}

/// `.npy` of version 1.
fn npy(descriptor: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), header.as_bytes(), bytes].concat()
}

/// Runs a spectrum study with this noise file: what it says, and the stated density.
fn run(kind: &str, file: &str, bytes: &[u8]) -> Result<(String, Vec<f64>), String> {
    let bench = Bench::new();
    std::fs::write(bench.path(file), bytes).expect("written");
    let written = scenario(kind, file);
    let scenario = bench.write("noise.toml", &written);
    let output = bench.run(&scenario, &["--no-figure"]);
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{file}: {said}");
    if output.status.success() {
        let results = results::store::read(&bench.path("out/small.h5")).expect("results");
        return Ok((text(&output.stdout), results.variable("psd_stated").expect("a density").values.clone()));
    }
    assert_eq!(output.status.code(), Some(2), "{file}: {said}");
    let place = format!("noise.toml:{}", line_of(&written, "file = "));
    assert!(said.contains(&place) && said.contains("noise.file") && said.contains(file), "{said}");
    assert_eq!(bench.files("out"), Vec::<String>::new(), "something was written");
    Err(said)
}

#[test]
fn spectra_of_every_kind_of_file_are_the_same() {
    let plain = "1,0.5\n2.5,0.03\n400,0.001\n";
    let (said, expected) = run("tabulated", "s.csv", plain.as_bytes()).expect("a table");
    assert!(!said.contains("left out") && !said.contains("heading"), "{said}");
    let numbers = [1.0_f32, 0.5, 2.5, 0.03, 400.0, 0.001];
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    let (_, of_single) = run("tabulated", "s.npy", &npy("<f4", "(3, 2)", &bytes)).expect("an array");
    for (a, b) in expected.iter().zip(&of_single) {
        assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    }
    for (file, table) in [
        ("s.txt", "# of Tuesday\nf;S\n[Hz];[nA^2/Hz]\n1;0,5\n2,5;0,03\n400;0,001\n"),
        ("s.tsv", "f\tS\r\n1\t0.5\r\n2.5\t3e-2\r\n400\t1e-3\r\n"),
        // as scipy.signal.welch gives it
        ("s.dat", "0.0 1e-20\n1.0 0.5\n2.5 0.03\n400.0 0.001\n"),
    ] {
        let (said, stated) = run("tabulated", file, table.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(stated, expected, "{table}");
        let word = if file == "s.dat" { "line 1 is at 0 Hz and left out" } else { "is taken for a heading: " };
        assert!(said.contains(word) && said.contains(file), "{said}");
    }
}

#[test]
fn spectra_that_cannot_be_read_name_line_and_text() {
    for (file, table, words) in [
        ("s.csv", "f,S\n1,2\n3,x\n", "line 3: found \"x\""),
        ("s.csv", "1,2\n9.9E37,3\n", "line 2: found 9.9E37, which instruments write for an overload"),
        ("s.csv", "# f S\n1,2\n2,0\n", "line 3: found 2 Hz and 0e0 nA²/Hz: frequency and density must be positive"),
        ("s.csv", "0,1\n2,1\n2,1\n", "line 3: found 2 Hz after 2 Hz: frequencies must increase"),
        ("s.csv", "0,1\n", "0 frequencies and 0 densities"),
        ("s.csv", "1,5,2,5\n", "line 1: found 4 columns, 2 are needed: 1,5,2,5; if these are decimal commas"),
        ("s.csv", "", "at least one"),
        ("s.xlsx", "PK", "\".xlsx\": .csv, .txt"),
    ] {
        let message = run("tabulated", file, table.as_bytes()).expect_err(table);
        assert!(message.contains(words), "{table}: {message}");
    }
    for (shape, words) in [
        ("(1000000000000,)", "(1000000000000,): at most 268435456 numbers are allowed"),
        ("(1000000, 2)", "(1000000, 2) of \"<f8\", 16000000 bytes, but 32 bytes follow"),
        ("(4,)", "[4], (rows, 2) is needed"),
        ("(4611686018427387904, 4)", "at most 268435456 numbers are allowed"),
    ] {
        let message = run("tabulated", "s.npy", &npy("<f8", shape, &[0; 32])).expect_err(shape);
        assert!(message.contains(words), "{shape}: {message}");
    }
}

#[test]
fn traces_of_every_kind_of_file_are_the_same_or_refused() {
    let samples: Vec<i16> = (0..64).map(|n| (n * n * 37 % 101) as i16).collect();
    let table: String = samples.iter().map(|x| format!("{x}\n")).collect();
    let (_, expected) = run("trace", "t.csv", table.as_bytes()).expect("a trace");
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    for shape in ["(64,)", "(64, 1)"] {
        assert_eq!(run("trace", "t.npy", &npy("<i2", shape, &bytes)).expect(shape).1, expected, "{shape}");
    }
    let (said, of_heading) = run("trace", "t.txt", format!("I_na\n{table}").as_bytes()).expect("a heading");
    assert!(said.contains("line 1 is taken for a heading: I_na"), "{said}");
    assert_eq!(of_heading, expected);
    for (damaged, words) in [
        ("O.123", "line 1: found \"O.123\""),
        ("OVLD", "line 1: found \"OVLD\""),
        ("+9.9E37", "line 1: found +9.9E37, which instruments write for an overload"),
        ("nan", "line 1: found \"nan\""),
        ("0,5", "line 1: found 2 columns, 1 is needed: 0,5; if these are decimal commas"),
    ] {
        let message = run("trace", "t.csv", format!("{damaged}\n{table}").as_bytes()).expect_err(damaged);
        assert!(message.contains(words), "{damaged}: {message}");
    }
}

/// Headers of surrogates that claim more than they hold, which asked the system for that much and ended the program.
#[test]
fn surrogates_that_claim_more_than_they_hold_are_refused() {
    use std::io::Write;
    let numbers = [0.5_f32; 4];
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    for (method, shape, words) in [
        (zip::CompressionMethod::Deflated, "(2, 2)", None),
        (zip::CompressionMethod::Stored, "(2, 2)", None),
        (zip::CompressionMethod::Stored, "(100000, 1000)", Some("400000000 bytes, but 16 bytes follow")),
        (zip::CompressionMethod::Deflated, "(9223372036854775807, 2)", Some("at most 268435456 numbers")),
    ] {
        let bench = Bench::new();
        let mut archive = zip::ZipWriter::new(std::fs::File::create(bench.path("d.npz")).expect("a file"));
        for (name, array) in [
            ("layer0_weight.npy", npy("<f4", shape, &bytes)),
            ("layer0_bias.npy", npy("<f4", "(2,)", &bytes[..8])),
            ("layer1_weight.npy", npy("<f4", "(1, 2)", &bytes[..8])),
            ("layer1_bias.npy", npy("<f4", "(1,)", &bytes[..4])),
        ] {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            archive.start_file(name, options).expect("an entry");
            archive.write_all(&array).expect("written");
        }
        archive.finish().expect("written");
        let scenario = bench.write(
            "device.toml",
            "[study]\nname = \"small\"\nkind = \"response\"\n\n[device]\nkind = \"neural-surrogate\"\nfile = \"d.npz\"\n\n\
             [response]\nparameter = 1\nfrom_volt = -0.5\nto_volt = 0.5\npoints = 5\n",
        );
        let output = bench.run(&scenario, &["--no-figure"]);
        let said = text(&output.stderr);
        match words {
            None => assert!(output.status.success(), "{said}"),
            Some(words) => {
                assert_eq!(output.status.code(), Some(2), "{said}");
                assert!(said.contains(words) && said.contains("layer0_weight") && said.contains("d.npz"), "{said}");
            }
        }
    }
}
