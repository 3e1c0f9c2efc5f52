//! Reads a network's predictions and their scores: the past once, and then what is new.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use time::{OffsetDateTime, Time};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Subject,
    decode::{self, Answered},
};
use crate::{
    clock::SharedClock,
    forecast::{BlendConfig, Expected, NetworkState, Round, Standings},
    store::{PredictionConfigRepository, RoundAnswer, RoundRepository, StoreError},
};

const DAY: i64 = 86_400;
/// When a day's forecast is made: the close of the hour from 00:00 UTC is known then.
const MORNING: i64 = 3_600;
/// Days that are read at once: the answers of one are decoded before the next are read.
const STRIDE: usize = 10;
/// Seconds after which the days that may change are read again.
const SELDOM: i64 = 600;
/// Seconds for which a day's answers may still come in.
const FRESH: i64 = 2 * DAY;
/// Seconds after its horizon within which an answer's score is looked for each time. Later scores are
/// looked for by turns, a day in [`TURNS`] at a time.
const PROMPT: i64 = 5 * DAY;
const TURNS: i64 = 40;
/// Seconds that clocks may be apart: what is dated later is none of ours.
const APART: i64 = 60;

/// A database of predictions and scores.
pub trait Predictions: RoundRepository + PredictionConfigRepository {}

impl<T: RoundRepository + PredictionConfigRepository> Predictions for T {}

/// Tells whether the database can be read: why not, or none when it can. Told when it changes.
pub type Tell = Box<dyn Fn(Option<String>) + Send + Sync>;

/// Reads one subject's predictions, and publishes what it knows.
pub struct Reader {
    store: Arc<dyn Predictions>,
    subject: Subject,
    config: BlendConfig,
    clock: SharedClock,
    state: watch::Sender<NetworkState>,
    /// What each day's forecast could hear, by day; also of days without a round.
    daily: BTreeMap<i64, Vec<Answered>>,
    newest: HashMap<String, (i64, Expected)>,
    /// Why there is no newest answer.
    missing: Option<Arc<str>>,
    /// When the record was last read to its end, unix seconds.
    record_read: Option<i64>,
    /// Whether reading the record was tried.
    is_tried: bool,
    news: News,
}

/// What is known and not published.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    newest: bool,
    record: bool,
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
            newest: HashMap::new(),
            missing: None,
            record_read: None,
            is_tried: false,
            news: News::default(),
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
        let newest = self.read_newest(now).await;
        // The first reading is news, also when nothing is there.
        self.news.newest |= newest.is_ok() && self.state.borrow().edition == 0;
        // Before the record was looked for nothing is known of what the models are worth.
        if self.is_tried {
            self.publish();
        }
        let record = if self.is_due(now) {
            self.read_record(now).await
        } else {
            Ok(())
        };
        self.is_tried = true;
        self.publish();
        newest.and(record)
    }

    /// Whether the record has to be looked at.
    fn is_due(&self, now: i64) -> bool {
        self.record_read
            .is_none_or(|at| now - at >= SELDOM || last_day(at) != last_day(now))
    }

    /// Each model's newest answer.
    async fn read_newest(&mut self, now: i64) -> Result<(), String> {
        let Subject {
            crunch_id,
            asset,
            horizon,
            ..
        } = self.subject.clone();
        let since = now.saturating_sub(self.age());
        let slots = since..now.saturating_add(APART);
        let read = self
            .store
            .newest_answers(&crunch_id, &asset, horizon, slots);
        let mut answers = self.within(read).await?;
        let before = self.newest.len();
        self.newest.retain(|_, (_, it)| it.at >= since);
        self.news.newest |= before != self.newest.len();
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
        self.news.newest |= !expected.is_empty();
        self.newest.extend(expected);
        let missing = self.look_for_cause(now).await?;
        self.news.newest |= missing != self.missing;
        self.missing = missing;
        Ok(())
    }

    /// Why no model answers, if none does and the database tells.
    async fn look_for_cause(&self, now: i64) -> Result<Option<Arc<str>>, String> {
        if !self.newest.is_empty() {
            return Ok(None);
        }
        if !self.is_due(now) {
            return Ok(self.missing.clone());
        }
        let asked = self
            .within(self.store.configs(&self.subject.crunch_id))
            .await?;
        let ours =
            |asset: &str, horizon| asset == self.subject.asset && horizon == self.subject.horizon;
        let mut asked = asked
            .iter()
            .map(|it| &it.config)
            .filter(|it| it.active && ours(&it.asset, it.horizon));
        let of = &self.subject;
        Ok(match asked.next() {
            None => Some(format!("no schedule asks for {of}: add one to predict.schedules").into()),
            Some(first) if first.best.is_some() && asked.all(|it| it.best.is_some()) => Some(
                format!("{of} is asked of the `best` models alone, which does not count: add a schedule without `best`").into(),
            ),
            Some(_) => None,
        })
    }

    /// The days' rounds with their scores: each day once, and again while it may change.
    async fn read_record(&mut self, now: i64) -> Result<(), String> {
        let (first, last) = (self.first_day(now), last_day(now));
        let days: Vec<i64> = (first..=last)
            .filter(|it| self.may_change(*it, now))
            .collect();
        for days in days.chunks(STRIDE) {
            let times: Vec<i64> = days.iter().map(|day| day * DAY + MORNING).collect();
            let Subject {
                crunch_id,
                asset,
                horizon,
                ..
            } = &self.subject;
            let read = self
                .store
                .answers_before(crunch_id, asset, *horizon, &times, self.age());
            let answers = self.within(read).await?;
            let subject = self.subject.clone();
            let mut read = decoded(move || {
                let mut read: BTreeMap<i64, Vec<Answered>> = BTreeMap::new();
                for it in &answers {
                    let day = (it.slot - MORNING).div_euclid(DAY) + 1;
                    read.entry(day)
                        .or_default()
                        .push(decode::answered(it, &subject));
                }
                read
            })
            .await?;
            for day in days {
                let answers = read.remove(day).unwrap_or_default();
                let known = self.daily.get(day).map_or(&[][..], Vec::as_slice);
                self.news.record |= !same(known, &answers);
                self.daily.insert(*day, answers);
            }
        }
        let before = self.daily.len();
        self.daily = self.daily.split_off(&first);
        self.news.record |= before != self.daily.len();
        self.record_read = Some(now);
        Ok(())
    }

    /// Whether a day is not known, or its answers or their scores may still come in.
    fn may_change(&self, day: i64, now: i64) -> bool {
        let Some(answers) = self.daily.get(&day) else {
            return true;
        };
        let waits = |it: &&Answered| {
            it.standing.is_none() && it.expected.log_return.is_finite() && it.due <= now
        };
        let due = answers.iter().filter(waits).map(|it| it.due).max();
        let its_turn = || (now.div_euclid(SELDOM) - day).rem_euclid(TURNS) == 0;
        now - (day * DAY + MORNING) < FRESH
            || due.is_some_and(|due| now - due < PROMPT || its_turn())
    }

    /// The first day of the record: it begins with a month (UTC), so that it stays the same within one.
    fn first_day(&self, now: i64) -> i64 {
        let oldest = now - i64::from(self.config.history_days) * DAY;
        let oldest = OffsetDateTime::from_unix_timestamp(oldest).ok();
        let first = oldest.and_then(|it| it.replace_day(1).ok());
        let first = first.map(|it| it.replace_time(Time::MIDNIGHT).unix_timestamp());
        first.unwrap_or(0).div_euclid(DAY)
    }

    /// How old an answer may be, in seconds.
    fn age(&self) -> i64 {
        let horizon = Duration::from_secs(self.subject.horizon.into());
        self.config.age(horizon)
    }

    /// Tells what is new.
    fn publish(&mut self) {
        let News { newest, record } = self.news;
        // Nothing is known of an absence before the answers could be read.
        if !(newest || record && self.state.borrow().edition > 0) {
            return;
        }
        let before = self.state.borrow().clone();
        let mut answers: Vec<_> = self.newest.values().map(|(_, it)| it.clone()).collect();
        answers.sort_by(|a, b| a.model.cmp(&b.model));
        let mut state = NetworkState {
            edition: before.edition + 1,
            newest: answers.into(),
            missing: self.missing.clone(),
            ..before
        };
        if record {
            let round = |(day, answers): (&i64, &Vec<Answered>)| Round {
                at: day * DAY + MORNING,
                answers: answers.iter().map(|it| it.expected.clone()).collect(),
            };
            let scores = self.daily.values().flatten();
            let scores =
                scores.filter_map(|it| Some((Arc::clone(&it.expected.model), it.standing?)));
            state.record += 1;
            state.standings = Arc::new(Standings::new(scores, self.config.score_half_life));
            let heard = self.daily.iter().filter(|(_, answers)| !answers.is_empty());
            state.daily = heard.map(round).collect();
        }
        self.state.send_replace(state);
        self.news = News::default();
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

/// The newest day whose forecast is made.
const fn last_day(now: i64) -> i64 {
    (now - MORNING).div_euclid(DAY)
}

fn same(a: &[Answered], b: &[Answered]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(b))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
