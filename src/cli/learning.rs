//! Putting the learning room to work, and its news into events.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use super::rooms::{self, Closed, closed};
use crate::{
    clock::SharedClock,
    config::Settings,
    forecast::{DeskHandle, LiveFuses, TopicSpec},
    learning::{self, Common, News, Onlooker, Prices, Resolver},
    ops::{Event, Reporter, TaskGroup},
    store::{Store, Wallet},
    worker::{Bystander, Chain},
};

/// How long a start waits for what was learnt earlier.
const RECALLING: Duration = Duration::from_secs(5);
/// News that may wait to be told.
const NEWS: usize = 256;

/// What the learning room is given.
pub(super) struct Setup<'a> {
    pub(super) settings: &'a Settings,
    pub(super) chain: Arc<Chain>,
    /// A connection of its own, so that the journal waits for nothing that is written here.
    pub(super) store: Arc<Store>,
    /// Whether the store's candles are those that are forecast from.
    pub(super) keeps_candles: bool,
    pub(super) desk: &'a DeskHandle,
    pub(super) clock: &'a SharedClock,
    pub(super) reporter: &'a Reporter,
}

/// Starts the learning room's tasks, if they are wanted. None is essential.
pub(super) async fn open(group: &mut TaskGroup, setup: Setup<'_>) {
    let Setup {
        settings,
        chain,
        store,
        keeps_candles,
        desk,
        clock,
        reporter,
    } = setup;
    if !settings.learning.enabled {
        return;
    }
    let topics = settings.topics.iter().map(|topic| TopicSpec {
        topic: topic.id,
        ticker: topic.ticker.clone(),
        horizon: topic.horizon,
        target: topic.target,
    });
    let histories = settings.topics.iter();
    let histories: HashMap<_, _> = histories
        .filter_map(|topic| Some((topic.ticker.clone(), desk.history(topic.id)?)))
        .collect();
    let (news, heard) = mpsc::channel(NEWS);
    let common = Common {
        config: settings.learning.clone(),
        wallet: Wallet {
            chain_id: chain.network.chain_id.clone(),
            address: chain.signer.address().to_owned(),
        },
        topics: topics.collect(),
        outcomes: Arc::clone(&store) as _,
        network: Arc::new(Bystander::timed(Arc::clone(&chain), clock)),
        clock: Arc::clone(clock),
        news,
    };
    let prices = Prices::new(histories, keeps_candles.then_some(store as _));
    start(group, common, settings, prices, desk, reporter).await;
    let (heard, told) = (Arc::new(Mutex::new(heard)), reporter.clone());
    group.spawn_minor("news", move || tell(Arc::clone(&heard), told.clone()));
}

/// The live fuses that the worker would recall at its start: of the configured wallet, if there is one.
pub(super) async fn recalled(settings: &Settings) -> Result<LiveFuses, Closed> {
    let is_wanted = settings.learning.enabled && settings.learning.fuse;
    let (database, secret) = (settings.artifacts.database(), settings.wallet());
    let (true, true, Ok(secret)) = (is_wanted, database.exists(), secret) else {
        return Ok(LiveFuses::default());
    };
    let signer = rooms::signer(secret).map_err(closed)?;
    let wallet = rooms::wallet(settings, signer.address());
    let store = Store::open(&database).await.map_err(closed)?;
    learning::recalled(&store, &wallet).await.map_err(closed)
}

async fn start(
    group: &mut TaskGroup,
    common: Common,
    settings: &Settings,
    prices: Prices,
    desk: &DeskHandle,
    reporter: &Reporter,
) {
    let forecast = settings.forecast.clone();
    let (mut resolver, fuses) = Resolver::new(common.clone(), forecast, prices);
    let recalled = match timeout(RECALLING, resolver.recall()).await {
        Ok(recalled) => recalled.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "the disk took longer than {} s",
            RECALLING.as_secs()
        )),
    };
    if let Err(error) = recalled {
        reporter.emit(Event::Trouble {
            cause: format!("what was learnt earlier can't be read: {error}"),
            remedy: "forecasts are not held back until it is learnt again".into(),
        });
    }
    desk.follow(fuses);
    // Each is handed from a run that panicked to the next one; nobody else asks for it.
    let (resolver, cancel) = (Arc::new(Mutex::new(resolver)), group.token());
    group.spawn_minor("outcomes", move || {
        let (resolver, cancel) = (Arc::clone(&resolver), cancel.clone());
        async move { resolver.lock().await.run(cancel).await }
    });
    if common.config.peers {
        let (onlooker, cancel) = (Arc::new(Mutex::new(Onlooker::new(common))), group.token());
        group.spawn_minor("others' values", move || {
            let (onlooker, cancel) = (Arc::clone(&onlooker), cancel.clone());
            async move { onlooker.lock().await.run(cancel).await }
        });
    }
}

async fn tell(heard: Arc<Mutex<mpsc::Receiver<News>>>, reporter: Reporter) {
    let mut heard = heard.lock().await;
    while let Some(news) = heard.recv().await {
        reporter.emit(event(news));
    }
    // The learning tasks are gone.
    std::future::pending::<()>().await;
}

/// News as an event.
fn event(news: News) -> Event {
    match news {
        News::Compared { key, comparison } => Event::ForecastCompared {
            topic: key.topic,
            nonce: key.nonce,
            value: comparison.value,
            z: comparison.z,
            count: comparison.count,
            mean: comparison.mean,
            spread: comparison.spread,
            combined: comparison.combined,
            verdict: comparison.verdict,
        },
        News::Resolved {
            topic,
            newest,
            clock,
            count,
            standing,
        } => Event::ForecastResolved {
            topic,
            nonce: newest.nonce,
            value: newest.value,
            outcome: newest.resolution.outcome,
            loss: newest.resolution.loss,
            zero_loss: newest.resolution.zero_loss,
            clock,
            place: newest.field.map(|it| it.place),
            places: newest.field.map(|it| it.places),
            resolved: count,
            n: standing.n,
            ratio: standing.ratio,
            interval: standing.interval,
            mean_place: standing.mean_place,
            ratio_to_median: standing.ratio_to_median,
            ratio_to_network: standing.ratio_to_network,
            live_weight: standing.live_weight,
        },
        News::Hindered { cause, remedy } => Event::Notice {
            cause,
            remedy: remedy.into(),
        },
    }
}
