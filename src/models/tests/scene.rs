//! A small network, and what its user sees.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::broadcast,
    time::{sleep, timeout},
};

use crate::models::{
    Call, Instance, ModelInfo, ModelNetwork, ModelsConfig, NetworkEvent, NoReplay, Outcome, Replay,
    Subset, Value,
    stub::{Behaviour, StubItem, StubModel, StubOrchestrator},
};

pub(super) const CRUNCH: &str = "crunch";
/// How long anything may take, on a machine that has other work as well.
pub(super) const WAIT: Duration = Duration::from_secs(20);

pub(super) fn config(orchestrator: &StubOrchestrator) -> ModelsConfig {
    ModelsConfig {
        host: "127.0.0.1".into(),
        port: orchestrator.address().port(),
        crunch_id: CRUNCH.into(),
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        patience: Duration::from_secs(5),
        reconnect_min: Duration::from_millis(50),
        ..ModelsConfig::default()
    }
}

pub(super) async fn orchestrator() -> StubOrchestrator {
    StubOrchestrator::start(CRUNCH, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap()
}

/// Models named a, b, c… of a first deployment each.
pub(super) struct Scene {
    pub(super) orchestrator: StubOrchestrator,
    pub(super) models: Vec<StubModel>,
    pub(super) network: ModelNetwork,
    pub(super) events: broadcast::Receiver<NetworkEvent>,
}

pub(super) fn name(place: usize) -> String {
    char::from(b'a' + u8::try_from(place).unwrap()).to_string()
}

impl Scene {
    pub(super) async fn of(count: usize) -> Self {
        Self::with(count, |_| (), Arc::new(NoReplay)).await
    }

    pub(super) async fn configured(count: usize, change: impl FnOnce(&mut ModelsConfig)) -> Self {
        Self::with(count, change, Arc::new(NoReplay)).await
    }

    /// The network, once all models have joined.
    pub(super) async fn with(
        count: usize,
        change: impl FnOnce(&mut ModelsConfig),
        replay: Arc<dyn Replay>,
    ) -> Self {
        let orchestrator = orchestrator().await;
        let mut models = Vec::new();
        for place in 0..count {
            let model = StubModel::start().await.unwrap();
            let deployment = format!("{}1", name(place));
            orchestrator.list([StubItem::new(&name(place), &deployment, model.address())]);
            models.push(model);
        }
        let mut config = config(&orchestrator);
        change(&mut config);
        let network = ModelNetwork::start(config, replay).unwrap();
        let events = network.events();
        let settled = network.settled(WAIT).await;
        assert_eq!((settled.serving, settled.joining), (count, 0));
        Self {
            orchestrator,
            models,
            network,
            events,
        }
    }

    /// Calls all and sorts the outcomes by model.
    pub(super) async fn call(&self, call: &Call) -> Vec<Outcome> {
        self.call_some(call, &Subset::All).await
    }

    pub(super) async fn call_some(&self, call: &Call, subset: &Subset) -> Vec<Outcome> {
        let outcomes = timeout(WAIT, self.network.call(call, subset).all()).await;
        let mut outcomes = outcomes.expect("the call ends");
        outcomes.sort_by(|a, b| a.model.model_id.cmp(&b.model.model_id));
        outcomes
    }

    /// Calls the first model until something is so.
    pub(super) async fn call_until(
        &self,
        call: &Call,
        is_so: impl Fn(&Outcome) -> bool,
    ) -> Outcome {
        let first = Subset::Only(vec!["a".into()]);
        let repeated = async {
            loop {
                let outcomes = self.call_some(call, &first).await;
                if let Some(outcome) = outcomes.into_iter().find(&is_so) {
                    return outcome;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(WAIT, repeated).await.expect("it comes to be so")
    }

    /// Waits for news.
    pub(super) async fn news<T>(&mut self, pick: impl Fn(NetworkEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = pick(self.events.recv().await.expect("the network lives")) {
                    return found;
                }
            }
        };
        timeout(WAIT, found).await.expect("there is news")
    }

    /// The news so far.
    pub(super) fn all_news(&mut self) -> Vec<NetworkEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// The codes that were reported so far, as `a MULTIPLE_FAILED`.
    pub(super) fn reported(&self) -> Vec<String> {
        let reports = self.orchestrator.reports();
        let words = reports.iter().map(|report| {
            format!(
                "{} {}",
                report["model_id"].as_str().unwrap(),
                report["failure_code"].as_str().unwrap()
            )
        });
        words.collect()
    }

    pub(super) async fn wait_for_reports(&self, expected: &[&str]) {
        until(|| self.reported().len() >= expected.len()).await;
        assert_eq!(self.reported(), expected);
        assert_eq!(self.orchestrator.complaints(), Vec::<String>::new());
    }

    /// The ids of the models that can be called.
    pub(super) fn serving(&self) -> Vec<String> {
        self.network
            .models()
            .iter()
            .map(|model| model.model_id.clone())
            .collect()
    }

    pub(super) async fn until_serving(&self, expected: &[&str]) {
        until(|| self.serving() == expected).await;
    }
}

pub(super) async fn until(is_so: impl Fn() -> bool) {
    let polled = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT, polled).await.expect("it comes to be so");
}

pub(super) fn tick() -> Call {
    Call::new("tick", &[Value::Json("{\"BTC\": [[60, 1.0]]}".into())]).unwrap()
}

pub(super) fn predict() -> Call {
    Call::new(
        "predict",
        &[
            Value::String("BTC".into()),
            Value::Int(3_600),
            Value::Int(1_200),
        ],
    )
    .unwrap()
}

/// In short: `SUCCESS`, or status and cause as in `TIMEOUT Busy`.
pub(super) fn short(outcome: &Outcome) -> String {
    match outcome.trouble() {
        None => outcome.status().to_string(),
        Some(trouble) => format!("{} {:?}", outcome.status(), trouble.cause),
    }
}

pub(super) fn shorts(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(short).collect()
}

pub(super) fn methods(model: &StubModel) -> Vec<String> {
    model
        .calls()
        .into_iter()
        .map(|(method, _)| method)
        .collect()
}

pub(super) const fn takes(ms: u64) -> Behaviour {
    Behaviour::Takes(Duration::from_millis(ms))
}

/// Replays `history` calls, and keeps who was replayed to.
#[derive(Default)]
pub(super) struct History {
    pub(super) calls: Vec<Call>,
    pub(super) told: Mutex<Vec<(String, Instance)>>,
}

impl History {
    pub(super) fn new() -> Arc<Self> {
        let history = Value::Json("{\"BTC\": []}".into());
        let calls = vec![Call::new("history", &[history]).unwrap()];
        Arc::new(Self {
            calls,
            ..Self::default()
        })
    }

    pub(super) fn told(&self) -> Vec<(String, Instance)> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait]
impl Replay for History {
    async fn calls(&self, model: &ModelInfo, instance: Instance) -> Vec<Call> {
        self.told
            .lock()
            .unwrap()
            .push((model.model_id.clone(), instance));
        self.calls.clone()
    }
}
