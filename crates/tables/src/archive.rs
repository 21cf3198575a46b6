//! NumPy's `.npz`: a zip archive of `.npy` files, stored or deflated.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::{NpzWriter, WriteNpzError};
use zip::ZipArchive;

use crate::{TableError, npy};

/// An open `.npz`.
#[derive(Debug)]
pub struct Archive {
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    /// Opens an archive.
    ///
    /// # Errors
    /// If the file cannot be read or is not an archive.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = BufReader::new(File::open(path)?);
        let zip = ZipArchive::new(file).map_err(|e| TableError::File(format!("is not an .npz archive ({e})")))?;
        Ok(Self { zip })
    }

    /// Names of its arrays, in archive order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names().map(|name| name.trim_end_matches(".npy").to_owned()).collect()
    }

    /// The array of this name.
    ///
    /// # Errors
    /// If it is missing, compressed by a method that NumPy does not use, not an array of real or whole numbers, holds a
    /// number that is not finite, or fewer or more numbers than its header says.
    pub fn array(&mut self, name: &str) -> Result<ArrayD<f64>, TableError> {
        let fail = |what: String| TableError::Array { name: name.to_owned(), what };
        let entry = self.zip.by_name(&format!("{name}.npy")).map_err(|e| fail(format!("cannot be read ({e})")))?;
        // size according to the archive's directory: the reader may yield fewer bytes, never more
        let size = entry.size();
        let array = npy::parse(entry, size).map_err(fail)?;
        match array.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(fail(format!("holds {x}: all numbers must be finite"))),
            None => Ok(array),
        }
    }
}

/// Bytes of an archive of named arrays; the same for the same arrays.
///
/// # Errors
/// If an array cannot be written, which none of finite size is known to do.
pub fn archive_of(arrays: &[(String, ArrayD<f64>)]) -> Result<Vec<u8>, TableError> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = NpzWriter::new(&mut bytes);
    for (name, array) in arrays {
        let fail =
            |e: WriteNpzError| TableError::Array { name: name.clone(), what: format!("cannot be written ({e})") };
        writer.add_array(name.as_str(), array).map_err(fail)?;
    }
    writer.finish().map_err(|e| TableError::File(format!("cannot be written ({e})")))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::npy::tests::file;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    fn written(method: CompressionMethod, arrays: &[(&str, Vec<u8>)]) -> tempfile::NamedTempFile {
        let out = tempfile::NamedTempFile::new().unwrap();
        let mut zip = ZipWriter::new(out.reopen().unwrap());
        for (name, bytes) in arrays {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        out
    }

    #[test]
    fn stored_and_compressed_archives_are_read() {
        let numbers: Vec<u8> = (0..1000).flat_map(|k| (k as f32).to_le_bytes()).collect();
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let out = written(method, &[("a.npy", file("<f4", false, "(10, 100)", &numbers))]);
            let mut archive = Archive::open(out.path()).unwrap();
            assert_eq!(archive.names(), ["a"]);
            let array = archive.array("a").unwrap();
            assert_eq!((array.shape(), array[[9, 99]]), (&[10, 100][..], 999.0));
            assert!(archive.array("b").unwrap_err().to_string().contains("array `b`: cannot be read"));
        }
    }

    #[test]
    fn arrays_that_are_none_are_named() {
        let huge = file("<f8", false, "(268435456,)", &[0; 8]);
        let infinite = file("<f8", false, "(1,)", &f64::INFINITY.to_le_bytes());
        let out = written(CompressionMethod::Deflated, &[("huge.npy", huge), ("infinite.npy", infinite)]);
        let mut archive = Archive::open(out.path()).unwrap();
        let message = archive.array("huge").unwrap_err().to_string();
        assert!(message.contains("array `huge`") && message.contains("2147483648 bytes, but 8 bytes"), "{message}");
        assert!(archive.array("infinite").unwrap_err().to_string().contains("holds inf"));
        // with any one byte changed, reading gives an array or an error
        let whole = std::fs::read(out.path()).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let damaged = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(damaged.path(), bytes).unwrap();
            if let Ok(mut archive) = Archive::open(damaged.path()) {
                for name in archive.names() {
                    drop(archive.array(&name));
                }
            }
        }
    }
}
