//! The node's JSON for blocks, transactions and queries.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    chain::{Block, Chain, Delivered},
    refusal::Refusal,
};
use crate::chain::jsonrpc::RpcError;

/// The CometBFT version that is told.
const VERSION: &str = "0.38.21";

/// An error inside the node, in the node's words.
pub(super) fn internal(why: impl Into<String>) -> RpcError {
    RpcError {
        code: -32_603,
        message: "Internal error".into(),
        data: why.into(),
    }
}

/// Parameters that can't be read.
pub(super) fn invalid_params(why: impl std::fmt::Display) -> RpcError {
    RpcError {
        code: -32_602,
        message: "Invalid params".into(),
        data: format!("error converting json params to arguments: {why}"),
    }
}

/// No such method.
pub(super) fn no_such_method() -> RpcError {
    RpcError {
        code: -32_601,
        message: "Method not found".into(),
        data: String::new(),
    }
}

/// A made-up hash that is always the same for the same things.
fn hash(parts: &[&str]) -> String {
    hex::encode_upper(Sha256::digest(parts.join("/")))
}

fn timestamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn block_id(chain_id: &str, height: i64) -> Value {
    let height = height.to_string();
    json!({
        "hash": hash(&[chain_id, "block", &height]),
        "parts": {"total": 1, "hash": hash(&[chain_id, "parts", &height])},
    })
}

/// A block's header.
pub(super) fn header(chain_id: &str, height: i64, time: OffsetDateTime) -> Value {
    let text = height.to_string();
    let of = |what: &str| hash(&[chain_id, what, &text]);
    let constant = |what: &str| hash(&[chain_id, what]);
    json!({
        "version": {"block": "11"},
        "chain_id": chain_id,
        "height": text,
        "time": timestamp(time),
        "last_block_id": block_id(chain_id, height - 1),
        "last_commit_hash": of("commit"),
        "data_hash": of("data"),
        "validators_hash": constant("validators"),
        "next_validators_hash": constant("validators"),
        "consensus_hash": constant("consensus"),
        "app_hash": of("app"),
        "last_results_hash": of("results"),
        "evidence_hash": constant("evidence"),
        "proposer_address": constant("proposer")[..40],
    })
}

/// `block`.
pub(super) fn block(chain_id: &str, block: &Block) -> Value {
    let txs: Vec<_> = block.txs.iter().map(|tx| BASE64.encode(&tx.tx)).collect();
    json!({
        "block_id": block_id(chain_id, block.height),
        "block": {
            "header": header(chain_id, block.height, block.time),
            "data": {"txs": txs},
            "evidence": {"evidence": []},
            "last_commit": {
                "height": (block.height - 1).to_string(),
                "round": 0,
                "block_id": block_id(chain_id, block.height - 1),
                "signatures": [],
            },
        },
    })
}

/// `block_results`.
pub(super) fn block_results(chain_id: &str, block: &Block) -> Value {
    let results: Vec<_> = block.txs.iter().map(|tx| tx_result(tx)).collect();
    json!({
        "height": block.height.to_string(),
        "txs_results": if results.is_empty() { Value::Null } else { json!(results) },
        "finalize_block_events": block.events,
        "validator_updates": null,
        "consensus_param_updates": null,
        "app_hash": BASE64.encode(Sha256::digest(format!("{chain_id}/app/{}", block.height))),
    })
}

/// A transaction's result in its block.
pub(super) fn tx_result(tx: &Delivered) -> Value {
    let result = &tx.result;
    json!({
        "code": result.code,
        "data": if tx.data.is_empty() { Value::Null } else { json!(BASE64.encode(&tx.data)) },
        "log": result.log,
        "info": "",
        "gas_wanted": result.gas_wanted.to_string(),
        "gas_used": result.gas_used.to_string(),
        "events": result.events,
        "codespace": result.codespace,
    })
}

/// The same as events tell it: what is empty or zero is left out.
pub(super) fn tx_result_in_event(tx: &Delivered) -> Value {
    let mut result = tx_result(tx);
    if let Some(fields) = result.as_object_mut() {
        let empty = [Value::Null, json!(0), json!(""), json!("0")];
        fields.retain(|_, value| !empty.contains(value));
    }
    result
}

/// `tx`.
pub(super) fn tx(tx: &Delivered) -> Value {
    json!({
        "hash": tx.hash,
        "height": tx.height.to_string(),
        "index": tx.index,
        "tx_result": tx_result(tx),
        "tx": BASE64.encode(&tx.tx),
    })
}

/// `broadcast_tx_sync`.
pub(super) fn broadcast(hash: &str, checked: Result<(), Refusal>) -> Value {
    let refusal = checked.err();
    let (code, log, codespace) =
        refusal.map_or_else(Default::default, |r| (r.code, r.log, r.codespace));
    json!({"code": code, "data": "", "log": log, "codespace": codespace, "hash": hash})
}

/// `abci_query`.
pub(super) fn abci_query(answer: Result<Vec<u8>, Refusal>, height: i64) -> Value {
    // An answer whose fields are all at their defaults has no bytes, and is a text all the same.
    let value = answer
        .as_ref()
        .map_or(Value::Null, |bytes| BASE64.encode(bytes).into());
    let (code, log, codespace) = answer
        .err()
        .map_or_else(Default::default, |r| (r.code, r.log, r.codespace));
    let unrouted = log.starts_with("unknown query path");
    json!({"response": {
        "code": code,
        "log": log,
        "info": "",
        "index": "0",
        "key": null,
        "value": value,
        "proofOps": null,
        "height": if unrouted { "0".into() } else { height.to_string() },
        "codespace": codespace,
    }})
}

/// `status`.
pub(super) fn status(chain: &Chain) -> Value {
    let (id, address) = (chain.shown_id(), chain.view.address.as_str());
    let sync = |prefix: &str, height: i64| {
        let time = chain
            .block(height)
            .map_or(OffsetDateTime::UNIX_EPOCH, |b| b.time);
        let text = height.to_string();
        [
            (format!("{prefix}_block_hash"), hash(&[id, "block", &text])),
            (format!("{prefix}_app_hash"), hash(&[id, "app", &text])),
            (format!("{prefix}_block_height"), text),
            (format!("{prefix}_block_time"), timestamp(time)),
        ]
    };
    let mut sync_info = serde_json::Map::new();
    for (key, value) in sync("latest", chain.shown_height()) {
        sync_info.insert(key, value.into());
    }
    for (key, value) in sync("earliest", chain.first_height()) {
        sync_info.insert(key, value.into());
    }
    sync_info.insert("catching_up".into(), chain.view.catching_up.into());
    let indexer = if chain.view.indexer == super::control::Indexer::Off {
        "off"
    } else {
        "on"
    };
    json!({
        "node_info": {
            "protocol_version": {"p2p": "8", "block": "11", "app": "0"},
            "id": hash(&[id, "node"])[..40].to_lowercase(),
            "listen_addr": format!("tcp://{address}"),
            "network": id,
            "version": VERSION,
            "channels": "40202122233038606100",
            "moniker": "devnet",
            "other": {"tx_index": indexer, "rpc_address": format!("tcp://{address}")},
        },
        "sync_info": sync_info,
        "validator_info": {
            "address": hash(&[id, "proposer"])[..40],
            "pub_key": {
                "type": "tendermint/PubKeyEd25519",
                "value": BASE64.encode(Sha256::digest(format!("{id}/validator"))),
            },
            "voting_power": "100",
        },
    })
}
