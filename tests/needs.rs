//! What some tests need and not every machine has. The build script looks for it, so that libtest names a test that was skipped
//! and why; the tests look again when they run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that may be missing.
pub struct Need {
    /// Its name in the macro `needs!`.
    pub name: &'static str,
    /// What libtest says of a test that is skipped for want of it.
    pub missing: &'static str,
    /// Whether it is here.
    pub is_here: fn() -> bool,
}

/// All that may be missing.
pub const NEEDS: [Need; 13] = [
    Need {
        name: "dnpu_surrogate",
        missing: "skipped: ../shared/dnpu_surrogate is not here",
        is_here: || shared_path("dnpu_surrogate").exists(),
    },
    Need {
        name: "kmc_dn_reference",
        missing: "skipped: ../shared/kmc_dn_reference is not here",
        is_here: || shared_path("kmc_dn_reference").exists(),
    },
    Need {
        name: "mcnetwork_reference",
        missing: "skipped: ../shared/mcnetwork_reference is not here",
        is_here: || shared_path("mcnetwork_reference").exists(),
    },
    Need { name: "patience", missing: "skipped: minutes long (make thorough)", is_here: thorough },
    Need {
        name: "dnpu_surrogate_and_patience",
        missing: "skipped: minutes long (make thorough), or ../shared/dnpu_surrogate is not here",
        is_here: || thorough() && shared_path("dnpu_surrogate").exists(),
    },
    Need {
        name: "slurm",
        missing: "skipped: ../shared/slurm-local is not here, or neither Slurm nor the root that it takes to install one",
        is_here: || shared_path("slurm-local").exists() && (is_root() || SLURM_PROGRAMS.into_iter().all(is_program)),
    },
    Need { name: "small_file_system", missing: "skipped: mounting a small file system needs root", is_here: may_mount },
    Need { name: "faketime", missing: "skipped: faketime is not here", is_here: || is_program("faketime") },
    Need {
        name: "h5dump",
        missing: "skipped: h5dump is not here (Debian: hdf5-tools)",
        is_here: || is_program("h5dump"),
    },
    Need {
        name: "h5py",
        missing: "skipped: no Python with h5py (set HOMODYNE_PYTHON to one that has it)",
        is_here: || has_modules("h5py"),
    },
    Need {
        name: "xarray",
        missing: "skipped: no Python with xarray, h5netcdf, netCDF4 (set HOMODYNE_PYTHON to one that has them)",
        is_here: || has_modules("xarray, h5netcdf, netCDF4"),
    },
    Need {
        name: "jsonschema",
        missing: "skipped: no Python with jsonschema, tomllib (set HOMODYNE_PYTHON to one that has them)",
        is_here: || has_modules("jsonschema, tomllib"),
    },
    Need {
        name: "numpy",
        missing: "skipped: no Python with numpy, h5py (set HOMODYNE_PYTHON to one that has them)",
        is_here: || has_modules("numpy, h5py"),
    },
];

/// Whether long comparisons are made in full, by `make thorough`.
#[must_use]
pub fn thorough() -> bool {
    std::env::var_os("HOMODYNE_THOROUGH").is_some()
}

const SLURM_PROGRAMS: [&str; 4] = ["slurmctld", "slurmd", "munged", "sbatch"];

/// Where data that are no part of the project would be.
#[must_use]
pub fn shared_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name)
}

/// The Python to use: `HOMODYNE_PYTHON`, or `python3`.
#[must_use]
pub fn python() -> String {
    std::env::var("HOMODYNE_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn has_modules(modules: &str) -> bool {
    succeeds(Command::new(python()).arg("-c").arg(format!("import {modules}")))
}

/// Whether a program is in one of the folders of `PATH`.
fn is_program(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Mounts a file system where no other process sees it, and which goes with the process that does so.
fn may_mount() -> bool {
    let mount = ["--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "none"];
    succeeds(Command::new("unshare").args(mount).arg(std::env::temp_dir()))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}
