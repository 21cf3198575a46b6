//! Patterns from text files, as laboratories write them.
//!
//! Rows of numbers, separated by commas, semicolons, tabs or blanks, with a decimal point or, where no
//! comma separates, a decimal comma. Lines that are empty or begin with `#` are left out, and so is a heading of one or two lines
//! (names, units): lines before all others in which nothing is a number.

use std::io::Cursor;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;

use crate::error::TrainingError;
use crate::targets::Targets;
use crate::task::Patterns;

/// Lines that a heading may have.
const MOST_HEADING: usize = 2;
/// Most patterns of a file.
pub const MOST_PATTERNS: usize = 100_000;
/// Instruments write 9.9·10³⁷ for an overload; no voltage and no current comes near this.
const OVERLOAD: f64 = 1e30;

/// Reads rows of `inputs` voltages \[V\] with the target in the last column: a class, 0 or 1 (or −1 or 1), or, if
/// `classes_only` is not set, any current \[nA\].
///
/// # Errors
/// If the file cannot be read, or with the line and what was found there: a row of other than `inputs` + 1 numbers, a target
/// that is no class where classes are asked for. If there are fewer than two rows, or more than [`MOST_PATTERNS`].
pub fn from_csv(path: &Path, inputs: usize, classes_only: bool) -> Result<Patterns, TrainingError> {
    let fail = |what: String| TrainingError::File { path: path.to_owned(), what };
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        fail(format!("line {line}: found bytes that are no UTF-8 text: save it as plain text or CSV in UTF-8"))
    })?;
    let Rows { voltages, targets, lines } = rows(&text, inputs + 1).map_err(fail)?;
    if classes_only && let Some(bad) = Targets::first_that_is_no_label(&targets) {
        return Err(fail(format!(
            "line {}: found the target {}: classes are 0 and 1, or −1 and 1; only the loss \"mean-square\" takes \
             currents [nA]",
            lines[bad],
            format!("{:?}", targets[bad]).trim_end_matches(".0")
        )));
    }
    if targets.len() < 2 {
        return Err(fail(format!("has {} rows of numbers, at least two are needed", targets.len())));
    }
    let inputs_volt = Array2::from_shape_vec((targets.len(), inputs), voltages).expect("whole rows");
    Ok(Patterns { inputs_volt, targets: Targets::of_numbers(targets), radii: Vec::new() })
}

/// Numbers of a file.
#[derive(Default)]
struct Rows {
    voltages: Vec<f64>,
    targets: Vec<f64>,
    /// Line of each row in the file, from 1.
    lines: Vec<u64>,
}

fn rows(text: &str, columns: usize) -> Result<Rows, String> {
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1_u64..);
    let kept: Vec<(&str, u64)> =
        lines.filter(|(line, _)| !line.trim().is_empty() && !line.trim_start().starts_with('#')).collect();
    let separator = kept.last().and_then(|(line, _)| separator(line));
    let plain: Vec<String> = kept
        .iter()
        .map(|(line, _)| match separator {
            Some(_) => (*line).to_owned(),
            None => line.split_whitespace().collect::<Vec<_>>().join(" "),
        })
        .collect();
    let mut reader = ReaderBuilder::new()
        .delimiter(separator.unwrap_or(b' '))
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(Cursor::new(plain.join("\n")));
    let (mut found, mut heading) = (Rows::default(), 0);
    for record in reader.records() {
        let record: StringRecord = record.map_err(|e| e.to_string())?;
        let line = record.position().map_or(0, |at| kept[at.line() as usize - 1].1);
        let is_heading =
            found.lines.is_empty() && heading < MOST_HEADING && !record.iter().any(|f| number(f).is_some());
        if is_heading {
            heading += 1;
            continue;
        }
        if record.len() != columns {
            let inputs = columns - 1;
            return Err(format!(
                "line {line} has {} columns, {columns} are needed: {inputs} inputs [V], then the target",
                record.len()
            ));
        }
        for (column, field) in record.iter().enumerate() {
            let number = number(field).ok_or_else(|| format!("line {line}: found \"{field}\", a number is needed"))?;
            if number.abs() >= OVERLOAD {
                return Err(format!(
                    "line {line}: found {field}, which instruments write for an overload: leave it out"
                ));
            }
            if column + 1 < columns { found.voltages.push(number) } else { found.targets.push(number) }
        }
        found.lines.push(line);
        if found.lines.len() > MOST_PATTERNS {
            return Err(format!("line {line}: holds more than {MOST_PATTERNS} patterns, the most that are allowed"));
        }
    }
    Ok(found)
}

/// The first of tab, semicolon and comma that stands in a row; none if blanks separate its columns.
fn separator(row: &str) -> Option<u8> {
    [b'\t', b';', b','].into_iter().find(|s| row.trim().as_bytes().contains(s))
}

/// A finite number, written with a decimal point or a decimal comma.
fn number(field: &str) -> Option<f64> {
    let plain = if field.contains('.') { field.to_owned() } else { field.replacen(',', ".", 1) };
    plain.parse::<f64>().ok().filter(|x| x.is_finite())
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
        let found = from_csv(&path, inputs, classes_only).map_err(|e| e.to_string());
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
            "\"0,1\",\"0,2\",\"1\"\n\"0,3\",\"-0,4\",\"0\"\n\"0,5\",\"6\",\"1\"\n",
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
            ("a,b,c,target\n0.1,0.2,0.3,1\n", "line 2 has 4 columns, 3 are needed: 2 inputs"),
            // a first row that is damaged is no heading
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

    /// Labels that are not understood do not become one class.
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
