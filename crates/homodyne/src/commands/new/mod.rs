use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::failure::Failure;
use crate::say;

/// Write a scenario to start from, with a comment on each key.
///
/// It runs as it is, in seconds. Without OUTPUT it is printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homodyne new error --output my.toml && homodyne run my.toml
  homodyne new training --output my.toml --schema      # editors then complete and check keys")]
pub(crate) struct New {
    /// Kind of study; the kinds are listed if none is given.
    #[arg(value_parser = PossibleValuesParser::new(STARTS.map(|(kind, _)| kind)), required_if_eq("schema", "true"))]
    kind: Option<String>,
    /// File to write; one that exists is kept.
    #[arg(short, long, requires = "kind")]
    output: Option<PathBuf>,
    /// Write the JSON Schema of scenarios beside it, and name it in the first line for editors (Even Better TOML, taplo).
    #[arg(long, requires = "output")]
    schema: bool,
}

/// A scenario for each kind of study.
const STARTS: [(&str, &str); 6] = [
    ("error", include_str!("error.toml")),
    ("training", include_str!("training.toml")),
    ("response", include_str!("response.toml")),
    ("spectrum", include_str!("spectrum.toml")),
    ("logic", include_str!("logic.toml")),
    ("samples", include_str!("samples.toml")),
];

/// Name of the schema beside a scenario.
const SCHEMA: &str = "homodyne.schema.json";

impl New {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let Some(asked) = self.kind else {
            for (kind, start) in STARTS {
                let first = start.lines().next().unwrap_or_default();
                say!("{kind:<10} {}", first.trim_start_matches("# "));
            }
            return Ok(());
        };
        let (_, start) = STARTS.into_iter().find(|(kind, _)| *kind == asked).expect("one of the kinds");
        let Some(output) = self.output else {
            say::all(|out| out.write_all(start.as_bytes()));
            return Ok(());
        };
        let first = if self.schema { format!("#:schema ./{SCHEMA}\n\n") } else { String::new() };
        write_new(&output, &format!("{first}{start}"))?;
        say!("{}", output.display());
        if self.schema {
            let schema = output.with_file_name(SCHEMA);
            // of another scenario in the folder, which may be one of an older program
            std::fs::write(&schema, format!("{:#}\n", figures::schema()))?;
            say!("{}", schema.display());
        }
        Ok(())
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => Ok(file.write_all(text.as_bytes())?),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            Err(Failure::BadInput(format!("`{}` already exists, and is kept: name another file", path.display())))
        }
        Err(e) => Err(Failure::BadInput(format!("cannot write `{}`: {e}", path.display()))),
    }
}
