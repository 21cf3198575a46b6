//! User options for sbatch as script lines; options that would break the script are refused.

use crate::text;

const OWN: &str = "homodyne sets it itself";
const PRINTS: &str = "it prints something and submits nothing";

/// Refused options: long and short name, and reason.
const REFUSED: [(&str, Option<char>, &str); 17] = [
    ("array", Some('a'), "homodyne sets it itself, from --tasks and --at-most"),
    ("output", Some('o'), OWN),
    ("open-mode", None, OWN),
    ("dependency", Some('d'), "homodyne sets it itself: the merge waits for the shards"),
    ("requeue", None, OWN),
    ("signal", None, "tasks save their work upon the signal that homodyne asks for, 90 s before the time limit"),
    ("no-requeue", None, "tasks are requeued before their time limit"),
    ("nodes", Some('N'), "a task is one process on one node: give it more CPUs, or the study more --tasks"),
    ("chdir", Some('D'), "the scripts go to the folder in which `homodyne submit` was run"),
    (
        "clusters",
        Some('M'),
        "jobs of another cluster cannot be followed from here: submit on a machine of that cluster",
    ),
    ("wrap", None, "it replaces the script"),
    (
        "wait",
        Some('W'),
        "`homodyne submit` would return only after the whole study: `homodyne status` says how far it is",
    ),
    ("test-only", None, "nothing would be submitted: `homodyne submit --dry-run` shows the scripts"),
    ("parsable", None, OWN),
    ("help", Some('h'), PRINTS),
    ("usage", None, PRINTS),
    ("version", Some('V'), PRINTS),
];

/// Short options without a value, which may be combined with others in one word.
const FLAGS: &str = "HhkOQsvVW";

/// Shortest time limit \[s\]: work is saved 90 s before it, and Slurm may send the signal up to 60 s early.
const SHORTEST_S: u64 = 300;

/// Options as lines of a script: each begins at a word that starts with `-`.
///
/// # Errors
/// If quotes are unbalanced, a word precedes the first option, there is a line break, or an option is set by homodyne
/// itself or would prevent tasks from saving their work; the message names it.
pub fn options(given: &str) -> Result<Vec<String>, String> {
    let fail = |what: String| format!("--slurm {}: {what}", text::shell_word(&given.escape_debug().to_string()));
    text::one_line(given).map_err(|_| fail("holds a line break or another control character".to_owned()))?;
    let words = shell_words::split(given).map_err(|e| fail(e.to_string()))?;
    let mut lines: Vec<String> = Vec::new();
    let mut values = words.iter().skip(1).map(Some).chain([None]);
    for word in &words {
        let next = values.next().flatten().filter(|w| !w.starts_with('-'));
        if [":", "hetjob", "packjob"].contains(&word.as_str()) {
            return Err(fail(format!("`{word}`: heterogeneous jobs are not supported")));
        }
        if let Some(reason) = refusal(word, next.map(String::as_str)) {
            return Err(fail(format!("`{word}`: {reason}. Leave it out")));
        }
        match lines.last_mut() {
            _ if word.starts_with('-') => lines.push(quoted(word)),
            Some(line) => {
                line.push(' ');
                line.push_str(&quoted(word));
            }
            None => return Err(fail("must begin with an option, as in \"--partition=long\"".to_owned())),
        }
    }
    Ok(lines)
}

/// Reason for refusing an option, if any; `next` is the following word.
fn refusal(word: &str, next: Option<&str>) -> Option<String> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, next), |(name, value)| (name, Some(value)));
        if name.is_empty() {
            return Some("is not an option".to_owned());
        }
        // sbatch accepts unambiguous abbreviations
        let refused = REFUSED.iter().find(|(refused, ..)| *refused == name);
        let refused = refused.or_else(|| REFUSED.iter().find(|(refused, ..)| refused.starts_with(name)));
        return match refused {
            Some(("nodes", ..)) if value == Some("1") => None,
            Some((.., reason)) => Some((*reason).to_owned()),
            None if ["time", "time-min"].contains(&name) => too_short(value?),
            None => None,
        };
    }
    let letters = word.strip_prefix('-')?;
    for (k, letter) in letters.char_indices() {
        let rest = letters[k + letter.len_utf8()..].trim_start_matches('=');
        let value = Some(rest).filter(|r| !r.is_empty()).or(next);
        match REFUSED.iter().find(|(_, short, _)| *short == Some(letter)) {
            Some(("nodes", ..)) if value == Some("1") => return None,
            Some((.., reason)) => return Some((*reason).to_owned()),
            None if letter == 't' => return too_short(value?),
            None if !FLAGS.contains(letter) => return None,
            None => {}
        }
    }
    None
}

/// An error if the time limit is too short.
fn too_short(limit: &str) -> Option<String> {
    let seconds = seconds(limit).filter(|s| *s > 0)?;
    (seconds < SHORTEST_S).then(|| {
        format!(
            "work is saved 90 s before the time limit, which Slurm keeps to within a minute: {SHORTEST_S} s are needed to \
             get anywhere, found {seconds} s"
        )
    })
}

/// Seconds from `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours[:minutes[:seconds]]`; `None`
/// otherwise (`UNLIMITED`, or values that sbatch itself refuses).
fn seconds(limit: &str) -> Option<u64> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n < 1 << 32);
    if let Some((days, rest)) = limit.split_once('-') {
        let mut parts = rest.split(':').map(number);
        let mut part = || parts.next().unwrap_or(Some(0));
        return Some(number(days)? * 86_400 + part()? * 3600 + part()? * 60 + part()?);
    }
    let parts: Vec<u64> = limit.split(':').map(number).collect::<Option<_>>()?;
    match parts[..] {
        [minutes] => Some(60 * minutes),
        [minutes, seconds] => Some(60 * minutes + seconds),
        [hours, minutes, seconds] => Some(3600 * hours + 60 * minutes + seconds),
        _ => None,
    }
}

/// A word of a `#SBATCH` line. Unlike a shell, sbatch interprets backslashes within either kind of quotes.
pub(super) fn quoted(word: &str) -> String {
    if text::shell_word(word) == word {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_lines() {
        assert_eq!(
            options("--partition=long -t 1:00:00 --comment 'two words' --nodes=1 -N1 -n 4 --exclusive").unwrap(),
            ["--partition=long", "-t 1:00:00", "--comment \"two words\"", "--nodes=1", "-N1", "-n 4", "--exclusive"]
        );
        assert_eq!(options("--comment='a \"b\" \\ #c'").unwrap(), ["\"--comment=a \\\"b\\\" \\\\ #c\""]);
        assert_eq!(options("").unwrap(), Vec::<String>::new());
        for bad in ["long", "--comment 'open", "--comment=a\n--wrap=ls", "--comment=a\r", "--partition=long -- x"] {
            assert!(options(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_that_break_saving_or_submission_are_refused_with_the_reason() {
        for (bad, reason) in [
            ("--array=1-3", "--at-most"),
            ("-a1-3", "--at-most"),
            ("--arr 1-3", "--at-most"),
            ("-Qa 1-3", "--at-most"),
            ("--signal=TERM@5", "save their work"),
            ("--no-requeue", "requeued before their time limit"),
            ("--no-req", "requeued before their time limit"),
            ("--wrap='rm -r x'", "replaces the script"),
            ("--wait", "would return only after"),
            ("-W", "would return only after"),
            ("-kW", "would return only after"),
            ("--test-only", "--dry-run"),
            ("--parsable", "sets it itself"),
            ("--chdir=/tmp", "folder in which"),
            ("-D /tmp", "folder in which"),
            ("--clusters=other", "cannot be followed"),
            ("--nodes=2", "one node"),
            ("-N 2", "one node"),
            ("--output x.log", "sets it itself"),
            ("--dependency=singleton", "the merge waits"),
            ("--help", "submits nothing"),
            ("--partition=a : --partition=b", "heterogeneous jobs"),
            ("--time=2", "found 120 s"),
            ("-t 0:30", "found 30 s"),
            ("-t0-0:4", "found 240 s"),
            ("--time-min 00:04:59", "found 299 s"),
        ] {
            let message = options(bad).unwrap_err();
            assert!(message.contains(reason) && message.starts_with("--slurm "), "{bad}: {message}");
        }
    }

    /// Options that resemble refused ones but are allowed.
    #[test]
    fn other_options_pass() {
        for good in [
            "--partition=wait",
            "-p a",
            "-JaW",
            "--time=5",
            "-t 1-0",
            "--time=UNLIMITED",
            "--export=NONE",
            "--cpus-per-task=8 --mem=4G",
            "--nodelist=n1",
            "--no-kill",
            "--wait-all-nodes=1",
            "-e err.log",
            "-Hv",
            "--hold --begin=now+1hour",
        ] {
            assert!(options(good).is_ok(), "{good}: {:?}", options(good));
        }
    }
}
