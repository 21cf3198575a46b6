use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::say;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  homodyne completions bash > ~/.local/share/bash-completion/completions/homodyne")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        // generated into memory first: clap_complete panics on a closed pipe
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "homodyne", &mut script);
        say::all(|out| out.write_all(&script));
        Ok(())
    }
}
