//! The task that keeps a worker's share of the models.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{alone::AloneNote, standing::Standing};
use crate::{
    models::Ours,
    ops::{Event, PredictEvent, Reporter},
    predict::{Roll, SharedBook, heard::Stage},
    pulse::Pulse,
    store::{Beat, Down, Held, Known, LeaseRepository, Sign},
};

/// How often it is looked whether the orchestrator has listed its models.
const LOOK: Duration = Duration::from_millis(50);
/// How long the leases may take to be given back at the end.
const FAREWELL: Duration = Duration::from_secs(2);
/// After another's lapse, so that it has lapsed for the server, too.
const SURELY: Duration = Duration::from_millis(20);
/// Ids in an event.
const MOST_IDS: usize = 10;
/// How often it is told that nothing can be held.
const REPEAT: Duration = Duration::from_secs(600);

/// What a share is kept with.
pub struct ShareParts {
    /// The crunch.
    pub crunch_id: String,
    /// This worker's name among the others; see [`worker_name`].
    ///
    /// [`worker_name`]: super::worker_name
    pub name: String,
    /// `predict.heartbeat`
    pub heartbeat: Duration,
    /// `predict.down_within`
    pub down_within: Duration,
    /// Where it is noted that this worker was alone.
    pub note: PathBuf,
    /// `predict.absent_within`
    pub absent_within: Duration,
    /// Keeps the leases.
    pub leases: Arc<dyn LeaseRepository>,
    /// The ids of all models that the orchestrator lists; none before it has.
    pub listed: Arc<dyn Fn() -> Option<Arc<[String]>> + Send + Sync>,
    /// Learns what is known of models that are taken over.
    pub roll: Arc<Roll>,
    /// Knows which models were told the past.
    pub book: Arc<SharedBook>,
    /// Takes which models are ours. It should hold an empty set before.
    pub ours: watch::Sender<Ours>,
    /// Takes what is to be told.
    pub reporter: Reporter,
}

/// Keeps a worker's share of the models until it is cancelled, and then gives all back.
pub struct ShareKeeper {
    parts: ShareParts,
    standing: Standing,
    note: AloneNote,
    /// What the database said last.
    held: BTreeSet<String>,
    /// Models that are not called any more and given back with the next heartbeat.
    giving: BTreeSet<String>,
    others: Option<BTreeSet<String>>,
    /// Other workers' last signs of life, and when they were first seen.
    signs: HashMap<i64, (Sign, Instant)>,
    /// From one heartbeat's beginning to the next.
    pause: Duration,
    /// Why the last heartbeat failed.
    cause: String,
    complained: Option<Instant>,
    life: Pulse,
}

impl ShareKeeper {
    /// A worker that holds nothing so far.
    #[must_use]
    pub fn new(parts: ShareParts) -> Self {
        Self {
            standing: Standing::new(parts.heartbeat, parts.down_within),
            note: AloneNote::of(parts.note.clone(), &parts.crunch_id),
            pause: parts.heartbeat,
            parts,
            held: BTreeSet::new(),
            giving: BTreeSet::new(),
            others: None,
            signs: HashMap::new(),
            cause: String::new(),
            complained: None,
            life: Pulse::unwatched(),
        }
    }

    /// Gives signs of life there.
    #[must_use]
    pub fn with_pulse(mut self, life: Pulse) -> Self {
        self.life = life;
        self
    }

    /// Keeps the share. It ends with `cancel` alone, however long the database is away.
    pub async fn run(mut self, cancel: CancellationToken) {
        while self.turn(&cancel).await.is_some() {}
        self.publish(HashSet::new());
        let Self { parts, .. } = &self;
        let leaving = parts.leases.leave(&parts.crunch_id, &parts.name);
        // Without this they lapse.
        let _ = timeout(FAREWELL, leaving).await;
    }

    /// One heartbeat and the pause after it; none when it was cancelled.
    async fn turn(&mut self, cancel: &CancellationToken) -> Option<()> {
        let Some(listed) = (self.parts.listed)() else {
            return self.watched(cancel, sleep(LOOK)).await;
        };
        let begun = Instant::now();
        let beat = self.beat(&listed);
        let leases = Arc::clone(&self.parts.leases);
        let limit = self.parts.heartbeat;
        let asked = timeout(limit, async { leases.beat(&beat).await });
        match self.watched(cancel, asked).await? {
            Ok(Ok(held)) => self.succeeded(begun, held),
            Ok(Err(cause)) => self.failed(begun, cause.down(), cause.to_string(), &listed),
            Err(_) => {
                let cause = format!("the database did not answer within {limit:?}");
                self.failed(begun, None, cause, &listed);
            }
        }
        let next = (begun + self.pause).max(Instant::now() + self.soon());
        self.watched(cancel, sleep_until(next)).await
    }

    /// The shortest pause.
    fn soon(&self) -> Duration {
        self.parts.heartbeat / 10
    }

    /// When to look again: when another may have died, and soon while what a dead one held is being freed.
    fn pause_after(&self, held: &Held) -> Duration {
        let half = self.parts.heartbeat / 2;
        match held.next_lapse {
            _ if !self.standing.may_bury() => half,
            _ if held.orphans() > 0 => self.soon(),
            Some(lapse) => half.min(lapse + SURELY),
            None => half,
        }
    }

    /// Awaits something, and meanwhile stops calling models when it is time to.
    async fn watched<F: Future>(
        &mut self,
        cancel: &CancellationToken,
        what: F,
    ) -> Option<F::Output> {
        tokio::pin!(what);
        loop {
            self.life.beat();
            let fence_at = self.standing.fence_at();
            let fenced = async {
                match fence_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                done = &mut what => return Some(done),
                () = fenced => self.fence(),
                () = self.life.due() => {}
            }
        }
    }

    fn beat(&self, listed: &Arc<[String]>) -> Beat {
        let parts = &self.parts;
        let stages = parts.book.stages();
        let told = stages.into_iter().filter(|it| self.held.contains(&it.0));
        let told = told.map(|(model, stage)| match stage {
            Stage::Told(deployment) => (model, Some(deployment)),
            Stage::Waits | Stage::Telling => (model, None),
        });
        let known = self.held.iter().filter(|_| !self.standing.is_fenced());
        Beat {
            crunch_id: parts.crunch_id.clone(),
            worker: parts.name.clone(),
            lapse: self.standing.lapse(),
            listed: listed.to_vec(),
            absent_within: parts.absent_within,
            give: self.giving.iter().cloned().collect(),
            known: known.cloned().collect(),
            told: told.collect(),
            bury: self.silent(),
        }
    }

    /// Workers that gave no sign of life for a heartbeat of this worker's own clock.
    fn silent(&self) -> Vec<Sign> {
        if !self.standing.may_bury() {
            return Vec::new();
        }
        let least = self.parts.heartbeat;
        let silent = self.signs.values().filter(|it| it.1.elapsed() >= least);
        silent.map(|it| it.0).collect()
    }

    fn note_signs(&mut self, signs: &[Sign]) {
        let now = Instant::now();
        let since = |sign: &Sign| match self.signs.get(&sign.worker) {
            Some((before, since)) if before == sign => *since,
            _ => now,
        };
        let signs = signs.iter().map(|it| (it.worker, (*it, since(it))));
        self.signs = signs.collect();
    }

    fn succeeded(&mut self, begun: Instant, mut held: Held) {
        self.note_signs(&held.signs);
        self.learn(std::mem::take(&mut held.known));
        let was_fenced = self.standing.succeeded(begun, held.others.is_empty());
        self.pause = self.pause_after(&held);
        self.complained = None;
        self.note.set(held.others.is_empty());
        self.tell_of_others(&held);
        let now: BTreeSet<String> = held.models.iter().cloned().collect();
        let before = std::mem::replace(&mut self.held, now);
        let come: Vec<String> = match was_fenced {
            Some(_) => held.models.clone(),
            None => self.held.difference(&before).cloned().collect(),
        };
        let gone: Vec<_> = before.difference(&self.held).cloned().collect();
        self.choose(&held);
        self.publish(self.held.difference(&self.giving).cloned().collect());
        self.tell_of_models(&held, come, gone, was_fenced);
    }

    /// What is known of models before they are ours. What is called from here all the while, this worker
    /// knows best.
    fn learn(&self, known: Vec<Known>) {
        let ours = self.parts.ours.borrow().clone().unwrap_or_default();
        for it in known.iter().filter(|it| !it.is_told) {
            if !ours.contains(&it.record.model_id) {
                self.parts.book.forget(&it.record.model_id);
            }
        }
        self.parts.roll.take_over(known);
    }

    /// Which models are given back next: first those that were chosen before, then those whose telling
    /// has not begun, and last those that are being told the past, which would be told it again.
    fn choose(&mut self, held: &Held) {
        let excess = held.excess(&self.parts.name);
        let mut giving = std::mem::take(&mut self.giving);
        giving.retain(|model| self.held.contains(model));
        let mut more: Vec<_> = held.models.iter().rev().collect();
        more.retain(|model| !giving.contains(*model));
        if excess > giving.len() {
            let stages = self.parts.book.stages();
            more.sort_by_key(|model| match stages.get(*model) {
                None | Some(Stage::Waits) => 0,
                Some(Stage::Told(_)) => 1,
                Some(Stage::Telling) => 2,
            });
        }
        more.truncate(excess.saturating_sub(giving.len()));
        let more: Vec<_> = more.into_iter().cloned().collect();
        self.giving = giving.into_iter().take(excess).chain(more).collect();
    }

    fn failed(
        &mut self,
        begun: Instant,
        down: Option<Down>,
        cause: String,
        listed: &Arc<[String]>,
    ) {
        self.pause = self.parts.heartbeat / 2;
        if let Some(fenced) = self.standing.failed(begun, down) {
            self.publish(self.held.iter().cloned().collect());
            let event = PredictEvent::ShareResumed {
                models: self.held.len(),
                seconds: fenced.as_secs(),
            };
            self.emit(event.into());
        }
        if self.others.is_none() && self.note.was_alone() {
            self.publish(listed.iter().cloned().collect());
        } else if self.held.is_empty() {
            self.complain(&cause);
        }
        self.cause = cause;
    }

    fn complain(&mut self, cause: &str) {
        if self.complained.is_some_and(|at| at.elapsed() < REPEAT) {
            return;
        }
        self.complained = Some(Instant::now());
        self.emit(Event::Trouble {
            cause: format!("which models are this worker's can't be told: {cause}"),
            remedy: "it holds none, and asks again each half heartbeat; predict.share = false lets a worker that is the only one go on without".into(),
        });
    }

    fn fence(&mut self) {
        self.standing.fence();
        self.giving.clear();
        self.publish(HashSet::new());
        let event = PredictEvent::ShareFenced {
            models: self.held.len(),
            cause: std::mem::take(&mut self.cause),
        };
        self.emit(event.into());
    }

    fn publish(&self, ours: HashSet<String>) {
        self.parts.ours.send_if_modified(|now| {
            let is_new = now.as_deref() != Some(&ours);
            if is_new {
                *now = Some(Arc::new(ours));
            }
            is_new
        });
    }

    fn tell_of_others(&mut self, held: &Held) {
        let now: BTreeSet<String> = held.others.iter().map(|it| it.0.clone()).collect();
        let workers = now.len() + 1;
        let event = match self.others.replace(now.clone()) {
            None => PredictEvent::ShareJoined {
                worker: self.parts.name.clone(),
                workers,
                models: held.total,
            },
            Some(before) if before != now => PredictEvent::WorkersChanged {
                joined: now.difference(&before).cloned().collect(),
                left: before.difference(&now).cloned().collect(),
                workers,
            },
            Some(_) => return,
        };
        self.emit(event.into());
    }

    fn tell_of_models(
        &self,
        held: &Held,
        come: Vec<String>,
        gone: Vec<String>,
        was_fenced: Option<Duration>,
    ) {
        let (share, workers) = (self.held.len(), held.others.len() + 1);
        if let Some(fenced) = was_fenced {
            let event = PredictEvent::ShareResumed {
                models: come.len(),
                seconds: fenced.as_secs(),
            };
            self.emit(event.into());
        } else if !come.is_empty() {
            let event = PredictEvent::ModelsTakenOver {
                models: come.len(),
                ids: some(come),
                share,
                workers,
            };
            self.emit(event.into());
        }
        if !gone.is_empty() {
            let event = PredictEvent::ModelsHandedOver {
                models: gone.len(),
                ids: some(gone),
                share,
                workers,
            };
            self.emit(event.into());
        }
    }

    fn emit(&self, event: Event) {
        self.parts.reporter.emit(event);
    }
}

fn some(mut ids: Vec<String>) -> Vec<String> {
    ids.truncate(MOST_IDS);
    ids
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
