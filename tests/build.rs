//! Writes the macro `needs!`, which marks tests as ignored that need what is not here.

use std::fmt::Write;

#[path = "needs.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests use the rest of it")]
mod needs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=needs.rs");
    println!("cargo::rerun-if-env-changed=HOMODYNE_PYTHON");
    println!("cargo::rerun-if-env-changed=HOMODYNE_THOROUGH");
    for name in ["dnpu_surrogate", "kmc_dn_reference", "mcnetwork_reference", "slurm-local"] {
        // of what is not there, cargo would build the tests anew each time; that it came is noticed by a test
        let path = needs::shared_path(name);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let folder = std::env::var_os("OUT_DIR").expect("cargo names a folder");
    std::fs::write(std::path::Path::new(&folder).join("needs_macro.rs"), needs_macro()).expect("written");
}

/// One arm for each need, and the list of those that are missing.
fn needs_macro() -> String {
    let mut arms = String::new();
    let mut missing = Vec::new();
    for need in needs::NEEDS {
        let mark = if (need.is_here)() {
            String::new()
        } else {
            missing.push(need.name);
            format!("#[ignore = {:?}] ", need.missing)
        };
        writeln!(arms, "    ({}, $test:item) => {{ {mark}$test }};", need.name).expect("a string takes all");
    }
    format!(
        "/// A test that needs something: `needs!(slurm, #[test] fn of_job_arrays() {{}})`. Where that is missing, it is ignored.\n\
         #[macro_export]\n\
         macro_rules! needs {{\n{arms}}}\n\n\
         /// Names of what was missing when the tests were built.\n\
         pub const MISSING: &[&str] = &{missing:?};\n"
    )
}
