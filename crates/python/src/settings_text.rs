//! Settings of Python as tables of a scenario.

use pyo3::PyResult;
use toml::Value;

use crate::wrong;

/// A table from JSON.
pub(crate) fn table(json: &str) -> PyResult<Value> {
    let value: serde_json::Value = serde_json::from_str(json).map_err(wrong)?;
    Value::try_from(value).map_err(|e| wrong(format!("settings: {e}")))
}
