//! The vitals as a file.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Vitals;
use crate::{limits, ops::replace_unsynced};

/// The most that is read: far more than [`Vitals`] can come to.
const LARGEST: usize = 4 << 20;

/// Why a file of vitals can't be read.
#[derive(Debug, thiserror::Error)]
pub enum VitalsError {
    /// There is none, or it can't be opened.
    #[error(
        "{path} can't be read: {cause}; it is written by a worker that runs with this data folder"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// It is no such file.
    #[error(
        "{path} makes no sense: {cause}; the worker writes it anew within seconds, so remove it if it stays"
    )]
    Senseless {
        /// The file.
        path: PathBuf,
        /// Where.
        cause: serde_json::Error,
    },
}

/// The vitals that a worker wrote last, whether or not it runs. Fields of a newer version are passed over,
/// and those that an older one did not know have their defaults.
///
/// # Errors
/// See [`VitalsError`].
pub fn read(path: &Path) -> Result<Vitals, VitalsError> {
    let text = limits::read_text(path, LARGEST).map_err(|cause| VitalsError::Unreadable {
        path: path.to_owned(),
        cause,
    })?;
    serde_json::from_str(&text).map_err(|cause| VitalsError::Senseless {
        path: path.to_owned(),
        cause,
    })
}

/// Replaces the file as a whole; it is its user's alone.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    replace_unsynced(path, text.as_bytes())
}
