use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file that is read; a relative path starts at the scenario's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InputFile(pub PathBuf);

impl AsRef<Path> for InputFile {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}
