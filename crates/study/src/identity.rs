//! Identity of a study: every key of its scenario, and the content of the files that it reads.

use std::collections::BTreeMap;
use std::path::Path;

use results::hash;
use sweep::identity::{Identity, Program};
use toml::{Table, Value};

use crate::{ScenarioError, Study};

/// Identity of a study. Figure and description are not part of it.
///
/// # Errors
/// If an input file cannot be read.
pub fn identity_of(study: &Study, program: &Program) -> Result<Identity, ScenarioError> {
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
    Ok(Identity::new(entries, program))
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
    Ok(format!("{:032x}", hash::of(std::fs::File::open(path)?)?))
}
