//! What a measurement should reach, as a TOML document: `[wanted]`, with `[noise]` and `[sampling]` as in a scenario.

use estimators::EstimatorError;
use estimators::proposal::{Proposal, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{PerParameter, SettingError};
use toml::{Table, Value};

use crate::ScenarioError;
use crate::language::document::{Document, KeyError, refuse_not_finite};
use crate::language::kinds::NoiseSection;
use crate::language::scenario::{SamplingSection, section};

/// `[wanted]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedSection {
    /// dI/dw of each parameter (nA/V).
    pub gradient_na_per_volt: Vec<f64>,
    /// d²I/dw² (nA/V²); zero if not given.
    #[serde(default)]
    pub curvature_na_per_volt2: Option<Vec<f64>>,
    /// d³I/dw³ (nA/V³); zero if not given.
    #[serde(default)]
    pub third_na_per_volt3: Option<Vec<f64>>,
    /// Root mean square error of each derivative (nA/V), one for all or one for each; or `relative_error`.
    #[serde(default)]
    pub error_na_per_volt: Option<PerParameter>,
    /// The same, relative to the derivative.
    #[serde(default)]
    pub relative_error: Option<f64>,
    /// Largest amplitude (V), one for all or one for each.
    pub most_volt: PerParameter,
    /// Highest usable frequency (Hz): the bandwidth of the device and the instruments.
    pub bandwidth_hz: f64,
    /// Lowest usable frequency (Hz).
    #[serde(default)]
    pub lowest_hz: f64,
    /// Frequencies whose multiples are avoided (Hz), such as 50.
    #[serde(default)]
    pub avoid_hz: Vec<f64>,
    /// Longest measurement (s).
    #[serde(default = "ten_seconds")]
    pub longest_s: f64,
}

fn ten_seconds() -> f64 {
    10.0
}

/// Reads what is known and wanted from a document.
///
/// # Errors
/// At the first key that is unknown, missing, or of a wrong type; and with the noise's own.
pub fn wanted_of(document: &Document) -> Result<Wanted, ScenarioError> {
    read(document).map_err(|e| document.locate(e))
}

/// Why nothing can be proposed, at the key of the document.
#[must_use]
pub fn refused(document: &Document, error: EstimatorError) -> ScenarioError {
    let SettingError { field, message } = error.into();
    let key = match field.as_str() {
        "band" => "bandwidth_hz",
        "parameters" => "gradient_na_per_volt",
        "duration" => "longest_s",
        "avoid" => "avoid_hz",
        own => own,
    };
    document.locate(match key {
        "noise" => KeyError::new("noise", message),
        "rate_hz" => KeyError::new("sampling.rate_hz", message),
        key => KeyError::new(format!("wanted.{key}"), message),
    })
}

fn read(document: &Document) -> Result<Wanted, KeyError> {
    let known = ["wanted", "noise", "sampling"];
    if let Some(other) = document.table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(KeyError::new(other, "unknown table: there are `wanted`, `noise` and `sampling`"));
    }
    let table = |name: &str| {
        let found = document.table.get(name).cloned();
        let found = found.ok_or_else(|| KeyError::new("", format!("the table `[{name}]` is missing")))?;
        refuse_not_finite(&found, name).map(|()| found)
    };
    let sampling: SamplingSection = match document.table.get("sampling") {
        Some(_) => section(table("sampling")?, "sampling")?,
        None => SamplingSection::default(),
    };
    let wanted: WantedSection = section(table("wanted")?, "wanted")?;
    let mut around = noise::Surroundings::in_folder(document.folder(), sampling.rate_hz);
    let noise = NoiseSection::parse(table("noise")?, "noise")?;
    let noise = noise.settings().build(&mut around).map_err(|e| KeyError::at("noise", e))?;
    let parameters = wanted.gradient_na_per_volt.len();
    let each = |given: &PerParameter| match given.to_vec()[..] {
        [one] => vec![one; parameters],
        ref several => several.to_vec(),
    };
    let error_na_per_volt = match (&wanted.error_na_per_volt, wanted.relative_error) {
        (Some(error), None) => each(error),
        (None, Some(relative)) => wanted.gradient_na_per_volt.iter().map(|g| relative * g.abs()).collect(),
        _ => return Err(KeyError::new("wanted", "must hold `error_na_per_volt` or `relative_error`, one of them")),
    };
    let zeros = || vec![0.0; parameters];
    Ok(Wanted {
        curvature_na_per_volt2: wanted.curvature_na_per_volt2.unwrap_or_else(zeros),
        third_na_per_volt3: wanted.third_na_per_volt3.unwrap_or_else(zeros),
        most_volt: each(&wanted.most_volt),
        gradient_na_per_volt: wanted.gradient_na_per_volt,
        error_na_per_volt,
        band_hz: (wanted.lowest_hz, wanted.bandwidth_hz),
        avoided_hz: wanted.avoid_hz,
        longest_s: wanted.longest_s,
        rate_hz: sampling.rate_hz,
        noise,
    })
}

/// A scenario of the proposed measurement on the device of the known derivatives, in the noise of the document.
#[must_use]
pub fn scenario_of(document: &Document, wanted: &Wanted, proposal: &Proposal) -> String {
    let list = |numbers: &[f64]| Value::Array(numbers.iter().map(|x| Value::Float(*x)).collect());
    let table =
        |entries: Vec<(&str, Value)>| Value::Table(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
    let text = |text: &str| Value::String(text.to_owned());
    let coefficients = (0..wanted.gradient_na_per_volt.len()).map(|m| {
        list(&[
            wanted.gradient_na_per_volt[m],
            wanted.curvature_na_per_volt2[m] / 2.0,
            wanted.third_na_per_volt3[m] / 6.0,
        ])
    });
    let hge = &proposal.hge;
    let mut scenario = Table::new();
    let mut add = |name: &str, value: Value| scenario.insert(name.to_owned(), value);
    let study = vec![("name", text("proposal")), ("seed", Value::Integer(1)), ("repetitions", Value::Integer(1000))];
    add("study", table(study));
    add("sampling", table(vec![("rate_hz", Value::Float(wanted.rate_hz))]));
    add("device", table(vec![("kind", text("polynomial")), ("coefficients", Value::Array(coefficients.collect()))]));
    add("noise", document.table["noise"].clone());
    add(
        "estimator",
        table(vec![
            ("kind", text("hge")),
            ("duration_s", Value::Float(hge.duration_s)),
            ("amplitude_volt", list(&hge.amplitude_volt)),
            ("frequencies_hz", list(&hge.frequencies_hz)),
            ("filter", table(vec![("gain_corrected", Value::Boolean(true))])),
        ]),
    );
    toml::to_string(&scenario).expect("tables of numbers and texts")
}
