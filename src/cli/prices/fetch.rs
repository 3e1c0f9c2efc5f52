//! `prices fetch`.

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Failure, failed, shown, ticker_of};
use crate::{
    cli::{notices, rooms, rooms::Prices},
    clock::{SharedClock, SystemClock},
    config::Settings,
    market::{Health, Keeper, Notice, StandIn},
    store::Store,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Notices that may wait to be shown.
const NOTICES: usize = 256;

/// Flags of `prices fetch`.
#[derive(Args, Clone, Debug)]
pub(super) struct FetchArgs {
    /// The pair [default: that of the first topic]
    #[arg(long, value_name = "TICKER")]
    ticker: Option<String>,
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
    let (told, mut heard) = mpsc::channel(NOTICES);
    let kept = Arc::clone(store);
    let (keeper, _) = Keeper::new(&ticker, &config, first, kept, clock, told);
    let mut keeper = match second {
        Some(second) => keeper.with_stand_in(second, &config),
        None => keeper,
    };
    let mut health = keeper.health();
    let cancel = CancellationToken::new();
    let screen = Screen::new(shown, config.history);
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
                    screen.end(&health);
                    return Ok(());
                }
            }
            _ = tokio::signal::ctrl_c() => {
                return Err(failed("stopped; what came is kept, and the next fetch goes on from there"));
            }
        }
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
    bar: Option<ProgressBar>,
    what: String,
}

impl Screen {
    fn new(what: String, history: Duration) -> Self {
        let hours = history.as_secs() / 3600;
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = "{bar:40} {pos} of {len} hours, {eta} left {msg}";
            let style = ProgressStyle::with_template(style);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(hours).with_style(style)
        });
        let screen = Self { bar, what };
        screen.line(&format!("📥 {}: {hours} hours are wanted", screen.what));
        screen
    }

    #[allow(clippy::print_stderr, reason = "this is the command line")]
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn show(&self, health: &Health) {
        if let Some(bar) = &self.bar {
            let known = bar.length().unwrap_or_default();
            bar.set_position(known.saturating_sub(health.missing as u64));
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
            self.line(&line);
        }
        Ok(())
    }

    #[allow(clippy::print_stdout, reason = "this is the command line")]
    fn end(&self, health: &Health) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let until = health.until.map(time::OffsetDateTime::from_unix_timestamp);
        println!(
            "✅ {}: {} closes until {}, {} hours can't be had",
            self.what,
            health.closes,
            shown(until.and_then(Result::ok)),
            health.missing
        );
    }
}
