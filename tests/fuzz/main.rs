//! Gives the program damaged files of every kind that it reads, and reports each that does not end well: crash, hang, abort,
//! panic, an exit code that is not documented, a message that names neither file nor key, something half-written.
//!
//! Trial k depends on the seed and on k alone. `scripts/fuzz.sh` starts it.

mod arrays;
mod corpus;
mod damage;
mod judge;
mod results;
mod trials;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use corpus::Corpus;
use trials::{Kind, Trial};

const USAGE: &str = "\
usage: scripts/fuzz.sh [SECONDS [SEED]] [--replay K] [--from K] [--only KIND] [--binary PATH]
  SECONDS       how long; 60 if not given
  SEED          of all trials; 1 if not given
  --replay K    only trial K: its files are kept, and what each command says is shown
  --from K      begin with trial K
  --only KIND   only scenario, shipped, device, npz, npy, csv, results, rearranged or checkpoint
  --binary PATH the program; target/release/homodyne if not given";

struct Options {
    seconds: u64,
    seed: u64,
    replay: Option<u64>,
    from: u64,
    only: Option<String>,
    binary: PathBuf,
    kept: PathBuf,
}

fn options(root: &Path) -> Result<Options, String> {
    let mut options = Options {
        seconds: 60,
        seed: 1,
        replay: None,
        from: 0,
        only: None,
        binary: root.join("target/release/homodyne"),
        kept: root.join("target/fuzz"),
    };
    let mut plain = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number\n{USAGE}"));
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value\n{USAGE}"));
        match argument.as_str() {
            "--replay" => options.replay = Some(number(&value()?)?),
            "--from" => options.from = number(&value()?)?,
            "--only" => options.only = Some(value()?),
            "--binary" => options.binary = std::path::absolute(value()?).map_err(|e| e.to_string())?,
            text if plain < 2 && !text.starts_with('-') => {
                *[&mut options.seconds, &mut options.seed][plain] = number(text)?;
                plain += 1;
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}

/// Counts of one kind.
#[derive(Default)]
struct Counts {
    trials: u64,
    done: u64,
    stopped: u64,
    faults: u64,
}

fn main() -> ExitCode {
    match fuzz() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn fuzz() -> Result<u64, String> {
    let root = std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).map_err(|e| e.to_string())?;
    let options = options(&root)?;
    let bench = tempfile::tempdir().map_err(|e| e.to_string())?;
    let sound = bench.path().join("sound");
    std::fs::create_dir(&sound).map_err(|e| e.to_string())?;
    let corpus = Corpus::make(&options.binary, &root, &sound)?;
    if let Some(number) = options.replay {
        let trial = Trial::new(&corpus, options.seed, number);
        return attempt(&options, number, &trial, bench.path(), true).map(|(faults, ..)| faults);
    }
    let started = Instant::now();
    let mut by_kind: BTreeMap<Kind, Counts> = BTreeMap::new();
    let mut number = options.from;
    while started.elapsed() < Duration::from_secs(options.seconds) {
        let trial = Trial::new(&corpus, options.seed, number);
        let wanted = options.only.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(&format!("{:?}", trial.kind)));
        if wanted {
            let (faults, done, stopped) = attempt(&options, number, &trial, bench.path(), false)?;
            let counts = by_kind.entry(trial.kind).or_default();
            counts.trials += 1;
            counts.done += done;
            counts.stopped += stopped;
            counts.faults += faults;
        }
        number += 1;
    }
    let (mut trials, mut faults) = (0, 0);
    println!("{:12} {:>7} {:>9} {:>14} {:>7}", "damaged", "trials", "commands", "of them asked", "faults");
    println!("{:12} {:>7} {:>9} {:>14} {:>7}", "", "", "done", "to stop", "");
    for (kind, counts) in &by_kind {
        println!(
            "{:12} {:>7} {:>9} {:>14} {:>7}",
            format!("{kind:?}").to_lowercase(),
            counts.trials,
            counts.done,
            counts.stopped,
            counts.faults
        );
        trials += counts.trials;
        faults += counts.faults;
    }
    println!("seed {}, trials {} to {number}: {trials} trials, {faults} faults", options.seed, options.from);
    Ok(faults)
}

/// Faults, commands that were done, and commands that were asked to stop.
fn attempt(
    options: &Options,
    number: u64,
    trial: &Trial,
    bench: &Path,
    is_shown: bool,
) -> Result<(u64, u64, u64), String> {
    let fail = |e: std::io::Error| format!("trial {number}: {e}");
    let folder = bench.join("trial");
    lay_out(&folder, trial).map_err(fail)?;
    if is_shown {
        println!("trial {number}: {:?} `{}`: {}", trial.kind, trial.damaged, trial.damage.join("; "));
    }
    let (mut faults, mut done, mut stopped) = (0, 0, 0);
    for call in &trial.calls {
        let ended = judge::run(&options.binary, &folder, trial, call).map_err(fail)?;
        done += u64::from(ended.is_done);
        stopped += u64::from(ended.was_stopped);
        let command = format!("homodyne {}", call.arguments.join(" "));
        if is_shown {
            println!("$ {command}\n{}", ended.message.trim_end());
        }
        if let Some(fault) = ended.fault {
            faults += 1;
            let said: String = ended.message.trim().chars().take(300).collect();
            println!(
                "FAULT in trial {number} ({fault}): {command}\n  `{}`: {}\n  {}",
                trial.damaged,
                trial.damage.join("; "),
                said.replace('\n', "\n  ")
            );
        }
    }
    if faults > 0 || is_shown {
        let kept = options.kept.join(format!("{}-{number}", options.seed));
        lay_out(&kept, trial).map_err(fail)?;
        println!("  the files are in {}", kept.display());
    }
    Ok((faults, done, stopped))
}

/// Writes the files of a trial into a folder of its own.
fn lay_out(folder: &Path, trial: &Trial) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder.join("out"))?;
    trial.files.iter().try_for_each(|(name, content)| std::fs::write(folder.join(name), content))
}
