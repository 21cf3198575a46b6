//! The tables of a scenario file, with units and defaults.

use estimators::Dynamics;
use estimators::hge::HgeSettings;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::kind::{StudyKind, study_kinds};
use crate::language::document::KeyError;
use crate::language::kinds::{DeviceSection, EstimatorSection, NoiseSection, TaskSection};
use crate::limits::{MOST_BUDGET, MOST_REPETITIONS, within};
use crate::point::needed;
use crate::training::settings::TrainingSection;

/// Which of three equivalent routes computes trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouteChoice {
    /// `folded` if possible and faster, otherwise `weights`.
    #[default]
    Auto,
    /// A noise record is generated, and lock-ins follow it sample by sample.
    Streaming,
    /// A noise record is generated, and multiplied by the weights.
    Weights,
    /// One Gaussian number for each sample, multiplied by weights into which the noise spectrum is folded.
    Folded,
}

/// `[study]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudySection {
    /// Name of the study and of its files.
    pub name: String,
    /// Description in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Kind of study.
    #[serde(default)]
    pub kind: StudyKind,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// Monte Carlo repetitions at each point.
    #[serde(default = "default_repetitions")]
    pub repetitions: u64,
    /// Target of the relative standard error of the mean squared error at every point; `repetitions` are then a pilot that
    /// determines how many each point needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_relative_error: Option<f64>,
    /// Largest number of repetitions over all points, if there is a target; distributed so that the largest relative error is minimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_repetitions: Option<u64>,
    /// Store every estimate, not only moments.
    #[serde(default)]
    pub store_estimates: bool,
    /// How trials are computed.
    #[serde(default)]
    pub route: RouteChoice,
}

fn default_repetitions() -> u64 {
    1000
}

/// `[sampling]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingSection {
    /// Sampling rate (Hz).
    pub rate_hz: f64,
}

impl Default for SamplingSection {
    fn default() -> Self {
        Self { rate_hz: 10_000.0 }
    }
}

/// `[published]`: input of the published expressions, B25 Eqs. (8) and (10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedSection {
    /// Noise density S_N (nA²/Hz), the same at every frequency; by default that of `[noise]` at the frequency of the reference.
    pub psd_na2_per_hz: f64,
}

/// `[figure]`, which only the crate `figures` interprets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FigureTable(pub Table);

impl JsonSchema for FigureTable {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FigureSection".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}

/// Declares the tables of a scenario, in the order in which they are written: those that all kinds of studies share,
/// `table: type = how it is read`, and those of the kinds, which need not be there.
macro_rules! declare_tables {
    (
        [$($(#[$about:meta])* $table:ident: $type:ty = $read:expr,)+]
        [$($(#[$about_kind:meta])* $table_kind:ident: $type_kind:ty = $read_kind:expr,)+]
        [$($(#[$about_last:meta])* $table_last:ident: $type_last:ty = $read_last:expr,)+]
    ) => {
        /// A whole scenario, for the JSON Schema. Any key may also be swept: `[sweep]` maps its dotted path to values.
        #[derive(Clone, Debug, Serialize, JsonSchema)]
        #[schemars(title = "homodyne scenario", deny_unknown_fields)]
        pub struct Scenario {
            $($(#[$about])* pub $table: $type,)+
            $($(#[$about_kind])* #[serde(skip_serializing_if = "Option::is_none")] pub $table_kind: Option<$type_kind>,)+
            $($(#[$about_last])* pub $table_last: $type_last,)+
        }

        const TABLES: &[&str] =
            &[$(stringify!($table),)+ $(stringify!($table_kind),)+ $(stringify!($table_last)),+];

        impl Scenario {
            fn read(tables: &Table) -> Result<Self, KeyError> {
                Ok(Self {
                    $($table: $read(tables.get(stringify!($table)).cloned(), stringify!($table))?,)+
                    $($table_kind: optional($read_kind)(
                        tables.get(stringify!($table_kind)).cloned(),
                        stringify!($table_kind),
                    )?,)+
                    $($table_last: $read_last(
                        tables.get(stringify!($table_last)).cloned(),
                        stringify!($table_last),
                    )?,)+
                })
            }
        }
    };
}

/// The tables that all kinds share, around those that the list of kinds gives.
macro_rules! scenario_tables {
    ($($(#[$_about:meta])* $_kind:literal => $_variant:ident($_work:ident, $_point:ident) { $($tables:tt)* })+) => {
        declare_tables! {
            [
                /// The study.
                study: StudySection = required(section),
                /// The device.
                #[serde(skip_serializing_if = "Option::is_none")]
                device: Option<DeviceSection> = optional(DeviceSection::parse),
                /// Dynamics between the device's current and the noise.
                #[serde(skip_serializing_if = "Option::is_none")]
                dynamics: Option<Dynamics> = optional(section),
                /// The noise.
                noise: NoiseSection = or(NoiseSection::None(noise::NoNoise {}), NoiseSection::parse),
                /// The sampling.
                sampling: SamplingSection = or(SamplingSection::default(), section),
                /// The estimator.
                #[serde(skip_serializing_if = "Option::is_none")]
                estimator: Option<EstimatorSection> = optional(EstimatorSection::parse),
                /// The published expressions.
                #[serde(skip_serializing_if = "Option::is_none")]
                published: Option<PublishedSection> = optional(section),
            ]
            [$($($tables)*)+]
            [
                /// Figure.
                #[serde(skip_serializing_if = "Option::is_none")]
                figure: Option<FigureTable> = optional(section),
                /// Axes: dotted path to `{ from, to, points, scale }`, a list, `{ values, labels }`, `{ random }`; `zip` holds
                /// a list of tables of axes that advance together.
                #[serde(skip_serializing_if = "Option::is_none")]
                sweep: Option<crate::language::axes::SweepSchema> = read_apart,
            ]
        }
    };
}

study_kinds!(scenario_tables);

fn required<T>(
    parse: impl FnOnce(Value, &str) -> Result<T, KeyError>,
) -> impl FnOnce(Option<Value>, &str) -> Result<T, KeyError> {
    |table, name| parse(needed(&table, name)?.clone(), name)
}

fn or<T>(
    default: T,
    parse: impl FnOnce(Value, &str) -> Result<T, KeyError>,
) -> impl FnOnce(Option<Value>, &str) -> Result<T, KeyError> {
    |table, name| table.map_or(Ok(default), |table| parse(table, name))
}

fn optional<T>(
    parse: impl FnOnce(Value, &str) -> Result<T, KeyError>,
) -> impl FnOnce(Option<Value>, &str) -> Result<Option<T>, KeyError> {
    |table, name| table.map(|table| parse(table, name)).transpose()
}

/// The sweep is read before: at a point, its keys have values.
fn read_apart<T>(_table: Option<Value>, _name: &str) -> Result<Option<T>, KeyError> {
    Ok(None)
}

/// Keys that a scenario file must have; the sweep may set all others.
const ALWAYS_REQUIRED: [&str; 11] =
    ["study", "name", "kind", "from", "to", "points", "random", "values", "bits", "low", "high"];

/// The JSON Schema of scenario files, with that of `[figure]` from `F`.
#[must_use]
pub fn schema<F: JsonSchema>() -> serde_json::Value {
    let mut tree = schemars::schema_for!(Scenario).to_value();
    let mut figure = schemars::schema_for!(F).to_value();
    if let (Some(all), Some(own)) = (tree["$defs"].as_object_mut(), figure.as_object_mut()) {
        if let Some(serde_json::Value::Object(definitions)) = own.remove("$defs") {
            all.extend(definitions);
        }
        own.remove("$schema");
        own.remove("title");
        all.insert("FigureSection".to_owned(), figure);
    }
    relax(&mut tree);
    tree
}

/// Removes from every `required` the keys that a sweep may set.
fn relax(tree: &mut serde_json::Value) {
    match tree {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Array(required)) = map.get_mut("required") {
                required.retain(|key| key.as_str().is_some_and(|key| ALWAYS_REQUIRED.contains(&key)));
            }
            map.values_mut().for_each(relax);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}

/// Reads the table at `at`.
///
/// # Errors
/// At the first key that is unknown, missing, or of a wrong type.
pub fn section<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, KeyError> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let key = if path == "." { at.to_owned() } else { format!("{at}.{path}") };
        let message = with_near_name(tables::plain(e.inner().message()));
        KeyError { is_unknown: message.starts_with("unknown field"), ..KeyError::new(key, message) }
    })
}

/// The message of an unknown field, with the allowed name that it resembles.
fn with_near_name(message: String) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let near = match names.next() {
        Some(found) if message.starts_with("unknown field") => names
            .map(|name| (strsim::normalized_damerau_levenshtein(found, name), name))
            .filter(|(likeness, _)| *likeness >= LIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0)),
        _ => None,
    };
    match near {
        Some((_, name)) => message.replacen(", expected", &format!(", did you mean `{name}`? Expected"), 1),
        None => message,
    }
}

/// Likeness of two names, from 0 to 1, from which one is taken for the other misspelt.
const LIKE: f64 = 0.6;

fn check_study(study: &StudySection) -> Result<(), KeyError> {
    sweep::text::check_study_name(&study.name).map_err(|message| KeyError::new("study.name", message))?;
    within("study.repetitions", study.repetitions, 1..=MOST_REPETITIONS)?;
    if let Some(budget) = study.budget_repetitions {
        within("study.budget_repetitions", budget, 1..=MOST_BUDGET)?;
    }
    check_target(study)
}

fn check_target(study: &StudySection) -> Result<(), KeyError> {
    let Some(target) = study.target_relative_error else {
        return match study.budget_repetitions {
            Some(n) => {
                let message = format!("found {n}: goes with study.target_relative_error, else write study.repetitions");
                Err(KeyError::new("study.budget_repetitions", message))
            }
            None => Ok(()),
        };
    };
    if !(1e-5..1.0).contains(&target) {
        let message = format!("found {target}: must be 0.00001 to 1");
        return Err(KeyError::new("study.target_relative_error", message));
    }
    if study.kind != StudyKind::Error {
        let message = "only studies of kind \"error\" have an error bar to aim at";
        return Err(KeyError::new("study.target_relative_error", message));
    }
    if study.store_estimates {
        let message =
            "found true: points with a target have different numbers of estimates, which one array cannot hold";
        return Err(KeyError::new("study.store_estimates", message));
    }
    if study.repetitions < 100 {
        let message =
            format!("found {}: a pilot of fewer than 100 does not tell how many are needed", study.repetitions);
        return Err(KeyError::new("study.repetitions", message));
    }
    Ok(())
}

impl Scenario {
    /// The device of a TOML tree, ignoring the rest of the scenario.
    ///
    /// # Errors
    /// At the first key of the device that is unknown, missing, or of a wrong type.
    pub fn device_of(table: &Table) -> Result<DeviceSection, KeyError> {
        let device = table.get("device").ok_or_else(|| KeyError::new("", "the table `[device]` is missing"))?;
        crate::language::document::refuse_not_finite(device, "device")?;
        DeviceSection::parse(device.clone(), "device")
    }

    /// The lock-ins of a TOML tree and their sampling rate, ignoring the rest of the scenario, as a record that was measured elsewhere
    /// is read.
    ///
    /// # Errors
    /// If the estimator is missing or of another kind than "hge", and at the first key that is unknown, missing, or of a wrong type.
    pub fn lock_ins_of(table: &Table) -> Result<(HgeSettings, SamplingSection), KeyError> {
        let estimator =
            table.get("estimator").ok_or_else(|| KeyError::new("", "the table `[estimator]` is missing"))?;
        crate::language::document::refuse_not_finite(estimator, "estimator")?;
        let sampling = table.get("sampling").cloned();
        let sampling = sampling.map_or(Ok(SamplingSection::default()), |sampling| section(sampling, "sampling"))?;
        match EstimatorSection::parse(estimator.clone(), "estimator")? {
            EstimatorSection::Hge(hge) => Ok((hge, sampling)),
            _ => Err(KeyError::new("estimator.kind", "must be \"hge\", whose lock-ins read a record")),
        }
    }

    /// Reads a TOML tree in which every swept key has been set.
    ///
    /// # Errors
    /// At the first key that is unknown, missing, or of a wrong type.
    pub fn from_table(table: &Table) -> Result<Self, KeyError> {
        if let Some(unknown) = table.keys().find(|k| !TABLES.contains(&k.as_str())) {
            let known: Vec<String> = TABLES.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("unknown table, must be one of {}", known.join(", "));
            return Err(KeyError::new(unknown.as_str(), message));
        }
        crate::language::document::refuse_not_finite(&Value::Table(table.clone()), "")?;
        let scenario = Self::read(table)?;
        check_study(&scenario.study)?;
        Ok(scenario)
    }
}
