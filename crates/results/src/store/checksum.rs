//! A checksum appended to the HDF5 file, because libhdf5 does not validate what it reads: a flipped bit can make it
//! crash or hang. The checksum is verified before libhdf5 reads the file.
//!
//! It is a line of text after HDF5's own end-of-file address. libhdf5 and everything built on it (h5py, netCDF4,
//! xarray) ignore it, and the file still begins with HDF5's signature, by which xarray and `file` recognise it; a user
//! block in front would hide that. A program that opens the file for writing truncates it at HDF5's end when it closes
//! it, and h5repack copies only HDF5's part, so a file changed on purpose has no checksum rather than a wrong one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::hash;

const BEFORE_LENGTH: &str = "\nhomodyne checksum: XXH3-128 of the ";
const BEFORE_HASH: &str = " bytes above is ";
const END: &str = "\n";
const DIGITS_OF_LENGTH: usize = 20;
const DIGITS_OF_HASH: usize = 32;

/// Length of the line in bytes.
const LENGTH: usize = BEFORE_LENGTH.len() + DIGITS_OF_LENGTH + BEFORE_HASH.len() + DIGITS_OF_HASH + END.len();

/// Result of a checksum test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file is as it was written.
    Whole,
    /// The file differs from what was written.
    Damaged,
    /// There is no checksum: the file was written by an earlier version, changed by another program, or truncated.
    None,
}

fn line(length: u64, hash: u128) -> String {
    format!("{BEFORE_LENGTH}{length:0DIGITS_OF_LENGTH$}{BEFORE_HASH}{hash:0DIGITS_OF_HASH$x}{END}")
}

/// Length and hash in the line; `None` if it is not a checksum line.
fn parse(line: &str) -> Option<(u64, u128)> {
    let (length, hash) = line.strip_prefix(BEFORE_LENGTH)?.strip_suffix(END)?.split_once(BEFORE_HASH)?;
    Some((length.parse().ok()?, u128::from_str_radix(hash, 16).ok()?))
}

/// Appends the checksum to a complete file, with memory independent of its size.
pub(super) fn append(path: &Path) -> io::Result<()> {
    let mut file = File::options().read(true).append(true).open(path)?;
    let hash = hash::of(&mut file)?;
    let length = file.stream_position()?;
    file.write_all(line(length, hash).as_bytes())
}

/// Compares a file with its checksum, with memory independent of its size.
pub(super) fn verify(mut file: &File) -> io::Result<Verdict> {
    let Some(length) = file.metadata()?.len().checked_sub(LENGTH as u64) else { return Ok(Verdict::None) };
    let mut end = [0; LENGTH];
    file.seek(SeekFrom::Start(length))?;
    file.read_exact(&mut end)?;
    let Some((stated_length, stated_hash)) = std::str::from_utf8(&end).ok().and_then(parse) else {
        return Ok(Verdict::None);
    };
    if stated_length != length {
        return Ok(Verdict::Damaged);
    }
    file.seek(SeekFrom::Start(0))?;
    let hash = hash::of(file.take(length))?;
    Ok(if hash == stated_hash { Verdict::Whole } else { Verdict::Damaged })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damage_is_noticed_or_leaves_no_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..1000_u32).map(|k| (k * k) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let found = || verify(&File::open(&path).unwrap()).unwrap();
        assert_eq!(found(), Verdict::None);
        append(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.len(), content.len() + LENGTH);
        assert_eq!(found(), Verdict::Whole);
        let after = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            found()
        };
        for k in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[k] ^= 1 << (k % 8);
            let found = after(&bytes);
            assert!(
                found != Verdict::Whole && (k >= content.len() || found == Verdict::Damaged),
                "byte {k}: {found:?}"
            );
            assert_ne!(after(&whole[..k]), Verdict::Whole, "cut after {k}");
            bytes.clone_from(&whole);
            bytes.remove(k);
            assert_ne!(after(&bytes), Verdict::Whole, "without byte {k}");
        }
    }
}
