//! The Predict worker as a process, with real model servers and an orchestrator.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use allora_worker::{
    models::stub::StubOrchestrator,
    store::{Prediction, PredictionDb, PredictionFilter, PredictionRepository as _},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    gate::{say, setting},
    models_field::CRUNCH,
    models_gate,
    models_server::Server,
    site::binary,
    worker::Worker,
};

/// From the start of the servers to their first answers, on two busy cores.
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// Closes of a month.
pub(crate) const MONTH: u64 = 720;
const PRICES: &str = "data/btcusd_1h_2023-01_2025-12.csv";
/// A round for each hourly price, and limits that a test can wait for.
const SETTINGS: &str = r#"
[models]
timeout = "2s"
connect_timeout = "2s"
patience = "1s"
reconnect_min = "100ms"
[predict]
settle = "90s"
schedules = [{ asset = "BTC", horizon = "24h", step = "1h", interval = "1h" }]
"#;

/// Servers by their roles, an orchestrator, and a folder for the worker.
pub(crate) struct Stand {
    pub(crate) orchestrator: StubOrchestrator,
    pub(crate) servers: Vec<Server>,
    folder: TempDir,
}

impl Stand {
    /// None when the real servers are not there.
    pub(crate) async fn of(roles: &[&str]) -> Option<Self> {
        let runner = models_gate::runner()?;
        let any = ([127, 0, 0, 1], 0).into();
        let orchestrator = StubOrchestrator::start(CRUNCH, any)
            .await
            .expect("a port is free");
        let started = roles.iter().map(|role| Server::start(&runner, role));
        let servers: Vec<Server> = started.collect();
        orchestrator.list(servers.iter().map(|server| server.item(1)));
        let mut folder = tempfile::tempdir().expect("a temporary folder");
        if setting("ALLORA_REAL_KEEP").is_some() {
            folder.disable_cleanup(true);
            say(&format!("kept: {}", folder.path().display()));
        }
        fs::write(folder.path().join("predict.toml"), SETTINGS).expect("a writable folder");
        Some(Self {
            orchestrator,
            servers,
            folder,
        })
    }

    /// Starts the worker: an hour of the market is a second.
    pub(crate) fn start(&self) -> Worker {
        let data = self.path().join("data");
        let log = data.join("artifacts/logs/predict_continuous.log");
        let port = self.orchestrator.address().port().to_string();
        let mut command = Command::new(binary());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["predict", "--host", "127.0.0.1", "--port", &port])
            .args(["--crunch-id", CRUNCH, "--prices", PRICES, "--speed", "3600"])
            .arg("--data-dir")
            .arg(&data)
            .arg("--database-url")
            .arg(self.database())
            .arg("--config")
            .arg(self.path().join("predict.toml"))
            .env_remove("TIINGO_API_KEY")
            .env_remove("DATABASE_URL")
            .env("ALLORA_PREDICT__HTTP__LISTEN", "off");
        Worker::spawn(&mut command, log, self.path())
    }

    /// What is stored once it fits; all that is, in its order.
    pub(crate) async fn stored(
        &self,
        worker: &Worker,
        what: &str,
        fits: impl Fn(&[Prediction]) -> bool,
    ) -> Vec<Prediction> {
        let deadline = Instant::now() + LONG;
        loop {
            let found = self.all_stored().await;
            if fits(&found) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "not stored: {what}{}\n{}",
                table(&found),
                worker.last_words()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn all_stored(&self) -> Vec<Prediction> {
        if !self.database().exists() {
            return Vec::new();
        }
        let url = self.database().display().to_string();
        let url = url.parse().expect("a file's path");
        let db = PredictionDb::connect(&url).await.expect("the database");
        let all = PredictionFilter::default();
        let found = db.predictions(&all, 0, 100_000).await;
        let found = found.expect("the predictions");
        found.into_iter().map(|it| it.prediction).collect()
    }

    pub(crate) fn server(&mut self, role: &str) -> &mut Server {
        let mut servers = self.servers.iter_mut();
        servers
            .find(|server| server.role() == role)
            .expect("such a server")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn database(&self) -> PathBuf {
        self.path().join("predictions.db")
    }
}

/// Waits until the events fit.
pub(crate) async fn wait(worker: &Worker, what: &str, fits: impl Fn(&[Value]) -> bool) {
    let deadline = Instant::now() + LONG;
    while !fits(&worker.events()) {
        assert!(
            Instant::now() < deadline,
            "no {what}{}",
            worker.last_words()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The statuses of a model, oldest first.
pub(crate) fn statuses<'a>(rows: &'a [Prediction], model: &str) -> Vec<&'a str> {
    of(rows, model).map(|row| row.status.name()).collect()
}

/// A model's rows, oldest first.
pub(crate) fn of<'a>(rows: &'a [Prediction], model: &str) -> impl Iterator<Item = &'a Prediction> {
    rows.iter().filter(move |row| row.model_id == model)
}

/// How many closes a sound model had been told when it gave this answer.
pub(crate) fn told(row: &Prediction) -> u64 {
    let payload = row.payload.as_ref().expect("it answered");
    let text = payload.text().expect("it is stored well");
    let items: Vec<Value> = serde_json::from_str(&text).expect("a list");
    assert_eq!(items.len(), 24, "one item a step");
    let loc = &items[0]["components"][0]["density"]["params"]["loc"];
    loc.as_u64().expect("a whole number")
}

/// What became of each model, a letter a round.
pub(crate) fn table(rows: &[Prediction]) -> String {
    let mut models: Vec<_> = rows.iter().map(|row| row.model_id.as_str()).collect();
    models.sort_unstable();
    models.dedup();
    let line = |model: &&str| {
        let letters: String = statuses(rows, model).iter().map(|it| &it[..1]).collect();
        format!("\n{model:<10} {letters}")
    };
    models.iter().map(line).collect()
}
