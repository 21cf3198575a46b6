//! A checksum behind the end of the HDF5 file, because libhdf5 follows what it reads: a flipped bit can make it crash or
//! never end. It is verified before libhdf5 sees a byte.
//!
//! It is a line of text after HDF5's own end-of-file address. libhdf5 and all that is built on it (h5py, netCDF4, xarray)
//! never look there, and the file still begins with HDF5's signature, by which xarray and `file` know it; a user block
//! in front would hide that. Whatever opens the file to change it truncates it at HDF5's end when it closes it, and
//! h5repack copies HDF5's part only, so a file that was changed on purpose has no checksum rather than a wrong one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::hash;

const BEFORE_LENGTH: &str = "\nhomodyne checksum: XXH3-128 of the ";
const BEFORE_HASH: &str = " bytes above is ";
const END: &str = "\n";
const DIGITS_OF_LENGTH: usize = 20;
const DIGITS_OF_HASH: usize = 32;

/// Bytes of the line.
const LENGTH: usize = BEFORE_LENGTH.len() + DIGITS_OF_LENGTH + BEFORE_HASH.len() + DIGITS_OF_HASH + END.len();

/// What the checksum says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every byte is as it was written.
    Whole,
    /// It is not what was written.
    Damaged,
    /// There is none: written by an earlier version, changed since by something else, or cut short.
    None,
}

fn line(length: u64, hash: u128) -> String {
    format!("{BEFORE_LENGTH}{length:0DIGITS_OF_LENGTH$}{BEFORE_HASH}{hash:0DIGITS_OF_HASH$x}{END}")
}

/// Length and hash that a line states; none if it is not such a line.
fn parse(line: &str) -> Option<(u64, u128)> {
    let (length, hash) = line.strip_prefix(BEFORE_LENGTH)?.strip_suffix(END)?.split_once(BEFORE_HASH)?;
    Some((length.parse().ok()?, u128::from_str_radix(hash, 16).ok()?))
}

/// Puts its checksum behind a complete file, in memory that does not grow with it.
pub(super) fn append(path: &Path) -> io::Result<()> {
    let mut file = File::options().read(true).append(true).open(path)?;
    let hash = hash::of(&mut file)?;
    let length = file.stream_position()?;
    file.write_all(line(length, hash).as_bytes())
}

/// Compares a file with its checksum, in memory that does not grow with it.
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
