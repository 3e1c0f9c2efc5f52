//! What the market room tells whoever listens.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::mpsc;

/// News of one ticker's prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Candles came in, and nothing more is to be had at present; also after a start from the store.
    Updated {
        /// The ticker.
        ticker: String,
        /// Closes that are known now.
        closes: usize,
        /// How many of them were fetched since the last notice: new or corrected ones.
        added: usize,
        /// End of the newest candle.
        until: Option<OffsetDateTime>,
    },
    /// Candles can't be had at present; it is tried again by itself.
    Unavailable {
        /// The ticker.
        ticker: String,
        /// Why.
        cause: String,
        /// What helps.
        remedy: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// Rows were left out because they can't be used.
    SetAside {
        /// The ticker.
        ticker: String,
        /// How many.
        count: usize,
        /// The first of them and its fault.
        example: String,
    },
    /// Candles were used but not kept in the store; a restart has to fetch them again.
    NotKept {
        /// The ticker.
        ticker: String,
        /// Cause and remedy.
        cause: String,
    },
    /// A file was used although it has gaps, duplicates or rows out of order.
    Uneven {
        /// The ticker.
        ticker: String,
        /// What was found, and what was made of it.
        detail: String,
    },
}

/// Where notices go.
pub type Notices = mpsc::Sender<Notice>;

/// Sends a notice unless the listener is far behind or gone: prices don't wait for words.
pub(super) fn tell(notices: &Notices, notice: Notice) {
    if let Err(lost) = notices.try_send(notice) {
        tracing::debug!(%lost, "a notice found no listener");
    }
}
