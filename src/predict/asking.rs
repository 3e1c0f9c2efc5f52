//! The asking side: makes each round when it is due. Rounds wait neither for each other, nor for ticks,
//! nor for the database.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    Facts, PredictConfig, Quotes, Roll, ScheduleConfig, Scope, Sharing, StoreWatch,
    arrivals::Arrivals,
    configs::Configs,
    library::{Library, Reading},
    round::{Asker, call_of},
    schedule::{Due, Timetable},
    whom::Whom,
};
use crate::{
    clock::{SharedClock, nap},
    failpoint::stall,
    models::{MethodConfig, ModelNetwork, ModelsError},
    ops::{Event, PredictEvent, Reporter},
    pulse::Pulse,
    store::{ConfigKey, PredictionConfig},
};

/// The longest sleep: a clock that was set, or a host that was suspended, is noticed after this.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);
/// The longest while models are waited for that were taken over.
const SHORT_SLEEP: Duration = Duration::from_millis(50);
/// Rounds of one config that may be under way at once; hanging models keep them open until the call's
/// deadline.
const MOST_OPEN: usize = 64;
/// How long the first round waits for the database, which knows what was done before.
const FIRST_READING: Duration = Duration::from_secs(10);

/// What the asking side is made of.
pub struct AskingParts {
    /// The crunch.
    pub crunch_id: String,
    /// Section `[predict]`.
    pub settings: PredictConfig,
    /// What models can be asked for, by the prices that they are told.
    pub scope: Scope,
    /// The method that gives a prediction.
    pub method: MethodConfig,
    /// The models.
    pub network: Arc<ModelNetwork>,
    /// Who they are.
    pub roll: Arc<Roll>,
    /// What they were told.
    pub quotes: Arc<dyn Quotes>,
    /// Takes what is to be stored.
    pub facts: Arc<dyn Facts>,
    /// Tells when rounds are due.
    pub clock: SharedClock,
    /// How many seconds the clock advances in a second: 1 but in a replay.
    pub speed: f64,
    /// Takes what is to be told.
    pub reporter: Reporter,
    /// The database, once it is there.
    pub stores: StoreWatch,
    /// Rounds that are done and wait in the outbox.
    pub performed: HashMap<ConfigKey, i64>,
    /// Which models are this worker's, where several share them.
    pub sharing: Option<Sharing>,
}

/// Makes rounds when they are due.
pub struct Asking {
    asker: Arc<Asker>,
    speed: f64,
    patience: Duration,
    table: Timetable,
    configs: Configs,
    library: Library,
    /// With others at work a slot that is done says nothing of this worker's models.
    arrivals: Option<Arrivals>,
    /// The newest slot of which it is known that this worker or another made a round.
    made: HashMap<ConfigKey, i64>,
    /// The best performers, best first; none while nobody knows.
    best: Vec<String>,
    rounds: JoinSet<()>,
    open: HashMap<Id, ConfigKey>,
    /// Those that wait for the best performers to be known, which was told.
    waiting: HashSet<ConfigKey>,
    life: Pulse,
}

impl Asking {
    /// Prepares rounds of the configuration's schedules.
    ///
    /// # Errors
    /// When the method is configured with an argument that is not known here.
    pub fn new(parts: AskingParts) -> Result<Self, ModelsError> {
        let declared = parts.settings.schedules.iter().map(ScheduleConfig::stored);
        let declared: Vec<_> = declared.collect();
        let limit = parts.settings.answer_limit();
        for config in &declared {
            call_of(&parts.method, parts.settings.answers, limit, config)?;
        }
        let mut table = Timetable::default();
        if parts.sharing.is_none() {
            for (key, slot) in &parts.performed {
                table.performed(key, *slot);
            }
        }
        let asker = Asker {
            crunch_id: parts.crunch_id.clone(),
            method: parts.method,
            answers: parts.settings.answers,
            limit,
            network: parts.network,
            roll: parts.roll,
            quotes: parts.quotes,
            facts: parts.facts,
            clock: Arc::clone(&parts.clock),
            reporter: parts.reporter.clone(),
        };
        let library = Library {
            crunch_id: parts.crunch_id,
            declared: declared.clone(),
            performance: parts.settings.performance,
            clock: parts.clock,
            reporter: parts.reporter,
            stores: parts.stores,
        };
        let mut asking = Self {
            asker: Arc::new(asker),
            speed: parts.speed,
            patience: FIRST_READING,
            table,
            configs: Configs::new(parts.scope),
            library,
            arrivals: parts.sharing.map(Arrivals::new),
            made: parts.performed,
            best: Vec::new(),
            rounds: JoinSet::new(),
            open: HashMap::new(),
            waiting: HashSet::new(),
            life: Pulse::unwatched(),
        };
        let (good, complaints) = asking.configs.sift(declared);
        asking.adopt(good, complaints);
        Ok(asking)
    }

    /// Gives signs of life there.
    #[must_use]
    pub fn watched(mut self, life: Pulse) -> Self {
        self.life = life;
        self
    }

    /// How many predictions are asked for again and again.
    #[must_use]
    pub fn schedules(&self) -> usize {
        self.table.len()
    }

    /// Makes rounds until it is cancelled. It is begun when models have been told the past: the first
    /// rounds are due at once. Rounds that are under way at the end are given up, and made again at
    /// the next start. Once the market is `over`, no round becomes due any more: it ends when those that
    /// are due by then are done.
    pub async fn run(mut self, cancel: CancellationToken, over: CancellationToken) {
        let (tell, mut readings) = mpsc::channel(1);
        let mut reader = tokio::spawn(self.library.clone().read(tell));
        tokio::select! {
            () = cancel.cancelled() => {}
            reading = self.life.during(timeout(self.patience, readings.recv())) => {
                if let Ok(Some(reading)) = reading {
                    self.take(reading);
                }
            }
        }
        let clock = Arc::clone(&self.asker.clock);
        while !cancel.is_cancelled() {
            self.life.beat();
            stall("rounds").await;
            let is_over = over.is_cancelled();
            if let Some(arrivals) = &mut self.arrivals {
                arrivals.look();
            }
            let now = self.now();
            for due in self.table.due(now) {
                self.begin(due);
            }
            self.welcome(now);
            if is_over && self.open.is_empty() {
                break;
            }
            let pause = self.pause();
            tokio::select! {
                () = cancel.cancelled() => {}
                Some(reading) = readings.recv() => self.take(reading),
                Some(ended) = self.rounds.join_next_with_id() => self.ended(ended),
                _ = &mut reader => break,
                () = over.cancelled(), if !is_over => {}
                () = nap(&*clock, pause) => {}
            }
        }
        reader.abort();
        self.rounds.shutdown().await;
    }

    fn now(&self) -> i64 {
        self.asker.clock.now().unix_timestamp()
    }

    /// Until the next slot, or until it is time to look at the clock again.
    fn pause(&self) -> Duration {
        let longest = match &self.arrivals {
            Some(arrivals) if arrivals.is_waiting() => SHORT_SLEEP,
            _ => LONGEST_SLEEP,
        };
        let now = self.asker.clock.now();
        let Some(next) = self.table.next(now.unix_timestamp()) else {
            return longest;
        };
        let ahead = next as f64 - now.unix_timestamp_nanos() as f64 / 1e9;
        let pause = Duration::try_from_secs_f64(ahead / self.speed).unwrap_or(longest);
        pause.clamp(Duration::from_millis(1), longest)
    }

    fn begin(&mut self, due: Due) {
        let open = self.open.values().filter(|key| **key == due.key).count();
        if open >= MOST_OPEN {
            return;
        }
        if due.config.best.is_some() && self.best.is_empty() {
            return self.wait_for_the_best(&due.key);
        }
        let only = self.only(&due.config);
        let whom = match &self.arrivals {
            Some(arrivals) => arrivals.whom(only),
            None => Whom::only(only),
        };
        self.waiting.remove(&due.key);
        self.table.begin(&due);
        if whom.is_nobody() {
            return;
        }
        if due.missed > 0 {
            self.tell_missed(&due);
        }
        let key = due.key.clone();
        self.note_made(&key, due.slot);
        let task = self.rounds.spawn(Arc::clone(&self.asker).ask(due, whom));
        self.open.insert(task.id(), key);
    }

    /// The best of a subset; none when all are asked.
    fn only(&self, config: &PredictionConfig) -> Option<HashSet<String>> {
        let most = usize::try_from(config.best?).unwrap_or(usize::MAX);
        Some(self.best.iter().take(most).cloned().collect())
    }

    /// Asks models that were taken over for what the newest rounds lack of them.
    fn welcome(&mut self, now: i64) {
        let Some(arrivals) = &mut self.arrivals else {
            return;
        };
        let Some(come) = arrivals.come(&self.asker.network) else {
            return;
        };
        let rounds = self.table.newest(now).into_iter();
        let rounds = rounds.map(|due| (self.lack(&come.models, &due, now), due));
        let rounds = rounds.filter(|(models, _)| !models.is_empty());
        let rounds = rounds.map(|(models, due)| (due, models)).collect();
        let Some(arrivals) = &self.arrivals else {
            return;
        };
        let asking = arrivals.ask(Arc::clone(&self.asker), come, rounds);
        let task = self.rounds.spawn(asking);
        let key = ConfigKey("models that were taken over".into());
        self.open.insert(task.id(), key);
    }

    /// Which models that have come may lack a part of a round: all, when nobody made it; of one that was
    /// made, those that were there when it was due, while they may have been on their way. A model that
    /// is new or was away waits for the next slot, as it does where nothing is shared.
    fn lack(&self, come: &[String], due: &Due, now: i64) -> HashSet<String> {
        let only = self.only(&due.config);
        // As in the timetable, one that lies far ahead is not believed.
        let believable = due.slot..=now + i64::from(due.config.interval);
        let made = self.made.get(&due.key);
        let is_made = made.is_some_and(|made| believable.contains(made));
        let limit = self.arrivals.as_ref().map(Arrivals::moves_within);
        let is_late = limit.is_none_or(|it| (now - due.slot).unsigned_abs() > it.as_secs());
        let there = |model: &String| {
            let first_seen = self.asker.roll.first_seen(model);
            first_seen.is_some_and(|at| at.unix_timestamp() <= due.slot)
        };
        let lack = come.iter().filter(|model| {
            only.as_ref().is_none_or(|only| only.contains(*model))
                && (!is_made || (!is_late && there(model)))
        });
        lack.cloned().collect()
    }

    fn note_made(&mut self, key: &ConfigKey, slot: i64) {
        let made = self.made.entry(key.clone()).or_insert(slot);
        *made = slot.max(*made);
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let key = self.open.remove(&id);
        if let (Err(error), Some(key)) = (ended, key) {
            self.emit(Event::Trouble {
                cause: format!("a round of {key} broke off: {error}"),
                remedy: "the next round is made when it is due; report this with the output log"
                    .into(),
            });
        }
    }

    fn tell_missed(&self, due: &Due) {
        let cause = if due.is_running {
            "the worker was held up, the clock was set forward, or earlier rounds were still open"
        } else {
            "the worker was away"
        };
        let event = PredictEvent::RoundsMissed {
            config: due.key.0.clone(),
            rounds: due.missed,
            cause: cause.into(),
        };
        self.emit(event.into());
    }

    fn wait_for_the_best(&mut self, key: &ConfigKey) {
        if self.waiting.insert(key.clone()) {
            self.emit(Event::Notice {
                cause: format!("{key} waits: the best performers are not known yet"),
                remedy: "they are known once the database is there and models have answered; other schedules go on".into(),
            });
        }
    }

    fn take(&mut self, reading: Reading) {
        let (good, complaints, slots) = self.configs.sift_rows(reading.rows);
        for (key, slot) in slots {
            self.note_made(&key, slot);
            if self.arrivals.is_none() {
                self.table.performed(&key, slot);
            }
        }
        self.adopt(good, complaints);
        if let Some(best) = reading.best {
            self.best = best;
        }
    }

    fn adopt(&mut self, good: Vec<PredictionConfig>, complaints: Vec<String>) {
        for cause in complaints {
            let remedy = "correct predict.schedules, or the row in the database".into();
            self.emit(Event::Notice { cause, remedy });
        }
        self.table.set(good);
    }

    fn emit(&self, event: Event) {
        self.asker.reporter.emit(event);
    }
}

#[cfg(test)]
#[path = "asking_tests.rs"]
mod tests;
