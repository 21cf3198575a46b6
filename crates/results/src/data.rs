//! Results in memory: named dimensions with coordinates, and variables over them.

use crate::StoreError;

/// Coordinates along a dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum Coordinate {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Names.
    Labels(Vec<String>),
}

impl Coordinate {
    /// Number of coordinates.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(x) => x.len(),
            Self::Labels(x) => x.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its name: the dotted path of a swept key, or `parameter`, `repetition`, …
    pub name: String,
    /// Its coordinates.
    pub coordinate: Coordinate,
    /// Unit of the coordinates; empty for names, `1` for pure numbers.
    pub units: String,
}

/// An array over dimensions, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Indices of its dimensions in [`Results::dimensions`], slowest first.
    pub dimensions: Vec<usize>,
    /// Its values.
    pub values: Vec<f64>,
    /// Their unit.
    pub units: String,
    /// What it is.
    pub long_name: String,
}

/// All results of a study.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Dimensions.
    pub dimensions: Vec<Dimension>,
    /// Variables.
    pub variables: Vec<Variable>,
    /// Attributes of the file: scenario, seed, version, …
    pub attributes: Vec<(String, String)>,
}

impl Results {
    /// The variable of that name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|v| v.name == name)
    }

    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Index of the dimension of that name.
    #[must_use]
    pub fn dimension(&self, name: &str) -> Option<usize> {
        self.dimensions.iter().position(|d| d.name == name)
    }

    /// Lengths of a variable's dimensions.
    #[must_use]
    pub fn shape(&self, variable: &Variable) -> Vec<usize> {
        variable.dimensions.iter().map(|&d| self.dimensions[d].coordinate.len()).collect()
    }
}

/// Receiver of results: all variables are declared together and then appended to, each in row-major order.
pub trait Sink {
    /// Declares dimensions, attributes, and variables; a variable that already has values is not appended to.
    fn begin(&mut self, outline: Results) -> Result<(), StoreError>;

    /// Appends values to a variable, given by its index in the outline.
    fn append(&mut self, variable: usize, values: &[f64]) -> Result<(), StoreError>;
}

impl Sink for Results {
    fn begin(&mut self, outline: Results) -> Result<(), StoreError> {
        *self = outline;
        Ok(())
    }

    fn append(&mut self, variable: usize, values: &[f64]) -> Result<(), StoreError> {
        self.variables[variable].values.extend_from_slice(values);
        Ok(())
    }
}

/// Unit from the suffix of a key's name.
#[must_use]
pub fn units_of(path: &str) -> &'static str {
    let endings: [(&str, &str); 9] = [
        ("_na2_per_hz", "nA^2/Hz"),
        ("_na_per_volt2", "nA/V^2"),
        ("_na_per_volt", "nA/V"),
        ("_per_hz", "1/Hz"),
        ("_volt", "V"),
        ("_na", "nA"),
        ("_hz", "Hz"),
        ("_rad", "rad"),
        ("_s", "s"),
    ];
    // `frequencies_hz.spacing`: the unit may be in an earlier part of the path
    path.rsplit('.').find_map(|part| endings.iter().find(|(end, _)| part.ends_with(end))).map_or("1", |(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::units_of;

    #[test]
    fn units_are_read_off_names() {
        assert_eq!(units_of("estimator.frequencies_hz.spacing"), "Hz");
        assert_eq!(units_of("noise.psd_na2_per_hz"), "nA^2/Hz");
        assert_eq!(units_of("device.gradient_na_per_volt.3"), "nA/V");
        assert_eq!(units_of("estimator.directions"), "1");
        assert_eq!(units_of("estimator.duration_s"), "s");
    }
}
