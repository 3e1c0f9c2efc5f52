//! Steps that the disk has not taken yet, in their order and within bounds.

use std::collections::VecDeque;

use crate::store::{State, Transition};

/// Bytes that may wait, roughly: 1,000 windows and more.
const MOST: usize = 8 << 20;
/// What a step takes beside its longest texts.
const FRAME: usize = 512;

/// The steps; above the bound the oldest give way, for they are the first to be decided.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    steps: VecDeque<Transition>,
    bytes: usize,
    lost: usize,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn add(&mut self, steps: Vec<Transition>) {
        for step in steps {
            self.bytes += size(&step);
            self.steps.push_back(step);
        }
        while self.bytes > MOST {
            self.drop_first();
            self.lost += 1;
        }
    }

    /// All of them, in their order.
    pub(super) fn steps(&mut self) -> &[Transition] {
        self.steps.make_contiguous()
    }

    pub(super) fn first(&self) -> Option<&Transition> {
        self.steps.front()
    }

    pub(super) fn drop_first(&mut self) {
        if let Some(step) = self.steps.pop_front() {
            self.bytes = self.bytes.saturating_sub(size(&step));
        }
    }

    /// Forgets all; gives how many there were, and how many had given way before.
    pub(super) fn clear(&mut self) -> (usize, usize) {
        let kept = self.steps.len();
        (self.steps, self.bytes) = (VecDeque::new(), 0);
        (kept, std::mem::take(&mut self.lost))
    }
}

/// About what a step takes in memory, in bytes.
fn size(step: &Transition) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let state = match &step.state {
        State::Prepared(tx) => tx.bytes.len(),
        State::Rejected(refusal) => refusal.log.len(),
        State::Expired { reason } => reason.len(),
        _ => 0,
    };
    FRAME + text(&step.value) + text(&step.report) + state
}

#[cfg(test)]
pub(super) mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::{
        store::Wallet,
        types::{Height, Nonce, TopicId, WindowKey},
    };

    /// A step about a window of this nonce.
    pub(in crate::worker) fn step(nonce: i64) -> Transition {
        Transition {
            at: OffsetDateTime::UNIX_EPOCH,
            wallet: Wallet {
                chain_id: "c".into(),
                address: "a".into(),
            },
            key: WindowKey {
                topic: TopicId(67),
                nonce: Nonce(nonce),
            },
            window_end: Height(nonce + 10),
            value: None,
            report: None,
            state: State::Superseded,
        }
    }

    #[test]
    fn the_oldest_give_way_above_the_bound_and_are_counted() {
        let mut backlog = Backlog::default();
        for nonce in 0..20 {
            backlog.add(vec![Transition {
                report: Some("x".repeat(1 << 20)),
                ..step(nonce)
            }]);
        }
        let kept: Vec<_> = backlog.steps().iter().map(|it| it.key.nonce.0).collect();
        assert_eq!(kept, (13..20).collect::<Vec<_>>());
        assert!(backlog.bytes <= MOST);
        assert_eq!(backlog.clear(), (7, 13));
        assert!(backlog.is_empty());
        assert_eq!((backlog.bytes, backlog.clear()), (0, (0, 0)));
    }
}
