//! The pages of a SQLite file as they lie on the disk, without SQLite: so that what is whole can be
//! read where SQLite gives up. The layout is that of <https://www.sqlite.org/fileformat2.html>.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::write_ahead::WriteAhead;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The page size that SQLite gives new files.
const USUAL: usize = 4_096;

/// A database's pages, the newer ones of its write-ahead log before the older ones of its file.
#[derive(Debug)]
pub(super) struct Pages {
    /// None where only the log is left.
    file: Option<File>,
    log: WriteAhead,
    size: usize,
    /// Bytes of a page that the format uses.
    usable: usize,
    /// Pages of the file, and pages in all.
    in_file: u32,
    count: u32,
}

impl Pages {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let log = WriteAhead::open(&beside(path, "-wal"));
        let file = match File::open(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        let mut head = [0; 100];
        let (mut read, mut len) = (0, 0);
        if let Some(file) = &file {
            read = file.read_at(&mut head, 0)?;
            len = file.metadata()?.len();
        }
        let told = usize::from(u16::from_be_bytes([head[16], head[17]]));
        let told = if told == 1 { 65_536 } else { told };
        let is_sound =
            read == head.len() && head.starts_with(MAGIC) && told.is_power_of_two() && told >= 512;
        let size = match (is_sound, log.page_size()) {
            (true, _) => told,
            (false, Some(size)) => size,
            (false, None) => USUAL,
        };
        let reserved = if is_sound { usize::from(head[20]) } else { 0 };
        let in_file = len.div_ceil(size as u64);
        let count = u32::try_from(in_file).unwrap_or(u32::MAX);
        let in_file = count;
        let count = count.max(log.newest_page());
        Ok(Self {
            in_file,
            file,
            log,
            size,
            usable: size - reserved.min(size / 8),
            count,
        })
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The numbers of the pages that are there. A log may name any number, so they need not be in a row.
    pub(super) fn present(&self) -> impl Iterator<Item = u32> {
        let beyond = self.log.pages().filter(|page| *page > self.in_file);
        (1..=self.in_file).chain(beyond)
    }

    /// Bytes that all pages that are there hold.
    pub(super) fn bytes(&self) -> usize {
        let pages = self.in_file as usize + self.log.pages().count();
        pages.saturating_mul(self.usable)
    }

    pub(super) fn usable(&self) -> usize {
        self.usable
    }

    /// A page by its number, from 1 on. What the file is too short for is zero.
    pub(super) fn page(&self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.count {
            return None;
        }
        let mut page = vec![0; self.size];
        if self.log.read(number, &mut page) {
            return Some(page);
        }
        let Some(file) = &self.file else {
            return Some(page);
        };
        let at = u64::from(number - 1) * self.size as u64;
        let mut filled = 0;
        while filled < page.len() {
            match file.read_at(&mut page[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                // A sector that the disk itself can't read.
                Err(_) => return None,
            }
        }
        Some(page)
    }

    /// The pages that hold nothing, as far as their list can be read.
    pub(super) fn free(&self) -> Vec<u32> {
        let mut free = Vec::new();
        let Some(head) = self.page(1).filter(|head| head.starts_with(MAGIC)) else {
            return free;
        };
        let (mut trunk, mut trunks) = (number(&head, 32), HashSet::new());
        while let Some(page) = self.page(trunk) {
            if !trunks.insert(trunk) {
                break;
            }
            free.push(trunk);
            let listed = usize::try_from(number(&page, 4)).unwrap_or(usize::MAX);
            let most = (self.usable / 4).saturating_sub(2);
            let leaves = (0..listed.min(most)).map(|index| number(&page, 8 + 4 * index));
            free.extend(leaves.filter(|leaf| (2..=self.count).contains(leaf)));
            trunk = number(&page, 0);
        }
        free
    }
}

/// A file whose name is that of another and more.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

/// A number of four bytes; 0 where there are none.
pub(super) fn number(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..at + 4).and_then(|it| it.try_into().ok());
    found.map_or(0, u32::from_be_bytes)
}
