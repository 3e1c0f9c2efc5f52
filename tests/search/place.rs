//! The places of a running process in which something may be found.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use super::Secrets;

/// What was found: how often, by its name and its place.
pub(crate) type Found = BTreeMap<(&'static str, String), usize>;

/// A process that is searched, with the folders that it writes to.
pub(crate) struct Searched<'a> {
    /// Its id.
    pub(crate) pid: u32,
    /// What it may write to, with all that lies in it.
    pub(crate) folders: &'a [&'a Path],
    /// When the secrets were made: what is older can't hold them.
    pub(crate) since: SystemTime,
}

impl Searched<'_> {
    /// What stands in its arguments, its environment, the files that it has mapped or open, and those in
    /// its folders. A file is named once, by its path, however it was reached.
    pub(crate) fn outside(&self, secrets: &Secrets) -> Found {
        let mut found = Found::new();
        for name in ["cmdline", "environ"] {
            // A process whose memory is closed shows its environment to root alone.
            if let Some(content) = unless_closed(fs::read(self.of(name))) {
                note(&mut found, secrets, name, &content);
            }
        }
        let mut files = BTreeMap::new();
        for folder in self.folders {
            below(folder, &mut files);
        }
        self.mapped_and_open(&mut files);
        for (name, path) in files {
            // It may have gone meanwhile.
            let Ok(about) = fs::metadata(&path) else {
                continue;
            };
            if about.is_file() && about.modified().unwrap() >= self.since {
                match fs::read(&path) {
                    Ok(content) => note(&mut found, secrets, &name, &content),
                    Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                    Err(cause) => panic!("{name} can't be searched: {cause}"),
                }
            }
        }
        found
    }

    /// What stands in its own memory each time that it is searched: what a signature leaves on a stack for
    /// a moment is overwritten by the next call.
    pub(crate) fn lasting_memory(&self, secrets: &Secrets) -> Option<Found> {
        let mut lasting = self.memory(secrets)?;
        for _ in 0..2 {
            thread::sleep(Duration::from_millis(300));
            let again = self.memory(secrets)?;
            lasting.retain(|key, times| {
                *times = (*times).min(again.get(key).copied().unwrap_or_default());
                *times > 0
            });
        }
        Some(lasting)
    }

    /// What stands in its own memory, but for the pages that are those of files and of nobody else. None
    /// where it is closed to this user.
    fn memory(&self, secrets: &Secrets) -> Option<Found> {
        let maps = unless_closed(fs::read_to_string(self.of("maps")))?;
        let memory = unless_closed(File::open(self.of("mem")))?;
        let mut found = Found::new();
        for line in maps.lines() {
            let parts: Vec<&str> = line.split_whitespace().collect();
            if !parts[1].starts_with("rw") {
                continue;
            }
            let name = parts.get(5).unwrap_or(&"without a name");
            let (from, to) = parts[0].split_once('-').unwrap();
            let [from, to] = [from, to].map(|it| u64::from_str_radix(it, 16).unwrap());
            for content in touched(&memory, from, to) {
                note(&mut found, secrets, &format!("memory {name}"), &content);
            }
        }
        Some(found)
    }

    fn of(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.pid).into()
    }

    fn mapped_and_open(&self, files: &mut BTreeMap<String, PathBuf>) {
        for folder in ["fd", "map_files"] {
            let Some(entries) = unless_closed(fs::read_dir(self.of(folder))) else {
                continue;
            };
            for entry in entries {
                let Some(path) = entry.ok().map(|it| it.path()) else {
                    continue;
                };
                let Ok(target) = fs::read_link(&path) else {
                    continue;
                };
                // A file that has no name any more is reached by the link alone.
                let name = target.display().to_string();
                let path = if target.exists() { target } else { path };
                files.entry(name).or_insert(path);
            }
        }
    }
}

/// The parts of a region that are not all zero, which most pages are. What goes away meanwhile is left out.
fn touched(memory: &File, from: u64, to: u64) -> Vec<Vec<u8>> {
    const PAGE: usize = 4_096;
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    let mut page = [0; PAGE];
    for at in (from..to).step_by(PAGE) {
        let is_there = memory.read_exact_at(&mut page, at).is_ok();
        let part = parts.last_mut().unwrap();
        if is_there && page != [0; PAGE] {
            part.extend_from_slice(&page);
        } else if !part.is_empty() {
            parts.push(Vec::new());
        }
    }
    parts
}

fn note(found: &mut Found, secrets: &Secrets, place: &str, content: &[u8]) {
    for name in secrets.found_in(content) {
        *found.entry((name, place.to_owned())).or_default() += 1;
    }
}

/// All files below a folder, by the paths that they really have.
fn below(folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            below(&path, files);
        } else if let Ok(path) = fs::canonicalize(path) {
            files.insert(path.display().to_string(), path);
        }
    }
}

/// Only another than root may be kept out.
fn unless_closed<T>(read: io::Result<T>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(cause) => {
            let closed = cause.kind() == io::ErrorKind::PermissionDenied;
            assert!(closed && !is_root(), "a process can't be searched: {cause}");
            None
        }
    }
}

/// Whether these tests run as root, to whom no process of this machine is closed.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}
