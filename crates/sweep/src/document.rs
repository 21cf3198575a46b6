//! A scenario as a TOML document: its tree, the lines of its keys, and changes from the command line.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::ScenarioError;

/// A problem with one key, before it is known where the key stands.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyError {
    /// Dotted path of the key.
    pub key: String,
    /// What was found, what is allowed.
    pub message: String,
}

impl KeyError {
    /// A problem with `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// A scenario file, read but not yet understood.
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
        let text = std::fs::read_to_string(file).map_err(|e| ScenarioError {
            file: file.to_owned(),
            line: None,
            message: format!("cannot read the scenario: {e}"),
        })?;
        Self::parse(file, text)
    }

    /// Parses the text of a scenario; `file` is where paths in it start and what messages name.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn parse(file: &Path, text: String) -> Result<Self, ScenarioError> {
        let table = toml::from_str::<Table>(&text).map_err(|e| ScenarioError {
            file: file.to_owned(),
            line: e.span().map(|span| line_at(&text, span.start)),
            message: format!("not valid TOML: {}", e.message()),
        })?;
        Ok(Self { file: file.to_owned(), text, table, overridden: Vec::new() })
    }

    /// Applies `key=value`, with the key and the value as TOML writes them; a bare word is taken as a string.
    ///
    /// # Errors
    /// If it is not an assignment.
    pub fn set(&mut self, assignment: &str) -> Result<(), ScenarioError> {
        let refuse = |message: String| ScenarioError { file: self.file.clone(), line: None, message };
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(refuse(format!("--set {assignment}: must read key=value")));
        };
        let change = toml::from_str::<Table>(&format!("{key} = {value}"))
            .or_else(|first| {
                toml::from_str::<Table>(&format!("{key} = {}", Value::String(value.trim().to_owned())))
                    .map_err(|_| first)
            })
            .map_err(|e| refuse(format!("--set {assignment}: {}", e.message())))?;
        merge(&mut self.table, change);
        self.overridden.push(key.trim().replace('"', ""));
        Ok(())
    }

    /// Folder from which paths in the scenario start.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or_else(|| Path::new("."))
    }

    /// The error at its line in this file.
    #[must_use]
    pub fn locate(&self, error: KeyError) -> ScenarioError {
        let from_command_line =
            self.overridden.iter().any(|o| error.key == *o || error.key.starts_with(&format!("{o}.")));
        let message = match error.key.as_str() {
            "" => error.message,
            key => format!("`{key}`: {}", error.message),
        };
        if from_command_line {
            return ScenarioError {
                file: self.file.clone(),
                line: None,
                message: format!("{message} (given by --set)"),
            };
        }
        ScenarioError { file: self.file.clone(), line: self.line_of(&error.key), message }
    }

    /// Line of a dotted key: of the sweep axis that sets it, of the key itself, of its nearest ancestor that stands in
    /// the file, or of a sweep axis that makes it up.
    fn line_of(&self, key: &str) -> Option<usize> {
        let tree = DeTable::parse(&self.text).ok()?;
        let axes = axis_offsets(tree.get_ref());
        let line = |offset: usize| line_at(&self.text, offset);
        if let Some((_, offset)) = axes.iter().find(|(axis, _)| is_at_or_below(key, axis)) {
            return Some(line(*offset));
        }
        let mut table = tree.get_ref();
        let mut found = None;
        let mut rest = key;
        while !rest.is_empty() {
            let hit =
                table.iter().filter(|(k, _)| is_at_or_below(rest, k.get_ref())).max_by_key(|(k, _)| k.get_ref().len());
            let Some((k, v)) = hit else { break };
            found = Some(line(k.span().start));
            rest = rest[k.get_ref().len()..].trim_start_matches('.');
            match v.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        found.or_else(|| axes.iter().find(|(axis, _)| is_at_or_below(axis, key)).map(|(_, offset)| line(*offset)))
    }
}

/// Whether dotted path `key` is `ancestor` or lies below it.
fn is_at_or_below(key: &str, ancestor: &str) -> bool {
    key.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Every swept key, zipped ones too, and where it stands.
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

fn merge(into: &mut Table, change: Table) {
    for (key, value) in change {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Sets the value at a dotted path; missing tables are made, whole numbers in the path index lists.
///
/// # Errors
/// If the path runs through a value that is neither a table nor a list.
pub fn set_path(table: &mut Table, path: &str, value: Value) -> Result<(), KeyError> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(rest) = rest else {
        table.insert(first.to_owned(), value);
        return Ok(());
    };
    let inner = table.entry(first.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    set_below(inner, rest, value).map_err(|message| KeyError::new(path, message))
}

fn set_below(here: &mut Value, path: &str, value: Value) -> Result<(), String> {
    match here {
        Value::Table(table) => set_path(table, path, value).map_err(|e| e.message),
        Value::Array(items) => {
            let (index, rest) = path.split_once('.').map_or((path, None), |(index, rest)| (index, Some(rest)));
            let length = items.len();
            match (index.parse::<usize>().ok().and_then(|n| items.get_mut(n)), rest) {
                (Some(item), Some(rest)) => set_below(item, rest, value),
                (Some(item), None) => {
                    *item = value;
                    Ok(())
                }
                (None, _) => Err(format!("`{index}` does not index a list of {length} entries")),
            }
        }
        _ => Err(format!("there is nothing that holds `{path}`")),
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
}
