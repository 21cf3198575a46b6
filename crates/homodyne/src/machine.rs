//! Free memory, disk space and threads of this machine.

use std::path::Path;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Free memory \[bytes\], without and with swap space, limited by the job's control group. `None` if unknown.
pub(crate) fn free_memory_bytes() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram().with_swap();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let free = system.available_memory().saturating_add(system.free_swap());
    let allowed = system.cgroup_limits().map_or(u64::MAX, |group| group.free_memory.saturating_add(group.free_swap));
    Some(free.min(allowed)).filter(|_| system.total_memory() > 0)
}

/// Free disk space \[bytes\] in a folder, or in its nearest existing parent. `None` if unknown.
pub(crate) fn free_disk_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let existing = folder.ancestors().find(|f| f.exists())?;
    fs4::available_space(existing).ok()
}

/// Number of hardware threads.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
