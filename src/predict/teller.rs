//! Tells all models what the market does.

use std::{collections::VecDeque, sync::Arc};

use futures_util::FutureExt as _;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    Feed, Prices, SharedBook,
    heard::Part,
    shared_book::Tick,
    telling::{Spoken, Telling},
};
use crate::{
    failpoint::stall,
    models::{ModelNetwork, NetworkEvent},
    ops::{PredictEvent, Reporter},
    pulse::Pulse,
};

/// Ticks whose answers may be waited for at once. Above it the oldest one's missing answers count as
/// late, so that neither memory nor the next tick depends on models.
const OPEN: usize = 64;
/// Batches that are put together into one tick.
const GATHERED: usize = 256;

/// How a teller came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was cancelled.
    Cancelled,
    /// There are no more prices, and all answers to the last tick are in.
    Prices,
}

/// The task that takes prices from a feed into the book and tells them to all models. Each tick is sent
/// when its prices come; answers to earlier ones are not waited for. A model that missed ticks is told
/// them again with the next one.
pub struct Teller {
    feed: Box<dyn Feed>,
    network: Arc<ModelNetwork>,
    book: Arc<SharedBook>,
    reporter: Reporter,
    news: broadcast::Receiver<NetworkEvent>,
    open: VecDeque<CancellationToken>,
    tellings: JoinSet<()>,
    closes: usize,
    life: Pulse,
}

impl Teller {
    /// A teller whose feed has given its history to the book. The network should just have been started,
    /// so that no replay fails unheard.
    #[must_use]
    pub fn new(
        feed: Box<dyn Feed>,
        network: Arc<ModelNetwork>,
        book: Arc<SharedBook>,
        reporter: Reporter,
    ) -> Self {
        let news = network.events();
        Self {
            feed,
            network,
            book,
            reporter,
            news,
            open: VecDeque::new(),
            tellings: JoinSet::new(),
            closes: 0,
            life: Pulse::unwatched(),
        }
    }

    /// Gives signs of life there.
    #[must_use]
    pub fn watched(mut self, life: Pulse) -> Self {
        self.life = life;
        self
    }

    /// Tells until there are no more prices, or until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) -> Ended {
        let told = cancel.run_until_cancelled(self.tell_all()).await;
        told.map_or(Ended::Cancelled, |()| Ended::Prices)
    }

    async fn tell_all(&mut self) {
        let mut has_ended = false;
        while !has_ended {
            self.life.beat();
            stall("ticks").await;
            let mut prices = tokio::select! {
                // First what is known, so that the next tick goes by it.
                biased;
                Some(news) = next_news(&mut self.news) => {
                    self.learn(news);
                    continue;
                }
                prices = self.feed.next() => match prices {
                    Some(prices) => prices,
                    None => break,
                },
                () = self.life.due() => continue,
            };
            has_ended = self.gather(&mut prices);
            if let Some(tick) = self.book.take(prices) {
                self.closes += tick.new.len();
                self.tell(tick).await;
            }
        }
        while self.life.during(self.tellings.join_next()).await.is_some() {}
        let closes = self.closes;
        self.reporter
            .emit(PredictEvent::PricesEnded { closes }.into());
    }

    /// Takes in what has come meanwhile; true when nothing more will.
    fn gather(&mut self, prices: &mut Prices) -> bool {
        for _ in 0..GATHERED {
            match self.feed.next().now_or_never() {
                Some(Some(more)) => prices.merge(more),
                Some(None) => return true,
                None => break,
            }
        }
        false
    }

    /// Learns how replays went.
    fn learn(&self, news: News) {
        match news {
            News::Event(NetworkEvent::Replayed { model, result }) => {
                self.book.replayed(&model, result.is_ok());
                if result.is_ok() {
                    self.book.attendance.answered(&model);
                }
            }
            News::Event(_) => {}
            News::Missed => self.book.missed_news(),
        }
    }

    async fn tell(&mut self, tick: Tick) {
        let parts = self.book.plan(&self.network.models());
        let mut spoken = Vec::new();
        for part in parts {
            self.life.beat();
            spoken.extend(self.speak(&tick, part).await);
        }
        self.book.sent(&tick);
        let done = CancellationToken::new();
        let telling = Telling {
            network: Arc::clone(&self.network),
            book: Arc::clone(&self.book),
            reporter: self.reporter.clone(),
            tick,
        };
        self.make_room();
        self.open.push_back(done.clone());
        self.tellings.spawn(telling.hear(spoken, done));
    }

    /// Begins to tell a part of the models. The whole book is left to a task of its own, as encoding it
    /// takes time.
    async fn speak(&mut self, tick: &Tick, part: Part) -> Option<Spoken> {
        if part.first == 0 {
            return Some(Spoken::later(part));
        }
        let calls = if part.first == tick.number {
            self.book.encode(tick.new.clone()).await
        } else {
            self.book.calls_from(part.first).await
        };
        match calls {
            Ok(calls) => Some(Spoken::now(&self.network, part, calls)),
            Err(cause) => {
                self.book.complain(&cause);
                None
            }
        }
    }

    fn make_room(&mut self) {
        while self.tellings.try_join_next().is_some() {}
        self.open.retain(|open| !open.is_cancelled());
        while self.open.len() >= OPEN {
            if let Some(oldest) = self.open.pop_front() {
                oldest.cancel();
            }
        }
    }
}

/// What the network tells.
enum News {
    Event(NetworkEvent),
    /// It told more than was heard.
    Missed,
}

/// None when no more will come.
async fn next_news(news: &mut broadcast::Receiver<NetworkEvent>) -> Option<News> {
    match news.recv().await {
        Ok(event) => Some(News::Event(event)),
        Err(RecvError::Lagged(_)) => Some(News::Missed),
        Err(RecvError::Closed) => None,
    }
}

#[cfg(test)]
#[path = "teller_tests.rs"]
mod tests;
