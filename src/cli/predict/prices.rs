//! Where the Predict worker's prices come from, and by which clock.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    args::{PricesFile, WorkArgs},
    database,
};
use crate::{
    cli::{
        failure::Failure,
        rooms::{self, Prices},
    },
    clock::{SharedClock, SystemClock},
    config::Predicting,
    market::StandIn,
    ops::{Event, Reporter},
    predict::{CsvFeed, Feed, LiveConfig, LiveFeed, Replayed, Scope, Supplies},
    store::Store,
};

/// How long the start waits for the past of prices; what comes later is told when it is there.
const PATIENCE: Duration = Duration::from_secs(20);

/// A feed, and what goes with it.
pub(super) struct Source {
    pub(super) feed: Box<dyn Feed>,
    pub(super) clock: SharedClock,
    /// Seconds that the clock advances in a second.
    pub(super) speed: f64,
    pub(super) scope: Scope,
}

/// What prices are from, in words.
pub(super) fn named(settings: &Predicting, args: &WorkArgs) -> String {
    if args.prices.is_empty() {
        return live(settings).to_string();
    }
    let paths = args.prices.iter().map(|it| it.path.display().to_string());
    let paths: Vec<_> = paths.collect();
    format!("{}, {} times as fast", paths.join(", "), args.speed)
}

/// The files of a replay by their assets; none when prices come in by themselves.
pub(super) fn files(
    settings: &Predicting,
    named: &[PricesFile],
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let assets = &settings.predict.assets;
    let mut files = BTreeMap::new();
    for file in named {
        let asset = match (&file.asset, assets.len()) {
            (Some(asset), _) => asset.clone(),
            (None, 1) => assets.keys().next().cloned().unwrap_or_default(),
            (None, _) => {
                let path = file.path.display();
                return Err(Failure::lasting(format!(
                    "{path} may be of any of the assets: write --prices ASSET={path}"
                )));
            }
        };
        if files.contains_key(&asset) {
            return Err(Failure::lasting(format!(
                "--prices gives {asset} twice: give each asset one file"
            )));
        }
        files.insert(asset, settings.root.join(&file.path));
    }
    Ok(files)
}

/// Opens the files of a replay, which goes on where an earlier one of the same database stood.
pub(super) fn replay(
    settings: &Predicting,
    files: BTreeMap<String, PathBuf>,
    speed: f64,
    resume: Option<OffsetDateTime>,
    reporter: &Reporter,
) -> Result<Source, Failure> {
    let feed = CsvFeed::open(&Replayed {
        files,
        history: settings.predict.history,
        speed,
        resume,
    })?;
    for (path, report) in feed.reports() {
        if !report.is_clean() {
            reporter.emit(Event::Notice {
                cause: format!("{}: {report}", path.display()),
                remedy: "models hear what is there; mend the file if that is not meant".into(),
            });
        }
    }
    let scope = Scope::of(feed.intervals().iter().map(|(asset, it)| (asset, *it)));
    Ok(Source {
        clock: Arc::new(feed.clock()),
        feed: Box::new(feed),
        speed,
        scope,
    })
}

/// Opens the sources of prices that come in by themselves.
pub(super) async fn open_live(
    settings: &Predicting,
    reporter: &Reporter,
) -> Result<Source, Failure> {
    let clock: SharedClock = Arc::new(SystemClock);
    let store = Store::open(&settings.artifacts.candles()).await;
    let store = Arc::new(store.map_err(|it| database::failed(&it))?);
    let (first, second) = rooms::sources(&settings.market, live(settings), &store, &clock)?;
    let config = LiveConfig {
        assets: settings.predict.assets.clone(),
        interval: settings.predict.resolution,
        history: settings.predict.history,
        patience: PATIENCE,
        market: settings.market.clone(),
    };
    let supplies = Supplies {
        first,
        second,
        store,
    };
    let feed = LiveFeed::new(config, supplies, Arc::clone(&clock), reporter.clone())?;
    let assets = settings.predict.assets.keys();
    Ok(Source {
        feed: Box::new(feed),
        clock,
        speed: 1.0,
        scope: Scope::of(assets.map(|it| (it, settings.predict.resolution))),
    })
}

/// Tiingo, or without a key Coinbase. Without either there is nothing that could be told.
fn live(settings: &Predicting) -> Prices {
    match (&settings.tiingo_api_key, settings.market.stand_in) {
        (Some(key), _) => Prices::Tiingo(key.clone()),
        (None, StandIn::Coinbase) => Prices::Coinbase,
        (None, StandIn::None) => Prices::None,
    }
}

/// Refuses a start without any source of prices.
pub(super) fn expect_any(settings: &Predicting, args: &WorkArgs) -> Result<(), Failure> {
    if args.prices.is_empty() && matches!(live(settings), Prices::None) {
        return Err(Failure::lasting(
            "there is nobody to ask for prices: set TIINGO_API_KEY in .env, or market.stand_in = \"coinbase\", or give --prices CSV".into(),
        ));
    }
    Ok(())
}
