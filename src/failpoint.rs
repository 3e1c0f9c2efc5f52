//! Named points at which a debug build can be made to die or to hang, for tests of what survives.

/// Kills this process as `kill -9` would, if `ALLORA_FAILPOINT` names this point: `name`, or
/// `name:n` for its n-th passage. Release builds pass by.
pub(crate) fn failpoint(name: &str) {
    if reached(name) {
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
    }
}

/// Stops this process as `kill -STOP` would, if `ALLORA_FAILPOINT` names this point; `kill -CONT` has it go
/// on. Release builds pass by.
pub(crate) fn freeze(name: &str) {
    if reached(name) {
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
    }
}

/// Waits for ever at the point `stall-NAME`, as a task that hangs would.
pub(crate) async fn stall(task: &str) {
    if cfg!(debug_assertions) && reached(&format!("stall-{task}")) {
        std::future::pending::<()>().await;
    }
}

/// Whether `ALLORA_FAILPOINT` names this point and this passage. A process that has begun anew by itself
/// passes by, but at a point that is named as `again-NAME`; and so do release builds.
#[cfg(debug_assertions)]
pub(crate) fn reached(name: &str) -> bool {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };

    static CHOSEN: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let chosen = std::env::var("ALLORA_FAILPOINT").ok()?;
        let (name, passage) = chosen.split_once(':').unwrap_or((&chosen, "1"));
        let has_begun_anew = std::env::var_os(crate::ops::BEGUN_ANEW).is_some();
        let name = match name.strip_prefix("again-") {
            Some(name) => name,
            None if has_begun_anew => return None,
            None => name,
        };
        Some((name.to_owned(), passage.parse().ok()?))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);

    CHOSEN.as_ref().is_some_and(|(chosen, passage)| {
        chosen == name && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *passage
    })
}

/// Never in a release build.
#[cfg(not(debug_assertions))]
pub(crate) const fn reached(_name: &str) -> bool {
    false
}
