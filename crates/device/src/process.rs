//! A device that is a program of its own: an instrument behind a script, a simulation in another language.
//!
//! The program is started in the scenario's folder, once for each thread that needs it, and speaks on its standard input and output.
//! First it says what it is, in one line of JSON; then it answers requests until its input ends:
//!
//! ```text
//! program:  {"protocol": "homodyne-device 1", "parameters": M, "outputs": K, "gradient": false}
//! request:  {"do": "currents", "points": n}   and n·M numbers: voltages [V], point by point
//! answer:   {"points": n}                     and n·K numbers: currents [nA]
//! request:  {"do": "gradient", "points": 1}   and M numbers, if it has said that it knows its gradient
//! answer:   {"points": 1}                     and K·M numbers: derivatives [nA/V], output by output
//! or:       {"error": "what went wrong"}
//! ```
//!
//! Every line of JSON ends with a newline; numbers follow it at once, as 64-bit floats, little-endian, without anything between. What the
//! program writes to its standard error stands in the message if it fails.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use settings::{InputFile, SettingError};

use crate::kind::{DeviceKind, Surroundings};
use crate::{Device, DeviceError};

const PROTOCOL: &str = "homodyne-device 1";
/// Longest line of JSON, and what is kept of the standard error.
const LONGEST_LINE: usize = 1 << 20;
const KEPT_ERRORS: usize = 4000;
/// Time that a program has to end after its input has ended.
const PATIENCE: Duration = Duration::from_millis(500);
/// Longest time for an answer that can be asked for: a week.
const LONGEST_S: f64 = 604_800.0;

/// A program that is asked for currents on its standard input and answers on its standard output (docs/own-device.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSettings {
    /// The program and its arguments; it runs in the scenario's folder.
    pub command: Vec<String>,
    /// Longest time for an answer, and for the program to start (s).
    #[serde(default = "a_minute")]
    pub timeout_s: f64,
    /// Whether there is only one program, asked by one thread after the other: where it drives an instrument.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// Files whose content belongs to the study, such as the program's source: if one changes, the results are of another study.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<InputFile>,
    /// Operating point (V); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

fn a_minute() -> f64 {
    60.0
}

impl DeviceKind for ProcessSettings {
    fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        if self.command.is_empty() {
            return Err(SettingError::new("command", "is empty: must be a program and its arguments"));
        }
        if !(self.timeout_s > 0.0 && self.timeout_s <= LONGEST_S) {
            return Err(SettingError::found("timeout_s", self.timeout_s, "must be above 0, and at most 604800"));
        }
        let started = || {
            let timeout = Duration::from_secs_f64(self.timeout_s);
            Process::start(around.folder, &self.command, timeout).map(|process| process.alone(self.alone))
        };
        let key = format!("{} {:?} {} {}", around.folder.display(), self.command, self.timeout_s, self.alone);
        let process = around.shelf.process(key, started).map_err(|e| SettingError::new("command", e.to_string()))?;
        Ok(process)
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }

    fn files(&self) -> Vec<InputFile> {
        self.files.clone()
    }
}

/// A program, running as often as threads ask it at the same time, or once.
#[derive(Debug)]
pub struct Process {
    alone: bool,
    folder: PathBuf,
    command: Vec<String>,
    timeout: Duration,
    about: About,
    idle: Mutex<Vec<Running>>,
    turn: Mutex<()>,
    /// Why the program is not asked again.
    given_up: OnceLock<String>,
}

/// What a program says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct About {
    protocol: String,
    parameters: usize,
    #[serde(default = "one")]
    outputs: usize,
    #[serde(default)]
    gradient: bool,
}

fn one() -> usize {
    1
}

/// What an answer begins with.
#[derive(Deserialize)]
struct Answer {
    points: Option<usize>,
    error: Option<String>,
}

/// Why there is no answer.
enum Trouble {
    /// The program has ended, or was never started.
    Ended(String),
    /// It runs, but did not answer in time.
    Late(String),
    /// Its answer is none.
    Wrong(String),
}

impl Process {
    /// Starts a program in a folder; no answer may take longer than `timeout`.
    ///
    /// # Errors
    /// If it cannot be started, or does not say what it is.
    pub fn start(folder: &Path, command: &[String], timeout: Duration) -> Result<Self, DeviceError> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let (running, about) = Running::start(folder, command, timeout).map_err(|trouble| {
            let (Trouble::Ended(what) | Trouble::Late(what) | Trouble::Wrong(what)) = trouble;
            failed(command, &what)
        })?;
        Ok(Self {
            alone: false,
            folder: folder.to_owned(),
            command: command.to_vec(),
            timeout,
            about,
            idle: vec![running].into(),
            turn: Mutex::default(),
            given_up: OnceLock::new(),
        })
    }

    /// Whether there is only one program, asked by one thread after the other.
    #[must_use]
    pub fn alone(mut self, alone: bool) -> Self {
        self.alone = alone;
        self
    }

    /// Asks for `numbers` numbers. A program that has ended is started once more. If that does not help, or no answer comes in time, the
    /// program is not asked again: a study of many points would wait for each.
    fn ask(&self, what: &str, points: usize, sent: &[f64], numbers: usize) -> Result<Vec<f64>, DeviceError> {
        let _turn = self.alone.then(|| self.turn.lock().expect("no thread panics here"));
        if let Some(why) = self.given_up.get() {
            return Err(failed(&self.command, &format!("{why}\nit is not asked again")));
        }
        let request = format!("{}\n", json!({ "do": what, "points": points }));
        let found = self.asked(&request, points, sent, numbers).map_err(|trouble| {
            let (Trouble::Ended(what) | Trouble::Late(what) | Trouble::Wrong(what)) = &trouble;
            if !matches!(trouble, Trouble::Wrong(_)) {
                self.given_up.get_or_init(|| what.clone());
            }
            failed(&self.command, what)
        })?;
        if found.iter().any(|x| !x.is_finite()) {
            return Err(failed(&self.command, "it returned a number that is not finite"));
        }
        Ok(found)
    }

    fn asked(&self, request: &str, points: usize, sent: &[f64], numbers: usize) -> Result<Vec<f64>, Trouble> {
        let idle = self.idle.lock().expect("no thread panics here").pop();
        let mut running = match idle {
            Some(running) => running,
            None => self.another()?,
        };
        let found = match running.ask(request, sent, points, numbers, self.timeout) {
            Err(Trouble::Ended(_)) => {
                running = self.another()?;
                running.ask(request, sent, points, numbers, self.timeout)
            }
            other => other,
        }?;
        self.idle.lock().expect("no thread panics here").push(running);
        Ok(found)
    }

    fn another(&self) -> Result<Running, Trouble> {
        let (running, about) = Running::start(&self.folder, &self.command, self.timeout)?;
        if about != self.about {
            return Err(Trouble::Ended("it says something else of itself than when it was started first".to_owned()));
        }
        Ok(running)
    }
}

fn failed(command: &[String], what: &str) -> DeviceError {
    DeviceError::Evaluation(format!("the program `{}`: {what}", command.join(" ")))
}

impl Device for Process {
    fn parameters(&self) -> usize {
        self.about.parameters
    }

    fn outputs(&self) -> usize {
        self.about.outputs
    }

    fn evaluate(&self, volt: ArrayView2<f64>, mut currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        let sent: Vec<f64> = volt.iter().copied().collect();
        let found = self.ask("currents", volt.nrows(), &sent, currents_na.len())?;
        currents_na.iter_mut().zip(found).for_each(|(current, found)| *current = found);
        Ok(())
    }

    fn gradient(&self, volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        if !self.about.gradient {
            return Ok(None);
        }
        let shape = (self.about.outputs, self.about.parameters);
        let found = self.ask("gradient", 1, volt, shape.0 * shape.1)?;
        Ok(Some(Array2::from_shape_vec(shape, found).expect("as many as were asked for")))
    }
}

/// A program that runs.
#[derive(Debug)]
struct Running {
    child: Child,
    /// Written by a thread of its own, so that a program which does not read is noticed in time.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Vec<u8>>,
    waiting: Vec<u8>,
    errors: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    fn start(folder: &Path, command: &[String], timeout: Duration) -> Result<(Self, About), Trouble> {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Trouble::Ended(format!("cannot be started in `{}`: {e}", folder.display())))?;
        let errors = Arc::new(Mutex::new(Vec::new()));
        let (told, output) = channel();
        let (mut from, mut from_errors) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 16];
            while let Ok(read @ 1..) = from.read(&mut piece) {
                if told.send(piece[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let kept = Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 12];
            while let Ok(read @ 1..) = from_errors.read(&mut piece) {
                let mut kept = kept.lock().expect("no thread panics here");
                kept.extend_from_slice(&piece[..read]);
                let surplus = kept.len().saturating_sub(KEPT_ERRORS);
                kept.drain(..surplus);
            }
        });
        let mut to = child.stdin.take().expect("piped");
        let (input, messages) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            while messages.recv().is_ok_and(|message| to.write_all(&message).and_then(|()| to.flush()).is_ok()) {}
        });
        let mut running = Self { child, input: Some(input), output, waiting: Vec::new(), errors };
        let line = running.line(Instant::now() + timeout)?;
        let about = serde_json::from_slice::<About>(&line).ok();
        match about.filter(|a| a.protocol == PROTOCOL && a.parameters > 0 && a.outputs > 0) {
            Some(about) => Ok((running, about)),
            None => {
                let what = format!(
                    "its first line must be {{\"protocol\": \"{PROTOCOL}\", \"parameters\": M, \"outputs\": K}}"
                );
                Err(running.wrong(&line, &what))
            }
        }
    }

    fn ask(
        &mut self,
        request: &str,
        sent: &[f64],
        points: usize,
        numbers: usize,
        timeout: Duration,
    ) -> Result<Vec<f64>, Trouble> {
        let until = Instant::now() + timeout;
        let mut message = request.as_bytes().to_vec();
        message.extend(sent.iter().flat_map(|x| x.to_le_bytes()));
        if self.input.as_ref().is_none_or(|input| input.send(message).is_err()) {
            return Err(self.ended());
        }
        let line = self.line(until)?;
        match serde_json::from_slice::<Answer>(&line) {
            Ok(Answer { error: Some(error), .. }) => Err(Trouble::Wrong(error)),
            Ok(Answer { points: Some(found), .. }) if found == points => {
                let bytes = self.take(8 * numbers, until)?;
                Ok(bytes.chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().expect("eight bytes"))).collect())
            }
            Ok(_) => Err(self.wrong(&line, &format!("must be {{\"points\": {points}}} or {{\"error\": …}}"))),
            Err(e) => Err(self.wrong(&line, &e.to_string())),
        }
    }

    /// The next line of JSON.
    fn line(&mut self, until: Instant) -> Result<Vec<u8>, Trouble> {
        loop {
            if let Some(end) = self.waiting.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.waiting.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            if self.waiting.len() > LONGEST_LINE {
                let begun = self.waiting[..80].to_vec();
                return Err(self.wrong(&begun, "a line of JSON must come first"));
            }
            self.more(until)?;
        }
    }

    fn take(&mut self, bytes: usize, until: Instant) -> Result<Vec<u8>, Trouble> {
        while self.waiting.len() < bytes {
            self.more(until)?;
        }
        Ok(self.waiting.drain(..bytes).collect())
    }

    fn more(&mut self, until: Instant) -> Result<(), Trouble> {
        match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(piece) => {
                self.waiting.extend(piece);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(Trouble::Late(format!("did not answer in time (`timeout_s`){}", self.said())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    fn ended(&mut self) -> Trouble {
        self.input = None;
        let status = self.wait(PATIENCE).map_or_else(|| "closed its output".to_owned(), |s| format!("has ended ({s})"));
        Trouble::Ended(format!("{status}{}", self.said()))
    }

    fn wrong(&self, line: &[u8], what: &str) -> Trouble {
        let line: String = String::from_utf8_lossy(line).chars().take(80).collect();
        Trouble::Wrong(format!("wrote `{line}`: {what}{}", self.said()))
    }

    /// The end of its standard error.
    fn said(&self) -> String {
        let errors = self.errors.lock().expect("no thread panics here");
        let text = String::from_utf8_lossy(&errors);
        if text.trim().is_empty() { String::new() } else { format!("; it said:\n{}", text.trim_end()) }
    }

    fn wait(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                _ => return None,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.input = None;
        if self.wait(PATIENCE).is_none() {
            // it may have ended by itself since
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    /// A program in Python, where there is one: I = 3 V₁ + V₂², and its gradient.
    fn program(folder: &Path, body: &str) -> Option<Vec<String>> {
        let python = ["python3", "python"].into_iter().find(|p| Command::new(p).arg("--version").output().is_ok())?;
        let text = format!(
            "import json, struct, sys\n\
             say = lambda d, *x: (sys.stdout.buffer.write(json.dumps(d).encode() + b'\\n' + struct.pack(f'<{{len(x)}}d', *x)), \
             sys.stdout.flush())\n\
             say({{'protocol': 'homodyne-device 1', 'parameters': 2, 'outputs': 1, 'gradient': True}})\n\
             while line := sys.stdin.buffer.readline():\n\
             \x20   asked = json.loads(line)\n\
             \x20   n = asked['points']\n\
             \x20   v = struct.unpack(f'<{{2 * n}}d', sys.stdin.buffer.read(16 * n))\n\
             \x20   if asked['do'] == 'gradient':\n\
             \x20       say({{'points': 1}}, 3, 2 * v[1])\n\
             \x20       continue\n\
             {body}\n\
             \x20   say({{'points': n}}, *[3 * v[2 * k] + v[2 * k + 1] ** 2 for k in range(n)])\n"
        );
        std::fs::write(folder.join("device.py"), text).unwrap();
        Some(vec![python.to_owned(), "device.py".to_owned()])
    }

    fn skipped() {
        eprintln!("skipped: no Python");
    }

    #[test]
    fn a_program_answers_many_threads_and_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        // it ends without an answer when a file stands there, which it removes
        let body = "    import os\n    if os.path.exists('die'):\n        os.remove('die')\n        sys.exit(3)";
        let Some(command) = program(folder.path(), body) else { return skipped() };
        let process = Arc::new(Process::start(folder.path(), &command, Duration::from_secs(60)).unwrap());
        assert_eq!((process.parameters(), process.outputs()), (2, 1));
        conformance::gradient_equals_differences(process.as_ref(), &[0.3, 0.5], 1e-6);
        let currents = |first: f64| {
            let volt = Array2::from_shape_fn((1000, 2), |(k, m)| if m == 0 { first } else { k as f64 });
            crate::currents_na(process.as_ref(), volt.view()).unwrap()
        };
        std::thread::scope(|scope| {
            for first in [1.0, 2.0, 3.0] {
                scope.spawn(move || {
                    for (k, current) in currents(first).into_iter().enumerate() {
                        assert!((current - (3.0 * first + (k * k) as f64)).abs() < 1e-9, "{current}");
                    }
                });
            }
        });
        assert!(process.idle.lock().unwrap().len() <= 3);
        std::fs::write(folder.path().join("die"), "").unwrap();
        assert!((currents(1.0)[2] - 7.0).abs() < 1e-12);
        assert!(!folder.path().join("die").exists());
    }

    #[test]
    fn a_program_that_is_alone_is_started_once() {
        let folder = tempfile::tempdir().unwrap();
        let Some(command) = program(folder.path(), "    import time; time.sleep(0.01)") else { return skipped() };
        let process = Process::start(folder.path(), &command, Duration::from_secs(60)).unwrap().alone(true);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| crate::currents_na(&process, ndarray::array![[1.0, 0.0]].view()).unwrap());
            }
        });
        assert_eq!(process.idle.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_program_that_does_not_answer_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        for (body, word) in [
            ("    open('asked', 'a').write('x'); import time; time.sleep(600)", "in time"),
            ("    open('asked', 'a').write('x'); sys.exit(2)", "has ended"),
        ] {
            let Some(command) = program(folder.path(), body) else { return skipped() };
            let process = Process::start(folder.path(), &command, Duration::from_secs(3)).unwrap();
            let told = || crate::currents_na(&process, ndarray::array![[0.0, 0.0]].view()).unwrap_err().to_string();
            let first = told();
            let asked = || std::fs::read(folder.path().join("asked")).unwrap().len();
            let before = asked();
            assert!(first.contains(word) && !first.contains("again"), "{first}");
            let second = told();
            assert!(second.contains(word) && second.contains("not asked again"), "{second}");
            assert_eq!(asked(), before);
            std::fs::remove_file(folder.path().join("asked")).unwrap();
        }
    }

    #[test]
    fn what_goes_wrong_is_told_with_what_the_program_said() {
        let folder = tempfile::tempdir().unwrap();
        let told = |body: &str, timeout_s: f64| {
            let command = program(folder.path(), body)?;
            let process = Process::start(folder.path(), &command, Duration::from_secs_f64(timeout_s)).unwrap();
            Some(crate::currents_na(&process, ndarray::array![[0.0, 0.0]].view()).unwrap_err().to_string())
        };
        let Some(ended) = told("    sys.exit('no cable')", 60.0) else { return skipped() };
        assert!(ended.contains("device.py") && ended.contains("has ended") && ended.contains("no cable"), "{ended}");
        let error = told("    say({'error': 'out of range'})\n    continue", 60.0).unwrap();
        assert!(error.contains("out of range"), "{error}");
        let wrong = told("    say({'points': 7})", 60.0).unwrap();
        assert!(wrong.contains(r#"{"points": 7}"#) && wrong.contains(r#"must be {"points": 1}"#), "{wrong}");
        let infinite = told("    say({'points': 1}, float('inf'))\n    continue", 60.0).unwrap();
        assert!(infinite.contains("not finite"), "{infinite}");
        let late = told("    import time; time.sleep(600)", 3.0).unwrap();
        assert!(late.contains("in time"), "{late}");
        let start = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|s| (*s).to_owned()).collect();
            Process::start(folder.path(), &command, Duration::from_secs(60)).unwrap_err().to_string()
        };
        assert!(start(&["no-such-program"]).contains("cannot be started"));
        assert!(start(&["echo", "hello"]).contains("wrote `hello`: its first line must be"));
    }
}
