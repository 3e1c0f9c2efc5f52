//! A ticker's prices where there is no source to ask: those that the store holds.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{MarketConfig, Notices, shelf::Shelf};
use crate::{clock::SharedClock, forecast::History, store::CandleRepository};

/// Pause between two looks into the store. Imports are all that comes, so they need not wait for long.
const PAUSE: Duration = Duration::from_secs(60);

/// The task of one ticker without a source: shows the candles that the store holds, and soon what an
/// import or another process writes to it.
pub struct StoreKeeper {
    shelf: Shelf,
}

impl StoreKeeper {
    /// A keeper, and where its history is seen; that is empty until the keeper runs.
    pub fn new(
        ticker: &str,
        config: &MarketConfig,
        store: Arc<dyn CandleRepository>,
        clock: SharedClock,
        notices: Notices,
    ) -> (Self, watch::Receiver<History>) {
        let shelf = Shelf::new(ticker, config, store, clock, notices);
        let receiver = shelf.history.subscribe();
        (Self { shelf }, receiver)
    }

    /// Keeps the history until `cancel`. No failure of the store ends it.
    pub async fn run(&mut self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.keep()).await;
    }

    async fn keep(&mut self) {
        loop {
            let now = self.shelf.settled_now();
            self.shelf.book.trim(now);
            self.shelf.recall().await;
            self.shelf.nap(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use tokio::{sync::mpsc, time::sleep};

    use super::*;
    use crate::{
        clock::SimulatedClock,
        forecast::HOUR,
        market::{testing::candle, testing_store::Memory},
        store::{Origin, Series},
    };

    #[tokio::test(start_paused = true)]
    async fn shows_what_the_store_holds_and_what_an_import_brings() {
        let start = datetime!(2025-10-01 12:10 UTC);
        let clock: SharedClock = Arc::new(SimulatedClock::starting_at(start));
        let store = Arc::new(Memory::default());
        let series = Series::hourly("btcusd");
        let noon = datetime!(2025-10-01 12:00 UTC).unix_timestamp();
        let at = |back: i64| candle(noon - back * HOUR, 7.0);
        let kept = store.keep(&series, Origin::Tiingo, &[at(3)]).await;
        kept.expect("kept");
        let (notices, _heard) = mpsc::channel(8);
        let config = MarketConfig::default();
        let kept = Arc::clone(&store) as _;
        let (mut keeper, history) = StoreKeeper::new("btcusd", &config, kept, clock, notices);
        let cancel = CancellationToken::new();
        let _end = cancel.clone().drop_guard();
        tokio::spawn(async move { keeper.run(cancel).await });
        sleep(Duration::from_secs(1)).await;
        assert_eq!(history.borrow().candles[..], [at(3)]);

        let imported = store.keep(&series, Origin::Csv, &[at(2), at(1)]).await;
        imported.expect("kept");
        sleep(PAUSE).await;
        assert_eq!(history.borrow().candles[..], [at(3), at(2), at(1)]);
    }
}
