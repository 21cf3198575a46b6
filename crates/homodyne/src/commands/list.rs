use std::path::{Path, PathBuf};

use clap::Args;
use study::Document;

use crate::failure::Failure;

/// List the scenarios of a folder, one line each.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The folder; if not given, `scenarios` in the current folder or in the source of this program.
    folder: Option<PathBuf>,
}

impl List {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let folder = match self.folder {
            Some(folder) => folder,
            None if Path::new("scenarios").is_dir() => PathBuf::from("scenarios"),
            // the source may be gone
            None => shipped.canonicalize().unwrap_or(shipped),
        };
        let unreadable = |e: std::io::Error| Failure::BadInput(format!("cannot list `{}`: {e}", folder.display()));
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(unreadable)?
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "toml"))
            .collect();
        files.sort();
        for file in files {
            let document = Document::read(&file)?;
            let description =
                document.table.get("study").and_then(|s| s.get("description")).and_then(|d| d.as_str()).unwrap_or("");
            say!("{:40} {description}", file.display());
        }
        Ok(())
    }
}
