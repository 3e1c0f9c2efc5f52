//! The task that asks the chain what others answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Common, NetworkView, News, Unknown, compare::compare};
use crate::{
    store::{Noted, OpenedBy, Peers, StoreError},
    types::{Nonce, TopicId, WindowKey},
};

/// How often it is looked for windows that have closed.
const EVERY: Duration = Duration::from_secs(10);
/// How long the chain is left alone after it could not be asked.
const LONG: Duration = Duration::from_mins(1);
/// Failures of a window's questions after which it is left as it is.
const MOST_FAILURES: u32 = 5;
/// A window that opened longer ago is not compared any more.
const RECENT: time::Duration = time::Duration::hours(6);

/// Why a window's questions came to nothing.
#[derive(Debug, thiserror::Error)]
enum Hindrance {
    #[error(transparent)]
    Chain(#[from] Unknown),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks for the others' values after each of our windows has closed, the newest first.
pub struct Onlooker {
    common: Common,
    /// The newest nonce of each topic that was asked about.
    newest: BTreeMap<TopicId, Nonce>,
    /// How often the chain could not be asked about a window.
    failures: BTreeMap<WindowKey, u32>,
    /// Windows about which nothing could be learnt.
    given_up: BTreeSet<WindowKey>,
    /// Whether it was told that the chain can't be asked.
    is_told: bool,
}

impl Onlooker {
    /// An onlooker.
    #[must_use]
    pub const fn new(common: Common) -> Self {
        Self {
            common,
            newest: BTreeMap::new(),
            failures: BTreeMap::new(),
            given_up: BTreeSet::new(),
            is_told: false,
        }
    }

    /// Asks until `cancel`. No failure ends it.
    pub async fn run(&mut self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.watch()).await;
    }

    async fn watch(&mut self) {
        loop {
            let pause = self.round().await;
            sleep(pause).await;
        }
    }

    /// Asks about one window, if one is due, and gives how long to pause then.
    pub async fn round(&mut self) -> Duration {
        match self.step().await {
            Ok(true) => {
                self.is_told = false;
                Duration::ZERO
            }
            Ok(false) => EVERY,
            Err(error) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    self.common.tell(News::Hindered {
                        cause: format!("others' values can't be asked for: {error}"),
                        remedy: "asking again later; submissions are not touched by it",
                    });
                }
                LONG
            }
        }
    }

    /// Asks about the newest window that is closed and was not asked about. False when there is none.
    async fn step(&mut self) -> Result<bool, Hindrance> {
        let Common {
            config,
            wallet,
            topics,
            outcomes,
            network,
            ..
        } = &self.common;
        let topics: Vec<TopicId> = topics.iter().map(|it| it.topic).collect();
        let due = outcomes.unasked(wallet, &topics, config.catch_up).await?;
        // What is not looked for any more need not be remembered.
        let due_keys: BTreeSet<WindowKey> = due.iter().map(|it| it.key).collect();
        self.given_up.retain(|key| due_keys.contains(key));
        self.failures.retain(|key, _| due_keys.contains(key));
        let next = due
            .into_iter()
            .find(|it| network.has_closed(it.window_end) && !self.given_up.contains(&it.key));
        let Some(forecast) = next else {
            return Ok(false);
        };
        let key = forecast.key;
        match self.ask(forecast).await {
            Ok(()) => {
                self.failures.remove(&key);
                Ok(true)
            }
            Err(error) => {
                let failures = self.failures.entry(key).or_default();
                *failures += 1;
                if *failures >= MOST_FAILURES {
                    self.failures.remove(&key);
                    self.given_up.insert(key);
                }
                Err(error)
            }
        }
    }

    async fn ask(&mut self, mut forecast: Noted) -> Result<(), Hindrance> {
        let (key, end) = (forecast.key, forecast.window_end);
        let network = self.common.network.clone();
        let is_recent = self.common.clock.now() - forecast.opened < RECENT;
        let newest = self.newest.get(&key.topic).copied();
        let mut view = None;
        if is_recent && newest.is_none_or(|newest| newest < key.nonce) {
            view = network.latest(key.topic, end).await?;
        }
        let others = network.inferences(key, end).await?;
        if view.as_ref().is_none_or(|it| it.nonce != key.nonce) {
            view = network.at(key, end).await?;
        }
        if forecast.clock == OpenedBy::Journal
            && let Some(time) = network.block_time(key.nonce.height()).await?
        {
            (forecast.opened, forecast.clock) = (time, OpenedBy::Block);
        }
        self.newest
            .insert(key.topic, newest.unwrap_or(key.nonce).max(key.nonce));
        if is_recent {
            self.tell_comparison(&forecast, view.as_ref());
        }
        let combined = view.and_then(|it| it.combined);
        let known = !others.is_empty() || combined.is_some();
        let ours = &self.common.wallet.address;
        let others = others.into_iter().filter(|(inferer, _)| inferer != ours);
        let peers = Peers {
            combined,
            inferers: others.collect(),
        };
        let Common {
            outcomes, wallet, ..
        } = &self.common;
        self.common.quiet().await;
        outcomes
            .keep_peers(wallet, &forecast, known.then_some(&peers))
            .await?;
        Ok(())
    }

    /// Ours among the others' values for the same nonce.
    fn tell_comparison(&self, forecast: &Noted, view: Option<&NetworkView>) {
        let key = forecast.key;
        let (Some(view), Some(spec)) = (
            view.filter(|it| it.nonce == key.nonce),
            self.common.topics.iter().find(|it| it.topic == key.topic),
        ) else {
            return;
        };
        let ours = &self.common.wallet.address;
        let others = view.inferers.iter().filter(|(inferer, _)| inferer != ours);
        let others: Vec<f64> = others.map(|(_, value)| *value).collect();
        let comparison = compare(
            &self.common.config,
            spec.target,
            forecast.value,
            &others,
            view.combined,
        );
        self.common.tell(News::Compared { key, comparison });
    }
}

#[cfg(test)]
#[path = "onlooker_tests.rs"]
mod tests;
