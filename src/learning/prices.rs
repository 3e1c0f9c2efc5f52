//! The closes that forecasts are resolved with.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

use crate::{
    forecast::{Candle, HOUR, History},
    store::{CandleRepository, StoreError},
};

/// Where closes are found: at hand, and in the store what is older.
#[derive(Clone)]
pub struct Prices {
    histories: HashMap<String, watch::Receiver<History>>,
    store: Option<Arc<dyn CandleRepository>>,
}

impl Prices {
    /// The histories by their tickers. `store` holds older candles of the same prices, if there is one.
    #[must_use]
    pub fn new(
        histories: HashMap<String, watch::Receiver<History>>,
        store: Option<Arc<dyn CandleRepository>>,
    ) -> Self {
        Self { histories, store }
    }

    /// The receivers that tell of new candles.
    pub(super) fn changes(&self) -> Vec<watch::Receiver<History>> {
        self.histories.values().cloned().collect()
    }

    /// The unix second at which the newest close at hand was known, of any ticker.
    pub(super) fn newest(&self) -> Option<i64> {
        let newest = |it: &watch::Receiver<History>| it.borrow().candles.last().map(Candle::end);
        self.histories.values().filter_map(newest).max()
    }

    /// The closes of a ticker whose hours ended at `since` (unix seconds) or later.
    pub(super) async fn closes(&self, ticker: &str, since: i64) -> Result<Closes, StoreError> {
        let history = self.histories.get(ticker);
        let history = history.map_or_else(History::default, |it| it.borrow().clone());
        let first = history.candles.first().map_or(i64::MAX, Candle::end);
        let mut closes = Vec::new();
        if let Some(store) = self.store.as_ref().filter(|_| since < first) {
            let older = store.load(ticker, since - HOUR).await?;
            closes.extend(older.iter().filter(|it| it.end() < first).map(pair));
        }
        let at_hand = history.candles.iter().filter(|it| it.end() >= since);
        closes.extend(at_hand.map(pair));
        Ok(Closes::new(closes))
    }
}

fn pair(candle: &Candle) -> (i64, f64) {
    (candle.end(), candle.close)
}

/// Closes by the unix second at which they were known, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Closes(Vec<(i64, f64)>);

impl Closes {
    /// From closes in ascending order of their hours' ends.
    pub(super) fn new(closes: impl IntoIterator<Item = (i64, f64)>) -> Self {
        Self(closes.into_iter().collect())
    }

    /// The end of the newest hour; none without any.
    pub(super) fn until(&self) -> Option<i64> {
        self.0.last().map(|(end, _)| *end)
    }

    /// The close of the hour that ended then, or of one of the `back` hours before it.
    pub(super) fn ending_at(&self, end: i64, back: i64) -> Option<f64> {
        let after = self.0.partition_point(|(known, _)| *known <= end);
        let (known, close) = *self.0.get(after.checked_sub(1)?)?;
        (known >= end - back * HOUR).then_some(close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Origin, Series, Store};

    fn candle(hour: i64, close: f64) -> Candle {
        Candle {
            start: hour * HOUR,
            open: close,
            high: close,
            low: close,
            close,
            volume: 1.0,
        }
    }

    #[tokio::test]
    async fn what_is_not_at_hand_comes_from_the_store() {
        let store = Store::in_memory().await.expect("a database");
        let kept: Vec<_> = (0..10).map(|hour| candle(hour, 1.0)).collect();
        store
            .keep(&Series::hourly("btcusd"), Origin::Csv, &kept)
            .await
            .expect("kept");
        let at_hand = History::new("btcusd", (5..12).map(|hour| candle(hour, 2.0)));
        let (_sender, histories) = watch::channel(at_hand);
        let histories = HashMap::from([("btcusd".to_owned(), histories)]);
        let prices = Prices::new(histories.clone(), Some(Arc::new(store)));

        let all = prices.closes("btcusd", 3 * HOUR).await.expect("closes");
        let expected = (3..12).map(|end| (end * HOUR, if end < 6 { 1.0 } else { 2.0 }));
        assert_eq!(all, Closes::new(expected.chain([(12 * HOUR, 2.0)])));
        assert_eq!(all.until(), Some(12 * HOUR));

        let alone = Prices::new(histories, None);
        let all = alone.closes("btcusd", 0).await.expect("closes");
        assert_eq!(all.ending_at(5 * HOUR, 3), None);
        assert_eq!(
            alone.closes("ethusd", 0).await.expect("none"),
            Closes::default()
        );
    }
}
