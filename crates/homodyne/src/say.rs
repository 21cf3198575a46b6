//! Output of the commands.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, StdoutLock, Write};

/// Prints a line like `println!`; if the pipe is closed (`| head`), the command continues without output.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::say::line(format_args!($($argument)*))
    };
}

/// See [`say!`].
pub(crate) fn line(arguments: Arguments) {
    all(|out| writeln!(out, "{arguments}"));
}

/// Prints everything that `write` writes, in the same way. If standard output cannot be written for any other reason
/// than a closed pipe (a full disk), the program ends with code 1.
pub(crate) fn all(write: impl FnOnce(&mut StdoutLock) -> io::Result<()>) {
    match write(&mut io::stdout().lock()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output: {e}");
            std::process::exit(1);
        }
        _ => {}
    }
}
