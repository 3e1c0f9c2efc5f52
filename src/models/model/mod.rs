//! One run of a model: a task that keeps it connected, set up and up to date, and the calls.

mod ask;
mod counters;
mod evidence;
mod exchange;
mod life;
mod replay;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicUsize},
    time::Duration,
};

use prost::bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::counters::{Counters, Judgement};
pub(super) use self::{
    ask::{Turn, ask},
    evidence::Evidence,
};
pub use self::{
    evidence::Subject,
    replay::{Instance, NoReplay, Replay},
};
use super::{
    FailureCode, ModelInfo, ModelsConfig, ModelsError,
    item::Address,
    proto::dynamic_subclass::SetupRequest,
    roster::RunId,
    status::Blame,
    wire::{Connection, Security, Target, framed},
};

/// What all runs of a network share.
pub(super) struct Common {
    pub(super) config: ModelsConfig,
    security: Arc<Security>,
    replay: Arc<dyn Replay>,
    setup: Bytes,
    /// Limits how many are brought up to date at once.
    replays: Semaphore,
    /// Limits how many connections are opened at once.
    connects: Semaphore,
    pub(super) evidence: Evidence,
    notes: mpsc::UnboundedSender<Note>,
}

/// What a run tells the network.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) run: RunId,
    pub(super) info: Arc<ModelInfo>,
    pub(super) news: News,
}

#[derive(Debug)]
pub(super) enum News {
    /// It can be called.
    Ready,
    /// Its server holds an instance, new or found there at the first visit.
    SetUp(Instance),
    /// It was brought up to date; or not, and why.
    Replayed(Result<Duration, String>),
    /// It can't be reached since so long.
    Unreachable { since: Duration, cause: String },
    /// It can't be reached for too long.
    Lost { since: Duration, cause: String },
    /// It lacks something that no model has shown so far; so do this many.
    Accused {
        subject: Subject,
        count: usize,
        words: String,
    },
    /// It is disconnected.
    Failed { code: FailureCode, reason: String },
    /// What it lacks can be had, as another run has just shown.
    Convicted(Vec<(RunId, String)>),
    /// Our credentials are not taken.
    Unauthenticated(String),
}

/// What a run is at.
#[derive(Clone, Debug)]
enum Phase {
    /// There is no connection.
    Away(Arc<str>),
    /// Its instance is being made or brought up to date.
    Preparing,
    /// It can be called. The number changes with each instance.
    Ready(Connection, u64),
    /// It is not called any more.
    Over(Arc<str>),
}

/// One run of a model.
pub(super) struct Run {
    pub(super) id: RunId,
    info: RwLock<Arc<ModelInfo>>,
    target: Arc<Target>,
    common: Arc<Common>,
    counters: Mutex<Counters>,
    phase: watch::Sender<Phase>,
    /// A server takes one call at a time, and refuses others.
    gate: Semaphore,
    /// Its first holder is the next to pass the gate; the task that sets it up does not need a turn.
    turns: Arc<Semaphore>,
    queued: AtomicUsize,
    /// It should be asked for a sign of life.
    doubted: Notify,
    /// Its server holds no instance.
    emptied: Notify,
    cancel: CancellationToken,
    /// Ends what is under way.
    cut: CancellationToken,
}

impl Common {
    /// `config` must have been checked.
    pub(super) fn new(
        config: ModelsConfig,
        replay: Arc<dyn Replay>,
        notes: mpsc::UnboundedSender<Note>,
    ) -> Result<Self, ModelsError> {
        /// Connections that are opened at once; each may take seconds.
        const CONNECTS: usize = 256;
        let class_name = config.base_class.trim().to_owned();
        Ok(Self {
            security: Arc::new(Security::load(&config)?),
            replay,
            setup: framed(&SetupRequest {
                class_name,
                ..SetupRequest::default()
            }),
            replays: Semaphore::new(config.replays),
            connects: Semaphore::new(CONNECTS),
            evidence: Evidence::default(),
            notes,
            config,
        })
    }

    fn base_class(&self) -> Subject {
        Subject::BaseClass(self.config.base_class.clone())
    }
}

impl Run {
    /// Starts a run's task.
    pub(super) fn start(
        common: &Arc<Common>,
        id: RunId,
        info: Arc<ModelInfo>,
        address: Address,
        cancel: CancellationToken,
    ) -> Arc<Self> {
        let config = &common.config;
        let target = Target {
            host: address.host,
            port: address.port,
            model_id: info.model_id.clone(),
            security: Arc::clone(&common.security),
        };
        let (max_failures, max_timeouts) = (
            config.max_consecutive_failures,
            config.max_consecutive_timeouts,
        );
        let run = Arc::new(Self {
            id,
            info: RwLock::new(info),
            target: Arc::new(target),
            common: Arc::clone(common),
            counters: Mutex::new(Counters::new(max_failures, max_timeouts)),
            phase: watch::Sender::new(Phase::Away("it was not connected yet".into())),
            gate: Semaphore::new(1),
            turns: Arc::new(Semaphore::new(1)),
            queued: AtomicUsize::new(0),
            doubted: Notify::new(),
            emptied: Notify::new(),
            cancel,
            cut: CancellationToken::new(),
        });
        tokio::spawn(life::live(Arc::clone(&run)));
        run
    }

    /// Who it is, by the latest news.
    pub(super) fn info(&self) -> Arc<ModelInfo> {
        Arc::clone(&self.info.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn inform(&self, info: Arc<ModelInfo>) {
        *self.info.write().unwrap_or_else(PoisonError::into_inner) = info;
    }

    /// Where its server is.
    pub(super) fn address(&self) -> Address {
        Address {
            host: self.target.host.clone(),
            port: self.target.port,
        }
    }

    /// Lets the run go. Calls that are under way may still be answered.
    pub(super) fn stop(&self) {
        self.cancel.cancel();
        self.common.evidence.forget(self.id);
    }

    /// Disconnects the run at once.
    pub(super) fn disconnect(&self) {
        let over = Phase::Over("it was disconnected".into());
        self.phase.send_replace(over);
        self.cut.cancel();
        self.stop();
    }

    fn note(&self, news: News) {
        // Without a network nobody needs to know.
        let _ = self.common.notes.send(Note {
            run: self.id,
            info: self.info(),
            news,
        });
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books how a call of a method went, and does what follows.
    fn settle(&self, method: &str, blame: Option<Blame>, words: &str) {
        let judgement = self.counters().settle(method, blame);
        match judgement {
            Judgement::Fine => {}
            Judgement::Doubt => self.doubted.notify_one(),
            Judgement::Disconnect(code) => self.fail(code, words.to_owned()),
        }
    }

    fn fail(&self, code: FailureCode, reason: String) {
        self.note(News::Failed { code, reason });
    }

    /// It has what is in question.
    fn prove(&self, subject: &Subject) {
        let convicted = self.common.evidence.prove(subject, self.id);
        if !convicted.is_empty() {
            self.note(News::Convicted(convicted));
        }
    }

    /// It lacks what is in question: its own fault, or that of the configuration.
    fn accuse(&self, subject: Subject, words: &str) {
        match self.common.evidence.accuse(&subject, self.id, words) {
            evidence::Finding::Guilty => {
                self.fail(FailureCode::BadImplementation, words.to_owned());
            }
            evidence::Finding::Open(count) => {
                self.note(News::Accused {
                    subject,
                    count,
                    words: words.to_owned(),
                });
            }
        }
    }
}
