//! Prices as they are known at one moment, for commands that end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use super::rooms::{self, Closed, Prices, Sources, closed};
use crate::{
    clock::SharedClock,
    config::Settings,
    forecast::History,
    market::{FileKeeper, Keeper, Notices, read_csv},
    store::{CandleRepository as _, Store},
};

/// How long prices are fetched where none are stored.
const FETCHED_FOR: Duration = Duration::from_mins(2);
/// What a candle covers.
const HOUR: Duration = Duration::from_hours(1);
/// No newer prices for so long: all are there.
const SETTLED: Duration = Duration::from_secs(3);
/// Notices that nobody reads.
const NOTICES: usize = 64;

/// What is known of the topics' tickers, and where it comes from.
pub(super) struct Past {
    pub(super) histories: HashMap<String, watch::Receiver<History>>,
    /// In words.
    pub(super) source: String,
}

/// The prices of the topics' tickers: of a file where the worker would use one, else the stored ones;
/// what is not there of the last hour or at all is fetched once.
pub(super) async fn known(settings: &Settings, clock: &SharedClock) -> Result<Past, Closed> {
    // Without a reader a notice is lost, which is what is wanted.
    let (notices, _unread) = mpsc::channel(NOTICES);
    let tickers = rooms::tickers(settings);
    let prices = rooms::price_source(settings);
    let source = prices.to_string();
    if let Prices::File(path, age) = &prices {
        let mut histories = HashMap::new();
        for ticker in tickers {
            let history = if rooms::is_of_file(settings, ticker) {
                let (read, keep) = (read_csv(path).map_err(closed)?, settings.market.history);
                let (clock, notices) = (Arc::clone(clock), notices.clone());
                FileKeeper::new(ticker, read, *age, keep, clock, notices).1
            } else {
                rooms::empty_history()
            };
            histories.insert(ticker.to_owned(), history);
        }
        return Ok(Past { histories, source });
    }
    let database = settings.artifacts.database();
    if matches!(prices, Prices::None) && !database.exists() {
        let empty = |ticker: &str| (ticker.to_owned(), rooms::empty_history());
        let histories = tickers.into_iter().map(empty).collect();
        return Ok(Past { histories, source });
    }
    let store = Arc::new(Store::open(&database).await.map_err(closed)?);
    of_store(settings, &store, prices, clock, &notices).await
}

async fn of_store(
    settings: &Settings,
    store: &Arc<Store>,
    prices: Prices,
    clock: &SharedClock,
    notices: &Notices,
) -> Result<Past, Closed> {
    let keep = i64::try_from(settings.market.history.as_secs()).unwrap_or(i64::MAX);
    let since = clock.now().unix_timestamp().saturating_sub(keep);
    let mut histories = HashMap::new();
    let mut missing = Vec::new();
    for ticker in rooms::tickers(settings) {
        let candles = store.load(ticker, since).await.map_err(closed)?;
        let history = History::new(ticker, candles);
        if !is_current(&history, clock) {
            missing.push(ticker);
        }
        histories.insert(ticker.to_owned(), watch::channel(history).1);
    }
    let mut source = "the worker's database".to_owned();
    if !missing.is_empty() && !matches!(prices, Prices::None) {
        source = format!("{source}; {} from {prices}", missing.join(", "));
        let sources = rooms::sources(&settings.market, prices, store, clock)?;
        let fetched = missing.into_iter().map(|ticker| {
            let work = fetched(settings, ticker, &sources, store, clock, notices);
            async move { (ticker.to_owned(), work.await) }
        });
        histories.extend(futures_util::future::join_all(fetched).await);
    }
    Ok(Past { histories, source })
}

/// Lets a keeper fetch until nothing new comes.
async fn fetched(
    settings: &Settings,
    ticker: &str,
    (first, second): &Sources,
    store: &Arc<Store>,
    clock: &SharedClock,
    notices: &Notices,
) -> watch::Receiver<History> {
    let (config, store) = (&settings.market, Arc::clone(store));
    let (first, told, clock) = (Arc::clone(first), Arc::clone(clock), Arc::clone(clock));
    let (keeper, history) = Keeper::new(ticker, config, first, store as _, clock, notices.clone());
    let mut keeper = match second {
        Some(second) => keeper.with_stand_in(Arc::clone(second), config),
        None => keeper,
    };
    let cancel = tokio_util::sync::CancellationToken::new();
    let settled = async {
        let end = Instant::now() + FETCHED_FOR;
        let mut changes = history.clone();
        while Instant::now() < end {
            let (known, is_current) = {
                let history = changes.borrow_and_update();
                (history.closes() > 0, is_current(&history, &told))
            };
            // What is stored is there at once: what is newer than it is waited for.
            let patience = if is_current { SETTLED } else { SETTLED * 5 };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { break },
                () = sleep(patience) => if known { break },
            }
        }
        cancel.cancel();
    };
    tokio::join!(keeper.run(cancel.clone()), settled);
    history
}

/// Whether the candle of the last full hour is known.
fn is_current(history: &History, clock: &SharedClock) -> bool {
    history.age(clock.now()).is_some_and(|age| age < HOUR)
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
