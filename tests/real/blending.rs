//! All parts at once: real models, the Predict worker, the Scoring worker, and a worker that answers the
//! real chain's windows with what the models expect.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use allora_worker::models::stub::StubOrchestrator;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    chain::Chain,
    gate::{self, number, say},
    ledger::{Ledger, TOPIC, Window, pair},
    models_field::CRUNCH,
    models_gate,
    models_server::Server,
    plan::Plan,
    postgres_server,
    price_server::PriceServer,
    site::{Site, binary},
    wallet::{Funded, Wallet},
    worker::Worker,
};

/// From the start to what is waited for, with Python's imports on two busy cores.
const LONG: Duration = Duration::from_secs(180);
/// What each model expects of the next week, in dollars at a price of about 100,000; a twentieth of it in
/// a minute.
const MODELS: [&str; 4] = ["expects_100", "expects_200", "expects_300", "hangs"];
/// A week's forecast for the chain, and a minute's that is scored soon.
const SETTINGS: &str = r#"
[models]
timeout = "3s"
connect_timeout = "2s"
reconnect_min = "100ms"
[predict]
history = "2h"
settle = "90s"
schedules = [
  { asset = "BTC", horizon = "7d", step = "7d", interval = "10s" },
  { asset = "BTC", horizon = "1m", step = "1m", interval = "5s" },
]
[score]
interval = "5s"
[market]
settle = "1s"
"#;

/// The processes beside the one that answers the chain.
struct Crew {
    folder: TempDir,
    prices: PriceServer,
    database: String,
    port: u16,
}

impl Crew {
    fn launch(&self, command: &str, arguments: &[&str]) -> Worker {
        let data = self.path().join("data");
        let log = data.join(format!("artifacts/logs/{command}_continuous.log"));
        let child = Command::new(binary())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .arg(command)
            .args(["--crunch-id", CRUNCH])
            .args(arguments)
            .arg("--data-dir")
            .arg(&data)
            .arg("--config")
            .arg(self.settings())
            .env("DATABASE_URL", &self.database)
            .env("ALLORA_PREDICT__HTTP__LISTEN", "off")
            .env("TIINGO_API_KEY", "of-no-account")
            .stdin(Stdio::null())
            .stdout(self.file(&format!("{command}.out")))
            .stderr(self.file(&format!("{command}.err")))
            .spawn()
            .expect("the worker's binary runs");
        Worker::watch(child, log, 0, self.path())
    }

    /// What the Scoring worker prints of the newest leaderboard.
    fn leaderboard(&self) -> Value {
        let output = Command::new(binary())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["score", "--leaderboard", "--json", "--crunch-id", CRUNCH])
            .arg("--config")
            .arg(self.settings())
            .env("DATABASE_URL", &self.database)
            .output()
            .expect("the worker's binary runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    fn settings(&self) -> PathBuf {
        self.path().join("settings.toml")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> File {
        File::create(self.path().join(name)).expect("the temporary folder can be written")
    }
}

#[test]
fn real_models_scored_and_blended_answer_the_real_chain() {
    let (Some(binary), Some(runner)) = (gate::node_binary(), models_gate::runner()) else {
        return;
    };
    let Some(postgres) = postgres_server::own() else {
        return;
    };
    let servers: Vec<Server> = MODELS.iter().map(|it| Server::start(&runner, it)).collect();
    let node = Plan::new().topics(2).start(&binary);
    let (chain, wallet) = (Chain::new(&node.rpc), Wallet::funded(Funded::Worker));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let any = ([127, 0, 0, 1], 0).into();
    let orchestrator = runtime.block_on(StubOrchestrator::start(CRUNCH, any));
    let orchestrator = orchestrator.expect("a port is free");
    orchestrator.list(servers.iter().map(|server| server.item(1)));
    let crew = Crew {
        folder: tempfile::tempdir().expect("a temporary folder"),
        prices: PriceServer::start(),
        database: postgres.url().to_owned(),
        port: orchestrator.address().port(),
    };
    let prices = crew.prices.url();
    let settings = SETTINGS.replace("[market]", &format!("[market]\nbase_url = \"{prices}\""));
    fs::write(crew.settings(), settings).expect("a writable folder");

    let port = crew.port.to_string();
    let mut predict = crew.launch("predict", &["--host", "127.0.0.1", "--port", &port]);
    let mut score = crew.launch("score", &[]);
    predict.wait_for("a round of the week's", LONG, |event| {
        event["event"] == "predictions_collected"
            && event["config"] == "BTC/604800/604800"
            && event["succeeded"] == 3
    });

    let site = Site::new(&node, &wallet);
    let file = site.path().join("topics.toml");
    fs::write(&file, topics()).expect("a writable folder");
    let site = site.with(&["--config", &file.display().to_string()]);
    let mut worker = site.start_with(&[("DATABASE_URL", &crew.database)]);
    worker.wait_until_prepared(2);
    for source in ["models", "blend"] {
        let prepared = worker.wait_for("a forecast that knows the models", LONG, |event| {
            event["event"] == "forecast_prepared" && event["forecast"]["source"] == source
        });
        let network = &prepared["forecast"]["report"]["network"];
        assert_eq!(network["models"], 3, "{prepared}");
    }
    let count = usize::try_from(number("ALLORA_REAL_WINDOWS", 5)).expect("a small number");
    let mut ledger = Ledger::of(&chain, node.topics.clone());
    let ready_at = ledger.advance();
    let windows: Vec<Window> = ledger.wait_for_closed(ready_at, 2 * count);
    worker.wait_for_verdicts(&windows);
    let txs = chain.all_submissions(&wallet.address);
    for one in pair(&windows, &txs) {
        let fault = one.fault(&wallet.address, 1);
        assert!(fault.is_none(), "{fault:?}{}", worker.last_words());
        let text = one.txs[0].values.rsplit('=').next().unwrap_or_default();
        let value: f64 = text.parse().expect("a number");
        let Window { topic, nonce, .. } = one.window;
        say(&format!("topic {topic}, window {nonce}: {value}, counted"));
        if topic == TOPIC {
            // 200 dollars of about 100,000, by the three that answer.
            assert!((0.0015..0.0025).contains(&value), "{value}");
        }
    }

    score.wait_for("scores", LONG, |event| {
        event["event"] == "scoring_done" && event["scored"].as_u64() > Some(0)
    });
    score.wait_for("a leaderboard", LONG, |_| {
        let board = crew.leaderboard();
        let rows = board["models"].as_array().cloned().unwrap_or_default();
        rows.len() == MODELS.len() && rows[0]["rank"] == 1
    });
    let board = crew.leaderboard();
    let names = ["rank", "model_id", "answered", "score"];
    let show = |row: &Value| {
        let cells = names.map(|name| row.get(name).unwrap_or(&row["anchor"][name]).to_string());
        say(&cells.join(" "));
    };
    board["models"]
        .as_array()
        .into_iter()
        .flatten()
        .for_each(show);
    let rows = board["models"].as_array().expect("rows");
    let places: Vec<_> = rows.iter().map(|row| row["rank"].as_u64()).collect();
    assert_eq!(places, [Some(1), Some(2), Some(3), Some(4)], "{board:#}");
    // Who never answers is as good as the worst of each round, and has answered nothing.
    let (last, others) = rows.split_last().expect("four rows");
    assert_eq!(last["model_id"], "hangs", "{board:#}");
    assert_eq!(last["anchor"]["answered"], 0);
    assert_eq!(last["anchor"]["rounds"], others[0]["anchor"]["rounds"]);
    for row in others {
        assert!(row["anchor"]["answered"].as_u64() >= Some(5), "{board:#}");
        assert!(row["anchor"]["score"].as_f64() >= last["anchor"]["score"].as_f64());
    }

    worker.stop();
    score.stop();
    predict.stop();
    site.assert_counted(&chain, &windows);
}

/// One topic that the models answer, and one that is the built-in forecast until they have earned a say.
fn topics() -> String {
    let topic = |id: u64, source: &str| {
        format!(
            "[[topics]]\nid = {id}\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\nsource = \"{source}\"\n"
        )
    };
    let network = format!("[models]\ncrunch_id = \"{CRUNCH}\"\n");
    network + &topic(TOPIC, "models") + &topic(TOPIC + 1, "blend")
}
