//! `homodyne device`: the JSON contract, every subcommand, and what is refused.

use serde_json::Value;

use crate::{Bench, text};

/// A small device in the bench's folder.
fn bench() -> Bench {
    let bench = Bench::new();
    make_small(&bench, &["--output", "d.json"]);
    bench
}

/// Makes the file of a small device, with options beside its own.
fn make_small(bench: &Bench, more: &[&str]) {
    let own = ["--acceptors", "6", "--donors", "1", "--shape", "disc", "--radius", "15", "--seed", "3"];
    let made = bench.homodyne(&[&["device", "generate"], &own[..], more].concat());
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// A measurement inside the simulation, without what each test sets.
const LOCK_IN: [&str; 7] = ["device", "lock-in", "d.json", "--electrode", "7", "--drive", "0"];

const VOLTAGES: &str = "0.2,-0.1,0.3,0,-0.2,0.1,-0.3,0";

fn values_of(bench: &Bench, file: &str, variable: &str) -> Vec<f64> {
    let results = results::store::read(&bench.path(file)).expect("results");
    tests::variable(&results, variable).values.clone()
}

fn json(bench: &Bench, arguments: &[&str]) -> Value {
    let out = bench.homodyne(arguments);
    assert!(out.status.success(), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("one JSON object")
}

#[test]
fn currents_keep_their_contract_for_every_method() {
    let bench = bench();
    let at = |method: &str, more: &[&str]| {
        let mut arguments = vec!["device", "currents", "d.json", "--method", method, "--voltages", VOLTAGES, "--json"];
        arguments.extend(more);
        json(&bench, &arguments)
    };
    let exact = at("steady-state", &[]);
    let events = at("events", &["--hops", "1000000", "--seed", "5"]);
    let mean = at("mean-field", &[]);
    let pairs = at("pair-mean-field", &[]);
    let all = [&exact, &events, &mean, &pairs].into_iter();
    for (found, method) in all.zip(["steady-state", "events", "mean-field", "pair-mean-field"]) {
        assert_eq!(found["method"], method);
        assert_eq!(found["currents"].as_array().unwrap().len(), 8);
        assert_eq!(found["units"], "nA");
        assert!(found["wall_time_s"].as_f64().unwrap() >= 0.0);
        for key in ["standard_errors", "states", "left_out_bound", "hops", "simulated_time", "hops_per_second"] {
            assert!(found.as_object().unwrap().contains_key(key), "{method}: {key}");
        }
    }
    assert!(exact["hops"].is_null() && exact["standard_errors"].is_null() && mean["states"].is_null());
    assert_eq!(events["hops"], 1_000_000);
    for k in 0..8 {
        let (a, b) = (exact["currents"][k].as_f64().unwrap(), events["currents"][k].as_f64().unwrap());
        let error = events["standard_errors"][k].as_f64().unwrap();
        // 8 deviations, t with 31 degrees of freedom: beyond 5 for one seed in 5000
        assert!((a - b).abs() < 5.0 * error, "electrode {k}: {a} {b} ± {error}");
    }
    assert_eq!(events["currents"], at("events", &["--hops", "1000000", "--seed", "5"])["currents"]);
    let loose = at("events", &["--relative-error", "0.1", "--seed", "5"]);
    assert!(loose["hops"].as_u64().unwrap() < 10_000_000);
}

/// At any size; here beside the exact ones. Eight deviations from normal errors: beyond 4.5 for one seed in 20 000.
#[test]
fn derivatives_by_events_come_with_their_errors() {
    let bench = bench();
    let arguments = ["device", "gradient", "d.json", "--electrode", "7", "--voltages", VOLTAGES, "--json"];
    let exact = json(&bench, &arguments);
    let by_events = [&arguments[..], &["--method", "events", "--relative-error", "0.02", "--seed", "4"]].concat();
    let events = json(&bench, &by_events);
    assert!(exact["standard_errors"].is_null() && events["hops"].as_u64().unwrap() > 0);
    let values = |found: &Value, key: &str| -> Vec<f64> {
        found[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let (right, found, errors) =
        (values(&exact, "gradient"), values(&events, "gradient"), values(&events, "standard_errors"));
    let largest = right.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    for k in 0..8 {
        let off = (right[k] - found[k]).abs();
        assert!(
            off < 4.5 * errors[k] && errors[k] <= 0.02 * 1.1 * largest,
            "{k}: {} {} ± {}",
            right[k],
            found[k],
            errors[k]
        );
    }
    assert_eq!(events["gradient"], json(&bench, &by_events)["gradient"]);
    // too few hops are said to be too few
    let few = [&arguments[..7], &["--method", "events", "--relative-error", "0.0001", "--most-hops", "1000"]].concat();
    let out = bench.homodyne(&few);
    assert!(out.status.success() && text(&out.stderr).contains("--most-hops"), "{}", text(&out.stderr));
}

#[test]
fn published_devices_are_made_by_their_names() {
    let bench = Bench::new();
    let made =
        bench.homodyne(&["device", "generate", "--like", "mcnetwork", "--acceptors", "50", "--output", "m.json"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(bench.path("m.json")).unwrap()).unwrap();
    assert_eq!((&file["rim"], &file["domain"]["radius_nm"]), (&"insulating".into(), &75.0.into()));
    assert_eq!(file["site_energies_ev"].as_array().unwrap().len(), 50);
    let shown = bench.homodyne(&["device", "show", "m.json"]);
    assert!(text(&shown.stdout).contains("insulating"), "{}", text(&shown.stdout));
    let refused = bench.homodyne(&["device", "generate", "--like", "mcnet"]);
    assert!(text(&refused.stderr).contains("mcnetwork"), "{}", text(&refused.stderr));
}

/// In a scenario: every set of voltages by itself, or the operating point and its linear continuation.
#[test]
fn scenarios_follow_events() {
    let bench = bench();
    let device = "kind = \"dopant-network\"\nfile = \"d.json\"\n\
                  operating_point_volt = [0.2, -0.1, 0.3, 0.0, -0.2, 0.1, -0.3]";
    let currents = |method: &str| -> Vec<f64> {
        let scenario = format!(
            "[study]\nname = \"{method}\"\nkind = \"response\"\n[device]\n{device}\nmethod = \"{method}\"\n[response]\n\
             parameter = 1\nfrom_volt = -0.1\nto_volt = 0.1\npoints = 3\n"
        );
        let out = bench.run(&bench.write("response.toml", &scenario), &["--no-figure"]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        values_of(&bench, &format!("out/{method}.h5"), "current")
    };
    let (exact, events) = (currents("steady-state"), currents("events"));
    let largest = exact.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    for (a, b) in exact.iter().zip(&events) {
        assert!((a - b).abs() < 0.05 * largest, "{exact:?} {events:?}");
    }
    // where the rim is insulating, the largest derivative is not the one with respect to the output's own voltage
    make_small(&bench, &["--rim", "insulating", "--output", "i.json"]);
    let device = device.replace("d.json", "i.json");
    let error = |method: &str| {
        format!(
            "[study]\nname = \"e\"\nrepetitions = 100\n[device]\n{device}\nmethod = \"{method}\"\n\
             [noise]\nkind = \"white\"\n\
             psd_na2_per_hz = 1e-6\n[estimator]\nkind = \"hge\"\nduration_s = 0.05\namplitude_volt = 1e-3\n\
             frequencies_hz = {{ top = 1000.0, spacing = 40.0 }}\n"
        )
    };
    let out = bench.run(&bench.write("each.toml", &error("events")), &["--no-figure"]);
    assert!(!out.status.success() && text(&out.stderr).contains("events-linear"), "{}", text(&out.stderr));
    let out = bench.run(&bench.write("linear.toml", &error("events-linear")), &["--no-figure"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let found = values_of(&bench, "out/e.h5", "true_gradient");
    let exact = json(&bench, &["device", "gradient", "i.json", "--electrode", "7", "--voltages", VOLTAGES, "--json"]);
    let right: Vec<f64> = exact["gradient"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let largest = right.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    // five times the standard error that is asked for
    for (value, right) in found.iter().zip(&right) {
        assert!((value - right).abs() < 5.0 * 0.02 * largest, "{found:?} {exact}");
    }
}

/// A current that rounding or left-out flow could make as well is never called exact, and a bound is not called a standard
/// error.
#[test]
fn uncertainties_of_currents_stand_beside_them() {
    let bench = bench();
    let lines = |method: &str, voltages: &str| -> Vec<String> {
        let out = bench.homodyne(&["device", "currents", "d.json", "--method", method, "--voltages", voltages]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout).lines().take(9).map(str::to_owned).collect()
    };
    let without_bias = lines("steady-state", "0,0,0,0,0,0,0,0");
    assert!(without_bias[0].ends_with("uncertainty"), "{without_bias:?}");
    assert!(without_bias[1..].iter().all(|line| line.contains("within ")), "{without_bias:#?}");
    let biased = lines("steady-state", VOLTAGES);
    assert!(biased[1..].iter().all(|line| line.contains("rounding ") || line.contains("left")), "{biased:#?}");
    assert!(biased[1..].iter().any(|line| !line.contains("within ")), "{biased:#?}");
    for method in ["mean-field", "pair-mean-field"] {
        assert!(lines(method, VOLTAGES)[1..].iter().all(|line| line.ends_with("approximate")));
    }
    for (method, columns) in [("steady-state", "uncertainty 7 ["), ("mean-field", ""), ("pair-mean-field", "")] {
        let iv = ["device", "iv", "d.json", "--vary", "0", "--from", "-0.1", "--to", "0.1", "--points", "3"];
        let out = bench.homodyne(&[&iv[..], &["--method", method, "--output", "out/bounds"]].concat());
        assert!(out.status.success(), "{}", text(&out.stderr));
        let table = std::fs::read_to_string(bench.path("out/bounds.csv")).unwrap();
        let header = table.lines().next().unwrap();
        assert!(header.contains(columns) && !header.contains("standard error"), "{method}: {header}");
    }
}

#[test]
fn gradient_holds_one_derivative_for_each_voltage() {
    let bench = bench();
    let arguments = [
        "device",
        "gradient",
        "d.json",
        "--electrode",
        "7",
        "--method",
        "steady-state",
        "--voltages",
        VOLTAGES,
        "--json",
    ];
    let found = json(&bench, &arguments);
    assert_eq!(found["gradient"].as_array().unwrap().len(), 8);
    assert_eq!(found["units"], "nA/V");
    let current = |first: &str| {
        let voltages = VOLTAGES.replacen("0.2", first, 1);
        let out = json(&bench, &["device", "currents", "d.json", "--voltages", &voltages, "--json"]);
        out["currents"][7].as_f64().unwrap()
    };
    let difference = (current("0.2001") - current("0.1999")) / 2e-4;
    let exact = found["gradient"][0].as_f64().unwrap();
    assert!((difference - exact).abs() < 1e-4 * exact.abs(), "{difference} {exact}");
}

#[test]
fn pictures_tables_and_trajectories_are_written() {
    let bench = bench();
    let run = |arguments: &[&str]| {
        let out = bench.homodyne(arguments);
        assert!(out.status.success(), "{arguments:?}: {}", text(&out.stderr));
    };
    run(&["device", "show", "d.json"]);
    run(&["device", "map", "d.json", "--voltages", VOLTAGES, "--output", "out/map"]);
    run(&["device", "map", "d.json", "--over", "0,2", "--points", "5", "--output", "out/stability"]);
    run(&[
        "device", "iv", "d.json", "--vary", "0", "--from", "-0.1", "--to", "0.1", "--points", "5", "--output", "out/iv",
    ]);
    run(&["device", "noise", "d.json", "--points", "4", "--output", "out/noise"]);
    let events = ["device", "noise", "d.json", "--method", "events", "--hops", "200000", "--output", "out/by-events"];
    run(&events);
    run(&["device", "density-of-states", "d.json", "--states", "2000", "--output", "out/density"]);
    run(&["device", "trajectory", "d.json", "--events", "500", "--output", "out/events.h5"]);
    run(&[&LOCK_IN[..], &["--amplitude", "0.005", "--frequencies", "1e7", "--time", "1e-5", "--json"]].concat());
    let files = bench.files("out");
    for file in ["map.png", "map.svg", "stability.png", "iv.csv", "iv.png", "noise.csv", "noise.png", "events.h5"] {
        assert!(files.contains(&file.to_owned()), "{file} is missing in {files:?}");
    }
    for file in ["density.csv", "density.png", "by-events.csv", "by-events.png"] {
        assert!(files.contains(&file.to_owned()), "{file} is missing in {files:?}");
    }
}

/// The conductance at the device's own temperature is that of `gradient`, to 4.5 standard errors and a thousandth, the steady state's
/// own tolerance; and the law is fitted to all.
#[test]
fn conductance_against_temperature_is_fitted() {
    let bench = bench();
    let out = bench.homodyne(&[
        "device",
        "conductance",
        "d.json",
        "--electrode",
        "1",
        "--temperatures",
        "8,11,15,20,77",
        "--relative-error",
        "0.005",
        "--output",
        "out/g",
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let said = text(&out.stdout);
    let (_, law) = said.split_once("ln G = ln G₀ − (T₀/T)^p: p = ").expect("a law");
    let numbers: Vec<f64> = law.split(['(', ')', ' ', ',']).filter_map(|word| word.parse().ok()).take(3).collect();
    assert!(numbers[1] <= numbers[0] && numbers[0] <= numbers[2] && numbers[0] < 2.0, "{said}");
    assert_eq!(bench.files("out"), ["g.csv", "g.png", "g.svg"]);
    let table = std::fs::read_to_string(bench.path("out/g.csv")).expect("a table");
    let rows: Vec<Vec<f64>> =
        table.lines().skip(1).map(|row| row.split(',').map(|x| x.parse().expect("a number")).collect()).collect();
    let exact =
        json(&bench, &["device", "gradient", "d.json", "--electrode", "1", "--voltages", "0,0,0,0,0,0,0,0", "--json"]);
    let exact = -exact["gradient"][1].as_f64().expect("a number");
    assert!(
        (rows[4][1] - exact).abs() < 4.5 * rows[4][2] + 1e-3 * exact && rows[4][2] < 0.01 * exact,
        "{rows:?}, exactly {exact}"
    );

    bench.write("kmc.json", KMC_DN);
    let out = bench.homodyne(&["device", "conductance", "kmc.json", "--electrode", "0"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("not of kmc_dn"), "{}", text(&out.stderr));
}

/// A file of kmc_dn: one acceptor between two electrodes.
const KMC_DN: &str = r#"{
    "name": "one.kmc", "units": "dimensionless", "box": [1, 1, 0], "attempt_rate": 1.0, "kT": 1.0,
    "coulomb_energy_times_distance": 18.257418583505537, "localization_radius": 0.1, "acceptors": [[0.4, 0.5, 0.0]],
    "electrodes": [{"position": [0.0, 0.5, 0.0], "voltage": 10.0}, {"position": [1.0, 0.5, 0.0], "voltage": -10.0}],
    "electrostatic_potential_at_acceptors": [1.5], "donor_potential_at_acceptors": [0.0]
}"#;

#[test]
fn a_file_of_kmc_dn_is_read_in_volts_nm_and_na() {
    let bench = bench();
    bench.write("kmc.json", KMC_DN);
    let shown = json(&bench, &["device", "show", "kmc.json", "--json"]);
    let volt = 10.0 * 8.617_333_262e-5 * 77.0;
    assert!((shown["voltages"][0].as_f64().unwrap() - volt).abs() < 1e-12, "{shown}");
    let width_nm = 1.439_964_548 / (11.7 * 0.1 * volt * 18.257_418_583_505_537);
    assert!((shown["outline"]["width_nm"].as_f64().unwrap() - width_nm).abs() < 1e-12, "{shown}");
    assert!((shown["acceptors"][0][0].as_f64().unwrap() - 0.4 * width_nm).abs() < 1e-12, "{shown}");
    // the acceptor at 1.5 kT lies 8.5 kT below the one electrode and 11.5 kT above the other
    let charge_na = 1e12 * 1.602_176_634e-10;
    let (inward, outward) = ((-8.0_f64).exp(), (-12.0_f64).exp());
    let back = [(-8.0 - 8.5_f64).exp(), (-12.0 - 11.5_f64).exp()];
    let filled = (inward + back[1]) / (inward + back[1] + outward + back[0]);
    let current_na = charge_na * (outward * filled - back[1] * (1.0 - filled));
    let found = json(&bench, &["device", "currents", "kmc.json", "--json"]);
    assert_eq!(found["units"], "nA");
    let current = found["currents"][1].as_f64().unwrap();
    assert!((current - current_na).abs() < 1e-6 * current_na, "{current} {current_na}");
    let text_shown = text(&bench.homodyne(&["device", "show", "kmc.json"]).stdout);
    for part in ["1.01593 nm", "77 K", "11.7", "1e12 Hz", "6.635347 mV", "160.217663 nA", "0.06635", "position [nm]"] {
        assert!(text_shown.contains(part), "{part} is missing in {text_shown}");
    }
}

#[test]
fn wrong_input_is_refused_by_name() {
    let bench = bench();
    let refused = |arguments: &[&str], says: &[&str]| {
        let out = bench.homodyne(arguments);
        let message = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{arguments:?}: {message}");
        for part in says {
            assert!(message.contains(part), "{arguments:?}: \"{message}\" does not say \"{part}\"");
        }
    };
    refused(&["device", "currents", "nowhere.json"], &["nowhere.json", "cannot be read"]);
    refused(&["device", "currents", "d.json", "--voltages", "1,2,3,4,5,6,7,8,9"], &["9 values", "8 electrodes"]);
    refused(&["device", "gradient", "d.json", "--electrode", "8"], &["--electrode 8", "0 to 7"]);
    refused(&["device", "currents", "d.json", "--tolerance", "2"], &["--tolerance"]);
    refused(&["device", "currents", "d.json", "--method", "events", "--hops", "3"], &["--hops 3"]);
    refused(&["device", "generate", "--acceptors", "0"], &["acceptors"]);
    refused(&["device", "generate", "--acceptors", "500"], &["`acceptors` is 500", "1 to 248"]);
    refused(&["device", "generate", "--least-distance", "30"], &["least_distance_nm", "reduce their number"]);
    let many = ["device", "gradient", "d.json", "--electrode", "7", "--method", "events", "--relative-error", "3"];
    refused(&many, &["--relative-error 3", "0.0001 to 1"]);
    refused(&["device", "generate", "--hop-range", "5,3"], &["hop_range_nm", "shortest"]);
    refused(&["device", "generate", "--disorder=-1"], &["disorder_ev"]);
    refused(&["device", "generate", "--width=-5"], &["domain.width_nm"]);
    refused(&["device", "generate", "--width=inf"], &["`width_nm`: must be a finite number"]);
    let good = std::fs::read_to_string(bench.path("d.json")).unwrap();
    bench.write("cut.json", &good[..good.len() / 2]);
    refused(&["device", "currents", "cut.json"], &["cut.json", "line"]);
    bench.write("nan.json", &good.replacen("77.0", "NaN", 1));
    refused(&["device", "currents", "nan.json"], &["nan.json", "NaN"]);
    let scenario = |device: &str| {
        format!(
            "[study]\nname = \"n\"\nkind = \"response\"\n[device]\nkind = \"dopant-network\"\n{device}\n[response]\nparameter = 1\nfrom_volt = 0.0\nto_volt = 0.1\npoints = 3\n"
        )
    };
    for (device, says) in [
        ("file = \"no.json\"", ["device.file", "no.json"]),
        ("file = \"d.json\"\noutput_electrode = 9", ["output_electrode", "0 to 7"]),
        ("file = \"d.json\"\ngenerate = {}", ["device.generate", "one of the two"]),
        ("file = \"d.json\"\noperating_point_volt = [1.0, 2.0]", ["operating_point_volt", "7 parameters"]),
        ("generate = { acceptors = 0 }", ["device.generate", "acceptor"]),
        ("", ["needs `file`", "generate"]),
    ] {
        bench.write("s.toml", &scenario(device));
        refused(&["run", "s.toml", "--output", "out"], &says);
    }
}

/// Every number that sets a size or a time has a maximum, which is named before anything is computed.
#[test]
fn numbers_of_device_commands_have_maxima() {
    let bench = bench();
    let huge = i64::MAX.to_string();
    let lock_in = ["lock-in", "--electrode", "7", "--drive", "0", "--frequencies", "1e9"];
    let iv = ["iv", "--vary", "0", "--from", "-1", "--to", "1"];
    let refused = |command: &[&str], option: &str, value: &str, words: &str| {
        let mut arguments = vec!["device", command[0], "d.json"];
        arguments.extend(&command[1..]);
        let given = format!("{option}={value}");
        arguments.push(&given);
        let out = bench.homodyne(&arguments);
        let message = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{arguments:?}: {message}");
        for word in [option, value.split(',').next().unwrap_or(value), words] {
            assert!(message.contains(word), "{arguments:?}: wanted {word:?} in {message}");
        }
    };
    for (command, option, words) in [
        (&iv[..], "--points", "must be 2 to 100000"),
        (&iv, "--hops", "must be 64 to 10000000000000"),
        (&["map"], "--hops", "must be 64 to 10000000000000"),
        (&["map", "--over", "0,1"], "--points", "must be 2 to 2000"),
        (&["noise"], "--points", "must be 2 to 100000"),
        (&["noise", "--method", "events"], "--points", "must be 2 to 2000"),
        (&["noise", "--method", "events"], "--hops", "must be 64 to 10000000000000"),
        (&["density-of-states"], "--points", "must be 2 to 2000"),
        (&["density-of-states"], "--states", "must be 1000 to 100000000"),
        (&["currents"], "--hops", "must be 64 to 10000000000000"),
        (&["trajectory"], "--events", "must be 1 to 200000000"),
        (&["trajectory"], "--equilibration", "must be 0 to 10000000000000"),
        (&[&lock_in[..], &["--amplitude", "0.01", "--time", "1e-8"]].concat(), "--blocks", "must be 2 to 100000"),
        (
            &[&lock_in[..], &["--amplitude", "0.01", "--time", "1e-8"]].concat(),
            "--most-events",
            "must be 1 to 10000000000000",
        ),
        (&["gradient"], "--electrode", "must be 0 to 7"),
    ] {
        refused(command, option, &huge, words);
    }
    refused(&["currents"], "--voltages", "1", "has 1 values");
    refused(&["currents"], "--voltages", "1000000000000,0,0,0,0,0,0,0", "from -1000000 to 1000000");
    refused(&["currents"], "--voltages", "NaN,0,0,0,0,0,0,0", "from -1000000 to 1000000");
    refused(&["currents"], "--most-states", "0", "must be at least 2");
    refused(&["conductance", "--electrode", "0"], "--temperatures", "0", "must be 0.001 to 10000");
    refused(&["iv", "--vary", "0", "--from", "-1"], "--to", "1000000000000", "from -1000000 to 1000000");
    refused(&[&lock_in[..], &["--time", "1e-8"]].concat(), "--amplitude", "1000000000000", "from -1000000 to 1000000");
    assert_eq!(bench.files("results"), Vec::<String>::new());
}

/// A measurement that was cut short has failed, and says how long it was.
#[test]
fn a_lock_in_that_runs_out_of_events_fails() {
    let bench = bench();
    let settings = ["--amplitude", "0.01", "--frequencies", "1e7", "--time", "1", "--most-events", "100000"];
    for arguments in [[&LOCK_IN[..], &settings].concat(), [&LOCK_IN[..], &settings, &["--json"]].concat()] {
        let out = bench.homodyne(&arguments);
        let message = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{message}");
        assert!(message.contains("--time 1 was not reached: --most-events 100000 were used up after"), "{message}");
    }
}

/// What is allowed but takes long says so at once, before it takes it.
#[test]
fn large_requests_are_foretold() {
    let bench = bench();
    let steady = ["iv", "d.json", "--vary", "0", "--from", "-1", "--to", "1", "--points", "100000"];
    let hops = "--hops";
    let many = "10000000000000";
    let lock_in = [&LOCK_IN[1..], &["--amplitude", "0.01", "--frequencies", "1e6"]].concat();
    for (arguments, words) in [
        (&["currents", "d.json", "--method", "events", hops, many][..], "hops at 1 points: about"),
        (&["map", "d.json", "--method", "events", hops, many], "hops at 1 points: about"),
        (&[&steady[..], &["--method", "events", hops, "1000000"]].concat(), "1000000 hops at 100000 points: about"),
        (&["map", "d.json", "--over", "0,1", "--points", "2000"], "4000000 points: about"),
        (
            &["trajectory", "d.json", "--events", "100000000", "--equilibration", many],
            "4.8 GB of memory for the record",
        ),
        (&[&lock_in[..], &["--time", "1e30", "--most-events", many]].concat(), "candidate events: about"),
    ] {
        let arguments: Vec<&str> = std::iter::once("device").chain(arguments.iter().copied()).collect();
        let mut child = bench.start(&arguments);
        let mut line = String::new();
        let stderr = child.stderr.take().expect("piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stderr), &mut line).expect("readable");
        child.kill().expect("still at work");
        child.wait().expect("ended");
        assert!(line.contains(words), "{arguments:?}: {line}");
    }
}

/// Metal beside the acceptors leaves a part of their repulsion.
#[test]
fn image_charges_are_told_of_and_stay_in_the_file() {
    let bench = bench();
    make_small(&bench, &["--electrode-height", "30", "--image-distance", "2", "--output", "metal.json"]);
    let shown = json(&bench, &["device", "show", "metal.json", "--json"]);
    let images = &shown["image_charges"];
    assert_eq!([&images["electrode_height_nm"], &images["least_distance_nm"]], [30.0, 2.0], "{images}");
    for left in images["part_of_repulsion_left"].as_array().expect("one for each acceptor") {
        assert!((0.0..1.0).contains(&left.as_f64().unwrap()), "{images}");
    }
    assert!(json(&bench, &["device", "show", "d.json", "--json"])["image_charges"].is_null());
    let largest = |file: &str| {
        let found = json(&bench, &["device", "currents", file, "--voltages", VOLTAGES, "--json"]);
        found["currents"].as_array().unwrap().iter().map(|i| i.as_f64().unwrap().abs()).fold(0.0, f64::max)
    };
    assert!((largest("metal.json") / largest("d.json") - 1.0).abs() > 0.01);
    for (arguments, says) in [
        (["--electrode-height=-1", "--image-distance=1"], "electrode_height_nm"),
        (["--electrode-height=30", "--image-distance=-1"], "least_distance_nm"),
        (["--electrode-height=nan", "--image-distance=1"], "`image_charges`: must be a finite number"),
    ] {
        let out = bench.homodyne(&[&["device", "generate"], &arguments[..]].concat());
        assert!(out.status.code() == Some(2) && text(&out.stderr).contains(says), "{}", text(&out.stderr));
    }
    let alone = bench.homodyne(&["device", "generate", "--image-distance", "1"]);
    assert!(alone.status.code() == Some(2) && text(&alone.stderr).contains("--electrode-height"));
}
