//! What the room's tests need.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use time::{OffsetDateTime, macros::datetime};

use super::{Attendance, BookConfig, Fact, Facts, Prices, SharedBook};
use crate::{
    clock::{SharedClock, SimulatedClock},
    models::{ModelInfo, ModelsConfig},
    ops::{Recording, Reporter},
    store::Close,
};

/// What the clock shows at first.
pub(super) const START: OffsetDateTime = datetime!(2025-10-01 12:00 UTC);

/// Closes at so many minutes from `START`, each at a price of its own.
pub(super) fn minutes(minutes: impl IntoIterator<Item = i64>) -> Vec<Close> {
    minutes.into_iter().map(minute).collect()
}

pub(super) fn minute(minute: i64) -> Close {
    Close {
        at: START.unix_timestamp() + minute * 60,
        price: 100_000.0 + minute as f64,
    }
}

pub(super) fn btc(of: impl IntoIterator<Item = i64>) -> Prices {
    Prices::of("BTC", minutes(of))
}

pub(super) fn model(id: &str, deployment: &str) -> Arc<ModelInfo> {
    Arc::new(ModelInfo {
        model_id: id.into(),
        deployment_id: deployment.into(),
        model_name: None,
        cruncher_id: None,
        cruncher_name: None,
        wallet_pubkey: None,
        hotkey: None,
    })
}

/// Keeps facts.
#[derive(Default)]
pub(super) struct Kept(pub(super) Mutex<Vec<Fact>>);

impl Facts for Kept {
    fn put(&self, facts: Vec<Fact>) {
        self.0.lock().unwrap().extend(facts);
    }
}

/// Who answered, and when an earlier process heard of anybody last.
#[derive(Default)]
pub(super) struct Present {
    pub(super) answered: Mutex<Vec<String>>,
    pub(super) last: Mutex<Option<OffsetDateTime>>,
}

impl Attendance for Present {
    fn answered(&self, model: &ModelInfo) {
        self.answered.lock().unwrap().push(model.model_id.clone());
    }

    fn last_answer(&self, _: &ModelInfo) -> Option<OffsetDateTime> {
        *self.last.lock().unwrap()
    }
}

/// A book, and what is around it.
pub(super) struct Desk {
    pub(super) book: Arc<SharedBook>,
    pub(super) facts: Arc<Kept>,
    pub(super) present: Arc<Present>,
    pub(super) clock: SimulatedClock,
    pub(super) reporter: Reporter,
    pub(super) recording: Recording,
}

impl Desk {
    pub(super) fn new() -> Self {
        const DAY: u64 = 86_400;
        let config = BookConfig {
            history: Duration::from_secs(30 * DAY),
            margin: Duration::from_secs(120),
            tick: ModelsConfig::default().tick,
        };
        let (reporter, recording) = Reporter::recording();
        let (facts, present) = (Arc::new(Kept::default()), Arc::new(Present::default()));
        let clock = SimulatedClock::starting_at(START);
        let shared: SharedClock = Arc::new(clock.clone());
        let book = SharedBook::new(
            config,
            present.clone(),
            facts.clone(),
            shared,
            reporter.clone(),
        );
        Self {
            book: book.expect("the tick can be called"),
            facts,
            present,
            clock,
            reporter,
            recording,
        }
    }
}
