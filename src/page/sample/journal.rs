//! The submissions, the runs, and how fast answers were.

use std::{ops::Range, sync::Arc};

use sha2::{Digest as _, Sha256};
use time::Duration;

use super::{BLOCKS, EPOCH, Fate, SampleError, Season, TOPIC, chance, is_down};
use crate::{
    store::{
        AnswerTime, EarningsRepository as _, Journal as _, Mark, Run, RunRepository as _, SignedTx,
        State, Store, Terms, Transition,
    },
    types::Height,
};

/// Windows of one transaction.
const AT_ONCE: usize = 200;
const NODES: [&str; 2] = [
    "https://allora-rpc.testnet.allora.network",
    "http://127.0.0.1:26657",
];

impl Season {
    pub(super) async fn write_journal(
        &self,
        store: &Store,
        windows: Range<usize>,
    ) -> Result<(), SampleError> {
        let windows: Vec<usize> = windows.collect();
        for some in windows.chunks(AT_ONCE) {
            let steps = some.iter().flat_map(|it| self.steps(*it));
            store.append(&steps.collect::<Vec<_>>()).await?;
            let times = some.iter().filter(|it| self.is_answered(**it));
            let times = times.map(|it| AnswerTime {
                key: Self::key(*it),
                at: self.opened(*it),
                latency_ms: latency_ms(*it),
            });
            let times: Vec<_> = times.collect();
            store.note_times(&self.wallet, &times).await?;
        }
        Ok(())
    }

    /// What the journal was told of a window.
    fn steps(&self, window: usize) -> Vec<Transition> {
        let (key, fate, opened) = (Self::key(window), self.fate(window), self.opened(window));
        let hash = hash(window);
        let sent = opened + Duration::seconds_f64(latency_ms(window) / 1e3);
        let over = opened + Duration::minutes(2);
        let report = serde_json::to_string(&self.forecast(window)).ok();
        let step = |at, state| Transition {
            at,
            wallet: self.wallet.clone(),
            key,
            window_end: key.nonce.height().plus(BLOCKS),
            value: Some(self.value(window).to_string()),
            report: report.clone(),
            state,
        };
        let tx = SignedTx {
            hash: hash.clone(),
            ..self.tx.clone()
        };
        let prepared = step(
            opened - Duration::minutes(50),
            State::Prepared(Arc::new(tx)),
        );
        let broadcast = State::Broadcast {
            hash: hash.clone(),
            endpoint: NODES[usize::from(window % 31 == 3)].into(),
        };
        let included = State::Included {
            hash,
            height: height(window),
        };
        let answered = |end: Option<State>| {
            let mut all = vec![prepared.clone(), step(sent, broadcast.clone())];
            all.push(step(sent + Duration::seconds(5), included.clone()));
            all.extend(end.map(|end| step(over, end)));
            all
        };
        match fate {
            Fate::Counted => answered(Some(State::Counted)),
            Fate::Outranked => answered(Some(State::Outranked)),
            Fate::Included => answered(None),
            Fate::Missed(reason) => {
                let reason = reason.to_owned();
                vec![prepared, step(over, State::Expired { reason })]
            }
            Fate::Unseen => Vec::new(),
        }
    }

    /// A run before each time that the worker was down, and one after; and the topic's rule.
    pub(super) async fn write_runs(&self, store: &Store) -> Result<(), SampleError> {
        let first = Self::key(0).nonce.0 - 30;
        let terms = Terms {
            topic: TOPIC,
            height: first,
            epoch: EPOCH,
            blocks: BLOCKS,
            is_active: true,
            last_opened: None,
        };
        let chain_id = &self.wallet.chain_id;
        store.note_terms(chain_id, &terms, self.at(first)).await?;
        let ends = (1..self.windows).filter(|it| is_down(*it) && !is_down(it - 1));
        let begins = (1..self.windows).filter(|it| is_down(it - 1) && !is_down(*it));
        let height = |window: usize| Self::key(window).nonce.0;
        let begins = std::iter::once(first).chain(begins.map(|it| height(it) - 60));
        let ends = ends.map(|it| height(it) - EPOCH + 100);
        let ends: Vec<i64> = ends.chain([self.head().0]).collect();
        for (from, to) in begins.zip(ends) {
            let is_last = to == self.head().0;
            let at = |height| Mark {
                height,
                at: self.at(height),
            };
            let mut run = Run {
                id: 0,
                version: env!("CARGO_PKG_VERSION").into(),
                pid: 1,
                started: self.at(from),
                ready: Some(self.at(from) + Duration::milliseconds(42)),
                seen: self.at(to),
                ended: (!is_last).then(|| self.at(to)),
                why: (!is_last).then(|| "SIGTERM".into()),
                first_mark: Some(at(from)),
                last_mark: Some(at(to)),
            };
            run.id = store.begin(&self.wallet, &run).await?;
            store.keep(&run).await?;
        }
        Ok(())
    }
}

/// From a window's event to a node's mempool: a few milliseconds, seldom much more.
pub(super) fn latency_ms(window: usize) -> f64 {
    let part = chance(window, 2);
    let slow = if window % 211 == 17 { 600.0 } else { 0.0 };
    1.1 + 0.8 * part / (1.03 - part) + slow * chance(window, 3)
}

pub(super) fn blocks(window: usize) -> i64 {
    1 + i64::from(chance(window, 4) > 0.96)
}

pub(super) fn hash(window: usize) -> String {
    hex::encode_upper(Sha256::digest(format!("a sample {window}")))
}

/// The block that holds the answer.
pub(super) fn height(window: usize) -> Height {
    Season::key(window).nonce.height().plus(blocks(window))
}
