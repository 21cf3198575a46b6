//! NumPy's array format, version 1.0: a header with type and shape, then the elements in row-major order.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. `ndarray-npy` cannot write text
//! arrays.

/// Beginning of the file: magic string, version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Header and everything before it are padded to a multiple of this.
const ALIGNMENT: usize = 64;

/// Everything before the elements.
pub(super) fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    // a tuple of one needs its comma
    let comma = if lengths.len() == 1 { "," } else { "" };
    let dictionary =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}{comma}), }}", lengths.join(", "));
    let before = MAGIC.len() + 2;
    let length = (before + dictionary.len() + 1).next_multiple_of(ALIGNMENT) - before;
    let padded = format!("{dictionary:<width$}\n", width = length - 1);
    let length = u16::try_from(length).expect("shapes have few dimensions");
    [MAGIC, &length.to_le_bytes()[..], padded.as_bytes()].concat()
}

/// Elements of the type `<f8`.
pub(super) fn numbers(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Type and elements of a text array: UCS-4, padded with NUL to the longest text.
pub(super) fn texts(texts: &[&str]) -> (String, Vec<u8>) {
    // NumPy has no texts of length zero
    let longest = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1);
    let padded = |text: &str| {
        let nothing = std::iter::repeat_n('\0', longest - text.chars().count());
        text.chars().chain(nothing).flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<u8>>()
    };
    (format!("<U{longest}"), texts.iter().flat_map(|t| padded(t)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.lib.format.header_data_from_array_1_0` and `write_array_header_1_0`, without NumPy's padding for later
    /// growth.
    #[test]
    fn headers_are_those_of_numpy() {
        let found = header("<f8", &[3, 2]);
        assert_eq!(found.len() % 64, 0);
        assert_eq!(&found[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let text = std::str::from_utf8(&found[10..]).unwrap();
        assert!(text.starts_with("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }   "), "{text}");
        assert!(text.ends_with(" \n"));
        assert!(String::from_utf8_lossy(&header("<f8", &[3])).contains("'shape': (3,), }"));
        assert!(String::from_utf8_lossy(&header("<f8", &[])).contains("'shape': (), }"));
    }

    #[test]
    fn texts_are_padded_to_the_longest() {
        let (kind, bytes) = texts(&["µ", "abc"]);
        assert_eq!(kind, "<U3");
        assert_eq!(bytes.len(), 2 * 3 * 4);
        assert_eq!(bytes[..8], [0xb5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[12..16], [b'a', 0, 0, 0]);
        assert_eq!(texts(&[""]), ("<U1".to_owned(), vec![0; 4]));
    }
}
