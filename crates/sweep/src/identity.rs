//! Identity of a study: all keys of its scenario, the files that it reads, and the program. Work is only combined if
//! all of these are equal.

use std::collections::BTreeMap;

/// The program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// Its git revision.
    pub revision: String,
}

impl Program {
    /// For studies in memory, which are never combined with others.
    #[must_use]
    pub fn unnamed() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), revision: String::new() }
    }
}

/// Names and values of everything that results depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(BTreeMap<String, String>);

/// Largest number of differences listed.
const MOST_LISTED: usize = 12;

/// Longest value shown.
const LONGEST_SHOWN: usize = 60;

impl Identity {
    /// Identity from names and values.
    #[must_use]
    pub fn new(entries: BTreeMap<String, String>, program: &Program) -> Self {
        let mut entries = entries;
        entries.insert("program version".to_owned(), program.version.clone());
        entries.insert("program revision".to_owned(), program.revision.clone());
        Self(entries)
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// From JSON; `None` if it was not written by [`to_json`](Self::to_json).
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// A short digest, for scripts.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(self.to_json().as_bytes()))
    }

    /// Those of its names that begin so.
    #[must_use]
    pub fn part(&self, beginning: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| name.starts_with(beginning))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
        )
    }

    /// Differences between `stored` and this, one line each.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_key_and_both_values() {
        let identity = |entries: &[(&str, &str)]| {
            Identity(entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let a = identity(&[("study.seed", "1"), ("study.name", "x")]);
        let b = identity(&[("study.seed", "2"), ("study.name", "x"), ("study.route", "\"auto\"")]);
        assert_eq!(b.differences(&a), ["  study.route: there nothing, now \"auto\"", "  study.seed: there 1, now 2"]);
        assert_eq!(a.differences(&Identity::from_json(&a.to_json()).unwrap()), Vec::<String>::new());
        assert_eq!(a.part("study.n"), b.part("study.n"));
        assert_ne!(a.part("study.s"), b.part("study.s"));
        assert_ne!(a.digest(), b.digest());
    }
}
