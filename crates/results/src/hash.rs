//! XXH3-128 of files, in a stream: fast, and blind to no accident, though not proof against intent.

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

/// Bytes that are read together.
const BUFFER: usize = 1 << 18;

/// Hash of everything that `from` gives.
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
