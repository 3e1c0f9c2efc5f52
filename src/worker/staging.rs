//! What is known of the windows to come: the answers to them, and the transactions that are signed
//! and journaled before they open.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    parcel::{Letter, MOST_LETTERS, Parcel},
    scribe::Written,
};
use crate::{
    chain::OpenWindow,
    forecast::Forecast,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// Blocks before an opening from which on its answer is kept ready.
const LEAD: i64 = 3;
/// Blocks by which an opening is expected later, one at a time, when it did not come.
const DRIFTS: u8 = 3;

/// The windows to come, one of each topic, and their transactions.
#[derive(Default)]
pub(super) struct Stage {
    expected: BTreeMap<TopicId, Expected>,
    /// In the order of their sequences.
    pub(super) parcels: Vec<Staged>,
}

/// A window that is expected to open.
pub(super) struct Expected {
    pub(super) window: OpenWindow,
    pub(super) forecast: Option<Arc<Forecast>>,
    pub(super) letter: Option<Letter>,
    /// Whether a forecast is being made for it.
    pub(super) asking: bool,
    drifts: u8,
}

/// A transaction that is ready.
#[derive(Clone)]
pub(super) struct Staged {
    pub(super) parcel: Parcel,
    pub(super) written: Written,
}

impl Stage {
    /// Takes note of a topic's next window; none when it has none, or an answer to it makes no sense.
    pub(super) fn foretell(&mut self, topic: TopicId, next: Option<OpenWindow>) {
        let Some(window) = next else {
            self.expected.remove(&topic);
            return;
        };
        let known = self.expected.get(&topic);
        // Where an opening is looked for a block later, the chain still names the block before.
        let is_known = known.is_some_and(|it| {
            let late = it.window.key.nonce.0 - window.key.nonce.0;
            late == 0 || (it.drifts > 0 && (0..=i64::from(it.drifts)).contains(&late))
        });
        if !is_known {
            self.expected.insert(topic, Expected::new(window, 0));
        }
    }

    /// A window has opened: it is expected no more. Gives what was known of its topic.
    pub(super) fn opened(&mut self, topic: TopicId) -> Option<Expected> {
        self.expected.remove(&topic)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.expected.clear();
    }

    /// Whether a window should open with the block at `height`.
    pub(super) fn is_due(&self, height: Height) -> bool {
        self.expected
            .values()
            .any(|it| it.window.key.nonce.height() <= height)
    }

    /// Whether an opening is near.
    pub(super) fn is_near(&self, height: Height) -> bool {
        self.expected.values().any(|it| it.is_near(height))
    }

    /// The block at `height` opened none of the windows that are still expected of it: topics that are
    /// due together open one block after the other, so the next block may. Gives the windows that were
    /// expected, each with the nonce that is expected instead.
    pub(super) fn drift(&mut self, height: Height) -> Vec<(WindowKey, Nonce)> {
        let mut drifted = Vec::new();
        self.expected.retain(|_, it| {
            let OpenWindow { key, end } = it.window;
            let late = height.0 - key.nonce.0 + 1;
            if late <= 0 {
                return true;
            }
            let drifts = it.drifts + 1;
            let window = OpenWindow {
                key: WindowKey {
                    nonce: Nonce(height.0 + 1),
                    ..key
                },
                end: end.plus(late),
            };
            let forecast = it.forecast.take();
            *it = Expected::new(window, drifts);
            it.forecast = forecast;
            drifted.push((key, window.key.nonce));
            drifts <= DRIFTS
        });
        drifted
    }

    /// The windows whose forecasts are to be asked for at `height`, by the blocks that each topic's need
    /// ahead; topics without are left out.
    pub(super) fn soon(
        &self,
        height: Height,
        blocks: impl Fn(TopicId) -> Option<i64>,
    ) -> Vec<WindowKey> {
        let keys = self.expected.values().map(|it| it.window.key);
        let is_soon = |key: &WindowKey| {
            let ahead = key.nonce.0 - height.0;
            blocks(key.topic).is_some_and(|blocks| (0..=blocks.max(LEAD)).contains(&ahead))
        };
        keys.filter(is_soon).collect()
    }

    /// The windows whose answers are to be ready at `height`.
    pub(super) fn near(&mut self, height: Height) -> impl Iterator<Item = &mut Expected> {
        self.expected
            .values_mut()
            .filter(move |it| it.is_near(height))
    }

    /// A forecast that was asked for.
    pub(super) fn learn(&mut self, key: WindowKey, forecast: Arc<Forecast>) {
        let expected = self.expected.get_mut(&key.topic);
        if let Some(it) = expected.filter(|it| it.window.key == key) {
            it.asking = false;
            it.forecast = Some(forecast);
            it.letter = None;
        }
    }

    /// A question for a forecast failed: it is asked for again.
    pub(super) fn unask(&mut self) {
        self.expected.values_mut().for_each(|it| it.asking = false);
    }

    /// The answers that are to be ready at `height`, each group to be one transaction: those of one
    /// block with the same end together, in the order of the blocks. A transaction ends with its
    /// earliest window, which must not cost the others.
    pub(super) fn groups(&self, height: Height) -> Vec<Vec<Letter>> {
        let mut blocks: BTreeMap<(Nonce, Height), Vec<Letter>> = BTreeMap::new();
        for it in self.expected.values().filter(|it| it.is_near(height)) {
            if let Some(letter) = &it.letter {
                let OpenWindow { key, end } = letter.window;
                let block = blocks.entry((key.nonce, end)).or_default();
                block.push(letter.clone());
            }
        }
        blocks
            .into_values()
            .flat_map(|block| {
                block
                    .chunks(MOST_LETTERS)
                    .map(<[Letter]>::to_vec)
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

impl Expected {
    const fn new(window: OpenWindow, drifts: u8) -> Self {
        Self {
            window,
            forecast: None,
            letter: None,
            asking: false,
            drifts,
        }
    }

    /// Whether its block is one of the next, or the present one, whose events may still come.
    fn is_near(&self, height: Height) -> bool {
        let ahead = self.window.key.nonce.0 - height.0;
        (0..=LEAD).contains(&ahead)
    }
}

#[cfg(test)]
#[path = "staging_tests.rs"]
mod tests;
