//! Checks of values that their types let through.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    iter,
    time::Duration,
};

use reqwest::Url;
use tracing_subscriber::EnvFilter;

use super::{Finding, document::Document};
use crate::{
    alerts::BadAlertValue,
    chain::{NetworkConfig, redacted},
    forecast::{BadBlendValue, ForecastError, TopicSource},
    forecasters::ForecasterError,
    learning::LearningError,
    market::MarketError,
    models::ModelsError,
    ops::OpsConfig,
    predict::BadPredictValue,
    score::BadScoreValue,
    standby::BadStandbyValue,
    worker::{NoAsset, TopicConfig},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Collects what is wrong, each with the place where the value stands.
pub(super) struct Check<'a> {
    place: &'a dyn Fn(&[&str]) -> String,
    found: Vec<Finding>,
}

impl<'a> Check<'a> {
    /// `place` tells where the value at a path stands.
    pub(super) fn new(place: &'a dyn Fn(&[&str]) -> String) -> Self {
        let found = Vec::new();
        Self { place, found }
    }

    /// Checks everything and gives what is wrong.
    pub(super) fn all(mut self, document: &Document, network: &NetworkConfig) -> Vec<Finding> {
        self.network(network, document.network == "devnet");
        self.chain(document);
        self.worker(document);
        self.topics(&document.topics, &document.predict.assets);
        self.rooms(document);
        self.standby(document);
        self.ops(&document.ops);
        self.alerts(document);
        self.found
    }

    /// Checks what the Predict worker is made of, and nothing else.
    pub(super) fn predicting(mut self, document: &Document) -> Vec<Finding> {
        self.models(document);
        self.market(document);
        self.ops(&document.ops);
        self.found
    }

    /// Checks what forecasts are made with, and nothing else.
    pub(super) fn forecasting(mut self, document: &Document) -> Vec<Finding> {
        self.forecast(document);
        self.learning(document);
        self.found
    }

    fn expect(&mut self, holds: bool, path: &[&str], wrong: impl Display, right: impl Display) {
        if !holds {
            self.found.push(Finding {
                place: (self.place)(path),
                wrong: format!("{} {wrong}", path.join(".")),
                right: right.to_string(),
            });
        }
    }

    fn network(&mut self, network: &NetworkConfig, is_devnet: bool) {
        let id = &network.chain_id;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let holds = !id.is_empty() && id.len() <= 50 && id.chars().all(fits);
        let right = "a chain id has letters, digits and dashes, such as allora-testnet-1";
        self.expect(holds, &["chain_id"], format_args!("is {id:?}"), right);
        let right = "name the coin's smallest unit, such as uallo";
        self.expect(!network.denom.is_empty(), &["denom"], "is empty", right);
        let schemes = ["http", "https", "grpc+http", "grpc+https"];
        self.urls("rpc", &network.rpc, &schemes);
        self.urls("ws", &network.ws, &["ws", "wss"]);
        self.explorer(network.explorer.as_deref());
        let (rpc, ws) = (network.rpc.is_empty(), network.ws.is_empty());
        if is_devnet && rpc && ws {
            return;
        }
        let right = "give at least one http:// or https:// endpoint, or --rpc";
        self.expect(!rpc, &["rpc"], "is empty", right);
        let right = "give at least one ws:// or wss:// endpoint, or --ws";
        self.expect(!ws, &["ws"], "is empty", right);
    }

    /// It stands in links that a browser follows.
    fn explorer(&mut self, explorer: Option<&str>) {
        const HASH: &str = "{hash}";
        let Some(given) = explorer else { return };
        let read = Url::parse(&given.replace(HASH, "0"));
        let is_reached = read.is_ok_and(|it| match it.scheme() {
            "https" => it.has_host(),
            "http" => it.host_str().is_some_and(is_loopback),
            _ => false,
        });
        let holds = is_reached && given.matches(HASH).count() == 1;
        let right =
            "write https://HOST/…/{hash}, or http:// on this machine alone, with {hash} once";
        let wrong = format_args!("is {given:?}, which is no address of a transaction");
        self.expect(holds, &["explorer"], wrong, right);
    }

    fn urls(&mut self, key: &str, urls: &[String], schemes: &[&str]) {
        let mut seen = BTreeSet::new();
        for url in urls {
            let (read, is_new) = (Url::parse(url), seen.insert(url));
            let holds = read.is_ok_and(|it| schemes.contains(&it.scheme()) && it.has_host());
            let right = format!(
                "write {0}://HOST:PORT or {1}://HOST",
                schemes[0], schemes[1]
            );
            let url = redacted(url);
            let wrong = format_args!("holds {url:?}, which is no {} URL", schemes.join(" or "));
            self.expect(holds, &[key], wrong, right);
            let again = format_args!("holds {url:?} twice");
            self.expect(is_new, &[key], again, "name each endpoint once");
        }
    }

    fn chain(&mut self, document: &Document) {
        let chain = &document.chain;
        let limits = (Duration::from_millis(100), Duration::from_secs(60));
        self.between(&["chain", "request_timeout"], chain.request_timeout, limits);
        let limits = (Duration::from_millis(10), Duration::from_secs(60));
        self.between(&["chain", "hedge_after"], chain.hedge_after, limits);
        let limits = (Duration::from_millis(1), Duration::from_secs(60));
        self.between(&["chain", "hedge_least"], chain.hedge_least, limits);
        let limits = (Duration::from_millis(10), Duration::from_secs(600));
        self.between(&["chain", "rest_min"], chain.rest_min, limits);
        self.between(&["chain", "rest_max"], chain.rest_max, limits);
        let holds = chain.rest_min <= chain.rest_max;
        let right = "make rest_max at least as long";
        self.expect(holds, &["chain", "rest_min"], "is above rest_max", right);
        let wrong = format_args!("is {}", chain.catch_up);
        let right = "write 0 to 100000";
        self.expect(
            chain.catch_up <= 100_000,
            &["chain", "catch_up"],
            wrong,
            right,
        );
        let limits = (Duration::from_millis(10), Duration::from_secs(600));
        self.between(&["chain", "reconnect_min"], chain.reconnect_min, limits);
        self.between(&["chain", "reconnect_max"], chain.reconnect_max, limits);
        // A chain of tests makes ten blocks a second.
        let limits = (Duration::from_millis(100), Duration::from_secs(600));
        self.between(&["chain", "silence"], chain.silence, limits);
        let holds = chain.reconnect_min <= chain.reconnect_max;
        let right = "make reconnect_max at least as long";
        self.expect(
            holds,
            &["chain", "reconnect_min"],
            "is above reconnect_max",
            right,
        );
        let fees = &document.fees;
        let holds = (100_000..=50_000_000).contains(&fees.gas_limit);
        let wrong = format_args!("is {}", fees.gas_limit);
        let right = "a submission uses about 145000: write 100000 to 50000000";
        self.expect(holds, &["fees", "gas_limit"], wrong, right);
        let right = "nothing could be sent: write an amount above zero, such as \"0.001 allo\"";
        self.expect(fees.max_fee.0 > 0, &["fees", "max_fee"], "is zero", right);
        let path = ["fees", "max_fee_per_day"];
        let right = "a single answer may cost that much: make it at least as large";
        let wrong = format_args!("is {}, below fees.max_fee", fees.max_fee_per_day);
        self.expect(fees.max_fee <= fees.max_fee_per_day, &path, wrong, right);
    }

    /// What the rooms of prices and forecasts say of their own sections.
    fn rooms(&mut self, document: &Document) {
        self.forecast(document);
        self.blend(document);
        self.market(document);
        self.models(document);
    }

    fn market(&mut self, document: &Document) {
        if let Err(MarketError::BadValue { key, remedy }) = document.market.check() {
            self.expect(false, &["market", key], "makes no sense", remedy);
        }
    }

    fn models(&mut self, document: &Document) {
        if let Err(ModelsError::Config { key, wrong, right }) = document.models.check() {
            let path: Vec<_> = iter::once("models").chain(key.split('.')).collect();
            self.expect(false, &path, wrong, right);
        }
        if let Err(BadPredictValue { key, wrong, right }) = document.predict.check() {
            let path: Vec<_> = iter::once("predict").chain(key.split('.')).collect();
            self.expect(false, &path, wrong, right);
        }
        if let Err(BadScoreValue { key, wrong, right }) = document.score.check() {
            self.expect(false, &["score", key], wrong, right);
        }
    }

    fn alerts(&mut self, document: &Document) {
        if let Err(BadAlertValue { key, wrong, right }) = document.alerts.check() {
            self.expect(false, &["alerts", key], wrong, right);
        }
    }

    fn standby(&mut self, document: &Document) {
        if let Err(BadStandbyValue { key, wrong, right }) = document.standby.check() {
            self.expect(false, &["standby", key], wrong, right);
        }
    }

    fn forecast(&mut self, document: &Document) {
        if let Err(ForecastError::BadValue { key, value, remedy }) = document.forecast.check() {
            let wrong = format!("is {value}");
            self.expect(false, &["forecast", key], wrong, remedy);
        }
    }

    fn blend(&mut self, document: &Document) {
        if let Err(BadBlendValue { key, value, right }) = document.blend.check() {
            let wrong = format_args!("is {value}");
            self.expect(false, &["blend", key], wrong, right);
        }
    }

    fn learning(&mut self, document: &Document) {
        let horizons = document.topics.iter().map(|topic| topic.horizon);
        let longest = horizons.max().unwrap_or_default();
        if let Err(LearningError::BadValue { key, value, remedy }) =
            document.learning.check(longest)
        {
            let wrong = format!("is {value}");
            self.expect(false, &["learning", key], wrong, remedy);
        }
    }

    fn worker(&mut self, document: &Document) {
        let worker = &document.worker;
        let limits = (Duration::from_secs(1), HOUR);
        self.between(&["worker", "poll_interval"], worker.poll_interval, limits);
        let limits = (Duration::ZERO, Duration::from_secs(600));
        self.between(&["worker", "stop_grace"], worker.stop_grace, limits);
        if let Some(period) = &document.competition {
            let right = "the end is exclusive: it must be a later day than the start";
            let wrong = "is not before competition.end";
            let holds = period.start < period.end;
            self.expect(holds, &["competition", "start"], wrong, right);
        }
    }

    fn topics(&mut self, topics: &[TopicConfig], assets: &BTreeMap<String, String>) {
        let right = "add a [[topics]] entry, or leave the key out for topic 67";
        self.expect(!topics.is_empty(), &["topics"], "is empty", right);
        let mut seen = BTreeSet::new();
        for (index, topic) in topics.iter().enumerate() {
            let index = index.to_string();
            let path = |key| ["topics", index.as_str(), key];
            let wrong = format_args!("is {}", topic.id);
            self.expect(
                topic.id.0 > 0,
                &path("id"),
                wrong,
                "topics are numbered from 1",
            );
            let wrong = format_args!("is {} for a second time", topic.id);
            self.expect(
                seen.insert(topic.id),
                &path("id"),
                wrong,
                "name each topic once",
            );
            let letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
            let ticker = topic.ticker.as_bytes();
            let holds = (4..=20).contains(&ticker.len()) && ticker.iter().copied().all(letter);
            let wrong = format_args!("is {:?}", topic.ticker);
            let right = "write base and quote in lower case without a sign between, such as btcusd";
            self.expect(holds, &path("ticker"), wrong, right);
            let seconds = topic.horizon.as_secs();
            let whole = topic.horizon.subsec_nanos() == 0 && seconds.is_multiple_of(3600);
            let holds = whole && (HOUR..=HOUR * 24 * 366).contains(&topic.horizon);
            let wrong = format_args!("is {:?}", topic.horizon);
            let right = "write whole hours, up to a year: \"1h\", \"24h\", \"7d\"";
            self.expect(holds, &path("horizon"), wrong, right);
            let refused = topic.forecaster.as_ref().and_then(|it| it.check().err());
            if let Some(ForecasterError::BadValue { key, wrong, right }) = refused {
                let path = ["topics", index.as_str(), "forecaster", key];
                self.expect(false, &path, wrong, right);
            }
            let is_linfa = topic.source == TopicSource::Linfa;
            let wrong = format_args!("is {:?} beside a forecaster", topic.source.to_string());
            let right = "keep one of them: a topic's forecast has one source";
            let holds = is_linfa || topic.forecaster.is_none();
            self.expect(holds, &path("source"), wrong, right);
            let right = "write source = \"models\" or \"blend\" beside it, or leave it out";
            let holds = !is_linfa || topic.network.is_none();
            self.expect(
                holds,
                &path("network"),
                "is set, and no network is heard",
                right,
            );
            if let (false, Err(NoAsset { known })) = (is_linfa, topic.asset_in(assets)) {
                let wrong = format_args!(
                    "is {:?}, and no asset of predict.assets has the ticker {:?} (there are: {known})",
                    topic.source.to_string(),
                    topic.ticker
                );
                let right = "add the asset there as the models know it, or name it: \
                             network = { asset = \"BTC\" }";
                self.expect(false, &path("source"), wrong, right);
            }
        }
    }

    fn ops(&mut self, ops: &OpsConfig) {
        let holds = ops.log_keep >= OpsConfig::LEAST_LOG_KEEP;
        let right = "the live logs keep 48 hours at least: write \"48h\" or more";
        self.expect(holds, &["ops", "log_keep"], "is less than 48 hours", right);
        let holds = (1..=1 << 20).contains(&ops.log_max_mib);
        let wrong = format_args!("is {}", ops.log_max_mib);
        self.expect(holds, &["ops", "log_max_mib"], wrong, "write 1 to 1048576");
        let wrong = format_args!("is {}", ops.log_archives);
        self.expect(
            ops.log_archives <= 1_000,
            &["ops", "log_archives"],
            wrong,
            "write 0 to 1000",
        );
        self.expect(
            ops.stuck_after >= OpsConfig::LEAST_STUCK_AFTER,
            &["ops", "stuck_after"],
            "is less than 3 s",
            "tasks give a sign of life each second: write \"60s\", and \"3s\" at least",
        );
        let wrong = format_args!("is {:?}", ops.http.listen);
        let right = "write an address and a port, such as \"127.0.0.1:9467\", or \"off\" for none";
        let holds = ops.http.address().is_ok();
        self.expect(holds, &["ops", "http", "listen"], wrong, right);
        let refused = EnvFilter::try_new(&ops.diagnostics).err();
        let wrong = refused
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let right = "write a level (warn, info, debug) or target=level, separated by commas";
        self.expect(refused.is_none(), &["ops", "diagnostics"], wrong, right);
    }

    fn between(&mut self, path: &[&str], value: Duration, (least, most): (Duration, Duration)) {
        let holds = (least..=most).contains(&value);
        let right = format_args!("write {least:?} to {most:?}");
        self.expect(holds, path, format_args!("is {value:?}"), right);
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}
