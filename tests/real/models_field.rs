//! Real model servers, an orchestrator, and the client.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use allora_worker::models::{
    Call, Instance, ModelInfo, ModelNetwork, ModelsConfig, NetworkEvent, Outcome, Replay, Subset,
    Value, stub::StubOrchestrator,
};
use tokio::{sync::broadcast, time::timeout};

use crate::{models_gate, models_server::Server};

pub(crate) const CRUNCH: &str = "condorgame";
/// From the start of the servers to their first answers, on two busy cores.
const LONG: Duration = Duration::from_secs(120);
/// Prices that each model is told when it is made.
pub(crate) const HISTORY: usize = 2_000;

/// Tells each new instance the same prices.
pub(crate) struct History {
    call: Call,
    pub(crate) told: Mutex<Vec<(String, Instance)>>,
}

impl History {
    pub(crate) fn new() -> Arc<Self> {
        let prices: Vec<_> = (0..HISTORY).map(|n| (60 * n, 90_000.0)).collect();
        Arc::new(Self {
            call: tick(&prices),
            told: Mutex::default(),
        })
    }
}

#[async_trait::async_trait]
impl Replay for History {
    async fn calls(&self, model: &ModelInfo, instance: Instance) -> Vec<Call> {
        self.told
            .lock()
            .expect("no test panics in it")
            .push((model.model_id.clone(), instance));
        vec![self.call.clone()]
    }
}

pub(crate) fn tick(prices: &[(usize, f64)]) -> Call {
    let prices = Value::json(&serde_json::json!({ "BTC": prices })).expect("prices are JSON");
    Call::new("tick", &[prices]).expect("a tick is small enough")
}

pub(crate) fn predict(asset: &str) -> Call {
    let arguments = [
        Value::String(asset.into()),
        Value::Int(3_600),
        Value::Int(1_200),
    ];
    Call::new("predict", &arguments).expect("a call is small enough")
}

/// Servers by their roles, an orchestrator, and the client.
pub(crate) struct Field {
    pub(crate) orchestrator: StubOrchestrator,
    pub(crate) servers: Vec<Server>,
    pub(crate) network: ModelNetwork,
    pub(crate) events: broadcast::Receiver<NetworkEvent>,
}

impl Field {
    /// None when the real servers are not there.
    pub(crate) async fn of(
        roles: &[&str],
        change: impl FnOnce(&mut ModelsConfig),
    ) -> Option<(Self, Arc<History>)> {
        let runner = models_gate::runner()?;
        let any = ([127, 0, 0, 1], 0).into();
        let orchestrator = StubOrchestrator::start(CRUNCH, any)
            .await
            .expect("a port is free");
        let servers: Vec<Server> = roles
            .iter()
            .map(|role| Server::start(&runner, role))
            .collect();
        orchestrator.list(servers.iter().map(|server| server.item(1)));
        let mut config = ModelsConfig {
            host: "127.0.0.1".into(),
            port: orchestrator.address().port(),
            crunch_id: CRUNCH.into(),
            timeout: LONG,
            reconnect_min: Duration::from_millis(100),
            unreachable_after: LONG,
            ..ModelsConfig::default()
        };
        change(&mut config);
        let history = History::new();
        let network = ModelNetwork::start(config, Arc::clone(&history) as Arc<dyn Replay>);
        let network = network.expect("the configuration holds");
        let events = network.events();
        // A server that just starts refuses connections for a while.
        let joined = async {
            while network.models().len() < roles.len() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let logs = || servers.iter().map(Server::last_words).collect::<String>();
        assert!(
            timeout(LONG, joined).await.is_ok(),
            "not all joined: {}",
            logs()
        );
        let field = Self {
            orchestrator,
            servers,
            network,
            events,
        };
        Some((field, history))
    }

    pub(crate) async fn call(&self, call: &Call, subset: &Subset) -> Vec<Outcome> {
        let outcomes = timeout(2 * LONG, self.network.call(call, subset).all()).await;
        let mut outcomes = outcomes.expect("a call ends");
        outcomes.sort_by(|one, two| one.model.model_id.cmp(&two.model.model_id));
        outcomes
    }

    pub(crate) async fn one(&self, role: &str, call: &Call) -> Outcome {
        let subset = Subset::Only(vec![role.into()]);
        let mut outcomes = self.call(call, &subset).await;
        assert_eq!(outcomes.len(), 1, "{role} is there");
        outcomes.remove(0)
    }

    pub(crate) async fn news<T>(&mut self, pick: impl Fn(NetworkEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = pick(self.events.recv().await.expect("the network lives")) {
                    return found;
                }
            }
        };
        timeout(LONG, found).await.expect("there is news")
    }

    pub(crate) fn server(&mut self, role: &str) -> &mut Server {
        let mut servers = self.servers.iter_mut();
        servers
            .find(|server| server.role() == role)
            .expect("such a server")
    }
}
