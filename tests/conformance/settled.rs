//! What a chain tells when it settles a nonce: how it scores those who answered, and what it pays them.

use allora_worker::chain::{jsonrpc::Event, proto::emissions as pb};
use serde_json::json;

use super::{Client, TOPIC, book::Book};

/// How the chain names those who send inferences.
const INFERERS: &str = "\"ACTOR_TYPE_INFERER_UNSPECIFIED\"";
const TOLD: [&str; 3] = ["EventScoresSet", "EventEMAScoresSet", "EventRewardsSettled"];

/// The block that settles a nonce: the first one after the truth is known that opens a window, and an epoch
/// later.
pub(crate) const fn settles(nonce: i64, lag: i64, epoch: i64) -> i64 {
    nonce + lag + (-lag).rem_euclid(epoch) + epoch
}

/// A nonce of topic 67 that `count` inferers answered, `ours` among them, and which the block `height`
/// settles; when the next window is not closed yet.
pub(crate) async fn play(
    client: &Client,
    book: &mut Book,
    (nonce, height): (i64, i64),
    count: usize,
    ours: &str,
) {
    let version = book.version();
    let params = json!({"height": height.to_string()});
    let mut results = client.result("block_results", params).await;
    let events: Vec<Event> =
        serde_json::from_value(results["finalize_block_events"].take()).unwrap_or_default();
    let told: Vec<&Event> = events
        .iter()
        .filter(|it| it.attribute("actor_type") == Some(INFERERS))
        .filter(|it| TOLD.iter().any(|name| it.kind.ends_with(name)))
        .collect();
    let names: Vec<_> = told
        .iter()
        .filter_map(|it| it.kind.rsplit('.').next())
        .collect();
    book.says(
        "a nonce is scored, averaged and paid for in the block that settles it",
        &names.join(" "),
        &TOLD.join(" "),
    );
    let number = |it: i64| format!("\"{it}\"");
    let pair = |(key, value): (&str, String)| json!({"key": key, "value": value, "index": true});
    let event = |name: &str, pairs: Vec<(&str, String)>| {
        let attributes: Vec<_> = pairs.into_iter().map(pair).collect();
        json!({"type": format!("emissions.{{v}}.{name}"), "attributes": attributes})
    };
    let actor = ("actor_type", INFERERS.to_owned());
    let (all, topic) = (
        ("addresses", "[<any>]".to_owned()),
        ("topic_id", number(67)),
    );
    let mode = ("mode", "EndBlock".to_owned());
    let values = "[\"<any>\"]".to_owned();
    let expected = json!([
        event(
            TOLD[0],
            vec![
                actor.clone(),
                all.clone(),
                ("block_height", number(nonce)),
                ("scores", values.clone()),
                topic.clone(),
                mode.clone(),
            ]
        ),
        event(
            TOLD[1],
            vec![
                actor.clone(),
                all.clone(),
                ("is_active", format!("[{}]", vec!["true"; count].join(","))),
                ("nonce", number(nonce)),
                ("scores", values.clone()),
                topic.clone(),
                mode.clone(),
            ]
        ),
        event(
            TOLD[2],
            vec![
                actor,
                all,
                ("block_height", number(nonce)),
                ("block_height_tx", number(height)),
                ("rewards", values),
                topic,
                mode,
            ]
        ),
    ]);
    let got = serde_json::to_value(&told).expect("events are json");
    book.shows("a settlement's events, in their order", &got, &expected);
    let lists = |key: &str| {
        told.iter()
            .map(|it| list(it, key).len())
            .collect::<Vec<_>>()
    };
    book.shows(
        "each event lists all who count",
        &json!(lists("addresses")),
        &json!(vec![count; 3]),
    );
    average(client, book, &told, ours, version.word()).await;
}

/// The average in the event is the one that a query tells.
async fn average(client: &Client, book: &mut Book, told: &[&Event], ours: &str, version: &str) {
    let event = told.iter().find(|it| it.kind.ends_with(TOLD[1]));
    let place = event.and_then(|it| list(it, "addresses").iter().position(|it| it == ours));
    let average = event.zip(place);
    let average = average.map(|(it, place)| list(it, "scores")[place].clone());
    let request = pb::GetInfererScoreEmaRequest {
        topic_id: TOPIC,
        inferer: ours.to_owned(),
    };
    let path = format!("/emissions.{version}.QueryService/GetInfererScoreEma");
    let answer: pb::GetInfererScoreEmaResponse = client.read(&path, &request).await;
    let score = answer.score.unwrap_or_default().score;
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let asked = number(&score);
    let heard = average.as_deref().map_or(f64::NAN, number);
    let differs = (asked - heard).abs() > 1e-12 * heard.abs().max(1.0);
    book.says(
        "an average that is asked for is the one that was told",
        &(!differs && heard.is_finite()).to_string(),
        "true",
    );
}

fn list(event: &Event, key: &str) -> Vec<String> {
    let text = event.attribute(key).unwrap_or_default();
    serde_json::from_str::<Vec<String>>(text).unwrap_or_default()
}
