//! A small network with a roll, a memory of facts and a database in memory, for the tests of this room.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    AnswerShape, Asking, AskingParts, Fact, Facts, PredictConfig, Quotes, Roll, Scope, Sharing,
    StoreWatch, round::Asker, schedule::Due, whom::Whom,
};
use crate::{
    clock::SimulatedClock,
    models::{
        ModelNetwork, ModelsConfig, NoReplay,
        stub::{StubItem, StubModel, StubOrchestrator},
    },
    ops::{Event, PredictEvent, Recording, Reporter},
    pulse::Pulse,
    store::{
        Close, CloseRepository, ConfigKey, Deployment, ModelRecord, ModelRepository, Prediction,
        PredictionConfig, PredictionConfigRepository, PredictionFilter, PredictionRepository,
        PredictionStore, StoreError, StoredConfig, StoredPrediction,
    },
};

pub(super) const CRUNCH: &str = "crunch";
pub(super) const NOW: OffsetDateTime = datetime!(2025-09-16 13:00:30.123456 UTC);
/// How long anything may take, on a machine that has other work as well.
pub(super) const WAIT: Duration = Duration::from_secs(20);
/// How long a call may take.
pub(super) const LIMIT: Duration = Duration::from_millis(1_500);

/// Waits until something is so.
pub(super) async fn until(is_so: impl Fn() -> bool) {
    let polled = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT, polled).await.expect("it comes to be so");
}

/// Facts in the order in which they were put, in their groups.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<Vec<Fact>>>);

impl Facts for Kept {
    fn put(&self, facts: Vec<Fact>) {
        self.0.lock().unwrap().push(facts);
    }
}

impl Kept {
    pub(super) fn groups(&self) -> Vec<Vec<Fact>> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn all(&self) -> Vec<Fact> {
        self.groups().into_iter().flatten().collect()
    }

    /// The facts since the last time, in short.
    pub(super) fn drain(&self) -> Vec<String> {
        let groups = std::mem::take(&mut *self.0.lock().unwrap());
        groups.iter().flatten().map(short).collect()
    }

    pub(super) fn predictions(&self) -> Vec<Prediction> {
        let all = self.all().into_iter().filter_map(|fact| match fact {
            Fact::Prediction(prediction) => Some(prediction),
            _ => None,
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by(|a, b| (a.slot, &a.model_id).cmp(&(b.slot, &b.model_id)));
        all
    }

    /// `a SUCCESS`, by model.
    pub(super) fn statuses(&self) -> Vec<String> {
        let all = self.predictions();
        all.iter()
            .map(|it| format!("{} {}", it.model_id, it.status))
            .collect()
    }

    /// The rounds that are done: `BTC/3600/1200 1758027600`.
    pub(super) fn performed(&self) -> Vec<String> {
        let all = self.all().into_iter().filter_map(|fact| match fact {
            Fact::Performed { config, slot, .. } => Some(format!("{config} {slot}")),
            _ => None,
        });
        all.collect()
    }
}

/// A fact in a few words.
fn short(fact: &Fact) -> String {
    match fact {
        Fact::Model(it) => format!(
            "model {} {} {}",
            it.model_id,
            it.deployment_id,
            it.model_name.as_deref().unwrap_or("-")
        ),
        Fact::Deployed(it) => {
            format!(
                "deployed {} {} -> {}",
                it.model_id, it.before, it.deployment_id
            )
        }
        Fact::Prediction(it) => format!("{} {}", it.model_id, it.status),
        Fact::Performed { config, slot, .. } => format!("performed {config} {slot}"),
        Fact::Closes { asset, .. } => format!("closes {asset}"),
    }
}

/// A database in memory that tells what it was given.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) models: Mutex<Vec<ModelRecord>>,
    pub(super) rows: Mutex<Vec<StoredConfig>>,
    pub(super) best: Mutex<Vec<String>>,
}

#[async_trait]
impl PredictionRepository for Shelf {
    async fn save_all(&self, _: &[Prediction]) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn predictions(
        &self,
        _: &PredictionFilter,
        _: i64,
        _: u32,
    ) -> Result<Vec<StoredPrediction>, StoreError> {
        Ok(Vec::new())
    }
    async fn newest(&self, _: &str) -> Result<Option<OffsetDateTime>, StoreError> {
        Ok(None)
    }
    async fn prune(&self, _: &str, _: OffsetDateTime, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn best(&self, _: &str, _: OffsetDateTime, most: u32) -> Result<Vec<String>, StoreError> {
        let best = self.best.lock().unwrap();
        Ok(best.iter().take(most as usize).cloned().collect())
    }
}

#[async_trait]
impl ModelRepository for Shelf {
    async fn keep_models(&self, _: &[ModelRecord]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn models(&self, _: &str) -> Result<Vec<ModelRecord>, StoreError> {
        Ok(self.models.lock().unwrap().clone())
    }
    async fn deployed(&self, _: &[Deployment]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn deployments(&self, _: &str, _: &str) -> Result<Vec<Deployment>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl PredictionConfigRepository for Shelf {
    async fn declare(&self, _: &str, configs: &[PredictionConfig]) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().unwrap();
        for config in configs {
            if !rows.iter().any(|row| row.config.key() == config.key()) {
                let config = config.clone();
                rows.push(StoredConfig {
                    config,
                    performed: None,
                });
            }
        }
        Ok(())
    }
    async fn configs(&self, _: &str) -> Result<Vec<StoredConfig>, StoreError> {
        Ok(self.rows.lock().unwrap().clone())
    }
    async fn performed(&self, _: &str, _: &[(ConfigKey, i64)]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl CloseRepository for Shelf {
    async fn keep_closes(&self, _: &str, _: &[Close]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn closes(&self, _: &str, _: Range<i64>) -> Result<Vec<Close>, StoreError> {
        Ok(Vec::new())
    }
}

struct OnePrice;

impl Quotes for OnePrice {
    fn newest(&self, asset: &str) -> Option<Close> {
        (asset == "BTC").then_some(Close {
            at: 1_758_027_600,
            price: 115_000.5,
        })
    }
}

pub(super) fn config(asset: &str, interval: u32) -> PredictionConfig {
    PredictionConfig {
        asset: asset.into(),
        horizon: 3_600,
        step: 1_200,
        interval,
        active: true,
        order: 0,
        best: None,
    }
}

pub(super) fn record(
    model_id: &str,
    deployment_id: &str,
    last_seen: OffsetDateTime,
) -> ModelRecord {
    ModelRecord {
        crunch_id: CRUNCH.into(),
        model_id: model_id.into(),
        model_name: Some(format!("model-{model_id}")),
        cruncher_id: None,
        cruncher_name: None,
        deployment_id: deployment_id.into(),
        first_seen: datetime!(2025-01-01 0:00 UTC),
        last_seen,
        metrics_since: datetime!(2025-01-01 0:00 UTC),
    }
}

pub(super) fn due(config: PredictionConfig, slot: i64) -> Due {
    Due {
        key: config.key(),
        config,
        slot,
        missed: 0,
        is_running: true,
    }
}

/// What a roll writes to and is told by.
pub(super) struct Office {
    pub(super) roll: Arc<Roll>,
    pub(super) facts: Arc<Kept>,
    pub(super) clock: SimulatedClock,
    pub(super) reporter: Reporter,
    pub(super) told: Recording,
}

impl Office {
    pub(super) fn new(change: impl FnOnce(&mut PredictConfig), pending: Vec<ModelRecord>) -> Self {
        let clock = SimulatedClock::starting_at(NOW);
        let facts = Arc::new(Kept::default());
        let (reporter, told) = Reporter::recording();
        let mut settings = PredictConfig::default();
        change(&mut settings);
        let roll = Roll::new(
            CRUNCH,
            &settings,
            Arc::new(clock.clone()),
            facts.clone(),
            reporter.clone(),
            pending,
        );
        Self {
            roll: Arc::new(roll),
            facts,
            clock,
            reporter,
            told,
        }
    }

    /// What was told of models, in short.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self
            .told
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Predict(PredictEvent::ModelFirstSeen { model_id, .. }) => {
                    Some(format!("new {model_id}"))
                }
                Event::Predict(PredictEvent::ModelJoined {
                    model_id,
                    deployment_id,
                    ..
                }) => Some(format!("joined {model_id} {deployment_id}")),
                Event::Predict(PredictEvent::ModelDeployed {
                    model_id,
                    before,
                    deployment_id,
                    effect,
                }) => Some(format!(
                    "deployed {model_id} {before} -> {deployment_id} {effect}"
                )),
                Event::Predict(PredictEvent::ModelLeft {
                    model_id, cause, ..
                }) => Some(format!("left {model_id}: {cause}")),
                Event::Predict(PredictEvent::ModelFailed { model_id, code, .. }) => {
                    Some(format!("failed {model_id} {code}"))
                }
                _ => None,
            });
        lines.collect()
    }
}

/// A network of stubs named a, b, c…, and a roll that follows it.
pub(super) struct Scene {
    pub(super) office: Office,
    pub(super) orchestrator: StubOrchestrator,
    pub(super) models: Vec<StubModel>,
    pub(super) network: Arc<ModelNetwork>,
    pub(super) stores: watch::Sender<Option<Arc<dyn PredictionStore>>>,
    _ends_with_this: DropGuard,
}

pub(super) fn name(place: usize) -> String {
    char::from(b'a' + u8::try_from(place).unwrap()).to_string()
}

impl Scene {
    /// The network, once all models have joined. The database is there when `shelf` is.
    pub(super) async fn with(count: usize, office: Office, shelf: Option<Arc<Shelf>>) -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        let orchestrator = StubOrchestrator::start(CRUNCH, any).await.unwrap();
        let mut models = Vec::new();
        for place in 0..count {
            let model = StubModel::start().await.unwrap();
            let deployment = format!("{}1", name(place));
            orchestrator.list([StubItem::new(&name(place), &deployment, model.address())]);
            models.push(model);
        }
        let config = ModelsConfig {
            host: "127.0.0.1".into(),
            port: orchestrator.address().port(),
            crunch_id: CRUNCH.into(),
            timeout: LIMIT,
            reconnect_min: Duration::from_millis(50),
            ..ModelsConfig::default()
        };
        let store = shelf.map(|shelf| shelf as Arc<dyn PredictionStore>);
        let stores = watch::Sender::new(store);
        let cancel = CancellationToken::new();
        tokio::spawn(Arc::clone(&office.roll).learn(stores.subscribe()));
        if stores.borrow().is_some() {
            assert!(office.roll.is_loaded_within(WAIT).await);
        }
        let network = Arc::new(ModelNetwork::start(config, Arc::new(NoReplay)).unwrap());
        tokio::spawn(Arc::clone(&office.roll).follow(
            Arc::clone(&network),
            Pulse::unwatched(),
            cancel.clone(),
        ));
        assert_eq!(network.settled(WAIT).await.serving, count);
        let joined = || {
            office
                .lines()
                .iter()
                .filter(|it| it.starts_with("joined"))
                .count()
        };
        until(|| joined() == count || office.roll.len() >= count).await;
        let guard = cancel.drop_guard();
        Self {
            office,
            orchestrator,
            models,
            network,
            stores,
            _ends_with_this: guard,
        }
    }

    pub(super) async fn of(count: usize) -> Self {
        Self::with(count, Office::new(|_| (), Vec::new()), Some(Arc::default())).await
    }

    pub(super) fn asker(&self) -> Arc<Asker> {
        Arc::new(Asker {
            crunch_id: CRUNCH.into(),
            method: ModelsConfig::default().predict,
            answers: AnswerShape::Densities,
            limit: PredictConfig::default().answer_limit(),
            network: Arc::clone(&self.network),
            roll: Arc::clone(&self.office.roll),
            quotes: Arc::new(OnePrice),
            facts: self.office.facts.clone(),
            clock: Arc::new(self.office.clock.clone()),
            reporter: self.office.reporter.clone(),
        })
    }

    /// One round, from its beginning to its end.
    pub(super) async fn round(&self, due: Due, only: Option<&[&str]>) {
        let only = only.map(|only| only.iter().map(|&it| it.to_owned()));
        timeout(WAIT, self.asker().ask(due, Whom::only(only)))
            .await
            .expect("the round ends");
    }

    pub(super) fn asking(
        &self,
        settings: PredictConfig,
        performed: Vec<(ConfigKey, i64)>,
    ) -> Asking {
        self.made(settings, performed, None)
    }

    /// One that shares the models with other workers.
    pub(super) fn sharing(&self, settings: PredictConfig, sharing: Sharing) -> Asking {
        self.made(settings, Vec::new(), Some(sharing))
    }

    fn made(
        &self,
        settings: PredictConfig,
        performed: Vec<(ConfigKey, i64)>,
        sharing: Option<Sharing>,
    ) -> Asking {
        let stores: StoreWatch = self.stores.subscribe();
        let parts = AskingParts {
            crunch_id: CRUNCH.into(),
            settings,
            scope: Scope {
                assets: ["BTC", "ETH"].map(|it| (it.to_owned(), 60)).into(),
            },
            method: ModelsConfig::default().predict,
            network: Arc::clone(&self.network),
            roll: Arc::clone(&self.office.roll),
            quotes: Arc::new(OnePrice),
            facts: self.office.facts.clone(),
            clock: Arc::new(self.office.clock.clone()),
            speed: 1.0,
            reporter: self.office.reporter.clone(),
            stores,
            performed: performed.into_iter().collect(),
            sharing,
        };
        Asking::new(parts).unwrap()
    }
}
