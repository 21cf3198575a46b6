//! What the commands print.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, StdoutLock, Write};

/// Prints a line, as `println!` does, to a reader who may have seen enough (`| head`): then the command does its work
/// without one.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::say::line(format_args!($($argument)*))
    };
}

/// See [`say!`].
pub(crate) fn line(arguments: Arguments) {
    all(|out| writeln!(out, "{arguments}"));
}

/// Prints all that `write` writes, to the same reader. Where standard output cannot be written for any other reason than a
/// closed pipe (a full disk), the program ends with code 1.
pub(crate) fn all(write: impl FnOnce(&mut StdoutLock) -> io::Result<()>) {
    match write(&mut io::stdout().lock()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output: {e}");
            std::process::exit(1);
        }
        _ => {}
    }
}
