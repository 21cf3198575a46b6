//! A device whose currents are formulas of its parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use exmex::{Differentiate, Express, FlatEx, FloatOpsFactory, MatchLiteral, literal_matcher_from_pattern};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{SettingError, within};

use crate::kind::{DeviceKind, Surroundings};
use crate::{Device, DeviceError};

/// Currents as formulas of the parameters w1, w2, … (V), such as `"20 * tanh(3 * w1 + w2) + a * w1 * w2"`, with exact derivatives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpressionSettings {
    /// Formula of the current (nA), or a list with one for each output: + - * / ^, parentheses, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh,
    /// exp, ln, log2, log10, sqrt, cbrt, PI and E.
    pub current_na: Formulas,
    /// Number of parameters.
    pub parameters: usize,
    /// Named constants of the formulas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, f64>,
    /// Operating point (V); zero if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point_volt: Option<Vec<f64>>,
}

/// One formula, or one for each output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a formula in quotes, or a list of them")]
pub enum Formulas {
    /// Of the only output.
    One(String),
    /// Of each output.
    Several(Vec<String>),
}

// numbers as 2, 0.5, .5, 2e-3: without a pattern of its own, exmex takes the e for Euler's number
literal_matcher_from_pattern!(Number, r"^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?");

type Formula = FlatEx<f64, FloatOpsFactory<f64>, Number>;

/// Most parameters: their second derivatives are found beforehand.
const MOST_PARAMETERS: usize = 64;
const MOST_OUTPUTS: usize = 16;
/// Longest formula, and deepest parentheses.
const LONGEST: usize = 5000;
const DEEPEST: usize = 50;

impl DeviceKind for ExpressionSettings {
    fn build(&self, _around: &Surroundings) -> Result<Arc<dyn Device>, SettingError> {
        let formulas = match &self.current_na {
            Formulas::One(one) => std::slice::from_ref(one),
            Formulas::Several(several) => several,
        };
        Ok(Arc::new(Expression::new(formulas, self.parameters, &self.constants)?))
    }

    fn operating_point_volt(&self) -> Option<&[f64]> {
        self.operating_point_volt.as_deref()
    }
}

/// Currents as formulas of the parameters.
#[derive(Clone, Debug)]
pub struct Expression {
    parameters: usize,
    outputs: Vec<Output>,
}

/// A formula, with its derivatives.
#[derive(Clone, Debug)]
struct Output {
    current: Formula,
    /// What stands for each variable, in the order of their names.
    variables: Vec<Variable>,
    /// By each parameter; none where the formula does not hold it.
    slopes: Vec<Option<Formula>>,
    /// By two parameters m ≤ n; those that are not here are zero.
    curvatures: Vec<(usize, usize, Formula)>,
}

#[derive(Clone, Copy, Debug)]
enum Variable {
    Parameter(usize),
    Constant(f64),
}

impl Expression {
    /// A device of `parameters` parameters w1, w2, … and a formula for each output.
    ///
    /// # Errors
    /// If there are too many parameters or outputs, or a formula cannot be read or has no derivative.
    pub fn new(
        formulas: &[String],
        parameters: usize,
        constants: &BTreeMap<String, f64>,
    ) -> Result<Self, SettingError> {
        within("parameters", parameters, 1..=MOST_PARAMETERS)?;
        if formulas.is_empty() || formulas.len() > MOST_OUTPUTS {
            let found = format!("a list of {}", formulas.len());
            return Err(SettingError::found("current_na", found, format!("must be 1 to {MOST_OUTPUTS} formulas")));
        }
        if let Some((name, value)) = constants.iter().find(|(_, value)| !value.is_finite()) {
            return Err(SettingError::new("constants", format!("`{name}` is {value}, must be finite")));
        }
        let output = |formula: &String| Output::new(formula, parameters, constants);
        Ok(Self { parameters, outputs: formulas.iter().map(output).collect::<Result<_, _>>()? })
    }
}

fn refused(formula: &str, why: &str) -> SettingError {
    let shown: String = formula.chars().take(80).collect();
    SettingError::new("current_na", format!("\"{shown}\": {why}"))
}

impl Output {
    fn new(formula: &str, parameters: usize, constants: &BTreeMap<String, f64>) -> Result<Self, SettingError> {
        if formula.len() > LONGEST || depth(formula) > DEEPEST {
            let why = format!("must have at most {LONGEST} characters, and parentheses at most {DEEPEST} deep");
            return Err(refused(formula, &why));
        }
        let current = Formula::parse(formula).map_err(|e| refused(formula, e.msg()))?;
        let variable = |name: &String| -> Result<Variable, SettingError> {
            if let Some(value) = constants.get(name) {
                return Ok(Variable::Constant(*value));
            }
            let number = name.strip_prefix('w').and_then(|number| number.parse::<usize>().ok());
            match number.filter(|number| (1..=parameters).contains(number) && name == &format!("w{number}")) {
                Some(number) => Ok(Variable::Parameter(number - 1)),
                None => {
                    let why = format!("`{name}` is neither a parameter, w1 to w{parameters}, nor one of `constants`");
                    Err(refused(formula, &why))
                }
            }
        };
        let variables = current.var_names().iter().map(variable).collect::<Result<Vec<_>, _>>()?;
        let no_slope = |e: exmex::ExError| refused(formula, &format!("has no derivative: {}", e.msg()));
        let place = |m: usize| variables.iter().position(|v| matches!(v, Variable::Parameter(own) if *own == m));
        let mut slopes = Vec::new();
        let mut curvatures = Vec::new();
        for m in 0..parameters {
            let Some(at) = place(m) else {
                slopes.push(None);
                continue;
            };
            let slope = current.clone().partial(at).map_err(no_slope)?;
            for n in m..parameters {
                if let Some(other) = place(n) {
                    curvatures.push((m, n, slope.clone().partial(other).map_err(no_slope)?));
                }
            }
            slopes.push(Some(slope));
        }
        Ok(Self { current, variables, slopes, curvatures })
    }

    fn values(&self, volt: &[f64]) -> Vec<f64> {
        let value = |variable: &Variable| match variable {
            Variable::Parameter(m) => volt[*m],
            Variable::Constant(value) => *value,
        };
        self.variables.iter().map(value).collect()
    }

    fn at(formula: &Formula, values: &[f64], volt: &[f64]) -> Result<f64, DeviceError> {
        let found = formula.eval(values).map_err(|e| DeviceError::Evaluation(e.msg().to_owned()))?;
        if found.is_finite() {
            return Ok(found);
        }
        Err(DeviceError::Evaluation(format!("the formula or its derivative is {found} at {volt:?} V")))
    }
}

/// Deepest parentheses of a formula.
fn depth(formula: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for c in formula.chars() {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

impl Device for Expression {
    fn parameters(&self) -> usize {
        self.parameters
    }

    fn outputs(&self) -> usize {
        self.outputs.len()
    }

    fn evaluate(&self, volt: ArrayView2<f64>, mut currents_na: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        for (w, mut row) in volt.rows().into_iter().zip(currents_na.rows_mut()) {
            let w = w.to_vec();
            for (output, current) in self.outputs.iter().zip(&mut row) {
                *current = Output::at(&output.current, &output.values(&w), &w)?;
            }
        }
        Ok(())
    }

    fn gradient(&self, volt: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        let mut gradient = Array2::zeros((self.outputs.len(), self.parameters));
        for (output, mut row) in self.outputs.iter().zip(gradient.rows_mut()) {
            let values = output.values(volt);
            for (slope, found) in output.slopes.iter().zip(&mut row) {
                if let Some(slope) = slope {
                    *found = Output::at(slope, &values, volt)?;
                }
            }
        }
        Ok(Some(gradient))
    }

    fn curvature_along(&self, volt: &[f64], direction: &[f64]) -> Result<Option<Vec<f64>>, DeviceError> {
        let along = |output: &Output| -> Result<f64, DeviceError> {
            let values = output.values(volt);
            let mut sum = 0.0;
            for (m, n, curvature) in &output.curvatures {
                let both = direction[*m] * direction[*n] * if m == n { 1.0 } else { 2.0 };
                if both != 0.0 {
                    sum += both * Output::at(curvature, &values, volt)?;
                }
            }
            Ok(sum)
        };
        self.outputs.iter().map(along).collect::<Result<_, _>>().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    fn device(formula: &str, parameters: usize) -> Result<Expression, SettingError> {
        let constants = BTreeMap::from([("a".to_owned(), 5.0)]);
        Expression::new(&[formula.to_owned()], parameters, &constants)
    }

    #[test]
    fn derivatives_are_those_of_the_formula() {
        for formula in [
            "20 * tanh(3 * w1 + w2) + a * w1 * w2",
            "exp(-w3^2 / 2) * (w1 + 2)^1.5 / sqrt(1 + w2^2)",
            "ln(2 + w1) * cos(PI * w2) - w10 * w3 + log10(3 + w3)",
        ] {
            let device = device(formula, 10).unwrap();
            let at = [0.3, -0.2, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.7];
            conformance::gradient_equals_differences(&device, &at, 1e-7);
            conformance::curvature_equals_differences(&device, &at, 1e-3, 1e-8);
        }
        let simple = device("2 * w2 + 3 * w10 + 0 * w1", 10).unwrap();
        let gradient = simple.gradient(&[0.0; 10]).unwrap().unwrap();
        assert_eq!(gradient.iter().copied().collect::<Vec<f64>>(), [0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0]);
        for (formula, value) in
            [("2^3 - 6 / 3 / 2 - -1", 8.0), ("2e-3 * 2.5E+3 + .5 + 1.", 6.5), ("2 * E - 2 * exp(1)", 0.0)]
        {
            let found = crate::currents_na(&device(formula, 1).unwrap(), ndarray::array![[0.0]].view()).unwrap();
            assert!((found[0] - value).abs() < 1e-12, "{formula}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_formula_is_refused() {
        let deep = format!("{}w1{}", "(".repeat(60), ")".repeat(60));
        let long = "w1 + ".repeat(1500) + "w1";
        for (formula, word) in [
            ("2 * (w1", "parentheses"),
            ("w1 +", ""),
            ("", ""),
            ("2 * w3", "w1 to w2"),
            ("2 * w01", "w1 to w2"),
            ("b * w1", "constants"),
            (&deep, "deep"),
            (&long, "characters"),
        ] {
            let error = device(formula, 2).unwrap_err();
            assert!(error.field == "current_na" && error.message.contains(word), "{formula}: {error}");
        }
        assert_eq!(device("w1", 0).unwrap_err().field, "parameters");
        let infinite = device("1 / w1", 1).unwrap();
        let error = crate::currents_na(&infinite, ndarray::array![[0.0]].view()).unwrap_err().to_string();
        assert!(error.contains("inf") && error.contains("[0.0] V"), "{error}");
    }
}
