//! What a second node saves when the first turns bad: from a window's event to a mempool, paired.
//!
//! Three pools of two nodes of 20 ms each send the same number of transactions at the same time: one
//! asks the second node after a measured delay, one after half a second, one never. Every fifth
//! broadcast meets a node that has just turned bad, the one that is pinned. Time runs from the event,
//! signing included, until a mempool has answered.
//!
//! `cargo bench --bench hedge` prints a table; `HEDGE_BROADCASTS` sets how many each sends (200).
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark whose stage can't be set has nothing to measure, and it prints its figures"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use allora_worker::{
    chain::{Decimal, Emissions, Envelope, Hedging, Rpc, Signer, Uallo},
    devnet::{Control, Devnet, DevnetConfig},
    types::{Height, Nonce, TopicId, WindowKey},
};
use axum::{
    Router, body::Bytes, extract::State, http::header::CONTENT_TYPE, response::IntoResponse,
};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use tokio::net::TcpListener;

/// How long each node takes for an answer when it is well.
const NODE: Duration = Duration::from_millis(20);
/// How long one does that has turned slow.
const SLOW: Duration = Duration::from_millis(300);
/// Every so many broadcasts one meets a node that has turned bad.
const EVERY: usize = 5;
/// How many one in ten is.
const LOST: u64 = 10;
const HALF_A_SECOND: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(3_600);

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Trouble {
    None,
    Slow,
    Hangs,
    Loses,
}

/// A node as its clients see it: a relay before the devnet.
struct Node {
    address: SocketAddr,
    trouble: Arc<AtomicU8>,
}

struct Relay {
    client: reqwest::Client,
    to: String,
    trouble: Arc<AtomicU8>,
    asked: AtomicU64,
}

impl Node {
    async fn before(devnet: &Devnet) -> Self {
        let trouble = Arc::new(AtomicU8::new(Trouble::None as u8));
        let relay = Relay {
            client: reqwest::Client::new(),
            to: devnet.rpc_url(),
            trouble: Arc::clone(&trouble),
            asked: AtomicU64::new(0),
        };
        let app = Router::new().fallback(pass).with_state(Arc::new(relay));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, trouble }
    }

    fn turn(&self, trouble: Trouble) {
        self.trouble.store(trouble as u8, Ordering::Relaxed);
    }
}

/// Hands a request on, as late as the node is, or never.
async fn pass(State(relay): State<Arc<Relay>>, body: Bytes) -> impl IntoResponse {
    let trouble = relay.trouble.load(Ordering::Relaxed);
    let turn = relay.asked.fetch_add(1, Ordering::Relaxed);
    let is = |it: Trouble| trouble == it as u8;
    tokio::time::sleep(if is(Trouble::Slow) { SLOW } else { NODE }).await;
    if is(Trouble::Hangs) {
        std::future::pending::<()>().await;
    }
    let asked = relay.client.post(&relay.to).body(body).send().await;
    let answer = asked.expect("the devnet answers").bytes().await;
    if is(Trouble::Loses) && turn % LOST == 0 {
        std::future::pending::<()>().await;
    }
    (
        [(CONTENT_TYPE, "application/json")],
        answer.expect("a body"),
    )
}

/// How a pool hedges.
#[derive(Clone, Copy)]
struct Policy {
    name: &'static str,
    least: Duration,
    most: Duration,
}

const POLICIES: [Policy; 3] = [
    Policy {
        name: "measured delay",
        least: Duration::from_millis(20),
        most: HALF_A_SECOND,
    },
    Policy {
        name: "fixed 500 ms",
        least: HALF_A_SECOND,
        most: HALF_A_SECOND,
    },
    Policy {
        name: "never",
        least: LONG,
        most: LONG,
    },
];

/// A worker's side: a pool, a wallet, and the nodes that it knows.
struct Side {
    policy: Policy,
    nodes: [Node; 2],
    rpc: Arc<Rpc>,
    emissions: Emissions,
    signer: Signer,
    account: u64,
    sequence: u64,
}

impl Side {
    async fn new(devnet: &Devnet, policy: Policy, account: u64) -> Self {
        let nodes = [Node::before(devnet).await, Node::before(devnet).await];
        let urls = nodes.each_ref().map(|it| format!("http://{}", it.address));
        let rpc = Rpc::new(&urls, Duration::from_secs(3)).expect("a pool");
        let rpc = Arc::new(rpc.hedged(policy.least, policy.most));
        let emissions = Emissions::detect(Arc::clone(&rpc))
            .await
            .expect("a version");
        for _ in 0..20 {
            rpc.status().await.expect("a status");
            rpc.warm().await;
        }
        Self {
            policy,
            nodes,
            rpc,
            emissions,
            signer: signer(account),
            account,
            sequence: 0,
        }
    }

    fn pinned(&self) -> &Node {
        let health = self.rpc.health();
        let place = health
            .iter()
            .position(|it| it.is_pinned)
            .expect("one is pinned");
        &self.nodes[place]
    }

    /// From an event to a mempool's answer.
    async fn answer(&mut self) -> Duration {
        let began = Instant::now();
        let key = WindowKey {
            topic: TopicId(67),
            nonce: Nonce(1),
        };
        let value = Decimal::try_from(0.001).expect("a decimal").into();
        let message = self.emissions.submission(&self.signer, key, &value);
        let envelope = Envelope {
            chain_id: "allora-devnet-1".into(),
            account_number: self.account,
            sequence: self.sequence,
            gas: 250_000,
            fee: Uallo(3_750_000),
            denom: "uallo".into(),
            timeout_height: Some(Height(i64::MAX)),
        };
        let tx = self
            .signer
            .sign_tx(vec![message.expect("a message")], &envelope);
        let tx = tx.expect("a signature");
        // Where nobody answers in time the same bytes go again, as at the next block.
        let sent = loop {
            if let Ok(sent) = self.rpc.broadcast(&tx.bytes).await {
                break sent;
            }
        };
        // What a mempool has already counts: its answer to the first copy was lost.
        let is_taken = match &sent.answer {
            Ok(answer) => answer.code == 0,
            Err(error) => error.data.contains("already exists"),
        };
        assert!(is_taken, "refused by {}: {:?}", sent.endpoint, sent.answer);
        self.sequence += 1;
        began.elapsed()
    }

    async fn play(mut self, trouble: Trouble, count: usize) -> (Policy, Vec<Duration>, Hedging) {
        let before = self.rpc.hedging();
        let mut times = Vec::new();
        for round in 0..count {
            let strikes = round % EVERY == EVERY - 1 || trouble == Trouble::Loses;
            if strikes {
                self.pinned().turn(trouble);
            }
            times.push(self.answer().await);
            self.nodes.iter().for_each(|node| node.turn(Trouble::None));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let after = self.rpc.hedging();
        let hedging = Hedging {
            broadcasts: after.broadcasts - before.broadcasts,
            hedged_broadcasts: after.hedged_broadcasts - before.hedged_broadcasts,
            questions: after.questions - before.questions,
            hedged_questions: after.hedged_questions - before.hedged_questions,
        };
        times.sort_unstable();
        (self.policy, times, hedging)
    }
}

fn signer(number: u64) -> Signer {
    let key = format!("{:064x}", number + 1);
    Signer::from_private_key(&key.as_str().into()).expect("a key")
}

async fn measure(trouble: Trouble, count: usize) -> Vec<(Policy, Vec<Duration>, Hedging)> {
    let funded = (0..3).map(|it| (signer(it).address().to_owned(), u128::MAX / 8));
    let config = DevnetConfig {
        automatic_blocks: true,
        block_time: Duration::from_millis(200),
        funded: funded.collect(),
        ..DevnetConfig::default()
    };
    let devnet = Devnet::start(config).await.expect("a devnet");
    for account in 0..3 {
        let register = Control::Register {
            topic: TopicId(67),
            address: signer(account).address().to_owned(),
            registered: true,
        };
        devnet.control(register).await.expect("a registration");
    }
    let mut sides = Vec::new();
    for (policy, account) in POLICIES.into_iter().zip(0..) {
        sides.push(Side::new(&devnet, policy, account).await);
    }
    let played = sides.into_iter().map(|side| side.play(trouble, count));
    futures_util::future::join_all(played).await
}

fn main() {
    allora_worker::tls::install();
    let count = std::env::var("HEDGE_BROADCASTS").ok();
    let count = count.and_then(|text| text.parse().ok()).unwrap_or(200);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "the pinned node",
        "second asked after",
        "broadcasts",
        "p50 ms",
        "p99 ms",
        "max ms",
        "double %",
    ]);
    let troubles = [
        ("is well", Trouble::None),
        ("turns slow (300 ms), each 5th", Trouble::Slow),
        ("hangs, each 5th", Trouble::Hangs),
        ("loses 10 % of its answers", Trouble::Loses),
    ];
    for (name, trouble) in troubles {
        for (policy, times, hedging) in runtime.block_on(measure(trouble, count)) {
            let at = |percent: usize| {
                let place = (times.len() * percent / 100).min(times.len() - 1);
                format!("{:.1}", times[place].as_secs_f64() * 1e3)
            };
            table.add_row([
                name.to_owned(),
                policy.name.to_owned(),
                times.len().to_string(),
                at(50),
                at(99),
                at(100),
                percent(hedging.hedged_broadcasts, hedging.broadcasts),
            ]);
        }
    }
    println!("{table}");
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}", part as f64 / whole.max(1) as f64 * 100.0)
}
