//! Putting the rooms together: prices to histories, histories to forecasts, notices to events.

use std::{collections::HashMap, fmt, sync::Arc, time::Instant};

use tokio::sync::{Mutex, broadcast::error::RecvError, mpsc, watch};

pub(super) use super::origin::{Prices, price_source};
use super::{network, notices};
use crate::{
    chain::{KeyError, Signer, Uallo},
    clock::SharedClock,
    config::{Settings, WalletSecret},
    devnet::DevnetTopic,
    forecast::{Blocking, Builtin, Desk, DeskHandle, History, Outside, TopicSpec},
    forecasters,
    market::{
        Coinbase, CsvAge, FileKeeper, Keeper, MarketConfig, Notices, PriceSource, StandIn,
        StoreKeeper, Tiingo, read_csv,
    },
    ops::{Event, Reporter, StandIns, TaskGroup},
    store::{Store, Wallet},
    types::TopicId,
    worker::TopicConfig,
};

/// Why the rooms could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Closed(String);

/// What a wallet is given on the embedded chain: 1,000 ALLO.
pub(super) const POCKET_MONEY: Uallo = Uallo(1_000_000_000_000_000_000_000);
/// Whose prices come with the project. Other tickers have none there, and are forecast as 0.0.
const BUNDLED_TICKER: &str = "btcusd";
/// Notices that may wait to be told.
const NOTICES: usize = 64;

/// Whose key a secret holds.
pub(super) fn signer(secret: &WalletSecret) -> Result<Signer, KeyError> {
    match secret {
        WalletSecret::Mnemonic(phrase) => Signer::from_mnemonic(phrase),
        WalletSecret::PrivateKey(key) => Signer::from_private_key(key),
    }
}

/// The account of an address on the configured chain.
pub(super) fn wallet(settings: &Settings, address: &str) -> Wallet {
    Wallet {
        chain_id: settings.network.chain_id.clone(),
        address: address.to_owned(),
    }
}

/// A topic of the embedded chain with a window every few seconds, whose answers are scored and paid.
pub(super) fn devnet_topic(id: TopicId) -> DevnetTopic {
    DevnetTopic {
        id,
        reward: Some(DevnetTopic::USUAL_REWARD),
        ..DevnetTopic::default()
    }
}

/// Starts the price keepers and the desk; gives where forecasts are picked up.
pub(super) fn open(
    group: &mut TaskGroup,
    settings: &Settings,
    prices: Prices,
    store: &Arc<Store>,
    clock: &SharedClock,
    reporter: &Reporter,
) -> Result<DeskHandle, Closed> {
    let (notices, heard) = mpsc::channel(NOTICES);
    let tickers = tickers(settings);
    let histories = match prices {
        Prices::File(path, age) => {
            file_keepers(group, settings, &tickers, &path, age, clock, &notices)?
        }
        Prices::None => {
            tell_no_prices(reporter);
            store_keepers(group, settings, &tickers, store, clock, &notices)
        }
        prices => {
            let sources = sources(&settings.market, prices, store, clock)?;
            keepers(group, settings, &tickers, &sources, store, clock, &notices)
        }
    };
    let topics = settings.topics.iter().map(spec);
    let config = settings.forecast.clone();
    let built_in = Arc::new(Builtin::new(config.clone()));
    let networks = network::open(settings, &built_in, clock)?;
    let forecaster = Arc::new(Blocking::new(built_in));
    let desk = Desk::with_forecaster(
        config,
        topics.collect(),
        &histories,
        Arc::clone(clock),
        forecaster,
    );
    let desk = desk.map_err(closed)?.with_outside(outside(settings)?);
    let desk = desk.with_outside(networks.outside.clone());
    let handle = desk.handle();
    networks.keep(group, settings.blend.poll, &handle, reporter);
    let (cancel, working) = (group.token(), desk.clone());
    group.spawn_minor("desk", move || {
        let (desk, cancel) = (working.clone(), cancel.clone());
        async move { desk.run(cancel).await }
    });
    let (made, told) = (handle.clone(), reporter.clone());
    group.spawn_minor("forecasts", move || {
        tell_forecasts(made.clone(), told.clone())
    });
    let heard = Arc::new(Mutex::new(heard));
    let told = reporter.clone();
    group.spawn_minor("prices' notices", move || {
        notices::tell(Arc::clone(&heard), told.clone())
    });
    Ok(handle)
}

/// The tickers that the topics ask for, each once.
pub(super) fn tickers(settings: &Settings) -> Vec<&str> {
    let all = settings.topics.iter().map(|topic| topic.ticker.as_str());
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What a topic asks for.
pub(super) fn spec(topic: &TopicConfig) -> TopicSpec {
    TopicSpec {
        topic: topic.id,
        ticker: topic.ticker.clone(),
        horizon: topic.horizon,
        target: topic.target,
    }
}

/// Whether the file of prices is this ticker's: the bundled one is of one ticker.
pub(super) fn is_of_file(settings: &Settings, ticker: &str) -> bool {
    settings.prices.is_some() || ticker == BUNDLED_TICKER
}

/// The topics' forecasters outside the process.
pub(super) fn outside(settings: &Settings) -> Result<Vec<(TopicId, Outside)>, Closed> {
    let mut all = Vec::new();
    for topic in &settings.topics {
        let Some(config) = &topic.forecaster else {
            continue;
        };
        let token = settings.forecaster_tokens.get(&topic.id);
        let built = forecasters::build(config, token, &settings.root);
        let built = built.map_err(|error| Closed(format!("topic {}: {error}", topic.id)))?;
        all.push((topic.id, built));
    }
    Ok(all)
}

type Histories = HashMap<String, watch::Receiver<History>>;

fn file_keepers(
    group: &mut TaskGroup,
    settings: &Settings,
    tickers: &[&str],
    path: &std::path::Path,
    age: CsvAge,
    clock: &SharedClock,
    notices: &Notices,
) -> Result<Histories, Closed> {
    if tickers.len() > 1 && settings.prices.is_some() {
        let all = tickers.join(", ");
        return Err(Closed(format!(
            "a price file holds one ticker, and the topics ask for {all}: leave --prices out, or choose topics of one ticker"
        )));
    }
    let mut histories = Histories::new();
    for ticker in tickers {
        if !is_of_file(settings, ticker) {
            histories.insert((*ticker).to_owned(), empty_history());
            continue;
        }
        let (keep, clock) = (settings.market.history, Arc::clone(clock));
        let prices = read_csv(path).map_err(closed)?;
        let (keeper, history) = FileKeeper::new(ticker, prices, age, keep, clock, notices.clone());
        histories.insert((*ticker).to_owned(), history);
        let (keeper, cancel) = (Arc::new(keeper), group.token());
        group.spawn_minor("prices", move || {
            let (keeper, cancel) = (Arc::clone(&keeper), cancel.clone());
            async move { keeper.run(cancel).await }
        });
    }
    Ok(histories)
}

/// The first source of prices and the one that stands in for it.
pub(super) type Sources = (Arc<dyn PriceSource>, Option<Arc<dyn PriceSource>>);

/// Opens the sources that keep a store up to date.
pub(super) fn sources(
    config: &MarketConfig,
    prices: Prices,
    store: &Arc<Store>,
    clock: &SharedClock,
) -> Result<Sources, Closed> {
    let coinbase = || Coinbase::new(config, Arc::clone(clock)).map_err(closed);
    let Prices::Tiingo(key) = prices else {
        return Ok((Arc::new(coinbase()?), None));
    };
    let tiingo = Tiingo::new(config, key, Arc::clone(clock)).map_err(closed)?;
    let tiingo = tiingo.remembering(Arc::clone(store) as _);
    let second = match config.stand_in {
        StandIn::Coinbase => Some(Arc::new(coinbase()?) as _),
        StandIn::None => None,
    };
    Ok((Arc::new(tiingo), second))
}

fn keepers(
    group: &mut TaskGroup,
    settings: &Settings,
    tickers: &[&str],
    (first, second): &Sources,
    store: &Arc<Store>,
    clock: &SharedClock,
    notices: &Notices,
) -> Histories {
    let mut histories = Histories::new();
    for ticker in tickers {
        let (keeper, history) = Keeper::new(
            ticker,
            &settings.market,
            Arc::clone(first),
            Arc::clone(store) as _,
            Arc::clone(clock),
            notices.clone(),
        );
        let keeper = match second {
            Some(second) => keeper.with_stand_in(Arc::clone(second), &settings.market),
            None => keeper,
        };
        histories.insert((*ticker).to_owned(), history);
        // Handed from a run that panicked to the next one; nobody else asks for it.
        let (keeper, cancel) = (Arc::new(Mutex::new(keeper)), group.token());
        group.spawn_minor("prices", move || {
            let (keeper, cancel) = (Arc::clone(&keeper), cancel.clone());
            async move { keeper.lock().await.run(cancel).await }
        });
    }
    histories
}

/// Keepers that have nobody to ask: what is imported is all they have.
fn store_keepers(
    group: &mut TaskGroup,
    settings: &Settings,
    tickers: &[&str],
    store: &Arc<Store>,
    clock: &SharedClock,
    notices: &Notices,
) -> Histories {
    let mut histories = Histories::new();
    for ticker in tickers {
        let kept = Arc::clone(store) as _;
        let (clock, notices) = (Arc::clone(clock), notices.clone());
        let (keeper, history) = StoreKeeper::new(ticker, &settings.market, kept, clock, notices);
        histories.insert((*ticker).to_owned(), history);
        let (keeper, cancel) = (Arc::new(Mutex::new(keeper)), group.token());
        group.spawn_minor("prices", move || {
            let (keeper, cancel) = (Arc::clone(&keeper), cancel.clone());
            async move { keeper.lock().await.run(cancel).await }
        });
    }
    histories
}

pub(super) fn empty_history() -> watch::Receiver<History> {
    watch::channel(History::default()).1
}

fn tell_no_prices(reporter: &Reporter) {
    reporter.emit(Event::Trouble {
        cause: "no price source is configured: forecasts are made from the stored prices alone, and are 0.0 while there are none or they are too old".into(),
        remedy: "set TIINGO_API_KEY in .env, or market.stand_in = \"coinbase\", or `prices import` new ones, or give --prices CSV, and start again".into(),
    });
}

async fn tell_forecasts(desk: DeskHandle, reporter: Reporter) {
    let mut prepared = desk.prepared();
    let mut stand_ins = StandIns::default();
    loop {
        match prepared.recv().await {
            Ok(forecast) => {
                if let Some(trouble) = stand_ins.hear(&forecast, Instant::now()) {
                    reporter.emit(trouble);
                }
                reporter.emit(Event::ForecastPrepared {
                    forecast: forecast.as_ref().clone(),
                });
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

pub(super) fn closed(error: impl fmt::Display) -> Closed {
    Closed(error.to_string())
}
