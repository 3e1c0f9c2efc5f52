//! A network of stub models in a process of their own, and what calling them costs the client.
//!
//! `cargo bench --bench models` calls 1,000 models; `MODELS=200` as many. Without `--bench`, as in a
//! test run, it calls a few once. It prints and judges nothing.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails like a test"
)]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use allora_worker::models::{
    Call, CallStatus, ModelNetwork, ModelsConfig, NoReplay, Subset, Value,
    stub::{Behaviour, StubItem, StubModel, StubOrchestrator},
};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::Instant;

const CRUNCH: &str = "condorgame";
/// How long anything may take.
const LONG: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    if let Some(place) = arguments.iter().position(|it| it == "--stubs") {
        let number = |at: usize| arguments[place + at].parse().expect("a number");
        runtime.block_on(serve(number(1), number(2)));
        return;
    }
    let is_whole = arguments.iter().any(|it| it == "--bench");
    let models = env::var("MODELS").ok().and_then(|it| it.parse().ok());
    let models = if is_whole {
        models.unwrap_or(1_000)
    } else {
        20
    };
    let rounds = if is_whole { 20 } else { 1 };
    runtime.block_on(async {
        fan_out(models, 0, rounds).await;
        fan_out(models, models / 10, 3.min(rounds)).await;
        history(models / 20, rounds.min(3)).await;
    });
}

/// The stubs: `hanging` of them never answer a prediction. Ends with the standard input.
async fn serve(count: usize, hanging: usize) {
    let any = ([127, 0, 0, 1], 0).into();
    let orchestrator = StubOrchestrator::start(CRUNCH, any)
        .await
        .expect("a port is free");
    let items = (1..=288).map(|k| {
        json!({ "step": 300 * k, "type": "mixture", "components": [{ "density": { "type": "builtin",
            "name": "norm", "params": { "loc": 8.074_154_480_231_503, "scale": 162.898_641_108_484_9 } },
            "weight": 1 }] })
    });
    let day = Value::json(&items.collect::<Vec<_>>()).expect("it is JSON");
    let mut models = Vec::new();
    for place in 0..count {
        let model = StubModel::start()
            .await
            .expect("a port is free; see ulimit -n");
        let behaviour = if place < hanging {
            Behaviour::Hangs
        } else {
            Behaviour::Gives(day.clone())
        };
        model.behave_in("predict", behaviour);
        orchestrator.list([StubItem::new(
            &place.to_string(),
            &format!("{place}_1"),
            model.address(),
        )]);
        models.push(model);
    }
    println!("{}", orchestrator.address().port());
    let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    closed.await.expect("it is read").expect("it can be read");
}

struct Stubs {
    child: Child,
    port: u16,
}

impl Drop for Stubs {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends with its standard input.
        let _ = self.child.wait();
    }
}

impl Stubs {
    fn start(count: usize, hanging: usize) -> Self {
        let mut child = Command::new(env::current_exe().expect("it has a path"))
            .args(["--stubs", &count.to_string(), &hanging.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it prints its port");
        let port = line.trim().parse().expect("a port; see ulimit -n");
        Self { child, port }
    }

    async fn join(&self, count: usize) -> ModelNetwork {
        let config = ModelsConfig {
            host: "127.0.0.1".into(),
            port: self.port,
            ..ModelsConfig::default()
        };
        let begun = Instant::now();
        let joined = ModelNetwork::init(config, Arc::new(NoReplay), LONG).await;
        let (network, settled) = joined.expect("the configuration holds");
        assert_eq!(settled.serving, count, "all join");
        println!("\n{count} models joined in {:.0} ms", ms(begun.elapsed()));
        network
    }
}

async fn fan_out(count: usize, hanging: usize, rounds: usize) {
    let stubs = Stubs::start(count, hanging);
    let network = stubs.join(count).await;
    let minute = json!({ "BTC": [[1_763_164_800, 90_744.5]], "ETH": [[1_763_164_800, 3_100.25]],
        "SOL": [[1_763_164_800, 140.5]], "XAUT": [[1_763_164_800, 4_080.75]] });
    let tick =
        Call::new("tick", &[Value::json(&minute).expect("it is JSON")]).expect("it is small");
    let arguments = [
        Value::String("BTC".into()),
        Value::Int(86_400),
        Value::Int(300),
    ];
    let predict = Call::new("predict", &arguments).expect("it is small");
    let limit = if hanging == 0 {
        LONG
    } else {
        Duration::from_secs(5)
    };
    for (name, call) in [("tick of a minute", tick), ("predict 86400/300", predict)] {
        measure(&network, name, &call.within(limit), rounds, hanging).await;
    }
    println!("memory of the client: {:.0} MB", memory("VmRSS"));
    network.close().await;
}

async fn measure(network: &ModelNetwork, name: &str, call: &Call, rounds: usize, hanging: usize) {
    let (mut walls, mut models) = (Vec::new(), Vec::new());
    let (mut answers, mut late) = (0, 0);
    let before = cpu();
    for _ in 0..rounds {
        let begun = Instant::now();
        let mut calling = network.call(call, &Subset::All);
        let mut last = Duration::ZERO;
        while let Some(outcome) = calling.next().await {
            if outcome.status() == CallStatus::Success {
                last = begun.elapsed();
                models.push(outcome.exec_time_us);
                answers += 1;
            } else {
                late += 1;
            }
        }
        walls.push(last);
    }
    let used = cpu() - before;
    walls.sort_unstable();
    models.sort_unstable();
    println!(
        "{name}, {hanging} hang: all other answers there after p50 {:.0} ms, max {:.0} ms; a model p50 {:.1} ms, p99 {:.1} ms; client CPU {:.3} ms a call; {answers} answers, {late} late or skipped",
        ms(walls[walls.len() / 2]),
        ms(walls[walls.len() - 1]),
        models[models.len() / 2] as f64 / 1e3,
        models[models.len() * 99 / 100] as f64 / 1e3,
        used * 1e3 / f64::from(answers + late),
    );
}

/// A month of minutes of four assets, encoded once and sent to all.
async fn history(count: usize, rounds: usize) {
    let stubs = Stubs::start(count, 0);
    let network = stubs.join(count).await;
    let prices = |from: f64| {
        let price = move |n: i32| {
            (
                1_763_164_800 + 60 * i64::from(n),
                from + f64::from(n % 977) / 8.0,
            )
        };
        (0..30 * 1_440).map(price).collect::<Vec<_>>()
    };
    let month: std::collections::BTreeMap<_, _> = [
        ("BTC", 90_744.5),
        ("ETH", 3_100.25),
        ("SOL", 140.5),
        ("XAUT", 4_080.75),
    ]
    .into_iter()
    .map(|(asset, price)| (asset, prices(price)))
    .collect();
    let (begun, before) = (Instant::now(), cpu());
    let tick = Call::new("tick", &[Value::json(&month).expect("it is JSON")]).expect("it fits");
    println!(
        "encoding a tick of 30 days: {:.1} ms, CPU {:.1} ms, {} bytes",
        ms(begun.elapsed()),
        (cpu() - before) * 1e3,
        tick.size()
    );
    measure(&network, "tick of 30 days", &tick, rounds, 0).await;
    println!(
        "memory of the client at its peak: {:.0} MB",
        memory("VmHWM")
    );
    network.close().await;
    std::io::stdout().flush().expect("it can be written");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Seconds of CPU that this process has used, in steps of 10 ms; 0 where the system does not tell.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A figure of the process's memory, MB; 0 where the system does not tell.
fn memory(key: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kb.unwrap_or_default() / 1e3
}
