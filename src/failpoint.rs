//! Named points at which a debug build can be made to die, for tests of what survives.

/// Kills this process as `kill -9` would, if `ALLORA_FAILPOINT` names this point: `name`, or
/// `name:n` for its n-th passage. Release builds pass by.
#[cfg(debug_assertions)]
pub(crate) fn failpoint(name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };

    static CHOSEN: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let chosen = std::env::var("ALLORA_FAILPOINT").ok()?;
        let (name, passage) = chosen.split_once(':').unwrap_or((&chosen, "1"));
        Some((name.to_owned(), passage.parse().ok()?))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);

    if let Some((chosen, passage)) = &*CHOSEN
        && chosen == name
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *passage
    {
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) const fn failpoint(_name: &str) {}
