//! The built program where Tiingo gives nothing: without a key, and with one that is refused.

use std::time::Duration;

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::process::Command;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::path};

use crate::{
    harness::Stage,
    operator::{Home, terminate},
};

const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";

/// Coinbase's rows for the time that was asked for, newest first, with a price that rises slowly.
fn coinbase(request: &Request) -> ResponseTemplate {
    let asked = |name: &str| {
        let mut pairs = request.url.query_pairs();
        let at = pairs.find(|it| it.0 == name).unwrap().1;
        OffsetDateTime::parse(&at, &Rfc3339)
            .unwrap()
            .unix_timestamp()
    };
    let (start, end) = (asked("start"), asked("end"));
    assert!((end - start) / 3600 < 300, "300 rows at most");
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let rows: Vec<_> = (0..=(end - start) / 3600)
        .map(|back| end - back * 3600)
        .filter(|at| *at <= now)
        .map(|at| {
            let close = 60_000.0 * ((at - now) as f64 / 1e9).exp();
            json!([at, close - 1.0, close + 1.0, close, close, 2.5])
        })
        .collect();
    ResponseTemplate::new(200).set_body_json(rows)
}

struct Scene {
    stage: Stage,
    coinbase: MockServer,
}

impl Scene {
    async fn new(chain_id: &str) -> Self {
        let stage = Stage::with(|config| {
            config.chain_id = chain_id.into();
            config.automatic_blocks = true;
        });
        let coinbase = MockServer::start().await;
        Mock::given(path("/products/BTC-USD/candles"))
            .respond_with(self::coinbase)
            .mount(&coinbase)
            .await;
        Self {
            stage: stage.await,
            coinbase,
        }
    }

    /// The program on a network that is real by its name.
    fn command(&self, home: &mut Home) -> Command {
        home.key = KEY.into();
        let (rpc, ws) = (self.stage.devnet.rpc_url(), self.stage.devnet.ws_url());
        let id = self.stage.chain_id.as_str();
        let chain = ["run", "--network", "testnet", "--chain-id", id];
        let args = [&chain[..], &["--rpc", &rpc, "--ws", &ws]].concat();
        let mut command = home.command(&args);
        command
            .env("ALLORA_MARKET__COINBASE_URL", self.coinbase.uri())
            .env("ALLORA_MARKET__HISTORY", "60days");
        command
    }
}

/// The first forecast that is no fallback.
async fn forecast(home: &Home) -> Value {
    for times in 1.. {
        let made = home.told("forecast_prepared", times).await;
        let newest = made.last().map(|it| it["forecast"].clone());
        if let Some(found) = newest.filter(|it| it["fallback"].is_null()) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!()
}

#[tokio::test]
async fn without_a_key_it_forecasts_from_the_keyless_source() {
    let scene = Scene::new("allora-keyless-1").await;
    let mut home = Home::new();
    let child = scene.command(&mut home).spawn().unwrap();
    let loaded = home.told("environment_loaded", 1).await;
    let prices = loaded[0]["prices"].as_str().unwrap();
    assert_eq!(prices, "Coinbase, since TIINGO_API_KEY is not set");
    let forecast = forecast(&home).await;
    assert!(forecast["closes"].as_u64() >= Some(337), "{forecast}");
    assert_ne!(forecast["value"], 0.0);
    assert_eq!(terminate(child).await, Some(0));
    let asked = scene.coinbase.received_requests().await.unwrap();
    assert!(asked.len() <= 6, "{} requests", asked.len());
}

#[tokio::test]
async fn with_a_refused_key_the_other_source_stands_in_and_it_is_told() {
    let scene = Scene::new("allora-refused-1").await;
    let tiingo = MockServer::start().await;
    Mock::given(path("/tiingo/crypto/prices"))
        .respond_with(ResponseTemplate::new(401).set_body_string("{\"detail\":\"Invalid token.\"}"))
        .mount(&tiingo)
        .await;
    let mut home = Home::new();
    let mut command = scene.command(&mut home);
    command
        .env("TIINGO_API_KEY", "0123456789abcdef-test")
        .env("ALLORA_MARKET__BASE_URL", tiingo.uri());
    let child = command.spawn().unwrap();
    let told = home.told("prices_stand_in", 1).await;
    assert_eq!(
        (&told[0]["source"], &told[0]["first"]),
        (&json!("Coinbase"), &json!("Tiingo"))
    );
    let cause = told[0]["cause"].as_str().unwrap();
    assert!(cause.contains("refused the key with 401"), "{cause}");
    assert_ne!(forecast(&home).await["value"], 0.0);
    assert_eq!(terminate(child).await, Some(0));
    assert_eq!(home.told("prices_unavailable", 1).await.len(), 1);
    let log = home.text("logs/worker_output.log");
    assert!(!log.contains("0123456789abcdef"), "{log}");
}
