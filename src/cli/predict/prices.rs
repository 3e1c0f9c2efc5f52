//! Where the Predict worker's prices come from, and by which clock.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    args::{PricesFile, WorkArgs},
    database, storing,
};
use crate::{
    cli::{
        disk,
        failure::Failure,
        rooms::{self, Prices},
    },
    clock::SharedClock,
    config::Predicting,
    ops::{Event, Reporter},
    predict::{CsvFeed, Feed, LiveConfig, LiveFeed, Replayed, Scope, Supplies},
    store::{DatabaseUrl, StoredConfig},
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

impl Source {
    /// The usual time between two ticks, as the worker's own clock has it.
    pub(super) fn pace(&self) -> Duration {
        self.feed.pace().div_f64(self.speed)
    }
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
pub(super) async fn replay(
    settings: &Predicting,
    files: BTreeMap<String, PathBuf>,
    speed: f64,
    database: &DatabaseUrl,
    reporter: &Reporter,
) -> Result<Source, Failure> {
    let feed = CsvFeed::open(&Replayed {
        files,
        history: settings.predict.history,
        speed,
    })?;
    for (path, report) in feed.reports() {
        if !report.is_clean() {
            reporter.emit(Event::Notice {
                cause: format!("{}: {report}", path.display()),
                remedy: "models hear what is there; mend the file if that is not meant".into(),
            });
        }
    }
    let rows = storing::known_configs(database, &settings.models.crunch_id).await?;
    let (feed, scope) = go_on(feed, &rows, database, reporter)?;
    Ok(Source {
        clock: feed.clock(),
        feed: Box::new(feed),
        speed,
        scope,
    })
}

/// Takes a replay up where the database says that one stood.
fn go_on(
    feed: CsvFeed,
    rows: &[StoredConfig],
    database: &DatabaseUrl,
    reporter: &Reporter,
) -> Result<(CsvFeed, Scope), Failure> {
    let scope = Scope::of(feed.intervals().iter().map(|(asset, it)| (asset, *it)));
    let stood = scope.stood(rows);
    let Some(at) = stood.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()) else {
        return Ok((feed, scope));
    };
    let anew = anew(database);
    let feed = feed
        .going_on(at)
        .map_err(|over| Failure::lasting(format!("{over}; {anew}")))?;
    reporter.emit(Event::Notice {
        cause: format!("the replay goes on at {at}: {database} holds one that came so far"),
        remedy: anew,
    });
    Ok((feed, scope))
}

/// How a replay is begun anew.
fn anew(database: &DatabaseUrl) -> String {
    match database.path() {
        Some(path) => format!(
            "to begin anew, stop the worker and remove {0}, {0}-wal and {0}-shm, or name another file with --database-url",
            path.display()
        ),
        None => "to begin anew, name another database with --database-url".into(),
    }
}

/// Opens the sources of prices that come in by themselves.
pub(super) async fn open_live(
    settings: &Predicting,
    clock: &SharedClock,
    reporter: &Reporter,
) -> Result<Source, Failure> {
    let store = disk::open_candles(&settings.artifacts.candles(), reporter).await;
    let store = Arc::new(store.map_err(|it| database::failed(&it))?);
    let (first, second) = rooms::sources(&settings.market, live(settings), &store, clock)?;
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
    let feed = LiveFeed::new(config, supplies, Arc::clone(clock), reporter.clone())?;
    let assets = settings.predict.assets.keys();
    Ok(Source {
        feed: Box::new(feed),
        clock: Arc::clone(clock),
        speed: 1.0,
        scope: Scope::of(assets.map(|it| (it, settings.predict.resolution))),
    })
}

/// Tiingo, or without a key Coinbase. Without either there is nothing that could be told.
fn live(settings: &Predicting) -> Prices {
    Prices::live(settings.tiingo_api_key.as_ref(), settings.market.stand_in)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PredictionConfig;

    fn hours(folder: &std::path::Path) -> CsvFeed {
        let path = folder.join("hours.csv");
        let row = |hour: i64| format!("{},1,1,1,1,1\n", hour * 3_600);
        let rows: String = (0..10).map(row).collect();
        let text = format!("timestamp,open,high,low,close,volume\n{rows}");
        std::fs::write(&path, text).unwrap();
        CsvFeed::open(&Replayed {
            files: [("BTC".to_owned(), path)].into(),
            history: Duration::from_hours(2),
            speed: 3_600.0,
        })
        .unwrap()
    }

    fn row(performed: i64) -> StoredConfig {
        StoredConfig {
            config: PredictionConfig {
                asset: "BTC".into(),
                horizon: 3_600,
                step: 3_600,
                interval: 3_600,
                active: true,
                order: 0,
                best: None,
            },
            performed: Some(performed),
        }
    }

    #[test]
    fn where_a_replay_goes_on_is_told_and_its_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = DatabaseUrl::file("/data/predict.replay.db");
        let (reporter, told) = Reporter::recording();
        let begun = go_on(hours(folder.path()), &[], &database, &reporter)
            .unwrap_or_else(|it| panic!("{}", it.cause));
        assert_eq!(begun.0.clock().now().unix_timestamp(), 3 * 3_600);
        assert_eq!(told.events().len(), 0);

        let on = go_on(
            hours(folder.path()),
            &[row(5 * 3_600)],
            &database,
            &reporter,
        )
        .unwrap_or_else(|it| panic!("{}", it.cause));
        assert_eq!(on.0.clock().now().unix_timestamp(), 5 * 3_600);
        let notice = told.events().pop();
        assert!(
            matches!(&notice, Some(Event::Notice { cause, remedy })
                if cause.contains("goes on at 1970-01-01 5:00:00") && remedy.contains("remove /data/predict.replay.db,")),
            "{notice:?}"
        );

        let over = go_on(
            hours(folder.path()),
            &[row(10 * 3_600)],
            &database,
            &reporter,
        );
        let cause = over.err().map(|it| (it.exit_code(), it.cause)).unwrap();
        assert_eq!(cause.0, std::process::ExitCode::from(78));
        assert!(
            cause.1.contains("the prices end at") && cause.1.contains("to begin anew"),
            "{}",
            cause.1
        );
    }
}
