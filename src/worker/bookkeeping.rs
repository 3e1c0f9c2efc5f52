//! What is noted beside the path for those who ask how the worker has done: when it ran, by what rule its
//! topics open windows, and how the chain scores it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{MissedTickBehavior, interval, timeout},
};

use super::{Bystander, Chain, gaps::Gaps, parts::Tally};
use crate::{
    clock::SharedClock,
    ops::{Event, GaugeEvent, Reporter, Stamped, StandbyEvent},
    store::{Run, RunRepository, Terms, Wallet, mark},
    types::{Height, TopicId},
};

/// A sign of life each minute.
const BEAT: Duration = Duration::from_mins(1);
/// How often topics are asked how they open windows: it changes seldom.
const LOOK: Duration = Duration::from_mins(30);
/// How often it is looked whether a window could be answered, and how often at most where the clock runs fast.
const GLANCE: Duration = Duration::from_secs(5);
const LEAST_GLANCE: Duration = Duration::from_millis(250);
/// How long one question, or one note, may take.
const BOUND: Duration = Duration::from_secs(20);
/// How long the note of the end may take.
const LAST: Duration = Duration::from_secs(2);

/// Tells what stands in the way of an answer now, in one word.
pub type Hindered = Arc<dyn Fn(OffsetDateTime) -> Option<&'static str> + Send + Sync>;

/// Keeps the row of this run, and of the times in which it was not ready.
pub struct Bookkeeper {
    runs: Arc<dyn RunRepository>,
    wallet: Wallet,
    clock: SharedClock,
    run: Mutex<Run>,
    hindered: Hindered,
    gaps: tokio::sync::Mutex<Gaps>,
}

impl Bookkeeper {
    /// For a run that began `age` ago, and is ready but for what `hindered` tells.
    #[must_use]
    pub fn new(
        runs: Arc<dyn RunRepository>,
        wallet: Wallet,
        clock: SharedClock,
        age: Duration,
        hindered: Hindered,
    ) -> Self {
        let now = clock.now();
        let run = Run {
            id: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: now - age,
            ready: None,
            seen: now,
            ended: None,
            why: None,
            first_mark: None,
            last_mark: None,
        };
        Self {
            runs,
            wallet,
            clock,
            run: Mutex::new(run),
            hindered,
            gaps: tokio::sync::Mutex::default(),
        }
    }

    /// Notes the start, then a sign of life each minute, and at once when the worker is ready. What the
    /// disk refuses is noted the next time.
    pub async fn run(&self, mut heard: Receiver<Arc<Stamped>>) {
        let mut beats = interval(self.clock.timer(BEAT));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut glances = interval(self.clock.timer(GLANCE).max(LEAST_GLANCE));
        glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => self.note(BOUND).await,
                _ = glances.tick() => self.glance().await,
                told = heard.recv() => match told {
                    Ok(told) => if self.hear(&told) {
                        self.note(BOUND).await;
                    },
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
            }
        }
    }

    /// Notes when readiness is lost, and when it is back.
    async fn glance(&self) {
        let (id, is_ready) = {
            let run = self.held();
            (run.id, run.ready.is_some())
        };
        if id == 0 || !is_ready {
            return;
        }
        let now = self.clock.now();
        let mut gaps = self.gaps.lock().await;
        gaps.see((self.hindered)(now), id, now);
        let noting = gaps.note(&*self.runs);
        let _later = timeout(BOUND, noting).await;
    }

    /// Notes the end.
    pub async fn close(&self, why: &str) {
        {
            let mut run = self.held();
            run.ended = Some(self.clock.now());
            run.why = Some(why.to_owned());
        }
        self.note(LAST).await;
    }

    /// Whether it is to be noted at once.
    fn hear(&self, told: &Stamped) -> bool {
        let mut run = self.held();
        match &told.event {
            Event::Ready { .. } | Event::Standby(StandbyEvent::StandbyWaiting { .. }) => {
                let is_first = run.ready.is_none();
                run.ready.get_or_insert(told.at);
                is_first
            }
            Event::Gauge(GaugeEvent::Head { height, .. }) => {
                let heard = mark(*height, told.at);
                if run.first_mark.is_none() {
                    run.first_mark = heard;
                }
                run.last_mark = heard.or(run.last_mark);
                false
            }
            _ => false,
        }
    }

    async fn note(&self, bound: Duration) {
        let mut run = self.held().clone();
        run.seen = self.clock.now();
        let noting = async {
            if run.id == 0 {
                run.id = self.runs.begin(&self.wallet, &run).await?;
                self.held().id = run.id;
            }
            self.runs.keep(&run).await
        };
        // A disk that refuses is told of by those who need it.
        let _later = timeout(bound, noting).await;
    }

    fn held(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes how the topics open windows, at once and whenever it changes.
pub async fn follow_terms(chain: Arc<Chain>, runs: Arc<dyn RunRepository>, clock: SharedClock) {
    let quiet = Bystander::timed(Arc::clone(&chain), &clock);
    let topics: Vec<TopicId> = chain.topics.iter().map(|topic| TopicId(topic.id)).collect();
    let mut looks = interval(clock.timer(LOOK));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        for &topic in &topics {
            let _turn = quiet.turn().await;
            let asked = timeout(BOUND, terms(&chain, topic)).await;
            if let Ok(Some(terms)) = asked {
                let noting = runs.note_terms(&chain.network.chain_id, &terms, clock.now());
                let _later = timeout(BOUND, noting).await;
            }
        }
    }
}

/// A topic's terms at the newest height; none while the chain can't be asked.
async fn terms(chain: &Chain, id: TopicId) -> Option<Terms> {
    let status = chain.emissions.window_status(id, chain.signer.address());
    let status = status.await.ok()?;
    let topic = chain.emissions.topic(id).await.ok()??;
    let head: Height = *chain.rpc.heads().borrow();
    let opened = topic.epoch_last_ended;
    Some(Terms {
        topic: id,
        height: head.0.max(opened),
        epoch: topic.epoch_length,
        blocks: topic.worker_submission_window,
        is_active: status.is_active,
        last_opened: (opened > 0).then_some(opened),
    })
}

/// Tells how the chain scores the wallet, after each window's end.
pub async fn follow_scores(
    chain: Arc<Chain>,
    mut tally: watch::Receiver<Tally>,
    reporter: Reporter,
    clock: SharedClock,
) {
    let quiet = Bystander::timed(Arc::clone(&chain), &clock);
    loop {
        if reporter.is_heard() {
            for topic in chain.topics.iter().map(|topic| TopicId(topic.id)) {
                let _turn = quiet.turn().await;
                let asked = chain.emissions.score_ema(topic, chain.signer.address());
                if let Ok(Ok(score)) = timeout(BOUND, asked).await {
                    let reading = GaugeEvent::Score {
                        topic,
                        ema: score.map(|(ema, _)| ema),
                        nonce: score.map(|(_, nonce)| nonce.0),
                    };
                    reporter.emit(reading.into());
                }
            }
        }
        if tally.changed().await.is_err() {
            // The submitter has ended, and the group ends with it.
            return std::future::pending().await;
        }
    }
}
