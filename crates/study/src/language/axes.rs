//! The axes of a sweep and the grid that they span.

use std::collections::BTreeMap;

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::language::document::KeyError;
use settings::seed::{self, Purpose};

/// Largest number of points of a grid.
pub const MOST_POINTS: usize = 10_000_000;

/// Largest number of values of an axis times their components; they need up to half a gigabyte.
pub const MOST_NUMBERS: usize = 10_000_000;

/// One swept key.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisKey {
    /// Dotted path of the key.
    pub path: String,
    /// Its values.
    pub values: Vec<Value>,
    /// Names of the values, for legends.
    pub labels: Option<Vec<String>>,
}

/// Keys that advance together: usually one.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepAxis {
    /// The keys, all with the same number of values.
    pub keys: Vec<AxisKey>,
}

impl SweepAxis {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys[0].values.len()
    }

    /// Always false: empty axes are refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Spacing of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Equal steps.
    #[default]
    Linear,
    /// Equal ratios.
    Log,
}

/// A range of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    points: usize,
    #[serde(default)]
    scale: Scale,
}

/// Values drawn at random: between `from` and `to`, or within the device's ranges. A key that holds one number for each
/// parameter of the device gets a whole list each time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Random {
    random: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<f64>,
    #[serde(default)]
    scale: Scale,
}

/// Values with names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    #[schemars(with = "Vec<serde_json::Value>")]
    values: Vec<Value>,
    labels: Option<Vec<String>>,
}

/// The ways to write an axis (for the JSON Schema).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(private_interfaces, reason = "the variants document the format, nothing builds them")]
pub enum AxisSchema {
    /// A range.
    Range(Range),
    /// Random values.
    Random(Random),
    /// Values with names.
    Named(Named),
    /// Values.
    List(#[schemars(with = "Vec<serde_json::Value>")] Vec<Value>),
}

/// `[sweep]` (for the JSON Schema).
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SweepSchema {
    /// Groups of axes that advance together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zip: Vec<BTreeMap<String, AxisSchema>>,
    /// Dotted path of a key, and its values.
    #[serde(flatten)]
    pub axes: BTreeMap<String, AxisSchema>,
}

/// Lowest and highest value of each component of a parameter vector.
pub type Bounds = (Vec<f64>, Vec<f64>);

/// Ranges of random values of a key with one number for each parameter of the device.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// Number of parameters.
    pub count: usize,
    /// Their ranges, or the reason why there are none.
    pub bounds: Result<Bounds, String>,
}

/// The key with one number for each parameter of the device.
pub struct PerParameter<'c> {
    /// Its dotted path.
    pub path: &'c str,
    /// Ranges of its random values, given the other axes.
    pub components: &'c dyn Fn(&[SweepAxis]) -> Result<Components, KeyError>,
}

/// An axis key as it stands in the file.
struct Entry<'t> {
    path: &'t str,
    value: &'t Value,
    /// Number of the random stream of its values.
    number: u64,
}

/// Reads `[sweep]`.
///
/// # Errors
/// At the first axis that is empty, of unknown form, or zipped with one of another length.
pub fn parse(sweep: Option<&Value>, seed: u64, per_parameter: &PerParameter<'_>) -> Result<Vec<SweepAxis>, KeyError> {
    let Some(sweep) = sweep else { return Ok(Vec::new()) };
    let Value::Table(table) = sweep else {
        return Err(KeyError::new("sweep", "must be a table of dotted keys and their values"));
    };
    let groups = groups(table)?;
    check_points(&groups)?;
    let is_other = |entry: &&Entry<'_>| entry.path != per_parameter.path;
    let mut others = Vec::new();
    for group in &groups {
        let keys = group.iter().filter(is_other).map(|e| axis_key(e, seed, &mut || Ok(None)));
        let keys = keys.collect::<Result<Vec<AxisKey>, KeyError>>()?;
        if !keys.is_empty() {
            others.push(SweepAxis { keys });
        }
    }
    let components = || (per_parameter.components)(&others).map(Some);
    let own = groups.iter().flatten().filter(|e| !is_other(e));
    let own = own.map(|e| axis_key(e, seed, &mut || components())).collect::<Result<Vec<AxisKey>, KeyError>>()?;
    // in the order of the file again; moved, for they may be half a gigabyte
    let (mut others, mut own) = (others.into_iter().flat_map(|axis| axis.keys), own.into_iter());
    let mut key = |entry: &Entry<'_>| if is_other(&entry) { others.next() } else { own.next() };
    let axes: Vec<SweepAxis> =
        groups.iter().map(|g| together(g.iter().filter_map(&mut key).collect())).collect::<Result<_, KeyError>>()?;
    // lists of another length in a group are refused by now
    debug_assert!(points(&axes) <= MOST_POINTS);
    Ok(axes)
}

/// Refuses axes that span too many points, before any value is computed.
fn check_points(groups: &[Vec<Entry<'_>>]) -> Result<(), KeyError> {
    let lengths = groups.iter().filter_map(|group| group.first()).map(|entry| declared_length(entry.value));
    // one that is too long by itself is refused with its own key
    let lengths = lengths.filter(|n| *n <= MOST_NUMBERS);
    match lengths.map(|n| n.max(1)).try_fold(1_usize, usize::checked_mul) {
        Some(points) if points <= MOST_POINTS => Ok(()),
        _ => Err(KeyError::new("sweep", format!("spans more than {MOST_POINTS} points"))),
    }
}

/// Number of values of an axis as written; 0 if it is invalid.
fn declared_length(value: &Value) -> usize {
    let list = value.as_array().or_else(|| value.get("values")?.as_array());
    let number = || value.get("points").or_else(|| value.get("random"))?.as_integer();
    list.map_or_else(|| number().and_then(|n| usize::try_from(n).ok()).unwrap_or(0), Vec::len)
}

/// The keys of each axis, in the order of the file.
fn groups(table: &Table) -> Result<Vec<Vec<Entry<'_>>>, KeyError> {
    let mut groups: Vec<Vec<Entry<'_>>> = Vec::new();
    for (path, value) in table {
        if path != "zip" {
            let number = groups.len() as u64;
            groups.push(vec![Entry { path, value, number }]);
            continue;
        }
        let zipped = value.as_array().map(|items| items.iter().map(Value::as_table).collect::<Option<Vec<_>>>());
        let Some(Some(zipped)) = zipped else {
            return Err(KeyError::new("sweep.zip", "must be a list of tables of axes"));
        };
        for group in zipped {
            let number = groups.len();
            let numbers = (0..).map(|k| (number + (k << 32)) as u64);
            groups
                .push(group.iter().zip(numbers).map(|((path, value), number)| Entry { path, value, number }).collect());
        }
    }
    Ok(groups)
}

/// Keys that advance together.
fn together(keys: Vec<AxisKey>) -> Result<SweepAxis, KeyError> {
    let Some(first) = keys.first() else {
        return Err(KeyError::new("sweep.zip", "a group is empty"));
    };
    match keys.iter().find(|k| k.values.len() != first.values.len()) {
        Some(other) => Err(KeyError::new(
            "sweep.zip",
            format!(
                "`{}` has {} values, but `{}` has {}: axes that advance together need equally many",
                other.path,
                other.values.len(),
                first.path,
                first.values.len()
            ),
        )),
        None => Ok(SweepAxis { keys }),
    }
}

/// Ranges of random values of a key; none if its values are single numbers.
type ComponentsOf<'c> = &'c mut dyn FnMut() -> Result<Option<Components>, KeyError>;

fn axis_key(entry: &Entry<'_>, seed: u64, components_of: ComponentsOf<'_>) -> Result<AxisKey, KeyError> {
    let &Entry { path, value, number } = entry;
    let fail = |message: String| Err(KeyError::new(path, format!("sweep axis: {message}")));
    if matches!(path.split('.').next(), Some("study" | "figure" | "sweep")) {
        return fail("keys of [study], [figure] and [sweep] cannot be swept".to_owned());
    }
    let (values, labels) = match value {
        Value::Array(items) => (items.clone(), None),
        Value::Table(table) if table.contains_key("values") => {
            let named: Named = understand(path, value)?;
            if let Some(labels) = &named.labels
                && labels.len() != named.values.len()
            {
                return fail(format!("{} labels for {} values", labels.len(), named.values.len()));
            }
            (named.values, named.labels)
        }
        Value::Table(table) if table.contains_key("random") => {
            (random_values(path, &understand(path, value)?, seed, number, components_of)?, None)
        }
        Value::Table(_) => (range_values(path, &understand(path, value)?)?, None),
        other => {
            return fail(format!(
                "found {other}, must be a list, {{ from, to, points, scale }}, {{ values, labels }} or {{ random }}"
            ));
        }
    };
    if values.is_empty() {
        return fail("has no values: at least one is needed".to_owned());
    }
    Ok(AxisKey { path: path.to_owned(), values, labels })
}

fn understand<T: serde::de::DeserializeOwned>(path: &str, value: &Value) -> Result<T, KeyError> {
    value.clone().try_into().map_err(|e: toml::de::Error| {
        KeyError::new(path, format!("sweep axis: {}", e.message().trim_end().replace('\n', "; ")))
    })
}

fn check_scale(path: &str, from: f64, to: f64, scale: Scale) -> Result<(), KeyError> {
    if !(from.is_finite() && to.is_finite()) {
        return Err(KeyError::new(path, format!("sweep axis: from {from} to {to} is not a range of finite numbers")));
    }
    if scale == Scale::Log && !(from > 0.0 && to > 0.0) {
        return Err(KeyError::new(
            path,
            format!("sweep axis: a logarithmic scale needs positive ends, found {from} to {to}"),
        ));
    }
    Ok(())
}

/// Relative distance from a whole number that is attributed to rounding.
const WHOLE_WITHIN: f64 = 1e-12;
/// Up to this, every whole number is exact in floating point.
const LARGEST_WHOLE: f64 = 9.007_199_254_740_992e15;

fn range_values(path: &str, range: &Range) -> Result<Vec<Value>, KeyError> {
    check_scale(path, range.from, range.to, range.scale)?;
    check_length(path, "points", range.points, 1)?;
    let last = range.points.saturating_sub(1).max(1) as f64;
    let at = |k: usize| {
        let t = k as f64 / last;
        if k == 0 {
            range.from
        } else if k + 1 == range.points {
            range.to
        } else {
            match range.scale {
                Scale::Linear => range.from + t * (range.to - range.from),
                Scale::Log => range.from * (t * (range.to / range.from).ln()).exp(),
            }
        }
    };
    let values = || (0..range.points).map(at);
    // whole numbers may be those of a key that takes no others (a seed, a number of devices)
    let is_whole = |x: &f64| (x - x.round()).abs() < WHOLE_WITHIN * x.abs().max(1.0) && x.abs() < LARGEST_WHOLE;
    let whole = values().all(|x| is_whole(&x));
    Ok(values().map(|x| if whole { Value::Integer(x.round() as i64) } else { Value::Float(x) }).collect())
}

/// Refuses more values of `components` numbers than an axis may have, before they are computed.
fn check_length(path: &str, key: &str, found: usize, components: usize) -> Result<(), KeyError> {
    let most = MOST_NUMBERS / components.max(1);
    if found <= most {
        return Ok(());
    }
    let each = if components > 1 { format!(" of {components} numbers each") } else { String::new() };
    Err(KeyError::new(path, format!("sweep axis: found {key} = {found}, at most {most} values{each} are allowed")))
}

fn random_values(
    path: &str,
    random: &Random,
    seed: u64,
    number: u64,
    components_of: ComponentsOf<'_>,
) -> Result<Vec<Value>, KeyError> {
    check_length(path, "random", random.random, 1)?;
    let mut rng = seed::stream(seed, Purpose::Axis { axis: number });
    let mut between = |from: f64, to: f64| {
        let t: f64 = rng.random();
        Value::Float(match random.scale {
            Scale::Linear => from + t * (to - from),
            Scale::Log => from * (t * (to / from).ln()).exp(),
        })
    };
    let (low, high) = match (random.from, random.to, components_of()?) {
        (Some(from), Some(to), None) => {
            check_scale(path, from, to, random.scale)?;
            return Ok((0..random.random).map(|_| between(from, to)).collect());
        }
        (Some(from), Some(to), Some(of_each)) => (vec![from; of_each.count], vec![to; of_each.count]),
        (None, None, Some(Components { bounds: Ok(bounds), .. })) => bounds,
        (None, None, Some(Components { bounds: Err(reason), .. })) => {
            return Err(KeyError::new(path, format!("sweep axis: {reason}: add `from` and `to`")));
        }
        (None, None, None) => {
            let message = "sweep axis: is a number, which has no range of its own: add `from` and `to`";
            return Err(KeyError::new(path, message));
        }
        _ => return Err(KeyError::new(path, "sweep axis: `from` and `to` go together")),
    };
    check_length(path, "random", random.random, low.len())?;
    low.iter().zip(&high).try_for_each(|(&from, &to)| check_scale(path, from, to, random.scale))?;
    let mut point = || Value::Array(low.iter().zip(&high).map(|(&a, &b)| between(a, b)).collect());
    Ok((0..random.random).map(|_| point()).collect())
}

/// Number of points of the grid.
#[must_use]
pub fn points(axes: &[SweepAxis]) -> usize {
    axes.iter().map(SweepAxis::len).product()
}

/// Index along each axis of a point; the last axis runs fastest.
#[must_use]
pub fn indices(axes: &[SweepAxis], point: usize) -> Vec<usize> {
    let mut rest = point;
    let mut out = vec![0; axes.len()];
    for (axis, index) in axes.iter().zip(&mut out).rev() {
        *index = rest % axis.len();
        rest /= axis.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<SweepAxis>, KeyError> {
        let value: Value = Value::Table(toml::from_str(text).unwrap());
        let of_each = Components { count: 2, bounds: Ok((vec![0.0, 1.0], vec![1.0, 2.0])) };
        parse(Some(&value), 1, &PerParameter { path: "e.f", components: &|_| Ok(of_each.clone()) })
    }

    #[test]
    fn every_form_is_read() {
        let axes = read(
            "\"a.b\" = { from = 1.0, to = 200.0, points = 3, scale = \"log\" }\n\
             \"c.d\" = [\"x\", \"y\"]\n\
             \"e.f\" = { random = 4 }\n\
             zip = [ { \"g.h\" = [1, 2], \"i.j\" = { values = [3, 4], labels = [\"p\", \"q\"] } } ]\n",
        )
        .unwrap();
        assert_eq!(axes.iter().map(SweepAxis::len).collect::<Vec<_>>(), [3, 2, 4, 2]);
        assert!((axes[0].keys[0].values[1].as_float().unwrap() - 200.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(axes[2].keys[0].values[0].as_array().unwrap().len(), 2);
        assert_eq!(axes[3].keys.len(), 2);
        assert_eq!(indices(&axes, 47), [2, 1, 3, 1]);
        assert_eq!(points(&axes), 48);
    }

    #[test]
    fn random_points_lie_in_the_ranges_of_their_components() {
        let of = |text: &str| read(text).unwrap().remove(0).keys.remove(0).values;
        let points = |text: &str| -> Vec<Vec<f64>> {
            let numbers = |v: Value| v.as_array().unwrap().iter().map(|x| x.as_float().unwrap()).collect();
            of(text).into_iter().map(numbers).collect()
        };
        for point in points("\"e.f\" = { random = 100 }") {
            assert!((0.0..1.0).contains(&point[0]) && (1.0..2.0).contains(&point[1]), "{point:?}");
        }
        for point in points("\"e.f\" = { random = 100, from = -3.0, to = -2.0 }") {
            assert!(point.len() == 2 && point.iter().all(|x| (-3.0..-2.0).contains(x)), "{point:?}");
        }
        assert!(of("\"a\" = { random = 3, from = -3.0, to = -2.0 }").iter().all(Value::is_float));
    }

    #[test]
    fn ranges_of_whole_numbers_are_whole() {
        let of = |text: &str| read(text).unwrap().remove(0).keys.remove(0).values;
        let seeds = of("\"a\" = { from = 1, to = 20, points = 20, scale = \"linear\" }");
        assert_eq!(seeds, (1..=20).map(Value::Integer).collect::<Vec<Value>>());
        let decades = of("\"a\" = { from = 1, to = 1000, points = 4, scale = \"log\" }");
        assert_eq!(decades, [1, 10, 100, 1000].map(Value::Integer));
        let halves = of("\"a\" = { from = 1, to = 2, points = 3, scale = \"linear\" }");
        assert_eq!(halves, [1.0, 1.5, 2.0].map(Value::Float));
    }

    #[test]
    fn bad_axes_are_refused() {
        for (text, say) in [
            ("\"a\" = []", "no values"),
            ("\"a\" = 3", "must be a list"),
            ("\"a\" = { from = 0.0, to = 1.0, points = 3, scale = \"log\" }", "positive ends"),
            ("\"a\" = { from = 0.0, too = 1.0, points = 3 }", "too"),
            ("\"a\" = { random = 3, from = 1.0 }", "go together"),
            ("\"a\" = { random = 3 }", "has no range of its own"),
            ("\"e.f\" = { random = 3, scale = \"log\" }", "positive ends"),
            ("\"e.f\" = { random = 3, scale = \"log\", from = -1.0, to = 1.0 }", "positive ends"),
            ("zip = [ { \"a\" = [1], \"b\" = [1, 2] } ]", "equally many"),
            ("\"study.seed\" = [1]", "cannot be swept"),
            ("study = [{ seed = 1 }]", "cannot be swept"),
            (
                "\"a\" = { from = 0.0, to = 1.0, points = 10000 }\n\"b\" = { random = 10000, from = 0.0, to = 1.0 }",
                "spans more than 10000000 points",
            ),
            ("\"a\" = { from = 0.0, to = 1.0, points = 9223372036854775807 }", "at most 10000000 values"),
            ("\"a\" = { random = 9223372036854775807, from = 0.0, to = 1.0 }", "at most 10000000 values"),
            ("\"e.f\" = { random = 6000000 }", "at most 5000000 values of 2 numbers"),
        ] {
            let message = read(text).unwrap_err().message;
            assert!(message.contains(say), "{text}: {message}");
        }
    }
}
