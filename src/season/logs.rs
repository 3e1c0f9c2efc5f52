//! What the worker wrote: sizes, panics, and the causes that it gives.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

/// What is found in a worker's folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs {
    /// Bytes of all logs.
    pub(super) bytes: u64,
    /// Bytes of the databases.
    pub(super) database: u64,
    /// Lines that tell of a panic.
    pub(super) panics: Vec<String>,
    /// Why a window was missed, by its nonce.
    pub(super) missed: BTreeMap<i64, String>,
    /// How often each event was told.
    pub(super) events: BTreeMap<String, usize>,
}

impl Logs {
    /// Reads a folder.
    pub(super) fn read(folder: &Path) -> Self {
        let mut logs = Self::default();
        for file in files(&folder.join("artifacts/logs")) {
            logs.bytes += fs::metadata(&file).map_or(0, |it| it.len());
            let text = fs::read(&file).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            logs.note_panics(&text);
            let name = file.file_name().map(|it| it.to_string_lossy().into_owned());
            if name.is_some_and(|it| it.contains("continuous")) {
                text.lines().for_each(|line| logs.note_event(line));
            }
        }
        let said = fs::read(folder.join("stderr.log")).unwrap_or_default();
        logs.note_panics(&String::from_utf8_lossy(&said));
        for file in files(&folder.join("artifacts")) {
            let name = file.display().to_string();
            if name.contains(".db") {
                logs.database += fs::metadata(&file).map_or(0, |it| it.len());
            }
        }
        logs
    }

    fn note_panics(&mut self, text: &str) {
        let panics = text.lines().filter(|line| line.contains("panicked"));
        self.panics.extend(panics.map(str::to_owned));
    }

    fn note_event(&mut self, line: &str) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return;
        };
        let name = event["event"].as_str().unwrap_or_default();
        *self.events.entry(name.to_owned()).or_default() += 1;
        if name == "window_missed"
            && let (Some(nonce), Some(cause)) = (event["nonce"].as_i64(), event["cause"].as_str())
        {
            self.missed.insert(nonce, cause.to_owned());
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    files.filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_causes_and_sizes_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("artifacts/logs");
        fs::create_dir_all(&logs).unwrap();
        let line = r#"{"event":"window_missed","nonce":24,"cause":"no node"}"#;
        fs::write(
            logs.join("worker_continuous.log"),
            format!("{line}\n{{half"),
        )
        .unwrap();
        fs::write(logs.join("worker_output.log"), "thread 'x' panicked at y\n").unwrap();
        fs::write(folder.path().join("artifacts/worker.db"), "0123").unwrap();
        let read = Logs::read(folder.path());
        assert_eq!(read.missed[&24], "no node");
        assert_eq!((read.panics.len(), read.database), (1, 4));
        assert_eq!(read.bytes, line.len() as u64 + 6 + 25);
    }
}
