//! What a real chain makes of answers: peers answer beside the worker, a reputer judges all of them, and
//! the worker knows what the chain scored and paid, also of the time that it was down.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use allora_worker::{
    chain::{Emissions, Rpc, jsonrpc::Event},
    store::{self, Earnings, NoncedScore},
    types::TopicId,
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    chain::Chain,
    conformance::{self, Book, Client, settled},
    gate::{self, say},
    ledger::{Ledger, TOPIC},
    node::Node,
    plan::{Plan, free_ports},
    script::localnet,
    site::Site,
    wallet::{Funded, Wallet},
};

/// Blocks from one window to the next, and of a window: with quiet moments in between.
const EPOCH: i64 = 12;
const WINDOW: i64 = 6;
const PEERS: usize = 3;
/// From an answer to its reward known everywhere: two epochs, a quiet moment and a file that is written
/// each five seconds, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Peers or a reputer. They end when this is dropped.
struct Crowd(Child);

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Crowd {
    /// Starts them and waits until they are ready.
    fn start(node: &Node, arguments: &[&str]) -> Self {
        let mut child = localnet(&node.environment)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs scripts/localnet.sh");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let crowd = Self(child);
        let mut lines = said.lines().map_while(Result::ok);
        let ready = lines.find(|line| line.starts_with("crowd: ") && line.ends_with("ready"));
        assert!(ready.is_some(), "{arguments:?} ended before it was ready");
        // What they say further is read, so that they never wait for it.
        thread::spawn(move || lines.count());
        crowd
    }
}

/// The worker's site on the chain, and where to look for what it knows.
struct Scene<'a> {
    chain: &'a Chain,
    node: &'a Node,
    site: &'a Site<'a>,
    address: &'a str,
}

#[test]
fn scores_and_rewards_arrive_in_status_metrics_and_database() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = Plan::new().paced(EPOCH, WINDOW).start(&binary);
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let _peers = Crowd::start(&node, &["peers", &PEERS.to_string()]);
    let _reputer = Crowd::start(&node, &["reputer"]);

    let port = free_ports(1);
    let config = tempfile::tempdir().expect("a temporary folder");
    let file = config.path().join("http.toml");
    let text = format!("[ops.http]\nlisten = \"127.0.0.1:{port}\"\n");
    fs::write(&file, text).expect("a writable folder");
    let site = Site::new(&node, &wallet).with(&["--config", &file.display().to_string()]);
    let scene = Scene {
        chain: &chain,
        node: &node,
        site: &site,
        address: &wallet.address,
    };
    let mut worker = site.start();
    worker.wait_until_prepared(1);

    let status = scene.wait_until_earned();
    let topic = &status["topics"][0];
    let metrics = scene.metrics(port);
    for name in ["score", "score_ema", "rewards_allo_total"] {
        let line = format!("allora_worker_{name}{{topic=\"67\"}} ");
        let value = metrics.lines().find_map(|it| it.strip_prefix(&line));
        let value = value.unwrap_or_else(|| panic!("{line} is not in\n{metrics}"));
        let value: f64 = value.parse().expect("a number");
        assert!(value.is_finite() && value != 0.0, "{line}{value}");
    }
    scene.compare_average();
    worker.stop();
    let known = scene.earned();
    assert!(!known.scores.is_empty() && !known.rewards.is_empty());
    scene.assert_told_by_the_chain(&known);
    let latencies = scene.latencies();
    assert!(!latencies.is_empty() && latencies.iter().all(|it| *it > 0.0));
    say(&format!(
        "{} scores, {} rewards of {} uallo in all; the newest score {}, average {}",
        known.scores.len(),
        known.rewards.len(),
        known.rewards.iter().map(|it| it.amount).sum::<f64>(),
        topic["score"],
        topic["score_ema"],
    ));

    // The last answers are settled while nobody is there, and known after the next start.
    let last = known.scores.iter().rfind(|it| it.score.is_some());
    let last = last.expect("scores").nonce.0;
    let answered = chain.submissions(&wallet.address, TOPIC);
    let answered = answered.iter().map(|it| it.nonce).max().expect("answers");
    assert!(answered > last, "{answered} is settled already");
    chain.wait_for(settled::settles(answered, EPOCH, EPOCH) + 1);
    let down = scene.status();
    assert_eq!(
        down["topics"][0]["rewards"],
        scene.status()["money"]["rewards"]
    );
    assert_eq!(scene.earned(), known, "nobody writes");
    let worker = site.start();
    let deadline = Instant::now() + PATIENCE;
    let later = loop {
        let later = scene.earned();
        let is_known = |it: &NoncedScore| it.nonce.0 == answered && it.score.is_some();
        if later.scores.iter().any(is_known) {
            break later;
        }
        assert!(Instant::now() < deadline, "{answered} is not in {later:?}");
        thread::sleep(Duration::from_secs(1));
    };
    worker.stop();
    assert!(later.rewards.len() > known.rewards.len());
    scene.assert_told_by_the_chain(&later);
}

#[test]
fn a_real_node_settles_as_the_embedded_chain_does() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = Plan::new().paced(EPOCH, WINDOW).start(&binary);
    let chain = Chain::new(&node.rpc);
    let _peers = Crowd::start(&node, &["peers", &PEERS.to_string()]);
    let _reputer = Crowd::start(&node, &["reputer"]);
    let mut ledger = Ledger::new(&chain);
    let mut window = ledger.wait_for_closed(0, 1).remove(0);
    while window.counted.len() < PEERS {
        window = ledger.wait_for_closed(window.nonce, 1).remove(0);
    }
    let height = settled::settles(window.nonce, EPOCH, EPOCH);
    chain.wait_for(height);
    let client = Client::new(node.rpc.clone());
    let mut book = Book::new(conformance::Version::V10);
    let ours = window.counted.first().expect("inferers");
    let of = (window.nonce, height);
    chain.block_on(settled::play(&client, &mut book, of, PEERS, ours));
    let report = book.print("a settlement of a real node, v10");
    assert!(book.agrees(), "{report}");
}

impl Scene<'_> {
    fn status(&self) -> Value {
        self.site.status()
    }

    fn wait_until_earned(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            let topic = &status["topics"][0];
            let is_paid = topic["rewards"]["today"]
                .as_str()
                .is_some_and(|it| it != "0 uallo");
            if topic["score"].is_number() && topic["score_ema"].is_number() && is_paid {
                return status;
            }
            assert!(Instant::now() < deadline, "{status:#}");
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn metrics(&self, port: u16) -> String {
        self.chain.block_on(async {
            let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await;
            let answer = answer.expect("the worker's metrics").text().await;
            answer.expect("a text")
        })
    }

    fn ledger<T>(&self, read: impl AsyncFn(store::Ledger, store::Wallet) -> T) -> T {
        let wallet = store::Wallet {
            chain_id: self.node.chain_id.clone(),
            address: self.address.to_owned(),
        };
        self.chain.block_on(async {
            let opened = store::Ledger::open(&self.site.database()).await;
            let ledger = opened.expect("a database").expect("a database");
            read(ledger, wallet).await
        })
    }

    fn earned(&self) -> Earnings {
        let mut all = self.ledger(async |ledger, wallet| {
            let since = OffsetDateTime::UNIX_EPOCH;
            let all = ledger.earnings(&wallet, since).await;
            all.expect("what was earned")
        });
        all.remove(&TopicId(TOPIC)).unwrap_or_default()
    }

    fn latencies(&self) -> Vec<f64> {
        let all = self.ledger(async |ledger, wallet| {
            let all = ledger.latencies(&wallet, allora_worker::types::Nonce(0));
            all.await.expect("the latencies")
        });
        all.into_iter().map(|(_, ms)| ms).collect()
    }

    /// What the chain answers when it is asked for our average is the newest that the database has.
    fn compare_average(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rpc = Rpc::new(std::slice::from_ref(&self.node.rpc), Duration::from_secs(5));
            let rpc = Arc::new(rpc.expect("a usable URL"));
            let asked = self.chain.block_on(async {
                let emissions = Emissions::detect(rpc).await.expect("a known version");
                emissions.score_ema(TopicId(TOPIC), self.address).await
            });
            let (ema, _) = asked.expect("an answer").expect("an average");
            let known = self.earned().scores;
            let newest = known.iter().rfind(|it| it.score.is_some());
            let newest = newest.and_then(|it| it.ema).expect("an average");
            // A settlement may be too new to be known.
            if (newest - ema).abs() < 1e-12 {
                return;
            }
            assert!(Instant::now() < deadline, "{newest} is not {ema}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Each score and reward is in an event of the block that settled it, and each reward on our account.
    fn assert_told_by_the_chain(&self, known: &Earnings) {
        let end_of = |height: i64| {
            let results = self.chain.block_results(height);
            results.finalize_block_events.unwrap_or_default()
        };
        for it in known.scores.iter().filter(|it| it.score.is_some()) {
            let height = settled::settles(it.nonce.0, EPOCH, EPOCH);
            let events = end_of(height);
            let score = self.of_ours(&events, "EventScoresSet", "scores");
            let ema = self.of_ours(&events, "EventEMAScoresSet", "scores");
            assert_eq!((it.score, it.ema), (score, ema), "nonce {}", it.nonce);
            // The database keeps milliseconds.
            let late = self.chain.time(height) - it.at;
            assert!(late.whole_milliseconds() == 0, "{late}");
        }
        for it in &known.rewards {
            let events = end_of(it.height.0);
            let told = self.of_ours(&events, "EventRewardsSettled", "rewards");
            let told = told.expect("a reward").floor();
            assert!(
                (told - it.amount).abs() < 1.0,
                "{told} is not {}",
                it.amount
            );
            let received = format!("{}uallo", it.amount);
            let is_ours = |event: &&Event| {
                event.kind == "coin_received"
                    && event.attribute("receiver") == Some(self.address)
                    && event.attribute("amount") == Some(&received)
            };
            assert!(
                events.iter().any(|it| is_ours(&it)),
                "{received}: {events:?}"
            );
        }
    }

    /// Our number in an inferers' event.
    fn of_ours(&self, events: &[Event], name: &str, list: &str) -> Option<f64> {
        let event = events.iter().find(|it| {
            it.kind == format!("emissions.v10.{name}")
                && it.attribute("actor_type") == Some("\"ACTOR_TYPE_INFERER_UNSPECIFIED\"")
        })?;
        let all = |key: &str| serde_json::from_str::<Vec<String>>(event.attribute(key)?).ok();
        let place = all("addresses")?.iter().position(|it| it == self.address)?;
        all(list)?.get(place)?.parse().ok()
    }
}
