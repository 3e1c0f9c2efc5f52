//! Subscriptions: what is granted and what is refused.

use serde_json::json;

use super::{
    book::Book,
    client::{Socket, verdict},
    scene::Scene,
};

pub(super) async fn play(scene: &Scene<'_>, book: &mut Book) {
    let mut socket = Socket::open(&scene.target.ws()).await;
    let granted = socket.subscribe(1, "tm.event='NewBlockHeader'").await;
    book.shows(
        "a subscription is granted under its id",
        &granted,
        &json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
    );
    let refused = |answer: &serde_json::Value| verdict(answer);
    let again = socket.subscribe(2, "tm.event='NewBlockHeader'").await;
    book.says(
        "the same subscription again is refused",
        &refused(&again),
        "-32603 Internal error: already subscribed",
    );
    let unread = socket.subscribe(3, "tm.event").await;
    book.says(
        "a query that is cut off is not parsed",
        &refused(&unread),
        "-32603 Internal error: failed to parse query: offset 8: EOF",
    );
    let long = format!("tm.event='{}'", "x".repeat(600));
    let long = socket.subscribe(4, &long).await;
    book.says(
        "a query of more than 512 bytes is refused",
        &refused(&long),
        "-32603 Internal error: maximum query length exceeded",
    );
    for id in 5..9 {
        let granted = socket
            .subscribe(id, &format!("tm.event='Tx' AND tx.height={id}"))
            .await;
        book.shows(
            &format!("subscription {} is granted", id - 3),
            &granted["result"],
            &json!({}),
        );
    }
    let sixth = socket.subscribe(9, "tm.event='Tx'").await;
    book.says(
        "a sixth subscription is refused",
        &refused(&sixth),
        "-32603 Internal error: max_subscriptions_per_client 5 reached",
    );
    let status = socket.call(10, "status", json!({})).await;
    book.says(
        "other methods work over the socket",
        status["result"]["node_info"]["network"]
            .as_str()
            .unwrap_or_default(),
        &scene.target.chain_id(),
    );
    let unknown = socket.call(11, "nope", json!({})).await;
    book.says(
        "an unknown method over the socket is not found",
        &refused(&unknown),
        "-32601 Method not found: ",
    );
    let gone = socket
        .call(
            12,
            "unsubscribe",
            json!({"query": "tm.event='NewBlockHeader'"}),
        )
        .await;
    book.shows("a subscription can be ended", &gone["result"], &json!({}));
    let none = socket
        .call(13, "unsubscribe", json!({"query": "tm.event='Vote'"}))
        .await;
    book.says(
        "a subscription that is not there can't be ended",
        &refused(&none),
        "-32603 Internal error: subscription not found",
    );
    let room = socket.subscribe(14, "tm.event='Tx'").await;
    book.shows(
        "an ended subscription makes room",
        &room["result"],
        &json!({}),
    );
    let all = socket.call(15, "unsubscribe_all", json!({})).await;
    book.shows(
        "all subscriptions can be ended at once",
        &all["result"],
        &json!({}),
    );
}
