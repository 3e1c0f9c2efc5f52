//! Keeps the list of models current: what the orchestrator announces and what the models' own tasks
//! tell come together here. It never waits for a model.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    FailureCode, Left, ModelInfo, NetworkEvent, Ours, Subject,
    circle::Circle,
    item::Address,
    model::{Common, News, Note, Run},
    orchestrator::{Heard, Report},
    roster::{Roster, RunId, Step},
};

/// Who can be called, published after each change.
#[derive(Clone, Default)]
pub(super) struct Standing {
    pub(super) is_listed: bool,
    pub(super) serving: Arc<[Arc<Run>]>,
    pub(super) joining: usize,
    /// All models that the orchestrator lists, ours or not; none before it has.
    pub(super) listed: Option<Arc<[String]>>,
}

/// The task that keeps the list.
pub(super) struct Keeper {
    common: Arc<Common>,
    /// All that the orchestrator lists, and which of it is ours: the roster holds that alone.
    circle: Circle,
    roster: Roster,
    runs: HashMap<RunId, Arc<Run>>,
    /// Runs that have neither become ready nor failed once.
    joining: HashSet<RunId>,
    /// Runs whose connection holds, as far as is known.
    reachable: HashSet<RunId>,
    /// Subjects that every model lacks, which was told.
    mistakes: HashSet<Subject>,
    is_listed: bool,
    standings: watch::Sender<Standing>,
    events: broadcast::Sender<NetworkEvent>,
    reports: mpsc::UnboundedSender<Report>,
    cancel: CancellationToken,
}

impl Keeper {
    pub(super) fn new(
        common: Arc<Common>,
        standings: watch::Sender<Standing>,
        events: broadcast::Sender<NetworkEvent>,
        reports: mpsc::UnboundedSender<Report>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            common,
            circle: Circle::default(),
            roster: Roster::default(),
            runs: HashMap::new(),
            joining: HashSet::new(),
            reachable: HashSet::new(),
            mistakes: HashSet::new(),
            is_listed: false,
            standings,
            events,
            reports,
            cancel,
        }
    }

    /// Runs until it is cancelled.
    pub(super) async fn run(
        mut self,
        mut heard: mpsc::Receiver<Heard>,
        mut noted: mpsc::UnboundedReceiver<Note>,
        mut ours: watch::Receiver<Ours>,
    ) {
        let cancel = self.cancel.clone();
        self.confine(&mut ours);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                Ok(()) = ours.changed() => self.confine(&mut ours),
                Some(heard) = heard.recv() => self.hear(heard),
                Some(note) = noted.recv() => {
                    self.take(note);
                    // Many models may tell something at once: the list is published once for all.
                    while let Ok(note) = noted.try_recv() {
                        self.take(note);
                    }
                }
            }
            self.publish();
        }
        for run in self.runs.values() {
            run.disconnect();
        }
    }

    /// Other models are ours from now on.
    fn confine(&mut self, ours: &mut watch::Receiver<Ours>) {
        let ours = ours.borrow_and_update().clone();
        let (gone, come) = self.circle.confine(ours);
        for model in gone {
            let steps = self.roster.hand_over(&model);
            self.do_all(steps);
        }
        let steps = self.roster.update(&come);
        self.do_all(steps);
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Listed(items) => {
                let items = self.circle.list(items);
                let steps = self.roster.list(items);
                self.do_all(steps);
                self.is_listed = true;
                let models = self.roster.models();
                self.tell(NetworkEvent::Listed { models });
            }
            Heard::Updated(items) => {
                let items = self.circle.update(items);
                let steps = self.roster.update(&items);
                self.do_all(steps);
            }
            Heard::Reported(Report { model_id, code, .. }) => {
                self.tell(NetworkEvent::Reported { model_id, code });
            }
            Heard::Lost { cause, retry_in } => {
                self.tell(NetworkEvent::OrchestratorLost { cause, retry_in });
            }
            Heard::Odd(what) => self.tell(NetworkEvent::Odd(what)),
        }
    }

    fn do_all(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Start {
                    run: id,
                    info,
                    address,
                } => {
                    let cancel = self.cancel.child_token();
                    let run = Run::start(&self.common, id, info, address, cancel);
                    self.runs.insert(id, run);
                    self.joining.insert(id);
                }
                Step::Stop { run, info, why } => self.let_go(run, info, why),
                Step::Inform { run, info } => {
                    if let Some(run) = self.runs.get(&run) {
                        run.inform(Arc::clone(&info));
                    }
                    self.tell(NetworkEvent::Renamed(info));
                }
            }
        }
    }

    fn let_go(&mut self, id: RunId, model: Arc<ModelInfo>, why: Left) {
        self.joining.remove(&id);
        self.reachable.remove(&id);
        if let Some(run) = self.runs.remove(&id) {
            if why == Left::Disconnected {
                run.disconnect();
            } else {
                run.stop();
            }
        }
        self.tell(NetworkEvent::Left { model, why });
    }

    fn take(
        &mut self,
        Note {
            run: id,
            info: model,
            news,
        }: Note,
    ) {
        if !self.runs.contains_key(&id) {
            // It was let go meanwhile.
            return;
        }
        match news {
            News::Ready => {
                self.reachable.insert(id);
                let is_new = !self.roster.serving().any(|serving| serving == id);
                self.joining.remove(&id);
                let steps = self.roster.ready(&model.model_id, id);
                if is_new {
                    self.tell(NetworkEvent::Joined(model));
                }
                self.do_all(steps);
            }
            News::SetUp(instance) => self.tell(NetworkEvent::SetUp { model, instance }),
            News::Replayed(result) => self.tell(NetworkEvent::Replayed { model, result }),
            News::Unreachable { since, cause } => {
                self.joining.remove(&id);
                self.reachable.remove(&id);
                self.tell(NetworkEvent::Unreachable {
                    model,
                    since,
                    cause,
                });
            }
            News::Lost { since, cause } => {
                self.joining.remove(&id);
                self.reachable.remove(&id);
                let reason = format!("not reachable for {} s: {cause}", since.as_secs());
                self.tell(NetworkEvent::Unreachable {
                    model: Arc::clone(&model),
                    since,
                    cause: cause.clone(),
                });
                if self.roster.models() > 1 && self.reachable.is_empty() {
                    self.tell(NetworkEvent::NobodyReachable { cause });
                } else {
                    let code = FailureCode::ConnectionFailed;
                    self.tell(NetworkEvent::Failed {
                        model,
                        code,
                        reason: reason.clone(),
                    });
                    self.report(id, code, reason);
                }
            }
            News::Accused {
                subject,
                count,
                words,
            } => {
                self.joining.remove(&id);
                if count >= self.peers(&subject) && self.mistakes.insert(subject.clone()) {
                    self.tell(NetworkEvent::OurMistake {
                        subject,
                        models: count,
                        words,
                    });
                }
            }
            News::Failed { code, reason } => self.fail(id, &model, code, reason),
            News::Convicted(convicted) => {
                for (id, words) in convicted {
                    if let Some(model) = self.runs.get(&id).map(|run| run.info()) {
                        self.fail(id, &model, FailureCode::BadImplementation, words);
                    }
                }
            }
            News::Unauthenticated(cause) => {
                self.joining.remove(&id);
                self.tell(NetworkEvent::Unauthenticated { model, cause });
            }
        }
    }

    /// How many models could speak for or against a subject.
    fn peers(&self, subject: &Subject) -> usize {
        match subject {
            Subject::BaseClass(_) => self.roster.models(),
            Subject::Method(_) => self.roster.serving().count(),
        }
    }

    /// A run failed for good.
    fn fail(&mut self, id: RunId, model: &Arc<ModelInfo>, code: FailureCode, reason: String) {
        let event = NetworkEvent::Failed {
            model: Arc::clone(model),
            code,
            reason: reason.clone(),
        };
        self.tell(event);
        self.report(id, code, reason);
        self.roster.give_up(&model.model_id, id);
        self.let_go(id, Arc::clone(model), Left::Disconnected);
    }

    fn report(&self, id: RunId, code: FailureCode, reason: String) {
        if !self.common.config.report_failure {
            return;
        }
        let Some(run) = self.runs.get(&id) else {
            return;
        };
        let info = run.info();
        let Address { host, .. } = run.address();
        let report = Report {
            model_id: info.model_id.clone(),
            deployment_id: info.deployment_id.clone(),
            ip: host,
            code,
            reason,
        };
        // Without the socket's task everything ends.
        let _ = self.reports.send(report);
    }

    fn publish(&mut self) {
        let serving = self
            .roster
            .serving()
            .filter_map(|id| self.runs.get(&id).cloned())
            .collect();
        self.standings.send_replace(Standing {
            is_listed: self.is_listed,
            serving,
            joining: self.joining.len(),
            listed: self.is_listed.then(|| self.circle.listed()),
        });
    }

    fn tell(&self, event: NetworkEvent) {
        // Nobody need listen.
        let _ = self.events.send(event);
    }
}
