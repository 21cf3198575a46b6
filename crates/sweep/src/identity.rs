//! What a study is: every key of its scenario, the files that it reads, and the program. Work of two studies is only put
//! together if all of these are equal.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::error::ScenarioError;
use crate::study::Study;

/// The program that computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// Its git revision.
    pub revision: String,
}

impl Program {
    /// For studies in memory, which are never put together with others.
    #[must_use]
    pub fn unnamed() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), revision: String::new() }
    }
}

/// Name and value of everything that results depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(BTreeMap<String, String>);

/// Most differences that are listed.
const MOST_LISTED: usize = 12;

/// Longest value that is shown.
const LONGEST_SHOWN: usize = 60;

impl Identity {
    /// That of a study. What only its figure or its description says does not count.
    ///
    /// # Errors
    /// If a file that the scenario names cannot be read.
    pub fn new(study: &Study, program: &Program) -> Result<Self, ScenarioError> {
        let mut entries = BTreeMap::new();
        let resolved: Table = toml::from_str(&study.resolved_text()).unwrap_or_default();
        for (section, value) in &resolved {
            if section != "figure" {
                flatten(section, value, &mut entries);
            }
        }
        entries.remove("study.description");
        for file in study.files()? {
            let hash = hash_of(&study.document.folder().join(&file)).map_err(|e| ScenarioError {
                file: study.document.file.clone(),
                line: None,
                message: format!("cannot read `{}`, which it names: {e}", file.0.display()),
            })?;
            entries.insert(format!("content of {}", file.0.display()), hash);
        }
        entries.insert("program version".to_owned(), program.version.clone());
        entries.insert("program revision".to_owned(), program.revision.clone());
        Ok(Self(entries))
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// From JSON; none if it is not what [`to_json`](Self::to_json) gave.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// A short name of it, for scripts.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(self.to_json().as_bytes()))
    }

    /// What differs between `stored` and this, one line each; none if nothing does.
    #[must_use]
    pub fn differences(&self, stored: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(stored.0.keys()).collect();
        let mut lines: Vec<String> = names
            .into_iter()
            .filter(|name| self.0.get(*name) != stored.0.get(*name))
            .map(|name| format!("  {name}: there {}, now {}", shown(stored.0.get(name)), shown(self.0.get(name))))
            .collect();
        if lines.len() > MOST_LISTED {
            let more = lines.len() - MOST_LISTED;
            lines.truncate(MOST_LISTED);
            lines.push(format!("  and {more} more"));
        }
        lines
    }
}

fn shown(value: Option<&String>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(v) if v.chars().count() > LONGEST_SHOWN => {
            format!("{}…", v.chars().take(LONGEST_SHOWN).collect::<String>())
        }
        Some(v) => v.clone(),
    }
}

fn flatten(path: &str, value: &Value, entries: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => table.iter().for_each(|(k, v)| flatten(&format!("{path}.{k}"), v, entries)),
        other => {
            entries.insert(path.to_owned(), other.to_string());
        }
    }
}

fn hash_of(path: &Path) -> std::io::Result<String> {
    Ok(format!("{:032x}", crate::hash::of(std::fs::File::open(path)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_key_and_both_values() {
        let identity = |text: &str| {
            let mut entries = BTreeMap::new();
            flatten("study", &Value::Table(toml::from_str(text).unwrap()), &mut entries);
            Identity(entries)
        };
        let (a, b) = (identity("seed = 1\nname = \"x\"\n"), identity("seed = 2\nname = \"x\"\nroute = \"auto\"\n"));
        assert_eq!(b.differences(&a), ["  study.route: there nothing, now \"auto\"", "  study.seed: there 1, now 2"]);
        assert_eq!(a.differences(&Identity::from_json(&a.to_json()).unwrap()), Vec::<String>::new());
        assert_ne!(a.digest(), b.digest());
    }
}
