//! Named places at which a debug build can be told to die, for tests of its restart.

/// Kills the process without any clean-up when `ALLORA_FAILPOINT` is `name`, or at the n-th passage
/// when it is `name:n`. Compiled to nothing in release builds.
#[cfg(debug_assertions)]
pub fn failpoint(name: &str) {
    use std::sync::{LazyLock, atomic::AtomicU32, atomic::Ordering};

    static ARMED: LazyLock<Option<(String, AtomicU32)>> =
        LazyLock::new(|| parse(&std::env::var("ALLORA_FAILPOINT").ok()?));

    if let Some((armed, left)) = &*ARMED
        && armed == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
    }
}

/// Compiled to nothing: fail points exist in debug builds only.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[allow(clippy::inline_always, reason = "it has no body")]
pub const fn failpoint(_name: &str) {}

#[cfg(debug_assertions)]
fn parse(text: &str) -> Option<(String, std::sync::atomic::AtomicU32)> {
    let (name, passage) = match text.split_once(':') {
        Some((name, passage)) => (name, passage.parse().ok()?),
        None => (text, 1),
    };
    (!name.is_empty() && passage > 0).then(|| (name.to_owned(), passage.into()))
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::Command};

    use super::*;

    #[test]
    fn reads_the_name_and_the_passage() {
        let read = |text| parse(text).map(|(name, n)| (name, n.into_inner()));
        assert_eq!(read("journal"), Some(("journal".into(), 1)));
        assert_eq!(read("journal:3"), Some(("journal".into(), 3)));
        assert_eq!(read("journal:0"), None);
        assert_eq!(read("journal:x"), None);
        assert_eq!(read(""), None);
    }

    /// Runs as the child of the next test: passes the point three times.
    #[test]
    fn passes_three_times() {
        for _ in 0..3 {
            failpoint("tested");
        }
    }

    #[test]
    fn dies_at_the_passage_named_and_only_there() {
        let run = |armed: &str| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "ops::failpoint::tests::passes_three_times"])
                .env("ALLORA_FAILPOINT", armed)
                .output()
                .unwrap()
                .status
        };
        assert_eq!(run("tested:3").signal(), Some(9));
        assert!(run("tested:4").success());
        assert!(run("another").success());
    }
}
