//! NumPy arrays and archives, taken apart so that each part can be damaged.

use std::io::{Cursor, Read, Write};

use rand::RngExt;
use rand_pcg::Pcg64;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::damage;

/// A `.npy` file.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) kind: String,
    pub(crate) order: String,
    pub(crate) shape: String,
    pub(crate) data: Vec<u8>,
}

impl Array {
    pub(crate) fn of(numbers: &[f64], shape: &str) -> Self {
        let data = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { kind: "<f8".to_owned(), order: "False".to_owned(), shape: shape.to_owned(), data }
    }

    /// Takes a version 1.0 file apart; none if its header is another one.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let length = usize::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?]));
        let header = std::str::from_utf8(bytes.get(10..10 + length)?).ok()?;
        let field = |name: &str, end: &str| {
            let rest = header.split_once(&format!("'{name}': "))?.1;
            Some(rest.split_once(end)?.0.to_owned())
        };
        Some(Self {
            kind: field("descr", ",")?.trim_matches('\'').to_owned(),
            order: field("fortran_order", ",")?,
            shape: field("shape", ")")? + ")",
            data: bytes[10 + length..].to_vec(),
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { kind, order, shape, data } = self;
        let text = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}");
        let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
        let text = format!("{text:<width$}\n", width = length - 1);
        [b"\x93NUMPY\x01\x00", &(length as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
    }

    /// Damages it in one way, and says which.
    pub(crate) fn damage(&mut self, random: &mut Pcg64) -> String {
        let kinds = ["<f4", ">f8", "<i8", "<i4", "|u1", "|b1", "<f2", "<U4", "|O", "<c16", "<f8", "", "<f16"];
        let shapes = [
            "()",
            "(0,)",
            "(1,)",
            "(2,)",
            "(1, 1)",
            "(0, 2)",
            "(2, 0)",
            "(4, 2, 1)",
            "(1000000000000,)",
            "(-1,)",
            "(2.0,)",
            "(9223372036854775807, 9223372036854775807)",
            "(4611686018427387904, 4)",
            "(18446744073709551615,)",
            "7",
            "[2]",
        ];
        let numbers = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, -1e300, 1e-300, 9.9e37, f64::MIN_POSITIVE];
        match random.random_range(0..6) {
            0 => {
                damage::one_of(random, &kinds).clone_into(&mut self.kind);
                format!("type {}", self.kind)
            }
            1 => {
                damage::one_of(random, &shapes).clone_into(&mut self.shape);
                format!("shape {}", self.shape)
            }
            2 => {
                damage::one_of(random, &["True", "true", "0", "None"]).clone_into(&mut self.order);
                format!("fortran_order {}", self.order)
            }
            3 if self.data.len() >= 8 => {
                let at = 8 * random.random_range(0..self.data.len() / 8);
                let number = numbers[random.random_range(0..numbers.len())];
                self.data[at..at + 8].copy_from_slice(&number.to_le_bytes());
                format!("number {} is {number}", at / 8)
            }
            4 => {
                let number = numbers[random.random_range(0..numbers.len())];
                self.data = number.to_le_bytes().repeat(self.data.len() / 8);
                format!("all numbers are {number}")
            }
            _ => damage::bytes(random, &mut self.data),
        }
    }
}

/// Damages a `.npy` file in its header, its numbers, or anywhere.
pub(crate) fn damage_npy(random: &mut Pcg64, content: &mut Vec<u8>) -> String {
    match Array::parse(content) {
        Some(mut array) if random.random_bool(0.7) => {
            let said = array.damage(random);
            *content = array.to_bytes();
            said
        }
        _ => damage::bytes(random, content),
    }
}

fn unpack(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    (0..archive.len())
        .map(|k| {
            let mut entry = archive.by_index(k).ok()?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content).ok()?;
            Some((entry.name().to_owned(), content))
        })
        .collect()
}

fn pack(entries: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in entries {
        archive.start_file(name.as_str(), options).ok()?;
        archive.write_all(content).ok()?;
    }
    archive.finish().ok().map(Cursor::into_inner)
}

/// Damages an `.npz` in one of its arrays, in what arrays it has, or anywhere.
pub(crate) fn damage_npz(random: &mut Pcg64, content: &mut Vec<u8>) -> String {
    let Some(mut entries) = unpack(content).filter(|e| !e.is_empty() && random.random_bool(0.8)) else {
        return damage::bytes(random, content);
    };
    let (at, other) = (random.random_range(0..entries.len()), random.random_range(0..entries.len()));
    let name = entries[at].0.clone();
    let said = match random.random_range(0..6) {
        0 => {
            entries.remove(at);
            format!("`{name}` lost")
        }
        1 => {
            entries[at].0 = format!("x{name}");
            format!("`{name}` misspelt")
        }
        2 => {
            entries[at].1 = entries[other].1.clone();
            format!("`{name}` is what `{}` is", entries[other].0)
        }
        3 => {
            let copy = entries[at].1.clone();
            entries.push(("surplus.npy".to_owned(), copy));
            format!("`{name}` again, as surplus")
        }
        _ => format!("`{name}`: {}", damage_npy(random, &mut entries[at].1)),
    };
    match pack(&entries) {
        Some(packed) => *content = packed,
        None => return damage::bytes(random, content),
    }
    said
}
