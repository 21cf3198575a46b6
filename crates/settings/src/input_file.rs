use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An input file; a relative path refers to the scenario's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InputFile(pub PathBuf);

impl AsRef<Path> for InputFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}
