//! The newest lines of the event log.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use time::OffsetDateTime;

use crate::{ops::Level, page::LogLine, types::TopicId};

/// Lines that are kept.
pub(super) const MOST: usize = 500;
/// The most that is read of the file at once: 500 lines have about half of it.
const PIECE: u64 = 1 << 20;
/// Bytes before the place where the last reading ended, by which the file is known again.
const KNOWN: usize = 64;

/// The event log's tail. Only what was written since is read.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Option<(u64, u64)>,
    /// After the last line that was read whole.
    offset: u64,
    /// What stands before it.
    before: Vec<u8>,
    lines: VecDeque<LogLine>,
}

/// A line as far as it is shown.
#[derive(Deserialize)]
struct Line {
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    event: String,
    message: String,
    level: Level,
    topic: Option<TopicId>,
}

impl Tail {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            offset: 0,
            before: Vec::new(),
            lines: VecDeque::new(),
        }
    }

    /// The newest lines, the oldest first.
    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.lines.iter().cloned().collect()
    }

    /// Reads what was written since. A log that is not there has no lines.
    ///
    /// # Errors
    /// When it can't be read; what was read before stays.
    pub(super) fn read(&mut self) -> io::Result<()> {
        let file = match File::open(&self.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                *self = Self::new(std::mem::take(&mut self.path));
                return Ok(());
            }
            opened => opened?,
        };
        let about = file.metadata()?;
        let (size, which) = (about.len(), (about.dev(), about.ino()));
        if self.file != Some(which) || !self.goes_on(&file, size) {
            // Another file, or the same one cut at its front.
            *self = Self::new(std::mem::take(&mut self.path));
            self.file = Some(which);
        }
        if size - self.offset > PIECE {
            self.offset = size - PIECE;
            self.before.clear();
            self.lines.clear();
        }
        let is_cut = self.offset > 0 && self.before.is_empty();
        let mut bytes = vec![0; usize::try_from(size - self.offset).unwrap_or_default()];
        let read = read_at(&file, &mut bytes, self.offset)?;
        bytes.truncate(read);
        // A line that is written in part is left for the next time.
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        bytes.truncate(end + 1);
        let from = if is_cut { first_whole(&bytes) } else { 0 };
        for line in bytes[from..].split(|byte| *byte == b'\n') {
            self.take(line);
        }
        self.offset += bytes.len() as u64;
        self.before.extend_from_slice(&bytes);
        let more = self.before.len().saturating_sub(KNOWN);
        self.before.drain(..more);
        self.before.shrink_to(KNOWN);
        Ok(())
    }

    /// Whether what was read stands where it stood.
    fn goes_on(&self, file: &File, size: u64) -> bool {
        let length = self.before.len();
        let Some(start) = self.offset.checked_sub(length as u64) else {
            return false;
        };
        let mut there = [0; KNOWN];
        let there = &mut there[..length.min(KNOWN)];
        self.offset <= size
            && read_at(file, there, start).is_ok_and(|read| read == length)
            && *there == self.before[..]
    }

    /// Another hand may have written what is no such line: it is passed over.
    fn take(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return;
        };
        if self.lines.len() >= MOST {
            self.lines.pop_front();
        }
        self.lines.push_back(LogLine {
            at: line.timestamp,
            level: line.level,
            event: line.event,
            topic: line.topic,
            message: line.message,
        });
    }

    /// Which file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// As much as there is.
fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match file.read_at(&mut into[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(read)
}

/// Where the first line begins that stands there whole.
fn first_whole(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    end.map_or(bytes.len(), |end| end + 1)
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
