//! The book as the room shares it: what models were told, and what is told next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use super::{
    Attendance, Book, Fact, Facts, FeedError, Prices, Quotes,
    book::{Refused, Taken},
    heard::{Heard, Part, Since, Stage},
    told::tick_calls,
};
use crate::{
    clock::SharedClock,
    models::{Call, Instance, MethodConfig, ModelInfo},
    ops::{Event, Reporter},
    store::Close,
};

/// How far ahead of the clock a close may lie, in seconds: clocks differ.
const AHEAD: i64 = 300;
/// Closes in one fact, so that no fact is large.
const CLOSES: usize = 1_440;
/// Below this many closes a call is encoded where one stands: it takes a few milliseconds.
const FEW: usize = 50_000;
/// How often it is told that closes were refused.
const TELL_EVERY: Duration = Duration::from_secs(3_600);

/// What a book is made with.
#[derive(Clone, Debug)]
pub struct BookConfig {
    /// How much of the past is kept.
    pub history: Duration,
    /// By how much more than is surely needed a model is told that was there before: the feed's pace,
    /// and two candles.
    pub margin: Duration,
    /// The method that takes market data; `prices` is its argument's name.
    pub tick: MethodConfig,
}

/// The book, who has heard what of it, and the calls that tell it. Models may hear a close more than
/// once: with what they missed come the closes around it.
pub struct SharedBook {
    config: BookConfig,
    state: Mutex<State>,
    pub(super) attendance: Arc<dyn Attendance>,
    facts: Arc<dyn Facts>,
    clock: SharedClock,
    reporter: Reporter,
}

struct State {
    book: Arc<Book>,
    heard: Heard,
    /// The newest closes that models were told.
    told: Book,
    whole: Arc<Whole>,
    /// When it was told last that closes were refused.
    complained: Option<Instant>,
}

/// The whole book's calls, encoded once for all that want them, as long as the book stays the same.
#[derive(Default)]
struct Whole(OnceCell<Arc<[Call]>>);

/// A tick: its number, and what is new.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) number: u64,
    pub(super) new: Prices,
}

impl SharedBook {
    /// An empty book.
    ///
    /// # Errors
    /// [`FeedError::Tick`] when the models' method is configured with arguments that are not known here.
    pub fn new(
        config: BookConfig,
        attendance: Arc<dyn Attendance>,
        facts: Arc<dyn Facts>,
        clock: SharedClock,
        reporter: Reporter,
    ) -> Result<Arc<Self>, FeedError> {
        let trial = Close { at: 0, price: 1.0 };
        tick_calls(&config.tick, Prices::of("BTC", vec![trial]))?;
        let history = i64::try_from(config.history.as_secs()).unwrap_or(i64::MAX);
        let state = State {
            book: Arc::new(Book::new(history)),
            heard: Heard::default(),
            told: Book::new(0),
            whole: Arc::default(),
            complained: None,
        };
        Ok(Arc::new(Self {
            config,
            state: Mutex::new(state),
            attendance,
            facts,
            clock,
            reporter,
        }))
    }

    /// Takes in the history that all models are told when they join: before the network starts. Gives
    /// how many closes are new.
    pub fn fill(&self, prices: Prices) -> usize {
        self.fill_known(prices, &Prices::default())
    }

    /// As [`SharedBook::fill`], where the database surely has some of the closes: see [`stored_closes`].
    /// They are not handed over again.
    ///
    /// [`stored_closes`]: super::stored_closes
    pub fn fill_known(&self, prices: Prices, stored: &Prices) -> usize {
        let Some(tick) = self.take_in(prices) else {
            return 0;
        };
        self.facts.put(facts(&tick.new.without(stored)));
        self.sent(&tick);
        tick.new.len()
    }

    /// How many closes are at hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().book.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in a batch; gives what is new as a tick.
    pub(super) fn take(&self, prices: Prices) -> Option<Tick> {
        let tick = self.take_in(prices)?;
        self.facts.put(facts(&tick.new));
        Some(tick)
    }

    fn take_in(&self, prices: Prices) -> Option<Tick> {
        let latest = self.clock.now().unix_timestamp() + AHEAD;
        let (tick, complaint) = {
            let mut state = self.state();
            let Taken { new, refused } = Arc::make_mut(&mut state.book).take(prices, latest);
            let tick = new.earliest().map(|earliest| {
                state.whole = Arc::default();
                let number = state.heard.push(earliest);
                Tick { number, new }
            });
            (tick, state.complaint(&refused))
        };
        if let Some(complaint) = complaint {
            self.reporter.emit(complaint);
        }
        tick
    }

    /// The tick was sent to all.
    pub(super) fn sent(&self, tick: &Tick) {
        let newest = tick
            .new
            .iter()
            .fold(Prices::default(), |mut all, (asset, closes)| {
                all.extend(asset, closes.last().copied());
                all
            });
        self.state().told.take(newest, i64::MAX);
    }

    /// Who is told what with the newest tick.
    pub(super) fn plan(&self, models: &[Arc<ModelInfo>]) -> Vec<Part> {
        self.state().heard.plan(models)
    }

    /// The calls that tell the ticks from `first` on; 0 stands for the whole book.
    ///
    /// # Errors
    /// [`FeedError::Tick`]
    pub(super) async fn calls_from(&self, first: u64) -> Result<Arc<[Call]>, FeedError> {
        let since = {
            let state = self.state();
            let earliest = (first > 0).then(|| state.heard.earliest(first));
            earliest.flatten().map(|at| state.book.since(at))
        };
        match since {
            Some(prices) => self.encode(prices).await,
            None => self.whole().await,
        }
    }

    /// The calls that tell all closes of a time and later.
    pub(super) async fn calls_since(&self, at: i64) -> Result<Arc<[Call]>, FeedError> {
        let prices = self.state().book.since(at);
        self.encode(prices).await
    }

    pub(super) async fn encode(&self, prices: Prices) -> Result<Arc<[Call]>, FeedError> {
        if prices.len() < FEW {
            return Ok(tick_calls(&self.config.tick, prices)?.into());
        }
        let tick = self.config.tick.clone();
        let encoded = tokio::task::spawn_blocking(move || tick_calls(&tick, prices)).await;
        match encoded {
            Ok(calls) => Ok(calls?.into()),
            Err(cause) => Err(FeedError::Encoder {
                cause: cause.to_string(),
            }),
        }
    }

    /// The calls that tell the whole book. Who comes while they are made waits for the same ones.
    pub(super) async fn whole(&self) -> Result<Arc<[Call]>, FeedError> {
        let (whole, book) = {
            let state = self.state();
            (Arc::clone(&state.whole), Arc::clone(&state.book))
        };
        let calls = whole.0.get_or_try_init(|| self.encode(book.all()));
        calls.await.map(Arc::clone)
    }

    /// A model is about to be set up.
    pub(super) fn begins(&self, model: &ModelInfo) {
        self.state().heard.begins(model);
    }

    /// A model is set up.
    pub(super) fn has(&self, model: &ModelInfo, instance: Instance) {
        let is_new = instance == Instance::Created;
        self.state().heard.has(model, is_new);
    }

    /// How far models are, by their ids; nothing of those that this process does not know.
    pub(super) fn stages(&self) -> HashMap<String, Stage> {
        self.state().heard.stages()
    }

    /// Another worker set a model up and did not tell it all: nothing is known of what it knows.
    pub(super) fn forget(&self, model_id: &str) {
        self.state().heard.forget(model_id);
    }

    /// A replay to a model begins: gives from when on it is to be told.
    pub(super) fn replay(&self, model: &ModelInfo, instance: Instance) -> Since {
        let is_new = instance == Instance::Created;
        let answered = self.attendance.last_answer(model);
        let margin = i64::try_from(self.config.margin.as_secs()).unwrap_or(i64::MAX);
        let answered = answered.map(|at| at.unix_timestamp().saturating_sub(margin));
        self.state().heard.replay(model, is_new, answered)
    }

    /// A replay went well, or failed.
    pub(super) fn replayed(&self, model: &ModelInfo, is_good: bool) {
        self.state().heard.replayed(model, is_good);
    }

    /// News of replays were missed.
    pub(super) fn missed_news(&self) {
        self.state().heard.missed_news();
    }

    pub(super) fn took(&self, model: &ModelInfo, first: u64, number: u64) {
        self.state().heard.took(model, first, number);
    }

    pub(super) fn missed(&self, model: &ModelInfo, first: u64, is_large: bool) {
        self.state().heard.missed(model, first, is_large);
    }

    pub(super) fn complain(&self, cause: &FeedError) {
        self.reporter.emit(Event::Trouble {
            cause: cause.to_string(),
            remedy: "models go on without these prices".into(),
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is told of closes that were refused; now and then, as a feed may give them all the time.
    fn complaint(&mut self, refused: &[Refused]) -> Option<Event> {
        let first = refused.first()?;
        if self.complained.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return None;
        }
        self.complained = Some(Instant::now());
        Some(Event::Trouble {
            cause: format!("{} closes are refused: {first}", refused.len()),
            remedy:
                "check the source of the prices, and this host's clock; models were not told them"
                    .into(),
        })
    }
}

impl Quotes for SharedBook {
    fn newest(&self, asset: &str) -> Option<Close> {
        self.state().told.newest(asset)
    }
}

fn facts(prices: &Prices) -> Vec<Fact> {
    let parts = prices.iter().flat_map(|(asset, closes)| {
        closes.chunks(CLOSES).map(|part| Fact::Closes {
            asset: asset.to_owned(),
            closes: part.to_vec(),
        })
    });
    parts.collect()
}

#[cfg(test)]
#[path = "shared_book_tests.rs"]
mod tests;
