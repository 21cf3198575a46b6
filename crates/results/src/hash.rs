//! XXH3-128 hash of files, computed in a stream: it is fast and detects accidental changes, but not deliberate ones.

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

/// Size of a read in bytes.
const BUFFER: usize = 1 << 18;

/// Hash of all bytes of `from`.
pub fn of(mut from: impl Read) -> io::Result<u128> {
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hash.digest128()),
            Ok(n) => hash.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
