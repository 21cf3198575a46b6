//! The keys of scenarios, from their JSON Schema.

use serde_json::{Map, Value};

/// A key of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    /// Its path; `[]` is a place in a list.
    pub(crate) path: String,
    /// Kinds of the tables on the way in which it stands, as in `estimator.kind = "hge"`.
    pub(crate) within: Vec<String>,
    /// What it is.
    pub(crate) about: String,
    /// What its value may be.
    pub(crate) forms: Vec<String>,
    /// Words that it may be, with what they mean.
    pub(crate) choices: Vec<(String, String)>,
    /// Its value if it is not given.
    pub(crate) default: Option<Value>,
    /// Whether it may be left out.
    pub(crate) is_optional: bool,
    /// Whether it is a table, or a list of tables.
    pub(crate) is_table: bool,
}

impl Key {
    /// Last part of the path.
    pub(crate) fn name(&self) -> &str {
        let last = self.path.rsplit('.').next().unwrap_or_default();
        last.trim_end_matches("[]")
    }

    /// The path without places in lists.
    pub(crate) fn plain_path(&self) -> String {
        self.path.replace("[]", "")
    }

    pub(crate) fn json(&self) -> Value {
        let choices: Map<String, Value> =
            self.choices.iter().map(|(w, about)| (w.clone(), about.clone().into())).collect();
        serde_json::json!({
            "key": self.path,
            "within": self.within,
            "about": self.about,
            "forms": self.forms,
            "choices": choices,
            "default": self.default,
            "is_optional": self.is_optional,
            "is_table": self.is_table,
        })
    }
}

/// All keys, tables before what they hold. Tables within tables of their own type (sums, layers) are not followed again.
pub(crate) fn keys(schema: &Value) -> Vec<Key> {
    let mut reader = Reader { definitions: schema["$defs"].as_object().cloned().unwrap_or_default(), keys: Vec::new() };
    reader.table("", schema, &[], &mut Vec::new());
    reader.keys
}

struct Reader {
    definitions: Map<String, Value>,
    keys: Vec<Key>,
}

impl Reader {
    /// What a reference refers to, with its name.
    fn referred<'s>(&'s self, node: &'s Value) -> (Option<&'s str>, &'s Value) {
        let name = node["$ref"].as_str().and_then(|r| r.rsplit('/').next());
        let Some((name, definition)) = name.and_then(|name| self.definitions.get_key_value(name)) else {
            return (None, node);
        };
        // a definition that is another one by name
        match self.referred(definition) {
            (Some(inner), definition) => (Some(inner), definition),
            (None, _) => (Some(name), definition),
        }
    }

    /// The ways in which a value may be written, each with the names of the definitions that lead to it.
    fn ways<'s>(&'s self, node: &'s Value, names: &[String]) -> Vec<(Vec<String>, &'s Value)> {
        let listed = ["anyOf", "oneOf"].into_iter().find_map(|of| node[of].as_array());
        if let Some(listed) = listed {
            let given = listed.iter().filter(|way| way["type"] != "null");
            return given.flat_map(|way| self.ways(way, names)).collect();
        }
        match self.referred(node) {
            (Some(name), definition) if definition["anyOf"].is_array() || definition["oneOf"].is_array() => {
                self.ways(definition, &[names, &[name.to_owned()]].concat())
            }
            _ => vec![(names.to_vec(), node)],
        }
    }

    /// The keys of a table, one set for each of its kinds.
    fn table(&mut self, path: &str, node: &Value, within: &[String], open: &mut Vec<String>) {
        let (name, definition) = self.referred(node);
        if let Some(name) = name {
            if open.iter().any(|other| other == name) {
                return;
            }
            open.push(name.to_owned());
        }
        let is_named = name.is_some();
        let own = [&node["properties"], if is_named { &definition["properties"] } else { &Value::Null }];
        let properties: Map<String, Value> =
            own.into_iter().filter_map(Value::as_object).flat_map(Clone::clone).collect();
        let mut within = within.to_vec();
        if let Some(kind) = properties.get("kind").and_then(|kind| kind["const"].as_str()) {
            within.push(format!("{path}.kind = \"{kind}\""));
        }
        for (key, value) in properties.iter().filter(|(_, value)| !value["const"].is_string()) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.key(path, value, &within, open);
        }
        if is_named {
            open.pop();
        }
    }

    fn key(&mut self, path: String, node: &Value, within: &[String], open: &mut Vec<String>) {
        let ways: Vec<(Vec<String>, Value)> =
            self.ways(node, &[]).into_iter().map(|(names, way)| (names, way.clone())).collect();
        let mut key = Key {
            path,
            within: within.to_vec(),
            about: self.about(node),
            forms: Vec::new(),
            choices: Vec::new(),
            default: node.get("default").filter(|default| !default.is_null()).cloned(),
            is_optional: self.is_optional(node),
            is_table: false,
        };
        let mut inner: Vec<(String, Vec<String>, Value)> = Vec::new();
        for (names, way) in ways {
            let definition = self.referred(&way).1.clone();
            let about = way["description"].as_str().or(definition["description"].as_str()).unwrap_or_default();
            let kind = way["properties"]["kind"]["const"].as_str();
            if let Some(word) = definition["const"].as_str().or(kind) {
                let is_itself = about == format!("\"{word}\".");
                key.choices.push((word.to_owned(), if is_itself { String::new() } else { one_line(about) }));
            }
            if is_table(&definition) || is_table(&way) {
                inner.push((key.path.clone(), names, way));
                key.is_table = true;
            } else if definition["const"].is_null() {
                let (form, item) = self.form(&definition);
                key.forms.push(form);
                if let Some(item) = item {
                    key.is_table = true;
                    for (names, way) in self.ways(&item, &names) {
                        inner.push((format!("{}[]", key.path), names, way.clone()));
                    }
                }
            }
        }
        key.forms.dedup();
        self.keys.push(key);
        for (path, names, way) in inner {
            if names.iter().any(|name| open.contains(name)) {
                continue;
            }
            let before = open.len();
            open.extend(names);
            self.table(&path, &way, within, open);
            open.truncate(before);
        }
    }

    /// What a value is, and what a list of tables holds.
    fn form(&self, definition: &Value) -> (String, Option<Value>) {
        let types: Vec<&str> = match &definition["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect(),
            _ => Vec::new(),
        };
        let Some(&first) = types.first() else { return ("any value".to_owned(), None) };
        if first != "array" {
            let name = match first {
                "integer" => "whole number",
                "string" => "text",
                "boolean" => "true or false",
                "object" => "table",
                other => other,
            };
            return (name.to_owned(), None);
        }
        let items = &definition["items"];
        let ways: Vec<&Value> = self.ways(items, &[]).into_iter().map(|(_, way)| way).collect();
        let is_of_tables = ways.iter().any(|way| is_table(self.referred(way).1) || is_table(way));
        let length = match (definition["minItems"].as_u64(), definition["maxItems"].as_u64()) {
            (Some(a), Some(b)) if a == b => format!("list of {a}"),
            _ => "list of".to_owned(),
        };
        if is_of_tables {
            return (format!("{length} tables"), Some(items.clone()));
        }
        let of: Vec<String> = ways.iter().map(|way| self.form(self.referred(way).1).0).collect();
        let of = if of.iter().all(|form| *form == of[0]) { of[0].clone() } else { of.join(" or ") };
        let of = match of.as_str() {
            "text" => "texts".to_owned(),
            "true or false" => "true or false".to_owned(),
            // a list of lists
            of if of.starts_with("list of") => of.replacen("list of", "lists of", 1),
            of => format!("{of}s"),
        };
        (format!("{length} {of}"), None)
    }

    fn is_optional(&self, node: &Value) -> bool {
        let nothing = |way: &Value| way["type"] == "null";
        node.get("default").is_some()
            || node["type"].as_array().is_some_and(|types| types.iter().any(|t| t == "null"))
            || node["anyOf"].as_array().is_some_and(|ways| ways.iter().any(nothing))
    }

    fn about(&self, node: &Value) -> String {
        let own = node["description"].as_str().or_else(|| self.referred(node).1["description"].as_str());
        one_line(own.unwrap_or_default())
    }
}

fn is_table(node: &Value) -> bool {
    node["properties"].is_object()
}

/// Without line breaks and the marks of the source's documentation.
fn one_line(text: &str) -> String {
    text.replace('\n', " ").replace("\\[", "[").replace("\\]", "]").replace("[`", "`").replace("`]", "`")
}
