//! Why a season can't be played.

use std::{io, path::PathBuf};

use crate::{chain::KeyError, devnet::DevnetError, store::StoreError};

/// Why a season can't be played.
#[derive(Debug, thiserror::Error)]
pub enum SeasonError {
    /// The chain does not start, or has ended.
    #[error(transparent)]
    Devnet(#[from] DevnetError),
    /// The wallet's key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The worker's database can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder can't be used.
    #[error("can't use {path}: {cause}; is there room, and is it yours?")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The worker can't be started.
    #[error("can't start {binary}: {cause}; build it, or name another with --binary")]
    Start {
        /// The program.
        binary: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The worker ends again and again.
    #[error(
        "the worker ended {times} times by itself, the last time with {how}: what it wrote is in {folder}"
    )]
    KeepsEnding {
        /// How often.
        times: usize,
        /// How it ended last.
        how: String,
        /// Where its logs are.
        folder: PathBuf,
    },
    /// The worker was never ready.
    #[error("the worker was not ready within {seconds} s; its last words:\n{words}")]
    NeverReady {
        /// How long it was waited for.
        seconds: u64,
        /// The end of what it wrote.
        words: String,
    },
}
