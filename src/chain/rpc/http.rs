//! One CometBFT node, over JSON-RPC on HTTP.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{endpoint::QueryAnswer, failure::Failure};
use crate::{
    chain::jsonrpc::{
        AbciQuery, BlockOf, BlockResults, BroadcastSync, HeaderOf, Request, Response, RpcError,
        Status, Tx,
    },
    failpoint::failpoint,
    types::Height,
};

const BROADCAST: &str = "broadcast_tx_sync";

/// A node's address, and the connections to it.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    name: String,
    next_id: AtomicU64,
}

impl Http {
    pub(super) fn new(client: reqwest::Client, url: String, name: String) -> Self {
        let next_id = AtomicU64::new(1);
        Self {
            client,
            url,
            name,
            next_id,
        }
    }

    pub(super) async fn status(&self) -> Result<Status, Failure> {
        self.call("status", json!({})).await
    }

    pub(super) async fn query(&self, path: &str, data: &[u8]) -> Result<QueryAnswer, Failure> {
        let params = json!({ "path": path, "data": hex::encode(data) });
        let AbciQuery { response } = self.call("abci_query", params).await?;
        let value = BASE64.decode(response.value.unwrap_or_default());
        let value = value.map_err(|error| {
            Failure::silent(&self.name, format!("a value is no base64: {error}"), true)
        })?;
        Ok(QueryAnswer {
            code: response.code,
            codespace: response.codespace,
            log: response.log,
            value,
            // A refusal bears no height.
            height: (response.code == 0).then_some(Height(response.height)),
        })
    }

    pub(super) async fn broadcast(&self, bytes: &[u8]) -> Result<BroadcastSync, Failure> {
        self.call(BROADCAST, json!({ "tx": BASE64.encode(bytes) }))
            .await
    }

    pub(super) async fn tx(&self, hash: &[u8]) -> Result<Tx, Failure> {
        self.call("tx", json!({ "hash": BASE64.encode(hash) }))
            .await
    }

    /// The bytes of a block's transactions.
    pub(super) async fn block_txs(&self, height: Height) -> Result<Vec<Vec<u8>>, Failure> {
        let at = json!({ "height": height.to_string() });
        let BlockOf { block } = self.call("block", at).await?;
        let txs = block.data.txs.unwrap_or_default();
        Ok(txs
            .iter()
            .map(|tx| BASE64.decode(tx).unwrap_or_default())
            .collect())
    }

    /// The time that a block bears.
    pub(super) async fn block_time(&self, height: Height) -> Result<OffsetDateTime, Failure> {
        let at = json!({ "height": height.to_string() });
        let HeaderOf { header } = self.call("header", at).await?;
        Ok(header.time)
    }

    pub(super) async fn block_results(&self, height: Height) -> Result<BlockResults, Failure> {
        self.call("block_results", json!({ "height": height.to_string() }))
            .await
    }

    async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, Failure> {
        let fail = |cause: String, was_sent| Failure::silent(&self.name, cause, was_sent);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request::new(id, method, params);
        let answer = self.client.post(&self.url).json(&request).send().await;
        let answer = answer.map_err(|error| fail(plain(&error), !error.is_connect()))?;
        if method == BROADCAST {
            failpoint("after-send");
        }
        let status = answer.status();
        let busy = retry_after(answer.headers());
        let body = answer
            .bytes()
            .await
            .map_err(|error| fail(plain(&error), true))?;
        let response: Response = serde_json::from_slice(&body).map_err(|_| {
            let start: String = String::from_utf8_lossy(&body).chars().take(60).collect();
            fail(format!("HTTP {status} without JSON-RPC: {start:?}"), true).busy(busy)
        })?;
        response.into_result().map_err(|error| match error.code {
            RpcError::UNREADABLE => fail(error.to_string(), true),
            _ => Failure::refused(&self.name, error),
        })
    }
}

/// When a server may be asked again, as it says itself: in seconds, or at a time.
fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    (at - OffsetDateTime::now_utc()).try_into().ok()
}

/// The innermost cause, without the URL that reqwest repeats.
fn plain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;

    fn read(text: &str) -> Option<Duration> {
        let value = HeaderValue::from_str(text).unwrap();
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
    }

    #[test]
    fn a_pause_is_read_in_seconds_and_as_a_time() {
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        let later = OffsetDateTime::now_utc() + Duration::from_secs(90);
        let text = later.format(&Rfc2822).unwrap().replace("+0000", "GMT");
        let pause = read(&text).unwrap();
        assert!((80..=90).contains(&pause.as_secs()), "{text}: {pause:?}");
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), None, "it is over");
        assert_eq!(read("soon"), None);
    }
}
