//! SQLite's write-ahead log, read without SQLite: SQLite takes everything after the first bad frame for
//! a transaction that a crash cut short, and says nothing.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

use super::pages::number;

pub(super) const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// A log's newest good frame of each page.
#[derive(Debug, Default)]
pub(super) struct WriteAhead {
    file: Option<File>,
    page_size: Option<usize>,
    /// Where each page's newest content lies.
    frames: BTreeMap<u32, u64>,
    /// Frames that are damaged, though what comes after them was committed as well.
    damaged: usize,
}

/// What a frame's head says.
struct Frame {
    page: u32,
    /// Whether it ends a transaction.
    commits: bool,
    salts: [u32; 2],
    sums: [u32; 2],
}

impl WriteAhead {
    /// Reads a log; one that is missing or can't be read is empty.
    pub(super) fn open(path: &Path) -> Self {
        let read = fs::read(path).unwrap_or_default();
        let mut log = Self::of(&read);
        log.file = File::open(path).ok();
        log
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.len() <= HEAD + FRAME_HEAD {
            return Self::default();
        }
        let head = Head::read(bytes);
        let size = head
            .as_ref()
            .map_or_else(|| guess_size(bytes), |head| head.page_size);
        let step = FRAME_HEAD + size;
        let frames: Vec<_> = bytes[HEAD..].chunks_exact(step).collect();
        let is_big = head.as_ref().is_some_and(|head| head.is_big);
        let is_whole = |index: usize, sums: [u32; 2]| {
            let frame = frames[index];
            let found = checksum(is_big, sums, &frame[..8]);
            checksum(is_big, found, &frame[FRAME_HEAD..]) == Frame::read(frame).sums
        };
        let salts = head.as_ref().map(|head| head.salts).or_else(|| {
            // Of a log without a head: those of the first frames that fit each other.
            let pair = (1..frames.len()).find(|&index| {
                let before = Frame::read(frames[index - 1]);
                before.salts == Frame::read(frames[index]).salts && is_whole(index, before.sums)
            });
            pair.map(|index| Frame::read(frames[index]).salts)
        });
        let mut log = Self {
            page_size: head.as_ref().map(|head| head.page_size),
            ..Self::default()
        };
        let Some(salts) = salts else {
            return log;
        };
        let mut before = head.map(|head| head.sums);
        // Of the last transaction a power cut may leave any frames, and a shorter one written over it the
        // rest of them: nobody was told that it is committed. Of one before which another is chained to,
        // all were on the disk once.
        let (mut open, mut bad, mut commits) = (Vec::new(), 0, 0);
        for (index, frame) in frames.iter().enumerate() {
            let told = Frame::read(frame);
            let whole = told.salts == salts && before.is_some_and(|sums| is_whole(index, sums));
            before = (told.salts == salts).then_some(told.sums);
            if !whole {
                (bad, commits) = (bad + 1, 0);
                continue;
            }
            let at = HEAD + index * step + FRAME_HEAD;
            open.push((told.page, at as u64));
            commits += u32::from(told.commits);
            if told.commits && (bad == 0 || commits > 1) {
                log.frames.extend(open.drain(..));
                log.damaged += std::mem::take(&mut bad);
            }
        }
        log.page_size = log.page_size.or((!log.frames.is_empty()).then_some(size));
        log
    }

    /// Frames that are damaged though two transactions are whole after them: what they held is lost. A
    /// transaction that a power cut left in part at the log's end was never acknowledged, and is no damage.
    pub(super) fn damaged(&self) -> usize {
        self.damaged
    }

    pub(super) fn page_size(&self) -> Option<usize> {
        self.page_size
    }

    pub(super) fn newest_page(&self) -> u32 {
        self.frames.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = u32> {
        self.frames.keys().copied()
    }

    /// Fills in a page's newest content, if the log has it.
    pub(super) fn read(&self, page: u32, into: &mut [u8]) -> bool {
        match (self.frames.get(&page), &self.file) {
            (Some(&at), Some(file)) if self.page_size == Some(into.len()) => {
                file.read_exact_at(into, at).is_ok()
            }
            _ => false,
        }
    }
}

/// A log's own head.
struct Head {
    is_big: bool,
    page_size: usize,
    salts: [u32; 2],
    sums: [u32; 2],
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let magic = number(bytes, 0);
        let page_size = usize::try_from(number(bytes, 8)).ok()?;
        let head = Self {
            is_big: magic & 1 == 1,
            page_size,
            salts: [number(bytes, 16), number(bytes, 20)],
            sums: [number(bytes, 24), number(bytes, 28)],
        };
        let is_sound = magic & !1 == MAGIC
            && page_size.is_power_of_two()
            && (512..=65_536).contains(&page_size)
            && checksum(head.is_big, [0, 0], &bytes[..24]) == head.sums;
        is_sound.then_some(head)
    }
}

impl Frame {
    fn read(bytes: &[u8]) -> Self {
        Self {
            page: number(bytes, 0),
            commits: number(bytes, 4) != 0,
            salts: [number(bytes, 8), number(bytes, 12)],
            sums: [number(bytes, 16), number(bytes, 20)],
        }
    }
}

/// The page size of a log without a head: that with which a frame's sums follow from those before it.
fn guess_size(bytes: &[u8]) -> usize {
    let fits = |size: &usize| {
        let frames: Vec<_> = bytes[HEAD..].chunks_exact(FRAME_HEAD + size).collect();
        let mut pairs = frames.windows(2);
        pairs.any(|pair| {
            let [one, other] = [Frame::read(pair[0]), Frame::read(pair[1])];
            let follows = || {
                let sums = checksum(false, one.sums, &pair[1][..8]);
                checksum(false, sums, &pair[1][FRAME_HEAD..]) == other.sums
            };
            one.salts == other.salts && one.salts != [0, 0] && follows()
        })
    };
    let mut sizes = (9..=16).map(|power| 1_usize << power);
    sizes.find(fits).unwrap_or(4_096)
}

fn checksum(is_big: bool, [mut one, mut other]: [u32; 2], bytes: &[u8]) -> [u32; 2] {
    for pair in bytes.chunks_exact(8) {
        let word = |at: usize| {
            let word = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if is_big {
                u32::from_be_bytes(word)
            } else {
                u32::from_le_bytes(word)
            }
        };
        one = one.wrapping_add(word(0)).wrapping_add(other);
        other = other.wrapping_add(word(4)).wrapping_add(one);
    }
    [one, other]
}
