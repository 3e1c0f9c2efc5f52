//! Keeps the roll current: what the network tells of models, and what the database knew of them.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Roll, news::failed};
use crate::{
    models::{Left, ModelNetwork, NetworkEvent},
    ops::PredictEvent,
    pulse::Pulse,
    store::PredictionStore,
};

/// The database, once it is there; none while it has not been reached.
pub type StoreWatch = watch::Receiver<Option<Arc<dyn PredictionStore>>>;

/// How often it is put when models were last seen.
const KEEP: Duration = Duration::from_secs(60);
/// While it could not be stored, each so many times only: it would fill the outbox.
const KEEP_HELD_UP: u32 = 10;
/// How long news of one kind are gathered before the rest of them are counted.
const TURN: Duration = Duration::from_secs(10);
/// News that are taken before their facts are put.
const BATCH: usize = 1 << 10;
/// How long the database may take to tell of its models, and until it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(5);

/// Waits for the database.
pub(super) async fn appeared(stores: &mut StoreWatch) -> Arc<dyn PredictionStore> {
    loop {
        if let Some(store) = &*stores.borrow_and_update() {
            return Arc::clone(store);
        }
        if stores.changed().await.is_err() {
            // Whoever would tell of it has ended, and with it the worker.
            std::future::pending::<()>().await;
        }
    }
}

impl Roll {
    /// Learns once what the database knows of models, as soon as it is there. What this has not learnt
    /// counts as told: a model whose deployment changed while nobody looked is told of only then.
    pub async fn learn(self: Arc<Self>, mut stores: StoreWatch) {
        loop {
            let store = appeared(&mut stores).await;
            let cause = match timeout(PATIENCE, store.models(&self.crunch_id)).await {
                Ok(Ok(models)) => return self.load(models),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!(
                    "the database gave no list of models within {PATIENCE:?}; check its load"
                ),
            };
            self.news
                .trouble("roll", || cause, "it is asked again in 5 s");
            sleep(PAUSE).await;
        }
    }

    /// Waits until [`Roll::learn`] has done its part, or the time is over. Gives whether it has. The
    /// network is better started after this: models that were told prices by an earlier process are
    /// then known, and told only what they missed.
    pub async fn is_loaded_within(&self, limit: Duration) -> bool {
        let mut loaded = self.loaded.subscribe();
        timeout(limit, loaded.wait_for(|is| *is)).await.is_ok()
    }

    /// Follows the network's news until it is cancelled, and gives signs of life.
    pub async fn follow(
        self: Arc<Self>,
        network: Arc<ModelNetwork>,
        life: Pulse,
        cancel: CancellationToken,
    ) {
        let mut events = network.events();
        self.listed(&network.models());
        self.commit();
        let [mut keep, mut turn] = [KEEP, TURN].map(|span| {
            let mut beats = interval(span);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beats
        });
        let mut skipped = 0;
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                heard = events.recv() => {
                    if self.take(heard, &network).is_break() {
                        break;
                    }
                    for _ in 0..BATCH {
                        // What is left, a gap too, comes with the next.
                        let Ok(event) = events.try_recv() else { break };
                        self.hear(&event);
                    }
                }
                _ = keep.tick() => {
                    self.present(&network.models());
                    if is_due(&mut skipped, self.is_held_up()) {
                        self.keep();
                    }
                }
                _ = turn.tick() => self.news.turn(),
                () = life.due() => {}
            }
            life.beat();
            self.commit();
        }
        self.news.turn();
        self.keep();
    }

    /// Takes news, or the list of models where news were missed.
    fn take(
        &self,
        heard: Result<NetworkEvent, RecvError>,
        network: &ModelNetwork,
    ) -> ControlFlow<()> {
        match heard {
            Ok(event) => self.hear(&event),
            Err(RecvError::Lagged(missed)) => {
                self.news.of_a_gap(missed);
                self.listed(&network.models());
            }
            Err(RecvError::Closed) => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn hear(&self, event: &NetworkEvent) {
        match event {
            NetworkEvent::Joined(model) => self.joined(model),
            NetworkEvent::Renamed(model) => self.renamed(model),
            // The share as a whole is told of.
            NetworkEvent::Left {
                model,
                why: Left::HandedOver,
            } => {
                self.handed_over(model);
                self.news.of_an_answer(model);
            }
            NetworkEvent::Left { model, why } => {
                self.left(model);
                self.news.of_an_answer(model);
                // A newer deployment was told when it took over.
                if *why != Left::Replaced {
                    self.news.of_a_model(PredictEvent::ModelLeft {
                        model_id: model.model_id.clone(),
                        deployment_id: model.deployment_id.clone(),
                        cause: why.to_string(),
                    });
                }
            }
            NetworkEvent::Replayed { model, result } => self.news.of_a_model(match result {
                Ok(took) => PredictEvent::ModelReplayed {
                    model_id: model.model_id.clone(),
                    took_ms: took.as_secs_f64() * 1e3,
                },
                Err(cause) => failed(
                    model,
                    "REPLAY",
                    &format!("it did not take the past: {cause}"),
                ),
            }),
            NetworkEvent::Unreachable {
                model,
                since,
                cause,
            } => self.news.of_a_silence(model, *since, cause),
            NetworkEvent::SetUp { model, .. } => self.news.of_an_answer(model),
            NetworkEvent::Failed {
                model,
                code,
                reason,
            } => self
                .news
                .of_a_model(failed(model, &code.to_string(), reason)),
            other => self.news.of_the_network(other),
        }
    }
}

/// Whether it is put now when models were last seen.
const fn is_due(skipped: &mut u32, is_held_up: bool) -> bool {
    *skipped += 1;
    let is_due = !is_held_up || *skipped >= KEEP_HELD_UP;
    if is_due {
        *skipped = 0;
    }
    is_due
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
