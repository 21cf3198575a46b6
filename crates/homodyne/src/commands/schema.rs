use clap::Args;

use crate::failure::Failure;

/// Print the JSON Schema of scenarios, for editors that check TOML.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        say!("{:#}", figures::schema());
        Ok(())
    }
}
