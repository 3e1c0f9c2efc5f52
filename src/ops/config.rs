//! Configuration of operations.

use std::time::Duration;

use serde::Deserialize;

/// Section `[ops]`: the logs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpsConfig {
    /// How much of the past a live log keeps at least when it is rotated; not less than 48 hours.
    #[serde(with = "humantime_serde")]
    pub log_keep: Duration,
    /// A live log above this size is rotated, in MiB. Rotation makes `tail -f` print the kept part
    /// again, so it should be rare.
    pub log_max_mib: u64,
    /// How many rotated logs are kept (`….1` is the newest).
    pub log_archives: u32,
    /// Which diagnostics of the program's inside go to the output log, as a `tracing` filter;
    /// `RUST_LOG` overrides it.
    pub diagnostics: String,
}

impl OpsConfig {
    /// The least that a live log keeps.
    pub const LEAST_LOG_KEEP: Duration = Duration::from_hours(48);
}

impl Default for OpsConfig {
    fn default() -> Self {
        Self {
            log_keep: Self::LEAST_LOG_KEEP,
            log_max_mib: 32,
            log_archives: 5,
            diagnostics: "warn".into(),
        }
    }
}
