//! Rotation by copy and truncate: the live file keeps its inode and the newest part of its lines.
//!
//! The lines to keep are moved to the front of the live file before it is cut. Nothing new has to
//! be allocated for that, so a full disk can't lose them; a crash on the way leaves lines twice but
//! none out. A follower (`tail -f`) notices that the file has become shorter, says so, and prints
//! the kept part once more; no way to cut a file avoids this, so it is done seldom.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read as _, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::log_file::Limits;

/// The longest part of a line that is read at once, bytes.
const LONGEST: u64 = 1 << 20;

/// Reads a line's time, when it bears one.
pub(super) type Stamp = fn(&str) -> Option<OffsetDateTime>;

/// Moves lines older than `limits.keep` from the live file to `….1`, and older archives up by one.
/// Does nothing when they are less than a quarter of it. Gives the live file's size afterwards.
pub(super) fn rotate(
    path: &Path,
    limits: &Limits,
    stamp: Stamp,
    now: OffsetDateTime,
) -> io::Result<u64> {
    let log = OpenOptions::new().read(true).write(true).open(path)?;
    let size = log.metadata()?.len();
    let cut = first_recent(&log, stamp, now - limits.keep)?;
    if cut < size / 4 || cut == 0 {
        return Ok(size);
    }
    archive(path, &log, cut, limits.archives)?;
    move_to_front(&log, cut, size)
}

/// The position of the first line that is not older than `since`; a line without a time belongs to
/// the one before it.
fn first_recent(file: &File, stamp: Stamp, since: OffsetDateTime) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut position = 0;
    loop {
        line.clear();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(position);
        }
        let text = String::from_utf8_lossy(&line);
        if stamp(&text).is_some_and(|at| at >= since) {
            return Ok(position);
        }
        position += read as u64;
    }
}

/// Copies the first `length` bytes to `….1` after moving the older archives on.
fn archive(path: &Path, live: &File, length: u64, archives: u32) -> io::Result<()> {
    if archives == 0 {
        return Ok(());
    }
    let fresh = numbered(path, "new");
    let copied = copy_head(live, length, &fresh);
    if let Err(cause) = copied {
        let _ = fs::remove_file(&fresh);
        return Err(cause);
    }
    for number in (1..archives).rev() {
        let (from, to) = (numbered(path, number), numbered(path, number + 1));
        match fs::rename(from, to) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    fs::rename(fresh, numbered(path, 1))
}

fn copy_head(live: &File, length: u64, to: &Path) -> io::Result<()> {
    let mut position = 0;
    let mut target = File::create(to)?;
    let mut buffer = vec![0; 64 * 1024];
    while position < length {
        let wanted = buffer.len().min(saturating(length - position));
        let read = live.read_at(&mut buffer[..wanted], position)?;
        if read == 0 {
            break;
        }
        target.write_all(&buffer[..read])?;
        position += read as u64;
    }
    target.sync_data()
}

/// Moves `from..size` to the front, then cuts; whatever was appended meanwhile is moved as well.
fn move_to_front(live: &File, from: u64, size: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut source, mut target) = (from, 0);
    loop {
        let read = live.read_at(&mut buffer, source)?;
        if read == 0 {
            break;
        }
        live.write_all_at(&buffer[..read], target)?;
        source += read as u64;
        target += read as u64;
    }
    debug_assert!(source >= size);
    live.set_len(target)?;
    Ok(target)
}

fn numbered(path: &Path, suffix: impl std::fmt::Display) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

fn saturating(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The time of a line of the output log, `[2025-09-16T13:00:00Z] …`.
pub(super) fn bracketed(line: &str) -> Option<OffsetDateTime> {
    parse(line.strip_prefix('[')?)
}

/// The time of a line of the event log, `{"timestamp":"2025-09-16T13:00:00.000Z",…`.
pub(super) fn stamped(line: &str) -> Option<OffsetDateTime> {
    parse(line.strip_prefix("{\"timestamp\":\"")?)
}

fn parse(text: &str) -> Option<OffsetDateTime> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let time = PrimitiveDateTime::parse(text.get(..19)?, &format).ok()?;
    Some(time.assume_utc())
}

#[cfg(test)]
#[path = "rotate_tests.rs"]
mod tests;
