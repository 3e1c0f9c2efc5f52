//! Requests that a node refuses before the chain hears of them.

use serde_json::{Value, json};

use super::{book::Book, client::verdict, scene::Scene};

/// Name, method, parameters, and what the node says.
type Case = (&'static str, &'static str, Value, &'static str);

/// Requests that can be read, and not be answered.
fn readable() -> Vec<Case> {
    vec![
        (
            "an unknown method is not found",
            "nope",
            json!({}),
            "-32601 Method not found: ",
        ),
        (
            "a subscription over HTTP is not found",
            "subscribe",
            json!({"query": "tm.event='Tx'"}),
            "-32601 Method not found: ",
        ),
        (
            "a block of the future is refused",
            "block",
            json!({"height": "99999999999"}),
            "-32603 Internal error: height 99999999999 must be less than or equal to the current blockchain height <int>",
        ),
        (
            "results of the future are refused",
            "block_results",
            json!({"height": "99999999999"}),
            "-32603 Internal error: height 99999999999 must be less than or equal to the current blockchain height <int>",
        ),
        (
            "block 0 is refused",
            "block",
            json!({"height": "0"}),
            "-32603 Internal error: height must be greater than 0, but got 0",
        ),
        (
            "a negative height is refused",
            "block_results",
            json!({"height": "-1"}),
            "-32603 Internal error: height must be greater than 0, but got -1",
        ),
        (
            "a transaction that no one sent is not found",
            "tx",
            json!({"hash": "AAAA"}),
            "-32603 Internal error: tx (000000) not found",
        ),
        (
            "no transaction at all has no message",
            "broadcast_tx_sync",
            json!({}),
            "sdk 18 must contain at least one message: invalid request",
        ),
        (
            "bytes that are no transaction are not parsed",
            "broadcast_tx_sync",
            json!({"tx": "AAAA"}),
            "sdk 2 <any>: tx parse error",
        ),
        (
            "a search that is cut off is refused",
            "tx_search",
            json!({"query": "x"}),
            "-32603 Internal error: offset 1: EOF",
        ),
        (
            "a page beyond the last is refused",
            "tx_search",
            json!({"query": "tx.height=1", "page": "9"}),
            "-32603 Internal error: page should be within [1, 1] range, given 9",
        ),
        (
            "an unknown order is refused",
            "tx_search",
            json!({"query": "tx.height=1", "order_by": "up"}),
            "-32603 Internal error: expected order_by to be either `asc` or `desc` or empty",
        ),
    ]
}

/// Parameters that can't be read: the node says why after the same words.
fn unreadable() -> Vec<Case> {
    vec![
        (
            "a height as a number is refused",
            "block",
            json!({"height": 12}),
            "invalid 64-bit integer encoding \"12\", expected string",
        ),
        (
            "a height that is no number is refused",
            "block",
            json!({"height": "x"}),
            "invalid character 'x' looking for beginning of value",
        ),
        (
            "too many parameters are refused",
            "block",
            json!(["2", "3"]),
            "expected 1 parameters ([height]), got 2 (<any>)",
        ),
        (
            "a hash that is not base64 is refused",
            "tx",
            json!({"hash": "!!"}),
            "illegal base64 data at input byte 0",
        ),
        (
            "query data that is not hex is refused",
            "abci_query",
            json!({"path": "/x", "data": "zz"}),
            "encoding/hex: invalid byte: U+007A 'z'",
        ),
        (
            "a transaction that is not base64 is refused",
            "broadcast_tx_sync",
            json!({"tx": "a!"}),
            "illegal base64 data at input byte 1",
        ),
    ]
}

pub(super) async fn play(scene: &Scene<'_>, book: &mut Book) {
    for (name, method, params, expected) in readable() {
        let answer = scene.client.ask(method, params).await;
        book.says(name, &verdict(&answer), expected);
    }
    for (name, method, params, why) in unreadable() {
        let answer = scene.client.ask(method, params).await;
        let expected =
            format!("-32602 Invalid params: error converting json params to arguments: {why}");
        book.says(name, &verdict(&answer), &expected);
    }
    let answer = scene.client.ask("nope", json!({})).await;
    let expected = json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "Method not found"}});
    book.shows("an error without data has no data", &answer, &expected);
    let answer = scene.client.ask("health", json!({})).await;
    let expected = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
    book.shows("a healthy node says nothing more", &answer, &expected);
}
