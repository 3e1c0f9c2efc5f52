//! What the process uses of its machine.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// What the process uses at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Bytes in memory; none where the system does not tell.
    pub(super) memory: Option<f64>,
    /// Seconds of computing since the start.
    pub(super) cpu_seconds: f64,
    /// Open files and connections; none where the system does not tell.
    pub(super) descriptors: Option<f64>,
}

impl Usage {
    pub(super) fn now() -> Self {
        let computed = clock_gettime(ClockId::ProcessCPUTime);
        let descriptors = fs::read_dir("/proc/self/fd").ok();
        Self {
            memory: memory(),
            cpu_seconds: computed.tv_sec as f64 + computed.tv_nsec as f64 / 1e9,
            // One of them is the folder's own.
            descriptors: descriptors.map(|it| it.count().saturating_sub(1) as f64),
        }
    }
}

fn memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024.0)
}
