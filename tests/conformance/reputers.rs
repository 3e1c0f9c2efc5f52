//! The reputers' windows: told in the same blocks as the workers', and none of a worker's business.

use allora_worker::chain::{self, jsonrpc::Event, proto::emissions as pb};
use serde_json::{Value, json};

use super::{TOPIC, Version, book::Book, scene::Scene};

/// What a block's end told.
async fn end_of(scene: &Scene<'_>, height: i64) -> Vec<Event> {
    let params = json!({"height": height.to_string()});
    let mut results = scene.client.result("block_results", params).await;
    let events = results["finalize_block_events"].take();
    serde_json::from_value(events).unwrap_or_default()
}

fn kind(event: &Event) -> &str {
    event.kind.rsplit('.').next().unwrap_or_default()
}

/// Windows that follow one that the worker answered.
pub(super) async fn play(scene: &Scene<'_>, book: &mut Book, nonce: i64) {
    let path = scene.path("GetTopic");
    let request = pb::GetTopicRequest { topic_id: TOPIC };
    let topic: pb::GetTopicResponse = scene.client.read(&path, &request).await;
    let topic = topic.topic.expect("a topic");
    let known = nonce + topic.ground_truth_lag;
    let opens = known + (-topic.ground_truth_lag).rem_euclid(topic.epoch_length);
    let closes = opens + topic.epoch_length;
    scene.reach(closes).await;
    let of_the_nonce = format!("\"{nonce}\"");
    let mut told = Vec::new();
    for height in nonce..=closes {
        for event in end_of(scene, height).await {
            let its_nonce = event.attribute("nonce_block_height");
            if event.kind.contains("Reputer") && its_nonce == Some(&of_the_nonce) {
                told.push(json!([height, event]));
            }
        }
    }
    let event = |name: &str, pairs: &[(&str, String)]| {
        let all = pairs.iter().map(|(key, value)| (*key, value.as_str()));
        let attributes: Vec<Value> = all
            .chain([("mode", "EndBlock")])
            .map(|(key, value)| json!({"key": key, "value": value, "index": true}))
            .collect();
        json!({"type": format!("emissions.{{v}}.{name}"), "attributes": attributes})
    };
    let (nonce, topic) = (
        ("nonce_block_height", of_the_nonce),
        ("topic_id", "\"67\"".to_owned()),
    );
    let end = ("window_end_block", format!("\"{closes}\""));
    let closed = [nonce.clone(), topic.clone()];
    let expected = json!([
        [
            opens,
            event("EventReputerSubmissionWindowOpened", &[nonce, topic, end])
        ],
        [closes, event("EventReputerSubmissionWindowClosed", &closed)],
    ]);
    book.shows(
        "the reputers' window opens when the truth is known and closes an epoch later",
        &told.into(),
        &expected,
    );
    beside_the_workers(scene, book, opens).await;
}

async fn beside_the_workers(scene: &Scene<'_>, book: &mut Book, opens: i64) {
    let events = end_of(scene, opens).await;
    let openings: Vec<_> = events
        .iter()
        .map(kind)
        .filter(|kind| kind.ends_with("WindowOpened"))
        .collect();
    book.says(
        "the reputers' window opens in the block of a workers' window and after it",
        &openings.join(" "),
        "EventWorkerSubmissionWindowOpened EventReputerSubmissionWindowOpened",
    );
    let version = match scene.version {
        Version::V9 => chain::Version::V9,
        Version::V10 => chain::Version::V10,
    };
    let windows = events.iter().filter_map(|it| version.window_opened(it));
    let nonces: Vec<_> = windows
        .map(|window| window.key.nonce.0.to_string())
        .collect();
    book.says(
        "a worker sees its own window alone in that block",
        &nonces.join(" "),
        &opens.to_string(),
    );
}
