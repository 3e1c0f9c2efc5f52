//! A log that people and scripts read while it grows: it survives a full disk and is rotated in place.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::Duration,
};

use time::OffsetDateTime;

use super::rotate::{self, Stamp};

/// Bytes of lines that wait for the disk; the oldest give way. Days of a quiet worker.
const WAITING: usize = 4 << 20;
/// What a line takes in memory beside its text.
const FRAME: usize = 32;

/// When a log is rotated, and what stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Size above which it is rotated, in bytes.
    pub max_bytes: u64,
    /// How much of the past the live file keeps.
    pub keep: Duration,
    /// How many rotated files are kept.
    pub archives: u32,
}

/// One log file, open for appending.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    limits: Limits,
    stamp: Stamp,
    file: Option<File>,
    waiting: VecDeque<String>,
    /// What they take in memory.
    bytes: usize,
    /// Lines that gave way because the disk refused for too long.
    lost: u64,
    /// No rotation is tried below this size.
    rotate_above: u64,
}

impl LogFile {
    pub(super) fn new(path: PathBuf, limits: Limits, stamp: Stamp) -> Self {
        Self {
            path,
            limits,
            stamp,
            file: None,
            waiting: VecDeque::new(),
            bytes: 0,
            lost: 0,
            rotate_above: limits.max_bytes,
        }
    }

    /// Queues a line (without its end); `settle` writes it.
    pub(super) fn push(&mut self, line: String) {
        self.bytes += FRAME + line.len();
        self.waiting.push_back(line);
        while self.bytes > WAITING {
            self.pop();
            self.lost += 1;
        }
    }

    fn pop(&mut self) {
        if let Some(line) = self.waiting.pop_front() {
            self.bytes = self.bytes.saturating_sub(FRAME + line.len());
        }
    }

    /// Whether lines wait.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The number of lines that wait, and of those that were given up.
    pub(super) fn backlog(&self) -> (usize, u64) {
        (self.waiting.len(), self.lost)
    }

    /// Writes what waits, then rotates when it is time.
    ///
    /// # Errors
    /// When the disk refuses; what waits is kept for the next call.
    pub(super) fn settle(&mut self, now: OffsetDateTime) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let size = self.write_waiting()?;
        if size > self.rotate_above {
            self.rotate(size, now)?;
        }
        Ok(())
    }

    fn write_waiting(&mut self) -> io::Result<u64> {
        let mut file = self.open()?;
        let written = self.write_into(&mut file);
        // Also when it failed: there may be no descriptor to open it again.
        self.file = Some(file);
        written
    }

    fn write_into(&mut self, file: &mut File) -> io::Result<u64> {
        let mut size = file.metadata()?.len();
        while let Some(line) = self.waiting.front_mut() {
            line.push('\n');
            let written = file.write_all(line.as_bytes());
            let length = line.len() as u64;
            line.pop();
            if let Err(cause) = written {
                // A line cut short would make the log unreadable for programs.
                let _ = file.set_len(size);
                return Err(cause);
            }
            size += length;
            self.pop();
        }
        Ok(size)
    }

    /// The open file, opened anew when somebody moved or removed it.
    fn open(&mut self) -> io::Result<File> {
        if let Some(file) = self.file.take() {
            let same = match (file.metadata(), fs::metadata(&self.path)) {
                (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
                _ => false,
            };
            if same {
                return Ok(file);
            }
            // Its descriptor serves the new one.
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&self.path)?;
        end_last_line(&mut file)?;
        Ok(file)
    }

    fn rotate(&mut self, size: u64, now: OffsetDateTime) -> io::Result<()> {
        let rotated = rotate::rotate(&self.path, &self.limits, self.stamp, now);
        let left = *rotated.as_ref().unwrap_or(&size);
        // Not at every line when little could be moved away, or when the disk refused.
        self.rotate_above = self.limits.max_bytes.max(left + left / 4);
        rotated.map(|_| ())
    }
}

/// Ends a line that a crash cut short, so that the next one stands on its own.
fn end_last_line(file: &mut File) -> io::Result<()> {
    let size = file.metadata()?.len();
    if size == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(size - 1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);
    const LIMITS: Limits = Limits {
        max_bytes: 1 << 20,
        keep: Duration::from_secs(48 * 3600),
        archives: 2,
    };

    fn log(path: PathBuf) -> LogFile {
        LogFile::new(path, LIMITS, rotate::bracketed)
    }

    #[test]
    fn lines_wait_until_the_disk_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/a.log");
        // A file where the folder should be stands for a disk that refuses.
        fs::write(folder.path().join("logs"), "").unwrap();
        let mut log = log(path.clone());
        log.push("one".into());
        assert!(log.settle(NOW).is_err());
        log.push("two".into());
        assert!(log.settle(NOW).is_err());
        assert_eq!(log.backlog(), (2, 0));
        fs::remove_file(folder.path().join("logs")).unwrap();
        log.settle(NOW).unwrap();
        assert!(!log.is_behind());
        assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_full_device_keeps_the_lines() {
        let mut log = log("/dev/full".into());
        log.push("one".into());
        assert_eq!(
            log.settle(NOW).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        assert_eq!(log.backlog(), (1, 0));
    }

    #[test]
    fn the_oldest_lines_give_way_and_are_counted() {
        let mut log = log("/dev/full".into());
        let most = WAITING / (FRAME + 1_000);
        for number in 0..most + 3 {
            log.push(format!("{number:01000}"));
        }
        assert_eq!(log.backlog(), (most, 3));
        assert!(log.waiting.front().unwrap().ends_with("0003") && log.bytes <= WAITING);
    }

    #[test]
    fn a_folder_in_its_place_keeps_the_lines_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = log(path.clone());
        log.push("one".into());
        log.settle(NOW).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        log.push("two".into());
        assert!(log.settle(NOW).is_err() && log.is_behind());
        fs::remove_dir(&path).unwrap();
        log.settle(NOW).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "two\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = log(path.clone());
        log.push("one".into());
        log.settle(NOW).unwrap();
        fs::rename(&path, folder.path().join("b.log")).unwrap();
        log.push("two".into());
        log.settle(NOW).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "two\n");
    }

    #[test]
    fn a_line_that_a_crash_cut_short_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "whole\ncut sh").unwrap();
        let mut log = log(path.clone());
        log.push("next".into());
        log.settle(NOW).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "whole\ncut sh\nnext\n");
    }

    #[test]
    fn a_log_above_its_size_is_rotated_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let limits = Limits {
            max_bytes: 1_000,
            ..LIMITS
        };
        let mut log = LogFile::new(path.clone(), limits, rotate::bracketed);
        for number in 0..100 {
            log.push(format!("[2025-09-01T00:00:00Z] old {number:03}"));
            log.settle(datetime!(2025-09-01 0:00 UTC)).unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() > 2_500);
        for number in 0..50 {
            log.push(format!("[2025-09-16T13:00:00Z] new {number:03}"));
            log.settle(NOW).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("old"), "{text}");
        assert_eq!(text.lines().count(), 50);
        let archived = fs::read_to_string(folder.path().join("a.log.1")).unwrap();
        assert_eq!(archived.matches("old").count(), 100);
    }
}
