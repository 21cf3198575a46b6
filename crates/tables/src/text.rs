//! Text tables: rows of numbers in columns separated by commas, semicolons, tabs or spaces.
//!
//! Numbers have a decimal point or, if commas do not separate the columns, a decimal comma. Empty lines, lines that
//! begin with `#`, `%` or `//`, and everything after a `#` are ignored. At most two lines before the first row may be a
//! heading (names and units of the columns); every field of it must look like a name, so that a damaged first row is
//! not mistaken for a heading.

use std::borrow::Cow;
use std::path::Path;

use crate::TableError;
use crate::columns::Columns;

/// The byte-order mark.
const MARK: char = '\u{feff}';
/// Maximum number of lines of a heading.
const MOST_HEADING: usize = 2;
/// Instruments write 9.9·10³⁷ for an overload and 9.91·10³⁷ for a missing value; no voltage, current or density comes
/// near this.
pub(crate) const OVERLOAD: f64 = 1e30;
/// What instruments and spreadsheets write in place of a number.
const NO_NUMBERS: [&str; 13] =
    ["ovld", "ovrld", "overload", "over", "ovf", "err", "error", "n/a", "na", "null", "none", "invalid", "missing"];

/// Reads a text in UTF-8, without the byte-order mark that some editors put before it.
///
/// # Errors
/// If the file cannot be read or is not UTF-8 text; the message names the first invalid line.
pub fn read_text(path: &Path) -> Result<String, TableError> {
    let bytes = std::fs::read(path)?;
    refuse_other_text(&bytes)?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        TableError::Line { line, what: "found bytes that are not UTF-8 text: save the file in UTF-8".to_owned() }
    })?;
    if text.starts_with(MARK) {
        text.drain(..MARK.len_utf8());
    }
    Ok(text)
}

fn refuse_other_text(bytes: &[u8]) -> Result<(), TableError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(TableError::File("is text in UTF-16: save it as plain text in UTF-8".to_owned()));
    }
    if bytes.contains(&0) {
        return Err(TableError::File("is not text: it holds bytes of value 0".to_owned()));
    }
    Ok(())
}

/// Reads `columns` columns; as many as the first row has, if none are given.
pub(crate) fn parse(bytes: &[u8], columns: Option<usize>) -> Result<Columns, TableError> {
    refuse_other_text(bytes)?;
    // a heading may be in any encoding; numbers are the same in all
    let text = String::from_utf8_lossy(bytes);
    let mut out = Columns { values: vec![Vec::new(); columns.unwrap_or(0)], places: Vec::new(), remarks: Vec::new() };
    let mut heading = 0;
    for (number, line) in text.trim_start_matches(MARK).lines().enumerate() {
        let number = number + 1;
        // not tabs, which may be separators
        let content = line.split('#').next().unwrap_or_default().trim_matches([' ', '\r']);
        if content.trim().is_empty() || content.starts_with('%') || content.starts_with("//") {
            continue;
        }
        let fields = Fields::of(content);
        if out.places.is_empty() && heading < MOST_HEADING && fields.are_names() {
            heading += 1;
            out.remarks.push(format!("line {number} is taken for a heading: {}", shortened(content)));
            continue;
        }
        if columns.is_none() && out.places.is_empty() {
            out.values = vec![Vec::new(); fields.count()];
        }
        let row = fields.row(out.values.len(), content).map_err(|what| TableError::Line { line: number, what })?;
        for (column, value) in out.values.iter_mut().zip(row) {
            column.push(value);
        }
        out.places.push(number);
    }
    Ok(out)
}

/// Whether a text holds several numbers apart by spaces.
fn are_numbers(text: &str) -> bool {
    let mut numbers = text.split_whitespace();
    text.contains(char::is_whitespace) && numbers.all(|number| number.parse::<f64>().is_ok())
}

/// The fields of a line, and whether commas separate them.
struct Fields<'a> {
    fields: Vec<&'a str>,
    by_comma: bool,
}

impl<'a> Fields<'a> {
    fn of(line: &'a str) -> Self {
        for separator in ['\t', ';'] {
            if line.contains(separator) {
                return Self { fields: split(line, separator), by_comma: false };
            }
        }
        if line.contains(',') {
            let fields = split(line, ',');
            // spaces within: they are the separators, and commas are decimal commas
            if !fields.iter().any(|field| are_numbers(field)) {
                return Self { fields, by_comma: true };
            }
        }
        Self { fields: line.split_whitespace().map(unquoted).collect(), by_comma: false }
    }

    /// Whether every field is the name or the unit of a column.
    fn are_names(&self) -> bool {
        let is_name = |field: &&str| {
            let letters = field.chars().filter(|c| c.is_alphabetic()).count();
            let digits = field.chars().filter(char::is_ascii_digit).count();
            // V10, but not x12.5 or O.5
            let is_numbered = field.starts_with(char::is_alphabetic) && !field.contains(['.', ',']);
            let is_word = (letters > digits || is_numbered) && !NO_NUMBERS.contains(&field.to_lowercase().as_str());
            is_word && field.parse::<f64>().is_err()
        };
        let mut fields = self.fields.iter().filter(|f| !f.is_empty()).peekable();
        fields.peek().is_some() && fields.all(is_name)
    }

    /// Fields, without an empty one behind the last separator.
    fn count(&self) -> usize {
        self.fields.len() - usize::from(self.fields.len() > 1 && self.fields.last().is_some_and(|f| f.is_empty()))
    }

    fn row(&self, columns: usize, line: &str) -> Result<Vec<f64>, String> {
        let mut fields = self.fields.as_slice();
        if fields.len() == columns + 1 && fields[columns].is_empty() {
            fields = &fields[..columns];
        }
        if fields.len() != columns {
            let found = format!("found {} columns, {columns} are needed: {}", fields.len(), shortened(line));
            let decimal = self.by_comma && fields.len() == 2 * columns;
            let hint = "; if these are decimal commas, write points, or separate the columns by semicolons or tabs";
            return Err(found.replace("1 are needed", "1 is needed") + if decimal { hint } else { "" });
        }
        fields.iter().map(|field| self.number(field)).collect()
    }

    fn number(&self, field: &str) -> Result<f64, String> {
        let decimal_comma = !self.by_comma && !field.contains('.');
        let plain = if decimal_comma { Cow::from(field.replacen(',', ".", 1)) } else { Cow::from(field) };
        match plain.parse::<f64>() {
            Ok(x) if x.abs() >= OVERLOAD && x.is_finite() => Err(format!(
                "found {field}, which instruments write for an overload or a missing value: measure on a larger range, or \
                 leave the row out, unless the rows are samples in time"
            )),
            Ok(x) if x.is_finite() => Ok(x),
            _ => Err(format!(
                "found \"{}\", a finite number is needed (a heading or a remark begins with #)",
                shortened(field)
            )),
        }
    }
}

/// Splits at a separator outside quotation marks; removes spaces and quotation marks.
fn split(line: &str, separator: char) -> Vec<&str> {
    let mut within = false;
    line.split(|c| {
        within ^= c == '"';
        c == separator && !within
    })
    .map(unquoted)
    .collect()
}

fn unquoted(field: &str) -> &str {
    field.trim().trim_matches('"').trim()
}

/// At most its first 60 characters.
fn shortened(text: &str) -> String {
    let mut out: String = text.chars().take(60).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_laboratories_write_them() {
        for text in [
            "frequency_hz,psd\n1,0.5\n2.5,-3e-2\n",
            "1,0.5\n2.5,-3e-2",
            "\u{feff}# of Tuesday\n\"f\";\"S\"\n[Hz];[nA^2/Hz]\n1;0,5\n\n2,5;-3e-2\n",
            "f\tS\r\nHz\tnA²/Hz\r\n1\t0.5\r\n2.5\t-0.03\r\n",
            "% MATLAB\n  1   0.5 \n  2.5   -.03  # a remark\n",
            "1,0 0,5\n2,5 -0,03\n",
            "1, 0.5\n2.5, -0.03\n",
            "time of 1 (s), channel 2 (V)\n1, 0.5\n2.5, -0.03\n",
            "1,0e0 5,0e-1\n2,5 -0,03\n",
            "\"1,0\";\"0,5\"\n\"2,5\";\"-0,03\"\n",
            "// of Tuesday\n1;0.5;\n2.5;-0.03;\n",
            "V9,V10\n\"1\",\"0.5\"\n\"2.5\",\"-0.03\"\n",
        ] {
            let read = parse(text.as_bytes(), Some(2)).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(read.values, [[1.0, 2.5], [0.5, -0.03]], "{text}");
            assert_eq!(read.places.len(), 2);
        }
        // one column, a unit in Latin-1
        let read = parse(b"I (\xb5A)\n0,5\t\n", Some(1));
        assert_eq!(read.unwrap().values, [[0.5]]);
        let read = parse(b"current_na\n1.5\n2.5\n", Some(1)).unwrap();
        assert_eq!(read.remarks, ["line 1 is taken for a heading: current_na"]);
        assert_eq!(read.places, [2, 3]);
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_line_and_text() {
        for (columns, text, words) in [
            (2, "frequency_hz,psd\n1,2\n3,x\n", "line 3: found \"x\""),
            (2, "f,S\n1,2\n3\n", "line 3: found 1 columns, 2 are needed: 3"),
            (2, "1,5,2,5\n", "line 1: found 4 columns, 2 are needed: 1,5,2,5; if these are decimal commas"),
            (1, "0,5\n0,7\n", "line 1: found 2 columns, 1 is needed: 0,5; if these are decimal commas"),
            (2, "a,b\nc,d\ne,f\n1,2\n", "line 3: found \"e\""),
            (2, "# x\n\n1,2\n1,nan\n", "line 4: found \"nan\""),
            (2, "1,2\n1,inf\n", "line 2: found \"inf\""),
            (2, "1,\n", "line 1: found \"\""),
            (2, "1,,\n", "line 1: found \"\""),
            (1, "1\n9.9E37\n", "line 2: found 9.9E37, which instruments write for an overload"),
            (1, "1\n-9,91E+37;\n", "line 2: found -9,91E+37, which instruments write for an overload"),
        ] {
            let message = parse(text.as_bytes(), Some(columns)).unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
        assert!(parse(b"\xff\xfe1\x00", Some(1)).unwrap_err().to_string().contains("UTF-16"));
        assert!(parse(b"1\x002\n", Some(1)).unwrap_err().to_string().contains("not text"));
    }

    /// An unreadable first sample is not a heading.
    #[test]
    fn a_damaged_first_sample_does_not_vanish() {
        for damaged in
            ["O.123", "1.2.3", "-", "------", "0.1e", "1,2,3", "nan", "OVLD", "Overload", "x12.5", "#N/A?", "N/A"]
        {
            let text = format!("{damaged}\n1.5\n2.5\n");
            let read = parse(text.as_bytes(), Some(1));
            let vanished = read.is_ok_and(|r| r.values == [[1.5, 2.5]] && !damaged.starts_with('#'));
            assert!(!vanished, "{damaged}");
        }
    }
}
