//! Reads a network's predictions and scores: the past once, and then what is new.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use time::OffsetDateTime;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Subject, decode};
use crate::{
    clock::SharedClock,
    forecast::{BlendConfig, Expected, NetworkState, Round, Standing, Standings},
    store::{RoundAnswer, RoundRepository, ScoreRepository, StoreError},
};

const DAY: i64 = 86_400;
/// Days that are read at once: the answers of one are decoded before the next are read.
const STRIDE: i64 = 10;
/// Seconds after which the days' rounds and the scores are read again.
const SELDOM: i64 = 600;

/// A database of predictions and scores.
pub trait Predictions: RoundRepository + ScoreRepository {}

impl<T: RoundRepository + ScoreRepository> Predictions for T {}

/// Tells whether the database can be read: why not, or none when it can. Told when it changes.
pub type Tell = Box<dyn Fn(Option<String>) + Send + Sync>;

/// Reads one subject's predictions, and publishes what it knows.
pub struct Reader {
    store: Arc<dyn Predictions>,
    subject: Subject,
    config: BlendConfig,
    clock: SharedClock,
    state: watch::Sender<NetworkState>,
    daily: BTreeMap<i64, Arc<Round>>,
    scores: BTreeMap<(Arc<str>, i64), f64>,
    newest: HashMap<String, (i64, Expected)>,
    /// When the record was last read, unix seconds.
    record_read: Option<i64>,
}

impl Reader {
    /// A reader that has read nothing, and where what it reads is seen.
    #[must_use]
    pub fn new(
        store: Arc<dyn Predictions>,
        subject: Subject,
        config: BlendConfig,
        clock: SharedClock,
    ) -> (Self, watch::Receiver<NetworkState>) {
        let (state, seen) = watch::channel(NetworkState::default());
        let reader = Self {
            store,
            subject,
            config,
            clock,
            state,
            daily: BTreeMap::new(),
            scores: BTreeMap::new(),
            newest: HashMap::new(),
            record_read: None,
        };
        (reader, seen)
    }

    /// Looks for what is new until `cancel`. While the database can't be read what is known stays, and
    /// grows old.
    pub async fn run(&mut self, cancel: &CancellationToken, tell: &Tell) {
        let mut failing = false;
        loop {
            let looked = tokio::select! {
                () = cancel.cancelled() => return,
                looked = self.look() => looked,
            };
            match looked {
                Ok(()) if std::mem::take(&mut failing) => tell(None),
                Err(why) if !std::mem::replace(&mut failing, true) => tell(Some(why)),
                _ => {}
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(self.config.poll) => {}
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// Why nothing can be read at present, with what helps.
    pub async fn look(&mut self) -> Result<(), String> {
        let now = self.clock.now().unix_timestamp();
        let newest = self.read_newest(now).await?;
        let due = self.record_read.is_none_or(|at| now - at >= SELDOM);
        let record = due && self.read_record(now).await?;
        // The first reading is news, also when nothing is there.
        if newest || record || self.state.borrow().edition == 0 {
            self.publish(record);
        }
        Ok(())
    }

    /// Each model's newest answer; whether any is new.
    async fn read_newest(&mut self, now: i64) -> Result<bool, String> {
        let Subject {
            crunch_id,
            asset,
            horizon,
            ..
        } = self.subject.clone();
        let since = now.saturating_sub(seconds(self.config.max_age));
        let read = self
            .store
            .newest_answers(&crunch_id, &asset, horizon, since);
        let mut answers = self.within(read).await?;
        let before = self.newest.len();
        self.newest.retain(|_, (_, it)| it.at >= since);
        let gone = before != self.newest.len();
        let is_known = |it: &RoundAnswer| {
            self.newest
                .get(&it.model_id)
                .is_some_and(|known| known.0 == it.slot)
        };
        answers.retain(|it| !is_known(it));
        let subject = self.subject.clone();
        let expected = decoded(move || {
            let of = |it: &RoundAnswer| {
                (
                    it.model_id.clone(),
                    (it.slot, decode::expected(it, &subject)),
                )
            };
            answers.iter().map(of).collect::<Vec<_>>()
        });
        let expected = expected.await?;
        let is_new = !expected.is_empty();
        self.newest.extend(expected);
        Ok(is_new || gone)
    }

    /// The days' rounds and the scores: all at first, then from the day before the last; whether
    /// anything is new.
    async fn read_record(&mut self, now: i64) -> Result<bool, String> {
        let Subject {
            crunch_id,
            asset,
            horizon,
            ..
        } = self.subject.clone();
        let first = now - i64::from(self.config.history_days) * DAY;
        let known = self.record_read.map(|at| at - DAY);
        let start = known.unwrap_or(first).div_euclid(DAY) * DAY;
        let mut news = false;
        let mut from = start;
        while from <= now {
            let until = from.saturating_add(STRIDE * DAY);
            let read = self
                .store
                .daily_answers(&crunch_id, &asset, horizon, from..until);
            let answers = self.within(read).await?;
            let subject = self.subject.clone();
            for (slot, round) in decoded(move || decode::rounds(&answers, &subject)).await? {
                let round = Arc::new(round);
                let is_same = |old: &Arc<Round>| same(old, &round);
                if !self.daily.get(&slot).is_some_and(is_same) {
                    self.daily.insert(slot, round);
                    news = true;
                }
            }
            from = until;
        }
        let (since, until) = (date(start), date(now + DAY));
        let read = self.store.snapshots(&crunch_id, since, until, true);
        for it in self.within(read).await? {
            if let Some(score) = it.anchor.score {
                let key = (Arc::from(it.model_id.as_str()), it.at.unix_timestamp());
                news |= self.scores.insert(key, score) != Some(score);
            }
        }
        self.daily = self.daily.split_off(&first);
        self.scores.retain(|(_, at), _| *at >= first);
        self.record_read = Some(now);
        Ok(news)
    }

    fn publish(&self, record: bool) {
        let before = self.state.borrow().clone();
        let mut newest: Vec<_> = self.newest.values().map(|(_, it)| it.clone()).collect();
        newest.sort_by(|a, b| a.model.cmp(&b.model));
        let mut state = NetworkState {
            edition: before.edition + 1,
            newest: newest.into(),
            ..before
        };
        if record {
            let mut rounds: Vec<Round> =
                self.daily.values().map(|it| it.as_ref().clone()).collect();
            rounds.sort_by_key(|round| round.at);
            let scores = self.scores.iter().map(|((model, at), score)| {
                let (at, score) = (*at, *score);
                (Arc::clone(model), Standing { at, score })
            });
            state.record += 1;
            state.daily = rounds.into();
            state.standings = Arc::new(Standings::new(scores));
        }
        self.state.send_replace(state);
    }

    async fn within<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, String> {
        match timeout(self.config.timeout, read).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!(
                "the database has not answered within blend.timeout = {:?}; see what keeps it busy",
                self.config.timeout
            )),
        }
    }
}

/// Work that takes its time, on a thread of its own.
async fn decoded<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|failed| format!("the models' answers could not be read: {failed}; report it"))
}

/// Bit for bit: what is no number is the same as itself.
fn same(a: &Round, b: &Round) -> bool {
    let equal = |(a, b): (&Expected, &Expected)| {
        (&a.model, a.at, a.log_return.to_bits()) == (&b.model, b.at, b.log_return.to_bits())
    };
    a.answers.len() == b.answers.len() && a.answers.iter().zip(&b.answers).all(equal)
}

fn seconds(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn date(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
