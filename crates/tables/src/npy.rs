//! NumPy's `.npy`: a header with type, order and shape, then the numbers.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::{Header, Layout};

use crate::TableError;

/// Largest number of elements of an array (2 GiB in memory).
pub const MOST_NUMBERS: usize = 1 << 28;
/// Longest header [bytes]; NumPy writes 128 or slightly more.
const LONGEST_HEADER: usize = 1 << 16;
/// Magic string, version, and length of the header in version 2.
const PREAMBLE: usize = 12;

/// Reads an array of real or whole numbers of any shape.
///
/// # Errors
/// If the file cannot be read, is not `.npy`, holds another type of numbers, or fewer or more numbers than its header
/// says.
pub fn read_npy(path: &Path) -> Result<ArrayD<f64>, TableError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    parse(BufReader::new(file), length).map_err(TableError::File)
}

/// Reads an array from the `length` bytes of a reader, without relying on the size in the header.
pub(crate) fn parse(mut reader: impl Read, length: u64) -> Result<ArrayD<f64>, String> {
    let (header, header_length) = header(&mut reader)?;
    let shape = say_shape(&header.shape);
    let numbers = header.shape.iter().try_fold(1_usize, |n, &m| n.checked_mul(m)).filter(|n| *n <= MOST_NUMBERS);
    let Some(numbers) = numbers else {
        return Err(format!("its header claims the shape {shape}: at most {MOST_NUMBERS} numbers are allowed"));
    };
    let (kind, kind_name) = Kind::of(&header)?;
    let (claimed, held) = ((numbers * kind.bytes) as u64, length.saturating_sub(header_length as u64));
    if claimed != held {
        return Err(format!(
            "its header claims the shape {shape} of \"{kind_name}\", {claimed} bytes, but {held} bytes follow: the file is \
             damaged or cut short"
        ));
    }
    let mut out = Vec::new();
    let mut chunk = vec![0; kind.bytes << 13];
    while out.len() < numbers {
        let wanted = (numbers - out.len()).min(1 << 13) * kind.bytes;
        let chunk = &mut chunk[..wanted];
        reader.read_exact(chunk).map_err(|e| format!("ends early or is damaged ({e})"))?;
        out.extend(chunk.chunks_exact(kind.bytes).map(|bytes| kind.number(bytes)));
    }
    let fortran = header.layout == Layout::Fortran;
    ArrayD::from_shape_vec(IxDyn(&header.shape).set_f(fortran), out)
        .map_err(|_| format!("its header claims the shape {shape}, which no array can have"))
}

/// The header and its length in bytes.
fn header(reader: &mut impl Read) -> Result<(Header, usize), String> {
    let cut = |e: std::io::Error| format!("is not an .npy array, or ends within its header ({e})");
    let mut head = vec![0; PREAMBLE];
    reader.read_exact(&mut head[..10]).map_err(cut)?;
    if &head[..6] != b"\x93NUMPY" {
        return Err("is not an .npy array: it does not begin with \\x93NUMPY".to_owned());
    }
    let (start, length) = if head[6] == 1 {
        (10, usize::from(u16::from_le_bytes([head[8], head[9]])))
    } else {
        reader.read_exact(&mut head[10..12]).map_err(cut)?;
        (12, u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize)
    };
    if length > LONGEST_HEADER {
        return Err(format!("claims a header of {length} bytes: at most {LONGEST_HEADER} are allowed"));
    }
    head.resize(start + length, 0);
    reader.read_exact(&mut head[start..]).map_err(cut)?;
    let header = Header::from_reader(&mut Cursor::new(&head)).map_err(|e| format!("has no usable header ({e})"))?;
    Ok((header, head.len()))
}

fn say_shape(shape: &[usize]) -> String {
    match shape {
        [n] => format!("({n},)"),
        all => format!("({})", all.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// How a number is stored.
#[derive(Clone, Copy)]
struct Kind {
    letter: char,
    bytes: usize,
    big_endian: bool,
}

impl Kind {
    /// The kind, and its name.
    fn of(header: &Header) -> Result<(Self, String), String> {
        let name = header.type_descriptor.as_string().cloned().unwrap_or_else(|| header.type_descriptor.to_string());
        let mut letters = name.chars();
        let (order, letter) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
        let bytes: usize = letters.as_str().parse().unwrap_or(0);
        let known = match letter {
            'f' => [4, 8].contains(&bytes),
            'i' | 'u' => [1, 2, 4, 8].contains(&bytes),
            'b' => bytes == 1,
            _ => false,
        };
        if !known || !['<', '>', '|'].contains(&order) {
            return Err(format!(
                "holds numbers of type \"{name}\": real numbers of 4 or 8 bytes or whole numbers are needed, save \
                 `array.astype(float)`"
            ));
        }
        Ok((Self { letter, bytes, big_endian: order == '>' }, name))
    }

    fn number(self, stored: &[u8]) -> f64 {
        let mut little = [0; 8];
        for (k, byte) in stored.iter().enumerate() {
            little[if self.big_endian { self.bytes - 1 - k } else { k }] = *byte;
        }
        let whole = u64::from_le_bytes(little);
        let unused = 64 - 8 * self.bytes as u32;
        match self.letter {
            'f' if self.bytes == 4 => f64::from(f32::from_bits(whole as u32)),
            'f' => f64::from_bits(whole),
            'i' => ((whole << unused).cast_signed() >> unused) as f64,
            _ => whole as f64,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of version 1 with this header and these bytes.
    pub(crate) fn file(descriptor: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
        let order = if fortran { "True" } else { "False" };
        let text = format!("{{'descr': '{descriptor}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((text.len() as u16).to_le_bytes());
        out.extend(text.as_bytes());
        out.extend(bytes);
        out
    }

    fn read(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
        parse(Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn every_type_of_number_is_read() {
        let cases: [(&str, Vec<u8>); 8] = [
            ("<f8", [1.0_f64, -2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
            (">f8", [1.0_f64, -2.0, 3.0].iter().flat_map(|x| x.to_be_bytes()).collect()),
            ("<f4", [1.0_f32, -2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
            (">f4", [1.0_f32, -2.0, 3.0].iter().flat_map(|x| x.to_be_bytes()).collect()),
            ("<i8", [1_i64, -2, 3].iter().flat_map(|x| x.to_le_bytes()).collect()),
            ("<i4", [1_i32, -2, 3].iter().flat_map(|x| x.to_le_bytes()).collect()),
            (">i2", [1_i16, -2, 3].iter().flat_map(|x| x.to_be_bytes()).collect()),
            ("|i1", vec![1, 254, 3]),
        ];
        for (kind, bytes) in cases {
            let array = read(&file(kind, false, "(3,)", &bytes)).unwrap();
            assert_eq!(array.into_raw_vec_and_offset().0, [1.0, -2.0, 3.0], "{kind}");
        }
        assert_eq!(read(&file("|u1", false, "(1,)", &[254])).unwrap(), ndarray::array![254.0].into_dyn());
        assert_eq!(read(&file("|b1", false, "()", &[1])).unwrap().into_raw_vec_and_offset().0, [1.0]);
        let rows = read(&file("|u1", true, "(2, 3)", &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(rows, ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn());
    }

    /// Neither a number in the header nor its length makes the program allocate memory.
    #[test]
    fn headers_that_claim_more_than_the_file_holds() {
        let bytes = [0; 24];
        for (shape, words) in [
            ("(1000000,)", "(1000000,) of \"<f8\", 8000000 bytes, but 24 bytes follow"),
            ("(2,)", "16 bytes, but 24 bytes follow"),
            ("(9223372036854775807,)", "(9223372036854775807,): at most 268435456 numbers"),
            ("(4294967296, 4294967296)", "(4294967296, 4294967296): at most 268435456 numbers"),
            ("(300000000,)", "at most 268435456 numbers"),
            ("(0, 9223372036854775807)", "24 bytes follow"),
            ("(-3,)", "no usable header"),
            ("3", "no usable header"),
        ] {
            let message = read(&file("<f8", false, shape, &bytes)).unwrap_err();
            assert!(message.contains(words), "{shape}: {message}");
        }
        let mut long = file("<f8", false, "(3,)", &bytes);
        long[6] = 2;
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&long).unwrap_err().contains("header of 4294967295 bytes: at most 65536"));
        let whole = file("<f8", false, "(3,)", &bytes);
        for length in [0, 5, 9, 11, 40, whole.len() - 1] {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(read(b"this is not an array").unwrap_err().contains("not an .npy array"));
        for kind in ["<c16", "|O", "<f2", "<U3", "<M8[ns]"] {
            let message = read(&file(kind, false, "(3,)", &bytes)).unwrap_err();
            assert!(message.contains(kind) && message.contains("astype(float)"), "{message}");
        }
    }
}
