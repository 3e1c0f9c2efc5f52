//! A program that is stopped, killed, starved of prices, out of coins or cut off: the page, `status` and the
//! webhook say so within a minute, each with the remedy, as it is shipped.

use std::{
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use allora_worker::devnet::Control;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::path};

use crate::{
    gate::Gate,
    harness::{Stage, eventually},
    operator::{Home, signal},
    pages::{free, get, webhook},
    the_program_on_the_embedded_chain::{home_of_the_stages_wallet, quick},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A program as an operator has it: with its page and a webhook.
struct Seat {
    home: Home,
    address: SocketAddr,
    webhook: MockServer,
}

impl Seat {
    async fn new() -> Self {
        Self {
            home: home_of_the_stages_wallet(),
            address: free().await,
            webhook: webhook().await,
        }
    }

    fn command(&self, args: &[String]) -> Command {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.home.command(&args);
        command
            .env("ALLORA_OPS__HTTP__LISTEN", self.address.to_string())
            .env("ALERT_WEBHOOK_URL", self.webhook.uri())
            .stdout(Stdio::null());
        command
    }

    async fn ready(&self) {
        let ready =
            eventually(async || (get(self.address, "/readyz").await.0 == 200).then_some(()));
        assert!(ready.await.is_some(), "{:?}", self.page().await);
    }

    async fn page(&self) -> (u16, String) {
        get(self.address, "/readyz").await
    }

    async fn status(&self) -> (Option<i32>, Value) {
        let (output, said) = self.home.run(&["status", "--json"]).await;
        let told = serde_json::from_slice(&output.stdout);
        (
            output.status.code(),
            told.unwrap_or_else(|error| panic!("{error}: {said}")),
        )
    }

    async fn uptime(&self) -> Value {
        self.status().await.1["uptime"]["period"].clone()
    }

    /// The remedy on the page, while there is one for this reason.
    async fn on_the_page(&self, reason: &str) -> Option<String> {
        let (status, body) = self.page().await;
        let body: Value = serde_json::from_str(&body).ok()?;
        let found = of(body["reasons"].as_array()?, "reason", reason)?;
        assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
        Some(found)
    }

    async fn in_status(&self, about: &str) -> Option<String> {
        let (_, status) = self.status().await;
        of(status["advice"].as_array()?, "about", about)
    }

    async fn by_webhook(&self, kind: &str, part: &str) -> Option<String> {
        let requests = self.webhook.received_requests().await.unwrap();
        let bodies = requests.iter();
        let bodies: Vec<Value> = bodies
            .map(|it| serde_json::from_slice(&it.body).unwrap())
            .filter(|it: &Value| it["state"] == "firing")
            .filter(|it| it.to_string().contains(part))
            .collect();
        of(&bodies, "kind", kind)
    }

    /// Waits until all three tell of it, within a minute of its cause.
    async fn knows(&self, cause: Instant, reason: &str, kind: &str) {
        let (mut page, mut status, mut alert) = (None, None, None);
        loop {
            if page.is_none() {
                page = self.on_the_page(reason).await;
            }
            if status.is_none() {
                status = self.in_status(reason).await;
            }
            if alert.is_none() {
                alert = self.by_webhook(kind, "").await;
            }
            let all = [&page, &status, &alert];
            if all.iter().all(|it| it.is_some()) {
                assert!(all.iter().all(|it| it.as_deref() != Some("")), "{all:?}");
                return;
            }
            assert!(
                cause.elapsed() < MINUTE,
                "page {page:?}, status {status:?}, alert {alert:?}: {:?}",
                self.page().await
            );
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The remedy of what has this name.
fn of(all: &[Value], key: &str, name: &str) -> Option<String> {
    let found = all.iter().find(|it| it[key] == name)?;
    Some(found["remedy"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn one_that_is_cut_off() {
    let (stage, mut args) = quick("allora-minute-1").await;
    let node = stage.devnet.rpc_url();
    let gate = Gate::before(node.trim_start_matches("http://").parse().unwrap()).await;
    for (flag, url) in [("--rpc", gate.rpc_url()), ("--ws", gate.ws_url())] {
        let place = args.iter().position(|it| it == flag).unwrap();
        args[place + 1] = url;
    }
    let seat = Seat::new().await;
    let _child = seat.command(&args).spawn().unwrap();
    seat.home.told("ready", 1).await;
    seat.ready().await;
    gate.set_open(false);
    seat.knows(Instant::now(), "no_nodes", "not_ready").await;
}

/// The node is there, and the chain stands still: that is told by time alone.
#[tokio::test]
async fn one_whose_chain_says_nothing() {
    let (stage, args) = quick("allora-minute-2").await;
    let seat = Seat::new().await;
    let _child = seat.command(&args).spawn().unwrap();
    seat.home.told("counted", 1).await;
    seat.ready().await;
    // A living run counts up to now, and not from minute to minute.
    let up = seat.uptime().await;
    assert!(up["ready"].as_f64() > Some(0.0), "{up}");
    stage.control(Control::Pause).await;
    seat.knows(Instant::now(), "no_blocks", "not_ready").await;
    stage.control(Control::Resume).await;
    seat.ready().await;
    // What it was cut off for is no time that it was up.
    let up = seat.uptime().await;
    let down = up["seconds"].as_f64().unwrap() - up["ready"].as_f64().unwrap();
    assert!(down > 5.0, "{up}");
}

#[tokio::test]
async fn one_that_is_out_of_coins() {
    let (stage, args) = quick("allora-minute-3").await;
    let seat = Seat::new().await;
    let _child = seat.command(&args).spawn().unwrap();
    seat.home.told("counted", 1).await;
    seat.ready().await;
    // Not nothing, and less than an answer costs.
    let (address, balance) = (stage.address.clone(), 1_000);
    stage.control(Control::Fund { address, balance }).await;
    let cause = Instant::now();
    seat.knows(cause, "no_coins", "low_balance").await;
    seat.knows(cause, "no_coins", "not_ready").await;
    let remedy = seat.on_the_page("no_coins").await.unwrap();
    assert!(remedy.contains(&stage.address), "{remedy}");
}

/// A source of prices: it lacks the newest two hours, so that it is asked again and again, until it fails.
#[derive(Clone, Default)]
struct Source {
    fails: Arc<Mutex<bool>>,
    failed: Arc<Mutex<Option<Instant>>>,
}

impl Source {
    fn answer(&self, request: &Request) -> ResponseTemplate {
        if *self.fails.lock().unwrap() {
            self.failed.lock().unwrap().get_or_insert_with(Instant::now);
            return ResponseTemplate::new(503);
        }
        let asked = |name: &str| {
            let mut pairs = request.url.query_pairs();
            let at = pairs.find(|it| it.0 == name).unwrap().1;
            OffsetDateTime::parse(&at, &Rfc3339)
                .unwrap()
                .unix_timestamp()
        };
        let (start, end) = (asked("start"), asked("end"));
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let rows: Vec<_> = (0..=(end - start) / 3_600)
            .map(|back| end - back * 3_600)
            .filter(|at| *at <= now - 2 * 3_600)
            .map(|at| {
                let close = 60_000.0 * ((at - now) as f64 / 1e9).exp();
                json!([at, close - 1.0, close + 1.0, close, close, 2.5])
            })
            .collect();
        ResponseTemplate::new(200).set_body_json(rows)
    }
}

#[tokio::test]
async fn one_that_is_starved_of_prices() {
    let stage = Stage::with(|config| {
        config.chain_id = "allora-minute-4".into();
        config.automatic_blocks = true;
    })
    .await;
    let (source, server) = (Source::default(), MockServer::start().await);
    let answers = source.clone();
    Mock::given(path("/products/BTC-USD/candles"))
        .respond_with(move |request: &Request| answers.answer(request))
        .mount(&server)
        .await;
    let (rpc, ws) = (stage.devnet.rpc_url(), stage.devnet.ws_url());
    let chain = [
        "run",
        "--network",
        "testnet",
        "--chain-id",
        "allora-minute-4",
    ];
    let args = [&chain[..], &["--rpc", &rpc, "--ws", &ws]].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let seat = Seat::new().await;
    let mut command = seat.command(&args);
    command
        .env("ALLORA_MARKET__COINBASE_URL", server.uri())
        .env("ALLORA_MARKET__HISTORY", "60days")
        .env("ALLORA_MARKET__POLL", "1s")
        .env("ALLORA_MARKET__JITTER", "0s");
    let _child = command.spawn().unwrap();
    seat.home.told("prices_updated", 1).await;
    seat.ready().await;
    *source.fails.lock().unwrap() = true;
    let end = Instant::now() + MINUTE * 2;
    let cause = loop {
        if let Some(cause) = *source.failed.lock().unwrap() {
            break cause;
        }
        assert!(Instant::now() < end, "nobody asked for prices");
        sleep(Duration::from_millis(100)).await;
    };
    seat.knows(cause, "no_new_prices", "prices_unavailable")
        .await;
    // Candles are still new: a window would be answered.
    assert_eq!(seat.status().await.0, Some(0));
}

async fn spawn(seat: &Seat, args: &[String], times: usize) -> Child {
    let child = seat.command(args).spawn().unwrap();
    seat.home.told("ready", times).await;
    seat.ready().await;
    child
}

#[tokio::test]
async fn one_that_is_stopped_or_killed() {
    let (_stage, args) = quick("allora-minute-5").await;
    let seat = Seat::new().await;
    let mut child = spawn(&seat, &args, 1).await;
    // Nobody is left to tell of a kill but the files, until the supervisor has started it again.
    signal(&child, "-KILL").await;
    child.wait().await.unwrap();
    let (code, status) = seat.status().await;
    assert_eq!(
        (code, &status["process"]["life"]),
        (Some(3), &json!("gone"))
    );
    assert!(
        seat.in_status("stopped")
            .await
            .unwrap()
            .contains("start it")
    );
    assert_eq!(seat.page().await.0, 0);
    let cause = Instant::now();
    let mut child = spawn(&seat, &args, 2).await;
    while seat.by_webhook("worker_stopped", "killed").await.is_none() {
        assert!(cause.elapsed() < MINUTE, "the kill is not told");
        sleep(Duration::from_millis(100)).await;
    }
    signal(&child, "-TERM").await;
    let cause = Instant::now();
    child.wait().await.unwrap();
    while seat.by_webhook("worker_stopped", "SIGTERM").await.is_none() {
        assert!(cause.elapsed() < MINUTE, "the stop is not told");
        sleep(Duration::from_millis(100)).await;
    }
    let (code, status) = seat.status().await;
    assert_eq!(
        (code, &status["process"]["life"]),
        (Some(3), &json!("ended"))
    );
    assert!(
        seat.in_status("stopped")
            .await
            .unwrap()
            .contains("start it")
    );
}
