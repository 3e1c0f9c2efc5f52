//! A frame of the subscription to window openings, from text to windows.

use std::hint::black_box;

use allora_worker::{
    chain::{ChainConfig, Version, feed::Feed},
    types::Height,
};
use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::{CHAIN, MANY};

pub(crate) fn measure(criterion: &mut Criterion) {
    let (events, _unheard) = mpsc::channel(1);
    let (_versions, version) = watch::channel(Version::V10);
    let (_heights, heads) = watch::channel(Height::default());
    let urls = vec!["ws://127.0.0.1:1/websocket".to_owned()];
    let config = ChainConfig::default();
    let feed = Feed::new(
        config,
        urls,
        CHAIN.into(),
        "allo1x".into(),
        version,
        heads,
        events,
    )
    .expect("a feed");
    let mut group = criterion.benchmark_group("decode");
    for (name, topics, bytes) in [("one topic", 1, 15_000), ("64 topics", MANY, 200_000)] {
        let text = frame(topics, bytes);
        let told = feed.decode(&text, Version::V10);
        assert!(!told.is_empty(), "the frame must open windows");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| feed.decode(black_box(&text), Version::V10));
        });
    }
    group.finish();
}

/// A frame as a node writes it: the openings among the other events of the block's end, and all of
/// them a second time in the flat list that the node adds; filled up with transfers to `bytes`.
fn frame(topics: u64, bytes: usize) -> String {
    let mut events: Vec<Value> = (0..topics).flat_map(|topic| opening(67 + topic)).collect();
    loop {
        let text = render(&events);
        if text.len() >= bytes {
            return text;
        }
        let missing = (bytes - text.len()) / 900 + 1;
        events.splice(0..0, (0..missing).flat_map(|_| transfer()));
    }
}

fn render(events: &[Value]) -> String {
    let mut flat = serde_json::Map::new();
    for event in events {
        for attribute in event["attributes"].as_array().into_iter().flatten() {
            let (kind, key) = (event["type"].as_str(), attribute["key"].as_str());
            let name = format!("{}.{}", kind.unwrap_or_default(), key.unwrap_or_default());
            let values = flat.entry(name).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(attribute["value"].clone());
            }
        }
    }
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "query": "tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id EXISTS",
            "data": {
                "type": "tendermint/event/NewBlockEvents",
                "value": { "height": "148", "events": events, "num_txs": "1" },
            },
            "events": flat,
        },
    })
    .to_string()
}

fn attribute(key: &str, value: impl Into<String>) -> Value {
    json!({ "key": key, "value": value.into(), "index": true })
}

fn opening(topic: u64) -> [Value; 2] {
    let of = |role: &str, nonce: &str, end: &str| {
        json!({
            "type": format!("emissions.v10.Event{role}SubmissionWindowOpened"),
            "attributes": [
                attribute("nonce_block_height", nonce),
                attribute("topic_id", format!("\"{topic}\"")),
                attribute("window_end_block", end),
                attribute("mode", "EndBlock"),
            ],
        })
    };
    [
        of("Worker", "\"148\"", "\"158\""),
        of("Reputer", "\"136\"", "\"148\""),
    ]
}

fn transfer() -> [Value; 3] {
    const FROM: &str = "allo1m3h30wlvsf8llruxtpukdvsy0km2kum84gx8xc";
    const TO: &str = "allo17xpfvakm2amg962yls6f84z3kell8c5l82h8nt";
    let amount = "4021387509112233uallo";
    let event =
        |kind: &str, attributes: Vec<Value>| json!({ "type": kind, "attributes": attributes });
    [
        event(
            "coin_spent",
            vec![
                attribute("spender", FROM),
                attribute("amount", amount),
                attribute("mode", "BeginBlock"),
            ],
        ),
        event(
            "coin_received",
            vec![
                attribute("receiver", TO),
                attribute("amount", amount),
                attribute("mode", "BeginBlock"),
            ],
        ),
        event(
            "transfer",
            vec![
                attribute("recipient", TO),
                attribute("sender", FROM),
                attribute("amount", amount),
                attribute("mode", "BeginBlock"),
            ],
        ),
    ]
}
