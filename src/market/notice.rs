//! What the market room tells whoever listens.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::Basis;
use crate::store::Origin;

/// News of one ticker's prices.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Candles came in, and nothing more is to be had at present; also after a start from the store.
    Updated {
        /// The ticker.
        ticker: String,
        /// Closes that are known now.
        closes: usize,
        /// How many of them came since the last notice: new or corrected ones.
        added: usize,
        /// End of the newest candle.
        until: Option<OffsetDateTime>,
    },
    /// A long stretch is being fetched: told at its beginning and at each tenth of it.
    Backfill {
        /// The ticker.
        ticker: String,
        /// Who is asked.
        source: Origin,
        /// Closes that are known now.
        closes: usize,
        /// Hours that are still to be asked for.
        left: usize,
        /// Requests that this takes.
        requests: usize,
        /// How long the quota lets them take; zero when it lets them all go at once.
        takes: Duration,
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
        /// Whether that may help if nobody does anything.
        may_heal: bool,
    },
    /// Another source is asked in place of the first one.
    StandIn {
        /// The ticker.
        ticker: String,
        /// Who stands in.
        source: Origin,
        /// For whom.
        first: Origin,
        /// Why.
        cause: String,
    },
    /// The first source is asked again, and its candles have replaced the stand-in's.
    Back {
        /// The ticker.
        ticker: String,
        /// The first source.
        source: Origin,
        /// How long the other stood in.
        after: Duration,
        /// How far the two lie apart, where both are known.
        basis: Option<Basis>,
    },
    /// Two sources lie farther apart than is usual.
    Apart {
        /// The ticker.
        ticker: String,
        /// The two sources.
        sources: [Origin; 2],
        /// How far.
        basis: Basis,
    },
    /// The newest candle jumps: it is held back until another confirms it.
    InDoubt {
        /// The ticker.
        ticker: String,
        /// Start of the candle.
        start: Option<OffsetDateTime>,
        /// Its close.
        close: f64,
        /// The last good close before it.
        before: f64,
    },
    /// Candles were left out because they can't be used or were taken back.
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
