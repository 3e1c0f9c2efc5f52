//! What the node's JSON looks like, field by field.

use serde_json::{Value, json};

use super::{book::Book, client::number, scene::Scene};

fn block_id() -> Value {
    json!({"hash": "<hex>", "parts": {"total": "<number>", "hash": "<hex>"}})
}

/// A block's header as told by `block` and by the heartbeat's event.
pub(super) fn header(chain_id: &str) -> Value {
    json!({
        "version": {"block": "11"}, "chain_id": chain_id, "height": "<int>", "time": "<time>",
        "last_block_id": block_id(), "last_commit_hash": "<hex>", "data_hash": "<hex>",
        "validators_hash": "<hex>", "next_validators_hash": "<hex>", "consensus_hash": "<hex>",
        "app_hash": "<hex>", "last_results_hash": "<hex>", "evidence_hash": "<hex>",
        "proposer_address": "<hex>",
    })
}

fn events() -> Value {
    let attribute = json!({"key": "<any>", "value": "<any>", "index": true});
    json!(["<each>", {"type": "<any>", "attributes": ["<each>", attribute]}])
}

fn result() -> Value {
    json!({
        "code": 0, "data": "<base64>", "log": "", "info": "", "gas_wanted": "300000",
        "gas_used": "<int>", "events": events(), "codespace": "",
    })
}

fn status(chain_id: &str) -> Value {
    json!({
        "node_info": {
            "protocol_version": {"p2p": "8", "block": "11", "app": "0"}, "id": "<hex>",
            "listen_addr": "<any>", "network": chain_id, "version": "0.38.<int>",
            "channels": "<hex>", "moniker": "<any>",
            "other": {"tx_index": "on", "rpc_address": "<any>"},
        },
        "sync_info": {
            "latest_block_hash": "<hex>", "latest_app_hash": "<hex>",
            "latest_block_height": "<int>", "latest_block_time": "<time>",
            "earliest_block_hash": "<hex>", "earliest_app_hash": "<hex>",
            "earliest_block_height": "<int>", "earliest_block_time": "<time>",
            "catching_up": false,
        },
        "validator_info": {
            "address": "<hex>",
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": "<base64>"},
            "voting_power": "<int>",
        },
    })
}

pub(super) async fn play(scene: &mut Scene<'_>, book: &mut Book) {
    let (worker, client) = (scene.worker(), &scene.client);
    let chain_id = scene.target.chain_id();
    let terms = scene.terms(worker).await;
    let nonce = scene.open_window().await;
    let tx = worker.sign(
        vec![worker.submission(scene.version, nonce, "-0.5")],
        &terms,
    );
    let sent = client.broadcast(&tx).await;
    let expected = json!({"jsonrpc": "2.0", "id": 7, "result": {"code": 0, "data": "", "log": "", "codespace": "", "hash": "<hex>"}});
    book.shows(
        "a transaction that is taken is told with its hash",
        &sent,
        &expected,
    );
    let found = scene.included(&sent).await;
    let told = json!({"hash": sent["result"]["hash"], "height": "<int>", "index": "<number>", "tx_result": result(), "tx": "<base64>"});
    book.shows("a transaction in a block", &found, &told);
    let height = number(&found["height"]);
    let search = json!({"query": format!("message.sender='{}' AND tx.height={height}", worker.address), "per_page": "5"});
    book.shows(
        "a search finds it by sender and height",
        &client.result("tx_search", search).await,
        &json!({"txs": [told], "total_count": "1"}),
    );
    let at = json!({"height": height.to_string()});
    book.shows("a block with it", &client.result("block", at.clone()).await, &json!({
        "block_id": block_id(),
        "block": {
            "header": header(&chain_id), "data": {"txs": [found["tx"]]}, "evidence": {"evidence": []},
            "last_commit": {"height": (height - 1).to_string(), "round": "<number>", "block_id": block_id(), "signatures": "<value>"},
        },
    }));
    book.shows("the block's results", &client.result("block_results", at).await, &json!({
        "height": height.to_string(), "txs_results": [result()], "finalize_block_events": events(),
        "validator_updates": null, "consensus_param_updates": "<value>", "app_hash": "<base64>",
    }));
    scene.reach(height + 1).await;
    let empty = client
        .result("block_results", json!({"height": (height + 1).to_string()}))
        .await;
    book.shows(
        "a block without transactions has no list of results",
        &empty["txs_results"],
        &Value::Null,
    );
    let none = client
        .result("tx_search", json!({"query": "tx.height=1"}))
        .await;
    book.shows(
        "a search that finds nothing",
        &none,
        &json!({"txs": [], "total_count": "0"}),
    );
    book.shows(
        "the node's status",
        &client.result("status", json!({})).await,
        &status(&chain_id),
    );
    let empty = json!({"n_txs": "0", "total": "0", "total_bytes": "0", "txs": null});
    book.shows(
        "a mempool without transactions",
        &client.result("num_unconfirmed_txs", json!({})).await,
        &empty,
    );
}
