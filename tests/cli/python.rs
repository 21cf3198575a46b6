//! h5py, xarray and h5dump read the results; NumPy reads the export.

use std::process::{Command, Output};

use crate::{Bench, SCENARIO, text};

fn run_python(bench: &Bench, script: &str) -> std::io::Result<Output> {
    Command::new(tests::needs::python()).arg("-c").arg(script).current_dir(bench.folder.path()).output()
}

fn results() -> Bench {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let output = bench.run(&scenario, &["--no-figure", "--set", "study.store_estimates=true"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    bench
}

fn passes(bench: &Bench, script: &str) {
    let output = run_python(bench, script).expect("Python starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

tests::needs!(
    h5py,
    #[test]
    fn h5py_reads_dimensions_units_and_attributes() {
        let bench = results();
        passes(
            &bench,
            "import h5py
f = h5py.File('out/small.h5')
v = f['mse_exact']
assert v.shape == (3, 2, 2), v.shape
assert [d.keys()[0] for d in v.dims] == ['estimator.frequencies_hz.spacing', 'estimator.mode', 'parameter']
assert v.attrs['units'] == 'nA^2/V^2' and v.attrs['long_name']
assert list(f['estimator.frequencies_hz.spacing'][:]) == [20, 40, 80]
assert f['estimator.frequencies_hz.spacing'].attrs['units'] == 'Hz'
assert f['estimator.mode'].asstr()[:].tolist() == ['parallel', 'sequential']
assert f['estimate'].shape == (3, 2, 200, 2)
for name in ('scenario', 'seed', 'program_version', 'git_revision', 'created', 'host'): assert f.attrs[name]
assert 'gradient_na_per_volt = [123, 60]' in f.attrs['scenario']
",
        );
    }
);

tests::needs!(
    h5py,
    /// The checksum behind the file goes when something else changes it, and what was changed is still read.
    #[test]
    fn what_h5py_has_changed_is_read() {
        let bench = results();
        passes(
            &bench,
            "import h5py
assert open('out/small.h5', 'rb').read()[:4] == b'\\x89HDF'
assert b'homodyne checksum' in open('out/small.h5', 'rb').read()[-200:]
with h5py.File('out/small.h5', 'r+') as f:
    f['mse'][0, 0, 0] = 77.0
    f.attrs['remark'] = 'mine'
assert b'homodyne checksum' not in open('out/small.h5', 'rb').read()[-200:]
",
        );
        let shown = bench.homodyne(&["show", "out/small.h5"]);
        assert!(text(&shown.stdout).contains("77.0000"), "{}{}", text(&shown.stdout), text(&shown.stderr));
    }
);

tests::needs!(
    xarray,
    #[test]
    fn xarray_reads_named_dimensions_with_both_engines() {
        let bench = results();
        passes(
            &bench,
            "import xarray as xr
for engine in (None, 'h5netcdf', 'netcdf4'):
    d = xr.open_dataset('out/small.h5', engine=engine)
    one = d.mse_exact.sel({'estimator.mode': 'parallel', 'parameter': 2, 'estimator.frequencies_hz.spacing': 40})
    assert one.dims == () and float(one) > 0
    assert d.bias.dims == ('estimator.frequencies_hz.spacing', 'estimator.mode', 'parameter')
    assert d.estimate.sizes['repetition'] == 200
    assert abs(float(d.estimate.mean('repetition')[0, 0, 0] - d.true_gradient[0, 0, 0] - d.bias[0, 0, 0])) < 1e-9
",
        );
    }
);

tests::needs!(
    jsonschema,
    #[test]
    fn every_shipped_scenario_obeys_the_json_schema_and_a_misspelt_key_does_not() {
        let bench = Bench::new();
        std::fs::write(bench.path("schema.json"), bench.homodyne(&["schema"]).stdout).expect("written");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
        passes(
            &bench,
            &format!(
                "import glob, json, jsonschema, tomllib
schema = json.load(open('schema.json'))
files = glob.glob('{folder}/*.toml')
assert len(files) >= 14
for file in files:
    jsonschema.validate(tomllib.load(open(file, 'rb')), schema)
bad = tomllib.load(open(files[0], 'rb'))
bad['study']['nmae'] = 'x'
try: jsonschema.validate(bad, schema)
except jsonschema.ValidationError: pass
else: raise SystemExit('a misspelt key passed')
"
            ),
        );
    }
);

tests::needs!(
    numpy,
    #[test]
    fn numpy_reads_the_export() {
        let bench = results();
        assert!(bench.homodyne(&["export", "out/small.h5", "--output", "small.npz"]).status.success());
        passes(
            &bench,
            "import numpy as np
import h5py
z = np.load('small.npz', allow_pickle=False)
assert z['mse'].shape == (3, 2, 2) and z['estimator.frequencies_hz.spacing'].tolist() == [20, 40, 80]
assert z['mse.dims'].tolist() == ['estimator.frequencies_hz.spacing', 'estimator.mode', 'parameter']
assert z['estimate.dims'].tolist() == ['estimator.frequencies_hz.spacing', 'estimator.mode', 'repetition', 'parameter']
assert z['estimator.mode'].tolist() == ['parallel', 'sequential'] and z['mse.units'] == 'nA^2/V^2'
half = z['measurement_time_s'][:, z['estimator.mode'].tolist().index('parallel')]
assert np.allclose(half, 0.05) and np.allclose(2 * half, z['measurement_time_s'][:, 1])
f = h5py.File('out/small.h5')
for name in f:
    if f[name].dtype.kind == 'f': assert np.array_equal(z[name], f[name][:], equal_nan=True), name
",
        );
    }
);

/// The same without Python: the arrays of the archive, which is not compressed, byte by byte.
#[test]
fn the_export_says_which_half_is_parallel() {
    let bench = results();
    assert!(bench.homodyne(&["export", "out/small.h5", "--output", "small.npz"]).status.success());
    let archive = std::fs::read(bench.path("small.npz")).expect("an export");
    let array = |name: &str, kind: &str, shape: &str, elements: usize| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        let entry = format!("{name}.npy");
        let find = |from: usize, what: &[u8]| {
            let found = archive[from..].windows(what.len()).position(|w| w == what);
            from + found.unwrap_or_else(|| panic!("no {what:?} of {name}"))
        };
        let at = find(0, entry.as_bytes()) + entry.len();
        assert!(archive[at..].starts_with(b"\x93NUMPY\x01\x00"), "{name} stands where its entry says");
        let start = find(at, b"\n") + 1;
        assert!(String::from_utf8_lossy(&archive[at..start]).contains(&header), "{name}: {header}");
        archive[start..start + elements].to_vec()
    };
    let texts = |bytes: Vec<u8>, width: usize| -> Vec<String> {
        bytes
            .chunks_exact(4 * width)
            .map(|text| {
                let codes = text.chunks_exact(4).map(|c| u32::from_le_bytes(c.try_into().expect("four bytes")));
                codes.filter(|c| *c != 0).map(|c| char::from_u32(c).expect("a character")).collect()
            })
            .collect()
    };
    let modes = texts(array("estimator.mode", "<U10", "(2,)", 2 * 10 * 4), 10);
    assert_eq!(modes, ["parallel", "sequential"]);
    let dims = texts(array("measurement_time_s.dims", "<U32", "(2,)", 2 * 32 * 4), 32);
    assert_eq!(dims, ["estimator.frequencies_hz.spacing", "estimator.mode"]);
    let times: Vec<f64> = array("measurement_time_s", "<f8", "(3, 2)", 48)
        .chunks_exact(8)
        .map(|x| f64::from_le_bytes(x.try_into().expect("eight bytes")))
        .collect();
    // two parameters one after the other take twice as long
    for row in times.chunks_exact(2) {
        assert!((row[0] - 0.05).abs() < 1e-12 && (row[1] - 0.1).abs() < 1e-12, "{times:?}");
    }
}

tests::needs!(
    h5dump,
    #[test]
    fn h5dump_reads_the_results() {
        let bench = results();
        let mut h5dump = Command::new("h5dump");
        h5dump.args(["-d", "/mse_exact", "out/small.h5"]).current_dir(bench.folder.path());
        let output = h5dump.output().expect("h5dump starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("DIMENSION_LIST"), "{}", text(&output.stdout));
    }
);
