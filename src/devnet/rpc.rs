//! The methods of CometBFT's JSON-RPC.

use std::sync::Arc;

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{
    chain::{Block, Chain},
    control::Indexer,
    matcher::{self, Query},
    query, render, transaction,
};
use crate::chain::jsonrpc::RpcError;

const DEFAULT_PAGE: usize = 30;
const LARGEST_PAGE: usize = 100;
/// Longest query that is read.
pub(super) const LONGEST_QUERY: usize = 512;

/// Answers a method, as the endpoint of `chain.view` sees it.
///
/// # Errors
/// The node's errors; −32601 for a method that it doesn't have.
pub(super) fn call(chain: &mut Chain, method: &str, params: Value) -> Result<Value, RpcError> {
    let params = |names| Params::read(params, names);
    match method {
        "health" => Ok(json!({})),
        "status" => Ok(render::status(chain)),
        "abci_info" => Ok(abci_info(chain)),
        "abci_query" => abci_query(chain, &params(&["path", "data", "height", "prove"])?),
        "broadcast_tx_sync" => broadcast(chain, &params(&["tx"])?),
        "broadcast_tx_async" => broadcast(chain, &params(&["tx"])?).map(
            |sync| json!({"code": 0, "data": "", "log": "", "codespace": "", "hash": sync["hash"]}),
        ),
        "num_unconfirmed_txs" => Ok(unconfirmed(chain)),
        "tx" => tx(chain, &params(&["hash", "prove"])?),
        "tx_search" => tx_search(
            chain,
            &params(&["query", "prove", "page", "per_page", "order_by"])?,
        ),
        "header" => block(chain, &params(&["height"])?)
            .map(|b| json!({"header": render::header(chain.shown_id(), b.height, b.time)})),
        "block" => block(chain, &params(&["height"])?).map(|b| render::block(chain.shown_id(), &b)),
        "block_results" => {
            block(chain, &params(&["height"])?).map(|b| render::block_results(chain.shown_id(), &b))
        }
        _ => Err(render::no_such_method()),
    }
}

/// Named parameters, read as strictly as the node reads them.
struct Params(Map<String, Value>);

impl Params {
    fn read(params: Value, names: &[&str]) -> Result<Self, RpcError> {
        match params {
            Value::Null => Ok(Self(Map::new())),
            Value::Object(map) => Ok(Self(map)),
            Value::Array(list) if list.is_empty() => Ok(Self(Map::new())),
            Value::Array(list) if list.len() == names.len() => {
                let names = names.iter().map(|name| (*name).to_owned());
                Ok(Self(names.zip(list).collect()))
            }
            Value::Array(list) => Err(render::invalid_params(format!(
                "expected {} parameters ([{}]), got {} ([{}])",
                names.len(),
                names.join(" "),
                list.len(),
                list.iter().map(bytes_of).collect::<Vec<_>>().join(" ")
            ))),
            _ => Err(render::invalid_params("neither a list nor an object")),
        }
    }

    fn text(&self, name: &str) -> Result<&str, RpcError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(render::invalid_params(format!(
                "cannot read {other} as the text {name}"
            ))),
        }
    }

    /// A whole number, which travels as a string.
    fn number(&self, name: &str) -> Result<Option<i64>, RpcError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| {
                let wrong = text.chars().find(|c| !c.is_ascii_digit()).unwrap_or('"');
                render::invalid_params(format!(
                    "invalid character '{wrong}' looking for beginning of value"
                ))
            }),
            Some(other) => Err(render::invalid_params(format!(
                "invalid 64-bit integer encoding {:?}, expected string",
                other.to_string()
            ))),
        }
    }

    fn base64(&self, name: &str) -> Result<Vec<u8>, RpcError> {
        let text = self.text(name)?;
        BASE64.decode(text).map_err(|error| {
            let at = match error {
                DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
                DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len(),
            };
            render::invalid_params(format!("illegal base64 data at input byte {at}"))
        })
    }
}

/// A parameter as the node shows one that it can't place: its bytes in decimal.
fn bytes_of(value: &Value) -> String {
    let bytes: Vec<_> = value.to_string().bytes().map(|b| b.to_string()).collect();
    format!("[{}]", bytes.join(" "))
}

fn hex_fault(error: hex::FromHexError) -> String {
    match error {
        hex::FromHexError::InvalidHexCharacter { c, .. } => {
            format!("encoding/hex: invalid byte: U+{:04X} '{c}'", u32::from(c))
        }
        _ => "encoding/hex: odd length hex string".into(),
    }
}

fn abci_info(chain: &Chain) -> Value {
    json!({"response": {
        "data": "allora-devnet",
        "last_block_height": chain.shown_height().to_string(),
    }})
}

fn abci_query(chain: &mut Chain, params: &Params) -> Result<Value, RpcError> {
    let data = hex::decode(params.text("data")?.as_bytes())
        .map_err(|error| render::invalid_params(hex_fault(error)))?;
    let height = params.number("height")?.filter(|height| *height != 0);
    let path = params.text("path")?.to_owned();
    let answer = query::answer(chain, &path, &data, height);
    Ok(render::abci_query(
        answer,
        height.unwrap_or_else(|| chain.shown_height()),
    ))
}

fn broadcast(chain: &mut Chain, params: &Params) -> Result<Value, RpcError> {
    let bytes = params.base64("tx")?;
    let checked = chain.submit(&bytes);
    let checked = checked.ok_or_else(|| render::internal("tx already exists in cache"))?;
    Ok(render::broadcast(&transaction::hash(&bytes), checked))
}

fn unconfirmed(chain: &Chain) -> Value {
    let count = chain.pending_count().to_string();
    json!({"n_txs": count, "total": count, "total_bytes": "0", "txs": null})
}

fn indexed(chain: &Chain) -> Result<(), RpcError> {
    if chain.view.indexer == Indexer::Off {
        return Err(render::internal("transaction indexing is disabled"));
    }
    Ok(())
}

fn tx(chain: &Chain, params: &Params) -> Result<Value, RpcError> {
    indexed(chain)?;
    let hash = hex::encode_upper(&params.base64("hash")?);
    let found = chain.indexed(&hash);
    let found = found.ok_or_else(|| render::internal(format!("tx ({hash}) not found")))?;
    Ok(render::tx(found))
}

fn tx_search(chain: &Chain, params: &Params) -> Result<Value, RpcError> {
    indexed(chain)?;
    let text = params.text("query")?;
    if text.len() > LONGEST_QUERY {
        return Err(render::internal("maximum query length exceeded"));
    }
    let query = Query::parse(text).map_err(render::internal)?;
    let matches = |tx: &&Arc<super::chain::Delivered>| {
        let mut tags = matcher::tags(&tx.result.events);
        tags.insert("tx.height".into(), vec![tx.height.to_string()]);
        tags.insert("tx.hash".into(), vec![tx.hash.clone()]);
        query.matches(&tags)
    };
    let found: Vec<_> = match params.text("order_by")? {
        "asc" | "" => chain.all_indexed().filter(matches).collect(),
        "desc" => chain.all_indexed().rev().filter(matches).collect(),
        _ => {
            return Err(render::internal(
                "expected order_by to be either `asc` or `desc` or empty",
            ));
        }
    };
    let per_page = params
        .number("per_page")?
        .and_then(|n| usize::try_from(n).ok());
    let per_page = per_page
        .filter(|n| *n > 0)
        .unwrap_or(DEFAULT_PAGE)
        .min(LARGEST_PAGE);
    let pages = found.len().div_ceil(per_page).max(1);
    let page = params.number("page")?.unwrap_or(1);
    let index = usize::try_from(page)
        .ok()
        .filter(|p| (1..=pages).contains(p));
    let index = index.ok_or_else(|| {
        render::internal(format!(
            "page should be within [1, {pages}] range, given {page}"
        ))
    })?;
    let shown = found.iter().skip((index - 1) * per_page).take(per_page);
    let txs: Vec<_> = shown.map(|tx| render::tx(tx)).collect();
    Ok(json!({"txs": txs, "total_count": found.len().to_string()}))
}

/// The block of the height that is asked for, or the newest.
fn block(chain: &Chain, params: &Params) -> Result<Arc<Block>, RpcError> {
    let newest = chain.shown_height();
    let height = params.number("height")?.unwrap_or(newest);
    if height <= 0 {
        return Err(render::internal(format!(
            "height must be greater than 0, but got {height}"
        )));
    }
    if height > newest {
        return Err(render::internal(format!(
            "height {height} must be less than or equal to the current blockchain height {newest}"
        )));
    }
    chain.block(height).cloned().ok_or_else(|| {
        render::internal(format!(
            "height {height} is not available, lowest height is {}",
            chain.first_height()
        ))
    })
}
