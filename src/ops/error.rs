//! Why operations failed.

use std::{io, path::PathBuf};

/// Why a part of operations failed; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// Another worker writes into the same data folder.
    #[error(
        "another worker already runs with this data folder (pid {pid}, it holds {pidfile}); stop it with ./stop_worker.sh or choose another --data-dir"
    )]
    AlreadyRunning {
        /// Its process id, or `unknown`.
        pid: String,
        /// The file that it holds locked.
        pidfile: PathBuf,
    },
    /// Another worker on this host uses the same wallet on the same chain.
    #[error(
        "another worker on this host already uses the wallet {address} on {chain_id} (pid {pid}, data folder {data_dir}); stop it, or give this one another wallet"
    )]
    WalletInUse {
        /// The chain's id.
        chain_id: String,
        /// The wallet's address.
        address: String,
        /// The other's process id, or `unknown`.
        pid: String,
        /// The other's data folder.
        data_dir: String,
    },
    /// A lock file can't be used.
    #[error(
        "the lock file {path} can't be used: {cause}; make its folder writable for this user, on a local file system with some space, or choose another folder with --data-dir"
    )]
    Lock {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// No folder is fit for the host's locks.
    #[error(
        "no folder for the wallet's lock: {tried}; set XDG_RUNTIME_DIR or TMPDIR to a folder that only this user can write to"
    )]
    NoLockFolder {
        /// What was tried, and what was wrong with it.
        tried: String,
    },
    /// Signals can't be caught.
    #[error(
        "signals can't be caught: {cause}; the process's limits may be exhausted, see ulimit -a"
    )]
    Signals {
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The thread that writes the logs can't be started.
    #[error(
        "the log writer can't be started: {cause}; the process's limits may be exhausted, see ulimit -a"
    )]
    Writer {
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The watchdog's thread can't be started.
    #[error(
        "the watchdog can't be started: {cause}; the process's limits may be exhausted, see ulimit -a"
    )]
    Watchdog {
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The filter for diagnostics makes no sense.
    #[error(
        "{variable} is no filter for diagnostics: {cause}; write a level (warn, info, debug) or target=level, separated by commas"
    )]
    Filter {
        /// The variable or key that holds it.
        variable: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

impl OpsError {
    /// Whether the same call may succeed later without a change by the operator.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::AlreadyRunning { .. } | Self::WalletInUse { .. })
    }
}
