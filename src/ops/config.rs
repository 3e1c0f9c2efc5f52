//! Configuration of operations.

use std::{
    net::{AddrParseError, SocketAddr},
    time::Duration,
};

use serde::Deserialize;

/// Section `[ops]`: the logs, and what becomes of a process that can't go on.
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
    /// How long a task that must not stand still may give no sign of life before the process begins anew.
    /// Tasks give one each second.
    #[serde(with = "humantime_serde")]
    pub stuck_after: Duration,
    /// Whether a process that can't go on begins anew by itself where no supervisor does it. Off, it ends
    /// with exit code 1.
    pub restart: bool,
    /// Whether the worker's server shows the status page, beside metrics and health.
    pub page: bool,
    /// The server of metrics and health.
    pub http: HttpConfig,
}

/// Section `[ops.http]`: the worker's own HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where it listens: an address of this machine alone, unless a token is asked for; empty for nowhere.
    pub listen: String,
}

impl HttpConfig {
    /// The address; none for nowhere.
    ///
    /// # Errors
    /// When it is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, AddrParseError> {
        address_of(&self.listen)
    }
}

/// The address that a setting names; none for nowhere, `off`.
///
/// # Errors
/// When it is no address.
pub fn address_of(listen: &str) -> Result<Option<SocketAddr>, AddrParseError> {
    match listen.trim() {
        // A variable that is empty counts as not set: this one says it there.
        "" | "off" => Ok(None),
        listen => listen.parse().map(Some),
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9467".into(),
        }
    }
}

impl OpsConfig {
    /// The least that a live log keeps.
    pub const LEAST_LOG_KEEP: Duration = Duration::from_hours(48);
    /// The least [`OpsConfig::stuck_after`].
    pub const LEAST_STUCK_AFTER: Duration = Duration::from_secs(3);
}

impl Default for OpsConfig {
    fn default() -> Self {
        Self {
            log_keep: Self::LEAST_LOG_KEEP,
            log_max_mib: 32,
            log_archives: 5,
            diagnostics: "warn".into(),
            stuck_after: Duration::from_mins(1),
            restart: true,
            page: true,
            http: HttpConfig::default(),
        }
    }
}
