//! A scenario as a TOML document: its tree, the lines of its keys, and changes from the command line.

use std::path::{Path, PathBuf};

use settings::SettingError;
use toml::de::{DeArray, DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::ScenarioError;

/// An error at a key, before its line is known.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyError {
    /// Dotted path of the key.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
    /// Whether the table has no such key.
    pub is_unknown: bool,
}

impl KeyError {
    /// An error at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), is_unknown: false }
    }

    /// An error in the settings at `place`.
    #[must_use]
    pub fn at(place: &str, error: SettingError) -> Self {
        let SettingError { field, message } = error.within(place);
        Self::new(field, message)
    }
}

/// A scenario file as a TOML tree, not yet interpreted.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it was read.
    pub file: PathBuf,
    /// Its text, as read.
    pub text: String,
    /// Its tree, with changes applied.
    pub table: Table,
    overridden: Vec<String>,
}

impl Document {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// If it cannot be read or is not TOML.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = tables::read_text(file).map_err(|e| ScenarioError {
            file: file.to_owned(),
            line: None,
            message: format!("cannot read the scenario: {e}"),
        })?;
        Self::parse(file, text)
    }

    /// Parses the text of a scenario; `file` appears in messages, and paths are relative to its folder.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn parse(file: &Path, text: String) -> Result<Self, ScenarioError> {
        let table = toml::from_str::<Table>(&text).map_err(|e| {
            let line = e.span().map(|span| line_at(&text, span.start));
            let found = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
            ScenarioError { file: file.to_owned(), line, message: invalid_toml(e.message(), found) }
        })?;
        Ok(Self { file: file.to_owned(), text, table, overridden: Vec::new() })
    }

    /// Applies `key=value`, with key and value in TOML syntax; a bare word is a string. The previous value is replaced, a table as a
    /// whole; whole numbers in the key are indices of lists.
    ///
    /// # Errors
    /// If it is not an assignment, or a parent of the key is neither a table nor a list.
    pub fn set(&mut self, assignment: &str) -> Result<(), ScenarioError> {
        let refuse = |message: String| ScenarioError {
            file: self.file.clone(),
            line: None,
            message: format!("--set {assignment}: {message}"),
        };
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(refuse("must read key=value".to_owned()));
        };
        let path = path_of(key).map_err(refuse)?;
        let value = value_of(value).map_err(refuse)?;
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        set_in(&mut self.table, &parts, value).map_err(refuse)?;
        self.overridden.push(path.join("."));
        Ok(())
    }

    /// Refuses a change from the command line that has no effect, because the sweep sets the key at every point.
    ///
    /// # Errors
    /// At the first such change.
    pub(crate) fn refuse_without_effect(&self) -> Result<(), KeyError> {
        let swept = swept_keys(&self.table);
        let given_above = |key: &str| swept.iter().find(|axis| is_at_or_below(key, axis));
        let Some((key, axis)) = self.overridden.iter().find_map(|key| Some((key, given_above(key)?))) else {
            return Ok(());
        };
        let what = if key == axis { "it".to_owned() } else { format!("the whole of `{axis}`") };
        let message = format!(
            "--set {key} has no effect: the sweep gives {what} at every point; change it there, as in \
             --set 'sweep.\"{axis}\"=[…]'"
        );
        Err(KeyError::new("", message))
    }

    /// Folder to which paths in the scenario are relative.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or_else(|| Path::new("."))
    }

    /// The error with its line in this file, or with a note that it comes from the command line.
    #[must_use]
    pub fn locate(&self, error: KeyError) -> ScenarioError {
        let message = match error.key.as_str() {
            "" => error.message,
            key => format!("`{key}`: {}", error.message),
        };
        let (line, message) = match self.origin_of(&error.key) {
            Origin::CommandLine => (None, format!("{message} (given by --set)")),
            Origin::File(line) => (line, message),
        };
        ScenarioError { file: self.file.clone(), line, message }
    }

    /// What gave a dotted key its value: the sweep axis that sets it, else the change from the command line that did, else the
    /// key itself or its nearest ancestor in the file, else an axis that makes it up.
    fn origin_of(&self, key: &str) -> Origin {
        let axes = self.axes();
        let above = axes.iter().filter(|(axis, _)| is_at_or_below(key, axis)).max_by_key(|(axis, _)| axis.len());
        // an axis that adds keys to a table which does not hold them
        let below = axes.iter().find(|(axis, _)| is_at_or_below(axis, key));
        if let Some((_, origin)) = above.or(below.filter(|_| !holds(&self.table, key))) {
            return *origin;
        }
        if self.overridden.iter().any(|o| is_at_or_below(key, o)) {
            return Origin::CommandLine;
        }
        let line = self.line_of(key);
        if line.is_none()
            && let Some((_, origin)) = below
        {
            return *origin;
        }
        Origin::File(line)
    }

    /// Every swept key, including zipped ones, and its origin.
    fn axes(&self) -> Vec<(String, Origin)> {
        let in_file = DeTable::parse(&self.text).map_or(Vec::new(), |tree| axis_offsets(tree.get_ref()));
        let changed = |axis: &str| {
            let stands_at = format!("sweep.{axis}");
            self.overridden.iter().any(|o| is_at_or_below(&stands_at, o) || is_at_or_below(o, "sweep.zip"))
        };
        swept_keys(&self.table)
            .into_iter()
            .map(|axis| match in_file.iter().find(|(name, _)| *name == axis) {
                Some((_, offset)) if !changed(&axis) => {
                    let line = line_at(&self.text, *offset);
                    (axis, Origin::File(Some(line)))
                }
                _ => (axis, Origin::CommandLine),
            })
            .collect()
    }

    /// Line of a dotted key in the file, or of its nearest parent.
    fn line_of(&self, key: &str) -> Option<usize> {
        let tree = DeTable::parse(&self.text).ok()?;
        let (mut offset, mut here) = in_table(tree.get_ref(), key)?;
        while let Some((at, below)) = match here.0.get_ref() {
            DeValue::Table(table) => in_table(table, here.1),
            DeValue::Array(items) => in_array(items, here.1),
            _ => None,
        } {
            (offset, here) = (at, below);
        }
        Some(line_at(&self.text, offset))
    }
}

/// A value, and the rest of a dotted key below it.
type Below<'t, 'k> = (&'t Spanned<DeValue<'t>>, &'k str);

/// Position and value of the first part of a dotted key in a table.
fn in_table<'t, 'k>(table: &'t DeTable<'t>, key: &'k str) -> Option<(usize, Below<'t, 'k>)> {
    let hits = table.iter().filter(|(k, _)| is_at_or_below(key, k.get_ref()));
    let (k, value) = hits.max_by_key(|(k, _)| k.get_ref().len())?;
    Some((k.span().start, (value, key[k.get_ref().len()..].trim_start_matches('.'))))
}

/// The same in a list, whose entries are counted from 0.
fn in_array<'t, 'k>(items: &'t DeArray<'t>, key: &'k str) -> Option<(usize, Below<'t, 'k>)> {
    let (index, rest) = key.split_once('.').unwrap_or((key, ""));
    let item = index.parse::<usize>().ok().and_then(|n| items.get(n))?;
    Some((item.span().start, (item, rest)))
}

/// Message for a line that is not valid TOML.
fn invalid_toml(message: &str, line: &str) -> String {
    let line: String = line.trim().chars().take(80).collect();
    if message.contains("too large") || message.contains("as i128") {
        return format!("found `{line}`: whole numbers must lie from {} to {}", i64::MIN, i64::MAX);
    }
    format!("not valid TOML: {}: `{line}`", message.trim_end().replace('\n', "; "))
}

/// Origin of a value.
#[derive(Clone, Copy, Debug)]
enum Origin {
    CommandLine,
    /// The file, with the line if the key is in it.
    File(Option<usize>),
}

/// The parts of a key in TOML syntax.
fn path_of(key: &str) -> Result<Vec<String>, String> {
    const NOT_A_KEY: &str = "must read key=value, the key as in a.b or a.\"b.c\"";
    let mut table: Table = toml::from_str(&format!("{key} = 0")).map_err(|_| NOT_A_KEY.to_owned())?;
    let mut path = Vec::new();
    loop {
        let mut entries = std::mem::take(&mut table).into_iter();
        match (entries.next(), entries.next()) {
            (Some((part, Value::Table(below))), None) => {
                path.push(part);
                table = below;
            }
            (Some((part, Value::Integer(_))), None) => {
                path.push(part);
                return Ok(path);
            }
            _ => return Err(NOT_A_KEY.to_owned()),
        }
    }
}

/// A value in TOML syntax; anything that is not TOML is a word, unless it starts like a list, a table or a string.
fn value_of(text: &str) -> Result<Value, String> {
    match toml::from_str::<Table>(&format!("value = {text}")) {
        Ok(mut table) if table.len() == 1 => table.remove("value").ok_or_else(|| "holds no value".to_owned()),
        Ok(_) => Err("holds more than one value".to_owned()),
        Err(e) if text.trim_start().starts_with(['{', '[', '"', '\'']) => Err(e.message().to_owned()),
        // a number that TOML cannot hold is no text
        Err(_) if is_whole_number(text.trim()) => {
            Err(format!("found {}: whole numbers must lie from {} to {}", text.trim(), i64::MIN, i64::MAX))
        }
        Err(_) => Ok(Value::String(text.trim().to_owned())),
    }
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '_')
}

/// Whether the dotted path `key` is `ancestor` or below it.
pub(crate) fn is_at_or_below(key: &str, ancestor: &str) -> bool {
    key.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether there is a value at a dotted path.
fn holds(table: &Table, path: &str) -> bool {
    let mut parts = path.split('.');
    let first = parts.next().and_then(|first| table.get(first));
    parts
        .try_fold(first, |here, part| match here? {
            Value::Array(items) => Some(part.parse::<usize>().ok().and_then(|n| items.get(n))),
            other => Some(other.get(part)),
        })
        .flatten()
        .is_some()
}

/// Every swept key, including zipped ones.
fn swept_keys(table: &Table) -> Vec<String> {
    let Some(sweep) = table.get("sweep").and_then(Value::as_table) else { return Vec::new() };
    let groups = sweep.get("zip").and_then(Value::as_array).into_iter().flatten();
    let zipped = groups.filter_map(Value::as_table);
    std::iter::once(sweep).chain(zipped).flat_map(Table::keys).filter(|k| *k != "zip").cloned().collect()
}

/// Every swept key, including zipped ones, and its position.
fn axis_offsets(tree: &DeTable<'_>) -> Vec<(String, usize)> {
    let Some(sweep) = tree.get("sweep").and_then(|v| v.get_ref().as_table()) else { return Vec::new() };
    let groups = sweep.get("zip").and_then(|v| v.get_ref().as_array()).into_iter().flat_map(|a| a.iter());
    let zipped = groups.filter_map(|group| group.get_ref().as_table());
    std::iter::once(sweep)
        .chain(zipped)
        .flat_map(|table| table.iter())
        .filter(|(k, _)| k.get_ref().as_ref() != "zip")
        .map(|(k, _)| (k.get_ref().to_string(), k.span().start))
        .collect()
}

fn line_at(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// Sets the value at a dotted path; missing tables are created, and whole numbers in the path are indices of lists.
///
/// # Errors
/// If a parent is neither a table nor a list.
pub fn set_path(table: &mut Table, path: &str, value: Value) -> Result<(), KeyError> {
    let parts: Vec<&str> = path.split('.').collect();
    set_in(table, &parts, value).map_err(|message| KeyError::new(path, message))
}

fn set_in(table: &mut Table, path: &[&str], value: Value) -> Result<(), String> {
    match path {
        [] => Ok(()),
        [last] => {
            table.insert((*last).to_owned(), value);
            Ok(())
        }
        [first, rest @ ..] => set_below(table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest, value),
    }
}

fn set_below(here: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    match (here, path) {
        (here, []) => {
            *here = value;
            Ok(())
        }
        (Value::Table(table), path) => set_in(table, path, value),
        (Value::Array(items), [index, rest @ ..]) => {
            let length = items.len();
            match index.parse::<usize>().ok().and_then(|n| items.get_mut(n)) {
                Some(item) => set_below(item, rest, value),
                None => Err(format!("`{index}` does not index a list of {length} entries")),
            }
        }
        (other, path) => Err(format!("`{}` goes into a {}, which holds no keys", path.join("."), other.type_str())),
    }
}

/// Refuses numbers that are not finite anywhere in a tree.
///
/// # Errors
/// At the first such number.
pub fn refuse_not_finite(value: &Value, key: &str) -> Result<(), KeyError> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Float(x) if !x.is_finite() => Err(KeyError::new(key, format!("is {x}: every number must be finite"))),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(n, item)| refuse_not_finite(item, &below(&n.to_string())))
        }
        Value::Table(table) => table.iter().try_for_each(|(name, item)| refuse_not_finite(item, &below(name))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[study]\nname = \"x\"\n\n[estimator]\namplitude_volt = 1.0\nfilter = { order = 3 }\n\n[sweep]\n\"estimator.filter.settled\" = [0.9]\n";

    fn document() -> Document {
        Document::parse(Path::new("a.toml"), TEXT.to_owned()).unwrap()
    }

    #[test]
    fn keys_are_found_at_their_lines() {
        let line = |key: &str| document().locate(KeyError::new(key, "")).line;
        assert_eq!(line("estimator.amplitude_volt"), Some(5));
        assert_eq!(line("estimator.filter.order"), Some(6));
        assert_eq!(line("estimator.duration_s"), Some(4));
        assert_eq!(line("estimator.filter.settled"), Some(9));
        assert_eq!(line("noise.kind"), None);
    }

    #[test]
    fn keys_within_lists_are_found_at_their_lines() {
        let text = "[device]\nkind = \"layered\"\n[[device.layers]]\ninputs = [1]\ndevices = [\n  { kind = \"linear\" },\n  \
                    { kind = \"odd\" },\n]\n[[device.layers]]\ninputs = [2]\n";
        let document = Document::parse(Path::new("a.toml"), text.to_owned()).unwrap();
        let line = |key: &str| document.locate(KeyError::new(key, "")).line;
        assert_eq!(line("device.layers.0.inputs"), Some(4));
        assert_eq!(line("device.layers.0.devices.1.kind"), Some(7));
        assert_eq!(line("device.layers.0.devices.0.file"), Some(6));
        assert_eq!(line("device.layers.1.inputs.0"), Some(10));
        assert_eq!(line("device.layers.1.interface"), Some(9));
        assert_eq!(line("device.layers.7.inputs"), Some(3));
    }

    #[test]
    fn paths_set_values_in_tables_and_lists() {
        let mut table: Table = toml::from_str("a = { b = [1, 2] }").unwrap();
        set_path(&mut table, "a.b.1", Value::Integer(7)).unwrap();
        set_path(&mut table, "c.d", Value::Integer(8)).unwrap();
        assert_eq!(table.to_string().split_whitespace().collect::<String>(), "[a]b=[1,7][c]d=8");
        assert!(set_path(&mut table, "a.b.9", Value::Integer(7)).is_err());
        assert!(set_path(&mut table, "c.d.e", Value::Integer(7)).is_err());
    }

    #[test]
    fn bare_words_become_strings() {
        let mut document = document();
        document.set("estimator.mode=parallel").unwrap();
        document.set("estimator.amplitude_volt=0.5").unwrap();
        assert_eq!(document.table["estimator"]["mode"].as_str(), Some("parallel"));
        assert_eq!(document.table["estimator"]["amplitude_volt"].as_float(), Some(0.5));
        assert!(document.set("nonsense").is_err());
    }

    #[test]
    fn a_table_given_whole_replaces_the_table() {
        let mut document = document();
        document.set("estimator={kind=\"walsh\",duration_s=0.1}").unwrap();
        assert_eq!(document.table["estimator"].to_string(), "{ kind = \"walsh\", duration_s = 0.1 }");
        document.set("estimator.filter.order=4").unwrap();
        assert_eq!(document.table["estimator"]["filter"].to_string(), "{ order = 4 }");
        document.set("sweep.\"estimator.filter.settled\"={from=0.8,to=0.9,points=2}").unwrap();
        assert!(document.table["sweep"]["estimator.filter.settled"].is_table());
        document.set("terms=[{a=1},{a=2}]").unwrap();
        document.set("terms.1.a=3").unwrap();
        assert_eq!(document.table["terms"].to_string(), "[{ a = 1 }, { a = 3 }]");
    }

    #[test]
    fn changes_that_are_no_assignment_are_refused() {
        for (change, say) in [
            ("estimator.amplitude_volt.x=1", "goes into a float"),
            ("estimator={kind=\"walsh\"", "--set estimator={kind"),
            ("a=1\nb=2", "more than one value"),
            ("a\nb=2", "must read key=value"),
            ("=2", "must read key=value"),
        ] {
            let message = document().set(change).unwrap_err().message;
            assert!(message.contains(say), "{change}: {message}");
        }
    }

    #[test]
    fn errors_point_at_what_gave_the_key() {
        let mut changed = document();
        changed.set("estimator={kind=\"walsh\"}").unwrap();
        let place = |document: &Document, key: &str| {
            let error = document.locate(KeyError::new(key, "is wrong"));
            (error.line, error.message.contains("--set"))
        };
        assert_eq!(place(&changed, "estimator.kind"), (None, true));
        // the axis goes into a table that has no such key any more
        assert_eq!(place(&changed, "estimator.filter"), (Some(9), false));
        changed.set("sweep.\"estimator.filter.settled\"=[0.5]").unwrap();
        assert_eq!(place(&changed, "estimator.filter"), (None, true));
        assert_eq!(place(&document(), "estimator.filter"), (Some(6), false));
        assert_eq!(place(&document(), "estimator.filter.settled"), (Some(9), false));
    }
}
