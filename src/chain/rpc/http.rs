//! One CometBFT node, over JSON-RPC on HTTP.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http_body::{Body, Frame, SizeHint};
use prost::bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{endpoint::QueryAnswer, failure::Failure};
use crate::{
    chain::jsonrpc::{
        AbciQuery, BlockOf, BlockResults, BroadcastSync, HeaderOf, Request, Response, RpcError,
        Status, Tx,
    },
    failpoint::{failpoint, freeze},
    leash::{Leash, PastEnd},
    limits::{self, BodyError},
    types::Height,
};

/// The longest answer that is read, bytes: a full block's results have some.
const LARGEST: usize = 64 << 20;
const BROADCAST: &str = "broadcast_tx_sync";

/// A node's address, and the connections to it.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    name: String,
    next_id: AtomicU64,
    /// The longest answer that is read, bytes.
    most: usize,
}

impl Http {
    pub(super) fn new(client: reqwest::Client, url: String, name: String) -> Self {
        let next_id = AtomicU64::new(1);
        Self {
            client,
            url,
            name,
            next_id,
            most: LARGEST,
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

    /// Hands a transaction over, if `leash` allows it at the moment in which its bytes are written: by
    /// then a connection may have been waited for.
    pub(super) async fn broadcast(
        &self,
        bytes: &[u8],
        leash: &Leash,
    ) -> Result<BroadcastSync, Failure> {
        let leashed = |text: Vec<u8>| reqwest::Body::wrap(Leashed::new(text, leash));
        let params = json!({ "tx": BASE64.encode(bytes) });
        self.exchange(BROADCAST, params, leashed).await
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
        self.exchange(method, params, reqwest::Body::from).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        body: impl FnOnce(Vec<u8>) -> reqwest::Body,
    ) -> Result<T, Failure> {
        let fail = |cause: String, was_sent| Failure::silent(&self.name, cause, was_sent);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request::new(id, method, params);
        let text = serde_json::to_vec(&request).map_err(|error| fail(error.to_string(), false))?;
        let question = self.client.post(&self.url).body(body(text));
        let question = question.header(CONTENT_TYPE, "application/json");
        let answer = question.send().await.map_err(|error| {
            let was_sent = !error.is_connect() && !PastEnd::is_behind(&error);
            fail(plain(&error), was_sent)
        })?;
        if method == BROADCAST {
            failpoint("after-send");
        }
        let status = answer.status();
        let busy = retry_after(answer.headers());
        let body = limits::body(answer, self.most).await;
        let body = body.map_err(|error| match error {
            BodyError::Broken(error) => fail(plain(&error), true),
            BodyError::TooLong(most) => {
                let most = limits::size(most);
                fail(
                    format!("its answer to {method} is longer than {most}; ask another node"),
                    true,
                )
            }
        })?;
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

/// A request's text that is given away only while it may be sent.
pub(super) struct Leashed {
    text: Option<Bytes>,
    leash: Leash,
}

impl Leashed {
    pub(super) fn new(text: Vec<u8>, leash: &Leash) -> Self {
        Self {
            text: Some(text.into()),
            leash: leash.clone(),
        }
    }
}

impl Body for Leashed {
    type Data = Bytes;
    type Error = PastEnd;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PastEnd>>> {
        let Some(text) = self.text.take() else {
            return Poll::Ready(None);
        };
        let allowed = self.leash.check();
        if allowed.is_ok() {
            freeze("after-leash");
        }
        Poll::Ready(Some(allowed.map(|()| Frame::data(text))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.text.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(left as u64)
    }
}

/// When a server may be asked again, as it says itself: in seconds, or at a time.
pub(super) fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
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

    /// A node that answers with a body without end, in chunks.
    async fn endless() -> (String, tokio::task::JoinHandle<u64>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sends = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _asked = socket.read(&mut [0; 4_096]).await;
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = format!("1000\r\n{}\r\n", "[".repeat(0x1000));
            let mut sent = socket.write_all(head.as_bytes()).await;
            let mut count = 0;
            while sent.is_ok() {
                sent = socket.write_all(chunk.as_bytes()).await;
                count += 0x1000;
            }
            count
        });
        (url, sends)
    }

    #[tokio::test]
    async fn an_answer_without_end_is_left() {
        crate::tls::install();
        let (url, sends) = endless().await;
        let mut node = Http::new(reqwest::Client::new(), url, "node".into());
        node.most = 1 << 16;
        let refused = node.status().await.unwrap_err();
        let told = format!("{refused:?}");
        assert!(
            told.contains("longer than 64 KiB; ask another node"),
            "{told}"
        );
        drop(node);
        // What the sockets hold between them, and no more.
        assert!(sends.await.unwrap() < 32 << 20);
    }

    #[tokio::test]
    async fn a_redirect_to_another_host_is_not_followed() {
        use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};
        let (node, other) = (MockServer::start().await, MockServer::start().await);
        let place = format!("http://localhost:{}/", other.address().port());
        let redirect = ResponseTemplate::new(307).insert_header("location", place);
        Mock::given(any()).respond_with(redirect).mount(&node).await;
        let rpc = super::super::Rpc::new(&[node.uri()], Duration::from_secs(5)).unwrap();
        assert!(rpc.status().await.is_err());
        assert_eq!(other.received_requests().await.unwrap().len(), 0);
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
