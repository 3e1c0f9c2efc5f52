//! `prices fetch`.

use std::{sync::Arc, time::Duration};

use clap::Args;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Failure, failed, shown, ticker_of};
use crate::{
    cli::{notices, progress::Progress, rooms, rooms::Prices},
    clock::{SharedClock, SystemClock},
    config::Settings,
    market::{self, Fetched, Health, Keeper, MarketConfig, Notice, PriceSource, Series, StandIn},
    store::{Interval, Store},
};

const STOPPED: &str = "stopped; what came is kept, and the next fetch goes on from there";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Notices that may wait to be shown.
const NOTICES: usize = 256;

/// Flags of `prices fetch`.
#[derive(Args, Clone, Debug)]
pub(super) struct FetchArgs {
    /// The pair [default: that of the first topic]
    #[arg(long, value_name = "TICKER")]
    ticker: Option<String>,
    /// How long each candle lasts: 1m, 5m, 1h or 1d; forecasts are made from those of an hour
    #[arg(long, value_name = "INTERVAL", default_value = "1h")]
    interval: Interval,
    /// How many days back [default: market.history]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: Option<u32>,
}

pub(super) async fn fetch(
    args: &FetchArgs,
    settings: &Settings,
    store: &Arc<Store>,
) -> Result<(), Failure> {
    let ticker = ticker_of(args.ticker.as_ref(), settings);
    let mut config = settings.market.clone();
    if let Some(days) = args.days {
        config.history = DAY * days;
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let prices = source(settings)?;
    let shown = format!("{ticker} from {prices}");
    let (first, second) = rooms::sources(&config, prices, store, &clock)
        .map_err(|cause| Failure::Refused(cause.to_string()))?;
    if args.interval != Interval::Hour {
        let sources: Vec<_> = std::iter::once(first).chain(second).collect();
        let series = Series::new(ticker, args.interval);
        return collect(&series, &sources, &config, store, &clock).await;
    }
    let (told, mut heard) = mpsc::channel(NOTICES);
    let kept = Arc::clone(store);
    let (keeper, _) = Keeper::new(&ticker, &config, first, kept, clock, told);
    let mut keeper = match second {
        Some(second) => keeper.with_stand_in(second, &config),
        None => keeper,
    };
    let mut health = keeper.health();
    let cancel = CancellationToken::new();
    let screen = Screen::new(shown, config.history, Interval::Hour);
    let keeping = keeper.run(cancel);
    tokio::pin!(keeping);
    loop {
        tokio::select! {
            () = &mut keeping => return Err(failed("the fetch ended by itself; start it again")),
            Some(notice) = heard.recv() => screen.tell(notice)?,
            Ok(()) = health.changed() => {
                let health = health.borrow_and_update().clone();
                screen.show(&health);
                if health.caught_up {
                    while let Ok(notice) = heard.try_recv() {
                        screen.tell(notice)?;
                    }
                    screen.end_hourly(&health);
                    return Ok(());
                }
            }
            _ = tokio::signal::ctrl_c() => {
                return Err(failed(STOPPED));
            }
        }
    }
}

/// Fetches candles that no keeper keeps.
async fn collect(
    series: &Series,
    sources: &[Arc<dyn PriceSource>],
    config: &MarketConfig,
    store: &Arc<Store>,
    clock: &SharedClock,
) -> Result<(), Failure> {
    let names: Vec<_> = sources.iter().map(|it| it.origin().to_string()).collect();
    let what = format!("{series} from {}", names.join(" and "));
    let screen = Screen::new(what, config.history, series.interval);
    let fetching = market::fetch(store.as_ref(), series, sources, config, clock, |progress| {
        screen.progress(progress);
    });
    tokio::select! {
        done = fetching => {
            screen.end(&done.map_err(failed)?, series.interval);
            Ok(())
        }
        _ = tokio::signal::ctrl_c() => Err(failed(STOPPED)),
    }
}

fn source(settings: &Settings) -> Result<Prices, Failure> {
    match &settings.tiingo_api_key {
        Some(key) => Ok(Prices::Tiingo(key.clone())),
        None if settings.market.stand_in == StandIn::Coinbase => Ok(Prices::Coinbase),
        None => Err(Failure::Refused(
            "there is nobody to ask: set TIINGO_API_KEY in .env, or market.stand_in = \"coinbase\""
                .into(),
        )),
    }
}

/// Where a person watches; lines alone where nobody does.
struct Screen {
    progress: Progress,
    what: String,
    wanted: u64,
}

impl Screen {
    fn new(what: String, history: Duration, interval: Interval) -> Self {
        let wanted = history.as_secs() / interval.seconds().unsigned_abs();
        let progress = Progress::new("prices", "candles");
        progress.line(&format!("📥 {what}: {wanted} candles are wanted"));
        Self {
            progress,
            what,
            wanted,
        }
    }

    fn show(&self, health: &Health) {
        self.show_missing(health.missing);
        let trouble = health.trouble.as_ref().map(|it| it.cause.as_str());
        let stand_in = health.standing_in.then_some("the second source stands in");
        self.progress
            .aside(trouble.or(stand_in).unwrap_or_default());
    }

    fn show_missing(&self, missing: usize) {
        let done = self.wanted.saturating_sub(missing as u64);
        self.progress.told(done, self.wanted);
    }

    fn progress(&self, progress: market::Progress) {
        match progress {
            market::Progress::Left(left) => self.show_missing(left),
            market::Progress::Pause { cause, wait } => {
                let seconds = wait.as_secs();
                self.progress
                    .line(&format!("⏳ {cause}; it goes on in {seconds} s"));
            }
            market::Progress::GivenUp { cause, remedy } => {
                self.progress.line(&format!("⚠️ {cause}; {remedy}"));
            }
        }
    }

    /// Shows what there is to tell; fails where trying again would not help.
    fn tell(&self, notice: Notice) -> Result<(), Failure> {
        if let Notice::Unavailable {
            cause,
            remedy,
            may_heal: false,
            ..
        } = notice
        {
            return Err(failed(format!("{cause}; {remedy}")));
        }
        for line in notices::event(notice).words().lines {
            self.progress.line(&line);
        }
        Ok(())
    }

    #[allow(clippy::print_stdout, reason = "this is the command line")]
    fn end(&self, done: &Fetched, interval: Interval) {
        self.progress.end();
        let (came, missing) = (done.came, done.missing);
        println!(
            "✅ {}: {came} candles of {interval} came, {missing} can't be had",
            self.what
        );
    }

    #[allow(clippy::print_stdout, reason = "this is the command line")]
    fn end_hourly(&self, health: &Health) {
        self.progress.end();
        let source = health.source.map(|it| format!(" (from {it})"));
        let until = health.until.map(time::OffsetDateTime::from_unix_timestamp);
        println!(
            "✅ {}: {} closes until {}{}, {} hours can't be had",
            self.what,
            health.closes,
            shown(until.and_then(Result::ok)),
            source.unwrap_or_default(),
            health.missing
        );
        let in_doubt = health
            .in_doubt
            .map(time::OffsetDateTime::from_unix_timestamp);
        if let Some(start) = in_doubt.and_then(Result::ok) {
            println!(
                "⚠️ The close of the candle of {} jumps: it is held back until the next one",
                shown(Some(start))
            );
        }
    }
}
