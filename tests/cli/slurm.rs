//! Studies on a real Slurm of one node: tasks that fail, are cancelled, hit their time limit; resubmitted, merged, and
//! compared with the same study run here.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sweep::status::{State, Status};

use crate::{Bench, SCENARIO, bytes_without_time, longer_scenario, signal, text};

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
                let logs = text(&self.call("sh", &["-c", "tail -n 20 out/*.slurm/*.log"]).stdout);
                panic!("waited for {what} in vain\n{queue}\n{status}\n{logs}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_for_state(&self, job: &str, state: &str) {
        self.wait(&format!("job {job} to be {state}"), || (self.field(job, "JobState") == state).then_some(()));
    }

    /// Stops the process of a shard as soon as it has begun, and tells its number. A thread of its own looks out for it from
    /// now on: on a fast machine a shard is done before the next command returns.
    fn stop_at_its_beginning(&self, shard: usize) -> JoinHandle<u32> {
        let path = self.bench.path(&format!("out/long.shard-{shard}-of-8.status.json"));
        std::thread::spawn(move || {
            let started = Instant::now();
            loop {
                if let Ok(status) = Status::read(&path) {
                    signal(status.process, "STOP");
                    let status = Status::read(&path).expect("a status");
                    assert_eq!(status.state, State::Running, "shard {shard} was stopped too late");
                    return status.process;
                }
                assert!(started.elapsed() < PATIENCE, "shard {shard} does not begin");
                std::thread::sleep(Duration::from_millis(1));
            }
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

const SIGUSR1: u32 = 10;
const SIGTERM: u32 = 15;

/// Whether a signal waits for a process that is stopped; none where that has gone on or ended.
fn is_pending(process: u32, signal: u32) -> Option<bool> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|l| Some(l.strip_prefix(name)?.trim().to_owned()));
    let pending = u64::from_str_radix(&field("ShdPnd:")?, 16).ok()?;
    field("State:")?.starts_with('T').then_some(pending & (1 << (signal - 1)) != 0)
}

#[test]
fn job_arrays() {
    let Some(cluster) = Cluster::new() else { return };
    eight_tasks_of_which_three_come_to_grief(&cluster);
    arrays_are_split_and_cancelled(&cluster);
}

fn eight_tasks_of_which_three_come_to_grief(cluster: &Cluster) {
    let bench = &cluster.bench;
    bench.write("long.toml", &longer_scenario());

    // shard 3 fails: something is in the way of its checkpoint
    let in_the_way = bench.path("out/long.shard-3-of-8.checkpoint");
    std::fs::create_dir_all(&in_the_way).expect("a folder");
    let script = cluster.homodyne(&["submit", "long.toml", "--output", "out", "--tasks", "8", "--dry-run"]);
    for line in ["#SBATCH --signal=B:USR1@90", "#SBATCH --requeue", "${SLURM_CPUS_PER_TASK:-1}", "shards.sbatch"] {
        assert!(script.contains(line), "wanted {line:?} in {script}");
    }
    let [fifth, sixth] = [5, 6].map(|shard| cluster.stop_at_its_beginning(shard));
    let submit = ["submit", "long.toml", "--output", "out", "--tasks", "8", "--slurm", "--time=20"];
    let said = cluster.homodyne(&submit);
    let (array, merge) = (job(&said, "shards"), job(&said, "merge"));

    // shard 6 is slow (its process stands still), and its time limit comes near
    let slow = sixth.join().expect("shard 6 is stopped");
    let shard_6 = format!("{array}_6");
    cluster.must("scontrol", &["update", &format!("JobId={shard_6}"), "TimeLimit=1"]);
    // shard 5 is cancelled, as soon as it moves again
    let cancelled = fifth.join().expect("shard 5 is stopped");
    let shard_5 = format!("{array}_5");
    cluster.must("scancel", &[&shard_5]);
    // Slurm itself may have set it going
    cluster.wait("shard 5 to be told", || (is_pending(cancelled, SIGTERM) != Some(false)).then_some(()));
    if is_pending(cancelled, SIGTERM) == Some(true) {
        signal(cancelled, "CONT");
    }
    let shown = cluster.homodyne(&["status", "long", "--output", "out"]);
    assert!(shown.contains(&format!("[{shard_6} RUNNING]")), "{shown}");
    cluster.wait_for_state(&shard_5, "CANCELLED");
    cluster.wait_for_state(&format!("{array}_3"), "FAILED");
    std::fs::remove_dir(in_the_way).expect("removed");
    cluster.wait("the warning before the time limit", || (is_pending(slow, SIGUSR1) == Some(true)).then_some(()));
    signal(slow, "CONT");
    cluster.wait("shard 6 to queue again", || (cluster.field(&shard_6, "Restarts") == "1").then_some(()));
    // Slurm waits two minutes before it begins anew, which makes sure that nothing of the first attempt is left whose end could be
    // taken for that of the second one; here it is enough that its slurmstepd has gone
    let first_attempt = format!(r"slurmstepd: \[{}\.batch\]", cluster.field(&shard_6, "JobId"));
    cluster.wait("the end of the first attempt", || {
        (cluster.call("pgrep", &["--full", &first_attempt]).status.code() == Some(1)).then_some(())
    });
    // it may still be completing; with the old limit it would be warned at once
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

    cluster.homodyne(&["run", "long.toml", "--output", "local", "--quiet"]);
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
