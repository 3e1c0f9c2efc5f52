//! A worker that is stopped, starved of data, out of funds or cut off says so: on its page, with the remedy,
//! and by an alert.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use allora_worker::{
    alerts::{AlarmParts, AlertsConfig},
    clock::SystemClock,
    devnet::Control,
    forecast::History,
    pulse::Pulses,
    vitals::{Attendant, AttendantParts, Limits, PageParts, Shared},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch};
use wiremock::MockServer;

use crate::{
    gate::Gate,
    harness::{COINS, Stage, eventually},
    operator::{Home, signal, terminate},
    pages::{alerted, free, get, webhook},
    running::{Forecasts, Running},
};

/// A worker's attendant, and the webhook that it writes to.
struct Watch {
    attendant: Attendant,
    webhook: MockServer,
    folder: TempDir,
}

impl Watch {
    /// Listens to a worker that has just been started, and has told nothing yet.
    async fn over(worker: &Running) -> Self {
        let heard = worker.reporter.listen();
        let webhook = webhook().await;
        let folder = TempDir::new().unwrap();
        let attendant = Attendant::start(AttendantParts {
            vitals: Shared::default(),
            heard,
            path: folder.path().join("worker.vitals.json"),
            secrets: Vec::new(),
            reporter: worker.reporter.clone(),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            pulses: (Pulses::default(), Duration::from_secs(60)),
            page: Some(PageParts {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                gate: None,
                room: None,
            }),
            alarm: Some(
                AlarmParts {
                    config: AlertsConfig {
                        after: Duration::from_millis(200),
                        ..AlertsConfig::default()
                    },
                    url: webhook.uri().into(),
                    path: folder.path().join("worker.alerts.json"),
                }
                .watch(),
            ),
        })
        .unwrap();
        Self {
            attendant,
            webhook,
            folder,
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        get(self.attendant.address().unwrap(), path).await
    }

    /// Waits until the page gives this reason; gives its cause and its remedy.
    async fn hindered(&self, reason: &str) -> (String, String) {
        let found = eventually(async || {
            let (status, body) = self.get("/readyz").await;
            let body: Value = serde_json::from_str(&body).unwrap();
            let reasons = body["reasons"].as_array().unwrap();
            let found = reasons.iter().find(|it| it["reason"] == reason)?;
            assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
            let text = |key: &str| found[key].as_str().unwrap().to_owned();
            Some((text("cause"), text("remedy")))
        });
        match found.await {
            Some(found) => found,
            None => panic!("not {reason}: {:?}", self.get("/readyz").await),
        }
    }

    async fn ready(&self) {
        let ready = eventually(async || (self.get("/readyz").await.0 == 200).then_some(()));
        assert!(ready.await.is_some(), "{:?}", self.get("/readyz").await);
    }

    async fn alerted(&self, kind: &str, state: &str) -> Value {
        alerted(&self.webhook, kind, state).await
    }
}

#[tokio::test]
async fn a_worker_that_answers_is_ready_and_its_metrics_count() {
    let stage = Stage::new().await;
    let worker = stage.start_with(|_| {});
    let watch = Watch::over(&worker).await;
    worker.ready().await;
    watch.ready().await;
    assert_eq!(watch.get("/healthz").await.0, 200);
    stage.answer_a_window(&worker).await;
    let counted = "allora_worker_windows_total{topic=\"67\",outcome=\"counted\"} 1.0";
    let told = eventually(async || {
        watch
            .get("/metrics")
            .await
            .1
            .contains(counted)
            .then_some(())
    });
    assert!(told.await.is_some(), "{}", watch.get("/metrics").await.1);
    let metrics = watch.get("/metrics").await.1;
    for name in [
        "allora_worker_submission_latency_seconds_count 1",
        "allora_worker_endpoint_healthy",
        "allora_worker_block_height",
        "allora_worker_fees_allo_total",
        "allora_worker_resident_memory_bytes",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    worker.stop().await;
    assert!(watch.attendant.leave(Duration::from_secs(10)));
    let vitals = allora_worker::vitals::read(&watch.folder.path().join("worker.vitals.json"));
    assert_eq!(vitals.unwrap().latency.count, 1);
    assert_eq!(watch.webhook.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_worker_without_data_says_so_with_its_remedy() {
    let stage = Stage::new().await;
    let worker = stage.start_with(|setup| {
        setup.history = watch::channel(History::default()).1;
        setup.desk = Forecasts::Unready;
    });
    let watch = Watch::over(&worker).await;
    worker.ready().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    let (cause, remedy) = watch.hindered("no_prices").await;
    assert!(cause.contains("closes that are needed"), "{cause}");
    assert!(remedy.contains("TIINGO_API_KEY"), "{remedy}");
    let alert = watch.alerted("fallback_forecast", "firing").await;
    assert!(
        alert["remedy"].as_str().unwrap().contains("prices import"),
        "{alert}"
    );
    watch.alerted("not_ready", "firing").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_without_coins_says_so_until_it_is_given_some() {
    let stage = Stage::with(|config| config.funded.retain(|(_, coins)| *coins == 1)).await;
    let worker = stage.start_with(|_| {});
    let watch = Watch::over(&worker).await;
    let (cause, remedy) = watch.hindered("no_coins").await;
    assert!(cause.contains("has no coins"), "{cause}");
    assert!(remedy.contains(&stage.address), "{remedy}");
    let alert = watch.alerted("not_ready", "firing").await;
    assert!(
        alert["cause"].as_str().unwrap().contains("coins"),
        "{alert}"
    );
    let address = stage.address.clone();
    let balance = COINS;
    stage.control(Control::Fund { address, balance }).await;
    worker.ready().await;
    watch.ready().await;
    watch.alerted("not_ready", "resolved").await;
    let (address, balance) = (stage.address.clone(), 0);
    stage.control(Control::Fund { address, balance }).await;
    let nonce = stage.open_window().await;
    worker.window_open(nonce).await;
    watch.hindered("no_coins").await;
    stage.close_window(nonce).await;
    watch.alerted("low_balance", "firing").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_cut_off_says_so_until_it_is_back() {
    let stage = Stage::new().await;
    let node = stage.devnet.rpc_url();
    let node = node.trim_start_matches("http://").parse().unwrap();
    let gate = Gate::before(node).await;
    let worker = stage.start_with(|setup| {
        setup.network.rpc = vec![gate.rpc_url()];
        setup.network.ws = vec![gate.ws_url()];
    });
    let watch = Watch::over(&worker).await;
    worker.ready().await;
    watch.ready().await;
    gate.set_open(false);
    let (cause, remedy) = watch.hindered("no_nodes").await;
    assert!(cause.contains("no node answers"), "{cause}");
    assert!(remedy.contains("endpoints"), "{remedy}");
    let alert = watch.alerted("endpoints_degraded", "firing").await;
    assert!(
        alert["cause"].as_str().unwrap().contains("1 of 1"),
        "{alert}"
    );
    watch.alerted("not_ready", "firing").await;
    gate.set_open(true);
    watch.ready().await;
    watch.alerted("not_ready", "resolved").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_program_that_is_stopped_or_killed_says_so() {
    let (home, webhook, address) = (Home::new(), webhook().await, free().await);
    let start = || {
        let mut command = home.command(&["run", "--network", "devnet"]);
        command
            .env("ALLORA_OPS__HTTP__LISTEN", address.to_string())
            .env("ALERT_WEBHOOK_URL", webhook.uri())
            .stdout(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let mut first = start();
    home.told("ready", 1).await;
    let ready = eventually(async || (get(address, "/readyz").await.0 == 200).then_some(()));
    assert!(ready.await.is_some(), "{:?}", get(address, "/readyz").await);
    assert_eq!(get(address, "/healthz").await, (200, "alive\n".into()));
    signal(&first, "-KILL").await;
    first.wait().await.unwrap();
    let second = start();
    let alert = alerted(&webhook, "worker_stopped", "firing").await;
    assert!(
        alert["cause"].as_str().unwrap().contains("was killed"),
        "{alert}"
    );
    home.told("ready", 2).await;
    alerted(&webhook, "worker_stopped", "resolved").await;
    assert_eq!(terminate(second).await, Some(0));
    let requests = webhook.received_requests().await.unwrap();
    let last: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    assert_eq!(
        (&last["kind"], &last["state"]),
        (&"worker_stopped".into(), &"firing".into())
    );
    assert!(
        last["cause"].as_str().unwrap().contains("SIGTERM"),
        "{last}"
    );
    let vitals: Value = serde_json::from_str(&home.text("worker.vitals.json")).unwrap();
    assert_eq!(vitals["process"]["phase"], "stopped");
    assert!(!home.text("worker.alerts.json").contains(&webhook.uri()));
}

#[tokio::test]
async fn a_taken_address_is_told_of_and_done_without() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "devnet"]);
    let address = taken.local_addr().unwrap().to_string();
    command.env("ALLORA_OPS__HTTP__LISTEN", &address);
    let child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    home.told("ready", 1).await;
    let notices = home.told("notice", 1).await;
    let told = notices.iter().any(|it| it.to_string().contains(&address));
    assert!(told, "{notices:?}");
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn beyond_this_machine_a_token_is_asked_for() {
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "devnet"]);
    command.env("ALLORA_OPS__HTTP__LISTEN", "0.0.0.0:9467");
    let (output, said) = crate::operator::ended(command).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("OPS_HTTP_TOKEN"), "{said}");
    let address = free().await;
    let mut command = home.command(&["run", "--network", "devnet"]);
    command
        .env("ALLORA_OPS__HTTP__LISTEN", address.to_string())
        .env("OPS_HTTP_TOKEN", "0123456789abcdef");
    let child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    home.told("ready", 1).await;
    assert_eq!(get(address, "/metrics").await.0, 401);
    assert_eq!(get(address, "/metrics?token=0123456789abcdef").await.0, 200);
    assert_eq!(terminate(child).await, Some(0));
    let whole = home.text("worker.vitals.json");
    assert!(!whole.contains("0123456789abcdef"));
    let events = home.events();
    assert!(events.iter().all(|it| it["event"] != "gauge"));
    assert!(matches!(events.last(), Some(it) if it["event"] == "stopped"));
}
