//! Why there are no prices to tell.

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::{market::CsvError, models::ModelsError, store::StoreError};

/// Why prices can't be fed to models; each message names what helps.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file can't be used.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// No file or pair was given.
    #[error(
        "there is no asset to tell models of; name at least one in predict.assets, or give --prices"
    )]
    NoAsset,
    /// A file's candles have no interval that is known.
    #[error(
        "the candles in {path} lie {seconds} s apart; give candles of 1 minute, 5 minutes, 1 hour or 1 day"
    )]
    Interval {
        /// The file.
        path: PathBuf,
        /// What was found.
        seconds: i64,
    },
    /// A replay's speed makes no sense.
    #[error(
        "a replay can't run {speed} times as fast as the market; give a speed above 0 and up to 1000000"
    )]
    Speed {
        /// What was given.
        speed: f64,
    },
    /// A replay that goes on has nothing left to play.
    #[error("an earlier replay came as far as {at}, and the prices end at {last}")]
    Over {
        /// Where it stood.
        at: OffsetDateTime,
        /// The last close.
        last: OffsetDateTime,
    },
    /// Models' method for market data can't be called as it is configured.
    #[error("models can't be told of prices: {0}")]
    Tick(#[from] ModelsError),
    /// The thread that encodes calls ended.
    #[error("prices could not be encoded: {cause}; that is a defect, please report it")]
    Encoder {
        /// What happened.
        cause: String,
    },
    /// The store of candles can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No source has given a price, and none will by itself.
    #[error("there is no price at all: {cause}")]
    NoPrices {
        /// The source's cause and remedy.
        cause: String,
    },
}
