//! The models' client, driven through standard input beside another client on the same servers.
//!
//! `scripts/bench_modelrunner.sh` starts it and the Python client and has them take turns. Each line that
//! it reads, `predict 30`, is so many calls of all models; it prints what they took as a line of JSON.
//! Run by itself it prints only how long a month of prices takes to encode.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails like a test"
)]

use std::{
    env,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use allora_worker::{
    models::{Call, CallStatus, ModelNetwork, ModelsConfig, NoReplay, Subset, Value},
    predict::{Prices, tick_calls},
    store::Close,
};
use futures_util::StreamExt as _;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const ASSETS: [(&str, f64); 4] = [
    ("BTC", 90_744.5),
    ("ETH", 3_100.25),
    ("SOL", 140.5),
    ("XAUT", 4_080.75),
];
const MONTH: i64 = 30 * 1_440;
/// How long anything may take.
const LONG: Duration = Duration::from_secs(120);

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let Some(place) = arguments.iter().position(|it| it == "--serve") else {
        let (walls, cpu, bytes) = encode(3);
        println!(
            "encoding a tick of 30 days and four assets: {:.1} ms, CPU {:.1} ms, {bytes} bytes",
            walls.iter().sum::<f64>() / 3.0 * 1e3,
            cpu / 3.0 * 1e3
        );
        return;
    };
    let port = arguments[place + 1].parse().expect("a port");
    let models = arguments[place + 2].parse().expect("a number");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    // As in the worker, those who call are tasks: on the main thread each answer would wake another one.
    let serving = runtime.spawn(serve(port, models));
    runtime.block_on(serving).expect("it does not panic");
}

/// Joins the network and does as it is told until the standard input ends.
async fn serve(port: u16, models: usize) {
    let config = ModelsConfig {
        host: "127.0.0.1".into(),
        port,
        crunch_id: "condorgame".into(),
        timeout: LONG,
        report_failure: false,
        ..ModelsConfig::default()
    };
    let network = ModelNetwork::start(config, Arc::new(NoReplay)).expect("it is well configured");
    let begun = Instant::now();
    while network.models().len() < models {
        assert!(begun.elapsed() < LONG, "not all models joined");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("ready");
    let mut client = Client {
        network,
        at: 1_763_164_800,
    };
    let (told, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = told.send(line);
        }
    });
    while let Some(line) = lines.recv().await {
        let (kind, rounds) = line.split_once(' ').expect("a kind and a number");
        let rounds = rounds.parse().expect("a number");
        println!("{}", client.measure(kind, rounds).await);
        std::io::stdout().flush().expect("it can be written");
    }
    client.network.close().await;
}

struct Client {
    network: ModelNetwork,
    /// The time of the newest prices.
    at: i64,
}

impl Client {
    async fn measure(&mut self, kind: &str, rounds: usize) -> serde_json::Value {
        let (mut walls, mut models) = (Vec::new(), Vec::new());
        let (mut calls, mut failed, mut cpu) = (0, 0, 0.0);
        if kind == "encode" {
            (walls, cpu, _) = encode(rounds);
            return json!({ "walls": walls, "models": models, "cpu": cpu, "calls": rounds, "failed": failed });
        }
        for _ in 0..rounds {
            // The prices are there before they are to be told.
            let prices = self.prices(kind);
            let (begun, before) = (Instant::now(), cpu_time());
            let call = call(kind, prices);
            let mut calling = self.network.call(&call, &Subset::All);
            while let Some(outcome) = calling.next().await {
                calls += 1;
                failed += usize::from(outcome.status() != CallStatus::Success);
                models.push(outcome.exec_time_us as f64 / 1e6);
            }
            walls.push(begun.elapsed().as_secs_f64());
            cpu += cpu_time() - before;
        }
        json!({ "walls": walls, "models": models, "cpu": cpu, "calls": calls, "failed": failed })
    }

    fn prices(&mut self, kind: &str) -> Prices {
        match kind {
            "tick" => {
                self.at += 60;
                prices(self.at, 1)
            }
            "month" => prices(self.at - 60 * (MONTH - 1), MONTH),
            _ => Prices::default(),
        }
    }
}

fn call(kind: &str, prices: Prices) -> Call {
    if kind == "predict" {
        let arguments = [
            Value::String("BTC".into()),
            Value::Int(86_400),
            Value::Int(300),
        ];
        return Call::new("predict", &arguments).expect("it is small");
    }
    let mut calls =
        tick_calls(&ModelsConfig::default().tick, prices).expect("it is well configured");
    assert_eq!(calls.len(), 1, "a month fits one call");
    calls.remove(0)
}

/// So many minutes of all assets.
fn prices(from: i64, minutes: i64) -> Prices {
    let mut prices = Prices::default();
    for (asset, price) in ASSETS {
        let close = |minute: i64| {
            let factor = 1.0 + ((from / 60 + minute) % 977) as f64 / 65_536.0;
            Close {
                at: from + 60 * minute,
                price: (price * factor * 100.0).round() / 100.0,
            }
        };
        prices.extend(asset, (0..minutes).map(close));
    }
    prices
}

/// Encodes a month of prices so many times: seconds of each, seconds of CPU in all, and the bytes.
fn encode(rounds: usize) -> (Vec<f64>, f64, usize) {
    let month = prices(1_763_164_800, MONTH);
    let (mut walls, mut cpu, mut bytes) = (Vec::new(), 0.0, 0);
    for _ in 0..rounds {
        let month = month.clone();
        let (begun, before) = (Instant::now(), cpu_time());
        bytes = call("month", month).size();
        walls.push(begun.elapsed().as_secs_f64());
        cpu += cpu_time() - before;
    }
    (walls, cpu, bytes)
}

/// Seconds of CPU that this process has used, in user and system mode.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
