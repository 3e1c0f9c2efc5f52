//! A loopback server that speaks as Tiingo does: candles of any past and of now.

use std::{f64::consts::TAU, net::SocketAddr, sync::mpsc, thread};

use axum::{Json, Router, http::Uri, routing::get};
use reqwest::Url;
use serde_json::{Value, json};
use time::{
    Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

/// A server that ends with the tests' process.
pub(crate) struct PriceServer {
    address: SocketAddr,
}

impl PriceServer {
    pub(crate) fn start() -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("a port is free");
                tell.send(listener.local_addr().expect("it has an address"))
                    .expect("somebody waits");
                let router = Router::new().route("/tiingo/crypto/prices", get(prices));
                axum::serve(listener, router).await.expect("it serves");
            });
        });
        let address = told.recv().expect("it started");
        Self { address }
    }

    /// What stands in `market.base_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The price at a time (unix seconds): waves of a day and of an hour.
fn price(at: i64) -> f64 {
    let wave = |period: f64| (TAU * at as f64 / period).sin();
    100_000.0 * (0.01 * wave(86_400.0) + 0.002 * wave(3_700.0)).exp()
}

async fn prices(uri: Uri) -> Json<Value> {
    let url = Url::parse(&format!("http://localhost{uri}")).expect("a URL");
    let asked = |name: &str| {
        let mut pairs = url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.map_or_else(String::new, |(_, value)| value.into_owned())
    };
    let seconds = match asked("resampleFreq").as_str() {
        "1min" => 60,
        "5min" => 300,
        _ => 3_600,
    };
    let day = |text: &str| {
        let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
        day.expect("a day").midnight().assume_utc().unix_timestamp()
    };
    // The newest candle is the running one.
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let end = (day(&asked("endDate")) + 86_400).min(now);
    let rows = (day(&asked("startDate"))..end)
        .step_by(seconds)
        .map(|start| {
            let until = (start + i64::try_from(seconds).expect("a short span")).min(now);
            let (open, close) = (price(start), price(until));
            let date = OffsetDateTime::from_unix_timestamp(start).expect("a date");
            json!({
                "date": date.format(&Rfc3339).expect("a date"),
                "open": open, "close": close, "high": open.max(close), "low": open.min(close),
                "volume": 1.0, "volumeNotional": open, "tradesDone": 3.0,
            })
        });
    let rows: Vec<Value> = rows.collect();
    Json(json!([{
        "ticker": asked("tickers"), "baseCurrency": "btc", "quoteCurrency": "usd", "priceData": rows,
    }]))
}
