//! The nonce tracker: for each topic the nonces that are open, due and answered, as the chain tells.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    chain::{OpenWindow, WindowStatus},
    store::Submission,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// How many blocks a closed nonce is remembered, so that a late event does not open it again.
const REMEMBERED: i64 = 10_000;

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
    answered: BTreeSet<Nonce>,
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
            self.answered(key);
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
        if topic.answered.contains(&nonce) {
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
        if let Some(topic) = self.topics.get_mut(&key.topic) {
            topic.open.remove(&key.nonce);
            topic.answered.insert(key.nonce);
        }
    }

    /// Takes note of a window that is closed by now. True when it is one of ours that nobody told of
    /// while it was open.
    pub(super) fn missed(&mut self, key: WindowKey) -> bool {
        let Some(topic) = self.topics.get_mut(&key.topic) else {
            return false;
        };
        !topic.open.contains_key(&key.nonce)
            && !topic.prepared.contains(&key.nonce)
            && topic.answered.insert(key.nonce)
    }

    /// Forgets what is past at `height`.
    pub(super) fn advance(&mut self, height: Height) {
        for topic in self.topics.values_mut() {
            let closed: Vec<Nonce> = topic
                .open
                .iter()
                .filter(|(_, end)| **end < height)
                .map(|(nonce, _)| *nonce)
                .collect();
            for nonce in closed {
                topic.open.remove(&nonce);
                topic.answered.insert(nonce);
            }
            topic
                .answered
                .retain(|nonce| nonce.0 > height.0 - REMEMBERED);
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
mod tests {
    use super::*;

    const T: TopicId = TopicId(67);

    fn window(nonce: i64) -> OpenWindow {
        let key = WindowKey {
            topic: T,
            nonce: Nonce(nonce),
        };
        OpenWindow {
            key,
            end: Height(nonce + 10),
        }
    }

    fn status(open: Option<OpenWindow>, next: i64) -> WindowStatus {
        WindowStatus {
            open,
            next_start: Some(Height(next)),
            next_end: Some(Height(next + 10)),
            is_registered: true,
            is_whitelisted: true,
            is_active: true,
        }
    }

    #[test]
    fn a_window_is_new_once_whoever_tells_of_it() {
        let mut tracker = NonceTracker::new([T]);
        assert!(tracker.opened(window(100)));
        assert!(!tracker.opened(window(100)));
        let (open, _) = tracker.told(T, &status(Some(window(100)), 112), true);
        assert_eq!(open, None);
        let (open, _) = tracker.told(T, &status(Some(window(112)), 124), true);
        assert_eq!(open, Some(window(112)));
    }

    #[test]
    fn an_answered_or_closed_nonce_is_not_opened_again() {
        let mut tracker = NonceTracker::new([T]);
        assert!(tracker.opened(window(100)));
        tracker.answered(window(100).key);
        assert!(!tracker.opened(window(100)));
        assert!(tracker.opened(window(112)));
        tracker.advance(Height(123));
        assert!(!tracker.opened(window(112)));
    }

    #[test]
    fn a_closed_window_is_missed_when_nobody_told_of_it() {
        let mut tracker = NonceTracker::new([T]);
        assert!(tracker.missed(window(100).key));
        assert!(!tracker.missed(window(100).key), "it is told once");
        tracker.opened(window(112));
        assert!(!tracker.missed(window(112).key));
        tracker.answered(window(124).key);
        assert!(!tracker.missed(window(124).key));
        let mut others = NonceTracker::new([TopicId(1)]);
        assert!(!others.missed(window(100).key));
    }

    #[test]
    fn a_window_that_only_a_status_tells_of_needs_its_nonce_confirmed() {
        let mut tracker = NonceTracker::new([T]);
        let (open, _) = tracker.told(T, &status(Some(window(100)), 112), false);
        assert_eq!(open, None);
    }

    #[test]
    fn other_topics_are_none_of_ours() {
        let mut tracker = NonceTracker::new([TopicId(1)]);
        assert!(!tracker.opened(window(100)));
    }

    #[test]
    fn a_foretold_opening_that_is_not_heard_is_overdue_once() {
        let mut tracker = NonceTracker::new([T]);
        tracker.told(T, &status(None, 112), true);
        assert!(tracker.overdue(Height(112)).is_empty());
        assert_eq!(tracker.overdue(Height(113)), [T]);
        assert!(tracker.overdue(Height(114)).is_empty());
        tracker.told(T, &status(None, 124), true);
        assert!(tracker.opened(window(124)));
        assert!(tracker.overdue(Height(125)).is_empty());
    }

    #[test]
    fn an_opening_is_near_in_the_blocks_before_it() {
        let mut tracker = NonceTracker::new([T]);
        assert!(!tracker.opens_within(Height(111), 2));
        tracker.told(T, &status(None, 112), true);
        let near: Vec<_> = (108..114)
            .filter(|&height| tracker.opens_within(Height(height), 2))
            .collect();
        assert_eq!(near, [110, 111]);
    }

    #[test]
    fn a_change_of_standing_is_told_once() {
        let mut tracker = NonceTracker::new([T]);
        let unregistered = WindowStatus {
            is_registered: false,
            ..status(None, 112)
        };
        assert!(!tracker.knows_all());
        assert!(tracker.told(T, &unregistered, true).1);
        assert!(!tracker.told(T, &unregistered, true).1);
        assert_eq!(tracker.obstacle(T), Some(Obstacle::Unregistered));
        assert!(tracker.told(T, &status(None, 112), true).1);
        assert_eq!(tracker.obstacle(T), None);
        assert!(tracker.knows_all());
    }
}
