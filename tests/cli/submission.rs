//! What `submit` takes and refuses before Slurm is asked for anything; the scripts that it would submit.

use tests::{Scenario, line_of};

use crate::{Bench, SCENARIO, text};

/// What `submit --dry-run` of a scenario with this name says: exit code, scripts, message.
fn submit(name: &str, output: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let bench = Bench::new();
    bench.write("my.toml", &Scenario::new(SCENARIO).set("study.name", name).to_string());
    let arguments = [&["submit", "my.toml", "--output", output, "--tasks", "4", "--dry-run"], more].concat();
    let done = bench.homodyne(&arguments);
    assert_eq!(bench.files("."), ["my.toml"], "a dry run writes nothing");
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

#[test]
fn what_would_break_a_line_of_a_script_is_refused() {
    let place = format!("my.toml:{}", line_of(SCENARIO, "name = "));
    for (name, output, more, words) in [
        ("a\ntouch pwned", "out", &[][..], [&place, "study.name", "line break"]),
        ("a\rb", "out", &[], [&place, "study.name", "control character"]),
        (".", "out", &[], [&place, "study.name", "hidden"]),
        ("..", "out", &[], [&place, "study.name", "hidden"]),
        ("-rf", "out", &[], [&place, "study.name", "option"]),
        ("a", "out\ntouch pwned", &[], ["--output", "cannot go into a script", "line break"]),
        ("a", "out\\b", &[], ["--output", "cannot go into a script", "backslash"]),
        ("a", "out", &["--slurm", "--comment=a\n--wrap=ls"], ["--slurm", "line break", "\\n"]),
        ("a", "out", &["--set", "study.description='''a\nb'''"], ["--set", "cannot go into a script", "line break"]),
    ] {
        let (code, scripts, message) = submit(name, output, more);
        assert_eq!(code, Some(2), "{name:?} {output:?} {more:?}: {scripts}{message}");
        for word in words {
            assert!(message.contains(word), "wanted {word:?} in {message}");
        }
    }
}

#[test]
fn options_that_break_saving_or_submission_are_refused_before_anything_is_submitted() {
    for (options, reason) in [
        ("--signal=USR1@5", "save their work"),
        ("--no-requeue", "requeued"),
        ("--wrap=hostname", "replaces the script"),
        ("--array=1-4%2", "--at-most"),
        ("--partition=long --test-only", "--dry-run"),
        ("--time=1", "300 s are needed"),
    ] {
        let (code, _, message) = submit("a", "out", &["--slurm", options]);
        assert_eq!(code, Some(2), "{options}: {message}");
        assert!(message.contains("--slurm") && message.contains(reason), "{options}: {message}");
    }
    let (code, _, message) = submit("a", "out", &["--at-most", "0"]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--at-most 0"), "{message}");
}

#[test]
fn scripts_hold_names_and_paths_as_words() {
    let name = "it's $(touch pwned) 50%j";
    let (code, scripts, message) = submit(name, "out 50%a", &["--slurm", "--partition=long --comment 'two words'"]);
    assert_eq!(code, Some(0), "{message}");
    let quoted = r"'it'\''s $(touch pwned) 50%j'";
    for line in [
        &format!("# The shards of {quoted}, one array task each"),
        "#SBATCH \"--job-name=it's $(touch pwned) 50%j\"\n",
        "/out 50%%a/it's $(touch pwned) 50%%j.slurm/shards-%A_%a.log\"\n",
        "#SBATCH --partition=long\n#SBATCH --comment \"two words\"\n",
        "threads=${SLURM_CPUS_ON_NODE:-1}\n",
    ] {
        assert!(scripts.contains(line), "wanted {line:?} in {scripts}");
    }
}
