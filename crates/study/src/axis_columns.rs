//! The axes of a sweep as dimensions and variables of the results.

use toml::Value;

use crate::Study;
use crate::language::axes::AxisKey;
use results::{Coordinate, Dimension, Variable, units_of};

/// Axes of the sweep as dimensions, then the components of vector-valued keys; and the values of vector-valued, named and
/// zipped keys as variables over them.
pub(crate) fn sweep_dimensions(study: &Study) -> (Vec<Dimension>, Vec<Variable>) {
    let (mut dimensions, mut components, mut variables) = (Vec::new(), Vec::new(), Vec::new());
    for (position, axis) in study.axes.iter().enumerate() {
        for (k, key) in axis.keys.iter().enumerate() {
            let scalars: Option<Vec<f64>> = key.values.iter().map(as_number).collect();
            let vectors: Option<Vec<Vec<f64>>> = key.values.iter().map(as_numbers).collect();
            if k == 0 {
                dimensions.push(axis_dimension(key, scalars.as_deref(), vectors.is_some()));
            }
            let (name, over, values) = match (scalars, vectors) {
                (Some(x), _) if k > 0 => (key.path.clone(), vec![position], x),
                (Some(x), _) if key.labels.is_some() => (format!("{}.values", key.path), vec![position], x),
                (None, Some(rows)) => {
                    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
                    let component = study.axes.len() + components.len();
                    components.push(counting(&format!("{}.component", key.path), width, 1));
                    let padded = |row: &Vec<f64>| -> Vec<f64> {
                        (0..width).map(|i| row.get(i).copied().unwrap_or(f64::NAN)).collect()
                    };
                    let flat = rows.iter().flat_map(padded).collect();
                    (format!("{}.values", key.path), vec![position, component], flat)
                }
                _ => continue,
            };
            variables.push(Variable {
                name,
                dimensions: over,
                values,
                units: units_of(&key.path).to_owned(),
                long_name: format!("values of {} along its axis", key.path),
            });
        }
    }
    dimensions.extend(components);
    (dimensions, variables)
}

/// The dimension of an axis: its names, its numbers, or, for vectors, their indices.
fn axis_dimension(key: &AxisKey, scalars: Option<&[f64]>, vectors: bool) -> Dimension {
    let (coordinate, units) = match (&key.labels, scalars) {
        (Some(labels), _) => (Coordinate::Labels(labels.clone()), ""),
        (None, Some(x)) => (Coordinate::Numbers(x.to_vec()), units_of(&key.path)),
        (None, None) if vectors => (Coordinate::Numbers((0..key.values.len()).map(|i| i as f64).collect()), "1"),
        (None, None) => (Coordinate::Labels(key.values.iter().map(label).collect()), ""),
    };
    Dimension { name: key.path.clone(), coordinate, units: units.to_owned() }
}

fn as_numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(as_number).collect()
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(x) => Some(*x),
        Value::Integer(n) => Some(*n as f64),
        _ => None,
    }
}

fn label(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Table(table) => match table.get("kind").and_then(Value::as_str) {
            Some(kind) => kind.to_owned(),
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// A dimension whose coordinate counts from `first`.
pub(crate) fn counting(name: &str, count: usize, first: usize) -> Dimension {
    Dimension {
        name: name.to_owned(),
        coordinate: Coordinate::Numbers((first..first + count).map(|i| i as f64).collect()),
        units: "1".to_owned(),
    }
}
