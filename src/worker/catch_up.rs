//! Blocks that went by unheard: their results tell which windows opened in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::{task::JoinSet, time::Instant};

use super::{Chain, windows::Windows};
use crate::{
    chain::{ChainError, OpenWindow},
    ops::{Event, WindowSource},
    types::{Height, WindowKey},
};

/// Blocks that are asked about at once: what is read is never urgent enough to hold up a broadcast.
const AT_ONCE: usize = 4;
/// How often a block is asked about, in turn with the new blocks.
const TRIES: u32 = 3;

/// What a block that went by unheard turned out to hold.
pub(super) type Read = (Height, Result<Vec<OpenWindow>, ChainError>);

/// The blocks that are still to be read, and those that are being read.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// The most blocks that are read again.
    limit: i64,
    /// The newest block that the feed, or an earlier run, has heard of.
    heard: Option<Height>,
    wanted: BTreeSet<Height>,
    /// Blocks that could not be read, with the tries so far.
    failed: BTreeMap<Height, u32>,
    reading: JoinSet<Read>,
}

impl CatchUp {
    /// Reads `limit` blocks at most, from the one after `heard` on; from the first that is heard when
    /// there is none.
    pub(super) fn new(limit: u32, heard: Option<Height>) -> Self {
        Self {
            limit: limit.into(),
            heard,
            wanted: BTreeSet::new(),
            failed: BTreeMap::new(),
            reading: JoinSet::new(),
        }
    }

    /// Takes note of a block that the feed heard of. When some before it were not, they are read, and
    /// with them the last one that was heard: its events may be lost though its header was not.
    pub(super) fn hear(&mut self, height: Height) {
        let last = self.heard.replace(height.max(self.heard.unwrap_or(height)));
        if let Some(last) = last.filter(|last| last.plus(1) < height) {
            let first = last.0.max(height.0 - self.limit);
            self.wanted.extend((first..height.0).map(Height));
        }
    }

    /// Goes on with what is wanted, the newest first.
    pub(super) fn proceed(&mut self, chain: &Arc<Chain>) {
        while self.reading.len() < AT_ONCE {
            let Some(height) = self.wanted.pop_last() else {
                return;
            };
            let chain = Arc::clone(chain);
            self.reading
                .spawn(async move { (height, chain.emissions.block_windows(height).await) });
        }
    }

    /// Wants once more what could not be read.
    pub(super) fn retry(&mut self) {
        let again = self.failed.iter().filter(|(_, tries)| **tries < TRIES);
        self.wanted.extend(again.map(|(height, _)| *height));
    }

    /// The next block that was read; none when none is being read.
    pub(super) async fn next(&mut self) -> Option<Read> {
        self.reading.join_next().await?.ok()
    }

    /// Takes note of a block that was read, or not. True when it is given up.
    pub(super) fn settle(&mut self, height: Height, is_read: bool) -> bool {
        if is_read {
            self.failed.remove(&height);
            return false;
        }
        let tries = self.failed.entry(height).or_default();
        *tries += 1;
        let is_over = *tries >= TRIES;
        if is_over {
            self.failed.remove(&height);
        }
        is_over
    }
}

impl Windows {
    /// The same task, reading the blocks that went by unheard.
    pub(super) fn catching_up(mut self, catch_up: CatchUp) -> Self {
        self.catch_up = catch_up;
        self
    }

    /// Takes note of what a block that went by unheard had opened.
    pub(super) async fn catch_up_on(&mut self, (height, windows): Read) {
        let is_over = self.catch_up.settle(height, windows.is_ok());
        match windows {
            Ok(windows) => {
                for window in windows {
                    self.catch_up_with(window).await;
                }
            }
            Err(error) if is_over => self.tell(Event::Notice {
                cause: format!("what block {height} did is not known: {error}"),
                remedy: "a window that opened in it and is open still is found by the poll".into(),
            }),
            Err(_) => {}
        }
        self.catch_up.proceed(&self.chain);
    }

    async fn catch_up_with(&mut self, window: OpenWindow) {
        let OpenWindow { key, end } = window;
        let WindowKey { topic, nonce } = key;
        if end > self.height {
            if self.tracker.opened(window) {
                self.due(vec![window], Instant::now(), WindowSource::CatchUp)
                    .await;
            }
        } else if self.tracker.missed(key) && self.tracker.obstacle(topic).is_none() {
            self.tell(Event::WindowMissed {
                topic,
                nonce,
                window_end: end,
                cause: "the worker did not run or was not connected while it was open".into(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(catch_up: &CatchUp) -> Vec<i64> {
        catch_up.wanted.iter().map(|height| height.0).collect()
    }

    #[test]
    fn blocks_in_a_row_leave_nothing_to_read() {
        let mut catch_up = CatchUp::new(200, None);
        for height in [10, 11, 12, 12, 11] {
            catch_up.hear(Height(height));
        }
        assert!(wanted(&catch_up).is_empty());
        catch_up.hear(Height(13));
        assert!(wanted(&catch_up).is_empty());
    }

    #[test]
    fn a_gap_is_read_with_the_block_before_it() {
        let mut catch_up = CatchUp::new(200, Some(Height(10)));
        catch_up.hear(Height(13));
        assert_eq!(wanted(&catch_up), [10, 11, 12]);
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let mut catch_up = CatchUp::new(3, Some(Height(10)));
        catch_up.hear(Height(1_000_000));
        assert_eq!(wanted(&catch_up), [999_997, 999_998, 999_999]);
        let mut none = CatchUp::new(0, Some(Height(10)));
        none.hear(Height(100));
        assert!(wanted(&none).is_empty());
    }

    #[test]
    fn what_fails_is_read_again_and_then_given_up() {
        let mut catch_up = CatchUp::new(200, None);
        let height = Height(7);
        assert!(!catch_up.settle(height, false));
        catch_up.retry();
        assert_eq!(wanted(&catch_up), [7]);
        assert!(!catch_up.settle(height, false));
        assert!(catch_up.settle(height, false));
        catch_up.wanted.clear();
        catch_up.retry();
        assert!(wanted(&catch_up).is_empty());
    }
}
