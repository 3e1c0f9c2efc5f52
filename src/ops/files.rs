//! Where the worker writes, and how it replaces a file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The files under `<data-dir>/artifacts`: everything that a process writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    data_dir: PathBuf,
    process: &'static str,
}

impl Artifacts {
    /// The worker's artifacts in a data folder.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self::of(data_dir, "worker")
    }

    /// The Predict worker's artifacts in a data folder, which it may share with a worker.
    #[must_use]
    pub fn predict(data_dir: impl Into<PathBuf>) -> Self {
        Self::of(data_dir, "predict")
    }

    /// The Scoring worker's artifacts in a data folder, which it may share with both.
    #[must_use]
    pub fn score(data_dir: impl Into<PathBuf>) -> Self {
        Self::of(data_dir, "score")
    }

    fn of(data_dir: impl Into<PathBuf>, process: &'static str) -> Self {
        Self {
            data_dir: data_dir.into(),
            process,
        }
    }

    fn named(&self, rest: &str) -> PathBuf {
        self.folder().join(format!("{}{rest}", self.process))
    }

    /// The data folder itself.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The folder that holds all the rest.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.data_dir.join("artifacts")
    }

    /// The event log, one JSON object a line.
    #[must_use]
    pub fn event_log(&self) -> PathBuf {
        self.log("continuous")
    }

    /// The output log, for people.
    #[must_use]
    pub fn output_log(&self) -> PathBuf {
        self.log("output")
    }

    /// The newest predictions, a JSON array.
    #[must_use]
    pub fn predictions(&self) -> PathBuf {
        self.folder().join("predictions.json")
    }

    /// The pidfile, locked while the worker runs.
    #[must_use]
    pub fn pidfile(&self) -> PathBuf {
        self.named(".pid")
    }

    /// What the worker is doing, for the scripts: see [`super::Phase`].
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.named(".state")
    }

    /// How the process fares, for people and programs.
    #[must_use]
    pub fn vitals(&self) -> PathBuf {
        self.named(".vitals.json")
    }

    /// Which alerts were told, so that the next run tells none twice.
    #[must_use]
    pub fn alerts(&self) -> PathBuf {
        self.named(".alerts.json")
    }

    /// The embedded database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.named(".db")
    }

    /// The embedded database of a replay of past prices, which belong to no other time.
    #[must_use]
    pub fn replay_database(&self) -> PathBuf {
        self.named(".replay.db")
    }

    /// The facts that wait for a database. Each database has its own, so that what waits for one is not
    /// stored in another: `of` names the database.
    #[must_use]
    pub fn outbox(&self, of: &str) -> PathBuf {
        self.named(&format!(".outbox-{of}.db"))
    }

    /// Says that this was the only Predict worker of a database.
    #[must_use]
    pub fn alone(&self, of: &str) -> PathBuf {
        self.named(&format!(".alone-{of}"))
    }

    /// The number that this folder's worker is named by among those of its wallet.
    #[must_use]
    pub fn standby_id(&self) -> PathBuf {
        self.named(".standby-id")
    }

    /// Says that this folder's worker led its wallet; `of` names the database that the workers share.
    #[must_use]
    pub fn standby_lead(&self, of: &str) -> PathBuf {
        self.named(&format!(".standby-lead-{of}"))
    }

    /// Candles that are kept apart from the database.
    #[must_use]
    pub fn candles(&self) -> PathBuf {
        self.named(".candles.db")
    }

    /// What other users have access to, each with the command that mends it: folders that were there
    /// already are left as they are.
    #[must_use]
    pub fn exposed(&self) -> Vec<String> {
        let mode = |path: &Path| fs::metadata(path).map_or(0, |about| about.mode());
        let mut all = Vec::new();
        for folder in [self.data_dir.clone(), self.folder()] {
            let mode = mode(&folder);
            // In a folder with the sticky bit others can't replace what is ours.
            if mode & 0o022 != 0 && mode & 0o1000 == 0 {
                let folder = folder.display();
                all.push(format!(
                    "other users can replace files in {folder}: chmod go-w {folder}"
                ));
            }
        }
        let files = [self.database(), self.event_log(), self.output_log()];
        if files.iter().any(|path| mode(path) & 0o077 != 0) {
            let folder = self.folder();
            let folder = folder.display();
            all.push(format!(
                "other users can read files in {folder} that were made before: chmod -R go= {folder}"
            ));
        }
        all
    }

    fn log(&self, kind: &str) -> PathBuf {
        let name = format!("logs/{}_{kind}.log", self.process);
        self.folder().join(name)
    }
}

/// Replaces a file in one step: readers see the old content or the new, never a part.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(content))
}

/// As [`replace`], with a content that is written piece by piece.
pub(super) fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    put(path, write, |file| file.sync_data())
}

/// As [`replace`], for what is soon written again: after a power cut the old content may be there, and the
/// disk is not kept busy.
pub(crate) fn replace_unsynced(path: &Path, content: &[u8]) -> io::Result<()> {
    put(path, |file| file.write_all(content), |_| Ok(()))
}

fn put(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    keep: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = folder.join(name);
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside);
    let written = opened.and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        keep(&file.into_inner()?)
    });
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        // What was written in part would only take space that is already short.
        let _ = fs::remove_file(&beside);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_others_have_access_to_is_told_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        fs::create_dir_all(artifacts.folder()).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&artifacts.folder(), 0o755);
        assert_eq!(artifacts.exposed(), [""; 0]);
        mode(&artifacts.folder(), 0o1777);
        assert_eq!(artifacts.exposed(), [""; 0]);
        mode(&artifacts.folder(), 0o775);
        let told = artifacts.exposed();
        let mend = format!("chmod go-w {}", artifacts.folder().display());
        assert!(told.len() == 1 && told[0].ends_with(&mend), "{told:?}");
        replace(&artifacts.database(), b"").unwrap();
        assert_eq!(
            artifacts.exposed().len(),
            1,
            "what is made is its user's alone"
        );
        mode(&artifacts.database(), 0o644);
        assert!(artifacts.exposed()[1].contains("chmod -R go= "));
    }
}
