//! What the second source is for: it stands in, confirms jumps, and is compared with the first.

use std::time::Duration;

use super::{Basis, Keeper, Notice, book::full_hour, jump::is_nearer};
use crate::forecast::HOUR;

/// Seconds between two comparisons.
const COMPARE_EVERY: i64 = 24 * HOUR;
/// Seconds after which a comparison that failed is tried again.
const COMPARE_AGAIN: i64 = HOUR;
/// Hours that are asked for to compare.
const COMPARED: i64 = 300;
/// Seconds over which the basis is measured.
const MEASURED: i64 = 30 * 24 * HOUR;

/// Whether the second source has to stand in.
enum Need {
    /// It has to, because of this.
    Now(String),
    /// Not before this time.
    From(i64),
}

impl Keeper {
    /// Asks the second source if the first is out; gives when to look again.
    pub(super) async fn stand_in(&mut self) -> Option<i64> {
        let now = self.shelf.settled_now();
        let need = self.need(now);
        let second = self.second.as_mut()?;
        match need {
            Need::Now(cause) => {
                if self.standing.is_none() {
                    self.standing = Some(now);
                    self.shelf.tell(Notice::StandIn {
                        ticker: self.shelf.series.ticker.clone(),
                        source: second.origin(),
                        first: self.first.origin(),
                        cause,
                    });
                }
                if now >= second.due {
                    second.serve(&mut self.shelf).await;
                }
                Some(second.due)
            }
            Need::From(at) => {
                if let Some(since) = self.standing.take() {
                    self.tell_back(now - since).await;
                }
                Some(at)
            }
        }
    }

    fn need(&self, now: i64) -> Need {
        let mut from = i64::MAX;
        if let Some(out) = &self.first.out {
            let patience = if self.first.may_heal {
                self.patience
            } else {
                0
            };
            if now >= out.since + patience {
                return Need::Now(out.cause.clone());
            }
            from = out.since + patience;
        }
        // While there is none of the first, what it has is due from the start.
        let newest = self.shelf.book.newest_of(self.first.origin());
        let due = newest.map_or_else(|| self.begun.unwrap_or(now), |until| until + HOUR);
        if now >= due + self.patience {
            let (first, minutes) = (self.first.origin(), (now - due) / 60);
            let late = || match newest {
                Some(_) => format!("{first}'s newest candle is {minutes} min late"),
                None => format!("{first} has given no candle for {minutes} min"),
            };
            let out = self.first.out.as_ref();
            return Need::Now(out.map_or_else(late, |out| out.cause.clone()));
        }
        Need::From(from.min(due + self.patience))
    }

    async fn tell_back(&self, after: i64) {
        self.shelf.tell(Notice::Back {
            ticker: self.shelf.series.ticker.clone(),
            source: self.first.origin(),
            after: Duration::from_secs(after.unsigned_abs()),
            basis: self.basis().await,
        });
    }

    /// Asks the second source about a newest candle that jumps.
    pub(super) async fn confirm(&mut self) {
        let (Some(held), Some(second)) = (self.shelf.book.held(), &self.second) else {
            return;
        };
        let (start, close) = (held.it.candle.start, held.it.candle.close);
        if held.it.origin == second.origin() {
            return;
        }
        let Ok(batch) = second.peek(&self.shelf, start..start + HOUR).await else {
            // Then the next candle decides.
            return;
        };
        let origin = second.origin();
        let seen = batch.candles.iter().find(|candle| candle.start == start);
        let Some(seen) = seen.copied() else { return };
        if is_nearer(seen.close, close, held.before) {
            self.shelf.vouch(seen, origin).await;
        } else {
            let (before, theirs) = (held.before, seen.close);
            let reason =
                format!("its close jumps from {before} to {close}, and {origin} has {theirs}");
            self.shelf.refuse(held.it, reason).await;
            self.shelf.take_in(&[seen], origin).await;
        }
    }

    /// Once a day both sources are read for the same hours, so that it is known how far they lie apart
    /// before one has to stand in for the other.
    pub(super) async fn compare(&mut self) {
        let now = self.shelf.settled_now();
        let due = self.compared.is_none_or(|at| now - at >= COMPARE_EVERY);
        let ready = self.standing.is_none() && self.first.out.is_none();
        let Some(second) = self.second.as_ref().filter(|_| due && ready) else {
            return;
        };
        let end = full_hour(now);
        let Ok(batch) = second.peek(&self.shelf, end - COMPARED * HOUR..end).await else {
            self.compared = Some(now - COMPARE_EVERY + COMPARE_AGAIN);
            return;
        };
        self.compared = Some(now);
        let (series, origin) = (&self.shelf.series, second.origin());
        // For comparison alone: where the first has a candle, that one counts.
        let kept = self.shelf.store.keep(series, origin, &batch.candles).await;
        if let Err(cause) = kept {
            tracing::debug!(%cause, "no comparison");
            return;
        }
        if let Some(basis) = self.basis().await
            && basis.mean_absolute > self.max_basis
        {
            self.shelf.tell(Notice::Apart {
                ticker: series.ticker.clone(),
                sources: [self.first.origin(), origin],
                basis,
            });
        }
    }

    async fn basis(&self) -> Option<Basis> {
        let sources = [self.first.origin(), self.second.as_ref()?.origin()];
        let since = self.shelf.settled_now() - MEASURED;
        let series = &self.shelf.series;
        let pairs = self.shelf.store.pairs(series, sources, since).await;
        Basis::of(&pairs.ok()?)
    }
}

#[cfg(test)]
#[path = "stand_in_tests.rs"]
mod tests;
