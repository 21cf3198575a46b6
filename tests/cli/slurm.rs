//! Studies on a real Slurm of one node: tasks that fail, are cancelled, hit their time limit; resubmitted, merged, and
//! compared with the same study run here.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::{Bench, LONG_SCENARIO, SCENARIO, bytes_without_time, text};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(240);

/// A Slurm of its own, which ends with the test.
struct Cluster {
    bench: Bench,
    script: PathBuf,
}

impl Cluster {
    /// `None`, with a notice, where no Slurm can be started.
    fn new() -> Option<Self> {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/slurm-local");
        if !script.exists() {
            eprintln!("skipped: {} is not here to start a Slurm", script.display());
            return None;
        }
        let cluster = Self { bench: Bench::new(), script };
        let output = cluster.call(&cluster.script.display().to_string(), &["up"]);
        if output.status.code() == Some(3) {
            eprintln!("skipped: {}", text(&output.stderr).trim());
            return None;
        }
        assert!(output.status.success(), "{}", text(&output.stderr));
        Some(cluster)
    }

    fn call(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .current_dir(self.bench.folder.path())
            .env("SLURM_LOCAL_DIR", self.bench.path("slurm"))
            .env("SLURM_LOCAL_PORT", "26817")
            .env("SLURM_LOCAL_MAX_ARRAY", "17")
            .env("SLURM_CONF", self.bench.path("slurm/slurm.conf"))
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e}"))
    }

    fn must(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.call(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn homodyne(&self, arguments: &[&str]) -> String {
        self.must(env!("CARGO_BIN_EXE_homodyne"), arguments)
    }

    /// A field of `scontrol show job`.
    fn field(&self, job: &str, name: &str) -> String {
        let shown = text(&self.call("scontrol", &["show", "job", "--oneliner", job]).stdout);
        let found = shown.split_whitespace().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    }

    fn wait<T>(&self, what: &str, mut of: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = of() {
                return found;
            }
            if started.elapsed() > PATIENCE {
                let queue = text(&self.call("squeue", &["-a"]).stdout);
                let status = text(&self.call(env!("CARGO_BIN_EXE_homodyne"), &["status", "--output", "out"]).stdout);
                panic!("waited for {what} in vain\n{queue}\n{status}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_for_state(&self, job: &str, state: &str) {
        self.wait(&format!("job {job} to be {state}"), || (self.field(job, "JobState") == state).then_some(()));
    }

    /// The process of a shard, once it has saved something.
    fn process(&self, shard: usize) -> String {
        let path = self.bench.path(&format!("out/long.shard-{shard}-of-8.status.json"));
        self.wait(&format!("shard {shard} to run"), || {
            let status: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).ok()?).ok()?;
            (status["done"].as_u64()? > 0).then(|| status["process"].to_string())
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.call("scancel", &["--user", "root"]));
        drop(self.call(&self.script.display().to_string(), &["down"]));
    }
}

/// The id of the last job of a role in what `submit` or `resubmit` printed.
fn job(said: &str, role: &str) -> String {
    let id = said.lines().filter_map(|l| l.strip_prefix(role)).next_back();
    id.unwrap_or_else(|| panic!("no {role} in {said}")).trim().to_owned()
}

/// Whether SIGUSR1 (10) waits for a process that is stopped.
fn is_warned(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let pending = status.lines().find_map(|l| u64::from_str_radix(l.strip_prefix("ShdPnd:")?.trim(), 16).ok());
    pending.is_some_and(|signals| signals & (1 << 9) != 0)
}

#[test]
fn job_arrays() {
    let Some(cluster) = Cluster::new() else { return };
    eight_tasks_of_which_three_come_to_grief(&cluster);
    arrays_are_split_and_cancelled(&cluster);
}

fn eight_tasks_of_which_three_come_to_grief(cluster: &Cluster) {
    let bench = &cluster.bench;
    bench.write("long.toml", LONG_SCENARIO);
    let study = ["long.toml", "--set", "study.repetitions=30000", "--set", "study.store_estimates=false"];
    let with = |before: &[&'static str], after: &[&'static str]| [before, &study, after].concat();

    // shard 3 fails: something is in the way of its checkpoint
    let in_the_way = bench.path("out/long.shard-3-of-8.checkpoint");
    std::fs::create_dir_all(&in_the_way).expect("a folder");
    let script = cluster.homodyne(&with(&["submit"], &["--output", "out", "--tasks", "8", "--dry-run"]));
    for line in ["#SBATCH --signal=B:USR1@90", "#SBATCH --requeue", "${SLURM_CPUS_PER_TASK:-1}", "shards.sbatch"] {
        assert!(script.contains(line), "wanted {line:?} in {script}");
    }
    let said = cluster.homodyne(&with(&["submit"], &["--output", "out", "--tasks", "8", "--slurm", "--time=20"]));
    let (array, merge) = (job(&said, "shards"), job(&said, "merge"));

    // shard 6 is slow (its process stands still), and its time limit comes near
    let slow = cluster.process(6);
    cluster.must("kill", &["-STOP", &slow]);
    let shard_6 = format!("{array}_6");
    cluster.must("scontrol", &["update", &format!("JobId={shard_6}"), "TimeLimit=1"]);
    // shard 5 is cancelled
    cluster.process(5);
    let shard_5 = format!("{array}_5");
    cluster.must("scancel", &[&shard_5]);
    let shown = cluster.homodyne(&["status", "long", "--output", "out"]);
    assert!(shown.contains(&format!("[{shard_6} RUNNING]")), "{shown}");
    cluster.wait_for_state(&shard_5, "CANCELLED");
    cluster.wait_for_state(&format!("{array}_3"), "FAILED");
    std::fs::remove_dir(in_the_way).expect("removed");
    cluster.wait("the warning before the time limit", || is_warned(&slow).then_some(()));
    cluster.must("kill", &["-CONT", &slow]);
    cluster.wait("shard 6 to queue again", || (cluster.field(&shard_6, "Restarts") == "1").then_some(()));
    // it may be that it still completes; its begin time is two minutes away, and with the old limit it would be warned at once
    cluster.wait("a begin time", || {
        let arguments = ["update", &format!("JobId={shard_6}"), "StartTime=now", "TimeLimit=20"];
        cluster.call("scontrol", &arguments).status.success().then_some(())
    });
    cluster.wait_for_state(&shard_6, "COMPLETED");

    // the merge says what is missing, and so does status
    cluster.wait_for_state(&merge, "FAILED");
    let log = std::fs::read_to_string(bench.path(&format!("out/long.slurm/merge-{merge}.log"))).expect("a log");
    for word in ["not complete", "shard 3/8", "shard 5/8 has done"] {
        assert!(log.contains(word), "wanted {word:?} in {log}");
    }
    assert!(!log.contains("shard 6/8"), "{log}");
    let shown = cluster.homodyne(&["status", "long", "--output", "out"]);
    for word in ["FAILED", "CANCELLED", "COMPLETED"] {
        assert!(shown.contains(word), "wanted {word:?} in {shown}");
    }

    let said = cluster.homodyne(&["resubmit", "long", "--output", "out"]);
    assert!(said.contains("shards again: 3,5\n"), "{said}");
    cluster.wait_for_state(&job(&said, "merge"), "COMPLETED");
    let again = cluster.homodyne(&["resubmit", "long", "--output", "out"]);
    assert!(again.contains("nothing is missing"), "{again}");
    assert!(cluster.homodyne(&["status", "long", "--output", "out"]).contains("long: finished"));

    cluster.homodyne(&with(&["run"], &["--output", "local", "--quiet"]));
    let [merged, local] = ["out/long.h5", "local/long.h5"].map(|p| bytes_without_time(&bench.path(p)));
    assert!(merged == local, "the merged file is the local one");
}

/// With MaxArraySize 17, tasks 1 to 16 fit into one array.
fn arrays_are_split_and_cancelled(cluster: &Cluster) {
    let bench = &cluster.bench;
    bench.write("small.toml", SCENARIO);
    let submit = ["submit", "small.toml", "--output", "out", "--tasks", "20"];
    let said = cluster.homodyne(&submit);
    assert_eq!(said.lines().filter(|l| l.starts_with("shards")).count(), 2, "{said}");
    cluster.wait_for_state(&job(&said, "merge"), "COMPLETED");
    cluster.homodyne(&["run", "small.toml", "--output", "local", "--quiet"]);
    let [merged, local] = ["out/small.h5", "local/small.h5"].map(|p| bytes_without_time(&bench.path(p)));
    assert!(merged == local);

    std::fs::remove_file(bench.path("out/small.h5")).expect("removed");
    let said = cluster.homodyne(&[&submit[..], &["--slurm", "--begin=now+1hour"]].concat());
    let twice = cluster.call(env!("CARGO_BIN_EXE_homodyne"), &submit);
    assert_eq!(twice.status.code(), Some(2));
    assert!(text(&twice.stderr).contains("in the queue already (20 tasks)"), "{}", text(&twice.stderr));
    let cancelled = cluster.homodyne(&["cancel", "small", "--output", "out"]);
    let (array, merge) = (job(&said, "shards"), job(&said, "merge"));
    for id in [&format!("{array}_4"), &merge] {
        assert!(cancelled.contains(id), "wanted {id} in {cancelled}");
    }
    cluster.wait("an empty queue", || (!cluster.must("squeue", &["-h"]).contains(&merge)).then_some(()));
    assert!(cluster.homodyne(&["cancel", "small", "--output", "out"]).contains("none of its jobs"));
}
