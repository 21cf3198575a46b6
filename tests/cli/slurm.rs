//! Studies on a real Slurm of one node: tasks that fail, are cancelled, hit their time limit; resubmitted, merged, and
//! compared with the same study run here.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sweep::status::{State, Status};
use tests::Scenario;

use crate::{Bench, SCENARIO, bytes_without_time, longer_scenario, signal, text, until_met};

/// States in which a job stays.
const ENDS: [&str; 5] = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"];

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(900);

/// A Slurm of its own, which ends with the test.
struct Cluster {
    bench: Bench,
    script: PathBuf,
}

impl Cluster {
    /// `None`, with a notice, where none can be started, which only the attempt tells.
    fn new() -> Option<Self> {
        let cluster = Self { bench: Bench::new(), script: tests::shared("slurm-local") };
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
            .env("SLURM_LOCAL_MAX_ARRAY", "41")
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

    fn refuses_to_submit(&self, submit: &[&str], why: &str) {
        let output = self.call(env!("CARGO_BIN_EXE_homodyne"), submit);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "wanted {why:?} in {said}");
    }

    fn wait_for_empty_queue(&self) {
        self.wait("an empty queue", || self.must("squeue", &["--noheader", "--all"]).is_empty().then_some(()));
    }

    fn wait_for_state(&self, job: &str, state: &str) {
        self.wait(&format!("job {job} to be {state}"), || {
            let found = self.field(job, "JobState");
            let is_another_end = ENDS.contains(&found.as_str()) && found != state;
            assert!(!is_another_end, "{}", text(&self.call("scontrol", &["show", "job", job]).stdout));
            (found == state).then_some(())
        });
    }

    /// Stops the process of a shard as soon as it has begun, and tells its number; none if it was done before it could be
    /// stopped. A thread of its own looks out for it from now on.
    fn stop_at_its_beginning(&self, shard: usize) -> JoinHandle<Option<u32>> {
        let path = self.bench.path(&format!("out/long.shard-{shard}-of-8.status.json"));
        std::thread::spawn(move || {
            let started = Instant::now();
            loop {
                if let Ok(status) = Status::read(&path) {
                    signal(status.process, "STOP");
                    let is_at_work = Status::read(&path).expect("a status").state == State::Running;
                    return is_at_work.then_some(status.process);
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

tests::needs!(
    slurm,
    #[test]
    fn job_arrays_end_as_a_run_here_does() {
        let Some(cluster) = Cluster::new() else { return };
        // on a busy machine a shard may be done before it can be stopped: then all of it is tried again
        until_met("shards at their beginning", || eight_tasks_of_which_three_come_to_grief(&cluster));
        arrays_are_split_and_cancelled(&cluster);
        waiting_tasks_are_counted_one_by_one(&cluster);
        names_stay_names_and_tasks_use_what_they_are_granted(&cluster);
        throttled_arrays_wait_for_each_other(&cluster);
    }
);

fn eight_tasks_of_which_three_come_to_grief(cluster: &Cluster) -> Option<()> {
    let bench = &cluster.bench;
    drop(std::fs::remove_dir_all(bench.path("out")));
    bench.write("long.toml", &longer_scenario());

    // shard 3 fails: something is in the way of its checkpoint
    let in_the_way = bench.path("out/long.shard-3-of-8.checkpoint");
    std::fs::create_dir_all(&in_the_way).expect("a folder");
    let script = cluster.homodyne(&["submit", "long.toml", "--output", "out", "--tasks", "8", "--dry-run"]);
    for line in ["#SBATCH --signal=B:USR1@90", "#SBATCH --requeue", "${SLURM_CPUS_ON_NODE:-1}", "shards.sbatch"] {
        assert!(script.contains(line), "wanted {line:?} in {script}");
    }
    let [fifth, sixth] = [5, 6].map(|shard| cluster.stop_at_its_beginning(shard));
    let submit = ["submit", "long.toml", "--output", "out", "--tasks", "8", "--slurm", "--time=20"];
    let said = cluster.homodyne(&submit);
    let (array, merge) = (job(&said, "shards"), job(&said, "merge"));

    // shard 6 is slow (its process stands still), and its time limit comes near
    let [cancelled, slow] = [fifth, sixth].map(|stopped| stopped.join().expect("a process"));
    let (Some(cancelled), Some(slow)) = (cancelled, slow) else {
        [cancelled, slow].into_iter().flatten().for_each(|process| signal(process, "CONT"));
        cluster.homodyne(&["cancel", "long", "--output", "out"]);
        cluster.wait_for_empty_queue();
        return None;
    };
    let shard_6 = format!("{array}_6");
    cluster.must("scontrol", &["update", &format!("JobId={shard_6}"), "TimeLimit=1"]);
    // shard 5 is cancelled, as soon as it moves again
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
    // Slurm holds it back for two minutes (until nothing is left of the first attempt), time enough to give it another time
    // limit: with the old one it would be warned at once
    cluster.must("scontrol", &["update", &format!("JobId={shard_6}"), "TimeLimit=20"]);
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
    assert!(again.contains("nothing is missing") && !again.contains("no figure"), "{again}");
    std::fs::remove_file(bench.path("out/long.svg")).expect("a figure");
    let again = cluster.homodyne(&["resubmit", "long", "--output", "out"]);
    assert!(again.contains("it has no figure") && again.contains("out/long.h5"), "{again}");
    assert!(cluster.homodyne(&["status", "long", "--output", "out"]).contains("long: finished"));

    cluster.homodyne(&["run", "long.toml", "--output", "local", "--quiet"]);
    let [merged, local] = ["out/long.h5", "local/long.h5"].map(|p| bytes_without_time(&bench.path(p)));
    assert!(merged == local, "the merged file is the local one");
    Some(())
}

/// With MaxArraySize 41, tasks 1 to 40 fit into one array.
fn arrays_are_split_and_cancelled(cluster: &Cluster) {
    let bench = &cluster.bench;
    bench.write("small.toml", SCENARIO);
    let submit = ["submit", "small.toml", "--output", "out", "--tasks", "44"];
    let said = cluster.homodyne(&submit);
    assert_eq!(said.lines().filter(|l| l.starts_with("shards")).count(), 2, "{said}");
    cluster.wait_for_state(&job(&said, "merge"), "COMPLETED");
    cluster.homodyne(&["run", "small.toml", "--output", "local", "--quiet"]);
    let [merged, local] = ["out/small.h5", "local/small.h5"].map(|p| bytes_without_time(&bench.path(p)));
    assert!(merged == local);

    std::fs::remove_file(bench.path("out/small.h5")).expect("removed");
    let said = cluster.homodyne(&[&submit[..], &LATER].concat());
    cluster.refuses_to_submit(&submit, "already in the queue (45 tasks of ");
    let cancelled = cluster.homodyne(&["cancel", "small", "--output", "out"]);
    let (array, merge) = (job(&said, "shards"), job(&said, "merge"));
    for id in [&array, &merge] {
        assert!(cancelled.contains(id), "wanted {id} in {cancelled}");
    }
    cluster.wait_for_empty_queue();
    assert!(cluster.homodyne(&["cancel", "small", "--output", "out"]).contains("none of its jobs"));
}

/// The small scenario under another name.
fn named(name: &str) -> String {
    Scenario::new(SCENARIO).set("study.name", name).to_string()
}

/// Options with which tasks stay in the queue.
const LATER: [&str; 2] = ["--slurm", "--begin=now+1hour"];

/// Slurm says of waiting tasks `2-40:2`, or a list that it cuts off after 64 characters: none of them is queued twice, or left
/// in the queue.
fn waiting_tasks_are_counted_one_by_one(cluster: &Cluster) {
    cluster.bench.write("gaps.toml", &named("gaps"));
    let submit = ["submit", "gaps.toml", "--output", "out", "--tasks", "40"];
    let every_second = |shard: usize| shard % 2 == 1;
    let irregular = |shard: usize| [3, 5, 8, 13, 16, 21, 22, 29, 34, 37].contains(&shard);
    for (is_gone, shown) in [(every_second as fn(usize) -> bool, "2-40:2"), (irregular, "1-2,4,6-7,9-12")] {
        let said = cluster.homodyne(&[&submit[..], &LATER].concat());
        let array = job(&said, "shards");
        let gone: Vec<String> = (1..=40).filter(|s| is_gone(*s)).map(|s| s.to_string()).collect();
        let tasks: Vec<String> = gone.iter().map(|s| format!("{array}_{s}")).collect();
        cluster.must("scancel", &tasks.iter().map(String::as_str).collect::<Vec<_>>());
        cluster.wait("Slurm's list", || {
            let list = text(&cluster.call("scontrol", &["show", "job", "--oneliner", &array]).stdout);
            list.lines()
                .any(|l| l.contains("JobState=PENDING") && l.contains(&format!("ArrayTaskId={shown}")))
                .then_some(())
        });
        let queued = |more: usize| format!("already in the queue ({} tasks of ", 40 - gone.len() + 1 + more);
        cluster.refuses_to_submit(&submit, &queued(0));
        let again = cluster.homodyne(&["resubmit", "gaps", "--output", "out"]);
        let numbers: Vec<usize> = gone.iter().map(|s| s.parse().expect("a number")).collect();
        assert!(again.contains(&format!("shards again: {}\n", sweep::slurm::ranges(&numbers))), "{again}");
        cluster.refuses_to_submit(&submit, &queued(gone.len()));
        assert!(cluster.homodyne(&["resubmit", "gaps", "--output", "out"]).contains("nothing is missing"));
        cluster.homodyne(&["cancel", "gaps", "--output", "out"]);
        cluster.wait_for_empty_queue();
    }
}

/// A name of which a shell would make something else, a folder of which Slurm would, and tasks that were given four CPUs in
/// another way than by --cpus-per-task.
fn names_stay_names_and_tasks_use_what_they_are_granted(cluster: &Cluster) {
    let bench = &cluster.bench;
    let name = "it's $(touch pwned) `touch pwned` 50%j #";
    bench.write("named.toml", &named(name));
    let folder = "out 50%j \"x\"";
    let submit = ["submit", "named.toml", "--output", folder, "--tasks", "2"];
    for (options, threads) in [("--ntasks=4", 4), ("--exclusive", 8), ("--cpus-per-task=3", 3)] {
        let said = cluster.homodyne(&[&submit[..], &["--slurm", options]].concat());
        cluster.wait_for_state(&job(&said, "merge"), "COMPLETED");
        let log = bench.path(&format!("{folder}/{name}.slurm/shards-{}_2.log", job(&said, "shards")));
        let log = std::fs::read_to_string(&log).unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        assert!(log.contains(&format!("shard 2 of 2: {threads} threads")), "{log}");
        std::fs::remove_file(bench.path(&format!("{folder}/{name}.h5"))).expect("results");
        // the command that is printed can be pasted
        let (_, see) = said.split_once("see `homodyne ").expect("a command");
        let see = see.trim_end().strip_suffix('`').expect("a command");
        let shown = cluster.must("sh", &["-c", &format!("{} {see}", env!("CARGO_BIN_EXE_homodyne"))]);
        assert!(shown.contains(name), "{see}: {shown}");
    }
    let found = bench.files(".");
    assert!(!found.iter().any(|f| f == "pwned"), "{found:?}");
}

fn throttled_arrays_wait_for_each_other(cluster: &Cluster) {
    cluster.bench.write("few.toml", &named("few"));
    let submit = ["submit", "few.toml", "--output", "out", "--tasks", "44", "--at-most", "3"];
    let said = cluster.homodyne(&[&submit[..], &LATER].concat());
    let arrays: Vec<&str> = said.lines().filter_map(|l| l.strip_prefix("shards")).map(str::trim).collect();
    assert_eq!(arrays.len(), 2, "{said}");
    for array in &arrays {
        assert_eq!(cluster.field(array, "ArrayTaskThrottle"), "3");
    }
    assert_eq!(cluster.field(arrays[0], "Dependency"), "(null)");
    assert!(cluster.field(arrays[1], "Dependency").contains(&format!("afterany:{}", arrays[0])));
    cluster.homodyne(&["cancel", "few", "--output", "out"]);
    cluster.wait_for_empty_queue();
}
