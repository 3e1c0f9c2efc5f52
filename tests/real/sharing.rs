//! Predict workers that share a crunch's models through PostgreSQL: one is killed, and one joins.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use allora_worker::{
    models::stub::{StubItem, StubModel, StubOrchestrator},
    store::PredictionStatus,
};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use crate::{
    gate::say,
    postgres_server::{own, shared},
    prediction_store::{Place, all},
    price_server::PriceServer,
    site::binary,
};

const CRUNCH: &str = "condorgame";
const MODELS: usize = 30;
const HEARTBEAT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(60);

/// A worker's process, which is killed when it is no longer needed.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Stand {
    orchestrator: StubOrchestrator,
    _models: Vec<StubModel>,
    place: Place,
    folder: tempfile::TempDir,
}

impl Stand {
    async fn of(server: &str) -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        let orchestrator = StubOrchestrator::start(CRUNCH, any).await;
        let orchestrator = orchestrator.expect("a port is free");
        let mut models = Vec::new();
        for number in 0..MODELS {
            let model = StubModel::start().await.expect("a port is free");
            let id = format!("m{number:02}");
            orchestrator.list([StubItem::new(&id, &format!("{id}_1"), model.address())]);
            models.push(model);
        }
        let (prices, folder) = (PriceServer::start(), tempfile::tempdir().expect("a folder"));
        let settings = format!(
            r#"
            [market]
            base_url = "{}"
            requests_per_hour = 3600
            requests_per_day = 86400
            stand_in = "none"
            [predict]
            heartbeat = "{}s"
            history = "2h"
            retry_max = "1s"
            schedules = [{{ asset = "BTC", horizon = "1h", step = "20m", interval = "2s" }}]
            "#,
            prices.url(),
            HEARTBEAT.as_secs()
        );
        fs::write(folder.path().join("share.toml"), settings).expect("a writable folder");
        Self {
            orchestrator,
            _models: models,
            place: Place::postgres(server).await,
            folder,
        }
    }

    fn start(&self, name: &str) -> Worker {
        let path = |name: &str| self.folder.path().join(name);
        let log = |end: &str| File::create(path(&format!("{name}.{end}"))).expect("a file");
        let port = self.orchestrator.address().port().to_string();
        let child = Command::new(binary())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["predict", "--host", "127.0.0.1", "--port", &port])
            .args(["--crunch-id", CRUNCH])
            .arg("--data-dir")
            .arg(path(name))
            .arg("--config")
            .arg(path("share.toml"))
            .env("DATABASE_URL", self.place.address())
            .env("ALLORA_PREDICT__HTTP__LISTEN", "off")
            .env("TIINGO_API_KEY", "no-key-at-all")
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn();
        Worker(child.expect("the worker's binary runs"))
    }

    /// How many models each worker holds that lives, in order.
    async fn shares(&self) -> Vec<i64> {
        let there = "SELECT count(*) FROM information_schema.tables \
                     WHERE table_schema = current_schema() AND table_name = 'leases'";
        if self.place.number(there).await == 0 {
            return Vec::new();
        }
        let lives = "SELECT count(*) FROM workers WHERE lapses_at >= now()";
        let mut shares = Vec::new();
        for place in 0..self.place.number(lives).await {
            let one = format!(
                "SELECT COALESCE((SELECT held FROM (SELECT count(l.model_id) AS held FROM workers w \
                 LEFT JOIN leases l ON l.owner = w.id WHERE w.lapses_at >= now() GROUP BY w.id) AS h \
                 ORDER BY held OFFSET {place} LIMIT 1), -1)"
            );
            shares.push(self.place.number(&one).await);
        }
        shares
    }

    async fn until_shared(&self, expected: &[i64]) {
        let begun = Instant::now();
        loop {
            let shares = self.shares().await;
            if shares == expected {
                return;
            }
            assert!(
                begun.elapsed() < LONG,
                "{shares:?} instead of {expected:?}: {}",
                self.last_words()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn last_words(&self) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let files = ["w1", "w2", "w3"].map(|it| self.folder.path().join(format!("{it}.stderr")));
        files.iter().map(|it| read(it)).collect()
    }

    /// When each model gave an answer, and that none is there twice.
    async fn answers(&self) -> HashMap<String, Vec<OffsetDateTime>> {
        let stored = all(&self.place.open().await).await;
        let keys = stored.iter().map(|it| &it.prediction);
        let keys: HashSet<_> = keys.map(|it| (it.slot, it.model_id.clone())).collect();
        assert_eq!(keys.len(), stored.len(), "none twice");
        let mut answers: HashMap<_, Vec<_>> = HashMap::new();
        for it in stored {
            let it = it.prediction;
            assert_eq!(it.status, PredictionStatus::Success, "{it:?}");
            answers
                .entry(it.model_id)
                .or_default()
                .push(it.performed_at);
        }
        answers
    }

    /// A number for who holds which model.
    async fn owners(&self) -> i64 {
        let owners = "SELECT COALESCE(sum(hashtext(l.model_id || w.name)::bigint), 0)::bigint \
                      FROM leases l JOIN workers w ON w.id = l.owner";
        self.place.number(owners).await
    }

    /// That each model has an answer to each round between its first and its last one.
    async fn expect_no_gap(&self) {
        let stored = all(&self.place.open().await).await;
        let mut slots: HashMap<_, Vec<i64>> = HashMap::new();
        for it in stored {
            let slots = slots.entry(it.prediction.model_id).or_default();
            slots.push(it.prediction.slot);
        }
        assert_eq!(slots.len(), MODELS);
        for (model, slots) in &mut slots {
            slots.sort_unstable();
            let is_next = |pair: &[i64]| pair[1] == pair[0] + 2;
            assert!(slots.windows(2).all(is_next), "{model}: {slots:?}");
        }
    }

    /// Waits until all models have answered after a time.
    async fn until_all_answered(
        &self,
        since: OffsetDateTime,
    ) -> HashMap<String, Vec<OffsetDateTime>> {
        let begun = Instant::now();
        loop {
            let answers = self.answers().await;
            let after = answers
                .values()
                .filter(|it| it.iter().any(|at| *at > since));
            if after.count() == MODELS {
                return answers;
            }
            assert!(
                begun.elapsed() < LONG,
                "not all answer: {}",
                self.last_words()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_models_of_a_killed_worker_are_taken_over_and_a_newcomer_has_its_share() {
    let Some(server) = shared() else { return };
    let stand = Stand::of(&server).await;
    let first = stand.start("w1");
    let second = stand.start("w2");
    stand.until_shared(&[15, 15]).await;
    stand.until_all_answered(OffsetDateTime::now_utc()).await;

    let killed = OffsetDateTime::now_utc();
    drop(first);
    let answers = stand.until_all_answered(killed).await;
    let again = answers
        .values()
        .filter_map(|times| times.iter().find(|it| **it > killed));
    let last = again.max().expect("they answered");
    let gap = *last - killed;
    say(&format!(
        "sharing: the last of {MODELS} models was asked again {gap:.2} after the kill, with a heartbeat of {HEARTBEAT:?}"
    ));
    assert!(gap < HEARTBEAT * 3, "{gap}");
    assert_eq!(stand.shares().await, [30]);

    let third = stand.start("w3");
    stand.until_shared(&[15, 15]).await;
    stand.until_all_answered(OffsetDateTime::now_utc()).await;
    drop((second, third));
    stand.place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_down_each_goes_on_with_what_it_holds() {
    let Some(server) = own() else { return };
    let stand = Stand::of(server.url()).await;
    let _workers = [stand.start("w1"), stand.start("w2")];
    stand.until_shared(&[15, 15]).await;
    stand.until_all_answered(OffsetDateTime::now_utc()).await;
    sleep(HEARTBEAT * 2).await;
    let owners = stand.owners().await;
    tokio::task::block_in_place(|| server.command("stop"));
    sleep(HEARTBEAT * 4).await;
    tokio::task::block_in_place(|| server.command("start"));
    stand.until_shared(&[15, 15]).await;
    sleep(HEARTBEAT * 3).await;
    stand.until_shared(&[15, 15]).await;
    assert_eq!(stand.owners().await, owners, "no model has moved");
    stand.until_all_answered(OffsetDateTime::now_utc()).await;
    stand.expect_no_gap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_frozen_nobody_calls_and_then_all_have_what_they_had() {
    let Some(server) = own() else { return };
    let stand = Stand::of(server.url()).await;
    let _workers = [stand.start("w1"), stand.start("w2")];
    stand.until_shared(&[15, 15]).await;
    stand.until_all_answered(OffsetDateTime::now_utc()).await;
    sleep(HEARTBEAT * 2).await;
    let owners = stand.owners().await;
    let begun = OffsetDateTime::now_utc();
    let frozen = server.freeze();
    sleep(HEARTBEAT * 5).await;
    let ended = OffsetDateTime::now_utc();
    drop(frozen);
    stand.until_shared(&[15, 15]).await;
    stand.until_all_answered(ended).await;
    sleep(HEARTBEAT * 3).await;
    assert_eq!(stand.owners().await, owners, "no model has moved");
    // The leases lapsed two heartbeats after the last renewal.
    let may_begin = begun + HEARTBEAT * 2;
    let answers = stand.answers().await;
    let times = answers.values().flatten();
    let meanwhile = times.filter(|it| **it > may_begin && **it < ended).count();
    assert_eq!(meanwhile, 0, "nobody asked a model that others might ask");
}
