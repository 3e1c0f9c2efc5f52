//! What the market room tells, as events.

use std::sync::Arc;

use time::format_description::well_known::Rfc3339;
use tokio::sync::{Mutex, mpsc};

use crate::{
    market::Notice,
    ops::{Event, Reporter},
};

/// Tells every notice, for ever.
pub(super) async fn tell(heard: Arc<Mutex<mpsc::Receiver<Notice>>>, reporter: Reporter) {
    let mut heard = heard.lock().await;
    while let Some(notice) = heard.recv().await {
        reporter.emit(event(notice));
    }
    // No keeper is left, or there was none.
    std::future::pending::<()>().await;
}

/// A notice as the event that it is to the operator.
#[allow(
    clippy::too_many_lines,
    reason = "one exhaustive list is easier to keep true than several"
)]
pub(super) fn event(notice: Notice) -> Event {
    match notice {
        Notice::Updated {
            ticker,
            closes,
            added,
            until,
        } => Event::PricesUpdated {
            ticker,
            closes,
            added,
            until,
        },
        Notice::Backfill {
            ticker,
            source,
            closes,
            left,
            requests,
            takes,
        } => Event::PricesBackfill {
            ticker,
            source: source.to_string(),
            closes,
            hours_left: left,
            requests_left: requests,
            seconds_left: takes.as_secs(),
        },
        Notice::Unavailable {
            ticker,
            cause,
            remedy,
            retry_in,
            ..
        } => Event::PricesUnavailable {
            ticker,
            cause,
            remedy,
            retry_seconds: retry_in.as_secs(),
        },
        Notice::StandIn {
            ticker,
            source,
            first,
            cause,
        } => Event::PricesStandIn {
            ticker,
            source: source.to_string(),
            first: first.to_string(),
            cause,
        },
        Notice::Back {
            ticker,
            source,
            after,
            basis,
        } => Event::PricesBack {
            ticker,
            source: source.to_string(),
            seconds: after.as_secs(),
            basis: basis.map(|basis| basis.mean_absolute),
        },
        Notice::NotKept { ticker, cause } => Event::Trouble {
            cause: format!("candles of {ticker} are not kept: {cause}"),
            remedy: "they are fetched again after a restart".into(),
        },
        Notice::SetAside {
            ticker,
            count,
            example,
        } => remark(
            format!("{count} candles of {ticker} can't be used: {example}"),
            "they are left out",
        ),
        Notice::InDoubt {
            ticker,
            start,
            close,
            before,
        } => {
            let start = start.and_then(|at| at.format(&Rfc3339).ok());
            let start = start.unwrap_or_default();
            remark(
                format!("{ticker}'s close jumps from {before} to {close} in the candle of {start}"),
                "it is held back until the next candle or the second source confirms it",
            )
        }
        Notice::Apart {
            ticker,
            sources: [one, other],
            basis,
        } => remark(
            format!("the closes of {ticker} from {one} and {other} are apart: {basis}"),
            "check that the ticker and its product are the same pair (products in [market])",
        ),
        Notice::Uneven { ticker, detail } => remark(
            format!("the prices of {ticker} are uneven: {detail}"),
            "correct the file if that is not meant",
        ),
    }
}

/// What is not as one might think, and what is done about it.
fn remark(cause: String, remedy: &str) -> Event {
    let remedy = remedy.to_owned();
    Event::Notice { cause, remedy }
}
