//! What the operator is told of a database that is away.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Seldom;
use crate::ops::{GaugeEvent, PredictEvent, Reporter};

/// How often it is told that the database is still away.
const TOLD_EVERY: Duration = Duration::from_secs(600);

/// Follows the database from its first failure until all that waited is stored.
pub(super) struct Outages {
    database: String,
    reporter: Reporter,
    now: Option<Outage>,
    told: Seldom,
}

struct Outage {
    since: Instant,
    /// When a write succeeded again, and the newest fact that waited then.
    back: Option<(Instant, i64)>,
    stored: u64,
    told: bool,
}

impl Outages {
    pub(super) const fn new(database: String, reporter: Reporter) -> Self {
        Self {
            database,
            reporter,
            now: None,
            told: Seldom::every(TOLD_EVERY),
        }
    }

    /// A write failed while so many facts and bytes wait. It is told at once, and no more often than
    /// every ten minutes, be it one outage or many.
    pub(super) fn failed(&mut self, cause: String, (waiting, bytes): (u64, u64)) {
        let outage = self.now.get_or_insert_with(|| Outage {
            since: Instant::now(),
            back: None,
            stored: 0,
            told: false,
        });
        outage.back = None;
        let reading = GaugeEvent::StoreFailed {
            cause: cause.clone(),
            waiting,
        };
        self.reporter.emit(reading.into());
        if self.told.due() {
            outage.told = true;
            self.reporter.emit(
                PredictEvent::StoreUnavailable {
                    database: self.database.clone(),
                    cause,
                    waiting,
                    bytes,
                }
                .into(),
            );
        }
    }

    /// Whether what waited at a failure is not all stored yet.
    pub(super) const fn is_on(&self) -> bool {
        self.now.is_some()
    }

    /// All facts up to a number are stored, `stored` of them just now; `newest` is the last one there
    /// is.
    pub(super) fn stored(&mut self, until: i64, stored: usize, newest: i64) {
        let Some(outage) = &mut self.now else {
            return;
        };
        outage.stored += stored as u64;
        let (back, goal) = *outage.back.get_or_insert_with(|| (Instant::now(), newest));
        if until < goal {
            return;
        }
        self.reporter.emit(GaugeEvent::StoreBack.into());
        if outage.told {
            self.reporter.emit(
                PredictEvent::StoreCaughtUp {
                    database: self.database.clone(),
                    stored: outage.stored,
                    seconds: back.duration_since(outage.since).as_secs(),
                }
                .into(),
            );
        }
        self.now = None;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::ops::Event;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_at_once_then_seldom_and_its_end_when_all_is_stored() {
        let (reporter, recording) = Reporter::recording();
        let mut outages = Outages::new("a database".into(), reporter);
        outages.stored(5, 5, 5);
        for waiting in 0..15 {
            outages.failed("refused".into(), (waiting, waiting << 20));
            advance(MINUTE).await;
        }
        outages.stored(50, 45, 100);
        advance(MINUTE).await;
        // More has come meanwhile; what waited when the database came back decides.
        outages.stored(100, 50, 120);
        let told: Vec<_> = recording
            .events()
            .into_iter()
            .map(|event| match event {
                Event::Predict(PredictEvent::StoreUnavailable { waiting, .. }) => (waiting, 0),
                Event::Predict(PredictEvent::StoreCaughtUp {
                    stored, seconds, ..
                }) => (stored, seconds),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, [(0, 0), (10, 0), (95, 15 * 60)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_comes_and_goes_is_told_no_more_often() {
        let (reporter, recording) = Reporter::recording();
        let mut outages = Outages::new("a database".into(), reporter);
        for round in 0..30 {
            outages.failed("refused".into(), (1, 1));
            advance(MINUTE).await;
            outages.stored(round, 1, round);
        }
        assert_eq!(recording.events().len(), 6);
    }
}
