//! Scenarios that are built from others, key by key.

use std::fmt;

use results::Results;
use study::Document;
use toml::{Table, Value};

/// A scenario as a table: what is not set stays as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario(Table);

impl Scenario {
    /// The scenario of a text.
    ///
    /// # Panics
    /// If it is not TOML.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(toml::from_str(text).unwrap_or_else(|e| panic!("{e}")))
    }

    /// Sets a key, which is written as in TOML: `estimator.filter.order`, `sweep."estimator.mode"`. Tables on the way that are not
    /// there are made.
    ///
    /// # Panics
    /// If something on the way is no table.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let (last, way) = split(key);
        let table = way.iter().fold(&mut self.0, |table, part| {
            let entry = table.entry(part.clone()).or_insert_with(|| Value::Table(Table::new()));
            entry.as_table_mut().unwrap_or_else(|| panic!("`{part}` of `{key}` is no table"))
        });
        table.insert(last, value.into());
        self
    }

    /// Sets a key to a value that is written as in TOML: `set_toml("noise", "{ kind = \"none\" }")`.
    ///
    /// # Panics
    /// As [`Scenario::set`], and if the value is not TOML.
    #[must_use]
    pub fn set_toml(self, key: &str, value: &str) -> Self {
        let mut read: Table = toml::from_str(&format!("value = {value}")).unwrap_or_else(|e| panic!("{value}: {e}"));
        self.set(key, read.remove("value").expect("a value"))
    }

    /// Leaves out a key that is there.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        let (last, way) = split(key);
        let table = way.iter().try_fold(&mut self.0, |table, part| table.get_mut(part)?.as_table_mut());
        let removed = table.and_then(|table| table.remove(&last));
        assert!(removed.is_some(), "there is no `{key}`");
        self
    }

    /// As a document among the scenarios that ship, to whose files it may refer.
    ///
    /// # Panics
    /// Never: what was built is TOML.
    #[must_use]
    pub fn document(&self) -> Document {
        crate::document(self.to_string())
    }

    /// Its results, with changes.
    ///
    /// # Panics
    /// If it is not sound or does not run.
    #[must_use]
    pub fn run(&self, changes: &[&str]) -> Results {
        crate::run(self.document(), changes, 0)
    }
}

/// As the text of a file.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string(&self.0).expect("a table"))
    }
}

/// The last part of a dotted key, and those before it.
fn split(key: &str) -> (String, Vec<String>) {
    let mut table: Table = toml::from_str(&format!("{key} = 0")).unwrap_or_else(|e| panic!("{key}: {e}"));
    let mut parts = Vec::new();
    loop {
        let (part, value) = table.into_iter().next().expect("a key");
        match value {
            Value::Table(inner) => {
                parts.push(part);
                table = inner;
            }
            _ => return (part, parts),
        }
    }
}

/// Number of the first line of a text that holds these words: what messages must name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn line_of(text: &str, words: &str) -> usize {
    let at = text.find(words).unwrap_or_else(|| panic!("no {words:?} in {text}"));
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_set_and_left_out_and_all_else_stays() {
        let of = Scenario::new("[a]\nb = 1\nc = { d = 2 }\n[sweep]\n\"a.b\" = [1]\n");
        let changed = of.clone().set("a.c.d", 3).set("a.e", "x").set_toml("sweep.\"a.b\"", "[1, 2.5]").set("f.g", true);
        let expected = "[a]\nb = 1\nc = { d = 3 }\ne = \"x\"\n[sweep]\n\"a.b\" = [1, 2.5]\n[f]\ng = true\n";
        assert_eq!(changed, Scenario::new(expected));
        assert_eq!(Scenario::new(&changed.to_string()), changed);
        assert_eq!(changed.set("a.c.d", 2).without("a.e").without("f").set_toml("sweep.\"a.b\"", "[1]"), of);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let lines = ["name", "seed", "se"].map(|words| line_of("name\n\nseed", words));
        assert_eq!(lines, [1, 3, 3]);
    }
}
