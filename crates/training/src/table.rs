//! Patterns from laboratory files ([`tables::read_columns`]).

use std::path::Path;

use ndarray::Array2;
use tables::read_columns;

use crate::error::TrainingError;
use crate::targets::Targets;
use crate::task::Patterns;

/// Largest number of patterns of a file.
pub const MOST_PATTERNS: usize = 100_000;

/// Reads rows of `inputs` voltages \[V\] with the target in the last column: a class, 0 or 1 (or −1 or 1), or, if
/// `classes_only` is not set, any current \[nA\]. Returns remarks on the reading as well, one sentence each.
///
/// # Errors
/// If the file cannot be read, a row does not have `inputs` + 1 numbers, a target is not a class although classes are
/// required (with the line and what was found there), or there are fewer than two rows or more than [`MOST_PATTERNS`].
pub fn read_patterns(path: &Path, inputs: usize, classes_only: bool) -> Result<(Patterns, Vec<String>), TrainingError> {
    let fail = |what: String| TrainingError::File { path: path.to_owned(), what };
    let mut read = read_columns(path, inputs + 1).map_err(|e| fail(e.to_string()))?;
    let targets = read.values.pop().unwrap_or_default();
    if targets.len() < 2 {
        return Err(fail(format!("has {} rows of numbers: at least two are needed", targets.len())));
    }
    if targets.len() > MOST_PATTERNS {
        return Err(fail(format!("holds {} patterns: at most {MOST_PATTERNS} are allowed", targets.len())));
    }
    if classes_only && let Some(bad) = Targets::first_that_is_no_label(&targets) {
        return Err(fail(format!(
            "{}: found the target {}: classes are 0 and 1, or −1 and 1; only the loss \"mean-square\" takes currents [nA]",
            read.place(bad),
            format!("{:?}", targets[bad]).trim_end_matches(".0")
        )));
    }
    let inputs_volt = Array2::from_shape_fn((targets.len(), inputs), |(row, column)| read.values[column][row]);
    Ok((Patterns { inputs_volt, targets: Targets::of_numbers(targets), radii: Vec::new() }, read.remarks))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, inputs: usize, classes_only: bool) -> Result<Patterns, String> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("patterns-{}-{number}.csv", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let found = read_patterns(&path, inputs, classes_only).map(|(patterns, _)| patterns).map_err(|e| e.to_string());
        std::fs::remove_file(&path).unwrap();
        found
    }

    #[test]
    fn tables_are_read_as_laboratories_write_them() {
        let expected = ndarray::array![[0.1, 0.2], [0.3, -0.4], [0.5, 6.0]];
        for text in [
            "a,b,target\n0.1,0.2,1\n0.3, -0.4 ,0\n0.5,6,1\n",
            "0.1,0.2,1\n0.3,-0.4,0\n0.5,6,1",
            "# made on a Tuesday\nV1;V2;class\n[V];[V];\n0,1;0,2;1\n\n0,3;-0,4;0\n0,5;6;1\n",
            "V1\tV2\tclass\r\n0.1\t0.2\t1\r\n0.3\t-4e-1\t0\r\n0.5\t6\t1\r\n",
            "\u{feff}\"V1\",\"V2\",\"class\"\n\"0.1\",0.2,1.0\n# a remark\n.3,-.4,0.0\n5e-1,6.,1\n",
            "Measured in May, by us\n  0.1   0.2  1\n  0.3  -0.4  0\n  0.5   6    1\n",
            "0,1\t0,2\t1\n0,3\t-0,4\t0\n0,5\t6\t1\n",
        ] {
            let read = read(text, 2, true).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(read.inputs_volt, expected, "{text}");
            assert_eq!(read.targets.classes(), Some(&[true, false, true][..]), "{text}");
        }
        let signed = read("0.1,-1\n0.2,1\n", 1, true).unwrap();
        assert_eq!(signed.targets.classes(), Some(&[false, true][..]));
    }

    #[test]
    fn bad_rows_are_named_by_their_line() {
        for (text, words) in [
            ("a,b,target\n0.1,0.2,1\n0.3,x,0\n", "line 3: found \"x\""),
            ("a,b,c,target\n0.1,0.2,0.3,1\n", "line 2: found 4 columns, 3 are needed"),
            // a damaged first row is not a heading
            ("0.1,O.2,1\n0.3,0.1,0\n0.1,0.1,1\n", "line 1: found \"O.2\""),
            ("V1,V2,class\nV,V,1\n0.3,0.1,0\n", "line 2: found \"V\""),
            ("a,b,c\nd,e,f\ng,h,i\n1,1,1\n", "line 3: found \"g\""),
            ("0.1,0.2,1\n0.3,nan,0\n", "line 2: found \"nan\""),
            ("0.1,0.2,1\n0.3,,0\n", "line 2: found \"\""),
            ("0.1,0.2,1\n9.9E37,0.1,0\n", "line 2: found 9.9E37, which instruments write for an overload"),
            ("# of Tuesday\n\n0.1,0.2,1\n# a remark\n0.1,b,1\n", "line 5: found \"b\""),
            ("# of Tuesday\n\n0.1 0.2 1\n# a remark\n0.1 b 1\n", "line 5: found \"b\""),
            ("0.1,0.2,1\n", "has 1 rows"),
            ("", "has 0 rows"),
        ] {
            let message = read(text, 2, true).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    /// Unknown labels are refused, not merged into one class.
    #[test]
    fn targets_that_are_no_classes_are_refused_with_line_and_value() {
        for (text, words) in [
            ("v,label\n0.1,1\n0.2,2\n", "line 3: found the target 2: classes are 0 and 1, or −1 and 1"),
            ("0.1,0\n0.2,1\n0.3,2\n0.4,3\n", "line 3: found the target 2"),
            ("v,i\n0.1,2e-9\n0.2,8e-9\n", "line 2: found the target 2e-9"),
            ("0.1,-1\n0.2,1\n0.3,0\n", "line 3: found the target 0"),
        ] {
            let message = read(text, 1, true).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
            assert_eq!(read(text, 1, false).unwrap().targets.classes(), None, "{text}");
        }
    }
}
