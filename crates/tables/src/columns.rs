use std::path::Path;

use ndarray::{ArrayD, Ix2};

use crate::archive::Archive;
use crate::{TableError, npy, text};

/// Columns read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// The numbers of each column, all finite.
    pub values: Vec<Vec<f64>>,
    /// Line of each row in a text file, counted from 1; empty for arrays.
    pub places: Vec<usize>,
    /// Remarks on lines left out, one sentence each.
    pub remarks: Vec<String>,
}

impl Columns {
    /// Position of a row in the file, for messages.
    #[must_use]
    pub fn place(&self, row: usize) -> String {
        self.places.get(row).map_or_else(|| format!("row {row} (counted from 0)"), |line| format!("line {line}"))
    }
}

/// Reads `columns` columns of finite numbers from a text table (`.csv`, `.txt`, `.tsv`, `.dat`, `.asc`), from an array in `.npy`
/// of shape (rows, `columns`), or from the only array of an `.npz`. A single column may also be of shape (rows).
///
/// # Errors
/// If the file cannot be read, has a different number of columns, or holds an entry that is not a finite number; the
/// message gives its position.
pub fn read_columns(path: &Path, columns: usize) -> Result<Columns, TableError> {
    read(path, Some(columns))
}

/// Reads all columns of a table: as many as its first row has, or the array of shape (rows, columns) or (rows).
///
/// # Errors
/// As [`read_columns`], and if an array has more columns than rows.
pub fn read_all_columns(path: &Path) -> Result<Columns, TableError> {
    read(path, None)
}

fn read(path: &Path, columns: Option<usize>) -> Result<Columns, TableError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    match extension.as_str() {
        "csv" | "txt" | "tsv" | "dat" | "asc" => text::parse(&std::fs::read(path)?, columns),
        "npy" => of_array(npy::read_npy(path)?, columns),
        "npz" => {
            let mut archive = Archive::open(path)?;
            match archive.names().as_slice() {
                [name] => of_array(archive.array(name)?, columns),
                names => Err(TableError::File(format!(
                    "holds {} arrays ({}): one array{} is needed: save it with numpy.save",
                    names.len(),
                    names.join(", "),
                    columns.map_or_else(String::new, |n| format!(" of {n} columns"))
                ))),
            }
        }
        _ => Err(TableError::File(format!(
            "its name ends in \".{extension}\": .csv, .txt, .tsv, .dat, .asc (text), .npy and .npz are read"
        ))),
    }
}

fn of_array(array: ArrayD<f64>, columns: Option<usize>) -> Result<Columns, TableError> {
    let shape = array.shape().to_vec();
    let columns = match (columns, &shape[..]) {
        (Some(columns), _) => columns,
        (None, [_]) => 1,
        (None, [rows, columns]) if columns <= rows => *columns,
        (None, [_, _]) => {
            return Err(TableError::File(format!("has shape {shape:?}, more columns than rows: save `array.T`")));
        }
        _ => return Err(TableError::File(format!("has shape {shape:?}, (rows) or (rows, columns) is needed"))),
    };
    let array = match shape.len() {
        1 if columns == 1 => array.insert_axis(ndarray::Axis(1)),
        _ => array,
    };
    let fits = |array: &ndarray::Array2<f64>| array.ncols() == columns;
    let Some(array) = array.into_dimensionality::<Ix2>().ok().filter(fits) else {
        let one = if columns == 1 { "(rows) or " } else { "" };
        let hint = if shape.first() == Some(&columns) { ": save `array.T`" } else { "" };
        return Err(TableError::File(format!("has shape {shape:?}, {one}(rows, {columns}) is needed{hint}")));
    };
    for (row, numbers) in array.rows().into_iter().enumerate() {
        if let Some(x) = numbers.iter().find(|x| !x.is_finite()) {
            return Err(TableError::File(format!("row {row} (counted from 0) holds {x}: all numbers must be finite")));
        }
        if let Some(x) = numbers.iter().find(|x| x.abs() >= text::OVERLOAD) {
            let what = "which instruments write for an overload or a missing value: measure on a larger range";
            return Err(TableError::File(format!("row {row} (counted from 0) holds {x:e}, {what}")));
        }
    }
    let values = array.columns().into_iter().map(|c| c.to_vec()).collect();
    Ok(Columns { values, places: Vec::new(), remarks: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::tests::file;

    fn read(name: &str, bytes: &[u8], columns: usize) -> Result<Columns, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_columns(&path, columns).map_err(|e| e.to_string())
    }

    #[test]
    fn all_columns_of_a_table_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let all = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            read_all_columns(&path).map_err(|e| e.to_string())
        };
        let decimal = all("a.csv", b"t;I\n0,5;1,5;\n0,75;2;\n").unwrap();
        assert_eq!(decimal.values, [[0.5, 0.75], [1.5, 2.0]]);
        assert!(all("a.csv", b"1,2\n1,2,3\n").unwrap_err().contains("found 3 columns, 2 are needed"));
        assert_eq!(all("a.csv", b"# nothing\n").unwrap().values, Vec::<Vec<f64>>::new());
        let bytes: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(all("a.npy", &file("<f4", false, "(6,)", &bytes)).unwrap().values.len(), 1);
        assert_eq!(all("a.npy", &file("<f4", false, "(3, 2)", &bytes)).unwrap().values[1], [2.0, 4.0, 6.0]);
        assert!(all("a.npy", &file("<f4", false, "(2, 3)", &bytes)).unwrap_err().contains("save `array.T`"));
        assert!(
            all("a.npy", &file("<f4", false, "(1, 2, 3)", &bytes)).unwrap_err().contains("(rows, columns) is needed")
        );
    }

    #[test]
    fn arrays_of_one_and_of_several_columns() {
        let bytes: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        for shape in ["(6,)", "(6, 1)"] {
            let read = read("a.npy", &file("<f4", false, shape, &bytes), 1).unwrap();
            assert_eq!(read.values, [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], "{shape}");
        }
        let two = read("a.NPY", &file("<f4", false, "(3, 2)", &bytes), 2).unwrap();
        assert_eq!(two.values, [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
        for (shape, columns, words) in [
            ("(2, 3)", 2, "[2, 3], (rows, 2) is needed: save `array.T`"),
            ("(6,)", 2, "[6], (rows, 2) is needed"),
            ("(1, 6)", 1, "[1, 6], (rows) or (rows, 1) is needed: save `array.T`"),
            ("(1, 2, 3)", 1, "[1, 2, 3]"),
            ("()", 1, "4 bytes, but 24 bytes"),
        ] {
            let message = read("a.npy", &file("<f4", false, shape, &bytes), columns).unwrap_err();
            assert!(message.contains(words), "{shape}: {message}");
        }
        for (x, words) in [(f32::NAN, "row 1 (counted from 0) holds NaN"), (9.9e37, "row 1 (counted from 0) holds 9.9")]
        {
            let bytes: Vec<u8> = [0.0, x].iter().flat_map(|x| x.to_le_bytes()).collect();
            let message = read("a.npy", &file("<f4", false, "(2,)", &bytes), 1).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
        assert!(read("a.xlsx", b"PK", 1).unwrap_err().contains("\".xlsx\": .csv, .txt"));
        assert!(read("a.npz", b"PK", 1).unwrap_err().contains("not an .npz"));
        assert_eq!(read("a.tsv", b"1\t2\n", 2).unwrap().place(0), "line 1");
    }
}
