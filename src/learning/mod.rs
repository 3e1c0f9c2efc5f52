//! What the prices, and the others, say of the forecasts that were submitted.
//!
//! Two tasks, beside the path and never on it. The [`Resolver`] notes each answered window, resolves it
//! once its horizon has passed, and keeps the running record, from which the built-in forecast's
//! live weight follows. The [`Onlooker`] asks the chain for the others' values after a window has
//! closed: for the z-score of ours among them, and for our rank once the outcome is known.

mod compare;
mod config;
mod network;
mod news;
mod onlooker;
mod prices;
mod recall;
mod resolve;
mod resolver;
mod standing;

pub use compare::{Comparison, Verdict, compare, rank};
pub use config::{LearningConfig, LearningError};
pub use network::{Network, NetworkView, Unknown};
pub use news::News;
pub use onlooker::Onlooker;
pub use prices::Prices;
pub use recall::recalled;
pub use resolver::Resolver;
pub use standing::standing;

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};

use crate::{
    clock::SharedClock,
    forecast::TopicSpec,
    store::{OutcomeRepository, Wallet},
};

/// How long a quiet moment is waited for before something small is written after all.
const PATIENCE: Duration = Duration::from_secs(30);

/// What both tasks are made of.
#[derive(Clone)]
pub struct Common {
    /// What is learnt, and how.
    pub config: LearningConfig,
    /// Whose submissions.
    pub wallet: Wallet,
    /// The topics, and what they ask for.
    pub topics: Vec<TopicSpec>,
    /// Where outcomes are kept.
    pub outcomes: Arc<dyn OutcomeRepository>,
    /// The chain.
    pub network: Arc<dyn Network>,
    /// The date.
    pub clock: SharedClock,
    /// Who is told.
    pub news: mpsc::Sender<News>,
}

impl Common {
    /// Tells something, unless nobody listens fast enough.
    fn tell(&self, news: News) {
        let _ = self.news.try_send(news);
    }

    /// Waits for a moment in which nothing is about to be submitted; not for ever.
    async fn quiet(&self) {
        let _ = timeout(PATIENCE, self.network.calm()).await;
    }
}

#[cfg(test)]
mod testing;
