//! The nonce tracker: for each topic the nonces that are open, due and answered, as the chain tells.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use crate::{
    chain::{OpenWindow, WindowStatus},
    store::Submission,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// How many blocks past its last one a finished window is remembered, so that a late event does not open it
/// again.
const REMEMBERED: i64 = 1_000;

/// Whether a window with this last block is still to be remembered at `height`.
pub(super) const fn is_remembered(end: Height, height: Height) -> bool {
    end.0 > height.0 - REMEMBERED
}

/// Why a topic can't be answered at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The topic opens no windows.
    Inactive,
    /// The wallet is not registered in it.
    Unregistered,
    /// The wallet may not submit to it.
    NotWhitelisted,
}

/// What the tracker knows of all topics.
#[derive(Debug, Default)]
pub(super) struct NonceTracker {
    topics: BTreeMap<TopicId, Topic>,
}

#[derive(Debug, Default)]
struct Topic {
    /// Open windows with their last block.
    open: BTreeMap<Nonce, Height>,
    /// Those that need no report any more, with their last block.
    answered: BTreeMap<Nonce, Height>,
    /// Nonces that an earlier run had signed for; the submitter tells what became of them.
    prepared: BTreeSet<Nonce>,
    next_start: Option<Height>,
    /// None until the chain was asked.
    standing: Option<Result<(), Obstacle>>,
}

impl NonceTracker {
    /// A tracker of the given topics.
    #[must_use]
    pub(super) fn new(topics: impl IntoIterator<Item = TopicId>) -> Self {
        let topics = topics
            .into_iter()
            .map(|topic| (topic, Topic::default()))
            .collect();
        Self { topics }
    }

    /// Takes note of a submission of an earlier run: its window needs no report.
    pub(super) fn recall(&mut self, submission: &Submission) {
        let (key, end) = (submission.key, submission.window_end);
        if submission.is_prepared() {
            // It may have been signed ahead of a window that never opened.
            if let Some(topic) = self.topics.get_mut(&key.topic) {
                topic.prepared.insert(key.nonce);
            }
            return;
        }
        let state = submission.state.name();
        if state.is_answered() || state.is_final() {
            self.close(key, end);
        } else {
            self.opened(OpenWindow { key, end });
        }
    }

    /// The topics that are tracked.
    pub(super) fn topics(&self) -> impl Iterator<Item = TopicId> + '_ {
        self.topics.keys().copied()
    }

    /// Takes note of an open window. True when it is one of ours and was not known.
    pub(super) fn opened(&mut self, window: OpenWindow) -> bool {
        let WindowKey { topic, nonce } = window.key;
        let Some(topic) = self.topics.get_mut(&topic) else {
            return false;
        };
        if topic.answered.contains_key(&nonce) {
            return false;
        }
        // The block that was due to open a window has.
        topic.next_start = topic.next_start.filter(|&start| start > nonce.height());
        topic.open.insert(nonce, window.end).is_none()
    }

    /// Takes note of what the chain says of a topic. Returns the open window when it was not known,
    /// and whether the standing changed.
    pub(super) fn told(
        &mut self,
        id: TopicId,
        status: &WindowStatus,
        confirmed: bool,
    ) -> (Option<OpenWindow>, bool) {
        let Some(topic) = self.topics.get_mut(&id) else {
            return (None, false);
        };
        let standing = Some(standing(status));
        let changed = topic.standing != standing;
        topic.standing = standing;
        topic.next_start = status.next_start;
        let open = status.open.filter(|_| confirmed);
        (open.filter(|&window| self.opened(window)), changed)
    }

    /// The windows of a topic that are open and not answered.
    pub(super) fn open_windows(&self, topic: TopicId) -> Vec<OpenWindow> {
        let open = self.topics.get(&topic).map(|topic| &topic.open);
        open.into_iter()
            .flatten()
            .map(|(&nonce, &end)| OpenWindow {
                key: WindowKey { topic, nonce },
                end,
            })
            .collect()
    }

    /// Takes note that the chain holds our answer.
    pub(super) fn answered(&mut self, key: WindowKey) {
        let topic = self.topics.get(&key.topic);
        let end = topic.and_then(|topic| topic.open.get(&key.nonce));
        // Of one that was never seen open, the submitter knows the end.
        let end = end.copied().unwrap_or(key.nonce.height());
        self.close(key, end);
    }

    fn close(&mut self, key: WindowKey, end: Height) {
        if let Some(topic) = self.topics.get_mut(&key.topic) {
            topic.open.remove(&key.nonce);
            topic.answered.insert(key.nonce, end);
        }
    }

    /// Takes note of a window that is closed by now. True when it is one of ours that nobody told of
    /// while it was open.
    pub(super) fn missed(&mut self, key: WindowKey) -> bool {
        let Some(topic) = self.topics.get_mut(&key.topic) else {
            return false;
        };
        let Entry::Vacant(unknown) = topic.answered.entry(key.nonce) else {
            return false;
        };
        if topic.open.contains_key(&key.nonce) || topic.prepared.contains(&key.nonce) {
            return false;
        }
        unknown.insert(key.nonce.height());
        true
    }

    /// Forgets what is past at `height`.
    pub(super) fn advance(&mut self, height: Height) {
        for topic in self.topics.values_mut() {
            let closed = topic.open.extract_if(.., |_, end| *end < height);
            topic.answered.extend(closed);
            topic.answered.retain(|_, end| is_remembered(*end, height));
        }
    }

    /// The topics that were to open a window at `height` or before and of which no opening was heard:
    /// the chain has to be asked. Each is named once for an opening that was foretold.
    pub(super) fn overdue(&mut self, height: Height) -> Vec<TopicId> {
        let mut late = Vec::new();
        for (id, topic) in &mut self.topics {
            if topic.next_start.take_if(|start| *start < height).is_some() {
                late.push(*id);
            }
        }
        late
    }

    /// Whether one of the next `blocks` blocks can open a window.
    pub(super) fn opens_within(&self, height: Height, blocks: i64) -> bool {
        let soon = height.plus(1)..=height.plus(blocks);
        self.topics
            .values()
            .any(|topic| topic.next_start.is_some_and(|start| soon.contains(&start)))
    }

    /// Why a topic can't be answered, as last told by the chain.
    #[must_use]
    pub(super) fn obstacle(&self, topic: TopicId) -> Option<Obstacle> {
        self.topics.get(&topic)?.standing?.err()
    }

    /// Whether the chain has told of every topic.
    #[must_use]
    pub(super) fn knows_all(&self) -> bool {
        self.topics.values().all(|topic| topic.standing.is_some())
    }
}

fn standing(status: &WindowStatus) -> Result<(), Obstacle> {
    // A topic may be inactive while a window of it is open, and the window takes submissions.
    if !status.is_active && status.open.is_none() {
        Err(Obstacle::Inactive)
    } else if !status.is_whitelisted {
        Err(Obstacle::NotWhitelisted)
    } else if !status.is_registered {
        Err(Obstacle::Unregistered)
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "nonces_tests.rs"]
mod tests;
