//! Help on commands and on the keys of scenarios.

mod keys;

use std::io::Write;

use clap::{Args, CommandFactory};
use serde_json::Value;

use crate::failure::Failure;
use crate::say;
use keys::{Key, keys};

/// Print help on a command, or on a key of scenarios.
///
/// A key is given by its path, by the end of it, or by its name alone. What is a command and a table too, as `noise`, is the command:
/// put the table in brackets, and these in quotes for the shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne help run                               a command
  homodyne help estimator.amplitude_volt          a key of scenarios
  homodyne help corner_hz                         wherever it stands
  homodyne help '[noise]'                         a table, with its kinds
  homodyne help --all > keys.md                   all keys, as Markdown")]
pub(crate) struct Help {
    /// Command with its own commands, or key.
    words: Vec<String>,
    /// Print all keys of scenarios as Markdown.
    #[arg(long, conflicts_with = "words")]
    all: bool,
    /// Machine-readable output of keys.
    #[arg(long)]
    json: bool,
}

/// Columns of the output.
const WIDTH: usize = 100;
/// Likeness from which on a name is proposed for one that is not known, and the most that are.
const LIKE: f64 = 0.6;
const MOST_PROPOSED: usize = 3;

impl Help {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        if !self.all && self.words.is_empty() && !self.json {
            print_help(&mut crate::Cli::command());
            return Ok(());
        }
        let command = command(&self.words);
        if let Some(mut command) = command.filter(|_| !self.json && !self.all) {
            print_help(&mut command);
            if let [word] = &self.words[..]
                && keys(&figures::schema()).iter().any(|key| key.path == *word)
            {
                say!("\nThe table of scenarios: homodyne help '[{word}]'");
            }
            return Ok(());
        }
        let all = keys(&figures::schema());
        if self.all && !self.json {
            say::all(|out| out.write_all(page(&all).as_bytes()));
            return Ok(());
        }
        let found = if self.words.is_empty() { all.clone() } else { named(&self.words.join("."), &all)? };
        if self.json {
            say!("{:#}", Value::Array(found.iter().map(Key::json).collect()));
            return Ok(());
        }
        let texts: Vec<String> = found.iter().map(|key| described(key, &all)).collect();
        say!("{}", texts.join("\n").trim_end());
        Ok(())
    }
}

/// The command of these names, if there is one.
fn command(words: &[String]) -> Option<clap::Command> {
    let mut root = crate::Cli::command();
    root.build();
    let first = root;
    words.iter().try_fold(first, |command, word| command.find_subcommand(word).cloned())
}

fn print_help(command: &mut clap::Command) {
    // into memory first: clap panics on a closed pipe
    let text = command.render_long_help().to_string();
    say!("{}", text.trim_end());
}

/// Keys of a path, of an end of a path, or of a name.
fn named(asked: &str, all: &[Key]) -> Result<Vec<Key>, Failure> {
    let asked = asked.trim_matches(['[', ']']).replace("[]", "");
    let by = |is: &dyn Fn(&Key) -> bool| all.iter().filter(|key| is(key)).cloned().collect::<Vec<Key>>();
    let mut found = by(&|key| key.plain_path() == asked);
    if found.is_empty() {
        found = by(&|key| key.plain_path().ends_with(&format!(".{asked}")));
    }
    if !found.is_empty() {
        return Ok(merged(found));
    }
    let likeness = |key: &Key| {
        let like = |name: &str| strsim::normalized_damerau_levenshtein(&asked, name);
        like(&key.plain_path()).max(like(key.name()))
    };
    let mut near: Vec<(f64, String)> = all.iter().map(|key| (likeness(key), key.plain_path())).collect();
    near.retain(|(likeness, _)| *likeness >= LIKE);
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    let near: Vec<String> = near.into_iter().take(MOST_PROPOSED).map(|(_, path)| format!("`{path}`")).collect();
    let advice = match near.is_empty() {
        true => "`homodyne help` lists commands, `homodyne help --all` all keys of scenarios".to_owned(),
        false => format!("did you mean {}?", near.join(" or ")),
    };
    Err(Failure::BadInput(format!("`{asked}` is no command and no key of scenarios: {advice}")))
}

/// One key for those of one path that differ in the kind they belong to alone.
fn merged(found: Vec<Key>) -> Vec<Key> {
    let mut merged: Vec<Key> = Vec::new();
    for mut key in found {
        let kinds = key.within.join(" and ");
        key.within = if kinds.is_empty() { Vec::new() } else { vec![kinds] };
        let same = |other: &&mut Key| {
            Key { within: Vec::new(), ..(**other).clone() } == Key { within: Vec::new(), ..key.clone() }
        };
        match merged.iter_mut().find(same) {
            Some(other) => other.within.extend(key.within),
            None => merged.push(key),
        }
    }
    merged
}

/// A key as text; a table with its keys.
fn described(key: &Key, all: &[Key]) -> String {
    let mut text = format!("{}\n", key.path);
    let mut line = |line: &str| text.push_str(&wrapped(line, 4));
    if !key.within.is_empty() {
        line(&format!("with {}", key.within.join(" or ")));
    }
    line(&key.about);
    line(&value_of(key));
    for (word, about) in &key.choices {
        line(&format!("\"{word}\"  {about}"));
    }
    let inner = |other: &&Key| {
        let path = other.path.strip_prefix(&key.path).map(|rest| rest.trim_start_matches("[]"));
        path.and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| !rest.contains('.'))
    };
    let mut last_kind = None;
    for other in all.iter().filter(inner) {
        let kind = other.within.last().filter(|kind| kind.starts_with(&key.path));
        if kind != last_kind {
            text.push_str(&kind.map_or_else(String::new, |kind| format!("\n    {kind}\n")));
            last_kind = kind;
        }
        let first = other.about.split_inclusive(". ").next().unwrap_or_default().trim_end();
        text.push_str(&wrapped(&format!("{}  {first}", other.name()), 6));
    }
    text
}

/// What the value may be, and what it is if it is not given.
fn value_of(key: &Key) -> String {
    let mut forms = key.forms.clone();
    match (key.choices.is_empty(), key.is_table) {
        (false, true) => forms.push("table of one of these kinds".to_owned()),
        (false, false) => forms.push("one of these words".to_owned()),
        (true, true) if !forms.iter().any(|form| form.ends_with("tables")) => forms.push("table".to_owned()),
        _ => {}
    }
    let default = match (&key.default, key.is_optional) {
        (Some(default), _) => format!("; default {}", as_toml(default)),
        (None, true) => "; may be left out".to_owned(),
        (None, false) => String::new(),
    };
    format!("{}{default}", forms.join(", or "))
}

/// A value as it is written in a scenario.
fn as_toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", as_toml(value))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Value::Array(list) => format!("[{}]", list.iter().map(as_toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// In lines of at most [`WIDTH`] columns, indented; further lines by four more.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().expect("one is there");
        let taken = indent + if lines.len() > 1 { 4 } else { 0 } + last.chars().count() + 1 + word.chars().count();
        if taken > WIDTH && !last.is_empty() {
            lines.push(word.to_owned());
        } else {
            let last = lines.last_mut().expect("one is there");
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    let indented =
        |(number, line): (usize, &String)| format!("{:1$}{line}\n", "", indent + if number > 0 { 4 } else { 0 });
    lines.iter().enumerate().map(indented).collect()
}

/// All keys as a page of the manual.
fn page(all: &[Key]) -> String {
    let mut page = "# Keys of scenarios\n\n[README](../README.md), [scenarios](scenarios.md). Written by `homodyne help --all > docs/keys.md`.\n".to_owned();
    let cell = |text: &str| text.replace('|', "\\|");
    let mut heading = String::new();
    for key in all {
        let table = key.path.split('.').next().unwrap_or_default();
        if key.path == table {
            page.push_str(&format!("\n## [{table}]\n\n{}\n", key.about));
            for (word, about) in &key.choices {
                page.push_str(&format!("\n- `kind = \"{word}\"`: {about}"));
            }
            page.push('\n');
            heading.clear();
            continue;
        }
        let own = if key.within.is_empty() { format!("[{table}]") } else { key.within.join(", ") };
        if own != heading {
            page.push_str(&format!("\n`{own}`\n\n| key | value | |\n|---|---|---|\n"));
            heading = own;
        }
        let words: Vec<String> = key.choices.iter().map(|(word, about)| format!("`\"{word}\"` {about}")).collect();
        let words = if words.is_empty() { String::new() } else { format!(" {}", words.join(" ")) };
        page.push_str(&format!(
            "| `{}` | {} | {}{} |\n",
            key.path,
            cell(&value_of(key)),
            cell(&key.about),
            cell(&words)
        ));
    }
    page.replace("\n\n\n", "\n\n")
}
