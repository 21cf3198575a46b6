//! What of this machine is free.

use std::path::Path;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Memory \[bytes\] that is free, without and with what can be swapped out, or that the job's control group still may take.
/// None where the system does not tell.
pub(crate) fn free_memory_bytes() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram().with_swap();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let free = system.available_memory().saturating_add(system.free_swap());
    let allowed = system.cgroup_limits().map_or(u64::MAX, |group| group.free_memory.saturating_add(group.free_swap));
    Some(free.min(allowed)).filter(|_| system.total_memory() > 0)
}

/// Disk \[bytes\] that is free in a folder, or in the nearest one above it that exists. None where the system does not tell.
pub(crate) fn free_disk_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let existing = folder.ancestors().find(|f| f.exists())?;
    fs4::available_space(existing).ok()
}

/// Threads that the machine runs at once.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
