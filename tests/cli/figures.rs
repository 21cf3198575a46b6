//! Figures: those that a killed run left undrawn, their size and their files.

use std::time::{Duration, SystemTime};

use crate::{Bench, SCENARIO, text};

const ALL: [&str; 3] = ["small.h5", "small.png", "small.svg"];

/// Results that were published, and the program killed before it drew any of them, or one of two files.
#[test]
fn a_finished_study_draws_what_is_missing() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    let merge = || bench.homodyne(&["merge", "good.toml", "--output", "out"]);
    for gone in [&["small.svg", "small.png"][..], &["small.png"], &["small.svg"]] {
        for command in ["run", "merge"] {
            for name in gone {
                drop(std::fs::remove_file(bench.path("out").join(name)));
            }
            let results = std::fs::read(bench.path("out/small.h5")).expect("results");
            if command == "run" {
                let without = bench.run(&scenario, &["--no-figure"]);
                assert!(text(&without.stdout).contains("nothing to do"), "{}", text(&without.stdout));
                assert_ne!(bench.files("out"), ALL, "--no-figure draws none");
            }
            let output = if command == "run" { bench.run(&scenario, &[]) } else { merge() };
            let said = text(&output.stdout);
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(said.contains("was already finished") && said.contains("small.svg"), "{command}: {said}");
            assert_eq!(bench.files("out"), ALL, "{command}");
            assert!(std::fs::read(bench.path("out/small.h5")).expect("results") == results);
        }
    }
    for output in [bench.run(&scenario, &[]), merge()] {
        assert!(text(&output.stdout).contains("nothing to do"), "{}", text(&output.stdout));
    }
}

/// A figure of other results of the same name, which a killed `--fresh` left there.
#[test]
fn a_figure_older_than_its_results_is_drawn_again() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &[]).status.success());
    let figure = bench.path("out/small.svg");
    std::fs::write(&figure, "the figure of another study").expect("written");
    let file = std::fs::File::options().write(true).open(&figure).expect("a file");
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("a time");
    assert!(bench.run(&scenario, &[]).status.success());
    assert!(std::fs::read_to_string(&figure).expect("a figure").starts_with("<svg"));
}

/// A figure for one column of a journal: its files, its size, and the numbers of its points beside it.
/// A finished study whose `[figure]` is another one draws it.
#[test]
fn a_figure_that_is_asked_for_otherwise_is_drawn_again() {
    let bench = Bench::new();
    let scenario = bench.write("s.toml", SCENARIO);
    assert!(bench.run(&scenario, &[]).status.success());
    let kept = std::fs::read_to_string(bench.path("out/small.svg")).expect("a figure");
    assert!(text(&bench.run(&scenario, &[]).stdout).contains("nothing to do"));
    let titled = bench.run(&scenario, &["--set", "figure.title=another"]);
    assert!(text(&titled.stdout).contains("outdated"), "{}", text(&titled.stdout));
    assert!(std::fs::read_to_string(bench.path("out/small.svg")).expect("a figure") != kept);
}

#[test]
fn figures_have_the_size_and_the_files_that_are_asked_for() {
    let bench = Bench::new();
    let layout = "[figure]\ntitle = \"\"\n[figure.layout]\nwidth_mm = 86\nheight_mm = 60\nlegend = \"inside\"\n\
                  formats = [\"svg\", \"pdf\", \"csv\"]\n\n[sweep]";
    let scenario = bench.write("good.toml", &SCENARIO.replacen("[sweep]", layout, 1));
    let output = bench.run(&scenario, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(bench.files("out"), ["small.csv", "small.h5", "small.pdf", "small.svg"]);
    assert!(text(&bench.run(&scenario, &[]).stdout).contains("nothing to do"));
    let svg = std::fs::read_to_string(bench.path("out/small.svg")).expect("a figure");
    let length = |name: &str| -> f64 {
        let rest = svg.split_once(&format!("{name}=\"")).expect("a size").1;
        rest.split_once("mm\"").expect("in mm").0.parse().expect("a number")
    };
    assert!((length("width") - 86.0).abs() < 0.05 && (length("height") - 60.0).abs() < 0.05, "{}", &svg[..200]);
    let pdf = std::fs::read(bench.path("out/small.pdf")).expect("a figure");
    assert!(pdf.starts_with(b"%PDF-"));
    let page = text(&pdf).split_once("MediaBox [0 0 ").expect("a page").1.to_owned();
    let width_pt: f64 = page.split_once(' ').expect("two lengths").0.parse().expect("a number");
    assert!((width_pt - 86.0 / 25.4 * 72.0).abs() < 0.1, "{width_pt}");

    let csv = std::fs::read_to_string(bench.path("out/small.csv")).expect("numbers");
    let points: Vec<&str> = csv.lines().filter(|line| line.contains(",points,")).collect();
    assert_eq!(points.len(), 6, "three spacings in two modes");
    assert!(points[0].starts_with("1,parallel") && points[0].contains(",20,"), "{}", points[0]);
}

/// Only the file of the ending that is asked for, with changed settings; what is no setting of a figure is refused.
#[test]
fn figures_are_drawn_again_with_other_settings() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    let plot = |more: &[&str]| bench.homodyne(&[&["plot", "out/small.h5"], more].concat());
    let drawn =
        plot(&["--output", "a.pdf", "--set", "figure.layout.width_mm=178", "--set", "figure.x_limits=[10, 100]"]);
    assert!(drawn.status.success() && text(&drawn.stdout) == "a.pdf\n", "{}", text(&drawn.stderr));
    for (change, words) in [
        ("study.seed=3", "only keys of `figure`"),
        ("figure.y_limits=[0, 1]", "above 0 on a logarithmic axis"),
        ("figure.nothing=1", "unknown field `nothing`"),
        ("figure.x_label", "key=value"),
        ("figure.layout.panels_in_a_row=0", "must be 1 or more"),
    ] {
        let refused = plot(&["--set", change]);
        assert_eq!(refused.status.code(), Some(2), "{change}");
        assert!(text(&refused.stderr).contains(words), "{change}: {}", text(&refused.stderr));
    }
    assert_eq!(bench.files("out"), ["small.h5"]);
}

/// Results that no axis can show are results all the same; a scenario without a `[figure]` ends well with them.
#[test]
fn results_that_no_axis_can_show_are_kept() {
    let bench = Bench::new();
    let scenario = "[study]\nname = \"large\"\nkind = \"response\"\n[device]\nkind = \"linear\"\n\
                    gradient_na_per_volt = [1e300]\n[response]\nparameter = 1\nfrom_volt = -1.0\nto_volt = 1.0\npoints = 5\n";
    let output = bench.run(&bench.write("large.toml", scenario), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("no figure: there is nothing to draw"), "{}", text(&output.stdout));
    assert_eq!(bench.files("out"), ["large.h5"]);
    let titled = bench.write("titled.toml", &format!("{scenario}[figure]\ntitle = \"mine\"\n"));
    let refused = bench.run(&titled, &["--fresh"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("large.h5"), "{}", text(&refused.stderr));
}

/// Whoever holds a study's lock removes what killed processes left of it, wherever they ran; a merge too.
#[test]
fn what_killed_processes_left_is_removed() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let leave = |names: &[&str]| {
        std::fs::create_dir_all(bench.path("out")).expect("a folder");
        for name in names {
            bench.write(&format!("out/.{name}.01234567-4194300.abcdef.part"), "half of it");
        }
    };
    leave(&["small.h5", "small.checkpoint", "small.status.json", "small.pilot.json", "other.h5"]);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    let of_another = ".other.h5.01234567-4194300.abcdef.part";
    assert_eq!(bench.files("out"), [of_another, "small.h5"]);

    std::fs::remove_file(bench.path("out/small.h5")).expect("removed");
    for shard in ["1/2", "2/2"] {
        assert!(bench.run(&scenario, &["--shard", shard]).status.success());
    }
    leave(&["small.h5", "small.shard-1-of-2.status.json", "small.shard-2-of-2.checkpoint"]);
    let merged = bench.homodyne(&["merge", "good.toml", "--output", "out", "--no-figure"]);
    assert!(merged.status.success(), "{}", text(&merged.stderr));
    assert_eq!(bench.files("out"), [of_another, "small.h5"]);
}
