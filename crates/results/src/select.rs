//! Values by the names of dimensions and the values of coordinates, instead of by positions.

use crate::{Coordinate, Results, Variable};

/// A coordinate to be chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum At<'a> {
    /// By name.
    Label(&'a str),
    /// By value: the nearest coordinate, which must be equal to a millionth of the largest.
    Number(f64),
}

impl<'a> From<&'a str> for At<'a> {
    fn from(label: &'a str) -> Self {
        Self::Label(label)
    }
}

impl From<f64> for At<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(f, "\"{label}\""),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// What was chosen: a part of a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Names of the dimensions that are left, slowest first.
    pub dimensions: Vec<String>,
    /// Their lengths.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f64>,
}

/// Why nothing can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// There is no such variable.
    #[error("there is no variable `{name}`: there are {}", known.join(", "))]
    NoVariable {
        /// What was asked for.
        name: String,
        /// The variables that there are.
        known: Vec<String>,
    },
    /// The variable does not stand over that dimension.
    #[error("`{variable}` does not stand over `{dimension}`: it stands over {}", known.join(", "))]
    NoDimension {
        /// The variable.
        variable: String,
        /// What was asked for.
        dimension: String,
        /// The dimensions that it has.
        known: Vec<String>,
    },
    /// The dimension has no such coordinate.
    #[error("`{dimension}` has no coordinate {found}: it has {known}")]
    NoCoordinate {
        /// The dimension.
        dimension: String,
        /// What was asked for.
        found: String,
        /// The coordinates that there are.
        known: String,
    },
}

/// Position of a coordinate.
fn position(coordinate: &Coordinate, at: &At<'_>) -> Option<usize> {
    match (coordinate, at) {
        (Coordinate::Labels(labels), At::Label(label)) => labels.iter().position(|l| l == label),
        (Coordinate::Numbers(numbers), At::Number(x)) => {
            let largest = numbers.iter().fold(0.0_f64, |a, n| a.max(n.abs()));
            let near = |n: &f64| (n - x).abs() <= 1e-6 * largest;
            let distance = |k: &usize| (numbers[*k] - x).abs();
            (0..numbers.len()).filter(|k| near(&numbers[*k])).min_by(|a, b| distance(a).total_cmp(&distance(b)))
        }
        _ => None,
    }
}

fn shown(coordinate: &Coordinate) -> String {
    let all: Vec<String> = match coordinate {
        Coordinate::Labels(labels) => labels.iter().map(|l| format!("\"{l}\"")).collect(),
        Coordinate::Numbers(numbers) => numbers.iter().map(f64::to_string).collect(),
    };
    crate::few(&all, ", ", "")
}

impl Results {
    /// The values of a variable at given coordinates: `results.select("mse", &[("estimator.mode", "parallel".into())])`. The
    /// dimensions that are not named are left.
    ///
    /// # Errors
    /// If there is no such variable, dimension of it, or coordinate: with those that there are.
    pub fn select(&self, variable: &str, at: &[(&str, At<'_>)]) -> Result<Selection, SelectError> {
        let found = self.variable(variable).ok_or_else(|| SelectError::NoVariable {
            name: variable.to_owned(),
            known: self.variables.iter().map(|v| v.name.clone()).collect(),
        })?;
        let names: Vec<String> = found.dimensions.iter().map(|&d| self.dimensions[d].name.clone()).collect();
        let mut fixed = Vec::new();
        for (dimension, at) in at {
            let axis = names.iter().position(|n| n == dimension).ok_or_else(|| SelectError::NoDimension {
                variable: variable.to_owned(),
                dimension: (*dimension).to_owned(),
                known: names.clone(),
            })?;
            let number = found.dimensions[axis];
            let coordinate = &self.dimensions[number].coordinate;
            let chosen = position(coordinate, at).ok_or_else(|| SelectError::NoCoordinate {
                dimension: (*dimension).to_owned(),
                found: at.to_string(),
                known: shown(coordinate),
            })?;
            fixed.push((number, chosen));
        }
        Ok(self.part(found, &fixed))
    }

    /// The part of a variable at positions along dimensions, both by number: `results.part(variable, &[(dimension, position)])`.
    /// Dimensions over which the variable does not stand are passed over; a position beyond the end of one chooses nothing.
    #[must_use]
    pub fn part(&self, of: &Variable, at: &[(usize, usize)]) -> Selection {
        let fixed = |dimension: usize| at.iter().find(|(d, _)| *d == dimension).map(|(_, position)| *position);
        let mut chosen = vec![0];
        for &d in &of.dimensions {
            let length = self.dimensions[d].coordinate.len();
            let range = fixed(d).map_or(0..length, |position| position..length.min(position + 1));
            chosen = chosen.iter().flat_map(|k| range.clone().map(move |own| k * length + own)).collect();
        }
        let left: Vec<usize> = of.dimensions.iter().copied().filter(|d| fixed(*d).is_none()).collect();
        Selection {
            dimensions: left.iter().map(|&d| self.dimensions[d].name.clone()).collect(),
            shape: left.iter().map(|&d| self.dimensions[d].coordinate.len()).collect(),
            values: chosen.into_iter().filter_map(|k| of.values.get(k).copied()).collect(),
        }
    }

    /// All positions along some dimensions, the last dimension the fastest: each as [`Results::part`] takes it.
    #[must_use]
    pub fn positions(&self, dimensions: &[usize]) -> Vec<Vec<(usize, usize)>> {
        let mut all = vec![Vec::new()];
        for &d in dimensions {
            let length = self.dimensions[d].coordinate.len();
            let with = |at: Vec<(usize, usize)>| (0..length).map(move |k| at.iter().copied().chain([(d, k)]).collect());
            all = all.into_iter().flat_map(with).collect();
        }
        all
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dimension, Variable};

    fn results() -> Results {
        let dimension = |name: &str, coordinate| Dimension { name: name.to_owned(), coordinate, units: String::new() };
        Results {
            dimensions: vec![
                dimension("mode", Coordinate::Labels(vec!["a".to_owned(), "b".to_owned()])),
                dimension("time_s", Coordinate::Numbers(vec![0.1, 0.2, 0.3])),
                dimension("parameter", Coordinate::Numbers(vec![1.0, 2.0])),
            ],
            variables: vec![Variable {
                name: "mse".to_owned(),
                dimensions: vec![0, 1, 2],
                values: (0..12).map(f64::from).collect(),
                units: String::new(),
                long_name: String::new(),
            }],
            attributes: Vec::new(),
        }
    }

    #[test]
    fn values_are_chosen_by_names_and_numbers() {
        let chosen = results().select("mse", &[("mode", "b".into()), ("time_s", (0.1 + 0.2).into())]).unwrap();
        assert_eq!(chosen.values, [10.0, 11.0]);
        assert_eq!((chosen.dimensions, chosen.shape), (vec!["parameter".to_owned()], vec![2]));
        let middle = results().select("mse", &[("time_s", 0.2.into())]).unwrap();
        assert_eq!((middle.values, middle.shape), (vec![2.0, 3.0, 8.0, 9.0], vec![2, 2]));
        assert_eq!(results().select("mse", &[]).unwrap().values.len(), 12);
    }

    #[test]
    fn positions_choose_what_coordinates_choose() {
        let results = results();
        let mse = &results.variables[0];
        assert_eq!(
            results.part(mse, &[(0, 1), (1, 2)]),
            results.select("mse", &[("mode", "b".into()), ("time_s", 0.3.into())]).unwrap()
        );
        assert_eq!(results.part(mse, &[(2, 1), (7, 3)]).values, [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        assert!(results.part(mse, &[(1, 3)]).values.is_empty());
        let in_order =
            results.positions(&[0, 1]).iter().flat_map(|at| results.part(mse, at).values).collect::<Vec<_>>();
        assert_eq!(in_order, mse.values);
        assert_eq!(results.positions(&[]), [Vec::new()]);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let message = |variable: &str, at: &[(&str, At<'_>)]| results().select(variable, at).unwrap_err().to_string();
        assert_eq!(message("bias", &[]), "there is no variable `bias`: there are mse");
        assert_eq!(
            message("mse", &[("x", 1.0.into())]),
            "`mse` does not stand over `x`: it stands over mode, time_s, parameter"
        );
        assert_eq!(message("mse", &[("mode", "c".into())]), "`mode` has no coordinate \"c\": it has \"a\", \"b\"");
        assert_eq!(message("mse", &[("time_s", 0.25.into())]), "`time_s` has no coordinate 0.25: it has 0.1, 0.2, 0.3");
    }
}
