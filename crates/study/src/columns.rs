//! The variables of results: each kind of study declares its own once, as columns. From the columns follow the outline of the
//! results file, where values are appended, how large the file will be, and the check of a file that was read.

use results::{Dimension, Results, Sink, StoreError, Variable};

use crate::Study;
use crate::axis_columns::sweep_dimensions;
use crate::kind::ALL_COLUMNS;

/// A variable of the results of a kind of study.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: &'static str,
    /// Names of its dimensions, after the axes of the sweep.
    pub(crate) over: &'static [&'static str],
    /// Unit of its values.
    pub(crate) units: &'static str,
    /// What it is.
    pub(crate) long_name: &'static str,
    /// Whether it has a value at every point of the sweep; otherwise it belongs to all points together.
    over_axes: bool,
}

impl Column {
    /// A column over the axes of the sweep, then over its own dimensions.
    pub(crate) const fn new(
        name: &'static str,
        over: &'static [&'static str],
        units: &'static str,
        long_name: &'static str,
    ) -> Self {
        Self { name, over, units, long_name, over_axes: true }
    }

    /// The same column for all points together, over its own dimensions alone.
    pub(crate) const fn of_all_points(self) -> Self {
        Self { over_axes: false, ..self }
    }

    /// Number of values at a point of the sweep, given the lengths of its dimensions.
    pub(crate) fn values_of_point(&self, length: impl Fn(&str) -> u64) -> u64 {
        if self.over_axes { self.over.iter().fold(1, |n: u64, d| n.saturating_mul(length(d))) } else { 0 }
    }
}

/// All columns that a kind of study declares.
pub(crate) struct KindColumns {
    /// The variable that identifies the kind: all results of the kind have it.
    pub(crate) main: &'static str,
    /// All columns, in groups of which some may be missing.
    pub(crate) groups: &'static [&'static [Column]],
}

impl KindColumns {
    fn all(&self) -> impl Iterator<Item = &Column> {
        self.groups.iter().copied().flatten()
    }
}

/// The outline of a study's results, and the positions of its columns.
pub(crate) struct Outline {
    pub(crate) results: Results,
    places: Places,
}

/// Positions of columns among the variables of the results.
pub(crate) struct Places(Vec<(&'static str, usize)>);

impl Outline {
    /// The axes of the sweep with their values, then the dimensions and columns of the kind of study. Panics if a dimension of a
    /// column is missing: that is an error in the code of the kind.
    pub(crate) fn new<'c>(study: &Study, own: Vec<Dimension>, columns: impl IntoIterator<Item = &'c Column>) -> Self {
        let (mut dimensions, mut variables) = sweep_dimensions(study);
        let axes = 0..study.axes.len();
        let first = dimensions.len();
        let position = |column: &Column, name: &str| {
            let found = own.iter().position(|d| d.name == name);
            first + found.unwrap_or_else(|| panic!("column `{}` stands over `{name}`", column.name))
        };
        let mut places = Vec::new();
        for column in columns {
            places.push((column.name, variables.len()));
            let swept = axes.clone().filter(|_| column.over_axes);
            variables.push(Variable {
                name: column.name.to_owned(),
                dimensions: swept.chain(column.over.iter().map(|name| position(column, name))).collect(),
                values: Vec::new(),
                units: column.units.to_owned(),
                long_name: column.long_name.to_owned(),
            });
        }
        dimensions.extend(own);
        Self { results: Results { dimensions, variables, attributes: Vec::new() }, places: Places(places) }
    }

    /// Begins the results.
    pub(crate) fn begin(self, sink: &mut dyn Sink) -> Result<Places, StoreError> {
        sink.begin(self.results)?;
        Ok(self.places)
    }
}

impl Places {
    /// Appends values of a column that was declared.
    pub(crate) fn append(&self, sink: &mut dyn Sink, column: &str, values: &[f64]) -> Result<(), StoreError> {
        let place = self.0.iter().find(|(name, _)| *name == column);
        let (_, place) = place.unwrap_or_else(|| panic!("column `{column}` is declared"));
        sink.append(*place, values)
    }

    /// Appends values, padded with NaN to `length`.
    pub(crate) fn append_padded(
        &self,
        sink: &mut dyn Sink,
        column: &str,
        values: &[f64],
        length: usize,
    ) -> Result<(), StoreError> {
        let mut row = values.to_vec();
        row.resize(length, f64::NAN);
        self.append(sink, column, &row)
    }
}

/// Dimensions that may have length zero: no trace is kept for large tasks, and a task need not have the others.
const MAY_BE_EMPTY: [&str; 4] = ["trace_time_s", "test_pattern", "input", "control"];

fn names<'r>(results: &'r Results, variable: &Variable) -> Vec<&'r str> {
    variable.dimensions.iter().map(|&d| results.dimensions[d].name.as_str()).collect()
}

/// Refuses results in which a variable of a kind of study has other dimensions than declared, or a dimension of length zero. After this
/// check, variables that belong together can be indexed alike.
///
/// # Errors
/// Names the variable, what was found, and what was expected.
pub fn check(results: &Results) -> Result<(), String> {
    ALL_COLUMNS.iter().try_for_each(|kind| check_kind(results, kind))
}

fn check_kind(results: &Results, kind: &KindColumns) -> Result<(), String> {
    let main_column = kind.all().find(|column| column.name == kind.main);
    let (Some(main), Some(main_column)) = (results.variable(kind.main), main_column) else { return Ok(()) };
    let found = names(results, main);
    let Some(axes) = found.strip_suffix(main_column.over) else {
        return Err(format!(
            "variable `{}` has dimensions {found:?}, but its last must be {:?}",
            main.name, main_column.over
        ));
    };
    refuse_nothing(results, main)?;
    for column in kind.all() {
        let Some(variable) = results.variable(column.name) else { continue };
        let expected = [if column.over_axes { axes } else { &[] }, column.over].concat();
        let found = names(results, variable);
        if found != expected {
            let (name, main) = (column.name, &main.name);
            return Err(format!(
                "variable `{name}` has dimensions {found:?}, but with `{main}` they must be {expected:?}"
            ));
        }
        refuse_nothing(results, variable)?;
    }
    Ok(())
}

fn refuse_nothing(results: &Results, variable: &Variable) -> Result<(), String> {
    let mut dimensions = variable.dimensions.iter().map(|&d| &results.dimensions[d]);
    match dimensions.find(|d| d.coordinate.is_empty() && !MAY_BE_EMPTY.contains(&d.name.as_str())) {
        Some(empty) => Err(format!("variable `{}` has nothing along `{}`", variable.name, empty.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use results::{Coordinate, Dimension, Results, Variable};

    fn results(variables: &[(&str, &[usize])]) -> Results {
        let dimension = |name: &str, count: usize| Dimension {
            name: name.to_owned(),
            coordinate: Coordinate::Numbers(vec![0.0; count]),
            units: String::new(),
        };
        let dimensions = vec![dimension("noise.exponent", 2), dimension("parameter", 3), dimension("frequency_hz", 0)];
        let variable = |&(name, over): &(&str, &[usize])| Variable {
            name: name.to_owned(),
            dimensions: over.to_vec(),
            values: Vec::new(),
            units: String::new(),
            long_name: String::new(),
        };
        Results { dimensions, variables: variables.iter().map(variable).collect(), attributes: Vec::new() }
    }

    #[test]
    fn variables_stand_over_the_dimensions_of_their_kind() {
        let refused = |variables: &[(&str, &[usize])]| check(&results(variables)).unwrap_err();
        let mse: (&str, &[usize]) = ("mse", &[0, 1]);
        check(&results(&[mse, ("bias", &[0, 1]), ("measurement_time_s", &[0]), ("own", &[2])])).unwrap();
        let message = refused(&[mse, ("bias", &[1, 0])]);
        for word in ["`bias`", "`mse`", r#"["parameter", "noise.exponent"]"#, r#"["noise.exponent", "parameter"]"#] {
            assert!(message.contains(word), "wanted {word} in {message}");
        }
        assert!(refused(&[("mse", &[])]).contains("its last must be [\"parameter\"]"));
        assert!(refused(&[mse, ("measurement_time_s", &[0, 1])]).contains("`measurement_time_s`"));
        assert!(refused(&[("psd_welch", &[0, 2])]).contains("nothing along `frequency_hz`"));
    }
}
