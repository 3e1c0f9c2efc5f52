//! What the store holds, for those who forecast without a keeper.

use crate::{
    forecast::History,
    store::{CandleRepository, StoreError},
};

/// The hourly candles of a ticker that count and start at `since` (unix seconds) or later.
///
/// # Errors
/// When the store can't be read.
pub async fn stored(
    store: &dyn CandleRepository,
    ticker: &str,
    since: i64,
) -> Result<History, StoreError> {
    let candles = store.load(ticker, since).await?;
    Ok(History::new(ticker, candles))
}
