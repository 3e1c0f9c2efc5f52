//! What the database has of prices already.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::Prices;
use crate::store::PredictionStore;

/// The closes that the database has at the times of these prices, oldest first. Of assets that it can't
/// tell of within the limit there are none: then they are written once more, which changes nothing.
pub async fn stored_closes(
    mut store: watch::Receiver<Option<Arc<dyn PredictionStore>>>,
    prices: &Prices,
    limit: Duration,
) -> Prices {
    let deadline = Instant::now() + limit;
    let mut stored = Prices::default();
    let opened = timeout_at(deadline, store.wait_for(Option::is_some)).await;
    let Some(store) = opened.ok().and_then(|it| it.ok()?.clone()) else {
        return stored;
    };
    for (asset, closes) in prices.iter() {
        let times = || closes.iter().map(|close| close.at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            continue;
        };
        let asked = store.closes(asset, first..last.saturating_add(1));
        if let Ok(Ok(closes)) = timeout_at(deadline, asked).await {
            stored.extend(asset, closes);
        }
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        predict::Fact,
        predict::testing_market::{Desk, btc, minute, minutes},
        store::{CloseRepository as _, PredictionDb},
    };

    const LIMIT: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn only_what_the_database_lacks_is_handed_over_at_the_start() {
        let db = PredictionDb::in_memory().await.unwrap();
        let mut kept = minutes(-9..-5);
        kept[1].price += 1.0;
        db.keep_closes("BTC", &kept).await.unwrap();
        let (_opened, store) = watch::channel(Some(Arc::new(db) as Arc<dyn PredictionStore>));
        let mut prices = btc(-9..-4);
        prices.add("ETH", minute(-9));
        let stored = stored_closes(store, &prices, LIMIT).await;
        assert_eq!(stored, Prices::of("BTC", kept));

        let desk = Desk::new();
        assert_eq!(desk.book.fill_known(prices, &stored), 6);
        let closes = |asset: &str, closes| Fact::Closes {
            asset: asset.into(),
            closes,
        };
        let facts = std::mem::take(&mut *desk.facts.0.lock().unwrap());
        let expected = [
            closes("BTC", minutes([-8, -5])),
            closes("ETH", minutes([-9])),
        ];
        assert_eq!(facts, expected, "one with another price, and the new ones");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_away_is_not_waited_for() {
        let (_opened, store) = watch::channel(None);
        let begun = Instant::now();
        assert!(stored_closes(store, &btc(-3..0), LIMIT).await.is_empty());
        assert_eq!(begun.elapsed(), LIMIT);
    }
}
