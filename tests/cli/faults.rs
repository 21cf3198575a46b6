//! What goes wrong around a study: each fault ends in a clear message, and what was there before is whole.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use tests::Scenario;

use crate::{AtWork, Bench, LONG_SCENARIO, SCENARIO, bytes_without_time, longer_scenario, text, until_met};

/// Exit code 2, no panic, and all of `words` in the message.
fn refused(output: &Output, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}{}", text(&output.stdout));
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "wanted {word:?} in {said}");
    }
}

/// What an uninterrupted run of a scenario with this text writes.
fn expected(scenario: &str) -> Vec<u8> {
    let bench = Bench::new();
    let scenario = bench.write("long.toml", scenario);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    bytes_without_time(&bench.path("out/long.h5"))
}

/// A file system of its own, for faults that only a file system has.
struct Mount {
    folder: PathBuf,
}

impl Mount {
    fn new(folder: PathBuf, options: &str) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&folder).output();
        let output = mount.expect("mount starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        Self { folder }
    }

    fn change(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.folder).status().expect("mount");
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.folder).status());
    }
}

tests::needs!(
    small_file_system,
    /// A disk that fills up while units are saved, and one that fills up while the results are written.
    #[test]
    fn a_disk_that_is_full_is_named_and_leaves_the_work_whole() {
        let bench = Bench::new();
        let mount = Mount::new(bench.path("out"), "size=6m");
        let scenario = bench.write("long.toml", LONG_SCENARIO);
        let sizes = [("6m", "long.checkpoint"), ("32m", "long.h5")];
        for (size, file) in sizes {
            mount.change(&format!("size={size}"));
            let output = bench.run(&scenario, &["--no-figure"]);
            refused(&output, &["cannot write", file, "No space left on device"]);
            assert_eq!(bench.files("out").iter().filter(|f| f.ends_with(".h5") || f.ends_with(".part")).count(), 0);
        }
        mount.change("size=200m");
        let output = bench.run(&scenario, &["--no-figure"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(".h5"));
        assert!(bytes_without_time(&bench.path("out/long.h5")) == expected(LONG_SCENARIO));
    }
);

tests::needs!(
    small_file_system,
    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_kept() {
        let bench = Bench::new();
        let mount = Mount::new(bench.path("out"), "size=50m");
        let scenario = bench.write("good.toml", SCENARIO);
        assert!(bench.run(&scenario, &["--shard", "1/2"]).status.success());
        let before = std::fs::read(bench.path("out/small.shard-1-of-2.checkpoint")).expect("a checkpoint");
        mount.change("ro");
        refused(&bench.run(&scenario, &["--shard", "2/2"]), &["cannot write", "Read-only file system"]);
        refused(&bench.run(&scenario, &["--shard", "1/2"]), &["cannot write", "Read-only file system"]);
        refused(&bench.run(&scenario, &[]), &["cannot write", "Read-only file system"]);
        assert!(std::fs::read(bench.path("out/small.shard-1-of-2.checkpoint")).expect("a checkpoint") == before);
        mount.change("rw");
        assert!(bench.run(&scenario, &["--shard", "2/2"]).status.success());
        let merged = bench.homodyne(&["merge", "good.toml", "--output", "out", "--no-figure"]);
        assert!(merged.status.success(), "{}", text(&merged.stderr));
    }
);

/// 150 checkpoints, cut short or with a changed byte: either all of it can still be trusted and the merged file is the
/// right one, or it is said to be damaged.
#[test]
fn a_damaged_checkpoint_is_noticed_or_harmless() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &["--no-figure"]).status.success());
    let expected = bytes_without_time(&bench.path("out/small.h5"));
    std::fs::remove_file(bench.path("out/small.h5")).expect("removed");
    for shard in ["1/2", "2/2"] {
        assert!(bench.run(&scenario, &["--shard", shard]).status.success());
    }
    let path = bench.path("out/small.shard-1-of-2.checkpoint");
    let whole = std::fs::read(&path).expect("a checkpoint");
    let mut random = Pcg64::seed_from_u64(2);
    let (mut cut, mut changed, mut right) = (0, 0, 0);
    for k in 0..150 {
        let mut bytes = whole.clone();
        if k % 3 == 0 {
            bytes.truncate(random.random_range(0..whole.len()));
        } else {
            // most of a file is free pages: half of the changes hit its beginning
            let end = if k % 3 == 1 { whole.len() } else { 8192 };
            bytes[random.random_range(0..end)] ^= 1 << random.random_range(0..8);
        }
        std::fs::write(&path, &bytes).expect("written");
        let output = bench.homodyne(&["merge", "good.toml", "--output", "out", "--no-figure", "--keep"]);
        if output.status.success() {
            assert!(bytes_without_time(&bench.path("out/small.h5")) == expected, "damage {k} changed the results");
            std::fs::remove_file(bench.path("out/small.h5")).expect("removed");
            right += 1;
        } else {
            refused(&output, &["small.shard-1-of-2.checkpoint` is damaged", "--fresh"]);
            refused(&bench.run(&scenario, &["--shard", "1/2"]), &["is damaged", "nothing was changed"]);
            *if k % 3 == 0 { &mut cut } else { &mut changed } += 1;
        }
    }
    println!("noticed: {cut} that were cut, {changed} with a changed byte; {right} changes without effect");
    // most of a file is free pages, but nothing can be cut off
    assert!(cut == 50 && changed > 0, "{cut} {changed}");
    // and the way out that the message names
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    assert!(bench.run(&scenario, &["--shard", "1/2", "--fresh"]).status.success());
    assert!(bench.homodyne(&["merge", "good.toml", "--output", "out", "--no-figure"]).status.success());
    assert!(bytes_without_time(&bench.path("out/small.h5")) == expected);
}

/// A page of a kind that does not exist makes redb panic before it has checked anything; so does one that another stands in
/// the place of. Either is damage like any other.
#[test]
fn damage_that_makes_the_store_panic_is_damage_like_any_other() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    assert!(bench.run(&scenario, &["--shard", "1/2"]).status.success());
    let path = bench.path("out/small.shard-1-of-2.checkpoint");
    let whole = std::fs::read(&path).expect("a checkpoint");
    const PAGE: usize = 4096;
    let in_use = |at: &usize| whole[*at..at + PAGE].iter().any(|b| *b != 0);
    let used: Vec<usize> = (PAGE..whole.len()).step_by(PAGE).filter(in_use).collect();
    let mut noticed = 0;
    for &page in &used {
        let mut bytes = whole.clone();
        bytes[page] = 0xff;
        std::fs::write(&path, &bytes).expect("written");
        let output = bench.run(&scenario, &["--shard", "1/2"]);
        if !output.status.success() {
            refused(&output, &["small.shard-1-of-2.checkpoint` is damaged", "--fresh"]);
            noticed += 1;
        }
    }
    println!("{noticed} of {} pages", used.len());
    assert!(noticed >= 3, "{noticed}");
    assert!(bench.run(&scenario, &["--shard", "1/2", "--fresh"]).status.success());
}

/// Files that are not ours under our names.
#[test]
fn files_of_others_under_our_names_are_refused() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    std::fs::create_dir(bench.path("out")).expect("a folder");
    bench.write("out/small.checkpoint", "");
    refused(&bench.run(&scenario, &[]), &["small.checkpoint` is damaged"]);
    bench.write("out/small.checkpoint", "a letter to a friend");
    refused(&bench.run(&scenario, &[]), &["small.checkpoint` is damaged"]);
    std::fs::remove_file(bench.path("out/small.checkpoint")).expect("removed");
    bench.write("out/small.h5", "a letter to a friend");
    refused(&bench.run(&scenario, &[]), &["small.h5"]);
    assert_eq!(std::fs::read(bench.path("out/small.h5")).expect("a file"), b"a letter to a friend");
}

#[test]
fn shards_that_are_missing_or_of_another_study_are_named() {
    let bench = Bench::new();
    let scenario = bench.write("good.toml", SCENARIO);
    let merge = |more: &[&str]| {
        let mut arguments = vec!["merge", "good.toml", "--output", "out", "--no-figure"];
        arguments.extend(more);
        bench.homodyne(&arguments)
    };
    std::fs::create_dir(bench.path("out")).expect("a folder");
    refused(&merge(&[]), &["no shards of `small`"]);
    for shard in ["1/3", "3/3"] {
        assert!(bench.run(&scenario, &["--shard", shard]).status.success());
    }
    refused(&merge(&[]), &["not complete", "shard 2/3", "--shard i/n"]);
    let other = bench.write("other.toml", &Scenario::new(SCENARIO).set("study.seed", 2).to_string());
    assert!(bench.run(&other, &["--shard", "2/3"]).status.success());
    refused(&merge(&[]), &["small.shard-2-of-3.checkpoint", "study.seed: there 2, now 1"]);
    // a shard under another's name
    let [first, second] = [1, 2].map(|k| bench.path(&format!("out/small.shard-{k}-of-3.checkpoint")));
    std::fs::copy(first, &second).expect("copied");
    refused(&merge(&[]), &["shard: there 1/3, now 2/3"]);
    std::fs::remove_file(&second).expect("removed");
    assert!(bench.run(&scenario, &["--shard", "1/2"]).status.success());
    refused(&merge(&[]), &["several divisions", "into 2, 3", "--shards"]);
    assert!(bench.run(&scenario, &["--shard", "2/3"]).status.success());
    let merged = merge(&["--shards", "3"]);
    assert!(merged.status.success(), "{}", text(&merged.stderr));
    assert_eq!(merge(&["--shards", "3"]).status.code(), Some(0), "what is finished is left alone");
}

/// A run of the long scenario on one thread that has begun, and stands still.
#[cfg(target_os = "linux")]
fn stopped_run() -> (Bench, AtWork) {
    until_met("a run at its beginning", || {
        let bench = Bench::new();
        bench.write("long.toml", LONG_SCENARIO);
        let child = bench.start(&["run", "long.toml", "--output", "out", "--quiet", "--no-figure", "--threads", "1"]);
        let status = bench.path("out/long.status.json");
        let at_work = AtWork::when(child, || status.exists())?.stopped()?;
        (!bench.path("out/long.h5").exists()).then_some((bench, at_work))
    })
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_process_is_refused() {
    let (bench, first) = stopped_run();
    for more in [&[][..], &["--fresh"]] {
        refused(&bench.run(&bench.path("long.toml"), more), &["another process is working on", "long.checkpoint"]);
    }
    let output = first.end();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(bytes_without_time(&bench.path("out/long.h5")) == expected(LONG_SCENARIO));
}

/// A study that was killed after a part, and whose files are of the future: only the state that people read knows times at all.
fn study_from_the_future() -> Bench {
    let bench = until_met("a run at work", || {
        let bench = Bench::new();
        bench.write("long.toml", &longer_scenario());
        let child = bench.start(&["run", "long.toml", "--output", "out", "--quiet", "--no-figure", "--threads", "1"]);
        AtWork::with_units(child, &bench.path("out/long.status.json"), 1)?.kill();
        (!bench.path("out/long.h5").exists()).then_some(bench)
    });
    let status = std::fs::read_to_string(bench.path("out/long.status.json")).expect("a status");
    let (head, _) = status.split_once("\"updated\"").expect("a time");
    let future = format!("{head}\"updated\": \"2099-01-01T00:00:00Z\"\n}}");
    for path in ["out/long.checkpoint", "out/long.status.json"] {
        let file = std::fs::File::options().append(true).open(bench.path(path)).expect("a file");
        let later = std::time::SystemTime::now() + Duration::from_secs(63_072_000);
        file.set_modified(later).expect("a time");
    }
    assert!(serde_json::from_str::<serde_json::Value>(&future).is_ok(), "{future}");
    bench.write("out/long.status.json", &future);
    let shown = bench.homodyne(&["status", "--output", "out"]);
    assert!(shown.status.success() && text(&shown.stdout).contains("killed"), "{}", text(&shown.stdout));
    bench
}

fn goes_on_where_it_was(bench: &Bench, output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("resuming"), "{}", text(&output.stdout));
    assert!(bytes_without_time(&bench.path("out/long.h5")) == expected(&longer_scenario()));
}

#[test]
fn files_from_the_future_are_resumed() {
    let bench = study_from_the_future();
    goes_on_where_it_was(&bench, &bench.run(&bench.path("long.toml"), &["--no-figure"]));
}

tests::needs!(
    faketime,
    /// The clock of the program was set back two years.
    #[test]
    fn a_clock_that_goes_backwards_does_not_matter() {
        let bench = study_from_the_future();
        let output = Command::new("faketime")
            .args(["-f", "-2y", env!("CARGO_BIN_EXE_homodyne"), "run", "long.toml", "--output", "out", "--no-figure"])
            .current_dir(bench.folder.path())
            .output();
        goes_on_where_it_was(&bench, &output.expect("faketime starts"));
    }
);

#[cfg(target_os = "linux")]
#[test]
fn an_output_folder_that_is_removed_ends_the_run() {
    let (bench, child) = stopped_run();
    std::fs::remove_dir_all(bench.path("out")).expect("removed");
    let output = child.end();
    refused(&output, &["was removed or replaced", "Run the command again"]);
    assert!(bench.files("out").iter().all(|f| !f.ends_with(".h5")));
    assert!(bench.run(&bench.path("long.toml"), &["--no-figure"]).status.success());
    assert!(bytes_without_time(&bench.path("out/long.h5")) == expected(LONG_SCENARIO));
}
