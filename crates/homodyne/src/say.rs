//! What the commands print.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line, as `println!` does, to a reader who may have seen enough (`| head`): then the command does its work
/// without one.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::say::line(format_args!($($argument)*))
    };
}

/// See [`say!`]. Where standard output cannot be written for any other reason (a full disk), the program ends with code 1.
pub(crate) fn line(arguments: Arguments) {
    match writeln!(std::io::stdout().lock(), "{arguments}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output: {e}");
            std::process::exit(1);
        }
        _ => {}
    }
}
